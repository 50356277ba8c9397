"""Accounting for a bench's load: what became of every transfer that was offered, and what callers noticed.

It measures nothing by itself, and forgets nothing: what no callback told of is looked up.
"""

import asyncio
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from hub.store.audit import run_audit
from hub.trial.bench import Setup, executed_twice
from hub.trial.load import states

# Of these there must be none.
UNACCOUNTED: Final = ("refused", "failed", "lost", "duplicated", "executed_twice", "audit_findings")


class Accounted(msgspec.Struct, kw_only=True):
    """What became of the load."""

    offered_per_second: int
    transfers_per_second: float
    p50_ms: float
    p99_ms: float
    slowest_ms: float
    refused: int
    failed: int
    lost: int
    duplicated: int
    executed_twice: int
    audit_findings: int
    cpu_ms_per_transfer: dict[str, float]


async def accounted(
    bench: Setup, *, rate: int, took_s: float, cpu: Mapping[str, int], used: Mapping[str, int]
) -> dict[str, Any]:
    """Return the values of `Accounted` for what the tally has.

    `cpu` and `used`: how much CPU each part had used before and after the load, in milliseconds.
    """
    tally = bench.tally
    unheard = tally.missing()
    known = await states(bench.clients, tally, unheard[:1000])
    completed = len(tally.accepted) - len(unheard)
    audit = await asyncio.to_thread(run_audit, bench.database)
    return {
        "offered_per_second": rate,
        "transfers_per_second": round(completed / took_s, 1),
        "p50_ms": tally.whole.get_value_at_percentile(50) / 1000,
        "p99_ms": tally.whole.get_value_at_percentile(99) / 1000,
        "slowest_ms": tally.whole.get_value_at_percentile(100) / 1000,
        "refused": len(tally.refused),
        "failed": len(tally.failed),
        "lost": sum(known.get(each) not in ("completed", "failed") for each in unheard),
        "duplicated": tally.duplicated(),
        "executed_twice": await executed_twice(bench),
        "audit_findings": len(audit.findings),
        "cpu_ms_per_transfer": {name: round((used[name] - cpu[name]) / max(completed, 1), 3) for name in used},
    }
