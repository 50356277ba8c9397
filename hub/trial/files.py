"""Showing settlement's files and differences in a terminal: both sides of each, and what may be done next."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from hub.core.office.records import Difference, DifferenceState, File
from hub.trial.prices import day_and_time
from hub.trial.printed import plain_table


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
    evidence = plain_table(f"{found.kind}: {found.subject or found.reference}", "", "the hub", found.source)
    for name in sorted({*found.ours, *found.theirs} - {"steps", "rows"}):
        mine, yours = (str(side.get(name, "")) for side in (found.ours, found.theirs))
        if mine or yours:
            evidence.add_row(name, mine, yours)
    for row in found.theirs.get("rows", ()):
        evidence.add_row("row", "", f"{row['where']}: {_brief(row)}")
    steps = plain_table("its timeline here", "at (UTC)", "event", "state", "who")
    for step in found.ours.get("steps", ()):
        steps.add_row(day_and_time(step["at_ms"]), step["event"], step["state"], step["who"])
    if found.state is DifferenceState.OPEN:
        after = f"hub differences resolve {found.id} HOW --by NAME --why ...; its --help says which HOW there are"
    else:
        after = f"{found.resolution} by {found.closed_by}: {found.why}"
    return Group(evidence, *([steps] if steps.row_count else []), Text(after))
