"""One pool of connections to PostgreSQL, and what it means when it fails; it knows no statement of its own."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import psycopg
from psycopg import AsyncConnection
from psycopg.rows import TupleRow
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from hub.store.contract import UnavailableError

Connection = AsyncConnection[TupleRow]

# How it shows that the database cannot be reached, or broke off.
LOST: Final = (psycopg.OperationalError, psycopg.InterfaceError, PoolTimeout)


class Pooled:
    """What works on a pool, each call in a database transaction of its own."""

    def __init__(self, pool: AsyncConnectionPool[Connection]) -> None:
        """Use this pool."""
        self._pool = pool

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[Connection]:
        """Lend a connection; raises UnavailableError."""
        try:
            async with self._pool.connection() as connection:
                yield connection
        except LOST as error:
            raise UnavailableError(str(error)) from error

    async def _rows(self, statement: str, *parameters: Any) -> list[Any]:
        async with self._connected() as connection:
            return await (await connection.execute(statement, parameters)).fetchall()

    async def _run(self, statement: str, *parameters: Any) -> int:
        async with self._connected() as connection:
            return (await connection.execute(statement, parameters)).rowcount
