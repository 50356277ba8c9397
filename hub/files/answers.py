"""What the settlement bank answers, read and held against its keys: from bytes to a deed; no payment is looked at here.

Whoever reads a file this way gives the deed what the payments it names are for; the deed decides.
"""

from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from typing import Final

import msgspec

from hub.core.office.booking import named
from hub.core.office.files import Import, ImportUnsigned, Reported
from hub.core.participant import Scheme
from hub.core.settlement.rules import SettlementBank
from hub.core.settlement.window import Payment, Said, Word
from hub.files.adding_up import minor_of
from hub.files.inbox import read_bank_file
from hub.files.shapes import LIMITS, BankEntry, BankFile, BankStatus, FileRefusedError, Limits
from hub.files.signature import verify
from routing.money import Money

ID_DIGITS: Final = 32
_HEXADECIMAL: Final = frozenset("0123456789abcdef")
_TEXT_MAX: Final = 300


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """A file of the settlement bank as it was read; `refused` says why it is not taken."""

    id: str
    name: str
    content: str
    sha256: str
    signature: str
    signer: str = ""
    window: str = ""
    refused: str = ""
    read: BankFile | None = None
    currencies: tuple[str, ...] = ()  # in which this bank settles

    @property
    def references(self) -> list[str]:
        """The payments that it names."""
        return [] if self.read is None else sorted({_ours(each.reference) for each in self.read.entries} - {""})

    @property
    def messages(self) -> list[str]:
        """The messages of ours that it says something of as a whole."""
        if self.read is None:
            return []
        found = {_ours(each.message) for each in self.read.entries if not each.reference}
        return sorted((found | {_ours(self.read.header.original)}) - {""})


def answer(
    content: bytes,
    *,
    name: str,
    signature: str,
    scheme: Scheme,
    keys: Mapping[str, bytes],
    by_operator: bool,
    limits: Limits = LIMITS,
) -> Answer:
    """Read a file and hold it against the bank's keys.

    `keys` are the key sets of the settlement banks that have some, by currency. A file of a bank without keys is read
    only where `by_operator` says that one sends it in: another operator is to approve it.
    """
    digest = sha256(content).hexdigest()
    kept = Answer(
        id=named("file", digest, name, signature),
        name=name,
        content=_kept(content),
        sha256=digest,
        signature=signature,
    )
    try:
        read = read_bank_file(content, limits=limits)
        content.decode()
        banks = _senders(read, scheme)
        banks, signer, window = _signed(content, name, signature, banks, keys, by_operator=by_operator)
    except UnicodeDecodeError:
        return msgspec.structs.replace(kept, refused="the file: it is not UTF-8. Save it as UTF-8")
    except FileRefusedError as error:
        return msgspec.structs.replace(kept, refused=str(error))
    names = {(bank.name, bank.bic) for bank in banks}
    same = (bank.currency for bank in scheme.banks.values() if (bank.name, bank.bic) in names)
    return msgspec.structs.replace(kept, read=read, signer=signer, window=window, currencies=tuple(sorted(same)))


def import_of(found: Answer, payments: Iterable[Payment], *, by: str, ref: str) -> Import:
    """Return the deed that takes a file; `payments`: those with its `references`, and those in its `messages`.

    Where no key of the bank has signed it, that deed has to be proposed.
    """
    known = {each.id: each for each in payments}
    read = found.read
    entries = () if read is None else tuple(_reported(read, _original(found, known)))
    named_here = {each.reference for each in entries}
    kind = Import if found.signer or found.refused else ImportUnsigned
    return kind(
        by=by,
        ref=ref,
        file=found.id,
        name=found.name,
        format=read.header.form if read else "",
        content=found.content,
        sha256=found.sha256,
        signature=found.signature,
        signer=found.signer,
        window=found.window,
        original=(_ours(read.header.original) or read.header.original) if read else "",
        currency=read.header.currency if read else "",
        currencies=found.currencies,
        refused=found.refused,
        entries=entries,
        about=tuple(sorted({each.subject for each in known.values() if each.id in named_here})),
    )


def _kept(content: bytes) -> str:
    """Return a file as text: as it is where it is UTF-8; of another one, which is refused, what can be shown."""
    return content.decode(errors="replace").replace("\0", "\ufffd")


def _ours(reference: str) -> str:
    """Return a reference as the hub writes it, if it may be one; banks change case, and leave dashes in or out."""
    bare = reference.replace("-", "").lower()
    return bare if len(bare) == ID_DIGITS and set(bare) <= _HEXADECIMAL else ""


