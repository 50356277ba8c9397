"""Walks: every reachable pairing of a state with what the ledger holds, on paths of any length, is a true one."""

import pytest

from hub.core.transfer import AWAITED, FINAL, IN_DOUBT, TABLES, UNDOING, Effect, Event, Flow, Row, State
from hub.ledger.account import Account, Kind, counters
from hub.ledger.journal import Book, OverCapError, Phase, Posting

MINOR = 100
PHASES = {Effect.RESERVE: Phase.PENDING, Effect.POST: Phase.POSTED, Effect.VOID: Phase.VOIDED}
WORDS = frozenset({Event.ACCEPTED, Event.REFUSED, Event.LAPSED})

Table = tuple[Row, ...]
Standing = tuple[State, tuple[int, ...], tuple[int, ...]]  # the state, the payer's counters, the payee's

ROWS = [pytest.param(flow, row, id=f"{flow}-{row.state}-{row.event}") for flow in Flow for row in TABLES[flow]]
every_flow = pytest.mark.parametrize("flow", list(Flow))
every_row = pytest.mark.parametrize(("flow", "row"), ROWS)


def account(id_: int, counted: tuple[int, ...]) -> Account:
    return Account(
        id=id_,
        kind=Kind.POSITION,
        participant=str(id_),
        currency="KES",
        cap_minor=MINOR * 2,  # room for a second reservation, so that the walk finds it and not the cap
        debits_pending=counted[0],
        debits_posted=counted[1],
        credits_pending=counted[2],
        credits_posted=counted[3],
    )


def entered(standing: Standing, row: Row) -> Standing | str:
    """Carry a row out on a book of its own; a text says why it cannot be."""
    book = Book([account(1, standing[1]), account(2, standing[2])])
    if row.effect is not Effect.NOTHING:
        try:
            book.enter(Posting("t", 1, 2, MINOR, PHASES[row.effect]))
        except (OverCapError, ValueError) as error:
            return str(error)
    return row.next, counters(book.accounts[1]), counters(book.accounts[2])


def expected(flow: Flow, state: State) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Say what payer's and payee's accounts show in a state."""
    if flow is Flow.ERRAND:
        return (0, 0, 0, 0), (0, 0, 0, 0)
    if state is State.COMMITTED:
        return (0, MINOR, 0, 0), (0, 0, 0, MINOR)
    if state in {State.RECEIVED, State.IN_REVIEW} or state in FINAL:
        return (0, 0, 0, 0), (0, 0, 0, 0)
    return (MINOR, 0, 0, 0), (0, 0, MINOR, 0)


def walked(flow: Flow, table: Table) -> tuple[set[Row], list[str]]:
    """Walk until nothing new is reached: the rows that were taken, and whatever the ledger shows against a state.

    A path goes no further where it was found wrong, so the walk ends for wrong tables too.
    """
    start: Standing = (State.RECEIVED, *expected(flow, State.RECEIVED))
    seen, waiting, taken, findings = {start}, [start], set[Row](), list[str]()
    while waiting:
        standing = waiting.pop()
        for row in (each for each in table if each.state is standing[0]):
            taken.add(row)
            after = entered(standing, row)
            if isinstance(after, str) or after[1:] != expected(flow, after[0]):
                findings.append(f"{row}: {after}")
            elif after not in seen:
                seen.add(after)
                waiting.append(after)
    return taken, findings


@every_flow
def test_on_paths_of_any_length_the_ledger_shows_what_the_state_says(flow: Flow) -> None:
    taken, findings = walked(flow, TABLES[flow])
    assert findings == []
    assert taken == set(TABLES[flow]), "a row that no path takes says nothing"


@every_row
def test_no_row_could_have_another_effect_unnoticed(flow: Flow, row: Row) -> None:
    for effect in set(Effect) - {row.effect}:
        mutant = tuple(row._replace(effect=effect) if each is row else each for each in TABLES[flow])
        assert walked(flow, mutant)[1], f"{effect} instead of {row.effect}"


@every_row
def test_no_row_could_lead_across_the_ledgers_lines_unnoticed(flow: Flow, row: Row) -> None:
    """A wrong next state is noticed here whenever the ledger looks different in it."""
    for state in (each for each in State if expected(flow, each) != expected(flow, row.next)):
        mutant = tuple(row._replace(next=state) if each is row else each for each in TABLES[flow])
        assert walked(flow, mutant)[1], f"{state} instead of {row.next}"


def waiting_state(state: State) -> State:
    """Name the state whose doubt this one is."""
    return State.RESERVED if state is State.IN_DOUBT else State(state.removesuffix("_in_doubt"))


@every_row
def test_only_clear_words_lead_out_of_doubt(flow: Flow, row: Row) -> None:
    if row.state not in IN_DOUBT:
        return
    own = {row.state, waiting_state(row.state)}
    assert row.next in own or row.event in WORDS, flow
    assert row.next is row.state or row.event in WORDS | {Event.ABSENT}, flow


@every_row
def test_time_and_silence_end_nothing_and_move_no_money(flow: Flow, row: Row) -> None:
    if row.event in {Event.DUE, Event.UNANSWERED, Event.EXHAUSTED, Event.ABSENT, Event.MISMATCHED, Event.CONTRADICTED}:
        assert row.effect is Effect.NOTHING, flow
        assert row.next is row.state or row.next not in FINAL, flow
        assert AWAITED.get(row.next) is AWAITED.get(row.state), "nor do they change what is waited for"


@every_row
def test_the_books_never_see_a_cleared_transfer_reserved_again(flow: Flow, row: Row) -> None:
    assert (row.effect is Effect.RESERVE) is (row.event is Event.ADMITTED and flow is not Flow.ERRAND), flow
    assert row.event is not Event.ADMITTED or row.state in {State.RECEIVED, State.IN_REVIEW}, flow


@pytest.mark.parametrize("flow", [Flow.THIRD_PARTY, Flow.CONVERTED_PUSH, Flow.CONVERTED_PULL])
def test_what_undoes_neither_lapses_nor_is_refused_to_an_end(flow: Flow) -> None:
    owed = [row for row in TABLES[flow] if AWAITED.get(row.state) in UNDOING]
    assert owed
    assert all(row.event is not Event.LAPSED for row in owed)
    assert {row.event for row in owed if row.next in FINAL} == {Event.ACCEPTED}
