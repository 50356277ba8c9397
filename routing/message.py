"""What travels on the bus: instructions out, outcomes back, questions and answers; no rule lives here.

Every message is JSON. Decoders ignore fields they do not know, so the two ends may be upgraded one by
one, the reader first. A bus message carries a list of envelopes; one that cannot be read fails alone.
"""

from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Any, Final, TypeVar

import msgspec

from routing.money import Money
from routing.party import Party


class Operation(StrEnum):
    """What one participant is told to do with its customer's account."""

    CREDIT = "credit"  # the payee FSP pays its customer
    DEBIT = "debit"  # the payer FSP takes from its customer
    REFUND = "refund"  # the payer FSP gives back what it took for this transfer
    ISSUE = "issue"  # the participant makes or changes what it keeps for its customer; no money moves
    CONVERT = "convert"  # the FX provider binds itself to give `target` for `money`
    UNWIND = "unwind"  # the FX provider lets go of a conversion that it had confirmed: the transfer moved nothing


class Act(StrEnum):
    """Whether the provider is told to act or asked what became of it."""

    DO = "do"
    ASK = "ask"


class Verdict(StrEnum):
    """What a provider's words mean. Only explicit words make the first two."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    UNKNOWN = "unknown"


class FailureClass(StrEnum):
    """Why a provider refused, or why its answer is unknown; the twelve classes that cover every rail."""

    PARTY_NOT_FOUND = "party_not_found"
    PARTY_BLOCKED = "party_blocked"
    INSUFFICIENT_FUNDS = "insufficient_funds"
    PAYER_LIMIT = "payer_limit"
    PAYEE_LIMIT = "payee_limit"
    AMOUNT_OUT_OF_RANGE = "amount_out_of_range"
    REJECTED_BY_PARTY = "rejected_by_party"
    EXPIRED_NO_APPROVAL = "expired_no_approval"
    DUPLICATE = "duplicate"  # always with UNKNOWN: the first use of the reference tells the outcome
    PARTICIPANT_CONFIG = "participant_config"  # our credentials or set-up at the provider: page someone
    PARTICIPANT_LIQUIDITY = "participant_liquidity"
    PROVIDER_UNAVAILABLE = "provider_unavailable"
    REFUSED = "refused"  # refused in explicit words that none of the classes above describes
    ABSENT = "absent"  # always with UNKNOWN: the provider says it never received the reference
    PENDING = "pending"  # always with UNKNOWN: the provider says it is still at work
    LAPSED = "lapsed"  # always with UNKNOWN: the runner did not send, the lease had run out
    UNCLEAR = "unclear"  # always with UNKNOWN: timeout, broken body, unmapped code


class Heard(StrEnum):
    """Where an outcome was heard."""

    ANSWER = "answer"
    CALLBACK = "callback"
    INQUIRY = "inquiry"
    RUNNER = "runner"  # not from the provider: a timeout or a lapsed lease


class Resource(StrEnum):
    """What a participant keeps for its customers and makes, changes or shows when it is asked."""

    ACCOUNT = "account"
    IDENTITY = "identity"  # one of an account's
    MANDATE = "debitmandate"
    LINK = "link"
    CODE = "authorisationcode"
    QUOTATION = "quotation"
    BILL = "bill"
    BILL_PAYMENT = "billpayment"


class Errand(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a participant is asked to make or to change, or which of its bills is paid; in the GSMA API's form."""

    resource: Resource
    account: Party = ()  # the account that the caller's path names; none for a quotation or a bill by itself
    reference: str = ""  # what the participant itself calls that which is changed, or the bill that is paid
    change: bool = False  # a change of something that exists; `body` then holds the list of changes under "changes"
    body: dict[str, Any] = {}


