"""Resolving differences with the settlement bank: what two operators decide that one comes to; no money is made up.

What the bank booked beside what was instructed is on the scheme's account, or has left it. So it goes to, or comes
from, suspense, until it is known whose it is. Nothing is closed that is the only way on for a payment that is wanted.
"""

from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import ClassVar, Final

import msgspec

from hub.core.command import Done, Reason, Refusal, Result
from hub.core.office.booking import (
    accounts_to_book,
    difference_id,
    ended,
    is_id,
    settle_paid,
    wanted_to_book,
)
from hub.core.office.closing import BANK, closed
from hub.core.office.funds import confirmed, faulty_position, known_by, missing_why, payment_of, said_as
from hub.core.office.records import Difference, DifferenceKind, DifferenceState, Funds, FundsState
from hub.core.office.words import CREDIT, DEBIT, heard, side_of
from hub.core.participant import AccountKey, Scheme
from hub.core.record import Deed, Desk, Kept, Selector
from hub.core.settlement.settle import left_to_pay
from hub.core.settlement.window import Payment, PaymentState, Said, Window, WindowState, Word
from hub.ledger.account import Kind
from hub.ledger.journal import Phase, Posting
from routing.money import MINOR_MAX

SENT_AGAIN_MS: Final = 7_200_000  # how long the bank has for what is instructed anew
_OPEN: Final = frozenset({PaymentState.OVER, PaymentState.UNDER, PaymentState.MISSING, PaymentState.MISMATCH})
_OF_THE_PAYMENT: Final = frozenset({DifferenceKind.OVER, DifferenceKind.UNDER, DifferenceKind.MISSING})
_SENT_AGAIN: Final = frozenset({PaymentState.REFUSED, PaymentState.MISMATCH})
_UNPAID: Final = frozenset({*_SENT_AGAIN, PaymentState.OVER, PaymentState.UNDER})


class Resolution(StrEnum):
    """What a difference with the settlement bank comes to."""

    ACCEPT_BOOKED = "accept_booked"  # the payment is posted by what the bank booked; the rest is in suspense
    RESEND = "resend"  # another payment takes the place of one that was refused, or booked wrongly
    INTO_FUNDS = "into_funds"  # what came in unexpectedly is a participant's prefunding
    IGNORE = "ignore"  # nothing is done; why says it all


