"""Instruments: what a participant made for its customer through the hub, and by which name each side calls it.

A mandate, link, code, quotation, account or paid bill lives at the participant that issued it; the hub keeps who
that is and what was agreed. It is kept by the errand that made it; nothing here asks anyone or moves money.
"""

from typing import Any, Final, NamedTuple

import msgspec

from hub.core.pricing.price import Quote
from hub.core.transfer import State
from routing.message import Resource
from routing.party import Party


class Named(NamedTuple):
    """How an instrument is named at the hub."""

    kind: Resource
    reference: str


# What is named in a path and changed there.
CHANGED_BY_NAME: Final = frozenset({Resource.MANDATE, Resource.LINK, Resource.CODE})
USED_ONCE: Final = frozenset({Resource.CODE, Resource.QUOTATION})
# The field in which each object of the API says whether it is in force.
STATES: Final = {Resource.MANDATE: "mandateStatus", Resource.LINK: "status", Resource.CODE: "codeState"}
ACTIVE: Final = "active"  # also where nobody spoke of a state
_BY_KEY: Final = {"mandatereference": Resource.MANDATE, "linkref": Resource.LINK}


def references_in(party: Party) -> list[Named]:
    """List the mandates and links that stand for a party's account."""
    return [Named(_BY_KEY[each.key], each.value) for each in party if each.key in _BY_KEY]


class Amendment(msgspec.Struct, frozen=True, kw_only=True):
    """A change of an instrument's terms: these fields take these values."""

    id: str
    terms: dict[str, Any]
    updated_ms: int


class Instrument(msgspec.Struct, frozen=True, kw_only=True):
    """One instrument. Times are Unix milliseconds on the database's clock."""

    id: str  # the errand or payment that made it, 32 hexadecimal digits; of a bill that was only seen: made of its name
    kind: Resource
    reference: str  # what the hub calls it
    participant: str  # who issued it and keeps it
    connection: str
    own: str  # what the participant calls it
    owner: str  # the participant that asked for it
    account: Party  # the customer's account it belongs to
    terms: dict[str, Any]  # what was agreed, as the API's object, under the hub's reference
    created_ms: int
    updated_ms: int
    expires_ms: int | None = None
    used_by: str | None = None  # of a code or quotation: the transfer that it pays for
    used_state: State | None = None  # how that transfer stands; read with it, never written
    quotes: tuple[Quote, ...] = ()  # of a quotation: what is offered, the best first

    @property
    def name(self) -> Named:
        """How it is named at the hub."""
        return Named(self.kind, self.reference)

    @property
    def active(self) -> bool:
        """Say whether a mandate, link or code is in force."""
        return str(self.terms.get(STATES.get(self.kind, ""), ACTIVE)) == ACTIVE

    @property
    def spent(self) -> bool:
        """Say whether a code or quotation is used or about to be.

        A transfer that moved nothing gives its code back. A quote is not given back: by then its FX providers were let
        go of, and a new one costs nothing.
        """
        if self.kind is Resource.QUOTATION:
            return self.used_by is not None
        return self.used_by is not None and self.used_state not in (State.ABORTED, State.REFUNDED)
