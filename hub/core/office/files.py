"""Files to and from the settlement bank: kept as they were sent, and taken as a whole or not at all.

What a file says was read and its signature was held against the bank's keys before; here it is held against what was
instructed. A file that is refused changes nothing but the list of files, where it says why.
"""

from collections.abc import Iterable, Sequence
from typing import ClassVar

import msgspec

from hub.core.command import Done, Reason, Refusal, Result
from hub.core.office.booking import (
    accounts_to_book,
    booked,
    differ,
    is_id,
    named,
    open_differences,
    theirs,
    wanted_to_book,
)
from hub.core.office.closing import BANK
from hub.core.office.funds import is_by_hand, known_by, said_as
from hub.core.office.records import Difference, DifferenceKind, File, Funds
from hub.core.participant import AccountKey, Scheme
from hub.core.record import Deed, Desk, Kept, Selector
from hub.core.settlement.window import Payment, PaymentState, Said, Word
from routing.money import MINOR_MAX


class Written(msgspec.Struct, frozen=True, kw_only=True):
    """A file as it goes out."""

    id: str
    name: str
    format: str
    content: str
    sha256: str
    signature: str
    signer: str


class Instruct(Deed, frozen=True, kw_only=True):
    """Keep what the settlement bank is told to pay, and that these payments are in it."""

    files: tuple[Written, ...]  # one thing in several forms; the first one's id is the message's
    payments: dict[str, int]  # id -> the version that was written
    subject: str
    currency: str

    def wants(self) -> Sequence[Selector]:
        """Want the files, in case they are there, and the payments."""
        files = [Selector(File, "id", each.id) for each in self.files]
        return [*files, *(Selector(Payment, "id", each) for each in self.payments)]

    def decide(self, desk: Desk) -> Result:
        """Keep all of it, unless a payment has changed since it was written."""
        message = self.files[0].id
        if desk.get(File, message) is not None:
            return Done(transfer=message, changed=False)
        found = [desk.get(Payment, each) for each in self.payments]
        payments = [each for each in found if each is not None and _is_to_be_sent(each, self.payments)]
        if len(payments) != len(found):
            return Refusal(reason=Reason.RECORD_FORBIDS, detail="a payment has changed: write the file anew")
        for each in self.files:
            desk.keep(
                File(
                    id=each.id,
                    at_ms=desk.now_ms,
                    due_ms=desk.now_ms,  # to be put where the bank fetches it
                    name=each.name,
                    format=each.format,
                    origin="",
                    sha256=each.sha256,
                    signature=each.signature,
                    signer=each.signer,
                    subject=self.subject,
                    currency=self.currency,
                    content=each.content,
                    by=self.by,
                    entries=len(payments),
                )
            )
        for payment in payments:
            desk.keep(msgspec.structs.replace(payment, file=message))
        return Done(transfer=message)


def _is_to_be_sent(payment: Payment, versions: dict[str, int]) -> bool:
    is_same = payment.version == versions[payment.id]
    return is_same and payment.state is PaymentState.EXPECTED and not payment.file


class Exported(Deed, frozen=True, kw_only=True):
    """Note that files are where the bank fetches them: they are not put there again."""

    files: tuple[str, ...]

    def wants(self) -> Sequence[Selector]:
        """Want the files."""
        return [Selector(File, "id", each) for each in self.files]

    def decide(self, desk: Desk) -> Result:
        """Note it."""
        waiting = [each for id_ in self.files if (each := desk.get(File, id_)) is not None and each.due_ms is not None]
        for each in waiting:
            desk.keep(msgspec.structs.replace(each, due_ms=None))
        return Done(changed=bool(waiting))


class Reported(msgspec.Struct, frozen=True, kw_only=True):
    """What one entry of the bank's file says."""

    reference: str  # ours: the payment's id; else as the bank has it
    said: Said


