"""Showing a default in a terminal: how everybody stands before and after it is handled, and what was done before."""

from collections.abc import Iterator

from rich.table import Table

from hub.core.settlement.default import Preview
from hub.core.settlement.window import Window
from hub.trial.prices import SCHEME, day_and_time
from hub.trial.printed import plain_table
from routing.money import Money


def preview_table(found: Preview, window: Window) -> Table:
    """Return what each participant is to get for the window, or below zero to pay, before and after."""
    title = (
        f"{found.participant} cannot pay {_said(found.minor, window)} for {window.model}/{window.number}: {found.path}"
    )
    table = plain_table(title, "participant")
    for column in ("owed until now", "owed then", "booked by the bank", "still to come"):
        table.add_column(column, justify="right")
    for each in found.lines:
        figures = (each.before, each.after, each.booked, each.after - each.booked)
        style = "red" if each.participant == found.participant else None
        table.add_row(each.participant, *(str(Money(minor, window.currency)) for minor in figures), style=style)
    return table


def preview_lines(found: Preview, window: Window, guarantee: int) -> Iterator[str]:
    """Say what is done beside, a line each; `guarantee`: what is in it, in minor units."""
    if found.guarantee_minor > guarantee:
        there = f"only {_said(guarantee, window)}" if guarantee else f"no {window.currency}"
        wanted = _said(found.guarantee_minor, window)
        yield f"the guarantee is to pay {wanted}, and there is {there} in it: this cannot be done"
        yield "have it paid in (hub funds in ... --guarantee), or say another --path: exclude, unwind"
    elif found.guarantee_minor:
        left = guarantee - found.guarantee_minor
        yield f"the guarantee pays {_said(found.guarantee_minor, window)}; {_said(left, window)} are left in it then"
    for moved in found.carried:
        sides = f"{moved.debtor or SCHEME} to {moved.creditor or SCHEME}"
        yield f"carried into the next window: {sides} {_said(moved.minor, window)}"
    for due in found.undone:
        yield f"undone: {due.debtor or SCHEME} gives {_said(due.minor, window)} back to {due.creditor or SCHEME}"
    for due in found.payments:
        yield f"to be paid: {due.debtor or SCHEME} to {due.creditor or SCHEME} {_said(due.minor, window)}"
    yield f"payments under way: {len(found.kept)} go on, {len(found.cancelled)} are cancelled"
    yield f"new debits of {found.participant} in {window.currency} are blocked"


def defaults_lines(window: Window) -> Iterator[str]:
    """Say which defaults were handled, a line each."""
    for each in window.defaults:
        what = f"{each.participant} did not pay {_said(each.minor, window)}: {each.path}"
        yield f"{what}, by {each.by} at {day_and_time(each.at_ms)} ({each.why})"


def _said(minor: int, window: Window) -> str:
    return f"{Money(minor, window.currency)} {window.currency}"
