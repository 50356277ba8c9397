"""Pricing rules that contradict themselves or the participants never come into force; each is named with its place."""

from typing import Any

import pytest

from hub.core.participant import Role, SchemeError, check
from hub.core.pricing.price import Side
from hub.core.pricing.rules import Corridor, Earner, FeeRule, FxOffer, LimitRule, Period, Then, Tier
from tests.core.corridor import CORRIDORS, OFFERS, corridor_file, member


def fee(name: str = "service", currency: str = "KES", **fields: Any) -> FeeRule:
    return FeeRule(name=name, currency=currency, **fields)


def limit(name: str = "daily", currency: str = "KES", per: Period = Period.DAY, **fields: Any) -> LimitRule:
    return LimitRule(name=name, currency=currency, per=per, **({"max_value": "100"} | fields))


def offer(provider: str = "delta", source: str = "KES", target: str = "UGX", **fields: Any) -> FxOffer:
    return FxOffer(provider=provider, source=source, target=target, **fields)


def tiers(*ends: str, **fields: Any) -> FeeRule:
    return fee(tiers=tuple(Tier(up_to=end, fixed="1") for end in ends), **fields)


ONCE = Period.TRANSACTION

FEES: dict[str, tuple[tuple[FeeRule, ...], str]] = {
    "no currency": ((fee(currency="KSH"),), "fee 'service' in KSH: 'KSH' is not an ISO 4217 currency"),
    "no other currency": ((fee(other="UGS"),), "'UGS' is not an ISO 4217 currency"),
    "no payer FSP": ((fee(payer_fsp="nobody"),), "names the participant 'nobody'; known are alpha, bravo"),
    "no payee FSP": ((fee(payee_fsp="nobody"),), "names the participant 'nobody'"),
    "no amount": ((fee(fixed="ten"),), "fee 'service' in KES: 'ten': an amount is"),
    "below zero": ((fee(fixed="-1"),), "'-1': the amount is negative"),
    "too many decimals": ((fee(currency="UGX", fixed="0.5"),), "UGX has 0 decimals"),
    "no band": ((fee(band_from="a"),), "'a': an amount is"),
    "no end of its band": ((fee(band_to="a"),), "'a': an amount is"),
    "a band that holds nothing": ((fee(band_from="10", band_to="10"),), "its band_to is not above its band_from"),
    "no min": ((fee(min="a"),), "'a': an amount is"),
    "no max": ((fee(max="a"),), "'a': an amount is"),
    "max under min": ((fee(percent="1", min="5", max="4.99"),), "its max is under its min"),
    "no percentage": ((fee(percent="1%"),), "'1%' is not a decimal"),
    "only a point": ((fee(percent="."),), "'.' is not a decimal"),
    "a negative percentage": ((fee(percent="-1"),), "'-1' is not a decimal"),
    "all that arrives": ((fee(percent="100", paid_by=Side.PAYEE),), "100 percent would leave the payee nothing"),
    "all, in a tier": (
        (fee(tiers=(Tier(percent="100.5"),), paid_by=Side.PAYEE),),
        "100.5 percent would leave the payee nothing",
    ),
    "a tier that is no amount": ((fee(tiers=(Tier(fixed="a"),)),), "'a': an amount is"),
    "a tier that is no percentage": ((fee(tiers=(Tier(percent="a"),)),), "'a' is not a decimal"),
    "a tier that ends nowhere": ((tiers("a"),), "'a': an amount is"),
    "fixed beside tiers": ((tiers("", fixed="1"),), "in its tiers or beside them, not in both"),
    "percent beside tiers": ((tiers("", percent="1"),), "in its tiers or beside them, not in both"),
    "an endless tier before the last": ((tiers("", "10"),), "only its last tier may be without up_to"),
    "tiers in no order": ((tiers("10", "5"),), "each tier ends above the one before"),
    "two tiers to one end": ((tiers("10", "10.00"),), "each tier ends above the one before"),
    "a tax of nothing": ((fee("tax", of=("service",), percent="1"),), "it is of service, which no fee of its side"),
    "a tax of a later fee": ((fee("tax", of=("service",)), fee("service")), "which no fee of its side before it"),
    "a tax of itself": ((fee("tax", of=("tax",)),), "it is of tax"),
    "a tax of the other side's fee": (
        (fee("service", currency="UGX", paid_by=Side.PAYEE), fee("tax", of=("service",))),
        "which no fee of its side before it",
    ),
}
LIMITS: dict[str, tuple[tuple[LimitRule, ...], str]] = {
    "no currency": ((limit(currency="KSH"),), "limit 'daily' in KSH: 'KSH' is not an ISO 4217 currency"),
    "no participant": ((limit(payer_fsp="nobody"),), "names the participant 'nobody'"),
    "no amount": ((limit(max_value="much"),), "'much': an amount is"),
    "no least amount": ((limit(per=ONCE, min_value="little"),), "'little': an amount is"),
    "the least of a day": ((limit(min_value="1"),), "min_value is of a transaction, not of a day"),
    "how many in one": ((limit(per=ONCE, max_count=1),), "max_count is of a day, week or month"),
    "none at all": ((limit(max_count=0),), "max_count is at least 1"),
    "no limit": ((limit(max_value=""),), "say min_value, max_value or max_count"),
    "too little is looked at": (
        (limit(per=ONCE, min_value="1", then=Then.REVIEW),),
        "what is under min_value is refused, not reviewed",
    ),
    "max under min": ((limit(per=ONCE, min_value="101"),), "its max is under its min"),
    "two of one name": ((limit(), limit(types=("billpay",))), "limit daily of a day in KES is listed twice"),
}
CORRIDORS_: dict[str, tuple[tuple[Corridor, ...], str]] = {
    "twice": ((*CORRIDORS, CORRIDORS[0]), "corridor KES-UGX is listed twice"),
    "no source": ((Corridor(source="KSH", target="UGX"),), "corridor KSH-UGX: 'KSH' is not an ISO 4217 currency"),
    "no target": ((Corridor(source="KES", target="UGS"),), "corridor KES-UGS: 'UGS' is not an ISO 4217 currency"),
}
FX: dict[str, tuple[tuple[FxOffer, ...], str]] = {
    "twice": ((*OFFERS, OFFERS[0]), "fx delta KES-UGX is listed twice"),
    "of a bank": ((offer("alpha"),), "fx alpha KES-UGX: 'alpha' is not a participant of role fx_provider"),
    "of nobody": ((offer("nobody"),), "'nobody' is not a participant of role fx_provider"),
    "what it does not settle in": ((offer(target="USD"),), "USD is not among the currencies of delta"),
    "for what it does not settle in": ((offer(source="USD"),), "USD is not among the currencies of delta"),
    "one for itself": ((offer(target="KES"),), "name two currencies"),
    "all of it as spread": ((offer(spread_bps=10_000),), "spread_bps is from 0 to 9999"),
    "a negative spread": ((offer(spread_bps=-1),), "spread_bps is from 0 to 9999"),
    "no min": ((offer(min="a"),), "'a': an amount is"),
    "no max": ((offer(max="a"),), "'a': an amount is"),
    "max under min": ((offer(min="10", max="9"),), "its max is under its min"),
    "no exposure": ((offer(exposure_max="0.5"),), "UGX has 0 decimals"),
    "no jump": ((offer(jump_max_percent="a lot"),), "'a lot' is not a decimal"),
    "no time": ((offer(valid_s=0),), "valid_s and stale_after_s are at least 1 s"),
    "stale at once": ((offer(stale_after_s=0),), "valid_s and stale_after_s are at least 1 s"),
    "asked back in time": ((offer(poll_s=-1),), "poll_s is not below 0"),
}
CASES = [
    pytest.param({field: rules}, message, id=f"{field}: {name}")
    for field, table in (("fee", FEES), ("limit", LIMITS), ("corridor", CORRIDORS_), ("fx", FX))
    for name, (rules, message) in table.items()
]


