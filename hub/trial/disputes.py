"""Showing disputes: a list of them, and one with every step and its time; parties are in none of it."""

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from hub.core.office.dispute_rules import ENDED, REASONS
from hub.core.office.records import Dispute, DisputeState
from hub.trial.prices import day_and_time as when
from hub.trial.printed import plain_table
from hub.trial.show import amount


def dispute_table(found: Sequence[Dispute]) -> Table:
    """Return disputes, the newest first as they come; those that wait for somebody stand out."""
    table = plain_table(
        "disputes", "dispute", "kind", "about", "reason", "by", "against", "amount", "state", "until (UTC)"
    )
    for each in found:
        until = when(each.deadline_ms) if each.deadline_ms is not None and each.state not in ENDED else ""
        row = (each.id, each.kind, each.transfer, each.reason, each.raised_by or "the scheme", each.against)
        style = "red" if each.state == "failed" else "yellow" if each.state not in ENDED else None
        table.add_row(*row, amount(each.minor, each.currency), each.state, until, style=style)
    return table


def dispute_view(found: Dispute) -> RenderableType:
    """Return everything known about one dispute."""
    head = Text.assemble(
        ("dispute ", "dim"), (found.id, "bold"), f"  {found.kind}  ", amount(found.minor, found.currency), "  "
    )
    head.append(str(found.state), style="bold")
    parts: list[RenderableType] = [
        head,
        Text(f"about {found.transfer}: {found.payer_fsp} -> {found.payee_fsp}"),
        Text(f"{found.reason}, {REASONS[found.reason].words}" + (f": {found.detail}" if found.detail else "")),
    ]
    if found.deadline_ms is not None and found.state is DisputeState.OPEN:
        parts.append(Text(f"{found.against} is to answer by {when(found.deadline_ms)} UTC"))
    if found.linked:
        parts.append(Text(f"gives back {amount(found.given_minor, found.currency)} by {found.linked}"))
    if found.report:
        parts.append(Text(f"raised together with the report {found.report}"))
    return Group(*parts, _steps(found))


def _steps(found: Dispute) -> Table:
    table = plain_table("steps", "at (UTC)", "who", "what", "why")
    for each in found.steps:
        table.add_row(when(each.at_ms), each.who, each.what, each.detail)
    return table
