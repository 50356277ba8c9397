"""The contract of a bus, held by each of them alike."""

import asyncio
from collections import Counter
from collections.abc import Sequence

import pytest

from routing.bus import ALONE_AFTER, ENVELOPES_MAX, BusError, NoAnswerError, pause_s
from routing.topology import DELIVERY_LIMIT
from tests.routing.conftest import Taker, World, fresh_queues


def numbered(count: int, prefix: str = "e") -> list[bytes]:
    return [f'"{prefix}{number}"'.encode() for number in range(count)]


async def test_everything_published_is_taken_once(world: World) -> None:
    taker = Taker()
    await world.bus.consume(world.queue, taker)
    await world.bus.publish(world.queue, numbered(3))
    await world.bus.publish(world.queue, [b'{"money":{"minor":1}}'])
    await taker.until(lambda: taker.taken.total() == 4)
    assert taker.taken == Counter([*numbered(3), b'{"money":{"minor":1}}'])


async def test_what_is_published_before_anyone_consumes_waits(world: World) -> None:
    await world.bus.publish(world.queue, numbered(5))
    taker = Taker()
    await world.bus.consume(world.queue, taker)
    await taker.until(lambda: taker.taken == Counter(numbered(5)))


async def test_publishing_nothing_is_nothing(world: World) -> None:
    taker = Taker()
    await world.bus.consume(world.queue, taker)
    await world.bus.publish(world.queue, [])
    await world.bus.publish(world.queue, numbered(1))
    await taker.until(lambda: taker.taken.total() == 1)
    assert taker.messages == [numbered(1)]


async def test_more_than_a_message_holds_travels_as_several(world: World) -> None:
    taker = Taker()
    await world.bus.consume(world.queue, taker)
    await world.bus.publish(world.queue, numbered(ENVELOPES_MAX * 2 + 1))
    await taker.until(lambda: taker.taken.total() == ENVELOPES_MAX * 2 + 1)
    assert max(map(len, taker.messages)) <= ENVELOPES_MAX


async def test_many_concurrent_publishers_lose_nothing(world: World) -> None:
    taker = Taker()
    await world.bus.consume(world.queue, taker)
    await world.bus.consume(world.queue, taker)
    groups = [numbered(size, f"{group}-") for group, size in enumerate([1, 2, 3, 64, 65] * 60)]
    await asyncio.gather(*(world.bus.publish(world.queue, group) for group in groups))
    expected = Counter(envelope for group in groups for envelope in group)
    await taker.until(lambda: taker.taken.total() == expected.total())
    assert taker.taken == expected


async def test_what_arrives_while_takes_run_is_handed_over_together(world: World) -> None:
    taker = Taker()
    taker.go_on.clear()
    await world.bus.consume(world.queue, taker, prefetch=1)
    await world.bus.publish(world.queue, numbered(1, "first"))
    await taker.until(lambda: taker.running == 1)
    await asyncio.gather(*(world.bus.publish(world.queue, [envelope]) for envelope in numbered(200)))
    taker.go_on.set()
    await taker.until(lambda: taker.taken.total() == 201)
    assert max(map(len, taker.messages)) == ENVELOPES_MAX
    assert len(taker.messages) <= 2 + 200 // ENVELOPES_MAX + 1


async def test_no_more_than_prefetch_takes_run_at_once(world: World) -> None:
    taker = Taker()
    taker.go_on.clear()
    await world.bus.consume(world.queue, taker, prefetch=2)
    for running in (1, 2):
        await world.bus.publish(world.queue, numbered(1, f"{running}-"))
        await taker.until(lambda running=running: taker.running == running)  # type: ignore[misc]  # bound now
    for envelope in numbered(4):
        await world.bus.publish(world.queue, [envelope])
    taker.go_on.set()
    await taker.until(lambda: taker.taken.total() == 6)
    assert taker.running_max == 2


async def test_a_take_that_raises_sees_the_message_again(world: World) -> None:
    failures = iter([True, True, False])
    taker = Taker(fails=lambda _: next(failures))
    await world.bus.consume(world.queue, taker)
    await world.bus.publish(world.queue, numbered(2))
    await taker.until(lambda: taker.taken == Counter(numbered(2)))
    assert taker.tried == Counter(numbered(2) * 3)


async def test_a_take_that_raises_is_not_called_in_a_hot_loop() -> None:
    assert [pause_s(attempts) for attempts in (1, 2, 3, 4)] == [0.2, 0.4, 0.8, 1.6]
    pauses = [pause_s(attempts) for attempts in range(1, DELIVERY_LIMIT)]
    assert max(pauses) == 30
    assert sum(pauses) > 20 * 60


