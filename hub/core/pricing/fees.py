"""Fees and taxes by schedule: which rules fit a transfer, and what each comes to; the order of the file decides."""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import NamedTuple

from hub.core.pricing.price import HUB, Fee, Side
from hub.core.pricing.rate import Rounding, divided, share_of
from hub.core.pricing.rules import Earner, FeeRule
from routing.money import Money


class Way(NamedTuple):
    """What a price depends on, beside the amount."""

    payer_fsp: str
    payee_fsp: str
    type: str
    source: str  # currency that is sent
    target: str  # currency that arrives
    delivery: str = ""


class _Tier(NamedTuple):
    up_to: int | None
    fixed: int
    share: Fraction


class _Charge(NamedTuple):
    """A fee rule, ready to be applied; amounts in minor units."""

    rule: FeeRule
    band_from: int
    band_to: int | None
    least: int
    most: int | None
    tiers: tuple[_Tier, ...]

    def fits(self, way: Way, base: int) -> bool:
        """Say whether this rule is about the transfer."""
        rule = self.rule
        return (
            base >= self.band_from
            and (self.band_to is None or base < self.band_to)
            and (not rule.payer_fsp or rule.payer_fsp == way.payer_fsp)
            and (not rule.payee_fsp or rule.payee_fsp == way.payee_fsp)
            and (not rule.types or way.type in rule.types)
            and (not rule.delivery or way.delivery in rule.delivery)
            and (rule.earned_by is not Earner.FX_PROVIDER or way.source != way.target)
        )

    def comes_to(self, base: int, rounding: Rounding) -> int:
        """Return what is charged on the amount, in minor units."""
        if self.rule.graduated:
            exact = _graduated(self.tiers, base)
            minor = divided(exact.numerator, exact.denominator, rounding)
        else:
            tier = next((each for each in self.tiers if each.up_to is None or base <= each.up_to), None)
            if tier is None:
                return 0
            share = tier.share
            minor = tier.fixed + divided(base * share.numerator, share.denominator, rounding)
        minor = max(minor, self.least)
        return minor if self.most is None else min(minor, self.most)


def _graduated(tiers: Sequence[_Tier], base: int) -> Fraction:
    """Charge each part of the amount by its own tier; what is fixed counts for every tier that is reached."""
    found, begins = Fraction(0), 0
    for tier in tiers:
        if base <= begins and begins:
            break
        ends = base if tier.up_to is None else min(base, tier.up_to)
        found += tier.fixed + (ends - begins) * tier.share
        begins = ends if tier.up_to is None else tier.up_to
    return found


class Schedule:
    """All fee rules of a scheme. Built once, then read only."""

    def __init__(self, rules: Sequence[FeeRule], rounding: Rounding) -> None:
        """Read the rules, which have been checked."""
        self._rounding = rounding
        self._rules: dict[tuple[Side, str], list[_Charge]] = {}
        for rule in rules:
            self._rules.setdefault((rule.paid_by, rule.currency), []).append(_charge(rule))
        # By the pair of currencies, found once: a corridor's few rules among a scheme's many.
        self._found: dict[tuple[Side, str, str], tuple[_Charge, ...]] = {}

    def fees(self, side: Side, way: Way, base: Money, provider: str) -> list[Fee]:
        """Return what this side pays on the amount, which is in this side's currency; `provider` sells the last hop."""
        charges = self._charges(side, way)
        if not charges:
            return []
        earners = {
            Earner.HUB: HUB,
            Earner.PAYER_FSP: way.payer_fsp,
            Earner.PAYEE_FSP: way.payee_fsp,
            Earner.FX_PROVIDER: provider,
        }
        comes_to: dict[str, int] = {}
        found = []
        for charge in charges:
            rule = charge.rule
            if rule.name in comes_to or not charge.fits(way, base.minor):
                continue
            minor = charge.comes_to(_base(rule, base.minor, comes_to), self._rounding)
            comes_to[rule.name] = minor
            if minor:
                fee = Fee(rule.name, side, earners[rule.earned_by], Money(minor, base.currency), rule.tax)
                found.append(fee)
        return found

    def _charges(self, side: Side, way: Way) -> tuple[_Charge, ...]:
        own, other = (way.source, way.target) if side is Side.PAYER else (way.target, way.source)
        key = (side, own, other)
        found = self._found.get(key)
        if found is None:
            every = self._rules.get((side, own), ())
            found = self._found[key] = tuple(each for each in every if each.rule.other in ("", other))
        return found


def _base(rule: FeeRule, amount: int, comes_to: Mapping[str, int]) -> int:
    return sum(comes_to.get(name, 0) for name in rule.of) if rule.of else amount


def _charge(rule: FeeRule) -> _Charge:
    tiers = [(each.up_to, each.fixed, each.percent) for each in rule.tiers] or [("", rule.fixed, rule.percent)]
    return _Charge(
        rule,
        minor_of(rule.band_from, rule.currency),
        minor_of(rule.band_to, rule.currency) if rule.band_to else None,
        minor_of(rule.min, rule.currency),
        minor_of(rule.max, rule.currency) if rule.max else None,
        tuple(
            _Tier(
                minor_of(up_to, rule.currency) if up_to else None,
                minor_of(fixed, rule.currency),
                share_of(percent),
            )
            for up_to, fixed, percent in tiers
        ),
    )


def minor_of(text: str, currency: str) -> int:
    """Read an amount of the scheme file; empty: none. Raises MoneyError."""
    return Money.parse(text or "0", currency).minor
