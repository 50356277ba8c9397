"""Fees: what each kind of rule comes to, as tables; which rule of several is charged; and the parts make the whole."""

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.core.pricing.fees import Schedule, Way, minor_of
from hub.core.pricing.price import HUB, Fee, Hop, Side, priced
from hub.core.pricing.rate import RateError, Rounding, divided, share_of
from hub.core.pricing.rules import Earner, FeeRule, Tier
from routing.money import Money
from tests.core.corridor import flows, owed

HOME = Way("alpha", "bravo", "transfer", "KES", "KES")
ABROAD = Way("alpha", "bravo", "inttransfer", "KES", "UGX")
STAIRS = (Tier(up_to="100", fixed="1"), Tier(up_to="1000", fixed="5"), Tier(fixed="5", percent="1"))
MARGINAL = (Tier(up_to="100", percent="1"), Tier(up_to="1000", percent="2"), Tier(percent="3"))


def rule(name: str = "fee", currency: str = "KES", **fields: Any) -> FeeRule:
    return FeeRule(name=name, currency=currency, **fields)


def charged(
    rules: Sequence[FeeRule],
    amount: str,
    way: Way = HOME,
    side: Side = Side.PAYER,
    rounding: Rounding = Rounding.HALF_EVEN,
    provider: str = "",
) -> list[Fee]:
    own = way.source if side is Side.PAYER else way.target
    return Schedule(rules, rounding).fees(side, way, Money.parse(amount, own), provider)


def total(rules: Sequence[FeeRule], amount: str, **more: Any) -> str:
    currency = rules[0].currency
    return str(Money(sum(each.money.minor for each in charged(rules, amount, **more)), currency))


AMOUNTS: dict[str, tuple[dict[str, Any], dict[str, str]]] = {
    "fixed": ({"fixed": "12.5"}, {"1": "12.5", "100000": "12.5"}),
    "percent": ({"percent": "1.5"}, {"100": "1.5", "0.33": "0", "0.34": "0.01", "1000": "15"}),
    "fixed and percent": ({"fixed": "2", "percent": "1"}, {"100": "3", "1": "2.01"}),
    "at least": ({"percent": "1", "min": "5"}, {"1": "5", "500": "5", "500.5": "5", "501": "5.01", "600": "6"}),
    "at most": ({"percent": "1", "max": "5"}, {"499": "4.99", "500": "5", "100000": "5"}),
    "between": ({"percent": "1", "min": "2", "max": "5"}, {"1": "2", "300": "3", "1000": "5"}),
    "in a band": (
        {"fixed": "1", "band_from": "10", "band_to": "20"},
        {"9.99": "0", "10": "1", "19.99": "1", "20": "0"},
    ),
    "from an amount on": ({"fixed": "1", "band_from": "10"}, {"9.99": "0", "10": "1", "100000": "1"}),
    "by tier": ({"tiers": STAIRS}, {"1": "1", "100": "1", "100.01": "5", "1000": "5", "1000.01": "15", "2000": "25"}),
    "by tiers that end": ({"tiers": STAIRS[:2]}, {"1000": "5", "1000.01": "0"}),
    "graduated": (
        {"tiers": MARGINAL, "graduated": True},
        {"100": "1", "200": "3", "1000": "19", "1100": "22", "0.01": "0"},
    ),
    "graduated, with steps": (
        {"tiers": STAIRS, "graduated": True},
        {"1": "1", "100": "1", "100.01": "6", "1000": "6", "1100": "12"},
    ),
    "graduated, to an end": ({"tiers": MARGINAL[:2], "graduated": True}, {"1000": "19", "5000": "19"}),
    "tiers within bounds": ({"tiers": STAIRS, "min": "2", "max": "10"}, {"1": "2", "500": "5", "2000": "10"}),
}


@pytest.mark.parametrize(
    ("fields", "amount", "expected"),
    [
        pytest.param(fields, amount, expected, id=f"{name}: {amount}")
        for name, (fields, amounts) in AMOUNTS.items()
        for amount, expected in amounts.items()
    ],
)
def test_what_a_rule_comes_to(fields: dict[str, Any], amount: str, expected: str) -> None:
    assert total([rule(**fields)], amount) == expected


