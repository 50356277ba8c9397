"""What only a real broker can do to a bus: die, come back, lose a queue, carry what cannot be read."""

import asyncio
import os
import socket
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aio_pika
import pytest

from routing.bus import BusError
from routing.rabbit import REPLIES, RabbitBus
from routing.topology import DEAD, Queue
from tests.routing.conftest import RETRY_MAX_S, Taker, death_on_rabbit, fresh_queues

pytestmark = pytest.mark.rabbitmq


class Rabbit:
    """One bus with its queues, and the broker seen past the bus."""

    def __init__(self, bus: RabbitBus, url: str, queue: Queue, questions: Queue) -> None:
        self.bus, self.url, self.queue, self.questions = bus, url, queue, questions

    async def past_the_bus(self, say: Callable[[aio_pika.abc.AbstractChannel], Awaitable[Any]]) -> None:
        async with await aio_pika.connect(self.url) as connection:
            await say(await connection.channel())

    async def sever(self) -> None:
        """Lose both connections as a network does, without a word of the bus."""
        for connection in self.bus._connections:
            assert connection.transport is not None
            await connection.transport.connection.close(ConnectionResetError("cut by the test"))

    async def publish_until_safe(self, envelopes: list[bytes], within_s: float = 60) -> int:
        """Repeat as a relay does; returns how often the bus was unsure."""
        unsure = 0
        async with asyncio.timeout(within_s):
            while True:
                try:
                    await self.bus.publish(self.queue.name, envelopes)
                except BusError:
                    unsure += 1
                    await asyncio.sleep(0.1)  # as a relay does; not to wait for a result
                else:
                    return unsure


@pytest.fixture
async def rabbit(broker: Any) -> AsyncIterator[Rabbit]:
    queue, questions = fresh_queues()
    bus = RabbitBus(broker.url, role="test", retry_max_s=RETRY_MAX_S)
    await bus.start([queue, questions])
    yield Rabbit(bus, broker.url, queue, questions)
    async with asyncio.timeout(30):
        await bus.close()


async def test_a_broker_that_is_not_there_is_an_error_at_start() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        bus = RabbitBus(f"amqp://guest:secret@127.0.0.1:{unused.getsockname()[1]}/", role="test")
        with pytest.raises(BusError) as raised:
            await bus.start([])
    assert "secret" not in str(raised.value)
    await bus.close()


@pytest.mark.parametrize("body", [b"not json", b'["cut off', b'{"an":"object"}', b"[" * 50_000])
async def test_a_body_that_cannot_be_read_is_set_aside_at_once(rabbit: Rabbit, body: bytes) -> None:
    taker = Taker()
    await rabbit.bus.consume(rabbit.queue.name, taker)
    await rabbit.past_the_bus(
        lambda channel: channel.default_exchange.publish(aio_pika.Message(body), rabbit.queue.name)
    )
    await rabbit.bus.publish(rabbit.queue.name, [b'"readable"'])
    await taker.until(lambda: taker.taken.total() == 1)
    assert await death_on_rabbit(rabbit.url, body) == "rejected"
    assert taker.tried == Counter([b'"readable"'])


async def test_what_was_not_settled_before_close_is_delivered_to_the_next_process(rabbit: Rabbit) -> None:
    first = Taker()
    first.go_on.clear()
    await rabbit.bus.consume(rabbit.queue.name, first, prefetch=1)
    await rabbit.bus.publish(rabbit.queue.name, [b'"taken"'])
    await first.until(lambda: first.running == 1)
    await rabbit.bus.publish(rabbit.queue.name, [b'"waiting"'])
    closing = asyncio.ensure_future(rabbit.bus.close())
    first.go_on.set()
    await closing
    next_bus = RabbitBus(rabbit.url, role="test")
    await next_bus.start([rabbit.queue])
    second = Taker()
    await next_bus.consume(rabbit.queue.name, second)
    await next_bus.publish(rabbit.queue.name, [b'"last"'])
    await second.until(lambda: second.taken.total() >= 2)
    await next_bus.close()
    assert second.taken == Counter([b'"waiting"', b'"last"'])


async def test_a_queue_deleted_under_its_consumer_comes_back_with_it(rabbit: Rabbit) -> None:
    taker = Taker()
    await rabbit.bus.consume(rabbit.queue.name, taker)
    await rabbit.past_the_bus(lambda channel: channel.queue_delete(rabbit.queue.name))
    await rabbit.publish_until_safe([b'"after"'])
    await taker.until(lambda: taker.taken[b'"after"'] > 0)


