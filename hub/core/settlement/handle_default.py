"""Handling a default: the deed that does what a preview shows, in one commit, with two people; nothing is forgotten.

The participant's new debits are blocked, whatever the path. What was owed before is kept as replaced, what was not
booked yet is cancelled, and payments for what is still to be paid are made where the window was released.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import ClassVar, Final

import msgspec

from hub.core.command import Done, Reason, Refusal, Result
from hub.core.office.closing import close_all
from hub.core.office.liquidity import block
from hub.core.office.records import Difference, DifferenceKind
from hub.core.participant import AccountKey, Scheme, purse_key
from hub.core.record import Deed, Desk, Kept, Selector
from hub.core.settlement.close import oblige
from hub.core.settlement.default import DefaultError, Preview, preview
from hub.core.settlement.names import blocking_id, line_of, obligation_id
from hub.core.settlement.rules import DefaultPath, Netting
from hub.core.settlement.settle import accounts_to_settle, instruct, settle, settled_if_paid, wanted_to_settle
from hub.core.settlement.window import (
    Default,
    Obligation,
    ObligationState,
    Payment,
    PaymentState,
    Said,
    Window,
    WindowState,
    Word,
)
from hub.ledger.account import Kind
from hub.ledger.journal import Phase, Posting
from hub.ledger.position import available
from routing.money import Money

_REPLACED: Final = (DifferenceKind.OVER, DifferenceKind.UNDER, DifferenceKind.MISSING, DifferenceKind.REFUSED)


class HandleDefault(Deed, frozen=True, kw_only=True):
    """Handle the default of a participant that cannot pay what it owes for a window."""

    checked: ClassVar[bool] = True
    window: str
    participant: str
    path: DefaultPath
    override: bool = False  # the path is another than the model's terms say
    why: str

    def wants(self) -> Sequence[Selector]:
        """Want the window, what is owed and paid for it, and the windows of its model that are not settled."""
        return (
            *wanted_to_settle(self.window),
            Selector(Window, "unsettled", line_of(self.window)),
            Selector(Difference, "about", self.window),
        )

    def accounts(self, kept: Kept, scheme: Scheme) -> Iterable[AccountKey]:  # noqa: ARG002 - as every deed is asked
        """Want all positions of the window, and the scheme's own accounts."""
        listed = accounts_to_settle(self.window, kept)
        own = [("", currency, kind) for _, currency, _ in listed[:1] for kind in (Kind.FEES, Kind.GUARANTEE)]
        return [*listed, *own]

    def decide(self, desk: Desk) -> Result:
        """Do what the preview shows."""
        window = desk.get(Window, self.window)
        if window is None:
            return Refusal(reason=Reason.RECORD_UNKNOWN, detail="there is no such window")
        if wrong := self._wrong(window):
            return Refusal(reason=Reason.TERMS_INVALID, detail=wrong)
        obligations = desk.where(Obligation, window=window.id)
        payments = desk.where(Payment, subject=window.id)
        try:
            shown = preview(window, obligations, payments, self.participant, self.path)
        except DefaultError as error:
            return Refusal(reason=Reason.RECORD_FORBIDS, detail=str(error))
        into = _open_one(window, desk)
        if shown.carried and into is None:
            detail = f"no window of {window.model} takes it on any more: cover the default, or unwind it"
            return Refusal(reason=Reason.RECORD_FORBIDS, detail=detail)
        if short := _short(window, shown, desk):
            return Refusal(reason=Reason.CAP_EXCEEDED, detail=short)
        self._carry_out(window, into, shown, desk)
        return Done(transfer=window.id)

    def _wrong(self, window: Window) -> str:
        if not self.why.strip():
            return "say why"
        if self.path is not window.terms.default and not self.override:
            return (
                f"{window.model} handles a default by {window.terms.default}; to do otherwise, say that you override it"
            )
        return ""

    def _carry_out(self, window: Window, into: Window | None, shown: Preview, desk: Desk) -> None:
        handled = Default(
            participant=self.participant,
            path=self.path,
            minor=shown.minor,
            at_ms=desk.now_ms,
            by=self.by,
            why=self.why,
            covered=shown.covered,
            carried_to=into.id if shown.carried and into is not None else "",
        )
        _enter(window, shown, desk)
        reason = f"default in window {window.number} of {window.model}: {self.why}"
        change = blocking_id(window.id, window.revision, self.participant)
        block(change, self.participant, window.currency, by=self.by, why=reason, desk=desk)
        if shown.carried and into is not None:
            desk.keep(msgspec.structs.replace(into, carried=(*into.carried, *shown.carried)))
        after = msgspec.structs.replace(window, revision=window.revision + 1, defaults=(*window.defaults, handled))
        _replace(window, shown, desk)
        for each in (*shown.counted, *shown.cancelled):
            # What they were to move, and did not, is in the new payments.
            close_all(each, _REPLACED, desk, by=f"{self.by} and {desk.approved_by}", resolution="default", why=reason)
        desk.keep(after)
        oblige(after, shown.obligations, desk)
        instruct(after, shown.payments, desk)
        if after.state is WindowState.SETTLING:
            settled_if_paid(after, desk)
        elif not shown.obligations:
            settle(after, desk)


