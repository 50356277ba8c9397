"""What is written to and read from settlement's files: values only; none of them may hold an amount that is no Money.

Times are Unix milliseconds (`_ms`), dates are calendar dates of the bank or the participant that writes them.
References are at most 35 characters: what ISO 20022 carries.
"""

from datetime import date
from enum import StrEnum, unique
from typing import Final

import msgspec

from routing.money import MINOR_MAX, Money, MoneyError

REFERENCE_MAX: Final = 35


class FileRefusedError(ValueError):
    """A file is not taken, and nothing of it is: where it is wrong, what is wrong, and what to do about it."""

    def __init__(self, where: str, problem: str, remedy: str) -> None:
        """`where` names the line or the element; `remedy` is told to whoever made the file."""
        super().__init__(f"{where}: {problem}. {remedy}")
        self.where, self.problem, self.remedy = where, problem, remedy


class UnwritableError(ValueError):
    """What should be written has no true form in the file: an identifier that does not fit, a sum that does not."""


@unique
class Direction(StrEnum):
    """Which way money moves, as the owner of the account sees it."""

    CREDIT = "credit"  # the account has more
    DEBIT = "debit"  # the account has less


@unique
class BankStatus(StrEnum):
    """What a bank says of a payment."""

    BOOKED = "booked"  # the money has moved
    PENDING = "pending"  # taken, not moved yet
    REFUSED = "refused"  # it will not move, with a reason
    UNKNOWN = "unknown"  # anything else: it is asked, never guessed


@unique
class Method(StrEnum):
    """How the interbank settlement is made: SettlementMethod1Code, without cover."""

    CLEARING = "CLRG"  # through a clearing system
    AT_INSTRUCTED = "INDA"  # on an account that the receiver of the message keeps
    AT_INSTRUCTING = "INGA"  # on an account that its sender keeps


@unique
class EntryKind(StrEnum):
    """Why a participant's position changed."""

    TRANSFER = "transfer"  # a transfer between participants
    RETURN = "return"  # a transfer that gives an earlier one back
    FEE = "fee"  # what the scheme or a participant earns beside
    FUNDS = "funds"  # prefunding in or out
    SETTLEMENT = "settlement"  # an obligation of a window is settled
    ADJUSTMENT = "adjustment"  # an operator's correction


class Institution(msgspec.Struct, frozen=True, kw_only=True):
    """A participant, a bank or the hub, with every name that a bank may know it by; '' where there is none."""

    id: str  # at the hub
    name: str = ""
    bic: str = ""
    lei: str = ""
    member: str = ""  # its number in a clearing system
    clearing_system: str = ""  # of `member`: a code of ISO's list, five characters at most (ZMCLC ...), else any name


class BankAccount(msgspec.Struct, frozen=True, kw_only=True):
    """An account by its IBAN, else by the number that its bank gives it."""

    iban: str = ""
    other: str = ""

    def __str__(self) -> str:
        """Return the one name of it."""
        return self.iban or self.other


class Payment(msgspec.Struct, frozen=True, kw_only=True):
    """One order to the settlement bank: move money from a debtor's account to a creditor's."""

    reference: str  # ours, the same on every retry; what the bank's answer is matched by
    money: Money
    debtor: Institution
    creditor: Institution
    debtor_account: BankAccount | None = None
    creditor_account: BankAccount | None = None
    debtor_agent: Institution | None = None  # who keeps the account, where it is not who is asked
    creditor_agent: Institution | None = None
    instruction: str = ""  # '' is the same as `reference`
    uetr: str = ""  # only a UUID of version 4 has a place in the message
    window: str = ""
    model: str = ""
    text: str = ""


class PaymentOrder(msgspec.Struct, frozen=True, kw_only=True):
    """Payments that go to the settlement bank together: one currency, one day."""

    message: str  # its id, the same whenever it is written again
    created_ms: int
    settle_on: date
    sender: Institution
    receiver: Institution
    payments: tuple[Payment, ...]
    method: Method = Method.CLEARING


