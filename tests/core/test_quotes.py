"""Quotes: every way is priced, the best for the customer comes first, and each way left out says why."""

from collections.abc import Mapping
from typing import Any

import msgspec
import pytest

from hub.core.command import Reason
from hub.core.participant import Role, SchemeFile
from hub.core.pricing.fees import Way
from hub.core.pricing.market import Market, RateState, bucket
from hub.core.pricing.price import Side, explained
from hub.core.pricing.quote import Offers, quote_id
from hub.core.pricing.rules import Earner, FeeRule, FxOffer
from routing.money import MINOR_MAX, Money
from tests.core.corridor import (
    ABROAD,
    CORRIDORS,
    OFFERS,
    RATES,
    RateKey,
    asked,
    confirming,
    corridor_file,
    market,
    member,
)
from tests.core.stage import START_MS

SELLERS = {each.provider: each for each in OFFERS if each.source == "KES"}


def selling(provider: str = "delta", **change: Any) -> SchemeFile:
    """Build the scheme in which this one alone sells shillings of one kind for the other, under other terms."""
    return corridor_file(fx=(msgspec.structs.replace(SELLERS[provider], **change),))


def summary(found: Offers) -> list[tuple[tuple[str, ...], str, str]]:
    return [(each.price.providers, str(each.price.taken), str(each.price.given)) for each in found.quotes]


def test_every_way_is_offered_and_what_gives_most_comes_first() -> None:
    found = asked()
    assert summary(found) == [(("delta",), "1000", "28500"), (("echo",), "1000", "28000")]
    best = found.quotes[0]
    assert (best.id, best.price.quote) == (quote_id("0" * 32, 1), best.id)
    assert explained(found.quotes)[0] == "1 of 2: takes 1000 KES, gives 28500 UGX; delta at 28.5 (28.5, 5 s old)"
    assert (found.left_out, found.reason, best.price.rate, best.type) == ([], None, "28.5", ABROAD)
    better = market({**RATES, ("echo", "KES", "UGX"): "28.51"})
    assert [each[0] for each in summary(asked(on=better))] == [("echo",), ("delta",)]


def test_of_what_is_to_be_received_what_takes_least_comes_first() -> None:
    found = asked(amount="28500", receive=True)
    assert summary(found) == [(("delta",), "1000", "28500"), (("echo",), "1017.86", "28500")]


def test_the_customer_is_ranked_by_what_remains_after_fees() -> None:
    margin = FeeRule(name="margin", currency="UGX", paid_by=Side.PAYEE, fixed="600", earned_by=Earner.FX_PROVIDER)
    file = corridor_file(fee=(margin,), fx=(msgspec.structs.replace(SELLERS["delta"], spread_bps=200), SELLERS["echo"]))
    assert summary(asked(file)) == [(("echo",), "1000", "27400"), (("delta",), "1000", "27330")]


def test_of_equals_the_order_is_always_the_same() -> None:
    same = market({**RATES, ("echo", "KES", "UGX"): "28.5"})
    for fx in (OFFERS, OFFERS[::-1]):
        assert [each[0] for each in summary(asked(corridor_file(fx=fx), same))] == [("delta",), ("echo",)]


def test_at_home_there_is_one_way_and_nobody_converts() -> None:
    found = asked(ways=Way("alpha", "alpha", "transfer", "KES", "KES"), on=Market())
    (quote,) = found.quotes
    assert (quote.price.hops, quote.price.rate, quote.price.legs) == ((), "", ())
    assert quote.price.expires_ms == START_MS + 300_000
    assert explained([quote]) == ["1 of 1: takes 1000 KES, gives 1000 KES"]


def test_there_are_as_many_quotes_as_the_api_carries_and_they_are_the_best() -> None:
    ids = [f"fx{number:02}" for number in range(12)]
    plain = corridor_file()
    file = msgspec.structs.replace(
        plain,
        participant=(*plain.participant, *(member(id_, Role.FX_PROVIDER, ("KES", "UGX")) for id_ in ids)),
        fx=tuple(FxOffer(provider=id_, source="KES", target="UGX") for id_ in ids),
    )
    on = market({(id_, "KES", "UGX"): f"28.{number:02}" for number, id_ in enumerate(ids)})
    found = asked(file, on)
    assert [each.price.providers[0] for each in found.quotes] == ids[:1:-1]
    assert explained(found.quotes)[0].startswith("1 of 10: ")


def test_every_way_of_delivery_has_its_quote_and_its_fees() -> None:
    cash = FeeRule(name="cash", currency="KES", fixed="15", delivery=("agent",))
    found = asked(corridor_file(fee=(cash,)), deliveries=("directtoaccount", "agent"))
    assert [(each.delivery, str(each.price.taken)) for each in found.quotes] == [
        ("directtoaccount", "1000"),
        ("agent", "1015"),
        ("directtoaccount", "1000"),
        ("agent", "1015"),
    ]
    assert len({each.id for each in found.quotes}) == 4


