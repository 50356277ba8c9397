"""Settlement that goes on by itself: windows whose time has come close, are reckoned and, where they may, released.

It decides nothing: several may do this at once, and whatever one of them is killed between, the next look does the
rest. A close that was missed while nobody looked is made up for once.
"""

import asyncio
import secrets
import time
from typing import Final

import structlog
from prometheus_client import Counter, Gauge

from hub.core.command import Refusal
from hub.core.record import Deed
from hub.core.settlement.close import CloseWindow, Reckon
from hub.core.settlement.settle import ReleaseAutomatically
from hub.core.settlement.window import Window, WindowState
from hub.flow import Door
from hub.workers.alone import Alone

LOOK_EVERY_S: Final = 1.0
TOGETHER_MAX: Final = 200
# From close to release are three steps; a backlog of a gross model is closed piece by piece.
ROUNDS_MAX: Final = 50
MEASURE_EVERY_S: Final = 15.0
BY: Final = "calendar"

_STEPS: Final = Counter("hub_window_steps", "What was done with windows by the calendar.", ["step", "result"])
_WINDOWS: Final = Gauge("hub_windows", "Windows that are not settled.", ["model", "state"])
_AGE: Final = Gauge("hub_window_age_seconds", "Age of the oldest window that is not settled.", ["model", "state"])
_DUE: Final = Gauge("hub_obligations_due", "Obligations that are due.", ["model"])
_DUE_MINOR: Final = Gauge("hub_obligations_due_minor", "What is due, in minor units.", ["model", "currency"])

_log: Final = structlog.get_logger("settlement")


class Settling:
    """Sees to windows that are due."""

    def __init__(self, door: Door) -> None:
        """Hand everything to this door."""
        self._door = door
        self._alone = Alone("settlement")
        self._empty_to: dict[str, int] = {}  # open windows in which nothing moved up to this height
        self._measure_at = 0.0

    async def look(self) -> int:
        """See to every window that is due now, each alone, until nothing is left to do; returns how much was done."""
        done = 0
        for _ in range(ROUNDS_MAX):
            found = await self._door.store.records.due(Window, TOGETHER_MAX + len(self._alone))
            due = [each for each in found if not self._alone.is_left(each.id)]
            steps = [await self._alone.done(each.id, self._see_to(each), otherwise=False) for each in due]
            done += sum(steps)
            if not any(steps):
                break
        return done

    async def _see_to(self, window: Window) -> bool:
        """Take a window one step further; says whether it was."""
        deed = await self._step(window)
        if deed is None:
            return False
        result = await self._door.handle(deed)
        step = type(deed).__name__
        if isinstance(result, Refusal):
            # Also where another process was first, or an earlier window is still to be released.
            _log.info("window.waits", model=window.model, number=window.number, step=step, detail=result.detail)
            _STEPS.labels(step, result.reason).inc()
            return False
        _STEPS.labels(step, "done" if result.changed else "done before").inc()
        if result.changed:
            _log.info("window.moved", model=window.model, number=window.number, step=step)
        return result.changed

    async def _step(self, window: Window) -> Deed | None:
        """Say what is to be done with a window; None: nothing yet."""
        if window.state is WindowState.OPEN:
            return None if await self._is_skipped(window) else _closing(window)
        if window.state is WindowState.CLOSED:
            movements = tuple(await self._door.store.settlement.movements(window))
            return Reckon(by=BY, window=window.id, movements=movements)
        if window.state is WindowState.RECKONED and window.terms.automatic:
            return ReleaseAutomatically(by=BY, window=window.id)
        return None

    async def _is_skipped(self, window: Window) -> bool:
        """Say whether nothing has moved in a window that would close all the time; looks at what is new only."""
        if not window.terms.every_s or window.carried:
            return False
        known = self._empty_to.get(window.id, window.from_height)
        height = await self._door.store.settlement.height()
        if height > known and await self._door.store.settlement.movements(window, known):
            self._empty_to.pop(window.id, None)
            return False
        self._empty_to[window.id] = height
        return True

    async def measure(self) -> None:
        """Set the gauges."""
        found = await self._door.store.settlement.unsettled()
        now_ms = await self._door.store.records.now_ms()
        for gauge in (_WINDOWS, _AGE, _DUE, _DUE_MINOR):
            gauge.clear()
        for each in found:
            _WINDOWS.labels(each.model, each.state).set(each.windows)
            _AGE.labels(each.model, each.state).set((now_ms - each.oldest_ms) // 1000)
            _DUE.labels(each.model).inc(each.due)
            _DUE_MINOR.labels(each.model, each.currency).inc(each.due_minor)

    async def look_for_ever(self) -> None:
        """Look every second until cancelled."""
        while True:
            await self._alone.round(self.look(), 0)
            if time.monotonic() >= self._measure_at:
                self._measure_at = time.monotonic() + MEASURE_EVERY_S
                await self._alone.round(self.measure(), None)
            await asyncio.sleep(LOOK_EVERY_S)


def _closing(window: Window) -> CloseWindow:
    return CloseWindow(by=BY, ref=secrets.token_hex(16), window=window.id)
