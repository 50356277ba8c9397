"""A batch under kill: whatever dies while it is cleared, each of its rows ends exactly once and the batch completes."""

import asyncio
import random
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from hub.lab.broker import PrivateBroker
from hub.store.audit import run_audit
from hub.trial.bench import Setup, setup
from tests.chaos.test_kill_anything import ENDINGS, WALLETS, credited, killings, simulator_totals, states

pytestmark = [pytest.mark.chaos, pytest.mark.postgres, pytest.mark.rabbitmq, pytest.mark.slow]

ROWS = 4_000
PAUSE_S = 3.0  # between two kills: long enough for work to flow again, so that each kill meets some
END_WITHIN_S = 240


@pytest.fixture
async def world(tmp_path: Path, broker: PrivateBroker) -> AsyncIterator[Setup]:
    """Everything as separate processes; the broker fixture makes sure that RabbitMQ is there at all."""
    assert broker.url
    journal = ("--journal", str(tmp_path / "simulator.journal"), "--late-s", "1")
    async with setup(tmp_path, embedded=False, wallets=WALLETS, simulator_arguments=journal) as running:
        yield running


def rows(chance: random.Random) -> list[dict[str, Any]]:
    return [
        {
            "amount": f"{chance.randint(5, 900)}.{chance.choice(ENDINGS):02d}",
            "currency": "KES",
            "type": "disbursement",
            "debitParty": [{"key": "organisationid", "value": "wallet0"}],
            "creditParty": [{"key": "msisdn", "value": f"+25470{chance.randint(1, WALLETS - 1)}{number:06d}0"}],
        }
        for number in range(ROWS)
    ]


async def completed(world: Setup, batch: str) -> dict[str, Any]:
    """Ask until the batch is complete; the API may be down meanwhile."""
    deadline, last = time.monotonic() + END_WITHIN_S, None
    while time.monotonic() < deadline:
        try:
            reply = await world.clients[0].get(f"/batchtransactions/{batch}")
        except (aiohttp.ClientError, TimeoutError, ValueError):
            reply = None
        if reply is not None and reply.status == 200:
            last = reply.body
            if last["batchStatus"] == "completed":
                return dict(last)
        await asyncio.sleep(0.1)
    raise AssertionError(f"not complete in time: {last}")


async def test_whatever_is_killed_each_row_of_a_batch_ends_exactly_once(world: Setup, seed: int) -> None:
    chance = random.Random(seed)
    reply = await world.clients[0].post("/batchtransactions", {"transactions": rows(chance)}, callback=False)
    assert reply.status == 202, reply.body
    victims = list(killings(world).items())
    chance.shuffle(victims)
    for _, (kill, start) in [*victims, ("worker", killings(world)["worker"])]:
        await asyncio.sleep(PAUSE_S)
        await asyncio.to_thread(kill)
        await asyncio.to_thread(start)
    found = await completed(world, reply.reference)
    transfers = await asyncio.to_thread(states, world.database)
    assert found["parsingSuccessCount"] == found["completedCount"] + found["rejectionCount"] == ROWS
    assert len(transfers) == ROWS
    assert sum(state == "committed" for state in transfers.values()) == found["completedCount"] > ROWS * 0.7
    totals = await simulator_totals(world)
    assert {name: each["executed_twice"] for name, each in totals.items()} == dict.fromkeys(totals, 0)
    assert credited(world.database) == {name: each["credited"].get("KES", 0) for name, each in totals.items()}
    assert (await asyncio.to_thread(run_audit, world.database)).findings == []
