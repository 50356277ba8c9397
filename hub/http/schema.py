"""The API's objects, as far as the hub reads or echoes them: what it shows again must never break the API's rules.

They are open, as the API's objects are: unknown fields are kept and passed on. Amounts are strings: a JSON number
has already lost what it was.
"""

from datetime import UTC, datetime
from typing import Annotated, Final, Literal

import pycountry
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

TYPES: Final = (
    "billpay",
    "deposit",
    "disbursement",
    "transfer",
    "merchantpay",
    "inttransfer",
    "adjustment",
    "reversal",
    "withdrawal",
)
COUNTRIES: Final = frozenset(country.alpha_2 for country in pycountry.countries)


def _country(text: str) -> str:
    if text not in COUNTRIES:
        raise ValueError("not an ISO 3166-1 alpha-2 country code")
    return text


def _type(text: str) -> str:
    if text not in TYPES:
        raise ValueError(f"not one of {', '.join(TYPES)}")
    return text


def _time(text: str) -> str:
    in_utc(text)
    return text


def in_utc(text: str) -> str:
    """Write a date or time of ISO 8601 as the API does: in UTC, which is also meant where no zone is named."""
    try:
        time = datetime.fromisoformat(text)
        time = time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError("not a date and time of ISO 8601") from None
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def lowered(value: object) -> object:
    """Read a word of an enumeration in any case; what is no text is left for the validation to refuse."""
    return value.lower() if isinstance(value, str) else value


Country = Annotated[str, AfterValidator(_country)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=256)]
Text = Annotated[str, StringConstraints(max_length=256)]
Time = Annotated[str, StringConstraints(max_length=256), AfterValidator(_time)]
Description = Annotated[str, StringConstraints(max_length=160)]
Amount = Annotated[str, StringConstraints(min_length=1, max_length=23)]
AMOUNT: Final = r"^(0|[1-9][0-9]{0,17})(\.[0-9]{1,4})?$"
# Latitude and longitude in degrees, up to six decimals.
_LATITUDE: Final = r"-?(90|[1-8]?[0-9](\.[0-9]{1,6})?)"
_LONGITUDE: Final = r"-?(180|(1[0-7][0-9]|[1-9]?[0-9])(\.[0-9]{1,6})?)"
GeoCode = Annotated[str, StringConstraints(pattern=f"^{_LATITUDE},{_LONGITUDE}$")]


class Model(BaseModel):
    """An open object."""

    model_config = ConfigDict(extra="allow", strict=True)


class Pair(Model):
    """A key and its value: an account identifier, or what a participant says about a transfer."""

    key: Name
    value: Name


class Fee(Model):
    """A fee that is passed on or shown."""

    feeType: Name  # noqa: N815 - the API's name
    feeAmount: Annotated[str, StringConstraints(max_length=23, pattern=AMOUNT)]  # noqa: N815
    feeCurrency: Annotated[str, StringConstraints(pattern="^[A-Z]{3}$")]  # noqa: N815


class Organisation(Model):
    """The organisation that asked the caller."""

    requestingOrganisationIdentifierType: Literal["lei", "swiftbic", "organisationid"]  # noqa: N815
    requestingOrganisationIdentifier: Name  # noqa: N815


PartyList = Annotated[list[Pair], Field(max_length=10)]
Pairs = Annotated[list[Pair], Field(max_length=20)]


class PostalAddress(Model):
    """A postal address."""

    country: Country


class Kyc(Model):
    """What is known about a customer."""

    birthCountry: Country | None = None  # noqa: N815
    nationality: Country | None = None
    postalAddress: PostalAddress | None = None  # noqa: N815


class International(Model):
    """Facts about an international transfer."""

    originCountry: Country  # noqa: N815
    receivingCountry: Country | None = None  # noqa: N815
    sendingServiceProviderCountry: Country | None = None  # noqa: N815


class Noted(Model):
    """What may be noted on every transfer; it decides nothing and is shown again."""

    subType: Text | None = None  # noqa: N815
    descriptionText: Description | None = None  # noqa: N815
    requestingOrganisation: Organisation | None = None  # noqa: N815
    requestingOrganisationTransactionReference: Text | None = None  # noqa: N815
    geoCode: GeoCode | None = None  # noqa: N815
    servicingIdentity: Text | None = None  # noqa: N815
    requestDate: Time | None = None  # noqa: N815
    fees: Annotated[list[Fee], Field(max_length=20)] | None = None
    customData: Pairs | None = None  # noqa: N815
    metadata: Pairs | None = None


class TransactionType(Noted):
    """The body of POST /transactions/type/{transactionType}: one party at least."""

    amount: Amount
    currency: Name
    debitParty: PartyList | None = None  # noqa: N815
    creditParty: PartyList | None = None  # noqa: N815
    originalTransactionReference: Text | None = None  # noqa: N815
    oneTimeCode: Text | None = None  # noqa: N815
    internationalTransferInformation: International | None = None  # noqa: N815
    senderKyc: Kyc | None = None  # noqa: N815
    recipientKyc: Kyc | None = None  # noqa: N815


class Transaction(TransactionType):
    """The body of POST /transactions: both parties, and the type."""

    type: Annotated[str, BeforeValidator(lowered), AfterValidator(_type)]
    debitParty: PartyList  # noqa: N815
    creditParty: PartyList  # noqa: N815


class Reversal(Noted):
    """The body of POST /transactions/{transactionReference}/reversals."""

    type: Annotated[Literal["reversal", "adjustment"], BeforeValidator(lowered)]
    amount: Amount | None = None
    currency: Text | None = None


class PatchItem(Model):
    """One operation of a PATCH."""

    op: Annotated[Literal["replace", "add"], BeforeValidator(lowered)]
    path: Text
    value: Text
