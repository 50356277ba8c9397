"""Rates: FX providers that are to be asked for theirs are asked, and what they say enters by the one door.

It decides nothing about a rate. A provider that does not answer is asked again; its last rate grows stale by itself.
"""

import asyncio
import time
from typing import Any, Final

import structlog
from prometheus_client import Counter

from hub.core.command import NewRate, Publish, Refusal
from hub.core.participant import Scheme
from hub.core.pricing.rate import Rate, RateError
from hub.flow import Door, OverloadedError
from hub.store.contract import UnavailableError
from routing.message import Finding, Kind

LOOK_EVERY_S: Final = 1.0
FORGET_EVERY_S: Final = 60.0
VALID_MAX_S: Final = 86_400

_POLLS: Final = Counter("hub_rate_polls", "FX providers asked for their rates, by what came of it.", ["result"])
_log: Final = structlog.get_logger("rates")


class Rates:
    """Asks FX providers for their rates, each as often as the scheme says."""

    def __init__(self, door: Door) -> None:
        """Hand what is heard to this door."""
        self._door = door
        self._due: dict[str, float] = {}
        self._forget_at = time.monotonic() + FORGET_EVERY_S

    async def look(self) -> None:
        """Ask every provider whose time has come, all at once."""
        scheme = await self._door.recent_scheme()
        now, wanted = time.monotonic(), _polled(scheme)
        due = [provider for provider in wanted if self._due.get(provider, 0) <= now and scheme.active(provider)]
        self._due |= {provider: now + wanted[provider] for provider in due}
        await asyncio.gather(*(self._ask(provider, scheme) for provider in due))
        if now >= self._forget_at:
            self._forget_at = now + FORGET_EVERY_S
            await self._door.store.forget_expired()

    async def _ask(self, provider: str, scheme: Scheme) -> None:
        answer = await self._door.inquire(asker=provider, kind=Kind.RATES, institution=provider)
        if isinstance(answer, Refusal) or answer.finding is not Finding.FOUND:
            why = answer.reason if isinstance(answer, Refusal) else answer.finding
            _log.warning("rates.not_heard", provider=provider, why=why)
            _POLLS.labels("not_heard").inc()
            return
        rates = rates_in(answer.rows, provider, scheme)
        if not rates:
            _POLLS.labels("nothing").inc()
            return
        result = await self._door.handle(Publish(provider=provider, rates=rates, by="its adapter"))
        _POLLS.labels("refused" if isinstance(result, Refusal) else "held" if result.reason else "taken").inc()
        if result.reason:
            _log.warning("rates.doubted", provider=provider, why=result.reason)

    async def look_for_ever(self) -> None:
        """Look every second until cancelled."""
        while True:
            try:
                await self.look()
            except (UnavailableError, OverloadedError) as error:
                _log.warning("rates.postponed", error=str(error)[:200])
            await asyncio.sleep(LOOK_EVERY_S)


def _polled(scheme: Scheme) -> dict[str, int]:
    """Return how often each provider is asked, in seconds: as often as the most demanding of its pairs wants."""
    found: dict[str, int] = {}
    for each in scheme.file.fx:
        if each.poll_s:
            found[each.provider] = min(each.poll_s, found.get(each.provider, each.poll_s))
    return found


def rates_in(rows: list[dict[str, Any]], provider: str, scheme: Scheme) -> tuple[NewRate, ...]:
    """Read an adapter's rows; what the provider does not sell in this scheme, and what is no rate, is passed over."""
    sold = {(each.source, each.target) for each in scheme.file.fx if each.provider == provider and each.poll_s}
    found: dict[tuple[str, str], NewRate] = {}
    for row in rows:
        pair = (str(row.get("source")), str(row.get("target")))
        if pair not in sold:
            continue
        try:
            Rate.parse(str(row.get("rate")))
        except RateError:
            _log.warning("rates.unreadable", provider=provider, source=pair[0], target=pair[1])
            continue
        valid_s = row.get("valid_s")
        lasts = valid_s if type(valid_s) is int and 0 < valid_s <= VALID_MAX_S else None
        found[pair] = NewRate(source=pair[0], target=pair[1], rate=str(row["rate"]), valid_s=lasts)
    return tuple(found.values())
