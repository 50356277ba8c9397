"""Returns, recalls and the API's reversals of one transfer, all at once at several doors: never more than it was."""

import asyncio
import random
from collections.abc import Sequence

import pytest

from hub.core.command import Command, Done, Transfer
from hub.core.office.disputes import Withdraw
from hub.core.office.records import PROMISING, Dispute
from hub.core.record import Deed
from hub.core.transfer import State
from hub.flow import Door
from hub.store.audit import run_audit
from hub.workers.disputes import Disputes
from routing.message import Operation, Verdict
from tests.core.counter import answering, dispute_id, raising
from tests.store.house import House, reason_of, submit

pytestmark = pytest.mark.postgres

UNDONE = (State.ABORTED, State.REFUNDED)
REVERSALS = "SELECT t.id::text FROM transfer AS t WHERE t.original = %s::uuid"


async def given_back(house: House, original: Transfer) -> tuple[int, int]:
    """Return what is given back of a transfer or being so, and what is promised and has not begun."""
    ids = [row[0].replace("-", "") for row in await house.store._rows(REVERSALS, original.id)]  # type: ignore[attr-defined]
    reversals = [await house.transfer(each) for each in ids]
    disputes = await house.store.records.found(Dispute, transfer=original.id)
    promised = sum(each.given_minor for each in disputes if each.state in PROMISING and each.linked not in ids)
    return sum(each.minor for each in reversals if each.state not in UNDONE), promised


async def at_once(doors: Sequence[Door], commands: Sequence[Command | Deed]) -> list[str]:
    """Hand each command to some door, all of them at once."""
    turns = [doors[number % len(doors)] for number in range(len(commands))]
    results = await asyncio.gather(*(door.handle(each) for door, each in zip(turns, commands, strict=True)))
    return ["" if isinstance(each, Done) and not each.reason else reason_of(each) for each in results]


async def test_answers_and_reversals_at_once_never_give_back_more_than_there_was(sql_house: House, seed: int) -> None:
    chance, doors = random.Random(seed), await sql_house.doors(3)
    for round_ in range(5):
        original = await sql_house.completed(round_, "100")
        base = 1_000 * (round_ + 1)
        recalls = [raising(base + number, original.id, minor=9_00 + number) for number in range(10)]
        said = await at_once(doors, recalls)
        assert said.count("") == 10, "nothing speaks against asking: 9 to 9.09 each, ten times"
        disputes = [await sql_house.store.records.one(Dispute, dispute_id(base + number)) for number in range(10)]
        answers: list[Command | Deed] = [answering(each) for each in disputes if each is not None]
        answers += [
            submit(base + number, f"{chance.randint(1, 30)}", caller="bravo", original=original.id)
            for number in range(10)
        ]
        chance.shuffle(answers)
        said = await at_once(doors, answers)
        assert set(said) <= {"", "original_exceeded"}
        given, promised = await given_back(sql_house, original)
        assert given + promised <= 100_00
        assert given + promised > 100_00 - 30_00, "as much as fitted was given"
    assert run_audit(sql_house.url).findings == []


async def test_of_two_returns_and_a_reversal_of_everything_one_comes_about(sql_house: House) -> None:
    doors = await sql_house.doors(3)
    for round_ in range(8):
        original = await sql_house.completed(round_, "100")
        asked: list[Command | Deed] = [
            raising(round_ * 10 + 1, original.id, "return", "bravo"),
            raising(round_ * 10 + 2, original.id, "return", "bravo", reason="MD06"),
            submit(500 + round_, None, caller="bravo", original=original.id),
        ]
        said = await at_once(doors, asked[round_ % 3 :] + asked[: round_ % 3])
        assert said.count("") == 1, said
        assert sum(await given_back(sql_house, original)) == 100_00


async def test_several_workers_make_each_linked_transfer_once(sql_house: House) -> None:
    doors = await sql_house.doors(3)
    original = await sql_house.completed(1, "100")
    for number in range(1, 9):
        asked = raising(number, original.id, "return", "bravo", minor=number * 1_00)
        assert reason_of(await sql_house.door.handle(asked)) == ""
    workers = [Disputes(door) for door in doors]
    await asyncio.gather(*(worker.look() for worker in workers))
    assert await given_back(sql_house, original) == (36_00, 0)
    for each in await sql_house.store.records.found(Dispute):
        await sql_house.hear(await sql_house.transfer(each.linked), Operation.CREDIT, Verdict.ACCEPTED)
    # They are looked at again when their time has come, a second later at the earliest; here, as if it had.
    await asyncio.gather(*(workers[0]._see_to(each) for each in await sql_house.store.records.found(Dispute)))
    states = {each.state for each in await sql_house.store.records.found(Dispute)}
    assert states == {"returned"}
    assert sql_house.findings() == []


async def test_an_answer_and_the_withdrawal_at_once_leave_one_of_the_two(sql_house: House) -> None:
    doors = await sql_house.doors(2)
    for number in range(8):
        original = await sql_house.completed(number, "10")
        await sql_house.door.handle(raising(number, original.id))
        found = await sql_house.store.records.one(Dispute, dispute_id(number))
        assert found is not None
        withdraw = Withdraw(by="software", dispute=found.id, transfer=original.id, participant="alpha")
        both: list[Command | Deed] = [withdraw, answering(found)]
        said = await at_once(doors, both if number % 2 else both[::-1])
        assert sorted(said) == ["", "record_forbids"]
