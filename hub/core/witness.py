"""Witnesses: whose word about a transfer counts, and when; it decides nothing about the transfer itself."""

from typing import Final

from hub.core.command import CONVERSIONS, Ruling, Transfer, Word
from hub.core.transfer import IN_DOUBT, Flow, State
from routing.message import Operation, Verdict

# Where a transfer has ended when a word is true of it already.
ENDS: Final = {
    Verdict.ACCEPTED: frozenset({State.COMMITTED}),
    Verdict.REFUSED: frozenset({State.ABORTED, State.REFUNDED}),
    Verdict.UNKNOWN: frozenset[State](),
}


def insiders(transfer: Transfer) -> tuple[str, str, str]:
    """List the participants that a transfer concerns."""
    return transfer.caller, transfer.payer_fsp, transfer.payee_fsp


def sides_of(transfer: Transfer) -> tuple[str, ...]:
    """List the participants that a transfer moves money at."""
    providers = transfer.price.providers if transfer.price is not None else ()
    return transfer.payer_fsp, transfer.payee_fsp, *providers


def may_say(command: Ruling | Word, transfer: Transfer, operation: Operation) -> bool:
    """Say whose word counts. A participant's word names no operation, so it must not fit two of them.

    What a payer FSP says of a refund may be a late repeat of what it said of the debit; and who is both sides
    may have said either.
    """
    if operation is Operation.ISSUE:  # what was made nobody can say but the participant's own answer
        return isinstance(command, Ruling) and command.verdict is Verdict.REFUSED and transfer.state in IN_DOUBT
    if isinstance(command, Ruling):
        return transfer.state in IN_DOUBT
    if operation in CONVERSIONS:  # an FX provider says what it says over its rail
        return False
    both = transfer.flow is Flow.THIRD_PARTY and transfer.payer_fsp == transfer.payee_fsp
    if both or operation is Operation.REFUND:
        return False
    return command.caller == (transfer.payee_fsp if operation is Operation.CREDIT else transfer.payer_fsp)
