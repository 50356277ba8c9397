"""Timing: when a transfer is looked at again, and when asking again is no use; it is told the time, moves nothing."""

from typing import Final

import msgspec

from hub.core.command import Transfer
from hub.core.meaning import connection_for
from hub.core.participant import Scheme
from hub.core.transfer import AWAITED, FINAL, IN_DOUBT, OPERATION_OF, UNDOING, Event, Message, Row, State
from routing.table import Rail

# When nothing but an operator moves a transfer on: the year 9999, in Unix milliseconds.
PARKED_MS: Final = 253_402_300_799_000

_OWED: Final = frozenset({State.OWED_IN_DOUBT, State.UNWINDING_IN_DOUBT})


def timed(transfer: Transfer, row: Row, scheme: Scheme, now_ms: int) -> Transfer:
    """Bring the transfer to its next state, and say when to look again."""
    rail = rail_of(transfer, scheme)
    asks, lease_ends_ms = transfer.asks, transfer.lease_ends_ms
    if row.next in FINAL:
        due_ms = None
    elif row.message in OPERATION_OF:
        first = row.event is not Event.ABSENT
        rail = rail_of(msgspec.structs.replace(transfer, state=row.next), scheme)
        asks = 0 if first else asks
        if first or OPERATION_OF[row.message] in UNDOING:
            lease_ends_ms = now_ms + scheme.lifetime_ms
        due_ms = now_ms + rail.answer_within_s * 1000
    elif row.message is Message.ASK_FSP:
        asks += 1
        due_ms = now_ms + _pause_s(rail, asks) * 1000
    elif row.event in (Event.EXHAUSTED, Event.FLAGGED) or (row.next in _OWED and row.event is Event.REFUSED):
        due_ms = PARKED_MS
    elif row.event in (Event.UNANSWERED, Event.MISMATCHED) and row.state not in IN_DOUBT:
        due_ms = now_ms + max(rail.ask_first_after_s, _pause_s(rail, asks)) * 1000
        if AWAITED[row.next] not in UNDOING:
            asks = min(asks, max(rail.asks_max - 1, 0))  # what was sent again is asked about at least once more
    else:
        due_ms = transfer.due_ms
    return msgspec.structs.replace(
        transfer,
        state=row.next,
        seq=transfer.seq + 1,
        asks=asks,
        due_ms=due_ms,
        lease_ends_ms=lease_ends_ms,
        updated_ms=now_ms,
    )


def exhausted(transfer: Transfer, scheme: Scheme) -> bool:
    """Say whether asking again is no use: only after a question put when the lease had lapsed, for it decides."""
    rail = rail_of(transfer, scheme)
    if transfer.due_ms is None or transfer.state not in IN_DOUBT or transfer.asks < rail.asks_max:
        return False
    asked_ms = transfer.due_ms - _pause_s(rail, transfer.asks) * 1000  # the last question set the time
    asked_last = asked_ms >= transfer.lease_ends_ms + scheme.lapse_margin_ms
    return asked_last or AWAITED[transfer.state] in UNDOING


def rail_of(transfer: Transfer, scheme: Scheme) -> Rail:
    """Return how the connection behaves whose word the transfer waits for."""
    operation = AWAITED.get(transfer.state)
    name = "" if operation is None else connection_for(transfer, operation)
    found = scheme.rails.by_name.get(name)
    return Rail() if found is None else found.rail


def _pause_s(rail: Rail, asks: int) -> int:
    """Return how long to wait before asking again: doubled each time, so that nobody is flooded with questions."""
    return min(rail.ask_spacing_s << min(asks - 1, 16), rail.ask_spacing_max_s) if asks else 0
