"""Sends a simulated provider's callbacks over kept connections; it gives up after a few attempts, as providers do."""

import asyncio
from typing import Final, NamedTuple

import aiohttp

ATTEMPTS: Final = 4
PAUSE_S: Final = 0.2  # doubled after each attempt
TIMEOUT_S: Final = 10


class Callback(NamedTuple):
    """What is sent to the caller."""

    method: str
    headers: dict[str, str]
    body: bytes


class Callbacks:
    """The sender of one simulator process."""

    def __init__(self) -> None:
        """Count from nothing."""
        self.delivered = 0
        self.given_up = 0
        self._session: aiohttp.ClientSession | None = None
        self._sending: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        """Make the connections ready."""
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=100),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=TIMEOUT_S),
        )

    async def close(self) -> None:
        """Send nothing more; what was not delivered is lost."""
        for task in self._sending:
            task.cancel()
        await asyncio.gather(*self._sending, return_exceptions=True)
        if self._session is not None:
            await self._session.close()

    async def drained(self) -> None:
        """Wait until everything that was to be sent is delivered or given up."""
        while self._sending:
            await asyncio.gather(*self._sending)

    def send(self, url: str, callback: Callback, after_s: float) -> None:
        """Send a callback after a while."""
        task = asyncio.get_running_loop().create_task(self._later(url, callback, after_s))
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)

    async def _later(self, url: str, callback: Callback, after_s: float) -> None:
        await asyncio.sleep(after_s)
        await self.deliver(url, callback)

    async def deliver(self, url: str, callback: Callback) -> None:
        """Send a callback now, again until it is taken or refused, and give up after ATTEMPTS."""
        for attempt in range(ATTEMPTS):
            status = await self._status(url, callback)
            if status < 300:
                self.delivered += 1
                return
            if status < 500:
                break
            await asyncio.sleep(PAUSE_S * 2**attempt)
        self.given_up += 1

    async def _status(self, url: str, callback: Callback) -> int:
        if self._session is None:
            raise RuntimeError("the sender is not open")
        try:
            async with self._session.request(
                callback.method, url, data=callback.body, headers=callback.headers, allow_redirects=False
            ) as response:
                return response.status
        except (aiohttp.ClientError, TimeoutError):
            return 599
