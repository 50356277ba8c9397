"""Windows close, are reckoned and released by themselves, on both stores, by one process or by several."""

import asyncio
from collections.abc import Sequence

import msgspec
import pytest
from prometheus_client import REGISTRY

from hub.core.command import Done, Result
from hub.core.record import Deed, Desk, Selector
from hub.core.settlement.rules import Model, Netting
from hub.core.settlement.window import Payment, PaymentState, Window, WindowState
from hub.workers.settlement import Settling
from tests.store.house import House
from tests.store.windows import NET, close, closing_house, window, windows

OPEN, RECKONED, SETTLING, SETTLED = (
    WindowState.OPEN,
    WindowState.RECKONED,
    WindowState.SETTLING,
    WindowState.SETTLED,
)
ALL_THE_TIME = Model(name="gross", netting=Netting.GROSS, currency="KES", every_s=1, automatic=True)


class Late(Deed, frozen=True, kw_only=True):
    """Time goes by: a window is due."""

    window: str

    def wants(self) -> Sequence[Selector]:
        return (Selector(Window, "id", self.window),)

    def decide(self, desk: Desk) -> Result:
        found = desk.get(Window, self.window)
        assert found is not None
        desk.keep(msgspec.structs.replace(found, due_ms=1))
        return Done()


async def overdue(house: House, model: str, number: int) -> None:
    """Let the time come at which a window is due."""
    found = await window(house.store, model, number)
    assert found.due_ms is not None
    assert await house.door.handle(Late(by="test", window=found.id)) == Done()


async def test_a_window_without_a_calendar_waits_for_an_operator(house: House) -> None:
    await closing_house(house, NET)
    await house.completed(1)
    assert await Settling(house.door).look() == 0


async def test_what_an_operator_closes_is_reckoned_and_waits_for_two_people(house: House) -> None:
    await closing_house(house, NET)
    await house.completed(1)
    await close(house.door, "net", 1)
    assert await Settling(house.door).look() == 1
    assert (await window(house.store, "net", 1)).state is RECKONED
    assert await Settling(house.door).look() == 0


async def test_a_gross_model_settles_what_was_completed_a_second_ago(house: House) -> None:
    await closing_house(house, ALL_THE_TIME)
    for number in (1, 2):
        await house.completed(number)
    await overdue(house, "gross", 1)
    assert await Settling(house.door).look() == 3
    assert (await window(house.store, "gross", 1)).state is SETTLING
    payments = await house.store.records.found(Payment)
    assert (
        sorted((each.debtor, each.creditor, each.minor, each.state) for each in payments)
        == [("alpha", "bravo", 10_00, PaymentState.EXPECTED)] * 2
    )


async def test_an_empty_window_that_would_close_all_the_time_stays_open(house: House) -> None:
    await closing_house(house, ALL_THE_TIME)
    await overdue(house, "gross", 1)
    settling = Settling(house.door)
    assert [await settling.look() for _ in range(2)] == [0, 0]
    await house.completed(1)
    assert await settling.look() == 3


async def test_an_empty_window_whose_day_is_over_closes_all_the_same(house: House) -> None:
    await closing_house(house, msgspec.structs.replace(NET, close=("0 12 * * *",)))
    await overdue(house, "net", 1)
    assert await Settling(house.door).look() == 2
    assert (await window(house.store, "net", 1)).state is SETTLED


async def test_a_close_that_was_missed_is_made_up_for_once(house: House) -> None:
    await closing_house(house, msgspec.structs.replace(NET, close=("0 12 * * *",)))
    await overdue(house, "net", 1)
    await Settling(house.door).look()
    states = [row[:3] for row in await windows(house.store)]
    assert states == [("net", 1, SETTLED), ("net", 2, OPEN)]
    assert ((await window(house.store, "net", 2)).due_ms or 0) > await house.store.records.now_ms()


@pytest.mark.parametrize("several", [4])
async def test_several_processes_settle_each_transfer_once(house: House, several: int) -> None:
    await closing_house(house, ALL_THE_TIME)
    workers = [Settling(door) for door in await house.doors(several)]
    for number in range(1, 6):
        await house.completed(number, "1")
        await overdue(house, "gross", len(await windows(house.store)))
        await asyncio.gather(*(each.look() for each in workers))
    await overdue(house, "gross", len(await windows(house.store)))
    await asyncio.gather(*(each.look() for each in workers))
    await asyncio.gather(*(each.look() for each in workers))
    payments = await house.store.records.found(Payment)
    assert sorted(each.minor for each in payments) == [1_00] * 5
    assert house.findings() == []


async def test_what_is_not_settled_is_measured(house: House) -> None:
    await closing_house(house, NET)
    await house.completed(1)
    await close(house.door, "net", 1)
    settling = Settling(house.door)
    await settling.look()
    await settling.measure()

    def measured(name: str, **labels: str) -> object:
        return REGISTRY.get_sample_value(name, labels)

    assert measured("hub_windows", model="net", state="open") == 1
    assert measured("hub_windows", model="net", state="reckoned") == 1
    assert measured("hub_obligations_due", model="net") == 2
    assert measured("hub_obligations_due_minor", model="net", currency="KES") == 20_00
