"""Review: what is flagged holds nothing and waits for an operator, who lets it go on or ends it; nobody else can."""

from typing import get_args

import msgspec
import pytest

from hub.core.command import Command, Done, Due, Heard, Reason, Refusal, Ruling, Submit, Transfer, Word
from hub.core.office.ruling import Rule
from hub.core.participant import Participant, SchemeFile, Status
from hub.core.pricing.rules import LimitRule, Period, Then, Unquoted
from hub.core.record import Entering
from hub.core.timing import PARKED_MS
from hub.core.transfer import Event, Flow, State
from hub.ledger.account import counters
from routing.message import Act, Instruction, Operation, Resource, Verdict
from tests.core.corridor import confirming, corridor_file, held, net, opened, paying, quoted, sending, why
from tests.core.stage import CORAL, Hub, errand, outcome, refused, scheme, scheme_file, submit, transfer_id
from tests.ruled import Ruled

A, R, U = Verdict.ACCEPTED, Verdict.REFUSED, Verdict.UNKNOWN
FLAG = "screening: list one, entry 7"
CALLERS = {"alpha": Operation.CREDIT, "bravo": Operation.DEBIT, "third": Operation.DEBIT}
HOUR_MS = 3_600_000


def flagged(command: Submit) -> Submit:
    return msgspec.structs.replace(command, flagged=FLAG)


def rules(transfer: Transfer, verdict: Verdict = A, state: State = State.IN_REVIEW) -> Ruled:
    return Ruled(transfer=transfer.id, state=state, verdict=verdict, by="operations", why="looked at")


def ruled(hub: Hub, transfer: Transfer, verdict: Verdict = A) -> Transfer:
    result = hub.one(rules(transfer, verdict))
    assert isinstance(result, Done), result
    after = hub.transfers[transfer.id]
    assert (result.state, result.reason) == (after.state, after.reason)
    return after


def ledger(hub: Hub) -> dict[int, tuple[int, ...]]:
    return {number: counters(each) for number, each in hub.accounts.items() if any(counters(each))}


def told(hub: Hub) -> Instruction:
    return msgspec.json.decode(hub.told[-1].body, type=Instruction)


def suspend(hub: Hub, participant: str) -> None:
    """Apply the scheme anew, with this participant suspended."""
    file = hub.scheme.file

    def as_it_is_now(each: Participant) -> Participant:
        return msgspec.structs.replace(each, status=Status.SUSPENDED) if each.id == participant else each

    hub.scheme = scheme(
        msgspec.structs.replace(file, participant=tuple(as_it_is_now(each) for each in file.participant))
    )


@pytest.mark.parametrize("caller", CALLERS)
def test_what_is_flagged_holds_nothing_and_is_told_to_an_operator_alone(caller: str) -> None:
    hub = Hub()
    waits = hub.begun(flagged(submit(1, caller=caller)))
    assert (waits.state, waits.due_ms) == (State.IN_REVIEW, PARKED_MS)
    assert (ledger(hub), hub.said, hub.cases) == ({}, [], [("flagged", waits.id)])
    assert FLAG in hub.trail[-1].detail
    hub.now_ms += 10**10
    assert hub.one(Due(transfer=waits.id)) == Done(transfer=waits.id, changed=False), "time lets nothing through"
    assert hub.transfers[waits.id] == waits


@pytest.mark.parametrize("caller", CALLERS)
def test_released_it_begins_like_any_other_with_a_lease_of_its_own(caller: str) -> None:
    hub = Hub()
    waits = hub.begun(flagged(submit(1, caller=caller)))
    hub.now_ms += HOUR_MS
    begun = ruled(hub, waits)
    plain = Hub().begun(submit(1, caller=caller))
    assert (begun.state, begun.flow) == (plain.state, plain.flow)
    assert (begun.lease_ends_ms, begun.due_ms) == (hub.now_ms + 300_000, hub.now_ms + 30_000)
    said = told(hub)
    assert (said.operation, said.act, said.lease_ends_ms) == (CALLERS[caller], Act.DO, begun.lease_ends_ms)
    step = hub.trail[-1]
    assert (step.event, step.who, step.detail) == (Event.ADMITTED, "operator operations", "looked at")
    assert [each.debits_pending for each in hub.accounts.values() if each.debits_pending] == [10_00]
    hub.hear(begun, CALLERS[caller], A)
    assert hub.transfers[waits.id].state is (State.HELD if caller == "third" else State.COMMITTED)


def test_ended_nothing_moves_and_the_caller_hears_that_it_was_not_carried_out_and_not_why() -> None:
    hub = Hub()
    ended = ruled(hub, hub.begun(flagged(submit(1))), R)
    assert (ended.state, ended.reason, ended.due_ms) == (State.ABORTED, Reason.NOT_CARRIED_OUT, None)
    assert (ledger(hub), hub.said) == ({}, [("callbacks", ended.id)])
    assert FLAG.encode() not in bytes(hub.told[-1].body)
    assert b"looked at" not in bytes(hub.told[-1].body)


