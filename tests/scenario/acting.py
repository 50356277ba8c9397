"""What the scenarios do over and over: ask, wait for the end, look at the timeline."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import msgspec

from hub.core.transfer import FINAL
from hub.store.read import Timeline
from hub.trial.client import Client, Reply
from hub.trial.plays import party
from hub.trial.world import World

ENDS_WITHIN_S = 30


def request_body(payer: str, payee: str, amount: str, **more: Any) -> dict[str, Any]:
    return {"amount": amount, "currency": "KES", "debitParty": party(payer), "creditParty": party(payee), **more}


async def until(
    condition: Callable[[], Awaitable[bool]], within_s: float = ENDS_WITHIN_S, every_s: float = 0.02
) -> None:
    """Look again and again until the condition holds."""
    deadline = time.monotonic() + within_s
    while not await condition():
        assert time.monotonic() < deadline, "it did not come to pass in time"
        await asyncio.sleep(every_s)


async def timeline(stage: World, reply: Reply) -> Timeline:
    found = await stage.hub.store.timeline(reply.reference)
    assert found is not None, reply.body
    return found


async def ended(stage: World, reply: Reply) -> Timeline:
    """Wait for the end of a transfer."""
    assert reply.status == 202, reply.body

    async def is_final() -> bool:
        return (await timeline(stage, reply)).transfer.state in FINAL

    await until(is_final)
    return await timeline(stage, reply)


def events(found: Timeline) -> list[str]:
    return [str(each.event) for each in found.transitions]


async def result(stage: World, reply: Reply) -> dict[str, Any]:
    """Wait for the callback of an accepted write, and return what it says."""
    assert reply.status == 202, reply.body
    assert reply.body["status"] == "pending"
    await stage.sink.until(lambda: reply.correlation in stage.sink.deliveries, ENDS_WITHIN_S)
    found: dict[str, Any] = msgspec.json.decode(stage.sink.deliveries[reply.correlation][0].body)
    return found


async def failure(stage: World, reply: Reply) -> str:
    """Wait for the callback of a write that fails, and return its category and code."""
    found = await result(stage, reply)
    return f"{found['errorCategory']}/{found['errorCode']}"


async def polled(client: Client, reply: Reply) -> dict[str, Any]:
    """Poll an accepted write until it has ended."""
    assert reply.status == 202, reply.body
    state: dict[str, Any] = {}

    async def is_over() -> bool:
        nonlocal state
        state = (await client.get(f"/requeststates/{reply.body['serverCorrelationId']}")).body
        return bool(state["status"] != "pending")

    await until(is_over, every_s=0.4)  # the hub answers so many polls of a request and no more
    return state


async def control(stage: World, provider: str, what: str, body: Any, method: str = "POST") -> None:
    """Script a simulated provider, as a person at its counter would."""
    there = next(each.base_url for each in stage.hub.scheme.file.connection if each.participant == provider)
    where = f"{there}/_control/{what}"
    async with aiohttp.ClientSession() as session, session.request(method, where, json=body) as response:
        assert response.status == 200, await response.text()
