"""Booking: what the settlement bank says of payments is matched with them; a word is never guessed, and none is lost.

Where a payment stands follows from everything that the bank said of it, however often it was heard; what has ended it
holds, but for a booking that is undone before its window is settled. What is not posted exactly as it was instructed
opens a difference, one for each booking, with both sides of it.
"""

import re
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any, Final

import msgspec

from hub.core.office.closing import BANK, closed
from hub.core.office.funds import accounts_of, confirmed, refused
from hub.core.office.records import Difference, DifferenceKind, DifferenceState, Funds, FundsState
from hub.core.office.words import DEBIT, ENDED, counting, heard, judged, kind_of, side_of
from hub.core.participant import AccountKey
from hub.core.record import Desk, Kept, Selector
from hub.core.settlement.settle import settled_if_paid, wanted_to_settle
from hub.core.settlement.window import Obligation, Payment, PaymentState, Said, Window, WindowState, Word
from hub.ledger.account import Kind
from routing.money import Money

_ID: Final = re.compile(r"[0-9a-f]{32}")
_OF_ITS_AMOUNT: Final = frozenset({DifferenceKind.OVER, DifferenceKind.UNDER})
_CLOSED_BY_ITSELF: Final = "it agrees now"


def named(*parts: str) -> str:
    """Return an id that follows from its parts: 32 hexadecimal digits."""
    return sha256("\n".join(parts).encode()).hexdigest()[:32]


def is_id(text: str) -> bool:
    """Say whether a text is an id: 32 lower-case hexadecimal digits."""
    return _ID.fullmatch(text) is not None


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
    before = _reopened(payment, desk)
    found = judged(before)
    is_new = found.state is not payment.state
    reason = next((each.reason for each in payment.said if each.word is Word.REFUSED), "")
    waits = found.state is PaymentState.EXPECTED
    return msgspec.structs.replace(
        payment,
        state=found.state,
        booked_minor=payment.booked_minor if before.state in ENDED else found.booked_minor,
        bank_reference=found.bank_reference,
        reason=reason if is_new and found.state is PaymentState.REFUSED else payment.reason,
        said=tuple(counting(each, found.counts.get(place)) for place, each in enumerate(payment.said)),
        said_in=file if is_new else payment.said_in,
        ended_ms=desk.now_ms if is_new and found.state in ENDED else before.ended_ms,
        due_ms=payment.due_ms if waits else None,
    )


def ended(payment: Payment, desk: Desk, *, by: str = "", reference: str = "") -> set[str]:
    """Have the books of funds follow a payment that has just ended; return the window that may be settled now."""
    funds = desk.get(Funds, payment.subject)
    if funds is not None and funds.state is FundsState.APPROVED:
        if payment.state is PaymentState.POSTED:
            confirmed(funds, payment, desk, by=by, reference=reference)
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
    wanted: dict[str, tuple[DifferenceKind, str, Mapping[str, Any]]] = {}
    for place, kind in judged(payment).strays:
        id_, evidence = _difference_of(payment, place, desk)
        wanted[id_] = (kind, payment.said[place].file, evidence)
    if payment.state is PaymentState.MISSING:
        wanted[missing_id(payment.id)] = (DifferenceKind.MISSING, payment.file, {})
    for id_, (kind, file, evidence) in wanted.items():
        before = desk.get(Difference, id_)
        if before is not None and before.state is not DifferenceState.OPEN:
            continue
        if before is not None and (before.kind, before.theirs) == (kind, evidence):
            continue
        fresh = Difference(
            id=id_,
            at_ms=desk.now_ms if before is None else before.at_ms,
            source=BANK,
            kind=kind,
            file=file,
            subject=payment.id,
            about=payment.subject,
            reference=str(evidence.get("bank_reference", "")),
            ours=ours(payment),
            theirs=dict(evidence),
        )
        desk.keep(fresh if before is None else msgspec.structs.replace(fresh, version=before.version))
    for each in known:
        if each.id not in wanted:
            desk.keep(closed(each, desk.now_ms, by, _CLOSED_BY_ITSELF))


def difference_id(payment: str, place: int) -> str:
    """Return what the difference of something that the bank said of a payment is called."""
    return named("difference", payment, str(place))


def _difference_of(payment: Payment, place: int, desk: Desk) -> tuple[str, Mapping[str, Any]]:
    """Return what the difference of a place is called, and what the bank has, as evidence.

    Where a booking that had posted the payment does so no more, only what its difference had not moved is open.
    """
    said, id_ = payment.said[place], difference_id(payment.id, place)
    before = desk.get(Difference, id_)
    if said.counted is None or payment.state is PaymentState.POSTED:
        return id_, theirs(said)
    minor = said.counted if said.minor is None else said.minor
    whole = msgspec.structs.replace(
        said, minor=minor, currency=said.currency or payment.currency, direction=said.direction or side_of(payment)
    )
    left = minor if before is None else minor - before.moved_minor * (-1 if side_of(payment) == DEBIT else 1)
    is_of_before = before is not None and before.state is not DifferenceState.OPEN and before.kind in _OF_ITS_AMOUNT
    if not is_of_before or not left:
        return id_, theirs(whole)
    return named("difference", payment.id, str(place), "undone"), theirs(msgspec.structs.replace(whole, minor=left))


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


def _reopened(payment: Payment, desk: Desk) -> Payment:
    """Return a payment as not posted, where the bank has undone that, and no books rest on it yet."""
    window = desk.get(Window, payment.subject)
    if payment.state is not PaymentState.POSTED or window is None or window.state is WindowState.SETTLED:
        return payment
    contradicts = any(each.word is Word.REVERSED for each in payment.said) or any(
        each.counted is not None and kind_of(payment, each) is DifferenceKind.MISMATCH for each in payment.said
    )
    return msgspec.structs.replace(payment, state=PaymentState.EXPECTED, ended_ms=None) if contradicts else payment
