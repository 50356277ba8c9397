"""Transfers: every state, every event and every transition there is, as tables; no rule of flow lives elsewhere.

Who asks decides the flow. PUSH: the payer FSP asks, the payee FSP is told to credit. PULL: the payee FSP
asks, the payer FSP is told to debit. THIRD_PARTY: someone else asks: debit, then credit, then refund if the
credit is refused. ERRAND: a participant is asked to make or change what it keeps for a customer; no money moves.
The hub holds the payer FSP's position from the first instruction to the last answer.

A row says: in this state, on this event, go there, do this to the ledger, say this to someone. A pair
that has no row is an error in the hub and raises. IN_DOUBT states are left only by the FSP's own words,
by an operator's ruling, or by the FSP saying, after nobody may send it any more, that it never saw it.
`docs/states.md` is generated from here.
"""

from enum import StrEnum
from typing import Final, NamedTuple

from routing.message import Operation, Verdict


class Flow(StrEnum):
    """Which table a transfer follows."""

    PUSH = "push"
    PULL = "pull"
    THIRD_PARTY = "third_party"
    ERRAND = "errand"


class State(StrEnum):
    """Where a transfer stands."""

    RECEIVED = "received"  # asked for; nothing held, nobody told
    RESERVED = "reserved"  # push: held; the payee FSP is told to credit
    IN_DOUBT = "in_doubt"  # push: the payee FSP's word is missing or unclear
    ASKED = "asked"  # held; the payer FSP is told to debit
    ASKED_IN_DOUBT = "asked_in_doubt"  # the payer FSP's word about the debit is missing or unclear
    HELD = "held"  # third party: debited; the payee FSP is told to credit
    HELD_IN_DOUBT = "held_in_doubt"  # the payee FSP's word about the credit is missing or unclear
    OWED = "owed"  # third party: the credit was refused; the payer FSP is told to refund
    OWED_IN_DOUBT = "owed_in_doubt"  # the payer FSP's word about the refund is missing or unclear
    TOLD = "told"  # errand: the participant is told
    TOLD_IN_DOUBT = "told_in_doubt"  # errand: the participant's word is missing or unclear
    COMMITTED = "committed"  # final: the money moved; of an errand: it is done
    ABORTED = "aborted"  # final: no money moved
    REFUNDED = "refunded"  # final: the payer was debited and got it back


class Event(StrEnum):
    """What happens to a transfer."""

    ADMITTED = "admitted"  # the hub agrees
    ANSWERED = "answered"  # errand: the hub does it itself, as no participant has to be asked
    BARRED = "barred"  # the hub says no: no route, over the cap, participant suspended
    ACCEPTED = "accepted"  # the FSP says it did it
    REFUSED = "refused"  # the FSP says it did not and will not
    UNANSWERED = "unanswered"  # the FSP's answer is not a clear word
    MISMATCHED = "mismatched"  # the FSP says it did something else: another amount or currency
    ABSENT = "absent"  # the FSP says it never received the instruction; it may be sent again
    LAPSED = "lapsed"  # the same, said after the last instant at which anyone could have sent it
    DUE = "due"  # the time to hear or to ask again has come
    EXHAUSTED = "exhausted"  # asked as often as the rail allows
    CONTRADICTED = "contradicted"  # the FSP's word is against what it said before, or nobody asked it


class Effect(StrEnum):
    """What a transition does to the ledger."""

    NOTHING = "nothing"
    RESERVE = "reserve"
    POST = "post"
    VOID = "void"


class Message(StrEnum):
    """What a transition says, and to whom."""

    NOBODY = "nobody"
    CREDIT_PAYEE = "credit_payee"
    DEBIT_PAYER = "debit_payer"
    REFUND_PAYER = "refund_payer"
    TELL_PARTICIPANT = "tell_participant"
    ASK_FSP = "ask_fsp"
    TELL_CALLER = "tell_caller"
    TELL_OPERATOR = "tell_operator"


class Row(NamedTuple):
    """One transition."""

    state: State
    event: Event
    next: State
    effect: Effect
    message: Message


class IllegalTransitionError(Exception):
    """The table has no row for this pair: an error in the hub, nothing was changed."""


S, E, F, M = State, Event, Effect, Message


def _ends(waiting: State, doubt: State, done: Effect, undone: Effect) -> tuple[Row, ...]:
    """Rows of the states in which one FSP's word decides all: how they end, in doubt or not."""
    return tuple(
        Row(state, event, end, effect, M.TELL_CALLER)
        for state in (waiting, doubt)
        for event, end, effect in (
            (E.ACCEPTED, S.COMMITTED, done),
            (E.REFUSED, S.ABORTED, undone),
            (E.LAPSED, S.ABORTED, undone),
        )
    )