async def test_poison_is_set_aside_and_the_others_go_on(world: World) -> None:
    poison = f'"poison of {world.queue}"'.encode()
    taker = Taker(fails=lambda envelopes: poison in envelopes)
    await world.bus.consume(world.queue, taker)
    await world.bus.publish(world.queue, [*numbered(4, "beside"), poison])
    await world.bus.publish(world.queue, numbered(4, "after"))
    good = Counter(numbered(4, "beside") + numbered(4, "after"))
    await taker.until(lambda: set(taker.taken) == set(good) and taker.tried[poison] >= DELIVERY_LIMIT)
    assert taker.taken == good
    assert taker.tried[numbered(1, "beside")[0]] == ALONE_AFTER + 1
    assert await world.is_dead(poison)


async def test_an_unknown_queue_is_an_error_and_nothing_is_declared_by_use(world: World) -> None:
    async def reply(question: bytes) -> bytes:
        return question

    for attempt in (
        lambda: world.bus.publish("instructions.nobody", numbered(1)),
        lambda: world.bus.consume("instructions.nobody", Taker()),
        lambda: world.bus.ask("inquiries.nobody", b'"?"', timeout_s=1),
        lambda: world.bus.answer("inquiries.nobody", reply),
    ):
        with pytest.raises(BusError, match="not declared"):
            await attempt()


async def test_start_again_adds_queues_and_keeps_the_others(world: World) -> None:
    taker = Taker()
    await world.bus.consume(world.queue, taker)
    more, _ = fresh_queues()
    await world.bus.start([more])
    await world.bus.start([more])
    await world.bus.consume(more.name, taker)
    await world.bus.publish(more.name, numbered(1, "new"))
    await world.bus.publish(world.queue, numbered(1, "old"))
    await taker.until(lambda: taker.taken == Counter([b'"new0"', b'"old0"']))


async def test_every_asker_gets_the_answer_to_its_own_question(world: World) -> None:
    async def reply(question: bytes) -> bytes:
        return b'{"to":' + question + b"}"

    await world.bus.answer(world.questions, reply)
    questions = numbered(100)
    answers = await asyncio.gather(*(world.bus.ask(world.questions, each, timeout_s=10) for each in questions))
    assert answers == [b'{"to":' + question + b"}" for question in questions]


async def test_a_question_waits_for_an_answerer_that_comes_later(world: World) -> None:
    heard = asyncio.Event()

    async def reply(question: bytes) -> bytes:
        heard.set()
        return question

    asking = asyncio.ensure_future(world.bus.ask(world.questions, b'"?"', timeout_s=10))
    await asyncio.sleep(0)  # lets the question leave; its answerer is not there yet
    await world.bus.answer(world.questions, reply)
    assert await asking == b'"?"'
    assert heard.is_set()


async def test_a_question_nobody_answers_ends_in_time(world: World) -> None:
    with pytest.raises(NoAnswerError):
        await world.bus.ask(world.questions, b'"?"', timeout_s=0.2)


async def test_an_answerer_that_raises_or_is_slow_does_not_stop_the_next_answer(world: World) -> None:
    never = asyncio.Event()

    async def reply(question: bytes) -> bytes:
        if question == b'"bad"':
            raise RuntimeError("told to fail")
        if question == b'"slow"':
            await never.wait()
        return question

    await world.bus.answer(world.questions, reply)
    for question in (b'"bad"', b'"slow"'):
        with pytest.raises(NoAnswerError):
            await world.bus.ask(world.questions, question, timeout_s=0.2)
    assert await world.bus.ask(world.questions, b'"good"', timeout_s=10) == b'"good"'
    never.set()


async def test_close_lets_what_was_taken_finish_and_takes_nothing_more(world: World) -> None:
    taker = Taker()
    taker.go_on.clear()
    await world.bus.consume(world.queue, taker, prefetch=1)
    await world.bus.publish(world.queue, numbered(1, "taken"))
    await taker.until(lambda: taker.running == 1)
    await world.bus.publish(world.queue, numbered(1, "waiting"))
    closing = asyncio.ensure_future(world.bus.close())
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(asyncio.shield(closing), 0.2)
    taker.go_on.set()
    await asyncio.wait_for(closing, 10)
    assert taker.taken == Counter(numbered(1, "taken"))
    assert taker.tried == taker.taken


async def test_a_take_may_publish_while_the_bus_closes(world: World) -> None:
    taker, went_on = Taker(), asyncio.Event()
    closing: list[asyncio.Future[None]] = []

    async def take(envelopes: Sequence[bytes]) -> None:
        closing.append(asyncio.ensure_future(world.bus.close()))
        await asyncio.sleep(0)  # lets `close` begin
        await world.bus.publish(world.queue, [b'"outcome"'])
        await taker(envelopes)
        went_on.set()

    await world.bus.consume(world.queue, take, prefetch=1)
    await world.bus.publish(world.queue, numbered(1))
    await asyncio.wait_for(went_on.wait(), 10)
    await asyncio.wait_for(closing[0], 10)
    assert taker.taken == Counter(numbered(1))


async def test_a_closed_bus_refuses(world: World) -> None:
    await world.bus.close()
    with pytest.raises(BusError):
        await world.bus.publish(world.queue, numbered(1))
