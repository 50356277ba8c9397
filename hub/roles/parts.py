"""Putting the parts together: which store, which bus, which doors a process has; it must never decide anything else.

`running` is the one way a hub runs, whether one process has every role or each role has many processes.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from enum import StrEnum
from typing import Any, Final

import msgspec
import structlog
from aiohttp import web

from adapters.runner import Runner
from hub.core.participant import Scheme
from hub.flow import Door
from hub.http.api import Books
from hub.http.app import HttpSettings, build, headed
from hub.http.batches import letters
from hub.http.metrics import metrics_routes
from hub.http.operator.app import build as operators_site
from hub.http.operator.row import OperatorSettings
from hub.http.resources import letter_of
from hub.roles.keys import bank_keys, callback_key, seal_of, signer_of
from hub.roles.scheme import scheme_in, work_of
from hub.roles.screening import screening_of
from hub.roles.store import opened
from hub.settings import Settings
from hub.store.contract import UnavailableError
from hub.store.sql import SqlStore
from hub.workers.auditing import Auditing
from hub.workers.batch import Clearing, Limits
from hub.workers.callback import CallbackSender
from hub.workers.consumer import Consumer
from hub.workers.disputes import Disputes
from hub.workers.files import Files
from hub.workers.office import Office
from hub.workers.rates import Rates
from hub.workers.relay import Relay
from hub.workers.settlement import Settling
from hub.workers.timer import Timer
from routing import topology
from routing.bus import Bus, BusError
from routing.local import LocalBus
from routing.rabbit import RabbitBus

LOOK_FOR_SCHEME_EVERY_S: Final = 5.0
START_ATTEMPTS: Final = 30

_log: Final = structlog.get_logger("roles")


class Role(StrEnum):
    """What a process does."""

    API = "api"  # the north side: HTTP
    WORKER = "worker"  # outcomes, timers, sweeps, callbacks
    ADAPTER = "adapter"  # the south side: providers


class Running(msgspec.Struct, kw_only=True):
    """A hub that runs."""

    store: SqlStore
    bus: Bus
    door: Door
    scheme: Scheme
    api_url: str = ""
    provider_url: str = ""
    operator_url: str = ""


@asynccontextmanager
async def running(settings: Settings, roles: frozenset[Role]) -> AsyncIterator[Running]:
    """Run these roles in this process until the block is left; then finish what was taken."""
    if settings.broker_url is None and roles != frozenset(Role):
        raise ValueError("without HUB_BROKER_URL the bus is inside one process: run every role with `hub all`")
    async with AsyncExitStack() as stack:
        store = await stack.enter_async_context(opened(settings))
        scheme = await store.scheme()
        bus: Bus = (
            LocalBus()
            if settings.broker_url is None
            else RabbitBus(settings.broker_url.get_secret_value(), role="-".join(sorted(roles)))
        )
        stack.push_async_callback(bus.close)
        await _started(bus, scheme)
        relay = Relay(store, bus)
        sender = CallbackSender(store, relay, letter_of, signer_of(settings), sign_callbacks=settings.sign_callbacks)
        relay.callbacks = sender
        await sender.start()
        stack.push_async_callback(sender.close)
        stack.push_async_callback(relay.close)
        door = Door(store, bus, relay.deliver, screening=await asyncio.to_thread(screening_of, settings))
        hub = Running(store=store, bus=bus, door=door, scheme=scheme)
        for role, start in ((Role.WORKER, _worker), (Role.ADAPTER, _adapter), (Role.API, _api)):
            if role in roles:
                await start(hub, settings, stack, relay)
        if settings.metrics_port is not None:
            await _serve(stack, metrics_routes(store), settings.host, settings.metrics_port)
        _keep(stack, lambda: _watch_scheme(hub))
        yield hub


async def _worker(hub: Running, settings: Settings, stack: AsyncExitStack, relay: Relay) -> None:
    await Consumer(hub.door, hub.bus).start()
    _keep(stack, relay.sweep_for_ever)
    _keep(stack, Timer(hub.door).look_for_ever)
    _keep(stack, Rates(hub.door).look_for_ever)
    _keep(stack, Office(hub.door).look_for_ever)
    _keep(stack, Auditing(hub.store.ledger).look_for_ever)
    _keep(stack, Disputes(hub.door).look_for_ever)
    _keep(stack, Settling(hub.door).look_for_ever)
    files = Files(hub.door, signer_of(settings), bank_keys, settings.settlement_dir)
    _keep(stack, files.look_for_ever)
    limits = Limits(in_flight_max=settings.batch_in_flight_max, per_second=settings.batch_per_second)
    _keep(stack, Clearing(hub.door, hub.store.batches, letters, limits, seal_of(settings)).look_for_ever)


async def _adapter(hub: Running, settings: Settings, stack: AsyncExitStack, _: Relay) -> None:
    work = [work_of(each) for each in hub.scheme.file.connection if each.enabled]
    site = web.Application(client_max_size=1 << 20)
    base = settings.callback_base_url
    if base is None and settings.callback_port == 0:
        raise ValueError("HUB_CALLBACK_PORT must be a number, or providers could not be told where to call back")
    base = base or f"http://{settings.callback_host}:{settings.callback_port}"
    key, seal = callback_key(settings), seal_of(settings)
    runner = Runner(hub.bus, work, callback_base_url=base, callback_key=key, seal=seal)
    hub.provider_url = await _serve(stack, runner.routes(), settings.callback_host, settings.callback_port, site)
    await runner.start()
    stack.push_async_callback(runner.close)


async def _api(hub: Running, settings: Settings, stack: AsyncExitStack, _: Relay) -> None:
    http = HttpSettings(
        prefix=settings.api_prefix,
        token_path=settings.token_path,
        body_max_bytes=settings.body_max_bytes,
        batch_body_max_bytes=settings.batch_body_max_bytes,
        token_lifetime_s=settings.token_lifetime_s,
        callback_https_only=settings.callback_https_only,
        correlation_required=settings.correlation_required,
        date_tolerance_s=settings.date_tolerance_s,
        poll_limit=settings.poll_limit,
        user_credentials_encrypted_only=settings.user_credentials_encrypted_only,
    )
    seal, key = seal_of(settings), signer_of(settings)
    books = Books(hub.store.days, hub.store.ledger, key)
    app = build(hub.door, hub.store, http, hub.store.batches, seal=seal, jwks=key.jwks, books=books)
    hub.api_url = await _serve(stack, [], settings.host, settings.port, app)
    if settings.operator_port is not None:
        operators = OperatorSettings(
            token_lifetime_s=settings.operator_token_lifetime_s, file_max_bytes=settings.operator_file_max_bytes
        )
        site = operators_site(
            hub.door, hub.store, signer_of(settings), operators, read_scheme=scheme_in, bank_keys=bank_keys
        )
        hub.operator_url = await _serve(stack, [], settings.operator_host, settings.operator_port, site)


async def _serve(
    stack: AsyncExitStack,
    routes: Sequence[web.AbstractRouteDef],
    host: str,
    port: int,
    app: web.Application | None = None,
) -> str:
    site = web.Application() if app is None else app
    site.add_routes(routes)
    if headed not in site.on_response_prepare:
        site.on_response_prepare.append(headed)
    runner = web.AppRunner(site, access_log=None, handle_signals=False, shutdown_timeout=5)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    await web.TCPSite(runner, host, port, backlog=1024).start()
    found = runner.addresses[0]
    return f"http://{found[0]}:{found[1]}"


def _keep(stack: AsyncExitStack, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Keep something running until the process ends; if it fails, the process must not go on without it."""
    task = asyncio.create_task(work())
    main = asyncio.current_task()

    def ended(done: asyncio.Task[None]) -> None:
        if not done.cancelled() and done.exception() is not None:
            _log.error("part.failed", error=repr(done.exception()))
            if main is not None:
                main.cancel()

    task.add_done_callback(ended)
    stack.callback(task.cancel)


async def _watch_scheme(hub: Running) -> None:
    """Declare the queues of connections that a newly applied scheme brings."""
    while True:
        await asyncio.sleep(LOOK_FOR_SCHEME_EVERY_S)
        try:
            scheme = await hub.store.scheme()
            if scheme.version != hub.scheme.version:
                await hub.bus.start(_queues(scheme))
                hub.scheme = scheme
                _log.info("scheme.changed", version=scheme.version)
        except (UnavailableError, BusError) as error:
            _log.warning("scheme.not_seen", error=str(error)[:200])


async def _started(bus: Bus, scheme: Scheme) -> None:
    """Connect and declare the topology; waits for a broker that starts beside us, with a limit."""
    for left in reversed(range(START_ATTEMPTS)):
        try:
            await bus.start(_queues(scheme))
        except BusError:
            if not left:
                raise
            await asyncio.sleep(1)
        else:
            return


def _queues(scheme: Scheme) -> list[topology.Queue]:
    return topology.queues([connection.name for connection in scheme.file.connection])
