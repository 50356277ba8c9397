"""Who gets in where: a few things are public, and everything else asks who is calling, whether it exists or not."""

import asyncio
import re
import time
from collections.abc import Iterator
from typing import Final

import msgspec
import pytest
from aiohttp import web

from hub.flow import Door, OverloadedError
from hub.http.app import HttpSettings, build
from hub.store.contract import UnavailableError
from hub.store.memory import MemoryStore
from routing.local import LocalBus
from tests.http.front import PREFIX, Front

PUBLIC: Final = frozenset(
    {
        "/metrics",
        "/healthz",
        "/readyz",
        "/docs",
        "/.well-known/jwks.json",
        "/v1/oauth/accesstoken",
        f"{PREFIX}/openapi.json",
    }
)
STRANGER: Final = (401, "authorisation", "clientAuthorisationError")


def routes() -> Iterator[tuple[str, str]]:
    """Every method and path that the application serves, with something in each part of a path."""
    store = MemoryStore(lambda: 0)
    app = build(Door(store, LocalBus(), lambda _: None), store, HttpSettings(prefix=PREFIX))
    filling = {
        "identifierType": "msisdn",
        "identifier": "+254730333444",
        "accountId": "walletid@B-1",
        "transactionType": "transfer",
    }
    for route in app.router.routes():
        resource = route.resource
        assert resource is not None
        formatter = resource.get_info().get("formatter", "")
        names = re.findall(r"{(\w+)}", formatter)
        path = formatter.format_map(dict.fromkeys(names, "0" * 32) | filling) if formatter else resource.canonical
        yield route.method, path


ROUTES: Final = sorted(set(routes()))


def test_there_are_routes_to_try() -> None:
    assert len(ROUTES) > 20
    assert {path for _, path in ROUTES} > PUBLIC


@pytest.mark.parametrize(("method", "path"), [each for each in ROUTES if each[1] not in PUBLIC])
async def test_every_route_that_is_not_public_denies_a_stranger(front: Front, method: str, path: str) -> None:
    reply = await front.call(method, f"/{path}", "nobody")
    assert reply.status == 401
    if method != "HEAD":
        assert reply.error == STRANGER


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("/metrics", b"hub_http_seconds"),
        ("/healthz", b"alive"),
        ("/readyz", b"ready"),
        ("/.well-known/jwks.json", b'{"keys":['),
        ("/docs", f"{PREFIX}/openapi.json".encode()),
        (f"{PREFIX}/openapi.json", b'"openapi":"3.1.0"'),
    ],
)
async def test_what_is_public_needs_no_credentials(front: Front, path: str, says: bytes) -> None:
    reply = await front.call("GET", f"/{path}", "nobody")
    assert reply.status == 200
    assert says in reply.raw


@pytest.mark.parametrize("who", ["alpha", "basic and key", "token and key"])
async def test_who_proves_who_it_is_gets_in(front: Front, who: str) -> None:
    reply = await front.call("GET", "/heartbeat", who)
    assert (reply.status, reply.body) == (200, {"serviceStatus": "available"})
    assert (await front.submit(who)).status == 202


async def test_a_token_is_given_for_an_hour_and_kept_by_nobody(front: Front) -> None:
    reply = await front.token(front.proofs["basic alone"]["Authorization"])
    assert reply.status == 200
    assert reply.headers["Cache-Control"] == "no-store"
    assert (reply.body["token_type"], reply.body["expires_in"]) == ("Bearer", 3_600)
    assert len(reply.body["access_token"]) >= 43, "256 bits"
    again = await front.token(front.proofs["basic alone"]["Authorization"])
    assert again.body["access_token"] != reply.body["access_token"]


async def test_a_credential_that_is_switched_off_is_forgotten_within_seconds(
    front: Front, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (await front.call("GET", "/heartbeat", "bravo")).status == 200
    known = await front.store.credential("bravo")
    assert known is not None
    await front.store.save_credential(msgspec.structs.replace(known, enabled=False))
    real = time.monotonic
    monkeypatch.setattr("hub.http.auth.time.monotonic", lambda: real() + 10.1)
    assert (await front.call("GET", "/heartbeat", "bravo")).error == STRANGER
    assert (await front.token(front.proofs["bravo"]["Authorization"])).status == 401


async def test_a_token_of_somebody_else_is_of_no_use_with_an_own_key(front: Front) -> None:
    headers = {"X-API-Key": front.proofs["key alone"]["X-API-Key"]}
    assert (await front.call("GET", "/heartbeat", "bravo", headers=headers)).error == STRANGER


@pytest.mark.parametrize("trouble", [UnavailableError("gone"), OverloadedError("full")], ids=["database", "overload"])
async def test_what_passes_is_said_as_503_with_a_time_to_try_again(front: Front, trouble: Exception) -> None:
    async def broken(_: object) -> None:
        raise trouble

    front.door.handle = broken  # type: ignore[method-assign,assignment] # stands for a database that is away
    reply = await front.submit()
    assert reply.error == (503, "serviceUnavailable", "genericError")
    assert reply.headers["Retry-After"] == "2"


async def test_what_nobody_foresaw_is_500_and_tells_nothing(front: Front) -> None:
    def broken() -> None:
        raise LookupError("secret detail")

    front.store.break_before_commit = broken
    reply = await front.submit()
    assert reply.error == (500, "internal", "genericError")
    assert b"secret detail" not in reply.raw
    assert (front.store.journals, front.store.transfers, front.store.requests) == ([], {}, {})


async def test_a_hub_without_its_database_lives_but_is_not_ready() -> None:
    class Gone(MemoryStore):
        async def alive(self) -> bool:
            return False

    store = Gone(lambda: 0)
    app = build(Door(store, LocalBus(), lambda _: None), store, HttpSettings())
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    answers = {}
    for path in ("/healthz", "/readyz"):
        reader, writer = await asyncio.open_connection(host, port)
        writer.write(f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        answers[path] = (await reader.read()).split()[1]
        writer.close()
        await writer.wait_closed()
    await runner.cleanup()
    assert answers == {"/healthz": b"200", "/readyz": b"503"}
