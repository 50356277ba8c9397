"""Raising disputes: who may raise what about which transfer, how much of it, and until when; no money moves here."""

from collections.abc import Sequence
from typing import ClassVar

from hub.core.admit import body_of
from hub.core.command import Done, Reason, Refusal, Transfer
from hub.core.office.dispute_rules import ENDED, Actor, DisputeEvent, answer_ms, reasons_for, step_of
from hub.core.office.disputes import Plainly, exceeded, least, linked_of, recall_of, tell, who_does
from hub.core.office.records import PROMISING, Dispute, DisputeKind, DisputeState, Step
from hub.core.participant import Scheme
from hub.core.record import Desk, Selector
from hub.core.stamp import stamp
from hub.core.transfer import Flow, State
from hub.core.use import RefusedError
from routing.money import Money


class Raise(Plainly, frozen=True, kw_only=True):
    """A participant raises a dispute about a completed transfer of its own."""

    on_behalf: ClassVar[bool] = False
    makes: ClassVar[str] = "dispute"

    dispute: str  # the id it gets
    kind: DisputeKind
    transfer: str
    participant: str  # who raises it; of an operator's own report of fraud: empty
    reason: str
    detail: str = ""
    currency: str = ""  # empty: the original's, of which there is no other
    minor: int = 0  # 0: all that may be asked for
    recall: bool = False  # with a report of fraud: ask for the money too

    def wants(self) -> Sequence[Selector]:
        """Want every dispute about the transfer, and this one, in case it is there already."""
        return (Selector(Dispute, "id", self.dispute), Selector(Dispute, "transfer", self.transfer))

    def originals(self) -> Sequence[str]:
        """Want the transfer, and what has been given back of it."""
        return (self.transfer,)

    def faulty(self, scheme: Scheme) -> Refusal | None:  # noqa: ARG002 - the reasons are the same in every scheme
        """Say what is wrong with it, whatever the transfer is."""
        detail = ""
        if self.reason not in reasons_for(self.kind):
            detail = f"a {self.kind} takes {', '.join(reasons_for(self.kind))}"
        elif self.minor < 0:
            detail = "ask for an amount above zero"
        elif self.recall and self.kind is not DisputeKind.FRAUD:
            detail = "a recall comes with a report of fraud only"
        return Refusal(reason=Reason.TERMS_INVALID, detail=detail) if detail else None

    def decided(self, desk: Desk) -> Done:
        """Keep it, and tell the others; a return is accepted as it is raised, for only who has the money raises it."""
        if desk.get(Dispute, self.dispute) is not None:
            raise RefusedError(Reason.DUPLICATE, transfer=self.dispute)
        transfer = desk.transfers.get(self.transfer)
        if transfer is None or transfer.flow is Flow.ERRAND or not self._actors(transfer):
            raise RefusedError(Reason.ORIGINAL_UNKNOWN)
        self._check_who(desk, transfer)
        self._check_terms(transfer)
        kinds = (self.kind, DisputeKind.RECALL) if self.recall else (self.kind,)
        for made in [self._of_kind(kind, desk, transfer) for kind in kinds]:
            kept = desk.keep(made)
            if kept.state in PROMISING:
                desk.promise(kept.transfer, kept.linked, kept.given_minor)
            tell(desk, kept, DisputeEvent.RAISED, but="" if self.on_behalf else self.participant)
        return Done(transfer=self.dispute)

    def _actors(self, transfer: Transfer) -> frozenset[Actor]:
        if self.on_behalf and not self.participant:
            return frozenset({Actor.OPERATOR})
        roles = {
            Actor.PAYER_FSP: transfer.payer_fsp,
            Actor.PAYEE_FSP: transfer.payee_fsp,
            Actor.BILLER: body_of(transfer).biller,
        }
        return frozenset(role for role, who in roles.items() if who and who == self.participant)

    def _check_who(self, desk: Desk, transfer: Transfer) -> None:
        if not self.on_behalf and not desk.scheme.active(self.participant):
            raise RefusedError(Reason.CALLER_SUSPENDED)
        row = step_of(self.kind, None, DisputeEvent.RAISED)
        by = row.by if row is not None else frozenset()
        if not self._actors(transfer) & (by if self.kind is DisputeKind.FRAUD else by - {Actor.OPERATOR}):
            may = " or ".join(sorted(by - {Actor.OPERATOR}))
            raise RefusedError(Reason.ROLE_FORBIDS, f"a {self.kind} is raised by, or for, the {may}")

    def _check_terms(self, transfer: Transfer) -> None:
        if transfer.state is not State.COMMITTED or transfer.original:
            raise RefusedError(Reason.ORIGINAL_NOT_COMMITTED, f"it is {transfer.state}")
        if self.currency not in ("", transfer.currency):
            raise RefusedError(Reason.ORIGINAL_CURRENCY, transfer.currency)
        if self.recall and self.participant != transfer.payer_fsp:
            raise RefusedError(Reason.ROLE_FORBIDS, "a recall is raised by, or for, the payer FSP")

    def _of_kind(self, kind: DisputeKind, desk: Desk, transfer: Transfer) -> Dispute:
        """Make the dispute, or the recall that comes with a report of fraud."""
        about = desk.where(Dispute, transfer=transfer.id)
        others = [each for each in about if each.kind is kind and each.state not in ENDED]
        minor = self._amount(kind, others, desk, transfer)
        same = [each.id for each in others if each.minor == minor]
        if same:
            raise RefusedError(Reason.RECORD_FORBIDS, f"{same[0]} asks for the same")
        if kind is not DisputeKind.FRAUD:
            late_ms = transfer.updated_ms + desk.scheme.disputes.return_within_s * 1000
            if desk.now_ms > late_ms:
                raise RefusedError(Reason.RECORD_FORBIDS, f"it was to be raised by {stamp(late_ms)}")
            if kind is DisputeKind.RECALL and transfer.payer_fsp == transfer.payee_fsp:
                raise RefusedError(Reason.TERMS_INVALID, "both sides are one participant: reverse it")
        return self._made(kind, minor, desk, transfer)

    def _amount(self, kind: DisputeKind, others: Sequence[Dispute], desk: Desk, transfer: Transfer) -> int:
        """Return what is asked for: no more than is left, less what is asked for already."""
        left = transfer.minor
        if kind is not DisputeKind.FRAUD:
            asked = sum(each.minor for each in others if each.state is DisputeState.OPEN)
            left = desk.left(transfer) - asked
        minor = self.minor or left
        if not 0 < minor <= left:
            raise exceeded(transfer, left)
        smallest = least(desk, transfer)
        if minor < smallest and kind is not DisputeKind.FRAUD:
            raise RefusedError(Reason.AMOUNT_TOO_SMALL, f"at least {Money(smallest, transfer.currency)}")
        return minor

    def _made(self, kind: DisputeKind, minor: int, desk: Desk, transfer: Transfer) -> Dispute:
        row = step_of(kind, None, DisputeEvent.RAISED)
        if row is None:
            raise AssertionError(f"nothing is raised as {kind}")
        is_return, with_report = kind is DisputeKind.RETURN, kind is not self.kind
        id_ = recall_of(self.dispute) if with_report else self.dispute
        deadline_ms = None if is_return else desk.now_ms + answer_ms(self.reason, desk.scheme.disputes)
        on_payees_side = self._actors(transfer) & {Actor.PAYEE_FSP, Actor.BILLER}
        who = who_does(self, desk, self.participant) if self.on_behalf else self.participant
        return Dispute(
            id=id_,
            at_ms=desk.now_ms,
            due_ms=desk.now_ms if is_return else deadline_ms,
            kind=kind,
            transfer=transfer.id,
            payer_fsp=transfer.payer_fsp,
            payee_fsp=transfer.payee_fsp,
            raised_by=self.participant,
            against=transfer.payer_fsp if on_payees_side else transfer.payee_fsp,
            reason=self.reason,
            detail=self.detail,
            currency=transfer.currency,
            minor=minor,
            state=row.next,
            deadline_ms=deadline_ms,
            given_minor=minor if is_return else 0,
            linked=linked_of(id_) if is_return else "",
            report=self.dispute if with_report else "",
            steps=(Step(at_ms=desk.now_ms, who=who, what=DisputeEvent.RAISED, detail=self.detail),),
        )


class RaiseFor(Raise, frozen=True, kw_only=True):
    """An operator raises a dispute for a participant, or reports fraud for the scheme.

    A return moves money, and so does a recall that nobody answers: it takes two people.
    """

    checked: ClassVar[bool] = True
    on_behalf: ClassVar[bool] = True
