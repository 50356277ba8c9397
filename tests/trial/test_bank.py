"""The simulated settlement bank: it books what the hub signed and nothing else, and the hub takes its word."""

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Final

import pytest

from hub.files.csv_out import payments_csv
from hub.files.inbox import read_bank_file
from hub.files.keys import SigningKey, new_key
from hub.files.orders import pacs009
from hub.files.shapes import BankAccount, Direction, FileRefusedError, Institution, Payment, PaymentOrder
from hub.files.signature import sign, verify
from hub.trial.bank import Bank, Booking, bank_at, orders_in, read
from hub.workers.files import IN, put_signed
from routing.money import Money

HUB: Final = SigningKey(new_key())
OWN: Final = "ZSB100100"
NAME: Final = "order-KES-1.xml"
WINDOW: Final = "0123456789abcdef0000000000000001"
IN_, OUT, ASIDE = "a" * 32, "b" * 32, "c" * 32
BOOKINGS: Final = [
    Booking(IN_, Direction.CREDIT, Money(10_050, "KES")),
    Booking(OUT, Direction.DEBIT, Money(7_000, "KES")),
    Booking(ASIDE, Direction.DEBIT, Money(1, "KES")),
]


@pytest.fixture
def bank() -> Bank:
    found = Bank(SigningKey(new_key()))
    found.accounts, found.hub_keys = {"KES": OWN}, HUB.jwks
    return found


def order() -> PaymentOrder:
    """Somebody pays the scheme, the scheme pays somebody, and two pay each other."""
    sides = [("A-1", OWN), (OWN, "A-2"), ("A-1", "A-2")]
    who = Institution(id="somebody")
    return PaymentOrder(
        message="d" * 32,
        created_ms=1_795_000_000_000,
        settle_on=date(2026, 11, 24),
        sender=who,
        receiver=who,
        payments=tuple(
            Payment(
                reference=each.reference,
                money=each.money,
                debtor=who,
                creditor=who,
                debtor_account=BankAccount(other=debtor),
                creditor_account=BankAccount(other=creditor),
            )
            for each, (debtor, creditor) in zip(BOOKINGS, sides, strict=True)
        ),
    )


def signed(content: bytes, *, name: str = NAME, key: SigningKey = HUB) -> str:
    return sign(content, name=name, window=WINDOW, created_ms=1_795_000_000_000, key=key)


def test_it_books_what_a_signed_order_says_each_way(bank: Bank) -> None:
    content = pacs009(order())
    assert bank.order(NAME, content, signed(content)) == (WINDOW, BOOKINGS)


def test_it_takes_an_announcement_for_money_that_came_in(bank: Bank) -> None:
    content, name = payments_csv(order()), "announced-KES-1.csv"
    found = bank.order(name, content, signed(content, name=name))
    assert [each.money for each in found.bookings] == [each.money for each in BOOKINGS]
    assert {each.direction for each in found.bookings} == {Direction.CREDIT}


def replaced(old: bytes, new: bytes) -> Callable[[bytes], bytes]:
    return lambda content: content.replace(old, new, 1)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (replaced(b"<NbOfTxs>3", b"<NbOfTxs>4"), "with so many payments"),
        (replaced(b"<CtrlSum>170.51", b"<CtrlSum>170.52"), "are not its sum"),
        (replaced(b'<IntrBkSttlmAmt Ccy="KES">', b'<IntrBkSttlmAmt Ccy="USD">'), "neither on the scheme's account"),
        (replaced(b"</Document>", b""), "the order"),
        (replaced(b"100.50", b"1OO.50"), "an amount is"),
    ],
)
def test_an_order_that_is_wrong_in_itself_is_not_booked(
    bank: Bank, change: Callable[[bytes], bytes], says: str
) -> None:
    content = change(pacs009(order()))
    assert content != pacs009(order())
    with pytest.raises(FileRefusedError, match=says):
        bank.order(NAME, content, signed(content))


def test_it_believes_nobody_but_the_hub(bank: Bank) -> None:
    content = pacs009(order())
    good = signed(content)
    tries = [
        (NAME, content.replace(b"100.50", b"900.50", 1), good),
        ("order-KES-2.xml", content, good),
        (NAME, content, ""),
        (NAME, content, signed(content, key=SigningKey(new_key()))),
    ]
    for name, said, signature in tries:
        with pytest.raises(FileRefusedError):
            bank.order(name, said, signature)
    bank.hub_keys = b'{"keys": []}'
    with pytest.raises(FileRefusedError):
        bank.order(NAME, content, good)


def test_its_answer_is_signed_and_says_what_is_booked(bank: Bank) -> None:
    told = bank.answer(WINDOW, BOOKINGS)
    header = verify(told.content, name=told.name, window=WINDOW, signature=told.signature, jwks=bank.jwks)
    found = read_bank_file(told.content, account=OWN, currency="KES")
    assert header.window == WINDOW
    assert [(each.reference, each.direction, each.money) for each in found.entries] == BOOKINGS


def test_the_same_booking_has_the_same_reference_of_the_bank_and_another_amount_another(bank: Bank) -> None:
    def named(booking: Booking) -> str:
        return read_bank_file(bank.answer(WINDOW, [booking]).content).entries[0].bank_reference

    first = BOOKINGS[0]
    assert named(first) == named(first) != named(first._replace(money=Money(1, "KES")))


def test_it_answers_what_is_in_the_folder_once_and_lays_it_aside(bank: Bank, tmp_path: Path) -> None:
    content = pacs009(order())
    put_signed(tmp_path, NAME, content, signed(content))
    put_signed(tmp_path, "order-KES-2.xml", content, signed(content))  # signed under another name
    put_signed(tmp_path, "order-KES-1.csv", b"the same again", "")
    bank.answer_in(tmp_path)
    bank.answer_in(tmp_path)
    answers = [path for path in (tmp_path / IN).iterdir() if path.suffix == ".xml"]
    assert orders_in(tmp_path) == []
    assert [path.name for path in (tmp_path / "not_booked").iterdir() if path.suffix == ".xml"] == ["order-KES-2.xml"]
    assert len(answers) == 1
    name, said, signature = read(answers[0])
    verify(said, name=name, window=WINDOW, signature=signature, jwks=bank.jwks)


def test_its_key_is_kept_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "bank.pem"
    assert bank_at(path).jwks == bank_at(path).jwks
    assert path.stat().st_mode & 0o077 == 0