def without(*keys: RateKey) -> Market:
    return market({key: rate for key, rate in RATES.items() if key not in keys})


def rated(**change: Any) -> Market:
    """Change what is known of delta's rate."""
    plain, key = market(), ("delta", "KES", "UGX")
    return msgspec.structs.replace(
        plain, rates={**plain.rates, key: msgspec.structs.replace(plain.rates[key], **change)}
    )


SUSPENDED = corridor_file(members={"delta": {"status": "suspended"}})
HELD = rated(state=RateState.HELD, last="20", rate="28.5")
UNAVAILABLE, LIQUIDITY = Reason.RATE_UNAVAILABLE, Reason.FX_LIQUIDITY
SMALL, LARGE = Reason.AMOUNT_TOO_SMALL, Reason.AMOUNT_TOO_LARGE
NEARLY_MS = START_MS - 600_000
FOREIGN = FeeRule(name="margin", currency="UGX", paid_by=Side.PAYEE, fixed="1", earned_by=Earner.PAYER_FSP)
ABROAD_TOO = FeeRule(name="share", currency="KES", fixed="1", earned_by=Earner.PAYEE_FSP)
LEFT_OUT: dict[str, tuple[SchemeFile, Market, str, str, Reason | None]] = {
    "no rate": (selling(), without(("delta", "KES", "UGX")), "1000", "it has published no rate", UNAVAILABLE),
    "suspended": (
        msgspec.structs.replace(SUSPENDED, fx=OFFERS[:1]),
        market(),
        "1000",
        "it is suspended",
        UNAVAILABLE,
    ),
    "held": (selling(), HELD, "1000", "its rate jumped from 20 to 28.5: an operator must confirm it", UNAVAILABLE),
    "lapsed": (selling(), rated(until_ms=START_MS), "1000", "its rate is stale, 5 s old", UNAVAILABLE),
    "not quite lapsed": (selling(), rated(until_ms=START_MS + 1), "1000", "", None),
    "stale": (
        selling(),
        rated(at_ms=NEARLY_MS - 1, until_ms=START_MS + 1),
        "1000",
        "its rate is stale, 600 s old",
        UNAVAILABLE,
    ),
    "not quite stale": (selling(), rated(at_ms=NEARLY_MS, until_ms=START_MS + 1), "1000", "", None),
    "under its band": (selling(min="1000"), market(), "999.99", "it sells from 1000 KES", SMALL),
    "at the begin of its band": (selling(min="1000"), market(), "1000", "", None),
    "over its band": (selling(max="1000"), market(), "1000.01", "it sells up to 1000 KES", LARGE),
    "at the end of its band": (selling(max="1000"), market(), "1000", "", None),
    "over its exposure": (
        selling(exposure_max="28499"),
        market(),
        "1000",
        "its open quotes would pass 28499 UGX",
        LIQUIDITY,
    ),
    "at its exposure": (selling(exposure_max="28500"), market(), "1000", "", None),
    "over it with what is open": (
        selling(exposure_max="28500"),
        market(open_minor={("delta", "UGX"): 1}),
        "1000",
        "its open quotes would pass 28500 UGX",
        LIQUIDITY,
    ),
    "short": (
        selling(),
        market(available={("delta", "UGX"): 28_499}),
        "1000",
        "it has not the liquidity",
        LIQUIDITY,
    ),
    "just enough": (selling(), market(available={("delta", "UGX"): 28_500}), "1000", "", None),
    "short with what is open": (
        selling(),
        market(available={("delta", "UGX"): 28_500}, open_minor={("delta", "UGX"): 1}),
        "1000",
        "it has not the liquidity",
        LIQUIDITY,
    ),
    "another's quotes are open": (
        selling(),
        market(available={("delta", "UGX"): 28_500}, open_minor={("echo", "UGX"): 1, ("delta", "KES"): 1}),
        "1000",
        "",
        None,
    ),
    "no floor": (selling(), market(available={("delta", "UGX"): None}), "1000", "", None),
    "less than one would arrive": (selling(), market(), "0.01", "nothing would arrive", SMALL),
    "the payer FSP would earn what it does not settle in": (
        corridor_file(fx=OFFERS[:1], fee=(FOREIGN,)),
        market(),
        "1000",
        "alpha does not settle in UGX",
        Reason.CURRENCY_UNSUPPORTED,
    ),
    "the payee FSP would earn what it does not settle in": (
        corridor_file(fx=OFFERS[:1], fee=(ABROAD_TOO,)),
        market(),
        "1000",
        "bravo does not settle in KES",
        Reason.CURRENCY_UNSUPPORTED,
    ),
    "no connection to confirm over": (
        selling("echo", confirm=True),
        market(),
        "1000",
        "it cannot be asked to confirm: echo has no connection",
        UNAVAILABLE,
    ),
}


