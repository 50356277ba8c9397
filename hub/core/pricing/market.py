"""The market: published rates, open quotes and what FX providers have left, as they stand in one batch.

A rate enters by the one door. One that jumps further than its provider's breaker allows is held: neither it nor the
one before it is used until an operator has looked.
"""

from collections.abc import Iterable, Mapping
from enum import StrEnum

import msgspec

from hub.core.pricing.price import Quote
from hub.core.pricing.rate import Rate, share_of
from hub.core.pricing.rules import FxOffer

RateKey = tuple[str, str, str]  # provider, source, target
ExposureKey = tuple[str, str, int]  # provider, currency, when the quotes have expired
BUCKET_MS = 10_000  # open quotes that expire within the same ten seconds are one row


class RateState(StrEnum):
    """Whether a published rate is used."""

    IN_FORCE = "in_force"
    HELD = "held"  # it jumped; an operator confirms it or the provider sends another near the last one


class Published(msgspec.Struct, frozen=True, kw_only=True):
    """A rate as it was published. Times are Unix milliseconds."""

    provider: str
    source: str
    target: str
    rate: str
    at_ms: int
    until_ms: int
    by: str  # the participant's software, an adapter's connection, an operator
    state: RateState = RateState.IN_FORCE
    last: str = ""  # of a held rate: the last one that was in force

    @property
    def key(self) -> RateKey:
        """What it is kept under."""
        return self.provider, self.source, self.target


class Market(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of the market."""

    rates: Mapping[RateKey, Published] = {}
    open_minor: Mapping[tuple[str, str], int] = {}  # (provider, currency) -> sum of its open quotes
    available: Mapping[tuple[str, str], int | None] = {}  # (provider, currency) -> what its position still bears


def published(new: Published, offer: FxOffer, before: Published | None, *, confirmed: bool) -> Published:
    """Say whether a new rate is used; the jump is measured from the last rate that was."""
    last = "" if before is None else (before.last if before.state is RateState.HELD else before.rate)
    if confirmed or not last or not offer.jump_max_percent or not jumped(last, new.rate, offer.jump_max_percent):
        return new
    return msgspec.structs.replace(new, state=RateState.HELD, last=last)


def jumped(last: str, rate: str, percent: str) -> bool:
    """Say whether the rate is further from the last one than so many percent of it."""
    old, new = Rate.parse(last), Rate.parse(rate)
    scale = max(old.scale, new.scale)
    was, now = old.digits * 10 ** (scale - old.scale), new.digits * 10 ** (scale - new.scale)
    most = share_of(percent)
    return bool(abs(now - was) * most.denominator > was * most.numerator)


def bucket(expires_ms: int) -> int:
    """Return when the row that a quote is counted in has expired: not before the quote itself."""
    return -(-expires_ms // BUCKET_MS) * BUCKET_MS


def exposures(quotes: Iterable[Quote]) -> dict[ExposureKey, int]:
    """Say what the quotes of one quotation bind FX providers to give: of each only one can be used, so the largest."""
    found: dict[tuple[str, str], tuple[int, int]] = {}
    for quote in quotes:
        until = bucket(quote.price.expires_ms or 0)
        for hop in quote.price.hops:
            key = (hop.provider, hop.target.currency)
            minor, last = found.get(key, (0, 0))
            found[key] = (max(minor, hop.target.minor), max(last, until))
    return {(provider, currency, until): minor for (provider, currency), (minor, until) in found.items()}
