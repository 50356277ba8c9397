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
from hub.core.office.liquidity import caps_to_set
from hub.core.office.records import Change, Difference, DifferenceKind, Dispute, File, Funds, Operator, Setting
from hub.core.office.scheme_difference import difference, meaning
from hub.core.record import Deed, Desk
from hub.core.settlement.settle import AWAITED
from hub.core.settlement.window import Obligation, Payment, Window
from hub.ledger.account import Account
from hub.ledger.journal import Book, Phase
from routing.money import Money

# More than these are summed up by kind, with their hash: nobody reads thousands, and the hash still holds them.
LINES_MAX: Final = 1_000
LINE_MAX: Final = 500
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
    for each in tried.decided.records.get(File.table, {}).values():
        if isinstance(each, File) and each.refused:
            return Refusal(reason=Reason.TERMS_INVALID, detail=f"{each.name} would be refused: {each.refused}")
    lines = [*_applied(tried), *tried.foreseen, *_posted(tried.book), *_summed(tried, desk), *_written(tried, desk)]
    if not lines:
        return Refusal(reason=Reason.RECORD_FORBIDS, detail="it would change nothing")
    return _bounded([_plain(each) for each in lines])


def _plain(line: str) -> str:
    """Return a line as one that is seen: no text that somebody wrote begins another, or hides the rest."""
    seen = "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in line)
    if len(seen) <= LINE_MAX:
        return seen
    return f"{seen[:LINE_MAX]}... and {len(seen) - LINE_MAX} characters more, {_hash(line)}"


def _bounded(lines: list[str]) -> tuple[str, ...]:
    """Return the first lines, and of the rest how many there are of each kind."""
    rest = lines[LINES_MAX:]
    if not rest:
        return tuple(lines)
    kinds = Counter(each.split("[")[0].split(":")[0][:40] for each in rest)
    counted = ", ".join(f"{number} of {kind!r}" for kind, number in kinds.most_common(10))
    return (*lines[:LINES_MAX], f"and {len(rest)} lines more ({counted}), {_hash(*rest)}")


def _hash(*lines: str) -> str:
    return f"SHA-256 {sha256(chr(10).join(lines).encode(errors='surrogatepass')).hexdigest()}"


def _applied(tried: Desk) -> Iterator[str]:
    """Tell what of the scheme would change: caps as they stand, whatever the former file says of them."""
    if tried.decided.scheme is None:
        return
    before, after = tried.scheme.file, tried.decided.scheme.file
    yield from meaning(before, after)
    for key, cap in sorted(caps_to_set(before, after).items()):
        account = tried.book.accounts.get(tried.scheme.accounts.get(key, 0))
        if account is not None and account.cap_minor != cap:
            was, now = (_cap(each, account.currency) for each in (account.cap_minor, cap))
            yield f"cap of {account.participant or 'the scheme'} in {account.currency}: {was}, then {now}"
    yield from difference(before, after)


def _cap(minor: int | None, currency: str) -> str:
    return "none" if minor is None else _money(minor, currency)


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


def _summed(tried: Desk, desk: Desk) -> Iterator[str]:
    """Sum up several payments that would be made: to the scheme, from it, and between participants."""
    found = tried.decided.records.get(Payment.table, {}).values()
    fresh = [each for each in found if isinstance(each, Payment) and desk.get(Payment, each.id) is None]
    ways: dict[tuple[str, str], list[int]] = {}
    for each in fresh:
        way = "by the scheme" if not each.debtor else "to the scheme" if not each.creditor else "between participants"
        ways.setdefault((each.currency, way), []).append(each.minor)
    for (currency, way), minors in sorted(ways.items()):
        if len(minors) > 1:
            yield f"{len(minors)} payments {way}: {_money(sum(minors), currency)} in all"


def _written(tried: Desk, desk: Desk) -> Iterator[str]:
    """Tell what would be written of records, those of one kind together."""
    for kind, told in _TOLD.items():
        found = tried.decided.records.get(kind.table, {})
        for id_ in sorted(found):
            after = tried.get(kind, id_)
            if after is not None:
                yield from told(desk.get(kind, id_), after)


def _window(before: Window | None, after: Window) -> Iterator[str]:
    name = f"window {after.number} of {after.model}"
    was = None if before is None else before.state
    if was is not after.state:
        yield f"{name}: {_turned(was, after.state)}"
    known = (0, 0) if before is None else (len(before.carried), len(before.defaults))
    for each in after.carried[known[0] :]:
        sides = f"from {_side(each.debtor)} to {_side(each.creditor)}"
        yield f"{name} takes on {_money(each.minor, after.currency)} {sides}"
    for default in after.defaults[known[1] :]:
        yield f"{name}: the default of {default.participant}: {default.path}, {_money(default.minor, after.currency)}"


