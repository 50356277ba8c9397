"""Windows, obligations and payments: what is settled, what is owed for it, and what the settlement bank is to pay.

A window is an interval of the chain of journals: it has every posted movement of its model in the journals after
`from_height` up to `to_height`. A commit writes one journal, so a movement is in the window that was open at its
commit, and in no other, and nothing has to be stamped on it.
"""

from enum import StrEnum
from typing import ClassVar

import msgspec

from hub.core.record import Record
from hub.core.settlement.rules import DefaultPath, Model


class WindowState(StrEnum):
    """Where a window stands."""

    OPEN = "open"  # movements come in
    CLOSED = "closed"  # its interval is fixed; what is owed is being reckoned
    RECKONED = "reckoned"  # what is owed is known, and nothing is released
    SETTLING = "settling"  # payments are with the settlement bank
    SETTLED = "settled"  # final: everything is paid, and the books say so


class Movement(msgspec.Struct, frozen=True):
    """What moved from one position to another in a window: minor units, and by how many postings. "" is the hub."""

    debtor: str
    creditor: str
    minor: int
    count: int
    subject: str = ""  # of a gross model: the transfer


class Default(msgspec.Struct, frozen=True, kw_only=True):
    """A participant that cannot pay, and what was done."""

    participant: str
    path: DefaultPath
    minor: int  # what it did not pay
    at_ms: int
    by: str
    why: str = ""
    # By how much what the guarantee pays has changed, for each debt of this or of an earlier covered participant.
    covered: tuple[Movement, ...] = ()
    carried_to: str = ""  # the window that has its movements now


class Window(Record, frozen=True, kw_only=True):
    """A settlement window."""

    table: ClassVar[str] = "window_of_settlement"
    keys: ClassVar[tuple[str, ...]] = ("model", "unsettled")

    number: int  # 1, 2, 3 ... for each model
    unsettled: str  # until it is settled, what the ids of all windows of its model begin with; then nothing
    model: str
    currency: str
    state: WindowState
    terms: Model  # those it was opened under, whatever the scheme says later
    before: tuple[Model, ...] = ()  # the models of this currency that came before its own, and have their movements
    from_height: int
    to_height: int | None = None
    closed_ms: int | None = None
    closed_by: str = ""
    reckoned_ms: int | None = None
    released_ms: int | None = None
    settled_ms: int | None = None
    revision: int = 0  # of what is owed: each default handled makes a new one
    movements: tuple[Movement, ...] = ()  # as reckoned; of gross models the obligations themselves say it
    carried: tuple[Movement, ...] = ()  # from windows before it, where a default was handled by exclusion
    defaults: tuple[Default, ...] = ()


class ObligationState(StrEnum):
    """Where an obligation stands."""

    DUE = "due"
    SETTLED = "settled"
    REPLACED = "replaced"  # a default was handled, and a later revision says what is owed


class Obligation(Record, frozen=True, kw_only=True):
    """What one side owes another for a window. "" is the scheme: it pays and is paid over its settlement account."""

    table: ClassVar[str] = "obligation"
    keys: ClassVar[tuple[str, ...]] = ("window",)

    window: str
    debtor: str
    creditor: str
    currency: str
    minor: int
    revision: int = 0
    state: ObligationState
    subject: str = ""  # of a gross model: the transfer


class PaymentState(StrEnum):
    """Where a payment at the settlement bank stands, in the words of reconciliation."""

    EXPECTED = "expected"  # instructed or announced; the bank has not said that it is booked
    POSTED = "posted"  # booked by the bank, in exactly this amount
    OVER = "over"  # booked with more
    UNDER = "under"  # booked with less
    MISMATCH = "mismatch"  # booked in another currency or direction, or twice
    MISSING = "missing"  # not heard of within the time the bank has; it may still come
    REFUSED = "refused"  # the bank says it will not be booked
    CANCELLED = "cancelled"  # not wanted any more; if it is booked after all, that is a difference


class Word(StrEnum):
    """What the settlement bank says of a payment."""

    BOOKED = "booked"
    REFUSED = "refused"
    REVERSED = "reversed"  # a booking was undone


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """What the settlement bank said of a payment, once; what it left out is empty, or None."""

    word: Word
    direction: str = ""  # credit or debit, as the owner of the scheme's account sees it
    currency: str = ""
    minor: int | None = None
    bank_reference: str = ""
    reason: str = ""
    file: str = ""  # in which it was said first
    where: str = ""  # in that file
    by: str = ""  # operators, where no file said it
    counted: int | None = None  # of a booking that its payment is posted by: minor units; once set, it stays
    at_ms: int = 0


class Payment(Record, frozen=True, kw_only=True):
    """What the settlement bank is to pay or has announced. Its id is the end-to-end reference that the bank sees."""

    table: ClassVar[str] = "payment"
    keys: ClassVar[tuple[str, ...]] = ("subject", "file", "state")

    subject: str  # the window or the funds that it is for
    obligation: str = ""
    debtor: str  # "" is the scheme's settlement account
    creditor: str
    currency: str
    minor: int
    state: PaymentState
    booked_minor: int = 0
    bank_reference: str = ""
    reason: str = ""
    file: str = ""  # in which it was instructed
    said_in: str = ""  # the bank's file that said what became of it
    said: tuple[Said, ...] = ()  # everything the bank said of it, in the order in which it was heard
    ended_ms: int | None = None
