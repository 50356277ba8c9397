"""The bench: the whole hub under open-loop load, real roles in real processes; it reports only what it measured.

Everything runs on this machine: PostgreSQL, RabbitMQ, the roles, simulated providers that answer by
callback, the callers and the load. At the end every transfer is accounted for, in the hub, at the
providers and by the audit, or the bench fails.
"""

import asyncio
import os
import platform
import secrets
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, NamedTuple

import aiohttp
import msgspec
from aiohttp import web
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from adapters.contract import installed
from hub.core.participant import DirectoryEntry, Participant, Role, SchemeFile, Terms
from hub.lab.broker import PrivateBroker
from hub.lab.child import free_ports
from hub.lab.postgres import PrivatePostgres
from hub.roles.credentials import admit
from hub.store.audit import run_audit
from hub.store.migrate import upgrade
from hub.store.sql import SqlStore
from hub.trial.client import Client
from hub.trial.figures import report
from hub.trial.ledger_bench import LedgerFigures, measure_ledger
from hub.trial.load import Sink, Tally, drained, offer, states
from hub.trial.processes import Process, cpu_ms
from routing.table import Connection

WALLETS: Final = 4
WARM_UP_S: Final = 3
DRAIN_S: Final = 30
PREFIX: Final = "/mm/v1.2"
SECRET: Final = "bench-secret"  # noqa: S105 - of providers that exist only while the bench runs


class Options(NamedTuple):
    """What to measure."""

    rate: int  # transfers begun per second
    seconds: int
    embedded: bool
    json_file: Path | None
    ledger_only: bool


class Figures(msgspec.Struct, kw_only=True):
    """What was measured."""

    transfers_per_second: float
    offered_per_second: int
    seconds: int
    p50_ms: float
    p95_ms: float
    p99_ms: float
    accept_p50_ms: float
    accept_p99_ms: float
    accepted: int
    refused: int
    completed: int
    lost: int
    duplicated: int
    executed_twice: int
    audit_findings: int
    cpu_ms_per_transfer: dict[str, float]
    broker_messages_per_transfer: float
    sql_statements_per_transfer: float
    ledger_transfers_per_second: float
    pgbench_tps: float
    ledger_ratio_to_pgbench: float
    form: str
    machine: str


class Setup(msgspec.Struct, kw_only=True):
    """What runs while the bench measures."""

    database: str
    clients: list[Client]
    processes: list[Process]
    postgres: PrivatePostgres
    broker: PrivateBroker | None
    metrics: list[str]
    simulator: str
    tally: Tally


def scheme_of(simulator: str, wallets: int = WALLETS) -> SchemeFile:
    """Make a scheme of wallet providers that all live at the simulator."""
    ids = [f"wallet{number}" for number in range(wallets)]
    rail = installed()["gsma_mmapi"].rail
    reference = {"client_id": "env:BENCH_CLIENT_ID", "client_secret": "env:BENCH_CLIENT_SECRET"}
    return SchemeFile(
        scheme=Terms(name="bench"),
        participant=tuple(
            Participant(
                id=id_,
                name=id_,
                role=Role.FSP,
                country="KE",
                currencies=("KES",),
                net_debit_cap={"KES": "1000000000"},
                callback_hosts=("127.0.0.1",),
            )
            for id_ in ids
        ),
        connection=tuple(
            Connection(
                name=id_,
                participant=id_,
                adapter="gsma_mmapi",
                rail=msgspec.structs.replace(rail, answer_within_s=5, ask_first_after_s=2, ask_spacing_s=2),
                currencies=("KES",),
                base_url=f"{simulator}/{id_}",
                secrets=reference,
            )
            for id_ in ids
        ),
        directory=tuple(
            DirectoryEntry(key="msisdn", value=f"+25470{number}", participant=id_) for number, id_ in enumerate(ids)
        ),
    )


def role_environment(database: str, broker: str | None, ports: Sequence[int], var: Path) -> dict[str, str]:
    """Return the settings of the roles' processes; `ports` are the API's and the provider callbacks'."""
    env = {
        "HUB_DATABASE_URL": database,
        "HUB_PORT": str(ports[0]),
        "HUB_CALLBACK_PORT": str(ports[1]),
        "HUB_CALLBACK_HTTPS_ONLY": "false",
        "HUB_CALLBACK_KEY": secrets.token_hex(32),
        "HUB_LOG_LEVEL": "warning",
        "HUB_VAR": str(var),
        "BENCH_CLIENT_ID": "makutano",
        "BENCH_CLIENT_SECRET": SECRET,
    }
    return env if broker is None else {**env, "HUB_BROKER_URL": broker}


