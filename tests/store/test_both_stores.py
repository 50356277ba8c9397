"""What a store promises, on memory and on PostgreSQL: all of a batch or nothing, and each thing once."""

import asyncio

import msgspec
import pytest

from hub.core.command import Done, Due, Reason, Refusal, Submit
from hub.core.decide import Bench, accounts_of, planned
from hub.core.facts import gather
from hub.core.transfer import State
from hub.ledger.account import Kind, counters
from hub.ledger.position import balance
from hub.store.contract import Store
from routing.message import FailureClass, Operation, Verdict
from routing.money import Money
from tests.cash import Fund
from tests.store.house import ALPHA, NOBODY, House, reason_of, said, submit, transfer_id

A, R, U = Verdict.ACCEPTED, Verdict.REFUSED, Verdict.UNKNOWN


async def test_a_transfer_is_kept_with_its_reservation_its_message_and_its_first_step(house: House) -> None:
    transfer = await house.begun(submit(1, "25"))
    assert (transfer.state, transfer.minor, transfer.seq) == (State.RESERVED, 25_00, 1)
    assert counters(await house.position("alpha")) == (25_00, 0, 0, 0)
    assert counters(await house.position("bravo")) == (0, 0, 25_00, 0)
    assert [(each.queue, each.transfer) for each in house.delivered] == [("instructions.bravo-1", transfer.id)]
    found = await house.store.timeline(transfer.id)
    assert found is not None
    assert [(str(each.state), str(each.next)) for each in found.transitions] == [("received", "reserved")]
    assert house.findings() == []


async def test_everything_said_of_a_transfer_comes_back_as_it_was_written(house: House) -> None:
    owed = await house.owed(1)
    refunded = await house.hear(owed, Operation.REFUND, A)
    strange = await house.hear(refunded, Operation.REFUND, R)
    found = await house.store.timeline(refunded.id)
    assert found is not None
    assert found.transfer == strange
    assert [each.seq for each in found.transitions] == [1, 2, 3, 4, 5]
    assert [str(each.next) for each in found.transitions] == ["asked", "held", "owed", "refunded", "refunded"]
    assert [str(each.posting.phase) for each in found.entries] == ["pending", "voided"]
    assert [(str(each.kind), each.seq) for each in found.cases] == [("contradicted", 5)]
    assert msgspec.json.decode(found.transfer.body)["correlation"] == "Correlation-1"


async def test_what_does_not_exist_is_none(house: House) -> None:
    nothing = "f" * 32
    assert await house.store.transfer(nothing) is None
    assert await house.store.request(nothing) is None
    assert await house.store.timeline(nothing) is None
    assert await house.store.response("alpha", "never used") is None
    assert await house.store.credential("nobody") is None
    assert await house.store.alive()


async def test_a_request_is_found_by_its_id_and_by_its_correlation_id_in_any_letters(house: House) -> None:
    sent = submit(1)
    await house.begun(sent)
    row = await house.store.request(sent.body.request)
    assert row is not None
    assert (row.caller, row.transfer, row.correlation) == ("alpha", sent.transfer, "correlation-1")
    assert await house.store.response("alpha", "CORRELATION-1") == row
    assert await house.store.response("bravo", "correlation-1") is None, "a correlation id is its caller's own"


async def test_requests_without_correlation_id_are_each_their_own(house: House) -> None:
    results = await house.door.handle_all([submit(number, correlation="") for number in range(3)])
    assert [each.transfer for each in results] == [transfer_id(number) for number in range(3)]
    assert await house.store.response("alpha", "") is None


async def test_two_callers_may_use_the_same_correlation_id(house: House) -> None:
    results = await house.door.handle_all(
        [submit(1, correlation="same"), submit(2, correlation="same", caller="bravo")]
    )
    assert all(isinstance(each, Done) for each in results)


@pytest.mark.parametrize("together", [True, False], ids=["in one breath", "one after the other"])
async def test_a_correlation_id_moves_money_once(house: House, *, together: bool) -> None:
    pair = [submit(2, "20", correlation="Same"), submit(1, "10", correlation="sAME")]
    results = await house.door.handle_all(pair) if together else [await house.door.handle(each) for each in pair]
    assert results[0] == Done(transfer=transfer_id(2), state=State.RESERVED), "the first is the first, whatever its id"
    assert reason_of(results[1]) == "duplicate"
    assert results[1].transfer == transfer_id(2)
    assert await house.store.transfer(transfer_id(1)) is None
    assert counters(await house.position("alpha")) == (20_00, 0, 0, 0)


