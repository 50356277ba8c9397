"""The office's clock: what nobody decided upon expires; positions are shown; alarms follow another scheme."""

import pytest
from prometheus_client import REGISTRY

from hub.core.command import Done
from hub.core.office.proposal import OPEN_FOR_MS, Proposal, ProposalState, Propose
from hub.core.office.records import Alarm
from hub.flow import Door
from hub.store.memory import MemoryStore
from hub.workers.office import Office
from routing.local import LocalBus
from tests.store.house import scheme_file, submit
from tests.store.office import MAKER, fresh, moving
from tests.store.test_liquidity import with_alarms


class Clock:
    """A time that tests set."""

    now_ms = 1_800_000_000_000

    def __call__(self) -> int:
        return self.now_ms


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def door(clock: Clock) -> Door:
    store = MemoryStore(clock)
    await store.apply_scheme(scheme_file(), "test")
    return Door(store, LocalBus(), lambda _: None)


def shown(name: str, participant: str = "alpha") -> float | None:
    return REGISTRY.get_sample_value(f"hub_position_{name}", {"participant": participant, "currency": "KES"})


async def test_a_proposal_expires_when_its_time_has_come_and_not_before(door: Door, clock: Clock) -> None:
    proposal, office = fresh(), Office(door)
    await door.handle(Propose(by=MAKER, proposal=proposal, deed=moving("1"), why="x"))
    states = []
    for later in (0, OPEN_FOR_MS - 1, 1, 1):
        clock.now_ms += later
        await office.look()
        found = await door.store.records.one(Proposal, proposal)
        assert found is not None
        states.append((found.state, found.version))
    assert states == [(ProposalState.OPEN, 1)] * 2 + [(ProposalState.EXPIRED, 2)] * 2


async def test_positions_are_shown_as_they_stand(door: Door) -> None:
    assert isinstance(await door.handle(submit(1, "600")), Done)
    await Office(door).look()
    assert (shown("balance_minor"), shown("available_minor"), shown("cap_minor")) == (0, 400_00, 1_000_00)
    assert (shown("alarm_level"), shown("blocked")) == (0, 0)


async def test_another_schemes_thresholds_are_seen_although_nothing_moves(door: Door) -> None:
    await door.handle(submit(1, "600"))
    await door.store.apply_scheme(with_alarms("500"), "test")
    await Office(door).look()
    assert shown("alarm_level") == 1
    assert [each.level for each in await door.store.records.found(Alarm)] == [1]
    await door.store.apply_scheme(with_alarms(), "test")
    await Office(door).look()
    assert shown("alarm_level") == 0