@asynccontextmanager
async def setup(
    folder: Path,
    *,
    embedded: bool,
    wallets: int = WALLETS,
    simulator_arguments: Sequence[str] = (),
    scheme: Callable[[str, int], SchemeFile] | None = None,
    more: Mapping[str, str] = MappingProxyType({}),
) -> AsyncIterator[Setup]:
    """Start everything, with the bench's own scheme unless another is made; leave nothing running.

    `more`: settings of the roles' processes beside those that every bench has.
    """
    async with AsyncExitStack() as stack:
        postgres, broker = PrivatePostgres(folder / "postgres"), None if embedded else PrivateBroker(folder / "broker")
        await asyncio.to_thread(postgres.start)
        stack.push_async_callback(asyncio.to_thread, postgres.stop)
        if broker is not None:
            await asyncio.to_thread(broker.start)
            stack.push_async_callback(asyncio.to_thread, broker.stop)
        database = await asyncio.to_thread(postgres.create_database, "bench")
        await asyncio.to_thread(upgrade, database)
        ports = free_ports(6)
        store = SqlStore(database)
        await store.open()
        stack.push_async_callback(store.close)
        simulator = f"http://127.0.0.1:{ports[2]}"
        await store.apply_scheme((scheme or scheme_of)(simulator, wallets), "bench")
        env = {**role_environment(database, broker.url if broker else None, ports, folder), **more}
        processes = [_simulator(folder, ports[2], wallets, simulator_arguments), *_roles(folder, env, ports)]
        for process in processes:
            await asyncio.to_thread(process.start)
            stack.push_async_callback(asyncio.to_thread, process.stop)
        tally = Tally()
        await _serve_sink(stack, tally, ports[5])
        yield Setup(
            database=database,
            clients=await _clients(stack, store, wallets, ports),
            processes=processes,
            postgres=postgres,
            broker=broker,
            metrics=[f"http://127.0.0.1:{port}" for port in (ports[0], *(ports[3:5] if broker else ()))],
            simulator=simulator,
            tally=tally,
        )


async def _clients(stack: AsyncExitStack, store: SqlStore, wallets: int, ports: Sequence[int]) -> list[Client]:
    """Admit every wallet's software and log it in."""
    connector = aiohttp.TCPConnector(limit=256)
    session = aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=60))
    await stack.enter_async_context(session)
    found = []
    for number in range(wallets):
        issued = await admit(store, f"wallet{number}", f"wallet{number}")
        client = Client(session, f"http://127.0.0.1:{ports[0]}", issued, f"http://127.0.0.1:{ports[5]}", prefix=PREFIX)
        await client.login()
        found.append(client)
    return found


def _simulator(folder: Path, port: int, wallets: int, more: Sequence[str]) -> Process:
    providers = [part for number in range(wallets) for part in ("--provider", f"wallet{number}:gsma")]
    arguments = ["--port", str(port), "--client", f"makutano:{SECRET}", *providers, *more]
    return Process("simulator", "adapters.simulator", arguments, {}, folder=folder, port=port)


def _roles(folder: Path, env: dict[str, str], ports: Sequence[int]) -> list[Process]:
    if "HUB_BROKER_URL" not in env:
        return [Process("hub", "hub.main", ["all"], env, folder=folder, port=ports[0])]
    worker = {**env, "HUB_METRICS_PORT": str(ports[3])}
    adapter = {**env, "HUB_METRICS_PORT": str(ports[4])}
    return [
        Process("worker", "hub.main", ["worker"], worker, folder=folder, port=ports[3]),
        Process("adapter", "hub.main", ["adapter"], adapter, folder=folder, port=ports[4]),
        Process("api", "hub.main", ["api"], env, folder=folder, port=ports[0]),
    ]


async def _serve_sink(stack: AsyncExitStack, tally: Tally, port: int) -> None:
    runner = web.AppRunner(Sink(tally).app(), access_log=None)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    await web.TCPSite(runner, "127.0.0.1", port, backlog=1024).start()


