"""Fees and taxes by schedule: which rules fit a transfer, and what each comes to; the order of the file decides."""

from collections.abc import Mapping, Sequence
from math import lcm
from typing import Final, NamedTuple

from hub.core.pricing.price import HUB, Fee, Side
from hub.core.pricing.rate import Rounding, divided, share_of
from hub.core.pricing.rules import Earner, FeeRule
from routing.money import Money

FOUND_MAX: Final = 10_000  # ways whose rules are remembered


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
    share: int  # of the charge's whole


class _Charge(NamedTuple):
    """A fee rule, ready to be applied; amounts in minor units, shares as parts of one whole for all its tiers."""

    rule: FeeRule
    band_from: int
    band_to: int | None
    least: int
    most: int | None
    tiers: tuple[_Tier, ...]
    whole: int

    def comes_to(self, base: int, rounding: Rounding) -> int:
        """Return what is charged on the amount, in minor units."""
        if self.rule.graduated:
            minor = divided(_graduated(self.tiers, base, self.whole), self.whole, rounding)
        else:
            for up_to, fixed, share in self.tiers:
                if up_to is None or base <= up_to:
                    minor = fixed + divided(base * share, self.whole, rounding)
                    break
            else:
                return 0
        minor = max(minor, self.least)
        return minor if self.most is None else min(minor, self.most)


def _graduated(tiers: Sequence[_Tier], base: int, whole: int) -> int:
    """Charge each part of the amount by its own tier; what is fixed counts for every tier that is reached."""
    found = begins = 0
    for up_to, fixed, share in tiers:
        if base <= begins and begins:
            break
        ends = base if up_to is None else min(base, up_to)
        found += fixed * whole + (ends - begins) * share
        begins = ends if up_to is None else up_to
    return found


_Key = tuple[Side, str, str, str, str, str, str]


class Schedule:
    """All fee rules of a scheme. Built once, then read only."""

    def __init__(self, rules: Sequence[FeeRule], rounding: Rounding) -> None:
        """Read the rules, which have been checked."""
        self._rounding = rounding
        self._rules: dict[tuple[Side, str], list[_Charge]] = {}
        for rule in rules:
            self._rules.setdefault((rule.paid_by, rule.currency), []).append(_charge(rule))
        # What any rule distinguishes: of everything else it does not matter which it is.
        self._named = {fsp for rule in rules for fsp in (rule.payer_fsp, rule.payee_fsp)}
        self._types = {kind for rule in rules for kind in rule.types}
        self._deliveries = {method for rule in rules for method in rule.delivery}
        # The few rules of a way among a scheme's many, found once; the amount is looked at each time.
        self._found: dict[_Key, tuple[_Charge, ...]] = {}

    def fees(self, side: Side, way: Way, base: Money, provider: str) -> list[Fee]:
        """Return what this side pays on the amount, which is in this side's currency; `provider` sells the last hop."""
        amount, currency, rounding = base.minor, base.currency, self._rounding
        comes_to: dict[str, int] = {}
        found = []
        for charge in self._charges(side, way):
            rule = charge.rule
            if amount < charge.band_from or (charge.band_to is not None and amount >= charge.band_to):
                continue
            if rule.name in comes_to:
                continue
            minor = charge.comes_to(_sum(rule.of, comes_to) if rule.of else amount, rounding)
            comes_to[rule.name] = minor
            if minor:
                earner = _earner(rule.earned_by, way, provider)
                found.append(Fee(rule.name, side, earner, Money(minor, currency), rule.tax))
        return found

    def _charges(self, side: Side, way: Way) -> tuple[_Charge, ...]:
        own, other = (way.source, way.target) if side is Side.PAYER else (way.target, way.source)
        if (side, own) not in self._rules:
            return ()
        key = (
            side,
            own,
            other,
            way.payer_fsp if way.payer_fsp in self._named else "",
            way.payee_fsp if way.payee_fsp in self._named else "",
            way.type if way.type in self._types else "",
            way.delivery if way.delivery in self._deliveries else "",
        )
        found = self._found.get(key)
        if found is None:
            if len(self._found) >= FOUND_MAX:
                self._found.clear()
            every = self._rules[side, own]
            found = self._found[key] = tuple(each for each in every if _fits(each.rule, way, other))
        return found


def _fits(rule: FeeRule, way: Way, other: str) -> bool:
    """Say whether a rule is about such transfers, whatever their amount."""
    return (
        rule.is_about(payer_fsp=way.payer_fsp, payee_fsp=way.payee_fsp, type_=way.type, other=other)
        and (not rule.delivery or way.delivery in rule.delivery)
        and (rule.earned_by is not Earner.FX_PROVIDER or way.source != way.target)
    )


def _earner(earner: Earner, way: Way, provider: str) -> str:
    if earner is Earner.HUB:
        return HUB
    if earner is Earner.FX_PROVIDER:
        return provider
    return way.payer_fsp if earner is Earner.PAYER_FSP else way.payee_fsp


def _sum(names: Sequence[str], comes_to: Mapping[str, int]) -> int:
    found = 0
    for name in names:
        found += comes_to.get(name, 0)
    return found


def _charge(rule: FeeRule) -> _Charge:
    tiers = [(each.up_to, each.fixed, each.percent) for each in rule.tiers] or [("", rule.fixed, rule.percent)]
    shares = [share_of(percent) for _, _, percent in tiers]
    whole = lcm(*(share.denominator for share in shares))
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
                share.numerator * (whole // share.denominator),
            )
            for (up_to, fixed, _), share in zip(tiers, shares, strict=True)
        ),
        whole,
    )


def minor_of(text: str, currency: str) -> int:
    """Read an amount of the scheme file; empty: none. Raises MoneyError."""
    return Money.parse(text or "0", currency).minor
