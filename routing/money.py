"""Money: whole minor units of one ISO 4217 currency; it must never meet a float.

Amounts enter as the API's decimal strings and leave as decimal strings without trailing zeros, the one
form that every published version of the GSMA API accepts.
"""

import re
from typing import Final

import iso4217
import msgspec

# 999,999,999,999,999,999 minor units: the largest round limit below a signed 64-bit column.
MINOR_MAX: Final = 10**18 - 1

# GSMA Mobile Money API v1.2, scalar `amount`; [0-9] because `\d` also matches other scripts' digits.
_AMOUNT: Final = re.compile(r"(0|[1-9][0-9]{0,17})(?:\.([0-9]{1,4}))?")

# ISO 4217 minor units by code. Codes without minor units (gold, test codes, ...) are not money here.
EXPONENTS: Final[dict[str, int]] = {
    currency.code: currency.exponent for currency in iso4217.Currency if currency.exponent is not None
}

# ISO 4217: no currency involved; what moves no money carries nothing in it.
NO_CURRENCY: Final = "XXX"


class MoneyError(ValueError):
    """The text or number is not an amount of money."""


class CurrencyUnknownError(MoneyError):
    """The code is not an ISO 4217 currency with minor units."""


class AmountFormatError(MoneyError):
    """The text is not an amount by the API's pattern."""


class AmountNegativeError(AmountFormatError):
    """The amount is below zero."""


class AmountPrecisionError(AmountFormatError):
    """The amount has more decimals than its currency has minor units."""


class AmountTooLargeError(MoneyError):
    """The amount is over MINOR_MAX minor units."""


class Money(msgspec.Struct, frozen=True, order=False):
    """An amount in minor units (cents, ngwee; whole francs for XOF) of a currency."""

    minor: int
    currency: str

    def __post_init__(self) -> None:
        """Refuse what only looks like whole minor units: floats, booleans, unknown currencies."""
        if type(self.minor) is not int:
            raise AmountFormatError(f"minor units are whole numbers, not {type(self.minor).__name__}")
        if self.currency not in EXPONENTS and (self.minor or self.currency != NO_CURRENCY):
            raise CurrencyUnknownError(f"{self.currency!r} is not an ISO 4217 currency")

    @classmethod
    def parse(cls, text: str, currency: str) -> "Money":
        """Read the API's decimal string; raises a MoneyError that names what is wrong."""
        exponent = EXPONENTS.get(currency)
        if exponent is None:
            raise CurrencyUnknownError(f"{currency!r} is not an ISO 4217 currency")
        if text.startswith("-"):
            raise AmountNegativeError("the amount is negative")
        match = _AMOUNT.fullmatch(text)
        if match is None:
            raise AmountFormatError("an amount is up to 18 digits, then optionally a point and up to 4 decimals")
        whole, decimals = match[1], (match[2] or "").rstrip("0")
        if len(decimals) > exponent:
            raise AmountPrecisionError(f"{currency} has {exponent} decimals, the amount has {len(decimals)}")
        minor = int(whole + decimals.ljust(exponent, "0"))
        if minor > MINOR_MAX:
            raise AmountTooLargeError(f"the amount is over {MINOR_MAX} minor units")
        return cls(minor, currency)

    def __str__(self) -> str:
        """Return the decimal string without trailing zeros: '5.3', '200', '-0.05'."""
        exponent = EXPONENTS.get(self.currency, 0)
        sign, digits = ("-" if self.minor < 0 else ""), str(abs(self.minor)).rjust(exponent + 1, "0")
        if not exponent:
            return sign + digits
        whole, decimals = digits[:-exponent], digits[-exponent:].rstrip("0")
        return f"{sign}{whole}.{decimals}" if decimals else sign + whole


NOTHING: Final = Money(0, NO_CURRENCY)
