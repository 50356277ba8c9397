"""What two operators say of a transfer in review or in doubt: both names are kept, and its cases are closed with it."""

import msgspec
import pytest

from hub.core.command import Done, Transfer
from hub.core.office.proposal import Approve, Propose
from hub.core.office.ruling import CloseCase, Rule
from hub.core.transfer import State
from hub.ledger.position import balance
from routing.message import FailureClass, Operation, Verdict
from tests.store.house import House, reason_of, said, submit, transfer_id
from tests.store.office import MAKER, approved, fresh


async def in_review(house: House, number: int = 1) -> Transfer:
    return await house.begun(msgspec.structs.replace(submit(number), flagged="on a list"))


def ruling(transfer: Transfer, verdict: Verdict = Verdict.ACCEPTED, state: State = State.IN_REVIEW) -> Rule:
    return Rule(by=MAKER, transfer=transfer.id, state=state, verdict=verdict, why="papers seen")


def closing(transfer: Transfer, seq: int = 1) -> CloseCase:
    return CloseCase(by=MAKER, transfer=transfer.id, seq=seq, why="papers seen")


@pytest.mark.parametrize(("verdict", "state"), [(Verdict.ACCEPTED, State.RESERVED), (Verdict.REFUSED, State.ABORTED)])
async def test_what_is_in_review_goes_on_or_ends_by_the_word_of_two(
    house: House, verdict: Verdict, state: State
) -> None:
    waits = await in_review(house)
    assert isinstance(await approved(house, ruling(waits, verdict)), Done)
    found = await house.store.timeline(waits.id)
    assert found is not None
    assert found.transfer.state is state
    assert found.transitions[-1].who == "operator maker, approved by checker"
    assert await house.store.open_cases(10) == []


async def test_one_person_rules_on_nothing(house: House) -> None:
    waits = await in_review(house)
    rule, proposal = ruling(waits), fresh()
    assert reason_of(await house.door.handle(rule)) == "checker_needed"
    await house.door.handle(Propose(by=MAKER, proposal=proposal, deed=rule, why="x"))
    assert reason_of(await house.door.handle(Approve(by=MAKER, proposal=proposal, deed=rule))) == "same_person"
    assert (await house.transfer(waits.id)).state is State.IN_REVIEW
    assert len(await house.store.open_cases(10)) == 1


async def test_a_ruling_that_does_not_fit_changes_nothing_and_leaves_its_case_open(house: House) -> None:
    waits = await in_review(house)
    assert reason_of(await approved(house, ruling(waits, state=State.IN_DOUBT))) == "state_forbids"
    assert reason_of(await approved(house, ruling(waits, Verdict.UNKNOWN))) == "terms_invalid"
    assert reason_of(await approved(house, msgspec.structs.replace(ruling(waits), why=""))) == "terms_invalid"
    nobody = msgspec.structs.replace(ruling(waits), transfer=f"{99:032x}")
    assert reason_of(await approved(house, nobody)) == "transfer_unknown"
    assert len(await house.store.open_cases(10)) == 1


async def test_a_ruling_on_doubt_moves_the_money(house: House) -> None:
    transfer = await house.begun(submit(1))
    await house.door.handle(said(transfer, Operation.CREDIT, Verdict.UNKNOWN, FailureClass.UNCLEAR))
    doubted = await house.transfer(transfer.id)
    assert doubted.state is State.IN_DOUBT
    assert isinstance(await approved(house, ruling(doubted, state=State.IN_DOUBT)), Done)
    assert balance(await house.position("alpha")) == -10_00


async def test_a_case_is_closed_once_and_with_a_reason(house: House) -> None:
    waits = await in_review(house)
    (case,) = await house.store.open_cases(10)
    assert reason_of(await house.door.handle(msgspec.structs.replace(closing(waits), why=""))) == "terms_invalid"
    assert reason_of(await house.door.handle(closing(waits, case.seq + 1))) == "record_unknown"
    results = await house.door.handle_all([closing(waits, case.seq), closing(waits, case.seq)])
    assert sorted(map(reason_of, results)) == ["", "record_unknown"]
    assert await house.store.open_cases(10) == []
    assert (await house.transfer(waits.id)).state is State.IN_REVIEW, "closing moves nothing"


async def test_the_case_of_another_transfer_stays(house: House) -> None:
    one, _ = await in_review(house, 1), await in_review(house, 2)
    await approved(house, ruling(one))
    assert [each.transfer for each in await house.store.open_cases(10)] == [transfer_id(2)]
