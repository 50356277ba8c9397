"""Reads batches, and executes their rows one by one; a row is executed once, however often its batch comes."""

import uuid
from typing import Any

import msgspec
from aiohttp import web

from adapters.simulator.batch import Batch
from adapters.simulator.order import Kind, Order, Write
from adapters.simulator.orders import Orders, Posted, correlation, read
from adapters.simulator.provider import Provider
from adapters.simulator.rules import MANNERS, Fate
from adapters.simulator.words import MANDATORY, ApiError, now_ms, time_text
from routing.money import MoneyError


class Batches:
    """The batches of one provider."""

    def __init__(self, provider: Provider, orders: Orders) -> None:
        """Execute for a provider."""
        self._provider = provider
        self._orders = orders

    async def read(self, request: web.Request) -> Order:
        """Read a batch; without a status it is executed at once."""
        batch = read(await request.read(), Batch)
        if not batch.transactions:
            raise ApiError(*MANDATORY)
        reference = correlation(request)
        status = "created" if batch.batch_status == "created" else "approved"
        made = {"batchId": f"{self._provider.settings.name}-{reference}", "batchStatus": status}
        fields = msgspec.to_builtins(batch) | made | {"rows": [], "rejected": []}
        return Order(
            reference=reference,
            type=Kind.BATCH,
            callback_url=request.headers.get("X-Callback-URL", ""),
            write=Write(kind=Kind.BATCH, reference=made["batchId"], fields=fields),
        )

    def executed(self, order: Order) -> Order:
        """Execute what is approved, find what cannot be read, and return the batch as it is then."""
        if order.write is None:
            return order
        fields = dict(order.write.fields)
        readable, rejected = self._read(fields["transactions"], order.write.reference)
        fields["rejected"] = rejected
        if fields["batchStatus"] == "approved":
            fields["rows"] = [self._execute(each) for each in readable]
            fields["batchStatus"] = "completed"
        return msgspec.structs.replace(order, write=msgspec.structs.replace(order.write, fields=fields))

    def _read(self, rows: list[dict[str, Any]], batch: str) -> tuple[list[Order], list[dict[str, Any]]]:
        readable: list[Order] = []
        rejected: list[dict[str, Any]] = []
        for number, row in enumerate(rows):
            try:
                posted = msgspec.convert(row, Posted)
                reference = str(uuid.uuid5(uuid.NAMESPACE_URL, f"{batch}/{number}"))
                readable.append(self._orders.posted(posted, posted.type, reference))
            except ApiError as refused:
                rejected.append(_rejected(row, f"{refused.category}/{refused.code}"))
            except (MoneyError, msgspec.ValidationError):
                rejected.append(_rejected(row, "validation/formatError"))
        return readable, rejected

    def _execute(self, order: Order) -> int:
        book = self._provider.book
        if known := book.by_reference.get(order.reference):
            return known.number
        fate = self._provider.rules.fate_of(order.account, order.money.minor, order.type)
        # Of a row nothing is told but its end, so only the refusals among the fates can show.
        known_end = fate if fate in MANNERS and MANNERS[fate].refusal else Fate.ACCEPTED
        return book.decide(order, known_end).number


def _rejected(row: dict[str, Any], why: str) -> dict[str, Any]:
    names = ("creditParty", "debitParty", "requestingOrganisationTransactionReference")
    named = {name: row[name] for name in names if name in row}
    return named | {"rejectionReason": why, "rejectionDate": time_text(now_ms())}
