"""Showing: what a person looks at in a terminal, as tables and timelines; parties are always masked."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from adapters.contract import Manifest
from hub.core.admit import body_of
from hub.core.change import Case
from hub.core.command import Transfer
from hub.core.transfer import FINAL, IN_DOUBT, State
from hub.ledger.audit import TrialLine
from hub.store.audit import Report
from hub.store.read import Timeline
from routing.money import Money

_COLOURS = {State.COMMITTED: "green", State.ABORTED: "red", State.REFUNDED: "magenta"}


def coloured(state: State) -> Text:
    """Return a state in its colour: final ones in theirs, doubt in yellow."""
    return Text(state, style=_COLOURS.get(state, "yellow" if state in IN_DOUBT else "cyan"))


def amount(minor: int, currency: str) -> str:
    """Return an amount with its currency."""
    return f"{Money(minor, currency)} {currency}"


def when(unix_ms: int) -> str:
    """Return a time of day, UTC, to the millisecond."""
    return datetime.fromtimestamp(unix_ms / 1000, UTC).strftime("%H:%M:%S.%f")[:-3]


def parties(transfer: Transfer) -> str:
    """Return who pays whom, masked."""
    body = body_of(transfer)
    payer, payee = (", ".join(str(each) for each in party) for party in (body.payer, body.payee))
    return f"{transfer.payer_fsp} ({payer}) -> {transfer.payee_fsp} ({payee})"


def steps(timeline: Timeline) -> Table:
    """Return the audit trail of one transfer, each step with the time since the first."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in ("#", "after", "event", "state", "who", "why"):
        table.add_column(column, overflow="fold")
    first = timeline.transitions[0].at_ms if timeline.transitions else 0
    for each in timeline.transitions:
        since = f"{each.at_ms - first} ms"
        table.add_row(str(each.seq), since, each.event, coloured(each.next), each.who, each.detail)
    return table


def timeline(found: Timeline) -> RenderableType:
    """Return everything known about one transfer."""
    transfer = found.transfer
    head = Text.assemble(
        ("transfer ", "dim"),
        (transfer.id, "bold"),
        f"  {transfer.flow}  ",
        amount(transfer.minor, transfer.currency),
        "  ",
        coloured(transfer.state),
    )
    if transfer.reason:
        head.append(f"  {transfer.reason} {transfer.code}".rstrip(), style="yellow")
    postings = Table(title="postings", title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for column in ("phase", "debit", "credit", "amount", "debit balance", "held", "credit balance"):
        postings.add_column(column, justify="right")
    for entry in found.entries:
        posting, balances = entry.posting, (entry.debit_balance, entry.debit_held, entry.credit_balance)
        figures = [str(Money(each, transfer.currency)) for each in (posting.minor, *balances)]
        postings.add_row(posting.phase, str(posting.debit), str(posting.credit), *figures)
    parts: list[RenderableType] = [head, Text(parties(transfer)), steps(found), postings]
    if transfer.state not in FINAL and transfer.due_ms:
        parts.append(Text(f"looked at again at {when(transfer.due_ms)} UTC, asked {transfer.asks} times so far"))
    if found.cases:
        parts.append(case_table(found.cases))
    return Group(*parts)


def case_table(cases: Sequence[Case]) -> Table:
    """Return the operators' exception queue."""
    table = Table(title="exception queue", title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for column in ("since (UTC)", "transfer", "step", "kind", "detail"):
        table.add_column(column, overflow="fold")
    for case in cases:
        table.add_row(when(case.opened_ms), case.transfer, str(case.seq), case.kind, case.detail)
    return table


def trial_balance(lines: Sequence[TrialLine]) -> Table:
    """Return the trial balance; every currency's column ends in zero."""
    table = Table(title="trial balance", title_justify="left", box=box.SIMPLE_HEAD, show_footer=False, pad_edge=False)
    for column in ("account", "currency"):
        table.add_column(column)
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
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in ("adapter", "level", "speaks", "operations", "questions", "callbacks", "secrets"):
        table.add_column(column, overflow="fold")
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
