"""Windows open with the scheme and touch each other, whatever changes; on both stores, what moved is summed alike."""

import asyncio
import itertools

import msgspec
import pytest

from hub.core.command import Done, Refusal
from hub.core.settlement.close import CloseWindow
from hub.core.settlement.names import window_id
from hub.core.settlement.rules import Model, Netting
from hub.core.settlement.settle import Release
from hub.core.settlement.window import Movement, Obligation, Window, WindowState
from routing.message import Operation, Verdict
from tests.store.house import House, submit, transfer_id
from tests.store.windows import NET, close, closing_house, reckon, sums, window, windows

OPEN, CLOSED = WindowState.OPEN, WindowState.CLOSED
PAIR = Model(name="pair", netting=Netting.GROSS, currency="KES", participants=("alpha", "bravo"))


async def test_a_scheme_without_models_opens_no_window(house: House) -> None:
    assert await windows(house.store) == []


async def test_a_window_opens_with_the_scheme_at_the_head_of_the_chain(house: House) -> None:
    await house.completed(1)
    await closing_house(house, NET)
    assert await windows(house.store) == [("net", 1, OPEN, 2, None)]
    assert (await window(house.store, "net", 1)).due_ms is None
    assert await house.store.settlement.movements(await window(house.store, "net", 1)) == []


async def test_the_same_models_leave_their_windows_open(house: House) -> None:
    await closing_house(house, NET)
    await house.completed(1)
    await closing_house(house, NET)
    assert await windows(house.store) == [("net", 1, OPEN, 0, None)]


CHANGES = [
    (msgspec.structs.replace(NET, sla_s=60),),
    (msgspec.structs.replace(NET, close=("0 12 * * *",)),),
    (PAIR, NET),
]


@pytest.mark.parametrize("after", CHANGES, ids=("terms", "calendar", "another"))
async def test_when_anything_about_a_currencys_models_changes_its_windows_are_cut(
    house: House, after: tuple[Model, ...]
) -> None:
    await closing_house(house, NET)
    await house.completed(1)
    await closing_house(house, *after)
    found = await windows(house.store)
    assert ("net", 1, CLOSED, 0, 2) in found
    assert ("net", 2, OPEN, 2, None) in found
    assert len(found) == 1 + len(after)
    assert (await window(house.store, "net", 1)).closed_by.startswith("scheme 3, applied by test")
    assert ((await window(house.store, "net", 2)).due_ms is not None) is bool(after[0].close)


async def test_a_model_that_is_gone_closes_for_good_and_may_come_back(house: House) -> None:
    await closing_house(house, NET)
    await house.completed(1)
    await closing_house(house)
    assert await windows(house.store) == [("net", 1, CLOSED, 0, 2)]
    await house.completed(2)
    await closing_house(house, NET)
    assert await windows(house.store) == [("net", 1, CLOSED, 0, 2), ("net", 2, OPEN, 4, None)]


async def test_movements_are_summed_for_each_pair_and_each_way(house: House) -> None:
    await closing_house(house, NET)
    for number in (1, 2):
        await house.completed(number)
    other = await house.begun(submit(3, "4", caller="bravo", payer="+254710000001", payee="+254700000001"))
    await house.hear(other, Operation.CREDIT, Verdict.ACCEPTED)
    await house.hear(await house.begun(submit(4)), Operation.CREDIT, Verdict.REFUSED)
    held = await house.begun(submit(5))
    await close(house.door, "net", 1)
    await house.hear(held, Operation.CREDIT, Verdict.ACCEPTED)
    first, second = [await window(house.store, "net", number) for number in (1, 2)]
    moved = [await house.store.settlement.movements(each) for each in (first, second)]
    assert sums(moved[0]) == [("alpha", "bravo", 20_00, 2), ("bravo", "alpha", 4_00, 1)]
    assert sums(moved[1]) == [("alpha", "bravo", 10_00, 1)]
    assert await house.store.settlement.movements(second, await house.store.settlement.height()) == []


async def test_a_gross_model_has_a_movement_for_each_transfer(house: House) -> None:
    await closing_house(house, PAIR, NET)
    for number in (1, 2):
        await house.completed(number)
    found = await close(house.door, "pair", 1)
    assert await house.store.settlement.movements(found) == [
        Movement("alpha", "bravo", 10_00, 1, transfer_id(number)) for number in (1, 2)
    ]
    rest = await window(house.store, "net", 1)
    assert await house.store.settlement.movements(rest) == []


async def test_a_window_is_closed_reckoned_and_released_by_the_one_door(house: House) -> None:
    await closing_house(house, NET)
    await house.completed(1)
    await close(house.door, "net", 1)
    assert (await reckon(house.door, "net", 1)).state is WindowState.RECKONED
    owed = await house.store.records.found(Obligation)
    assert sorted((each.debtor, each.creditor, each.minor) for each in owed) == [
        ("", "bravo", 1000),
        ("alpha", "", 1000),
    ]
    refused = await house.door.handle(Release(by="desk-1", window=window_id("net", 1)))
    assert isinstance(refused, Refusal)


async def test_of_several_who_close_a_window_at_once_one_does(house: House) -> None:
    await closing_house(house, NET)
    await house.completed(1)
    doors = await house.doors(3)
    results = await asyncio.gather(
        *(door.handle(CloseWindow(by=f"desk-{n}", window=window_id("net", 1))) for n, door in enumerate(doors))
    )
    assert sum(isinstance(each, Done) for each in results) == 1
    assert await windows(house.store) == [("net", 1, CLOSED, 0, 2), ("net", 2, OPEN, 2, None)]


async def test_schemes_and_closers_at_once_leave_no_gap(sql_house: House) -> None:
    house = sql_house
    await closing_house(house, NET)
    doors = await house.doors(3)

    async def closing(number: int) -> None:
        for _ in range(12):
            opened = await doors[number].store.records.found(Window, state="open", model="net")
            for each in opened:
                await doors[number].handle(CloseWindow(by=f"closer {number}", window=each.id))

    async def applying() -> None:
        for sla_s in range(1, 9):
            await closing_house(house, msgspec.structs.replace(NET, sla_s=sla_s))

    async def paying() -> None:
        for number in range(1, 25):
            await house.completed(number, "1")

    await asyncio.gather(closing(1), closing(2), applying(), paying())
    found = sorted(await house.store.records.found(Window), key=lambda each: each.number)
    assert [each.number for each in found] == list(range(1, len(found) + 1))
    for before, after in itertools.pairwise(found):
        assert before.to_height == after.from_height
    assert [each.state for each in found].count(OPEN) == 1
    assert found[-1].terms.sla_s == 8
    total = [sum(each.count for each in await house.store.settlement.movements(one)) for one in found]
    assert sum(total) == 24
