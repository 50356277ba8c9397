"""A participant's day as files: from the hub's entries to statements and notifications, and from its own file to lines.

What is written follows from the postings alone, so the same day is always the same bytes.
"""

from collections.abc import Sequence
from datetime import date
from typing import Final, NamedTuple

from hub.core.office.booking import named
from hub.core.office.comparing import Line
from hub.core.office.reconciling import DayEntry
from hub.core.participant import Scheme
from hub.files.csv_out import notification_csv
from hub.files.reports import NOTIFICATION, STATEMENT, camt053, camt054, page_of
from hub.files.shapes import (
    BankAccount,
    Direction,
    Entry,
    EntryKind,
    FileHeader,
    Institution,
    Notification,
    ParticipantFile,
    Statement,
    signed,
)
from hub.ledger.account import Kind
from routing.money import Money

PAGE: Final = 5_000  # entries in one file
CAMT_053: Final = "camt.053"
CAMT_054: Final = "camt.054"
CSV: Final = "csv"
XML_TYPE: Final = "application/xml"
CSV_TYPE: Final = "text/csv"
# Of what moves without a transfer, by how the subject of its postings begins.
_KINDS: Final = {"fund": EntryKind.FUNDS, "funds": EntryKind.FUNDS, "settle": EntryKind.SETTLEMENT}
CASH: Final = frozenset({EntryKind.FUNDS, EntryKind.SETTLEMENT})
CASH_SUBJECTS: Final = frozenset(word for word, kind in _KINDS.items() if kind in CASH)
_HEXADECIMAL: Final = frozenset("0123456789abcdef")


class Whose(NamedTuple):
    """Whose day it is, in which currency, and when it began and ended (Unix milliseconds)."""

    scheme: Scheme
    participant: str
    currency: str
    day: date
    from_ms: int
    to_ms: int


class Sheet(NamedTuple):
    """A file for a participant, before it is signed."""

    name: str
    media: str
    content: bytes


def paged(
    whose: Whose, opening: int, closing: int, entries: Sequence[DayEntry], *, number: int = 1, is_last: bool = True
) -> Statement:
    """Return a page of a day's statement; `opening` and `closing`: minor units, at the page's two ends."""
    currency = whose.currency
    told = Statement(
        message=named("statement", whose.participant, whose.day.isoformat(), currency),
        created_ms=whose.to_ms,
        owner=institution(whose.scheme, whose.participant),
        account=_account(whose),
        currency=currency,
        entries=tuple(_entry(each, whose) for each in entries),
        sequence=whose.day.toordinal(),
        from_ms=whose.from_ms,
        to_ms=whose.to_ms,
        opening=Money(opening, currency),
        closing=Money(closing, currency),
    )
    return page_of(told, number, is_last=is_last)


def notification(whose: Whose, entries: Sequence[DayEntry], now_ms: int) -> Notification:
    """Return what a participant is told of its cash in a day so far: funds and settlements."""
    found = (_entry(each, whose) for each in entries)
    return Notification(
        message=named("notification", whose.participant, whose.day.isoformat(), whose.currency),
        created_ms=min(now_ms, whose.to_ms),
        owner=institution(whose.scheme, whose.participant),
        account=_account(whose),
        currency=whose.currency,
        entries=tuple(each for each in found if each.kind in CASH),
        sequence=whose.day.toordinal(),
    )


def sheet(told: Notification, form: str, whose: Whose) -> Sheet:
    """Write what is told as CSV, or in its form of ISO 20022; raises UnwritableError."""
    word = "statement" if isinstance(told, Statement) else "notification"
    page = "" if told.page == 1 and told.is_last else f"-{told.page}"
    name = f"{word}-{whose.participant}-{whose.currency}-{whose.day.isoformat()}{page}"
    if form == CSV:
        return Sheet(f"{name}.csv", CSV_TYPE, notification_csv(told))
    content = camt053(told) if isinstance(told, Statement) else camt054(told)
    message = STATEMENT.message if isinstance(told, Statement) else NOTIFICATION.message
    return Sheet(f"{name}.{message}.xml", XML_TYPE, content)


def lines_of(file: ParticipantFile) -> list[Line]:
    """Return a participant's own bookings as they are compared."""
    return [
        Line(
            where=row.where,
            minor=signed(row.direction, row.money),
            currency=row.money.currency,
            transfer=_id_in(row.transfer),
            names=tuple(_id_in(name) or name for name in (row.reference, row.own_reference, row.transfer) if name),
        )
        for row in file.rows
    ]


def of_another(header: FileHeader, name: str, whose: Whose) -> str:
    """Return the other participant that a file is of, by its owner, its account or its name; empty: it names none."""
    for other in whose.scheme.participants.values():
        accounts = [_account(whose._replace(participant=other.id, currency=each)).other for each in other.currencies]
        is_named = any(name.startswith(f"statement-{each}-") for each in accounts)
        if other.id != whose.participant and (header.owner == other.id or header.account in accounts or is_named):
            return other.id
    return ""


def institution(scheme: Scheme, participant: str) -> Institution:
    """Return a participant as files name it; "" is the hub."""
    if not participant:
        return Institution(id="scheme", name=scheme.file.scheme.name)
    known = scheme.participants.get(participant)
    return Institution(id=participant, name=known.name if known else "")


def _account(whose: Whose) -> BankAccount:
    return BankAccount(other=f"{whose.participant}-{whose.currency}")


def _entry(each: DayEntry, whose: Whose) -> Entry:
    kind = _kind(each)
    is_transfer = bool(_id_in(each.subject))
    rest = each.subject.partition(":")[2]
    return Entry(
        reference=each.reference,
        direction=Direction.CREDIT if each.minor > 0 else Direction.DEBIT,
        money=Money(abs(each.minor), whose.currency),
        booked_ms=each.at_ms,
        kind=kind,
        counterparty=institution(whose.scheme, each.other),
        transfer=each.subject if is_transfer else "",
        own_reference=each.own_reference,
        window=rest if kind is EntryKind.SETTLEMENT else "",
        text="" if is_transfer or kind is EntryKind.SETTLEMENT else each.subject,
    )


def _kind(each: DayEntry) -> EntryKind:
    if not _id_in(each.subject):
        return _KINDS.get(each.subject.partition(":")[0], EntryKind.ADJUSTMENT)
    if each.other_kind == Kind.FEES:
        return EntryKind.FEE
    return EntryKind.RETURN if each.original else EntryKind.TRANSFER


def _id_in(text: str) -> str:
    """Return a transfer's id as the hub writes it, with dashes or without; empty: it is none."""
    bare = text.replace("-", "").lower()
    return bare if len(bare) == 32 and set(bare) <= _HEXADECIMAL else ""
