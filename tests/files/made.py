"""Payments, entries and statements as hypothesis makes them, and the plain ones that tests change by hand."""

from collections.abc import Callable
from datetime import date
from functools import cache
from pathlib import Path

from hypothesis import strategies as st
from lxml import etree
from msgspec.structs import replace

from hub.files.shapes import (
    BankAccount,
    Direction,
    Entry,
    EntryKind,
    Institution,
    Method,
    Notification,
    Payment,
    PaymentOrder,
    Statement,
    signed,
)
from routing.money import Money

NOON_MS = 1_767_268_800_000  # 2026-01-01T12:00:00Z
DAY_MS = 86_400_000
HUB = Institution(id="hub", name="The hub")
BANK = Institution(id="settlement", bic="BANKZMLX")
LAKE = Institution(id="lakebank", name="Lake Bank", bic="LAKEZMLXXXX")
RIVER = Institution(id="rivermoney", name="River Money")
REFERENCE = "0123456789abcdef0123456789abcdef"
TRANSFER = "fedcba9876543210fedcba9876543210"

AWKWARD = st.text(max_size=30) | st.sampled_from(
    ["=1+1", "+1", "-1", "@x", "'=1", "\uff1dx", "a\tb\r\nc", "<&>\"'", "na\u00efve " * 60, "\x00\ud800\ufffe", ","]
)
REFERENCES = st.text("09AZaz/-.+", min_size=1, max_size=35)
CURRENCIES = st.sampled_from(["ZMW", "XOF", "BHD", "CLF", "KES"])
BICS = st.sampled_from(["", "BANKZMLX", "LAKEKENAXXX"])
LEIS = st.sampled_from(["", "5493001KJTIIGC8Y1R12"])


@cache
def schema(folder: Path, message: str) -> etree.XMLSchema:
    return etree.XMLSchema(etree.parse(folder / f"{message}.xsd"))


def institutions() -> st.SearchStrategy[Institution]:
    return st.builds(
        Institution,
        id=REFERENCES,
        name=AWKWARD,
        bic=BICS,
        lei=LEIS,
        member=st.just("") | REFERENCES,
        clearing_system=st.sampled_from(["", "ZMCLC", "the switch of the country"]),
    )


def accounts() -> st.SearchStrategy[BankAccount]:
    ibans = st.builds(BankAccount, iban=st.sampled_from(["GB33BUKB20201555555555", "MU17BOMM0101101030300200000MUR"]))
    return ibans | st.builds(BankAccount, other=REFERENCES.map(lambda text: text[:34]))


def amounts(currency: str) -> st.SearchStrategy[Money]:
    return st.builds(Money, st.integers(1, 10**12), st.just(currency))


def payments(currency: str) -> st.SearchStrategy[Payment]:
    return st.builds(
        Payment,
        reference=REFERENCES,
        money=amounts(currency),
        debtor=institutions(),
        creditor=institutions(),
        debtor_account=st.none() | accounts(),
        creditor_account=st.none() | accounts(),
        debtor_agent=st.none() | institutions(),
        creditor_agent=st.none() | institutions(),
        instruction=st.just("") | REFERENCES,
        uetr=st.uuids().map(str) | st.uuids(version=4).map(str) | st.just(""),
        window=AWKWARD,
        model=AWKWARD,
        text=AWKWARD,
    )


def _distinct(each: Callable[[str], st.SearchStrategy[Payment]], currency: str) -> st.SearchStrategy[list[Payment]]:
    return st.lists(each(currency), min_size=1, max_size=4, unique_by=lambda payment: payment.reference)


def orders() -> st.SearchStrategy[PaymentOrder]:
    return CURRENCIES.flatmap(
        lambda currency: st.builds(
            PaymentOrder,
            message=REFERENCES,
            created_ms=st.integers(0, 4 * 10**12),
            settle_on=st.dates(date(2000, 1, 1), date(2100, 1, 1)),
            sender=institutions(),
            receiver=institutions(),
            payments=_distinct(payments, currency).map(tuple),
            method=st.sampled_from(Method),
        )
    )


def entries(currency: str) -> st.SearchStrategy[Entry]:
    return st.builds(
        Entry,
        reference=REFERENCES,
        direction=st.sampled_from(Direction),
        money=amounts(currency),
        booked_ms=st.integers(0, 4 * 10**12),
        kind=st.sampled_from(EntryKind),
        counterparty=st.none() | institutions(),
        transfer=st.just("") | st.uuids().map(lambda each: each.hex),
        own_reference=st.just("") | REFERENCES,
        window=AWKWARD,
        text=AWKWARD,
    )


def _told(currency: str, found: list[Entry], opening: int) -> st.SearchStrategy[Statement]:
    moved = sum(signed(entry.direction, entry.money) for entry in found)
    return st.builds(
        Statement,
        message=REFERENCES,
        created_ms=st.integers(0, 4 * 10**12),
        owner=institutions(),
        account=accounts(),
        currency=st.just(currency),
        entries=st.just(tuple(found)),
        sequence=st.integers(1, 10**6),
        from_ms=st.just(NOON_MS),
        to_ms=st.just(NOON_MS + DAY_MS),
        opening=st.just(Money(opening, currency)),
        closing=st.just(Money(opening + moved, currency)),
    )


@st.composite
def statements(draw: st.DrawFn) -> Statement:
    currency = draw(CURRENCIES)
    found = draw(st.lists(entries(currency), max_size=5, unique_by=lambda entry: entry.reference))
    for number, each in enumerate(found):
        own = each.own_reference and f"{number}{each.own_reference}"[:35]  # no two alike
        found[number] = replace(each, own_reference=own)
    return draw(_told(currency, found, draw(st.integers(-(10**13), 10**13))))


def order(*changed: Payment) -> PaymentOrder:
    return PaymentOrder(
        message="order1",
        created_ms=NOON_MS,
        settle_on=date(2026, 1, 2),
        sender=HUB,
        receiver=BANK,
        payments=changed or (payment(),),
    )


def payment(reference: str = REFERENCE, minor: int = 15_050, currency: str = "ZMW") -> Payment:
    return Payment(
        reference=reference,
        money=Money(minor, currency),
        debtor=LAKE,
        creditor=RIVER,
        creditor_account=BankAccount(other="001234"),
        window="w1",
        model="multilateral",
    )


def entry(reference: str = "e1", minor: int = 500, direction: Direction = Direction.CREDIT) -> Entry:
    return Entry(
        reference=reference,
        direction=direction,
        money=Money(minor, "ZMW"),
        booked_ms=NOON_MS,
        kind=EntryKind.TRANSFER,
        counterparty=LAKE,
        transfer=TRANSFER,
        own_reference="inv-7",
    )


def statement(*changed: Entry) -> Statement:
    found = changed or (entry(), entry("e2", 200, Direction.DEBIT))
    moved = sum(signed(each.direction, each.money) for each in found)
    return Statement(
        message="st1",
        created_ms=NOON_MS + DAY_MS,
        owner=RIVER,
        account=BankAccount(other="position-7"),
        currency="ZMW",
        entries=found,
        sequence=3,
        from_ms=NOON_MS,
        to_ms=NOON_MS + DAY_MS,
        opening=Money(-100, "ZMW"),
        closing=Money(-100 + moved, "ZMW"),
    )


def notification(told: Statement) -> Notification:
    names = Notification.__struct_fields__
    return Notification(**{name: getattr(told, name) for name in names})
