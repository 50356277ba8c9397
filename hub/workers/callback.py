"""Callbacks and notices: what participants are told by PUT; retried with backoff, kept when undeliverable, never lost.

The host was checked against the participant's allow-list: of a callback when the transfer was accepted, of a notice
when the scheme was applied. Redirects are not followed and answers are not read, so a callback cannot be used to reach
anything else. Notices are always signed, for nobody asked for them; callbacks where the hub is set up to.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Final
from uuid import UUID

import aiohttp
import msgspec
import structlog
from prometheus_client import Counter

from hub.core.change import CALLBACKS, Advice, Letter, Notice, Outgoing
from hub.core.participant import Scheme
from hub.core.stamp import stamp
from hub.store.contract import OutboxKey, Store, UnavailableError
from hub.store.recent import RecentScheme
from hub.workers.relay import Relay
from hub.workers.signing import Signer

TIMEOUT_S: Final = 10
AT_ONCE_MAX: Final = 128
ATTEMPTS_MAX: Final = 12
FIRST_WAIT_MS: Final = 5_000
LONGEST_WAIT_MS: Final = 3_600_000

_CALLBACKS: Final = Counter("hub_callbacks", "Callbacks by what became of them.", ["result"])

_log: Final = structlog.get_logger("callback")
_message: Final = msgspec.json.Decoder(Notice | Letter | Advice).decode

# From what has ended to the words in which it is told, and where.
Write = Callable[[Notice, Scheme], Letter]


class CallbackSender:
    """Sends callbacks and settles them in the outbox."""

    def __init__(
        self,
        store: Store,
        relay: Relay,
        write: Write,
        signer: Signer,
        *,
        sign_callbacks: bool = False,
    ) -> None:
        """Settle through this relay; sign notices, and callbacks where they are wanted signed."""
        self._store = store
        self._scheme = RecentScheme(store)
        self._relay = relay
        self._write = write
        self._signer = signer
        self._sign_callbacks = sign_callbacks
        self._slots = asyncio.Semaphore(AT_ONCE_MAX)
        self._under_way: set[OutboxKey] = set()
        self._session: aiohttp.ClientSession | None = None

    async def start(self) -> None:
        """Open the connections."""
        self._session = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=TIMEOUT_S),
            connector=aiohttp.TCPConnector(limit=AT_ONCE_MAX, keepalive_timeout=60),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"User-Agent": "makutano"},
        )

    async def close(self) -> None:
        """Close the connections; what was under way is sent again by the sweep."""
        if self._session is not None:
            await self._session.close()

    async def send(self, message: Outgoing, attempts: int) -> None:
        """Send one callback once, unless it is under way here already."""
        key = message.key
        if key in self._under_way:
            return
        self._under_way.add(key)
        try:
            async with self._slots:
                signed = self._sign_callbacks or message.queue != CALLBACKS
                status, wrong = await self._put(await self._letter(message), signed=signed)
            await self._settle(key, status, wrong, attempts)
        except UnavailableError:
            return  # it stays in the outbox as it is
        finally:
            self._under_way.discard(key)

    async def _letter(self, message: Outgoing) -> Letter:
        said = _message(message.body)
        if isinstance(said, Letter):
            return said
        scheme = await self._scheme.get()
        return _advised(message, said, scheme) if isinstance(said, Advice) else self._write(said, scheme)

    async def _put(self, letter: Letter, *, signed: bool) -> tuple[int, str]:
        body = bytes(letter.body)
        headers = {
            "Content-Type": "application/json",
            "X-Date": stamp(int(time.time() * 1000)),
            **letter.headers,
        }
        if letter.correlation:
            headers["X-CorrelationID"] = letter.correlation
        if signed:  # anew at every attempt, so that the time in it is the time it was sent
            now_s = int(time.time())
            headers |= self._signer.headers(letter.url, body, correlation=letter.correlation, now_s=now_s)
        if self._session is None:
            raise RuntimeError("the callback sender was not started")
        try:
            async with self._session.put(letter.url, data=body, headers=headers, allow_redirects=False) as response:
                return response.status, f"status {response.status}"
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            return 0, type(error).__name__

    async def _settle(self, key: OutboxKey, status: int, wrong: str, attempts: int) -> None:
        if 200 <= status < 300:
            _CALLBACKS.labels("delivered").inc()
            self._relay.forget([key])
            return
        final = 400 <= status < 500 and status not in (404, 408, 425, 429)
        if final or attempts + 1 >= ATTEMPTS_MAX:
            _CALLBACKS.labels("parked").inc()
            _log.error("callback.parked", transfer=key[0], attempts=attempts + 1, wrong=wrong)
            await self._store.park(key, wrong)
            return
        _CALLBACKS.labels("postponed").inc()
        wait_ms = min(FIRST_WAIT_MS << attempts, LONGEST_WAIT_MS)
        _log.warning("callback.postponed", transfer=key[0], attempts=attempts + 1, wrong=wrong, wait_ms=wait_ms)
        await self._store.postpone(key, wait_ms=wait_ms, note=wrong)


def _advised(message: Outgoing, advice: Advice, scheme: Scheme) -> Letter:
    """Write what a participant is told of its money in the office's books; it goes where its other notices go."""
    known = scheme.participants.get(advice.to)  # gone, or without an address by now: it is kept for an operator
    words = {"event": advice.event, "date": stamp(advice.at_ms), **advice.body}
    url, correlation = known.notify_url if known else "", str(UUID(message.transfer))
    return Letter(url=url, correlation=correlation, body=msgspec.Raw(msgspec.json.encode(words)))
