"""Prefunding and guarantees, in and out: asked for and approved by two, then booked by the settlement bank.

Nothing comes into the books before the bank has booked it, and never more than was asked for, or than was booked. What
is to go out is held from the approval on, so nobody can spend it meanwhile; it is never held where it is not there, or
where debits are blocked.
"""

from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import ClassVar, Final

import msgspec

from hub.core.command import Done, Reason, Refusal, Result
from hub.core.office.closing import close_all
from hub.core.office.records import Difference, DifferenceKind, Funds, FundsState, Purpose
from hub.core.participant import AccountKey, Scheme
from hub.core.record import Deed, Desk, Kept, Selector
from hub.core.settlement.window import Payment, PaymentState, Window
from hub.ledger.account import Kind
from hub.ledger.journal import BlockedError, OverCapError, Phase, Posting
from routing.money import MINOR_MAX, Money

BOOKED_WITHIN_MS: Final = 7_200_000
# What the bank has not said the last word on.
_AWAITED: Final = (PaymentState.EXPECTED, PaymentState.MISSING)
_FROM_FILE: Final = "file "  # as `confirmed_by` begins where the bank's file said it


def payment_of(funds: str) -> str:
    """Return what the payment of funds is called: the end-to-end reference that the bank sees."""
    return sha256(f"payment\nfunds\n{funds}".encode()).hexdigest()[:32]


def subject_of(funds: str) -> str:
    """Return under which subject the postings of funds are in the ledger."""
    return f"funds:{funds}"


def accounts_of(funds: Funds) -> tuple[AccountKey, ...]:
    """Return the accounts that `confirmed` and `refused` post to: whoever calls them has these locked."""
    return (_purse(funds.participant, funds.currency, funds.purpose), ("", funds.currency, Kind.SETTLEMENT_BANK))


def confirmed(funds: Funds, payment: Payment, desk: Desk, *, by: str = "", reference: str = "") -> None:
    """Have approved funds in the books: the bank has booked `payment`, which is POSTED already.

    Of less than was asked for, only that is moved, and the rest of what was held is let go of. `by`: who says so;
    `reference`: what operators say the bank calls it, unless the bank's file said so.
    """
    _ended(funds, payment, PaymentState.POSTED)
    moved = min(funds.minor, payment.booked_minor)
    postings = [_posting(funds, Phase.POSTED if funds.out else Phase.DIRECT, desk, moved)]
    if funds.out and moved < funds.minor:
        postings.append(_posting(funds, Phase.VOIDED, desk, funds.minor - moved))
    desk.enter(postings)
    _end(funds, FundsState.CONFIRMED, payment, desk, by=by, reference=reference, moved=moved)


def refused(funds: Funds, payment: Payment, desk: Desk, *, by: str = "", reference: str = "") -> None:
    """Let go of approved funds: the bank will not book `payment`, which is REFUSED already."""
    _ended(funds, payment, PaymentState.REFUSED)
    if funds.out:
        desk.enter([_posting(funds, Phase.VOIDED, desk, funds.minor)])
    _end(funds, FundsState.REFUSED, payment, desk, by=by, reference=reference)


def said_as(reference: str) -> str:
    """Return a reference of the bank's as it is compared: two spellings of one are one."""
    return reference.strip().upper()


def known_by(reference: str, desk: Desk, *, but: str = "") -> list[Funds]:
    """List the funds that were confirmed by a reference of the bank's: it confirms no others.

    The deed must want them by it, as `said_as` has it. `but`: the funds that it may be of.
    """
    return [each for each in desk.where(Funds, bank_reference=said_as(reference)) if each.id != but]


def is_by_hand(funds: Funds) -> bool:
    """Say whether they are in the books by operators' word for what the bank has booked."""
    return funds.state is FundsState.CONFIRMED and not funds.confirmed_by.startswith(_FROM_FILE)


