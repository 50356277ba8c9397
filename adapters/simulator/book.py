"""What a simulated provider knows: its accounts and the orders it decided; it must never decide one order twice.

With a file every decision is written there before it is answered, so that a provider which is killed and
started again remembers. What is written has left the process; it is not forced to the disk.
"""

from collections import Counter, deque
from collections.abc import Iterator, Sequence
from io import FileIO
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from adapters.simulator.exchange import Exchange
from adapters.simulator.order import Direction, Entry, Kind, Order, Write
from adapters.simulator.rules import MANNERS, Fate, Refusal
from adapters.simulator.shelf import Shelf
from adapters.simulator.words import now_ms
from routing.money import Money

REQUESTS_KEPT: Final = 100_000
# These say where an account is; beside another identifier they name none, but an organisation may have one.
_INSTITUTIONS: Final = frozenset({"swiftbic", "sortcode", "bankname", "serviceprovider"})
_PLACES: Final = _INSTITUTIONS | {"organisationid"}


class Heard(NamedTuple):
    """One request to act, as it arrived."""

    at_ms: int
    reference: str
    first: bool


class Account(msgspec.Struct, kw_only=True):
    """A customer's account, with balances in minor units by currency."""

    name: str
    status: str = "available"
    sub_status: str = ""
    type: str = ""
    balances: dict[str, int] = {}
    opening: int = 0  # what it holds in any other currency
    registered: bool = False  # and not only named by somebody
    identifiers: list[str] = []
    identities: dict[str, dict[str, Any]] = {}
    asks: bool = False  # the customer is asked before every debit
    tokens: list[str] = []  # that prove the customer
    at_ms: int = 0

    def holders(self) -> dict[str, dict[str, Any]]:
        """Return who holds it, in the API's form by their ids; of who was only named, no more than the name."""
        identity = {"identityId": "1", "identityType": "individual", "accountRelationship": "accountholder"}
        return self.identities or {"1": identity | {"identityKyc": {"subjectName": {"fullName": self.name}}}}


