"""Disputes whose time has come: deemed at the deadline, given back by their linked transfers; it decides nothing.

Whatever it is killed between, the next look does the rest: a linked transfer has its id from its dispute, and how it
stands is read under lock by the deed that ends the dispute.
"""

import asyncio
from typing import Final

import structlog
from prometheus_client import Counter

from hub.core.command import Refusal
from hub.core.office.disputes import Deem, Linked, submission
from hub.core.office.records import PROMISING, Dispute
from hub.flow import Door
from hub.workers.alone import Alone

LOOK_EVERY_S: Final = 1.0
TOGETHER_MAX: Final = 200

_LOOKS: Final = Counter("hub_disputes", "Disputes whose time had come, by the state that they were left in.", ["state"])

_log: Final = structlog.get_logger("disputes")


class Disputes:
    """Sees to disputes that are due."""

    def __init__(self, door: Door) -> None:
        """Hand everything to this door."""
        self._door = door
        self._alone = Alone("disputes")

    async def look(self) -> int:
        """See to every dispute that is due now, each alone; returns how many there were."""
        found = await self._door.store.records.due(Dispute, TOGETHER_MAX + len(self._alone))
        due = [each for each in found if not self._alone.is_left(each.id)][:TOGETHER_MAX]
        await asyncio.gather(*(self._alone.done(each.id, self._see_to(each), None) for each in due))
        return len(due)

    async def _see_to(self, dispute: Dispute) -> None:
        about = {"dispute": dispute.id, "transfer": dispute.transfer}
        if dispute.state in PROMISING:
            deed: Deem | Linked = Linked(by="hub", waits=await self._begun(dispute), **about)
        else:
            deed = Deem(by="calendar", **about)
        result = await self._door.handle(deed)
        if isinstance(result, Refusal):
            _log.error("dispute.stuck", dispute=dispute.id, reason=result.reason, detail=result.detail)
            _LOOKS.labels("stuck").inc()
            return
        found = await self._door.store.records.one(Dispute, dispute.id)
        if result.changed and found is not None:
            _LOOKS.labels(found.state).inc()
            if found.state is not dispute.state:
                _log.info("dispute.moved", dispute=found.id, state=found.state, linked=found.linked)

    async def _begun(self, dispute: Dispute) -> str:
        """Have the linked transfer begun, if it is not; returns why the door does not take it now."""
        if await self._door.store.transfer(dispute.linked) is not None:
            return ""
        result = await self._door.handle(submission(dispute))
        if not isinstance(result, Refusal):
            return ""
        _log.warning("dispute.waits", dispute=dispute.id, reason=result.reason, detail=result.detail)
        return str(result.reason)

    async def look_for_ever(self) -> None:
        """Look every second until cancelled."""
        while True:
            if await self._alone.round(self.look(), 0) < TOGETHER_MAX:
                await asyncio.sleep(LOOK_EVERY_S)
