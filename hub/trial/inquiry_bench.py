"""The inquiry bench: questions through the hub and straight to the provider, in turns; what the hub adds is the rest.

Open loop, real roles in real processes over RabbitMQ, all on this machine; it reports only what it measured.
"""

import asyncio
import base64
import os
import platform
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final, NamedTuple

import aiohttp
from hdrh.histogram import HdrHistogram
from rich.console import Console
from yarl import URL

from hub.trial.bench import SECRET, Setup, open_folder, setup
from hub.trial.client import Client
from hub.trial.figures import report

SLOWEST_US: Final = 60_000_000
WARM_UP_S: Final = 3
TURNS: Final = 3
# What the hub may add to the provider's own time.
P50_MAX_MS: Final = 5.0
P99_MAX_MS: Final = 20.0

Ask = Callable[[int], Awaitable[bool]]


class Heard(NamedTuple):
    """How long answers took, in microseconds, and how many questions were not answered with 200."""

    times: HdrHistogram
    failed: list[int]

    def at(self, percentile: int) -> float:
        """Return a percentile in milliseconds."""
        return float(self.times.get_value_at_percentile(percentile)) / 1000


async def measure_inquiries(console: Console, *, rate: int, seconds: int, json_file: Path | None) -> bool:
    """Measure, print, write; returns False when a question failed or the hub adds more than it may."""
    with open_folder() as folder:
        console.print("questions: starting PostgreSQL, RabbitMQ, the roles and the providers ...")
        async with setup(folder, embedded=False) as bench, aiohttp.ClientSession() as session:
            hub, straight = _through_the_hub(bench.clients), await _straight(session, bench)
            for ask in (hub, straight):
                await _offer(ask, _nothing(), rate=rate, seconds=WARM_UP_S)
            found = {"hub": _nothing(), "provider": _nothing()}
            for _ in range(TURNS):
                await _offer(straight, found["provider"], rate=rate, seconds=seconds)
                await _offer(hub, found["hub"], rate=rate, seconds=seconds)
    figures = _figures(found, rate)
    await report(console, figures, json_file)
    return not figures["failed"] and figures["added_p50_ms"] < P50_MAX_MS and figures["added_p99_ms"] < P99_MAX_MS


def _figures(found: dict[str, Heard], rate: int) -> dict[str, Any]:
    hub, provider = found["hub"], found["provider"]
    return {
        "asked_per_second": rate,
        "answered": hub.times.get_total_count(),
        "failed": len(hub.failed) + len(provider.failed),
        "hub_p50_ms": hub.at(50),
        "hub_p99_ms": hub.at(99),
        "provider_p50_ms": provider.at(50),
        "provider_p99_ms": provider.at(99),
        "added_p50_ms": round(hub.at(50) - provider.at(50), 3),
        "added_p99_ms": round(hub.at(99) - provider.at(99), 3),
        "machine": f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}",
    }


def _nothing() -> Heard:
    return Heard(HdrHistogram(1, SLOWEST_US, 3), [])


def _account(number: int, wallets: int) -> tuple[int, str]:
    """Return the wallet that is asked the n-th question, and the path of one of its ten thousand customers."""
    wallet = number % wallets
    return wallet, f"/accounts/msisdn/%2B25470{wallet}{number % 10_000:05d}0/accountname"


def _through_the_hub(clients: list[Client]) -> Ask:
    async def ask(number: int) -> bool:
        wallet, path = _account(number, len(clients))
        return (await clients[(wallet + 1) % len(clients)].get(path)).status == 200

    return ask


async def _straight(session: aiohttp.ClientSession, bench: Setup) -> Ask:
    """Log in at each provider as the hub does, and ask it."""
    basic = base64.b64encode(f"makutano:{SECRET}".encode()).decode()
    headers = []
    for wallet in range(len(bench.clients)):
        login = session.post(
            f"{bench.simulator}/wallet{wallet}/v1/oauth/accesstoken",
            data={"grant_type": "client_credentials"},
            headers={"Authorization": f"Basic {basic}"},
        )
        async with login as response:
            response.raise_for_status()
            headers.append({"Authorization": f"Bearer {(await response.json())['access_token']}"})

    async def ask(number: int) -> bool:
        wallet, path = _account(number, len(headers))
        url = URL(f"{bench.simulator}/wallet{wallet}{path}", encoded=True)
        async with session.get(url, headers=headers[wallet]) as response:
            await response.read()
            return response.status == 200

    return ask


async def _offer(ask: Ask, heard: Heard, *, rate: int, seconds: int) -> None:
    """Ask at a fixed rate whatever comes back; each is timed from the instant at which it was meant to be asked."""
    start, tasks = time.monotonic() + 0.05, set[asyncio.Task[None]]()
    for number in range(rate * seconds):
        meant = start + number / rate
        if (wait := meant - time.monotonic()) > 0:
            await asyncio.sleep(wait)
        tasks.add(asyncio.create_task(_one(ask, heard, number, meant)))
    await asyncio.gather(*tasks)


async def _one(ask: Ask, heard: Heard, number: int, meant: float) -> None:
    try:
        answered = await ask(number)
    except (aiohttp.ClientError, TimeoutError):
        answered = False
    if answered:
        heard.times.record_value(max(1, int((time.monotonic() - meant) * 1e6)))
    else:
        heard.failed.append(number)
