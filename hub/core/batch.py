"""Batches: many transfers accepted together, each then alone; who may approve, which items fit, what they are called.

An item becomes a transfer by the one door and nowhere else. Its transfer's id is a function of the batch, the row
and the attempt, so an item that is handed in twice is one transfer. Nothing here reads a clock or throws dice.
"""

import hashlib
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, Final, NamedTuple

import msgspec

from hub.core.command import Body, Submit
from hub.core.participant import Scheme
from routing.money import Money
from routing.party import Party


class Status(StrEnum):
    """Where a batch stands: the API's three words."""

    CREATED = "created"  # taken, its broken rows are known; waits for somebody else to approve it
    APPROVED = "approved"  # is cleared, from its date on
    COMPLETED = "completed"  # every row is final


class ItemState(StrEnum):
    """Where one row of a batch stands."""

    WAITING = "waiting"  # to be handed to the door when its time comes
    SUBMITTED = "submitted"  # a transfer exists, and is not known here to be final
    COMPLETED = "completed"  # final: its transfer is committed
    REJECTED = "rejected"  # final: it could not be read, or its transfer moved no money


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """A batch without its rows."""

    id: str
    request: str  # the POST that brought it
    caller: str
    client: str  # the maker: the caller's software, or the operator, that brought it
    status: Status
    header: dict[str, Any]  # what is shown again: title, description, ...
    institution: str = ""  # participant named in the header as holding the accounts that are not the caller's
    correlation: str = ""
    callback_url: str = ""
    created_ms: int
    scheduled_ms: int | None = None  # it is not cleared before
    approved_ms: int | None = None
    approved_by: str = ""  # the checker; empty where none was wanted
    approval_correlation: str = ""
    approval_url: str = ""  # where the checker is told
    completed_ms: int | None = None
    due_ms: int | None = None  # when a worker looks at it; None: nothing to do before it is approved, or any more


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """What a row asks for, beside its amount; of a broken row, what could be read."""

    payer: Party = ()
    payee: Party = ()
    type: str = ""
    details: dict[str, Any] = {}
    kyc: str = ""  # who sends, who receives and why, sealed for this row until it has a transfer


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """A row that is to become a transfer."""

    row: int  # from 1
    attempt: int
    minor: int
    currency: str
    payer_fsp: str  # whose position it will burden, as far as the directory knew; empty: nobody's
    terms: Terms

    @property
    def purse(self) -> tuple[str, str]:
        """Which position it is paid from."""
        return self.payer_fsp, self.currency


class Identities(NamedTuple):
    """Who sends, who receives and why, of a row that becomes a transfer."""

    clear: dict[str, Any]  # looked at when it is admitted, never kept
    sealed: str  # for the transfer


NOBODY: Final = Identities({}, "")


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """How far a batch is, counted from its rows."""

    parsed: int = 0  # rows that could be read
    rejected: int = 0
    completed: int = 0
    submitted: int = 0  # transfers under way
    held: int = 0  # wait for the paying participant's liquidity


class Ended(msgspec.Struct, frozen=True, kw_only=True):
    """A row that is completed or rejected."""

    row: int
    transfer: str
    currency: str
    minor: int
    reason: str  # a Reason, a FailureClass, or of a row that could not be read "category/code property"
    ended_ms: int
    state: ItemState
    terms: Terms


class Traffic(NamedTuple):
    """Transfers of a batch that are under way at one participant."""

    other_fsp: str
    clear: int
    in_doubt: int


class Room(NamedTuple):
    """How many more rows may be handed in, and whose not."""

    rows: int
    slow: list[str]


class Affordable(NamedTuple):
    """Rows split by whether their payers' positions bear them now."""

    fit: list[Item]
    held: list[Item]


def may_approve(batch: Batch, client: str) -> bool:
    """Say whether this software may approve: the checker is not the maker; what is approved already harms nobody."""
    return batch.status is not Status.CREATED or client != batch.client


def room(traffic: Sequence[Traffic], in_flight_max: int) -> Room:
    """Say how many more transfers may be under way at once.

    A participant whose silence has left many in doubt gets no more of them until it has caught up, and those it owes
    an answer for take no room from the others.
    """
    slow = [each.other_fsp for each in traffic if each.in_doubt * 2 >= in_flight_max]
    return Room(max(in_flight_max - sum(each.clear for each in traffic), 0), slow)


def affordable(items: Sequence[Item], available: Mapping[tuple[str, str], int | None]) -> Affordable:
    """Take the rows, in order, that their payer's position bears; one that does not fit holds up no other.

    `available` is what is left by payer FSP and currency; None: no limit. The cap is enforced when the door posts:
    this only spares transfers that would be barred at once.
    """
    left = dict(available)
    found = Affordable([], [])
    for item in items:
        room = left.get(item.purse)
        if room is not None and item.minor > room:
            found.held.append(item)
            continue
        if room is not None:
            left[item.purse] = room - item.minor
        found.fit.append(item)
    return found


def derived(batch: str, use: str, row: int, attempt: int) -> str:
    """Derive an id: the batch's time, so that it sorts with its neighbours, then 74 bits of a hash (RFC 9562, v7)."""
    digest = hashlib.sha256(f"{batch} {use} {row} {attempt}".encode()).digest()
    head = 0x7000 | int.from_bytes(digest[:2]) & 0x0FFF
    low = int.from_bytes(digest[2:10]) & 0x3FFF_FFFF_FFFF_FFFF | 0x8000_0000_0000_0000
    return f"{batch[:12]}{head:04x}{low:016x}"


def transfer_of(batch: str, item: Item) -> str:
    """Return the id of an item's transfer."""
    return derived(batch, "transfer", item.row, item.attempt)


def sealed_name(batch: str, row: int) -> str:
    """Return for what a row's identities are sealed before it has a transfer; no transfer has such an id."""
    return f"{batch}/{row}"


def submission(batch: Batch, item: Item, identities: Identities = NOBODY) -> Submit:
    """Return the command that makes an item a transfer; said again, it is the same command."""
    return Submit(
        transfer=transfer_of(batch.id, item),
        caller=batch.caller,
        body=Body(
            request=derived(batch.id, "request", item.row, item.attempt),
            payer=item.terms.payer,
            payee=item.terms.payee,
            type=item.terms.type,
            details=item.terms.details,
            kyc=identities.sealed,
        ),
        money=Money(item.minor, item.currency),
        institution=batch.institution,
        kyc=identities.clear,
    )


class Sides(NamedTuple):
    """Whom a row will concern, as far as the directory knows; a ported number may prove it wrong: the door decides."""

    payer_fsp: str  # whose position it burdens; empty: nobody's
    other_fsp: str  # who will be told to act, and may be slow about it


def sides(scheme: Scheme, caller: str, payer: Party, payee: Party) -> Sides:
    """Guess whom a row will concern."""
    payer_fsp, payee_fsp = _held_at(scheme, payer), _held_at(scheme, payee)
    return Sides("" if payer_fsp == payee_fsp else payer_fsp, payer_fsp if payee_fsp == caller else payee_fsp)


def _held_at(scheme: Scheme, party: Party) -> str:
    own = (each.value for each in party if each.key == "organisationid" and each.value in scheme.participants)
    return next(own, "") or scheme.directory.resolve(party, {}).participant or ""
