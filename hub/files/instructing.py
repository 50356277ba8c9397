"""What the settlement bank is told to pay, as files: from payments to signed messages; the same payments, the same id.

Money that a participant pays in by itself is announced in a CSV only: an order to pay it too would pay it twice.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from hashlib import sha256
from itertools import groupby
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from schwifty import IBAN

from hub.core.office.booking import named
from hub.core.office.files import Instruct, Written
from hub.core.participant import Scheme
from hub.core.settlement import window as office
from hub.core.settlement.rules import SettlementBank
from hub.files import shapes
from hub.files.csv_out import payments_csv
from hub.files.keys import SigningKey
from hub.files.orders import PACS_009, pacs009
from hub.files.shapes import Institution, PaymentOrder, UnwritableError
from hub.files.signature import sign
from routing.money import Money

CSV: Final = "csv"
ORDER_MAX: Final = 5_000  # payments in a file
SCHEME_ID: Final = "scheme"


def instructions(
    payments: Sequence[office.Payment],
    windows: Mapping[str, office.Window],
    scheme: Scheme,
    now_ms: int,
    key: SigningKey,
) -> Iterator[Instruct]:
    """Yield the deeds by which payments are instructed: files of one window or funds, and one currency, each.

    Raises UnwritableError where something has no true form in the message, such as a bank that the scheme lacks.
    """

    def subject_of(each: office.Payment) -> tuple[str, str]:
        return each.subject, each.currency

    ordered = sorted(payments, key=lambda each: (subject_of(each), each.id))
    pen = _Pen(scheme, now_ms, key)
    for (subject, _), group in groupby(ordered, key=subject_of):
        together = list(group)
        for start in range(0, len(together), ORDER_MAX):
            chunk = together[start : start + ORDER_MAX]
            yield _instruct(chunk, subject, windows.get(subject), pen)


class _Pen(NamedTuple):
    """What every file is written with."""

    scheme: Scheme
    now_ms: int
    key: SigningKey


def _instruct(payments: Sequence[office.Payment], subject: str, window: office.Window | None, pen: _Pen) -> Instruct:
    currency, scheme = payments[0].currency, pen.scheme
    bank = scheme.banks.get(currency)
    if bank is None:
        raise UnwritableError(f"the scheme has no settlement_bank for {currency}: add one")
    message = named("order", *(each.id for each in payments))
    order = PaymentOrder(
        message=message,
        created_ms=pen.now_ms,
        settle_on=_day(pen.now_ms, window.terms.time_zone if window else "UTC"),
        sender=Institution(id=SCHEME_ID, name=scheme.file.scheme.name),
        receiver=Institution(id=SCHEME_ID if not bank.name else bank.name[:35].rstrip(), name=bank.name, bic=bank.bic),
        payments=tuple(_payment(each, window, scheme, bank) for each in payments),
        method=shapes.Method.AT_INSTRUCTED,
    )
    is_announced = window is None and not payments[0].creditor
    made = [(CSV, message if is_announced else named(message, CSV), "csv", payments_csv(order))]
    if not is_announced:
        made.insert(0, (PACS_009, message, "xml", pacs009(order)))
    word = "announced" if is_announced else "order"
    files = [
        _written(_Draft(id_, f"{word}-{currency}-{message}.{ending}", form, content), subject, pen)
        for form, id_, ending, content in made
    ]
    return Instruct(
        by="hub",
        ref=named("instruct", message),
        files=tuple(files),
        payments={each.id: each.version for each in payments},
        subject=subject,
        currency=currency,
    )


class _Draft(NamedTuple):
    """A file before it is signed."""

    id: str
    name: str
    format: str
    content: bytes


def _written(draft: _Draft, subject: str, pen: _Pen) -> Written:
    content = draft.content
    return Written(
        id=draft.id,
        name=draft.name,
        format=draft.format,
        content=content.decode(),
        sha256=sha256(content).hexdigest(),
        signature=sign(content, name=draft.name, window=subject, created_ms=pen.now_ms, key=pen.key),
        signer="hub",
    )


def _day(now_ms: int, time_zone: str) -> date:
    return datetime.fromtimestamp(now_ms // 1000, UTC).astimezone(ZoneInfo(time_zone)).date()


def _payment(
    each: office.Payment, window: office.Window | None, scheme: Scheme, bank: SettlementBank
) -> shapes.Payment:
    debtor, debtor_account = _side(each.debtor, each.currency, scheme, bank)
    creditor, creditor_account = _side(each.creditor, each.currency, scheme, bank)
    return shapes.Payment(
        reference=each.id,
        money=Money(each.minor, each.currency),
        debtor=debtor,
        creditor=creditor,
        debtor_account=debtor_account,
        creditor_account=creditor_account,
        window=each.subject if window else "",
        model=window.model if window else "",
        text=f"settlement {window.model} {window.number}" if window else f"funds {each.subject}",
    )


def _side(
    who: str, currency: str, scheme: Scheme, bank: SettlementBank
) -> tuple[Institution, shapes.BankAccount | None]:
    """Return a side of a payment and its account at the settlement bank; "" is the scheme."""
    if not who:
        return Institution(id=SCHEME_ID, name=scheme.file.scheme.name), account_of(bank.account)
    participant = scheme.participants.get(who)
    if participant is None:
        raise UnwritableError(f"the scheme has no participant {who!r} any more: pay it by hand, and resolve that")
    at = participant.settles_at.get(currency)
    institution = Institution(id=who, name=participant.name, bic=at.bic if at else "")
    return institution, account_of(at.account) if at else None


def account_of(number: str) -> shapes.BankAccount:
    """Return an account by what the scheme calls it: an IBAN where it is one."""
    bare = "".join(number.split())
    try:
        return shapes.BankAccount(iban=str(IBAN(bare)))
    except ValueError:
        return shapes.BankAccount(other=number.strip())