@pytest.mark.parametrize(("file", "on", "amount", "why", "reason"), LEFT_OUT.values(), ids=LEFT_OUT)
def test_each_way_left_out_says_why(file: SchemeFile, on: Market, amount: str, why: str, reason: Reason | None) -> None:
    found = asked(file, on, amount)
    assert found.reason is reason
    assert bool(found.quotes) is (reason is None)
    provider = file.fx[0].provider
    assert found.left_out == ([f"{provider}: left out, {why}"] if why else [])


@pytest.mark.parametrize(
    ("fee", "who", "currency"),
    [
        (FeeRule(name="f", currency="KES", fixed="1", earned_by=Earner.PAYEE_FSP), "bravo", "KES"),
        (FeeRule(name="f", currency="UGX", paid_by=Side.PAYEE, fixed="1", earned_by=Earner.PAYER_FSP), "alpha", "UGX"),
    ],
    ids=["the payee FSP, of what the payer pays", "the payer FSP, of what the payee pays"],
)
def test_who_would_earn_where_it_does_not_settle_is_no_part_of_a_quote(fee: FeeRule, who: str, currency: str) -> None:
    found = asked(corridor_file(fee=(fee,)))
    assert (found.quotes, found.reason) == ([], Reason.CURRENCY_UNSUPPORTED)
    assert found.left_out == [f"{seller}: left out, {who} does not settle in {currency}" for seller in SELLERS]


def test_what_one_is_left_out_for_hurts_no_other() -> None:
    found = asked(on=HELD)
    assert [each[0] for each in summary(found)] == [("echo",)]
    assert found.left_out == ["delta: left out, its rate jumped from 20 to 28.5: an operator must confirm it"]
    assert found.reason is None


def test_of_several_reasons_the_one_listed_first_is_said() -> None:
    file = corridor_file(fx=(msgspec.structs.replace(SELLERS["delta"], max="10"), SELLERS["echo"]))
    assert asked(file, market(available={("echo", "UGX"): 0})).reason is LIQUIDITY


@pytest.mark.parametrize(
    ("amount", "receive", "why"),
    [(str(Money(MINOR_MAX, "KES")), False, "the amount is over"), ("999999999999999999", True, "the amount is over")],
)
def test_what_is_beyond_all_amounts_is_left_out(amount: str, why: str, *, receive: bool) -> None:
    on = market({("delta", "KES", "UGX"): "10000" if not receive else "0.0001"})
    found = asked(selling(), on, amount, receive=receive)
    assert (found.quotes, found.reason) == ([], LARGE)
    assert why in found.left_out[0]


def test_a_quote_ends_with_its_rate_and_with_the_schemes_own_time() -> None:
    (first, *_) = asked(on=rated(until_ms=START_MS + 60_000)).quotes
    assert first.price.expires_ms == START_MS + 60_000
    long = corridor_file(terms={"quote_lifetime_s": 30})
    assert {each.price.expires_ms for each in asked(long).quotes} == {START_MS + 30_000}
    assert bucket(START_MS + 1) == START_MS + 10_000
    assert bucket(START_MS) == START_MS


def test_who_confirms_each_conversion_is_asked_over_its_own_connection() -> None:
    (quote,) = asked(confirming()).quotes
    assert quote.price.converter == "delta-1"
    assert all(each.price.converter == "" for each in asked().quotes)


def test_who_cannot_wait_for_a_word_is_offered_the_others() -> None:
    file = corridor_file(fx=(msgspec.structs.replace(SELLERS["delta"], confirm=True), SELLERS["echo"]))
    assert [each[0] for each in summary(asked(file))] == [("delta",), ("echo",)]
    found = asked(file, may_confirm=False)
    assert [each[0] for each in summary(found)] == [("echo",)]
    assert found.left_out == ["delta: left out, it confirms each conversion, which a third party cannot wait for"]


# By way of a third currency.
THIRD = ("KES", "USD", "UGX", "TZS")
FAR = (
    FxOffer(provider="delta", source="KES", target="USD"),
    FxOffer(provider="echo", source="USD", target="UGX"),
    FxOffer(provider="delta", source="USD", target="UGX"),
    FxOffer(provider="delta", source="KES", target="TZS"),
    FxOffer(provider="echo", source="TZS", target="UGX"),
)
FAR_RATES: Mapping[RateKey, str] = {
    ("delta", "KES", "USD"): "0.00775",
    ("echo", "USD", "UGX"): "3680",
    ("delta", "USD", "UGX"): "3670",
    ("delta", "KES", "TZS"): "20",
    ("echo", "TZS", "UGX"): "1.42",
    ("delta", "KES", "UGX"): "20",
}


