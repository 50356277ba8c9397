"""Batches whose members meet: a transfer is asked for, answered, ruled on and reversed in one and the same batch."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.core.command import Body, Done, Due, Heard, Reason, Refusal, Submit, Word
from hub.core.decide import Bench, accounts_of, planned
from hub.core.meaning import reference
from hub.core.record import Entering
from hub.core.transfer import IN_DOUBT, State
from hub.ledger.account import counters
from hub.ledger.journal import Book, Phase
from routing.message import FailureClass, Operation, Outcome, Verdict
from routing.message import Heard as Source
from routing.money import Money
from tests.cash import Fund
from tests.core.stage import ALPHA, BRAVO, Hub, msisdn, submit, transfer_id
from tests.ruled import Ruled

CALLERS = ("alpha", "bravo", "third")
NUMBERS = st.integers(0, 5)
CAP_MINOR = 1_000_00


def starts(number: int, units: int) -> Submit:
    """Ask for a transfer; a number is always asked for by the same caller, so its flow is always the same."""
    payer, payee = (ALPHA, BRAVO) if number < 3 else (BRAVO, ALPHA)
    return submit(number, caller=CALLERS[number % 3], payer=payer, payee=payee, amount=str(units))


def says(number: int, operation: Operation, verdict: Verdict, failure: FailureClass | None, asked_ms: int) -> Heard:
    payer, payee = ("alpha-1", "bravo-1") if number < 3 else ("bravo-1", "alpha-1")
    id_ = transfer_id(number)
    return Heard(
        outcome=Outcome(
            transfer=id_,
            operation=operation,
            connection=payee if operation is Operation.CREDIT else payer,
            reference=reference(id_, operation),
            verdict=verdict,
            heard=Source.CALLBACK,
            failure=failure if verdict is Verdict.UNKNOWN else None,
            asked_ms=asked_ms,
        )
    )


def reverses(number: int, original: int, units: int | None) -> Submit:
    """Ask for a reversal; a number is always the same request of the same caller, though the bus may repeat it."""
    caller = CALLERS[number % 2]
    amount = None if units is None else str(units)
    asked = submit(100 + number, caller=caller, original=transfer_id(original), amount=amount)
    body: Body = msgspec.structs.replace(asked.body, payer=msisdn(ALPHA), payee=msisdn(BRAVO))
    return msgspec.structs.replace(asked, body=body)


SIDES = st.sampled_from(["alpha", "bravo"])
VERDICTS = st.sampled_from(list(Verdict))
FAILURES = st.sampled_from([None, FailureClass.ABSENT, FailureClass.PENDING])
ASKED = st.sampled_from([0, 1_800_000_100_000, 1_800_000_500_000])
COMMANDS: st.SearchStrategy[Entering] = st.one_of(
    st.builds(starts, NUMBERS, st.sampled_from([10, 300, 600])),
    st.builds(says, NUMBERS, st.sampled_from(list(Operation)), VERDICTS, FAILURES, ASKED),
    st.builds(reverses, st.integers(0, 3), NUMBERS, st.sampled_from([None, 5, 200])),
    st.builds(lambda number: Due(transfer=transfer_id(number)), NUMBERS),
    st.builds(
        lambda number, state, verdict: Ruled(
            transfer=transfer_id(number), state=state, verdict=verdict, by="operations", why="statement"
        ),
        NUMBERS,
        st.sampled_from(sorted({*IN_DOUBT, State.IN_REVIEW})),
        VERDICTS,
    ),
    st.builds(
        lambda number, caller, verdict: Word(transfer=transfer_id(number), caller=caller, verdict=verdict),
        NUMBERS,
        SIDES,
        VERDICTS,
    ),
    st.builds(
        lambda who, units, number: Fund(
            participant=who, money=Money(units * 100, "KES"), reference=f"bank-{number}", by="test"
        ),
        SIDES,
        st.sampled_from([-500, -20, 20, 500]),
        NUMBERS,
    ),
)


def picture(hub: Hub) -> object:
    """Return everything that the two ways must agree upon."""
    balances = {id_: counters(each) for id_, each in hub.accounts.items()}
    return hub.transfers, balances, hub.said, hub.cases, hub.funded, hub.first


def loaded(hub: Hub, commands: list[Entering]) -> tuple[Bench, Book]:
    facts = hub.facts(commands)
    plans = planned(commands, facts)
    book = Book(msgspec.structs.replace(hub.accounts[id_]) for id_ in accounts_of(commands, plans, facts))
    bench = Bench(facts, book)
    bench.decide(commands, plans)
    return bench, book


@settings(max_examples=800)
@given(st.lists(COMMANDS, max_size=8), st.lists(COMMANDS, min_size=2, max_size=16), st.sampled_from([0, 30, 400]))
def test_a_batch_whose_members_meet_equals_its_members_one_by_one(
    before: list[Entering], batch: list[Entering], seconds: int
) -> None:
    together, alone = Hub(), Hub()
    for hub in (together, alone):
        hub.batch(before)
        hub.now_ms += seconds * 1000
    assert together.batch(batch) == [alone.one(each) for each in batch]
    assert picture(together) == picture(alone)


@settings(max_examples=300)
@given(st.lists(COMMANDS, min_size=1, max_size=30))
def test_no_posting_inside_a_batch_passes_a_cap(batch: list[Entering]) -> None:
    _, book = loaded(Hub(), batch)
    for entry in book.entries:
        capped = book.accounts[entry.posting.debit].cap_minor is not None
        if capped and entry.posting.phase in (Phase.PENDING, Phase.DIRECT):
            assert entry.debit_balance - entry.debit_held + CAP_MINOR >= 0, entry


@settings(max_examples=300)
@given(st.lists(COMMANDS, min_size=1, max_size=30))
def test_the_audit_trail_of_a_batch_has_no_gap_and_agrees_with_where_transfers_stand(
    batch: list[Entering],
) -> None:
    bench, _ = loaded(Hub(), batch)
    trails: dict[str, list[tuple[int, str, str]]] = {}
    for step in bench.decided.transitions:
        trails.setdefault(step.transfer, []).append((step.seq, step.state, step.next))
    assert set(trails) == set(bench.decided.added)
    for id_, steps in trails.items():
        assert [seq for seq, _, _ in steps] == list(range(1, len(steps) + 1))
        assert all(steps[index][2] == steps[index + 1][1] for index in range(len(steps) - 1))
        assert (steps[-1][0], steps[-1][2]) == (bench.decided.added[id_].seq, bench.decided.added[id_].state)


@settings(max_examples=300)
@given(st.lists(COMMANDS, min_size=1, max_size=30))
def test_what_was_done_and_is_said_again_posts_nothing_again(batch: list[Entering]) -> None:
    once, twice = Hub(), Hub()
    results = once.batch(batch)
    done = [
        each
        for each, result in zip(batch, results, strict=True)
        if isinstance(each, Submit | Fund) and isinstance(result, Done)
    ]
    assert twice.batch([*batch, *done])[: len(batch)] == results
    assert picture(twice) == picture(once)


@pytest.mark.parametrize("together", [True, False], ids=["in one batch", "one after the other"])
def test_a_request_refused_and_then_carried_out_keeps_its_correlation_id(*, together: bool) -> None:
    hub, reversal = Hub(), reverses(1, 0, None)
    credited = says(0, Operation.CREDIT, Verdict.ACCEPTED, None, 0)
    batch: list[Entering] = [reversal, reversal, starts(0, 100), credited, reversal]
    results = hub.batch(batch) if together else [hub.one(each) for each in batch]
    assert [isinstance(each, Done) for each in results] == [False, False, True, True, True]
    assert hub.first["bravo", reversal.body.correlation] == reversal.transfer
    again = submit(150, caller="bravo", original=transfer_id(0), correlation=reversal.body.correlation)
    assert hub.one(again) == Refusal(reason=Reason.DUPLICATE, transfer=reversal.transfer)
