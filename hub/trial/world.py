"""The demo's world: simulated providers, a hub with every role in this process, and the participants' own software.

The providers speak real HTTP and the database is a real PostgreSQL; only the customers are made up.
"""

import asyncio
import contextlib
import os
import secrets
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, Literal

import aiohttp
import msgspec
import psycopg
from aiohttp import web
from pydantic import SecretStr

from adapters.simulator.app import Simulator
from adapters.simulator.provider import Settings as ProviderSettings
from adapters.simulator.seed import Seed, read_seeds
from adapters.simulator.sink import CallbackSink
from hub.core.participant import SchemeFile
from hub.http.app import JWKS_PATH
from hub.lab.child import free_ports
from hub.lab.postgres import PrivatePostgres
from hub.roles.credentials import Issued
from hub.roles.parts import Role, Running, running
from hub.roles.scheme import read_scheme
from hub.settings import Settings
from hub.store.migrate import upgrade
from hub.trial.bank import Bank, bank_at
from hub.trial.client import Client
from hub.trial.kept import in_force, issued_to

PROVIDERS: Final[dict[str, Literal["gsma", "iso20022", "open_fx"]]] = {
    "baobab": "gsma",
    "savanna": "gsma",
    "lakebank": "iso20022",
    "maji": "gsma",
    "nile": "gsma",
    "hillbank": "iso20022",
    "kilima": "gsma",
    "kivuko": "open_fx",
}
LATE_S: Final = 4.0
_REPOSITORY: Final = Path(__file__).parents[2]


class World(msgspec.Struct, kw_only=True):
    """What runs."""

    hub: Running
    database: str
    simulator: Simulator
    sink: CallbackSink
    bank: Bank
    exchange: Path  # where the hub and the settlement bank put files for each other
    clients: dict[str, Client]
    issued: dict[str, Issued]
    scheme: str  # what became of the scheme that was in force before


def data_file(name: str) -> Path:
    """Return one of the demo's files: the repository's, or the one that the wheel carries."""
    here = _REPOSITORY / "config" / name
    return here if here.exists() else Path(__file__).parents[1] / "_config" / name


def scheme_path() -> Path:
    """Return the demo's scheme file."""
    return data_file("scheme.toml")


def placed_at(file: SchemeFile, simulator: str) -> SchemeFile:
    """Point every connection of the scheme at the simulator that really runs."""
    moved = [
        msgspec.structs.replace(each, base_url=f"{simulator}/{each.base_url.rpartition('/')[2]}")
        for each in file.connection
    ]
    return msgspec.structs.replace(file, connection=tuple(moved))


def by_hand(file: SchemeFile) -> SchemeFile:
    """Have windows close when an operator closes them, and at no hour: a play must not depend on when it is played."""
    models = [msgspec.structs.replace(each, close=(), every_s=0) for each in file.settlement_model]
    return msgspec.structs.replace(file, settlement_model=tuple(models))


def banked_at(file: SchemeFile, bank: Bank, keys: Path) -> SchemeFile:
    """Have one bank keep the scheme's settlement accounts, and publish its keys at the path."""
    keys.write_bytes(bank.jwks)
    bank.accounts = {each.currency: each.account for each in file.settlement_bank}
    signing = [msgspec.structs.replace(each, keys=f"file:{keys}") for each in file.settlement_bank]
    return msgspec.structs.replace(file, settlement_bank=tuple(signing))


