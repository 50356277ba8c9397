"""The audit of what is new: in steps it comes to what the whole audit comes to, and only what is clean is kept."""

import asyncio
from collections.abc import Iterator

import msgspec
import psycopg
import pytest
from psycopg.errors import IntegrityConstraintViolation

from hub.ledger.checkpoint import Checkpoint
from hub.store import ledger_audit, ledger_read
from hub.store.audit import run_audit
from hub.store.ledger_audit import Progress, audit_new, catch_up
from routing.message import Operation, Verdict
from tests.store.history import put_back
from tests.store.house import House, submit
from tests.store.test_tampering import IDS, TAMPERINGS

pytestmark = pytest.mark.postgres

# They are in what is kept of transfers of which no new posting tells, or in what is not the ledger's.
ONLY_THE_WHOLE_AUDIT_FINDS = {
    "a barred transfer committed",
    "money from the bank that never came",
}


def looked(url: str, *, keep: bool = False, journals_max: int = ledger_audit.JOURNALS_MAX) -> Progress:
    found = audit_new(url, keep=keep, journals_max=journals_max)
    assert found is not None
    return found


def kept(url: str) -> list[Checkpoint]:
    with psycopg.connect(url) as connection:
        return list(ledger_read.checkpoints(connection, 0))


async def worked(house: House, first: int, count: int = 3) -> None:
    for number in range(first, first + count):
        await house.completed(number)


@pytest.fixture
async def busy(sql_house: House) -> House:
    """A house of which six journals were audited, with a checkpoint, and four were not yet."""
    await worked(sql_house, 1)
    assert looked(sql_house.url).findings == []
    await worked(sql_house, 10, 2)
    return sql_house


async def test_nothing_new_is_clean_and_so_is_an_empty_ledger(sql_house: House) -> None:
    assert (looked(sql_house.url).findings, looked(sql_house.url).height) == ([], 0)
    await worked(sql_house, 1, 1)
    assert (looked(sql_house.url).journals, looked(sql_house.url).journals) == (2, 0)


async def test_only_what_is_new_is_read(busy: House) -> None:
    found = looked(busy.url)
    assert (found.findings, found.journals, found.postings, found.height, found.left) == ([], 4, 4, 10, 0)


async def test_in_steps_it_comes_to_the_end_and_to_the_same_balances(busy: House) -> None:
    steps = [looked(busy.url, journals_max=3) for _ in range(2)]
    assert [(each.journals, each.left) for each in steps] == [(3, 1), (1, 0)]
    looked(busy.url, keep=True)
    with psycopg.connect(busy.url) as connection:
        stored = {each.id: each for each in ledger_read.accounts(connection)}
    for id_, counters in kept(busy.url)[-1].counters.items():
        each = stored[id_]
        assert counters == (each.debits_pending, each.debits_posted, each.credits_pending, each.credits_posted)
    assert run_audit(busy.url).findings == []


async def test_a_step_ends_at_so_many_postings_too(busy: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger_audit, "POSTINGS_MAX", 2)
    assert [looked(busy.url).journals for _ in range(3)] == [2, 2, 0]


async def test_catching_up_goes_to_the_end_whatever_a_step_is(busy: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger_audit, "POSTINGS_MAX", 1)
    found = catch_up(busy.url, keep=True)
    assert found is not None
    assert (found.left, found.height, found.checkpoint) == (0, 10, 10)


async def test_checkpoints_are_kept_on_demand_and_once_an_hour(busy: House) -> None:
    assert [each.height for each in kept(busy.url)] == [6], "the first clean run keeps one"
    assert looked(busy.url).checkpoint == 6, "no hour has passed"
    await worked(busy, 20, 1)
    with psycopg.connect(busy.url) as connection:
        connection.execute("UPDATE chain SET at_ms = at_ms + %s", [ledger_audit.CHECKPOINT_EVERY_MS])
    await worked(busy, 21, 1)
    assert looked(busy.url).checkpoint == 14
    assert looked(busy.url, keep=True).checkpoint == 14, "at one height there is one checkpoint"
    await worked(busy, 22, 1)
    assert looked(busy.url, keep=True).checkpoint == 16
    found = kept(busy.url)
    assert [(each.since, each.height) for each in found] == [(0, 6), (6, 14), (14, 16)]
    assert run_audit(busy.url).findings == []


async def test_two_at_once_do_not_do_it_twice(busy: House) -> None:
    with psycopg.connect(busy.url) as other:
        other.execute("SELECT pg_advisory_lock(7215004)")
        assert audit_new(busy.url) is None
        assert catch_up(busy.url) is None
    assert looked(busy.url).journals == 4


async def test_beside_traffic_it_is_clean(sql_house: House) -> None:
    async def watch() -> list[Progress | None]:
        return [await asyncio.to_thread(audit_new, sql_house.url) for _ in range(12)]

    found, _ = await asyncio.gather(watch(), worked(sql_house, 1, 30))
    assert [each.findings for each in found if each] == [[]] * len(found)
    assert looked(sql_house.url).height == 60


@pytest.fixture
def url(history_url: str) -> Iterator[str]:
    """The history, put back after the test as it was."""
    with put_back(history_url):
        yield history_url


