"""Disputes, decided: what is kept of the original, who answers and until when, and how each ends."""

import msgspec
import pytest

from hub.core.command import Done, Reason, Refusal
from hub.core.office.dispute_rules import REFUSALS
from hub.core.office.dispute_terms import Deemed, DisputeTerms
from hub.core.office.disputes import AnswerFor, Deem, Linked, Withdraw, concerned, linked_of, shown
from hub.core.office.proposal import Approve, Propose
from hub.core.office.records import DisputeState
from hub.core.transfer import State
from routing.message import Verdict
from tests.core.counter import DAY_MS, Counter, answering, counter_with, dispute_id, told_scheme
from tests.core.stage import reason_of, submit

S = DisputeState
DAY_S = DAY_MS // 1000


@pytest.fixture
async def counter() -> Counter:
    return await counter_with()


async def test_what_is_accepted_is_kept_from_the_apis_reversals_and_what_is_only_asked_for_is_not(
    counter: Counter,
) -> None:
    transfer = await counter.committed()
    found = await counter.raised(1, transfer, minor=70_00)
    assert isinstance(await counter.reversing(10, transfer, "20"), Done), "nobody has agreed to the recall yet"
    await counter.done(answering(found))
    assert reason_of(await counter.reversing(11, transfer, "10.01")) == "original_exceeded"
    linked = await counter.linked(await counter.dispute(found.id))
    assert (linked.state, linked.minor, linked.original) == (State.RESERVED, 70_00, transfer.id)
    assert reason_of(await counter.reversing(12, transfer, "10.01")) == "original_exceeded"
    assert isinstance(await counter.reversing(13, transfer, None), Done)
    assert counter.store.transfers[submit(13).transfer].minor == 10_00, "all that is left"


async def test_an_answer_takes_back_no_more_than_is_left(counter: Counter) -> None:
    transfer = await counter.committed()
    found = await counter.raised(1, transfer, minor=70_00)
    await counter.reversing(10, transfer, "40")
    refused = await counter.one(answering(found))
    assert refused == Refusal(reason=Reason.ORIGINAL_EXCEEDED, detail="60 KES is left")
    await counter.done(answering(found, accept=False, reason="ARDT"))
    ended = await counter.dispute(found.id)
    assert (ended.state, ended.steps[-1].detail) == (S.REFUSED, "ARDT")


async def test_a_return_is_accepted_as_it_is_raised(counter: Counter) -> None:
    found = await counter.raised(1, await counter.committed(), "return", participant="bravo", reason="MD06")
    assert (found.state, found.given_minor, found.linked) == (S.ACCEPTED, 100_00, linked_of(found.id))
    assert (found.deadline_ms, found.due_ms, found.against) == (None, counter.now_ms, "alpha")


ANSWERERS = {"bravo": "", "alpha": "role_forbids", "coral": "record_unknown", "": "role_forbids"}


@pytest.mark.parametrize("who", ANSWERERS)
@pytest.mark.parametrize("accept", [True, False])
async def test_only_the_other_side_answers(counter: Counter, who: str, *, accept: bool) -> None:
    found = await counter.raised(1, await counter.committed())
    result = await counter.one(answering(found, accept=accept, participant=who))
    assert ("" if isinstance(result, Done) else result.reason) == ANSWERERS[who]
    expected = {True: S.ACCEPTED, False: S.REFUSED}[accept] if who == "bravo" else S.OPEN
    assert (await counter.dispute(found.id)).state is expected


async def test_an_answer_names_the_right_transfer_and_dispute(counter: Counter) -> None:
    found = await counter.raised(1, await counter.committed())
    other = await counter.committed(2)
    for wrong in ({"transfer": other.id}, {"dispute": dispute_id(9)}):
        asked = msgspec.structs.replace(answering(found), **wrong)
        assert reason_of(await counter.one(asked)) == "record_unknown"


async def test_a_refusal_says_one_of_the_reasons_for_it(counter: Counter) -> None:
    found = await counter.raised(1, await counter.committed())
    for code in ("", "DUPL", "no"):
        assert reason_of(await counter.one(answering(found, accept=False, reason=code))) == "terms_invalid"
    await counter.done(answering(found, accept=False, reason=min(REFUSALS)))


