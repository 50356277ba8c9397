"""Payments to the settlement bank as a pacs.009; the same order is always the same bytes, and never of two currencies.

Who sends and receives, the day and the total stand once, in the header: ISO 20022 forbids to repeat them below it.
"""

import re
from typing import Final

from lxml import etree

from hub.files.shapes import BankAccount, Institution, Payment, PaymentOrder, UnwritableError, summed
from hub.files.wording import instant, one_line, plain, unlike, whole
from hub.files.xml import NAME_MAX, account, amount, document, institution, maker
from routing.money import Money, MoneyError

PACS_009: Final = "pacs.009.001.08"
_UUID_4: Final = re.compile(r"[a-f0-9]{8}-[a-f0-9]{4}-4[a-f0-9]{3}-[89ab][a-f0-9]{3}-[a-f0-9]{12}")
_E: Final = maker(PACS_009)


def pacs009(order: PaymentOrder) -> bytes:
    """Write an order; raises UnwritableError naming what has no true form in it."""
    total, e = total_of(order), _E
    header = e.GrpHdr(
        e.MsgId(whole(order.message, "the message's id")),
        e.CreDtTm(instant(order.created_ms)),
        e.NbOfTxs(str(len(order.payments))),
        e.CtrlSum(plain(total)),
        amount(e, "TtlIntrBkSttlmAmt", total),
        e.IntrBkSttlmDt(order.settle_on.isoformat()),
        e.SttlmInf(e.SttlmMtd(order.method.value)),
        institution(e, "InstgAgt", order.sender),
        institution(e, "InstdAgt", order.receiver),
    )
    return document(e, e.FICdtTrf(header, *map(_credit_transfer, order.payments)))


def total_of(order: PaymentOrder) -> Money:
    """Return what an order moves; raises UnwritableError for one that must not be sent."""
    currencies = {payment.money.currency for payment in order.payments}
    if len(currencies) != 1:
        raise UnwritableError(f"an order is of one currency, not of {sorted(currencies)}: write one for each")
    if any(payment.money.minor <= 0 for payment in order.payments):
        raise UnwritableError("a payment moves more than nothing: leave the others out")
    unlike((payment.reference for payment in order.payments), "the reference")
    try:
        return summed([payment.money.minor for payment in order.payments], currencies.pop())
    except MoneyError as error:
        raise UnwritableError(str(error)) from error


def _credit_transfer(payment: Payment) -> etree._Element:
    e = _E
    reference = whole(payment.reference, "the reference")
    identification = [
        e.InstrId(whole(payment.instruction, "the instruction") if payment.instruction else reference),
        e.EndToEndId(reference),
        *([e.UETR(payment.uetr)] if _UUID_4.fullmatch(payment.uetr) else []),
    ]
    remittance = [e.Ustrd(line) for line in remittance_of(payment)]
    found: etree._Element = e.CdtTrfTxInf(
        e.PmtId(*identification),
        amount(e, "IntrBkSttlmAmt", payment.money),
        institution(e, "Dbtr", payment.debtor),
        *_account("DbtrAcct", payment.debtor_account),
        *_agent("DbtrAgt", payment.debtor_agent),
        *_agent("CdtrAgt", payment.creditor_agent),
        institution(e, "Cdtr", payment.creditor),
        *_account("CdtrAcct", payment.creditor_account),
        *([e.RmtInf(*remittance)] if remittance else []),
    )
    return found


def remittance_of(payment: Payment) -> list[str]:
    """Say what a payment is for: its window and model, then words."""
    known = [("window", payment.window), ("model", payment.model)]
    lines = [" ".join(f"{name} {text}" for name, text in known if text), payment.text]
    return [line for text in lines if (line := one_line(text, NAME_MAX))]


def _account(tag: str, known: BankAccount | None) -> list[etree._Element]:
    return [] if known is None else [_E(tag, account(_E, known))]


def _agent(tag: str, known: Institution | None) -> list[etree._Element]:
    return [] if known is None else [institution(_E, tag, known)]
