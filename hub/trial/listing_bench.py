"""The bench of lists: a page of a very busy account through real HTTP; the rows are made in SQL, and never audited.

One merchant is paid by all customers there are, so every question is about the longest list. What is measured is the
wait of one caller that asks one question after the other.
"""

import asyncio
import time
from pathlib import Path
from typing import Any, Final

import msgspec
import psycopg
from hdrh.histogram import HdrHistogram
from rich.console import Console

from hub.core.command import Body
from hub.core.listing import key, own
from hub.trial.bench import Setup, open_folder, setup
from hub.trial.client import Client
from hub.trial.figures import report
from routing.party import Identifier, party

CUSTOMERS: Final = 10_000
QUESTIONS: Final = 300
ALLOWED_P99_MS: Final = 50
PAYER, PAYEE = "wallet0", "wallet1"
MERCHANT: Final = "+254701000000"
_PAGE: Final = f"/accounts/msisdn/{MERCHANT}/transactions?limit=20"
# What is asked, and whether it must be fast: a status that few have is looked for among all.
_ASKED: Final = {
    "page": (_PAGE, True),
    "page_of_a_customer": ("/accounts/msisdn/+254700000042/transactions?limit=20", True),
    "page_of_ones_own": (f"/accounts/organisationid/{PAYEE}/transactions?limit=20", True),
    "statement": (f"/accounts/msisdn/{MERCHANT}/statemententries?limit=20", True),
    "page_5000_on": (f"{_PAGE}&offset=5000", True),
    "page_of_a_type": (f"{_PAGE}&transactionType=merchantpay", False),
    "page_of_a_rare_status": (f"{_PAGE}&transactionStatus=failed", False),
}

# Beside the newest, one in a thousand failed; all have been created one millisecond after the other.
_TRANSFERS: Final = """
INSERT INTO transfer (id, flow, caller, payer_fsp, payee_fsp, currency, minor, created_ms, body)
SELECT lpad(to_hex(n), 32, '0')::uuid, 'push', %(payer)s, %(payer)s, %(payee)s, 'KES', 1000, n,
       replace(%(body)s, '+254700000000', '+2547000' || lpad((n %% %(customers)s)::text, 5, '0'))::json
FROM generate_series(1, %(count)s) AS n"""
_STANDING: Final = """
INSERT INTO standing (id, state, seq, asks, lease_ends_ms, updated_ms)
SELECT id, CASE WHEN created_ms %% 1000 = 0 THEN 'aborted' ELSE 'committed' END, 2, 0, created_ms, created_ms
FROM transfer"""
_LISTING: Final = """
INSERT INTO listing (key, created_ms, transfer, side)
SELECT k.key, t.created_ms, t.id, k.side FROM transfer AS t CROSS JOIN bench_key AS k WHERE k.customer IS NULL
UNION ALL
SELECT k.key, t.created_ms, t.id, k.side FROM transfer AS t
JOIN bench_key AS k ON k.customer = t.created_ms %% %(customers)s"""


async def measure_listing(console: Console, count: int, *, json_file: Path | None) -> bool:
    """Measure, print, write; returns False when a page is slower than it may be."""
    with open_folder() as folder:
        console.print(f"starting the hub, and making {count} transfers ...")
        async with setup(folder, embedded=True) as bench:
            await asyncio.to_thread(fill, bench.database, count)
            figures = {name: await _measured(bench, path) for name, (path, _) in _ASKED.items()}
    found = {"transfers": count, **figures}
    await report(console, found, json_file)
    return all(figures[name]["p99_ms"] < ALLOWED_P99_MS for name, (_, fast) in _ASKED.items() if fast)


def fill(database: str, count: int) -> None:
    """Write transfers of many customers to one merchant, as if they had all been carried out."""
    body = Body(
        request="0" * 32,
        payer=party([("msisdn", "+254700000000")]),
        payee=party([("msisdn", MERCHANT)]),
        type="merchantpay",
        details={"descriptionText": "bench"},
    )
    parameters = {
        "payer": PAYER,
        "payee": PAYEE,
        "body": msgspec.json.encode(body).decode(),
        "customers": CUSTOMERS,
        "count": count,
    }
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("CREATE TEMPORARY TABLE bench_key (customer INTEGER, key BIGINT, side TEXT)")
        with connection.cursor().copy("COPY bench_key FROM STDIN") as copy:
            for row in _keys():
                copy.write_row(row)
        for statement in (_TRANSFERS, _STANDING, _LISTING):
            connection.execute(statement, parameters)
        connection.execute("VACUUM ANALYZE transfer, standing, listing")


def _keys() -> list[tuple[int | None, int, str]]:
    """List under which keys a transfer is found: by each side under the merchant, the customer and itself."""
    merchant = Identifier("msisdn", MERCHANT)
    found: list[tuple[int | None, int, str]] = [(None, key(viewer, merchant), "credit") for viewer in (PAYER, PAYEE)]
    found += [(None, key(PAYER, own(PAYER)), "debit"), (None, key(PAYEE, own(PAYEE)), "credit")]
    for viewer in (PAYER, PAYEE):
        found += [
            (number, key(viewer, Identifier("msisdn", f"+2547000{number:05d}")), "debit") for number in range(CUSTOMERS)
        ]
    return found


async def _measured(bench: Setup, path: str) -> dict[str, Any]:
    client: Client = bench.clients[1]
    waits = HdrHistogram(1, 60_000_000, 3)
    ends = time.monotonic() + 20  # the slow ones are measured less often
    for number in range(QUESTIONS):
        began = time.perf_counter_ns()
        reply = await client.get(path)
        if reply.status != 200 or not reply.body:
            raise ValueError(f"{path} was answered {reply.status}: {str(reply.body)[:200]}")
        if number >= 10:  # the first find cold caches and connections
            waits.record_value((time.perf_counter_ns() - began) // 1000)
        if time.monotonic() > ends and number > 20:
            break
    available = int(reply.headers["X-Records-Available-Count"])
    return {
        "p50_ms": waits.get_value_at_percentile(50) / 1000,
        "p99_ms": waits.get_value_at_percentile(99) / 1000,
        "available": available,
    }