def _obligation(before: Obligation | None, after: Obligation) -> Iterator[str]:
    was = None if before is None else before.state
    yield f"owed by {_side(after.debtor)} to {_side(after.creditor)}: {_minor(after)}: {_turned(was, after.state)}"


def _payment(before: Payment | None, after: Payment) -> Iterator[str]:
    if before is None:
        booked = f", {after.state} as {after.bank_reference}" if after.bank_reference else ""
        yield f"to be paid by {_side(after.debtor)} to {_side(after.creditor)}: {_minor(after)}{booked}"
        return
    # Whether the bank is late with its word is nothing that anybody decides upon.
    was = "awaited" if before.state in AWAITED else before.state
    now = "awaited" if after.state in AWAITED else after.state
    with_ = f" with {_money(after.booked_minor, after.currency)}" if after.booked_minor not in (0, after.minor) else ""
    known = f", {after.bank_reference} at the bank" if after.bank_reference else ""
    way = f"from {_side(after.debtor)} to {_side(after.creditor)}"
    yield f"payment {after.id} of {_minor(after)} {way}: {_turned(was, now)}{with_}{known}"


def _funds(before: Funds | None, after: Funds) -> Iterator[str]:
    was = None if before is None else before.state
    known = f", {after.bank_reference} at the bank" if after.bank_reference else ""
    way = "out to" if after.out else "in from"
    turned = _turned(was, after.state)
    yield f"funds {way} {after.participant}, for its {after.purpose}: {_minor(after)}: {turned}{known}"


def _change(_: Change | None, after: Change) -> Iterator[str]:
    was, now = after.before, after.after
    if after.what is Setting.CAP:
        was, now = (_money(int(each), after.currency) if each else "none" for each in (was, now))
    yield f"{after.what} of {after.participant} in {after.currency}: {was}, then {now}"


def _operator(before: Operator | None, after: Operator) -> Iterator[str]:
    is_secret_new = before is None or before.secret_hash != after.secret_hash
    # By what nobody can log in with, nor find the secret by: enough to see that it is the same one.
    secret = f", with a new secret, {sha256(after.secret_hash.encode()).hexdigest()[:16]}" if is_secret_new else ""
    yield f"operator {after.id}: {_turned(None if before is None else _rights(before), _rights(after))}{secret}"


def _rights(operator: Operator) -> str:
    return ", ".join(operator.roles) if operator.enabled else "disabled"


def _difference(before: Difference | None, after: Difference) -> Iterator[str]:
    if after.kind is DifferenceKind.MISSING:
        return  # as it comes and goes with time
    booked = _amount(after.theirs)
    about = after.subject or after.reference or "no payment of ours"
    what = f"{after.kind} difference of {after.source} about {about}{f', {booked}' if booked else ''}"
    was = None if before is None else before.state
    yield f"the {what}: {_turned(was, after.state)}{f', {after.resolution}' if after.resolution else ''}"


def _amount(theirs: Mapping[str, Any]) -> str:
    """Write what the other side says was booked; empty: it does not say it."""
    minor, currency = theirs.get("minor"), theirs.get("currency")
    if not isinstance(minor, int) or not isinstance(currency, str):
        return ""
    return " ".join(filter(None, (_money(minor, currency), theirs.get("direction"), theirs.get("bank_reference"))))


def _dispute(before: Dispute | None, after: Dispute) -> Iterator[str]:
    back = f", {_money(after.given_minor, after.currency)} goes back" if after.given_minor else ""
    by = f"of {after.raised_by or 'the scheme'} against {after.against or 'nobody'}, {after.reason}"
    turned = _turned(None if before is None else before.state, after.state)
    yield f"{after.kind} {by}, {_minor(after)} of transfer {after.transfer}: {turned}{back}"


def _file(_: File | None, after: File) -> Iterator[str]:
    yield f"file {after.name}, SHA-256 {after.sha256}: taken with {after.entries} entries"


_TOLD: Final[Mapping[type[Any], Callable[[Any, Any], Iterator[str]]]] = {
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


def _turned(was: str | None, now: str) -> str:
    """Say what something was before, and is then."""
    return now if was is None or was == now else f"{was}, then {now}"


def _side(participant: str) -> str:
    return participant or "the scheme"


def _minor(record: Obligation | Payment | Funds | Dispute) -> str:
    return _money(record.minor, record.currency)


def _money(minor: int, currency: str) -> str:
    return f"{Money(minor, currency)} {currency}"
