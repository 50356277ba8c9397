"""Postings that somebody appends to the chain in perfect order are found by both audits: each must be for something."""

import asyncio
import secrets
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import psycopg
import pytest
from psycopg.rows import TupleRow

from hub.core.office.resolving import Resolution
from hub.core.settlement.rules import DefaultPath
from hub.lab.postgres import PrivatePostgres
from hub.ledger.journal import Entry, Phase, Posting, chained, digest
from hub.store.audit import run_audit
from hub.store.ledger_audit import audit_new, catch_up
from routing.message import Operation, Verdict
from tests.store.bank import booked, released, released_again, taken
from tests.store.history import put_back
from tests.store.house import House
from tests.store.test_resolving import resolved
from tests.store.windows import defaulted, given

Connection = psycopg.Connection[TupleRow]


async def write(url: str) -> None:
    """Settle one window with a difference in it, cover a default in the next, and leave a third one settling."""
    async with House(url) as house:
        await house.door.handle(given(50_00))
        paid, due = await released(house, "10")
        await taken(house, booked(paid, "12"), booked(due))
        assert not (await resolved(house, Resolution.ACCEPT_BOOKED)).reason
        await house.hear(await house.owed(8), Operation.REFUND, Verdict.ACCEPTED)
        for number in (2, 3):
            await house.completed(number)
            await released_again(house, number)
        await defaulted(house.door, "net", 2, "alpha", DefaultPath.COVER)


@pytest.fixture(scope="module")
def settled_url(postgres: PrivatePostgres, _template: str) -> Iterator[str]:
    url = postgres.create_database("appended", _template)
    asyncio.run(write(url))
    found = catch_up(url)
    assert found is not None
    assert (found.findings, run_audit(url).findings) == ([], [])
    yield url
    postgres.drop_database("appended")


@pytest.fixture
def url(settled_url: str) -> Iterator[str]:
    with put_back(settled_url):
        yield settled_url


class Appended(NamedTuple):
    """A posting that nobody asked for; accounts by participant and kind."""

    subject: str  # as a pattern of subjects that there are already, where it has a %; else as it is
    debit: tuple[str, str]
    credit: tuple[str, str]
    phase: Phase = Phase.DIRECT


BANK, SUSPENSE, GUARANTEE, FEES = (("", kind) for kind in ("settlement_bank", "suspense", "guarantee", "fees"))
ALPHA, BRAVO = ("alpha", "position"), ("bravo", "position")
NOBODY: Final = "0" * 32

APPENDED: Final = {
    "a gift": Appended("gift:1", BANK, ALPHA),
    "a gift without a colon": Appended("settle", BANK, ALPHA),
    "a gift under an empty name": Appended("", BANK, ALPHA),
    "a gift that is held": Appended("gift:1", ALPHA, BRAVO, Phase.PENDING),
    "what is entered at once, held": Appended("settle:%", ALPHA, BRAVO, Phase.PENDING),
    "at once, under a transfer's own name": Appended(f"{'0' * 28}a001", BANK, ALPHA),
    "at once, under the name of a transfer that never was": Appended(NOBODY, BANK, ALPHA),
    "a difference that is none": Appended(f"difference:{NOBODY}", SUSPENSE, ALPHA),
    "a difference a second time": Appended("difference:%", BANK, SUSPENSE),
    "a difference, to somebody": Appended("difference:%", BANK, ALPHA),
    "funds that are none": Appended(f"funds:{NOBODY}", BANK, ALPHA),
    "funds a second time": Appended("funds:%", BANK, GUARANTEE),
    "cash that no bank reference is of": Appended("fund:x", BANK, ALPHA),
    "a settlement of no window": Appended(f"settle:{NOBODY}", BANK, ALPHA),
    "a settlement a second time": Appended("settle:%", BANK, ALPHA),
    "a cover that is none": Appended(f"cover:{NOBODY}:alpha", GUARANTEE, ALPHA),
    "a cover a second time": Appended("cover:%", GUARANTEE, ALPHA),
    "a cover paid by the bank": Appended("cover:%", BANK, ALPHA),
    "a cover for somebody else": Appended("cover:%", GUARANTEE, BRAVO),
    "an unwinding that is none": Appended(f"unwind:{NOBODY}:alpha", FEES, ALPHA),
}


def append(connection: Connection, each: Appended, minor: int = 2_00) -> None:
    """Enter a posting as the hub would: balances, digest, hash and the chain's head are all right."""
    subject = each.subject
    if "%" in subject:
        (subject,) = row(
            connection, "SELECT subject FROM posting WHERE subject LIKE %s ORDER BY journal LIMIT 1", subject
        )
    ids = {}
    for side in (each.debit, each.credit):
        (ids[side],) = row(connection, "SELECT id FROM account WHERE (participant, kind) = (%s, %s)", *side)
    held = minor if each.phase is Phase.PENDING else 0
    moved = minor - held
    connection.execute(
        "UPDATE account SET debits_pending = debits_pending + %s, debits_posted = debits_posted + %s WHERE id = %s",
        (held, moved, ids[each.debit]),
    )
    connection.execute(
        "UPDATE account SET credits_pending = credits_pending + %s, credits_posted = credits_posted + %s WHERE id = %s",
        (held, moved, ids[each.credit]),
    )
    balances = "SELECT credits_posted - debits_posted, debits_pending FROM account WHERE id = %s"
    debit_balance, debit_held = row(connection, balances, ids[each.debit])
    credit_balance, _ = row(connection, balances, ids[each.credit])
    posting = Posting(subject, ids[each.debit], ids[each.credit], minor, each.phase)
    entry = Entry(posting, debit_balance, debit_held, credit_balance)
    height, before, at_ms = row(connection, "SELECT height + 1, hash, at_ms FROM chain")
    nonce = secrets.token_bytes(16)
    mark = digest([entry], nonce)
    hash_ = chained(bytes(before), mark)
    connection.execute(
        "INSERT INTO journal (height, digest, hash, at_ms, nonce) VALUES (%s, %s, %s, %s, %s)",
        (height, mark, hash_, at_ms, nonce),
    )
    connection.execute(
        "INSERT INTO posting (journal, line, subject, debit, credit, minor, phase, debit_balance, debit_held,"
        " credit_balance, at_ms) VALUES (%s, 0, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
        (height, *posting, debit_balance, debit_held, credit_balance, at_ms),
    )
    connection.execute("UPDATE chain SET height = %s, hash = %s", (height, hash_))


def row(connection: Connection, statement: str, *values: object) -> tuple[Any, ...]:
    found = connection.execute(statement.encode(), values).fetchone()
    assert found is not None
    return found


@pytest.mark.parametrize("each", APPENDED.values(), ids=APPENDED)
def test_a_posting_that_was_appended_in_perfect_order_is_found_by_both_audits(url: str, each: Appended) -> None:
    with psycopg.connect(url) as connection:
        append(connection, each)
    whole, new = run_audit(url).findings, audit_new(url)
    assert whole
    assert new is not None
    assert (new.journals, bool(new.findings)) == (1, True)
    assert not [found for found in whole if "journal" in found and "written" in found], "only its meaning is wrong"


def test_cash_that_came_once_is_not_counted_twice(url: str) -> None:
    with psycopg.connect(url) as connection:
        cash = Appended("fund:bank-1", BANK, ALPHA)
        append(connection, cash)
        connection.execute("INSERT INTO funding SELECT 'bank-1', 'alpha', 'KES', 200, 'treasury', at_ms FROM chain")
        connection.commit()
        assert run_audit(url).findings == []
        append(connection, cash)
    assert run_audit(url).findings
