"""Opening the store: which database a process has, brought up to date first; it must import no HTTP, no broker.

It is all that most commands need, and so they start at once.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import psycopg

from hub.core.command import Publish, Result
from hub.core.record import Deed
from hub.flow import Door
from hub.lab.postgres import PrivatePostgres
from hub.roles.operators import stranger
from hub.settings import Settings
from hub.store.migrate import upgrade
from hub.store.sql import SqlStore
from routing.local import LocalBus

DATABASE: Final = "makutano"


@asynccontextmanager
async def database(settings: Settings) -> AsyncIterator[str]:
    """Give the URL of a migrated database: the configured one, or a private one that runs as long as we do."""
    if settings.database_url is not None:
        url = settings.database_url.get_secret_value()
        await asyncio.to_thread(upgrade, url)
        yield url
        return
    server = PrivatePostgres(settings.var / "postgres")
    await asyncio.to_thread(server.start)
    try:
        with contextlib.suppress(psycopg.errors.DuplicateDatabase):
            await asyncio.to_thread(server.create_database, DATABASE)
        url = server.url_of(DATABASE)
        await asyncio.to_thread(upgrade, url)
        yield url
    finally:
        await asyncio.to_thread(server.stop)


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[SqlStore]:
    """Open the store alone, for commands that need no bus."""
    async with database(settings) as url:
        store = SqlStore(url)
        await store.open()
        try:
            yield store
        finally:
            await store.close()


async def carry_out(settings: Settings, command: Publish | Deed) -> Result:
    """Carry out one operator's command by the one door, without a bus: the workers' sweep sends what it says.

    None of them is a submission, so no list has to be read to screen it.
    """
    async with opened(settings) as store:
        if isinstance(command, Deed) and (refused := await stranger(store.records, command)) is not None:
            return refused
        return await Door(store, LocalBus(), lambda _: None).handle(command)
