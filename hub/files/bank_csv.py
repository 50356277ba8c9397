"""What a bank booked or says of payments, as CSV of the hub's columns; a status that is not known decides nothing."""

from collections.abc import Sequence
from typing import Final

from hub.files.adding_up import check_balances, check_currency
from hub.files.bank_status import UNDECIDED
from hub.files.shapes import BankEntry, BankFile, BankStatus, FileHeader, FileRefusedError, Limits, signed
from hub.files.sheet import TOTALLED, Line, read
from routing.money import Money

BANK_COLUMNS: Final = (
    *("statement", "account", "reference", "bank_reference", "direction", *TOTALLED),
    *("status", "reason", "booked_on"),
)
FORM: Final = "csv"
REVERSED: Final = "reversed"  # booked to undo a booking: `direction` is its own
_STATUSES: Final = {each.value: each for each in BankStatus} | {REVERSED: BankStatus.BOOKED}


def read_bank_csv(content: bytes, limits: Limits) -> BankFile:
    """Read a bank's file about one account; raises FileRefusedError."""
    lines = read(content, BANK_COLUMNS, "entry", others=("opening", "closing"), limits=limits)
    entries = tuple(_entry(line) for line in lines if line.record == "entry")
    header = header_of(lines)
    if lines and not header.account:
        raise lines[0].refused("it names no account", "Write which account the file is about, in every line")
    check_currency(header.currency, entries, (header.opening, header.closing))
    check_balances(header, entries)
    return BankFile(header=header, entries=entries)


def header_of(lines: Sequence[Line]) -> FileHeader:
    """Return what all lines say alike; raises FileRefusedError where two differ."""
    statement, account, currency = (_alike(lines, name) for name in ("statement", "account", "currency"))
    return FileHeader(
        form=FORM,
        message=statement,
        statement=statement,
        account=account,
        currency=currency,
        opening=_balance(lines, "opening"),
        closing=_balance(lines, "closing"),
    )


def _alike(lines: Sequence[Line], name: str) -> str:
    if not lines:
        return ""
    first = lines[0].text(name)
    for line in lines:
        if line.text(name) != first:
            raise line.refused(f"{name} {line.text(name)!r}, before it was {first!r}", f"Send a file for each {name}")
    return first


def _balance(lines: Sequence[Line], record: str) -> Money | None:
    found = [line for line in lines if line.record == record]
    if len(found) > 1:
        raise found[1].refused(f"a second {record} balance", "Write one")
    if not found:
        return None
    money = found[0].money()
    return Money(signed(found[0].direction(), money), money.currency)


def _entry(line: Line) -> BankEntry:
    status, reason = _STATUSES.get(line.text("status"), BankStatus.UNKNOWN), line.text("reason")
    if status is BankStatus.REFUSED and (not reason or not UNDECIDED.isdisjoint(reason.split())):
        status = BankStatus.UNKNOWN
    booked_on = line.day("booked_on") if line.text("booked_on") or status is BankStatus.BOOKED else None
    if status is not BankStatus.BOOKED and not line.text("reference"):
        raise FileRefusedError(line.where, "it is not booked, and names no payment", "Write the hub's reference")
    return BankEntry(
        where=line.where,
        status=status,
        reference=line.text("reference"),
        bank_reference=line.text("bank_reference"),
        direction=line.direction(),
        money=line.money(),
        reason=reason,
        booked_on=booked_on,
        is_reversal=line.text("status") == REVERSED,
    )
