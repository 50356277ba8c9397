"""Disputes: returns, recalls and reports of fraud, each a deed; none of them moves money, the linked transfer does.

What is accepted is kept of the original, under its lock, until the linked transfer has begun; so whatever is given back
of a transfer, by disputes and by the API's reversals, is together never more than it was.
"""

from collections.abc import Sequence
from typing import Any, ClassVar, Final

import msgspec

from hub.core.batch import derived
from hub.core.command import Body, Done, Reason, Refusal, Result, Submit, Transfer
from hub.core.office.dispute_rules import REFUSALS, DisputeEvent, step_of
from hub.core.office.dispute_terms import Deemed
from hub.core.office.records import PROMISING, Dispute, DisputeKind, DisputeState, Step
from hub.core.participant import Scheme
from hub.core.record import Deed, Desk, Selector
from hub.core.stamp import stamp
from hub.core.transfer import FINAL, State
from hub.core.use import RefusedError
from routing.money import Money

ALREADY_RETURNED: Final = "ARDT"
NO_ANSWER: Final = "NOAS"
# How soon a linked transfer that has not ended is looked at again: after as long as it has taken so far, within these.
FOLLOW_MIN_MS: Final = 1_000
FOLLOW_MAX_MS: Final = 60_000
_ANSWERS: Final = frozenset({DisputeEvent.ACCEPTED, DisputeEvent.REFUSED})
_DEEMED: Final = frozenset({DisputeEvent.DEEMED_ACCEPTED, DisputeEvent.DEEMED_REFUSED})


def linked_of(dispute: str) -> str:
    """Return the id of the transfer that gives back what a dispute is about: there is one for each, and no second."""
    return derived(dispute, "return", 0, 0)


def recall_of(report: str) -> str:
    """Return the id of the recall that is raised together with a report of fraud."""
    return derived(report, "recall", 0, 0)


def concerned(dispute: Dispute) -> tuple[str, ...]:
    """List the participants that a dispute concerns, who may see it and are told of it; each once."""
    every = (dispute.raised_by, dispute.payer_fsp, dispute.payee_fsp)
    return tuple(dict.fromkeys(each for each in every if each))


def submission(dispute: Dispute) -> Submit:
    """Return the command that gives back what was accepted; said again, it is the same command."""
    pairs = {"disputeReference": dispute.id, "reasonCode": dispute.reason}
    return Submit(
        transfer=dispute.linked,
        caller=dispute.payee_fsp,
        body=Body(
            request=derived(dispute.id, "request", 0, 0),
            payer=(),
            payee=(),
            type="reversal",
            details={"customData": [{"key": key, "value": value} for key, value in pairs.items()]},
        ),
        money=Money(dispute.given_minor, dispute.currency),
        original=dispute.transfer,
    )


class Plainly(Deed, frozen=True, kw_only=True):
    """A deed about disputes: what speaks against it is raised, and said as a refusal."""

    def decide(self, desk: Desk) -> Result:
        """Carry it out, or say why not."""
        try:
            return self.decided(desk)
        except RefusedError as refused:
            return Refusal(reason=refused.reason, detail=refused.detail, transfer=refused.transfer)

    def decided(self, desk: Desk) -> Done:
        """Carry it out; raises RefusedError before anything is written."""
        raise NotImplementedError


class About(Plainly, frozen=True, kw_only=True):
    """What is done about a dispute that is there."""

    dispute: str
    transfer: str  # the original, which is locked with it

    def wants(self) -> Sequence[Selector]:
        """Want the dispute."""
        return (Selector(Dispute, "id", self.dispute),)

    def originals(self) -> Sequence[str]:
        """Want the transfer, and what has been given back of it."""
        return (self.transfer,)

    def found(self, desk: Desk, participant: str = "") -> Dispute:
        """Return the dispute; raises RefusedError where there is none that concerns this participant, or anybody."""
        found = desk.get(Dispute, self.dispute)
        is_theirs = found is not None and (not participant or participant in concerned(found))
        if found is None or found.transfer != self.transfer or not is_theirs:
            raise RefusedError(Reason.RECORD_UNKNOWN, "there is no such dispute")
        return found