@pytest.mark.parametrize("together", [True, False], ids=["in one breath", "one after the other"])
async def test_a_refused_submission_gives_its_correlation_id_back(house: House, *, together: bool) -> None:
    wrong, right = submit(1, None, correlation="same", original=transfer_id(7)), submit(2, correlation="same")
    if together:
        results = await house.door.handle_all([wrong, right])
    else:
        results = [await house.door.handle(each) for each in (wrong, right)]
    assert reason_of(results[0]) == "original_unknown"
    if together:
        assert results[1] == results[0], "a correlation id names one request, so it has one answer"
        assert await house.store.response("alpha", "same") is None
        results[1] = await house.door.handle(right)
    assert results[1] == Done(transfer=transfer_id(2), state=State.RESERVED)
    assert await house.store.request(wrong.body.request) is None
    found = await house.store.response("alpha", "same")
    assert found is not None
    assert found.transfer == transfer_id(2)


async def test_what_the_rules_forbid_is_kept_with_its_reason_its_step_and_its_callback(house: House) -> None:
    wrong = submit(1, payee=NOBODY)
    assert await house.door.handle(wrong) == Done(
        transfer=transfer_id(1), state=State.ABORTED, reason=Reason.PAYEE_UNKNOWN
    )
    found = await house.store.timeline(transfer_id(1))
    assert found is not None
    assert (found.transfer.state, found.transfer.reason) == (State.ABORTED, "payee_unknown")
    assert [(str(each.event), str(each.next)) for each in found.transitions] == [("barred", "aborted")]
    assert (found.entries, [each.queue for each in house.delivered]) == ([], ["callbacks"])
    assert reason_of(await house.door.handle(submit(2, correlation="Correlation-1"))) == "duplicate"
    assert house.findings() == []


async def test_a_barred_submission_keeps_its_correlation_id(house: House) -> None:
    await house.door.handle_all([submit(1, "900"), submit(2, "900")])
    assert (await house.transfer(transfer_id(2))).reason == "cap_exceeded"
    assert reason_of(await house.door.handle(submit(3, correlation="Correlation-2"))) == "duplicate"


async def test_one_correlation_id_at_two_doors_at_once_moves_money_once(house: House) -> None:
    doors = await house.doors(3)
    for round_ in range(5):
        sent = [submit(round_ * 10 + number, correlation=f"same-{round_}") for number in range(9)]
        results = await asyncio.gather(
            *(door.handle(each) for door, each in zip(doors * 3, sent, strict=True)),
        )
        first = [each for each in results if isinstance(each, Done)]
        assert len(first) == 1
        assert {each.transfer for each in results} == {first[0].transfer}
    assert counters(await house.position("alpha"))[0] == 5 * 10_00
    assert house.findings() == []


async def test_the_same_submission_said_again_is_the_same_transfer(house: House) -> None:
    first = await house.door.handle(submit(1))
    again = await house.door.handle(submit(1))
    assert (first, again) == (
        Done(transfer=transfer_id(1), state=State.RESERVED),
        Done(transfer=transfer_id(1), changed=False),
    )


async def test_an_outcome_moves_money_once_whoever_says_it_and_how_often(house: House) -> None:
    transfer = await house.begun(submit(1, "30"))
    doors = await house.doors(3)
    word = said(transfer, Operation.CREDIT, A)
    results = await asyncio.gather(*(door.handle(word) for door in doors * 4))
    assert sorted(each.changed for each in results if isinstance(each, Done)) == [False] * 11 + [True]
    assert counters(await house.position("alpha")) == (0, 30_00, 0, 0)
    assert (await house.transfer(transfer.id)).state is State.COMMITTED


async def test_opposite_words_at_once_let_one_win_and_open_a_case(house: House) -> None:
    doors = await house.doors(2)
    for number in range(8):
        transfer = await house.begun(submit(number))
        await asyncio.gather(
            doors[0].handle(said(transfer, Operation.CREDIT, A)),
            doors[1].handle(said(transfer, Operation.CREDIT, R, FailureClass.REFUSED)),
        )
        found = await house.store.timeline(transfer.id)
        assert found is not None
        assert found.transfer.state in {State.COMMITTED, State.ABORTED}
        assert [str(each.kind) for each in found.cases] == ["contradicted"]
    assert house.findings() == []


async def test_money_from_the_bank_is_counted_once_for_each_reference(house: House) -> None:
    doors = await house.doors(3)
    fund = Fund(participant="alpha", money=Money.parse("500", "KES"), reference="bank-1", by="treasury")
    results = await asyncio.gather(*(door.handle(fund) for door in doors * 3))
    assert sorted(each.changed for each in results if isinstance(each, Done)) == [False] * 8 + [True]
    assert balance(await house.position("alpha")) == 500_00
    bank = next(each for each in await house.store.accounts() if each.kind is Kind.SETTLEMENT_BANK)
    assert balance(bank) == -500_00
    assert house.findings() == []