async def test_an_answer_in_the_last_millisecond_counts_and_one_after_it_does_not(counter: Counter) -> None:
    transfer = await counter.committed()
    first, second = [await counter.raised(n, transfer, minor=n * 1_00) for n in (1, 2)]
    counter.now_ms += 10 * DAY_MS - 1
    await counter.done(answering(first))
    counter.now_ms += 1
    assert reason_of(await counter.one(answering(second))) == "record_forbids"
    assert reason_of(await counter.one(answering(second, accept=False))) == "record_forbids"


@pytest.mark.parametrize("who", ["alpha", "bravo", "coral"])
async def test_only_whoever_raised_it_withdraws(counter: Counter, who: str) -> None:
    found = await counter.raised(1, await counter.committed())
    asked = Withdraw(by="software", dispute=found.id, transfer=found.transfer, participant=who)
    result = await counter.one(asked)
    says = {"alpha": "", "bravo": "role_forbids", "coral": "record_unknown"}[who]
    assert ("" if isinstance(result, Done) else result.reason) == says


async def test_what_has_ended_stays_so(counter: Counter) -> None:
    transfer = await counter.committed()
    found = await counter.raised(1, transfer)
    withdraw = Withdraw(by="software", dispute=found.id, transfer=transfer.id, participant="alpha")
    await counter.done(withdraw)
    counter.now_ms += 20 * DAY_MS
    for again in (withdraw, answering(found), answering(found, accept=False)):
        assert reason_of(await counter.one(again)) == "record_forbids"
    about = {"dispute": found.id, "transfer": transfer.id}
    for calendar in (Deem(by="calendar", **about), Linked(by="hub", **about)):
        assert await counter.one(calendar) == Done(changed=False)
    ended = await counter.dispute(found.id)
    assert (ended.state, ended.due_ms, ended.version) == (S.WITHDRAWN, None, 2)


async def test_nothing_is_deemed_before_its_time(counter: Counter) -> None:
    found = await counter.raised(1, await counter.committed())
    counter.now_ms += 10 * DAY_MS - 1
    assert await counter.one(Deem(by="calendar", dispute=found.id, transfer=found.transfer)) == Done(changed=False)


@pytest.mark.parametrize(
    ("deemed", "reversed_", "state", "given"),
    [
        (Deemed.ACCEPTED, None, S.DEEMED, 70_00),
        (Deemed.ACCEPTED, "50", S.DEEMED, 50_00),
        (Deemed.ACCEPTED, "99.50", S.REFUSED, 0),
        (Deemed.ACCEPTED, "100", S.REFUSED, 0),
        (Deemed.REFUSED, None, S.REFUSED, 0),
    ],
)
async def test_silence_means_what_the_scheme_says_of_what_is_left(
    deemed: Deemed, reversed_: str | None, state: DisputeState, given: int
) -> None:
    counter = await counter_with(told_scheme(DisputeTerms(deemed=deemed)))
    transfer = await counter.committed()
    found = await counter.raised(1, transfer, minor=70_00)
    if reversed_:
        await counter.reversing(10, transfer, reversed_)
    counter.now_ms += 10 * DAY_MS
    await counter.done(Deem(by="calendar", dispute=found.id, transfer=transfer.id))
    ended = await counter.dispute(found.id)
    assert (ended.state, ended.given_minor, bool(ended.linked)) == (state, given, bool(given))
    if given:
        assert (await counter.linked(ended)).minor == given


@pytest.mark.parametrize(
    ("verdict", "state", "event"),
    [(Verdict.ACCEPTED, S.RETURNED, "dispute.returned"), (Verdict.REFUSED, S.FAILED, "dispute.failed")],
)
async def test_a_dispute_ends_as_its_linked_transfer_does(
    counter: Counter, verdict: Verdict, state: DisputeState, event: str
) -> None:
    transfer = await counter.committed()
    found = await counter.accepted(1, transfer)
    linked = await counter.linked(found)
    see_to = Linked(by="hub", dispute=found.id, transfer=transfer.id)
    await counter.done(see_to)
    assert (await counter.dispute(found.id)).state is S.ACCEPTED, "nobody knows yet"
    await counter.hear(linked, verdict)
    await counter.done(see_to)
    ended = await counter.dispute(found.id)
    assert (ended.state, ended.due_ms) == (state, None)
    assert counter.told()[-2:] == [("alpha", event), ("bravo", event)]
    # What has failed has let go of its part, and may be given back otherwise.
    result = await counter.reversing(10, transfer, "100")
    assert isinstance(result, Done)
    assert reason_of(result) == ("" if state is S.FAILED else "original_exceeded")