@pytest.mark.parametrize(("change", "message"), CASES)
def test_a_rule_that_contradicts_itself_or_the_participants_is_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(SchemeError) as error:
        check(corridor_file(**change))
    assert message in str(error.value)


def test_a_reference_currency_is_a_currency() -> None:
    with pytest.raises(SchemeError, match="reference_currencies: 'DOLLAR' is not an ISO 4217 currency"):
        check(corridor_file(terms={"reference_currencies": ("USD", "DOLLAR")}))


GOOD: dict[str, dict[str, Any]] = {
    "as it is": {},
    "every kind of fee": {
        "fee": (
            fee(percent="100"),
            fee(fixed="", min="", max="", band_from="", percent=""),
            fee("tax", of=("service",), percent="120", tax=True),
            tiers("10", "20.5", "", graduated=True),
            tiers("10", fixed="0", percent="0.00"),
            fee("payee", "UGX", paid_by=Side.PAYEE, percent="99.99", earned_by=Earner.FX_PROVIDER),
            fee("of the payee's", "UGX", paid_by=Side.PAYEE, of=("payee",), percent="100"),
        )
    },
    "every kind of limit": {
        "limit": (
            limit(),
            limit(per=Period.WEEK),
            limit(per=ONCE, min_value="1", max_value="1"),
            limit("count", max_value="", max_count=1, then=Then.REVIEW),
        )
    },
    "a corridor at home": {"corridor": (*CORRIDORS, Corridor(source="KES", target="KES"))},
    "every kind of offer": {
        "fx": (
            offer(spread_bps=9_999, min="", max="", exposure_max="", jump_max_percent="0"),
            offer("echo", min="1", max="1", exposure_max="1", jump_max_percent="200"),
        )
    },
}


@pytest.mark.parametrize("change", GOOD.values(), ids=GOOD)
def test_what_is_sound_comes_into_force(change: dict[str, Any]) -> None:
    check(corridor_file(**change))


def test_who_sells_is_said_by_its_role() -> None:
    bank = member("delta", Role.FSP, ("KES", "UGX"))
    file = corridor_file(members={"delta": {"role": bank.role}})
    with pytest.raises(SchemeError, match="'delta' is not a participant of role fx_provider"):
        check(file)
