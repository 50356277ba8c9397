"""The timer: transfers whose time has come enter by the one door; it decides nothing, above all no failure."""

import asyncio
from typing import Final

import structlog

from hub.core.command import Due
from hub.flow import Door, OverloadedError
from hub.store.contract import UnavailableError

LOOK_EVERY_S: Final = 1.0
TOGETHER_MAX: Final = 1_000

_log: Final = structlog.get_logger("timer")


class Timer:
    """Looks for transfers that are due."""

    def __init__(self, door: Door) -> None:
        """Hand what is due to this door."""
        self._door = door

    async def look(self) -> int:
        """Hand on what is due now; returns how many there were."""
        due = await self._door.store.due(TOGETHER_MAX)
        await self._door.handle_all([Due(transfer=id_) for id_ in due])
        return len(due)

    async def look_for_ever(self) -> None:
        """Look every second until cancelled."""
        while True:
            try:
                found = await self.look()
            except (UnavailableError, OverloadedError) as error:
                _log.warning("timer.postponed", error=str(error)[:200])
                found = 0
            if found < TOGETHER_MAX:
                await asyncio.sleep(LOOK_EVERY_S)
