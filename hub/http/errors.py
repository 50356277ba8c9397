"""Errors in the API's own object: category, code, what to do next; never what the caller must not learn.

`config/errors.toml` maps every reason the hub has to the API's words. The HTTP status follows from the
category, as in the specification.
"""

import tomllib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec
from aiohttp import web
from pydantic import ValidationError

from hub.core.command import Reason, Refusal
from hub.core.stamp import stamp
from routing.message import FailureClass
from routing.money import AmountNegativeError, AmountTooLargeError, CurrencyUnknownError, MoneyError

STATUS: Final = {
    "businessRule": 400,
    "validation": 400,
    "authorisation": 401,
    "identification": 404,
    "internal": 500,
    "serviceUnavailable": 503,
}

_FILE: Final = "errors.toml"
_CHALLENGE: Final = 'Bearer realm="hub"'


class Words(NamedTuple):
    """How a reason is said."""

    category: str
    code: str
    description: str


class ApiError(Exception):
    """Ends a request with an error object."""

    def __init__(
        self,
        category: str,
        code: str,
        description: str,
        *,
        parameters: Sequence[tuple[str, str]] = (),
        status: int = 0,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Say what is wrong; `parameters` name the offending property or point somewhere."""
        super().__init__(f"{category}/{code}")
        self.words = Words(category, code, description)
        self.parameters = parameters
        self.status = status or STATUS[category]
        self.headers = headers or {}


@cache
def _words() -> tuple[dict[Reason, Words], dict[FailureClass, Words]]:
    here = Path(__file__).parents[2] / "config" / _FILE
    path = here if here.exists() else Path(__file__).parents[1] / "_config" / _FILE
    document = tomllib.loads(path.read_text("utf-8"))
    reasons = {reason: Words(*document["reason"][reason]) for reason in Reason}
    return reasons, {failure: Words(*document["failure"][failure]) for failure in FailureClass}


# What a provider may say in the API's own words, to be passed on as it is: what concerns the customer or the rules.
_CATEGORIES: Final = {
    "businessRule": "dailyVolumeLimitExceeded dailyValueLimitExceeded weeklyVolumeLimitExceeded "
    "weeklyValueLimitExceeded monthlyVolumeLimitExceeded monthlyValueLimitExceeded accountMaxTotalValueExceeded "
    "accountMaxTotalVolumeExceeded lessThanTransactionMinValue greaterThanTransactionMaxValue maxBalanceExceeded "
    "samePartiesError insufficientFunds incorrectState underPaymentNotAllowed overPaymentNotAllowed "
    "transactionTypeError noMandateAuthority linkViolation countryofOriginNotPermitted nationalityNotPermitted "
    "idDocumentNotSupported issuingCountryNotSupported quoteHasExpired",
    "identification": "identifierError",
    "validation": "lengthError formatError negativeValue currencyNotSupported mandatoryValueNotSupplied",
    "authorisation": "requestDeclined requestingPartyAuthorisationError servicingPartyAuthorisationError",
}
_SAID: Final = {code.lower(): (category, code) for category, codes in _CATEGORIES.items() for code in codes.split()}
_OURS: Final = frozenset({FailureClass.PARTICIPANT_CONFIG, FailureClass.DUPLICATE, FailureClass.PROVIDER_UNAVAILABLE})


def words_of(reason: str, code: str = "") -> Words:
    """Return how a transfer's reason is said: one of the hub's, or a provider's class of failure and its code."""
    reasons, failures = _words()
    said = _SAID.get(code.lower())
    if said is not None and reason in FailureClass.__members__.values() and reason not in _OURS:
        return Words(*said, failures[FailureClass(reason)].description)
    if reason in Reason.__members__.values():
        return reasons[Reason(reason)]
    return (
        failures[FailureClass(reason)]
        if reason in FailureClass.__members__.values()
        else failures[FailureClass.REFUSED]
    )


def refused(refusal: Refusal, link: str = "") -> ApiError:
    """Turn the hub's refusal into an error; `link` is where the first result of a repeated request is."""
    words = words_of(refusal.reason)
    parameters = [("reason", str(refusal.reason))]
    if link or refusal.transfer:
        parameters.append(("link", link or f"/transactions/{refusal.transfer}"))
    return ApiError(*words, parameters=parameters)


def invalid(property_: str, code: str, description: str) -> ApiError:
    """Build a validation error that names the property."""
    return ApiError("validation", code, description, parameters=[("property", property_)])


def bad_amount(property_: str, error: MoneyError, *, currency: str = "currency") -> ApiError:
    """Build the error for an amount; `currency` is the property that names its currency."""
    if isinstance(error, AmountTooLargeError):
        return ApiError(
            "businessRule", "greaterThanTransactionMaxValue", str(error), parameters=[("property", property_)]
        )
    code = "formatError"
    if isinstance(error, CurrencyUnknownError):
        property_, code = currency, "currencyNotSupported"
    elif isinstance(error, AmountNegativeError):
        code = "negativeValue"
    return invalid(property_, code, str(error))


def bad_body(error: ValidationError) -> ApiError:
    """Build the error for a body that the model refuses: its first fault."""
    first = error.errors(include_url=False, include_context=False)[0]
    property_ = ".".join(str(part) for part in first["loc"]) or "body"
    if first["type"] == "missing" or (first["input"] is None and first["loc"]):
        return invalid(property_, "mandatoryValueNotSupplied", "This property must be given.")
    code = "lengthError" if "too_long" in first["type"] or "too_short" in first["type"] else "formatError"
    return invalid(property_, code, first["msg"].removeprefix("Value error, "))


def unknown_object() -> ApiError:
    """Build the error for what does not exist, and for what belongs to somebody else: they look the same."""
    return ApiError("identification", "identifierError", "There is nothing under this identifier.")


def error_object(words: Words, parameters: Sequence[tuple[str, str]] = (), *, at: str = "") -> dict[str, Any]:
    """Return the API's error object; `at` is when it happened, now unless it is known better."""
    found: dict[str, Any] = {
        "errorCategory": words.category,
        "errorCode": words.code,
        "errorDescription": words.description[:256],
        "errorDateTime": at or now(),
    }
    if parameters:
        found["errorParameters"] = [{"key": key, "value": value[:256]} for key, value in parameters]
    return found


def response_of(error: ApiError) -> web.Response:
    """Answer with an error object, and with what HTTP wants beside it."""
    response = answer(error.status, error_object(error.words, error.parameters))
    if error.status == 401:
        response.headers["WWW-Authenticate"] = _CHALLENGE
    response.headers.update(error.headers)
    return response


_encode: Final = msgspec.json.Encoder().encode


def answer(status: int, body: Any) -> web.Response:
    """Answer with JSON, on one line."""
    return web.Response(
        status=status,
        body=_encode(body),
        headers={"Content-Type": "application/json; charset=utf-8", "X-Content-Type-Options": "nosniff"},
    )


def now() -> str:
    """Return the time as the API writes it."""
    return stamp(int(datetime.now(UTC).timestamp() * 1000))
