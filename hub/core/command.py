"""What enters by the one door, and what comes out: commands, results, and a transfer as it is stored.

Everything that changes money is one of these commands. Ids are 32 hexadecimal digits, times are Unix
milliseconds on the database's clock, amounts are minor units.
"""

from enum import StrEnum
from typing import Any

import msgspec

from hub.core.transfer import Flow, State
from routing.message import Outcome, Verdict
from routing.money import Money
from routing.party import Party


class Reason(StrEnum):
    """Why the hub says no, in order of precedence: the first that applies is the one that is said."""

    CALLER_SUSPENDED = "caller_suspended"
    DUPLICATE = "duplicate"  # this caller has used this correlation id before
    CURRENCY_UNSUPPORTED = "currency_unsupported"  # not a currency of this scheme
    PARTY_MISSING = "party_missing"  # neither the request nor the caller says whose account
    INSTITUTION_UNKNOWN = "institution_unknown"  # the account-holding institution named in the header
    PAYER_UNKNOWN = "payer_unknown"  # no participant holds the payer's account
    PAYEE_UNKNOWN = "payee_unknown"
    SAME_PARTIES = "same_parties"
    NOT_YOUR_CUSTOMER = "not_your_customer"  # the caller is neither side and no third party
    ORIGINAL_UNKNOWN = "original_unknown"  # of a reversal; also: not the caller's to reverse
    ORIGINAL_NOT_COMMITTED = "original_not_committed"
    ORIGINAL_CURRENCY = "original_currency"
    ORIGINAL_EXCEEDED = "original_exceeded"  # reversals would exceed the original amount
    AMOUNT_TOO_SMALL = "amount_too_small"
    AMOUNT_TOO_LARGE = "amount_too_large"
    PARTICIPANT_SUSPENDED = "participant_suspended"  # from here on barred: kept as an aborted transfer
    NO_ROUTE = "no_route"
    CAP_EXCEEDED = "cap_exceeded"
    STATE_FORBIDS = "state_forbids"  # a PATCH or ruling that the transfer's state does not allow
    TRANSFER_UNKNOWN = "transfer_unknown"
    BROKEN = "broken"  # the hub itself failed on this one; nothing was changed


class Body(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What does not change about a transfer and is not needed to decide: kept as JSON beside it."""

    request: str  # the request that asked for it; its form with dashes is GSMA's serverCorrelationId
    correlation: str = ""  # the caller's X-CorrelationID
    callback_url: str = ""
    payer: Party
    payee: Party
    type: str
    details: dict[str, Any] = {}  # the request as it was received, to be echoed and relayed
    payer_original: str = ""  # of a reversal: what the payer FSP called its part of the original
    payee_original: str = ""  # of a reversal: what the payee FSP called its part of the original


class Submit(msgspec.Struct, frozen=True, kw_only=True):
    """Ask for a transfer, or for the reversal of one (`original`)."""

    transfer: str
    caller: str
    body: Body
    money: Money | None  # None only for a full reversal
    institution: str = ""  # participant named in the header as holding the account that is not the caller's
    original: str = ""


class Heard(msgspec.Struct, frozen=True, kw_only=True):
    """An adapter's outcome."""

    outcome: Outcome


class Due(msgspec.Struct, frozen=True, kw_only=True):
    """The time set for a transfer has come."""

    transfer: str


class Ruling(msgspec.Struct, frozen=True, kw_only=True):
    """A named operator says what became of the operation a transfer waits for."""

    transfer: str
    verdict: Verdict
    by: str
    why: str


class Word(msgspec.Struct, frozen=True, kw_only=True):
    """The participant that was instructed says itself what became of the operation (PATCH)."""

    transfer: str
    caller: str
    verdict: Verdict


class Fund(msgspec.Struct, frozen=True, kw_only=True):
    """Cash arrived at, or left, the settlement bank for a participant. `reference` makes it happen once."""

    participant: str
    money: Money  # below zero: withdrawn
    reference: str
    by: str


Command = Submit | Heard | Due | Ruling | Word | Fund


class Done(msgspec.Struct, frozen=True, kw_only=True):
    """The command was carried out, or had been before and changed nothing now."""

    transfer: str = ""
    state: State | None = None
    changed: bool = True


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """The hub says no; nothing was changed. `transfer` is the first result, for a duplicate."""

    reason: Reason
    detail: str = ""
    transfer: str = ""


Result = Done | Refusal


class Transfer(msgspec.Struct, frozen=True, kw_only=True):
    """A transfer as it is decided upon: its terms, and where it stands."""

    id: str
    flow: Flow
    caller: str
    payer_fsp: str
    payee_fsp: str
    currency: str
    minor: int
    original: str = ""
    payer_connection: str = ""
    payee_connection: str = ""
    created_ms: int
    lease_ends_ms: int
    body: msgspec.Raw  # an encoded Body; decoded only when a message needs it

    state: State
    seq: int = 0  # transitions so far
    asks: int = 0  # inquiries about the operation it waits for
    due_ms: int | None = None  # when to look again; None exactly in final states
    updated_ms: int = 0
    reason: str = ""  # why it was aborted or is in doubt: a Reason, a FailureClass
    code: str = ""  # the provider's code, word for word
    payer_reference: str = ""  # the payer FSP's own reference
    payee_reference: str = ""  # the payee FSP's own reference

    @property
    def money(self) -> Money:
        """The amount."""
        return Money(self.minor, self.currency)
