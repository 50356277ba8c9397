"""A past for benches: transfers that were carried out, with their trail and their postings, as the hub writes them.

What is made is whole: the audit of the database finds nothing wrong with it. It writes the tables directly, because
the hub itself would take an hour.
"""

import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, NamedTuple

import msgspec
import psycopg

from hub.core.command import Body
from hub.core.listing import key, own
from hub.ledger.account import Account
from hub.ledger.journal import GENESIS, Book, Entry, Phase, Posting, chained, digest
from hub.store import statements
from routing.party import Identifier, party

TOGETHER: Final = 256  # transfers whose steps are in one journal
CUSTOMERS: Final = 10_000
MINOR_FIRST: Final = 1_050
MINOR_KINDS: Final = 90

Told = Callable[[int], None]


class Pair(NamedTuple):
    """Between whom the n-th transfer is, by the numbers of their wallets, and its amount in minor units."""

    payer: int
    payee: int
    minor: int


class _Past(NamedTuple):
    transfers: int
    wallets: int
    at_ms: int


def pair(number: int, wallets: int) -> Pair:
    """Return who pays whom how much, as the bench's load does."""
    payer = number % wallets
    payee = (payer + 1 + (number // wallets) % (wallets - 1)) % wallets
    return Pair(payer, payee, MINOR_FIRST + 100 * (number % MINOR_KINDS))


_TRANSFERS: Final = """
INSERT INTO transfer (id, flow, caller, payer_fsp, payee_fsp, currency, minor, payee_connection, created_ms, body)
SELECT lpad(to_hex(n), 32, '0')::uuid, 'push', 'wallet' || payer, 'wallet' || payer, 'wallet' || payee, 'KES',
       %(first)s + 100 * (n %% %(kinds)s), 'wallet' || payee, %(at_ms)s::bigint + n / 100,
       replace(replace(%(body)s, '+254700000000', '+25470' || payer || lpad((n %% %(customers)s)::text, 5, '0') || '0'),
               '+254710000000', '+25470' || payee || lpad((n * 7 %% %(customers)s)::text, 5, '0') || '0')::json
FROM (
    SELECT n, n %% %(wallets)s AS payer, (n %% %(wallets)s + 1 + n / %(wallets)s %% (%(wallets)s - 1)) %% %(wallets)s
        AS payee
    FROM generate_series(0, %(transfers)s - 1) AS n
) AS made"""
_STANDING: Final = """
INSERT INTO standing (id, state, seq, asks, lease_ends_ms, updated_ms)
SELECT id, 'committed', 2, 0, created_ms + 300000, created_ms FROM transfer"""
_TRAIL: Final = """
INSERT INTO transition (transfer, seq, state, event, "next", at_ms, who, detail)
SELECT id, 1, 'received', 'admitted', 'reserved', created_ms, 'hub', '' FROM transfer
UNION ALL SELECT id, 2, 'reserved', 'accepted', 'committed', created_ms, payee_connection, 'callback' FROM transfer"""
# What lists and searches go by: each side's own line, its customer's, and who asked with which correlation id.
_LISTING: Final = """
INSERT INTO listing (key, created_ms, transfer, side)
SELECT k.key, t.created_ms, t.id, k.side FROM transfer AS t JOIN past_key AS k ON k.side = 'debit'
    AND k.viewer = t.payer_fsp AND k.name IN ('', t.body->'payer'->0->>'value')
UNION ALL
SELECT k.key, t.created_ms, t.id, k.side FROM transfer AS t JOIN past_key AS k ON k.side = 'credit'
    AND k.viewer = t.payee_fsp AND k.name IN ('', t.body->'payee'->0->>'value')"""
_REQUESTS: Final = """
INSERT INTO request (id, caller, correlation, transfer, created_ms)
SELECT id, caller, 'past-' || id, id, created_ms FROM transfer"""
_POSTINGS: Final = """
COPY posting (journal, line, subject, debit, credit, minor, phase, debit_balance, debit_held, credit_balance, at_ms)
FROM STDIN"""
_JOURNALS: Final = "COPY journal (height, digest, hash, at_ms, nonce) FROM STDIN"
_BALANCES: Final = """
UPDATE account SET debits_pending = %s, debits_posted = %s, credits_pending = %s, credits_posted = %s WHERE id = %s"""


def make_past(database: str, count: int, wallets: int, told: Told = lambda _: None) -> None:
    """Write `count` committed transfers between the wallets of a bench; nothing else may write meanwhile."""
    past = _Past(count, wallets, int(time.time() * 1000) - 60_000)
    with psycopg.connect(database) as connection:
        head = connection.execute("SELECT height, hash, at_ms FROM chain FOR UPDATE").fetchone()
        found = connection.execute(statements.ALL_ACCOUNTS).fetchone()
        if head is None or found is None or head[0] != 0:
            raise ValueError("a past is made in a new database only")
        connection.execute(_TRANSFERS, _terms(past))
        connection.execute(_STANDING)
        connection.execute(_TRAIL)
        accounts: list[Account] = msgspec.json.decode(found[0], type=list[Account])
        book = Book(msgspec.structs.replace(each, cap_minor=None) for each in accounts)
        _write_ledger(connection, book, past, told)
        for each in book.accounts.values():
            counted = (each.debits_pending, each.debits_posted, each.credits_pending, each.credits_posted)
            connection.execute(_BALANCES, (*counted, each.id))
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE transfer, standing, transition, posting, journal, account")


def make_lists(database: str, wallets: int) -> None:
    """Make what lists and searches go by, for a past that is there."""
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("CREATE TEMPORARY TABLE past_key (viewer TEXT, name TEXT, side TEXT, key BIGINT)")
        with connection.cursor() as cursor, cursor.copy("COPY past_key FROM STDIN") as copy:
            for row in _keys(wallets):
                copy.write_row(row)
        connection.execute("CREATE INDEX ON past_key (viewer, side, name)")
        connection.execute("ANALYZE past_key")
        connection.execute(_LISTING)
        connection.execute(_REQUESTS)
        connection.execute("VACUUM ANALYZE listing, request")


def _keys(wallets: int) -> Iterator[tuple[str, str, str, int]]:
    for number in range(wallets):
        viewer = f"wallet{number}"
        for side in ("debit", "credit"):
            yield viewer, "", side, key(viewer, own(viewer))
            for customer in range(CUSTOMERS):
                name = f"+25470{number}{customer:05d}0"
                yield viewer, name, side, key(viewer, Identifier("msisdn", name))


def _terms(past: _Past) -> dict[str, Any]:
    body = Body(
        request="0" * 32,
        payer=party([("msisdn", "+254700000000")]),
        payee=party([("msisdn", "+254710000000")]),
        type="transfer",
        details={"descriptionText": "past"},
    )
    return {
        **past._asdict(),
        "first": MINOR_FIRST,
        "kinds": MINOR_KINDS,
        "customers": CUSTOMERS,
        "body": msgspec.json.encode(body).decode(),
    }


def _write_ledger(connection: psycopg.Connection[Any], book: Book, past: _Past, told: Told) -> None:
    """Enter every transfer and write postings and journals, each batch held first and then posted; moves the head."""
    purses = {each.participant: each.id for each in book.accounts.values() if each.kind == "position"}
    hash_, rows = GENESIS, []
    with connection.cursor() as cursor, cursor.copy(_POSTINGS) as copy:
        for height, entries in enumerate(_journals(book, purses, past), 1):
            nonce = secrets.token_bytes(16)
            journal = digest(entries, nonce)
            hash_ = chained(hash_, journal)
            rows.append((height, journal, hash_, past.at_ms, nonce))
            for line, (posting, debit_balance, debit_held, credit_balance) in enumerate(entries):
                copy.write_row((height, line, *posting, debit_balance, debit_held, credit_balance, past.at_ms))
            told(min(height * TOGETHER // 2, past.transfers))
    with connection.cursor() as cursor, cursor.copy(_JOURNALS) as copy:
        for row in rows:
            copy.write_row(row)
    connection.execute("UPDATE chain SET height = %s, hash = %s, at_ms = %s", (len(rows), hash_, past.at_ms))


def _journals(book: Book, purses: dict[str, int], past: _Past) -> Iterator[Sequence[Entry]]:
    for first in range(0, past.transfers, TOGETHER):
        numbers = range(first, min(first + TOGETHER, past.transfers))
        for phase in (Phase.PENDING, Phase.POSTED):
            for number in numbers:
                payer, payee, minor = pair(number, past.wallets)
                book.enter(Posting(f"{number:032x}", purses[f"wallet{payer}"], purses[f"wallet{payee}"], minor, phase))
            yield book.entries
            book.entries.clear()
