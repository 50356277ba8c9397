"""Records of the office beside windows and proposals: operators, funds, alarms, files, disputes; shapes, no rules.

Their rules are in the neighbouring files, one for each.
"""

from enum import StrEnum
from typing import Any, ClassVar, Final

import msgspec

from hub.core.record import Record


class OperatorRole(StrEnum):
    """What an operator may do."""

    VIEWER = "viewer"  # look at everything
    MAKER = "maker"  # propose, and do what moves no money
    CHECKER = "checker"  # approve what another proposed
    ADMIN = "admin"  # admit operators, apply schemes, both by two; moves no money by that alone


class Operator(Record, frozen=True, kw_only=True):
    """A named person, or a program acting for one; the id is the name to log in with."""

    table: ClassVar[str] = "operator"
    keys: ClassVar[tuple[str, ...]] = ("admin",)

    roles: tuple[OperatorRole, ...]
    secret_hash: str  # SHA-256, in hexadecimal digits
    enabled: bool = True
    by: str
    approved_by: str = ""
    admin: str = ""  # "yes" while it is enabled and admits others: by this they are counted


class FundsState(StrEnum):
    """Where prefunding in or out stands, once it is approved."""

    APPROVED = "approved"  # the settlement bank is to say that it is booked; out: held in the books
    CONFIRMED = "confirmed"  # final: booked by the bank, and in the books
    REFUSED = "refused"  # final: the bank refused; what was held is let go of


class Purpose(StrEnum):
    """What money at the settlement bank is for."""

    POSITION = "position"  # prefunding: it raises what the participant may spend
    GUARANTEE = "guarantee"  # it covers participants that cannot pay


class Funds(Record, frozen=True, kw_only=True):
    """Cash to or from the settlement bank for a participant; the request before it is a proposal."""

    table: ClassVar[str] = "funds"
    keys: ClassVar[tuple[str, ...]] = ("participant", "bank_reference")

    participant: str
    currency: str
    minor: int  # above zero
    out: bool  # out to the participant; else in from it
    purpose: Purpose = Purpose.POSITION
    state: FundsState
    by: str
    approved_by: str
    why: str
    payment: str
    confirmed_ms: int | None = None
    confirmed_by: str = ""  # who said what the bank said: the bank's file, or two operators
    bank_reference: str = ""  # by which the bank knows it, in capitals; operators say each once


class Setting(StrEnum):
    """What of a position operators change."""

    CAP = "cap"  # before and after in minor units
    BLOCKED = "blocked"  # whether debits are; before and after "yes" or "no"


class Change(Record, frozen=True, kw_only=True):
    """A position's cap or block was changed: by whom, and why. Written once."""

    table: ClassVar[str] = "change"
    keys: ClassVar[tuple[str, ...]] = ("participant",)

    participant: str
    currency: str
    what: Setting
    before: str
    after: str
    by: str
    approved_by: str = ""
    why: str


class Alarm(Record, frozen=True, kw_only=True):
    """What a participant may spend fell under a threshold, or rose above it again."""

    table: ClassVar[str] = "alarm"
    keys: ClassVar[tuple[str, ...]] = ("participant",)

    participant: str
    currency: str
    level: int  # how many thresholds it is under now
    was: int
    available: int  # minor units
    threshold: int  # the one that was crossed, in minor units


class File(Record, frozen=True, kw_only=True):
    """A file that went out to the settlement bank, or came in from it or from a participant."""

    table: ClassVar[str] = "file"
    keys: ClassVar[tuple[str, ...]] = ("subject", "sha256")

    name: str
    format: str  # pacs.009, pacs.002, camt.053, camt.054, csv
    origin: str  # "" the hub; "bank"; or the participant
    sha256: str
    signature: str = ""  # detached JWS over its bytes
    signer: str = ""  # whose key that was; empty: not signed
    subject: str = ""  # the window or the funds that it is for; of a participant's: the day
    currency: str = ""
    content: str
    by: str
    entries: int = 0
    differences: int = 0  # of a participant's: how many there were; of the bank's: entries that are no payment of ours
    refused: str = ""  # why it was not taken


