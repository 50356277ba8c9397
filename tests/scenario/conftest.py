"""The stage of the scenarios: the demo's world on a fresh database - real hub, real HTTP, simulated providers."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from hub.trial.world import World, world


@pytest.fixture
async def stage(migrated_url: str, tmp_path: Path) -> AsyncIterator[World]:
    """The demo's world with its usual rules."""
    async with world(tmp_path, keep=False, database=migrated_url) as running:
        yield running


@pytest.fixture
async def hurried_stage(migrated_url: str, tmp_path: Path) -> AsyncIterator[World]:
    """The same with leases of a few seconds."""
    terms = {"transfer_lifetime_s": 2, "lapse_margin_s": 1}
    async with world(tmp_path, keep=False, database=migrated_url, terms=terms) as running:
        yield running