def _senders(read: BankFile, scheme: Scheme) -> list[SettlementBank]:
    """Return which of the scheme's banks may have written a file: by its account, by its currency, or any."""
    header, banks = read.header, list(scheme.banks.values())
    remedy = "Send files about the scheme's own accounts only"
    if header.account:
        bare = "".join(header.account.split())
        banks = [bank for bank in banks if "".join(bank.account.split()) == bare]
        if not banks:
            raise FileRefusedError("the file", f"its account {header.account!r} is none of the scheme's", remedy)
    if header.currency:
        banks = [bank for bank in banks if bank.currency == header.currency]
    if not banks:
        raise FileRefusedError("the file", f"the scheme settles nothing there in {header.currency!r}", remedy)
    return banks


def _signed(
    content: bytes,
    name: str,
    signature: str,
    banks: list[SettlementBank],
    keys: Mapping[str, bytes],
    *,
    by_operator: bool,
) -> tuple[list[SettlementBank], str, str]:
    """Return the banks by whose keys the signature holds, who signed and for which window; raises FileRefusedError."""
    keyed = [bank for bank in banks if bank.currency in keys]
    if not keyed and by_operator:
        return banks, "", ""
    if not keyed:
        raise FileRefusedError(
            "the file",
            "its bank has no keys, so anybody may have written it",
            "Set them; or one operator imports the file, and another approves it",
        )
    if not signature.strip():
        raise FileRefusedError("the file", "it is not signed, and its bank has keys", "Send its signature with it")
    holds: list[SettlementBank] = []
    flaws: list[FileRefusedError] = []
    window = ""
    for bank in keyed:
        try:
            header = verify(content, name=name, window=None, signature=signature, jwks=keys[bank.currency])
        except FileRefusedError as error:
            flaws.append(error)
        else:
            holds.append(bank)
            window = header.window
    if not holds:
        raise flaws[0]
    signer = holds[0].name or holds[0].bic or holds[0].currency
    return holds, signer, window


def _original(found: Answer, known: Mapping[str, Payment]) -> dict[str, list[Payment]]:
    """Return the payments of each message of ours that the file names."""
    sent: dict[str, list[Payment]] = {each: [] for each in found.messages}
    for payment in known.values():
        if payment.file in sent:
            sent[payment.file].append(payment)
    return sent


def _reported(read: BankFile, sent: Mapping[str, Sequence[Payment]]) -> Iterable[Reported]:
    for entry in read.entries:
        word = _word(entry)
        if word is None:
            continue
        together = [] if entry.reference else sent.get(_ours(entry.message), [])
        if together and word is Word.BOOKED and _adds_up(entry, together):
            for payment in together:
                yield Reported(reference=payment.id, said=_said(entry, word, Money(payment.minor, payment.currency)))
            continue
        yield Reported(reference=_ours(entry.reference) or entry.reference, said=_said(entry, word, entry.money))
    yield from _whole_message(read, sent)


def _whole_message(read: BankFile, sent: Mapping[str, Sequence[Payment]]) -> Iterable[Reported]:
    """Yield what is said of a whole message of ours, for its payments of which nothing is said."""
    header = read.header
    words = {BankStatus.BOOKED: Word.BOOKED, BankStatus.REFUSED: Word.REFUSED}
    word = words.get(header.group_status) if header.group_status else None
    if word is None:
        return
    listed = {_ours(entry.reference) for entry in read.entries}
    for payment in sent.get(_ours(header.original), ()):
        if payment.id not in listed:
            yield Reported(
                reference=payment.id, said=Said(word=word, reason=header.group_reason, where="the whole message")
            )


def _adds_up(entry: BankEntry, together: Sequence[Payment]) -> bool:
    """Say whether a booking of a whole message is of exactly its payments: on the scheme's account, in one sum."""
    currency = entry.money.currency if entry.money else ""
    if any(payment.currency != currency for payment in together):
        return False
    moved = sum(
        (payment.minor if not payment.creditor else 0) - (0 if payment.debtor else payment.minor)
        for payment in together
    )
    return moved == minor_of(entry)


def _word(entry: BankEntry) -> Word | None:
    """Say what an entry means; None: nothing that decides."""
    if entry.status is BankStatus.BOOKED:
        return Word.REVERSED if entry.is_reversal else Word.BOOKED
    return Word.REFUSED if entry.status is BankStatus.REFUSED else None


def _said(entry: BankEntry, word: Word, money: Money | None) -> Said:
    return Said(
        word=word,
        direction=str(entry.direction or ""),
        currency=money.currency if money else "",
        minor=None if money is None else abs(money.minor),
        bank_reference=entry.bank_reference,
        reason=f"{entry.reason} {entry.text}".strip()[:_TEXT_MAX],
        where=entry.where,
    )
