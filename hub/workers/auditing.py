"""The audit that never ends: what is new in the ledger is recomputed every minute, and months are prepared ahead.

It repairs nothing and stops for nothing: what is found is said again at every run, until somebody has looked into it.
"""

import asyncio
import time
from typing import Final

import msgspec
import psycopg
import structlog
from prometheus_client import Gauge

from hub.store.contract import UnavailableError
from hub.store.ledger import Ledger
from hub.store.ledger_audit import Progress

LOOK_EVERY_S: Final = 60.0
BUSY_S: Final = 5.0  # another process is at it: look whether it has left anything
PREPARE_EVERY_S: Final = 86_400.0
SAID_MAX: Final = 20

_FINDINGS: Final = Gauge("hub_audit_findings", "What the last audit of new journals found; anything but 0 is an alarm.")
_LEFT: Final = Gauge("hub_audit_journals_left", "Journals that the audit has not looked at yet.")
_AGE: Final = Gauge("hub_audit_age_seconds", "How long ago this process last found the new journals clean.")

_log: Final = structlog.get_logger("audit")


class Auditing:
    """Looks at what is new in the ledger."""

    def __init__(self, ledger: Ledger) -> None:
        """Audit this ledger."""
        self._ledger = ledger
        self._clean_at = time.monotonic()
        self._prepare_at = 0.0
        _AGE.set_function(lambda: time.monotonic() - self._clean_at)

    async def look(self) -> Progress | None:
        """Audit the next journals and say what was found; None: another process is at it."""
        found = await self._ledger.audit_new()
        if found is None:
            return None
        _FINDINGS.set(len(found.findings))
        _LEFT.set(found.left)
        if found.findings:
            _log.error(
                "audit.findings", count=len(found.findings), height=found.height, findings=found.findings[:SAID_MAX]
            )
        else:
            self._clean_at = time.monotonic()
        return found

    async def prepare(self) -> None:
        """Once a day, make the partitions of the months to come."""
        if time.monotonic() < self._prepare_at:
            return
        refused = await self._ledger.prepare_months()
        self._prepare_at = time.monotonic() + PREPARE_EVERY_S
        if refused:
            _log.warning("ledger.months_not_prepared", partitions=refused)

    async def look_for_ever(self) -> None:
        """Look every minute until cancelled; at once where there is more than one run looks at."""
        while True:
            wait_s = await self._look_somehow()
            try:
                await self.prepare()
            except (UnavailableError, psycopg.Error) as error:
                _log.warning("ledger.months_postponed", error=str(error)[:200])
            await asyncio.sleep(wait_s)

    async def _look_somehow(self) -> float:
        """Look, whatever comes of it; return how long to wait before the next time."""
        try:
            found = await self.look()
        except UnavailableError as error:
            _log.warning("audit.postponed", error=str(error)[:200])
            return LOOK_EVERY_S
        except (psycopg.Error, msgspec.MsgspecError) as error:
            # What the audit keeps for itself, or the tables, are not what they should be: that is an alarm too.
            _FINDINGS.set(1)
            _log.error("audit.findings", count=1, findings=[f"the audit cannot go on: {error}"[:500]])
            return LOOK_EVERY_S
        if found is None:
            return BUSY_S
        return 0 if found.left and not found.findings else LOOK_EVERY_S
