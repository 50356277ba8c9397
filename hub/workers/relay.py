"""The relay: carries committed messages of the outbox to the bus and to callers; it must never be the only copy.

A message leaves the outbox when the bus has confirmed it or the caller has answered. Whatever this process
could not send stays in the outbox, and the sweep of any worker sends it later.
"""

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any, Final, Protocol

import structlog
from prometheus_client import Counter, Gauge

from hub.core.change import Outgoing, is_letter
from hub.store.contract import OutboxKey, Store, UnavailableError
from routing.bus import Bus, BusError

SWEEP_EVERY_S: Final = 1.0
SWEEP_MAX: Final = 1_000
FORGET_MAX: Final = 2_000
# Nobody waits for a sent message to leave the outbox, so many may leave together.
FORGET_AFTER_S: Final = 0.05

_SENT: Final = Counter("hub_relayed", "Messages handed to the bus, by what became of them.", ["result"])
_SWEPT: Final = Counter("hub_outbox_swept", "Messages that the sweep had to send.")
_UNCONFIRMED: Final = Gauge("hub_outbox_to_forget", "Messages that are sent but still in the outbox.")

_log: Final = structlog.get_logger("relay")


class Callbacks(Protocol):
    """Whoever sends callbacks."""

    async def send(self, message: Outgoing, attempts: int) -> None:
        """Send one; settles the message in the outbox by itself."""


class Relay:
    """One process's way out."""

    def __init__(self, store: Store, bus: Bus) -> None:
        """Send over this bus; give the callbacks to whom `callbacks` is set to."""
        self.callbacks: Callbacks | None = None
        self._store = store
        self._bus = bus
        self._tasks: set[asyncio.Task[None]] = set()
        self._to_forget: list[OutboxKey] = []
        self._forgetting: asyncio.Task[None] | None = None

    def deliver(self, messages: Sequence[Outgoing], attempts: int = 0) -> None:
        """Start sending what a batch has committed; returns at once and never fails."""
        queues: dict[str, list[Outgoing]] = {}
        for message in messages:
            queues.setdefault(message.queue, []).append(message)
        for queue, members in queues.items():
            if not is_letter(queue):
                self._start(self._publish(queue, members))
            elif self.callbacks is not None:
                for message in members:
                    self._start(self.callbacks.send(message, attempts))

    async def sweep(self) -> int:
        """Send what is due and still in the outbox, whoever committed it; returns how many there were."""
        rows = await self._store.waiting(SWEEP_MAX)
        for row in rows:
            if is_letter(row.message.queue):
                self.deliver([row.message], row.attempts)
        self.deliver([row.message for row in rows if not is_letter(row.message.queue)])
        _SWEPT.inc(len(rows))
        return len(rows)

    async def sweep_for_ever(self) -> None:
        """Sweep every second until cancelled."""
        while True:
            try:
                swept = await self.sweep()
            except UnavailableError as error:
                _log.warning("sweep.postponed", error=str(error)[:200])
                swept = 0
            if swept < SWEEP_MAX:
                await asyncio.sleep(SWEEP_EVERY_S)

    def forget(self, keys: Sequence[OutboxKey]) -> None:
        """Take sent messages out of the outbox, soon; keys that come meanwhile go together."""
        self._to_forget.extend(keys)
        if self._forgetting is None or self._forgetting.done():
            self._forgetting = asyncio.create_task(self._forget())

    async def close(self) -> None:
        """Let what was started finish."""
        while self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._forgetting is not None:
            await asyncio.gather(self._forgetting, return_exceptions=True)

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _publish(self, queue: str, messages: Sequence[Outgoing]) -> None:
        try:
            await self._bus.publish(queue, [bytes(message.body) for message in messages])
        except BusError as error:
            _SENT.labels("unsure").inc(len(messages))
            _log.warning("relay.unsure", queue=queue, messages=len(messages), error=str(error)[:200])
            return
        _SENT.labels("confirmed").inc(len(messages))
        self.forget([message.key for message in messages])

    async def _forget(self) -> None:
        while self._to_forget:
            await asyncio.sleep(FORGET_AFTER_S)
            keys, self._to_forget = self._to_forget[:FORGET_MAX], self._to_forget[FORGET_MAX:]
            _UNCONFIRMED.set(len(keys) + len(self._to_forget))
            try:
                await self._store.sent(keys)
            except UnavailableError:
                return  # they will be sent again, which every receiver bears
        _UNCONFIRMED.set(0)