@pytest.mark.parametrize(
    ("rounding", "amounts"),
    [
        (Rounding.HALF_EVEN, {"0.5": "0", "1.5": "0.02", "1.51": "0.02"}),
        (Rounding.HALF_UP, {"0.5": "0.01", "1.5": "0.02", "1.49": "0.01"}),
        (Rounding.DOWN, {"0.99": "0", "1.99": "0.01"}),
        (Rounding.UP, {"0.01": "0.01", "1": "0.01", "1.01": "0.02"}),
    ],
)
def test_a_fraction_of_a_minor_unit_is_rounded_as_the_scheme_says(rounding: Rounding, amounts: dict[str, str]) -> None:
    for amount, expected in amounts.items():
        assert total([rule(percent="1")], amount, rounding=rounding) == expected, amount


def test_a_graduated_fee_is_rounded_once_and_not_in_every_tier() -> None:
    tiers = tuple(Tier(up_to=str(each), percent="0.5") for each in range(1, 11))
    assert total([rule(tiers=tiers, graduated=True)], "10") == "0.05", "each tier alone would be half a cent: none"


def exactly(tiers: Sequence[tuple[int, int, int]], minor: int) -> Fraction:
    """Work out a graduated fee anew; each tier is where it ends, what is fixed, and hundredths of a percent."""
    found, begins = Fraction(0), 0
    for up_to, fixed, share in tiers:
        if minor > begins or not begins:
            found += fixed + Fraction(max(min(minor, up_to) - begins, 0) * share, 10_000)
        begins = up_to
    return found


@given(
    st.lists(st.tuples(st.integers(1, 500), st.integers(0, 9), st.integers(0, 2_000)), min_size=1, max_size=5),
    st.integers(1, 3_000),
    st.sampled_from(list(Rounding)),
)
def test_a_graduated_fee_is_exact_before_it_is_rounded(
    steps: list[tuple[int, int, int]], minor: int, rounding: Rounding
) -> None:
    tiers, end = [], 0
    for width, fixed, share in steps:
        end += width
        tiers.append((end, fixed, share))
    rules = [
        rule(
            currency="UGX",
            graduated=True,
            tiers=tuple(
                Tier(up_to=str(up_to), fixed=str(fixed), percent=f"{share // 100}.{share % 100:02}")
                for up_to, fixed, share in tiers
            ),
        )
    ]
    way = Way("alpha", "bravo", "transfer", "UGX", "UGX")
    exact = exactly(tiers, minor)
    found = charged(rules, str(minor), way, rounding=rounding)
    assert sum(each.money.minor for each in found) == divided(exact.numerator, exact.denominator, rounding)


FITS: dict[str, tuple[dict[str, Any], Way, bool]] = {
    "everything": ({}, HOME, True),
    "its payer FSP": ({"payer_fsp": "alpha"}, HOME, True),
    "another payer FSP": ({"payer_fsp": "bravo"}, HOME, False),
    "its payee FSP": ({"payee_fsp": "bravo"}, HOME, True),
    "another payee FSP": ({"payee_fsp": "alpha"}, HOME, False),
    "its type": ({"types": ("billpay", "transfer")}, HOME, True),
    "another type": ({"types": ("billpay",)}, HOME, False),
    "its corridor": ({"other": "UGX"}, ABROAD, True),
    "another corridor": ({"other": "TZS"}, ABROAD, False),
    "only at home, at home": ({"other": "KES"}, HOME, True),
    "only at home, abroad": ({"other": "KES"}, ABROAD, False),
    "its way of delivery": ({"delivery": ("agent",)}, HOME._replace(delivery="agent"), True),
    "another way of delivery": ({"delivery": ("agent",)}, HOME._replace(delivery="directtoaccount"), False),
    "a way of delivery, where none is said": ({"delivery": ("agent",)}, HOME, False),
    "another currency": ({"currency": "UGX"}, HOME, False),
    "an FX provider's, at home": ({"earned_by": Earner.FX_PROVIDER}, HOME, False),
    "an FX provider's, abroad": ({"earned_by": Earner.FX_PROVIDER}, ABROAD, True),
}


@pytest.mark.parametrize(("fields", "way", "fits"), FITS.values(), ids=FITS)
def test_a_rule_is_charged_where_it_fits_and_nowhere_else(fields: dict[str, Any], way: Way, *, fits: bool) -> None:
    assert len(charged([rule(fixed="1", **fields)], "100", way)) == fits