class ObligationLine(msgspec.Struct, frozen=True, kw_only=True):
    """What a participant owes (debit) or is owed (credit) at the close of a window."""

    window: str
    model: str
    participant: str
    direction: Direction
    money: Money
    counterparty: str = ""  # of bilateral models; '' is everyone


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One change of a participant's position."""

    reference: str  # the hub's, unique for the account
    direction: Direction
    money: Money
    booked_ms: int
    kind: EntryKind
    counterparty: Institution | None = None
    transfer: str = ""  # the hub's id of the transfer
    own_reference: str = ""  # what the participant itself calls it
    window: str = ""
    text: str = ""


class Notification(msgspec.Struct, frozen=True, kw_only=True):
    """What a participant is told happened to its position, as it happens."""

    message: str
    created_ms: int
    owner: Institution
    account: BankAccount
    currency: str
    entries: tuple[Entry, ...]
    sequence: int = 1  # counted per account, without gaps
    page: int = 1
    is_last: bool = True


class Statement(Notification, frozen=True, kw_only=True):
    """A day of a participant's position, from balance to balance; a balance below zero is a debit."""

    from_ms: int
    to_ms: int
    opening: Money
    closing: Money


class BankEntry(msgspec.Struct, frozen=True, kw_only=True):
    """What a bank says of one payment or booking."""

    where: str  # the line or the element
    status: BankStatus
    reference: str = ""  # ours; '' where the bank names none
    bank_reference: str = ""
    direction: Direction | None = None  # as the account's owner sees it; a status report has none
    money: Money | None = None  # None where the bank did not repeat it
    reason: str = ""  # the bank's codes, separated by spaces
    text: str = ""
    booked_on: date | None = None
    booked_ms: int | None = None  # where the bank gives a time with its zone
    is_reversal: bool = False  # it undoes an earlier booking: matching must not take it for that booking
    message: str = ""  # the message of ours that a batch booking names
    transfer: str = ""  # the hub's id of the transfer, in a participant's file


class FileHeader(msgspec.Struct, frozen=True, kw_only=True):
    """What a file says of itself."""

    form: str  # the message's name, or "csv"
    message: str = ""
    account: str = ""
    owner: str = ""  # of the account, by its id at the hub
    currency: str = ""
    statement: str = ""
    sequence: int | None = None
    page: int = 1
    is_last: bool = True
    opening: Money | None = None
    closing: Money | None = None
    original: str = ""  # the message of ours that a status report is about
    group_status: BankStatus | None = None  # of all of `original`
    group_reason: str = ""


class BankFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file that was read whole, and adds up."""

    header: FileHeader
    entries: tuple[BankEntry, ...]


class ParticipantRow(msgspec.Struct, frozen=True, kw_only=True):
    """One booking in a participant's own books; at least one of the three references is there."""

    where: str
    direction: Direction
    money: Money
    transfer: str = ""  # the hub's id of the transfer
    own_reference: str = ""
    reference: str = ""  # of the hub's entry
    booked_on: date
    booked_ms: int | None = None


class ParticipantFile(msgspec.Struct, frozen=True, kw_only=True):
    """A participant's day, as its own books have it."""

    header: FileHeader
    rows: tuple[ParticipantRow, ...]


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """How much of a file is read."""

    xml_bytes: int = 32 * 1024 * 1024  # a parsed document takes several times its size
    csv_bytes: int = 64 * 1024 * 1024
    entries: int = 250_000


LIMITS: Final = Limits()


def signed(direction: Direction, money: Money) -> int:
    """Return minor units, negative for a debit."""
    return money.minor if direction is Direction.CREDIT else -money.minor


def direction_of(balance: Money) -> Direction:
    """Say on which side a balance stands."""
    return Direction.DEBIT if balance.minor < 0 else Direction.CREDIT


def summed(amounts: list[int], currency: str) -> Money:
    """Add minor units up; raises MoneyError where a file has no digits for the sum."""
    total = sum(amounts)
    if abs(total) > MINOR_MAX:
        raise MoneyError(f"the sum is over {MINOR_MAX} minor units: split the file")
    return Money(total, currency)
