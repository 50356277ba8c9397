"""The bench of batches: one batch of many rows through real roles in real processes; it reports only what it measured.

While it is cleared other callers are asked about, too: a batch must not take the hub away from them. At the end every
row is accounted for, in the hub, at the providers and by the audit, or the bench fails.
"""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import aiohttp
import msgspec
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from hub.store.audit import run_audit
from hub.trial.bench import Setup, cpu_of, executed_twice, open_folder, setup
from hub.trial.figures import report

LOOK_EVERY_S: Final = 1.0
QUIET_S: Final = 120  # without a single row more: it will not come
WALLET: Final = "wallet0"


class BatchFigures(msgspec.Struct, kw_only=True):
    """What was measured."""

    rows: int
    megabytes: float
    accepted_in_s: float  # until 202: read, checked and committed
    cleared_in_s: float  # from 202 until the batch is completed
    rows_per_second: float
    completed: int
    rejected: int
    lost: int
    executed_twice: int
    credited_beside_the_rows: int
    audit_findings: int
    others_slowest_ms: float  # the slowest answer to somebody else meanwhile
    others_p50_ms: float
    cpu_ms_per_row: dict[str, float]
    form: str


def rows(count: int, wallets: int) -> Iterator[dict[str, Any]]:
    """Make disbursements from the first wallet's own account to customers of the others."""
    for number in range(count):
        payee = 1 + number % (wallets - 1)
        yield {
            "amount": f"{10 + number % 90}.50",
            "currency": "KES",
            "type": "disbursement",
            "debitParty": [{"key": "organisationid", "value": WALLET}],
            "creditParty": [{"key": "msisdn", "value": f"+25470{payee}{number:06d}0"}],
            "requestingOrganisationTransactionReference": f"row-{number}",
            "descriptionText": "Salaries",
        }


async def measure_batch(console: Console, count: int, *, embedded: bool, json_file: Path | None) -> bool:
    """Measure, print, write; returns False when a row is not accounted for."""
    with open_folder() as folder:
        console.print("starting PostgreSQL, the roles and the providers ...")
        async with setup(folder, embedded=embedded) as bench:
            figures = await _measured(console, bench, count, "embedded" if embedded else "processes over RabbitMQ")
    found = msgspec.to_builtins(figures)
    await report(console, found, json_file)
    unaccounted = (figures.lost, figures.rejected, figures.executed_twice, figures.credited_beside_the_rows)
    return not (any(unaccounted) or figures.audit_findings)


async def _measured(console: Console, bench: Setup, count: int, form: str) -> BatchFigures:
    client = bench.clients[0]
    content = msgspec.json.encode({"batchTitle": "bench", "transactions": list(rows(count, len(bench.clients)))})
    cpu = cpu_of(bench)
    waits: list[float] = []
    asking = asyncio.create_task(_others(bench, waits))
    began = time.monotonic()
    reply = await client.post("/batchtransactions", msgspec.Raw(content))
    accepted_s = time.monotonic() - began
    if reply.status != 202:
        raise ValueError(f"the batch was not accepted: {reply.body}")
    batch = await _watched(console, bench, reply.reference, count)
    cleared_s = time.monotonic() - began - accepted_s
    asking.cancel()
    used = cpu_of(bench)
    done, rejected = batch["completedCount"], batch["rejectionCount"]
    waits.sort()
    return BatchFigures(
        rows=count,
        megabytes=round(len(content) / 1e6, 1),
        accepted_in_s=round(accepted_s, 2),
        cleared_in_s=round(cleared_s, 1),
        rows_per_second=round(done / cleared_s, 1),
        completed=done,
        rejected=rejected,
        lost=count - done - rejected,
        executed_twice=await executed_twice(bench),
        credited_beside_the_rows=await _credited_minor(bench) - _minor(count),
        audit_findings=len((await asyncio.to_thread(run_audit, bench.database)).findings),
        others_slowest_ms=round(waits[-1] * 1000, 1),
        others_p50_ms=round(waits[len(waits) // 2] * 1000, 1),
        cpu_ms_per_row={name: round((used[name] - cpu[name]) / count, 3) for name in used},
        form=form,
    )


async def _watched(console: Console, bench: Setup, batch: str, count: int) -> dict[str, Any]:
    """Show the progress until the batch is completed, or until nothing moves any more."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    last, moved = -1, time.monotonic()
    with Progress(*columns, console=console) as progress:
        bar = progress.add_task("rows", total=count)
        while True:
            found: dict[str, Any] = (await bench.clients[0].get(f"/batchtransactions/{batch}")).body
            ended = found["completedCount"] + found["rejectionCount"]
            progress.update(bar, completed=ended)
            if ended != last:
                last, moved = ended, time.monotonic()
            if found["batchStatus"] == "completed" or time.monotonic() - moved > QUIET_S:
                return found
            await asyncio.sleep(LOOK_EVERY_S)


async def _others(bench: Setup, waits: list[float]) -> None:
    """Ask for something small all the while, as somebody else."""
    while True:
        began = time.monotonic()
        await bench.clients[1].get("/heartbeat")
        waits.append(time.monotonic() - began)
        await asyncio.sleep(0.05)


def _minor(count: int) -> int:
    return sum((10 + number % 90) * 100 + 50 for number in range(count))


async def _credited_minor(bench: Setup) -> int:
    found = 0
    async with aiohttp.ClientSession() as session:
        for number in range(len(bench.clients)):
            async with session.get(f"{bench.simulator}/wallet{number}/_control/totals") as response:
                found += (await response.json())["credited"].get("KES", 0)
    return found
