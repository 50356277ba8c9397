"""What only the bus inside one process does: it is bounded by itself, and shows its dead and what it leaves."""

import asyncio
from collections import Counter

import pytest
import structlog.testing

import routing.local
from routing.bus import ALONE_AFTER, ENVELOPES_MAX, BusError
from routing.local import Dead, LocalBus, _Item, _Lane
from routing.topology import DELIVERY_LIMIT
from tests.routing.conftest import RETRY_MAX_S, Taker, fresh_queues

QUEUE, QUESTIONS = fresh_queues()


async def test_a_full_queue_makes_publishers_wait_and_then_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    bus = LocalBus(waiting_max=ENVELOPES_MAX)
    await bus.start([QUEUE])
    await bus.publish(QUEUE.name, [b"1"] * ENVELOPES_MAX)
    waiting = asyncio.ensure_future(bus.publish(QUEUE.name, [b"2"]))
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(asyncio.shield(waiting), 0.1)
    monkeypatch.setattr(routing.local, "PUBLISH_WITHIN_S", 0.1)
    with pytest.raises(BusError, match="full"):
        await bus.publish(QUEUE.name, [b"3"])
    taker = Taker()
    await bus.consume(QUEUE.name, taker)
    await waiting
    await taker.until(lambda: taker.taken == Counter({b"1": ENVELOPES_MAX, b"2": 1}))
    await bus.close()


@pytest.mark.parametrize("envelope", [b"", b"{", b"not json"])
async def test_what_would_not_survive_the_way_between_processes_is_refused(envelope: bytes) -> None:
    bus = LocalBus()
    await bus.start([QUEUE])
    with pytest.raises(BusError, match="JSON"):
        await bus.publish(QUEUE.name, [b"1", envelope])


async def test_the_dead_can_be_seen_and_were_logged() -> None:
    bus = LocalBus(retry_max_s=RETRY_MAX_S)
    await bus.start([QUEUE])
    taker = Taker(fails=lambda _: True)
    with structlog.testing.capture_logs() as logs:
        await bus.consume(QUEUE.name, taker)
        await bus.publish(QUEUE.name, [b"13"])
        await taker.until(lambda: taker.tried[b"13"] == DELIVERY_LIMIT)
        await bus.close()
    assert list(bus.dead) == [Dead(QUEUE.name, b"13", "RuntimeError('told to fail')")]
    assert [line["attempts"] for line in logs if line["log_level"] == "error"] == [DELIVERY_LIMIT]
    assert taker.tried[b"13"] == DELIVERY_LIMIT


async def test_what_is_left_at_close_is_logged() -> None:
    bus = LocalBus()
    await bus.start([QUEUE])
    await bus.publish(QUEUE.name, [b"1", b"2"])
    with structlog.testing.capture_logs() as logs:
        await bus.close()
    assert [line["queues"] for line in logs] == [{QUEUE.name: 2}]


async def test_an_envelope_that_failed_often_takes_no_other_with_it() -> None:
    lane = _Lane("lane")
    often = _Item(b"13", ALONE_AFTER)
    await lane.put([_Item(b"1"), _Item(b"2", ALONE_AFTER - 1), often, _Item(b"3")], waiting_max=9)
    async with asyncio.timeout(5):
        got = [await lane.get() for _ in range(3)]
    assert got == [[_Item(b"1"), _Item(b"2", ALONE_AFTER - 1)], [often], [_Item(b"3")]]


async def test_a_take_that_raises_waits_before_the_next_attempt() -> None:
    bus = LocalBus()
    await bus.start([QUEUE])
    failures = iter([True, False])
    taker = Taker(fails=lambda _: next(failures))
    await bus.consume(QUEUE.name, taker)
    await bus.publish(QUEUE.name, [b"1"])
    await taker.until(lambda: taker.taken.total() == 1)
    first, second = taker.tried_at
    assert 0.15 < second - first < 10
    await bus.close()
