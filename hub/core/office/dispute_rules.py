"""The rules of disputes, as tables: which reasons there are, which steps, and who takes them; it changes nothing.

`docs/disputes.md` is generated from here.
"""

from enum import StrEnum
from typing import Final, NamedTuple

from hub.core.office.dispute_terms import DisputeTerms
from hub.core.office.records import DisputeKind, DisputeState


class Actor(StrEnum):
    """Who takes a step. An operator acts for a participant, or reports fraud in the scheme's own name."""

    PAYER_FSP = "payer FSP"
    PAYEE_FSP = "payee FSP"
    BILLER = "biller"
    RAISER = "raiser"  # whoever raised it
    OTHER_SIDE = "other side"  # whom it is raised against
    OPERATOR = "operator"
    CALENDAR = "calendar"
    HUB = "hub"


class DisputeEvent(StrEnum):
    """What happens to a dispute."""

    RAISED = "raised"
    ACCEPTED = "accepted"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"
    DEEMED_ACCEPTED = "deemed_accepted"  # the deadline passed, and the scheme says yes
    DEEMED_REFUSED = "deemed_refused"  # the deadline passed, and the scheme says no, or nothing is left to give back
    RETURNED = "returned"  # the linked transfer is committed
    FAILED = "failed"  # the linked transfer has ended without moving money


class DisputeRow(NamedTuple):
    """One step: from nothing (None) or a state, on an event, to the next state; and who may bring it about."""

    kind: DisputeKind
    state: DisputeState | None
    event: DisputeEvent
    next: DisputeState
    by: frozenset[Actor]


K, S, E, A = DisputeKind, DisputeState, DisputeEvent, Actor


def _row(
    kind: DisputeKind, state: DisputeState | None, event: DisputeEvent, then: DisputeState, *by: Actor
) -> DisputeRow:
    return DisputeRow(kind, state, event, then, frozenset(by))


def _linked(kind: DisputeKind, *states: DisputeState) -> tuple[DisputeRow, ...]:
    """Rows of the states in which the linked transfer is being made: only its own end is theirs."""
    ends = ((E.RETURNED, S.RETURNED), (E.FAILED, S.FAILED))
    return tuple(_row(kind, state, event, then, A.HUB) for state in states for event, then in ends)


STEPS: Final = (
    _row(K.RETURN, None, E.RAISED, S.ACCEPTED, A.PAYEE_FSP, A.OPERATOR),
    *_linked(K.RETURN, S.ACCEPTED),
    _row(K.RECALL, None, E.RAISED, S.OPEN, A.PAYER_FSP, A.OPERATOR),
    _row(K.RECALL, S.OPEN, E.ACCEPTED, S.ACCEPTED, A.OTHER_SIDE, A.OPERATOR),
    _row(K.RECALL, S.OPEN, E.REFUSED, S.REFUSED, A.OTHER_SIDE, A.OPERATOR),
    _row(K.RECALL, S.OPEN, E.WITHDRAWN, S.WITHDRAWN, A.RAISER),
    _row(K.RECALL, S.OPEN, E.DEEMED_ACCEPTED, S.DEEMED, A.CALENDAR),
    _row(K.RECALL, S.OPEN, E.DEEMED_REFUSED, S.REFUSED, A.CALENDAR),
    *_linked(K.RECALL, S.ACCEPTED, S.DEEMED),
    _row(K.FRAUD, None, E.RAISED, S.OPEN, A.PAYER_FSP, A.PAYEE_FSP, A.BILLER, A.OPERATOR),
    _row(K.FRAUD, S.OPEN, E.ACCEPTED, S.NOTED, A.OTHER_SIDE, A.OPERATOR),
    _row(K.FRAUD, S.OPEN, E.REFUSED, S.REFUSED, A.OTHER_SIDE, A.OPERATOR),
    _row(K.FRAUD, S.OPEN, E.WITHDRAWN, S.WITHDRAWN, A.RAISER),
    _row(K.FRAUD, S.OPEN, E.DEEMED_ACCEPTED, S.NOTED, A.CALENDAR),
)
_ROWS: Final = {(row.kind, row.state, row.event): row for row in STEPS}

ENDED: Final = frozenset(DisputeState) - {row.state for row in STEPS}


def step_of(kind: DisputeKind, state: DisputeState | None, event: DisputeEvent) -> DisputeRow | None:
    """Look a step up; None: there is no such step."""
    return _ROWS.get((kind, state, event))


class Meaning(NamedTuple):
    """What a reason means, which kinds of dispute take it, and how long the other side then has."""

    words: str
    kinds: frozenset[DisputeKind]
    answer: str = "recall_answer_s"  # the scheme's term


_BOTH, _GIVEN = frozenset({K.RETURN, K.RECALL}), frozenset({K.RETURN})

