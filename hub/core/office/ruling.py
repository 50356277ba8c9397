"""Rulings: what two operators say became of a transfer in doubt or in review; and cases that they close.

A ruling moves money as a provider's word does, by the tables of transfers; it adds no rule to them.
"""

from collections.abc import Sequence
from typing import ClassVar

from hub.core.command import Done, Reason, Refusal, Result, Ruling
from hub.core.office.funds import missing_why
from hub.core.participant import Scheme
from hub.core.record import Deed, Desk
from hub.core.transfer import State
from routing.message import Verdict


class Rule(Deed, frozen=True, kw_only=True):
    """Say what became of the operation that a transfer waits for, or whether a flagged one goes on.

    `state` is where the operators saw it: said of one question, a word never answers the next.
    """

    checked: ClassVar[bool] = True
    transfer: str
    state: State
    verdict: Verdict
    why: str

    def originals(self) -> Sequence[str]:
        """Want the transfer."""
        return (self.transfer,)

    def cases(self) -> Sequence[str]:
        """Want what stands in the exception queue for it."""
        return (self.transfer,)

    def faulty(self, scheme: Scheme) -> Refusal | None:  # noqa: ARG002 - the scheme has no say in it
        """Refuse a word that ends no doubt."""
        if self.verdict is Verdict.UNKNOWN:
            return Refusal(reason=Reason.TERMS_INVALID, detail="say accepted or refused")
        return missing_why(self.why)

    def decide(self, desk: Desk) -> Result:
        """Have it carried out in both names, and close what stood for it until now; what it opens itself stays."""
        by = f"{self.by}, approved by {desk.approved_by}"
        waiting = desk.cases(self.transfer)
        ruling = Ruling(transfer=self.transfer, state=self.state, verdict=self.verdict, by=by, why=self.why)
        result = desk.rule(ruling)
        for case in waiting if isinstance(result, Done) else ():
            desk.close_case(case, by, self.why)
        return result


class CloseCase(Deed, frozen=True, kw_only=True):
    """Close an entry of the exception queue that asks for nothing more. It moves no money."""

    transfer: str
    seq: int  # of the step that opened it
    why: str

    def cases(self) -> Sequence[str]:
        """Want what stands for the transfer."""
        return (self.transfer,)

    def faulty(self, scheme: Scheme) -> Refusal | None:  # noqa: ARG002 - the scheme has no say in it
        """Refuse a closing without a reason."""
        return missing_why(self.why)

    def decide(self, desk: Desk) -> Result:
        """Close it, if it is open."""
        found = next((each for each in desk.cases(self.transfer) if each.seq == self.seq), None)
        if found is None:
            return Refusal(reason=Reason.RECORD_UNKNOWN, detail=f"no case {self.seq} of {self.transfer} is open")
        desk.close_case(found, self.by, self.why)
        return Done(transfer=self.transfer)
