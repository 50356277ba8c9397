"""Records and deeds: what the office keeps beside transfers, and what changes it; it must never know a single kind.

A record is a row of its own table: a window, an obligation, a payment, a proposal. A deed is what an operator, the
calendar or the settlement bank brings about: it says which records and accounts it wants, and decides on a `Desk`.
Deeds enter by the one door, among the other commands, and what they keep is written in the same commit.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, ClassVar, Final, NamedTuple, TypeVar

import msgspec

from hub.core.change import NOTICES, Advice, Case, Closing, Decided, Outgoing
from hub.core.command import Command, Done, Reason, Refusal, Result, Ruling, Transfer
from hub.core.participant import AccountKey, Scheme
from hub.ledger.account import Kind
from hub.ledger.journal import Book, Posting


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """What the office keeps. Each kind has its table, with a column for every field of the same name."""

    table: ClassVar[str]
    keys: ClassVar[tuple[str, ...]] = ()  # columns, beside `id`, by which records of this kind are wanted

    id: str  # 32 hexadecimal digits, unless the kind says otherwise
    version: int = 0  # writes so far
    at_ms: int = 0  # when it began
    due_ms: int | None = None  # when somebody is to look at it again by itself; None: never
    deed: str = ""  # the deed that wrote it last: the same deed, said again, changes nothing


R = TypeVar("R", bound=Record)
_ID: Final = re.compile(r"[0-9a-f]{32}")


class Selector(NamedTuple):
    """Which records a deed wants: those of a kind whose column has this value. They are locked in a fixed order."""

    kind: type[Record]
    column: str
    value: str


Kept = Mapping[type[Record], Mapping[str, Record]]


def _nobody_rules(_: Ruling) -> Result:
    raise NotImplementedError


def _nobody_foresees(_: Ruling) -> Refusal | str:
    raise NotImplementedError


class Desk:
    """Where one deed is decided: the records as the deeds before it left them, the books, and what is to be written."""

    def __init__(
        self,
        *,
        scheme: Scheme,
        now_ms: int,
        height: int,
        kept: Kept,
        transfers: Mapping[str, Transfer],
        book: Book,
        decided: Decided,
        reversed_minor: Mapping[str, int] = MappingProxyType({}),
        promised: dict[str, dict[str, int]] | None = None,
        cases: Iterable[Case] = (),
        entered: Callable[[Iterable[tuple[str, str]]], None] = lambda _: None,
        rule: Callable[[Ruling], Result] = _nobody_rules,
        foresee: Callable[[Ruling], Refusal | str] = _nobody_foresees,
    ) -> None:
        """Begin with what was loaded; `height` is the number of the last journal, where a deed cuts there."""
        self.scheme: Final = scheme
        self.now_ms: Final = now_ms
        self.height: Final = height
        self.transfers: Final = transfers
        self.book: Final = book
        self.decided: Final = decided
        self._reversed: Final = reversed_minor
        self._promised: Final = {} if promised is None else promised
        self._cases: Final = {(each.transfer, each.seq): each for each in cases}
        self._entered: Final = entered
        self.rule: Final = rule  # has an operator's word on a transfer carried out
        self._foresee: Final = foresee  # says what that word would do
        self.foreseen: Final[list[str]] = []  # of a rehearsal: what it would do beside what it writes
        self.approved_by = ""  # the second person, while an approved proposal is carried out
        self.ref = ""
        self._kept: dict[type[Record], dict[str, Record]] = {kind: dict(found) for kind, found in kept.items()}
        self._indexes: dict[tuple[type[Record], str], dict[Any, set[str]]] = {}

    def get(self, kind: type[R], id_: str) -> R | None:
        """Return a record by its id; None: there is none, or the deed did not say that it wants it."""
        found = self._kept.get(kind, {}).get(id_)
        return found if isinstance(found, kind) else None

    def where(self, kind: type[R], /, **values: Any) -> list[R]:
        """List the records of a kind whose columns have these values, in the order of their ids."""
        every = self._kept.get(kind, {})
        narrow = next((name for name in values if name in kind.keys), None)
        ids = every.keys() if narrow is None else self._index(kind, narrow).get(values[narrow], set())
        return [
            each
            for each in map(every.__getitem__, sorted(ids))
            if isinstance(each, kind) and all(getattr(each, name) == value for name, value in values.items())
        ]

    def rehearsal(self, second: str) -> "Desk":
        """Return a copy on which a deed is tried as if `second` approved it: what is done there is done nowhere."""

        def foreseen(ruling: Ruling) -> Result:
            said = self._foresee(ruling)
            if isinstance(said, Refusal):
                return said
            copy.foreseen.append(said)
            return Done(transfer=ruling.transfer)

        copy = Desk(
            scheme=self.scheme,
            now_ms=self.now_ms,
            height=self.height,
            kept=self._kept,
            transfers=self.transfers,
            book=Book(msgspec.structs.replace(each) for each in self.book.accounts.values()),
            decided=Decided(),
            reversed_minor=self._reversed,
            promised={original: dict(parts) for original, parts in self._promised.items()},
            cases=self._cases.values(),
            rule=foreseen,
        )
        copy.approved_by = second
        return copy

    def _index(self, kind: type[Record], column: str) -> dict[Any, set[str]]:
        """Return the ids of a kind's records by one of its keys; a bank's file may be about thousands of windows."""
        if (kind, column) not in self._indexes:
            index: dict[Any, set[str]] = {}
            for id_, each in self._kept.get(kind, {}).items():
                index.setdefault(getattr(each, column), set()).add(id_)
            self._indexes[kind, column] = index
        return self._indexes[kind, column]

    def wanted(self, deed: "Deed") -> list[Record]:
        """List the records that a deed wants, as they are now."""
        sought: dict[tuple[type[Record], str], set[str]] = {}
        for kind, column, value in deed.wants():
            sought.setdefault((kind, column), set()).add(value)
        return [
            each
            for (kind, column), values in sought.items()
            for each in self._kept.get(kind, {}).values()
            if getattr(each, column) in values
        ]

    def keep(self, record: R) -> R:
        """Write a record, new or changed; returns it as it is written."""
        before = self._kept.setdefault(type(record), {}).get(record.id)
        version = 1 if before is None else before.version + 1
        is_written = record.id in self.decided.records.get(record.table, {})
        # Within one commit a record is written once, however many deeds of the batch change it.
        version = before.version if is_written and before is not None else version
        fresh = msgspec.structs.replace(record, version=version, deed=self.ref)
        self._kept[type(record)][record.id] = fresh
        for column in fresh.keys:
            index = self._indexes.get((type(record), column))
            if index is not None:
                if before is not None:
                    index[getattr(before, column)].discard(record.id)
                index.setdefault(getattr(fresh, column), set()).add(record.id)
        self.decided.records.setdefault(record.table, {})[record.id] = fresh
        return fresh

    def purse(self, key: AccountKey) -> int:
        """Return the number of a ledger account; raises KeyError."""
        return self.scheme.accounts[key]

    def enter(self, postings: Sequence[Posting], *, beyond_cap: bool = False) -> None:
        """Enter postings, all or none; raises OverCapError. What is owed to somebody is paid `beyond_cap`."""
        self.book.enter_all(postings, beyond_cap=beyond_cap)
        self._moved(number for each in postings for number in (each.debit, each.credit))

    def adjust(self, number: int, **values: int | bool) -> None:
        """Change an account's cap, block or alarm; it is written with the balances."""
        self.book.accounts[number] = msgspec.structs.replace(self.book.accounts[number], **values)
        self.book.touched.add(number)
        self._moved([number])

    def _moved(self, numbers: Iterable[int]) -> None:
        accounts = [self.book.accounts[number] for number in numbers]
        self._entered((each.participant, each.currency) for each in accounts if each.kind is Kind.POSITION)

    def cases(self, transfer: str) -> list[Case]:
        """List what stands in the exception queue for a transfer: what was there before this batch."""
        return [each for each in self._cases.values() if each.transfer == transfer]

    def close_case(self, case: Case, by: str, why: str) -> None:
        """Take an entry out of the exception queue; it stays in the history."""
        del self._cases[case.transfer, case.seq]
        closing = Closing(transfer=case.transfer, seq=case.seq, closed_ms=self.now_ms, closed_by=by, closed_why=why)
        self.decided.closings.append(closing)

    def left(self, original: Transfer) -> int:
        """Return what of a transfer is neither given back nor being so, nor promised to be: minor units."""
        promised = sum(self._promised.get(original.id, {}).values())
        return original.minor - self._reversed.get(original.id, 0) - promised

    def promise(self, original: str, by: str, minor: int) -> None:
        """Have a part of a transfer kept for the reversal that is to begin under the id `by`."""
        self._promised.setdefault(original, {})[by] = minor

    def tell(self, participant: str, record: Record, event: str, body: Mapping[str, Any]) -> None:
        """Tell a participant, by a signed notice, once for each version of a record; without an address, nobody is."""
        known = self.scheme.participants.get(participant)
        if known is None or not known.notify_url:
            return
        advice = Advice(to=participant, event=event, at_ms=self.now_ms, body=dict(body))
        queue = f"{NOTICES}:{participant}"
        raw = msgspec.Raw(msgspec.json.encode(advice))
        self.decided.outbox.append(Outgoing(transfer=record.id, seq=record.version, queue=queue, body=raw))


