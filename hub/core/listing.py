"""Listing: under which accounts a transfer is found, and by whom; it must never let anyone find what is not theirs.

A transfer is seen by its caller and its two FSPs. Each of them finds it under itself and under what it knows of the
two accounts: a line for every such pair, written with the transfer and never changed. Errands are in no list.
"""

import hashlib
from enum import StrEnum
from typing import Final, NamedTuple

import msgspec

from hub.core.command import Transfer
from hub.core.transfer import Flow, State
from routing.party import Identifier, Party

# What is counted of a list: telling apart more would cost more than it says.
COUNT_MAX: Final = 10_000
TIMES: Final = (0, 253_402_300_799_999)  # from the first to the last instant that the API can write


class Side(StrEnum):
    """What the transfer does to the account under which it is found."""

    DEBIT = "debit"
    CREDIT = "credit"
    ASKED = "asked"  # nothing: who is found here only asked for it


class Line(msgspec.Struct, frozen=True):
    """A transfer is found under this key."""

    key: int
    created_ms: int
    transfer: str
    side: Side


class Sought(NamedTuple):
    """Which lines are looked for: the newest first, and of those created at once the greatest id first."""

    keys: tuple[int, ...]  # all of them: an account may be named by several identifiers
    limit: int
    offset: int = 0
    from_ms: int = TIMES[0]  # both inclusive
    to_ms: int = TIMES[1]
    sides: tuple[Side, ...] = ()  # none: every side, and a transfer of both sides once
    states: tuple[State, ...] = ()  # none: every state
    type: str = ""


class Page(NamedTuple):
    """What was found. Lines are counted up to COUNT_MAX, or to the end of this page where that is further."""

    available: int
    found: list[tuple[Side, Transfer]]


class _Parties(msgspec.Struct):
    """What of the body says whose accounts these are."""

    payer: Party
    payee: Party
    payer_account: Party = ()
    payee_account: Party = ()


_parties: Final = msgspec.json.Decoder(_Parties).decode


def own(participant: str) -> Identifier:
    """Return the identifier under which a participant finds everything it sees."""
    return Identifier("organisationid", participant)


def key(viewer: str, account: Identifier) -> int:
    """Return under which key a viewer finds the account's transfers: 64 bits, as PostgreSQL's bigint."""
    name = f"{viewer}\n{account.key}\n{account.value}".encode()
    return int.from_bytes(hashlib.sha256(name).digest()[:8], signed=True)


def lines(transfer: Transfer) -> list[Line]:
    """List where a transfer is found."""
    if transfer.flow is Flow.ERRAND:
        return []
    named = _parties(transfer.body)
    found: dict[tuple[int, Side], None] = {}
    for viewer in {transfer.caller: None, transfer.payer_fsp: None, transfer.payee_fsp: None}:
        pays, is_paid = viewer == transfer.payer_fsp, viewer == transfer.payee_fsp
        if not viewer:
            continue
        # Where a code, mandate or link stands for an account, the account itself is known to who holds it alone.
        for each in (*named.payer, *(named.payer_account if pays else ())):
            found[key(viewer, each), Side.DEBIT] = None
        for each in (*named.payee, *(named.payee_account if is_paid else ())):
            found[key(viewer, each), Side.CREDIT] = None
        sides = ((Side.DEBIT, pays), (Side.CREDIT, is_paid), (Side.ASKED, not pays and not is_paid))
        found.update(((key(viewer, own(viewer)), side), None) for side, holds in sides if holds)
    return [Line(key, transfer.created_ms, transfer.id, side) for key, side in found]
