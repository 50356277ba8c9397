"""Transfers: every state, every event and every transition there is, as tables; no rule of flow lives elsewhere.

Who asks decides the flow. PUSH: the payer FSP asks, the payee FSP is told to credit. PULL: the payee FSP
asks, the payer FSP is told to debit. THIRD_PARTY: someone else asks: debit, then credit, then refund if the
credit is refused. ERRAND: a participant is asked to make or change what it keeps for a customer; no money moves.
CONVERTED_PUSH, CONVERTED_PULL: the same, where an FX provider must first confirm the conversion, which is unwound when
the transfer moves nothing after all. The hub holds every position of the transfer's price, in each of its currencies,
from the first instruction to the last answer.

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
    CONVERTED_PUSH = "converted_push"
    CONVERTED_PULL = "converted_pull"


class State(StrEnum):
    """Where a transfer stands."""

    RECEIVED = "received"  # asked for; nothing held, nobody told
    IN_REVIEW = "in_review"  # the screening or a limit flagged it; nothing held, nobody told but an operator
    CONVERTING = "converting"  # held; the FX provider is told to confirm the conversion
    CONVERTING_IN_DOUBT = "converting_in_doubt"  # the FX provider's word about it is missing or unclear
    RESERVED = "reserved"  # push: held; the payee FSP is told to credit
    IN_DOUBT = "in_doubt"  # push: the payee FSP's word is missing or unclear
    ASKED = "asked"  # held; the payer FSP is told to debit
    ASKED_IN_DOUBT = "asked_in_doubt"  # the payer FSP's word about the debit is missing or unclear
    HELD = "held"  # third party: debited; the payee FSP is told to credit
    HELD_IN_DOUBT = "held_in_doubt"  # the payee FSP's word about the credit is missing or unclear
    OWED = "owed"  # third party: the credit was refused; the payer FSP is told to refund
    OWED_IN_DOUBT = "owed_in_doubt"  # the payer FSP's word about the refund is missing or unclear
    UNWINDING = "unwinding"  # converted, and it came to nothing; the FX provider is told to let go of it
    UNWINDING_IN_DOUBT = "unwinding_in_doubt"  # the FX provider's word about that is missing or unclear
    TOLD = "told"  # errand: the participant is told
    TOLD_IN_DOUBT = "told_in_doubt"  # errand: the participant's word is missing or unclear
    COMMITTED = "committed"  # final: the money moved; of an errand: it is done
    ABORTED = "aborted"  # final: no money moved
    REFUNDED = "refunded"  # final: what was done for it, a debit or a conversion, is undone


class Event(StrEnum):
    """What happens to a transfer."""

    ADMITTED = "admitted"  # the hub agrees
    ANSWERED = "answered"  # errand: the hub does it itself, as no participant has to be asked
    BARRED = "barred"  # the hub says no: no route, over the cap, participant suspended
    FLAGGED = "flagged"  # the hub agrees, but an operator must look first
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
    CONVERT = "convert"
    UNWIND = "unwind"
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


def _begins(first: State, instruction: Message) -> tuple[Row, ...]:
    """Rows of a transfer's beginning: the hub agrees, says no, or has an operator look first."""
    return (
        Row(S.RECEIVED, E.ADMITTED, first, F.RESERVE, instruction),
        Row(S.RECEIVED, E.BARRED, S.ABORTED, F.NOTHING, M.TELL_CALLER),
        Row(S.RECEIVED, E.FLAGGED, S.IN_REVIEW, F.NOTHING, M.TELL_OPERATOR),
        Row(S.IN_REVIEW, E.ADMITTED, first, F.RESERVE, instruction),
        Row(S.IN_REVIEW, E.BARRED, S.ABORTED, F.NOTHING, M.TELL_CALLER),
        Row(S.IN_REVIEW, E.CONTRADICTED, S.IN_REVIEW, F.NOTHING, M.TELL_OPERATOR),
    )


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


