"""Booking: what the settlement bank says of payments is matched with them; a word is never guessed, and none is lost.

Where a payment stands follows from everything that the bank said of it, in whatever order and however often it was
heard. What is not posted exactly as it was instructed opens a difference, one for each booking, with both sides of it.
"""

from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any, Final, NamedTuple

import msgspec

from hub.core.office.funds import accounts_of, confirmed, refused
from hub.core.office.records import Difference, DifferenceKind, DifferenceState, Funds, FundsState
from hub.core.participant import AccountKey
from hub.core.record import Desk, Kept, Selector
from hub.core.settlement.settle import settled_if_paid, wanted_to_settle
from hub.core.settlement.window import Obligation, Payment, PaymentState, Said, Window, Word
from hub.ledger.account import Kind
from routing.money import Money

BANK: Final = "bank"  # the source of files and differences that are the settlement bank's
CREDIT: Final = "credit"
DEBIT: Final = "debit"

ENDED: Final = frozenset({PaymentState.POSTED, PaymentState.REFUSED, PaymentState.CANCELLED})
_STATES: Final = {
    DifferenceKind.OVER: PaymentState.OVER,
    DifferenceKind.UNDER: PaymentState.UNDER,
    DifferenceKind.MISMATCH: PaymentState.MISMATCH,
}
_CLOSED_BY_ITSELF: Final = "it agrees now"


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


def named(*parts: str) -> str:
    """Return an id that follows from its parts: 32 hexadecimal digits."""
    return sha256("\n".join(parts).encode()).hexdigest()[:32]


def side_of(payment: Payment) -> str:
    """Return which way it moves on the scheme's own account; empty: it does not touch it."""
    if not payment.debtor:
        return DEBIT
    return "" if payment.creditor else CREDIT


def wanted_to_book(about: Sequence[str]) -> list[Selector]:
    """Say which records a deed must want that changes payments for these windows and funds."""
    found: list[Selector] = []
    for subject in about:
        found.extend(wanted_to_settle(subject))
        found.append(Selector(Funds, "id", subject))
        found.append(Selector(Difference, "about", subject))
    return found


def accounts_to_book(kept: Kept) -> list[AccountKey]:
    """Say which accounts a deed must lock that changes payments."""
    found: list[AccountKey] = []
    for each in kept.get(Funds, {}).values():
        if isinstance(each, Funds) and each.state is FundsState.APPROVED:
            found.extend(accounts_of(each))
    sides: set[tuple[str, str]] = set()
    for window in kept.get(Window, {}).values():
        if isinstance(window, Window):
            found.append(("", window.currency, Kind.SETTLEMENT_BANK))
            for moved in (*window.movements, *window.carried):
                sides |= {(moved.debtor, window.currency), (moved.creditor, window.currency)}
    for owed in kept.get(Obligation, {}).values():
        if isinstance(owed, Obligation):
            sides |= {(owed.debtor, owed.currency), (owed.creditor, owed.currency)}
    return [*found, *((side, currency, Kind.POSITION) for side, currency in sorted(sides) if side)]


def heard(payment: Payment, said: Said) -> Payment:
    """Note what the bank said; what it said before, by another file or in fewer words, is not said twice."""
    for place, known in enumerate(payment.said):
        if _same(known, said):
            both = (*payment.said[:place], _fuller(known, said), *payment.said[place + 1 :])
            return msgspec.structs.replace(payment, said=both)
    return msgspec.structs.replace(payment, said=(*payment.said, said))


def judged(payment: Payment) -> Judged:
    """Say where a payment stands by all that was said of it; one that has ended stays so."""
    booked = [(place, each) for place, each in enumerate(payment.said) if each.word is Word.BOOKED]
    contrary = [(place, each) for place, each in enumerate(payment.said) if each.word is not Word.BOOKED]
    kinds = {place: _kind(payment, each) for place, each in booked}
    state = _state(payment, kinds, contrary)
    chosen = next((place for place, kind in kinds.items() if kind is None), None)
    extra = DifferenceKind.TWICE
    if state in (PaymentState.REFUSED, PaymentState.CANCELLED):
        extra = DifferenceKind.UNWANTED
    if state is not PaymentState.POSTED:
        chosen = None
        extra = DifferenceKind.MISMATCH if state is PaymentState.MISMATCH else extra
    unwanted = extra is DifferenceKind.UNWANTED
    strays = [Stray(place, extra if unwanted else kind or extra) for place, kind in kinds.items() if place != chosen]
    strays += [
        Stray(place, DifferenceKind.REVERSED if each.word is Word.REVERSED else DifferenceKind.REFUSED)
        for place, each in contrary
        if state is not PaymentState.CANCELLED or each.word is Word.REVERSED
    ]
    counted = [(place, each) for place, each in booked if kinds[place] is not DifferenceKind.MISMATCH]
    counted = [pair for pair in counted if chosen is None or pair[0] == chosen]
    reference = next((each.bank_reference for _, each in counted if each.bank_reference), payment.bank_reference)
    return Judged(
        state,
        sum(payment.minor if each.minor is None else each.minor for _, each in counted),
        reference,
        tuple(sorted(strays)),
    )


