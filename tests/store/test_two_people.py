"""Maker and checker are two: by whatever name they come, whoever they were before, and however late."""

from collections.abc import Sequence

import msgspec
import pytest

from hub.core.command import Done, Result
from hub.core.office.liquidity import SetCap
from hub.core.office.operators import AdmitOperator, ChangeRoles, FoundOffice
from hub.core.office.proposal import Approve, Propose
from hub.core.office.proposal import Proposal as Waiting
from hub.core.office.records import OperatorRole
from hub.core.record import Deed, Desk, Selector
from hub.core.settlement.close import Reckon
from hub.core.settlement.rules import Model, Netting
from tests.store.house import House, reason_of
from tests.store.office import approved, fresh, moving
from tests.store.windows import with_models

HASH = "0" * 64


async def by_two(house: House, deed: Deed, checker: str) -> None:
    proposal = fresh()
    for said in (
        Propose(by=deed.by, proposal=proposal, deed=deed, why="x"),
        Approve(by=checker, proposal=proposal, deed=deed),
    ):
        assert isinstance(await house.door.handle(said), Done)


async def founded(house: House) -> None:
    """Two admins, a maker and a checker."""
    for name in ("head-1", "head-2"):
        found = FoundOffice(by=name, operator=name, roles=(OperatorRole.ADMIN,), secret_hash=HASH, why="x")
        assert isinstance(await house.door.handle(found), Done)
    for name in ("maker", "checker"):
        deed = AdmitOperator(by="head-1", operator=name, roles=(OperatorRole(name),), secret_hash=HASH, why="x")
        await by_two(house, deed, "head-2")


async def approved_by(house: House, name: str, *, maker: str = "maker") -> Result:
    deed, proposal = msgspec.structs.replace(moving("5"), by=maker), fresh()
    said = await house.door.handle(Propose(by=maker, proposal=proposal, deed=deed, why="x"))
    return said if said.reason else await house.door.handle(Approve(by=name, proposal=proposal, deed=deed))


@pytest.mark.parametrize("spelling", ["Maker", "maker ", " maker", "MAKER"])
async def test_two_spellings_of_a_name_are_one_person(house: House, spelling: str) -> None:
    assert reason_of(await approved_by(house, spelling)) == "same_person"


@pytest.mark.parametrize("nobody", ["calendar", "hub", "Bank", "", " "])
async def test_what_is_no_person_approves_nothing(house: House, nobody: str) -> None:
    assert reason_of(await approved_by(house, nobody)) == "role_forbids"


@pytest.mark.parametrize("stranger", ["Maker", "maker ", "somebody"])
async def test_once_there_are_operators_nobody_else_approves(house: House, stranger: str) -> None:
    await founded(house)
    assert reason_of(await approved_by(house, stranger)) == "role_forbids"


async def test_a_checker_does_not_propose_under_another_spelling(house: House) -> None:
    await founded(house)
    assert reason_of(await approved_by(house, "checker", maker="Checker")) == "role_forbids"


async def test_what_somebody_proposed_who_may_not_any_more_is_not_approved(house: House) -> None:
    await founded(house)
    deed, proposal = moving("5"), fresh()
    await house.door.handle(Propose(by="maker", proposal=proposal, deed=deed, why="x"))
    change = ChangeRoles(by="head-1", operator="maker", roles=(OperatorRole.VIEWER,), why="another desk")
    await by_two(house, change, "head-2")
    assert reason_of(await house.door.handle(Approve(by="checker", proposal=proposal, deed=deed))) == "role_forbids"


class Age(Deed, frozen=True, kw_only=True):
    """Have a proposal's time come."""

    proposal: str

    def wants(self) -> Sequence[Selector]:
        return (Selector(Waiting, "id", self.proposal),)

    def decide(self, desk: Desk) -> Result:
        found = desk.get(Waiting, self.proposal)
        assert found is not None
        desk.keep(msgspec.structs.replace(found, due_ms=desk.now_ms))
        return Done()


async def test_a_proposal_whose_time_has_come_is_not_approved_before_the_sweep(house: House) -> None:
    deed, proposal = moving("5"), fresh()
    await house.door.handle(Propose(by="maker", proposal=proposal, deed=deed, why="x"))
    await house.door.handle(Age(by="test", proposal=proposal))
    assert reason_of(await house.door.handle(Approve(by="checker", proposal=proposal, deed=deed))) == "record_forbids"


async def test_what_needs_no_second_person_is_not_proposed(house: House) -> None:
    deed = Reckon(by="maker", window=fresh(), movements=())
    assert (
        reason_of(await house.door.handle(Propose(by="maker", proposal=fresh(), deed=deed, why="x"))) == "terms_invalid"
    )


async def test_a_prefunded_participant_gets_no_cap(house: House) -> None:
    file = with_models(Model(name="pre", netting=Netting.PREFUNDED, currency="KES"))
    uncapped = tuple(msgspec.structs.replace(each, net_debit_cap={}) for each in file.participant)
    await house.store.apply_scheme(msgspec.structs.replace(file, participant=uncapped), "test")
    deed = SetCap(by="maker", change=fresh(), participant="alpha", currency="KES", amount="1000", why="x")
    assert reason_of(await approved(house, deed)) == "terms_invalid"
