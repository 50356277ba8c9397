"""The API's objects, as far as the hub reads them: liberal in what they accept, since the API's objects are open.

Unknown fields are kept and passed on. Amounts are strings: a JSON number has already lost what it was.
"""

from typing import Annotated, Any, Final, Literal

import pycountry
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

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


Country = Annotated[str, AfterValidator(_country)]
Text = Annotated[str, StringConstraints(max_length=256)]
Pairs = Annotated[list[dict[str, Any]], Field(max_length=20)]


class Model(BaseModel):
    """An open object."""

    model_config = ConfigDict(extra="allow", strict=True)


class Pair(Model):
    """One account identifier."""

    key: Annotated[str, StringConstraints(min_length=1, max_length=256)]
    value: Annotated[str, StringConstraints(min_length=1, max_length=256)]


PartyList = Annotated[list[Pair], Field(max_length=10)]


class PostalAddress(Model):
    """A postal address."""

    country: Country


class Kyc(Model):
    """What is known about a customer."""

    birthCountry: Country | None = None  # noqa: N815 - the API's name
    nationality: Country | None = None
    postalAddress: PostalAddress | None = None  # noqa: N815


class International(Model):
    """Facts about an international transfer."""

    originCountry: Country  # noqa: N815
    receivingCountry: Country | None = None  # noqa: N815
    sendingServiceProviderCountry: Country | None = None  # noqa: N815


class TransactionType(Model):
    """The body of POST /transactions/type/{transactionType}: one party at least."""

    amount: Annotated[str, StringConstraints(min_length=1, max_length=23)]
    currency: Annotated[str, StringConstraints(min_length=1, max_length=256)]
    debitParty: PartyList | None = None  # noqa: N815
    creditParty: PartyList | None = None  # noqa: N815
    subType: Text | None = None  # noqa: N815
    descriptionText: Annotated[str, StringConstraints(max_length=160)] | None = None  # noqa: N815
    requestingOrganisationTransactionReference: Text | None = None  # noqa: N815
    originalTransactionReference: Text | None = None  # noqa: N815
    geoCode: Text | None = None  # noqa: N815
    servicingIdentity: Text | None = None  # noqa: N815
    oneTimeCode: Text | None = None  # noqa: N815
    requestDate: Text | None = None  # noqa: N815
    internationalTransferInformation: International | None = None  # noqa: N815
    senderKyc: Kyc | None = None  # noqa: N815
    recipientKyc: Kyc | None = None  # noqa: N815
    fees: Pairs | None = None
    customData: Pairs | None = None  # noqa: N815
    metadata: Pairs | None = None


class Transaction(TransactionType):
    """The body of POST /transactions: both parties, and the type."""

    type: Annotated[str, AfterValidator(_type)]
    debitParty: PartyList  # noqa: N815
    creditParty: PartyList  # noqa: N815


class Reversal(Model):
    """The body of POST /transactions/{transactionReference}/reversals."""

    type: Literal["reversal", "adjustment"]
    amount: Annotated[str, StringConstraints(min_length=1, max_length=23)] | None = None
    currency: Text | None = None
    descriptionText: Annotated[str, StringConstraints(max_length=160)] | None = None  # noqa: N815
    requestingOrganisationTransactionReference: Text | None = None  # noqa: N815
    customData: Pairs | None = None  # noqa: N815
    metadata: Pairs | None = None


class PatchItem(Model):
    """One operation of a PATCH."""

    op: Literal["replace", "add"]
    path: Text
    value: Text
