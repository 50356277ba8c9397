"""One connection's way out: HTTP, the access token, the limits; it must never say what an answer means.

A conversation that does not come to its end says only whether anything can have reached the provider.
Nothing here repeats a request that acts, but for one 401, which is repeated with a fresh token and the same reference.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Generator, Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Final, NamedTuple, Protocol, TypeVar

import aiohttp
import msgspec
from yarl import URL

from adapters.contract import Adapter, Connection, Context, FailureClass, Manifest, Request, Response, build, installed

BODY_MAX: Final = 1 << 20  # bytes of an answer or a callback
CONNECT_WITHIN_S: Final = 5
REFRESH_BEFORE_S: Final = 30  # a token this close to its end is not used any more
_LOGIN_REFUSED: Final = frozenset({400, 401, 403})

T_ = TypeVar("T_")
Clock = Callable[[], int]


class ConversationError(Exception):
    """A conversation did not come to its end; `failure` says how much of it can have reached the provider."""

    def __init__(self, failure: FailureClass, cause: Exception | None = None) -> None:
        """Keep the class, and name the cause by its type only: its text may hold what must not be logged."""
        super().__init__(f"{failure}: {type(cause).__name__}" if cause else failure)
        self.failure = failure


class LapsedError(Exception):
    """The lease ran out before the request was sent."""


class LoginError(Exception):
    """The provider gave no access token."""

    def __init__(self, failure: FailureClass) -> None:
        """Keep whether it refused us or could not."""
        super().__init__(failure)
        self.failure = failure


class OversizedError(Exception):
    """A body is over BODY_MAX."""


class Work(NamedTuple):
    """One connection to be served: where it leads, who speaks its protocol, and how much it bears."""

    connection: Connection
    adapter: Adapter
    manifest: Manifest

    @classmethod
    def of(cls, adapter: str, connection: Connection, **limits: Any) -> "Work":
        """Build it from an installed adapter; `limits` override the manifest: timeout_s, in_flight_max, ..."""
        built = build(adapter, connection)
        return cls(connection, built, msgspec.structs.replace(installed()[adapter], **limits))

    @property
    def name(self) -> str:
        """Return the connection's name, the one of its queues."""
        return self.connection.name


class Pace:
    """Spaces what is sent evenly, `per_second` at most; it keeps no time itself."""

    def __init__(self, per_second: int) -> None:
        """Start with a turn that is free at once."""
        self._gap = 1 / per_second
        self._next = float("-inf")

    def wait_s(self, now: float) -> float:
        """Book the next turn and return how long to wait for it."""
        turn = max(now, self._next)
        self._next = turn + self._gap
        return turn - now


class Streamed(Protocol):
    """What aiohttp reads a body from."""

    def iter_any(self) -> AsyncIterator[bytes]:
        """Return the pieces as they come."""


async def read_capped(stream: Streamed) -> bytes:
    """Read a body; raises OversizedError instead of filling the memory."""
    pieces: list[bytes] = []
    size = 0
    async for piece in stream.iter_any():
        size += len(piece)
        if size > BODY_MAX:
            raise OversizedError
        pieces.append(piece)
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def lower_case(headers: Any) -> dict[str, str]:
    """Return headers the way adapters read them."""
    return {name.lower(): value for name, value in headers.items()}


def open_session() -> aiohttp.ClientSession:
    """Open the one session of a runner: certificates are always verified, and nothing is kept between requests.

    The connections are not limited here: every line limits its own conversations, and a wait inside the
    session would come after the lease was looked at.
    """
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, ttl_dns_cache=60),
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_WITHIN_S),
        headers={"Accept-Encoding": "identity", "User-Agent": "makutano"},
        middlewares=(_once,),
    )


async def _once(request: aiohttp.ClientRequest, send: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    """Keep the library from sending a PUT or DELETE again when a connection breaks: only we know whether it may be.

    It would do so after the lease was looked at, and unseen by whoever counts what was sent.
    """
    try:
        return await send(request)
    except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError):
        raise
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        if request.method == "GET":
            raise
        raise aiohttp.ClientConnectionError from error


class _Talk:
    """One conversation under way: until when it may send, and how many requests may have reached the provider."""

    __slots__ = ("lease_ends_ms", "sent")

    def __init__(self, lease_ends_ms: int | None) -> None:
        self.lease_ends_ms = lease_ends_ms
        self.sent = 0


class _Held(NamedTuple):
    """A token in use, and the loop time at which to stop using it; no value: the rail has no tokens."""

    value: str
    until: float


