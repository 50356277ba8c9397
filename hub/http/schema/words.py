"""The API's enumerations and scalars, and how liberally each is read; it must never know an object.

Words are read in any case and with blanks, as the API's own examples write them, and are kept as the API spells them.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import pycountry
from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

from hub.core.office.dispute_rules import REASONS, REFUSALS
from hub.core.office.records import DifferenceKind, DifferenceState, DisputeKind, DisputeState
from routing.money import EXPONENTS

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
AMOUNT: Final = r"^(0|[1-9][0-9]{0,17})(\.[0-9]{1,4})?$"
# A rate: a plain decimal.
DECIMAL: Final = r"^[0-9]{1,12}(\.[0-9]{1,12})?$"
# Latitude and longitude in degrees, up to six decimals.
_LATITUDE: Final = r"-?(90|[1-8]?[0-9](\.[0-9]{1,6})?)"
_LONGITUDE: Final = r"-?(180|(1[0-7][0-9]|[1-9]?[0-9])(\.[0-9]{1,6})?)"
GEOCODE: Final = f"^{_LATITUDE},{_LONGITUDE}$"
# ISO 17442. The API's file wants 00 at the fifth place, which many identifiers in use do not have.
LEI: Final = "^[A-Z0-9]{18}[0-9]{2}$"
UUID: Final = "^[0-9A-Fa-f]{8}-([0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}$"
INT32_MAX: Final = 2**31 - 1

ENUMS: Final[dict[str, tuple[str, ...]]] = {
    "type": TYPES,
    "typeReversal": ("adjustment", "reversal"),
    "country": tuple(sorted(COUNTRIES)),
    "currency": tuple(sorted(EXPONENTS)),
    **{
        name: tuple(words.split())
        for name, words in {
            "deliveryMethod": "directtoaccount agent personaldelivery",
            "gender": "m f u",
            "batchStatus": "created approved completed",
            "identityType": "individual",
            "accountRelationship": "accountholder",
            "kycVerificationStatus": "verified unverified rejected",
            "accountStatus": "available unavailable unregistered",
            "paymentType": "partialpayment fullpayment",
            "billStatus": "unpaid paid partialpaid",
            "frequencyType": "weekly fortnight monthspecificdate twomonths threemonths fourmonths sixmonths yearly "
            "lastdaymonth lastdaymonthworking lastmonday lasttuesday lastwednesday lastthursday lastfriday "
            "lastsaturday lastsunday specificdaymonthly",
            "activity": "active inactive",
            "mode": "push pull both",
            "quotationStatus": "pending rejected completed",
            "codeState": "active expired cancelled",
            "amountType": "exact maximum",
            "serviceStatus": "available unavailable degraded",
            "idType": "passport nationalregistration otherId drivinglicence socialsecurity alienregistration "
            "nationalidcard employer taxid seniorcitizenscard marriagecertificate birthcertificate healthcard "
            "votersid villageelderLetter pancard officialletter",
            "institutionType": "lei swiftbic organisationid",
            "requestStatus": "pending completed failed",
            "notificationMethod": "callback polling",
            "result": "success",
            "rateState": "in_force held",
            "differenceKind": " ".join(DifferenceKind),
            "differenceStatus": " ".join(DifferenceState),
            "reconciliationStatus": "clean differs refused",
            "disputeKind": " ".join(DisputeKind),
            "disputeStatus": " ".join(DisputeState),
            "disputeReason": " ".join(sorted(REASONS)),
            "disputeAnswer": "accepted refused",
            "refusalReason": " ".join(sorted(REFUSALS)),
            "errorCategory": "businessRule validation authorisation identification internal serviceUnavailable",
            "errorCode": "genericError dailyVolumeLimitExceeded dailyValueLimitExceeded weeklyVolumeLimitExceeded "
            "weeklyValueLimitExceeded monthlyVolumeLimitExceeded monthlyValueLimitExceeded "
            "accountMaxTotalVolumeExceeded accountMaxTotalValueExceeded lessThanTransactionMinValue "
            "greaterThanTransactionMaxValue maxBalanceExceeded samePartiesError duplicateRequest insufficientFunds "
            "incorrectState underPaymentNotAllowed overPaymentNotAllowed rateLimitError transactionTypeError "
            "noMandateAuthority linkViolation countryofOriginNotPermitted nationalityNotPermitted "
            "idDocumentNotSupported issuingCountryNotSupported quoteHasExpired identifierError lengthError "
            "formatError negativeValue currencyNotSupported mandatoryValueNotSupplied invalidOffset "
            "clientAuthorisationError requestDeclined servicingPartyAuthorisationError "
            "requestingPartyAuthorisationError",
            "op": "replace add",
        }.items()
    },
}
# What the API's own documents also call them.
_ALIASES: Final = {"othered": "otherId"}
# Codes of countries are taken as they are written: one in another case may be something else.
_EXACT: Final = frozenset({"country", "currency"})
_KNOWN: Final = {name: {word.lower(): word for word in words} | _ALIASES for name, words in ENUMS.items()}


def word(name: str, value: object) -> object:
    """Read a word of an enumeration; what is none is left as it is, for the validation to refuse."""
    if not isinstance(value, str) or name in _EXACT:
        return value
    return _KNOWN[name].get(value.replace(" ", "").lower(), value)


@dataclass(frozen=True)
class Word:
    """Marks a text as a word of an enumeration: Annotated[str, Word("gender")]."""

    name: str

    def read(self, value: Any) -> Any:
        """Read it liberally."""
        return word(self.name, value)

    def __get_pydantic_core_schema__(self, _source: Any, _handler: GetCoreSchemaHandler) -> CoreSchema:
        """Tell pydantic how it is read and what it may be."""
        strict = core_schema.literal_schema(list(ENUMS[self.name]))
        return core_schema.no_info_before_validator_function(self.read, strict)


def in_utc(text: str) -> str:
    """Write a date or time of ISO 8601 as the API does: in UTC, which is also meant where no zone is named."""
    try:
        time = datetime.fromisoformat(text)
        time = time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError("not a date and time of ISO 8601") from None
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def day(text: str) -> str:
    """Write the day of a date or time of ISO 8601; a time is read where a date is declared, as clients send it."""
    try:
        return datetime.fromisoformat(text).date().isoformat()
    except ValueError:
        raise ValueError("not a date of ISO 8601") from None


def number(value: object) -> object:
    """Read a whole number that may be written as text, or as 2.0; what is none is left for the validation to refuse."""
    if isinstance(value, float) and value.is_integer() and abs(value) <= INT32_MAX:
        return int(value)
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= len(str(INT32_MAX)):
        return int(value)
    return value


def text(value: object) -> object:
    """Read a text that may be written as a whole number; what is none is left for the validation to refuse."""
    return str(value) if type(value) is int else value


def lowered(value: object) -> object:
    """Read a word in any case; what is no text is left for the validation to refuse."""
    return value.lower() if isinstance(value, str) else value
