"""The bench of the operators' API: every kind of question over a ledger with many postings, through real HTTP.

What is measured is the wait of one operator who asks one question after the other. Years of windows, payments and
proposals lie beside the postings. It reports only what it measured.
"""

import asyncio
import hashlib
import secrets
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import aiohttp
import msgspec
import psycopg
from hdrh.histogram import HdrHistogram
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from hub.core.office.operators import FoundOffice
from hub.core.office.proposal import Proposal, ProposalState
from hub.core.office.records import OperatorRole
from hub.core.record import Record
from hub.core.settlement.names import obligation_id, payment_id, window_id
from hub.core.settlement.rules import Model, Netting
from hub.core.settlement.window import (
    Obligation,
    ObligationState,
    Payment,
    PaymentState,
    Window,
    WindowState,
)
from hub.flow import Door
from hub.lab.child import free_ports
from hub.store.office_tables import UPSERTS
from hub.store.sql import SqlStore
from hub.trial.bench import WALLETS, Setup, open_folder, scheme_of, setup
from hub.trial.figures import report
from hub.trial.past import make_lists, make_past
from routing.local import LocalBus

PREFIX: Final = "/operator/v1"
OPERATOR: Final = "bench"
QUESTIONS: Final = 200
ALLOWED_P99_MS: Final = 50
WINDOWS: Final = 3_650
DAY_MS: Final = 86_400_000
MODEL: Final = Model(name="past", netting=Netting.MULTILATERAL, currency="KES")
CUSTOMER: Final = "+254700000420"
TOGETHER: Final = 2_000