class Answer(About, frozen=True, kw_only=True):
    """The participant that a dispute is raised against says yes or no."""

    on_behalf: ClassVar[bool] = False

    participant: str = ""  # who answers; on behalf: whoever is to
    accept: bool
    reason: str = ""  # of a refusal: one of REFUSALS
    detail: str = ""

    def faulty(self, scheme: Scheme) -> Refusal | None:  # noqa: ARG002 - the reasons are the same in every scheme
        """Say so where it refuses for no reason that there is."""
        if self.accept or self.reason in REFUSALS:
            return None
        return Refusal(reason=Reason.TERMS_INVALID, detail=f"refuse for one of {', '.join(sorted(REFUSALS))}")

    def decided(self, desk: Desk) -> Done:
        """Take the answer, if it is in time and theirs to give, and there is still so much to give back."""
        found = self.found(desk, "" if self.on_behalf else self.participant)
        if not self.on_behalf and self.participant != found.against:
            raise RefusedError(Reason.ROLE_FORBIDS, f"{found.against} is to answer it")
        if not self.on_behalf and not desk.scheme.active(self.participant):
            raise RefusedError(Reason.CALLER_SUSPENDED)
        event = DisputeEvent.ACCEPTED if self.accept else DisputeEvent.REFUSED
        _check_possible(found, event)
        if found.deadline_ms is not None and found.deadline_ms <= desk.now_ms:
            raise RefusedError(Reason.RECORD_FORBIDS, f"the deadline was {stamp(found.deadline_ms)}")
        transfer = desk.transfers[self.transfer]
        if self.accept and found.kind is DisputeKind.RECALL and (left := desk.left(transfer)) < found.minor:
            raise exceeded(transfer, left)
        who = who_does(self, desk, found.against) if self.on_behalf else self.participant
        detail = " ".join(part for part in ("" if self.accept else self.reason, self.detail) if part)
        _moved(desk, found, event, who, detail, give=found.minor, but="" if self.on_behalf else self.participant)
        return Done(transfer=found.id)


class AnswerFor(Answer, frozen=True, kw_only=True):
    """An operator answers for the participant that is to: a yes moves its money, so it needs two people."""

    checked: ClassVar[bool] = True
    on_behalf: ClassVar[bool] = True


class Withdraw(About, frozen=True, kw_only=True):
    """Whoever raised a dispute asks for nothing any more; after the deadline too, until it has been deemed."""

    participant: str
    detail: str = ""

    def decided(self, desk: Desk) -> Done:
        """End it, if nobody has answered yet."""
        found = self.found(desk, self.participant)
        if self.participant != found.raised_by:
            raise RefusedError(Reason.ROLE_FORBIDS, f"{found.raised_by or 'an operator'} raised it")
        _check_possible(found, DisputeEvent.WITHDRAWN)
        _moved(desk, found, DisputeEvent.WITHDRAWN, self.participant, self.detail, but=self.participant)
        return Done(transfer=found.id)


class Deem(About, frozen=True, kw_only=True):
    """The deadline has passed without an answer: the scheme in force says what that means."""

    def decided(self, desk: Desk) -> Done:
        """Deem it answered, if it still is not and its time has come."""
        found = self.found(desk)
        if found.state is not DisputeState.OPEN or (found.deadline_ms or 0) > desk.now_ms:
            return Done(changed=False)
        transfer = desk.transfers[self.transfer]
        give = min(found.minor, desk.left(transfer))
        event, detail = DisputeEvent.DEEMED_ACCEPTED, ""
        if found.kind is DisputeKind.RECALL and desk.scheme.disputes.deemed is Deemed.REFUSED:
            event, detail = DisputeEvent.DEEMED_REFUSED, NO_ANSWER
        elif found.kind is DisputeKind.RECALL and give < least(desk, transfer):
            event, detail = DisputeEvent.DEEMED_REFUSED, ALREADY_RETURNED
        elif found.kind is DisputeKind.RECALL and give < found.minor:
            detail = f"{Money(give, found.currency)} {found.currency} is left"
        _moved(desk, found, event, self.by, detail, give=give)
        return Done(transfer=found.id)


class Linked(About, frozen=True, kw_only=True):
    """The worker has seen to the linked transfer: how it stands is read here, under lock."""

    waits: str = ""  # why the door would not take it now

    def originals(self) -> Sequence[str]:
        """Want the linked transfer too."""
        return (self.transfer, linked_of(self.dispute))

    def decided(self, desk: Desk) -> Done:
        """End the dispute as its linked transfer has ended; else say when to look again."""
        found = self.found(desk)
        if found.state not in PROMISING:
            return Done(changed=False)
        linked = desk.transfers.get(found.linked)
        if linked is not None and linked.state in FINAL:
            is_returned = linked.state is State.COMMITTED
            event = DisputeEvent.RETURNED if is_returned else DisputeEvent.FAILED
            why = " ".join(part for part in (linked.state, linked.reason, linked.code) if part)
            _moved(desk, found, event, "hub", "" if is_returned else why)
            return Done(transfer=found.id)
        _waits(desk, found, "" if linked is not None else self.waits)
        return Done(transfer=found.id)


