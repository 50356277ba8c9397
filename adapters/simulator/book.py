"""What a simulated provider knows: its accounts and the orders it decided; it must never decide one order twice.

With a file every decision is written there before it is answered, so that a provider which is killed and
started again remembers. What is written has left the process; it is not forced to the disk.
"""

import time
from collections import Counter, deque
from collections.abc import Iterator
from enum import StrEnum
from io import FileIO
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from adapters.simulator.rules import MANNERS, Fate, Refusal
from routing.money import Money

REQUESTS_KEPT: Final = 100_000


class Direction(StrEnum):
    """Which way an order moves the customer's money."""

    CREDIT = "credit"
    DEBIT = "debit"


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What a dialect read out of a request."""

    reference: str  # the caller's, one for each operation
    direction: Direction
    account: str
    money: Money
    business: str = ""  # what the caller calls the whole transfer
    reverses: str = ""  # the provider's own reference of what is taken back
    callback_url: str = ""
    details: dict[str, Any] = {}  # what the dialect repeats in its answers


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """An order as it was decided."""

    number: int
    order: Order
    fate: Fate
    at_ms: int
    refusal: Refusal | None = None


class Heard(NamedTuple):
    """One request to act, as it arrived."""

    at_ms: int
    reference: str
    first: bool


class Account(msgspec.Struct):
    """A customer's account, with balances in minor units by currency."""

    name: str
    status: str = "available"
    balances: dict[str, int] = {}


class Record(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line of the file."""

    provider: str
    entry: Entry | None = None
    dropped: str = ""


class Journal:
    """The file of one simulator process."""

    def __init__(self, path: Path) -> None:
        """Open the file and cut off a last line that a kill left unfinished."""
        self._file = FileIO(path, "a+")
        self._file.seek(0)
        content = self._file.read()
        self._whole = content[: content.rfind(b"\n") + 1]
        self._file.truncate(len(self._whole))

    def records(self) -> Iterator[Record]:
        """Return what was written before this process."""
        decoder = msgspec.json.Decoder(Record)
        for line in self._whole.splitlines():
            yield decoder.decode(line)

    def write(self, record: Record) -> None:
        """Hand a line over to the system; it survives this process."""
        self._file.write(msgspec.json.encode(record) + b"\n")

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class Book:
    """The memory of one provider."""

    def __init__(self, provider: str, opening_minor: int, journal: Journal | None = None) -> None:
        """Begin with no accounts: whoever is named gets one with `opening_minor` in every currency."""
        self._provider = provider
        self._opening = opening_minor
        self._journal = journal
        self.forget()

    def forget(self) -> None:
        """Forget everything; the file, if there is one, keeps it."""
        self.accounts: dict[str, Account] = {}
        self.entries: list[Entry] = []
        self.by_reference: dict[str, Entry] = {}
        self.dropped: set[str] = set()
        self.requests: deque[Heard] = deque(maxlen=REQUESTS_KEPT)
        self.first_time = 0
        self.repeats = 0
        self.moved: dict[Direction, Counter[str]] = {direction: Counter() for direction in Direction}
        self._executed: Counter[tuple[str, str, str]] = Counter()

    def account(self, key: str) -> Account:
        """Return the account of "msisdn@+254700111222", opened if need be."""
        account = self.accounts.get(key)
        if account is None:
            account = self.accounts[key] = Account(name=f"Customer {key[-4:]}")
        return account

    def hear(self, reference: str) -> Entry | None:
        """Note a request, and return what was decided when the same reference came before."""
        known = self.by_reference.get(reference)
        first = known is None and reference not in self.dropped
        self.first_time += first
        self.repeats += not first
        self.requests.append(Heard(_now_ms(), reference, first))
        return known

    def drop(self, reference: str) -> bool:
        """Say whether a request that is to be dropped comes for the first time, and remember it."""
        if reference in self.dropped:
            return False
        self.dropped.add(reference)
        if self._journal:
            self._journal.write(Record(provider=self._provider, dropped=reference))
        return True

    def decide(self, order: Order, fate: Fate) -> Entry:
        """Execute or refuse an order, and write that down."""
        refusal = MANNERS[fate].refusal or self._obstacle(order)
        entry = Entry(number=len(self.entries), order=order, fate=fate, at_ms=_now_ms(), refusal=refusal)
        if self._journal:
            self._journal.write(Record(provider=self._provider, entry=entry))
        self._enter(entry)
        return entry

    def replay(self, record: Record) -> None:
        """Remember a line of the file."""
        if record.entry is not None:
            self._enter(record.entry)
        if record.dropped:
            self.dropped.add(record.dropped)

    def totals(self) -> dict[str, Any]:
        """Return the sums in minor units by currency, and how often what came. `executed_twice` must stay 0."""
        return {
            "credited": dict(self.moved[Direction.CREDIT]),
            "debited": dict(self.moved[Direction.DEBIT]),
            "first_time": self.first_time,
            "repeats": self.repeats,
            "executed": sum(self._executed.values()),
            "refused": sum(entry.refusal is not None for entry in self.entries),
            "executed_twice": sum(count - 1 for count in self._executed.values()),
        }

    def _obstacle(self, order: Order) -> Refusal | None:
        account = self.account(order.account)
        if account.status != "available":
            return Refusal.BLOCKED
        balance = account.balances.get(order.money.currency, self._opening)
        return Refusal.NO_FUNDS if order.direction is Direction.DEBIT and balance < order.money.minor else None

    def _enter(self, entry: Entry) -> None:
        order = entry.order
        self.entries.append(entry)
        self.by_reference[order.reference] = entry
        if entry.refusal is not None:
            return
        balances, money = self.account(order.account).balances, order.money
        change = money.minor if order.direction is Direction.CREDIT else -money.minor
        balances[money.currency] = balances.get(money.currency, self._opening) + change
        self.moved[order.direction][money.currency] += money.minor
        # Two references for one operation of one transfer are as bad as one reference executed twice.
        self._executed[order.business or order.reference, order.direction, order.account] += 1


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