async def test_a_linked_transfer_that_the_hub_bars_fails_the_dispute_and_says_why(counter: Counter) -> None:
    transfer = await counter.committed()
    found = await counter.accepted(1, transfer)
    # Bravo has sent on what it was given, and as much as it may owe.
    for number in range(2, 13):
        await counter.begun(submit(number, caller="bravo", payer="+254710000001", payee="+254700000001", amount="100"))
    linked = await counter.linked(found)
    assert (linked.state, linked.reason) == (State.ABORTED, "cap_exceeded")
    await counter.done(Linked(by="hub", dispute=found.id, transfer=transfer.id))
    ended = await counter.dispute(found.id)
    assert (ended.state, ended.steps[-1].detail) == (S.FAILED, "aborted cap_exceeded")
    assert (await counter.raised(2, transfer)).minor == 100_00, "it may be asked for again"


async def test_a_report_that_nobody_answers_is_noted(counter: Counter) -> None:
    found = await counter.raised(1, await counter.committed(), "fraud", participant="bravo")
    assert found.against == "alpha"
    counter.now_ms += 3 * DAY_MS
    await counter.worker.look()
    assert (await counter.dispute(found.id)).state is S.NOTED


async def test_everyone_concerned_is_told_of_every_step_but_its_own(counter: Counter) -> None:
    transfer = await counter.committed()
    first = await counter.raised(1, transfer, minor=10_00)
    await counter.done(answering(first, accept=False))
    second = await counter.raised(2, transfer, minor=10_00)
    await counter.done(Withdraw(by="software", dispute=second.id, transfer=transfer.id, participant="alpha"))
    await counter.raised(3, transfer, minor=10_00)
    counter.now_ms += 10 * DAY_MS
    await counter.worker.look()
    assert counter.told() == [
        ("bravo", "dispute.raised"),
        ("alpha", "dispute.answered"),
        ("bravo", "dispute.raised"),
        ("bravo", "dispute.withdrawn"),
        ("bravo", "dispute.raised"),
        ("alpha", "dispute.deemed"),
        ("bravo", "dispute.deemed"),
    ]


async def test_a_notice_says_what_is_asked_for_until_when_and_every_step_has_its_time(counter: Counter) -> None:
    transfer = await counter.committed()
    found = await counter.raised(1, transfer, minor=10_50, detail="it came twice")
    counter.now_ms += DAY_MS
    await counter.done(answering(found))
    said = shown(await counter.dispute(found.id))
    assert (said["amount"], said["currency"], said["reasonCode"]) == ("10.5", "KES", "DUPL")
    assert (said["deadline"], said["disputeStatus"]) == ("2027-01-25T08:00:00.000Z", "accepted")
    steps = [(each["at"], each["who"], each["what"]) for each in said["steps"]]
    assert steps == [
        ("2027-01-15T08:00:00.000Z", "alpha", "raised"),
        ("2027-01-16T08:00:00.000Z", "bravo", "accepted"),
    ]
    assert set(concerned(found)) == {"alpha", "bravo"}


async def test_an_answer_for_a_participant_takes_two_operators(counter: Counter) -> None:
    found = await counter.raised(1, await counter.committed())
    deed = AnswerFor(by="maker", dispute=found.id, transfer=found.transfer, accept=True)
    assert reason_of(await counter.one(deed)) == "checker_needed"
    id_ = f"{5:032x}"
    await counter.done(Propose(by="maker", proposal=id_, deed=deed, why="the participant wrote"))
    await counter.done(Approve(by="checker", proposal=id_, deed=deed))
    assert (await counter.dispute(found.id)).state is S.ACCEPTED