def make_transfer(clients: Sequence[Client], number: int) -> tuple[Client, str, dict[str, Any]]:
    """Make the n-th transfer: between two wallets, of an amount that the simulator simply accepts."""
    payer = number % len(clients)
    payee = (payer + 1 + (number // len(clients)) % (len(clients) - 1)) % len(clients)
    body = {
        "amount": f"{10 + number % 90}.50",
        "currency": "KES",
        "debitParty": [{"key": "msisdn", "value": f"+25470{payer}{number % 10_000:05d}0"}],
        "creditParty": [{"key": "msisdn", "value": f"+25470{payee}{(number * 7) % 10_000:05d}0"}],
        "requestingOrganisationTransactionReference": f"bench-{number}",
        "descriptionText": "bench",
    }
    return clients[payer], "transfer", body


def cpu_of(bench: Setup) -> dict[str, int]:
    """Return the CPU that each part has used so far, in milliseconds."""
    used = {process.name: process.cpu_ms() for process in bench.processes}
    used["postgres"] = cpu_ms(bench.postgres.pids())
    if bench.broker is not None:
        used["rabbitmq"] = cpu_ms(bench.broker.pids())
    used["load"] = cpu_ms([os.getpid()])
    return used


async def _counters(bench: Setup) -> dict[str, float]:
    """Sum the roles' counters over all processes."""
    total: dict[str, float] = {}
    async with aiohttp.ClientSession() as session:
        for url in bench.metrics:
            async with session.get(f"{url}/metrics") as response:
                for line in (await response.text()).splitlines():
                    name, _, value = line.rpartition(" ")
                    if name and not name.startswith("#"):
                        total[name.partition("{")[0]] = total.get(name.partition("{")[0], 0) + float(value)
    return total


async def executed_twice(bench: Setup) -> int:
    """Ask the providers what they carried out more than once."""
    async with aiohttp.ClientSession() as session:
        found = 0
        for number in range(len(bench.clients)):
            async with session.get(f"{bench.simulator}/wallet{number}/_control/totals") as response:
                found += (await response.json())["executed_twice"]
        return found


async def _load(bench: Setup, rate: int, seconds: int, console: Console) -> tuple[Tally, float]:
    """Warm up, offer the load, wait for the last callback; returns the tally and how long completing took."""
    clients, tally = bench.clients, bench.tally
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        bar = progress.add_task(f"offering {rate}/s", total=rate * seconds)
        began = time.monotonic()
        await offer(
            tally,
            lambda number: make_transfer(clients, number),
            rate=rate,
            seconds=seconds,
            begun=lambda count: progress.update(bar, completed=count),
        )
        waiting = progress.add_task("callbacks still to come", total=None)
        await drained(tally, DRAIN_S, lambda left: progress.update(waiting, completed=left))
    return tally, max(tally.last_callback - began, 0.001)


async def _warm_up(bench: Setup, rate: int) -> None:
    """Let connections, prepared statements and caches settle; none of it is counted."""
    clients = bench.clients
    await offer(
        bench.tally,
        lambda number: make_transfer(clients, number),
        rate=min(rate, 200),
        seconds=WARM_UP_S,
        begun=lambda _: None,
    )
    await drained(bench.tally, DRAIN_S, lambda _: None)
    bench.tally.clear()


async def _whole(folder: Path, options: Options, console: Console) -> dict[str, Any]:
    rate, seconds = options.rate, options.seconds
    async with setup(folder, embedded=options.embedded) as bench:
        await _warm_up(bench, rate)
        cpu, counted = cpu_of(bench), await _counters(bench)
        tally, took = await _load(bench, rate, seconds, console)
        used, counts = cpu_of(bench), await _counters(bench)
        unheard = tally.missing()
        known = await states(bench.clients, tally, unheard[:1000])
        completed = len(tally.accepted) - len(unheard)
        audit = await asyncio.to_thread(run_audit, bench.database)
        return {
            "transfers_per_second": round(completed / took, 1),
            "offered_per_second": rate,
            "seconds": seconds,
            "p50_ms": tally.whole.get_value_at_percentile(50) / 1000,
            "p95_ms": tally.whole.get_value_at_percentile(95) / 1000,
            "p99_ms": tally.whole.get_value_at_percentile(99) / 1000,
            "accept_p50_ms": tally.accepting.get_value_at_percentile(50) / 1000,
            "accept_p99_ms": tally.accepting.get_value_at_percentile(99) / 1000,
            "accepted": len(tally.accepted),
            "refused": len(tally.refused),
            "completed": completed - len(tally.failed),
            "lost": sum(known.get(each) not in ("completed", "failed") for each in unheard),
            "duplicated": tally.duplicated(),
            "executed_twice": await executed_twice(bench),
            "audit_findings": len(audit.findings),
            "cpu_ms_per_transfer": {name: round((used[name] - cpu[name]) / max(completed, 1), 3) for name in used},
            "broker_messages_per_transfer": _each(counted, counts, "bus_messages_total", completed),
            "sql_statements_per_transfer": _each(counted, counts, "hub_sql_statements_total", completed),
        }


def _each(before: dict[str, float], after: dict[str, float], name: str, count: int) -> float:
    return round((after.get(name, 0) - before.get(name, 0)) / max(count, 1), 3)


@contextmanager
def open_folder() -> Iterator[Path]:
    """A temporary folder that another user can pass through: the database may run as one."""
    with tempfile.TemporaryDirectory(prefix="makutano-bench-") as name:
        Path(name).chmod(0o711)
        yield Path(name)


async def measure(console: Console, options: Options) -> bool:
    """Measure, print, write; returns False when a transfer is not accounted for."""
    with open_folder() as folder:
        console.print("the ledger against pgbench, on a server of their own ...")
        ledger: LedgerFigures = await measure_ledger(folder)
        figures: dict[str, Any] = {}
        if not options.ledger_only:
            console.print("the whole hub: starting PostgreSQL, RabbitMQ, the roles and the providers ...")
            figures = await _whole(folder, options, console)
    figures |= {
        "ledger_transfers_per_second": ledger.ledger_transfers_per_second,
        "pgbench_tps": ledger.pgbench_tps,
        "ledger_ratio_to_pgbench": ledger.ledger_ratio_to_pgbench,
        "form": "embedded" if options.embedded else "processes over RabbitMQ",
        "machine": f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}",
    }
    told = figures if options.ledger_only else msgspec.to_builtins(msgspec.convert(figures, Figures))
    await report(console, told, options.json_file)
    unaccounted = ("lost", "duplicated", "executed_twice", "audit_findings", "refused")
    return not any(figures.get(each) for each in unaccounted)
