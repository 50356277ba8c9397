"""The demo's settlement bank, simulated: it books what signed orders say, and answers in files that it signs.

It has a key of its own and reads with its own eyes; it must never believe what the hub did not sign. It keeps no money:
whoever is to pay always can.
"""

import asyncio
import csv
import io
import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Final, NamedTuple

import structlog
from lxml import etree

from hub.files.keys import SigningKey, new_key
from hub.files.orders import PACS_009
from hub.files.reports import camt054
from hub.files.shapes import BankAccount, Direction, Entry, EntryKind, FileRefusedError, Institution, Notification
from hub.files.signature import sign, verify
from hub.files.xml import namespace_of
from hub.workers.files import IN, SIGNATURE, put_signed
from routing.money import Money, MoneyError

EVERY_S: Final = 0.2
_NAMES: Final = {"p": namespace_of(PACS_009)}
_SIDES: Final = (("DbtrAcct", Direction.DEBIT), ("CdtrAcct", Direction.CREDIT))

_log: Final = structlog.get_logger("bank")


class Booking(NamedTuple):
    """What is moved on the scheme's account: the hub's end-to-end reference, which way, and how much."""

    reference: str
    direction: Direction
    money: Money


class Order(NamedTuple):
    """What a file of the hub asks for, and which window or funds it is signed for."""

    subject: str
    bookings: list[Booking]


class Signed(NamedTuple):
    """A file of the bank with its signature."""

    name: str
    content: bytes
    signature: str


class Bank:
    """A settlement bank, which keeps the scheme's accounts."""

    def __init__(self, key: SigningKey) -> None:
        """Sign with this key; until it is told of accounts and of the hub's keys, it books nothing, believes nobody."""
        self._key = key
        self.accounts: Mapping[str, str] = {}  # the scheme's own, by currency
        self.hub_keys: bytes = b'{"keys": []}'  # as the hub publishes them

    @property
    def jwks(self) -> bytes:
        """The keys that it signs with, as the scheme is to know them."""
        return self._key.jwks

    def order(self, name: str, content: bytes, signature: str) -> Order:
        """Read a file of the hub, a pacs.009 or an announcement; raises FileRefusedError for one that is not good."""
        header = verify(content, name=name, window=None, signature=signature, jwks=self.hub_keys)
        found = list(self._announced(content) if name.endswith(".csv") else self._ordered(content))
        if not found:
            raise _unreadable("it orders nothing")
        return Order(header.window, found)

    def answer(self, subject: str, bookings: Sequence[Booking]) -> Signed:
        """Say in a signed camt.054 that these are booked; each has a reference of the bank that is always its own."""
        now_ms, message = time.time_ns() // 1_000_000, secrets.token_hex(8)
        currency = bookings[0].money.currency
        told = Notification(
            message=message,
            created_ms=now_ms,
            owner=Institution(id="scheme"),
            account=BankAccount(other=self.accounts[currency]),
            currency=currency,
            entries=tuple(
                Entry(
                    reference=_named(each),
                    direction=each.direction,
                    money=each.money,
                    booked_ms=now_ms,
                    kind=EntryKind.SETTLEMENT,
                    own_reference=each.reference,
                )
                for each in bookings
            ),
        )
        name, content = f"booked-{currency}-{message}.xml", camt054(told)
        return Signed(name, content, sign(content, name=name, window=subject, created_ms=now_ms, key=self._key))

    def _ordered(self, content: bytes) -> Iterator[Booking]:
        """Yield what a pacs.009 orders, once its number and sum agree with what is in it."""
        try:
            root = etree.fromstring(content, etree.XMLParser(resolve_entities=False, no_network=True))
        except etree.XMLSyntaxError as error:
            raise _unreadable(str(error)) from error
        header = root.find("p:FICdtTrf/p:GrpHdr", _NAMES)
        payments = root.findall("p:FICdtTrf/p:CdtTrfTxInf", _NAMES)
        if header is None or header.findtext("p:NbOfTxs", "", _NAMES) != str(len(payments)):
            raise _unreadable("it is no pacs.009 with so many payments")
        bookings = [self._booking(each) for each in payments]
        currency = bookings[0].money.currency if bookings else ""
        total = _money(header.findtext("p:CtrlSum", "", _NAMES), currency)
        if total != Money(sum(each.money.minor for each in bookings), currency):
            raise _unreadable("its payments are not its sum")
        yield from bookings

    def _booking(self, payment: etree._Element) -> Booking:
        found = payment.find("p:IntrBkSttlmAmt", _NAMES)
        if found is None:
            raise _unreadable("a payment has no amount")
        money = _money(found.text or "", found.get("Ccy", ""))
        own, reference = self.accounts.get(money.currency), payment.findtext("p:PmtId/p:EndToEndId", "", _NAMES)
        numbers = [
            "".join(payment.findtext(f"p:{tag}/p:Id/{name}", "", _NAMES) for name in ("p:IBAN", "p:Othr/p:Id"))
            for tag, _ in _SIDES
        ]
        for number, (_, direction) in zip(numbers, _SIDES, strict=True):
            if own and number == own:
                return Booking(reference, direction, money)
        if own and all(numbers):  # between two participants, who have their accounts here too
            return Booking(reference, Direction.DEBIT, money)
        raise _unreadable("a payment is neither on the scheme's account nor between two others")

    def _announced(self, content: bytes) -> Iterator[Booking]:
        """Yield what participants are to pay in, as if they had: here they always do."""
        for row in csv.DictReader(io.StringIO(content.decode())):
            if row["record"] == "payment":
                yield Booking(row["reference"], Direction.CREDIT, _money(row["amount"], row["currency"]))

    async def keep_answering(self, folder: Path) -> None:
        """Book whatever the hub puts into the folder, and answer there, until cancelled."""
        while True:
            await asyncio.to_thread(self.answer_in, folder)
            await asyncio.sleep(EVERY_S)

    def answer_in(self, folder: Path) -> None:
        """Answer the files that are in the folder, and lay each aside."""
        for path in orders_in(folder):
            aside = folder / "booked"
            try:
                order = self.order(*read(path))
                answer = self.answer(order.subject, order.bookings)
                put_signed(folder / IN, answer.name, answer.content, answer.signature)
            except FileRefusedError as error:
                _log.error("bank.refused", file=path.name, error=str(error))
                aside = folder / "not_booked"
            aside.mkdir(exist_ok=True)
            for each in (path, path.with_name(path.name + SIGNATURE)):
                each.rename(aside / each.name)


def bank_at(path: Path) -> Bank:
    """Return the bank whose key is kept here for its owner alone, or a new one."""
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(new_key(), "ascii")
    return Bank(SigningKey(path.read_text("ascii")))


def orders_in(folder: Path) -> list[Path]:
    """List the pacs.009s and announcements in a folder; what orders say besides as CSV is the same again."""
    return sorted([*folder.glob("order-*.xml"), *folder.glob("announced-*.csv")])


def read(path: Path) -> tuple[str, bytes, str]:
    """Return a file's name, its content and its signature; the hub puts the signature there first."""
    return path.name, path.read_bytes(), path.with_name(path.name + SIGNATURE).read_text("ascii")


def _named(booking: Booking) -> str:
    return f"ZSB{sha256(f'{booking.reference} {booking.money}'.encode()).hexdigest()[:16].upper()}"


def _money(text: str, currency: str) -> Money:
    try:
        return Money.parse(text, currency)
    except MoneyError as error:
        raise _unreadable(str(error)) from error


def _unreadable(problem: str) -> FileRefusedError:
    return FileRefusedError("the order", problem, "Send it anew")
