"""Meaning: what an FSP's words mean for a transfer as it stands; it decides nothing and changes nothing.

A word from the wrong connection, under the wrong reference, or against what the FSP said before never
moves money: it is CONTRADICTED, an operator's matter. A repeated word means nothing new.
"""

from typing import Final

import msgspec

from hub.core.admit import body_of
from hub.core.command import CONVERSIONS, Transfer
from hub.core.derived import uuid_of
from hub.core.errand import says_what_was_made
from hub.core.transfer import AWAITED, SETTLED, UNDOING, Event, State
from routing.message import FailureClass, Operation, Outcome, Verdict
from routing.table import Rail

EVENTS: Final = {Verdict.ACCEPTED: Event.ACCEPTED, Verdict.REFUSED: Event.REFUSED, Verdict.UNKNOWN: Event.UNANSWERED}

_UNDONE: Final = frozenset({State.OWED, State.OWED_IN_DOUBT, State.UNWINDING, State.UNWINDING_IN_DOUBT})


def reference(transfer: str, operation: Operation) -> str:
    """Return what a provider knows an operation by: derived from the committed transfer, so never a second one."""
    return uuid_of(f"{transfer}:{operation}")


def connection_for(transfer: Transfer, operation: Operation) -> str:
    """Return the connection that was chosen for an operation when the transfer was admitted."""
    if operation in CONVERSIONS:
        return transfer.price.converter if transfer.price is not None else ""
    at_payee = operation in (Operation.CREDIT, Operation.ISSUE)
    return transfer.payee_connection if at_payee else transfer.payer_connection


def event_of(transfer: Transfer, outcome: Outcome, *, now_ms: int, rail: Rail, lapse_margin_ms: int) -> Event | None:
    """Say what an outcome means; None: nothing new."""
    operation = outcome.operation
    ours = outcome.reference == reference(transfer.id, operation)
    if not ours or outcome.connection != connection_for(transfer, operation):
        return Event.CONTRADICTED
    something_else = outcome.verdict is Verdict.ACCEPTED and outcome.money not in (
        None,
        transfer.money_of(operation),
    )
    if operation is not AWAITED.get(transfer.state):
        known = SETTLED.get((transfer.flow, transfer.state), {}).get(operation)
        return None if outcome.verdict in (known, Verdict.UNKNOWN) and not something_else else Event.CONTRADICTED
    if something_else:
        return Event.MISMATCHED
    if (
        operation is Operation.ISSUE
        and outcome.verdict is Verdict.ACCEPTED
        and not says_what_was_made(body_of(transfer), outcome)
    ):
        return Event.UNANSWERED
    if outcome.verdict is Verdict.UNKNOWN and outcome.failure is FailureClass.ABSENT:
        return _absent(transfer, outcome, now_ms=now_ms, rail=rail, lapse_margin_ms=lapse_margin_ms)
    return EVENTS[outcome.verdict]


def _absent(transfer: Transfer, outcome: Outcome, *, now_ms: int, rail: Rail, lapse_margin_ms: int) -> Event:
    """Tell "not yet received" from "will never be received".

    No runner sends after the lease. So when the question itself was put after the lease and a margin for
    what was still on its way, the FSP's "never seen" is the last word. What undoes is owed for ever: it does not
    lapse but is sent again, under a new lease; where the first could still be taken for another, only then.
    """
    never = outcome.asked_ms >= transfer.lease_ends_ms + lapse_margin_ms
    if outcome.operation in UNDOING:
        return Event.ABSENT if rail.resend_safe or never else Event.UNANSWERED
    if never:
        return Event.LAPSED
    return Event.ABSENT if rail.resend_safe and now_ms < transfer.lease_ends_ms else Event.UNANSWERED


def noted(transfer: Transfer, outcome: Outcome, event: Event) -> Transfer:
    """Keep the FSP's own reference, and why it refused or is unclear; of what undoes, keep why it came to that."""
    if event is Event.CONTRADICTED:
        return transfer
    own = outcome.provider_reference
    if own and outcome.operation in (Operation.CREDIT, Operation.ISSUE):
        transfer = msgspec.structs.replace(transfer, payee_reference=own)
    elif own and outcome.operation is Operation.DEBIT:  # a refund's own name must not stand where the debit's does
        transfer = msgspec.structs.replace(transfer, payer_reference=own)
    if transfer.state in _UNDONE:
        return transfer
    if event is Event.ACCEPTED:
        return msgspec.structs.replace(transfer, reason="", code="")
    why = FailureClass.LAPSED if event is Event.LAPSED else outcome.failure or FailureClass.UNCLEAR
    return msgspec.structs.replace(transfer, reason=why, code=outcome.code)
