"""The load: transfers begun at a fixed rate whatever comes back, each timed from the instant it was meant to begin.

Waiting for answers before sending more would hide every stall (coordinated omission); this does not. The
callers' callbacks arrive here too, in the same process.
"""

import asyncio
import time
import uuid
from collections.abc import Callable, Sequence
from typing import Any, Final

import aiohttp
from aiohttp import web
from hdrh.histogram import HdrHistogram

from hub.trial.client import Client

SLOWEST_MS: Final = 120_000
CONNECTIONS: Final = 256


class Tally:
    """What became of every transfer that was begun."""

    def __init__(self) -> None:
        """Start from nothing."""
        self.clear()

    def clear(self) -> None:
        """Forget everything, as after a warm-up."""
        self.awaited: dict[str, asyncio.Future[bytes]] = {}  # callbacks that somebody waits for, to go on with them
        self.begun: dict[str, float] = {}  # correlation id -> when it was meant to begin
        self.accepted: dict[str, str] = {}  # correlation id -> transaction
        self.refused: dict[str, str] = {}
        self.called_back: dict[str, int] = {}
        self.failed: set[str] = set()
        self.whole = HdrHistogram(1, SLOWEST_MS * 1000, 3)  # microseconds, intended start to callback
        self.accepting = HdrHistogram(1, SLOWEST_MS * 1000, 3)  # microseconds, intended start to 202
        self.last_callback = 0.0

    def missing(self) -> list[str]:
        """List the accepted transfers whose callback has not come."""
        return [correlation for correlation in self.accepted if correlation not in self.called_back]

    def duplicated(self) -> int:
        """Count callbacks that came more than once."""
        return sum(count - 1 for count in self.called_back.values() if count > 1)


class Sink:
    """Where the callers' callbacks arrive."""

    def __init__(self, tally: Tally) -> None:
        """Count into this tally."""
        self._tally = tally

    async def take(self, request: web.Request) -> web.Response:
        """Take one callback."""
        correlation = request.match_info["correlation"]
        body = await request.read()
        tally = self._tally
        awaited = tally.awaited.pop(correlation, None)
        if awaited is not None:
            if not awaited.done():
                awaited.set_result(body)
            return web.Response(status=204)
        count = tally.called_back.get(correlation, 0)
        tally.called_back[correlation] = count + 1
        begun = tally.begun.get(correlation)
        if count == 0 and begun is not None:
            tally.last_callback = time.monotonic()
            tally.whole.record_value(max(1, int((tally.last_callback - begun) * 1e6)))
        if b'"errorCode"' in body:
            tally.failed.add(correlation)
        return web.Response(status=204)

    def app(self) -> web.Application:
        """Return the application that takes them."""
        app = web.Application()
        app.router.add_put("/callbacks/{correlation}", self.take)
        return app


Make = Callable[[int], tuple[Client, str, dict[str, Any]]]


async def offer(tally: Tally, make: Make, *, rate: int, seconds: float, begun: Callable[[int], None]) -> None:
    """Begin `rate` transfers a second for `seconds`; `make(n)` gives caller, type and body of the n-th."""
    loop_tasks: set[asyncio.Task[None]] = set()
    start, total = time.monotonic() + 0.05, int(rate * seconds)
    for n in range(total):
        meant = start + n / rate
        wait = meant - time.monotonic()
        if wait > 0.0005:
            await asyncio.sleep(wait)
        task = asyncio.create_task(begin(tally, meant, *make(n)))
        loop_tasks.add(task)
        task.add_done_callback(loop_tasks.discard)
        if n % 50 == 0:
            begun(n)
    begun(total)
    await asyncio.gather(*loop_tasks)


async def begin(tally: Tally, meant: float, client: Client, kind: str, body: dict[str, Any]) -> None:
    """Ask for one transfer, and note what was answered; it was meant to begin at `meant`."""
    correlation = str(uuid.uuid4())
    tally.begun[correlation] = meant
    try:
        reply = await client.submit(kind, body, correlation=correlation)
    except (aiohttp.ClientError, TimeoutError) as error:
        tally.refused[correlation] = type(error).__name__
        return
    tally.accepting.record_value(max(1, int((time.monotonic() - meant) * 1e6)))
    if reply.status == 202:
        tally.accepted[correlation] = reply.reference
    else:
        tally.refused[correlation] = reply.error or str(reply.status)


async def drained(tally: Tally, within_s: float, tell: Callable[[int], None]) -> None:
    """Wait until every accepted transfer has called back, or `within_s` have passed without a single one."""
    last, quiet_since = len(tally.called_back), time.monotonic()
    while tally.missing() and time.monotonic() - quiet_since < within_s:
        await asyncio.sleep(0.1)
        if len(tally.called_back) != last:
            last, quiet_since = len(tally.called_back), time.monotonic()
        tell(len(tally.missing()))


async def states(clients: Sequence[Client], tally: Tally, correlations: Sequence[str]) -> dict[str, str]:
    """Ask the hub for the state of transfers, each through any client that may see it."""
    found: dict[str, str] = {}
    for correlation in correlations:
        for client in clients:
            reply = await client.get(f"/transactions/{tally.accepted[correlation]}")
            if reply.status == 200:
                found[correlation] = str(reply.body["transactionStatus"])
                break
    return found