def test_an_operator_who_does_not_know_changes_nothing() -> None:
    hub = Hub()
    waits = hub.begun(flagged(submit(1)))
    assert refused(hub.one(rules(waits, U)), Reason.STATE_FORBIDS)
    assert hub.transfers[waits.id] == waits


def test_what_one_operator_says_is_no_command_of_its_own() -> None:
    """It is what two people's deed hands on, and there is no other way to it."""
    assert Ruling not in get_args(Command)
    assert Rule.checked


@pytest.mark.parametrize("state", [State.IN_DOUBT, State.RESERVED, State.RECEIVED, State.HELD_IN_DOUBT])
@pytest.mark.parametrize("verdict", [A, R])
def test_a_ruling_about_another_state_releases_nothing(state: State, verdict: Verdict) -> None:
    hub = Hub()
    waits = hub.begun(flagged(submit(1)))
    assert refused(hub.one(rules(waits, verdict, state)), Reason.STATE_FORBIDS)
    assert hub.transfers[waits.id] == waits


def test_a_ruling_said_twice_answers_no_later_question() -> None:
    hub = Hub()
    waits = hub.begun(flagged(submit(1)))
    results = hub.batch([rules(waits), rules(waits), rules(waits, R)])
    assert isinstance(results[0], Done)
    assert [refused(each, Reason.STATE_FORBIDS) for each in results[1:]] == [True, True]
    reserved = hub.transfers[waits.id]
    hub.now_ms = reserved.due_ms or 0
    hub.one(Due(transfer=waits.id))
    assert refused(hub.one(rules(waits)), Reason.STATE_FORBIDS), "it was about the review and not about the credit"
    assert hub.transfers[waits.id].state is State.IN_DOUBT


@pytest.mark.parametrize("verdict", list(Verdict))
@pytest.mark.parametrize("who", ["alpha", "bravo", "coral", "third"])
def test_a_participants_word_does_nothing(who: str, verdict: Verdict) -> None:
    hub = Hub()
    waits = hub.begun(flagged(submit(1)))
    result = hub.one(Word(transfer=waits.id, caller=who, verdict=verdict))
    assert refused(result, Reason.STATE_FORBIDS if who in {"alpha", "bravo"} else Reason.TRANSFER_UNKNOWN)
    assert (hub.transfers[waits.id], ledger(hub)) == (waits, {})


@pytest.mark.parametrize("verdict", [A, R])
def test_an_outcome_of_what_nobody_was_told_to_do_is_a_case_and_moves_nothing(verdict: Verdict) -> None:
    hub = Hub()
    waits = hub.begun(flagged(submit(1)))
    hub.one(Heard(outcome=outcome(waits, Operation.CREDIT, verdict)))
    assert hub.cases == [("flagged", waits.id), ("contradicted", waits.id)]
    after = hub.transfers[waits.id]
    assert (after.state, after.due_ms, ledger(hub)) == (State.IN_REVIEW, PARKED_MS, {})
    assert ruled(hub, waits).state is State.RESERVED


@pytest.mark.parametrize("verdict", [A, R], ids=["released", "ended"])
def test_a_correlation_id_is_used_while_it_waits_and_after(verdict: Verdict) -> None:
    hub = Hub()
    waits = hub.begun(flagged(submit(1, correlation="one")))
    again = submit(2, correlation="one")
    assert hub.one(again) == Refusal(reason=Reason.DUPLICATE, transfer=waits.id)
    ruled(hub, waits, verdict)
    assert refused(hub.one(again), Reason.DUPLICATE)


# What has changed while it waited.


def test_what_the_cap_bears_no_more_is_barred_when_it_is_released() -> None:
    hub = Hub()
    waits = hub.begun(flagged(submit(1, amount="200")))
    hub.begun(submit(2, amount="801"))
    barred = ruled(hub, waits)
    assert (barred.state, barred.reason) == (State.ABORTED, Reason.CAP_EXCEEDED)
    assert sum(each.debits_pending for each in hub.accounts.values()) == 801_00
    assert hub.said[-1] == ("callbacks", waits.id)


@pytest.mark.parametrize("together", [True, False], ids=["in one batch", "one after the other"])
def test_of_two_that_the_cap_bears_one_of_the_first_is_taken(*, together: bool) -> None:
    hub = Hub()
    waits = hub.begun(flagged(submit(1, amount="600")))
    commands: list[Entering] = [submit(2, amount="500"), rules(waits), submit(3, amount="500")]
    results = hub.batch(commands) if together else [hub.one(each) for each in commands]
    assert [why(each) for each in results] == ["", Reason.CAP_EXCEEDED, ""]


