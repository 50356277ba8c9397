"""What an FSP's words mean: only its own explicit words, about its own operation, move money."""

import re

import msgspec
import pytest

from hub.core.command import Done, Due, Heard, Reason, Refusal, Word
from hub.core.meaning import event_of, reference
from hub.core.timing import PARKED_MS
from hub.core.transfer import Event, State
from routing.message import FailureClass, Operation, Verdict
from routing.money import Money
from tests.core.stage import RAIL, Hub, outcome, submit
from tests.ruled import Ruled

A, R, U = Verdict.ACCEPTED, Verdict.REFUSED, Verdict.UNKNOWN
ABSENT = FailureClass.ABSENT
MARGIN_MS = 60_000


def meaning(hub: Hub, said: object, **rail: object) -> Event | None:
    transfer = hub.transfers[said.transfer]  # type: ignore[attr-defined]
    return event_of(
        transfer,
        said,  # type: ignore[arg-type]
        now_ms=hub.now_ms,
        rail=msgspec.structs.replace(RAIL, **rail),
        lapse_margin_ms=MARGIN_MS,
    )


@pytest.mark.parametrize("failure", [None, *sorted(set(FailureClass) - {ABSENT})], ids=str)
def test_unknown_is_unanswered_whatever_its_class(failure: FailureClass | None) -> None:
    hub = Hub()
    assert meaning(hub, outcome(hub.begun(submit(1)), Operation.CREDIT, U, failure)) is Event.UNANSWERED


@pytest.mark.parametrize(
    ("change", "means"),
    [
        ({}, Event.ACCEPTED),
        ({"money": Money.parse("10", "KES")}, Event.ACCEPTED),
        ({"money": Money.parse("10.01", "KES")}, Event.MISMATCHED),
        ({"money": Money.parse("10", "TZS")}, Event.MISMATCHED),
        ({"reference": "another"}, Event.CONTRADICTED),
        ({"connection": "alpha-1"}, Event.CONTRADICTED),
        ({"operation": Operation.DEBIT, "connection": ""}, Event.CONTRADICTED),
    ],
    ids=["plain", "its amount", "another amount", "another currency", "reference", "connection", "operation"],
)
def test_an_acceptance_counts_only_for_what_was_instructed(change: dict[str, object], means: Event) -> None:
    hub = Hub()
    said = outcome(hub.begun(submit(1)), Operation.CREDIT, A)
    assert meaning(hub, msgspec.structs.replace(said, **change)) is means


@pytest.mark.parametrize(
    ("first", "then", "means"),
    [(A, A, None), (A, U, None), (A, R, Event.CONTRADICTED), (R, R, None), (R, A, Event.CONTRADICTED)],
)
def test_after_the_end_a_repeated_word_is_nothing_and_an_opposite_one_a_case(
    first: Verdict, then: Verdict, means: Event | None
) -> None:
    hub = Hub()
    ended = hub.hear(hub.begun(submit(1)), Operation.CREDIT, first)
    assert meaning(hub, outcome(ended, Operation.CREDIT, then)) is means
    after = hub.hear(ended, Operation.CREDIT, then)
    assert (after.state, after.due_ms) == (ended.state, None)
    assert bool(hub.cases) is (means is Event.CONTRADICTED)


@pytest.mark.parametrize(
    ("now_s", "asked_s", "resend_safe", "means"),
    [
        (10, 5, True, Event.ABSENT),
        (10, 5, False, Event.UNANSWERED),
        (301, 299, True, Event.UNANSWERED),
        (500, 359, True, Event.UNANSWERED),
        (500, 360, True, Event.LAPSED),
        (500, 360, False, Event.LAPSED),
    ],
    ids=[
        "within the lease: sent again",
        "within the lease, but the rail would take it for a new one",
        "after the lease, asked before",
        "asked within the margin",
        "asked after the margin: nobody will send it any more",
        "the same on a rail that does not recognise references",
    ],
)
def test_never_received_is_the_last_word_only_when_asked_after_the_lease(
    now_s: int, asked_s: int, *, resend_safe: bool, means: Event
) -> None:
    hub = Hub()
    transfer = hub.begun(submit(1))
    begun = transfer.created_ms
    assert transfer.lease_ends_ms == begun + 300_000
    hub.now_ms = begun + now_s * 1000
    said = outcome(transfer, Operation.CREDIT, U, ABSENT, asked_ms=begun + asked_s * 1000)
    assert meaning(hub, said, resend_safe=resend_safe) is means


