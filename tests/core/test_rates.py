"""Rates: read and written exactly, rounded where it is said and nowhere else, and never near a float."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hub.core.pricing.rate import SHOWN_DECIMALS, Rate, RateError, Rounding, divided
from routing.money import EXPONENTS, MINOR_MAX, AmountTooLargeError, Money

# Currencies of none, two and three decimals.
CURRENCIES = ("JPY", "XOF", "UGX", "KES", "USD", "BHD", "TND")
RATES = st.builds(
    lambda whole, decimals: f"{whole}.{decimals}" if decimals else str(whole),
    st.integers(0, 10**6),
    st.text("0123456789", max_size=12),
).filter(lambda text: text.strip("0.") != "")
MINORS = st.integers(1, 10**8)  # whatever the rate, worth less than all amounts
PAIRS = st.tuples(st.sampled_from(CURRENCIES), st.sampled_from(CURRENCIES))
ROUNDINGS = st.sampled_from(list(Rounding))


def worth(rate: Rate) -> Fraction:
    return Fraction(rate.digits, 10**rate.scale)


def in_units(minor: int, currency: str) -> Fraction:
    return Fraction(minor, 10 ** EXPONENTS[currency])


@pytest.mark.parametrize(
    ("text", "digits", "scale", "written"),
    [
        ("28.5", 285, 1, "28.5"),
        ("28", 28, 0, "28"),
        ("28.50", 285, 1, "28.5"),
        ("007.10", 71, 1, "7.1"),
        ("0.035", 35, 3, "0.035"),
        ("0.000000000001", 1, 12, "0"),
        ("0.00000000001", 1, 11, "0.00000000001"),
        ("999999999999.999999999999", 10**24 - 1, 12, "1000000000000"),
    ],
)
def test_a_decimal_is_read_exactly_and_written_without_trailing_zeros(
    text: str, digits: int, scale: int, written: str
) -> None:
    rate = Rate.parse(text)
    assert (rate.digits, rate.scale, str(rate)) == (digits, scale, written)


@pytest.mark.parametrize(
    "text",
    [
        *["", " ", "0", "0.0", "000", "-1", "+1", "1e3", "1E-3", "1,5", ".5", "1.", "1.2.3", "NaN", "Infinity", "0x10"],
        *[" 1", "1 ", "1\n", "1_000", "\u0661", "1.\u0665", "1" * 13, f"1.{'0' * 13}", "1/3", "28.5 UGX"],
    ],
)
def test_what_is_no_decimal_above_zero_is_no_rate(text: str) -> None:
    with pytest.raises(RateError):
        Rate.parse(text)


@given(RATES)
def test_a_rate_is_worth_exactly_what_its_text_says(text: str) -> None:
    rate = Rate.parse(text)
    assert worth(rate) == Fraction(Decimal(text))
    assert type(rate.digits) is type(rate.scale) is int
    if rate.scale <= SHOWN_DECIMALS:
        assert Rate.parse(str(rate)) == rate, "what is shown can be read again"


@given(RATES, st.integers(0, 9_999))
def test_a_spread_takes_exactly_its_basis_points(text: str, basis_points: int) -> None:
    rate = Rate.parse(text)
    assert worth(rate.less(basis_points)) == worth(rate) * (1 - Fraction(basis_points, 10_000))
    assert worth(rate.less(0)) == worth(rate)


@given(RATES, RATES)
def test_two_rates_one_after_the_other_are_their_product(one: str, two: str) -> None:
    first, second = Rate.parse(one), Rate.parse(two)
    assert worth(first.times(second)) == worth(first) * worth(second)


@given(st.integers(0, 10**30), st.integers(1, 10**20), ROUNDINGS)
@example(5, 10, Rounding.HALF_EVEN)
@example(15, 10, Rounding.HALF_EVEN)
def test_a_quotient_is_rounded_as_it_is_said(numerator: int, denominator: int, rounding: Rounding) -> None:
    exact, found = Fraction(numerator, denominator), divided(numerator, denominator, rounding)
    assert type(found) is int
    down = numerator // denominator
    assert found in {down, down + 1}
    if exact == down:
        assert found == down
    elif rounding in {Rounding.DOWN, Rounding.UP}:
        assert found == down + (rounding is Rounding.UP)
    elif exact - down == Fraction(1, 2):
        assert found == (down + 1 if rounding is Rounding.HALF_UP else down + down % 2)
    else:
        assert found == (down if exact - down < Fraction(1, 2) else down + 1)


@pytest.mark.parametrize(
    ("rounding", "halves"),
    [
        (Rounding.HALF_EVEN, {5: 0, 15: 2, 25: 2, 35: 4}),
        (Rounding.HALF_UP, {5: 1, 15: 2, 25: 3, 35: 4}),
        (Rounding.DOWN, {5: 0, 15: 1, 25: 2, 35: 3}),
        (Rounding.UP, {5: 1, 15: 2, 25: 3, 35: 4}),
    ],
)
def test_a_half_goes_where_the_scheme_says(rounding: Rounding, halves: dict[int, int]) -> None:
    assert {tenths: divided(tenths, 10, rounding) for tenths in halves} == halves


@pytest.mark.parametrize(
    ("minor", "source", "target_minor", "target", "rate"),
    [
        (100_000, "KES", 28_500, "UGX", "28.5"),
        (28_500, "UGX", 100_000, "KES", "0.0350877193"),
        (1, "JPY", 1, "BHD", "0.001"),
        (3, "KES", 2, "KES", "0.66666666667"),
        (10**9, "BHD", 1, "JPY", "0.000001"),
    ],
)
def test_what_was_paid_and_what_it_bought_say_the_rate(
    minor: int, source: str, target_minor: int, target: str, rate: str
) -> None:
    assert str(Rate.between(Money(minor, source), Money(target_minor, target))) == rate


@given(RATES, st.integers(10**6, 10**8), PAIRS)
def test_the_rate_that_amounts_say_is_near_the_one_they_came_of(text: str, minor: int, pair: tuple[str, str]) -> None:
    source, target = pair
    bought = Rate.parse(text).buys(Money(minor, source), target, Rounding.HALF_EVEN)
    if bought.minor:
        found = worth(Rate.between(Money(minor, source), bought))
        exact = in_units(bought.minor, target) / in_units(minor, source)
        assert abs(found - exact) <= Fraction(1, 2 * 10**SHOWN_DECIMALS)


@pytest.mark.parametrize(
    ("minor", "source", "rate", "target", "bought"),
    [
        (100_00, "KES", "28.5", "UGX", 2_850),
        (2_850, "UGX", "0.035", "KES", 99_75),
        (1, "KES", "28.5", "UGX", 0),
        (2, "KES", "25", "UGX", 0),
        (6, "KES", "25", "UGX", 2),
        (100_000, "BHD", "2.65", "USD", 265_00),
        (1, "BHD", "2.65", "USD", 0),
        (1, "JPY", "0.0025", "BHD", 2),
        (3, "JPY", "0.0025", "BHD", 8),
        (1_000, "XOF", "1", "JPY", 1_000),
    ],
    ids=str,
)
def test_minor_units_are_those_of_the_currency(minor: int, source: str, rate: str, target: str, bought: int) -> None:
    assert Rate.parse(rate).buys(Money(minor, source), target, Rounding.HALF_EVEN) == Money(bought, target)


@given(RATES, MINORS, PAIRS, ROUNDINGS)
def test_what_is_bought_is_the_exact_worth_rounded_once(
    text: str, minor: int, pair: tuple[str, str], rounding: Rounding
) -> None:
    source, target = pair
    rate = Rate.parse(text)
    exact = in_units(minor, source) * worth(rate) * 10 ** EXPONENTS[target]
    bought = rate.buys(Money(minor, source), target, rounding)
    assert (type(bought.minor), bought.currency) == (int, target)
    assert abs(bought.minor - exact) < 1
    if rounding is Rounding.DOWN:
        assert bought.minor <= exact
    if rounding is Rounding.UP:
        assert bought.minor >= exact


@given(RATES, MINORS, PAIRS)
def test_what_is_paid_is_the_least_that_is_worth_it(text: str, minor: int, pair: tuple[str, str]) -> None:
    source, target = pair
    rate = Rate.parse(text)
    try:
        paid = rate.costs(Money(minor, target), source)
    except AmountTooLargeError:
        assert in_units(minor, target) / worth(rate) > in_units(MINOR_MAX, source)
        return
    assert in_units(paid.minor, source) * worth(rate) >= in_units(minor, target)
    assert in_units(paid.minor - 1, source) * worth(rate) < in_units(minor, target)


@given(RATES, MINORS, PAIRS)
def test_buying_and_costing_are_each_others_bounds(text: str, minor: int, pair: tuple[str, str]) -> None:
    source, target = pair
    rate, wanted = Rate.parse(text), Money(minor, target)
    try:
        paid = rate.costs(wanted, source)
        bought = rate.buys(paid, target, Rounding.DOWN)
    except AmountTooLargeError:
        return
    assert bought.minor >= minor, "what it costs buys it"
    assert rate.buys(Money(paid.minor - 1, source), target, Rounding.DOWN).minor < minor, "and no less does"
    spent = Money(minor, source)
    for_it = rate.buys(spent, target, Rounding.DOWN)
    assert rate.costs(for_it, source).minor <= minor, "what was bought never costs more than was spent"


@given(RATES, MINORS, MINORS, PAIRS, ROUNDINGS)
def test_more_money_never_buys_less(
    text: str, minor: int, more: int, pair: tuple[str, str], rounding: Rounding
) -> None:
    source, target = pair
    rate = Rate.parse(text)
    less = rate.buys(Money(minor, source), target, rounding)
    assert less.minor <= rate.buys(Money(minor + more, source), target, rounding).minor


def test_what_is_beyond_all_amounts_is_said() -> None:
    assert Rate.parse("1").buys(Money(MINOR_MAX, "KES"), "KES", Rounding.DOWN) == Money(MINOR_MAX, "KES")
    million = Rate.parse("1000000")
    with pytest.raises(AmountTooLargeError):
        million.buys(Money(MINOR_MAX, "KES"), "UGX", Rounding.DOWN)
    with pytest.raises(AmountTooLargeError):
        Rate.parse("0.000001").costs(Money(MINOR_MAX, "KES"), "UGX")
    assert million.buys(Money(100, "KES"), "KES", Rounding.DOWN) == Money(10**8, "KES")