def _questions(transfer: str, correlation: str) -> dict[str, str]:
    """List what is asked, by a name for it."""
    window = window_id(MODEL.name, WINDOWS // 2)
    return {
        "positions": "/positions",
        "participants": "/participants",
        "transfers_of_a_participant": "/transfers?participant=wallet1&limit=50",
        "transfers_of_everybody": "/transfers?limit=50",
        "transfers_of_an_account": f"/transfers?account=msisdn:%2B{CUSTOMER[1:]}&limit=50",
        "transfers_under_way": "/transfers?state=in_doubt&limit=50",
        "transfers_aborted": "/transfers?state=aborted&limit=50",
        "transfer_by_correlation": f"/transfers?correlation={correlation}",
        "one_transfer_with_its_timeline": f"/transfers/{transfer}",
        "windows": "/windows?limit=50",
        "one_window_with_what_is_owed": f"/windows/{window}",
        "obligations_of_a_window": f"/obligations?window={window}",
        "payments_that_are_missing": "/payments?state=missing&limit=50",
        "proposals_that_are_open": "/proposals?state=open&limit=50",
        "funds": "/funds?limit=50",
        "differences": "/differences?state=open&limit=50",
        "disputes": "/disputes?limit=50",
        "cases": "/cases?limit=50",
        "audit": "/audit",
    }


async def measure_operators(console: Console, postings: int, *, json_file: Path | None) -> bool:
    """Measure, print, write; returns False when a question takes longer than it may."""
    port = free_ports(1)[0]
    with open_folder() as folder:
        console.print("starting PostgreSQL and the hub ...")
        async with setup(folder, embedded=True, scheme=scheme_of, more={"HUB_OPERATOR_PORT": str(port)}) as bench:
            await _past(console, bench, postings // 2)
            async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session:
                session.headers["Authorization"] = f"Bearer {await _logged_in(bench, session)}"
                transfer = f"{postings // 4:032x}"
                correlation = f"past-{transfer[:8]}-0000-0000-0000-{transfer[20:]}"
                asked = _questions(transfer, correlation)
                figures = {name: await _measured(session, path) for name, path in asked.items()}
    found = {"postings": postings, "windows_settled": WINDOWS, **figures}
    await report(console, found, json_file)
    return all(each["p99_ms"] < ALLOWED_P99_MS for each in figures.values())


async def _past(console: Console, bench: Setup, transfers: int) -> None:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        bar = progress.add_task("transfers before", total=transfers)
        await asyncio.to_thread(
            make_past, bench.database, transfers, WALLETS, lambda done: progress.update(bar, completed=done)
        )
        lists = progress.add_task("lists, windows, payments", total=None)
        await asyncio.to_thread(make_lists, bench.database, WALLETS)
        await asyncio.to_thread(_make_windows, bench.database)
        progress.update(lists, total=1, completed=1)


async def _logged_in(bench: Setup, session: aiohttp.ClientSession) -> str:
    """Admit an operator who may look at everything, and return its token."""
    secret = secrets.token_hex(32)
    store = SqlStore(bench.database)
    await store.open()
    try:
        hashed = hashlib.sha256(secret.encode()).hexdigest()
        roles = (OperatorRole.ADMIN, OperatorRole.VIEWER)
        admit = FoundOffice(by="bench", operator=OPERATOR, roles=roles, secret_hash=hashed, why="to measure")
        result = await Door(store, LocalBus(), lambda _: None).handle(admit)
        if result.reason:
            raise ValueError(f"the operator was not admitted: {result}")
    finally:
        await store.close()
    login = aiohttp.BasicAuth(OPERATOR, secret)
    form = {"grant_type": "client_credentials"}
    async with session.post(f"{PREFIX}/token", data=form, auth=login) as response:
        answer = await response.json()
        if response.status != 200:
            raise ValueError(f"the operator could not log in: {answer}")
        return str(answer["access_token"])


async def _measured(session: aiohttp.ClientSession, path: str) -> dict[str, Any]:
    waits = HdrHistogram(1, 60_000_000, 3)
    size = 0
    for number in range(QUESTIONS):
        began = time.perf_counter_ns()
        async with session.get(f"{PREFIX}{path}") as response:
            content = await response.read()
        if response.status != 200:
            raise ValueError(f"{path} was answered {response.status}: {content[:200]!r}")
        if number >= 10:  # the first find cold caches and connections
            waits.record_value((time.perf_counter_ns() - began) // 1000)
        size = len(content)
    return {
        "p50_ms": waits.get_value_at_percentile(50) / 1000,
        "p99_ms": waits.get_value_at_percentile(99) / 1000,
        "bytes": size,
    }


def _make_windows(database: str) -> None:
    """Write ten years of daily windows, all settled, with what was owed, its payments, and who approved them."""
    now_ms = int(time.time() * 1000)
    with psycopg.connect(database, autocommit=True) as connection:
        waiting: dict[str, list[Record]] = {}
        for number in range(1, WINDOWS + 1):
            for each in _window(number, now_ms - (WINDOWS - number + 1) * DAY_MS):
                waiting.setdefault(each.table, []).append(each)
            if number % TOGETHER == 0 or number == WINDOWS:
                for table, records in waiting.items():
                    connection.execute(UPSERTS[table], (msgspec.json.encode(records).decode(),))
                waiting.clear()
        connection.execute("VACUUM ANALYZE window_of_settlement, obligation, payment, proposal")


def _window(number: int, at_ms: int) -> Iterator[Record]:
    id_ = window_id(MODEL.name, number)
    times: dict[str, Any] = {"at_ms": at_ms, "version": 1}
    yield Window(
        id=id_,
        **times,
        number=number,
        unsettled="",
        model=MODEL.name,
        currency=MODEL.currency,
        state=WindowState.SETTLED,
        terms=MODEL,
        from_height=0,
        to_height=0,
        closed_ms=at_ms,
        closed_by="bench",
        settled_ms=at_ms,
    )
    proposal = f"{number:032x}"
    yield Proposal(
        id=proposal,
        **times,
        act="Release",
        terms=msgspec.Raw(msgspec.json.encode({"type": "Release", "by": "a", "window": id_})),
        why="the day's window",
        by="a",
        state=ProposalState.APPROVED,
        decided_ms=at_ms,
        decided_by="b",
    )
    for wallet in range(WALLETS):
        owes = wallet % 2 == 0
        debtor, creditor = (f"wallet{wallet}", "") if owes else ("", f"wallet{wallet}")
        own = obligation_id(id_, 0, debtor, creditor, "")
        both: dict[str, Any] = {"debtor": debtor, "creditor": creditor, "minor": 1_000 + number, **times}
        both["currency"] = MODEL.currency
        yield Obligation(id=own, window=id_, state=ObligationState.SETTLED, **both)
        yield Payment(id=payment_id(own), subject=id_, obligation=own, state=PaymentState.POSTED, **both)