def _waiting(waiting: State, doubt: State, instruction: Message) -> tuple[Row, ...]:
    """Rows of every state that waits for an FSP's word: how doubt begins, is asked about, and is left open."""
    return (
        Row(waiting, E.DUE, doubt, F.NOTHING, M.ASK_FSP),
        Row(waiting, E.UNANSWERED, doubt, F.NOTHING, M.NOBODY),
        Row(waiting, E.MISMATCHED, doubt, F.NOTHING, M.TELL_OPERATOR),
        Row(waiting, E.ABSENT, waiting, F.NOTHING, M.NOBODY),
        Row(doubt, E.DUE, doubt, F.NOTHING, M.ASK_FSP),
        Row(doubt, E.UNANSWERED, doubt, F.NOTHING, M.NOBODY),
        Row(doubt, E.MISMATCHED, doubt, F.NOTHING, M.TELL_OPERATOR),
        Row(doubt, E.EXHAUSTED, doubt, F.NOTHING, M.TELL_OPERATOR),
        Row(doubt, E.ABSENT, waiting, F.NOTHING, instruction),
        Row(waiting, E.CONTRADICTED, waiting, F.NOTHING, M.TELL_OPERATOR),
        Row(doubt, E.CONTRADICTED, doubt, F.NOTHING, M.TELL_OPERATOR),
    )


def _final(*states: State) -> tuple[Row, ...]:
    """Rows of final states: nothing moves any more, but a word against the end is an operator's matter."""
    return tuple(Row(state, E.CONTRADICTED, state, F.NOTHING, M.TELL_OPERATOR) for state in states)


PUSH: Final = (
    Row(S.RECEIVED, E.ADMITTED, S.RESERVED, F.RESERVE, M.CREDIT_PAYEE),
    Row(S.RECEIVED, E.BARRED, S.ABORTED, F.NOTHING, M.TELL_CALLER),
    *_ends(S.RESERVED, S.IN_DOUBT, F.POST, F.VOID),
    *_waiting(S.RESERVED, S.IN_DOUBT, M.CREDIT_PAYEE),
    *_final(S.COMMITTED, S.ABORTED),
)

PULL: Final = (
    Row(S.RECEIVED, E.ADMITTED, S.ASKED, F.RESERVE, M.DEBIT_PAYER),
    Row(S.RECEIVED, E.BARRED, S.ABORTED, F.NOTHING, M.TELL_CALLER),
    *_ends(S.ASKED, S.ASKED_IN_DOUBT, F.POST, F.VOID),
    *_waiting(S.ASKED, S.ASKED_IN_DOUBT, M.DEBIT_PAYER),
    *_final(S.COMMITTED, S.ABORTED),
)

THIRD_PARTY: Final = (
    Row(S.RECEIVED, E.ADMITTED, S.ASKED, F.RESERVE, M.DEBIT_PAYER),
    Row(S.RECEIVED, E.BARRED, S.ABORTED, F.NOTHING, M.TELL_CALLER),
    Row(S.ASKED, E.ACCEPTED, S.HELD, F.NOTHING, M.CREDIT_PAYEE),
    Row(S.ASKED, E.REFUSED, S.ABORTED, F.VOID, M.TELL_CALLER),
    Row(S.ASKED, E.LAPSED, S.ABORTED, F.VOID, M.TELL_CALLER),
    Row(S.ASKED_IN_DOUBT, E.ACCEPTED, S.HELD, F.NOTHING, M.CREDIT_PAYEE),
    Row(S.ASKED_IN_DOUBT, E.REFUSED, S.ABORTED, F.VOID, M.TELL_CALLER),
    Row(S.ASKED_IN_DOUBT, E.LAPSED, S.ABORTED, F.VOID, M.TELL_CALLER),
    *_waiting(S.ASKED, S.ASKED_IN_DOUBT, M.DEBIT_PAYER),
    Row(S.HELD, E.ACCEPTED, S.COMMITTED, F.POST, M.TELL_CALLER),
    Row(S.HELD, E.REFUSED, S.OWED, F.NOTHING, M.REFUND_PAYER),
    Row(S.HELD, E.LAPSED, S.OWED, F.NOTHING, M.REFUND_PAYER),
    Row(S.HELD_IN_DOUBT, E.ACCEPTED, S.COMMITTED, F.POST, M.TELL_CALLER),
    Row(S.HELD_IN_DOUBT, E.REFUSED, S.OWED, F.NOTHING, M.REFUND_PAYER),
    Row(S.HELD_IN_DOUBT, E.LAPSED, S.OWED, F.NOTHING, M.REFUND_PAYER),
    *_waiting(S.HELD, S.HELD_IN_DOUBT, M.CREDIT_PAYEE),
    Row(S.OWED, E.ACCEPTED, S.REFUNDED, F.VOID, M.TELL_CALLER),
    Row(S.OWED, E.REFUSED, S.OWED_IN_DOUBT, F.NOTHING, M.TELL_OPERATOR),
    Row(S.OWED_IN_DOUBT, E.ACCEPTED, S.REFUNDED, F.VOID, M.TELL_CALLER),
    Row(S.OWED_IN_DOUBT, E.REFUSED, S.OWED_IN_DOUBT, F.NOTHING, M.TELL_OPERATOR),
    *_waiting(S.OWED, S.OWED_IN_DOUBT, M.REFUND_PAYER),
    *_final(S.COMMITTED, S.ABORTED, S.REFUNDED),
)

