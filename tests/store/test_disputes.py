"""Disputes on both stores: kept, listed, ended once; and what PostgreSQL itself lets nobody change."""

import psycopg
import pytest
from psycopg.errors import IntegrityConstraintViolation

from hub.core.command import Done, Transfer
from hub.core.office.disputes import Linked, Withdraw, submission
from hub.core.office.raising import Raise
from hub.core.office.records import Dispute, DisputeKind, DisputeState
from hub.core.transfer import State
from hub.workers.disputes import Disputes
from routing.message import Operation, Verdict
from tests.core.counter import answering, dispute_id, raising, told_scheme
from tests.store.house import House, reason_of, scheme_file, submit

S = DisputeState


async def raised(house: House, asked: Raise) -> Dispute:
    result = await house.door.handle(asked)
    assert isinstance(result, Done), result
    return await kept(house, asked.dispute)


async def kept(house: House, id_: str) -> Dispute:
    found = await house.store.records.one(Dispute, id_)
    assert found is not None
    return found


async def accepted(house: House, original: Transfer, number: int = 1, minor: int = 60_00) -> Dispute:
    found = await raised(house, raising(number, original.id, minor=minor))
    result = await house.door.handle(answering(found))
    assert isinstance(result, Done), result
    return await kept(house, found.id)


async def test_a_recall_goes_its_way_and_comes_back_as_it_was_written(house: House) -> None:
    original = await house.completed(1, "100")
    asked = raising(1, original.id, minor=60_00, detail="it came twice", ref=f"{9:032x}")
    found = await raised(house, asked)
    assert await house.door.handle(asked) == Done(changed=False), "a commit that was not confirmed is repeated"
    assert (found.state, found.version, found.detail) == (S.OPEN, 1, "it came twice")
    await house.door.handle(answering(found))
    worker = Disputes(house.door)
    assert await worker.look() == 1
    linked = await house.transfer((await kept(house, found.id)).linked)
    assert (linked.state, linked.minor, linked.original) == (State.RESERVED, 60_00, original.id)
    await house.hear(linked, Operation.CREDIT, Verdict.ACCEPTED)
    await house.door.handle(Linked(by="hub", dispute=found.id, transfer=original.id))
    ended = await kept(house, found.id)
    assert (ended.state, ended.due_ms) == (S.RETURNED, None)
    assert [(each.what, each.at_ms > 0) for each in ended.steps] == [
        ("raised", True),
        ("accepted", True),
        ("returned", True),
    ]
    assert house.findings() == []


async def test_disputes_are_found_by_what_they_are_about_and_by_whom_they_concern(house: House) -> None:
    first, second = await house.completed(1), await house.completed(2)
    await raised(house, raising(1, first.id))
    await raised(house, raising(2, second.id, "fraud", "bravo"))
    listed = house.store.records.found
    assert [each.id for each in await listed(Dispute, transfer=first.id)] == [dispute_id(1)]
    assert [each.kind for each in await listed(Dispute, raised_by="bravo")] == [DisputeKind.FRAUD]
    assert len(await listed(Dispute, payee_fsp="bravo")) == len(await listed(Dispute, state=S.OPEN)) == 2
    assert await listed(Dispute, payee_fsp="alpha") == []


async def test_what_is_promised_is_kept_until_its_transfer_begins_and_counted_once_after(house: House) -> None:
    original = await house.completed(1, "100")
    found = await accepted(house, original)
    over = await house.door.handle(submit(2_003, "40.01", caller="bravo", original=original.id))
    assert reason_of(over) == "original_exceeded"
    linked = await house.begun(submission(found))
    assert isinstance(await house.door.handle(submit(2_000, "39", caller="bravo", original=original.id)), Done)
    over = await house.door.handle(submit(2_001, "1.01", caller="bravo", original=original.id))
    assert reason_of(over) == "original_exceeded"
    await house.hear(linked, Operation.CREDIT, Verdict.REFUSED)
    all_of_it = await house.door.handle(submit(2_002, "61", caller="bravo", original=original.id))
    assert reason_of(all_of_it) == "", "what failed has let go of its part"


async def test_the_linked_transfer_said_again_is_the_same(house: House) -> None:
    found = await accepted(house, await house.completed(1, "100"))
    first = await house.door.handle(submission(found))
    again = await house.door.handle(submission(found))
    assert isinstance(first, Done)
    assert isinstance(again, Done)
    assert (first.changed, again.changed, first.transfer) == (True, False, again.transfer)


@pytest.mark.postgres
@pytest.mark.parametrize(
    ("change", "says"),
    [
        ("UPDATE dispute SET state = 'open'", "stays so"),
        ("UPDATE dispute SET steps = '[]'", "stays so"),
        ("UPDATE dispute SET minor = 1", "stays so|is about"),
    ],
)
async def test_a_dispute_that_has_ended_is_final_in_the_database_too(sql_house: House, change: str, says: str) -> None:
    found = await raised(sql_house, raising(1, (await sql_house.completed(1)).id))
    await sql_house.door.handle(answering(found, accept=False))
    with psycopg.connect(sql_house.url) as connection, pytest.raises(IntegrityConstraintViolation, match=says):
        connection.execute(change)


@pytest.mark.postgres
@pytest.mark.parametrize(
    "change",
    [
        "UPDATE dispute SET minor = 1",
        "UPDATE dispute SET transfer = id",
        "UPDATE dispute SET kind = 'return'",
        "UPDATE dispute SET linked = id",
        "UPDATE dispute SET given_minor = 1",
        "UPDATE dispute SET raised_by = 'coral'",
    ],
)
async def test_what_a_dispute_is_about_cannot_be_changed_even_by_hand(sql_house: House, change: str) -> None:
    await accepted(sql_house, await sql_house.completed(1, "100"))
    with psycopg.connect(sql_house.url) as connection, pytest.raises(IntegrityConstraintViolation, match="is about"):
        connection.execute(change)


@pytest.mark.postgres
@pytest.mark.parametrize("statement", ["DELETE FROM dispute", "TRUNCATE dispute"])
async def test_disputes_are_kept(sql_house: House, statement: str) -> None:
    await raised(sql_house, raising(1, (await sql_house.completed(1)).id))
    with psycopg.connect(sql_house.url) as connection, pytest.raises(IntegrityConstraintViolation):
        connection.execute(statement)


async def test_what_is_raised_and_withdrawn_in_one_breath_is_told_as_two_things(house: House) -> None:
    await house.store.apply_scheme(told_scheme(file=scheme_file()), "test")
    original = await house.completed(1)
    withdraw = Withdraw(by="software", dispute=dispute_id(1), transfer=original.id, participant="alpha")
    results = await house.door.handle_all([raising(1, original.id), withdraw])
    assert [type(each) for each in results] == [Done, Done]
    assert (await kept(house, dispute_id(1))).state is S.WITHDRAWN
    assert [each.transfer for each in house.delivered if each.queue == "notices:bravo"][-2:] == [dispute_id(1)] * 2