class MoveFunds(Deed, frozen=True, kw_only=True):
    """Have money come in from a participant to the settlement bank, or go out to it."""

    checked: ClassVar[bool] = True
    makes: ClassVar[str] = "funds"
    funds: str  # the id it gets
    participant: str
    money: Money
    out: bool = False
    purpose: Purpose = Purpose.POSITION
    why: str

    def wants(self) -> Sequence[Selector]:
        """Want what it makes, in case it is there already."""
        return (
            Selector(Funds, "id", self.funds),
            Selector(Payment, "id", payment_of(self.funds)),
            Selector(Window, "id", self.funds),
        )

    def accounts(self, kept: Kept, scheme: Scheme) -> Iterable[AccountKey]:  # noqa: ARG002 - nothing is kept yet
        """Want the bank, and where the money comes from; the position also of a guarantee, for it may be blocked."""
        return {
            ("", self.money.currency, Kind.SETTLEMENT_BANK),
            _purse(self.participant, self.money.currency, self.purpose),
            _purse(self.participant, self.money.currency, Purpose.POSITION),
        }

    def faulty(self, scheme: Scheme) -> Refusal | None:
        """Refuse what cannot be moved, whatever there is."""
        return faulty_money(self.money, self.participant, scheme) or missing_why(self.why)

    def decide(self, desk: Desk) -> Result:
        """Have the bank told, and hold what is to go out."""
        if desk.get(Funds, self.funds) is not None:
            return Refusal(reason=Reason.RECORD_FORBIDS, detail="these funds were approved before")
        if desk.get(Window, self.funds) is not None:  # its payment would be taken for one of the window
            return Refusal(reason=Reason.TERMS_INVALID, detail="a window has this id: propose it anew")
        funds = Funds(
            id=self.funds,
            at_ms=desk.now_ms,
            participant=self.participant,
            currency=self.money.currency,
            minor=self.money.minor,
            out=self.out,
            purpose=self.purpose,
            state=FundsState.APPROVED,
            by=self.by,
            approved_by=desk.approved_by,
            why=self.why,
            payment=payment_of(self.funds),
        )
        if self.out and (barred := _held(funds, desk)) is not None:
            return barred
        desk.keep(
            Payment(
                id=funds.payment,
                at_ms=desk.now_ms,
                due_ms=desk.now_ms + BOOKED_WITHIN_MS,
                subject=funds.id,
                debtor="" if self.out else self.participant,
                creditor=self.participant if self.out else "",
                currency=funds.currency,
                minor=funds.minor,
                state=PaymentState.EXPECTED,
            )
        )
        _tell(desk.keep(funds), desk)
        return Done(transfer=funds.id)


class _Said(Deed, frozen=True, kw_only=True):
    """What operators say the bank said of funds: by hand, where the bank sends no files."""

    checked: ClassVar[bool] = True
    ends: ClassVar[PaymentState]
    funds: str
    participant: str  # whose they are, and in which currency: the approver sees it, and the accounts are locked by it
    currency: str
    reference: str  # by which the bank knows it: said once
    why: str

    def wants(self) -> Sequence[Selector]:
        """Want the funds and their payment, and whatever has the bank's reference."""
        return (
            Selector(Funds, "id", self.funds),
            Selector(Funds, "bank_reference", said_as(self.reference)),
            Selector(Payment, "subject", self.funds),
            Selector(Difference, "about", self.funds),
        )

    def accounts(self, kept: Kept, scheme: Scheme) -> Iterable[AccountKey]:  # noqa: ARG002 - the funds themselves say it
        """Want the accounts of the funds."""
        found = kept.get(Funds, {}).get(self.funds)
        return accounts_of(found) if isinstance(found, Funds) else ()

    def faulty(self, scheme: Scheme) -> Refusal | None:  # noqa: ARG002 - the scheme has no say in it
        """Refuse a word without the bank's reference."""
        if not self.reference.strip():
            return Refusal(reason=Reason.TERMS_INVALID, detail="say the bank's own reference of the booking")
        return missing_why(self.why)

    def decide(self, desk: Desk) -> Result:
        """End the payment and the funds, if the bank's word on them is still missing."""
        funds = desk.get(Funds, self.funds)
        payment = None if funds is None else desk.get(Payment, funds.payment)
        if funds is None or payment is None:
            return Refusal(reason=Reason.RECORD_UNKNOWN, detail=f"there are no approved funds {self.funds}")
        if (funds.participant, funds.currency) != (self.participant, self.currency):
            return Refusal(reason=Reason.TERMS_INVALID, detail=f"they are {funds.participant}'s, in {funds.currency}")
        if funds.state is not FundsState.APPROVED or payment.state not in _AWAITED:
            return Refusal(
                reason=Reason.RECORD_FORBIDS, detail=f"the funds are {funds.state}, their payment {payment.state}"
            )
        if known := known_by(self.reference, desk):
            return Refusal(reason=Reason.RECORD_FORBIDS, detail=f"the reference was said of funds {known[0].id}")
        is_posted = self.ends is PaymentState.POSTED
        payment = msgspec.structs.replace(
            payment,
            state=self.ends,
            booked_minor=payment.minor if is_posted else 0,
            bank_reference=self.reference if is_posted else payment.bank_reference,
            reason="" if is_posted else self.why,
            ended_ms=desk.now_ms,
            due_ms=None,
        )
        end, both = confirmed if is_posted else refused, f"{self.by}, approved by {desk.approved_by}"
        end(funds, desk.keep(payment), desk, by=both, reference=self.reference)
        close_all(payment.id, [DifferenceKind.MISSING], desk, by=both, resolution=f"it is {self.ends}", why=self.why)
        return Done(transfer=funds.id)