class DifferenceKind(StrEnum):
    """How two books differ."""

    # The settlement bank's from ours.
    OVER = "over"  # booked with more
    UNDER = "under"  # booked with less
    MISMATCH = "mismatch"  # booked in another currency or direction
    TWICE = "twice"  # booked once more
    UNWANTED = "unwanted"  # booked though it was cancelled, or after the bank had refused it
    REVERSED = "reversed"  # booked, and undone by the bank
    REFUSED = "refused"  # not booked, and it will not be
    MISSING = "missing"  # not heard of in time
    UNEXPECTED = "unexpected"  # booked, and no payment of ours
    # A participant's from ours.
    MISSING_HERE = "missing_here"  # only the participant has it
    MISSING_THERE = "missing_there"  # only the hub has it
    AMOUNT = "amount"
    CURRENCY = "currency"
    DIRECTION = "direction"
    STATE = "state"  # the participant has booked what has not come about
    DUPLICATE = "duplicate"  # the participant has it more than once


class DifferenceState(StrEnum):
    """Where a difference stands."""

    OPEN = "open"
    RESOLVED = "resolved"


class Difference(Record, frozen=True, kw_only=True):
    """What two books do not say alike: the hub's and the settlement bank's, or a participant's. With its evidence."""

    table: ClassVar[str] = "difference"
    keys: ClassVar[tuple[str, ...]] = ("file", "subject", "about", "state")

    source: str  # "bank", or the participant
    kind: DifferenceKind
    file: str = ""
    subject: str = ""  # the payment or transfer
    about: str = ""  # the window or the funds that the payment is for
    reference: str = ""  # as the other side says it
    ours: dict[str, Any] = {}
    theirs: dict[str, Any] = {}
    state: DifferenceState = DifferenceState.OPEN
    closed_ms: int | None = None
    closed_by: str = ""
    resolution: str = ""
    why: str = ""
    moved_minor: int = 0  # what its resolution moved between the settlement bank and suspense; above zero: to the bank
    moved_currency: str = ""


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One step of a dispute."""

    at_ms: int
    who: str
    what: str
    detail: str = ""


class DisputeKind(StrEnum):
    """What is asked for."""

    RETURN = "return"  # the payee FSP gives back what it was given
    RECALL = "recall"  # the payer FSP asks for what it gave
    FRAUD = "fraud"  # somebody reports a transfer as fraud


class DisputeState(StrEnum):
    """Where a dispute stands."""

    OPEN = "open"  # the other side is to answer before the deadline
    ACCEPTED = "accepted"  # the return is being made
    DEEMED = "deemed_accepted"  # the deadline passed without an answer: the return is being made
    REFUSED = "refused"  # final
    WITHDRAWN = "withdrawn"  # final
    RETURNED = "returned"  # final: the linked transfer is committed
    FAILED = "failed"  # final: the linked transfer did not come about; an operator looks
    NOTED = "noted"  # final: of a report, nothing else is to be done


# In which a dispute has its part of the original kept for the linked transfer.
PROMISING: Final = (DisputeState.ACCEPTED, DisputeState.DEEMED)


class Dispute(Record, frozen=True, kw_only=True):
    """A return, recall or report about a completed transfer, with every step; amounts in the original's currency."""

    table: ClassVar[str] = "dispute"
    keys: ClassVar[tuple[str, ...]] = ("transfer", "raised_by", "payer_fsp", "payee_fsp", "state")

    kind: DisputeKind
    transfer: str  # the original
    payer_fsp: str  # of the original
    payee_fsp: str  # of the original
    raised_by: str  # a participant; empty: the scheme's operator
    against: str  # the participant that is to answer, or is told
    reason: str  # a code of ISO 20022
    detail: str = ""
    currency: str
    minor: int  # what is asked back
    state: DisputeState
    deadline_ms: int | None = None
    given_minor: int = 0  # what is given back: what was asked, or what was left of it at the deadline
    linked: str = ""  # the transfer that gives it back
    report: str = ""  # of a recall: the report of fraud that it came with
    steps: tuple[Step, ...] = ()
