"""The words of the GSMA API that a simulated provider answers with; an answer has nothing that the API has not."""

import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
from aiohttp import hdrs, web

from adapters.simulator.rules import Refusal

STATUS: Final = {
    "businessRule": 400,
    "validation": 400,
    "authorisation": 401,
    "identification": 404,
    "internal": 500,
    "serviceUnavailable": 503,
}
REFUSALS: Final = {
    Refusal.NO_FUNDS: ("businessRule", "insufficientFunds"),
    Refusal.OVER_LIMIT: ("businessRule", "dailyValueLimitExceeded"),
    Refusal.NOT_FOUND: ("identification", "identifierError"),
    Refusal.BLOCKED: ("businessRule", "incorrectState"),
    Refusal.DECLINED: ("authorisation", "requestDeclined"),
    Refusal.WRONG_STATE: ("businessRule", "incorrectState"),
    Refusal.WRONG_TYPE: ("businessRule", "transactionTypeError"),
    Refusal.WRONG_CURRENCY: ("validation", "currencyNotSupported"),
    Refusal.NO_MANDATE: ("businessRule", "noMandateAuthority"),
    Refusal.LINK_VIOLATION: ("businessRule", "linkViolation"),
    Refusal.OVER_MAXIMUM: ("businessRule", "greaterThanTransactionMaxValue"),
    Refusal.UNDER_MINIMUM: ("businessRule", "lessThanTransactionMinValue"),
    Refusal.UNDER_PAYMENT: ("businessRule", "underPaymentNotAllowed"),
    Refusal.OVER_PAYMENT: ("businessRule", "overPaymentNotAllowed"),
    Refusal.QUOTE_EXPIRED: ("businessRule", "quoteHasExpired"),
    Refusal.UNPROVEN: ("authorisation", "requestingPartyAuthorisationError"),
}
JSON: Final[dict[str, str]] = {str(hdrs.CONTENT_TYPE): "application/json; charset=utf-8"}


class ApiError(Exception):
    """The request gets an error object."""

    def __init__(self, category: str, code: str) -> None:
        """Keep both words."""
        super().__init__(category, code)
        self.category = category
        self.code = code


NOT_FOUND: Final = ("identification", "identifierError")
FORMAT: Final = ("validation", "formatError")
MANDATORY: Final = ("validation", "mandatoryValueNotSupplied")


def now_ms() -> int:
    """Return the time as Unix milliseconds."""
    return time.time_ns() // 1_000_000


def time_text(at_ms: int) -> str:
    """Return a time in the API's form."""
    return datetime.fromtimestamp(at_ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def time_ms(text: str) -> int:
    """Read a date or a date-time, naive ones as UTC; raises ValueError."""
    read = datetime.fromisoformat(text)
    return int((read if read.tzinfo else read.replace(tzinfo=UTC)).timestamp()) * 1000


def pairs(identifiers: Sequence[str]) -> list[dict[str, str]]:
    """Return "msisdn@+254700111222" as the API's pairs of key and value."""
    split = [each.partition("@") for each in identifiers]
    return [{"key": key, "value": value} for key, _, value in split]


def error_object(category: str, code: str) -> dict[str, Any]:
    """Return the API's error object."""
    return {"errorCategory": category, "errorCode": code, "errorDateTime": time_text(now_ms())}


def error(category: str, code: str) -> web.Response:
    """Answer with an error object."""
    return answer(STATUS[category], error_object(category, code))


def answer(status: int, body: Any, headers: Mapping[str, str] | None = None) -> web.Response:
    """Answer with JSON."""
    return web.Response(status=status, body=msgspec.json.encode(body), headers={**JSON, **(headers or {})})
