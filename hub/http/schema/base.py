"""What all objects of the API have in common when they come in, and their small shared parts; no request is here.

They are open, as the API's objects are: unknown fields are kept and passed on. Amounts are strings: a JSON number
has already lost what it was. A name is known in any case, because the API's file and its text spell several of them
differently; an empty list says as much as none.
"""

from functools import cache
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    WithJsonSchema,
    model_validator,
)

from hub.http.schema.words import AMOUNT, ENUMS, GEOCODE, INT32_MAX, Word, day, in_utc, number, text


def _time(given: str) -> str:
    in_utc(given)
    return given


# What pydantic would say of these is how they are read; the document says what they should be.
_AMOUNT = WithJsonSchema({"type": "string", "minLength": 1, "maxLength": 23, "pattern": AMOUNT})
_CURRENCY = WithJsonSchema({"type": "string", "enum": list(ENUMS["currency"])})
_INT32 = Field(json_schema_extra={"format": "int32"})
_TIME = WithJsonSchema({"type": "string", "format": "date-time"})
_DAY = WithJsonSchema({"type": "string", "format": "date"})

Country = Annotated[str, Word("country")]
Name = Annotated[str, StringConstraints(min_length=1, max_length=256)]
Text = Annotated[str, StringConstraints(max_length=256)]
Time = Annotated[str, StringConstraints(max_length=256), AfterValidator(_time), _TIME]
Day = Annotated[str, StringConstraints(max_length=256), AfterValidator(day), _DAY]
Description = Annotated[str, StringConstraints(max_length=160)]
# Money.parse says what is wrong with an amount or a currency better than a pattern can.
Amount = Annotated[str, StringConstraints(min_length=1, max_length=23), _AMOUNT]
Currency = Annotated[str, StringConstraints(min_length=1, max_length=256), _CURRENCY]
Number = Annotated[int, Field(ge=0, le=INT32_MAX), BeforeValidator(number), _INT32]
Positive = Annotated[int, Field(ge=1, le=INT32_MAX), BeforeValidator(number), _INT32]
Value = Annotated[str, StringConstraints(max_length=256), BeforeValidator(text)]
GeoCode = Annotated[str, StringConstraints(pattern=GEOCODE)]


@cache
def _spelled(model: "type[Model]") -> dict[str, str]:
    return {name.lower(): name for name in model.model_fields}


class Model(BaseModel):
    """An open object."""

    model_config = ConfigDict(extra="allow", strict=True)

    @model_validator(mode="before")
    @classmethod
    def _liberal(cls, data: Any) -> Any:
        if not isinstance(data, dict) or (data.keys() <= cls.model_fields.keys() and [] not in data.values()):
            return data
        names = _spelled(cls)
        found: dict[object, Any] = {}
        for name, value in data.items():
            known = name if name in cls.model_fields else names.get(name.lower()) or name
            # The right spelling wins where both are given.
            if value != [] and (known == name or known not in data):
                found[known] = value
        return found

    def plain(self) -> dict[str, Any]:
        """Return it as the API writes it: words in their one spelling, unknown fields kept, no nulls."""
        return self.model_dump(exclude_none=True)


class Pair(Model):
    """A key and its value: an account identifier, or what a participant says about a transfer."""

    key: Name
    value: Name


class Fee(Model):
    """A fee that is passed on or shown."""

    feeType: Name
    feeAmount: Annotated[str, StringConstraints(max_length=23, pattern=AMOUNT)]
    feeCurrency: Annotated[str, StringConstraints(pattern="^[A-Z]{3}$")]


class Organisation(Model):
    """The organisation that asked the caller."""

    requestingOrganisationIdentifierType: Annotated[str, Word("institutionType")]
    requestingOrganisationIdentifier: Name


PartyList = Annotated[list[Pair], Field(min_length=1, max_length=10)]
Pairs = Annotated[list[Pair], Field(max_length=20)]
Fees = Annotated[list[Fee], Field(min_length=1, max_length=20)]


class SubjectName(Model):
    """A person's name."""

    title: Text | None = None
    firstName: Text | None = None
    middleName: Text | None = None
    lastName: Text | None = None
    fullName: Text | None = None
    nativeName: Text | None = None


class PostalAddress(Model):
    """A postal address."""

    addressLine1: Text | None = None
    addressLine2: Text | None = None
    addressLine3: Text | None = None
    city: Text | None = None
    stateProvince: Text | None = None
    postalCode: Text | None = None
    country: Country


class IdDocument(Model):
    """A document that says who a customer is."""

    idType: Annotated[str, Word("idType")]
    idNumber: Text | None = None
    issueDate: Day | None = None
    expiryDate: Day | None = None
    issuer: Text | None = None
    issuerPlace: Text | None = None
    issuerCountry: Country | None = None
    otherIdDescription: Text | None = None


class Kyc(Model):
    """What is known about a customer."""

    birthCountry: Country | None = None
    contactPhone: Text | None = None
    dateOfBirth: Day | None = None
    emailAddress: Text | None = None
    employerName: Text | None = None
    gender: Annotated[str, Word("gender")] | None = None
    idDocument: Annotated[list[IdDocument], Field(max_length=10)] | None = None
    nationality: Country | None = None
    occupation: Text | None = None
    postalAddress: PostalAddress | None = None
    subjectName: SubjectName | None = None
