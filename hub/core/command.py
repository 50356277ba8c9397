"""What enters by the one door, and what comes out: commands, results, and a transfer as it is stored.

Everything that changes money is one of these commands. Ids are 32 hexadecimal digits, times are Unix
milliseconds on the database's clock, amounts are minor units.
"""

from collections.abc import Iterable
from enum import StrEnum
from typing import Any, Final

import msgspec

from hub.core.pricing.price import Leg, Price, Quote
from hub.core.transfer import Flow, State
from routing.message import Errand, Operation, Outcome, Resource, Verdict
from routing.money import Money
from routing.party import Party

CONVERSIONS: Final = frozenset({Operation.CONVERT, Operation.UNWIND})


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
    MANDATE_FORBIDS = "mandate_forbids"  # not this payee's, not active, not now, or not so much
    LINK_FORBIDS = "link_forbids"  # not this caller's, not active, or not in this direction
    CODE_UNKNOWN = "code_unknown"
    CODE_FORBIDS = "code_forbids"  # used, expired, cancelled, or not for this payment
    QUOTE_UNKNOWN = "quote_unknown"  # also: another caller's
    QUOTE_USED = "quote_used"
    QUOTE_EXPIRED = "quote_expired"
    QUOTE_DIFFERS = "quote_differs"  # the payment is not the one that was quoted
    QUOTE_NEEDED = "quote_needed"  # this scheme carries nothing abroad without a quote
    RATE_UNAVAILABLE = "rate_unavailable"  # every FX provider's rate is missing, stale, held or not for this
    FX_LIQUIDITY = "fx_liquidity"  # no FX provider has so much left to give
    TOLERANCE_PASSED = "tolerance_passed"  # the best price is outside of what the caller takes without a quote
    ORIGIN_FORBIDDEN = "origin_forbidden"  # the corridor does not carry from this country
    KYC_MISSING = "kyc_missing"  # the corridor requires a field that was not sent; `code` names it
    ID_DOCUMENT_FORBIDDEN = "id_document_forbidden"  # not a kind of document that the corridor takes
    INSTRUMENT_UNKNOWN = "instrument_unknown"  # the mandate, link or code in the path; also: not the caller's
    UNSUPPORTED = "unsupported"  # no connection of the participant can do this
    ORIGINAL_UNKNOWN = "original_unknown"  # of a reversal; also: not the caller's to reverse
    ORIGINAL_NOT_COMMITTED = "original_not_committed"
    ORIGINAL_CURRENCY = "original_currency"
    ORIGINAL_EXCEEDED = "original_exceeded"  # reversals would exceed the original amount
    AMOUNT_TOO_SMALL = "amount_too_small"
    AMOUNT_TOO_LARGE = "amount_too_large"
    DAY_VALUE = "day_value"  # with this transfer a limit of the day, week or month would be passed
    DAY_COUNT = "day_count"
    WEEK_VALUE = "week_value"
    WEEK_COUNT = "week_count"
    MONTH_VALUE = "month_value"
    MONTH_COUNT = "month_count"
    PARTICIPANT_SUSPENDED = "participant_suspended"  # from here on barred: kept as an aborted transfer
    NO_ROUTE = "no_route"
    RATE_INVALID = "rate_invalid"  # of what an FX provider publishes
    CAP_EXCEEDED = "cap_exceeded"
    DEBITS_BLOCKED = "debits_blocked"  # an operator has blocked the payer FSP's debits
    NOT_CARRIED_OUT = (
        "not_carried_out"  # an operator looked at what was flagged, and said no; the word tells nobody why
    )
    STATE_FORBIDS = "state_forbids"  # a PATCH or ruling that the transfer's state does not allow
    TRANSFER_UNKNOWN = "transfer_unknown"
    RECORD_UNKNOWN = "record_unknown"  # of the office: no such window, payment, proposal, dispute ...
    RECORD_FORBIDS = "record_forbids"  # its state does not allow this: closed twice, settled out of order ...
    TERMS_INVALID = "terms_invalid"  # what is said contradicts itself or what is kept; the detail says where
    AMOUNTS_DIFFER = "amounts_differ"
    CHECKER_NEEDED = "checker_needed"  # it moves or releases money: propose it, and have another operator approve it
    SAME_PERSON = "same_person"  # maker and checker must be two
    ROLE_FORBIDS = "role_forbids"
    BROKEN = "broken"  # the hub itself failed on this one; nothing was changed


_ORDER: Final = {reason: number for number, reason in enumerate(Reason)}


def first_of(reasons: Iterable[Reason]) -> Reason | None:
    """Return the reason that is said of several; None: there is none."""
    return min(reasons, key=_ORDER.__getitem__, default=None)


# What is said at once, instead of accepting the request and failing it: who calls, and what the path names.
AT_THE_DOOR: Final = frozenset(
    {
        Reason.CALLER_SUSPENDED,
        Reason.DUPLICATE,
        Reason.PARTY_MISSING,
        Reason.INSTRUMENT_UNKNOWN,
        Reason.ORIGINAL_UNKNOWN,
        Reason.STATE_FORBIDS,
        Reason.TRANSFER_UNKNOWN,
        Reason.BROKEN,
    }
)


