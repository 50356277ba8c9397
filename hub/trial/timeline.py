"""Showing one transfer: its parties (always masked), its price, every step and posting, and what waits for a person."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from hub.core.admit import body_of
from hub.core.change import Case
from hub.core.command import Transfer
from hub.core.office.records import Dispute
from hub.core.transfer import FINAL, State
from hub.ledger.account import Account
from hub.ledger.journal import Entry
from hub.store.read import Timeline
from hub.trial.disputes import dispute_table
from hub.trial.prices import price_of
from hub.trial.printed import plain_table
from hub.trial.show import amount, coloured, when
from routing.money import Money

REVIEW: Final = (
    "it waits for operators: `hub transfer resolve {0} accepted --state in_review` proposes that it goes on, "
    "`refused` that it ends"
)


def timeline(found: Timeline, accounts: Iterable[Account], disputes: Sequence[Dispute] = ()) -> RenderableType:
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
    parts: list[RenderableType] = [head, Text(parties(transfer)), *price_of(transfer), steps(found)]
    if transfer.original:
        parts.append(Text(f"gives back {transfer.original}, or a part of it"))
    if found.entries:
        parts.append(postings(found.entries, {each.id: each for each in accounts}))
    if found.reversals:
        parts.append(given_back(found, disputes))
    if disputes:
        parts.append(dispute_table(disputes))
    if transfer.state is State.IN_REVIEW:
        parts.append(Text(REVIEW.format(transfer.id), style="yellow"))
    elif transfer.state not in FINAL and transfer.due_ms:
        parts.append(Text(f"looked at again at {when(transfer.due_ms)} UTC, asked {transfer.asks} times so far"))
    if found.cases:
        parts.append(case_table(found.cases))
    return Group(*parts)


def parties(transfer: Transfer) -> str:
    """Return who pays whom, masked."""
    body = body_of(transfer)
    payer, payee = (", ".join(str(each) for each in party) for party in (body.payer, body.payee))
    return f"{transfer.payer_fsp or 'nobody'} ({payer}) -> {transfer.payee_fsp or 'nobody'} ({payee})"


def steps(found: Timeline) -> Table:
    """Return the audit trail of one transfer, each step with the time since the first."""
    table = plain_table("", "#", "after", "event", "state", "who", "why")
    first = found.transitions[0].at_ms if found.transitions else 0
    for each in found.transitions:
        since = f"{each.at_ms - first} ms"
        table.add_row(str(each.seq), since, each.event, coloured(each.next), each.who, each.detail)
    return table


def postings(entries: Sequence[Entry], accounts: Mapping[int, Account]) -> Table:
    """Return the postings of a transfer, each in the currency of its accounts."""
    table = plain_table("postings", "phase", "debit", "credit")
    for column in ("amount", "debit balance", "held", "credit balance"):
        table.add_column(column, justify="right")
    for entry in entries:
        posting, balances = entry.posting, (entry.debit_balance, entry.debit_held, entry.credit_balance)
        currency = accounts[posting.debit].currency
        debit, credit = (_name(accounts[number]) for number in (posting.debit, posting.credit))
        figures = [str(Money(each, currency)) for each in balances]
        table.add_row(posting.phase, debit, credit, amount(posting.minor, currency), *figures)
    return table


def given_back(found: Timeline, disputes: Sequence[Dispute]) -> Table:
    """Return what was given back of a transfer, or was to be: by reversals of the API, and by disputes."""
    linked = {each.linked: each for each in disputes if each.linked}
    table = plain_table("given back", "at (UTC)", "by transfer", "because of", "state")
    table.add_column("amount", justify="right")
    for each in found.reversals:
        dispute = linked.get(each.id)
        why = f"{dispute.kind} {dispute.id}" if dispute is not None else f"{each.caller}'s request"
        figure = amount(each.minor, each.currency)
        table.add_row(when(each.created_ms), each.id, why, coloured(each.state), figure)
    return table


def _name(account: Account) -> str:
    return f"{account.participant or 'scheme'} {account.kind}"


def case_table(cases: Sequence[Case]) -> Table:
    """Return the operators' exception queue."""
    table = plain_table("exception queue", "since (UTC)", "transfer", "step", "kind", "detail")
    for case in cases:
        table.add_row(when(case.opened_ms), case.transfer, str(case.seq), case.kind, case.detail)
    return table