async def test_reversals_at_once_never_exceed_the_original(house: House) -> None:
    original = await house.completed(1, "100")
    doors = await house.doors(3)
    asked = [submit(10 + number, "30", caller="bravo", original=original.id) for number in range(12)]
    results = await asyncio.gather(*(door.handle(each) for door, each in zip(doors * 4, asked, strict=True)))
    assert sorted(map(reason_of, results)) == [""] * 3 + ["original_exceeded"] * 9
    assert counters(await house.position("bravo"))[0] == 90_00
    rest = await house.begun(submit(90, None, caller="bravo", original=original.id))
    assert rest.minor == 10_00
    assert house.findings() == []


async def test_two_doors_at_once_never_pass_a_cap(house: House) -> None:
    doors = await house.doors(2)
    sent = [
        submit(
            number, "70", **({"caller": "bravo", "payer": "+254710000001", "payee": ALPHA} if number % 3 == 0 else {})
        )
        for number in range(60)
    ]
    await asyncio.gather(*(door.handle(each) for door, each in zip(doors * 30, sent, strict=True)))
    states = [(await house.transfer(each.transfer)).state for each in sent]
    assert states.count(State.RESERVED) == 14 * 2, "1000 of cap on each side, 70 a time"
    assert states.count(State.ABORTED) == 60 - 28
    held = [counters(await house.position(who))[0] for who in ("alpha", "bravo")]
    assert held == [14 * 70_00] * 2
    assert house.findings() == []


async def test_what_is_not_applied_leaves_nothing_behind(house: House) -> None:
    doors = await house.doors(1)
    sent = submit(1)
    with pytest.raises(ConnectionError):
        await _abandoned(doors[0].store, sent)
    assert await house.store.request(sent.body.request) is None
    assert await house.store.transfer(sent.transfer) is None
    assert isinstance(await house.door.handle(submit(2, correlation="Correlation-1")), Done)


async def _abandoned(store: Store, submission: Submit) -> None:
    async with store.work() as work:
        facts = await work.load(gather([submission]))
        plans = planned([submission], facts)
        book = await work.lock(accounts_of([submission], plans, facts))
        assert Bench(facts, book).decide([submission], plans).added
        raise ConnectionError("the process is gone before it applied")


async def test_transfers_are_due_the_longest_overdue_first_until_they_end(house: House) -> None:
    for number in (3, 1, 2):
        await house.begun(submit(number))
    assert await house.store.due(10) == [transfer_id(number) for number in (3, 1, 2)]
    assert await house.store.due(2) == [transfer_id(number) for number in (3, 1)]
    await house.hear(await house.transfer(transfer_id(1)), Operation.CREDIT, A)
    assert await house.store.due(10) == [transfer_id(number) for number in (3, 2)]


async def test_when_nobody_answers_the_fsp_is_asked_and_nothing_fails(house: House) -> None:
    transfer = await house.begun(submit(1))
    for _ in range(5):
        await house.door.handle(Due(transfer=transfer.id))
    found = await house.transfer(transfer.id)
    assert found.state is State.IN_DOUBT
    assert counters(await house.position("alpha")) == (10_00, 0, 0, 0)
    absent = said(found, Operation.CREDIT, U, FailureClass.ABSENT)
    assert await house.door.handle(absent) == Done(transfer=transfer.id, state=State.RESERVED), "to be sent again"


async def test_a_refusal_reason_is_kept_word_for_word(house: House) -> None:
    transfer = await house.begun(submit(1))
    await house.door.handle(said(transfer, Operation.CREDIT, R, FailureClass.PARTY_NOT_FOUND, text="“no” 'such' ☎"))
    found = await house.store.timeline(transfer.id)
    assert found is not None
    assert found.transfer.reason == "party_not_found"
    assert "“no” 'such' ☎" in found.transitions[-1].detail


async def test_an_outcome_for_no_transfer_is_refused_by_any_id(house: House) -> None:
    transfer = await house.begun(submit(1))
    word = said(transfer, Operation.CREDIT, A)
    for id_ in ("f" * 32, "nonsense", ""):
        strange = msgspec.structs.replace(word, outcome=msgspec.structs.replace(word.outcome, transfer=id_))
        assert reason_of(await house.door.handle(strange)) == "transfer_unknown"
    assert isinstance(await house.door.handle(word), Done)
    refused = await house.door.handle(submit(2, None, original="nonsense"))
    assert isinstance(refused, Refusal)
    assert reason_of(refused) == "original_unknown"


async def test_money_from_the_bank_said_at_several_doors_at_once_is_no_error_at_any(house: House) -> None:
    doors = await house.doors(3)
    for number in range(10):
        fund = Fund(participant="bravo", money=Money(1, "KES"), reference=f"bank-{number}", by="treasury")
        results = await asyncio.gather(*(door.handle(fund) for door in doors))
        assert sorted(each.changed for each in results if isinstance(each, Done)) == [False, False, True], results