class Body(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What does not change about a transfer and is not needed to decide: kept as JSON beside it."""

    request: str  # the request that asked for it; its form with dashes is GSMA's serverCorrelationId
    correlation: str = ""  # the caller's X-CorrelationID
    callback_url: str = ""
    payer: Party
    payee: Party
    type: str
    details: dict[str, Any] = {}  # the request as it was received, to be echoed and relayed
    errand: Errand | None = None  # what a participant is asked to make or change, or which of its bills is paid
    subject: str = ""  # of an errand: what the hub calls that which is made or changed; empty: like the errand
    channel: str = ""  # the caller's X-Channel
    sealed: str = ""  # the customer's own credentials, encrypted for the adapters
    instrument: str = ""  # of a change: the instrument's id; of a payment by code: the code's
    payer_account: Party = ()  # where a mandate, link or code stands for the account: the account itself
    payee_account: Party = ()
    biller: str = ""  # the participant whose bill is paid, where the money goes to its account at another
    own: dict[Resource, str] = {}  # the mandate, link, code or quotation used, by its issuer's own name for it
    payer_original: str = ""  # of a reversal: what the payer FSP called its part of the original
    payee_original: str = ""  # of a reversal: what the payee FSP called its part of the original
    own_quote: str = ""  # what the payee FSP calls the quote that is used, where it gave it
    kyc: str = ""  # who sends, who receives and why, encrypted for the adapters
    quotes: tuple[Quote, ...] = ()  # of a quotation that the payee FSP is asked to confirm: what the hub offers
    asked: dict[str, Any] = {}  # of a quotation that the payee FSP is asked to confirm: what the caller asked


class Submit(msgspec.Struct, frozen=True, kw_only=True):
    """Ask for a transfer, for the reversal of one (`original`), or for an errand (`body.errand`)."""

    transfer: str
    caller: str
    body: Body
    money: Money | None  # None only for a full reversal
    institution: str = ""  # participant named in the header as holding the account that is not the caller's
    original: str = ""
    kyc: dict[str, Any] = {}  # in clear: it is looked at when the transfer is admitted, and never kept or logged
    flagged: str = ""  # why the screening wants an operator to look first


class Heard(msgspec.Struct, frozen=True, kw_only=True):
    """An adapter's outcome."""

    outcome: Outcome


class Due(msgspec.Struct, frozen=True, kw_only=True):
    """The time set for a transfer has come."""

    transfer: str


class Ruling(msgspec.Struct, frozen=True, kw_only=True):
    """What operators say became of the operation a transfer waits for, or that a flagged one goes on.

    It is no command, as nobody moves money alone: two people's deed `Rule` hands it on.
    `state` is where the operator saw it: said of one question, a word never answers the next.
    """

    transfer: str
    state: State
    verdict: Verdict
    by: str
    why: str


class Word(msgspec.Struct, frozen=True, kw_only=True):
    """The participant that was instructed says itself what became of the operation (PATCH)."""

    transfer: str
    caller: str
    verdict: Verdict


class NewRate(msgspec.Struct, frozen=True, kw_only=True):
    """What an FX provider gives for one unit of a currency from now on. Times are seconds."""

    source: str
    target: str
    rate: str  # a plain decimal above zero
    valid_s: int | None = None  # None: as long as the scheme says


class Publish(msgspec.Struct, frozen=True, kw_only=True):
    """An FX provider publishes rates: all of them are taken, or none. `confirmed`: an operator has looked at a jump."""

    provider: str
    rates: tuple[NewRate, ...]
    by: str
    confirmed: bool = False


Command = Submit | Heard | Due | Word | Publish


class Done(msgspec.Struct, frozen=True, kw_only=True):
    """The command was carried out, or had been before and changed nothing now."""

    transfer: str = ""
    state: State | None = None
    changed: bool = True
    reason: str = ""  # of what was accepted and failed at once


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
    price: Price | None = None  # None: the amount itself moves, from the payer FSP to the payee FSP

    @property
    def money(self) -> Money:
        """The amount."""
        return Money(self.minor, self.currency)

    def money_of(self, operation: Operation) -> Money:
        """Return what the operation moves: at the payer what is taken, at the payee what is given."""
        price = self.price
        if price is None or operation is Operation.ISSUE:
            return self.money
        if operation is Operation.CREDIT:
            return price.given
        return price.hops[0].source if operation in CONVERSIONS else price.taken

    @property
    def legs(self) -> tuple[Leg, ...]:
        """Return the movements between positions; none within one participant, where nothing is cleared."""
        if self.price is not None:
            return self.price.legs
        return () if self.payer_fsp == self.payee_fsp else (Leg(self.payer_fsp, self.payee_fsp, self.money),)
