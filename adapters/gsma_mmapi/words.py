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
_REFUSING_STATUS: Final = frozenset({400, 401, 403, 404})
_TAKEN_STATUS: Final = frozenset({200, 201, 202})
_PENDING: Final = frozenset({"pending", "created"})

_CLIENTS: Final = "requestingOrganisationTransactionReference"
# A number keeps the digits it was written with: amounts never pass through a float.
_decoder: Final = msgspec.json.Decoder(float_hook=str)


def said_in(response: Response, transfer: str) -> Said:
    """Read the answer to a request to act."""
    body = object_in(response)
    said = said_by(body, transfer)
    believed = _REFUSING_STATUS if error_of(body)[0] else _TAKEN_STATUS
    return said if response.status in believed else Said(code=said.code, text=said.text)


def said_by(body: dict[str, Any], transfer: str) -> Said:
    """Read what a provider gives as the end of an operation: a resource, a request state, an error object."""
    return _refused(body) if error_of(body)[0] else _told(body, transfer)


def _told(body: dict[str, Any], transfer: str) -> Said:
    if body.get(_CLIENTS, transfer) != transfer:
        return Said()
    reference = text_at(body, "transactionReference") or text_at(body, "objectReference")
    status = text_at(body, "status" if "serverCorrelationId" in body else "transactionStatus")
    said = Said(code=status, provider_reference=reference)
    match status.lower():
        case "completed":
            return _completed(body, said)
        case "failed":
            reason = body.get("error", body.get("errorReference"))
            if isinstance(reason, dict):
                return _refused(reason)._replace(provider_reference=reference)
            return said._replace(verdict=Verdict.REFUSED, failure=FailureClass.REFUSED)
        case word if word in _PENDING:
            return said._replace(failure=FailureClass.PENDING)
    return said


def _completed(body: dict[str, Any], said: Said) -> Said:
    accepted = said._replace(verdict=Verdict.ACCEPTED, failure=None, code="")
    if "amount" not in body and "currency" not in body:
        return accepted
    try:
        return accepted._replace(money=Money.parse(text_at(body, "amount"), text_at(body, "currency")))
    except MoneyError:
        return said


def _refused(body: dict[str, Any]) -> Said:
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
    try:
        body = _decoder.decode(message.body)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return {}
    return body if isinstance(body, dict) else {}


def text_at(body: dict[str, Any], name: str) -> str:
    """Return a text or a number as it was written; an empty text for whatever else is there."""
    value = body.get(name)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value if isinstance(value, str) else ""
