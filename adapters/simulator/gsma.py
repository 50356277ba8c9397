"""A simulated provider's GSMA Mobile Money API v1.2; it accepts more than the API and says only what the API has."""

import base64
import secrets
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Final
from urllib.parse import quote, unquote

import msgspec
from aiohttp import web

from adapters.simulator.batches import Batches
from adapters.simulator.callbacks import Callback
from adapters.simulator.order import Entry, Kind, Order
from adapters.simulator.orders import Orders
from adapters.simulator.provider import Provider
from adapters.simulator.routes import chosen
from adapters.simulator.views import Views
from adapters.simulator.words import (
    FORMAT,
    JSON,
    NOT_FOUND,
    REFUSALS,
    ApiError,
    answer,
    error,
    error_object,
    pairs,
    time_text,
)
from routing.money import Money, MoneyError

_TOKEN_PATH: Final = ["v1", "oauth", "accesstoken"]
_OVERRIDE: Final = "X-HTTP-Method-Override"
_POSTED_OF_ACCOUNT: Final = (
    ("debitmandates", Kind.MANDATE),
    ("links", Kind.LINK),
    ("authorisationcodes", Kind.CODE),
    ("bills/payments", Kind.BILL),
    ("bills/*/payments", Kind.BILL),
)
_CHANGED_OF_ACCOUNT: Final = (
    ("", Kind.ACCOUNT),
    ("identities/*", Kind.IDENTITY),
    ("debitmandates/*", Kind.MANDATE),
    ("links/*", Kind.LINK),
    ("authorisationcodes/*", Kind.CODE),
)
_CHANGED: Final = (("transactions/*", Kind.TRANSACTION), ("batchtransactions/*", Kind.BATCH))


