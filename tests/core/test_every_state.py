"""Every word in every state: each state is reached as it is in life, and what may be said then is a table."""

import msgspec
import pytest

from hub.core.command import Done, Due, Heard, Reason, Refusal, Submit, Transfer, Word
from hub.core.participant import SchemeFile
from hub.core.timing import PARKED_MS
from hub.core.transfer import AWAITED, FINAL, IN_DOUBT, TABLES, Flow, State
from hub.ledger.account import counters
from routing.message import FailureClass, Operation, Resource, Verdict
from routing.money import Money
from tests.core.corridor import confirming, opened, paying, quoted
from tests.core.stage import ALPHA, RAIL, Hub, errand, outcome, scheme_file, submit
from tests.ruled import Ruled

A, R, U = Verdict.ACCEPTED, Verdict.REFUSED, Verdict.UNKNOWN
CREDIT, DEBIT, REFUND, ISSUE = Operation.CREDIT, Operation.DEBIT, Operation.REFUND, Operation.ISSUE
CONVERT, UNWIND = Operation.CONVERT, Operation.UNWIND
CALLERS = {
    Flow.PUSH: "alpha",
    Flow.PULL: "bravo",
    Flow.THIRD_PARTY: "third",
    Flow.CONVERTED_PUSH: "alpha",
    Flow.CONVERTED_PULL: "bravo",
    Flow.ERRAND: "third",
}
CONVERTED = (Flow.CONVERTED_PUSH, Flow.CONVERTED_PULL)
MARGIN_MS = 60_000

# How each state is reached: what the FSPs say, one after the other; None: nothing, until it is due.
Step = tuple[Operation, Verdict] | None
SAID: dict[tuple[Flow, State], list[Step]] = {
    (Flow.PUSH, State.RESERVED): [],
    (Flow.PUSH, State.IN_DOUBT): [None],
    (Flow.PUSH, State.COMMITTED): [(CREDIT, A)],
    (Flow.PUSH, State.ABORTED): [(CREDIT, R)],
    (Flow.PULL, State.ASKED): [],
    (Flow.PULL, State.ASKED_IN_DOUBT): [None],
    (Flow.PULL, State.COMMITTED): [(DEBIT, A)],
    (Flow.PULL, State.ABORTED): [(DEBIT, R)],
    (Flow.THIRD_PARTY, State.ASKED): [],
    (Flow.THIRD_PARTY, State.ASKED_IN_DOUBT): [None],
    (Flow.THIRD_PARTY, State.ABORTED): [(DEBIT, R)],
    (Flow.THIRD_PARTY, State.HELD): [(DEBIT, A)],
    (Flow.THIRD_PARTY, State.HELD_IN_DOUBT): [(DEBIT, A), None],
    (Flow.THIRD_PARTY, State.COMMITTED): [(DEBIT, A), (CREDIT, A)],
    (Flow.THIRD_PARTY, State.OWED): [(DEBIT, A), (CREDIT, R)],
    (Flow.THIRD_PARTY, State.OWED_IN_DOUBT): [(DEBIT, A), (CREDIT, R), None],
    (Flow.THIRD_PARTY, State.REFUNDED): [(DEBIT, A), (CREDIT, R), (REFUND, A)],
    (Flow.PUSH, State.IN_REVIEW): [],
    (Flow.PULL, State.IN_REVIEW): [],
    (Flow.THIRD_PARTY, State.IN_REVIEW): [],
    (Flow.CONVERTED_PUSH, State.IN_REVIEW): [],
    (Flow.CONVERTED_PUSH, State.CONVERTING): [],
    (Flow.CONVERTED_PUSH, State.CONVERTING_IN_DOUBT): [None],
    (Flow.CONVERTED_PUSH, State.ABORTED): [(CONVERT, R)],
    (Flow.CONVERTED_PUSH, State.RESERVED): [(CONVERT, A)],
    (Flow.CONVERTED_PUSH, State.IN_DOUBT): [(CONVERT, A), None],
    (Flow.CONVERTED_PUSH, State.COMMITTED): [(CONVERT, A), (CREDIT, A)],
    (Flow.CONVERTED_PUSH, State.UNWINDING): [(CONVERT, A), (CREDIT, R)],
    (Flow.CONVERTED_PUSH, State.UNWINDING_IN_DOUBT): [(CONVERT, A), (CREDIT, R), None],
    (Flow.CONVERTED_PUSH, State.REFUNDED): [(CONVERT, A), (CREDIT, R), (UNWIND, A)],
    (Flow.CONVERTED_PULL, State.IN_REVIEW): [],
    (Flow.CONVERTED_PULL, State.CONVERTING): [],
    (Flow.CONVERTED_PULL, State.CONVERTING_IN_DOUBT): [None],
    (Flow.CONVERTED_PULL, State.ABORTED): [(CONVERT, R)],
    (Flow.CONVERTED_PULL, State.ASKED): [(CONVERT, A)],
    (Flow.CONVERTED_PULL, State.ASKED_IN_DOUBT): [(CONVERT, A), None],
    (Flow.CONVERTED_PULL, State.COMMITTED): [(CONVERT, A), (DEBIT, A)],
    (Flow.CONVERTED_PULL, State.UNWINDING): [(CONVERT, A), (DEBIT, R)],
    (Flow.CONVERTED_PULL, State.UNWINDING_IN_DOUBT): [(CONVERT, A), (DEBIT, R), None],
    (Flow.CONVERTED_PULL, State.REFUNDED): [(CONVERT, A), (DEBIT, R), (UNWIND, A)],
    (Flow.ERRAND, State.TOLD): [],
    (Flow.ERRAND, State.TOLD_IN_DOUBT): [None],
    (Flow.ERRAND, State.COMMITTED): [(ISSUE, A)],
    (Flow.ERRAND, State.ABORTED): [(ISSUE, R)],
}