@pytest.mark.parametrize("name", [name for name in TAMPERINGS if name not in ONLY_THE_WHOLE_AUDIT_FINDS])
def test_what_a_superuser_changed_by_hand_is_found(url: str, name: str) -> None:
    with psycopg.connect(url) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute(TAMPERINGS[name], IDS)
    first, second = looked(url), looked(url)
    assert first.findings != []
    assert (second.findings, second.height) == (first.findings, 0), "it is said until somebody looks into it"
    assert kept(url) == [], "what is not clean is no checkpoint"


LATER_TAMPERINGS = {
    "a new posting's amount": "UPDATE posting SET minor = minor + 1 WHERE journal = 7",
    "a new posting taken out": "DELETE FROM posting WHERE journal = 8",
    "a posting for a journal that is not there": "UPDATE posting SET journal = 99 WHERE journal = 10",
    "a posting at another time": "UPDATE posting SET at_ms = at_ms + 1 WHERE journal = 9",
    "a phase that is none": "UPDATE posting SET phase = 'maybe' WHERE journal = 9",
    "a subject that is none": "UPDATE posting SET subject = 'nobody' WHERE journal = 9",
    "a journal's time": "UPDATE journal SET at_ms = at_ms - 60000 WHERE height = 9",
    "a journal twice": "INSERT INTO journal SELECT height, digest, hash, at_ms + 1, nonce FROM journal"
    " WHERE height = 9",
    "a nonce": "UPDATE journal SET nonce = '' WHERE height = 9",
    "from where on digests are Merkle roots": "UPDATE chain SET merkle_from = 100",
    "the chain's time": "UPDATE chain SET at_ms = at_ms + 1",
    "the chain set back": "UPDATE chain SET (height, hash) = (SELECT height, hash FROM journal WHERE height = 5)",
    "the chain's row taken out": "DELETE FROM chain",
    "the mark's balances": "UPDATE audited SET counters = '{}'",
    "the mark's hash": "UPDATE audited SET hash = 'x'",
    "the mark's height": "UPDATE audited SET height = 5",
    "an account taken out": "DELETE FROM account WHERE participant = 'bravo'",
}


@pytest.mark.parametrize("name", LATER_TAMPERINGS)
async def test_what_was_changed_since_the_last_clean_run_is_found_by_both_audits(busy: House, name: str) -> None:
    with psycopg.connect(busy.url) as connection:
        connection.execute("SET session_replication_role = replica")
        assert connection.execute(LATER_TAMPERINGS[name]).rowcount > 0
    assert looked(busy.url).findings != []
    assert run_audit(busy.url).findings != []


# What lies before the mark is the whole audit's to find: what was kept is held against what is recomputed.
EARLIER_TAMPERINGS = {
    "a checkpoint's balances": "UPDATE checkpoint SET counters = '{}'",
    "one balance of a checkpoint": "UPDATE checkpoint SET counters = replace(counters::text, '3000', '3001')::json",
    "a checkpoint's root": "UPDATE checkpoint SET root = hash",
    "a checkpoint's hash": "UPDATE checkpoint SET hash = root",
    "a checkpoint's time": "UPDATE checkpoint SET at_ms = at_ms + 1",
    "since when a checkpoint is": "UPDATE checkpoint SET since = 2",
    "a checkpoint of no journal": "INSERT INTO checkpoint SELECT 99, hash, at_ms, 6, root, counters FROM checkpoint",
    "a checkpoint taken out": "DELETE FROM checkpoint",
    "the tree since the checkpoint": "UPDATE audited SET peaks = '[]'",
    "an old posting": "UPDATE posting SET minor = minor + 1 WHERE journal = 2",
    "an old digest": "UPDATE journal SET digest = hash WHERE height = 2",
}


@pytest.mark.parametrize("name", EARLIER_TAMPERINGS)
async def test_what_was_kept_is_held_against_the_whole_history(busy: House, name: str) -> None:
    looked(busy.url)
    assert run_audit(busy.url).findings == []
    with psycopg.connect(busy.url) as connection:
        connection.execute("SET session_replication_role = replica")
        assert connection.execute(EARLIER_TAMPERINGS[name]).rowcount > 0
    assert run_audit(busy.url).findings != []


@pytest.mark.parametrize(
    "statement", ["UPDATE checkpoint SET root = hash", "DELETE FROM checkpoint", "TRUNCATE checkpoint"]
)
async def test_a_checkpoint_is_never_changed(busy: House, statement: str) -> None:
    with (
        psycopg.connect(busy.url) as connection,
        pytest.raises(IntegrityConstraintViolation, match="written once"),
    ):
        connection.execute(statement)


async def test_it_goes_on_with_a_transfer_whose_first_half_was_audited(sql_house: House) -> None:
    begun = await sql_house.begun(submit(1))
    assert looked(sql_house.url).findings == []
    await sql_house.hear(begun, Operation.CREDIT, Verdict.ACCEPTED)
    assert looked(sql_house.url).findings == []
    later = await sql_house.begun(submit(2))
    with psycopg.connect(sql_house.url) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute("UPDATE standing SET state = 'committed', due_ms = NULL WHERE id = %s", [later.id])
    assert any(later.id in finding for finding in looked(sql_house.url).findings)


def test_progress_is_what_an_operator_can_be_shown() -> None:
    progress = Progress(findings=[], journals=1, postings=2, height=3, left=4, checkpoint=5)
    assert msgspec.json.decode(msgspec.json.encode(progress), type=Progress) == progress