class Import(Deed, frozen=True, kw_only=True):
    """Take what the settlement bank answers: every entry, or, where anything is wrong with the file, none.

    What is not refused is signed by a key of the bank: of a file that is not, see `ImportUnsigned`.
    """

    file: str  # the id it gets
    name: str
    format: str
    content: str
    sha256: str
    signature: str = ""
    signer: str = ""
    window: str = ""  # which it says that it is for, in what is signed
    original: str = ""  # the message of ours that it says that it answers
    currency: str = ""
    currencies: tuple[str, ...] = ()  # in which its bank settles
    refused: str = ""  # what was wrong with it before anything was held against it
    entries: tuple[Reported, ...] = ()
    about: tuple[str, ...] = ()  # the windows and funds that the payments named are for

    @property
    def refused_as(self) -> str:
        """What the record of it is called where it is refused; the same file may be sent again, and be taken then."""
        return named("refused", self.file, self.ref)

    def wants(self) -> Sequence[Selector]:
        """Want the file, those like it, the payments it names and everything that follows from them."""
        return [
            Selector(File, "id", self.file),
            Selector(File, "id", self.refused_as),
            Selector(File, "sha256", self.sha256),
            *([Selector(File, "id", self.original)] if self.original else []),
            *(Selector(Payment, "id", each.reference) for each in self.entries),
            *(Selector(Difference, "id", self._unexpected(each)) for each in self.entries),
            *(Selector(Funds, "bank_reference", each) for each in sorted(self._references())),
            *wanted_to_book(self.about),
        ]

    def accounts(self, kept: Kept, scheme: Scheme) -> Iterable[AccountKey]:  # noqa: ARG002 - what is kept says it
        """Want the accounts of the windows and funds."""
        return accounts_to_book(kept)

    def faulty(self, scheme: Scheme) -> Refusal | None:  # noqa: ARG002 - the scheme has no say in it
        """Refuse an id that is none, and what nobody vouches for."""
        if not is_id(self.file):
            return Refusal(reason=Reason.TERMS_INVALID, detail="file: its id is 32 lower-case hexadecimal digits")
        if not (self.signer or self.refused or self.checked):
            detail = "no key of the bank has signed it: propose ImportUnsigned, and have it approved"
            return Refusal(reason=Reason.CHECKER_NEEDED, detail=detail)
        return None

    def decide(self, desk: Desk) -> Result:
        """Take every entry, or keep why not; a file that was taken, said again in full, is taken."""
        taken = desk.get(File, self.file)
        if taken is not None and not taken.refused:
            return Done(transfer=taken.id, changed=False)
        flaw = self._taken_before(desk) or self.refused or self._flaw(desk)
        if flaw:
            return self._keep(desk, self.refused_as, flaw)
        named_here = [desk.get(Payment, each.reference) for each in self.entries]
        if any(each is not None and each.subject not in self.about for each in named_here):
            return Refusal(reason=Reason.RECORD_FORBIDS, detail="a payment it names was made just now: import it anew")
        words: dict[str, list[Said]] = {}
        differences = 0
        for each in self.entries:
            said = msgspec.structs.replace(each.said, file=self.file, at_ms=desk.now_ms)
            payment = desk.get(Payment, each.reference)
            if payment is not None and not self._is_of_others(said, payment, desk):
                words.setdefault(each.reference, []).append(said)
            else:
                differences += self._differ(each, said, desk)
        self._keep(desk, self.file, "", differences)
        booked(words, desk, file=self.file, by=f"file {self.name}")
        return Done(transfer=self.file)

    def _references(self) -> set[str]:
        return {said_as(each.said.bank_reference) for each in self.entries if each.said.bank_reference.strip()}

    def _is_of_others(self, said: Said, payment: Payment, desk: Desk) -> bool:
        """Say whether operators have said of other funds already that this booking is theirs: it is not both."""
        is_of_funds = desk.get(Funds, payment.subject) is not None
        known = known_by(said.bank_reference, desk, but=payment.subject) if said.bank_reference.strip() else []
        return is_of_funds and said.word is Word.BOOKED and any(map(is_by_hand, known))

    def _taken_before(self, desk: Desk) -> str:
        for each in desk.where(File, sha256=self.sha256):
            if not each.refused:
                whose = "the hub itself has sent it" if not each.origin else "the same file was taken before"
                return f"{whose}, as {each.name} ({each.id})"
        return ""

    def _flaw(self, desk: Desk) -> str:
        """Say what is wrong with the file, held against what was instructed."""
        if self.original:
            sent = desk.get(File, self.original)
            if sent is None or sent.origin:
                return f"it is about the message {self.original!r}, which was never sent"
        for each in self.entries:
            payment = desk.get(Payment, each.reference)
            where, minor = f"{each.said.where}: payment {each.reference}", each.said.minor
            if minor is not None and not (payment is not None) <= minor <= MINOR_MAX:
                return f"{each.said.where}: an amount is above zero, and below 10^18 minor units"
            if payment is None:
                continue
            if payment.currency not in self.currencies:
                return f"{where} is in {payment.currency}, which the bank that wrote it does not settle"
            if self.window and payment.subject != self.window:
                return f"{where} is for {payment.subject}, and the file is signed for {self.window}"
            if self.original and payment.file != self.original:
                return f"{where} is not in the message {self.original} that the file is about"
        return ""

    def _keep(self, desk: Desk, id_: str, refused: str, differences: int = 0) -> Result:
        if desk.get(File, id_) is not None:
            return Done(transfer=id_, changed=False, reason=refused)
        desk.keep(
            File(
                id=id_,
                at_ms=desk.now_ms,
                name=self.name,
                format=self.format,
                origin=BANK,
                sha256=self.sha256,
                signature=self.signature,
                signer=self.signer,
                subject=self.window or (self.about[0] if len(self.about) == 1 else ""),
                currency=self.currency,
                content=self.content,
                by=f"{self.by}, approved by {desk.approved_by}" if desk.approved_by else self.by,
                entries=len(self.entries),
                differences=differences,
                refused=refused,
            )
        )
        return Done(transfer=id_, reason=refused)

    def _unexpected(self, each: Reported) -> str:
        """Name the difference of an entry that is none of ours; a booking that the bank tells of twice is one."""
        said = each.said
        if said.bank_reference:
            parts = (said.bank_reference, each.reference, said.currency, str(said.minor), said.direction)
            return named("unexpected", str(said.word), *parts)
        return named("unexpected", self.file, said.where)

    def _differ(self, each: Reported, said: Said, desk: Desk) -> bool:
        """Open a difference for an entry that is none of ours; say whether this is the first that tells of it."""
        id_ = self._unexpected(each)
        known = [each for each in known_by(said.bank_reference, desk) if is_by_hand(each)]
        if desk.get(Difference, id_) is not None:
            return False
        desk.keep(
            Difference(
                id=id_,
                at_ms=desk.now_ms,
                source=BANK,
                kind=DifferenceKind.UNEXPECTED,
                file=self.file,
                reference=each.reference or said.bank_reference,
                ours={"funds": known[0].id} if known and said.bank_reference.strip() else {},
                theirs=theirs(said),
            )
        )
        return True


