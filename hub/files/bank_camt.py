"""What a bank booked, from its camt.053 or camt.054; what does not add up is refused whole, never in part.

A batch booking is taken apart into what its details say. A charge is an entry of its own: where the details are more
or less than their entry, the file is refused.
"""

from collections.abc import Sequence
from typing import Final

from msgspec.structs import replace

from hub.files.adding_up import check_balances, check_currency, check_limit, minor_of, must_equal
from hub.files.reading import Node
from hub.files.reports import NOTIFICATION, STATEMENT, Form
from hub.files.shapes import BankEntry, BankFile, BankStatus, Direction, FileHeader, Limits, signed
from routing.money import Money

FORMS: Final = {form.message: form for form in (STATEMENT, NOTIFICATION)}
_STATUSES: Final = {"BOOK": BankStatus.BOOKED, "PDNG": BankStatus.PENDING}
_OPENING: Final = ("OPBD", "PRCD")  # what is booked at the opening; without it, at the closing before
_CLOSING: Final = ("CLBD",)
_UNNAMED: Final = "NOTPROVIDED"  # what ISO 20022 has where nobody gave an end-to-end id


def read_camt(form: Form, root: Node, limits: Limits) -> BankFile:
    """Read a statement or a notification about one account; raises FileRefusedError."""
    item = _one_item(form, root)
    bookings = item.many("Ntry")
    check_limit(bookings, limits.entries)
    entries = [entry for booking in bookings for entry in _entries(booking)]
    check_limit(entries, limits.entries)
    header = _header(form, root, item, bookings)
    check_currency(header.currency, entries, (header.opening, header.closing))
    if form is STATEMENT and (header.opening is None or header.closing is None):
        raise item.refused("it has no balances OPBD and CLBD", "Send a statement with both")
    check_balances(header, entries)
    if header.page == 1 and header.is_last:  # the summary of a page might be that of the whole
        _check_summary(item, bookings, header.currency)
    return BankFile(header=header, entries=tuple(entries))


def _one_item(form: Form, root: Node) -> Node:
    items = root.many(form.item)
    if len(items) != 1:
        raise root.refused(f"it has {len(items)} elements {form.item}", "Send a file for each account and page")
    return items[0]


def _header(form: Form, root: Node, item: Node, bookings: Sequence[Node]) -> FileHeader:
    account, opening, closing = item.need("Acct"), _balance(item, _OPENING), _balance(item, _CLOSING)
    known = [money.currency for money in (opening, closing) if money]
    known += [money.currency for booking in bookings[:1] if (money := booking.money("Amt"))]
    name = account.first("Id/IBAN", "Id/Othr/Id")
    if not name:
        raise account.refused("it has no id", "Name the account by its IBAN or number")
    return FileHeader(
        form=form.message,
        message=root.need("GrpHdr/MsgId").text(),
        account=name,
        owner=account.text("Ownr/Id/OrgId/Othr/Id"),
        currency=account.text("Ccy") or next(iter(known), ""),
        statement=item.need("Id").text(),
        sequence=item.count("ElctrncSeqNb"),
        page=item.count(f"{form.item}Pgntn/PgNb") or 1,
        is_last=item.yes(f"{form.item}Pgntn/LastPgInd", silent=True),
        opening=opening,
        closing=closing,
    )


def _balance(item: Node, codes: Sequence[str]) -> Money | None:
    """Return the first kind of balance that there is; raises FileRefusedError where there are two of it."""
    balances = item.many("Bal")
    for code in codes:
        found = [each for each in balances if each.text("Tp/CdOrPrtry/Cd") == code]
        if len(found) > 1:
            raise item.refused(f"it has {len(found)} balances {code}", "Send one")
        if found:
            money, side = found[0].need("Amt").amount(_currency(found[0])), _side(found[0])
            return Money(signed(side, money), money.currency)
    return None


