"""The ledger by month: every journal is in the partition of its time, and no partition can be changed."""

import asyncio
import contextlib
from collections.abc import Iterator

import psycopg
import pytest
from psycopg.errors import IntegrityConstraintViolation

from hub.store.audit import run_audit
from hub.store.ledger import MONTHS_AHEAD, prepare_months
from hub.store.migrate import differences
from tests.store.house import House, submit
from tests.store.months import aged, month_before

pytestmark = pytest.mark.postgres

PARTITIONS = """
SELECT c.relname FROM pg_inherits JOIN pg_class AS c ON c.oid = inhrelid
WHERE inhparent IN ('journal'::regclass, 'posting'::regclass) ORDER BY 1"""
COUNT = "SELECT count(*) FROM ONLY {}"


def partitions(url: str) -> list[str]:
    with psycopg.connect(url) as connection:
        return [row[0] for row in connection.execute(PARTITIONS)]


def expected(months: range) -> list[str]:
    names = [month_before(-number)[0].replace("-", "_") for number in months]
    return sorted(f"{parent}_{name}" for parent in ("journal", "posting") for name in [*names, "rest"])


def test_this_month_and_three_more_are_there_and_preparing_again_changes_nothing(migrated_url: str) -> None:
    assert partitions(migrated_url) == expected(range(MONTHS_AHEAD + 1))
    assert prepare_months(migrated_url) == []
    assert partitions(migrated_url) == expected(range(MONTHS_AHEAD + 1))


def test_further_months_are_made_and_the_tables_stay_those_of_the_code(migrated_url: str) -> None:
    assert prepare_months(migrated_url, 14) == []
    assert partitions(migrated_url) == expected(range(15)), "across the turn of the year"
    assert differences(migrated_url) == []


async def test_what_is_written_is_in_the_partition_of_its_month(sql_house: House) -> None:
    await sql_house.completed(1)
    month = month_before(0)[0].replace("-", "_")
    with psycopg.connect(sql_house.url) as connection:
        for parent, count in (("journal", 2), ("posting", 2)):
            assert connection.execute(COUNT.format(f"{parent}_{month}")).fetchone() == (count,)
            assert connection.execute(COUNT.format(f"{parent}_rest")).fetchone() == (0,)


async def test_a_month_that_was_not_prepared_loses_nothing(sql_house: House) -> None:
    with psycopg.connect(sql_house.url) as connection:
        for name in partitions(sql_house.url):
            if not name.endswith("_rest"):
                connection.execute(f"DROP TABLE {name}")
    await sql_house.completed(1)
    assert sql_house.findings() == []
    month = month_before(0)[0].replace("-", "_")
    assert await asyncio.to_thread(prepare_months, sql_house.url) == [f"journal_{month}", f"posting_{month}"]
    assert partitions(sql_house.url) == sorted(
        set(expected(range(MONTHS_AHEAD + 1))) - {f"journal_{month}", f"posting_{month}"}
    )
    await sql_house.completed(2)
    assert sql_house.findings() == []


async def test_a_journal_is_never_older_than_the_one_before_it(sql_house: House) -> None:
    await sql_house.completed(1)
    with psycopg.connect(sql_house.url) as connection:
        connection.execute("UPDATE chain SET at_ms = at_ms + 60000")
    before = [await sql_house.begun(submit(number)) for number in (2, 3)]
    with psycopg.connect(sql_house.url) as connection:
        times = [row[0] for row in connection.execute("SELECT at_ms FROM journal ORDER BY height")]
        assert connection.execute("SELECT at_ms FROM chain").fetchone() == (times[-1],)
    assert times == sorted(times)
    assert times[-1] > before[-1].created_ms
    assert sql_house.findings() == []


NOT_COMMITTED = """
INSERT INTO posting SELECT 99, 0, 'subject', 1, 2, 1, 'direct', 0, 0, 0, at_ms FROM chain"""


async def test_batches_and_the_making_of_months_do_not_wait_for_each_other(sql_house: House) -> None:
    await sql_house.begun(submit(1))
    with psycopg.connect(sql_house.url) as batch:
        batch.execute(NOT_COMMITTED)
        assert await asyncio.to_thread(prepare_months, sql_house.url, 6) == []
        batch.rollback()
    with psycopg.connect(sql_house.url) as preparing:
        preparing.execute("SELECT prepare_months(at_ms, 12) FROM chain")
        async with asyncio.timeout(5):
            await sql_house.completed(2)
        preparing.rollback()
    assert sql_house.findings() == []


@pytest.fixture(scope="module")
def old_url(history_url: str) -> str:
    aged(history_url, 3, 6)
    prepare_months(history_url)
    return history_url


def test_an_older_ledger_is_as_whole_as_before(old_url: str) -> None:
    assert run_audit(old_url).findings == []


@pytest.fixture(params=[0, 1, 2], ids=["two months ago", "last month", "this month"])
def month(request: pytest.FixtureRequest) -> str:
    return month_before(2 - request.param)[0].replace("-", "_")


STATEMENTS = ["UPDATE {} SET at_ms = at_ms + 1", "DELETE FROM {}", "TRUNCATE {}"]


@pytest.mark.parametrize("statement", STATEMENTS, ids=lambda each: each.split()[0])
@pytest.mark.parametrize("parent", ["journal", "posting"])
def test_no_partition_can_be_changed_past_its_table(old_url: str, month: str, parent: str, statement: str) -> None:
    with psycopg.connect(old_url) as connection, pytest.raises(IntegrityConstraintViolation, match="written once"):
        connection.execute(statement.format(f"{parent}_{month}"))


OF_NO_MONTH = {
    "journal": "INSERT INTO journal VALUES (99, 'digest', 'hash', 1)",
    "posting": "INSERT INTO posting VALUES (99, 0, 'subject', 1, 2, 1, 'direct', 0, 0, 0, 1)",
}


@pytest.mark.parametrize("parent", ["journal", "posting"])
def test_neither_can_what_belongs_to_no_month(old_url: str, parent: str) -> None:
    for statement in STATEMENTS:
        with psycopg.connect(old_url) as connection, refused():
            connection.execute(OF_NO_MONTH[parent])
            connection.execute(statement.format(f"{parent}_rest"))


@contextlib.contextmanager
def refused() -> Iterator[None]:
    with pytest.raises(IntegrityConstraintViolation, match="written once"):
        yield


def test_months_made_later_are_guarded_too(old_url: str) -> None:
    prepare_months(old_url, 8)
    later = month_before(-8)[0].replace("-", "_")
    for parent in ("journal", "posting"):
        with psycopg.connect(old_url) as connection, refused():
            connection.execute(f"TRUNCATE {parent}_{later}")
