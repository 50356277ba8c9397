"""Settling: what is owed is released to the settlement bank, and once it is paid the books say so, all or nothing.

The postings of a window are one journal, written when the bank has booked every payment; before that nothing is
written, so settling is resumed by whatever payment is booked next. Nothing is settled that was not released.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import ClassVar, Final

import msgspec

from hub.core.command import Done, Reason, Refusal, Result
from hub.core.participant import AccountKey, Scheme
from hub.core.record import Deed, Desk, Kept, Selector
from hub.core.settlement.names import line_of, obligation_id, payment_id
from hub.core.settlement.netting import SCHEME, Due, Edge, add, owed
from hub.core.settlement.window import Obligation, ObligationState, Payment, PaymentState, Window, WindowState
from hub.ledger.account import Kind
from hub.ledger.journal import Phase, Posting
from routing.money import Money

# Not known to be booked, and still wanted.
AWAITED: Final = frozenset({PaymentState.EXPECTED, PaymentState.MISSING})
# Of these the bank has moved something, if not always what was wanted.
MOVED: Final = frozenset({PaymentState.OVER, PaymentState.UNDER})
NOT_YET: Final = {
    WindowState.OPEN: "it is open: close it first",
    WindowState.CLOSED: "what is owed is not reckoned yet",
    WindowState.SETTLING: "it was released before, and is settling",
    WindowState.SETTLED: "it is settled",
}


def wanted_to_settle(window: str) -> tuple[Selector, ...]:
    """Say which records a deed must want that may settle a window."""
    return (
        Selector(Window, "id", window),
        Selector(Obligation, "window", window),
        Selector(Payment, "subject", window),
    )


def accounts_to_settle(window: str, kept: Kept) -> list[AccountKey]:
    """Say which accounts a deed must lock that may settle a window."""
    found = kept.get(Window, {}).get(window)
    if not isinstance(found, Window):
        return []
    sides = {side for each in (*found.movements, *found.carried) for side in (each.debtor, each.creditor)}
    for each in kept.get(Obligation, {}).values():
        if isinstance(each, Obligation) and each.window == window:
            sides |= {each.debtor, each.creditor}
    return [
        ("", found.currency, Kind.SETTLEMENT_BANK),
        *((side, found.currency, Kind.POSITION) for side in sorted(sides - {SCHEME})),
    ]


class Release(Deed, frozen=True, kw_only=True):
    """Release what is owed for a window to the settlement bank: a payment for every obligation."""

    checked: ClassVar[bool] = True
    window: str

    def wants(self) -> Sequence[Selector]:
        """Want the window, what is owed for it, and the windows of its model that are not settled."""
        return (*wanted_to_settle(self.window), Selector(Window, "unsettled", line_of(self.window)))

    def accounts(self, kept: Kept, scheme: Scheme) -> Iterable[AccountKey]:  # noqa: ARG002 - as every deed is asked
        """Want those that it may settle."""
        return accounts_to_settle(self.window, kept)

    def decide(self, desk: Desk) -> Result:
        """Make the payments; windows of a model are released in their order."""
        window = desk.get(Window, self.window)
        if window is None:
            return Refusal(reason=Reason.RECORD_UNKNOWN, detail="there is no such window")
        if window.state is not WindowState.RECKONED:
            return Refusal(reason=Reason.RECORD_FORBIDS, detail=NOT_YET[window.state])
        for each in desk.where(Window, unsettled=window.unsettled):
            if each.number < window.number and each.state is not WindowState.SETTLING:
                detail = (
                    f"settling out of order: window {each.number} of {each.model} is {each.state}; release it first"
                )
                return Refusal(reason=Reason.RECORD_FORBIDS, detail=detail)
        released = msgspec.structs.replace(window, state=WindowState.SETTLING, released_ms=desk.now_ms, due_ms=None)
        desk.keep(released)
        due = [Due(each.debtor, each.creditor, each.minor, each.subject) for each in _owed(window, desk)]
        instruct(released, due, desk)
        settled_if_paid(released, desk)
        return Done(transfer=window.id)


class ReleaseAutomatically(Release, frozen=True, kw_only=True):
    """Release what is owed by a model that needs no two people for that, as its terms say."""

    checked: ClassVar[bool] = False

    def decide(self, desk: Desk) -> Result:
        """Release it, if its terms allow that."""
        window = desk.get(Window, self.window)
        if window is not None and not window.terms.automatic:
            detail = f"{window.model} is released by two people: propose Release"
            return Refusal(reason=Reason.CHECKER_NEEDED, detail=detail)
        return Release.decide(self, desk)


class PayAgain(Deed, frozen=True, kw_only=True):
    """Have a payment made that the settlement bank has refused, as a new one."""

    checked: ClassVar[bool] = True
    window: str
    payment: str
    why: str

    def wants(self) -> Sequence[Selector]:
        """Want the window, what is owed for it, and its payments."""
        return wanted_to_settle(self.window)

    def decide(self, desk: Desk) -> Result:
        """Cancel the refused payment, and make another of the same amount between the same two."""
        window, payment = desk.get(Window, self.window), desk.get(Payment, self.payment)
        if window is None or payment is None or payment.subject != window.id:
            return Refusal(reason=Reason.RECORD_UNKNOWN, detail="there is no such payment for this window")
        if payment.state is not PaymentState.REFUSED:
            return Refusal(reason=Reason.RECORD_FORBIDS, detail=f"the payment is {payment.state}, not refused")
        if not self.why.strip():
            return Refusal(reason=Reason.TERMS_INVALID, detail="say why it will be taken now")
        again = payment_id(payment.id)
        ended = {"state": PaymentState.CANCELLED, "ended_ms": desk.now_ms, "due_ms": None}
        desk.keep(msgspec.structs.replace(payment, **ended, reason=f"{payment.reason}; paid again as {again}"))
        fresh = _payment(window, again, payment.obligation, payment, desk)
        _tell_of(desk.keep(fresh), window, desk)
        return Done(transfer=again)


def instruct(window: Window, due: Iterable[Due], desk: Desk) -> None:
    """Make a payment for everything that is due, and tell both sides."""
    known = {(each.debtor, each.creditor, each.subject): each.id for each in _owed(window, desk)}
    earlier = {
        frozenset((each.debtor, each.creditor, each.subject)): each.id
        for each in desk.where(Obligation, window=window.id)
    }
    for each in due:
        own = obligation_id(window.id, window.revision, each.debtor, each.creditor, each.subject)
        # What is paid back is owed for nothing any more: it belongs to the obligation that was paid too much.
        back = earlier.get(frozenset((each.debtor, each.creditor, each.subject)), "")
        owner = known.get((each.debtor, each.creditor, each.subject), back)
        payment = desk.keep(_payment(window, payment_id(own), owner, each, desk))
        _tell_of(payment, window, desk)


def _payment(window: Window, id_: str, obligation: str, due: Due | Payment, desk: Desk) -> Payment:
    return Payment(
        id=id_,
        at_ms=desk.now_ms,
        due_ms=desk.now_ms + window.terms.sla_s * 1000,
        subject=window.id,
        obligation=obligation,
        debtor=due.debtor,
        creditor=due.creditor,
        currency=window.currency,
        minor=due.minor,
        state=PaymentState.EXPECTED,
    )


def cash(payments: Iterable[Payment], obligations: Iterable[Obligation]) -> Counter[Edge]:
    """Return what the settlement bank has moved for a window, as edges."""
    subjects = {each.id: each.subject for each in obligations}
    edges: Counter[Edge] = Counter()
    for each in payments:
        minor = each.minor if each.state is PaymentState.POSTED else each.booked_minor if each.state in MOVED else 0
        if minor:
            add(edges, each.debtor, each.creditor, minor, subjects.get(each.obligation, ""))
    return edges


def left_to_pay(payment: Payment, window: Window, desk: Desk) -> int:
    """Return what is owed on the way of a payment and no other payment has paid or is to pay: minor units, or none."""
    subjects = {each.id: each.subject for each in desk.where(Obligation, window=window.id)}
    left: Counter[Edge] = Counter()
    for due in _owed(window, desk):
        add(left, due.debtor, due.creditor, due.minor, due.subject)
    for each in desk.where(Payment, subject=window.id):
        if each.id != payment.id and each.state in AWAITED | MOVED | {PaymentState.POSTED}:
            add(left, each.debtor, each.creditor, -each.minor, subjects.get(each.obligation, ""))
    return max(0, owed(left, payment.debtor, payment.creditor, subjects.get(payment.obligation, "")))


def settled_if_paid(window: Window, desk: Desk) -> bool:
    """Settle a window when every payment for what is owed now is booked; say whether it is settled by that.

    The deed must want `wanted_to_settle` and the accounts `accounts_to_settle`.
    """
    found = desk.get(Window, window.id)
    if found is None or found.state is not WindowState.SETTLING:
        return False
    payments = desk.where(Payment, subject=found.id)
    if any(each.state in AWAITED for each in payments):
        return False
    obligations = _owed(found, desk)
    wanted: Counter[Edge] = Counter()
    for each in obligations:
        add(wanted, each.debtor, each.creditor, each.minor, each.subject)
    moved = cash(payments, desk.where(Obligation, window=found.id))
    if any(wanted[edge] != moved[edge] for edge in {*wanted, *moved}):
        return False
    settle(found, desk)
    return True


def settle(window: Window, desk: Desk) -> None:
    """Enter all of a window's postings in one journal, and end it."""
    obligations = _owed(window, desk)
    if obligations:
        desk.enter([_posting(window, each, desk) for each in obligations], beyond_cap=True)
    for each in obligations:
        desk.keep(msgspec.structs.replace(each, state=ObligationState.SETTLED))
    settled = desk.keep(
        msgspec.structs.replace(window, state=WindowState.SETTLED, settled_ms=desk.now_ms, due_ms=None, unsettled="")
    )
    for participant in sorted({side for each in obligations for side in (each.debtor, each.creditor)} - {SCHEME}):
        paid = sum(each.minor for each in obligations if each.debtor == participant)
        received = sum(each.minor for each in obligations if each.creditor == participant)
        body = {
            **_words(settled),
            "paid": str(Money(paid, window.currency)),
            "received": str(Money(received, window.currency)),
        }
        desk.tell(participant, settled, "settlement.settled", body)


