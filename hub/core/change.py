"""Changes: what a decided batch writes, all of it in one commit; only shapes, no rule.

The store writes these and nothing else. A transition is kept for ever; an outgoing message until it is
known to be sent; a case until an operator closes it.
"""

from typing import Final

import msgspec

from hub.core.command import Result, Transfer
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
    queue: str  # the bus's queue; CALLBACKS for a callback
    body: msgspec.Raw


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of the operators' exception queue."""

    transfer: str
    seq: int
    kind: Event
    detail: str
    opened_ms: int


class Funding(msgspec.Struct, frozen=True, kw_only=True):
    """Cash in or out at the settlement bank."""

    reference: str
    participant: str
    currency: str
    minor: int
    by: str
    at_ms: int


CALLBACKS: Final = "callbacks"


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
        self.fundings: list[Funding] = []
        self.given_up: list[str] = []  # requests whose claim on a correlation id is given back