def far(*extra: FxOffer, references: tuple[str, ...] = ("USD",), **change: Any) -> SchemeFile:
    """Build a scheme in which nobody, unless `extra` says so, sells directly."""
    offered = tuple(msgspec.structs.replace(each, **change) for each in FAR)
    sellers = {id_: {"currencies": THIRD} for id_ in ("delta", "echo")}
    return corridor_file(terms={"reference_currencies": references}, members=sellers, fx=(*offered, *extra))


def test_where_nobody_sells_directly_two_conversions_are_joined() -> None:
    found = asked(far(), market(FAR_RATES))
    assert summary(found) == [(("delta", "echo"), "1000", "28520"), (("delta", "delta"), "1000", "28442")]
    best = found.quotes[0].price
    first, second = best.hops
    assert (str(first.source), str(first.target), first.rate) == ("1000", "7.75", "0.00775")
    assert (str(second.source), str(second.target), second.rate) == ("7.75", "28520", "3680")
    assert best.rate == "28.52"
    assert [(leg.debit, leg.credit, str(leg.money), leg.money.currency) for leg in best.legs] == [
        ("alpha", "delta", "1000", "KES"),
        ("delta", "echo", "7.75", "USD"),
        ("echo", "bravo", "28520", "UGX"),
    ]


def test_one_seller_of_both_owes_itself_nothing() -> None:
    price = asked(far(), market(FAR_RATES)).quotes[1].price
    assert [(leg.debit, leg.credit, leg.money.currency) for leg in price.legs] == [
        ("alpha", "delta", "KES"),
        ("delta", "bravo", "UGX"),
    ]


def test_who_sells_directly_is_not_passed_by_even_where_the_long_way_gives_more() -> None:
    found = asked(far(SELLERS["delta"]), market(FAR_RATES))
    assert summary(found) == [(("delta",), "1000", "20000")]


def test_a_third_currency_is_only_one_that_the_scheme_names() -> None:
    assert asked(far(references=()), market(FAR_RATES)).left_out == ["nobody sells UGX for KES"]
    assert asked(far(references=()), market(FAR_RATES)).reason is Reason.CURRENCY_UNSUPPORTED
    both = asked(far(references=("USD", "TZS")), market(FAR_RATES))
    assert [each.price.providers for each in both.quotes] == [("delta", "echo"), ("delta", "delta"), ("delta", "echo")]
    assert [each.price.hops[0].target.currency for each in both.quotes] == ["USD", "USD", "TZS"]


def test_who_must_confirm_is_no_part_of_two_conversions() -> None:
    found = asked(far(confirm=True), market(FAR_RATES))
    assert (found.quotes, found.reason) == ([], UNAVAILABLE)
    assert found.left_out[0] == (
        "delta then echo: left out, it confirms each conversion, which only a single one can wait for"
    )


def test_who_cannot_be_paid_its_fee_is_left_out_and_nobody_else() -> None:
    fee = FeeRule(name="margin", currency="KES", fixed="1", earned_by=Earner.FX_PROVIDER)
    plain = far()
    poor = {"currencies": ("USD", "UGX"), "net_debit_cap": {}}
    members = (msgspec.structs.replace(each, **poor) if each.id == "echo" else each for each in plain.participant)
    fx = tuple(each for each in plain.fx if "TZS" not in (each.source, each.target))
    found = asked(msgspec.structs.replace(plain, participant=tuple(members), fx=fx, fee=(fee,)), market(FAR_RATES))
    assert summary(found) == [(("delta", "delta"), "1001", "28442")]
    assert found.left_out == ["delta then echo: left out, echo does not settle in KES"]


@pytest.mark.parametrize("between", ["0.004", "0.006"])
def test_less_than_one_minor_unit_on_the_way_is_nothing(between: str) -> None:
    """Half a cent is rounded to none, and more than half a cent to one: what is rounded away is never sent on."""
    on = market({("delta", "KES", "USD"): between, ("echo", "USD", "UGX"): "3680", ("delta", "USD", "UGX"): "3670"})
    found = asked(far(), on, "1")
    assert [str(each.price.given) for each in found.quotes] == ([] if between == "0.004" else ["37", "37"])


def test_corridors_say_nothing_about_who_sells() -> None:
    assert len(CORRIDORS) == 2
    assert asked(corridor_file(corridor=())).quotes, "whether a corridor may be crossed is asked before it is priced"
