"""Raising disputes: who may, about which transfers, for which reasons, for how much, until when."""

import msgspec
import pytest

from hub.core.command import Done, Reason, Refusal, Result
from hub.core.office.dispute_rules import REASONS
from hub.core.office.dispute_terms import DisputeTerms
from hub.core.office.disputes import recall_of, shown
from hub.core.office.proposal import Approve, Propose
from hub.core.office.raising import RaiseFor
from hub.core.office.records import Dispute, DisputeKind, DisputeState
from hub.core.participant import Status
from routing.message import Resource, Verdict
from tests.core.counter import DAY_MS, Counter, answering, counter_with, dispute_id, raising, told_scheme
from tests.core.stage import errand, reason_of, scheme_file, submit

S = DisputeState
DAY_S = DAY_MS // 1000


@pytest.fixture
async def counter() -> Counter:
    return await counter_with()


WHO = {
    ("return", "bravo"): "",
    ("return", "alpha"): "role_forbids",
    ("recall", "alpha"): "",
    ("recall", "bravo"): "role_forbids",
    ("fraud", "alpha"): "",
    ("fraud", "bravo"): "",
    **{(kind, who): "original_unknown" for kind in ("return", "recall", "fraud") for who in ("coral", "nobody", "")},
}


@pytest.mark.parametrize(("kind", "who"), WHO)
async def test_each_kind_is_raised_by_the_side_that_it_is_for(counter: Counter, kind: str, who: str) -> None:
    transfer = await counter.committed()
    result = await counter.one(raising(1, transfer.id, kind, who))
    said = "" if isinstance(result, Done) else reason_of(result)
    assert said == WHO[kind, who]
    assert bool(await counter.store.records.found(Dispute)) is (WHO[kind, who] == "")


@pytest.mark.parametrize("who", ["alpha", "bravo"])
async def test_whoever_is_suspended_raises_and_answers_nothing(counter: Counter, who: str) -> None:
    transfer = await counter.committed()
    found = await counter.raised(1, transfer)
    await counter.store.apply_scheme(told_scheme(file=scheme_file(**{who: Status.SUSPENDED})), "test")
    asked = raising(2, transfer.id, "fraud") if who == "alpha" else answering(found)
    assert reason_of(await counter.one(asked)) == "caller_suspended"


async def test_only_a_completed_transfer_that_reverses_nothing_is_disputed(counter: Counter) -> None:
    pending = await counter.begun(submit(1))
    aborted = await counter.hear(await counter.begun(submit(2)), Verdict.REFUSED)
    original = await counter.committed(3)
    reversal = await counter.begun(submit(4, caller="bravo", payer="", payee="", original=original.id))
    reversal = await counter.hear(reversal, Verdict.ACCEPTED)
    made = await counter.begun(errand(5, Resource.LINK, {}))
    for number, transfer in enumerate((pending, aborted, reversal)):
        who = "bravo" if transfer is reversal else "alpha"
        asked = raising(number, transfer.id, participant=who)
        assert reason_of(await counter.one(asked)) == "original_not_committed", transfer
    for number, id_ in enumerate((made.id, f"{77:032x}", "no id", "")):
        assert reason_of(await counter.one(raising(10 + number, id_))) == "original_unknown", id_
    assert await counter.store.records.found(Dispute) == []


@pytest.mark.parametrize("kind", list(DisputeKind))
async def test_a_kind_takes_its_reasons_and_no_others(counter: Counter, kind: DisputeKind) -> None:
    transfer = await counter.committed()
    who = "bravo" if kind is DisputeKind.RETURN else "alpha"
    for number, code in enumerate([*REASONS, "XXXX", "", "dupl"]):
        asked = raising(number, transfer.id, kind, who, reason=code, minor=100 + number)
        result = await counter.one(asked)
        is_taken = code in REASONS and kind in REASONS[code].kinds
        assert isinstance(result, Done) is is_taken, (code, result)
        if not is_taken:
            assert isinstance(result, Refusal)
            assert (result.reason, "FRAD" in result.detail) == (Reason.TERMS_INVALID, True), "it says which there are"


