"""The two stores behind one fixture: a `House` is one database and as many hub processes on it as a test wants."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest

from hub.lab.postgres import PrivatePostgres
from tests.store.history import write_history, write_history_abroad
from tests.store.house import House


@pytest.fixture(params=["memory", "sql"])
async def house(request: pytest.FixtureRequest) -> AsyncIterator[House]:
    """A house with the scheme of `tests.store.house` in force, on each of the two stores."""
    url = request.getfixturevalue("migrated_url") if request.param == "sql" else ""
    async with House(url) as opened:
        yield opened


@pytest.fixture
async def sql_house(migrated_url: str) -> AsyncIterator[House]:
    """The same on PostgreSQL alone."""
    async with House(migrated_url) as opened:
        yield opened


@pytest.fixture(scope="module")
def history_url(postgres: PrivatePostgres, _template: str) -> Iterator[str]:
    """A database with the history of `tests.store.history`, one for all tests of a file: leave it as it is."""
    url = postgres.create_database("history", _template)
    asyncio.run(write_history(url))
    yield url
    postgres.drop_database("history")


@pytest.fixture(scope="module")
def history_abroad_url(postgres: PrivatePostgres, _template: str) -> Iterator[str]:
    """A database with the history abroad, one for all tests of a file: leave it as it is."""
    url = postgres.create_database("history_abroad", _template)
    asyncio.run(write_history_abroad(url))
    yield url
    postgres.drop_database("history_abroad")
