"""The stage of the scenarios: the demo's world on a fresh database - real hub, real HTTP, simulated providers."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from hub.store.audit import run_audit
from hub.trial.world import PROVIDERS, World, world


@pytest.fixture
async def stage(migrated_url: str, tmp_path: Path) -> AsyncIterator[World]:
    """The demo's world with its usual rules."""
    async with world(tmp_path, keep=False, database=migrated_url) as running:
        yield running
        nothing_doubled(running)
    assert run_audit(migrated_url).findings == []


@pytest.fixture
async def hurried_stage(migrated_url: str, tmp_path: Path) -> AsyncIterator[World]:
    """The same with leases of a few seconds."""
    terms = {"transfer_lifetime_s": 2, "lapse_margin_s": 1}
    async with world(tmp_path, keep=False, database=migrated_url, terms=terms) as running:
        yield running
        nothing_doubled(running)
    assert run_audit(migrated_url).findings == []


def nothing_doubled(stage: World) -> None:
    """Hold after every scenario: no provider has executed an operation twice."""
    for name in PROVIDERS:
        assert stage.simulator.provider(name).totals()["executed_twice"] == 0, name