def test_a_side_pays_in_its_own_currency_on_its_own_amount() -> None:
    rules = [rule(fixed="1"), rule(currency="UGX", paid_by=Side.PAYEE, percent="10"), rule(currency="UGX", fixed="7")]
    (sent,) = charged(rules, "100", ABROAD)
    (got,) = charged(rules, "2850", ABROAD, Side.PAYEE)
    assert (sent.paid_by, sent.money) == (Side.PAYER, Money(100, "KES"))
    assert (got.paid_by, got.money) == (Side.PAYEE, Money(285, "UGX"))


def test_of_one_name_only_the_first_that_fits_is_charged_and_names_add_up() -> None:
    rules = [
        rule("service", types=("billpay",), fixed="9"),
        rule("service", band_to="100", fixed="1"),
        rule("service", percent="2"),
        rule("stamp", fixed="0.5"),
    ]
    assert [(each.name, str(each.money)) for each in charged(rules, "50")] == [("service", "1"), ("stamp", "0.5")]
    assert [(each.name, str(each.money)) for each in charged(rules, "100")] == [("service", "2"), ("stamp", "0.5")]


def test_a_first_rule_that_is_free_frees_and_is_not_shown() -> None:
    rules = [rule("service", payee_fsp="bravo"), rule("service", fixed="9")]
    assert charged(rules, "50") == []
    assert total(rules, "50", way=HOME._replace(payee_fsp="coral")) == "9"


def test_a_tax_is_of_the_fees_it_names_and_of_the_amount_where_it_names_none() -> None:
    rules = [
        rule("service", percent="2"),
        rule("stamp", fixed="3"),
        rule("excise", of=("service",), percent="20", tax=True),
        rule("levy", of=("service", "stamp"), percent="10", tax=True),
        rule("value", percent="1", tax=True),
    ]
    found = {each.name: (str(each.money), each.tax) for each in charged(rules, "1000")}
    assert found == {
        "service": ("20", False),
        "stamp": ("3", False),
        "excise": ("4", True),
        "levy": ("2.3", True),
        "value": ("10", True),
    }


def test_a_tax_of_what_was_not_charged_is_nothing() -> None:
    rules = [rule("service", types=("billpay",), percent="2"), rule("excise", of=("service",), percent="100", tax=True)]
    assert charged(rules, "1000") == []


@pytest.mark.parametrize(
    ("earner", "who"),
    [(Earner.HUB, HUB), (Earner.PAYER_FSP, "alpha"), (Earner.PAYEE_FSP, "bravo"), (Earner.FX_PROVIDER, "delta")],
)
def test_who_earns_a_fee_is_said_by_its_rule(earner: Earner, who: str) -> None:
    (fee,) = charged([rule(fixed="1", earned_by=earner)], "100", ABROAD, provider="delta")
    assert fee.earned_by == who


@pytest.mark.parametrize(
    ("text", "share"),
    [("0", Fraction(0)), ("", Fraction(0)), ("0.00", Fraction(0)), ("1.5", Fraction(3, 200)), ("100", Fraction(1))],
)
def test_a_percentage_is_read_exactly(text: str, share: Fraction) -> None:
    assert share_of(text) == share


@pytest.mark.parametrize("text", [".", "..", "0.0.0", ".0", "-1", "1%", "1e1", " "])
def test_what_is_no_percentage_is_not_taken_for_none(text: str) -> None:
    with pytest.raises(RateError):
        share_of(text)


def test_an_amount_that_is_left_empty_is_none() -> None:
    assert minor_of("", "KES") == 0
    assert charged([rule(fixed="", min="", band_from="", percent="1")], "100") != []


def test_what_callers_make_up_is_not_remembered() -> None:
    schedule = Schedule([rule(types=("billpay",), payer_fsp="alpha"), rule(fixed="1")], Rounding.HALF_EVEN)
    for number in range(100):
        way = HOME._replace(type=f"kind-{number}", payee_fsp=f"fsp-{number}", delivery=f"by-{number}")
        assert len(schedule.fees(Side.PAYER, way, Money(100, "KES"), "")) == 1
    assert len(schedule._found) == 1, "a way is told from another only by what some rule tells apart"


