"""The scheme, at most a second old: for questions, words and addresses; it must never decide on money.

Whatever moves money reads the scheme in its own batch. Everybody else would ask the database once for every request
and every callback; here one reads for all who want it within the same second.
"""

import asyncio
import time
from typing import Final

from hub.core.participant import Scheme
from hub.store.read import Reader

FOR_S: Final = 1.0


class RecentScheme:
    """The scheme of a store, read again when a second has passed and somebody asks."""

    def __init__(self, store: Reader) -> None:
        """Nothing is read before somebody asks."""
        self._store = store
        self._reading = asyncio.Lock()
        self._found: tuple[Scheme, float] | None = None

    async def get(self) -> Scheme:
        """Return the scheme; raises SchemeError or UnavailableError."""
        found = self._fresh()
        if found is None:
            async with self._reading:
                found = self._fresh()
                if found is None:
                    found = await self._store.scheme()
                    self._found = (found, time.monotonic() + FOR_S)
        return found

    def _fresh(self) -> Scheme | None:
        return None if self._found is None or self._found[1] < time.monotonic() else self._found[0]
