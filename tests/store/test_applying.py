"""A scheme is put in force by two admins, in the commit that approves it: caps, accounts and windows change with it."""

import asyncio
from typing import Any

import msgspec
import psycopg
import pytest

from hub.core.command import Done, Refusal, Result
from hub.core.office.applying import ApplyScheme, names_of
from hub.core.office.liquidity import SetCap
from hub.core.office.proposal import Approve, Proposal, Propose
from hub.core.office.records import Change
from hub.core.participant import SchemeFile, Status
from hub.core.settlement.close import CloseWindow
from hub.core.settlement.rules import Model
from hub.core.settlement.window import Window, WindowState
from hub.ledger.account import Kind
from tests.store.house import House, reason_of, scheme_file, submit
from tests.store.office import CHECKER, MAKER, approved, fresh, kept, proposed
from tests.store.windows import NET, closing_house, windows

OPEN, CLOSED = WindowState.OPEN, WindowState.CLOSED


async def applying(house: House, file: SchemeFile, **changed: Any) -> ApplyScheme:
    before = await house.store.scheme()
    deed = ApplyScheme(by=MAKER, base=before.version, models=names_of(before.file), file=file, why="as agreed")
    return msgspec.structs.replace(deed, **changed)


async def applied(house: House, file: SchemeFile) -> Result:
    return await approved(house, await applying(house, file))


def detail_of(result: Result) -> str:
    assert isinstance(result, Refusal), result
    return result.detail


async def cap_of(house: House, participant: str) -> int | None:
    return (await house.position(participant)).cap_minor


async def test_one_alone_puts_no_scheme_in_force(house: House) -> None:
    assert reason_of(await house.door.handle(await applying(house, scheme_file(cap="500")))) == "checker_needed"
    assert (await house.store.scheme()).version == 1


async def test_two_put_a_scheme_in_force_and_its_caps_with_it(house: House) -> None:
    id_, deed = fresh(), await applying(house, scheme_file(cap="1"))
    await house.door.handle(Propose(by=MAKER, proposal=id_, deed=deed, why="as agreed"))
    assert (await kept(house, Proposal, id_)).effects == (
        "cap of alpha in KES: 1000 KES, then 1 KES",
        "cap of bravo in KES: 1000 KES, then 1 KES",
        "~ participant[alpha].net_debit_cap.KES = 1000 -> 1",
        "~ participant[bravo].net_debit_cap.KES = 1000 -> 1",
    )
    assert await cap_of(house, "alpha") == 1000_00
    assert isinstance(await house.door.handle(Approve(by=CHECKER, proposal=id_, deed=deed)), Done)
    assert (await house.store.scheme()).version == 2
    assert await cap_of(house, "alpha") == 1_00
    assert {each.by for each in await house.store.records.found(Change)} == {f"{MAKER} and {CHECKER}"}
    assert reason_of(await house.door.handle(submit(1, "10"))) == "cap_exceeded"
    assert house.findings() == []


async def test_a_participant_that_is_new_has_its_account_at_once(house: House) -> None:
    file = scheme_file()
    delta = msgspec.structs.replace(file.participant[0], id="delta")
    assert isinstance(await applied(house, msgspec.structs.replace(file, participant=(*file.participant, delta))), Done)
    assert ("delta", "KES", Kind.POSITION) in (await house.store.scheme()).accounts


async def test_the_windows_of_a_currency_are_cut_where_its_models_change(house: House) -> None:
    await closing_house(house, NET)
    await house.completed(1)
    hurried = msgspec.structs.replace(NET, sla_s=60)
    deed = await applying(house, msgspec.structs.replace(scheme_file(), settlement_model=(hurried,)))
    id_ = fresh()
    await house.door.handle(Propose(by=MAKER, proposal=id_, deed=deed, why="as agreed"))
    assert (await kept(house, Proposal, id_)).effects[0] == (
        "the open settlement windows of KES close, and those of its models open"
    )
    assert isinstance(await house.door.handle(Approve(by=CHECKER, proposal=id_, deed=deed)), Done)
    assert await windows(house.store) == [("net", 1, CLOSED, 0, 2), ("net", 2, OPEN, 2, None)]
    assert house.findings() == []


WRONG: dict[str, tuple[SchemeFile, str]] = {
    "the same": (scheme_file(), "change nothing"),
    "one that contradicts itself": (
        msgspec.structs.replace(scheme_file(), participant=scheme_file().participant * 2),
        "alpha",
    ),
}