def house(flow: Flow) -> Hub:
    """Open a hub in which this flow is possible."""
    return opened(confirming()) if flow in CONVERTED else Hub()


def asked(hub: Hub, flow: Flow) -> Submit:
    if flow is Flow.ERRAND:
        return errand(1, Resource.MANDATE)
    return paying(1, quoted(hub, 9, caller=CALLERS[flow])) if flow in CONVERTED else submit(1)


def reached(hub: Hub, flow: Flow, state: State) -> Transfer:
    flagged = "somebody is on a list" if state is State.IN_REVIEW else ""
    transfer = hub.begun(msgspec.structs.replace(asked(hub, flow), caller=CALLERS[flow], flagged=flagged))
    assert hub.cases == ([("flagged", transfer.id)] if flagged else [])
    hub.cases.clear()
    for step in SAID[flow, state]:
        if step is None:
            hub.now_ms = transfer.due_ms or 0
            hub.one(Due(transfer=transfer.id))
        else:
            hub.hear(transfer, *step, failure=FailureClass.REFUSED if step[1] is R else None)
        transfer = hub.transfers[transfer.id]
    assert (transfer.flow, transfer.state) == (flow, state)
    return transfer


def with_rail(**change: object) -> SchemeFile:
    file, rail = scheme_file(), msgspec.structs.replace(RAIL, **change)
    return msgspec.structs.replace(
        file, connection=tuple(msgspec.structs.replace(each, rail=rail) for each in file.connection)
    )


def picture(hub: Hub) -> object:
    return dict(hub.transfers), {id_: counters(each) for id_, each in hub.accounts.items()}, list(hub.said)


def test_every_state_of_every_flow_is_reached() -> None:
    rows = {(flow, state) for flow, rows in TABLES.items() for row in rows for state in (row.state, row.next)}
    assert set(SAID) == {(flow, state) for flow, state in rows if state is not State.RECEIVED}


def known_to(flow: Flow, state: State) -> dict[Operation, Verdict]:
    return dict(step for step in SAID[flow, state] if step)


every_state = pytest.mark.parametrize(("flow", "state"), [pytest.param(*key, id=f"{key[0]}-{key[1]}") for key in SAID])
NOT_AWAITED = [
    pytest.param(*key, operation, id=f"{key[0]}-{key[1]}-{operation}")
    for key in SAID
    for operation in Operation
    if AWAITED.get(key[1]) is not operation
]


