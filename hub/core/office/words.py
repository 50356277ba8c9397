"""Words of the settlement bank: what everything that it said of a payment comes to; nothing is guessed, none is lost.

What has ended a payment holds. A booking that a payment is posted by stays the one, whatever is booked beside it.
"""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import msgspec

from hub.core.office.records import DifferenceKind
from hub.core.settlement.window import Payment, PaymentState, Said, Word

CREDIT: Final = "credit"
DEBIT: Final = "debit"

ENDED: Final = frozenset({PaymentState.POSTED, PaymentState.REFUSED, PaymentState.CANCELLED})
_STATES: Final = {
    DifferenceKind.OVER: PaymentState.OVER,
    DifferenceKind.UNDER: PaymentState.UNDER,
    DifferenceKind.MISMATCH: PaymentState.MISMATCH,
}


class Stray(NamedTuple):
    """What the bank said that is not what was instructed: its place among all that it said of the payment."""

    place: int
    kind: DifferenceKind


class Judged(NamedTuple):
    """What everything that the bank said of a payment comes to."""

    state: PaymentState
    booked_minor: int
    bank_reference: str
    strays: tuple[Stray, ...]
    counts: Mapping[int, int]  # the booking that it is posted by -> minor units


def side_of(payment: Payment) -> str:
    """Return which way it moves on the scheme's own account; empty: it does not touch it."""
    if not payment.debtor:
        return DEBIT
    return "" if payment.creditor else CREDIT


def heard(payment: Payment, said: Said) -> Payment:
    """Note what the bank said; what it said before, by another file or in fewer words, is not said twice."""
    for place, known in enumerate(payment.said):
        if known.by and known.bank_reference == said.bank_reference and known.word is said.word and not said.by:
            # What operators said that the bank has booked, the bank now says itself.
            own = msgspec.structs.replace(said, counted=known.counted)
            return msgspec.structs.replace(payment, said=(*payment.said[:place], own, *payment.said[place + 1 :]))
        if _same(known, said):
            both = (*payment.said[:place], _fuller(known, said), *payment.said[place + 1 :])
            return msgspec.structs.replace(payment, said=both)
    return msgspec.structs.replace(payment, said=(*payment.said, said))


def judged(payment: Payment) -> Judged:
    """Say where a payment stands by all that was said of it; one that has ended stays so."""
    booked = [(place, each) for place, each in enumerate(payment.said) if each.word is Word.BOOKED]
    contrary = [(place, each) for place, each in enumerate(payment.said) if each.word is not Word.BOOKED]
    kinds = {place: kind_of(payment, each) for place, each in booked}
    state = _state(payment, kinds, contrary)
    counts = _counted(payment, kinds) if state is PaymentState.POSTED else {}
    strays = [
        Stray(place, each)
        for place, kind in kinds.items()
        if (each := _more(payment.said[place], kind, counts[place]) if place in counts else _beside(state, kind))
    ]
    strays += [
        Stray(place, DifferenceKind.REVERSED if each.word is Word.REVERSED else DifferenceKind.REFUSED)
        for place, each in contrary
        if state is not PaymentState.CANCELLED or each.word is Word.REVERSED
    ]
    wanted = [(place, each) for place, each in booked if kinds[place] is not DifferenceKind.MISMATCH]
    wanted = [pair for pair in wanted if not counts or pair[0] in counts]
    return Judged(
        state,
        sum(payment.minor if each.minor is None else each.minor for _, each in wanted),
        next((each.bank_reference for _, each in wanted if each.bank_reference), payment.bank_reference),
        tuple(sorted(strays)),
        counts,
    )


def counting(said: Said, minor: int | None) -> Said:
    """Return a booking as one that its payment is posted by, for so much; None: as it was."""
    return said if minor is None or said.counted is not None else msgspec.structs.replace(said, counted=minor)


def _counted(payment: Payment, kinds: Mapping[int, DifferenceKind | None]) -> dict[int, int]:
    """Say which bookings a posted payment is posted by: once one is, it stays so, whatever is booked beside it."""
    known = {place: each.counted for place, each in enumerate(payment.said) if each.counted is not None}
    if known:
        return known
    exact = [place for place, kind in kinds.items() if kind is None]
    like = [place for place, kind in kinds.items() if kind is not DifferenceKind.MISMATCH]
    # Where operators have said that it is posted, before any file did, the first booking is the one they meant.
    minor = payment.booked_minor if payment.state is PaymentState.POSTED else 0
    return dict.fromkeys((exact or like)[:1], minor or payment.minor)


def _more(said: Said, kind: DifferenceKind | None, counted: int) -> DifferenceKind | None:
    """Say how the booking that a payment is posted by differs from what it was posted for."""
    if kind is DifferenceKind.MISMATCH or said.minor is None or said.minor == counted:
        return kind if kind is DifferenceKind.MISMATCH else None
    return DifferenceKind.OVER if said.minor > counted else DifferenceKind.UNDER


def _beside(state: PaymentState, kind: DifferenceKind | None) -> DifferenceKind:
    """Say how a booking that the payment is not posted by differs."""
    if state in (PaymentState.REFUSED, PaymentState.CANCELLED):
        return DifferenceKind.UNWANTED
    return kind or (DifferenceKind.MISMATCH if state is PaymentState.MISMATCH else DifferenceKind.TWICE)


def _state(
    payment: Payment, kinds: Mapping[int, DifferenceKind | None], contrary: Sequence[tuple[int, Said]]
) -> PaymentState:
    if payment.state in ENDED or not payment.said:
        return payment.state
    if kinds and contrary:
        return PaymentState.MISMATCH  # booked and not booked: which one holds is not guessed
    if not kinds:
        reversed_ = any(each.word is Word.REVERSED for _, each in contrary)
        return PaymentState.MISMATCH if reversed_ else PaymentState.REFUSED
    if None in kinds.values():
        return PaymentState.POSTED
    found = [kind for kind in kinds.values() if kind is not None]
    return _STATES[found[0]] if len(found) == 1 else PaymentState.MISMATCH


def kind_of(payment: Payment, said: Said) -> DifferenceKind | None:
    """Say how a booking differs from what was instructed; what the bank does not repeat agrees."""
    side = side_of(payment)
    if (said.currency and said.currency != payment.currency) or (side and said.direction and said.direction != side):
        return DifferenceKind.MISMATCH
    if said.minor is None or said.minor == payment.minor:
        return None
    return DifferenceKind.OVER if said.minor > payment.minor else DifferenceKind.UNDER


def _same(one: Said, other: Said) -> bool:
    """Say whether two words are of one thing: what one of them leaves out is taken to be as the other has it."""
    if one.word is not other.word:
        return False
    if one.word is Word.REFUSED:
        return True
    pairs = (
        (one.bank_reference, other.bank_reference),
        (one.currency, other.currency),
        (one.minor, other.minor),
        (one.direction, other.direction),
    )
    return all(mine == yours or mine in ("", None) or yours in ("", None) for mine, yours in pairs)


def _fuller(one: Said, other: Said) -> Said:
    return msgspec.structs.replace(
        one,
        bank_reference=one.bank_reference or other.bank_reference,
        currency=one.currency or other.currency,
        minor=other.minor if one.minor is None else one.minor,
        direction=one.direction or other.direction,
        reason=one.reason or other.reason,
    )