def covering_subject(window: str, participant: str) -> str:
    """Return under which subject the guarantee pays."""
    return f"cover:{window}:{participant}"


def unwinding_subject(window: str, participant: str) -> str:
    """Return under which subject movements are undone."""
    return f"unwind:{window}:{participant}"


def _open_one(window: Window, desk: Desk) -> Window | None:
    """Return the open window that takes on what is carried; a model that has become another takes nothing on."""
    found = desk.where(Window, model=window.model, state=WindowState.OPEN, currency=window.currency)
    return found[0] if found and found[0].terms.netting is not Netting.PREFUNDED else None


def _short(window: Window, shown: Preview, desk: Desk) -> str:
    """Say what the guarantee lacks; empty: nothing."""
    guarantee = desk.book.accounts[desk.purse(("", window.currency, Kind.GUARANTEE))]
    there = available(guarantee) or 0
    needed = shown.guarantee_minor
    if needed <= there:
        return ""
    has, wanted = Money(there, window.currency), Money(needed, window.currency)
    return f"the guarantee has {has} {window.currency}, and {wanted} are needed"


def _enter(window: Window, shown: Preview, desk: Desk) -> None:
    """Enter what the guarantee pays or gets back, and what is undone."""
    guarantee = desk.purse(("", window.currency, Kind.GUARANTEE))
    pays: Counter[str] = Counter()
    for each in shown.covered:
        pays[each.debtor] += each.minor
    postings: list[Posting] = []
    for participant, minor in sorted(pays.items()):
        position = desk.purse((participant, window.currency, Kind.POSITION))
        debit, credit = (guarantee, position) if minor > 0 else (position, guarantee)
        if minor:
            subject = covering_subject(window.id, participant)
            postings.append(Posting(subject, debit, credit, abs(minor), Phase.DIRECT))
    for back in shown.undone:
        debit, credit = (desk.purse(purse_key(side, window.currency)) for side in (back.debtor, back.creditor))
        subject = unwinding_subject(window.id, shown.participant)
        postings.append(Posting(subject, debit, credit, back.minor, Phase.DIRECT))
    if postings:
        desk.enter(postings, beyond_cap=True)


def _replace(window: Window, shown: Preview, desk: Desk) -> None:
    """End what was owed until now, and the payments that are not wanted any more; those that are go on."""
    for owed in desk.where(Obligation, window=window.id, state=ObligationState.DUE):
        desk.keep(msgspec.structs.replace(owed, state=ObligationState.REPLACED))
    fresh = {
        (each.debtor, each.creditor, each.subject): obligation_id(
            window.id, window.revision + 1, each.debtor, each.creditor, each.subject
        )
        for each in shown.obligations
    }
    subjects = {each.id: each.subject for each in desk.where(Obligation, window=window.id)}
    reason = f"the default of {shown.participant} was handled"
    for payment in desk.where(Payment, subject=window.id):
        own = fresh.get((payment.debtor, payment.creditor, subjects.get(payment.obligation, "")))
        if payment.id in shown.kept and own is not None:
            desk.keep(msgspec.structs.replace(payment, obligation=own))
        if payment.id in shown.cancelled:
            desk.keep(
                msgspec.structs.replace(
                    payment, state=PaymentState.CANCELLED, due_ms=None, ended_ms=desk.now_ms, reason=reason
                )
            )
        if payment.id in shown.counted:
            # The rest of it, or what was too much, is in the new payments: nobody is to put it right a second time.
            desk.keep(
                msgspec.structs.replace(
                    payment,
                    state=PaymentState.POSTED,
                    minor=payment.booked_minor,
                    said=tuple(_counting(each) for each in payment.said),
                    due_ms=None,
                    ended_ms=desk.now_ms,
                    reason=f"{reason}: what was booked counts, instead of {payment.minor}",
                )
            )


def _counting(said: Said) -> Said:
    """Return what the bank said, a booking as one that counts for what it is."""
    return msgspec.structs.replace(said, counted=said.minor) if said.word is Word.BOOKED else said
