"""What a bank says became of our payments, from its pacs.002; a status that is not known here decides nothing."""

from collections.abc import Sequence
from typing import Final

from msgspec.structs import replace

from hub.files.adding_up import check_currency, check_limit, must_equal
from hub.files.orders import PACS_009
from hub.files.reading import Node
from hub.files.shapes import BankEntry, BankFile, BankStatus, FileHeader, Limits
from routing.money import Money

PACS_002: Final = "pacs.002.001.10"
ROOT: Final = "FIToFIPmtStsRpt"

# ISO 20022 external code set of payment statuses; what is not here is UNKNOWN.
STATUSES: Final = {
    "ACSC": BankStatus.BOOKED,
    "ACCC": BankStatus.BOOKED,
    "ACSP": BankStatus.PENDING,
    "PDNG": BankStatus.PENDING,
}
REJECTED: Final = "RJCT"
# "You sent it before", "we never saw it": neither says that the money of the first one does not move.
UNDECIDED: Final = frozenset({"AM05", "DUPL", "DU01", "DU02", "DU03", "DU04", "DU05", "AG09"})
_FAMILY: Final = PACS_009[:8]


def read_status_report(root: Node, limits: Limits) -> BankFile:
    """Read a report on one order of ours; raises FileRefusedError."""
    reports = root.many("TxInfAndSts")
    check_limit(reports, limits.entries)
    entries = tuple(_entry(report) for report in reports)
    currency = next((entry.money.currency for entry in entries if entry.money is not None), "")
    check_currency(currency, entries, ())  # an order is of one
    groups = root.many("OrgnlGrpInfAndSts")
    if len(groups) > 1:
        raise root.refused(f"it is about {len(groups)} messages", "Send a report for each message of ours")
    header = FileHeader(form=PACS_002, message=root.need("GrpHdr/MsgId").text(), currency=currency)
    if not groups:
        if not entries:
            raise root.refused("it reports on nothing", "Send the status of a message or of payments")
        return BankFile(header=header, entries=entries)
    return BankFile(header=_about(groups[0], header, reports, entries), entries=entries)


def _about(group: Node, header: FileHeader, reports: Sequence[Node], entries: Sequence[BankEntry]) -> FileHeader:
    """Add what is said of the whole message; what is said of its payments must agree with it."""
    _must_be_ours(group)
    status, reason, _ = _said(group, "GrpSts")
    contrary = {BankStatus.BOOKED: BankStatus.REFUSED, BankStatus.REFUSED: BankStatus.BOOKED}.get(status)
    if any(entry.status is contrary for entry in entries):
        raise group.refused(f"GrpSts and the status of a payment contradict: {status}, {contrary}", "Say which holds")
    number = group.count("OrgnlNbOfTxs")
    if number is not None and len(entries) > number:
        raise group.refused(f"{len(entries)} payments of {number}", "Report on payments of the message only")
    _check_counts(group, reports, entries)
    return replace(
        header,
        original=group.need("OrgnlMsgId").text(),
        group_status=status if group.text("GrpSts") else None,
        group_reason=reason,
    )


def _check_counts(group: Node, reports: Sequence[Node], entries: Sequence[BankEntry]) -> None:
    """Hold what is listed against what is said for each status: all payments of a status are listed, or none."""
    said = {each.text("DtldSts"): each for each in group.many("NbOfTxsPerSts")}
    listed: dict[str, list[BankEntry]] = {}
    for report, entry in zip(reports, entries, strict=True):
        listed.setdefault(report.text("TxSts"), []).append(entry)
    for status, found in listed.items():
        if status in said:
            must_equal(said[status].count("DtldNbOfTxs"), len(found), f"the number of {status}", group.refused)
            _check_sum(said[status].one("DtldCtrlSum"), found)
        elif said:
            raise group.refused(f"NbOfTxsPerSts has no {status}, which is listed", "Count every status that is listed")
    if group.count("OrgnlNbOfTxs") == len(entries):
        _check_sum(group.one("OrgnlCtrlSum"), entries)


def _check_sum(total: Node | None, entries: Sequence[BankEntry]) -> None:
    amounts = [entry.money for entry in entries if entry.money is not None]
    if total is None or not amounts or len(amounts) != len(entries):
        return
    currency = amounts[0].currency
    must_equal(total.amount(currency), Money(sum(each.minor for each in amounts), currency), "the sum", total.refused)


def _entry(report: Node) -> BankEntry:
    if about := report.one("OrgnlGrpInf"):
        _must_be_ours(about)
    reference = report.first("OrgnlEndToEndId", "OrgnlInstrId", "OrgnlTxId")
    if not reference:
        raise report.refused("it names no payment", "Send the OrgnlEndToEndId of each")
    status, reason, text = _said(report, "TxSts")
    booked_on, booked_ms = report.at("FctvIntrBkSttlmDt")
    return BankEntry(
        where=report.where,
        status=status,
        reference=reference,
        bank_reference=report.first("AcctSvcrRef", "ClrSysRef"),
        money=report.money("OrgnlTxRef/IntrBkSttlmAmt"),
        reason=reason,
        text=text,
        booked_on=booked_on,
        booked_ms=booked_ms,
        message=report.text("OrgnlGrpInf/OrgnlMsgId"),
    )


def _said(node: Node, name: str) -> tuple[BankStatus, str, str]:
    """Return what is said: the status, the codes of its reasons and their words."""
    reasons = node.many("StsRsnInf")
    codes = [code for each in reasons if (code := each.first("Rsn/Cd", "Rsn/Prtry"))]
    words = " ".join(word.text() for each in reasons for word in each.many("AddtlInf"))
    return status_of(node.text(name), codes), " ".join(codes), words


def status_of(status: str, reasons: Sequence[str]) -> BankStatus:
    """Say what a status means: a rejection is one only with a reason, and one that decides."""
    if status == REJECTED and reasons and UNDECIDED.isdisjoint(reasons):
        return BankStatus.REFUSED
    return STATUSES.get(status, BankStatus.UNKNOWN)


def _must_be_ours(node: Node) -> None:
    name = node.need("OrgnlMsgNmId").text()
    if not name.startswith(_FAMILY):
        raise node.refused(f"it is about a {name!r}", f"Report on the hub's {PACS_009} only")
