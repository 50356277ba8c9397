"""The worker that audits: what is found raises an alarm at every run, and it never stops."""

import asyncio
from collections.abc import AsyncIterator, Callable

import psycopg
import pytest
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from hub.store.ledger import Ledger
from hub.workers import auditing
from hub.workers.auditing import Auditing
from tests.store.house import House

pytestmark = pytest.mark.postgres


def gauge(name: str) -> float:
    value = REGISTRY.get_sample_value(f"hub_audit_{name}")
    assert value is not None
    return value


STANDS = "SELECT (SELECT height FROM audited), to_regclass(%s) IS NOT NULL"


async def until(condition: Callable[[], bool]) -> None:
    """Wait for what a worker that runs beside the test comes to."""
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - there is nothing to wait on but what can be seen
            await asyncio.sleep(0.01)


async def changed(house: House, statement: str) -> None:
    with psycopg.connect(house.url) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute(statement)


@pytest.fixture
async def house(migrated_url: str) -> AsyncIterator[House]:
    async with House(migrated_url) as opened:
        yield opened


async def test_what_is_clean_is_quiet(house: House) -> None:
    await house.completed(1)
    with capture_logs() as logs:
        found = await Auditing(Ledger(house.url)).look()
    assert found is not None
    assert (found.journals, gauge("findings"), gauge("journals_left")) == (2, 0, 0)
    assert gauge("age_seconds") < 5
    assert logs == []


async def test_a_finding_is_an_alarm_at_every_run(house: House) -> None:
    await house.completed(1)
    await changed(house, "UPDATE account SET credits_posted = credits_posted + 1")
    worker = Auditing(Ledger(house.url))
    for _ in range(2):
        with capture_logs() as logs:
            await worker.look()
        assert [each["event"] for each in logs] == ["audit.findings"]
        assert logs[0]["log_level"] == "error"
        assert any("stored" in finding for finding in logs[0]["findings"])
        assert gauge("findings") > 0


BROKEN = {
    "a finding": "UPDATE account SET credits_posted = credits_posted + 1",
    "a mark that cannot be read": "INSERT INTO audited VALUES (true, 0, '', 0, 0, '[]', '{\"x\": 1}', 0)",
    "a table that is gone": "ALTER TABLE audited RENAME TO gone",
}


@pytest.mark.parametrize("name", BROKEN)
async def test_it_goes_on_whatever_it_found(house: House, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    await house.completed(1)
    await changed(house, BROKEN[name])
    monkeypatch.setattr(auditing, "LOOK_EVERY_S", 0.01)
    with capture_logs() as logs:
        task = asyncio.create_task(Auditing(Ledger(house.url)).look_for_ever())
        await until(lambda: len([each for each in logs if each["event"] == "audit.findings"]) >= 3)
        assert not task.done()
        task.cancel()
    assert gauge("findings") > 0


async def test_it_comes_to_the_end_of_what_is_new_without_waiting_and_prepares_months(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in (1, 2, 3):
        await house.completed(number)
    monkeypatch.setattr("hub.store.ledger_audit.POSTINGS_MAX", 1)
    with psycopg.connect(house.url) as connection:
        (later,) = connection.execute(
            "SELECT c.relname FROM pg_inherits JOIN pg_class AS c ON c.oid = inhrelid"
            " WHERE inhparent = 'journal'::regclass AND relname <> 'journal_rest' ORDER BY 1 DESC LIMIT 1"
        ).fetchone() or ("",)
        connection.execute(f"DROP TABLE {later}")
    task = asyncio.create_task(Auditing(Ledger(house.url)).look_for_ever())
    with psycopg.connect(house.url, autocommit=True) as connection:
        await until(lambda: connection.execute(STANDS, [later]).fetchone() == (6, True))
    task.cancel()


async def test_a_database_that_is_away_is_no_finding() -> None:
    worker = Auditing(Ledger("postgresql://nobody@127.0.0.1:1/none"))
    with capture_logs() as logs:
        assert await worker._look_somehow() == auditing.LOOK_EVERY_S
    assert [(each["event"], each["log_level"]) for each in logs] == [("audit.postponed", "warning")]
