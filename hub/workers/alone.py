"""Items of a loop that fail alone: what one of them raises is logged and counted, and no other waits for it.

It must never swallow that the database is away, or that the door is full: then the whole round is postponed.
"""

import time
from collections.abc import Awaitable
from typing import Final, TypeVar

import structlog
from prometheus_client import Counter

from hub.core.participant import SchemeError
from hub.flow import OverloadedError
from hub.store.contract import UnavailableError

# How long what failed is left alone: by itself it will hardly do better, and it must not fill the log.
AGAIN_AFTER_S: Final = 60.0
POSTPONING: Final = (UnavailableError, OverloadedError, SchemeError)

_FAILED: Final = Counter(
    "hub_worker_failures", "Items of a worker's loop that failed, each alone; anything but 0 is an alarm.", ["loop"]
)

_log: Final = structlog.get_logger("worker")

T = TypeVar("T")


class StuckError(Exception):
    """What a loop can do nothing more about by itself."""


class Alone:
    """What failed in one loop, and until when it is left alone."""

    def __init__(self, loop: str) -> None:
        """Begin with nothing that failed; `loop` is the metric's label."""
        self._loop = loop
        self._until: dict[str, float] = {}

    def __len__(self) -> int:
        """Return how many are left alone now: so many more are to be asked for, or they would hide the others."""
        now = time.monotonic()
        self._until = {name: until for name, until in self._until.items() if until > now}
        return len(self._until)

    def is_left(self, name: str) -> bool:
        """Say whether an item has failed a short time ago."""
        return self._until.get(name, 0.0) > time.monotonic()

    async def done(self, name: str, doing: Awaitable[T], otherwise: T) -> T:
        """Await what is done about an item; where it fails, return `otherwise`. Raises what postpones the round."""
        try:
            found = await doing
        except POSTPONING:
            raise
        except Exception:  # noqa: BLE001 - whatever it is, the other items go on
            self._until[name] = time.monotonic() + AGAIN_AFTER_S
            _FAILED.labels(self._loop).inc()
            _log.exception("item.failed", loop=self._loop, item=name)
            return otherwise
        self._until.pop(name, None)
        return found

    async def round(self, looking: Awaitable[T], otherwise: T) -> T:
        """Await a whole round of the loop; whatever it raises, the next one comes."""
        try:
            return await looking
        except (*POSTPONING, OSError) as error:
            _log.warning(f"{self._loop}.postponed", error=str(error)[:200])
        except Exception:  # noqa: BLE001 - a loop that ends is missed by nobody until it is too late
            _FAILED.labels(self._loop).inc()
            _log.exception("round.failed", loop=self._loop)
        return otherwise