@pytest.mark.parametrize("verdict", list(Verdict))
@pytest.mark.parametrize(("flow", "state", "operation"), NOT_AWAITED)
def test_what_is_not_awaited_moves_nothing_and_is_a_case_when_it_is_news(
    flow: Flow, state: State, operation: Operation, verdict: Verdict
) -> None:
    hub = house(flow)
    transfer = reached(hub, flow, state)
    before, news = picture(hub)[1:], verdict not in (U, known_to(flow, state).get(operation))  # type: ignore[index]
    said = outcome(transfer, operation, verdict)
    if not said.connection:
        said = msgspec.structs.replace(said, connection="bravo-1")  # nobody was chosen, so it is whoever says it
        news = True
    result = hub.one(Heard(outcome=said))
    assert result == Done(transfer=transfer.id, state=state, changed=news)
    assert picture(hub)[1:] == before  # type: ignore[index]
    after = hub.transfers[transfer.id]
    assert (after.state, after.due_ms, after.lease_ends_ms, after.reason) == (
        state,
        transfer.due_ms,
        transfer.lease_ends_ms,
        transfer.reason,
    )
    assert hub.cases == ([("contradicted", transfer.id)] if news else [])


@every_state
def test_an_acceptance_of_another_amount_is_a_case_whenever_it_is_said(flow: Flow, state: State) -> None:
    for operation in Operation:
        hub = house(flow)
        transfer = reached(hub, flow, state)
        accepted = known_to(flow, state).get(operation) is A
        if not (accepted or AWAITED.get(state) is operation):
            continue
        ledger = picture(hub)[1]  # type: ignore[index]
        hub.hear(transfer, operation, A, money=Money.parse("10.01", "KES"))
        assert hub.cases == [("contradicted" if accepted else "mismatched", transfer.id)], operation
        assert picture(hub)[1] == ledger  # type: ignore[index]
        assert (hub.transfers[transfer.id].state in FINAL) is (state in FINAL)


@pytest.mark.parametrize(
    "change", [{"reference": "another"}, {"connection": "coral-1"}], ids=["reference", "connection"]
)
@pytest.mark.parametrize("verdict", list(Verdict))
@every_state
def test_a_word_under_another_name_or_from_elsewhere_moves_nothing(
    flow: Flow, state: State, verdict: Verdict, change: dict[str, str]
) -> None:
    hub = house(flow)
    transfer = reached(hub, flow, state)
    said = msgspec.structs.replace(outcome(transfer, AWAITED.get(state, CREDIT), verdict), **change)
    before = picture(hub)[1:]  # type: ignore[index]
    hub.one(Heard(outcome=said))
    assert picture(hub)[1:] == before  # type: ignore[index]
    assert hub.transfers[transfer.id].state is state
    assert hub.cases == [("contradicted", transfer.id)]


@pytest.mark.parametrize("verdict", list(Verdict))
@every_state
def test_an_operator_rules_in_doubt_and_in_review_and_nowhere_else(flow: Flow, state: State, verdict: Verdict) -> None:
    hub = house(flow)
    transfer = reached(hub, flow, state)
    before = picture(hub)
    result = hub.one(
        Ruled(transfer=transfer.id, state=transfer.state, verdict=verdict, by="operations", why="the statement")
    )
    # What was made only the participant's answer can say, so an errand is never ruled to have been run.
    looked_at = IN_DOUBT | {State.IN_REVIEW}
    if state in looked_at and verdict is not U and not (flow is Flow.ERRAND and verdict is A):
        assert isinstance(result, Done)
        assert hub.transfers[transfer.id].seq == transfer.seq + 1
        return
    assert picture(hub) == before
    repeats = {State.COMMITTED: A, State.ABORTED: R, State.REFUNDED: R}.get(state) is verdict
    assert isinstance(result, Done if repeats else Refusal)


