"""Proposals: what moves or releases money is proposed by one operator and approved by another; never by one alone.

An approved proposal is carried out in the commit that approves it. Its deed is kept as it was proposed, with what it
would do: so nothing else can be approved than what was seen, and nothing that cannot be done waits for anybody.
"""

from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import ClassVar, Final

import msgspec

from hub.core.command import Done, Reason, Refusal, Result
from hub.core.office.effects import effects
from hub.core.office.records import Operator, OperatorRole
from hub.core.participant import AccountKey, Scheme
from hub.core.record import Deed, Desk, Kept, Record, Selector

SUBJECT_MAX: Final = 300
OPEN_FOR_MS: Final = 7 * 86_400_000
# Who is no person: the calendar and the bank bring deeds about as well.
RESERVED: Final = frozenset({"hub", "calendar", "bank", "operator"})
REJECTING: Final = frozenset({OperatorRole.CHECKER, OperatorRole.ADMIN})


ADMINS: Final = Selector(Operator, "admin", "yes")


class ProposalState(StrEnum):
    """Where a proposal stands."""

    OPEN = "open"
    APPROVED = "approved"  # final: carried out in the same commit
    REJECTED = "rejected"  # final
    WITHDRAWN = "withdrawn"  # final: by its maker
    EXPIRED = "expired"  # final: nobody decided in time


class Proposal(Record, frozen=True, kw_only=True):
    """A deed that waits for a second person."""

    table: ClassVar[str] = "proposal"
    keys: ClassVar[tuple[str, ...]] = ("state",)

    act: str  # the name of the deed's type
    terms: msgspec.Raw  # the deed, as it was proposed
    subject: str = ""  # what it is about: a participant, a window, a payment ...
    effects: tuple[str, ...] = ()  # what it would do: it is approved to do this, and nothing else
    why: str
    by: str
    state: ProposalState
    decided_ms: int | None = None
    decided_by: str = ""
    decided_why: str = ""


class _Carrying(Deed, frozen=True, kw_only=True):
    """What is about another deed, and wants whatever that one wants."""

    proposal: str
    deed: Deed

    def wants(self) -> Sequence[Selector]:
        """Want the proposal, the deed's maker, whether there are operators at all, and what the deed wants."""
        maker = Selector(Operator, "id", self.deed.by)
        return (Selector(Proposal, "id", self.proposal), maker, ADMINS, *self.deed.wants())

    def originals(self) -> Sequence[str]:
        """Want what the deed wants."""
        return self.deed.originals()

    def cases(self) -> Sequence[str]:
        """Want what the deed wants."""
        return self.deed.cases()

    def cuts(self) -> bool:
        """Cut where the deed does."""
        return self.deed.cuts()

    def accounts(self, kept: Kept, scheme: Scheme) -> Iterable[AccountKey]:
        """Want what the deed wants."""
        return self.deed.accounts(kept, scheme)


class Propose(_Carrying, frozen=True, kw_only=True):
    """Put a deed before a second person, with what it would do; `proposal` is the id that gets."""

    makes: ClassVar[str] = "proposal"
    subject: str = ""
    why: str

    def decide(self, desk: Desk) -> Result:
        """Keep it open until somebody else decides, or too much time has gone by."""
        if (refused := _nobody(self.by, desk) or self._flaw(desk)) is not None:
            return refused
        found = effects(self.deed, desk)
        if isinstance(found, Refusal):
            return found
        desk.keep(
            Proposal(
                id=self.proposal,
                at_ms=desk.now_ms,
                due_ms=desk.now_ms + OPEN_FOR_MS,
                act=type(self.deed).__name__,
                terms=msgspec.Raw(msgspec.json.encode(self.deed)),
                subject=self.subject,
                effects=found,
                why=self.why,
                by=self.by,
                state=ProposalState.OPEN,
            )
        )
        return Done(transfer=self.proposal)

    def _flaw(self, desk: Desk) -> Refusal | None:
        if desk.get(Proposal, self.proposal) is not None:
            return Refusal(reason=Reason.RECORD_FORBIDS, detail="this proposal was made before")
        wrong = ""
        if not self.why.strip():
            wrong = "say why: whoever is to approve reads it"
        elif not self.subject.isprintable() or len(self.subject) > SUBJECT_MAX:
            wrong = f"subject: one line of at most {SUBJECT_MAX} characters"
        elif not self.deed.checked:
            wrong = f"{type(self.deed).__name__} needs no second person"
        elif self.deed.by != self.by:
            wrong = "a deed is proposed in one's own name"
        return Refusal(reason=Reason.TERMS_INVALID, detail=wrong) if wrong else None


