"""Settlement in the simulation: windows close at any moment, the bank books, somebody cannot pay; and what is true.

Whoever does something here does it again until there is an answer, and others do the same at the same time.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from hub.core.command import Done, Reason, Result
from hub.core.office.proposal import Approve, Propose
from hub.core.participant import AccountKey, Scheme
from hub.core.record import Deed, Desk, Kept
from hub.core.settlement.close import CloseWindow
from hub.core.settlement.handle_default import HandleDefault
from hub.core.settlement.proof import Carried, Entered, Evidence, Intervals, movements_of, window_findings
from hub.core.settlement.rules import DefaultPath, Model, Netting, model_of
from hub.core.settlement.settle import Release
from hub.core.settlement.window import Movement, Obligation, Payment, PaymentState, Window, WindowState
from hub.core.transfer import State
from hub.ledger.account import Account, Kind
from hub.ledger.journal import Phase, Posting
from hub.ledger.position import balance
from hub.store.contract import UnavailableError
from hub.store.memory import MemoryStore
from hub.workers.settlement import Settling
from tests.cash import brought
from tests.settlement.office import Said

if TYPE_CHECKING:
    from tests.simulation.house import House

CURRENCIES = ("KES", "UGX", "USD")  # dinars are settled by nobody
GUARANTEED = 10_000_00
LOOKS_MAX_S = 25.0
OF_SETTLEMENT = ("settle:", "cover:", "unwind:")
TOO_LATE = {Reason.RECORD_FORBIDS, Reason.RECORD_UNKNOWN, Reason.CAP_EXCEEDED}  # others were first, or nothing is owed
ROUNDS_MAX = 60


def models(chance: random.Random) -> tuple[Model, ...]:
    """Every way to settle, with any way to handle a default."""

    def model(name: str, netting: Netting, currency: str, **terms: object) -> Model:
        path = chance.choice(list(DefaultPath))
        return Model(name=name, netting=netting, currency=currency, default=path, **terms)  # type: ignore[arg-type]

    pair = chance.choice([("alpha", "bravo"), ("bravo", "coral"), ("alpha", "bravo", "echo")])
    return (
        model("gross", Netting.GROSS, "KES", participants=pair, every_s=chance.choice((1, 20)), automatic=True),
        model("net", Netting.MULTILATERAL, "KES", close=("*/3 * * * *",), automatic=chance.random() < 0.5),
        model("pairs", Netting.BILATERAL, "UGX", automatic=chance.random() < 0.5),
        model("prefunded", Netting.PREFUNDED, "USD", every_s=60),
    )


class Guaranteed(Deed, frozen=True, kw_only=True):
    """Somebody has paid into the guarantee of every currency."""

    def accounts(self, kept: Kept, scheme: Scheme) -> Sequence[AccountKey]:
        del kept, scheme
        kinds = (Kind.SETTLEMENT_BANK, Kind.GUARANTEE)
        return [("", currency, kind) for currency in CURRENCIES for kind in kinds]

    def decide(self, desk: Desk) -> Result:
        if any(desk.book.accounts[desk.purse(key)].credits_posted for key in self.accounts({}, desk.scheme)[1::2]):
            return Done(changed=False)
        for currency in CURRENCIES:
            debit, credit = (desk.purse(("", currency, kind)) for kind in (Kind.SETTLEMENT_BANK, Kind.GUARANTEE))
            desk.enter([Posting("guarantee", debit, credit, GUARANTEED, Phase.DIRECT)])
        return Done()


class Forgiven(Deed, frozen=True, kw_only=True):
    """Whoever was blocked may go on."""

    def accounts(self, kept: Kept, scheme: Scheme) -> Sequence[AccountKey]:
        del kept
        return [key for key in scheme.accounts if key[2] is Kind.POSITION]

    def decide(self, desk: Desk) -> Result:
        for account in desk.book.accounts.values():
            if account.blocked:
                account.blocked = False
                desk.book.touched.add(account.id)
        return Done()


class Settlement:
    """Operators, the calendar and the bank."""

    def __init__(self, house: House, chance: random.Random) -> None:
        self._house = house
        self._chance = chance
        self._store = house.store

    async def work_for_ever(self) -> None:
        """Be the worker: look now and then."""
        settling = Settling(self._house.door)
        while True:
            with contextlib.suppress(UnavailableError):
                await settling.look()
            await asyncio.sleep(self._chance.uniform(0.5, LOOKS_MAX_S))

    async def begin(self) -> None:
        await self._said(Guaranteed(by="desk-1"))

    async def something(self) -> None:
        """Do one thing that somebody might do now; sometimes two at once do."""
        deed = self._chance.choice((self._closed, self._released, self._booked, self._booked, self._defaulted))
        await deed()

    def _some(self, *states: WindowState) -> list[Window]:
        found = sorted(
            (each for each in self._store.records.every(Window) if each.state in states), key=lambda each: each.id
        )
        return self._chance.sample(found, min(len(found), self._chance.randint(1, 3)))

    async def _closed(self) -> None:
        for each in self._some(WindowState.OPEN):
            deed = CloseWindow(by="desk-1", window=each.id, why="now")
            await asyncio.gather(self._said(deed), self._said(deed))

    async def _released(self) -> None:
        for each in self._some(WindowState.RECKONED):
            await self._approved(Release(by="desk-1", window=each.id))

    async def _booked(self) -> None:
        """Have the bank book some payments, some of them said twice."""
        for window in self._some(WindowState.SETTLING):
            await self._book(window, self._chance.choice((0.3, 0.7, 1.0)))

    async def _book(self, window: Window, share: float) -> None:
        awaited = sorted(
            (
                each
                for each in self._store.records.every(Payment)
                if each.subject == window.id and each.state is PaymentState.EXPECTED
            ),
            key=lambda each: each.id,
        )
        for each in awaited:
            if self._chance.random() < share:
                said = Booked(by="bank", window=window.id, states={each.id: (PaymentState.POSTED, each.minor)})
                await asyncio.gather(self._said(said), self._said(said))

    async def _defaulted(self) -> None:
        """Somebody cannot pay, or two; they may go on later."""
        if self._chance.random() > 0.6:
            return
        for window in self._some(WindowState.RECKONED, WindowState.SETTLING)[:1]:
            owing = {
                each.debtor
                for each in self._store.records.every(Obligation)
                if each.window == window.id and each.revision == window.revision
            }
            for who in sorted(owing)[: self._chance.randint(1, 2)]:
                path = self._chance.choice(list(DefaultPath))
                await self._approved(
                    HandleDefault(
                        by="desk-1", window=window.id, participant=who, path=path, override=True, why="no money"
                    )
                )
        if self._chance.random() < 0.8:
            await self._said(Forgiven(by="desk-1"))

    async def _approved(self, deed: Deed) -> None:
        proposal = f"{self._chance.getrandbits(128):032x}"
        await self._said(Propose(by=deed.by, ref=proposal, proposal=proposal, deed=deed, why="due"))
        approval = Approve(by="desk-2", ref=f"{self._chance.getrandbits(128):032x}", proposal=proposal, deed=deed)
        await self._said(approval)

    async def _said(self, deed: Deed) -> None:
        await self._house.answered(deed, TOO_LATE)

    async def finish(self) -> None:
        """Close, release and book until everything is settled, also what was carried on."""
        settling = Settling(self._house.door)
        for _ in range(3):
            for each in self._store.records.every(Window):
                if each.state is WindowState.OPEN:
                    await self._said(CloseWindow(by="desk-1", window=each.id, why="the end"))
            for _ in range(ROUNDS_MAX):
                await settling.look()
                left = [
                    each
                    for each in sorted(self._store.records.every(Window), key=lambda each: each.id)
                    if each.unsettled and each.state is not WindowState.OPEN
                ]
                if not left:
                    break
                for each in left:
                    if each.state is WindowState.RECKONED:
                        await self._approved(Release(by="desk-1", window=each.id))
                    if each.state is WindowState.SETTLING:
                        await self._book(each, 1.0)


class Booked(Said, frozen=True, kw_only=True):
    """The bank has booked payments; what is no more awaited is not booked by this bank."""

    def decide(self, desk: Desk) -> Result:
        known = {id_: desk.get(Payment, id_) for id_ in self.states}
        if any(each is None or each.state is not PaymentState.EXPECTED for each in known.values()):
            return Done(changed=False)
        return Said.decide(self, desk)


def gained_by(store: MemoryStore) -> Counter[tuple[str, str]]:
    """Return what positions have gained by what the bank has booked, by the guarantee, and by what was undone."""
    gained: Counter[tuple[str, str]] = Counter()
    windows = {each.id for each in store.records.every(Window)}
    for each in store.records.every(Payment):
        if each.state is PaymentState.POSTED and each.subject in windows:
            gained[each.debtor, each.currency] += each.minor if each.debtor else 0
            gained[each.creditor, each.currency] -= each.minor if each.creditor else 0
    for debit, credit, minor in moved_by(store, 0, OF_SETTLEMENT[1:]):
        for account, sign in ((debit, -1), (credit, 1)):
            if account.kind in (Kind.POSITION, Kind.FEES):
                gained[account.participant, account.currency] += sign * minor
    return gained


def moved_by(
    store: MemoryStore, since: int, subjects: tuple[str, ...] = OF_SETTLEMENT
) -> Iterator[tuple[Account, Account, int]]:
    """Yield what settlement has moved between accounts, in the journals after this one."""
    for journal in store.journals[since:]:
        for posting, *_ in journal:
            if posting.subject.startswith(subjects):
                yield store.ledger[posting.debit], store.ledger[posting.credit], posting.minor


def settled_wrong(house: House) -> Iterator[str]:
    """Say what is not as it must be of windows, at the end of everything."""
    store, files = house.store, house.file.settlement_model
    windows = sorted(store.records.every(Window), key=lambda each: (each.model, each.number))
    yield from _each_in_one(store, windows)
    intervals, carried = Intervals(files, {1: frozenset(each.name for each in files)}), Carried()
    entered = _entered(store)
    for window in windows:
        yield from intervals.feed(window)
        evidence = Evidence(
            moved=() if window.state is WindowState.OPEN else _moved(store, window),
            obligations=[each for each in store.records.every(Obligation) if each.window == window.id],
            payments=[each for each in store.records.every(Payment) if each.subject == window.id],
            entered=entered.pop(window.id, {}),
        )
        carried.feed(window, movements_of(window, evidence))
        yield from window_findings(window, evidence)
        if window.state not in (WindowState.OPEN, WindowState.SETTLED):
            yield f"window {window.number} of {window.model} is {window.state} to the end"
    yield from intervals.finish()
    yield from carried.finish()
    yield from (f"there are postings for window {each}" for each in entered)
    yield from _left_over(store)


def _each_in_one(store: MemoryStore, windows: Sequence[Window]) -> Iterator[str]:
    """Look for each committed transfer in the windows, one by one."""
    for height, journal in enumerate(store.journals, 1):
        for posting, *_ in journal:
            debit, credit = store.ledger[posting.debit], store.ledger[posting.credit]
            transfer = store.transfers.get(posting.subject)
            if posting.phase is not Phase.POSTED or transfer is None or debit.currency not in CURRENCIES:
                continue
            having = [
                each
                for each in windows
                if each.currency == debit.currency
                and each.from_height < height
                and (each.to_height is None or height <= each.to_height)
                and model_of((*each.before, each.terms), each.currency, debit.participant, credit.participant)
                == each.terms
            ]
            if len(having) != 1 or transfer.state is not State.COMMITTED:
                yield f"{transfer.id} is {transfer.state}, and in {len(having)} windows"


def _moved(store: MemoryStore, window: Window) -> list[Movement]:
    """Sum up what moved in a window by its own postings."""
    sums: Counter[tuple[str, str, str]] = Counter()
    count: Counter[tuple[str, str, str]] = Counter()
    for journal in store.journals[window.from_height : window.to_height]:
        for posting, *_ in journal:
            debit, credit = store.ledger[posting.debit], store.ledger[posting.credit]
            if posting.phase is not Phase.POSTED or debit.currency != window.currency:
                continue
            sides = (debit.participant, credit.participant)
            if model_of((*window.before, window.terms), window.currency, *sides) == window.terms:
                key = (*sides, posting.subject if window.terms.netting is Netting.GROSS else "")
                sums[key] += posting.minor
                count[key] += 1
    return [Movement(*key[:2], sums[key], count[key], key[2]) for key in sorted(sums)]


def _left_over(store: MemoryStore) -> Iterator[str]:
    """See that everybody is paid: what is left on positions is what was brought."""
    cash: Counter[tuple[str, str]] = Counter()
    for participant, currency, minor in brought(store).values():
        cash[participant, currency] += minor
    for account in store.ledger.values():
        left = balance(account) - cash[account.participant, account.currency]
        if account.kind is Kind.POSITION and account.currency in ("KES", "UGX") and left:
            yield f"{account.participant} has {left} {account.currency} left when everything is settled"


def _entered(store: MemoryStore) -> dict[str, dict[str, list[Entered]]]:
    found: dict[str, dict[str, list[Entered]]] = {}
    for height, journal in enumerate(store.journals, 1):
        for posting, *_ in journal:
            if posting.subject.startswith(OF_SETTLEMENT):
                debit, credit = store.ledger[posting.debit], store.ledger[posting.credit]
                each = Entered(
                    height,
                    (debit.participant, debit.kind),
                    (credit.participant, credit.kind),
                    posting.minor,
                    posting.phase,
                )
                window = posting.subject.split(":")[1]
                found.setdefault(window, {}).setdefault(posting.subject, []).append(each)
    return found