def _goes_on(waiting: State, doubt: State, yes: tuple[State, Message], no: tuple[State, Message]) -> tuple[Row, ...]:
    """Rows of the states after which somebody else is told: what is held stays held."""
    return tuple(
        Row(state, event, *_next(then))
        for state in (waiting, doubt)
        for event, then in ((E.ACCEPTED, yes), (E.REFUSED, no), (E.LAPSED, no))
    )


def _next(then: tuple[State, Message]) -> tuple[State, Effect, Message]:
    state, message = then
    return state, F.VOID if state in (S.ABORTED, S.REFUNDED) else F.NOTHING, message


def _owed(waiting: State, doubt: State, instruction: Message) -> tuple[Row, ...]:
    """Rows of what must be undone: it is owed for ever, so a refusal is an operator's matter."""
    return (
        *(Row(state, E.ACCEPTED, S.REFUNDED, F.VOID, M.TELL_CALLER) for state in (waiting, doubt)),
        *(Row(state, E.REFUSED, doubt, F.NOTHING, M.TELL_OPERATOR) for state in (waiting, doubt)),
        *_waiting(waiting, doubt, instruction),
    )


def _converted(first: State, doubt: State, instruction: Message) -> tuple[Row, ...]:
    """Rows of a flow whose one instruction goes out when the FX provider has confirmed the conversion."""
    return (
        *_begins(S.CONVERTING, M.CONVERT),
        *_goes_on(S.CONVERTING, S.CONVERTING_IN_DOUBT, (first, instruction), (S.ABORTED, M.TELL_CALLER)),
        *_waiting(S.CONVERTING, S.CONVERTING_IN_DOUBT, M.CONVERT),
        *(Row(state, E.ACCEPTED, S.COMMITTED, F.POST, M.TELL_CALLER) for state in (first, doubt)),
        *(
            Row(state, event, S.UNWINDING, F.NOTHING, M.UNWIND)
            for state in (first, doubt)
            for event in (E.REFUSED, E.LAPSED)
        ),
        *_waiting(first, doubt, instruction),
        *_owed(S.UNWINDING, S.UNWINDING_IN_DOUBT, M.UNWIND),
        *_final(S.COMMITTED, S.ABORTED, S.REFUNDED),
    )


def _final(*states: State) -> tuple[Row, ...]:
    """Rows of final states: nothing moves any more, but a word against the end is an operator's matter."""
    return tuple(Row(state, E.CONTRADICTED, state, F.NOTHING, M.TELL_OPERATOR) for state in states)


PUSH: Final = (
    *_begins(S.RESERVED, M.CREDIT_PAYEE),
    *_ends(S.RESERVED, S.IN_DOUBT, F.POST, F.VOID),
    *_waiting(S.RESERVED, S.IN_DOUBT, M.CREDIT_PAYEE),
    *_final(S.COMMITTED, S.ABORTED),
)

PULL: Final = (
    *_begins(S.ASKED, M.DEBIT_PAYER),
    *_ends(S.ASKED, S.ASKED_IN_DOUBT, F.POST, F.VOID),
    *_waiting(S.ASKED, S.ASKED_IN_DOUBT, M.DEBIT_PAYER),
    *_final(S.COMMITTED, S.ABORTED),
)

THIRD_PARTY: Final = (
    *_begins(S.ASKED, M.DEBIT_PAYER),
    *_goes_on(S.ASKED, S.ASKED_IN_DOUBT, (S.HELD, M.CREDIT_PAYEE), (S.ABORTED, M.TELL_CALLER)),
    *_waiting(S.ASKED, S.ASKED_IN_DOUBT, M.DEBIT_PAYER),
    *(Row(state, E.ACCEPTED, S.COMMITTED, F.POST, M.TELL_CALLER) for state in (S.HELD, S.HELD_IN_DOUBT)),
    *(
        Row(state, event, S.OWED, F.NOTHING, M.REFUND_PAYER)
        for state in (S.HELD, S.HELD_IN_DOUBT)
        for event in (E.REFUSED, E.LAPSED)
    ),
    *_waiting(S.HELD, S.HELD_IN_DOUBT, M.CREDIT_PAYEE),
    *_owed(S.OWED, S.OWED_IN_DOUBT, M.REFUND_PAYER),
    *_final(S.COMMITTED, S.ABORTED, S.REFUNDED),
)

