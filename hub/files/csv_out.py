"""Settlement's files as CSV, for who reads no ISO 20022; they never say anything but what the messages say."""

from collections.abc import Sequence
from typing import Final

from hub.files.orders import remittance_of, total_of
from hub.files.reports import checked
from hub.files.shapes import (
    BankAccount,
    Direction,
    Institution,
    Notification,
    ObligationLine,
    PaymentOrder,
    Statement,
    direction_of,
)
from hub.files.sheet import RECORD, TOTALLED, written
from hub.files.wording import instant, plain
from routing.money import Money

OBLIGATION_COLUMNS: Final = ("window", "model", "participant", "counterparty", "direction", *TOTALLED)
PAYMENT_COLUMNS: Final = (
    *("message", "reference", "instruction", "uetr", "window", "model", "settle_on"),
    *("debtor", "debtor_name", "debtor_bic", "debtor_account", "debtor_agent"),
    *("creditor", "creditor_name", "creditor_bic", "creditor_account", "creditor_agent"),
    *TOTALLED,
    "text",
)
STATEMENT_COLUMNS: Final = (
    *("statement", "sequence", "page", "last_page", "participant", "account"),
    *("reference", "kind", "direction", *TOTALLED, "booked_at"),
    *("transfer", "own_reference", "counterparty", "window", "text"),
)


def obligations_csv(lines: Sequence[ObligationLine], currency: str) -> bytes:
    """Write what is owed at the close of a window; `currency` is of a window in which nothing is."""
    rows = [
        {
            RECORD: "obligation",
            "window": line.window,
            "model": line.model,
            "participant": line.participant,
            "counterparty": line.counterparty,
            **_moved(line.direction, line.money),
        }
        for line in lines
    ]
    return written(OBLIGATION_COLUMNS, rows, [line.money for line in lines], currency)


def payments_csv(order: PaymentOrder) -> bytes:
    """Write an order; raises UnwritableError as the pacs.009 does."""
    total = total_of(order)
    rows = [
        {
            RECORD: "payment",
            "message": order.message,
            "reference": payment.reference,
            "instruction": payment.instruction or payment.reference,
            "uetr": payment.uetr,
            "window": payment.window,
            "model": payment.model,
            "settle_on": order.settle_on.isoformat(),
            **_party("debtor", payment.debtor, payment.debtor_account, payment.debtor_agent),
            **_party("creditor", payment.creditor, payment.creditor_account, payment.creditor_agent),
            "amount": plain(payment.money),
            "currency": payment.money.currency,
            "text": "; ".join(remittance_of(payment)),
        }
        for payment in order.payments
    ]
    return written(PAYMENT_COLUMNS, rows, [payment.money for payment in order.payments], total.currency)


def notification_csv(told: Notification) -> bytes:
    """Write a notification, or a statement with its balances; raises UnwritableError as the camt messages do."""
    checked(told)
    about = {
        "statement": told.message,
        "sequence": str(told.sequence),
        "page": str(told.page),
        "last_page": "yes" if told.is_last else "no",
        "participant": told.owner.id,
        "account": str(told.account),
    }
    rows = [
        {
            RECORD: "entry",
            **about,
            "reference": entry.reference,
            "kind": entry.kind.value,
            **_moved(entry.direction, entry.money),
            "booked_at": instant(entry.booked_ms),
            "transfer": entry.transfer,
            "own_reference": entry.own_reference,
            "counterparty": entry.counterparty.id if entry.counterparty else "",
            "window": entry.window,
            "text": entry.text,
        }
        for entry in told.entries
    ]
    if isinstance(told, Statement):
        opening = {RECORD: "opening", **about, **_balance(told.opening), "booked_at": instant(told.from_ms)}
        closing = {RECORD: "closing", **about, **_balance(told.closing), "booked_at": instant(told.to_ms)}
        rows = [opening, *rows, closing]
    return written(STATEMENT_COLUMNS, rows, [entry.money for entry in told.entries], told.currency)


def _moved(direction: Direction, money: Money) -> dict[str, str]:
    return {"direction": direction.value, "amount": plain(money), "currency": money.currency}


def _balance(balance: Money) -> dict[str, str]:
    return _moved(direction_of(balance), balance)


def _party(side: str, who: Institution, account: BankAccount | None, agent: Institution | None) -> dict[str, str]:
    return {
        side: who.id,
        f"{side}_name": who.name,
        f"{side}_bic": who.bic,
        f"{side}_account": str(account or ""),
        f"{side}_agent": (agent.bic or agent.id) if agent else "",
    }