class ImportUnsigned(Import, frozen=True, kw_only=True):
    """Take a file of a settlement bank that has no keys: what it says was booked, two people say."""

    checked: ClassVar[bool] = True

    def faulty(self, scheme: Scheme) -> Refusal | None:
        """Refuse one that is signed, or that is refused as it is: neither needs a second person."""
        if self.signer or self.refused:
            return Refusal(reason=Reason.TERMS_INVALID, detail="a file that is signed, or refused, is not proposed")
        return super().faulty(scheme)


class Overdue(Deed, frozen=True, kw_only=True):
    """Miss payments that the settlement bank has not said anything of in the time it has; it may still."""

    payments: tuple[str, ...]
    about: tuple[str, ...]  # the windows and funds that they are for

    def wants(self) -> Sequence[Selector]:
        """Want the payments, and what differs about them."""
        payments = [Selector(Payment, "id", each) for each in self.payments]
        return [*payments, *(Selector(Difference, "about", each) for each in self.about)]

    def decide(self, desk: Desk) -> Result:
        """Miss those whose time has come."""
        known = open_differences(desk)
        late = 0
        for id_ in self.payments:
            payment = desk.get(Payment, id_)
            if payment is None or payment.state is not PaymentState.EXPECTED or not _is_due(payment, desk.now_ms):
                continue
            missed = desk.keep(msgspec.structs.replace(payment, state=PaymentState.MISSING, due_ms=None))
            differ(missed, desk, known.get(id_, ()), by=self.by)
            late += 1
        return Done(changed=bool(late))


def _is_due(payment: Payment, now_ms: int) -> bool:
    return payment.due_ms is not None and payment.due_ms <= now_ms