class Resolve(Deed, frozen=True, kw_only=True):
    """Decide what a difference with the settlement bank comes to."""

    checked: ClassVar[bool] = True
    difference: str
    payment: str = ""  # the one it is about, and what that is for: as the difference says
    about: str = ""
    resolution: Resolution
    why: str
    bank_reference: str = ""  # of a payment accepted that no file told of; of INTO_FUNDS: as the difference says it
    participant: str = ""  # of INTO_FUNDS: whose money it is
    currency: str = ""  # which the difference is in, as it says
    fresh: str = ""  # of RESEND: the id of the new payment; of INTO_FUNDS: of the funds

    def wants(self) -> Sequence[Selector]:
        """Want the difference and everything that follows from it."""
        found = [Selector(Difference, "id", self.difference)]
        found += [Selector(Payment, "id", each) for each in (self.payment, self.fresh) if each]
        if self.resolution is Resolution.INTO_FUNDS:
            found += [Selector(Funds, "id", self.fresh), Selector(Payment, "id", payment_of(self.fresh))]
        if self.bank_reference.strip():
            found.append(Selector(Funds, "bank_reference", said_as(self.bank_reference)))
        return [*found, *wanted_to_book((self.about,) if self.payment else ())]

    def accounts(self, kept: Kept, scheme: Scheme) -> Iterable[AccountKey]:  # noqa: ARG002 - what is kept says it
        """Want the accounts of what is paid, the bank's and the suspense, and of whom it is made the funds."""
        currency = self.currency
        return [
            *accounts_to_book(kept),
            ("", currency, Kind.SETTLEMENT_BANK),
            ("", currency, Kind.SUSPENSE),
            (self.participant, currency, Kind.POSITION),
        ]

    def faulty(self, scheme: Scheme) -> Refusal | None:
        """Refuse what lacks what its resolution needs."""
        if self.resolution in (Resolution.RESEND, Resolution.INTO_FUNDS) and not is_id(self.fresh):
            return _invalid("fresh: say the id of what is made anew, 32 lower-case hexadecimal digits")
        if self.resolution is Resolution.INTO_FUNDS:
            return faulty_position(self.participant, self.currency, scheme) or missing_why(self.why)
        return missing_why(self.why)

    def decide(self, desk: Desk) -> Result:
        """Carry the resolution out, and close the difference with both names."""
        found = desk.get(Difference, self.difference)
        if found is None:
            return Refusal(reason=Reason.RECORD_UNKNOWN, detail="there is no such difference")
        if (refused := self._unready(found, desk)) is not None:
            return refused
        payment = desk.get(Payment, found.subject)
        match self.resolution:
            case Resolution.ACCEPT_BOOKED:
                return self._accept(found, payment, desk)
            case Resolution.RESEND:
                return self._resend(found, payment, desk)
            case Resolution.INTO_FUNDS:
                return self._into_funds(found, desk)
            case Resolution.IGNORE:
                return self._let_be(found, payment, desk)

    def _unready(self, found: Difference, desk: Desk) -> Refusal | None:
        if found.state is not DifferenceState.OPEN:
            return _forbidden(f"it was resolved by {found.closed_by}")
        if (self.payment, self.about) != (found.subject if found.source == BANK else "", found.about):
            return _invalid(f"it is about payment {found.subject!r} for {found.about!r}")
        flaw = ""
        if self.resolution is not Resolution.IGNORE:
            if found.source != BANK:
                flaw = f"it is with {found.source}, and about its books: settle it there, then close it: ignore"
            elif self.currency != currency_of(found):
                flaw = f"it is in {currency_of(found)!r}"
            elif self.resolution is not Resolution.RESEND and not self._has_accounts(desk.scheme):
                flaw = f"the scheme has no accounts in {self.currency!r}: only ignoring it is left"
        return _invalid(flaw) if flaw else None

    def _has_accounts(self, scheme: Scheme) -> bool:
        return ("", self.currency, Kind.SUSPENSE) in scheme.accounts

    def _accept(self, found: Difference, payment: Payment | None, desk: Desk) -> Result:
        if payment is None:
            return self._keep_in_suspense(found, None, desk)
        place = _place(found, payment)
        if payment.state is PaymentState.POSTED and place is not None and payment.said[place].counted is not None:
            return self._count_anew(found, payment, place, desk)
        is_whole = found.kind in _OF_THE_PAYMENT and (place is None) is (found.kind is DifferenceKind.MISSING)
        is_undone = any(each.word is not Word.BOOKED for each in payment.said)
        if not is_whole or payment.state not in _OPEN or is_undone:
            return self._keep_in_suspense(found, payment, desk)
        if found.kind is DifferenceKind.MISSING and not self.bank_reference.strip():
            return _invalid("say the bank's own reference of the booking")
        if self.bank_reference.strip() and (known := known_by(self.bank_reference, desk, but=payment.subject)):
            return _forbidden(f"the reference was said of funds {known[0].id}")
        minor = found.theirs.get("minor")
        booked_minor = payment.minor if minor is None else int(minor)
        rest = _into_bank(side_of(payment), booked_minor - payment.minor)
        if booked_minor < payment.minor and desk.get(Funds, payment.subject) is not None:
            rest = 0  # the funds themselves are only so much
        fresh = self._said(payment, desk) if found.kind is DifferenceKind.MISSING else payment
        place = len(fresh.said) - 1 if place is None else place
        fresh = desk.keep(
            msgspec.structs.replace(
                fresh,
                state=PaymentState.POSTED,
                booked_minor=booked_minor,
                bank_reference=self.bank_reference or fresh.bank_reference,
                reason=f"accepted by {self._both(desk)}: {self.why}",
                said=_counted(fresh.said, place, booked_minor),
                ended_ms=desk.now_ms,
                due_ms=None,
            )
        )
        self._close(found, desk, rest)
        settle_paid(ended(fresh, desk, by=self._both(desk), reference=self.bank_reference), desk)
        return Done(transfer=found.id)

    def _said(self, payment: Payment, desk: Desk) -> Payment:
        """Have operators' word for a booking that no file told of."""
        said = Said(
            word=Word.BOOKED,
            direction=side_of(payment),
            currency=payment.currency,
            minor=payment.minor,
            bank_reference=self.bank_reference,
            by=self._both(desk),
            at_ms=desk.now_ms,
        )
        return heard(payment, said)

    def _count_anew(self, found: Difference, payment: Payment, place: int, desk: Desk) -> Result:
        """Have only that in suspense by which the booking differs from what its payment was posted for."""
        said = payment.said[place]
        counted = said.counted or 0
        minor, side = counted if said.minor is None else said.minor, side_of(payment)
        if said.currency not in ("", payment.currency):
            return _forbidden(f"it was posted in {payment.currency} by another word: have the bank undo one of the two")
        desk.keep(msgspec.structs.replace(payment, said=_counted(payment.said, place, minor)))
        booked = _into_bank(said.direction if found.kind is DifferenceKind.MISMATCH else side, minor)
        return self._close(found, desk, booked - _into_bank(side, counted))

    def _keep_in_suspense(self, found: Difference, payment: Payment | None, desk: Desk) -> Result:
        """Have all of a booking that belongs to no payment in suspense."""
        if found.kind in (DifferenceKind.REFUSED, DifferenceKind.MISSING):
            return _invalid("the bank has booked nothing of it")
        if known := found.ours.get("funds"):
            return _forbidden(f"operators said it of funds {known}, so it is in the books: ignore it")
        if (moved := self._moved(found)) is None:
            return _invalid(
                "the bank did not say how much was booked, in what and which way: take its statement, or ignore it"
            )
        return self._let_be(found, payment, desk, moved)

    def _let_be(self, found: Difference, payment: Payment | None, desk: Desk, moved: int = 0) -> Result:
        """Close a difference without anything coming of its payment, unless that leaves no way on."""
        if payment is None or found.source != BANK:
            return self._close(found, desk, moved)
        every = desk.where(Difference, source=BANK, subject=payment.id, state=DifferenceState.OPEN)
        is_last = payment.state in _UNPAID and all(each.id == found.id for each in every)
        if is_last and _wanted(payment, desk):
            way = "resend it" if payment.state in _SENT_AGAIN else "accept what is booked"
            return _forbidden(f"the payment is {payment.state}, and nothing else is open: {way}, or handle the default")
        self._close(found, desk, moved)
        window = desk.get(Window, payment.subject)
        if is_last and payment.state in _SENT_AGAIN and window is not None and window.state is WindowState.SETTLING:
            desk.keep(_cancelled(payment, "nothing is left to be paid", desk))
            settle_paid({payment.subject}, desk)
        return Done(transfer=found.id)

    def _moved(self, found: Difference) -> int | None:
        """Return what its booking brought to the scheme's account; None: the bank did not say it."""
        minor, side = found.theirs.get("minor"), found.theirs.get("direction")
        if not minor or side not in (CREDIT, DEBIT) or self.currency != currency_of(found):
            return None
        return _into_bank(side, int(minor))

    def _resend(self, found: Difference, payment: Payment | None, desk: Desk) -> Result:
        if payment is None or payment.state not in _SENT_AGAIN:
            return _forbidden("only what was refused, or booked wrongly, is sent again")
        minor = _wanted(payment, desk)
        if not minor:
            return _forbidden("it is not wanted any more, or another payment has taken its place: keep it in suspense")
        if desk.get(Payment, self.fresh) is not None:
            return _forbidden("there is a payment of that id")
        moved = 0
        if found.theirs.get("word") in (Word.BOOKED, Word.REVERSED) and (side_of(payment) or found.theirs["direction"]):
            told = self._moved(found)
            if told is None:
                return _invalid("the bank did not say how much it has booked, and which way: ask it for a statement")
            moved = told if self._has_accounts(desk.scheme) else 0
        desk.keep(_cancelled(payment, f"replaced by {self.fresh}", desk))
        desk.keep(
            Payment(
                id=self.fresh,
                at_ms=desk.now_ms,
                due_ms=desk.now_ms + SENT_AGAIN_MS,
                subject=payment.subject,
                obligation=payment.obligation,
                debtor=payment.debtor,
                creditor=payment.creditor,
                currency=payment.currency,
                minor=minor,
                state=PaymentState.EXPECTED,
            )
        )
        if (funds := desk.get(Funds, payment.subject)) is not None:
            desk.keep(msgspec.structs.replace(funds, payment=self.fresh))
        return self._close(found, desk, moved)

    def _into_funds(self, found: Difference, desk: Desk) -> Result:
        """Make what came in unexpectedly a participant's prefunding: booked already, so it is confirmed at once."""
        minor = int(found.theirs.get("minor") or 0)
        is_booked = found.theirs.get("word") == Word.BOOKED and found.theirs.get("direction") == CREDIT
        if found.kind is not DifferenceKind.UNEXPECTED or not is_booked or not 0 < minor <= MINOR_MAX:
            return _forbidden("only money that came in unexpectedly becomes funds")
        if desk.get(Funds, self.fresh) is not None:
            return _forbidden("there are funds of that id")
        reference = str(found.theirs.get("bank_reference") or found.id)
        if reference != found.id and said_as(self.bank_reference) != said_as(reference):
            return _invalid(f"bank_reference: say the bank's own, {reference}")
        if known := known_by(self.bank_reference, desk):
            return _forbidden(f"the reference was said of funds {known[0].id}")
        funds = Funds(
            id=self.fresh,
            at_ms=desk.now_ms,
            participant=self.participant,
            currency=self.currency,
            minor=minor,
            out=False,
            state=FundsState.APPROVED,
            by=self.by,
            approved_by=desk.approved_by,
            why=self.why,
            payment=payment_of(self.fresh),
        )
        payment = desk.keep(
            Payment(
                id=funds.payment,
                at_ms=desk.now_ms,
                subject=funds.id,
                debtor=self.participant,
                creditor="",
                currency=self.currency,
                minor=minor,
                state=PaymentState.POSTED,
                booked_minor=minor,
                bank_reference=reference,
                said_in=found.file,
                ended_ms=desk.now_ms,
            )
        )
        confirmed(desk.keep(funds), payment, desk, by=self._both(desk), reference=reference)
        return self._close(found, desk)

    def _close(self, found: Difference, desk: Desk, moved: int = 0) -> Result:
        """Close the difference; what it moved into the bank's account, or out of it, is in suspense."""
        if moved:
            bank = desk.purse(("", self.currency, Kind.SETTLEMENT_BANK))
            suspense = desk.purse(("", self.currency, Kind.SUSPENSE))
            debit, credit = (bank, suspense) if moved > 0 else (suspense, bank)
            desk.enter([Posting(posting_subject(found.id), debit, credit, abs(moved), Phase.DIRECT)])
        done = closed(found, desk.now_ms, self._both(desk), str(self.resolution), self.why)
        moved_in = self.currency if moved else ""
        desk.keep(msgspec.structs.replace(done, moved_minor=moved, moved_currency=moved_in))
        return Done(transfer=found.id)

    def _both(self, desk: Desk) -> str:
        return f"{self.by} and {desk.approved_by}"