def test_what_is_remembered_of_one_way_is_not_said_of_another() -> None:
    rules = [
        rule("a", payer_fsp="alpha", fixed="1"),
        rule("a", payer_fsp="coral", fixed="7"),
        rule("a", payee_fsp="alpha", fixed="2"),
        rule("a", types=("billpay",), fixed="3"),
        rule("a", delivery=("agent",), fixed="4"),
        rule("a", other="UGX", fixed="5"),
        rule("a", fixed="6"),
    ]
    ways = {
        "1": HOME,
        "7": HOME._replace(payer_fsp="coral"),
        "2": HOME._replace(payer_fsp="x", payee_fsp="alpha"),
        "3": HOME._replace(payer_fsp="x", type="billpay", delivery="agent"),
        "4": HOME._replace(payer_fsp="x", delivery="agent"),
        "5": ABROAD._replace(payer_fsp="x"),
        "6": HOME._replace(payer_fsp="x"),
    }
    schedule = Schedule(rules, Rounding.HALF_EVEN)
    for _ in range(2):
        for expected, way in ways.items():
            assert [str(each.money) for each in schedule.fees(Side.PAYER, way, Money(100, "KES"), "")] == [expected]


PERCENTS = st.integers(0, 5_000).map(lambda hundredths: f"{hundredths // 100}.{hundredths % 100:02}")
FIXED = st.integers(0, 300).map(lambda units: str(Money(units, "UGX")))
EARNERS = st.sampled_from(list(Earner))


@st.composite
def schedules(draw: st.DrawFn) -> list[FeeRule]:
    """Draw rules for both sides of ABROAD, some of them taxes of others."""
    found: list[FeeRule] = []
    for number in range(draw(st.integers(0, 6))):
        side = draw(st.sampled_from(list(Side)))
        earlier = sorted({each.name for each in found if each.paid_by is side})
        tiers: tuple[Tier, ...] = ()
        if draw(st.booleans()):
            tiers = (Tier(up_to="5000", percent=draw(PERCENTS)), Tier(fixed=draw(FIXED), percent=draw(PERCENTS)))
        of = tuple(draw(st.lists(st.sampled_from(earlier), max_size=2, unique=True))) if earlier else ()
        found.append(
            rule(
                f"fee-{draw(st.integers(0, number))}",
                "KES" if side is Side.PAYER else "UGX",
                paid_by=side,
                earned_by=draw(EARNERS),
                tax=bool(of),
                of=of,
                fixed="0" if tiers else draw(FIXED),
                percent="0" if tiers else draw(PERCENTS),
                tiers=tiers,
                graduated=bool(tiers) and draw(st.booleans()),
                max=draw(st.sampled_from(["", "500"])),
            )
        )
    return found


@given(schedules(), st.integers(1, 10**7), st.integers(1, 10**7), st.sampled_from(list(Rounding)))
def test_the_parts_make_the_whole_and_each_earner_gets_its_own(
    rules: list[FeeRule], sent_minor: int, converted_minor: int, rounding: Rounding
) -> None:
    sent, converted = Money(sent_minor, "KES"), Money(converted_minor, "UGX")
    schedule = Schedule(rules, rounding)
    fees = [
        *schedule.fees(Side.PAYER, ABROAD, sent, "delta"),
        *schedule.fees(Side.PAYEE, ABROAD, converted, "delta"),
    ]
    names = [(each.paid_by, each.name) for each in fees]
    assert len(set(names)) == len(names), "a name is charged once"
    assert all(each.money.minor > 0 for each in fees)
    price = priced(
        payer_fsp="alpha",
        payee_fsp="bravo",
        sent=sent,
        converted=converted,
        fees=fees,
        hops=[Hop("delta", sent, converted, "1")],
    )
    of = {side: sum(each.money.minor for each in fees if each.paid_by is side) for side in Side}
    assert price.taken.minor == sent_minor + of[Side.PAYER]
    assert price.given.minor == converted_minor - of[Side.PAYEE]
    if price.given.minor <= 0:
        return  # such a price is never offered
    assert all(leg.money.minor > 0 for leg in price.legs)
    net = flows(price.legs)
    assert net == owed(price)
    earned = sum(each.money.minor for each in fees if (each.earned_by, each.paid_by) == (HUB, Side.PAYER))
    assert net.get((HUB, "KES"), 0) == earned
    for currency in ("KES", "UGX"):
        assert sum(minor for (_, each), minor in net.items() if each == currency) == 0
