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
    ADMIN = "admin"  # admit operators, apply schemes; moves no money by that alone


class Operator(Record, frozen=True, kw_only=True):
    """A named person, or a program acting for one; the id is the name to log in with."""

    table: ClassVar[str] = "operator"

    roles: tuple[OperatorRole, ...]
    secret_hash: str  # SHA-256, in hexadecimal digits
    enabled: bool = True
    by: str


class FundsState(StrEnum):
    """Where prefunding in or out stands, once it is approved."""

    APPROVED = "approved"  # the settlement bank is to say that it is booked; out: held in the books
    CONFIRMED = "confirmed"  # final: booked by the bank, and in the books
    REFUSED = "refused"  # final: the bank refused; what was held is let go of


class Funds(Record, frozen=True, kw_only=True):
    """Cash to or from the settlement bank for a participant; the request before it is a proposal."""

    table: ClassVar[str] = "funds"
    keys: ClassVar[tuple[str, ...]] = ("participant",)

    participant: str
    currency: str
    minor: int  # above zero
    out: bool  # out to the participant; else in from it
    purpose: str = "position"  # or "guarantee"
    state: FundsState
    by: str
    approved_by: str
    why: str
    payment: str
    confirmed_ms: int | None = None
    confirmed_by: str = ""


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
    subject: str = ""  # the window that it is for
    content: str
    by: str
    entries: int = 0
    refused: str = ""  # why it was not taken


class DifferenceState(StrEnum):
    """Where a difference stands."""

    OPEN = "open"
    RESOLVED = "resolved"


class Difference(Record, frozen=True, kw_only=True):
    """What two books do not say alike: the hub's and the settlement bank's, or a participant's. With its evidence."""

    table: ClassVar[str] = "difference"
    keys: ClassVar[tuple[str, ...]] = ("file", "subject", "state")

    source: str  # "bank", or the participant
    kind: str  # over, under, mismatch, missing, unexpected, state ...
    file: str = ""
    subject: str = ""  # the payment or transfer
    reference: str = ""  # as the other side says it
    ours: dict[str, Any] = {}
    theirs: dict[str, Any] = {}
    state: DifferenceState = DifferenceState.OPEN
    closed_ms: int | None = None
    closed_by: str = ""
    resolution: str = ""
    why: str = ""


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
