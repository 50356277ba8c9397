"""What the tests of the simulator share: a process full of providers, and how to speak to them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import aiohttp
import msgspec
from aiohttp.test_utils import TestServer

from adapters.simulator.app import Simulator
from adapters.simulator.provider import Settings
from adapters.simulator.sink import CallbackSink

PAYEE = "+254700111222"
DROPPED = "dropped"


class World(NamedTuple):
    simulator: Simulator
    sink: CallbackSink
    client: aiohttp.ClientSession
    callbacks_at: str


class Said(NamedTuple):
    status: int | str
    body: Any


@asynccontextmanager
async def serving() -> AsyncIterator[World]:
    """Serve providers of every kind, and a sink for what they call back."""
    simulator = Simulator(
        [
            Settings(name="alpha", dialect="gsma", late_s=0.01),
            Settings(name="patient", dialect="gsma", late_s=3600),
            Settings(name="prompt", dialect="gsma", sync=True, late_s=0.01),
            Settings(name="bank", dialect="iso20022", late_s=0.01),
            Settings(name="instant", dialect="iso20022", sync=True, late_s=0.01),
        ]
    )
    sink = CallbackSink()
    async with (
        TestServer(simulator.app) as provider,
        TestServer(sink.app) as caller,
        aiohttp.ClientSession(base_url=provider.make_url("/")) as client,
    ):
        yield World(simulator, sink, client, str(caller.make_url("/callbacks/")))


def basic(secret: str) -> dict[str, str]:
    return {"Authorization": aiohttp.encode_basic_auth("makutano", secret)}


async def token(client: aiohttp.ClientSession, name: str) -> dict[str, str]:
    async with client.post(f"{name}/v1/oauth/accesstoken", headers=basic("demo")) as response:
        return {"Authorization": f"Bearer {(await response.json())['access_token']}"}


async def said(client: aiohttp.ClientSession, method: str, path: str, **rest: Any) -> Said:
    try:
        async with client.request(method, path, **rest) as response:
            body = await response.read()
    except aiohttp.ServerDisconnectedError:
        return Said(DROPPED, None)
    try:
        return Said(response.status, msgspec.json.decode(body))
    except msgspec.DecodeError:
        return Said(response.status, body)


async def posted(world: World, name: str, amount: str, reference: str, /, **more: Any) -> Said:
    headers = {
        **await token(world.client, name),
        "X-CorrelationID": reference,
        "X-Callback-URL": world.callbacks_at + reference,
    }
    body = {"amount": amount, "currency": "KES", "creditParty": [{"key": "msisdn", "value": PAYEE}], **more}
    return await said(world.client, "POST", f"{name}/transactions/type/transfer", headers=headers, json=body)


async def got(world: World, path: str) -> Said:
    name = path.partition("/")[0]
    return await said(world.client, "GET", path, headers=await token(world.client, name))


async def found(world: World, name: str, reference: str) -> Any:
    """Ask what became of a reference the way a GSMA client does: the response's link, then the link."""
    response = await got(world, f"{name}/responses/{reference}")
    if response.status == 404:
        return "absent"
    body = (await got(world, name + response.body["link"])).body
    return body.get("transactionStatus") or body["errorCode"]


async def heard(world: World, reference: str) -> list[Any]:
    await world.simulator.callbacks.drained()
    return [msgspec.json.decode(each.body) for each in world.sink.deliveries.get(reference, [])]