class Record(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line of the file."""

    provider: str
    entry: Entry | None = None
    ended: Entry | None = None  # an order that waited
    dropped: str = ""
    seed: dict[str, Any] | None = None
    forgot: bool = False


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
        self.opening = opening_minor
        self._journal = journal
        self.forget()

    def forget(self) -> None:
        """Forget everything."""
        self.accounts: dict[str, Account] = {}
        self.shelf = Shelf()
        self.exchange = Exchange()
        self.closed = False  # only accounts that were sown or created exist
        self.entries: list[Entry] = []
        self.by_reference: dict[str, Entry] = {}
        self.by_account: dict[str, list[int]] = {}
        self.dropped: set[str] = set()
        self.requests: deque[Heard] = deque(maxlen=REQUESTS_KEPT)
        self.first_time = 0
        self.repeats = 0
        self.moved: dict[Direction, Counter[str]] = {direction: Counter() for direction in Direction}
        self._executed: Counter[tuple[str, str, str]] = Counter()
        self._aliases: dict[str, str] = {}

    def write(self, **record: Any) -> None:
        """Write a line of the file, if there is one."""
        if self._journal:
            self._journal.write(Record(provider=self._provider, **record))

    def named(self, identifiers: Sequence[str]) -> str:
        """Return the account that identifiers together mean: a registered one, else the first that can be one."""
        kinds = {each: each.partition("@")[0] for each in identifiers}
        for each in (*(each for each, kind in kinds.items() if kind not in _PLACES), identifiers[0]):
            if each in self._aliases:
                return self._aliases[each]
        return next((each for each, kind in kinds.items() if kind not in _INSTITUTIONS), identifiers[0])

    def billed(self, account: str, bill: str) -> str:
        """Return whose a bill is, where no more than the biller is said."""
        kept = self.shelf.get(Kind.BILL, bill)
        return kept.account if kept and (not account or account.partition("@")[0] in _PLACES) else account

    def known(self, key: str) -> Account | None:
        """Return an account that exists; where nobody has to be registered, whoever is named does."""
        return self.accounts.get(key) if self.closed else self.account(key)

    def account(self, key: str) -> Account:
        """Return the account of "msisdn@+254700111222", opened if need be."""
        account = self.accounts.get(key)
        if account is None:
            account = self.accounts[key] = Account(
                name=f"Customer {key[-4:]}", opening=self.opening, identifiers=[key], at_ms=now_ms()
            )
        return account

    def register(self, account: Account) -> None:
        """Open an account under all its identifiers, in the place of one that was only named."""
        self.accounts[account.identifiers[0]] = account
        self._aliases |= dict.fromkeys(account.identifiers, account.identifiers[0])

    def available(self, key: str, currency: str, at_ms: int, *, but: str = "") -> int:
        """Return what an account can pay, in minor units; `but` is the code by which it pays."""
        account = self.account(key)
        balance = account.balances.get(currency, account.opening)
        return balance - self.shelf.held(key, currency, at_ms, but=but)

    def hear(self, reference: str) -> Entry | None:
        """Note a request, and return what was decided when the same reference came before."""
        known = self.by_reference.get(reference)
        first = known is None and reference not in self.dropped
        self.first_time += first
        self.repeats += not first
        self.requests.append(Heard(now_ms(), reference, first))
        return known

    def drop(self, reference: str) -> bool:
        """Say whether a request that is to be dropped comes for the first time, and remember it."""
        if reference in self.dropped:
            return False
        self.dropped.add(reference)
        self.write(dropped=reference)
        return True

    def decide(self, order: Order, fate: Fate, *, waits: bool = False) -> Entry:
        """Execute or refuse an order, or leave it to the customer, and write that down."""
        at_ms = now_ms()
        refusal = MANNERS[fate].refusal or self._obstacle(order, at_ms)
        entry = Entry(
            number=len(self.entries),
            order=order,
            fate=fate,
            at_ms=at_ms,
            refusal=refusal,
            waits=waits and refusal is None,
        )
        self.write(entry=entry)
        self.enter(entry)
        return entry

    def end(self, waiting: Entry, refusal: Refusal | None) -> Entry:
        """Execute or refuse an order that waited, and write that down."""
        at_ms = now_ms()
        refusal = refusal or self._obstacle(waiting.order, at_ms)
        ended = msgspec.structs.replace(waiting, waits=False, refusal=refusal, changed_ms=at_ms)
        self.write(ended=ended)
        self.put(ended)
        return ended

    def replay(self, record: Record) -> None:
        """Remember a line of the file."""
        if record.forgot:
            self.forget()
        if record.entry is not None:
            self.enter(record.entry)
        if record.ended is not None:
            self.put(record.ended)
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
        } | self.exchange.totals()

    def enter(self, entry: Entry) -> None:
        """Add an entry that is written down, and do what it says."""
        self.entries.append(entry)
        if entry.order.write is None:
            self.by_account.setdefault(entry.order.account, []).append(entry.number)
        self.put(entry)

    def put(self, entry: Entry) -> None:
        """Put an entry in its place, and do what it says."""
        order = entry.order
        self.entries[entry.number] = self.by_reference[order.reference] = entry
        if entry.refusal is not None or entry.waits or entry.past:
            return
        at_ms = entry.changed_ms or entry.at_ms
        if order.write is not None:
            self._keep(order.write, order.account, at_ms)
            return
        if order.deal is not None:
            self.exchange.close(order, order.deal)
            self._executed[order.business or order.reference, order.type, order.account] += 1
            return
        account, money = self.account(order.account), order.money
        change = money.minor if order.direction is Direction.CREDIT else -money.minor
        account.balances[money.currency] = account.balances.get(money.currency, account.opening) + change
        self.moved[order.direction][money.currency] += money.minor
        # Two references for one operation of one transfer are as bad as one reference executed twice.
        self._executed[order.business or order.reference, order.direction, order.account] += 1
        self.shelf.use(order, at_ms)

    def _obstacle(self, order: Order, at_ms: int) -> Refusal | None:
        if order.write is not None:
            return self._write_obstacle(order, order.write, at_ms)
        if order.deal is not None:
            return self.exchange.obstacle(order, order.deal, at_ms)
        if refusal := self.shelf.obstacle(order, at_ms):
            return refusal
        account = self.known(order.account)
        if account is None:
            return Refusal.NOT_FOUND
        # Who is not registered can be given to, and comes for it later.
        if account.status != "available" and (account.status, order.direction) != ("unregistered", Direction.CREDIT):
            return Refusal.BLOCKED
        return self._debit_obstacle(order, at_ms) if order.direction is Direction.DEBIT else None

    def _debit_obstacle(self, order: Order, at_ms: int) -> Refusal | None:
        if order.proven is False:
            return Refusal.UNPROVEN
        but = order.uses.get(Kind.CODE, "")
        available = self.available(order.account, order.money.currency, at_ms, but=but)
        return Refusal.NO_FUNDS if available < order.money.minor else None

    def _write_obstacle(self, order: Order, write: Write, at_ms: int) -> Refusal | None:
        if write.kind is Kind.ACCOUNT and not write.change:
            before = self._before(write.fields["identifiers"])
            free = len(before) < 2 and not any(each.registered and each.status != "unregistered" for each in before)
        elif write.kind is Kind.TRANSACTION:
            target = self.entries[int(write.fields["number"])]
            said = "completed" if target.refusal is None else "failed"
            free = target.waits or said == write.fields["transactionStatus"]
        else:
            return self._account_obstacle(order, write, at_ms)
        return None if free else Refusal.WRONG_STATE

    def _account_obstacle(self, order: Order, write: Write, at_ms: int) -> Refusal | None:
        account = self.known(order.account) if order.account else None
        if account is None and order.account:
            return Refusal.NOT_FOUND
        if write.kind in {Kind.ACCOUNT, Kind.IDENTITY}:
            return None
        if account is not None and account.status != "available":
            return Refusal.BLOCKED
        if write.kind is Kind.CODE and write.fields.get("holdFundsIndicator") and "amount" in write.fields:
            held = Money.parse(write.fields["amount"], write.fields["currency"])
            if not write.change and self.available(order.account, held.currency, at_ms) < held.minor:
                return Refusal.NO_FUNDS
        return self.shelf.change_obstacle(write, at_ms)

    def _before(self, identifiers: Sequence[str]) -> list[Account]:
        """Return the accounts that identifiers name already."""
        keys = dict.fromkeys(self.named([each]) for each in identifiers)
        return [self.accounts[key] for key in keys if key in self.accounts]

    def _keep(self, write: Write, account: str, at_ms: int) -> None:
        fields = write.fields
        match write.kind:
            case Kind.TRANSACTION:
                target = self.entries[int(fields["number"])]
                if target.waits:
                    refusal = None if fields["transactionStatus"] == "completed" else Refusal.DECLINED
                    refusal = refusal or self._obstacle(target.order, at_ms)
                    self.put(msgspec.structs.replace(target, waits=False, refusal=refusal, changed_ms=at_ms))
            case Kind.ACCOUNT if not write.change:
                # What came in before the registration waits for it.
                was = self._before(fields["identifiers"])
                held = {"balances": was[0].balances, "opening": was[0].opening} if was else {}
                self.register(msgspec.convert(fields | held | {"at_ms": at_ms}, Account))
            case Kind.ACCOUNT:
                changed = self.account(account)
                changed.status = fields.get("accountStatus", changed.status)
                changed.sub_status = fields.get("accountSubStatus", changed.sub_status)
            case Kind.IDENTITY:
                self.account(account).identities[write.reference] = fields
            case _:
                self.shelf.write(write, account, at_ms)
