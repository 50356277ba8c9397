"""The clearing of batches: killed and resumed, by two at once, without liquidity, at a rate; nothing is doubled."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from hub.core.batch import Progress, submission
from hub.core.command import Done
from hub.store.audit import run_audit
from tests.http.batch_desk import Desk, opened, row

ROWS = 40


@pytest.fixture
async def desk(migrated_url: str) -> AsyncIterator[Desk]:
    async with opened(migrated_url) as running:
        yield running


@pytest.fixture
async def poor_desk(migrated_url: str) -> AsyncIterator[Desk]:
    """Where the payer's position bears 300 KES: two rows of the usual amount, or one."""
    async with opened(migrated_url, cap="310") as running:
        yield running


def rows(count: int = ROWS) -> list[object]:
    return [row(number) for number in range(1, count + 1)]


async def assert_each_row_is_one_transfer(desk: Desk, batch: str, count: int = ROWS) -> None:
    done = await desk.completions(batch)
    assert len({each["transactionReference"] for each in done}) == len(done) == count
    assert desk.execute("SELECT count(*) FROM transfer") == [(count,)]
    assert desk.execute("SELECT count(*) FROM standing WHERE state = 'committed'") == [(count,)]
    assert run_audit(desk.database).findings == []


@pytest.mark.parametrize("answered", [False, True], ids=["before the providers answer", "after they did"])
async def test_rows_that_were_handed_in_but_not_marked_are_handed_in_again_as_the_same(
    desk: Desk, *, answered: bool
) -> None:
    batch = await desk.taken(*rows())
    kept = await desk.store.batches.batch(batch)
    assert kept is not None
    items = await desk.store.batches.next(batch, 25, [])
    # A worker that is killed here has told the door, and nobody else.
    results = await desk.door.handle_all([submission(kept, item) for item in items])
    assert all(isinstance(result, Done) and result.changed for result in results)
    assert (await desk.progress(batch)).submitted == 0
    if answered:
        await desk.answered()
    assert (await desk.cleared(batch))["completedCount"] == ROWS
    await assert_each_row_is_one_transfer(desk, batch)


async def test_a_row_that_was_taken_is_not_rejected_when_its_caller_is_suspended_meanwhile(
    desk: Desk,
) -> None:
    batch = await desk.taken(*rows(2))
    kept = await desk.store.batches.batch(batch)
    assert kept is not None
    items = await desk.store.batches.next(batch, 1, [])
    await desk.door.handle_all([submission(kept, item) for item in items])
    await desk.suspend("alpha")
    await desk.look()
    assert await desk.progress(batch) == Progress(parsed=2, rejected=1, submitted=1)
    await desk.answered()
    assert (await desk.cleared(batch))["completedCount"] == 1


async def test_two_workers_at_one_batch_leave_it_as_one_would(desk: Desk) -> None:
    batch = await desk.taken(*rows())
    workers = [desk.another_worker(per_second=15) for _ in range(3)]
    while (await desk.progress(batch)).completed < ROWS:
        # Each look takes the batch from the others, as if their lease were over.
        await asyncio.gather(*(desk.look(worker) for worker in workers))
        await desk.answered()
    assert (await desk.cleared(batch))["completedCount"] == ROWS
    await assert_each_row_is_one_transfer(desk, batch)


async def test_rows_wait_for_liquidity_and_are_not_rejected(poor_desk: Desk) -> None:
    desk = poor_desk
    batch = await desk.taken(row(1, amount="200"), row(2, amount="200"), row(3, amount="100"), row(4, amount="900"))
    await desk.look()
    assert await desk.progress(batch) == Progress(parsed=4, submitted=2, held=2)
    await desk.answered()
    await desk.look()
    assert await desk.progress(batch) == Progress(parsed=4, completed=2, held=2)
    await desk.fund("1200")
    assert (await desk.cleared(batch))["completedCount"] == 4
    await assert_each_row_is_one_transfer(desk, batch, 4)