def settling_subject(window: str) -> str:
    """Return under which subject a window's postings are."""
    return f"settle:{window}"


def _owed(window: Window, desk: Desk) -> list[Obligation]:
    every = desk.where(Obligation, window=window.id, revision=window.revision)
    return [each for each in every if each.state is ObligationState.DUE]


def _posting(window: Window, each: Obligation, desk: Desk) -> Posting:
    """Move what was paid: whoever paid has its position back up, whoever was paid down; the scheme's is its cash."""

    def purse(side: str) -> int:
        return desk.purse((side, window.currency, Kind.POSITION if side else Kind.SETTLEMENT_BANK))

    return Posting(settling_subject(window.id), purse(each.creditor), purse(each.debtor), each.minor, Phase.DIRECT)


def _tell_of(payment: Payment, window: Window, desk: Desk) -> None:
    """Tell both sides of a payment what is to be paid, by when."""
    for participant, role in ((payment.debtor, "debtor"), (payment.creditor, "creditor")):
        if participant:
            body = {
                **_words(window),
                "payment": payment.id,
                "role": role,
                "other": payment.creditor if role == "debtor" else payment.debtor,
                "amount": str(payment_money(payment)),
                "dueMs": payment.due_ms,
            }
            desk.tell(participant, payment, "settlement.obligation", body)


def payment_money(payment: Payment) -> Money:
    """Return what a payment moves."""
    return Money(payment.minor, payment.currency)


def _words(window: Window) -> dict[str, object]:
    return {"window": window.id, "model": window.model, "number": window.number, "currency": window.currency}
