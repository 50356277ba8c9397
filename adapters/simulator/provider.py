"""One simulated provider: what it does with an order, in whatever dialect; it must never answer before it wrote."""

import time
from collections.abc import Callable, Sequence
from typing import Any, Final, Literal, Protocol

import msgspec
from aiohttp import web

from adapters.simulator.book import Book, Journal, Record
from adapters.simulator.callbacks import Callback, Callbacks
from adapters.simulator.order import Direction, Entry, Kind, Order
from adapters.simulator.quotes import Rate
from adapters.simulator.rules import MANNERS, Answer, Fate, Refusal, Rules
from adapters.simulator.seed import Heartbeat, Seed, sow
from adapters.simulator.words import now_ms
from routing.money import Money

GARBAGE: Final = b'{"<<< this is no document'


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """How one provider is set up. Times are seconds."""

    name: str
    dialect: Literal["gsma", "iso20022", "open_fx"]
    sync: bool = False  # answers with the outcome instead of "taken"
    latency_s: float = 0  # between the answer and the callback
    late_s: float = 3  # the same, where the fate is LATE
    client: str = "makutano:demo"  # client id and secret; of open_fx the secret is the API key
    token_s: int = 3600
    opening_minor: int = 10**12  # what an account holds when it is first named, in every currency
    quote_s: int = 300  # how long a quote holds
    seed: Seed | None = None  # what is there at the beginning


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
        """Begin with nothing; `begin` sows, unless the file remembers more."""
        self.settings = settings
        self.book = Book(settings.name, settings.opening_minor, journal)
        self.rules = Rules()
        self.heartbeat = Heartbeat()
        self._callbacks = callbacks

    def begin(self) -> None:
        """Sow what is there at the beginning."""
        if self.settings.seed is not None:
            self.sow(self.settings.seed)

    def sow(self, seed: Seed) -> None:
        """Add what a seed has, and write that down."""
        self.book.write(seed=msgspec.to_builtins(seed))
        self.put(seed)

    def replay(self, record: Record) -> None:
        """Remember a line of the file."""
        self.book.replay(record)
        if record.seed is not None:
            self.put(msgspec.convert(record.seed, Seed))

    def put(self, seed: Seed) -> None:
        """Add what a seed has that is written down."""
        sow(seed, self.book)
        if seed.rule:
            self.rules = Rules(seed.rule)
        self.heartbeat = seed.heartbeat or self.heartbeat

    def reset(self) -> None:
        """Forget everything, rules too, and begin again."""
        self.book.forget()
        self.book.write(forgot=True)
        self.rules, self.heartbeat = Rules(), Heartbeat()
        self.begin()

    def sell(self, rates: Sequence[Rate]) -> None:
        """Sell currencies at these rates and no others, until something forgets them: they are not written down."""
        self.book.exchange.sell(rates, now_ms())

    def totals(self) -> dict[str, Any]:
        """Return what was moved and how often what came; see Book.totals."""
        return self.book.totals()

    def is_pending(self, entry: Entry) -> bool:
        """Say whether an order that waits or is late is still undecided for who asks."""
        if entry.waits:
            return True
        return MANNERS[entry.fate].late and time.time_ns() < (entry.at_ms + self.settings.late_s * 1000) * 1_000_000

    async def take(
        self,
        request: web.Request,
        order: Order,
        dialect: Dialect,
        completed: Callable[[Order], Order] = lambda order: order,
    ) -> web.StreamResponse:
        """Decide an order, once for each reference, and answer as its fate has it.

        `completed` does what belongs to the order just before it is decided, and only if it is.
        """
        known = self.book.hear(order.reference)
        if known is not None:
            return dialect.repeated(known)
        minor = order.money.minor if order.write is None else None
        fate = self.rules.fate_of(order.account, minor, order.type)
        if fate is Fate.UNAVAILABLE:
            return web.Response(status=503)
        if fate is Fate.UNHEARD:
            if self.book.drop(order.reference):
                return dropped(request)
            fate = Fate.ACCEPTED
        waits = self._asks(order, fate)
        if fate is Fate.ASKS_CUSTOMER or waits:
            fate = Fate.ASKS_CUSTOMER if waits else Fate.ACCEPTED
        waiting = self._ended_by(order)
        entry = self.book.decide(completed(order), fate, waits=waits)
        if not entry.waits:
            await self._call_back(entry, dialect)
        if waiting is not None and not (ended := self.book.entries[waiting.number]).waits:
            await self._call_back(ended, dialect)
        return self._answer(request, entry, dialect)

    async def confirm(self, account: str, dialect: Dialect, *, accept: bool) -> list[Entry]:
        """Have a customer confirm or decline what waits for it, and call back."""
        waiting = [entry for entry in self.book.entries if entry.waits and entry.order.account == account]
        ended = [self.book.end(entry, None if accept else Refusal.DECLINED) for entry in waiting]
        for entry in ended:
            await self._call_back(entry, dialect)
        return ended

    def _asks(self, order: Order, fate: Fate) -> bool:
        """Say whether the customer is asked first: not for what it approved before, or proves beside."""
        if order.write is not None or order.direction is Direction.CREDIT or order.reverses:
            return False
        account = self.book.accounts.get(order.account)
        asked = fate is Fate.ASKS_CUSTOMER or (fate is Fate.ACCEPTED and account is not None and account.asks)
        return asked and order.proven is None and not self.book.shelf.preapproved(order)

    def _ended_by(self, order: Order) -> Entry | None:
        """Return the order that waits and is ended by this one."""
        if order.write is None or order.write.kind is not Kind.TRANSACTION:
            return None
        target = self.book.entries[int(order.write.fields["number"])]
        return target if target.waits else None

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
        wrong = MANNERS[entry.fate].wrong_amount and entry.order.write is None
        return Money(money.minor + 1, money.currency) if wrong else money


def dropped(request: web.Request) -> web.Response:
    """End the connection; the response that is returned goes nowhere."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=500)
