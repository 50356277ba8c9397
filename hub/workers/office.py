"""The office's clock: proposals that nobody decided upon expire, and how positions stand is shown; it decides nothing.

An alarm is raised with the posting that passes a threshold; here only those are looked at again whose thresholds a
scheme has changed since.
"""

import asyncio
import time
from collections.abc import Sequence
from typing import Final

import structlog
from prometheus_client import Gauge

from hub.core.command import Refusal
from hub.core.office.liquidity import Weigh, is_stale
from hub.core.office.proposal import Expire, Proposal
from hub.flow import Door
from hub.ledger.account import Account, Kind
from hub.ledger.position import available, balance
from hub.workers.alone import Alone, StuckError

LOOK_EVERY_S: Final = 1.0
SHOW_EVERY_S: Final = 15.0
EXPIRE_MAX: Final = 100

_LABELS: Final = ("participant", "currency")
_BALANCE: Final = Gauge("hub_position_balance_minor", "Posted credits less posted debits, in minor units.", _LABELS)
_AVAILABLE: Final = Gauge("hub_position_available_minor", "What may still go out, in minor units.", _LABELS)
_CAP: Final = Gauge("hub_position_cap_minor", "The net debit cap, in minor units.", _LABELS)
_ALARM: Final = Gauge("hub_position_alarm_level", "How many thresholds it is under.", _LABELS)
_BLOCKED: Final = Gauge("hub_position_blocked", "1 where debits are blocked.", _LABELS)
_log: Final = structlog.get_logger("office")


class Office:
    """Looks after proposals and positions."""

    def __init__(self, door: Door) -> None:
        """Hand what has come of time to this door."""
        self._door = door
        self._alone = Alone("office")
        self._show_at = 0.0

    async def look(self) -> None:
        """Expire what has waited too long, each alone; from time to time, show how positions stand."""
        found = await self._door.store.records.due(Proposal, EXPIRE_MAX + len(self._alone))
        late = [each for each in found if not self._alone.is_left(each.id)]
        await asyncio.gather(*(self._alone.done(each.id, self._expire(each), None) for each in late))
        now = time.monotonic()
        if now >= self._show_at:
            self._show_at = now + SHOW_EVERY_S
            await self._show()

    async def _expire(self, proposal: Proposal) -> None:
        result = await self._door.handle(Expire(by="calendar", proposal=proposal.id))
        if isinstance(result, Refusal):
            raise StuckError(f"it does not expire: {result.reason} {result.detail}")
        _log.info("proposal.expired", proposal=proposal.id, act=proposal.act)

    async def _show(self) -> None:
        scheme = await self._door.store.scheme()
        positions = [each for each in await self._door.store.accounts() if each.kind is Kind.POSITION]
        stale = [each for each in positions if is_stale(each, scheme.alarms)]
        for each in stale:
            weighing = self._door.handle(Weigh(by="hub", participant=each.participant, currency=each.currency))
            await self._alone.done(f"{each.participant} {each.currency}", weighing, None)
        if stale:
            positions = [each for each in await self._door.store.accounts() if each.kind is Kind.POSITION]
        show(positions)

    async def look_for_ever(self) -> None:
        """Look every second until cancelled."""
        while True:
            await self._alone.round(self.look(), None)
            await asyncio.sleep(LOOK_EVERY_S)


def show(positions: Sequence[Account]) -> None:
    """Set the gauges to how positions stand."""
    for each in positions:
        labels = (each.participant, each.currency)
        _BALANCE.labels(*labels).set(balance(each))
        _AVAILABLE.labels(*labels).set(available(each) or 0)
        _CAP.labels(*labels).set(each.cap_minor or 0)
        _ALARM.labels(*labels).set(each.alarm)
        _BLOCKED.labels(*labels).set(each.blocked)
