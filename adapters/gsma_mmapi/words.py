"""What a GSMA provider's objects say about an operation; a word that is not in the tables decides nothing."""

from typing import Any, Final

import msgspec

from adapters.contract import FailureClass, Money, Request, Response, Said, Verdict
from routing.money import MoneyError

# errorObject.errorCode by what it means. What is not here is UNKNOWN, and so is every code whose category says
# nothing about the money.
_CODES: Final = {
    FailureClass.INSUFFICIENT_FUNDS: "insufficientFunds",
    FailureClass.PAYEE_LIMIT: "maxBalanceExceeded accountMaxTotalValueExceeded accountMaxTotalVolumeExceeded",
    FailureClass.PAYER_LIMIT: "dailyVolumeLimitExceeded dailyValueLimitExceeded weeklyVolumeLimitExceeded "
    "weeklyValueLimitExceeded monthlyVolumeLimitExceeded monthlyValueLimitExceeded",
    FailureClass.AMOUNT_OUT_OF_RANGE: "lessThanTransactionMinValue greaterThanTransactionMaxValue "
    "underPaymentNotAllowed overPaymentNotAllowed negativeValue",
    FailureClass.PARTY_NOT_FOUND: "identifierError",
    FailureClass.PARTY_BLOCKED: "incorrectState",
    FailureClass.REJECTED_BY_PARTY: "requestDeclined requestingPartyAuthorisationError "
    "servicingPartyAuthorisationError",
    FailureClass.PARTICIPANT_CONFIG: "clientAuthorisationError",
    FailureClass.REFUSED: "genericError samePartiesError lengthError formatError currencyNotSupported "
    "mandatoryValueNotSupplied transactionTypeError noMandateAuthority linkViolation countryofOriginNotPermitted "
    "nationalityNotPermitted idDocumentNotSupported issuingCountryNotSupported quoteHasExpired",
    FailureClass.DUPLICATE: "duplicateRequest",
    FailureClass.PROVIDER_UNAVAILABLE: "rateLimitError",
}
FAILURES: Final = {code.lower(): failure for failure, codes in _CODES.items() for code in codes.split()}
# Known, and yet no decision about the money: the first use of the reference, or a later try, tells.
_UNDECIDED: Final = frozenset({FailureClass.DUPLICATE, FailureClass.PROVIDER_UNAVAILABLE})
_REFUSING: Final = frozenset({"businessrule", "validation", "authorisation", "identification"})
PENDING: Final = frozenset({"pending", "created"})

CLIENTS: Final = "requestingOrganisationTransactionReference"  # under it our transfer travels
# A number keeps the digits it was written with: amounts never pass through a float.
_decoder: Final = msgspec.json.Decoder(float_hook=str)


def transaction_told(body: dict[str, Any]) -> Said:
    """Read a transaction."""
    return _told(body, text_at(body, "transactionStatus"), text_at(body, "transactionReference"))


def state_told(body: dict[str, Any]) -> Said:
    """Read a request state."""
    return _told(body, text_at(body, "status"), text_at(body, "objectReference"))


def _told(body: dict[str, Any], status: str, reference: str) -> Said:
    said = Said(code=status, provider_reference=reference)
    match status.lower():
        case "completed":
            return priced(said, body, "amount")
        case "failed":
            return failed(said, body)
        case word if word in PENDING:
            return said._replace(failure=FailureClass.PENDING)
    return said


def priced(said: Said, body: dict[str, Any], amount: str) -> Said:
    """Accept, with the amount that is stated; an amount that cannot be read leaves doubt."""
    accepted = said._replace(verdict=Verdict.ACCEPTED, failure=None, code="")
    if amount not in body and "currency" not in body:
        return accepted
    try:
        return accepted._replace(money=Money.parse(text_at(body, amount), text_at(body, "currency")))
    except MoneyError:
        return said


def failed(said: Said, body: dict[str, Any]) -> Said:
    """Refuse, by the error object beside the word if there is one."""
    reason = body.get("error", body.get("errorReference"))
    if isinstance(reason, dict):
        return refused(reason)._replace(provider_reference=said.provider_reference)
    return said._replace(verdict=Verdict.REFUSED, failure=FailureClass.REFUSED)


def refused(body: dict[str, Any]) -> Said:
    """Read an error object."""
    category, code = error_of(body)
    failure = FAILURES.get(code, FailureClass.UNCLEAR) if category in _REFUSING else FailureClass.UNCLEAR
    decided = failure not in _UNDECIDED and failure is not FailureClass.UNCLEAR
    text = text_at(body, "errorDescription") or text_at(body, "errordescription")  # documentation, published schema
    return Said(Verdict.REFUSED if decided else Verdict.UNKNOWN, failure, code=text_at(body, "errorCode"), text=text)


def error_of(body: dict[str, Any]) -> tuple[str, str]:
    """Return an error object's category and code in lower case; two empty strings if it is none."""
    category, code = text_at(body, "errorCategory").lower(), text_at(body, "errorCode").lower()
    return (category, code) if category and code else ("", "")


def object_in(message: Request | Response) -> dict[str, Any]:
    """Return a JSON object; an empty one for whatever else the body is."""
    body = json_in(message)
    return body if isinstance(body, dict) else {}


def json_in(message: Request | Response) -> Any:
    """Return whatever JSON the body is; None if it is none."""
    try:
        return _decoder.decode(message.body)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return None


def text_at(body: dict[str, Any], name: str) -> str:
    """Return a text or a number as it was written; an empty text for whatever else is there."""
    value = body.get(name)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value if isinstance(value, str) else ""