@pytest.mark.parametrize(("reason", "days"), [("DUPL", 10), ("CUST", 10), ("FRAD", 3)])
async def test_the_deadline_follows_from_the_reason(counter: Counter, reason: str, days: int) -> None:
    found = await counter.raised(1, await counter.committed(), reason=reason)
    assert found.deadline_ms == found.due_ms == counter.now_ms + days * DAY_MS


AMOUNTS = [
    (0, "", ""),
    (100_00, "KES", ""),
    (1_00, "", ""),
    (99, "", "amount_too_small"),
    (100_01, "", "original_exceeded"),
    (-1, "", "terms_invalid"),
    (50_00, "UGX", "original_currency"),
]


@pytest.mark.parametrize("kind", ["recall", "return"])
@pytest.mark.parametrize(("minor", "currency", "says"), AMOUNTS)
async def test_a_part_or_all_of_the_amount_is_asked_for(
    counter: Counter, kind: str, minor: int, currency: str, says: str
) -> None:
    transfer = await counter.committed()
    who = "alpha" if kind == "recall" else "bravo"
    result = await counter.one(raising(1, transfer.id, kind, who, minor=minor, currency=currency))
    assert ("" if isinstance(result, Done) else result.reason) == says
    if not says:
        assert (await counter.dispute(dispute_id(1))).minor == (minor or 100_00)


async def test_open_recalls_together_ask_for_no_more_than_there_was(counter: Counter) -> None:
    transfer = await counter.committed()
    first = await counter.raised(1, transfer, minor=60_00)
    assert reason_of(await counter.one(raising(2, transfer.id, minor=60_00))) == "original_exceeded"
    assert (await counter.raised(3, transfer)).minor == 40_00, "all that may still be asked for"
    assert reason_of(await counter.one(raising(4, transfer.id))) == "original_exceeded"
    await counter.done(answering(first, accept=False))
    assert (await counter.raised(5, transfer)).minor == 60_00, "what was refused may be asked for again"


async def test_the_same_is_asked_for_once_at_a_time(counter: Counter) -> None:
    transfer = await counter.committed()
    await counter.raised(1, transfer, minor=10_00)
    refused = await counter.one(raising(2, transfer.id, minor=10_00))
    assert refused == Refusal(reason=Reason.RECORD_FORBIDS, detail=f"{dispute_id(1)} asks for the same")
    await counter.raised(3, transfer, minor=11_00)
    await counter.raised(4, transfer, "fraud", minor=10_00)


async def test_said_again_it_is_the_same_and_said_anew_under_its_id_it_is_a_duplicate(counter: Counter) -> None:
    transfer = await counter.committed()
    asked = raising(1, transfer.id, ref=f"{9:032x}")
    await counter.done(asked)
    assert await counter.one(asked) == Done(changed=False)
    anew = await counter.one(msgspec.structs.replace(asked, ref=f"{8:032x}"))
    assert anew == Refusal(reason=Reason.DUPLICATE, transfer=dispute_id(1))


@pytest.mark.parametrize("kind", ["recall", "return", "fraud"])
async def test_what_is_long_over_is_neither_given_nor_asked_back_but_may_be_reported(kind: str) -> None:
    counter = await counter_with(told_scheme(DisputeTerms(return_within_s=DAY_S)))
    transfer = await counter.committed()
    who = "bravo" if kind == "return" else "alpha"
    counter.now_ms += DAY_MS
    await counter.raised(1, transfer, kind, participant=who, minor=1_00)
    counter.now_ms += 1
    result = await counter.one(raising(2, transfer.id, kind, who, minor=2_00))
    assert ("" if isinstance(result, Done) else result.reason) == ("" if kind == "fraud" else "record_forbids")


