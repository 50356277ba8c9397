"""Effects: what a deed would do, in lines that two people read before they decide; it must never write anything.

A deed is tried on a copy of the desk, and what it would write there is told: sums in the books, payments, settings. One
that could not be done now, or would change nothing, is not even put before a second person; and what is approved is
what was seen, for it is told anew in the commit that approves it.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from hashlib import sha256
from typing import Any, Final

from hub.core.command import Reason, Refusal
from hub.core.office.applying import cut, difference
from hub.core.office.records import Change, Difference, Dispute, File, Funds, Operator, Setting
from hub.core.record import Deed, Desk
from hub.core.settlement.window import Obligation, Payment, Window
from hub.ledger.account import Account
from hub.ledger.journal import Book, Phase
from routing.money import Money

# More than these are summed up by their number and hash: nobody reads thousands, and the hash still holds them.
LINES_MAX: Final = 100
# Whoever approves is somebody else; no operator may be called so.
_SECOND: Final = "(another)"
_PHASES: Final = {
    Phase.PENDING: "held",
    Phase.POSTED: "moved of what is held",
    Phase.VOIDED: "let go of",
    Phase.DIRECT: "moved",
}


def effects(deed: Deed, desk: Desk) -> Refusal | tuple[str, ...]:
    """Say what a deed would do now, or why it cannot be done."""
    tried = desk.rehearsal(_SECOND)
    result = deed.flaw(tried.scheme) or deed.decide(tried)
    if isinstance(result, Refusal):
        return result
    lines = [*tried.foreseen, *_posted(tried.book), *_written(tried, desk), *_applied(tried)]
    if not lines:
        return Refusal(reason=Reason.RECORD_FORBIDS, detail="it would change nothing")
    return _bounded(lines)


def _applied(tried: Desk) -> list[str]:
    """Tell what of the scheme would change."""
    if tried.decided.scheme is None:
        return []
    before, after = tried.scheme.file, tried.decided.scheme.file
    return [*cut(before, after), *difference(before, after)]


def _bounded(lines: list[str]) -> tuple[str, ...]:
    rest = lines[LINES_MAX:]
    if not rest:
        return tuple(lines)
    held = sha256("\n".join(rest).encode()).hexdigest()
    return (*lines[:LINES_MAX], f"and {len(rest)} lines more, with the SHA-256 {held}")


def _posted(book: Book) -> Iterator[str]:
    """Sum up what would be entered in the books, from each account to each other."""
    sums: Counter[tuple[int, int, Phase]] = Counter()
    counts: Counter[tuple[int, int, Phase]] = Counter()
    for posting, *_ in book.entries:
        way = (posting.debit, posting.credit, posting.phase)
        sums[way] += posting.minor
        counts[way] += 1
    for way in sorted(sums):
        debit, credit, phase = book.accounts[way[0]], book.accounts[way[1]], way[2]
        times = "" if counts[way] == 1 else f", in {counts[way]} postings"
        yield f"books: {_money(sums[way], debit.currency)} {_PHASES[phase]} from {_of(debit)} to {_of(credit)}{times}"


def _of(account: Account) -> str:
    return f"the {account.kind.replace('_', ' ')} of {account.participant or 'the scheme'}"


def _written(tried: Desk, desk: Desk) -> Iterator[str]:
    """Tell what would be written of records, those of one kind together."""
    for kind, told in _TOLD.items():
        found = tried.decided.records.get(kind.table, {})
        for id_ in sorted(found):
            after = tried.get(kind, id_)
            if after is not None and (line := told(desk.get(kind, id_), after)):
                yield line


def _window(before: Window | None, after: Window) -> str:
    if before is not None and before.state is after.state and before.revision == after.revision:
        return ""
    was = "" if before is None or before.state is after.state else f"{before.state}, then "
    revised = "" if before is None or before.revision == after.revision else f", revision {after.revision}"
    return f"window {after.number} of {after.model}: {was}{after.state}{revised}"


def _obligation(before: Obligation | None, after: Obligation) -> str:
    was = "" if before is None else f"{before.state}, then "
    return f"owed by {_side(after.debtor)} to {_side(after.creditor)}: {_minor(after)}: {was}{after.state}"


def _payment(before: Payment | None, after: Payment) -> str:
    if before is None:
        return f"to be paid by {_side(after.debtor)} to {_side(after.creditor)}: {_minor(after)}"
    was = "" if before.state is after.state else f"{before.state}, then "
    way = f"from {_side(after.debtor)} to {_side(after.creditor)}"
    return f"payment {after.id} of {_minor(after)} {way}: {was}{after.state}"


def _funds(before: Funds | None, after: Funds) -> str:
    was = "" if before is None else f"{before.state}, then "
    way = "out to" if after.out else "in from"
    return f"funds {way} {after.participant}, for its {after.purpose}: {_minor(after)}: {was}{after.state}"


def _change(_: Change | None, after: Change) -> str:
    was, fresh = after.before, after.after
    if after.what is Setting.CAP:
        was, fresh = (_money(int(each), after.currency) if each else "none" for each in (was, fresh))
    return f"{after.what} of {after.participant} in {after.currency}: {was}, then {fresh}"


def _operator(before: Operator | None, after: Operator) -> str:
    was = "nobody" if before is None else _rights(before)
    return f"operator {after.id}: {was}, then {_rights(after)}"


def _rights(operator: Operator) -> str:
    return ", ".join(operator.roles) if operator.enabled else "disabled"


def _difference(before: Difference | None, after: Difference) -> str:
    what = f"{after.kind} difference of {after.source} about {after.subject or after.reference or 'no payment of ours'}"
    if before is None:
        return f"a new {what}"
    return f"the {what}: {before.state}, then {after.state}{f', {after.resolution}' if after.resolution else ''}"


def _dispute(before: Dispute | None, after: Dispute) -> str:
    was = "" if before is None else f"{before.state}, then "
    back = f", {_money(after.given_minor, after.currency)} goes back" if after.given_minor else ""
    return f"{after.kind} of {_minor(after)} of transfer {after.transfer}: {was}{after.state}{back}"


def _file(_: File | None, after: File) -> str:
    came_to = f"refused: {after.refused}" if after.refused else f"taken with {after.entries} entries"
    return f"file {after.name}, SHA-256 {after.sha256}: {came_to}"


_TOLD: Final[Mapping[type[Any], Callable[[Any, Any], str]]] = {
    Window: _window,
    Obligation: _obligation,
    Payment: _payment,
    Funds: _funds,
    Change: _change,
    Operator: _operator,
    Difference: _difference,
    Dispute: _dispute,
    File: _file,
}


def _side(participant: str) -> str:
    return participant or "the scheme"


def _minor(record: Obligation | Payment | Funds | Dispute) -> str:
    return _money(record.minor, record.currency)


def _money(minor: int, currency: str) -> str:
    return f"{Money(minor, currency)} {currency}"
