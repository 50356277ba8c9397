"""An office in memory: deeds are decided one by one, on the records and accounts that they want, and on no others."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec

from hub.core.change import Decided
from hub.core.command import Done, Refusal, Result
from hub.core.participant import AccountKey, Participant, Role, Scheme, SchemeFile, Terms, chart
from hub.core.record import Deed, Desk, Kept, Selector, carried_out
from hub.core.settlement.close import CloseWindow, Reckon
from hub.core.settlement.opening import reopened
from hub.core.settlement.rules import DefaultPath, Model, Netting
from hub.core.settlement.settle import Release, accounts_to_settle, settled_if_paid, wanted_to_settle
from hub.core.settlement.window import Movement, Obligation, ObligationState, Payment, PaymentState, Window, WindowState
from hub.core.settlement.window import Said as Word
from hub.core.settlement.window import Word as Spoken
from hub.ledger.account import Account, Kind
from hub.ledger.journal import Book, Entry, Phase, Posting
from hub.ledger.position import balance
from hub.store.memory_records import MemoryRecords
from hub.store.memory_settlement import MemorySettlement

NAMES: Final = ("ash", "birch", "cedar", "date", "elm")
CURRENCY: Final = "KES"
NOW_MS: Final = 1_800_000_000_000


def model(netting: Netting, *, default: DefaultPath = DefaultPath.COVER, automatic: bool = False) -> Model:
    return Model(name="one", netting=netting, currency=CURRENCY, default=default, automatic=automatic)


def scheme_file(*models: Model) -> SchemeFile:
    return SchemeFile(
        scheme=Terms(name="test"),
        participant=tuple(
            Participant(
                id=name,
                name=name,
                role=Role.FSP,
                country="KE",
                currencies=(CURRENCY,),
                callback_hosts=("127.0.0.1",),
                notify_url="http://127.0.0.1/notices",
            )
            for name in NAMES
        ),
        settlement_model=models,
    )


class Said(Deed, frozen=True, kw_only=True):
    """The bank says what became of payments, and how much it has booked."""

    window: str
    states: Mapping[str, tuple[PaymentState, int]]

    def wants(self) -> Sequence[Selector]:
        return wanted_to_settle(self.window)

    def accounts(self, kept: Kept, scheme: Scheme) -> Iterable[AccountKey]:
        del scheme
        return accounts_to_settle(self.window, kept)

    def decide(self, desk: Desk) -> Result:
        for id_, (state, booked_minor) in self.states.items():
            payment = desk.get(Payment, id_)
            assert payment is not None
            said = (*payment.said, *_words(state, booked_minor))
            desk.keep(msgspec.structs.replace(payment, state=state, booked_minor=booked_minor, said=said))
        window = desk.get(Window, self.window)
        assert window is not None
        settled_if_paid(window, desk)
        return Done()


def _words(state: PaymentState, minor: int) -> list[Word]:
    """Return what the bank says of a payment that is so; of one that it booked wrongly, or not yet, nothing here."""
    if state is PaymentState.REFUSED:
        return [Word(word=Spoken.REFUSED)]
    if state in (PaymentState.POSTED, PaymentState.OVER, PaymentState.UNDER):
        return [Word(word=Spoken.BOOKED, minor=minor, counted=minor if state is PaymentState.POSTED else None)]
    return []


class Office:
    """Records and books; the windows of one scheme."""

    def __init__(self, *models: Model) -> None:
        self.now_ms = NOW_MS
        self.records = MemoryRecords(lambda: self.now_ms)
        self.journals: list[list[Entry]] = []
        file = scheme_file(*models)
        keys = sorted(chart(file))
        self.scheme = Scheme(1, file, {key: number for number, key in enumerate(keys, 1)})
        self.ledger = {
            number: Account(id=number, kind=key[2], participant=key[0], currency=key[1], cap_minor=chart(file)[key])
            for key, number in self.scheme.accounts.items()
        }
        self.told: list[tuple[str, str]] = []
        self._settlement = MemorySettlement(self.journals, self.ledger, self.records)
        written = reopened(models, [], {}, height=0, now_ms=self.now_ms, by="test")
        self.records.write({Window.table: {each.id: each for each in written}})

    def carry(self, deed: Deed, *, approved_by: str = "") -> Result:
        """Carry one deed out; what refuses must have written nothing."""
        self.now_ms += 1
        kept = self.records.wanted(deed.wants())
        wanted = {self.scheme.accounts[key] for key in deed.accounts(kept, self.scheme) if key in self.scheme.accounts}
        book = Book(msgspec.structs.replace(self.ledger[each]) for each in sorted(wanted))
        decided = Decided()
        desk = Desk(
            scheme=self.scheme,
            now_ms=self.now_ms,
            height=len(self.journals) if deed.cuts() else 0,
            kept=kept,
            transfers={},
            book=book,
            decided=decided,
        )
        desk.approved_by = approved_by
        result = carried_out(deed, desk)
        if isinstance(result, Refusal):
            assert not decided.records
            assert not book.touched
            assert not decided.outbox
        self.records.write(decided.records)
        if book.entries:
            self.journals.append(list(book.entries))
        self.ledger.update({each: book.accounts[each] for each in book.touched})
        keys = [each.key for each in decided.outbox]
        assert len(keys) == len(set(keys)), "two notices of one record and participant collide"
        self.told.extend((each.queue.partition(":")[2], each.transfer) for each in decided.outbox)
        return result

    def done(self, deed: Deed) -> None:
        """Carry out what must succeed."""
        result = self.carry(deed, approved_by="checker" if deed.checked else "")
        assert isinstance(result, Done), result

    def account(self, participant: str, kind: Kind = Kind.POSITION) -> Account:
        return self.ledger[self.scheme.accounts[participant, CURRENCY, kind]]

    def pay(self, debtor: str, creditor: str, minor: int, subject: str = "transfer") -> None:
        """Move money between positions as a transfer does, in two journals; "" is what the hub earns."""
        keys = [(side, CURRENCY, Kind.POSITION if side else Kind.FEES) for side in (debtor, creditor)]
        debit, credit = (self.scheme.accounts[key] for key in keys)
        book = Book([self.ledger[debit], self.ledger[credit]])
        self.ledger[debit].cap_minor = self.ledger[credit].cap_minor = None
        for phase in (Phase.PENDING, Phase.POSTED):
            book.enter(Posting(subject, debit, credit, minor, phase))
            self.journals.append([book.entries.pop()])

    def guarantee(self, minor: int) -> None:
        """Have somebody pay into the guarantee."""
        bank, guarantee = self.account("", Kind.SETTLEMENT_BANK), self.account("", Kind.GUARANTEE)
        book = Book([bank, guarantee])
        book.enter(Posting("fund:guarantee", bank.id, guarantee.id, minor, Phase.DIRECT))
        self.journals.append(book.entries)

    def window(self, number: int = 1) -> Window:
        return next(each for each in self.records.every(Window) if each.number == number)

    def movements(self, window: Window) -> tuple[Movement, ...]:
        return tuple(asyncio.run(self._settlement.movements(window)))

    def reckoned(self, number: int = 1) -> Window:
        """Close the window and reckon it."""
        id_ = self.window(number).id
        self.done(CloseWindow(by="desk-1", window=id_))
        self.done(Reckon(by="calendar", window=id_, movements=self.movements(self.window(number))))
        return self.window(number)

    def released(self, number: int = 1) -> Window:
        """Close, reckon and release it."""
        if self.reckoned(number).state is WindowState.RECKONED:
            self.done(Release(by="desk-1", window=self.window(number).id))
        return self.window(number)

    def owed(self, number: int = 1) -> list[tuple[str, str, int]]:
        """What is owed for a window now."""
        id_ = self.window(number).id
        return sorted(
            (each.debtor, each.creditor, each.minor)
            for each in self.records.every(Obligation)
            if each.window == id_ and each.state is not ObligationState.REPLACED
        )

    def payments(self, number: int = 1, *, awaited: bool = True) -> list[Payment]:
        id_ = self.window(number).id
        return sorted(
            (
                each
                for each in self.records.every(Payment)
                if each.subject == id_ and (not awaited or each.state is PaymentState.EXPECTED)
            ),
            key=lambda each: (each.debtor, each.creditor, each.minor),
        )

    def book_payments(self, payments: Iterable[Payment]) -> None:
        """Have the bank book payments, and the books too where that settles the window."""
        found = list(payments)
        for window in {each.subject for each in found}:
            states = {each.id: (PaymentState.POSTED, each.minor) for each in found if each.subject == window}
            self.done(Said(by="bank", window=window, states=states))

    def balances(self) -> dict[str, int]:
        """Positions, and what the scheme has: at the bank, earned, in the guarantee."""
        return {
            each.participant or each.kind.value: balance(each)
            for each in self.ledger.values()
            if each.kind is not Kind.SUSPENSE
        }