class ConfirmFunds(_Said, frozen=True, kw_only=True):
    """Say that the bank has booked approved funds, by its own reference."""

    ends: ClassVar[PaymentState] = PaymentState.POSTED


class RefuseFunds(_Said, frozen=True, kw_only=True):
    """Say that the bank has refused approved funds, by its own reference."""

    ends: ClassVar[PaymentState] = PaymentState.REFUSED


def faulty_money(money: Money, participant: str, scheme: Scheme) -> Refusal | None:
    """Refuse an amount that is none, and a participant that is none or has no position in its currency."""
    if not 0 < money.minor <= MINOR_MAX:
        return Refusal(reason=Reason.TERMS_INVALID, detail="an amount is above zero, and below 10^18 minor units")
    return faulty_position(participant, money.currency, scheme)


def faulty_position(participant: str, currency: str, scheme: Scheme) -> Refusal | None:
    """Refuse a participant that is none, or has no position in this currency."""
    if participant not in scheme.participants:
        return Refusal(reason=Reason.RECORD_UNKNOWN, detail=f"there is no participant {participant!r}")
    if scheme.position(participant, currency) is None:
        return Refusal(reason=Reason.CURRENCY_UNSUPPORTED, detail=f"{participant} has no position in {currency}")
    return None


def missing_why(why: str) -> Refusal | None:
    """Refuse what is done without saying why."""
    return None if why.strip() else Refusal(reason=Reason.TERMS_INVALID, detail="say why: it is kept")


def _purse(participant: str, currency: str, purpose: Purpose) -> AccountKey:
    if purpose is Purpose.GUARANTEE:
        return "", currency, Kind.GUARANTEE
    return participant, currency, Kind.POSITION


def _posting(funds: Funds, phase: Phase, desk: Desk, minor: int) -> Posting:
    purse, bank = map(desk.purse, accounts_of(funds))
    debit, credit = (purse, bank) if funds.out else (bank, purse)
    return Posting(subject_of(funds.id), debit, credit, minor, phase)


def _held(funds: Funds, desk: Desk) -> Refusal | None:
    """Hold what is to go out, or say why it cannot."""
    position = desk.book.accounts[desk.purse((funds.participant, funds.currency, Kind.POSITION))]
    if position.blocked:
        return Refusal(reason=Reason.DEBITS_BLOCKED, detail=f"debits of {funds.participant} are blocked")
    try:
        desk.enter([_posting(funds, Phase.PENDING, desk, funds.minor)])
    except BlockedError as error:
        return Refusal(reason=Reason.DEBITS_BLOCKED, detail=str(error))
    except OverCapError:
        return Refusal(reason=Reason.CAP_EXCEEDED, detail=f"there is not so much in the {funds.purpose} to take out")
    return None


def _ended(funds: Funds, payment: Payment, state: PaymentState) -> None:
    """Hold the caller to what it promised; raises ValueError."""
    if (funds.state, payment.state, payment.id) != (FundsState.APPROVED, state, funds.payment):
        raise ValueError(f"funds {funds.id} are {funds.state}, payment {payment.id} is {payment.state}")


def _end(
    funds: Funds, state: FundsState, payment: Payment, desk: Desk, *, by: str, reference: str, moved: int | None = None
) -> None:
    from_file = f"{_FROM_FILE}{payment.said_in}"
    if by and not reference:
        by = f"{from_file}, accepted by {by}"
    ended = msgspec.structs.replace(
        funds,
        state=state,
        confirmed_ms=desk.now_ms,
        confirmed_by=by or from_file,
        bank_reference=said_as(reference or payment.bank_reference),
    )
    _tell(desk.keep(ended), desk, payment.reason, moved)


def _tell(funds: Funds, desk: Desk, reason: str = "", moved: int | None = None) -> None:
    """Tell the participant how its funds stand, and by which reference its bank is to pay or will be paid."""
    body = {
        "fundsReference": funds.id,
        "amount": str(Money(funds.minor, funds.currency)),
        "currency": funds.currency,
        "direction": "out" if funds.out else "in",
        "purpose": str(funds.purpose),
        "status": str(funds.state),
        "endToEndReference": funds.payment,
    }
    if moved not in (None, funds.minor):
        body["booked"] = str(Money(moved or 0, funds.currency))
    desk.tell(funds.participant, funds, f"funds.{funds.state}", body | ({"reason": reason} if reason else {}))
