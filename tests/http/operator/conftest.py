"""The operators' API of one file of tests: started once, because it changes little; each file has its own database."""

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from hub.lab.postgres import PrivatePostgres
from tests.http.operator.bureau import Bureau, opened


@pytest.fixture(scope="module")
def office_url(postgres: PrivatePostgres, _template: str, _names: Iterator[str]) -> Iterator[str]:
    """The URL of a migrated database."""
    name = next(_names)
    yield postgres.create_database(name, _template)
    postgres.drop_database(name)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def bureau(office_url: str) -> AsyncIterator[Bureau]:
    """The running API."""
    async with opened(office_url) as running:
        yield running
