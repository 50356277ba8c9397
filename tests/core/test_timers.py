"""Timers: time alone asks and calls an operator, it never ends a transfer; questions come ever more slowly."""

from itertools import pairwise
from uuid import UUID

import msgspec
import pytest

from hub.core.command import Done, Due, Heard, Refusal, Transfer
from hub.core.meaning import reference
from hub.core.timing import PARKED_MS
from hub.core.transfer import FINAL, IN_DOUBT, State
from hub.ledger.account import counters
from routing.message import Act, FailureClass, Instruction, Operation, Verdict
from routing.table import Rail
from tests.core.stage import RAIL, Hub, outcome, scheme_file, submit, transfer_id

A, R, U = Verdict.ACCEPTED, Verdict.REFUSED, Verdict.UNKNOWN
CREDIT, DEBIT, REFUND = Operation.CREDIT, Operation.DEBIT, Operation.REFUND
MARGIN_MS = 60_000

# What is said, one after the other, before everybody falls silent.
SILENCES: dict[str, tuple[str, list[tuple[Operation, Verdict]]]] = {
    "push": ("alpha", []),
    "pull": ("bravo", []),
    "third party, the debit": ("third", []),
    "third party, the credit": ("third", [(DEBIT, A)]),
    "third party, the refund": ("third", [(DEBIT, A), (CREDIT, R)]),
}
silences = pytest.mark.parametrize(("caller", "said"), SILENCES.values(), ids=SILENCES)


def hub_with(rail: Rail) -> Hub:
    file = scheme_file()
    connections = tuple(msgspec.structs.replace(each, rail=rail) for each in file.connection)
    return Hub(msgspec.structs.replace(file, connection=connections))


def begun(hub: Hub, caller: str, said: list[tuple[Operation, Verdict]]) -> Transfer:
    transfer = hub.begun(submit(1, caller=caller))
    for operation, verdict in said:
        transfer = hub.hear(transfer, operation, verdict)
    return transfer


def rung(hub: Hub, id_: str) -> Transfer:
    """Let the time come that was set."""
    due_ms = hub.transfers[id_].due_ms
    assert due_ms is not None
    hub.now_ms = max(hub.now_ms, due_ms)
    assert isinstance(hub.one(Due(transfer=id_)), Done)
    return hub.transfers[id_]


def until_parked(hub: Hub, id_: str) -> list[int]:
    """Ring until an operator is called; returns when each question was put."""
    asked = []
    while hub.transfers[id_].due_ms != PARKED_MS:
        before = hub.transfers[id_].asks
        if rung(hub, id_).asks > before:
            asked.append(hub.now_ms)
    return asked


@silences
def test_too_early_by_a_millisecond_changes_nothing_in_any_waiting_state(
    caller: str, said: list[tuple[Operation, Verdict]]
) -> None:
    hub = Hub()
    transfer = begun(hub, caller, said)
    for _ in range(4):
        spoken = list(hub.said)
        hub.now_ms = (transfer.due_ms or 0) - 1
        assert hub.one(Due(transfer=transfer.id)) == Done(transfer=transfer.id, changed=False)
        assert (hub.transfers[transfer.id], hub.said) == (transfer, spoken)
        transfer = rung(hub, transfer.id)


def test_a_timer_for_no_transfer_or_an_ended_one_changes_nothing() -> None:
    hub = Hub()
    ended = hub.hear(hub.begun(submit(1)), CREDIT, A)
    hub.now_ms += 10**10
    for id_ in (ended.id, transfer_id(99)):
        assert hub.one(Due(transfer=id_)) == Done(transfer=id_, changed=False)
    assert hub.transfers == {ended.id: ended}


@silences
def test_a_thousand_timers_end_nothing_and_the_money_stays_held(
    caller: str, said: list[tuple[Operation, Verdict]]
) -> None:
    hub = Hub()
    id_ = begun(hub, caller, said).id
    held = {each: counters(account) for each, account in hub.accounts.items()}
    for _ in range(1_000):
        hub.now_ms += 3_600_000
        hub.one(Due(transfer=id_))
    after = hub.transfers[id_]
    assert after.state in IN_DOUBT
    assert after.due_ms == PARKED_MS
    assert hub.cases == [("exhausted", id_)]
    assert {each: counters(account) for each, account in hub.accounts.items()} == held