def posting_subject(difference: str) -> str:
    """Return under which subject what a difference moved is in the ledger."""
    return f"difference:{difference}"


def currency_of(difference: Difference) -> str:
    """Return in which currency a difference is: in which the bank booked, or else the payment."""
    return str(difference.theirs.get("currency") or difference.ours.get("currency") or "")


def _wanted(payment: Payment, desk: Desk) -> int:
    """Return how much of a payment that did not come about is still wanted: minor units."""
    funds, window = desk.get(Funds, payment.subject), desk.get(Window, payment.subject)
    if funds is not None:
        return payment.minor if funds.state is FundsState.APPROVED and funds.payment == payment.id else 0
    if window is None or window.state is not WindowState.SETTLING:
        return 0
    return min(payment.minor, left_to_pay(payment, window, desk))


def _cancelled(payment: Payment, reason: str, desk: Desk) -> Payment:
    return msgspec.structs.replace(
        payment, state=PaymentState.CANCELLED, ended_ms=desk.now_ms, due_ms=None, reason=reason
    )


def _place(found: Difference, payment: Payment) -> int | None:
    """Return the place of what the bank said, among all that it said of the payment, that a difference is about."""
    places = (place for place in range(len(payment.said)) if difference_id(payment.id, place) == found.id)
    return next(places, None)


def _counted(said: Sequence[Said], place: int, minor: int) -> tuple[Said, ...]:
    """Return what was said, with one of the bookings as what the payment is posted by, for so much."""
    return (*said[:place], msgspec.structs.replace(said[place], counted=minor), *said[place + 1 :])


def _into_bank(side: str, minor: int) -> int:
    """Return what `minor` more on this side of the scheme's account adds to it; nothing where it does not touch it."""
    return minor if side == CREDIT else -minor if side == DEBIT else 0


def _invalid(detail: str) -> Refusal:
    return Refusal(reason=Reason.TERMS_INVALID, detail=detail)


def _forbidden(detail: str) -> Refusal:
    return Refusal(reason=Reason.RECORD_FORBIDS, detail=detail)
