"""Parties: the customers behind participants, named by GSMA account identifiers; never printed in clear.

A party is a tuple of identifiers. `normalised` brings each to one spelling, so that two spellings of
one telephone number are one party; `masked` is the only form that may reach a log or a screen.
"""

import re
from collections.abc import Iterable
from typing import Final

import msgspec

# GSMA Mobile Money API v1.2, account identifiers.
IDENTIFIER_KEYS: Final = frozenset(
    [
        "accountcategory",
        "bankaccountno",
        "accountrank",
        "identityalias",
        "iban",
        "accountid",
        "msisdn",
        "swiftbic",
        "sortcode",
        "organisationid",
        "username",
        "walletid",
        "linkref",
        "consumerno",
        "serviceprovider",
        "storeid",
        "bankname",
        "bankaccounttitle",
        "emailaddress",
        "mandatereference",
    ]
)
IDENTIFIERS_MAX: Final = 10
VALUE_MAX: Final = 256

_MSISDN: Final = re.compile(r"\+?([1-9][0-9]{5,14})")
_SEPARATORS: Final = re.compile(r"[\s().-]")


class PartyError(ValueError):
    """The identifiers do not name a party; the message never repeats them."""


class Identifier(msgspec.Struct, frozen=True):
    """One GSMA account identifier: a key of IDENTIFIER_KEYS and its normalised value."""

    key: str
    value: str

    def __str__(self) -> str:
        return masked(self)

    __repr__ = __str__


Party = tuple[Identifier, ...]


def normalised(key: str, value: str, region: str | None = None) -> Identifier:
    """Bring an identifier to its one spelling: E.164 with '+', upper-case IBAN and BIC, no blanks around.

    `region` is the ISO 3166 country used for telephone numbers written in national form ("0712 ...").
    """
    name = key.strip().lower()
    if name not in IDENTIFIER_KEYS:
        raise PartyError(f"{key[:32]!r} is not an account identifier of the API")
    text = value.strip()
    if not text or len(text) > VALUE_MAX:
        raise PartyError(f"the {name} must have 1 to {VALUE_MAX} characters")
    if "$" in text:
        raise PartyError(f"the {name} must not contain '$'")
    if name == "msisdn":
        return Identifier(name, _msisdn(text, region))
    if name == "iban":
        return Identifier(name, _iban(text))
    if name == "swiftbic":
        return Identifier(name, text.upper())
    return Identifier(name, text)


def party(pairs: Iterable[tuple[str, str]], region: str | None = None) -> Party:
    """Build a party from (key, value) pairs; raises PartyError for none, too many or a bad one."""
    identifiers = tuple(normalised(key, value, region) for key, value in pairs)
    if not 1 <= len(identifiers) <= IDENTIFIERS_MAX:
        raise PartyError(f"a party has 1 to {IDENTIFIERS_MAX} identifiers")
    return identifiers


def same(one: Party, other: Party) -> bool:
    """Say whether two parties name one account: every identifier key they share agrees, and they share one."""
    theirs = {identifier.key: identifier.value for identifier in other}
    shared = [identifier for identifier in one if identifier.key in theirs]
    return bool(shared) and all(theirs[identifier.key] == identifier.value for identifier in shared)


def masked(identifier: Identifier) -> str:
    """Show enough to recognise and too little to misuse: the first four and the last two characters."""
    value = identifier.value
    hidden = "*" * len(value) if len(value) <= 6 else f"{value[:4]}{'*' * (len(value) - 6)}{value[-2:]}"
    return f"{identifier.key}:{hidden}"


def _msisdn(text: str, region: str | None) -> str:
    digits = _SEPARATORS.sub("", text)
    match = _MSISDN.fullmatch(digits)
    if match is not None:
        return "+" + match[1]
    if region is None or not digits.isascii() or not digits.isdigit():
        raise PartyError("an msisdn has 6 to 15 digits with its country code, for example +254700111222")
    return _msisdn_in_national_form(digits, region)


def _msisdn_in_national_form(digits: str, region: str) -> str:
    import phonenumbers  # noqa: PLC0415 - 45 ms to import and needed only for numbers without a country code

    try:
        number = phonenumbers.parse(digits, region)
    except phonenumbers.NumberParseException as error:
        raise PartyError("the msisdn is not a telephone number") from error
    if not phonenumbers.is_possible_number(number):
        raise PartyError("the msisdn is not a telephone number")
    return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))


def _iban(text: str) -> str:
    import schwifty  # noqa: PLC0415 - loads a registry of banks; most parties are telephone numbers

    try:
        return str(schwifty.IBAN(text).compact)
    except (schwifty.exceptions.SchwiftyException, ValueError) as error:
        raise PartyError("the iban is not valid: check its country, length and check digits") from error