class Deed(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """What changes records. Subclasses are listed in `hub.core.deeds`; fields are what an operator says."""

    checked: ClassVar[bool] = False  # it moves or releases money: one operator proposes it, another approves it
    makes: ClassVar[str] = ""  # the field with the id of what it makes: 32 hexadecimal digits
    counts: ClassVar[bool] = False  # how many there are decides it: of such deeds one comes after the other
    by: str  # who brings it about: an operator, "calendar", "bank file ..."
    ref: str = ""  # 32 hexadecimal digits of its own: said again, it changes nothing

    def is_last(self) -> bool:
        """Say whether no other may be decided after it in its batch: it would stand on something else."""
        return False

    def wants(self) -> Sequence[Selector]:
        """Say which records are to be loaded and locked."""
        return ()

    def originals(self) -> Sequence[str]:
        """Say which transfers are to be loaded and locked."""
        return ()

    def cases(self) -> Sequence[str]:
        """Say of which transfers the open entries of the exception queue are to be loaded and locked."""
        return ()

    def cuts(self) -> bool:
        """Say whether it wants to know the last journal's number, and that no other comes before its own."""
        return False

    def accounts(self, kept: Kept, scheme: Scheme) -> Iterable[AccountKey]:  # noqa: ARG002 - what most deeds need
        """Say which accounts are to be locked; those that the scheme does not have are passed over."""
        return ()

    def faulty(self, scheme: Scheme) -> Refusal | None:  # noqa: ARG002 - what most deeds need
        """Say what is wrong with it whatever is kept: such a deed is not even proposed."""
        return None

    def flaw(self, scheme: Scheme) -> Refusal | None:
        """Say what is wrong with it whatever is kept, also with the id of what it makes."""
        made = getattr(self, self.makes) if self.makes else ""
        if self.makes and not _ID.fullmatch(made):
            return Refusal(reason=Reason.TERMS_INVALID, detail=f"{self.makes}: an id has 32 hexadecimal digits")
        return self.faulty(scheme)

    def decide(self, desk: Desk) -> Result:
        """Carry it out on the desk, or say why not: then it must have written nothing."""
        raise NotImplementedError


# Whatever enters by the one door.
Entering = Command | Deed


def carried_out(deed: Deed, desk: Desk) -> Result:
    """Decide one deed; what moves or releases money is refused without a second person.

    A deed whose commit was not confirmed is said again: what it wrote last says so, and nothing changes.
    """
    if deed.checked and not desk.approved_by:
        return Refusal(reason=Reason.CHECKER_NEEDED, detail=f"propose {type(deed).__name__}, and have it approved")
    if deed.ref and any(each.deed == deed.ref for each in desk.wanted(deed)):
        return Done(changed=False)
    desk.ref = deed.ref
    return deed.flaw(desk.scheme) or deed.decide(desk)
