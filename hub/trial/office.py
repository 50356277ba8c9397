"""Showing the office: proposals, funds, positions and what was changed of them, operators; no secret is shown."""

from collections.abc import Iterable, Sequence

from rich.table import Table

from hub.core.office.proposal import Proposal
from hub.core.office.records import Alarm, Change, Funds, Operator, Setting
from hub.ledger.account import Account, Kind
from hub.ledger.position import available, balance
from hub.trial.prices import day_and_time
from hub.trial.printed import plain_table
from hub.trial.show import amount
from routing.money import Money

when = day_and_time


def proposal_table(found: Sequence[Proposal]) -> Table:
    """Return proposals, each with what it is and who made it."""
    table = plain_table("proposals", "proposal", "deed", "about", "by", "why", "at (UTC)", "state")
    for each in found:
        state = f"{each.state} by {each.decided_by}" if each.decided_by else str(each.state)
        table.add_row(each.id, each.act, each.subject, each.by, each.why, when(each.at_ms), state)
    return table


def funds_table(found: Sequence[Funds]) -> Table:
    """Return funds, and how the bank stands to them."""
    table = plain_table("funds", "funds", "participant", "what", "state", "by", "end-to-end reference", "at (UTC)")
    for each in found:
        what = f"{amount(each.minor, each.currency)} {'out' if each.out else 'in'}, {each.purpose}"
        people = f"{each.by}, {each.approved_by}" + (f"; {each.confirmed_by}" if each.confirmed_by else "")
        table.add_row(each.id, each.participant, what, str(each.state), people, each.payment, when(each.at_ms))
    return table


def positions_table(accounts: Iterable[Account]) -> Table:
    """Return where every participant stands, in each of its currencies, and the guarantees."""
    table = plain_table("positions", "participant", "currency")
    for column in ("balance", "held", "cap", "available"):
        table.add_column(column, justify="right", overflow="fold")
    table.add_column("note")
    shown = [each for each in accounts if each.kind in (Kind.POSITION, Kind.GUARANTEE)]
    for each in sorted(shown, key=lambda each: (each.currency, each.kind is Kind.GUARANTEE, each.participant)):
        minors = (balance(each), each.debits_pending, each.cap_minor or 0, available(each) or 0)
        figures = [str(Money(minor, each.currency)) for minor in minors]
        style = "red" if each.blocked else "yellow" if each.alarm else None
        name = each.participant or "(guarantees)"
        notes = [f"alarm {each.alarm}"] * bool(each.alarm) + ["debits blocked"] * each.blocked
        table.add_row(name, each.currency, *figures, ", ".join(notes), style=style)
    return table


def changes_table(changes: Sequence[Change], alarms: Sequence[Alarm]) -> Table:
    """Return what was changed of a participant's positions, and which alarms they raised, the newest first."""
    table = plain_table("changes and alarms", "at (UTC)", "currency", "what", "by", "why")
    rows = [(each.at_ms, each.currency, *_change(each)) for each in changes]
    rows += [(each.at_ms, each.currency, _alarm(each), "", "") for each in alarms]
    for at_ms, *words in sorted(rows, reverse=True):
        table.add_row(when(at_ms), *words)
    return table


def _change(change: Change) -> tuple[str, str, str]:
    before, after = change.before, change.after
    if change.what is Setting.CAP:
        before, after = (str(Money(int(text), change.currency)) if text else "none" for text in (before, after))
    by = f"{change.by}, {change.approved_by}" if change.approved_by else change.by
    return f"{change.what}: {before} to {after}", by, change.why


def _alarm(alarm: Alarm) -> str:
    left, threshold = amount(alarm.available, alarm.currency), Money(alarm.threshold, alarm.currency)
    word = "under" if alarm.level > alarm.was else "above"
    return f"alarm {alarm.was} to {alarm.level}: {left} available, {word} {threshold}"


def operator_table(found: Sequence[Operator]) -> Table:
    """Return who may do what."""
    table = plain_table("operators", "name", "roles", "enabled", "by", "since (UTC)")
    for each in sorted(found, key=lambda each: each.id):
        by = f"{each.by}, {each.approved_by}" if each.approved_by else each.by
        style = None if each.enabled else "dim"
        table.add_row(
            each.id, ", ".join(each.roles), "yes" if each.enabled else "no", by, when(each.at_ms), style=style
        )
    return table
