"""Changes: what a decided batch writes, all of it in one commit; only shapes, no rule.

The store writes these and nothing else. A transition is kept for ever; an outgoing message until it is
known to be sent; a case until an operator closes it.
"""

from typing import Any, Final

import msgspec

from hub.core.command import Result, Transfer
from hub.core.instrument import Amendment, Instrument
from hub.core.participant import SchemeFile
from hub.core.pricing.market import ExposureKey, Published
from hub.core.transfer import Event, State


class Transition(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the audit trail."""

    transfer: str
    seq: int
    state: State
    event: Event
    next: State
    at_ms: int
    who: str  # the hub, a connection, a participant, an operator
    detail: str = ""  # why: routes, the provider's code and text, the operator's reason


class Outgoing(msgspec.Struct, frozen=True, kw_only=True):
    """One message of the outbox: an instruction for a queue, or a callback."""

    transfer: str
    seq: int
    queue: str  # the bus's queue; CALLBACKS for a callback, NOTICES for a notice
    body: msgspec.Raw

    @property
    def key(self) -> tuple[str, int, str]:
        """What it is kept under."""
        return self.transfer, self.seq, self.queue


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of the operators' exception queue."""

    transfer: str
    seq: int
    kind: Event
    detail: str
    opened_ms: int


class Closing(msgspec.Struct, frozen=True, kw_only=True):
    """An entry of the exception queue that an operator closes."""

    transfer: str
    seq: int
    closed_ms: int
    closed_by: str
    closed_why: str


CALLBACKS: Final = "callbacks"
NOTICES: Final = "notices"


def is_letter(queue: str) -> bool:
    """Say whether what is in this queue goes to a participant over HTTP, and not over the bus."""
    return queue == CALLBACKS or queue.startswith(NOTICES)


class Notice(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="notice"):
    """What a participant is told about a transfer or errand that has ended; the HTTP side finds the words."""

    transfer: Transfer
    to: str = ""  # the participant that is notified; empty: the caller, at the address it gave
    resource: dict[str, Any] = {}  # of an errand or a paid bill: the API's object


class Advice(msgspec.Struct, frozen=True, kw_only=True, tag="advice"):
    """What a participant is told of its money in the office's books: the words are ready, the address is not."""

    to: str
    event: str
    at_ms: int
    body: dict[str, Any]


class Letter(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="letter"):
    """A callback whose words are ready."""

    url: str
    correlation: str
    body: msgspec.Raw
    headers: dict[str, str] = {}


class Counting(msgspec.Struct, frozen=True):
    """What is added to one tally of a limit; below zero: given back."""

    key: str
    minor: int
    times: int
    ends_ms: int


class InForce(msgspec.Struct, frozen=True, kw_only=True):
    """A scheme that takes the place of another."""

    base: int  # the version whose place it takes
    file: SchemeFile
    by: str  # both who proposed and who approved it
    at_ms: int


class Decided:
    """What a batch comes to: a result for every command, and everything that must be written together."""

    def __init__(self) -> None:
        """Start empty."""
        self.results: list[Result] = []
        self.added: dict[str, Transfer] = {}  # new transfers, as they stand at the end of the batch
        self.moved: dict[str, Transfer] = {}  # transfers that were there before
        self.transitions: list[Transition] = []
        self.outbox: list[Outgoing] = []
        self.cases: list[Case] = []
        self.closings: list[Closing] = []
        self.instruments: dict[str, Instrument] = {}  # made or changed, by id
        self.amendments: dict[str, Amendment] = {}  # by the id of the instrument
        self.used: dict[str, str] = {}  # instrument -> the transfer that uses it; nothing else of it changes
        self.rates: list[Published] = []
        self.exposures: dict[ExposureKey, int] = {}  # what is added to the open quotes of FX providers
        self.tallies: dict[str, Counting] = {}  # what is added to limits over time, by key; may be below zero
        # Records of the office, new or changed, by table and id.
        self.records: dict[str, dict[str, msgspec.Struct]] = {}
        self.scheme: InForce | None = None
        self.given_up: list[str] = []  # requests whose claim on a correlation id is given back