def _entries(booking: Node) -> list[BankEntry]:
    """Take one booking apart; raises FileRefusedError where its details are not what it is."""
    money, side = _money(booking), _side(booking)
    status = _STATUSES.get(booking.text("Sts/Cd"), BankStatus.UNKNOWN)
    booked_on, booked_ms = booking.at("BookgDt")
    if status is BankStatus.BOOKED and booked_on is None:
        raise booking.refused("it is booked, and has no BookgDt", "Send the day of each booking")
    whole = BankEntry(
        where=booking.where,
        status=status,
        bank_reference=booking.first("AcctSvcrRef", "NtryRef"),
        direction=side,
        money=money,
        booked_on=booked_on,
        booked_ms=booked_ms,
        is_reversal=booking.yes("RvslInd", silent=False),
    )
    found = []
    for details in booking.many("NtryDtls"):
        parts = details.many("TxDtls")
        entries = [_detail(part, whole, only=len(parts) == 1) for part in parts]
        _check_batch(details, entries, money.currency)
        found += entries
    if not found:
        return [_undetailed(booking, whole)]
    moved = sum(minor_of(entry) for entry in found)
    must_equal(signed(side, money), moved, "the entry, in minor units of its details,", booking.refused)
    return found


def _undetailed(booking: Node, whole: BankEntry) -> BankEntry:
    """Return a booking without details; a batch may name the message of ours that it is all of."""
    batches = [batch for details in booking.many("NtryDtls") if (batch := details.one("Btch"))]
    message = batches[0].first("MsgId", "PmtInfId") if len(batches) == 1 else ""
    return replace(whole, message=message)


def _detail(part: Node, whole: BankEntry, *, only: bool) -> BankEntry:
    money = part.money("Amt") or part.money("AmtDtls/TxAmt/Amt") or (whole.money if only else None)
    if money is None:
        raise part.refused("it is one of several and has no Amt", "Send the amount of each")
    named = part.text("Refs/EndToEndId")
    return replace(
        whole,
        where=part.where,
        reference=named if named and named != _UNNAMED else part.text("Refs/InstrId"),
        bank_reference=part.text("Refs/AcctSvcrRef") or whole.bank_reference,
        direction=part.direction() or whole.direction,
        money=money,
        reason=part.first("RtrInf/Rsn/Cd", "RtrInf/Rsn/Prtry"),
        text=" ".join(each.text() for each in _unstructured(part)) or part.text("AddtlTxInf"),
        message=part.text("Refs/MsgId"),
        transfer=part.text("Refs/TxId"),
    )


def _unstructured(part: Node) -> list[Node]:
    remittance = part.one("RmtInf")
    return [] if remittance is None else remittance.many("Ustrd")


def _check_batch(details: Node, entries: Sequence[BankEntry], currency: str) -> None:
    batch = details.one("Btch")
    if batch is None or not entries:
        return
    must_equal(batch.count("NbOfTxs"), len(entries), "the number in the batch", batch.refused)
    total = batch.money("TtlAmt")
    if total is not None:
        moved = Money(abs(sum(minor_of(entry) for entry in entries)), currency)
        must_equal(total, moved, "the sum of the batch", batch.refused)


def _check_summary(item: Node, bookings: Sequence[Node], currency: str) -> None:
    summary = item.one("TxsSummry")
    if summary is None:
        return
    moved = [(_side(booking), _money(booking).minor) for booking in bookings]
    for name, sides in (
        ("TtlNtries", tuple(Direction)),
        ("TtlCdtNtries", (Direction.CREDIT,)),
        ("TtlDbtNtries", (Direction.DEBIT,)),
    ):
        minors = [minor for side, minor in moved if side in sides]
        must_equal(summary.count(f"{name}/NbOfNtries"), len(minors), f"the number in {name}", summary.refused)
        if total := summary.one(f"{name}/Sum"):
            must_equal(total.amount(currency), Money(sum(minors), currency), "the sum", total.refused)
    if net := summary.one("TtlNtries/TtlNetNtry"):
        said = signed(_side(net), net.need("Amt").amount(currency))
        must_equal(said, sum(signed(side, Money(minor, currency)) for side, minor in moved), "the net", net.refused)


def _money(node: Node) -> Money:
    return node.need("Amt").amount(_currency(node))


def _currency(node: Node) -> str:
    return node.need("Amt").element.get("Ccy", "")


def _side(node: Node) -> Direction:
    side = node.direction()
    if side is None:
        raise node.refused("it has no CdtDbtInd", "Say which way the money moves")
    return side
