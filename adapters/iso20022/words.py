"""What a pacs.002 says about a credit transfer; a document with a DTD, or about another transfer, says nothing."""

import re
from decimal import Decimal
from typing import Final

from lxml import etree

from adapters.contract import (
    FailureClass,
    Instruction,
    Money,
    Operation,
    Request,
    Response,
    Said,
    Subject,
    UnreadableError,
    Verdict,
)
from routing.money import MoneyError

# ISO 20022 external code sets: payment transaction status, and status reason by what it means. What is not here
# is UNKNOWN. A bank that is asked to credit and speaks of missing funds (AM04, AM23) means ours, not a customer's.
ACCEPTED: Final = frozenset({"ACSC", "ACCC", "ACWP"})
PENDING: Final = frozenset({"RCVD", "ACTC", "ACCP", "ACSP", "PDNG"})
REJECTED: Final = "RJCT"
_UNPOSTED: Final = "ACWP"  # settled between the banks, not yet on the customer's account
_REASONS: Final = {
    FailureClass.PARTY_NOT_FOUND: "AC01 AC02 AC03 BE01 BE06 RC01 RC04",
    FailureClass.PARTY_BLOCKED: "AC04 AC06 AC07 AG01 MD07 RR04 FR01 FRAD",
    FailureClass.PAYEE_LIMIT: "AM02 AM14 AM21",
    FailureClass.AMOUNT_OUT_OF_RANGE: "AM01 AM03 AM09 AM12 AM13",
    FailureClass.REJECTED_BY_PARTY: "MS02",
    FailureClass.PARTICIPANT_LIQUIDITY: "AM04 AM23",
    FailureClass.PARTICIPANT_CONFIG: "FF01 AG02 RC03",
    FailureClass.PROVIDER_UNAVAILABLE: "AB03 AB04 AB05 AB06 AB07 AB08 AB09 AB10 TM01",
    FailureClass.REFUSED: "AC14 BE04 BE05 BE07 ED05 MS03 RR01 RR02 RR03",
    FailureClass.DUPLICATE: "AM05",
    FailureClass.ABSENT: "AG09",
}
FAILURES: Final = {code: failure for failure, codes in _REASONS.items() for code in codes.split()}
_UNDECIDED: Final = frozenset({FailureClass.DUPLICATE, FailureClass.ABSENT, FailureClass.UNCLEAR})
_TAKEN_STATUS: Final = frozenset({200, 201, 202})
_DECIMAL: Final = re.compile(r"\+?[0-9]{1,18}(?:\.[0-9]{0,5})?")
_TRANSFER: Final = re.compile(r"[0-9a-f]{32}")
_REFERENCE: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def said_in(message: Request | Response, about: Instruction | Subject, *, asked: bool = False) -> Said:
    """Read a pacs.002 about our credit transfer; `asked`: it answers a pacs.028."""
    if isinstance(message, Response) and message.status not in _TAKEN_STATUS:
        return Said()
    ours = [report for report in _reports(message.body) if _is_about(report, about)]
    return _said(ours[0], asked=asked) if len(ours) == 1 else Said()


def subject_in(request: Request) -> Subject:
    """Return what a pacs.002 about a single credit transfer is about; raises UnreadableError."""
    reports = _reports(request.body)
    transfer, reference = (
        (_text(reports[0], name) for name in ("OrgnlEndToEndId", "OrgnlUETR")) if reports else ("", "")
    )
    if len(reports) != 1 or not _TRANSFER.fullmatch(transfer) or not _REFERENCE.fullmatch(reference):
        raise UnreadableError("not a pacs.002 that names one credit transfer of ours by end-to-end id and UETR")
    return Subject(transfer=transfer, operation=Operation.CREDIT, reference=reference)


def _reports(body: bytes) -> list[etree._Element]:
    """Return the reports on single transactions; without any, the one on the message, which holds one."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        root = etree.fromstring(body, parser)
    except (etree.XMLSyntaxError, LookupError, ValueError):
        return []
    if root.getroottree().docinfo.internalDTD is not None:
        return []
    document = "{*}FIToFIPmtStsRpt"  # below the root, or below a business header's envelope
    return list(root.iterfind(f".//{document}/{{*}}TxInfAndSts")) or list(
        root.iterfind(f".//{document}/{{*}}OrgnlGrpInfAndSts")
    )


def _is_about(report: etree._Element, about: Instruction | Subject) -> bool:
    """Say whether every name that the report gives its original is ours, and it gives one."""
    names = {
        "OrgnlUETR": about.reference,
        "OrgnlEndToEndId": about.transfer,
        "OrgnlTxId": about.reference.replace("-", ""),
        "OrgnlMsgId": about.transfer,
    }
    given = {name: _text(report, name) for name in names if report.find(f"{{*}}{name}") is not None}
    return bool(given) and all(names[name] == value.lower() for name, value in given.items())


def _said(report: etree._Element, *, asked: bool) -> Said:
    status = _text(report, "TxSts") or _text(report, "GrpSts")
    said = Said(
        code=status,
        text=" ".join(each.text or "" for each in report.iterfind("{*}StsRsnInf/{*}AddtlInf")),
        provider_reference=_text(report, "AcctSvcrRef") or _text(report, "ClrSysRef"),
    )
    if status in ACCEPTED:
        return _accepted(report, said)
    if status in PENDING:
        return said._replace(failure=FailureClass.PENDING)
    codes = [(each.text or "").strip() for each in report.iterfind("{*}StsRsnInf/{*}Rsn/*")]
    if status != REJECTED or not codes:
        return said
    failures = [FAILURES.get(code, FailureClass.UNCLEAR) for code in codes]
    said = said._replace(code=codes[0], failure=failures[0])
    if _UNDECIDED.isdisjoint(failures):
        return said._replace(verdict=Verdict.REFUSED)
    undecided = FailureClass.UNCLEAR if len(codes) > 1 else failures[0]
    never_seen = undecided is FailureClass.ABSENT
    return said._replace(failure=FailureClass.UNCLEAR if never_seen and not asked else undecided)


def _accepted(report: etree._Element, said: Said) -> Said:
    accepted = said._replace(verdict=Verdict.ACCEPTED, failure=None, code=said.code if said.code == _UNPOSTED else "")
    amount = report.find("{*}OrgnlTxRef/{*}IntrBkSttlmAmt")
    if amount is None:
        return accepted
    try:
        return accepted._replace(money=_money((amount.text or "").strip(), amount.get("Ccy", "")))
    except MoneyError:
        return said


def _money(text: str, currency: str) -> Money:
    """Read an xs:decimal: zeros and a plus sign may stand where the hub's amounts have none."""
    plain = f"{Decimal(text).normalize():f}" if _DECIMAL.fullmatch(text) else text
    return Money.parse(plain, currency)


def _text(report: etree._Element, name: str) -> str:
    return (report.findtext(f"{{*}}{name}") or "").strip()