@pytest.mark.parametrize("caller", ["alpha", "bravo", "third", "coral"])
@every_state
def test_a_participant_speaks_for_its_own_part_alone(flow: Flow, state: State, caller: str) -> None:
    """What it says of a refund is not taken: the same words may be a late repeat of what it said of the debit."""
    hub = house(flow)
    transfer = reached(hub, flow, state)
    before = picture(hub)
    result = hub.one(Word(transfer=transfer.id, caller=caller, verdict=A))
    if (AWAITED.get(state), caller) in {(CREDIT, "bravo"), (DEBIT, "alpha")}:
        assert isinstance(result, Done)
        assert hub.transfers[transfer.id].seq == transfer.seq + 1
        return
    assert picture(hub) == before
    insider = caller in {transfer.caller, transfer.payer_fsp, transfer.payee_fsp}
    if insider and state is State.COMMITTED:
        assert result == Done(transfer=transfer.id, state=state, changed=False)
    else:
        assert isinstance(result, Refusal)
        assert result.reason is (Reason.STATE_FORBIDS if insider else Reason.TRANSFER_UNKNOWN)


def test_one_word_repeated_is_not_taken_for_both_parts_of_a_participant_that_is_both_sides() -> None:
    hub = Hub()
    transfer = hub.begun(submit(1, caller="third", payer=ALPHA, payee="+254700000002"))
    for _ in range(2):
        result = hub.one(Word(transfer=transfer.id, caller="alpha", verdict=A))
        assert isinstance(result, Refusal)
        assert result.reason is Reason.STATE_FORBIDS
    assert hub.transfers[transfer.id].state is State.ASKED


@pytest.mark.parametrize("asks_max", [1, 2, 3, 4, 8, 20])
@pytest.mark.parametrize("resend_safe", [True, False])
def test_before_an_operator_is_told_there_was_a_question_after_the_last_sending(
    asks_max: int, *, resend_safe: bool
) -> None:
    """Only such a question makes "never received" the last word, so without it the answer would never be enough."""
    hub = Hub(with_rail(asks_max=asks_max, resend_safe=resend_safe))
    id_ = hub.begun(submit(1)).id
    asked_ms = 0
    while (due_ms := hub.transfers[id_].due_ms or 0) != PARKED_MS:
        hub.now_ms = due_ms
        hub.one(Due(transfer=id_))
        asked_ms = hub.now_ms if hub.transfers[id_].due_ms != PARKED_MS else asked_ms
    transfer = hub.transfers[id_]
    assert asked_ms >= transfer.lease_ends_ms + MARGIN_MS
    assert transfer.asks >= asks_max
    late = hub.hear(transfer, CREDIT, U, failure=FailureClass.ABSENT, asked_ms=asked_ms)
    assert (late.state, late.reason) == (State.ABORTED, FailureClass.LAPSED)


@pytest.mark.parametrize(
    ("resend_safe", "asked_s", "next_"),
    [
        (True, 10, State.OWED),
        (True, 360, State.OWED),
        (False, 10, State.OWED_IN_DOUBT),
        (False, 359, State.OWED_IN_DOUBT),
        (False, 360, State.OWED),
    ],
    ids=[
        "the rail knows a reference again",
        "also when the first cannot arrive any more",
        "the first may still arrive and would be another one",
        "until the last moment of the margin",
        "the first cannot arrive any more",
    ],
)
def test_a_refund_that_was_never_received_is_sent_again_when_it_cannot_be_made_twice(
    asked_s: int, next_: State, *, resend_safe: bool
) -> None:
    hub = Hub(with_rail(resend_safe=resend_safe))
    transfer = reached(hub, Flow.THIRD_PARTY, State.OWED_IN_DOUBT)
    asked_ms = transfer.lease_ends_ms - 300_000 + asked_s * 1000
    hub.now_ms = max(hub.now_ms, asked_ms)
    after = hub.hear(transfer, REFUND, U, failure=FailureClass.ABSENT, asked_ms=asked_ms)
    assert after.state is next_
    if next_ is State.OWED:
        assert after.lease_ends_ms == hub.now_ms + 300_000
