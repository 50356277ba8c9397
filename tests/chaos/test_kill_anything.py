"""Promises 2 and 3, for real: roles, broker and database are killed under load; nothing is lost or doubled."""

import asyncio
import random
import time
import uuid
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import aiohttp
import psycopg
import pytest

from hub.lab.broker import PrivateBroker
from hub.store.audit import run_audit
from hub.trial.bench import Setup, setup
from hub.trial.client import Client

pytestmark = [pytest.mark.chaos, pytest.mark.postgres, pytest.mark.rabbitmq, pytest.mark.slow]

WALLETS = 3
PER_SECOND = 40
PAUSE_S = 4.0  # between two kills: long enough for work to flow again, so that each kill meets some
END_WITHIN_S = 150
# Amounts end in these minor units: mostly accepted, and every way in which a provider makes things hard.
ENDINGS = [50] * 12 + [1, 2, 3, 4, 5, 6, 8, 9, 10, 11]

# States in which nothing more happens by itself.
FINAL = {"committed", "aborted", "refunded"}


@pytest.fixture
async def world(tmp_path: Path, broker: PrivateBroker) -> AsyncIterator[Setup]:
    """Everything as separate processes; the broker fixture makes sure that RabbitMQ is there at all."""
    assert broker.url
    journal = ("--journal", str(tmp_path / "simulator.journal"), "--late-s", "1")
    async with setup(tmp_path, embedded=False, wallets=WALLETS, simulator_arguments=journal) as running:
        yield running


async def submitted(client: Client, body: dict[str, Any], until: float) -> str:
    """Send as a careful caller does: after any failure the same correlation id again, until there is a clear answer."""
    correlation = str(uuid.uuid4())
    while True:
        try:
            reply = await client.submit("transfer", body, correlation=correlation)
            if reply.status == 202 or reply.error == "businessRule/duplicateRequest":
                return reply.reference
            if reply.status < 500:
                pytest.fail(f"refused for good: {reply.status} {reply.error}")
        except (aiohttp.ClientError, TimeoutError):
            pass
        if time.monotonic() > until:
            pytest.fail("the API did not come back")
        await asyncio.sleep(0.2)


async def keep_sending(world: Setup, stop: asyncio.Event, chance: random.Random) -> list[str]:
    """Send transfers until told to stop; returns the references of all that were accepted."""
    tasks: list[asyncio.Task[str]] = []
    number = 0
    while not stop.is_set():
        number += 1
        payer, payee = chance.sample(range(WALLETS), 2)
        body = {
            "amount": f"{chance.randint(5, 900)}.{chance.choice(ENDINGS):02d}",
            "currency": "KES",
            "debitParty": [{"key": "msisdn", "value": f"+25470{payer}{number:06d}"}],
            "creditParty": [{"key": "msisdn", "value": f"+25470{payee}{number:06d}"}],
        }
        tasks.append(asyncio.create_task(submitted(world.clients[payer], body, time.monotonic() + 60)))
        await asyncio.sleep(1 / PER_SECOND)
    return list(await asyncio.gather(*tasks))


def killings(world: Setup) -> dict[str, tuple[Callable[[], Any], Callable[[], Any]]]:
    """Name everything that may be killed, with how to kill it and how to start it again."""
    assert world.broker is not None
    found: dict[str, tuple[Callable[[], Any], Callable[[], Any]]] = {
        process.name: (process.kill, process.start) for process in world.processes
    }
    found["broker"] = (world.broker.kill, world.broker.start)
    found["database"] = (world.postgres.kill, world.postgres.start)
    return found


def states(database: str) -> dict[str, str]:
    with psycopg.connect(database) as connection:
        rows = connection.execute("SELECT replace(id::text, '-', ''), state FROM standing").fetchall()
    return dict(rows)


async def ended(database: str) -> dict[str, str]:
    """Wait until every transfer has ended."""
    deadline = time.monotonic() + END_WITHIN_S
    while True:
        found = await asyncio.to_thread(states, database)
        if set(found.values()) <= FINAL:
            return found
        left = {reference: state for reference, state in found.items() if state not in FINAL}
        assert time.monotonic() < deadline, f"{len(left)} have not ended, such as {list(left.items())[:5]}"
        await asyncio.sleep(0.2)


async def simulator_totals(world: Setup) -> dict[str, dict[str, Any]]:
    totals = {}
    async with aiohttp.ClientSession() as session:
        for number in range(WALLETS):
            async with session.get(f"{world.simulator}/wallet{number}/_control/totals") as response:
                totals[f"wallet{number}"] = await response.json()
    return totals


def credited(database: str) -> dict[str, int]:
    """Return what each participant's position was credited, from the postings."""
    with psycopg.connect(database) as connection:
        rows = connection.execute(
            "SELECT a.participant, coalesce(sum(p.minor), 0)::bigint FROM account AS a "
            "LEFT JOIN posting AS p ON p.credit = a.id AND p.phase = 'posted' WHERE a.kind = 'position' GROUP BY 1"
        ).fetchall()
    return dict(rows)


async def test_whatever_is_killed_every_accepted_transfer_ends_exactly_once(world: Setup, seed: int) -> None:
    chance = random.Random(seed)
    stop = asyncio.Event()
    sending = asyncio.create_task(keep_sending(world, stop, chance))
    victims = list(killings(world).items())
    chance.shuffle(victims)
    for name, (kill, start) in victims:
        await asyncio.sleep(PAUSE_S)
        assert not sending.done(), f"before killing {name}: {sending.exception()}"
        await asyncio.to_thread(kill)
        await asyncio.to_thread(start)
    await asyncio.sleep(PAUSE_S)
    stop.set()
    references = await sending

    found = await ended(world.database)
    assert len(references) > PER_SECOND * PAUSE_S
    assert len(set(references)) == len(references), "two requests were given one transfer"
    assert set(references) == set(found), "every 202 is a transfer, and every transfer was a 202"
    totals = await simulator_totals(world)
    assert {name: each["executed_twice"] for name, each in totals.items()} == dict.fromkeys(totals, 0)
    assert credited(world.database) == {name: each["credited"].get("KES", 0) for name, each in totals.items()}
    report = await asyncio.to_thread(run_audit, world.database)
    assert report.findings == []
    assert sum(state == "committed" for state in found.values()) > len(found) * 0.8
