"""Closing differences: by whom, and why; it must never move anything."""

from collections.abc import Iterable
from typing import Final

import msgspec

from hub.core.office.records import Difference, DifferenceKind, DifferenceState
from hub.core.record import Desk

BANK: Final = "bank"  # the source of files and differences that are the settlement bank's


def closed(difference: Difference, now_ms: int, by: str, resolution: str, why: str = "") -> Difference:
    """Return a difference that is one no more."""
    return msgspec.structs.replace(
        difference,
        state=DifferenceState.RESOLVED,
        closed_ms=now_ms,
        closed_by=by,
        resolution=resolution,
        why=why,
    )


def close_all(payment: str, kinds: Iterable[DifferenceKind], desk: Desk, *, by: str, resolution: str, why: str) -> None:
    """Close the open differences with the bank about a payment that are of these kinds: nothing is left to put right.

    The deed must want the differences about what the payment is for.
    """
    among = frozenset(kinds)
    for each in desk.where(Difference, source=BANK, subject=payment, state=DifferenceState.OPEN):
        if each.kind in among:
            desk.keep(closed(each, desk.now_ms, by, resolution, why))
