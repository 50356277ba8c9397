"""A simulated provider's GSMA Mobile Money API v1.2; it accepts more than the API and says only what the API has."""

import base64
import re
import secrets
import time
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
from aiohttp import hdrs, web

from adapters.simulator.book import Direction, Entry, Order
from adapters.simulator.callbacks import Callback
from adapters.simulator.provider import Provider
from adapters.simulator.rules import Fate, Refusal
from routing.money import Money, MoneyError

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
}
# With both parties named, the type says whose account is here.
_DEBITS: Final = frozenset({"merchantpay", "billpay", "withdrawal"})
_UUID: Final = re.compile(r"[0-9A-Fa-f]{8}-(?:[0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}")
_JSON: Final[dict[str, str]] = {str(hdrs.CONTENT_TYPE): "application/json; charset=utf-8"}


class Pair(msgspec.Struct, frozen=True):
    """An account identifier."""

    key: str
    value: str


class Posted(msgspec.Struct, frozen=True, rename="camel"):
    """What is read of a transaction or a reversal; amount and currency are optional in the latter."""

    amount: str | None = None
    currency: str | None = None
    type: str = ""
    credit_party: list[Pair] = []
    debit_party: list[Pair] = []
    requesting_organisation_transaction_reference: str = ""


class ApiError(Exception):
    """The request gets an error object."""

    def __init__(self, category: str, code: str) -> None:
        """Keep both words."""
        super().__init__(category, code)
        self.category = category
        self.code = code