def booked(words: Mapping[str, Sequence[Said]], desk: Desk, *, file: str, by: str) -> None:
    """Take what the bank said of payments: their states, funds, windows and differences, all in this commit.

    The deed must want `wanted_to_book` of what the payments are for, and the accounts `accounts_to_book`.
    """
    known = open_differences(desk)
    windows: set[str] = set()
    for id_, said in words.items():
        payment = desk.get(Payment, id_)
        if payment is None:
            continue
        fresh = payment
        for each in said:
            fresh = heard(fresh, each)
        fresh = stands(fresh, file, desk)
        if fresh != payment:
            fresh = desk.keep(fresh)
        differ(fresh, desk, known.get(id_, ()), by=by)
        if fresh.state is not payment.state:
            windows.update(ended(fresh, desk))
    settle_paid(windows, desk)


def stands(payment: Payment, file: str, desk: Desk) -> Payment:
    """Return a payment as it stands by what was said of it."""
    found = judged(payment)
    is_new = found.state is not payment.state
    reason = next((each.reason for each in payment.said if each.word is Word.REFUSED), "")
    waits = found.state is PaymentState.EXPECTED
    return msgspec.structs.replace(
        payment,
        state=found.state,
        booked_minor=payment.booked_minor if payment.state in ENDED else found.booked_minor,
        bank_reference=found.bank_reference,
        reason=reason if is_new and found.state is PaymentState.REFUSED else payment.reason,
        said_in=file if is_new else payment.said_in,
        ended_ms=desk.now_ms if is_new and found.state in ENDED else payment.ended_ms,
        due_ms=payment.due_ms if waits else None,
    )


def ended(payment: Payment, desk: Desk, *, by: str = "") -> set[str]:
    """Have the books of funds follow a payment that has just ended; return the window that may be settled now."""
    funds = desk.get(Funds, payment.subject)
    if funds is not None and funds.state is FundsState.APPROVED:
        if payment.state is PaymentState.POSTED:
            confirmed(funds, payment, desk, by=by, reference=payment.bank_reference if by else "")
        elif payment.state is PaymentState.REFUSED:
            refused(funds, payment, desk)
    return {payment.subject} if payment.state is PaymentState.POSTED else set()


def settle_paid(windows: set[str], desk: Desk) -> None:
    """Settle those of the windows that are paid in whole."""
    for id_ in sorted(windows):
        window = desk.get(Window, id_)
        if window is not None:
            settled_if_paid(window, desk)


def open_differences(desk: Desk) -> dict[str, list[Difference]]:
    """Return the open differences with the bank that the deed wants, by payment."""
    found: dict[str, list[Difference]] = {}
    for each in desk.where(Difference, source=BANK, state=DifferenceState.OPEN):
        found.setdefault(each.subject, []).append(each)
    return found


def differ(payment: Payment, desk: Desk, known: Sequence[Difference], *, by: str) -> None:
    """Open a difference for every stray; close those that are none any more."""
    wanted: dict[str, tuple[DifferenceKind, Said | None]] = {
        named("difference", payment.id, str(place)): (kind, payment.said[place])
        for place, kind in judged(payment).strays
    }
    if payment.state is PaymentState.MISSING:
        wanted[missing_id(payment.id)] = (DifferenceKind.MISSING, None)
    for id_, (kind, said) in wanted.items():
        before = desk.get(Difference, id_)
        if before is not None and (before.state is not DifferenceState.OPEN or before.kind is kind):
            continue
        fresh = Difference(
            id=id_,
            at_ms=desk.now_ms if before is None else before.at_ms,
            source=BANK,
            kind=kind,
            file=said.file if said else payment.file,
            subject=payment.id,
            about=payment.subject,
            reference=said.bank_reference if said else "",
            ours=ours(payment),
            theirs=theirs(said) if said else {},
        )
        desk.keep(fresh if before is None else msgspec.structs.replace(fresh, version=before.version))
    for each in known:
        if each.id not in wanted:
            desk.keep(closed(each, desk.now_ms, by, _CLOSED_BY_ITSELF))


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


def missing_id(payment: str) -> str:
    """Return what the difference of a payment that was not heard of is called."""
    return named("difference", payment, "missing")


def ours(payment: Payment) -> dict[str, Any]:
    """Say what the hub has of a payment, as evidence."""
    return {
        "payment": payment.id,
        "for": payment.subject,
        "debtor": payment.debtor,
        "creditor": payment.creditor,
        "amount": str(Money(payment.minor, payment.currency)),
        "currency": payment.currency,
        "direction": side_of(payment),
        "state": str(payment.state),
        "instructed_in": payment.file,
    }


def theirs(said: Said) -> dict[str, Any]:
    """Say what the bank has, as evidence."""
    amount = "" if said.minor is None or not said.currency else str(Money(said.minor, said.currency))
    return {
        "word": str(said.word),
        "amount": amount,
        "minor": said.minor,
        "currency": said.currency,
        "direction": said.direction,
        "bank_reference": said.bank_reference,
        "reason": said.reason,
        "file": said.file,
        "where": said.where,
    }


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


def _kind(payment: Payment, said: Said) -> DifferenceKind | None:
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
