"""A database that the version before prices has filled is brought up to date, and its transfers go on."""

from collections.abc import AsyncIterator
from itertools import groupby
from operator import itemgetter

import psycopg
import pytest
from psycopg import sql
from psycopg.rows import TupleRow

from hub.core.transfer import State
from hub.ledger.account import counters
from hub.ledger.journal import GENESIS, chained, flat_digest
from hub.store.audit import run_audit
from hub.store.ledger_audit import audit_new
from hub.store.ledger_read import entry_in
from hub.store.migrate import differences, upgrade
from routing.message import Operation, Resource, Verdict
from tests.core.corridor import corridor_file, paying
from tests.core.stage import transfer_id
from tests.store.abroad import open_corridor, quoted
from tests.store.history import COMMITTED, OWED, RESERVED
from tests.store.house import House, said, submit

pytestmark = pytest.mark.postgres

BEFORE_PRICES = "0004"
TABLES = "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public' AND table_type = 'BASE TABLE'"
ENTRIES = """
SELECT journal, subject, debit, credit, minor, phase, debit_balance, debit_held, credit_balance
FROM posting ORDER BY journal, line"""
COLUMNS = """
SELECT column_name FROM information_schema.columns WHERE table_schema = 'public' AND table_name = %s ORDER BY 1"""


def copied(source_url: str, target_url: str) -> None:
    """Copy what the older tables can hold: what the older version has written of the same history."""
    with psycopg.connect(source_url) as source, psycopg.connect(target_url) as target:
        target.execute("SET session_replication_role = replica")
        for (table,) in target.execute(TABLES).fetchall():
            if table == "alembic_version":
                continue
            names = [sql.Identifier(name) for (name,) in target.execute(COLUMNS, [table])]
            listed, name = sql.SQL(", ").join(names), sql.Identifier(table)
            place = sql.SQL("{} ({})").format(name, listed)
            target.execute(sql.SQL("DELETE FROM {}").format(name))
            with (
                source.cursor().copy(sql.SQL("COPY (SELECT {} FROM {}) TO STDOUT").format(listed, name)) as rows,
                target.cursor().copy(sql.SQL("COPY {} FROM STDIN").format(place)) as kept,
            ):
                for row in rows:
                    kept.write(row)
        for table in ("account", "scheme"):
            column = "id" if table == "account" else "version"
            last = sql.SQL("SELECT setval(pg_get_serial_sequence({0}, {1}), max({2})) FROM {3}")
            target.execute(last.format(table, column, sql.Identifier(column), sql.Identifier(table)))
        chained_as_before(target)


def chained_as_before(target: psycopg.Connection[TupleRow]) -> None:
    """Give the journals the digests that the older version gave them."""
    hash_ = GENESIS
    rows = target.execute(ENTRIES).fetchall()
    for height, found in groupby(rows, key=itemgetter(0)):
        flat = flat_digest([entry_in(row[1:]) for row in found])
        hash_ = chained(hash_, flat)
        target.execute("UPDATE journal SET digest = %s, hash = %s WHERE height = %s", [flat, hash_, height])
    # Two processes that committed at the same moment.
    target.execute("UPDATE journal SET at_ms = at_ms - 5 WHERE height = 4")
    target.execute("UPDATE chain SET hash = %s", [hash_])


@pytest.fixture
def filled_url(database_url: str, history_url: str) -> str:
    upgrade(database_url, BEFORE_PRICES)
    copied(history_url, database_url)
    return database_url


@pytest.fixture
async def migrated(filled_url: str) -> AsyncIterator[House]:
    """The hub of this version on the older version's data."""
    upgrade(filled_url)
    async with House(filled_url) as house:
        yield house


def test_nothing_is_lost_and_the_books_are_whole(filled_url: str, history_url: str) -> None:
    before = run_audit(history_url)
    upgrade(filled_url)
    assert differences(filled_url) == []
    after = run_audit(filled_url)
    assert after.findings == []
    assert (after.states, after.journals, after.postings) == (before.states, before.journals, before.postings)
    assert after.trial_balance == before.trial_balance
    with psycopg.connect(filled_url) as connection:
        assert connection.execute("SELECT count(*) FROM transfer WHERE price IS NOT NULL").fetchone() == (0,)
        begins = connection.execute("SELECT merkle_from FROM chain").fetchone()
        assert begins == (before.journals + 1,), "what was written before keeps the digests it was written with"
        assert connection.execute("SELECT count(*) FROM ONLY posting_rest").fetchone() == (0,), "every month is there"


async def test_the_audit_of_what_is_new_goes_on_across_both_forms_of_digest(migrated: House) -> None:
    first = audit_new(migrated.url)
    assert first is not None
    await migrated.completed(700)
    then = audit_new(migrated.url)
    assert then is not None
    assert (first.findings, then.findings, then.journals) == ([], [], 2)
    assert migrated.findings() == []


async def test_what_was_under_way_ends_as_it_would_have(migrated: House) -> None:
    reserved = await migrated.transfer(RESERVED)
    assert (reserved.state, reserved.price) == (State.RESERVED, None)
    assert (await migrated.hear(reserved, Operation.CREDIT, Verdict.ACCEPTED)).state is State.COMMITTED
    owed = await migrated.transfer(OWED)
    assert (await migrated.hear(owed, Operation.REFUND, Verdict.ACCEPTED)).state is State.REFUNDED
    assert counters(await migrated.position("alpha"))[0] == 900_00, "what is held for the one that is left"
    assert migrated.findings() == []


async def test_what_was_paid_before_is_reversed_and_said_again_it_is_known(migrated: House) -> None:
    back = await migrated.begun(submit(500, None, caller="bravo", original=COMMITTED))
    assert (back.minor, back.price) == (20_00, None)
    assert (await migrated.hear(back, Operation.CREDIT, Verdict.ACCEPTED)).state is State.COMMITTED
    again = await migrated.door.handle(submit(0))
    assert (again.transfer, again.changed if hasattr(again, "changed") else None) == (RESERVED, False)
    word = said(await migrated.transfer(COMMITTED), Operation.CREDIT, Verdict.ACCEPTED)
    assert not getattr(await migrated.door.handle(word), "changed", True)
    assert migrated.findings() == []


async def test_borders_are_crossed_at_once(migrated: House) -> None:
    await open_corridor(migrated, corridor_file())
    await migrated.door.handle(paying(601, await quoted(migrated, 600)))
    transfer = await migrated.hear(await migrated.transfer(transfer_id(601)), Operation.CREDIT, Verdict.ACCEPTED)
    assert transfer.state is State.COMMITTED
    (used,) = await migrated.store.instruments(Resource.QUOTATION, transfer_id(600))
    assert used.used_by == transfer.id
    assert migrated.findings() == []