@pytest.mark.parametrize(
    ("spacing", "longest", "waits"),
    [
        (10, 60, [10, 20, 40, 60, 60, 60]),
        (1, 1, [1, 1, 1]),
        (7, 10_000, [7, 14, 28, 56, 112, 224, 448]),
        (600, 60, [60, 60]),
    ],
)
def test_the_pauses_double_up_to_the_longest(spacing: int, longest: int, waits: list[int]) -> None:
    rail = msgspec.structs.replace(RAIL, ask_spacing_s=spacing, ask_spacing_max_s=longest, asks_max=50)
    hub = hub_with(rail)
    id_ = hub.begun(submit(1)).id
    assert rung(hub, id_).asks == 1, "silence is asked about when the answer is late"
    for asks, wait in enumerate(waits, 1):
        transfer = hub.transfers[id_]
        assert (transfer.asks, transfer.due_ms) == (asks, hub.now_ms + wait * 1000)
        rung(hub, id_)


def test_very_many_questions_overflow_no_pause() -> None:
    hub = hub_with(msgspec.structs.replace(RAIL, asks_max=500))
    id_ = hub.begun(submit(1)).id
    asked = until_parked(hub, id_)
    assert len(asked) == 500
    assert max(later - earlier for earlier, later in pairwise(asked)) == 60_000


def test_an_unclear_answer_is_asked_about_sooner_than_silence() -> None:
    hub = Hub()
    transfer = hub.begun(submit(1))
    doubted = hub.hear(transfer, CREDIT, U, failure=FailureClass.UNCLEAR)
    assert (doubted.state, doubted.asks, doubted.due_ms) == (State.IN_DOUBT, 0, hub.now_ms + 5_000)
    assert transfer.due_ms == hub.now_ms + 30_000


def test_an_unclear_answer_in_doubt_neither_hastens_nor_delays_the_next_question() -> None:
    hub = Hub()
    doubted = rung(hub, hub.begun(submit(1)).id)
    for failure in (FailureClass.PENDING, FailureClass.UNCLEAR, FailureClass.PROVIDER_UNAVAILABLE):
        hub.now_ms += 1_000
        hub.one(Heard(outcome=outcome(doubted, CREDIT, U, failure)))
        after = hub.transfers[doubted.id]
        assert (after.due_ms, after.asks) == (doubted.due_ms, doubted.asks)


LATE_WORDS = {
    "still at work": {"failure": FailureClass.PENDING},
    "no answer": {"failure": FailureClass.UNCLEAR},
    "under another reference": {"reference": "another"},
}


@pytest.mark.parametrize("change", LATE_WORDS.values(), ids=LATE_WORDS)
@pytest.mark.parametrize("asks_max", [1, 4, 8])
def test_a_late_word_is_no_question_put_after_the_lease(asks_max: int, change: dict[str, str]) -> None:
    """Only a question put after lease and margin makes "never received" the last word, so one must be put."""
    hub = hub_with(msgspec.structs.replace(RAIL, asks_max=asks_max, ask_spacing_max_s=600, ask_spacing_s=300))
    transfer = hub.begun(submit(1))
    lapsed_ms = transfer.lease_ends_ms + MARGIN_MS
    asked: list[int] = []
    while (due_ms := hub.transfers[transfer.id].due_ms or 0) != PARKED_MS:
        if hub.now_ms < lapsed_ms < due_ms:
            hub.now_ms = lapsed_ms  # between two questions, the second of which is the first after the lease
            said = outcome(transfer, CREDIT, U, asked_ms=asked[-1])
            hub.one(Heard(outcome=msgspec.structs.replace(said, **change)))
        before = hub.transfers[transfer.id].asks
        if rung(hub, transfer.id).asks > before:
            asked.append(hub.now_ms)
    assert asked[-1] >= lapsed_ms


@pytest.mark.parametrize("asks_max", [1, 2])
def test_what_was_sent_again_too_late_is_asked_about_before_an_operator_is_called(asks_max: int) -> None:
    hub = hub_with(msgspec.structs.replace(RAIL, asks_max=asks_max, ask_spacing_s=100))
    id_ = hub.begun(submit(1)).id
    while (transfer := rung(hub, id_)).asks < asks_max:
        pass
    again = hub.hear(transfer, CREDIT, U, failure=FailureClass.ABSENT, asked_ms=hub.now_ms)
    assert (again.state, again.asks) == (State.RESERVED, asks_max)
    hub.now_ms = again.lease_ends_ms + MARGIN_MS + 1  # the hub was away; the runner did not send
    doubted = hub.hear(again, CREDIT, U, failure=FailureClass.LAPSED)
    assert doubted.state is State.IN_DOUBT
    asked = until_parked(hub, id_)
    assert len(asked) == 1
    assert asked[0] >= again.lease_ends_ms + MARGIN_MS