class Gsma:
    """The dialect of one provider."""

    def __init__(self, provider: Provider) -> None:
        """Speak for a provider; no token has been given out."""
        self._provider = provider
        self._orders = Orders(provider)
        self._batches = Batches(provider, self._orders)
        self._views = Views(provider, self)
        self._basic = "Basic " + base64.b64encode(provider.settings.client.encode()).decode()
        self._tokens: dict[str, float] = {}

    def revoke_tokens(self) -> None:
        """Refuse every token given out so far."""
        self._tokens.clear()

    async def answer(self, request: web.Request, tail: str) -> web.StreamResponse:  # noqa: ARG002 - decoded too soon
        """Answer a request; what is wrong with it becomes an error object."""
        try:
            # An identifier may have an encoded slash in it, so the path is split before it is decoded.
            return await self._answer(request, [unquote(part) for part in request.rel_url.raw_path.split("/")[2:]])
        except ApiError as refused:
            return error(refused.category, refused.code)
        except (MoneyError, msgspec.DecodeError, RecursionError):
            return error(*FORMAT)

    async def _answer(self, request: web.Request, path: list[str]) -> web.StreamResponse:
        if path == _TOKEN_PATH:
            return self._token(request)
        self._authorise(request)
        method = request.headers.get(_OVERRIDE, request.method) if request.method == "POST" else request.method
        if method == "GET":
            return self._views.answer(request, path)
        if method not in {"POST", "PATCH"}:
            raise ApiError(*NOT_FOUND)
        order = await (self._posted(request, path) if method == "POST" else self._changed(request, path))
        if order.write is not None and order.write.kind is Kind.BATCH:
            return await self._provider.take(request, order, self, self._batches.executed)
        return await self._provider.take(request, order, self)

    def _posted(self, request: web.Request, path: list[str]) -> Awaitable[Order]:
        orders = self._orders
        if path[0] == "accounts" and path != ["accounts", "individual"]:
            account, rest = self.account(path[1:])
            kind, found = chosen(_POSTED_OF_ACCOUNT, rest)
            if kind is Kind.BILL:
                return orders.payment(request, account, "".join(found))
            return orders.instrument(request, account, kind)
        posted: list[tuple[str, Callable[..., Awaitable[Order]]]] = [
            ("transactions/type/*", orders.transaction),
            ("transactions", orders.transaction),
            ("transactions/*/reversals", orders.reversal),
            ("quotations", orders.quotation),
            ("batchtransactions", self._batches.read),
            ("bills/*/payments", partial(orders.payment, request, "")),
            ("accounts/individual", orders.registration),
        ]
        read, found = chosen(posted, path)
        return read(*found) if isinstance(read, partial) else read(request, *found)

    def _changed(self, request: web.Request, path: list[str]) -> Awaitable[Order]:
        account = ""
        if path[0] == "accounts":
            account, path = self.account(path[1:])
        kind, found = chosen(_CHANGED_OF_ACCOUNT if account else _CHANGED, path)
        return self._orders.change(request, account, kind, *(found or [account.partition("@")[2]]))

    def account(self, path: list[str]) -> tuple[str, list[str]]:
        """Return the account that a path names, in either form, and the rest of the path; raises ApiError."""
        if path and "@" in path[0]:
            identifiers, rest = path[0].split("$"), path[1:]
        elif len(path) > 1:
            identifiers, rest = ["@".join(path[:2])], path[2:]
        else:
            raise ApiError(*NOT_FOUND)
        return self._orders.account(identifiers), rest

    def _token(self, request: web.Request) -> web.Response:
        if request.headers.get("Authorization") != self._basic:
            raise ApiError("authorisation", "clientAuthorisationError")
        token, lifetime_s = secrets.token_urlsafe(24), self._provider.settings.token_s
        self._tokens[token] = time.monotonic() + lifetime_s
        return answer(200, {"access_token": token, "token_type": "bearer", "expires_in": lifetime_s})

    def _authorise(self, request: web.Request) -> None:
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if self._tokens.get(token, 0) <= time.monotonic():
            raise ApiError("authorisation", "clientAuthorisationError")

    def own(self, entry: Entry) -> str:
        """Return what we call an entry."""
        return self._orders.own(entry)

    def entry(self, what: str, name: str) -> Entry:
        """Return the entry that a transaction, an error, a request state or a response is of; raises ApiError."""
        found = {
            "responses": lambda: self._provider.book.by_reference.get(name.lower()),
            "requeststates": lambda: self._orders.at(name.replace("-", "")[-12:], 16),
        }.get(what, lambda: self._orders.named(name))()
        if found is None:
            raise ApiError(*NOT_FOUND)
        return found

    def status(self, entry: Entry) -> str:
        """Return how an entry stands for who asks."""
        if self._provider.is_pending(entry):
            return "pending"
        return "completed" if entry.refusal is None else "failed"

    def link(self, entry: Entry) -> str:
        """Return where it is told what became of an entry."""
        status, write = self.status(entry), entry.order.write
        if status == "failed":
            return f"/errors/{self.own(entry)}"
        if write is None:
            return f"/transactions/{self.own(entry)}"
        if write.change or status == "pending":
            return f"/requeststates/{_server(entry)}"
        if write.kind in {Kind.QUOTATION, Kind.BATCH}:
            return f"/{write.kind}/{write.reference}"
        key, _, value = entry.order.account.partition("@")
        account = f"/accounts/{key}/{quote(value, safe='+@')}"
        return account if write.kind is Kind.ACCOUNT else f"{account}/{write.kind}/{write.reference}"

    def state(self, entry: Entry, status: str) -> dict[str, Any]:
        """Return the request state of an entry."""
        write = entry.order.write
        state: dict[str, Any] = {
            "serverCorrelationId": _server(entry),
            "status": status,
            "notificationMethod": "callback" if entry.order.callback_url else "polling",
            "objectReference": write.reference if write else self.own(entry),
            "pollLimit": 100,
        }
        return state | ({"error": refused(entry)} if status == "failed" else {})

    def resource(self, entry: Entry, money: Money, status: str = "completed") -> dict[str, Any]:
        """Return what an entry made: what is kept, a transaction, or the payment of a bill, which is both."""
        order = entry.order
        if order.write is not None:
            return {"result": "success"} if order.write.change else self._views.kept(order.write, order.account)
        transaction = order.details | {
            "transactionReference": self.own(entry),
            "transactionStatus": status,
            "amount": str(money),
            "currency": money.currency,
            "creationDate": time_text(entry.at_ms),
            "modificationDate": time_text(entry.changed_ms or entry.at_ms),
        }
        if order.type != "payments":
            return transaction
        parties = {"debitParty": pairs(["organisationid@elsewhere"]), "creditParty": pairs([order.account])}
        return transaction | parties | {"type": "billpay"} | self.payment(entry, money, status)

    def payment(self, entry: Entry, money: Money, status: str) -> dict[str, Any]:
        """Return the payment of a bill, with a token that a meter would take."""
        number = f"{entry.number:08d}"[-8:]
        return entry.order.details | {
            "serviceProviderPaymentReference": self.own(entry),
            "requestingOrganisationTransactionReference": entry.order.business,
            "billPaymentStatus": status,
            "amountPaid": str(money),
            "currency": money.currency,
            "serviceProviderNotification": f"Token {number[:4]}-{number[4:]}",
            "creationDate": time_text(entry.at_ms),
            "modificationDate": time_text(entry.changed_ms or entry.at_ms),
        }

    def _outcome(self, entry: Entry, money: Money) -> dict[str, Any]:
        payment = entry.order.type == "payments"
        return self.payment(entry, money, "completed") if payment else self.resource(entry, money)

    def taken(self, entry: Entry) -> web.Response:
        """Say 202, the request is pending."""
        return answer(202, self.state(entry, "pending"))

    def decided(self, entry: Entry, money: Money) -> web.Response:
        """Say 201 and the resource, 204 where something is changed, or the error."""
        if entry.refusal is not None:
            return error(*REFUSALS[entry.refusal])
        if entry.order.write is not None and entry.order.write.change:
            return web.Response(status=204)
        return answer(201, self._outcome(entry, money))

    def repeated(self, entry: Entry) -> web.Response:
        """Refuse the correlation id, and say where its first use led; a change may come again."""
        if entry.order.write is not None and entry.order.write.change:
            sync = self._provider.settings.sync and not self._provider.is_pending(entry)
            return self.decided(entry, entry.order.money) if sync else self.taken(entry)
        link = {"key": "link", "value": self.link(entry)}
        return answer(400, error_object("businessRule", "duplicateRequest") | {"errorParameters": [link]})

    def callback(self, entry: Entry, money: Money) -> Callback:
        """Say the resource, or the error."""
        body = refused(entry) if entry.refusal is not None else self._outcome(entry, money)
        return Callback("PUT", {**JSON, "X-CorrelationID": entry.order.reference}, msgspec.json.encode(body))


def _server(entry: Entry) -> str:
    return f"00000000-0000-4000-8000-{entry.number:012x}"


def refused(entry: Entry) -> dict[str, Any]:
    """Return the error object of a refused order."""
    if entry.refusal is None:
        raise ValueError("only a refused order has an error")
    return error_object(*REFUSALS[entry.refusal])