class Instruction(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What goes to an adapter. Times are Unix milliseconds on the database's clock.

    `reference` is committed before the instruction leaves and is the same on every retry of the same
    operation. `lease_ends_ms`: from this instant on, an act of DO must not be sent any more; a provider
    that says afterwards that it never saw the reference never will.
    """

    transfer: str  # 32 hexadecimal digits
    operation: Operation
    act: Act
    reference: str  # a UUID in the form of version 4
    connection: str
    payer_fsp: str
    payee_fsp: str
    money: Money
    payer: Party
    payee: Party
    type: str  # GSMA transaction type
    created_ms: int
    lease_ends_ms: int
    asked_ms: int = 0  # when the hub decided to ask; 0 for DO
    original: str = ""  # of what undoes: how this connection knows what is undone; an FX provider by our reference
    description: str = ""
    details: dict[str, Any] = {}  # fields of the caller's request that a provider may want, by GSMA name
    errand: Errand | None = None  # of ISSUE; of a CREDIT that pays a bill
    own: dict[Resource, str] = {}  # the mandate, link, code or quotation used, by its issuer's own name for it
    sealed: str = ""  # the customer's own credentials, for this participant only; the runner opens them
    kyc: str = ""  # who sends, who receives and why, sealed; the runner opens it into `details`
    target: Money | None = None  # of CONVERT, UNWIND: what the FX provider gives for `money`
    sent: Money | None = None  # of a CREDIT from abroad: what the payer sent for it
    rate: str = ""  # of these: what one unit of the source is worth in the other currency
    quote: str = ""  # the hub's name for the quote that was used, a UUID in the form of version 4


class Outcome(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What comes back from an adapter about one operation of one transfer."""

    transfer: str
    operation: Operation
    connection: str
    reference: str
    verdict: Verdict
    heard: Heard
    failure: FailureClass | None = None
    code: str = ""  # the provider's own code, word for word
    text: str = ""  # the provider's own text, word for word, at most 256 characters
    money: Money | None = None  # what the provider says it moved, if it says so
    provider_reference: str = ""
    asked_ms: int = 0  # of an inquiry: when the hub decided to ask
    resource: dict[str, Any] = {}  # of ISSUE, or of a paid bill: what the participant keeps now, in the GSMA API's form


class Kind(StrEnum):
    """What an inquiry asks."""

    ACCOUNT_NAME = "accountname"
    ACCOUNT_STATUS = "status"
    ACCOUNT = "account"
    BALANCE = "balance"
    BILL_COMPANIES = "billcompanies"
    BILLS = "bills"
    BILL_PAYMENTS = "billpayments"
    MANDATE = "debitmandate"
    LINK = "link"
    CODE = "authorisationcode"
    CODES = "authorisationcodes"
    HEARTBEAT = "heartbeat"
    RATES = "rates"  # what an FX provider buys and sells for: rows of source, target, rate, and valid_s if it says so


class Question(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An inquiry passed on to one connection; no ledger effect whatever comes back."""

    kind: Kind
    connection: str
    party: Party  # empty where no account is asked about
    asker: str  # participant that asks
    correlation: str
    reference: str = ""  # what the participant itself calls the mandate, link, code or bill that is asked about
    query: dict[str, str] = {}  # limit, offset, fromDateTime, toDateTime, codeState, as the API spells them


class Finding(StrEnum):
    """How an inquiry ended."""

    FOUND = "found"
    NOT_FOUND = "not_found"
    UNSUPPORTED = "unsupported"
    UNANSWERED = "unanswered"


class Answer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The answer to a question, in the GSMA API's form: an object in `body`, or a list in `rows`."""

    finding: Finding
    body: dict[str, Any] = {}
    rows: list[dict[str, Any]] = []
    available: int = 0  # rows that match, beyond those on this page too


E_ = TypeVar("E_", bound=msgspec.Struct)

TEXT_MAX: Final = 256
_encoder: Final = msgspec.json.Encoder()


def encoded(envelope: msgspec.Struct) -> bytes:
    """Encode one envelope."""
    return _encoder.encode(envelope)


def packed(envelopes: Sequence[bytes]) -> bytes:
    """Join encoded envelopes into the body of one bus message."""
    return b"[" + b",".join(envelopes) + b"]"


def unpacked(body: bytes) -> list[bytes]:
    """Split the body of one bus message into encoded envelopes; raises msgspec.DecodeError."""
    try:
        return [bytes(raw) for raw in msgspec.json.decode(body, type=list[msgspec.Raw])]
    except RecursionError as error:
        raise msgspec.DecodeError("the body is nested too deep") from error


def decoded(envelopes: Iterable[bytes], type_: type[E_]) -> tuple[list[E_], list[tuple[bytes, str]]]:
    """Decode envelopes one by one: the readable ones, and the others each with what is wrong."""
    decoder = msgspec.json.Decoder(type_)
    good: list[E_] = []
    bad: list[tuple[bytes, str]] = []
    for envelope in envelopes:
        try:
            good.append(decoder.decode(envelope))
        except (msgspec.DecodeError, ValueError, RecursionError) as error:
            bad.append((envelope, str(error)))
    return good, bad