class Approve(_Carrying, frozen=True, kw_only=True):
    """Have a proposed deed carried out, in this same commit; `deed` is what the approver has seen."""

    why: str = ""

    def is_last(self) -> bool:
        """End a batch where the deed does."""
        return self.deed.is_last()

    def decide(self, desk: Desk) -> Result:
        """Carry the deed out, if another person proposed exactly this; where it cannot be, the proposal stays open."""
        found = desk.get(Proposal, self.proposal)
        refused = _nobody(self.by, desk) or _undecidable(found)
        if found is None or refused is not None:
            return refused or Refusal(reason=Reason.RECORD_UNKNOWN)
        if (unlike := self._unlike(found, desk)) is not None:
            return unlike
        desk.approved_by = self.by
        try:
            result = self.deed.decide(desk)
        finally:
            desk.approved_by = ""
        if isinstance(result, Done):
            _decided(found, ProposalState.APPROVED, desk, self.by, self.why)
        return result

    def _unlike(self, found: Proposal, desk: Desk) -> Refusal | None:
        """Refuse what is not what was proposed, by another, in time; or would not do what it would have done then."""
        if found.due_ms is not None and found.due_ms <= desk.now_ms:
            return Refusal(reason=Reason.RECORD_FORBIDS, detail="nobody decided in time; propose it again")
        if _person(found.by) == _person(self.by):
            return Refusal(reason=Reason.SAME_PERSON, detail=f"{found.by} proposed it")
        if msgspec.json.decode(found.terms) != msgspec.json.decode(msgspec.json.encode(self.deed)):
            return Refusal(reason=Reason.TERMS_INVALID, detail="this is not what was proposed; look at it again")
        would = effects(self.deed, desk)
        if isinstance(would, Refusal):
            return would
        if would == found.effects:
            return None
        return Refusal(reason=Reason.RECORD_FORBIDS, detail=_changed(found.effects, would))


class Dismiss(Deed, frozen=True, kw_only=True):
    """End a proposal without carrying it out: rejected by another, withdrawn by its maker."""

    proposal: str
    why: str = ""

    def wants(self) -> Sequence[Selector]:
        """Want the proposal, and whether there are operators at all."""
        return Selector(Proposal, "id", self.proposal), ADMINS

    def decide(self, desk: Desk) -> Result:
        """End it."""
        found = desk.get(Proposal, self.proposal)
        refused = _nobody(self.by, desk) or _undecidable(found)
        if found is None or refused is not None:
            return refused or Refusal(reason=Reason.RECORD_UNKNOWN)
        who = desk.get(Operator, self.by)
        if who is not None and found.by != self.by and not REJECTING & set(who.roles):
            return Refusal(reason=Reason.ROLE_FORBIDS, detail="another's proposal is rejected by a checker or an admin")
        state = ProposalState.WITHDRAWN if found.by == self.by else ProposalState.REJECTED
        _decided(found, state, desk, self.by, self.why)
        return Done(transfer=found.id)


class Expire(Deed, frozen=True, kw_only=True):
    """End a proposal that nobody decided upon in time."""

    proposal: str

    def wants(self) -> Sequence[Selector]:
        """Want the proposal."""
        return (Selector(Proposal, "id", self.proposal),)

    def decide(self, desk: Desk) -> Result:
        """End it, if it is still open and its time has come."""
        found = desk.get(Proposal, self.proposal)
        if found is None or found.state is not ProposalState.OPEN or (found.due_ms or 0) > desk.now_ms:
            return Done(changed=False)
        _decided(found, ProposalState.EXPIRED, desk, self.by, "nobody decided in time")
        return Done(transfer=found.id)


def _changed(before: Sequence[str], now: Sequence[str]) -> str:
    """Say how what would be done now differs from what was seen."""
    first = next((each for each in now if each not in before), "something would not be done any more")
    return f"it would do something else now than when it was proposed ({first}): propose it again"


def _person(name: str) -> str:
    """Return a name as it is compared: two spellings of one are one person."""
    return name.strip().casefold()


def _nobody(by: str, desk: Desk) -> Refusal | None:
    """Refuse whoever is no person; and, once there are operators, whoever is none of them."""
    if not by.strip() or _person(by) in RESERVED:
        return Refusal(reason=Reason.ROLE_FORBIDS, detail=f"{by!r} is nobody's name")
    if desk.where(Operator, admin="yes") and desk.get(Operator, by) is None:
        return Refusal(reason=Reason.ROLE_FORBIDS, detail=f"{by!r} is no operator")
    return None


def _undecidable(found: Proposal | None) -> Refusal | None:
    if found is None:
        return Refusal(reason=Reason.RECORD_UNKNOWN, detail="there is no such proposal")
    if found.state is not ProposalState.OPEN:
        return Refusal(reason=Reason.RECORD_FORBIDS, detail=f"the proposal is {found.state} by {found.decided_by}")
    return None


def _decided(found: Proposal, state: ProposalState, desk: Desk, by: str, why: str) -> None:
    desk.keep(
        msgspec.structs.replace(found, state=state, due_ms=None, decided_ms=desk.now_ms, decided_by=by, decided_why=why)
    )
