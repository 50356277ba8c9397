"""The bench of settlement: a window with a past of many transfers is closed while new ones go on; all of it is audited.

Open loop, real processes over RabbitMQ. What is measured is how long it takes from the close until what is owed is
known, and what callers noticed of it. It reports only what it measured.
"""

import asyncio
import time
from pathlib import Path
from typing import Final

import msgspec
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from hub.core.command import Done
from hub.core.participant import SchemeFile
from hub.core.settlement.close import CloseWindow
from hub.core.settlement.rules import Model, Netting
from hub.core.settlement.window import Obligation, Window, WindowState
from hub.flow import Door
from hub.store.sql import SqlStore
from hub.trial.accounting import UNACCOUNTED, Accounted, accounted
from hub.trial.bench import Setup, cpu_of, make_transfer, open_folder, scheme_of, setup
from hub.trial.figures import report
from hub.trial.load import drained, offer
from hub.trial.past import make_past, pair
from routing.local import LocalBus

CURRENCY: Final = "KES"
CLOSE_AFTER_S: Final = 5  # the load is under way
GO_ON_S: Final = 40
LOOK_EVERY_S: Final = 0.05
ALLOWED_CLOSE_S: Final = 30
ALLOWED_P99_MS: Final = 1_000
DRAIN_S: Final = 30
WARM_UP_S: Final = 3


class SettlementFigures(Accounted, kw_only=True):
    """What was measured."""

    transfers_in_window: int
    close_s: float  # from the deed until the interval is fixed, and new transfers are in the next window
    reckoned_s: float  # from the deed until every obligation is known
    obligations: int
    owed_minor: int
    wrong_minor: int  # between what is owed and what the transfers of the past say: must be what the load added


def _scheme(simulator: str, wallets: int) -> SchemeFile:
    """Make the bench's scheme, settled net and multilaterally; windows are closed by an operator alone."""
    model = Model(name="retail", netting=Netting.MULTILATERAL, currency=CURRENCY)
    return msgspec.structs.replace(scheme_of(simulator, wallets), settlement_model=(model,))


async def measure_settlement(console: Console, count: int, *, rate: int, json_file: Path | None) -> bool:
    """Measure, print, write; returns False when a figure misses its target or a transfer is not accounted for."""
    with open_folder() as folder:
        console.print("starting PostgreSQL, the broker, the roles and the providers ...")
        async with setup(folder, embedded=False, scheme=_scheme) as bench:
            await _past(console, bench, count)
            store = SqlStore(bench.database)
            await store.open()
            try:
                figures = await _measured(console, bench, store, count, rate)
            finally:
                await store.close()
    found = msgspec.to_builtins(figures)
    await report(console, found, json_file)
    unaccounted = (*UNACCOUNTED, "wrong_minor")
    in_time = figures.reckoned_s < ALLOWED_CLOSE_S and figures.p99_ms < ALLOWED_P99_MS
    return in_time and not any(found[each] for each in unaccounted)


async def _past(console: Console, bench: Setup, count: int) -> None:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        bar = progress.add_task("transfers before", total=count)
        wallets = len(bench.clients)
        await asyncio.to_thread(
            make_past, bench.database, count, wallets, lambda done: progress.update(bar, completed=done)
        )


async def _measured(console: Console, bench: Setup, store: SqlStore, count: int, rate: int) -> SettlementFigures:
    tally, clients = bench.tally, bench.clients

    async def load(seconds: float) -> None:
        await offer(tally, lambda n: make_transfer(clients, n), rate=rate, seconds=seconds, begun=lambda _: None)

    await load(WARM_UP_S)
    await drained(tally, DRAIN_S, lambda _: None)
    tally.clear()
    cpu, began = cpu_of(bench), time.monotonic()
    console.print(f"offering {rate}/s; the window is closed after {CLOSE_AFTER_S} s ...")
    offering = asyncio.create_task(load(CLOSE_AFTER_S + GO_ON_S))
    await asyncio.sleep(CLOSE_AFTER_S)
    window, close_s, reckoned_s = await _closed(store)
    await offering
    await drained(tally, DRAIN_S, lambda _: None)
    took_s, used = tally.last_callback - began, cpu_of(bench)
    obligations = await store.records.found(Obligation, window=window.id)
    return SettlementFigures(
        transfers_in_window=sum(each.count for each in window.movements),
        close_s=round(close_s, 3),
        reckoned_s=round(reckoned_s, 2),
        obligations=len(obligations),
        owed_minor=sum(each.minor for each in obligations if each.debtor),
        wrong_minor=_wrong(window, obligations, count, len(clients)),
        **await accounted(bench, rate=rate, took_s=took_s, cpu=cpu, used=used),
    )


async def _closed(store: SqlStore) -> tuple[Window, float, float]:
    """Close the open window as an operator does, and wait until the worker has reckoned it."""
    (window,) = await store.records.found(Window, state=WindowState.OPEN)
    door, began = Door(store, LocalBus(), lambda _: None), time.monotonic()
    result = await door.handle(CloseWindow(window=window.id, by="bench"))
    if not isinstance(result, Done):
        raise TypeError(f"the window was not closed: {result.reason} {result.detail}")
    close_s = time.monotonic() - began
    while True:
        found = await store.records.one(Window, window.id)
        if found is not None and found.state is not WindowState.CLOSED:
            return found, close_s, time.monotonic() - began
        await asyncio.sleep(LOOK_EVERY_S)


def _wrong(window: Window, obligations: list[Obligation], count: int, wallets: int) -> int:
    """Return by how much what is owed is not what moved: by the past, made anew here, and by the load since."""
    nets: dict[str, int] = {}
    moved: dict[tuple[str, str], int] = {}
    for each in window.movements:
        nets[each.creditor] = nets.get(each.creditor, 0) + each.minor
        nets[each.debtor] = nets.get(each.debtor, 0) - each.minor
        moved[each.debtor, each.creditor] = moved.get((each.debtor, each.creditor), 0) + each.minor
    for owed in obligations:
        who, sign = (owed.debtor, 1) if owed.debtor else (owed.creditor, -1)
        nets[who] = nets.get(who, 0) + sign * owed.minor
    before: dict[tuple[str, str], int] = {}
    for number in range(count):
        payer, payee, minor = pair(number, wallets)
        key = f"wallet{payer}", f"wallet{payee}"
        before[key] = before.get(key, 0) + minor
    short = sum(max(minor - moved.get(key, 0), 0) for key, minor in before.items())
    return sum(abs(net) for net in nets.values()) + short