class Line:
    """One connection: drives the adapter's conversations."""

    def __init__(self, work: Work, session: aiohttp.ClientSession, clock: Clock) -> None:
        """Make it ready; nothing is sent yet."""
        self.name = work.name
        self.adapter = work.adapter
        self.manifest = work.manifest
        self._base = work.connection.base_url.rstrip("/")
        self._session = session
        self._clock = clock
        self._now = asyncio.get_running_loop().time
        self._pace = Pace(work.manifest.per_second_max) if work.manifest.per_second_max else None
        self._held: _Held | None = None
        self._login: asyncio.Task[_Held] | None = None

    async def converse(
        self,
        begin: Callable[[Context], Generator[Request, Response, T_]],
        *,
        callback_url: str = "",
        user: Mapping[str, str] = MappingProxyType({}),
        lease_ends_ms: int | None = None,
    ) -> T_:
        """Lead a conversation to its end within the manifest's timeout; raises ConversationError, nothing else.

        With `lease_ends_ms` no request leaves from that instant on.
        """
        talk = _Talk(lease_ends_ms)
        try:
            async with asyncio.timeout(self.manifest.timeout_s):
                return await self._led(begin(self._context(callback_url, user)), talk)
        except Exception as error:
            raise ConversationError(_failure(error, talk), error) from error

    def _context(self, callback_url: str = "", user: Mapping[str, str] = MappingProxyType({})) -> Context:
        now = datetime.fromtimestamp(self._clock() / 1000, UTC)
        return Context(now=now, callback_url=callback_url, user=dict(user))

    async def _led(self, conversation: Generator[Request, Response, T_], talk: _Talk) -> T_:
        try:
            request = next(conversation)
            while True:
                request = conversation.send(await self._send(request, talk))
        except StopIteration as end:
            result: T_ = end.value
            return result
        finally:
            conversation.close()

    async def _send(self, request: Request, talk: _Talk) -> Response:
        if not request.bearer:
            return await self._exchange(request, "", talk)
        held = await self._token()
        response = await self._exchange(request, held.value, talk)
        if response.status == 401 and held.value:
            if self._held is held:
                self._held = None
            held = await self._token()
            response = await self._exchange(request, held.value, talk)
        return response

    async def _exchange(self, request: Request, token: str, talk: _Talk) -> Response:
        if not request.path.startswith("/"):
            raise ValueError("a path begins with a slash, so that it cannot change the host")
        if self._pace is not None:
            await asyncio.sleep(self._pace.wait_s(self._now()))
        headers = {**request.headers, "Authorization": f"Bearer {token}"} if token else request.headers
        url = URL(self._base + request.path)
        if talk.lease_ends_ms is not None and self._clock() >= talk.lease_ends_ms:
            raise LapsedError
        talk.sent += 1
        try:
            async with self._session.request(
                request.method, url, data=request.body or None, headers=headers, allow_redirects=False
            ) as response:
                body = await read_capped(response.content)
                return Response(status=response.status, headers=lower_case(response.headers), body=body)
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError):
            talk.sent -= 1
            raise

    async def _token(self) -> _Held:
        """Return a token that is still good; those who wait for a new one wait for the same one."""
        held = self._held
        if held is not None and self._now() < held.until:
            return held
        if self._login is None:
            self._login = asyncio.get_running_loop().create_task(self._logged_in())
            self._login.add_done_callback(self._login_ended)
        return await asyncio.shield(self._login)

    def _login_ended(self, login: asyncio.Task[_Held]) -> None:
        self._login = None
        # Reading the exception says that it was seen, also when all who waited for the login have given up.
        if not login.cancelled() and login.exception() is None:  # noqa: LOG004 - a task's, not a logger's
            self._held = login.result()

    async def _logged_in(self) -> _Held:
        talk, asked = _Talk(None), self._now()
        statuses: list[int] = []
        conversation = self.adapter.login(self._context())
        try:
            async with asyncio.timeout(self.manifest.timeout_s):
                request = next(conversation)
                while True:
                    response = await self._exchange(request, "", talk)
                    statuses.append(response.status)
                    request = conversation.send(response)
        except StopIteration as end:
            token = end.value
        except Exception as error:
            raise LoginError(FailureClass.PROVIDER_UNAVAILABLE) from error
        if token is not None:
            margin = min(REFRESH_BEFORE_S, token.expires_in_s / 2)
            return _Held(token.value, asked + token.expires_in_s - margin)
        if not statuses:
            return _Held("", float("inf"))
        refused = statuses[-1] in _LOGIN_REFUSED
        raise LoginError(FailureClass.PARTICIPANT_CONFIG if refused else FailureClass.PROVIDER_UNAVAILABLE)


def _failure(error: Exception, talk: _Talk) -> FailureClass:
    if talk.sent:
        return FailureClass.UNCLEAR
    if isinstance(error, LapsedError):
        return FailureClass.LAPSED
    if isinstance(error, LoginError):
        return error.failure
    if isinstance(error, (TimeoutError, aiohttp.ClientConnectorError)):
        return FailureClass.PROVIDER_UNAVAILABLE
    return FailureClass.UNCLEAR