class Gsma:
    """The dialect of one provider."""

    def __init__(self, provider: Provider) -> None:
        """Speak for a provider; no token has been given out."""
        self._provider = provider
        self._basic = "Basic " + base64.b64encode(provider.settings.client.encode()).decode()
        self._tokens: dict[str, float] = {}
        self._decoder = msgspec.json.Decoder(Posted)

    def revoke_tokens(self) -> None:
        """Refuse every token given out so far."""
        self._tokens.clear()

    async def answer(self, request: web.Request, tail: str) -> web.StreamResponse:
        """Answer a request; what is wrong with it becomes an error object."""
        try:
            return await self._answer(request, tail)
        except ApiError as error:
            return _error(error.category, error.code)
        except (MoneyError, msgspec.DecodeError):
            return _error("validation", "formatError")

    async def _answer(self, request: web.Request, tail: str) -> web.StreamResponse:
        path = tail.split("/")
        if path == ["v1", "oauth", "accesstoken"]:
            return self._token(request)
        self._authorise(request)
        match (request.method, *path):
            case ("POST", "transactions", "type", type_):
                return await self._provider.take(request, await self._transaction(request, type_), self)
            case ("POST", "transactions", reference, "reversals"):
                return await self._provider.take(request, await self._reversal(request, reference), self)
            case ("GET", "accounts", *account, ("accountname" | "status") as what):
                return self._account(account, what)
            case ("GET", what, *name):
                return self._got(what, "/".join(name))
        raise ApiError("identification", "identifierError")

    def _token(self, request: web.Request) -> web.Response:
        if request.headers.get("Authorization") != self._basic:
            raise ApiError("authorisation", "clientAuthorisationError")
        token, lifetime_s = secrets.token_urlsafe(24), self._provider.settings.token_s
        self._tokens[token] = time.monotonic() + lifetime_s
        return _json(200, {"access_token": token, "token_type": "bearer", "expires_in": lifetime_s})

    def _authorise(self, request: web.Request) -> None:
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if self._tokens.get(token, 0) <= time.monotonic():
            raise ApiError("authorisation", "clientAuthorisationError")

    async def _transaction(self, request: web.Request, type_: str) -> Order:
        posted = self._decoder.decode(await request.read())
        if posted.amount is None or posted.currency is None:
            raise ApiError("validation", "mandatoryValueNotSupplied")
        debits = type_ in _DEBITS if posted.credit_party and posted.debit_party else bool(posted.debit_party)
        party = posted.debit_party if debits else posted.credit_party
        if not party:
            raise ApiError("validation", "mandatoryValueNotSupplied")
        return Order(
            reference=_correlation(request),
            direction=Direction.DEBIT if debits else Direction.CREDIT,
            account=f"{party[0].key}@{party[0].value}",
            money=Money.parse(posted.amount, posted.currency),
            business=posted.requesting_organisation_transaction_reference,
            callback_url=request.headers.get("X-Callback-URL", ""),
            details=self._repeated_fields(posted, type_),
        )

    async def _reversal(self, request: web.Request, reference: str) -> Order:
        posted = self._decoder.decode(await request.read())
        was = self._named(reference) or self._provider.book.by_reference.get(reference)
        if was is None or was.refusal is not None:
            raise ApiError("identification", "identifierError")
        currency = posted.currency or was.order.money.currency
        fields = self._repeated_fields(posted, posted.type or "reversal")
        return Order(
            reference=_correlation(request),
            direction=Direction.DEBIT if was.order.direction is Direction.CREDIT else Direction.CREDIT,
            account=was.order.account,
            money=was.order.money if posted.amount is None else Money.parse(posted.amount, currency),
            business=posted.requesting_organisation_transaction_reference,
            reverses=self._own(was),
            callback_url=request.headers.get("X-Callback-URL", ""),
            details=fields | {"originalTransactionReference": self._own(was)},
        )

    def _repeated_fields(self, posted: Posted, type_: str) -> dict[str, Any]:
        us = [{"key": "organisationid", "value": self._provider.settings.name}]
        fields = {
            "type": type_,
            "creditParty": [msgspec.to_builtins(pair) for pair in posted.credit_party] or us,
            "debitParty": [msgspec.to_builtins(pair) for pair in posted.debit_party] or us,
        }
        business = posted.requesting_organisation_transaction_reference
        return fields | ({"requestingOrganisationTransactionReference": business} if business else {})

    def _own(self, entry: Entry) -> str:
        return f"{self._provider.settings.name}-{entry.number:09d}"

    def _named(self, own: str) -> Entry | None:
        """Return the entry that we call so."""
        name, _, number = own.rpartition("-")
        return self._entry_at(number, 10) if name == self._provider.settings.name else None

    def _entry_at(self, digits: str, base: int) -> Entry | None:
        entries = self._provider.book.entries
        try:
            number = int(digits, base)
        except ValueError:
            return None
        return entries[number] if 0 <= number < len(entries) else None

    def _account(self, path: list[str], what: str) -> web.Response:
        account = path[0].split("$")[0] if len(path) == 1 else "@".join(path)
        fate = self._provider.rules.fate_of(account)
        if fate is Fate.NOT_FOUND:
            raise ApiError("identification", "identifierError")
        if fate is Fate.UNAVAILABLE:
            raise ApiError("serviceUnavailable", "genericError")
        known = self._provider.book.account(account)
        if what == "accountname":
            return _json(200, {"name": {"fullName": known.name}})
        return _json(200, {"accountStatus": "unavailable" if fate is Fate.BLOCKED else known.status})

    def _got(self, what: str, name: str) -> web.Response:
        match what:
            case "heartbeat":
                return _json(200, {"serviceStatus": "available"})
            case "responses":
                entry, status = self._found(self._provider.book.by_reference.get(name.lower()))
                where = "errors" if status == "failed" else "transactions"
                return _json(200, {"link": f"/{where}/{self._own(entry)}"})
            case "requeststates":
                return _json(200, self._state(*self._found(self._entry_at(name.replace("-", "")[-12:], 16))))
            case "transactions":
                entry, status = self._found(self._named(name))
                return _json(200, self._resource(entry, entry.order.money, status))
            case "errors":
                entry, status = self._found(self._named(name))
                if status == "failed":
                    return _json(200, _refused(entry))
        raise ApiError("identification", "identifierError")

    def _found(self, entry: Entry | None) -> tuple[Entry, str]:
        """Return an entry and how it stands for who asks."""
        if entry is None:
            raise ApiError("identification", "identifierError")
        if self._provider.is_pending(entry):
            return entry, "pending"
        return entry, "completed" if entry.refusal is None else "failed"

    def _state(self, entry: Entry, status: str) -> dict[str, Any]:
        state: dict[str, Any] = {
            "serverCorrelationId": f"00000000-0000-4000-8000-{entry.number:012x}",
            "status": status,
            "notificationMethod": "callback" if entry.order.callback_url else "polling",
            "objectReference": self._own(entry),
            "pollLimit": 100,
        }
        return state | ({"error": _refused(entry)} if status == "failed" else {})

    def _resource(self, entry: Entry, money: Money, status: str = "completed") -> dict[str, Any]:
        at = datetime.fromtimestamp(entry.at_ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return entry.order.details | {
            "transactionReference": self._own(entry),
            "transactionStatus": status,
            "amount": str(money),
            "currency": money.currency,
            "creationDate": at,
            "modificationDate": at,
        }

    def taken(self, entry: Entry) -> web.Response:
        """Say 202, the request is pending."""
        return _json(202, self._state(entry, "pending"))

    def decided(self, entry: Entry, money: Money) -> web.Response:
        """Say 201 and the resource, or the error."""
        if entry.refusal is not None:
            return _error(*REFUSALS[entry.refusal])
        return _json(201, self._resource(entry, money))

    def repeated(self, entry: Entry) -> web.Response:
        """Refuse the correlation id, and say where its first use led."""
        link = {"key": "link", "value": f"/transactions/{self._own(entry)}"}
        return _json(400, _error_object("businessRule", "duplicateRequest") | {"errorParameters": [link]})

    def callback(self, entry: Entry, money: Money) -> Callback:
        """Say the resource, or the error."""
        body = _refused(entry) if entry.refusal is not None else self._resource(entry, money)
        return Callback("PUT", {**_JSON, "X-CorrelationID": entry.order.reference}, msgspec.json.encode(body))


def _correlation(request: web.Request) -> str:
    correlation = request.headers.get("X-CorrelationID", "")
    if not correlation:
        raise ApiError("validation", "mandatoryValueNotSupplied")
    if _UUID.fullmatch(correlation) is None:
        raise ApiError("validation", "formatError")
    return correlation.lower()


def _refused(entry: Entry) -> dict[str, Any]:
    if entry.refusal is None:
        raise ValueError("only a refused order has an error")
    return _error_object(*REFUSALS[entry.refusal])


def _error_object(category: str, code: str) -> dict[str, Any]:
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {"errorCategory": category, "errorCode": code, "errorDateTime": now}


def _error(category: str, code: str) -> web.Response:
    return _json(STATUS[category], _error_object(category, code))


def _json(status: int, body: dict[str, Any]) -> web.Response:
    return web.Response(status=status, body=msgspec.json.encode(body), headers=_JSON)