def _waits(desk: Desk, found: Dispute, why: str) -> None:
    """Look again later; why the linked transfer cannot begin is a step of its own, said once."""
    began_ms = next(each.at_ms for each in reversed(found.steps) if each.what != "waits")
    wait_ms = min(max(desk.now_ms - began_ms, FOLLOW_MIN_MS), FOLLOW_MAX_MS)
    steps, last = found.steps, found.steps[-1]
    if why and (last.what, last.detail) != ("waits", why):
        steps = (*steps, Step(at_ms=desk.now_ms, who="hub", what="waits", detail=why))
    desk.keep(msgspec.structs.replace(found, due_ms=desk.now_ms + wait_ms, steps=steps))


def _moved(
    desk: Desk, found: Dispute, event: DisputeEvent, who: str, detail: str, *, give: int = 0, but: str = ""
) -> None:
    """Carry a step out: the state, its time, what is promised, who is told. It was seen to be one of the table's."""
    row = step_of(found.kind, found.state, event)
    if row is None:
        raise AssertionError(f"a {found.kind} that is {found.state} cannot be {event}")
    changed = msgspec.structs.replace(
        found,
        state=row.next,
        due_ms=None,
        steps=(*found.steps, Step(at_ms=desk.now_ms, who=who, what=event, detail=detail)),
    )
    if row.next in PROMISING:
        linked = linked_of(found.id)
        changed = msgspec.structs.replace(changed, due_ms=desk.now_ms, linked=linked, given_minor=give)
        desk.promise(found.transfer, linked, give)
    tell(desk, desk.keep(changed), event, but=but)


def _check_possible(found: Dispute, event: DisputeEvent) -> None:
    if step_of(found.kind, found.state, event) is None:
        raise RefusedError(Reason.RECORD_FORBIDS, f"the {found.kind} is {found.state}")


def exceeded(transfer: Transfer, left: int) -> RefusedError:
    """Say how much is left of a transfer of which more is asked."""
    detail = f"{Money(max(left, 0), transfer.currency)} {transfer.currency} is left"
    return RefusedError(Reason.ORIGINAL_EXCEEDED, detail)


def least(desk: Desk, transfer: Transfer) -> int:
    """Return the least that a transfer may carry in this currency, in minor units."""
    smallest, _ = desk.scheme.limits.get(transfer.currency, (1, 0))
    return max(smallest, 1)


def who_does(deed: Deed, desk: Desk, participant: str) -> str:
    """Say which operators do something, and for whom."""
    people = " and ".join(part for part in (deed.by, desk.approved_by) if part)
    return f"operator {people}" + (f" for {participant}" if participant else "")


def tell(desk: Desk, dispute: Dispute, event: DisputeEvent, *, but: str) -> None:
    """Tell everyone concerned but whoever did it; as what a report of fraud ends with is told as an answer too."""
    name = "answered" if event in _ANSWERS else "deemed" if event in _DEEMED else str(event)
    for each in concerned(dispute):
        if each != but:
            desk.tell(each, dispute, f"dispute.{name}", shown(dispute))


def shown(dispute: Dispute) -> dict[str, Any]:
    """Return a dispute as participants see it, with every step and its time."""
    found: dict[str, Any] = {
        "disputeReference": dispute.id,
        "kind": str(dispute.kind),
        "transactionReference": dispute.transfer,
        "reasonCode": dispute.reason,
        "descriptionText": dispute.detail,
        "amount": str(Money(dispute.minor, dispute.currency)),
        "currency": dispute.currency,
        "disputeStatus": str(dispute.state),
        "raisedBy": dispute.raised_by,
        "against": dispute.against,
        "deadline": stamp(dispute.deadline_ms) if dispute.deadline_ms is not None else "",
        "returnedAmount": str(Money(dispute.given_minor, dispute.currency)) if dispute.given_minor else "",
        "linkedTransactionReference": dispute.linked,
        "fraudReportReference": dispute.report,
        "creationDate": stamp(dispute.at_ms),
        "modificationDate": stamp(dispute.steps[-1].at_ms),
        "steps": [
            {"at": stamp(each.at_ms), "who": public(each.who), "what": each.what, "descriptionText": each.detail}
            for each in dispute.steps
        ],
    }
    return {name: value for name, value in found.items() if value != ""}


def public(who: str) -> str:
    """Keep operators' names inside the scheme."""
    return "operator" if who.startswith("operator ") else who
