"""What fails in a worker's loop fails alone: it is counted, left alone for a while, and no loop ever ends of it."""

import asyncio
import time
from collections.abc import Awaitable, Callable

import pytest
from prometheus_client import REGISTRY

from hub.core.office.records import Dispute, DisputeState
from hub.flow import OverloadedError
from hub.store.contract import UnavailableError
from hub.workers.alone import AGAIN_AFTER_S, Alone
from hub.workers.disputes import Disputes
from hub.workers.office import Office
from hub.workers.settlement import Settling
from tests.core.counter import Counter, counter_with


def failures(loop: str) -> float:
    return REGISTRY.get_sample_value("hub_worker_failures_total", {"loop": loop}) or 0


async def fails(error: Exception) -> int:
    raise error


async def holds() -> int:
    return 7


async def test_an_item_that_fails_is_counted_and_left_alone_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    guard, before = Alone("test"), failures("test")
    assert await guard.done("bad", fails(ValueError("x")), 0) == 0
    assert await guard.done("good", holds(), 0) == 7
    assert (guard.is_left("bad"), guard.is_left("good"), len(guard)) == (True, False, 1)
    assert failures("test") == before + 1
    now = time.monotonic()
    monkeypatch.setattr("time.monotonic", lambda: now + AGAIN_AFTER_S + 1)
    assert (guard.is_left("bad"), len(guard)) == (False, 0)


@pytest.mark.parametrize("error", [UnavailableError("away"), OverloadedError("full")])
async def test_a_database_that_is_away_is_no_fault_of_an_item(error: Exception) -> None:
    guard, before = Alone("test"), failures("test")
    with pytest.raises(type(error)):
        await guard.done("any", fails(error), 0)
    assert await guard.round(guard.done("any", fails(error), 0), 3) == 3
    assert (len(guard), failures("test")) == (0, before)


async def test_a_round_that_fails_as_a_whole_is_counted_and_the_next_one_comes() -> None:
    guard, before = Alone("test"), failures("test")
    assert await guard.round(fails(KeyError("x")), 3) == 3
    assert await guard.round(holds(), 3) == 7
    assert failures("test") == before + 1


@pytest.fixture
async def counter() -> Counter:
    return await counter_with()


async def test_a_dispute_that_cannot_be_seen_to_holds_up_no_other(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    transfer = await counter.committed()
    bad, good = [await counter.accepted(number, transfer, minor=number * 1_00) for number in (1, 2)]
    real: Callable[[Dispute], Awaitable[str]] = counter.worker._begun

    async def begun(dispute: Dispute) -> str:
        return await (real(dispute) if dispute.id == good.id else fails(ValueError("badly formed")))  # type: ignore[return-value]

    monkeypatch.setattr(counter.worker, "_begun", begun)
    assert await counter.worker.look() == 2
    counter.now_ms += 60_000
    assert await counter.worker.look() == 1, "the bad one is left alone"
    found = [await counter.dispute(each.id) for each in (bad, good)]
    assert [each.state for each in found] == [DisputeState.ACCEPTED] * 2
    assert await counter.store.transfer(found[1].linked) is not None
    assert await counter.store.transfer(found[0].linked) is None


@pytest.mark.parametrize("kind", [Disputes, Office, Settling])
async def test_no_loop_ends_of_what_it_cannot_read(
    counter: Counter, monkeypatch: pytest.MonkeyPatch, kind: type[Disputes | Office | Settling]
) -> None:
    looked = asyncio.Event()

    async def look() -> int:
        looks.append(1)
        if len(looks) > 1:
            looked.set()
        raise KeyError("a row that nobody understands")

    looks: list[int] = []
    monkeypatch.setattr(f"{kind.__module__}.LOOK_EVERY_S", 0)
    worker = kind(counter.door)
    monkeypatch.setattr(worker, "look", look)
    running = asyncio.create_task(worker.look_for_ever())
    async with asyncio.timeout(10):
        await looked.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