async def test_the_request_says_that_rows_wait_for_liquidity(poor_desk: Desk) -> None:
    desk = poor_desk
    reply = await desk.send(row(1, amount="900"))
    await desk.look()
    state = (await desk.call("GET", f"/requeststates/{reply.body['serverCorrelationId']}")).body
    assert (state["status"], state["pendingReason"]) == (
        "pending",
        "1 transactions wait for the paying participant's liquidity.",
    )


async def test_a_row_barred_for_want_of_liquidity_is_tried_again_under_another_id(poor_desk: Desk) -> None:
    desk = poor_desk
    batch = await desk.taken(row(1, amount="200"), row(2, amount="200"))
    kept = await desk.store.batches.batch(batch)
    assert kept is not None
    items = await desk.store.batches.next(batch, 2, [])
    # As if the position had been enough for both a moment ago.
    await desk.door.handle_all([submission(kept, item) for item in items])
    await desk.look()
    assert await desk.progress(batch) == Progress(parsed=2, submitted=2)
    await desk.look()
    assert await desk.progress(batch) == Progress(parsed=2, submitted=1, held=1)
    await desk.fund("1000")
    assert (await desk.cleared(batch))["completedCount"] == 2
    states = desk.execute("SELECT state, count(*) FROM standing GROUP BY state ORDER BY state")
    assert states == [("aborted", 1), ("committed", 2)]
    assert run_audit(desk.database).findings == []


async def test_a_participant_s_batches_share_its_rate_and_each_has_its_share_in_flight(desk: Desk) -> None:
    worker = desk.another_worker(in_flight_max=12, per_second=10)
    first, second = [await desk.taken(*rows(20)) for _ in range(2)]
    await desk.look(worker)
    assert sum([(await desk.progress(each)).submitted for each in (first, second)]) == 5
    for _ in range(6):
        await desk.look(worker)
    assert max([(await desk.progress(each)).submitted for each in (first, second)]) <= 12


async def test_a_provider_that_leaves_doubt_gets_no_more_until_it_has_caught_up_and_the_others_go_on(
    desk: Desk,
) -> None:
    worker = desk.another_worker(in_flight_max=10)
    within = [row(number, creditParty=[{"key": "msisdn", "value": "+254700999999"}]) for number in range(5)]
    batch = await desk.taken(*rows(30), *within)
    await desk.look(worker)
    await desk.mumbled("bravo")
    await desk.look(worker)
    assert (await desk.progress(batch)).submitted == 15
    await desk.look(worker)
    assert (await desk.progress(batch)).submitted == 15
    await desk.answered()
    assert (await desk.cleared(batch))["completedCount"] == 35


@pytest.mark.parametrize(
    "tampered",
    [
        "UPDATE batch_item SET minor = minor + 1",
        "UPDATE batch_item SET transfer = (SELECT min(transfer::text)::uuid FROM batch_item)",
        "UPDATE batch_item SET state = 'rejected' WHERE state = 'completed'",
        "UPDATE batch_item SET transfer = gen_random_uuid() WHERE state = 'completed'",
    ],
    ids=["another amount", "two rows, one transfer", "another end", "no such transfer"],
)
async def test_the_audit_finds_rows_that_do_not_say_what_became_of_their_transfers(desk: Desk, tampered: str) -> None:
    batch = await desk.taken(*rows(2), row(3, amount="207"))
    await desk.cleared(batch)
    assert run_audit(desk.database).findings == []
    desk.execute("ALTER TABLE batch_item DISABLE TRIGGER USER")
    desk.execute(tampered)
    assert f"of batch {batch} is" in "\n".join(run_audit(desk.database).findings)


async def test_what_a_row_came_to_cannot_be_changed_even_by_hand(desk: Desk) -> None:
    batch = await desk.taken(*rows(1))
    await desk.cleared(batch)
    with pytest.raises(Exception, match="stays so"):
        desk.execute("UPDATE batch_item SET state = 'rejected'")
