"""The files that come in, a bank's answers and a participant's day; their kind is never taken from their name."""

from typing import Final

from hub.files.adding_up import check_balances, check_currency, check_expected, check_twice
from hub.files.bank_camt import FORMS, read_camt
from hub.files.bank_csv import header_of, read_bank_csv
from hub.files.bank_status import PACS_002, ROOT, read_status_report
from hub.files.reading import message_in
from hub.files.reports import STATEMENT
from hub.files.shapes import (
    LIMITS,
    BankEntry,
    BankFile,
    BankStatus,
    FileRefusedError,
    Limits,
    ParticipantFile,
    ParticipantRow,
)
from hub.files.sheet import TOTALLED, Line, read
from hub.files.wording import day_in, instant_in

PARTICIPANT_COLUMNS: Final = ("transfer", "own_reference", "reference", "direction", *TOTALLED, "booked_at")
_BANK_ROOTS: Final = {PACS_002: ROOT, **{form.message: form.root for form in FORMS.values()}}
_PARTICIPANT_ROOTS: Final = {STATEMENT.message: STATEMENT.root}
_WIDE: Final = (b"\xff\xfe", b"\xfe\xff")  # UTF-16: never our CSV


def read_bank_file(content: bytes, *, account: str = "", currency: str = "", limits: Limits = LIMITS) -> BankFile:
    """Read a pacs.002, a camt.053, a camt.054 or a bank's CSV; raises FileRefusedError.

    `account` and `currency` are what the file must be about, where it says; '' expects nothing.
    """
    if not _is_xml(content):
        found = read_bank_csv(content, limits)
    else:
        message, root = message_in(content, _BANK_ROOTS, limits)
        form = FORMS.get(message)
        found = read_status_report(root, limits) if form is None else read_camt(form, root, limits)
    check_twice(found.entries)
    check_expected(found.header, account, currency)
    return found


def read_participant_file(
    content: bytes, *, account: str = "", currency: str = "", limits: Limits = LIMITS
) -> ParticipantFile:
    """Read a participant's own day as camt.053 or CSV; raises FileRefusedError.

    Sides are those of the participant's position at the hub: a credit is what it is owed more. A booking that stands
    twice is kept twice: that is a difference to be shown, not a fault of the file.
    """
    found = _statement(content, limits) if _is_xml(content) else _participant_csv(content, limits)
    check_expected(found.header, account, currency)
    return found


def _is_xml(content: bytes) -> bool:
    return content.startswith(_WIDE) or content[:1024].removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"<")


def _statement(content: bytes, limits: Limits) -> ParticipantFile:
    _, root = message_in(content, _PARTICIPANT_ROOTS, limits)
    found = read_camt(STATEMENT, root, limits)
    rows = [_row(entry) for entry in found.entries if entry.status is BankStatus.BOOKED]
    return ParticipantFile(header=found.header, rows=tuple(rows))


def _row(entry: BankEntry) -> ParticipantRow:
    if entry.direction is None or entry.money is None or entry.booked_on is None:
        raise FileRefusedError(entry.where, "it has no side, amount or day", "Send all three")
    return ParticipantRow(
        where=entry.where,
        direction=entry.direction,
        money=entry.money,
        transfer=entry.transfer,
        own_reference=entry.reference,
        reference=_named(entry.where, entry.bank_reference, entry.transfer, entry.reference),
        booked_on=entry.booked_on,
        booked_ms=entry.booked_ms,
    )


def _named(where: str, reference: str, *others: str) -> str:
    """Return the reference; raises FileRefusedError where there is none at all."""
    if not any((reference, *others)):
        raise FileRefusedError(where, "it names no transfer", "Write the hub's id of the transfer, or your own")
    return reference


def _participant_csv(content: bytes, limits: Limits) -> ParticipantFile:
    lines = read(content, PARTICIPANT_COLUMNS, "entry", others=("opening", "closing"), limits=limits)
    entries = [line for line in lines if line.record == "entry"]
    rows, header = tuple(_participant_row(line) for line in entries), header_of(lines)
    booked = [
        BankEntry(where=row.where, status=BankStatus.BOOKED, direction=row.direction, money=row.money) for row in rows
    ]
    check_currency(header.currency, booked, (header.opening, header.closing))
    check_balances(header, booked)
    return ParticipantFile(header=header, rows=rows)


def _participant_row(line: Line) -> ParticipantRow:
    transfer, own_reference = line.text("transfer"), line.text("own_reference")
    text = line.text("booked_at")
    try:
        booked_on, booked_ms = instant_in(text) if "T" in text else (day_in(text), None)
    except ValueError as error:
        raise line.refused(f"booked_at {text!r}: {error}", "Write a day, or a time by ISO 8601") from error
    return ParticipantRow(
        where=line.where,
        direction=line.direction(),
        money=line.money(),
        transfer=transfer,
        own_reference=own_reference,
        reference=_named(line.where, line.text("reference"), transfer, own_reference),
        booked_on=booked_on,
        booked_ms=booked_ms,
    )
