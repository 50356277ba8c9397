"""A house on PostgreSQL, as the tests of the stores have it."""

from collections.abc import AsyncIterator

import pytest

from tests.store.house import House


@pytest.fixture
async def sql_house(migrated_url: str) -> AsyncIterator[House]:
    """A house with the scheme of `tests.store.house` in force."""
    async with House(migrated_url) as opened:
        yield opened
