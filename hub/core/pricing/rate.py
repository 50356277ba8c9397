"""Rates and rounding: decimals as whole numbers, so that what is rounded is said and a float never gets in.

ISO 4217 says how many decimals a currency has; an amount between two of its minor units is rounded half to even
unless the scheme says otherwise.
"""

import re
from enum import StrEnum
from fractions import Fraction
from typing import Final, NamedTuple

from routing.money import EXPONENTS, MINOR_MAX, AmountTooLargeError, Money

_DECIMAL: Final = re.compile(r"([0-9]{1,12})(?:\.([0-9]{1,12}))?")
SHOWN_DECIMALS: Final = 11  # the API's
BASIS_POINTS: Final = 10_000


class RateError(ValueError):
    """The text is not a rate: a decimal above zero."""


class Rounding(StrEnum):
    """Where an amount between two minor units goes."""

    HALF_EVEN = "half_even"
    HALF_UP = "half_up"
    DOWN = "down"
    UP = "up"


def divided(numerator: int, denominator: int, rounding: Rounding) -> int:
    """Divide two whole numbers, neither below zero, and round the result."""
    whole, rest = divmod(numerator, denominator)
    if not rest or rounding is Rounding.DOWN:
        return whole
    if rounding is Rounding.UP:
        return whole + 1
    twice = 2 * rest
    if twice == denominator:
        return whole + (1 if rounding is Rounding.HALF_UP else whole & 1)
    return whole + (twice > denominator)


class Rate(NamedTuple):
    """What one unit of the source is worth in the target: digits / 10**scale."""

    digits: int
    scale: int

    @classmethod
    def parse(cls, text: str) -> "Rate":
        """Read a plain decimal of up to 12 digits on either side; raises RateError."""
        digits, scale = _decimal(text)
        if digits == 0:
            raise RateError("a rate is above zero")
        return cls(digits, scale)

    @classmethod
    def between(cls, source: Money, target: Money) -> "Rate":
        """Return what one unit of the source was worth, as far as it is shown; both are above zero."""
        above = target.minor * 10 ** (EXPONENTS[source.currency] + SHOWN_DECIMALS)
        below = source.minor * 10 ** EXPONENTS[target.currency]
        return cls(divided(above, below, Rounding.HALF_EVEN), SHOWN_DECIMALS)

    def less(self, basis_points: int) -> "Rate":
        """Return what is left for the customer after a spread."""
        return Rate(self.digits * (BASIS_POINTS - basis_points), self.scale + 4)

    def times(self, other: "Rate") -> "Rate":
        """Return the rate of two conversions one after the other, before any rounding between them."""
        return Rate(self.digits * other.digits, self.scale + other.scale)

    def buys(self, source: Money, currency: str, rounding: Rounding) -> Money:
        """Return what the source amount is worth in `currency`; raises MoneyError when that is beyond all amounts."""
        above, below = self._fraction(source.currency, currency)
        return _money(divided(source.minor * above, below, rounding), currency)

    def costs(self, target: Money, currency: str) -> Money:
        """Return the smallest amount in `currency` that is worth the target amount or more."""
        above, below = self._fraction(currency, target.currency)
        return _money(divided(target.minor * below, above, Rounding.UP), currency)

    def _fraction(self, source: str, target: str) -> tuple[int, int]:
        """Return the worth of one minor unit of the source in minor units of the target."""
        return self.digits * 10 ** EXPONENTS[target], 10 ** (self.scale + EXPONENTS[source])

    def __str__(self) -> str:
        """Return a plain decimal without trailing zeros, rounded where it has more decimals than the API shows."""
        digits, scale = self
        if scale > SHOWN_DECIMALS:
            digits, scale = divided(digits, 10 ** (scale - SHOWN_DECIMALS), Rounding.HALF_EVEN), SHOWN_DECIMALS
        text = str(digits).rjust(scale + 1, "0")
        whole, decimals = (text[:-scale], text[-scale:].rstrip("0")) if scale else (text, "")
        return f"{whole}.{decimals}" if decimals else whole


def share_of(percent: str) -> Fraction:
    """Read a percentage as a share of one; empty: none. Raises RateError."""
    digits, scale = _decimal(percent or "0")
    return Fraction(digits, 10**scale * 100)


def _decimal(text: str) -> tuple[int, int]:
    """Read digits and how many of them are decimals."""
    match = _DECIMAL.fullmatch(text)
    if match is None:
        raise RateError(f"{text!r} is not a decimal of up to 12 digits before and after its point")
    decimals = (match[2] or "").rstrip("0")
    return int(match[1] + decimals), len(decimals)


def _money(minor: int, currency: str) -> Money:
    if minor > MINOR_MAX:
        raise AmountTooLargeError(f"the amount is over {MINOR_MAX} minor units")
    return Money(minor, currency)
