"""The bench of real-time gross settlement: every transfer is owed by itself, in windows of a second, under load.

Open loop, real processes over RabbitMQ. What is measured is how long after its completion a transfer's obligation is
released, and what callers noticed of it. It reports only what it measured.
"""

import asyncio
import time
from pathlib import Path
from typing import Any, Final

import msgspec
import psycopg
from rich.console import Console

from hub.core.participant import SchemeFile
from hub.core.settlement.rules import Model, Netting
from hub.trial.accounting import UNACCOUNTED, Accounted, accounted
from hub.trial.bench import Setup, cpu_of, make_transfer, open_folder, scheme_of, setup
from hub.trial.figures import report
from hub.trial.load import drained, offer

CURRENCY: Final = "KES"
WARM_UP_S: Final = 3
DRAIN_S: Final = 60
LOOK_EVERY_S: Final = 0.25
ALLOWED_P99_MS: Final = 1_000

_OWED: Final = """
SELECT count(*), coalesce(percentile_disc(0.5) WITHIN GROUP (ORDER BY after_ms), 0),
       coalesce(percentile_disc(0.99) WITHIN GROUP (ORDER BY after_ms), 0), coalesce(max(after_ms), 0)
FROM (SELECT o.at_ms - s.updated_ms AS after_ms
      FROM obligation AS o JOIN standing AS s ON s.id = o.subject::uuid JOIN payment AS p ON p.obligation = o.id) AS x
"""
_WINDOWS: Final = "SELECT count(*) FROM window_of_settlement WHERE released_ms IS NOT NULL"
_LEFT: Final = """
SELECT count(*) FROM standing AS s WHERE state = 'committed' AND NOT EXISTS (
    SELECT FROM obligation AS o JOIN payment AS p ON p.obligation = o.id WHERE o.subject = replace(s.id::text, '-', ''))
"""


class GrossFigures(Accounted, kw_only=True):
    """What was measured."""

    windows_released: int
    obligations_released: int
    owed_after_p50_ms: int  # from a transfer's completion until it is owed
    owed_after_p99_ms: int
    owed_after_slowest_ms: int
    caught_up_s: float  # after the last transfer: until every one that is completed is released
    left: int  # completed, and not released


def _scheme(simulator: str, wallets: int) -> SchemeFile:
    """Make the bench's scheme, where each transfer is paid by itself as soon as it is completed."""
    model = Model(name="gross", netting=Netting.GROSS, currency=CURRENCY, every_s=1, automatic=True)
    return msgspec.structs.replace(scheme_of(simulator, wallets), settlement_model=(model,))


async def measure_gross(console: Console, *, rate: int, seconds: int, json_file: Path | None) -> bool:
    """Measure, print, write; returns False when a transfer is not accounted for, or callers wait too long."""
    with open_folder() as folder:
        console.print("starting PostgreSQL, the broker, the roles and the providers ...")
        async with setup(folder, embedded=False, scheme=_scheme) as bench:
            figures = await _measured(console, bench, rate, seconds)
    found = msgspec.to_builtins(figures)
    await report(console, found, json_file)
    unaccounted = (*UNACCOUNTED, "left")
    return figures.p99_ms < ALLOWED_P99_MS and not any(found[each] for each in unaccounted)


async def _measured(console: Console, bench: Setup, rate: int, seconds: int) -> GrossFigures:
    tally, clients = bench.tally, bench.clients

    async def load(wanted_s: float) -> None:
        await offer(tally, lambda n: make_transfer(clients, n), rate=rate, seconds=wanted_s, begun=lambda _: None)
        await drained(tally, DRAIN_S, lambda _: None)

    await load(WARM_UP_S)
    tally.clear()
    cpu, began = cpu_of(bench), time.monotonic()
    console.print(f"offering {rate}/s for {seconds} s, in windows of a second ...")
    await load(seconds)
    took_s, used = tally.last_callback - began, cpu_of(bench)
    left, caught_up_s = await _caught_up(bench.database)
    owed = (await _rows(bench.database, _OWED))[0]
    return GrossFigures(
        windows_released=(await _rows(bench.database, _WINDOWS))[0][0],
        obligations_released=owed[0],
        owed_after_p50_ms=owed[1],
        owed_after_p99_ms=owed[2],
        owed_after_slowest_ms=owed[3],
        caught_up_s=round(caught_up_s, 2),
        left=left,
        **await accounted(bench, rate=rate, took_s=took_s, cpu=cpu, used=used),
    )


async def _caught_up(database: str) -> tuple[int, float]:
    """Wait until every completed transfer is released; returns how many are not in time, and how long it took."""
    began = time.monotonic()
    while True:
        left, took = (await _rows(database, _LEFT))[0][0], time.monotonic() - began
        if not left or took > DRAIN_S:
            return left, took
        await asyncio.sleep(LOOK_EVERY_S)


async def _rows(database: str, statement: str) -> list[Any]:
    async with await psycopg.AsyncConnection.connect(database) as connection:
        return await (await connection.execute(statement.encode())).fetchall()
