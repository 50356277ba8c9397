"""The north side of the hub, running on loopback."""

from collections.abc import AsyncIterator

import pytest

from tests.http.front import Front, opened


@pytest.fixture
async def front() -> AsyncIterator[Front]:
    """The running application."""
    async with opened() as running:
        yield running
