"""The whole hub, thousands of lives of it: on virtual time, with a bad bus, bad providers and crashes, by seed."""

import os
import random

import pytest

from tests.simulation.house import House
from tests.simulation.virtual import run_virtually

SEEDS = int(os.environ.get("HUB_SIM_SEEDS", "300"))
PARTS = min(SEEDS, 10)  # which several workers share


async def _lived(seed: int) -> House:
    house = House(seed, badness=random.Random(seed).choice([0.0, 0.05, 0.15, 0.3]))
    await house.live()
    return house


@pytest.mark.parametrize("part", range(PARTS))
def test_whatever_happens_every_transfer_ends_and_the_books_agree_with_the_providers(seed: int, part: int) -> None:
    for one in range(seed + part, seed + SEEDS, PARTS):
        house = run_virtually(_lived(one))
        repeat = f"HUB_TEST_SEED={one} HUB_SIM_SEEDS=1 ./makutano test tests/simulation"
        assert house.problems() == [], f"`{repeat}` repeats it"


@pytest.mark.parametrize("offset", range(3))
def test_the_same_seed_has_the_same_history(seed: int, offset: int) -> None:
    histories = {run_virtually(_lived(seed + offset)).history() for _ in range(2)}
    assert len(histories) == 1