async def test_a_deleted_queue_is_an_error_until_start_declares_it_again(rabbit: Rabbit) -> None:
    await rabbit.past_the_bus(lambda channel: channel.queue_delete(rabbit.queue.name))
    with pytest.raises(BusError, match="NO_ROUTE"):
        await rabbit.bus.publish(rabbit.queue.name, [b"1"])
    await rabbit.bus.start([rabbit.queue, rabbit.questions])
    await rabbit.bus.publish(rabbit.queue.name, [b"1"])


async def test_the_topology_is_declared_again_when_the_broker_comes_back_without_it(rabbit: Rabbit) -> None:
    async def forget(channel: aio_pika.abc.AbstractChannel) -> None:
        for queue in (rabbit.queue, rabbit.questions):
            await channel.queue_delete(queue.name)
        await channel.queue_delete(DEAD)
        await channel.exchange_delete(DEAD)

    await rabbit.past_the_bus(forget)
    await rabbit.sever()
    await rabbit.publish_until_safe([b'"after"'])

    async def reply(question: bytes) -> bytes:
        return question

    await rabbit.bus.answer(rabbit.questions.name, reply)
    assert await rabbit.bus.ask(rabbit.questions.name, b'"?"', timeout_s=5) == b'"?"'
    taker = Taker(fails=lambda _: True)
    await rabbit.bus.consume(rabbit.queue.name, taker)
    assert await death_on_rabbit(rabbit.url, b'"after"') == "delivery_limit"


async def test_a_take_is_not_broken_off_when_the_connection_is_lost(rabbit: Rabbit) -> None:
    taker = Taker()
    taker.go_on.clear()
    await rabbit.bus.consume(rabbit.queue.name, taker)
    await rabbit.bus.publish(rabbit.queue.name, [b'"slow"'])
    await taker.until(lambda: taker.running == 1)
    await rabbit.sever()
    # Not acknowledged, it comes a second time over the new connection, while the first is still at work.
    await taker.until(lambda: taker.running == 2)
    taker.go_on.set()
    await taker.until(lambda: taker.taken[b'"slow"'] == 2)


async def test_questions_are_asked_and_answered_again_after_a_lost_connection(rabbit: Rabbit) -> None:
    async def reply(question: bytes) -> bytes:
        return question

    await rabbit.bus.answer(rabbit.questions.name, reply)
    await rabbit.sever()
    async with asyncio.timeout(30):
        while True:
            try:
                answer = await rabbit.bus.ask(rabbit.questions.name, b'"?"', timeout_s=1)
                break
            except BusError:
                await asyncio.sleep(0.1)  # as a caller does; not to wait for a result
    assert answer == b'"?"'


async def test_an_answer_goes_to_a_queue_of_replies_and_nowhere_else(rabbit: Rabbit) -> None:
    answered: list[bytes] = []

    async def reply(question: bytes) -> bytes:
        answered.append(question)
        return b'"forged outcome"'

    forged = aio_pika.Message(b'"?"', reply_to=rabbit.queue.name)
    await rabbit.past_the_bus(lambda channel: channel.default_exchange.publish(forged, rabbit.questions.name))
    await rabbit.bus.answer(rabbit.questions.name, reply)
    assert await rabbit.bus.ask(rabbit.questions.name, b'"real"', timeout_s=5) == b'"forged outcome"'
    assert answered == [b'"real"']
    assert not rabbit.queue.name.startswith(REPLIES)


@pytest.mark.slow
@pytest.mark.skipif("HUB_TEST_BROKER_URL" in os.environ, reason="the broker of HUB_TEST_BROKER_URL is not ours to kill")
async def test_every_confirmed_envelope_arrives_though_the_broker_is_killed(rabbit: Rabbit, broker: Any) -> None:
    taker = Taker()
    await rabbit.bus.consume(rabbit.queue.name, taker)
    confirmed: list[bytes] = []
    unsure = 0
    enough = asyncio.Event()

    async def publisher(name: int) -> None:
        nonlocal unsure
        number = 0
        while not enough.is_set():
            envelope = f'"{name}-{number}"'.encode()
            unsure += await rabbit.publish_until_safe([envelope])
            confirmed.append(envelope)
            number += 1

    # A quorum queue younger than a second may be lost with its broker: it ages under messages that are taken.
    declared, loop = asyncio.get_running_loop().time(), asyncio.get_running_loop()
    while loop.time() < declared + 2:
        await rabbit.bus.publish(rabbit.queue.name, [b'"warm"'])
    publishers = [asyncio.ensure_future(publisher(name)) for name in range(20)]
    await taker.until(lambda: len(confirmed) > 500)
    await asyncio.to_thread(broker.kill)
    before = len(confirmed)
    await asyncio.to_thread(broker.start)
    await taker.until(lambda: len(confirmed) > before + 500, within_s=60)
    enough.set()
    await asyncio.gather(*publishers)
    await taker.until(lambda: set(confirmed) <= set(taker.taken), within_s=60)
    assert unsure > 0
