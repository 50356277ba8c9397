"""Showing settlement: windows, what each side of one has gained or lost, what is owed for it and how it is paid."""

from collections.abc import Iterable, Mapping, Sequence

from rich.table import Table

from hub.core.settlement.netting import nets
from hub.core.settlement.window import Obligation, ObligationState, Payment, PaymentState, Window, WindowState
from hub.trial.prices import SCHEME, day_and_time
from hub.trial.printed import plain_table
from hub.trial.show import amount
from routing.money import Money

_COLOURS = {WindowState.OPEN: "cyan", WindowState.SETTLED: "green"}
_WRONG = frozenset({PaymentState.OVER, PaymentState.UNDER, PaymentState.MISMATCH, PaymentState.REFUSED})


def windows_table(found: Sequence[Window]) -> Table:
    """Return windows, with the journals that each has."""
    table = plain_table("windows", "window", "model", "number", "state", "journals", "opened", "closed (UTC)", "by")
    for each in found:
        interval = f"{each.from_height + 1} to {each.to_height if each.to_height is not None else '...'}"
        closed = day_and_time(each.closed_ms) if each.closed_ms is not None else ""
        row = (each.id, each.model, str(each.number), str(each.state), interval, day_and_time(each.at_ms), closed)
        table.add_row(*row, each.closed_by, style=_COLOURS.get(each.state, "yellow"))
    return table


def nets_table(window: Window) -> Table:
    """Return what each side has gained by a window's movements, or lost; the sum is nothing."""
    table = plain_table(f"nets of {window.model} {window.number}", "participant")
    for column in ("gave", "was given", "net", "postings"):
        table.add_column(column, justify="right")
    moved = (*window.movements, *window.carried)
    for side, net in sorted(nets(moved).items()):
        gave = sum(each.minor for each in moved if each.debtor == side)
        given = sum(each.minor for each in moved if each.creditor == side)
        count = sum(each.count for each in moved if side in (each.debtor, each.creditor))
        figures = [str(Money(minor, window.currency)) for minor in (gave, given, net)]
        table.add_row(side or SCHEME, *figures, str(count), style="red" if net < 0 else None)
    return table


def obligations_table(obligations: Iterable[Obligation], payments: Mapping[str, Payment]) -> Table:
    """Return what is owed, and how each is paid; `payments` by the obligation they are for."""
    table = plain_table("obligations", "debtor", "creditor", "amount", "owed", "payment", "booked")
    table.columns[2].justify = table.columns[5].justify = "right"
    for each in obligations:
        payment = payments.get(each.id)
        state, booked = "", ""
        if payment is not None:
            state = str(payment.state)
            booked = str(Money(payment.booked_minor, payment.currency)) if payment.booked_minor else ""
        style = "dim" if each.state is ObligationState.REPLACED else None
        style = "yellow" if payment is not None and payment.state in _WRONG else style
        sides = (each.debtor or SCHEME, each.creditor or SCHEME)
        table.add_row(*sides, amount(each.minor, each.currency), str(each.state), state, booked, style=style)
    return table
