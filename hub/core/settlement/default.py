"""Default: what is owed for a window when a participant cannot pay, worked out before it is done; nothing is written.

Covered: the guarantee pays what the participant did not. Excluded and unwound: what moved with it is left out, and
moves on to the model's next window, or is undone between the positions. Nothing that the bank has booked is forgotten:
what is still to be paid is what is owed now, less that; it may be a payment back.
"""

from collections import Counter
from collections.abc import Iterable, Sequence

import msgspec

from hub.core.settlement.netting import SCHEME, Due, Edge, add, dues, netted, of, owed, without
from hub.core.settlement.rules import DefaultPath, Netting
from hub.core.settlement.settle import AWAITED, MOVED, cash
from hub.core.settlement.window import (
    Default,
    Movement,
    Obligation,
    ObligationState,
    Payment,
    PaymentState,
    Window,
    WindowState,
)
from hub.ledger.account import Account, Kind
from hub.ledger.position import available

# The bank has not moved anything for these, and is not to any more.
UNBOOKED = AWAITED | {PaymentState.REFUSED}


class DefaultError(ValueError):
    """There is no default to be handled here; says why."""


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """How one participant stands, in minor units: what it is to get for the whole window; below zero, to pay."""

    participant: str
    before: int
    after: int
    booked: int  # of this, what the bank has booked


class Preview(msgspec.Struct, frozen=True, kw_only=True):
    """What handling a default comes to. Amounts are minor units of the window's currency."""

    window: str
    participant: str
    path: DefaultPath
    minor: int  # what the participant has not paid
    obligations: tuple[Due, ...]  # what is owed then
    covered: tuple[Movement, ...]  # by how much what the guarantee pays changes, for each debt
    carried: tuple[Movement, ...]  # into the model's next window
    undone: tuple[Due, ...]  # who gives back what it gained, and to whom
    payments: tuple[Due, ...]  # what the bank is to be told to pay
    kept: tuple[str, ...]  # payments that it has been told of, and that are wanted as they are
    cancelled: tuple[str, ...]  # payments that are not wanted any more
    counted: tuple[str, ...]  # payments that were booked with more or less: what was booked counts
    lines: tuple[Line, ...]

    @property
    def guarantee_minor(self) -> int:
        """What the guarantee pays."""
        return sum(each.minor for each in self.covered)


def preview(
    window: Window, obligations: Sequence[Obligation], payments: Sequence[Payment], participant: str, path: DefaultPath
) -> Preview:
    """Say what would become of a window; `obligations` and `payments`: all of it, also earlier ones.

    Raises DefaultError.
    """
    if window.state not in (WindowState.RECKONED, WindowState.SETTLING):
        raise DefaultError(
            f"the window is {window.state}; a default is handled when what is owed is known and not paid"
        )
    if any(each.state is PaymentState.MISMATCH for each in payments):
        raise DefaultError("a payment was not booked as it was instructed: resolve that difference first")
    now = _edges(each for each in obligations if each.state is ObligationState.DUE)
    booked = cash(payments, obligations)
    unpaid = _unpaid(now, booked, participant) if participant != SCHEME else 0
    if not unpaid:
        raise DefaultError(f"{participant or 'the scheme'} owes nothing for this window that is not paid")
    moved = movements_of(window, obligations)
    left_out = _left_out(window.defaults)
    mine = of(without(moved, left_out), participant)
    handled = Default(participant=participant, path=path, minor=unpaid, at_ms=0, by="")
    handled = msgspec.structs.replace(handled, covered=_covered(window, moved, handled, booked))
    then = revised(window.terms.netting, moved, (*window.defaults, handled))
    left = dues(_less(then, booked)) if window.state is WindowState.SETTLING else []
    kept = _kept(left, payments, obligations)
    return Preview(
        window=window.id,
        participant=participant,
        path=path,
        minor=unpaid,
        obligations=tuple(dues(then)),
        covered=handled.covered,
        carried=mine if path is DefaultPath.EXCLUDE else (),
        undone=undone(mine) if path is DefaultPath.UNWIND else (),
        payments=tuple(each for each in left if each not in kept.values()),
        kept=tuple(kept),
        cancelled=tuple(each.id for each in payments if _is_unbooked(each) and each.id not in kept),
        counted=tuple(each.id for each in payments if each.state in MOVED and each.booked_minor),
        lines=_lines(now, then, booked),
    )


