"""The tables: every path of every flow keeps the ledger true, and only explicit words lead out of doubt."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from hub.core.transfer import (
    AWAITED,
    FINAL,
    IN_DOUBT,
    TABLES,
    Effect,
    Event,
    Flow,
    IllegalTransitionError,
    Message,
    Row,
    State,
    states_markdown,
    transition,
)
from hub.ledger.account import Account, Kind, counters
from hub.ledger.journal import Book, Phase, Posting

DEPTH = 6
ROOT = Path(__file__).parents[2]
_PHASES = {Effect.RESERVE: Phase.PENDING, Effect.POST: Phase.POSTED, Effect.VOID: Phase.VOIDED}

ROWS = [pytest.param(flow, row, id=f"{flow}-{row.state}-{row.event}") for flow in Flow for row in TABLES[flow]]
MOVING = [each for each in ROWS if isinstance(each.values[1], Row) and each.values[1].next is not each.values[1].state]
every_row = pytest.mark.parametrize(("flow", "row"), ROWS)
every_row_that_moves = pytest.mark.parametrize(("flow", "row"), MOVING)


def paths(rows: tuple[Row, ...], state: State = State.RECEIVED, depth: int = DEPTH) -> Iterator[tuple[Row, ...]]:
    """Walk every path from a state that does not stand still, up to a depth."""
    yield ()
    if depth:
        for row in rows:
            if row.state is state and (row.next is not state):
                for rest in paths(rows, row.next, depth - 1):
                    yield (row, *rest)


def wrong(flow: Flow, path: tuple[Row, ...]) -> str:
    """Say what the ledger shows against the state that a path ends in; nothing when they agree."""
    book = Book(
        Account(id=id_, kind=Kind.POSITION, participant=str(id_), currency="KES", cap_minor=100) for id_ in (1, 2)
    )
    for row in path:
        if row.effect is not Effect.NOTHING:
            try:
                book.enter(Posting("t", 1, 2, 100, _PHASES[row.effect]))
            except Exception as error:  # noqa: BLE001 - whatever it is, it is the finding
                return f"{row}: {error}"
    state = path[-1].next if path else State.RECEIVED
    held, posted = counters(book.accounts[1])[:2]
    expected = {
        State.RECEIVED: (0, 0),
        State.IN_REVIEW: (0, 0),
        State.COMMITTED: (0, 100),
        State.ABORTED: (0, 0),
        State.REFUNDED: (0, 0),
    }.get(state, (100, 0))
    expected = (0, 0) if flow is Flow.ERRAND else expected
    return "" if (held, posted) == expected else f"{state}: held {held}, posted {posted}"


@pytest.mark.parametrize("flow", list(Flow))
def test_on_every_path_the_ledger_shows_what_the_state_says(flow: Flow) -> None:
    walked = [path for path in paths(TABLES[flow]) if path]
    assert len(walked) > 10
    assert [found for path in walked if (found := wrong(flow, path))] == []


@every_row_that_moves
def test_a_row_with_another_effect_on_the_ledger_would_be_noticed(flow: Flow, row: Row) -> None:
    for effect in set(Effect) - {row.effect}:
        mutant = tuple(each if each is not row else row._replace(effect=effect) for each in TABLES[flow])
        assert any(wrong(flow, path) for path in paths(mutant)), f"{effect} instead of {row.effect}"


@every_row
def test_a_row_that_stands_still_leaves_the_ledger_alone(flow: Flow, row: Row) -> None:
    assert row.next is not row.state or row.effect is Effect.NOTHING, flow


@every_row
def test_only_explicit_words_end_a_transfer_or_let_go_of_its_money(flow: Flow, row: Row) -> None:
    words = {Event.ACCEPTED, Event.REFUSED, Event.LAPSED, Event.BARRED}
    if flow is Flow.ERRAND:
        words |= {Event.ANSWERED}  # by the hub, which nobody else has to ask
        assert row.effect is Effect.NOTHING
    if row.next in FINAL and row.state not in FINAL:
        assert row.event in words, flow
    if row.effect in (Effect.POST, Effect.VOID):
        assert row.event in words - {Event.BARRED}, flow
    if row.effect is Effect.POST:
        assert row.event is Event.ACCEPTED, flow


@pytest.mark.parametrize("flow", list(Flow))
def test_every_state_that_waits_is_looked_at_again_and_can_be_left(flow: Flow) -> None:
    states = {row.state for row in TABLES[flow]} | {row.next for row in TABLES[flow]}
    for state in states - FINAL - {State.RECEIVED, State.IN_REVIEW}:
        assert state in AWAITED
        assert transition(flow, state, Event.DUE).message is Message.ASK_FSP
        assert transition(flow, state, Event.ACCEPTED).next is not state
        assert transition(flow, state, Event.CONTRADICTED).message is Message.TELL_OPERATOR
    for state in states & FINAL:
        assert [row for row in TABLES[flow] if row.state is state and row.next is not state] == []


@pytest.mark.parametrize("flow", list(Flow))
def test_what_an_operator_looks_at_waits_for_nobody_else(flow: Flow) -> None:
    rows = {row.event: row for row in TABLES[flow] if row.state is State.IN_REVIEW}
    if flow is Flow.ERRAND:
        assert rows == {}, "no money moves, so nothing is held back"
        return
    assert State.IN_REVIEW not in AWAITED
    assert set(rows) == {Event.ADMITTED, Event.BARRED, Event.CONTRADICTED}
    first = transition(flow, State.RECEIVED, Event.ADMITTED)
    assert rows[Event.ADMITTED] == first._replace(state=State.IN_REVIEW), "released, it begins like any other"
    assert rows[Event.CONTRADICTED].message is Message.TELL_OPERATOR
    assert transition(flow, State.RECEIVED, Event.FLAGGED).message is Message.TELL_OPERATOR


@pytest.mark.parametrize("flow", list(Flow))
def test_a_pair_is_listed_once_and_an_unlisted_pair_raises(flow: Flow) -> None:
    pairs = [(row.state, row.event) for row in TABLES[flow]]
    assert len(pairs) == len(set(pairs))
    for state in State:
        for event in Event:
            if (state, event) not in pairs:
                with pytest.raises(IllegalTransitionError):
                    transition(flow, state, event)


def test_doubt_is_a_waiting_state_of_its_own() -> None:
    assert set(AWAITED) >= IN_DOUBT
    assert not IN_DOUBT & FINAL


def test_the_documented_states_are_the_tables() -> None:
    assert (ROOT / "docs" / "states.md").read_text("utf-8") == states_markdown()
