"""Money: the API's amounts, exactly; every class of error by its own cases."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.money import (
    EXPONENTS,
    MINOR_MAX,
    AmountFormatError,
    AmountNegativeError,
    AmountPrecisionError,
    AmountTooLargeError,
    CurrencyUnknownError,
    Money,
    MoneyError,
)

FOUR_DECIMALS = "CLF"
NO_DECIMALS = "XOF"

# The specification's examples of the scalar `amount`: accepted or not.
AMOUNTS = [
    ("5", True),
    ("5.0", True),
    ("5.", False),
    ("5.00", True),
    ("5.5", True),
    ("5.50", True),
    ("5.5555", True),
    ("5.55555", False),
    ("555555555555555555", True),
    ("5555555555555555555", False),
    ("-5.5", False),
    ("0.5", True),
    (".5", False),
    ("00.5", False),
    ("0", True),
    ("00.00", False),
    ("0.00", True),
    ("0000001.32", False),
]


def accepts(text: str) -> bool:
    """Say whether the text is an amount in a currency whose minor units leave it room."""
    currency = FOUR_DECIMALS if "." in text else NO_DECIMALS
    try:
        Money.parse(text, currency)
    except MoneyError:
        return False
    return True


@pytest.mark.parametrize(("text", "valid"), AMOUNTS)
def test_an_amount_is_accepted_exactly_as_the_specification_says(text: str, valid: bool) -> None:
    assert accepts(text) is valid


def test_the_table_above_is_the_specifications_own(gsma: Path) -> None:
    vectors = json.loads((gsma / "amount-vectors.json").read_text())
    assert [(vector["value"], vector["docs"]) for vector in vectors] == AMOUNTS


@pytest.mark.parametrize(
    ("text", "currency", "error"),
    [
        ("1", "ABC", CurrencyUnknownError),
        ("1", "kes", CurrencyUnknownError),
        ("1", "XAU", CurrencyUnknownError),
        ("1", "", CurrencyUnknownError),
        ("", "KES", AmountFormatError),
        ("1,000", "KES", AmountFormatError),
        ("1e3", "KES", AmountFormatError),
        ("+1", "KES", AmountFormatError),
        (" 1", "KES", AmountFormatError),
        ("1\n", "KES", AmountFormatError),
        ("NaN", "KES", AmountFormatError),
        ("\u0661\u0662", "KES", AmountFormatError),
        ("1.\u0665", "KES", AmountFormatError),
        ("-0", "KES", AmountNegativeError),
        ("-1.5", "KES", AmountNegativeError),
        ("1.001", "KES", AmountPrecisionError),
        ("1.5", "XOF", AmountPrecisionError),
        ("1.0001", "KWD", AmountPrecisionError),
        ("10000000000000000", "KES", AmountTooLargeError),
        ("999999999999999999", "KES", AmountTooLargeError),
    ],
)
def test_what_is_not_an_amount_is_refused_by_name(text: str, currency: str, error: type[MoneyError]) -> None:
    with pytest.raises(MoneyError) as raised:
        Money.parse(text, currency)
    assert type(raised.value) is error


@pytest.mark.parametrize(
    ("text", "currency", "minor", "written"),
    [
        ("5", "KES", 500, "5"),
        ("5.30", "KES", 530, "5.3"),
        ("0.05", "KES", 5, "0.05"),
        ("0.00", "KES", 0, "0"),
        ("100", "KES", 10_000, "100"),
        ("200", "XOF", 200, "200"),
        ("200.00", "XOF", 200, "200"),
        ("1.005", "KWD", 1005, "1.005"),
        ("1.2340", "KWD", 1234, "1.234"),
        ("9999999999999999.99", "KES", MINOR_MAX, "9999999999999999.99"),
        ("999999999999999999", "XOF", MINOR_MAX, "999999999999999999"),
    ],
)
def test_an_amount_becomes_whole_minor_units_and_back(text: str, currency: str, minor: int, written: str) -> None:
    money = Money.parse(text, currency)
    assert money == Money(minor, currency)
    assert str(money) == written


def test_a_negative_balance_can_be_written_though_not_read() -> None:
    assert str(Money(-5, "KES")) == "-0.05"
    assert str(Money(-700, "XOF")) == "-700"


@given(minor=st.integers(0, MINOR_MAX), currency=st.sampled_from(sorted(EXPONENTS)))
def test_what_is_written_is_read_as_the_same_money(minor: int, currency: str) -> None:
    money = Money(minor, currency)
    assert Money.parse(str(money), currency) == money


@given(text=st.text(alphabet="0123456789.-+eE ,", max_size=24), currency=st.sampled_from(["KES", "XOF", "KWD"]))
def test_any_text_is_money_or_a_money_error(text: str, currency: str) -> None:
    try:
        money = Money.parse(text, currency)
    except MoneyError:
        return
    assert 0 <= money.minor <= MINOR_MAX


@pytest.mark.parametrize("minor", [1.0, 1.5, True, False, "1", None])
def test_minor_units_are_an_int_and_nothing_like_one(minor: Any) -> None:
    with pytest.raises(AmountFormatError):
        Money(minor, "KES")


@pytest.mark.parametrize("body", [b'{"minor":1.0,"currency":"KES"}', b'{"minor":true,"currency":"KES"}'])
def test_no_float_or_boolean_comes_in_by_the_bus(body: bytes) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(body, type=Money)


def test_money_of_two_currencies_is_never_equal_nor_ordered() -> None:
    assert Money(1, "KES") != Money(1, "TZS")
    with pytest.raises(TypeError):
        assert Money(1, "KES") < Money(2, "KES")  # type: ignore[operator]  # that mypy refuses it too is the point