def owed(hub: Hub) -> str:
    transfer = hub.begun(submit(1, caller="third"))
    transfer = hub.hear(transfer, Operation.DEBIT, A)
    return hub.hear(transfer, Operation.CREDIT, R, failure=FailureClass.PARTY_NOT_FOUND).id


def test_a_refund_is_owed_for_ever_under_a_lease_that_is_renewed() -> None:
    hub = Hub()
    id_ = owed(hub)
    hub.now_ms += 10**9
    hub.one(Due(transfer=id_))
    doubted = hub.transfers[id_]
    said = outcome(doubted, Operation.REFUND, U, ABSENT, asked_ms=hub.now_ms)
    assert meaning(hub, said) is Event.ABSENT
    again = hub.hear(doubted, Operation.REFUND, U, failure=ABSENT, asked_ms=hub.now_ms)
    assert (again.state, again.lease_ends_ms) == (State.OWED, hub.now_ms + 300_000)
    assert again.reason == FailureClass.PARTY_NOT_FOUND, "the caller is told why the credit failed"


def test_a_thousand_silent_hours_abort_nothing_and_tell_an_operator_once() -> None:
    hub = Hub()
    id_ = hub.begun(submit(1)).id
    waits = []
    for _ in range(1_000):
        transfer = hub.transfers[id_]
        if transfer.due_ms == PARKED_MS:
            break
        assert transfer.due_ms is not None
        waits.append((transfer.due_ms - hub.now_ms) // 1000)
        hub.now_ms = transfer.due_ms
        hub.one(Due(transfer=id_))
    assert waits[:5] == [30, 10, 20, 40, 60]
    assert max(waits) == 60
    assert hub.transfers[id_].state is State.IN_DOUBT
    assert hub.cases == [("exhausted", id_)]
    assert hub.now_ms >= hub.transfers[id_].lease_ends_ms + MARGIN_MS, "until then asking is never useless"


def test_a_timer_that_rings_too_early_changes_nothing() -> None:
    hub = Hub()
    before = hub.begun(submit(1))
    hub.now_ms = (before.due_ms or 0) - 1
    assert hub.one(Due(transfer=before.id)) == Done(transfer=before.id, changed=False)
    assert hub.transfers[before.id] == before


def test_a_ruling_needs_doubt_and_a_participants_word_needs_that_it_was_told() -> None:
    hub = Hub()
    transfer = hub.begun(submit(1))
    ruling = Ruled(transfer=transfer.id, state=transfer.state, verdict=A, by="operations", why="statement")
    for command in (ruling, Word(transfer=transfer.id, caller="alpha", verdict=A)):
        result = hub.one(command)
        assert isinstance(result, Refusal)
        assert result.reason is Reason.STATE_FORBIDS
    stranger = hub.one(Word(transfer=transfer.id, caller="coral", verdict=A))
    assert stranger == Refusal(reason=Reason.TRANSFER_UNKNOWN)
    hub.now_ms = transfer.due_ms or 0
    hub.one(Due(transfer=transfer.id))
    assert isinstance(hub.one(ruling), Refusal), "it was said of another state"
    ruling = msgspec.structs.replace(ruling, state=State.IN_DOUBT)
    assert hub.one(ruling) == Done(transfer=transfer.id, state=State.COMMITTED)
    assert hub.one(Word(transfer=transfer.id, caller="bravo", verdict=A)).changed is False  # type: ignore[union-attr]


def test_an_outcome_for_no_transfer_is_refused() -> None:
    hub = Hub()
    said = msgspec.structs.replace(outcome(hub.begun(submit(1)), Operation.CREDIT, A), transfer="f" * 32)
    result = hub.one(Heard(outcome=said))
    assert isinstance(result, Refusal)
    assert result.reason is Reason.TRANSFER_UNKNOWN


def test_a_reference_is_a_uuid_of_form_four_one_for_each_operation_and_never_another() -> None:
    form = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
    found = [reference(f"{number:032x}", operation) for number in range(200) for operation in Operation]
    assert all(form.fullmatch(each) for each in found)
    assert len(set(found)) == len(found)
    assert found == [reference(f"{number:032x}", operation) for number in range(200) for operation in Operation]
