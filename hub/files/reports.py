"""What participants are told of their positions, as camt.054 and camt.053; what does not add up is never written.

A statement that is too long for one file goes in pages, each of which adds up by itself.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

from lxml import etree
from lxml.builder import ElementMaker  # type: ignore[import-not-found]  # lxml-stubs leaves this module out
from msgspec.structs import replace

from hub.files.shapes import (
    Direction,
    Entry,
    EntryKind,
    Notification,
    Statement,
    UnwritableError,
    direction_of,
    signed,
    summed,
)
from hub.files.wording import fits, instant, one_line, plain, unlike, whole
from hub.files.xml import NAME_MAX, account, amount, document, institution, maker, owner
from routing.money import Money, MoneyError


class Form(NamedTuple):
    """How one of the three messages about an account names its parts; what is in them is the same."""

    message: str
    root: str
    item: str


NOTIFICATION: Final = Form("camt.054.001.08", "BkToCstmrDbtCdtNtfctn", "Ntfctn")
STATEMENT: Final = Form("camt.053.001.08", "BkToCstmrStmt", "Stmt")

SIDES: Final = {Direction.CREDIT: "CRDT", Direction.DEBIT: "DBIT"}
_TEXT_MAX: Final = 500

# ISO 20022 bank transaction codes of the domain PMNT, for a credit and for a debit; our own word stands beside them.
_RECEIVED, _ISSUED = "RCDT", "ICDT"
_OTHER_CREDIT, _OTHER_DEBIT = "MCOP", "MDOP"
_CODES: Final = {
    EntryKind.TRANSFER: (_RECEIVED, _ISSUED, "DMCT"),
    EntryKind.RETURN: (_RECEIVED, _ISSUED, "RRTN"),
    EntryKind.FEE: (_OTHER_CREDIT, _OTHER_DEBIT, "FEES"),
    EntryKind.FUNDS: (_RECEIVED, _ISSUED, "FICT"),
    EntryKind.SETTLEMENT: (_RECEIVED, _ISSUED, "FICT"),
    EntryKind.ADJUSTMENT: (_OTHER_CREDIT, _OTHER_DEBIT, "ADJT"),
}


def camt054(told: Notification) -> bytes:
    """Write a notification; raises UnwritableError naming what has no true form in it."""
    return written(told, NOTIFICATION)


def camt053(told: Statement) -> bytes:
    """Write a statement; raises UnwritableError naming what has no true form in it, or what does not add up."""
    return written(told, STATEMENT)


def written(told: Notification, form: Form) -> bytes:
    """Write what is told in one of the forms."""
    checked(told)
    e = maker(form.message)
    message = whole(told.message, "the message's id")
    header = e.GrpHdr(e.MsgId(message), e.CreDtTm(instant(told.created_ms)))
    item = e(
        form.item,
        e.Id(message),
        e(f"{form.item}Pgntn", e.PgNb(str(told.page)), e.LastPgInd(_boolean(told.is_last))),
        e.ElctrncSeqNb(str(told.sequence)),
        e.CreDtTm(instant(told.created_ms)),
        *_period(e, told),
        e.Acct(account(e, told.account), e.Ccy(told.currency), owner(e, told.owner)),
        *_balances(e, told),
        _summary(e, told),
        *(_entry(e, entry) for entry in told.entries),
    )
    return document(e, e(form.root, header, item))


def checked(told: Notification) -> None:
    """Refuse to write what is not true; raises UnwritableError."""
    unlike((entry.reference for entry in told.entries), "the reference")
    wrong = [
        entry.reference for entry in told.entries if entry.money.currency != told.currency or entry.money.minor < 0
    ]
    if wrong:
        raise UnwritableError(
            f"entries of an account in {told.currency} are amounts in it, without a sign: {wrong[:3]}"
        )
    if isinstance(told, Statement):
        moved = sum(signed(entry.direction, entry.money) for entry in told.entries)
        same = told.opening.currency == told.closing.currency == told.currency
        if not same or told.opening.minor + moved != told.closing.minor:
            raise UnwritableError(
                f"{told.opening} and entries of {Money(moved, told.currency)} do not make {told.closing}: run the audit"
            )


def page_of(told: Statement, number: int, *, is_last: bool) -> Statement:
    """Return a part of a statement, with the balances at its own two ends, as the page that it is."""
    message = told.message if number == 1 and is_last else f"{told.message[:29]}-{number}"
    return replace(told, message=message, page=number, is_last=is_last)


def totals(entries: Sequence[Entry], currency: str) -> dict[Direction, tuple[int, Money]]:
    """Return how many entries there are on each side, and their sum; raises UnwritableError."""
    found = {}
    for side in Direction:
        amounts = [entry.money.minor for entry in entries if entry.direction is side]
        try:
            found[side] = len(amounts), summed(amounts, currency)
        except MoneyError as error:
            raise UnwritableError(str(error)) from error
    return found


def _period(e: ElementMaker, told: Notification) -> list[etree._Element]:
    if not isinstance(told, Statement):
        return []
    return [e.FrToDt(e.FrDtTm(instant(told.from_ms)), e.ToDtTm(instant(told.to_ms)))]


def _balances(e: ElementMaker, told: Notification) -> list[etree._Element]:
    """Build the booked balances; where a page begins or ends within the day, it says so (INTM)."""
    if not isinstance(told, Statement):
        return []
    ends = [
        ("OPBD", told.opening, told.from_ms, told.page == 1),
        ("CLBD", told.closing, told.to_ms, told.is_last),
    ]
    return [
        e.Bal(
            e.Tp(e.CdOrPrtry(e.Cd(code)), *([] if of_the_day else [e.SubTp(e.Cd("INTM"))])),
            amount(e, "Amt", balance),
            e.CdtDbtInd(SIDES[direction_of(balance)]),
            e.Dt(e.DtTm(instant(at_ms))),
        )
        for code, balance, at_ms, of_the_day in ends
    ]


def _summary(e: ElementMaker, told: Notification) -> etree._Element:
    sides = totals(told.entries, told.currency)
    (credit_count, credited), (debit_count, debited) = sides[Direction.CREDIT], sides[Direction.DEBIT]
    net = Money(credited.minor - debited.minor, told.currency)
    try:
        both = summed([credited.minor, debited.minor], told.currency)
    except MoneyError as error:
        raise UnwritableError(str(error)) from error
    found: etree._Element = e.TxsSummry(
        e.TtlNtries(
            e.NbOfNtries(str(credit_count + debit_count)),
            e.Sum(plain(both)),
            e.TtlNetNtry(e.Amt(plain(net)), e.CdtDbtInd(SIDES[direction_of(net)])),
        ),
        e.TtlCdtNtries(e.NbOfNtries(str(credit_count)), e.Sum(plain(credited))),
        e.TtlDbtNtries(e.NbOfNtries(str(debit_count)), e.Sum(plain(debited))),
    )
    return found


def _entry(e: ElementMaker, entry: Entry) -> etree._Element:
    reference = whole(entry.reference, "the reference")
    at = e.DtTm(instant(entry.booked_ms))
    found: etree._Element = e.Ntry(
        e.NtryRef(reference),
        amount(e, "Amt", entry.money),
        e.CdtDbtInd(SIDES[entry.direction]),
        e.Sts(e.Cd("BOOK")),
        e.BookgDt(at),
        e.AcctSvcrRef(reference),
        _code(e, entry),
        e.NtryDtls(_details(e, entry)),
    )
    return found


def _code(e: ElementMaker, entry: Entry) -> etree._Element:
    credit, debit, code = _CODES[entry.kind]
    family = credit if entry.direction is Direction.CREDIT else debit
    found: etree._Element = e.BkTxCd(
        e.Domn(e.Cd("PMNT"), e.Fmly(e.Cd(family), e.SubFmlyCd(code))), e.Prtry(e.Cd(entry.kind.value))
    )
    return found


def _details(e: ElementMaker, entry: Entry) -> etree._Element:
    """Build the details; a reference of the participant's that does not fit whole stands in the text beside."""
    names = {"EndToEndId": entry.own_reference, "TxId": entry.transfer}
    window = f"window {entry.window}" if entry.window else ""
    lines = [line for text in (window, entry.text) if (line := one_line(text, NAME_MAX))]
    beside = [f"{name} {text}" for name, text in names.items() if one_line(text, NAME_MAX) and not fits(text)]
    other = "Dbtr" if entry.direction is Direction.CREDIT else "Cdtr"
    found: etree._Element = e.TxDtls(
        e.Refs(e.AcctSvcrRef(entry.reference), *(e(name, text) for name, text in names.items() if fits(text))),
        amount(e, "Amt", entry.money),
        e.CdtDbtInd(SIDES[entry.direction]),
        *([e.RltdPties(e(other, institution(e, "Agt", entry.counterparty)))] if entry.counterparty else []),
        *([e.RmtInf(*map(e.Ustrd, lines))] if lines else []),
        *([e.AddtlTxInf(one_line("; ".join(beside), _TEXT_MAX))] if beside else []),
    )
    return found


def _boolean(value: bool) -> str:  # noqa: FBT001 - it is what is written
    return "true" if value else "false"
