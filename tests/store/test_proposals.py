"""Two people for what moves or releases money: on both stores, under lock, in one commit."""

import asyncio
from collections.abc import Sequence
from typing import ClassVar

from hub.core.command import Done, Refusal, Result
from hub.core.office.proposal import Approve, Dismiss, Expire, Proposal, ProposalState, Propose
from hub.core.office.records import Operator, OperatorRole
from hub.core.record import Deed, Desk, Selector
from tests.store.house import House, reason_of

ID = f"{1:032x}"


class Promote(Deed, frozen=True, kw_only=True):
    """A deed that needs two people."""

    checked: ClassVar[bool] = True
    name: str

    def wants(self) -> Sequence[Selector]:
        return (Selector(Operator, "id", self.name),)

    def decide(self, desk: Desk) -> Result:
        if desk.get(Operator, self.name) is not None:
            return Done(changed=False)
        roles = (OperatorRole.ADMIN,)
        desk.keep(Operator(id=self.name, roles=roles, secret_hash="", by=f"{self.by} and {desk.approved_by}"))
        return Done()


DEED = Promote(by="maker", name="novice")


async def proposed(house: House) -> None:
    result = await house.door.handle(Propose(by="maker", ref=f"{2:032x}", proposal=ID, deed=DEED, why="one more"))
    assert result == Done(transfer=ID)


async def test_what_is_proposed_is_carried_out_when_another_approves(house: House) -> None:
    await proposed(house)
    assert await house.store.records.one(Operator, "novice") is None
    assert isinstance(await house.door.handle(Approve(by="checker", proposal=ID, deed=DEED)), Done)
    novice = await house.store.records.one(Operator, "novice")
    assert novice is not None
    assert novice.by == "maker and checker"
    found = await house.store.records.one(Proposal, ID)
    assert found is not None
    assert (found.state, found.decided_by, found.version) == (ProposalState.APPROVED, "checker", 2)


async def test_whoever_proposes_does_not_approve(house: House) -> None:
    await proposed(house)
    assert reason_of(await house.door.handle(Approve(by="maker", proposal=ID, deed=DEED))) == "same_person"
    assert await house.store.records.one(Operator, "novice") is None


async def test_nothing_else_is_approved_than_what_was_proposed(house: House) -> None:
    await proposed(house)
    other = Promote(by="maker", name="somebody")
    assert reason_of(await house.door.handle(Approve(by="checker", proposal=ID, deed=other))) == "terms_invalid"


async def test_nobody_carries_it_out_alone(house: House) -> None:
    assert reason_of(await house.door.handle(DEED)) == "checker_needed"


async def test_a_proposal_is_decided_once(house: House) -> None:
    await proposed(house)
    assert isinstance(await house.door.handle(Dismiss(by="checker", proposal=ID)), Done)
    for again in (Approve(by="checker", proposal=ID, deed=DEED), Dismiss(by="maker", proposal=ID)):
        assert reason_of(await house.door.handle(again)) == "record_forbids"


async def test_a_proposal_whose_time_has_not_come_does_not_expire(house: House) -> None:
    await proposed(house)
    assert await house.door.handle(Expire(by="calendar", proposal=ID)) == Done(changed=False)


async def test_the_same_proposal_said_again_changes_nothing(house: House) -> None:
    await proposed(house)
    again = Propose(by="maker", ref=f"{2:032x}", proposal=ID, deed=DEED, why="one more")
    assert await house.door.handle(again) == Done(changed=False)


async def test_of_two_processes_that_approve_at_once_one_does(sql_house: House) -> None:
    await proposed(sql_house)
    doors = await sql_house.doors(2)
    results = await asyncio.gather(
        *(door.handle(Approve(by=f"checker {n}", proposal=ID, deed=DEED)) for n, door in enumerate(doors))
    )
    assert sum(isinstance(each, Refusal) for each in results) == 1