@asynccontextmanager
async def world(
    var: Path,
    *,
    keep: bool,
    ports: tuple[int, int, int] | None = None,
    database: str = "",
    terms: Mapping[str, int] = MappingProxyType({}),
    seeded: bool = False,
    operator_port: int | None = None,
    known: Mapping[str, Issued] = MappingProxyType({}),
) -> AsyncIterator[World]:
    """Start everything in `var`; with `keep` the database stays for the next time, else it is a fresh one.

    `ports` are the API's, the provider callbacks' and the simulator's; free ones when not given. A migrated
    `database` is used as it is. `terms` changes the scheme's own rules, such as how long a lease lasts. With
    `seeded` the providers have what `config/simulator.toml` says; else whoever is named has plenty of everything.
    An FX provider always sells at the rates there: nobody else knows any. The operators' API is served on
    `operator_port`, 0 for any; not where it is not given. Participants keep the credentials that are `known`, where
    they are still good.
    """
    async with AsyncExitStack() as stack:
        api, callbacks, providers, sink_port = (*ports, free_ports(1)[0]) if ports else tuple(free_ports(4))
        simulator, sink = _providers(read_seeds(data_file("simulator.toml")), seeded=seeded), CallbackSink()
        simulator_url = await _serve(stack, simulator.app, providers)
        sink_url = await _serve(stack, sink.app, sink_port)
        database = database or await _database(stack, var, keep=keep)
        exchange = _exchange(stack, var, keep=keep)
        bank = bank_at(exchange.with_name("bank.pem"))
        file = _file(placed_at(read_scheme(scheme_path()), simulator_url), terms, keep=keep)
        scheme = await in_force(database, banked_at(file, bank, exchange.with_name("bank.jwks")))
        settings = _settings(
            database, var, port=api, callback_port=callbacks, operator_port=operator_port, settlement_dir=exchange
        )
        hub = await stack.enter_async_context(running(settings, frozenset(Role)))
        issued = await issued_to(hub.store, hub.scheme.participants, known)
        session = await stack.enter_async_context(aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30)))
        clients = await _clients(session, hub, issued, sink_url, settings)
        bank.hub_keys = await _got(session, f"{hub.api_url}{JWKS_PATH}")
        yield World(
            hub=hub,
            database=database,
            simulator=simulator,
            sink=sink,
            bank=bank,
            exchange=exchange,
            clients=clients,
            issued=issued,
            scheme=scheme,
        )


def _file(file: SchemeFile, terms: Mapping[str, int], *, keep: bool) -> SchemeFile:
    """Return a scheme under other terms; one that is kept closes its windows by calendar."""
    changed = msgspec.structs.replace(file, scheme=msgspec.structs.replace(file.scheme, **terms))
    return changed if keep else by_hand(changed)


def _settings(database: str, var: Path, **more: Any) -> Settings:
    return Settings(
        database_url=SecretStr(database),
        broker_url=None,
        var=var,
        callback_https_only=False,
        log_level="error",
        **more,
    )


async def _clients(
    session: aiohttp.ClientSession, hub: Running, issued: Mapping[str, Issued], sink_url: str, settings: Settings
) -> dict[str, Client]:
    """Return every participant's own software, logged in."""
    paths = {"prefix": settings.api_prefix, "token_path": settings.token_path}
    clients = {name: Client(session, hub.api_url, each, sink_url, **paths) for name, each in issued.items()}
    for client in clients.values():
        await client.login()
    return clients


async def _got(session: aiohttp.ClientSession, url: str) -> bytes:
    async with session.get(url) as response:
        response.raise_for_status()
        return await response.read()


def _providers(seeds: Mapping[str, Seed], *, seeded: bool) -> Simulator:
    """Set the providers up, with a secret that is new each time and found where the scheme file says."""
    secret = secrets.token_urlsafe(24)
    settings = []
    for name, dialect in PROVIDERS.items():
        os.environ[f"{name.upper()}_CLIENT_ID"] = "hub"
        for what in ("CLIENT_SECRET", "API_KEY"):
            os.environ[f"{name.upper()}_{what}"] = secret
        seed = seeds.get(name) if seeded or dialect == "open_fx" else None
        settings.append(ProviderSettings(name=name, dialect=dialect, client=f"hub:{secret}", late_s=LATE_S, seed=seed))
    return Simulator(settings)


async def _serve(stack: AsyncExitStack, app: web.Application, port: int) -> str:
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=2)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    await web.TCPSite(runner, "127.0.0.1", port).start()
    return f"http://127.0.0.1:{port}"


def _exchange(stack: AsyncExitStack, var: Path, *, keep: bool) -> Path:
    """Return the folder in which the hub and the settlement bank exchange files; what is in it is of one database."""
    var.mkdir(parents=True, exist_ok=True)
    folder = var / "settlement"
    if not keep:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="settlement-", dir=var)))
    exchange = folder.resolve() / "exchange"
    exchange.mkdir(parents=True, exist_ok=True)
    return exchange


async def _database(stack: AsyncExitStack, var: Path, *, keep: bool) -> str:
    server = PrivatePostgres(var / "postgres")
    await asyncio.to_thread(server.start)
    stack.push_async_callback(asyncio.to_thread, server.stop)
    name = "makutano" if keep else f"demo_{secrets.token_hex(4)}"
    with contextlib.suppress(psycopg.errors.DuplicateDatabase):
        await asyncio.to_thread(server.create_database, name)
    if not keep:
        stack.push_async_callback(asyncio.to_thread, server.drop_database, name)
    url = server.url_of(name)
    await asyncio.to_thread(upgrade, url)
    return url
