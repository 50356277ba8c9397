"""How often one caller may ask the same thing, or guess: counted in this process alone; it must never move money.

Several processes count each for themselves, and a process that starts anew begins at nothing: these limits spare the
hub and slow a guesser down; nothing relies on them for being right.
"""

import time
from collections import OrderedDict, deque
from collections.abc import Callable, Hashable
from typing import Final, Generic, TypeVar

from hub.core.command import Done, Reason, Result, Submit
from hub.flow import Door
from hub.http.errors import ApiError

REMEMBERED_MAX: Final = 65_536  # requests, or callers; the one longest untouched is forgotten first
WRONG_CODES_MAX: Final = 10
WRONG_CODES_WITHIN_S: Final = 600.0

K_ = TypeVar("K_", bound=Hashable)
V_ = TypeVar("V_")


class Remembered(Generic[K_, V_]):
    """A table of bounded size."""

    def __init__(self, make: Callable[[], V_], size_max: int = REMEMBERED_MAX) -> None:
        """Begin empty; `make` makes what is not there yet."""
        self._make = make
        self._size_max = size_max
        self._rows: OrderedDict[K_, V_] = OrderedDict()

    def of(self, key: K_) -> V_:
        """Return what is kept under a key, made when it is not there."""
        found = self._rows.pop(key, None)
        self._rows[key] = found = self._make() if found is None else found
        if len(self._rows) > self._size_max:
            self._rows.popitem(last=False)
        return found

    def __len__(self) -> int:
        return len(self._rows)


class _Count:
    """A number that grows."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value = 0


class Polls:
    """Counts how often a caller has polled a request."""

    def __init__(self, poll_limit: int) -> None:
        """Allow this many polls of one request."""
        self._limit = poll_limit
        self._counts: Remembered[tuple[str, str], _Count] = Remembered(_Count)

    def count(self, caller: str, request: str) -> None:
        """Count one poll; raises an ApiError beyond the limit. Nobody uses up another's polls."""
        count = self._counts.of((caller, request))
        count.value += 1
        if count.value > self._limit:
            raise _too_many(
                f"This request was polled {self._limit} times, its pollLimit; look at /transactions or /responses."
            )


class Guesses:
    """Stops a caller whose codes are wrong again and again."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Keep time by this clock."""
        self._clock = clock
        self._wrong: Remembered[str, deque[float]] = Remembered(lambda: deque(maxlen=WRONG_CODES_MAX))

    async def handled(self, door: Door, submit: Submit) -> Result:
        """Hand a submission to the door, unless it tries one code more after too many wrong ones."""
        if not submit.body.details.get("oneTimeCode"):
            return await door.handle(submit)
        wrong = self._wrong.of(submit.caller)
        if len(wrong) == WRONG_CODES_MAX and self._clock() - wrong[0] < WRONG_CODES_WITHIN_S:
            raise _too_many(f"{WRONG_CODES_MAX} codes in a row were wrong; wait some minutes before the next one.")
        result = await door.handle(submit)
        if isinstance(result, Done) and result.reason == Reason.CODE_UNKNOWN:
            wrong.append(self._clock())
        elif isinstance(result, Done) and not result.reason:  # what was refused for something else says nothing
            wrong.clear()
        return result


def _too_many(description: str) -> ApiError:
    return ApiError("businessRule", "rateLimitError", description)