async def test_a_report_of_fraud_may_ask_for_the_money_too(counter: Counter) -> None:
    transfer = await counter.committed()
    report = await counter.raised(1, transfer, "fraud", recall=True, minor=30_00)
    recall = await counter.dispute(recall_of(report.id))
    assert (recall.kind, recall.reason, recall.minor, recall.report) == ("recall", "FRAD", 30_00, report.id)
    assert (report.state, report.deadline_ms) == (S.OPEN, recall.deadline_ms)
    assert counter.told() == [("bravo", "dispute.raised")] * 2
    await counter.done(answering(report))
    assert (await counter.dispute(report.id)).state is S.NOTED
    assert (await counter.dispute(recall.id)).state is S.OPEN, "each is answered by itself"


async def test_only_a_payer_fsp_asks_for_the_money_with_its_report(counter: Counter) -> None:
    transfer = await counter.committed()
    asked = raising(1, transfer.id, "fraud", "bravo", recall=True)
    assert reason_of(await counter.one(asked)) == "role_forbids"
    assert reason_of(await counter.one(raising(2, transfer.id, recall=True))) == "terms_invalid"
    await counter.reversing(10, transfer, "100")
    whole = await counter.one(raising(3, transfer.id, "fraud", recall=True))
    assert reason_of(whole) == "original_exceeded", "with nothing to ask for, nothing at all is raised"
    assert await counter.store.records.found(Dispute) == []


def on_behalf(transfer: str, kind: str, participant: str, by: str = "maker") -> RaiseFor:
    plain = raising(1, transfer, kind, participant, by=by)
    return RaiseFor(**{name: getattr(plain, name) for name in plain.__struct_fields__})


async def by_two(counter: Counter, deed: RaiseFor) -> Result:
    proposal = f"{5:032x}"
    result = await counter.one(Propose(by="maker", proposal=proposal, deed=deed, why="the participant wrote"))
    if result.reason:
        return result
    return await counter.one(Approve(by="checker", proposal=proposal, deed=deed))


@pytest.mark.parametrize(
    ("kind", "participant", "says"),
    [
        ("recall", "alpha", ""),
        ("recall", "bravo", "role_forbids"),
        ("recall", "", "role_forbids"),
        ("return", "bravo", ""),
        ("return", "", "role_forbids"),
        ("fraud", "bravo", ""),
        ("fraud", "", ""),
    ],
)
async def test_two_operators_raise_for_a_participant_and_none_alone(
    counter: Counter, kind: str, participant: str, says: str
) -> None:
    transfer = await counter.committed()
    deed = on_behalf(transfer.id, kind, participant)
    assert reason_of(await counter.one(deed)) == "checker_needed"
    result = await by_two(counter, deed)
    assert ("" if isinstance(result, Done) else result.reason) == says
    if not says:
        found = await counter.dispute(dispute_id(1))
        assert found.steps[0].who == f"operator maker and checker for {participant}".removesuffix(" for ")
        assert shown(found)["steps"][0]["who"] == "operator", "participants do not learn operators' names"
        assert {to for to, _ in counter.told()} == {"alpha", "bravo"}


@pytest.mark.parametrize("id_", ["zzz", "", "A" * 32, "a" * 31])
async def test_a_dispute_has_an_id_that_can_be_looked_up(counter: Counter, id_: str) -> None:
    transfer = await counter.committed()
    deed = msgspec.structs.replace(raising(1, transfer.id), dispute=id_)
    assert reason_of(await counter.one(deed)) == "terms_invalid"


async def test_a_return_for_a_participant_takes_two_operators(counter: Counter) -> None:
    transfer = await counter.committed()
    assert isinstance(await by_two(counter, on_behalf(transfer.id, "return", "bravo")), Done)
    found = await counter.dispute(dispute_id(1))
    assert (found.state, found.steps[0].who) == (S.ACCEPTED, "operator maker and checker for bravo")
    assert reason_of(await counter.reversing(10, transfer, "1")) == "original_exceeded"
