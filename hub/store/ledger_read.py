"""Reading the ledger in its order: journals with their postings, and what is kept of how it stood; it only reads.

Both tables are read along their keys, so that nothing is sorted and no more than a few rows are held at once.
"""

from collections.abc import Iterator
from itertools import groupby
from typing import Any, Final, NamedTuple

import msgspec
import psycopg
from psycopg.rows import TupleRow

from hub.ledger import merkle
from hub.ledger.account import Account, Counters
from hub.ledger.audit import Audit
from hub.ledger.checkpoint import NEW, Checkpoint
from hub.ledger.journal import Entry, Phase, Posting
from hub.store import statements

Connection = psycopg.Connection[TupleRow]

FETCH: Final = 5_000
_PHASES: Final = frozenset(Phase)

accounts_in: Final = msgspec.json.Decoder(list[Account]).decode
counters_in: Final = msgspec.json.Decoder(dict[int, Counters]).decode
peaks_in: Final = msgspec.json.Decoder(list[bytes]).decode

_JOURNALS: Final = """
SELECT height, digest, hash, nonce, at_ms FROM journal WHERE height > %s AND height <= %s ORDER BY height"""

_POSTINGS: Final = """
SELECT journal, at_ms, subject, debit, credit, minor, phase, debit_balance, debit_held, credit_balance
FROM posting WHERE journal > %s AND journal <= %s ORDER BY journal, line"""

_HEAD: Final = "SELECT height, hash, at_ms, merkle_from FROM chain"
_CHECKPOINTS: Final = "SELECT height, hash, at_ms, since, root, counters::text FROM checkpoint"
_AUDITED: Final = "SELECT height, hash, at_ms, since, peaks::text, counters::text, clean_ms FROM audited"
_ARCHIVED: Final = "SELECT height, hash, at_ms, counters::text, ends_ms FROM archive ORDER BY height DESC LIMIT 1"

# Heights have 63 bits.
LAST: Final = 2**63 - 1


class Journal(NamedTuple):
    """One journal as it is stored, with its entries in their order."""

    height: int
    digest: bytes
    hash: bytes
    nonce: bytes
    at_ms: int
    entries: list[Entry]


class Head(NamedTuple):
    """Where the chain stands, and from which height on digests are Merkle roots."""

    height: int
    hash: bytes
    at_ms: int
    merkle_from: int


class Mark(NamedTuple):
    """Where the audit of what is new goes on: how the ledger stood, the tree since the last checkpoint, and when."""

    stood: Checkpoint
    tree: merkle.Growing
    clean_ms: int
    flaw: str  # why it cannot be gone on from; empty: it can


class Archived(NamedTuple):
    """How the ledger stood at the end of the last month that was taken out, and when (ms) that month ended."""

    stood: Checkpoint
    ends_ms: int


def journals(connection: Connection, after: int, to: int, strays: list[str]) -> Iterator[Journal]:
    """Read the journals above `after` up to `to`; postings that belong to none of them become findings in `strays`."""
    found = groupby(_rows(connection, "postings", _POSTINGS, after, to), key=lambda row: row[0])
    number, rows = next(found, (LAST, iter(())))
    for height, digest, hash_, nonce, at_ms in _rows(connection, "journals", _JOURNALS, after, to):
        while number < height:
            strays.append(f"postings for journal {number}, which is not there")
            number, rows = next(found, (LAST, iter(())))
        entries: list[Entry] = []
        if number == height:
            for row in rows:
                if row[1] != at_ms:
                    strays.append(f"journal {height}: one of its postings is of another time")
                elif row[6] not in _PHASES:
                    strays.append(f"journal {height}: {row[6]!r} is no phase of a posting")
                else:
                    entries.append(entry_in(row[2:]))
            number, rows = next(found, (LAST, iter(())))
        yield Journal(height, digest, hash_, nonce, at_ms, entries)
    if number != LAST:
        strays.append(f"postings for journal {number}, which is not there")


def entry_in(row: Any) -> Entry:
    """Make an entry of its columns."""
    subject, debit, credit, minor, phase, debit_balance, debit_held, credit_balance = row
    return Entry(Posting(subject, debit, credit, minor, Phase(phase)), debit_balance, debit_held, credit_balance)


def feed(audit: Audit, journal: Journal) -> None:
    """Feed a journal to an audit."""
    audit.feed(journal.height, journal.entries, journal.digest, journal.hash, nonce=journal.nonce, at_ms=journal.at_ms)


def accounts(connection: Connection) -> list[Account]:
    """Read every account."""
    row = connection.execute(statements.ALL_ACCOUNTS).fetchone()
    return accounts_in(row[0]) if row else []


def head(connection: Connection) -> Head:
    """Read where the chain stands; a chain whose row is gone stands nowhere."""
    row = connection.execute(_HEAD).fetchone()
    return Head(*row) if row else Head(-1, b"", 0, 1)


def checkpoints(connection: Connection, after: int) -> Iterator[Checkpoint]:
    """Read the checkpoints above a height, in their order."""
    statement = f"{_CHECKPOINTS} WHERE height > %s AND height <= %s ORDER BY height"
    return (_checkpoint(row) for row in _rows(connection, "checkpoints", statement, after, LAST))


def checkpoint_before(connection: Connection, height: int) -> Checkpoint | None:
    """Read the last checkpoint at or below a height."""
    statement = f"{_CHECKPOINTS} WHERE height <= %s ORDER BY height DESC LIMIT 1"
    row = connection.execute(statement, [height]).fetchone()
    return _checkpoint(row) if row else None


def mark(connection: Connection) -> Mark | None:
    """Read where the audit of what is new goes on; None: it has never been clean."""
    row = connection.execute(_AUDITED).fetchone()
    if row is None:
        return None
    height, hash_, at_ms, since, peaks, counters, clean_ms = row
    size, found = height - since, peaks_in(peaks)
    is_whole = size >= 0 and size.bit_count() == len(found)
    tree = merkle.Growing(size, found) if is_whole else merkle.Growing()
    stood = Checkpoint(
        height=height, hash=hash_, at_ms=at_ms, since=since, root=tree.root(), counters=counters_in(counters)
    )
    return Mark(stood, tree, clean_ms, "" if is_whole else f"the mark at {height} does not go on from {since}")


def archived(connection: Connection) -> Archived:
    """Read how the ledger stood where the audit of everything begins."""
    row = connection.execute(_ARCHIVED).fetchone()
    if row is None:
        return Archived(NEW, 0)
    height, hash_, at_ms, counters, ends_ms = row
    stood = Checkpoint(
        height=height, hash=hash_, at_ms=at_ms, since=height, root=merkle.NOTHING, counters=counters_in(counters)
    )
    return Archived(stood, ends_ms)


def _checkpoint(row: Any) -> Checkpoint:
    height, hash_, at_ms, since, root, counters = row
    return Checkpoint(height=height, hash=hash_, at_ms=at_ms, since=since, root=root, counters=counters_in(counters))


def _rows(connection: Connection, name: str, statement: str, after: int, to: int) -> Iterator[Any]:
    with connection.cursor(name=name) as cursor:
        cursor.itersize = FETCH
        cursor.execute(statement, (after, to), binary=True)
        yield from cursor
