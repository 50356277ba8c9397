"""Virtual time and a bad bus: a day passes in a second, and everything that a network does to messages happens."""

import asyncio
import random
from collections.abc import Coroutine, Sequence
from typing import Any

from routing.bus import BusError, NoAnswerError, Reply, Take
from routing.topology import Queue

# The simulation's clock begins here, in Unix milliseconds.
BEGINNING_MS = 1_800_000_000_000


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose time stands still while anything is ready, and then jumps to the next timer."""

    def __init__(self) -> None:
        super().__init__()
        self._virtual_s = 0.0

    def time(self) -> float:
        return self._virtual_s

    def _run_once(self) -> None:
        if not self._ready and self._scheduled:  # type: ignore[attr-defined]
            self._virtual_s = max(self._virtual_s, self._scheduled[0].when())  # type: ignore[attr-defined]
        super()._run_once()  # type: ignore[misc]


def now_ms() -> int:
    return BEGINNING_MS + round(asyncio.get_running_loop().time() * 1000)


def run_virtually(work: Coroutine[Any, Any, Any]) -> Any:
    """Run to the end in virtual time."""
    loop = VirtualLoop()
    try:
        return loop.run_until_complete(work)
    finally:
        loop.run_until_complete(_end_of_everything())
        loop.close()


async def _end_of_everything() -> None:
    left = asyncio.all_tasks() - {asyncio.current_task()}
    for task in left:
        task.cancel()
    await asyncio.gather(*left, return_exceptions=True)


class BadBus:
    """Carries envelopes late, twice, in any order, or claims that it could not; what is taken and fails comes again."""

    def __init__(self, chance: random.Random, badness: float) -> None:
        self._chance = chance
        self.badness = badness
        self._takers: dict[str, Take] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._taken: dict[asyncio.Task[None], tuple[str, Sequence[bytes]]] = {}
        self.lost_in_crashes = 0

    async def start(self, queues: Sequence[Queue]) -> None:
        """Nothing to declare."""

    async def publish(self, queue: str, envelopes: Sequence[bytes]) -> None:
        if self._chance.random() < self.badness:
            if self._chance.random() < 0.5:  # an error does not mean "not delivered"
                self._carry(queue, envelopes)
            raise BusError("the confirm did not come")
        self._carry(queue, envelopes)

    async def consume(self, queue: str, take: Take, *, prefetch: int = 16) -> None:
        assert prefetch > 0
        self._takers[queue] = take

    async def ask(self, queue: str, question: bytes, *, timeout_s: float) -> bytes:
        raise NoAnswerError(f"{queue} {len(question)} {timeout_s}")

    async def answer(self, queue: str, reply: Reply) -> None:
        """Questions have no part in this."""

    def alive(self) -> bool:
        return True

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()

    def crash(self) -> None:
        """Forget everything under way, as a broker whose disk is gone."""
        self.lost_in_crashes += len(self._tasks)
        for task in tuple(self._tasks):
            task.cancel()
        self._tasks.clear()

    def lose_taker(self, queue: str) -> None:
        """Let whoever took from this queue be gone: what it had taken and not settled comes again."""
        self._takers.pop(queue, None)
        for task, (name, envelopes) in tuple(self._taken.items()):
            if name == queue:
                task.cancel()
                self._begin(self._deliver(queue, envelopes))

    def _carry(self, queue: str, envelopes: Sequence[bytes]) -> None:
        copies = 2 if self._chance.random() < self.badness else 1
        mixed = list(envelopes)
        self._chance.shuffle(mixed)
        for _ in range(copies):
            self._begin(self._deliver(queue, mixed))

    async def _deliver(self, queue: str, envelopes: Sequence[bytes]) -> None:
        while True:
            slow = self._chance.random() < self.badness
            await asyncio.sleep(self._chance.uniform(0.001, 30.0 if slow else 0.05))
            taker = self._takers.get(queue)
            if taker is None:
                continue
            task = asyncio.current_task()
            assert task is not None
            self._taken[task] = (queue, envelopes)
            try:
                await taker(envelopes)
            except Exception:  # noqa: BLE001, S112 - whatever it was, the message comes again
                continue
            finally:
                del self._taken[task]
            return

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