@pytest.mark.parametrize("who", ["alpha", "bravo", "delta"])
def test_whoever_is_suspended_meanwhile_moves_no_money(who: str) -> None:
    hub = opened()
    waits = hub.begun(flagged(paying(2, quoted(hub))))
    suspend(hub, who)
    barred = ruled(hub, waits)
    assert (barred.state, barred.reason, held(hub)) == (State.ABORTED, Reason.PARTICIPANT_SUSPENDED, {})


def test_who_is_no_part_of_it_may_be_suspended_meanwhile() -> None:
    hub = opened()
    waits = hub.begun(flagged(paying(2, quoted(hub))))
    suspend(hub, "echo")
    assert ruled(hub, waits).state is State.RESERVED


@pytest.mark.parametrize(("later_ms", "reason"), [(299_999, ""), (300_000, Reason.QUOTE_EXPIRED)])
@pytest.mark.parametrize("by_quote", [True, False], ids=["quoted", "not quoted"])
def test_a_price_is_honoured_until_it_expires_and_not_after(later_ms: int, reason: str, *, by_quote: bool) -> None:
    hub = opened(corridor_file(terms={"unquoted": Unquoted.QUOTE}))
    waits = hub.begun(flagged(paying(2, quoted(hub)) if by_quote else sending(2, receivingAmountMin="1")))
    hub.now_ms += later_ms
    after = ruled(hub, waits)
    assert (after.state, after.reason) == (State.ABORTED if reason else State.RESERVED, reason)
    assert bool(held(hub)) is not bool(reason)


def test_a_price_at_home_does_not_expire() -> None:
    hub = Hub(with_limit(LimitRule(name="day", currency="KES", per=Period.DAY, max_count=1, then=Then.REVIEW)))
    hub.begun(submit(1))
    waits = hub.begun(submit(2))
    assert (waits.state, waits.price is not None) == (State.IN_REVIEW, True)
    hub.now_ms += 10**9
    assert ruled(hub, waits).state is State.RESERVED


def with_limit(rule: LimitRule) -> SchemeFile:
    return msgspec.structs.replace(scheme_file(), limit=(rule,))


def test_a_quote_is_used_by_what_waits_and_its_fx_provider_stays_bound_until_it_expires() -> None:
    hub = opened()
    made = quoted(hub)
    bound = dict(hub.exposures)
    waits = hub.begun(flagged(paying(2, made)))
    assert why(hub.one(paying(3, made))) == Reason.QUOTE_USED
    assert hub.exposures == bound
    ruled(hub, waits, R)
    assert (hub.exposures, held(hub), net(hub)) == (bound, {}, {})


def test_a_conversion_is_confirmed_only_when_it_was_looked_at() -> None:
    hub = opened(confirming())
    waits = hub.begun(flagged(paying(2, quoted(hub))))
    assert (waits.flow, waits.state) == (Flow.CONVERTED_PUSH, State.IN_REVIEW)
    assert [queue for queue, _ in hub.said] == ["callbacks"], "of the quotation, and nobody else was told a word"
    assert ruled(hub, waits).state is State.CONVERTING


@pytest.mark.parametrize(("verdict", "free"), [(A, False), (R, True)])
def test_limits_count_what_waits_and_give_back_what_is_ended(verdict: Verdict, *, free: bool) -> None:
    hub = Hub(with_limit(LimitRule(name="day", currency="KES", per=Period.DAY, max_value="10")))
    waits = hub.begun(flagged(submit(1)))
    assert why(hub.one(submit(2))) == Reason.DAY_VALUE
    ruled(hub, waits, verdict)
    assert why(hub.one(submit(3))) == ("" if free else Reason.DAY_VALUE)


def test_every_reason_to_look_is_said() -> None:
    hub = Hub(
        with_limit(LimitRule(name="large", currency="KES", per=Period.TRANSACTION, max_value="5", then=Then.REVIEW))
    )
    waits = hub.begun(flagged(submit(1)))
    assert hub.cases == [("flagged", waits.id)]
    assert f"{FLAG}; limit large: over 5" in hub.trail[-1].detail


def test_what_is_barred_anyway_troubles_no_operator() -> None:
    hub = Hub()
    barred = hub.begun(flagged(submit(1, payee=CORAL)))
    assert (barred.state, barred.reason, hub.cases) == (State.ABORTED, Reason.NO_ROUTE, [])
    assert refused(hub.one(flagged(submit(2, payer=""))), Reason.PARTY_MISSING)


def test_an_errand_moves_no_money_and_is_not_held_back() -> None:
    hub = Hub()
    assert hub.begun(flagged(errand(1, Resource.MANDATE))).state is State.TOLD
    assert hub.cases == []


def test_what_waits_is_not_reversed() -> None:
    hub = Hub()
    waits = hub.begun(flagged(submit(1)))
    assert why(hub.one(submit(2, original=waits.id, amount=None))) == Reason.ORIGINAL_NOT_COMMITTED
    assert hub.transfers[transfer_id(2)].state is State.ABORTED
