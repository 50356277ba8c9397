"""Showing: what a person looks at in a terminal, in one way everywhere; nothing here names a party."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from adapters.contract import Manifest
from hub.core.transfer import IN_DOUBT, State
from hub.ledger.audit import TrialLine
from hub.store.audit import Report
from hub.trial.printed import plain_table
from routing.money import Money

_COLOURS = {State.COMMITTED: "green", State.ABORTED: "red", State.REFUNDED: "magenta", State.IN_REVIEW: "yellow"}


def coloured(state: State) -> Text:
    """Return a state in its colour: final ones in theirs, doubt in yellow."""
    return Text(state, style=_COLOURS.get(state, "yellow" if state in IN_DOUBT else "cyan"))


def amount(minor: int, currency: str) -> str:
    """Return an amount with its currency."""
    return f"{Money(minor, currency)} {currency}"


def when(unix_ms: int) -> str:
    """Return a time of day, UTC, to the millisecond."""
    return datetime.fromtimestamp(unix_ms / 1000, UTC).strftime("%H:%M:%S.%f")[:-3]


def trial_balance(lines: Sequence[TrialLine]) -> Table:
    """Return the trial balance; every currency's column ends in zero."""
    table = plain_table("trial balance", "account", "currency")
    for column in ("balance", "held"):
        table.add_column(column, justify="right")
    totals: dict[str, int] = {}
    for line in lines:
        currency = line.account.currency
        totals[currency] = totals.get(currency, 0) + line.balance
        name = f"{line.account.participant or 'scheme'} {line.account.kind}"
        figures = [str(Money(each, currency)) for each in (line.balance, line.held)]
        table.add_row(name, currency, *figures, style=None if line.balance or line.held else "dim")
    table.add_section()
    for currency, total in totals.items():
        table.add_row("sum", currency, str(Money(total, currency)), "", style="bold")
    return table


def audit_report(report: Report) -> RenderableType:
    """Return what an audit found."""
    counted = ", ".join(f"{count} {state}" for state, count in sorted(report.states.items()))
    summary = Text(f"{report.journals} journals, {report.postings} postings; transfers: {counted or 'none'}")
    if report.findings:
        verdict = Text("\n".join(["the books do NOT agree:", *report.findings]), style="bold red")
    else:
        verdict = Text("the books balance, the chain is whole, every transfer agrees with its postings", style="green")
    return Group(trial_balance(report.trial_balance), summary, verdict)


def adapter_table(manifests: Mapping[str, Manifest]) -> Table:
    """Return the installed adapters."""
    table = plain_table("", "adapter", "level", "speaks", "operations", "questions", "callbacks", "secrets")
    for name, manifest in manifests.items():
        rail = manifest.rail
        table.add_row(
            name,
            manifest.level,
            manifest.protocol,
            ", ".join(rail.operations),
            ", ".join(rail.questions) or "-",
            manifest.callbacks,
            ", ".join(manifest.secrets) or "-",
        )
    return table
