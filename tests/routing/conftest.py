"""What the tests of the buses share: a bus of each kind with queues of its own, and a taker that can be waited for."""

import asyncio
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any, NamedTuple

import aio_pika
import pytest

from routing.bus import Bus
from routing.local import LocalBus
from routing.rabbit import RabbitBus
from routing.topology import DEAD, INQUIRIES, INSTRUCTIONS, Queue

RETRY_MAX_S = 0.005  # tests do not wait for the pauses of production


class Taker:
    """Takes messages, remembers them, fails for those it is told to, and wakes who waits for a condition."""

    def __init__(self, fails: Callable[[Sequence[bytes]], bool] = lambda _: False) -> None:
        self.messages: list[list[bytes]] = []
        self.tried: Counter[bytes] = Counter()
        self.tried_at: list[float] = []
        self.running = 0
        self.running_max = 0
        self.go_on = asyncio.Event()
        self.go_on.set()
        self._fails = fails
        self._changed = asyncio.Condition()

    @property
    def taken(self) -> Counter[bytes]:
        return Counter(envelope for message in self.messages for envelope in message)

    async def __call__(self, envelopes: Sequence[bytes]) -> None:
        self.running += 1
        self.running_max = max(self.running_max, self.running)
        self.tried.update(envelopes)
        self.tried_at.append(asyncio.get_running_loop().time())
        await self._tell()
        try:
            await self.go_on.wait()
            if self._fails(envelopes):
                raise RuntimeError("told to fail")
            self.messages.append(list(envelopes))
        finally:
            self.running -= 1
            await self._tell()

    async def until(self, condition: Callable[[], bool], within_s: float = 60) -> None:
        async with asyncio.timeout(within_s), self._changed:
            await self._changed.wait_for(condition)

    async def _tell(self) -> None:
        async with self._changed:
            self._changed.notify_all()


class World(NamedTuple):
    """A bus, two queues that no other test uses, and a way to see whether an envelope was set aside."""

    bus: Bus
    queue: str
    questions: str
    is_dead: Callable[[bytes], Awaitable[bool]]


def fresh_queues() -> tuple[Queue, Queue]:
    name = uuid.uuid4().hex
    return (
        Queue(f"{INSTRUCTIONS}.{name}", INSTRUCTIONS, durable=True),
        Queue(f"{INQUIRIES}.{name}", INQUIRIES, durable=False),
    )


async def death_on_rabbit(url: str, envelope: bytes) -> str:
    """Read the queue of dead letters until the envelope comes; returns why it died."""
    async with await aio_pika.connect(url) as connection, asyncio.timeout(20):
        queue = await (await connection.channel()).get_queue(DEAD)
        async with queue.iterator() as letters:
            async for letter in letters:
                await letter.ack()
                if envelope in letter.body:
                    return str(letter.headers["x-first-death-reason"])
    return ""


@pytest.fixture(params=["local", pytest.param("rabbit", marks=pytest.mark.rabbitmq)])
async def world(request: pytest.FixtureRequest) -> AsyncIterator[World]:
    queue, questions = fresh_queues()
    bus: Bus
    if request.param == "local":
        local = bus = LocalBus(retry_max_s=RETRY_MAX_S)

        async def is_dead(envelope: bytes) -> bool:
            await local.close()  # ends the pause before the last verdict
            return envelope in [dead.envelope for dead in local.dead]
    else:
        url: Any = request.getfixturevalue("broker").url
        bus = RabbitBus(url, role="test", retry_max_s=RETRY_MAX_S)

        async def is_dead(envelope: bytes) -> bool:
            return await death_on_rabbit(url, envelope) == "delivery_limit"

    await bus.start([queue, questions])
    yield World(bus, queue.name, questions.name, is_dead)
    async with asyncio.timeout(20):
        await bus.close()