@pytest.mark.parametrize(("file", "says"), WRONG.values(), ids=WRONG)
async def test_a_scheme_that_cannot_be_or_changes_nothing_is_not_even_proposed(
    house: House, file: SchemeFile, says: str
) -> None:
    assert says in detail_of(await proposed(house, await applying(house, file)))


async def test_a_scheme_that_was_written_for_another_version_is_refused(house: House) -> None:
    first, second = [await applying(house, scheme_file(cap=cap)) for cap in ("500", "600")]
    id_ = fresh()
    assert isinstance(await house.door.handle(Propose(by=MAKER, proposal=id_, deed=first, why="x")), Done)
    assert isinstance(await approved(house, second), Done)
    said = await house.door.handle(Approve(by=CHECKER, proposal=id_, deed=first))
    assert "version 2 is in force, not 1" in detail_of(said)
    assert await cap_of(house, "alpha") == 600_00


async def test_a_scheme_names_the_models_whose_windows_it_may_cut(house: House) -> None:
    await closing_house(house, NET)
    deed = await applying(house, scheme_file(), models=())
    assert "models" in detail_of(await proposed(house, deed))


async def test_a_cap_that_operators_changed_meanwhile_is_looked_at_again(house: House) -> None:
    id_, deed = fresh(), await applying(house, scheme_file(cap="999"))
    await house.door.handle(Propose(by=MAKER, proposal=id_, deed=deed, why="x"))
    lowered = SetCap(by=MAKER, change=fresh(), participant="alpha", currency="KES", amount="1", why="in doubt")
    assert isinstance(await approved(house, lowered), Done)
    said = await house.door.handle(Approve(by=CHECKER, proposal=id_, deed=deed))
    assert "cap of alpha in KES: 1 KES, then 999 KES" in detail_of(said)
    assert await cap_of(house, "alpha") == 1_00


async def test_what_comes_with_a_scheme_is_decided_under_it(house: House) -> None:
    id_, deed = fresh(), await applying(house, scheme_file(cap="1"))
    await house.door.handle(Propose(by=MAKER, proposal=id_, deed=deed, why="x"))
    approving = Approve(by=CHECKER, proposal=id_, deed=deed)
    done, refused = await house.door.handle_all([approving, submit(1, "10")])
    assert (isinstance(done, Done), reason_of(refused)) == (True, "cap_exceeded")


async def test_an_operators_cap_stands_where_the_scheme_says_the_same(house: House) -> None:
    raised = SetCap(by=MAKER, change=fresh(), participant="alpha", currency="KES", amount="1500", why="rated")
    assert isinstance(await approved(house, raised), Done)
    file = scheme_file()
    suspended = msgspec.structs.replace(file.participant[2], status=Status.SUSPENDED)
    assert isinstance(
        await applied(house, msgspec.structs.replace(file, participant=(*file.participant[:2], suspended))), Done
    )
    assert await cap_of(house, "alpha") == 1500_00


async def test_schemes_approved_at_once_come_one_by_one_while_money_moves(sql_house: House) -> None:
    house = sql_house
    await closing_house(house, NET)
    doors = await house.doors(3)

    async def paying(number: int) -> None:
        for each in range(20):
            await doors[number].handle(submit(1000 * (number + 1) + each, "1"))

    async def changing(number: int, model: Model) -> list[Result]:
        said = []
        for sla_s in range(1, 9):
            other = msgspec.structs.replace(model, sla_s=sla_s * 10 + number)
            file = msgspec.structs.replace(scheme_file(cap=str(1000 + sla_s)), settlement_model=(other,))
            deed, id_ = await applying(house, file), fresh()
            await doors[number].handle(Propose(by=MAKER, proposal=id_, deed=deed, why="x"))
            said.append(await doors[number].handle(Approve(by=CHECKER, proposal=id_, deed=deed)))
        return said

    async def closing() -> None:
        for _ in range(20):
            for each in await house.store.records.found(Window, state="open"):
                await house.door.handle(CloseWindow(by="desk-1", window=each.id))

    first, second, *_ = await asyncio.gather(changing(0, NET), changing(1, NET), paying(1), paying(2), closing())
    done = sum(isinstance(each, Done) for each in (*first, *second))
    assert done >= 8
    assert house.findings() == []
    with psycopg.connect(house.url) as connection:
        assert connection.execute("SELECT count(*) FROM scheme").fetchone() == (2 + done,)
    found = sorted(await windows(house.store), key=lambda each: each[1])
    assert [each[3] for each in found[1:]] == [each[4] for each in found[:-1]], "no journal is between two windows"
    assert house.findings() == []