@pytest.mark.parametrize("asks_max", [1, 3, 6])
def test_a_refund_that_is_sent_again_and_again_is_at_last_an_operators_matter(asks_max: int) -> None:
    hub = hub_with(msgspec.structs.replace(RAIL, asks_max=asks_max))
    id_ = begun(hub, "third", [(DEBIT, A), (CREDIT, R)]).id
    for _ in range(3 * asks_max):
        transfer = hub.transfers[id_]
        if transfer.state is State.OWED:
            transfer = hub.hear(transfer, REFUND, U, failure=FailureClass.UNCLEAR)
        if rung(hub, id_).due_ms == PARKED_MS:
            break
        hub.hear(hub.transfers[id_], REFUND, U, failure=FailureClass.ABSENT, asked_ms=hub.now_ms)
    assert hub.cases == [("exhausted", id_)]


@pytest.mark.parametrize("asks_max", [1, 3, 6])
def test_a_refund_is_asked_about_as_often_as_its_rail_allows(asks_max: int) -> None:
    hub = hub_with(msgspec.structs.replace(RAIL, asks_max=asks_max))
    owed = begun(hub, "third", [(DEBIT, A), (CREDIT, R)])
    assert len(until_parked(hub, owed.id)) == asks_max
    assert hub.transfers[owed.id].state is State.OWED_IN_DOUBT


def test_a_parked_transfer_still_hears_the_providers_word() -> None:
    hub = Hub()
    id_ = hub.begun(submit(1)).id
    until_parked(hub, id_)
    ended = hub.hear(hub.transfers[id_], CREDIT, A)
    assert (ended.state, ended.due_ms, ended.reason) == (State.COMMITTED, None, "")


@silences
def test_every_state_that_is_not_final_has_a_time_set(caller: str, said: list[tuple[Operation, Verdict]]) -> None:
    hub = Hub()
    transfer = begun(hub, caller, said)
    for _ in range(40):
        assert transfer.state not in FINAL
        assert transfer.due_ms is not None
        transfer = rung(hub, transfer.id) if transfer.due_ms != PARKED_MS else transfer


def instructions(hub: Hub) -> list[Instruction]:
    """Decode what the last batch told the FSPs; the stage keeps queues only, so the facts are decided anew."""
    from hub.core.decide import Bench, accounts_of, planned
    from hub.ledger.journal import Book

    due = [Due(transfer=id_) for id_ in hub.transfers]
    facts = hub.facts(due)
    plans = planned(due, facts)
    book = Book(msgspec.structs.replace(hub.accounts[id_]) for id_ in accounts_of(due, plans, facts))
    outbox = Bench(facts, book).decide(due, plans).outbox
    return [msgspec.json.decode(each.body, type=Instruction) for each in outbox]


@silences
def test_every_question_names_the_operation_as_it_was_instructed(
    caller: str, said: list[tuple[Operation, Verdict]]
) -> None:
    hub = Hub()
    transfer = begun(hub, caller, said)
    seen = set()
    for _ in range(4):
        hub.now_ms = hub.transfers[transfer.id].due_ms or 0
        (asked,) = instructions(hub)
        assert (asked.act, asked.asked_ms, asked.money) == (Act.ASK, hub.now_ms, transfer.money)
        assert asked.reference == reference(transfer.id, asked.operation)
        seen.add((asked.reference, asked.connection))
        rung(hub, transfer.id)
    assert len(seen) == 1


def test_a_reference_reads_as_a_uuid_of_version_four() -> None:
    for operation in Operation:
        found = UUID(reference(transfer_id(1), operation))
        assert (found.version, found.variant) == (4, "specified in RFC 4122")


def test_a_refusal_of_a_refund_waits_for_an_operator_at_once() -> None:
    hub = Hub()
    owed = begun(hub, "third", [(DEBIT, A), (CREDIT, R)])
    refused = hub.hear(owed, REFUND, R)
    assert (refused.state, refused.due_ms) == (State.OWED_IN_DOUBT, PARKED_MS)
    assert hub.cases == [("refused", owed.id)]
    assert not isinstance(hub.one(Due(transfer=owed.id)), Refusal)
    assert hub.transfers[owed.id] == refused