CONVERTED_PUSH: Final = _converted(S.RESERVED, S.IN_DOUBT, M.CREDIT_PAYEE)

CONVERTED_PULL: Final = _converted(S.ASKED, S.ASKED_IN_DOUBT, M.DEBIT_PAYER)

ERRAND: Final = (
    Row(S.RECEIVED, E.ADMITTED, S.TOLD, F.NOTHING, M.TELL_PARTICIPANT),
    Row(S.RECEIVED, E.ANSWERED, S.COMMITTED, F.NOTHING, M.TELL_CALLER),
    Row(S.RECEIVED, E.BARRED, S.ABORTED, F.NOTHING, M.TELL_CALLER),
    *_ends(S.TOLD, S.TOLD_IN_DOUBT, F.NOTHING, F.NOTHING),
    *_waiting(S.TOLD, S.TOLD_IN_DOUBT, M.TELL_PARTICIPANT),
    *_final(S.COMMITTED, S.ABORTED),
)

TABLES: Final = {
    Flow.PUSH: PUSH,
    Flow.PULL: PULL,
    Flow.THIRD_PARTY: THIRD_PARTY,
    Flow.CONVERTED_PUSH: CONVERTED_PUSH,
    Flow.CONVERTED_PULL: CONVERTED_PULL,
    Flow.ERRAND: ERRAND,
}

# Where an FX provider must confirm the conversion first; a third party's transfer cannot wait for that as well.
CONVERTED: Final = {Flow.PUSH: Flow.CONVERTED_PUSH, Flow.PULL: Flow.CONVERTED_PULL}

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
    S.CONVERTING: Operation.CONVERT,
    S.CONVERTING_IN_DOUBT: Operation.CONVERT,
    S.UNWINDING: Operation.UNWIND,
    S.UNWINDING_IN_DOUBT: Operation.UNWIND,
    S.TOLD: Operation.ISSUE,
    S.TOLD_IN_DOUBT: Operation.ISSUE,
}

IN_DOUBT: Final = frozenset(
    {
        S.IN_DOUBT,
        S.ASKED_IN_DOUBT,
        S.HELD_IN_DOUBT,
        S.OWED_IN_DOUBT,
        S.CONVERTING_IN_DOUBT,
        S.UNWINDING_IN_DOUBT,
        S.TOLD_IN_DOUBT,
    }
)

# What undoes something is owed for ever: it does not lapse but is sent again, and only an operator gives it up.
UNDOING: Final = frozenset({Operation.REFUND, Operation.UNWIND})

OPERATION_OF: Final = {
    M.CREDIT_PAYEE: Operation.CREDIT,
    M.DEBIT_PAYER: Operation.DEBIT,
    M.REFUND_PAYER: Operation.REFUND,
    M.CONVERT: Operation.CONVERT,
    M.UNWIND: Operation.UNWIND,
    M.TELL_PARTICIPANT: Operation.ISSUE,
}

_YES, _NO = Verdict.ACCEPTED, Verdict.REFUSED


def _settled_converted(
    flow: Flow, operation: Operation, waiting: tuple[State, State]
) -> dict[tuple[Flow, State], dict[Operation, Verdict]]:
    """Say what is known of a flow's operations once the conversion is confirmed."""
    refused = {Operation.CONVERT: _YES, operation: _NO}
    return {
        **{(flow, state): {Operation.CONVERT: _YES} for state in waiting},
        **{(flow, state): refused for state in (S.UNWINDING, S.UNWINDING_IN_DOUBT)},
        (flow, S.ABORTED): {Operation.CONVERT: _NO},
        (flow, S.COMMITTED): {Operation.CONVERT: _YES, operation: _YES},
        (flow, S.REFUNDED): {**refused, Operation.UNWIND: _YES},
    }


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
    **_settled_converted(Flow.CONVERTED_PUSH, Operation.CREDIT, (S.RESERVED, S.IN_DOUBT)),
    **_settled_converted(Flow.CONVERTED_PULL, Operation.DEBIT, (S.ASKED, S.ASKED_IN_DOUBT)),
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