# The codes of ISO 20022's external lists of reasons, as pacs.004 and camt.056 name them.
REASONS: Final = {
    "AC03": Meaning("it went to a wrong account", _BOTH),
    "AM09": Meaning("it was another amount than was meant", _BOTH),
    "CUST": Meaning("the customer asks for it", _BOTH),
    "DUPL": Meaning("it was paid twice", _BOTH),
    "FRAD": Meaning("it was fraud", frozenset(DisputeKind), "fraud_recall_answer_s"),
    "TECH": Meaning("it came of a technical mistake", _BOTH),
    "UPAY": Meaning("it was not owed", _BOTH),
    "AGNT": Meaning("an agent made a mistake", frozenset({K.RECALL})),
    "AC04": Meaning("the account is closed", _GIVEN),
    "AC06": Meaning("the account is blocked", _GIVEN),
    "MD06": Meaning("the payee wants its payer to have it back", _GIVEN),
    "FOCR": Meaning("it was asked for outside of the hub", _GIVEN),
}

# Why a recall or a report is refused, as camt.029 says it.
REFUSALS: Final = {
    "AC04": "the account is closed",
    "AM04": "the account has not so much",
    "ARDT": "it was given back already",
    "CUST": "the customer does not agree",
    "LEGL": "the law forbids it",
    "NOAS": "the customer does not answer",
    "NOOR": "it never arrived",
    "AGNT": "an agent does not agree",
}


def answer_ms(reason: str, terms: DisputeTerms) -> int:
    """Return how long the other side has, in milliseconds; raises KeyError for a reason that is none."""
    seconds: int = getattr(terms, REASONS[reason].answer)
    return seconds * 1000


def reasons_for(kind: DisputeKind) -> tuple[str, ...]:
    """List the reasons that a kind of dispute takes."""
    return tuple(sorted(code for code, meaning in REASONS.items() if kind in meaning.kinds))


def disputes_markdown() -> str:
    """Write docs/disputes.md: what a dispute is, each kind's steps as a table and a Mermaid diagram, the reasons."""
    parts = [_ABOUT]
    for kind in DisputeKind:
        rows = [row for row in STEPS if row.kind is kind]
        parts.append(f"\n## {kind}\n\n```mermaid\nstateDiagram-v2")
        parts.extend(f"    {row.state or '[*]'} --> {row.next}: {row.event}" for row in rows)
        parts.extend(f"    {state} --> [*]" for state in DisputeState if state in ENDED & {row.next for row in rows})
        parts.append("```\n\n| state | event | next | by |\n|---|---|---|---|")
        parts.extend(f"| {row.state or ''} | {row.event} | {row.next} | {', '.join(sorted(row.by))} |" for row in rows)
    parts.append("\n## Reasons\n\n| code | means | for | answered within |\n|---|---|---|---|")
    parts.extend(
        f"| {code} | {each.words} | {', '.join(sorted(each.kinds))} | "
        f"{f'`{each.answer}`' if each.kinds - _GIVEN else 'is not answered'} |"
        for code, each in sorted(REASONS.items())
    )
    parts.append("\nA refusal says one of:\n\n| code | means |\n|---|---|")
    parts.extend(f"| {code} | {words} |" for code, words in sorted(REFUSALS.items()))
    return "\n".join(parts) + "\n"


_USUAL: Final = DisputeTerms()
_ABOUT: Final = f"""\
# Disputes

Generated from `hub/core/office/dispute_rules.py` by `hub disputes rules`; do not edit.

A dispute is about a completed transfer. With a **return** the payee FSP gives back what it was given; with a **recall**
the payer FSP asks for it, and the payee FSP answers before the deadline; a **fraud** report asks for nothing, and may
come together with a recall. A part of the amount may be asked for, in the currency that was sent.

What is accepted becomes a **linked transfer**: a reversal of the original by the payee FSP, made by the worker under an
id that follows from the dispute's, so that it is made once. Reversals and refunds of the API are links of the same
kind, and all of them together never exceed the original: what is accepted is kept for its dispute from that instant,
and whoever asks for more than is left is refused. `hub transfer show` lists them beside the original.

The scheme says how long everybody has, under `[disputes]`. Times are in seconds, and run on weekends and holidays too.

| term | unless it says otherwise | what |
|---|---|---|
| `recall_answer_s` | {_USUAL.recall_answer_s} | to answer a recall |
| `fraud_recall_answer_s` | {_USUAL.fraud_recall_answer_s} | to answer where the reason is fraud |
| `return_within_s` | {_USUAL.return_within_s} | after the transfer's completion, to give back or to ask back at all |
| `deemed` | `{_USUAL.deemed}` | what silence means at the deadline of a recall; or `refused` |

An answer after the deadline is none, even before the calendar has come by. If by then a part has been given back
otherwise, what is left is given back; if nothing is left, the recall is refused with ARDT.

A dispute that **failed** has let go of its part: the linked transfer was refused by the payer's institution, or by the
hub (no liquidity, debits blocked, no route). Its steps say which. Whoever may still raise one raises a new one.

Participants use `/disputes` of the API, operators `hub disputes`. Every step is kept with its time, and told to the
participants concerned by a signed notice: `dispute.raised`, `dispute.answered`, `dispute.withdrawn`, `dispute.deemed`,
`dispute.returned`, `dispute.failed`.
"""