ERRAND: Final = (
    Row(S.RECEIVED, E.ADMITTED, S.TOLD, F.NOTHING, M.TELL_PARTICIPANT),
    Row(S.RECEIVED, E.ANSWERED, S.COMMITTED, F.NOTHING, M.TELL_CALLER),
    Row(S.RECEIVED, E.BARRED, S.ABORTED, F.NOTHING, M.TELL_CALLER),
    *_ends(S.TOLD, S.TOLD_IN_DOUBT, F.NOTHING, F.NOTHING),
    *_waiting(S.TOLD, S.TOLD_IN_DOUBT, M.TELL_PARTICIPANT),
    *_final(S.COMMITTED, S.ABORTED),
)

TABLES: Final = {Flow.PUSH: PUSH, Flow.PULL: PULL, Flow.THIRD_PARTY: THIRD_PARTY, Flow.ERRAND: ERRAND}

FINAL: Final = frozenset({S.COMMITTED, S.ABORTED, S.REFUNDED})

# The operation whose outcome a state waits for.
AWAITED: Final = {
    S.RESERVED: Operation.CREDIT,
    S.IN_DOUBT: Operation.CREDIT,
    S.ASKED: Operation.DEBIT,
    S.ASKED_IN_DOUBT: Operation.DEBIT,
    S.HELD: Operation.CREDIT,
    S.HELD_IN_DOUBT: Operation.CREDIT,
    S.OWED: Operation.REFUND,
    S.OWED_IN_DOUBT: Operation.REFUND,
    S.TOLD: Operation.ISSUE,
    S.TOLD_IN_DOUBT: Operation.ISSUE,
}

IN_DOUBT: Final = frozenset({S.IN_DOUBT, S.ASKED_IN_DOUBT, S.HELD_IN_DOUBT, S.OWED_IN_DOUBT, S.TOLD_IN_DOUBT})

OPERATION_OF: Final = {
    M.CREDIT_PAYEE: Operation.CREDIT,
    M.DEBIT_PAYER: Operation.DEBIT,
    M.REFUND_PAYER: Operation.REFUND,
    M.TELL_PARTICIPANT: Operation.ISSUE,
}

_YES, _NO = Verdict.ACCEPTED, Verdict.REFUSED

# What each operation is known to have come to, in states that no longer wait for it. An operation that is
# missing here was never instructed, or (in the awaiting states) is still open.
SETTLED: Final[dict[tuple[Flow, State], dict[Operation, Verdict]]] = {
    (Flow.PUSH, S.COMMITTED): {Operation.CREDIT: _YES},
    (Flow.PUSH, S.ABORTED): {Operation.CREDIT: _NO},
    (Flow.PULL, S.COMMITTED): {Operation.DEBIT: _YES},
    (Flow.PULL, S.ABORTED): {Operation.DEBIT: _NO},
    (Flow.THIRD_PARTY, S.HELD): {Operation.DEBIT: _YES},
    (Flow.THIRD_PARTY, S.HELD_IN_DOUBT): {Operation.DEBIT: _YES},
    (Flow.THIRD_PARTY, S.OWED): {Operation.DEBIT: _YES, Operation.CREDIT: _NO},
    (Flow.THIRD_PARTY, S.OWED_IN_DOUBT): {Operation.DEBIT: _YES, Operation.CREDIT: _NO},
    (Flow.THIRD_PARTY, S.COMMITTED): {Operation.DEBIT: _YES, Operation.CREDIT: _YES},
    (Flow.THIRD_PARTY, S.ABORTED): {Operation.DEBIT: _NO},
    (Flow.ERRAND, S.COMMITTED): {Operation.ISSUE: _YES},
    (Flow.ERRAND, S.ABORTED): {Operation.ISSUE: _NO},
    (Flow.THIRD_PARTY, S.REFUNDED): {Operation.DEBIT: _YES, Operation.CREDIT: _NO, Operation.REFUND: _YES},
}

_ROWS: Final = {(flow, row.state, row.event): row for flow, rows in TABLES.items() for row in rows}


def transition(flow: Flow, state: State, event: Event) -> Row:
    """Look the pair up; raises IllegalTransitionError, changing nothing, when there is no such row."""
    try:
        return _ROWS[flow, state, event]
    except KeyError:
        raise IllegalTransitionError(f"a {flow} transfer that is {state} cannot be {event}") from None


def states_markdown() -> str:
    """Write docs/states.md: each table as text and as a Mermaid diagram."""
    parts = ["# The states of a transfer\n", "Generated from `hub/core/transfer.py` by `hub states`; do not edit.\n"]
    for flow, rows in TABLES.items():
        parts.append(f"\n## {flow}\n\n```mermaid\nstateDiagram-v2")
        moves = [row for row in rows if row.next is not row.state]
        parts.extend(f"    {row.state} --> {row.next}: {row.event} / {row.effect}, {row.message}" for row in moves)
        parts.append("```\n\n| state | event | next | ledger | message |\n|---|---|---|---|---|")
        parts.extend(f"| {' | '.join(row)} |" for row in rows)
    return "\n".join(parts) + "\n"
