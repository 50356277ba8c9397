"""The callers' side: takes the hub's callbacks and counts them; it must do nothing else, so that it can keep up."""

import asyncio
import time
from collections.abc import Callable
from typing import NamedTuple

from aiohttp import web


class Delivery(NamedTuple):
    """One callback."""

    at_ns: int  # monotonic clock
    body: bytes


class CallbackSink:
    """Remembers what is PUT to /callbacks/..., by path."""

    def __init__(self) -> None:
        """Begin empty; `app` is the web application."""
        self.deliveries: dict[str, list[Delivery]] = {}
        self.count = 0
        self._changed: asyncio.Future[None] | None = None
        self.app = web.Application()
        self.app.router.add_put("/callbacks/{name:.+}", self._take)

    @property
    def duplicates(self) -> int:
        """Count the callbacks that came to a path after its first."""
        return self.count - len(self.deliveries)

    async def until(self, condition: Callable[[], bool], within_s: float) -> None:
        """Wait until something is true of what came; raises TimeoutError."""
        async with asyncio.timeout(within_s):
            while not condition():
                if self._changed is None:
                    self._changed = asyncio.get_running_loop().create_future()
                await asyncio.shield(self._changed)

    async def _take(self, request: web.Request) -> web.Response:
        body = await request.read()
        self.deliveries.setdefault(request.match_info["name"], []).append(Delivery(time.monotonic_ns(), body))
        self.count += 1
        if self._changed is not None:
            changed, self._changed = self._changed, None
            changed.set_result(None)
        return web.Response(status=204)
