"""Showing settlement's files and differences in a terminal: both sides of each, and what may be done next."""

from collections.abc import Mapping, Sequence
from operator import itemgetter
from typing import Any, Final

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from hub.core.office.closing import BANK
from hub.core.office.records import Difference, DifferenceKind, DifferenceState, File
from hub.trial.prices import SCHEME, day_and_time
from hub.trial.printed import plain_table
from routing.money import Money

WORDS: Final[Mapping[DifferenceKind, str]] = {
    DifferenceKind.OVER: "booked with more than was instructed",
    DifferenceKind.UNDER: "booked with less than was instructed",
    DifferenceKind.MISMATCH: "booked in another currency or direction",
    DifferenceKind.TWICE: "booked once more",
    DifferenceKind.UNWANTED: "booked though it was cancelled, or after it had been refused",
    DifferenceKind.REVERSED: "booked, and undone by the bank",
    DifferenceKind.REFUSED: "not booked, and it will not be",
    DifferenceKind.MISSING: "not heard of in time",
    DifferenceKind.UNEXPECTED: "booked, and no payment of ours",
    DifferenceKind.MISSING_HERE: "only the participant has it",
    DifferenceKind.MISSING_THERE: "only the hub has it",
    DifferenceKind.AMOUNT: "the amounts differ",
    DifferenceKind.CURRENCY: "the currencies differ",
    DifferenceKind.DIRECTION: "one has a credit where the other has a debit",
    DifferenceKind.STATE: "the participant has booked what has not come about",
    DifferenceKind.DUPLICATE: "the participant has it more than once",
}
# What evidence is called when it is shown, in the order in which it is.
_FACTS: Final[Mapping[str, str]] = {
    "amount": "amount",
    "direction": "direction",
    "word": "said",
    "reason": "reason",
    "state": "stands at",
    "debtor": "paid by",
    "creditor": "paid to",
    "payment": "payment",
    "for": "for",
    "funds": "funds",
    "entries": "entries",
    "own": "its own references",
    "bank_reference": "the bank's reference",
    "instructed_in": "instructed in file",
    "file": "told in file",
    "where": "at",
}


def files_table(found: Sequence[File]) -> Table:
    """Return files, and what came of each."""
    table = plain_table("files", "file", "name", "from", "format", "for", "entries", "at (UTC)", "came to")
    for each in found:
        style = "red" if each.refused else "yellow" if each.differences else None
        came = each.refused or (f"{each.differences} differences" if each.differences else _end(each))
        row = (each.name, each.origin or "the hub", each.format, each.subject, str(each.entries))
        table.add_row(each.id, *row, day_and_time(each.at_ms), came, style=style)
    return table


def _end(file: File) -> str:
    if not file.origin:
        return "to be fetched" if file.due_ms is not None else "put out"
    return "taken" if file.origin == "bank" else "clean"


def file_lines(file: File) -> list[str]:
    """Return what is known of a file, and its content."""
    return [
        f"{file.name} ({file.format or 'unread'}), {file.entries} entries",
        f"from {file.origin or 'the hub'}, by {file.by}",
        f"sha256 {file.sha256}",
        f"signed by {file.signer or 'nobody that is known'}; for {file.subject or 'no one thing'}",
        f"refused: {file.refused}" if file.refused else f"differences: {file.differences}",
        "",
        file.content,
    ]


def differences_table(found: Sequence[Difference]) -> Table:
    """Return differences, the two sides in one line each."""
    table = plain_table("differences", "difference", "with", "kind", "about", "ours", "theirs", "at (UTC)", "state")
    for each in found:
        style = None if each.state is DifferenceState.OPEN else "dim"
        about = each.subject or each.reference
        state = str(each.state) if each.state is DifferenceState.OPEN else f"{each.resolution} by {each.closed_by}"
        row = (each.source, str(each.kind), about, _brief(each.ours), _brief(each.theirs))
        table.add_row(each.id, *row, day_and_time(each.at_ms), state, style=style)
    return table


def _brief(side: Mapping[str, Any]) -> str:
    if rows := side.get("rows"):
        return "; ".join(_brief(row) for row in rows[:3]) + (" ..." if len(rows) > 3 else "")
    words = (side.get(name) for name in ("word", "direction", "amount", "currency", "state"))
    return " ".join(str(word) for word in words if word)


def difference_shown(found: Difference) -> RenderableType:
    """Return a difference with all its evidence, and how it may be resolved."""
    head = Text.assemble(("difference ", "dim"), (found.id, "bold"), f"  with {found.source}: {WORDS[found.kind]}")
    sides = plain_table("both sides of it", "", "the hub", found.source)
    mine, yours = _facts(found.ours), _facts(found.theirs)
    for name in (name for name in _FACTS.values() if name in mine or name in yours):
        sides.add_row(name, mine.get(name, ""), yours.get(name, ""))
    if found.source != BANK and found.subject:
        sides.add_row("transfer", found.subject, "")
    if found.file and "file" not in found.theirs:
        sides.add_row(_FACTS["file"], "", found.file)
    for row in found.theirs.get("rows", ()):
        sides.add_row(f"{row['where']}", "", ", ".join(filter(None, (_brief(row), *row.get("names", ())))))
    if "rows_in_all" in found.theirs:
        sides.add_row("", "", f"{found.theirs['rows_in_all']} lines in all")
    return Group(head, sides, _timeline(found), Text(_next(found)))


def _facts(side: Mapping[str, Any]) -> dict[str, str]:
    """Return one side's evidence in words, by what each is called."""
    facts = dict(side)
    currency = str(facts.get("currency") or "")
    if facts.get("amount") in (None, "") and isinstance(facts.get("minor"), int) and currency:
        facts["amount"] = str(Money(abs(facts["minor"]), currency))
    if facts.get("amount"):
        facts["amount"] = f"{facts['amount']} {currency}".rstrip()
    for who in ("debtor", "creditor"):
        if who in facts:
            facts[who] = facts[who] or SCHEME
    shown = ((label, facts.get(name)) for name, label in _FACTS.items())
    return {label: _text(value) for label, value in shown if value not in (None, "", [], ())}


def _text(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _timeline(found: Difference) -> Table:
    """Return what happened, in its order: the transfer's steps, where there is one, and the difference's own."""
    steps = [(step["at_ms"], f"{step['event']}: {step['state']}", step["who"]) for step in found.ours.get("steps", ())]
    steps.append((found.at_ms, "the difference was found", ""))
    if found.closed_ms is not None:
        steps.append((found.closed_ms, f"{found.resolution}: {found.why}", found.closed_by))
    table = plain_table("timeline", "at (UTC)", "what", "who")
    for at_ms, what, who in sorted(steps, key=itemgetter(0)):
        table.add_row(day_and_time(at_ms), what, who)
    return table


def _next(found: Difference) -> str:
    if found.state is not DifferenceState.OPEN:
        return f"{found.resolution} by {found.closed_by}: {found.why}"
    hows = "HOW: accept_booked, resend, into_funds or ignore; hub differences resolve --help says what each does"
    return f"it is open; a proposal resolves it:\nhub differences resolve {found.id} HOW --by NAME --why ...\n{hows}"
