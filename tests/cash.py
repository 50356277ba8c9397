"""Cash for tests: what two people and the settlement bank bring about in earnest, in one deed that needs neither.

It leaves everything behind that they would, so that the audit finds nothing wrong.
"""

from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256

import msgspec

from hub.core.command import Done, Reason, Refusal, Result
from hub.core.office.funds import MoveFunds, payment_of, subject_of
from hub.core.office.proposal import Proposal, ProposalState
from hub.core.office.records import Funds, FundsState, Purpose
from hub.core.participant import AccountKey, Scheme
from hub.core.record import Deed, Desk, Kept, Selector
from hub.core.settlement.window import Payment, PaymentState, Said, Word
from hub.ledger.account import Kind
from hub.ledger.journal import OverCapError, Phase, Posting
from hub.store.memory import MemoryStore
from routing.money import Money


class Fund(Deed, frozen=True, kw_only=True):
    """Cash arrived at, or left, the settlement bank for a participant. `reference` makes it happen once."""

    participant: str
    money: Money  # below zero: withdrawn
    reference: str
    purpose: Purpose = Purpose.POSITION

    @property
    def funds(self) -> str:
        """The id of what it comes to."""
        return sha256(self.reference.encode()).hexdigest()[:32]

    def wants(self) -> Sequence[Selector]:
        return Selector(Funds, "id", self.funds), Selector(Payment, "id", payment_of(self.funds))

    def accounts(self, kept: Kept, scheme: Scheme) -> Iterable[AccountKey]:  # noqa: ARG002 - it is said
        currency = self.money.currency
        own = (self.participant, currency, Kind.POSITION)
        purse = own if self.purpose is Purpose.POSITION else ("", currency, Kind.GUARANTEE)
        return purse, ("", currency, Kind.SETTLEMENT_BANK)

    def decide(self, desk: Desk) -> Result:
        currency, minor = self.money.currency, abs(self.money.minor)
        if desk.scheme.position(self.participant, currency) is None:
            return Refusal(reason=Reason.CURRENCY_UNSUPPORTED, detail=f"{self.participant} {currency}")
        if desk.get(Funds, self.funds) is not None:
            return Done(changed=False)
        purse, bank = map(desk.purse, self.accounts({}, desk.scheme))
        out = self.money.minor < 0
        debit, credit = (purse, bank) if out else (bank, purse)
        try:
            for phase in (Phase.PENDING, Phase.POSTED) if out else (Phase.DIRECT,):
                desk.enter([Posting(subject_of(self.funds), debit, credit, minor, phase)])
        except OverCapError as error:
            return Refusal(reason=Reason.CAP_EXCEEDED, detail=str(error))
        self._keep(desk, minor, out=out)
        return Done()

    def _keep(self, desk: Desk, minor: int, *, out: bool) -> None:
        sides = {"debtor": "" if out else self.participant, "creditor": self.participant if out else ""}
        shared = {"at_ms": desk.now_ms, "currency": self.money.currency, "minor": minor}
        payment, checker = payment_of(self.funds), f"{self.by} too"
        said = Said(word=Word.BOOKED, minor=minor, counted=minor)
        ended = {"state": PaymentState.POSTED, "booked_minor": minor, "said": (said,)}
        desk.keep(Payment(id=payment, subject=self.funds, **ended, **sides, **shared))  # type: ignore[arg-type]
        self._propose(
            desk,
            MoveFunds(
                by=self.by,
                funds=self.funds,
                participant=self.participant,
                money=Money(minor, self.money.currency),
                out=out,
                purpose=self.purpose,
                why=self.reference,
            ),
            checker,
        )
        desk.keep(
            Funds(
                id=self.funds,
                participant=self.participant,
                out=out,
                purpose=self.purpose,
                state=FundsState.CONFIRMED,
                by=self.by,
                approved_by=checker,
                confirmed_by="file of a test",
                why=self.reference,
                payment=payment,
                **shared,  # type: ignore[arg-type]
            )
        )

    def _propose(self, desk: Desk, deed: MoveFunds, checker: str) -> None:
        desk.keep(
            Proposal(
                id=sha256(f"proposal {self.reference}".encode()).hexdigest()[:32],
                at_ms=desk.now_ms,
                act=type(deed).__name__,
                terms=msgspec.Raw(msgspec.json.encode(deed)),
                why=deed.why,
                by=deed.by,
                state=ProposalState.APPROVED,
                decided_ms=desk.now_ms,
                decided_by=checker,
            )
        )


def brought(store: MemoryStore) -> Mapping[str, tuple[str, str, int]]:
    """Return what the settlement bank has booked: of whom, in which currency, how much; below zero where it left."""
    return {
        each.id: (each.participant, each.currency, -each.minor if each.out else each.minor)
        for each in store.records.every(Funds)
        if each.purpose is Purpose.POSITION
    }
