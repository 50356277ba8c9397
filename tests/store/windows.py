"""What tests of windows share: a scheme with models, closing and reckoning, and what a window has."""

from collections.abc import Sequence

import msgspec

from hub.core.command import Done
from hub.core.participant import SchemeFile
from hub.core.settlement.close import CloseWindow, Reckon
from hub.core.settlement.names import window_id
from hub.core.settlement.rules import Model, Netting
from hub.core.settlement.window import Movement, Window, WindowState
from hub.flow import Door
from hub.store.contract import Store
from tests.store.house import House, scheme_file

NET = Model(name="net", netting=Netting.MULTILATERAL, currency="KES")


def with_models(*models: Model) -> SchemeFile:
    return msgspec.structs.replace(scheme_file(), settlement_model=models)


async def window(store: Store, model: str, number: int) -> Window:
    found = await store.records.one(Window, window_id(model, number))
    assert found is not None, f"window {number} of {model}"
    return found


async def windows(store: Store) -> list[tuple[str, int, WindowState, int, int | None]]:
    found = await store.records.found(Window)
    return sorted((each.model, each.number, each.state, each.from_height, each.to_height) for each in found)


async def close(door: Door, model: str, number: int) -> Window:
    result = await door.handle(CloseWindow(by="jo", window=window_id(model, number)))
    assert isinstance(result, Done), result
    return await window(door.store, model, number)


async def reckon(door: Door, model: str, number: int) -> Window:
    found = await window(door.store, model, number)
    movements = tuple(await door.store.settlement.movements(found))
    result = await door.handle(Reckon(by="calendar", window=found.id, movements=movements))
    assert isinstance(result, Done), result
    return await window(door.store, model, number)


def sums(movements: Sequence[Movement]) -> list[tuple[str, str, int, int]]:
    return sorted((each.debtor, each.creditor, each.minor, each.count) for each in movements)


async def closing_house(house: House, *models: Model) -> None:
    """Put models in force."""
    await house.store.apply_scheme(with_models(*models), "test")
