"""One simulated provider: what it does with an order, in whatever dialect; it must never answer before it wrote."""

import time
from typing import Any, Final, Literal, Protocol

import msgspec
from aiohttp import web

from adapters.simulator.book import Book, Entry, Journal, Order
from adapters.simulator.callbacks import Callback, Callbacks
from adapters.simulator.rules import MANNERS, Answer, Fate, Rules
from routing.money import Money

GARBAGE: Final = b'{"<<< this is no document'


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """How one provider is set up. Times are seconds."""

    name: str
    dialect: Literal["gsma", "iso20022"]
    sync: bool = False  # answers with the outcome instead of "taken"
    latency_s: float = 0  # between the answer and the callback
    late_s: float = 3  # the same, where the fate is LATE
    client: str = "makutano:demo"  # client id and secret
    token_s: int = 3600
    opening_minor: int = 10**12  # what an account holds when it is first named, in every currency


class Dialect(Protocol):
    """The words of one protocol."""

    async def answer(self, request: web.Request, tail: str) -> web.StreamResponse:
        """Answer a request to the path `tail`."""

    def taken(self, entry: Entry) -> web.Response:
        """Say that the outcome comes later."""

    def decided(self, entry: Entry, money: Money) -> web.Response:
        """Say the outcome at once."""

    def repeated(self, entry: Entry) -> web.Response:
        """Say that the reference came before."""

    def callback(self, entry: Entry, money: Money) -> Callback:
        """Say the outcome later."""


class Provider:
    """A provider: its book, its rules, its way to call back."""

    def __init__(self, settings: Settings, callbacks: Callbacks, journal: Journal | None = None) -> None:
        """Begin without rules."""
        self.settings = settings
        self.book = Book(settings.name, settings.opening_minor, journal)
        self.rules = Rules()
        self._callbacks = callbacks

    def totals(self) -> dict[str, Any]:
        """Return what was moved and how often what came; see Book.totals."""
        return self.book.totals()

    def is_pending(self, entry: Entry) -> bool:
        """Say whether a late order is still undecided for who asks."""
        return MANNERS[entry.fate].late and time.time_ns() < (entry.at_ms + self.settings.late_s * 1000) * 1_000_000

    async def take(self, request: web.Request, order: Order, dialect: Dialect) -> web.StreamResponse:
        """Decide an order, once for each reference, and answer as its fate has it."""
        known = self.book.hear(order.reference)
        if known is not None:
            return dialect.repeated(known)
        fate = self.rules.fate_of(order.account, order.money.minor)
        if fate is Fate.UNAVAILABLE:
            return web.Response(status=503)
        if fate is Fate.UNHEARD:
            if self.book.drop(order.reference):
                return dropped(request)
            fate = Fate.ACCEPTED
        entry = self.book.decide(order, fate)
        await self._call_back(entry, dialect)
        return self._answer(request, entry, dialect)

    async def _call_back(self, entry: Entry, dialect: Dialect) -> None:
        manner, order = MANNERS[entry.fate], entry.order
        # Who answered with the outcome calls back only where the fate is about callbacks.
        count = manner.callbacks - (self.settings.sync and manner.answer is Answer.PLAIN and not manner.early)
        if not order.callback_url or count <= 0:
            return
        callback = dialect.callback(entry, self._said(entry))
        if manner.early:
            await self._callbacks.deliver(order.callback_url, callback)
            return
        for _ in range(count):
            after_s = self.settings.late_s if manner.late else self.settings.latency_s
            self._callbacks.send(order.callback_url, callback, after_s)

    def _answer(self, request: web.Request, entry: Entry, dialect: Dialect) -> web.Response:
        answer = MANNERS[entry.fate].answer
        if answer is Answer.DROPPED:
            return dropped(request)
        if answer is Answer.BROKEN:
            return web.Response(status=500)
        if answer is Answer.GARBAGE:
            return web.Response(status=201 if self.settings.sync else 202, body=GARBAGE)
        if answer is Answer.PLAIN and self.settings.sync:
            return dialect.decided(entry, self._said(entry))
        return dialect.taken(entry)

    def _said(self, entry: Entry) -> Money:
        money = entry.order.money
        return Money(money.minor + 1, money.currency) if MANNERS[entry.fate].wrong_amount else money


def dropped(request: web.Request) -> web.Response:
    """End the connection; the response that is returned goes nowhere."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=500)