def movements_of(window: Window, obligations: Iterable[Obligation]) -> tuple[Movement, ...]:
    """Return what a window was reckoned from, with what was carried into it; a gross one's first obligations say it."""
    if window.terms.netting is not Netting.GROSS:
        return (*window.movements, *window.carried)
    return tuple(
        Movement(each.debtor, each.creditor, each.minor, 1, each.subject)
        for each in sorted(obligations, key=lambda each: each.id)
        if not each.revision
    )


def revised(netting: Netting, movements: Iterable[Movement], defaults: Sequence[Default]) -> Counter[Edge]:
    """Return what is owed after these defaults were handled: what was left out is out, what is covered is replaced."""
    edges = netted(netting, without(movements, _left_out(defaults)))
    for default in defaults:
        for each in default.covered:
            add(edges, each.debtor, each.creditor, -each.minor, each.subject)
            if each.creditor != SCHEME:
                add(edges, SCHEME, each.creditor, each.minor, each.subject)
    return edges


def undone(movements: Sequence[Movement]) -> tuple[Due, ...]:
    """Return what is given back to undo movements, net for each pair: the debtor here gained it."""
    return tuple(Due(each.creditor, each.debtor, each.minor) for each in dues(netted(Netting.BILATERAL, movements)))


def _left_out(defaults: Iterable[Default]) -> set[str]:
    return {each.participant for each in defaults if each.path is not DefaultPath.COVER}


def _covered(
    window: Window, moved: Sequence[Movement], handled: Default, booked: Counter[Edge]
) -> tuple[Movement, ...]:
    """Return by how much what the guarantee pays changes: for every covered participant, to what it has not paid now.

    When another participant is left out later, what a covered one owes changes, and the guarantee's part with it.
    """
    defaults = (*window.defaults, handled)
    names = {each.participant for each in defaults if each.path is DefaultPath.COVER} - _left_out(defaults)
    plain = netted(window.terms.netting, without(moved, _left_out(defaults)))
    change: Counter[tuple[str, str, str]] = Counter()
    for due in dues(plain):
        if due.debtor in names:
            paid = min(max(owed(booked, due.debtor, due.creditor, due.subject), 0), due.minor)
            change[due.debtor, due.creditor, due.subject] += due.minor - paid
    for each in (one for default in window.defaults for one in default.covered):
        change[each.debtor, each.creditor, each.subject] -= each.minor
    return tuple(
        Movement(debtor, creditor, minor, 0, subject)
        for (debtor, creditor, subject), minor in sorted(change.items())
        if minor
    )


def _edges(obligations: Iterable[Obligation]) -> Counter[Edge]:
    edges: Counter[Edge] = Counter()
    for each in obligations:
        add(edges, each.debtor, each.creditor, each.minor, each.subject)
    return edges


def _unpaid(now: Counter[Edge], booked: Counter[Edge], participant: str) -> int:
    mine = (each for each in dues(now) if each.debtor == participant)
    return sum(max(0, each.minor - max(0, owed(booked, participant, each.creditor, each.subject))) for each in mine)


def _is_unbooked(payment: Payment) -> bool:
    return payment.state in UNBOOKED or (payment.state in MOVED and not payment.booked_minor)


def _kept(left: Sequence[Due], payments: Iterable[Payment], obligations: Iterable[Obligation]) -> dict[str, Due]:
    """Return the payments under way that are exactly what is left to be paid: nobody is told to pay them twice."""
    subjects = {each.id: each.subject for each in obligations}
    awaited = {
        Due(each.debtor, each.creditor, each.minor, subjects.get(each.obligation, "")): each.id
        for each in payments
        if each.state in AWAITED
    }
    return {awaited[each]: each for each in left if each in awaited}


def _less(then: Counter[Edge], booked: Counter[Edge]) -> Counter[Edge]:
    left = Counter(then)
    left.subtract(booked)
    return left


def _lines(now: Counter[Edge], then: Counter[Edge], booked: Counter[Edge]) -> tuple[Line, ...]:
    before, after, moved = _gains(now), _gains(then), _gains(booked)
    return tuple(
        Line(participant=name, before=before[name], after=after[name], booked=moved[name])
        for name in sorted({*before, *after, *moved} - {SCHEME})
    )


def _gains(edges: Counter[Edge]) -> Counter[str]:
    found: Counter[str] = Counter()
    for each in dues(edges):
        found[each.creditor] += each.minor
        found[each.debtor] -= each.minor
    return found


def guarantee_in(accounts: Iterable[Account], currency: str) -> int:
    """Return what the guarantee of a currency may pay, in minor units."""
    return sum(available(each) or 0 for each in accounts if (each.kind, each.currency) == (Kind.GUARANTEE, currency))
