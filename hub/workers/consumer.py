"""The consumer: outcomes from the bus through the one door; a message is settled only after the commit."""

from collections.abc import Sequence
from typing import Final

import structlog
from prometheus_client import Counter

from hub.core.command import Heard, Refusal
from hub.flow import Door
from routing import topology
from routing.bus import Bus
from routing.message import Outcome, decoded

_UNREADABLE: Final = Counter("hub_outcomes_unreadable", "Outcomes that could not be decoded.")
_STRANGE: Final = Counter("hub_outcomes_strange", "Outcomes that the hub could not apply to any transfer.")

_log: Final = structlog.get_logger("consumer")


class Consumer:
    """Takes outcomes."""

    def __init__(self, door: Door, bus: Bus) -> None:
        """Hand what comes to this door."""
        self._door = door
        self._bus = bus

    async def start(self) -> None:
        """Start taking; returns at once."""
        await self._bus.consume(topology.OUTCOMES, self.take)

    async def take(self, envelopes: Sequence[bytes]) -> None:
        """Apply the outcomes of one message together; raising has them delivered again."""
        outcomes, unreadable = decoded(envelopes, Outcome)
        for envelope, wrong in unreadable:
            # The transfer it was about is asked about anyway, so nothing is lost with it.
            _UNREADABLE.inc()
            _log.error("outcome.unreadable", octets=len(envelope), wrong=wrong[:200])
        results = await self._door.handle_all([Heard(outcome=outcome) for outcome in outcomes])
        for outcome, result in zip(outcomes, results, strict=True):
            if isinstance(result, Refusal):
                _STRANGE.inc()
                _log.error("outcome.strange", connection=outcome.connection, reason=result.reason)
