"""The bus inside one process: it keeps the contract of `routing.bus`; it must never pass objects, only bytes.

It is as safe as the process: what waits here ends with it, so the database stays the truth. Everything
that waits is bounded; a publisher waits for room and then gets BusError, as from a full broker.
"""

import asyncio
from collections import deque
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from typing import Any, Final, NamedTuple

import msgspec
import structlog

from routing.bus import (
    ALONE_AFTER,
    ANSWERS_AT_ONCE,
    ENVELOPES_MAX,
    PUBLISH_WITHIN_S,
    RETRY_MAX_S,
    BusError,
    NoAnswerError,
    Reply,
    Take,
    pause_s,
)
from routing.message import packed, unpacked
from routing.topology import DELIVERY_LIMIT, Queue

WAITING_MAX: Final = 100_000  # envelopes in one queue
DEAD_MAX: Final = 10_000  # the oldest dead leave first; each was logged when it died

log = structlog.get_logger()


class Dead(NamedTuple):
    """An envelope that was handed over DELIVERY_LIMIT times and never settled."""

    queue: str
    envelope: bytes
    error: str


class _Item(NamedTuple):
    envelope: bytes
    attempts: int = 0


class _Lane:
    """One queue: what waits, and who answers its questions."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.waiting: deque[_Item] = deque()
        self.changed = asyncio.Condition()
        self.reply: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self.answers = asyncio.Semaphore(ANSWERS_AT_ONCE)

    async def put(self, items: Sequence[_Item], waiting_max: int) -> None:
        async with self.changed:
            await self.changed.wait_for(lambda: len(self.waiting) + len(items) <= waiting_max)
            self.waiting.extend(items)
            self.changed.notify_all()

    async def put_back(self, items: Sequence[_Item]) -> None:
        """Put items in front again; they had their room before, so none is asked for."""
        async with self.changed:
            self.waiting.extendleft(reversed(items))
            self.changed.notify_all()

    async def get(self) -> list[_Item]:
        """Wait for items and return those that go together: one that failed often goes alone."""
        async with self.changed:
            await self.changed.wait_for(lambda: bool(self.waiting))
            items = [self.waiting.popleft()]
            while (
                self.waiting
                and len(items) < ENVELOPES_MAX
                and items[0].attempts < ALONE_AFTER
                and self.waiting[0].attempts < ALONE_AFTER
            ):
                items.append(self.waiting.popleft())
            self.changed.notify_all()
            return items


class LocalBus:
    """Carries envelopes between tasks of one event loop."""

    def __init__(self, *, waiting_max: int = WAITING_MAX, retry_max_s: float = RETRY_MAX_S) -> None:
        """Bound each queue to `waiting_max` envelopes, at least ENVELOPES_MAX, and the pause between attempts."""
        self.dead: deque[Dead] = deque(maxlen=DEAD_MAX)
        self._waiting_max = waiting_max
        self._retry_max_s = retry_max_s
        self._lanes: dict[str, _Lane] = {}
        self._dispatchers: set[asyncio.Task[None]] = set()
        self._taken: set[asyncio.Task[Any]] = set()
        self._closing = asyncio.Event()

    async def start(self, queues: Sequence[Queue]) -> None:
        """Make the queues that do not exist yet."""
        for queue in queues:
            if queue.name not in self._lanes:
                self._lanes[queue.name] = _Lane(queue.name)

    async def publish(self, queue: str, envelopes: Sequence[bytes]) -> None:
        """Put the envelopes into the queue; raises BusError when it stays full or does not exist."""
        lane = self._lane(queue)
        for start in range(0, len(envelopes), ENVELOPES_MAX):
            items = [_Item(envelope) for envelope in _as_carried(envelopes[start : start + ENVELOPES_MAX])]
            try:
                async with asyncio.timeout(PUBLISH_WITHIN_S):
                    await lane.put(items, self._waiting_max)
            except TimeoutError as error:
                raise BusError(f"{queue} is full") from error

    async def consume(self, queue: str, take: Take, *, prefetch: int = 16) -> None:
        """Hand over what waits, and join what arrives while `prefetch` takes run."""
        self._begin(self._dispatch(self._lane(queue), take, prefetch), self._dispatchers)

    async def ask(self, queue: str, question: bytes, *, timeout_s: float) -> bytes:
        """Have the queue's answerer answer; raises NoAnswerError after `timeout_s` or when it raised."""
        lane = self._lane(queue)
        try:
            async with asyncio.timeout(timeout_s):
                reply = await asyncio.shield(lane.reply)
                return await asyncio.shield(self._begin(_answered(lane, reply, question), self._taken))
        except Exception as error:
            raise NoAnswerError(f"no answer from {queue}") from error

    async def answer(self, queue: str, reply: Reply) -> None:
        """Answer the questions of the queue from now on, and those already waiting."""
        lane = self._lane(queue)
        if lane.reply.done():
            lane.reply = asyncio.get_running_loop().create_future()
        lane.reply.set_result(reply)

    def alive(self) -> bool:
        """Say whether it was not closed."""
        return not self._closing.is_set()

    async def close(self) -> None:
        """Hand over nothing more and wait for what was taken."""
        self._closing.set()
        for task in self._dispatchers:
            task.cancel()
        await asyncio.gather(*self._dispatchers, *self._taken, return_exceptions=True)
        left = {lane.name: len(lane.waiting) for lane in self._lanes.values() if lane.waiting}
        if left:
            log.warning("envelopes are left on the local bus", queues=left)
        self._lanes.clear()

    def _lane(self, queue: str) -> _Lane:
        if queue not in self._lanes:
            raise BusError(f"{queue!r} was not declared")
        return self._lanes[queue]

    def _begin(self, work: Coroutine[Any, Any, Any], among: set[asyncio.Task[Any]]) -> asyncio.Task[Any]:
        task = asyncio.get_running_loop().create_task(work)
        among.add(task)
        task.add_done_callback(among.discard)
        return task

    async def _dispatch(self, lane: _Lane, take: Take, prefetch: int) -> None:
        free = asyncio.Semaphore(prefetch)
        while True:
            await free.acquire()
            items = await lane.get()
            self._begin(self._hand_over(lane, take, items), self._taken).add_done_callback(lambda _: free.release())

    async def _hand_over(self, lane: _Lane, take: Take, items: Sequence[_Item]) -> None:
        try:
            await take([item.envelope for item in items])
        except asyncio.CancelledError:
            await lane.put_back(items)
            raise
        except Exception as error:
            attempts = items[0].attempts + 1
            log.warning("a message was not taken", queue=lane.name, attempts=attempts, exc_info=True)
            with suppress(TimeoutError):
                async with asyncio.timeout(pause_s(attempts, self._retry_max_s)):
                    await self._closing.wait()
            await self._put_back_or_aside(lane, items, repr(error))

    async def _put_back_or_aside(self, lane: _Lane, items: Sequence[_Item], error: str) -> None:
        tried = [_Item(item.envelope, item.attempts + 1) for item in items]
        for item in tried:
            if item.attempts >= DELIVERY_LIMIT:
                log.error("an envelope is dead", queue=lane.name, attempts=item.attempts, error=error)
                self.dead.append(Dead(lane.name, item.envelope, error))
        await lane.put_back([item for item in tried if item.attempts < DELIVERY_LIMIT])


async def _answered(lane: _Lane, reply: Reply, question: bytes) -> bytes:
    async with lane.answers:
        return await reply(question)


def _as_carried(envelopes: Sequence[bytes]) -> list[bytes]:
    """Take the way between processes, so that what would not survive it does not work here either."""
    try:
        return unpacked(packed(envelopes))
    except msgspec.DecodeError as error:
        raise BusError("an envelope is a JSON document") from error
