"""What tests of windows share: a scheme with models, closing and reckoning, and what a window has."""

import secrets
from collections.abc import Sequence

import msgspec

from hub.core.command import Done
from hub.core.office.proposal import Approve, Propose
from hub.core.office.records import Purpose
from hub.core.participant import SchemeFile
from hub.core.record import Deed
from hub.core.settlement.close import CloseWindow, Reckon
from hub.core.settlement.handle_default import HandleDefault
from hub.core.settlement.names import window_id
from hub.core.settlement.rules import DefaultPath, Model, Netting
from hub.core.settlement.settle import Release
from hub.core.settlement.window import Movement, Payment, PaymentState, Window, WindowState
from hub.flow import Door
from hub.store.contract import Store
from routing.money import Money
from tests.cash import Fund
from tests.settlement.office import Said
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
    result = await door.handle(CloseWindow(by="desk-1", window=window_id(model, number)))
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


def given(minor: int) -> Fund:
    """Return that somebody has paid into the guarantee."""
    return Fund(
        by="desk-1", participant="alpha", money=Money(minor, "KES"), reference="guarantee", purpose=Purpose.GUARANTEE
    )


async def approved(door: Door, deed: Deed) -> None:
    """Have two people carry out a deed."""
    proposal = secrets.token_hex(16)
    assert isinstance(await door.handle(Propose(by=deed.by, proposal=proposal, deed=deed, why="due")), Done)
    result = await door.handle(Approve(by="desk-2", proposal=proposal, deed=deed))
    assert isinstance(result, Done), result


async def released(door: Door, model: str, number: int) -> Window:
    await close(door, model, number)
    if (await reckon(door, model, number)).state is WindowState.RECKONED:
        await approved(door, Release(by="desk-1", window=window_id(model, number)))
    return await window(door.store, model, number)


async def booked(door: Door, model: str, number: int) -> Window:
    """Have the bank book every payment of a window."""
    id_ = window_id(model, number)
    payments = await door.store.records.found(Payment, subject=id_, state="expected")
    states = {each.id: (PaymentState.POSTED, each.minor) for each in payments}
    assert isinstance(await door.handle(Said(by="bank", window=id_, states=states)), Done)
    return await window(door.store, model, number)


async def defaulted(door: Door, model: str, number: int, participant: str, path: DefaultPath) -> None:
    id_ = window_id(model, number)
    deed = HandleDefault(by="desk-1", window=id_, participant=participant, path=path, override=True, why="no money")
    await approved(door, deed)
