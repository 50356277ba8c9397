"""What the scenarios do over and over: ask, wait for the end, look at the timeline."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

from hub.core.transfer import FINAL
from hub.store.read import Timeline
from hub.trial.client import Reply
from hub.trial.plays import party
from hub.trial.world import World

ENDS_WITHIN_S = 30


def request_body(payer: str, payee: str, amount: str, **more: Any) -> dict[str, Any]:
    return {"amount": amount, "currency": "KES", "debitParty": party(payer), "creditParty": party(payee), **more}


async def until(condition: Callable[[], Awaitable[bool]], within_s: float = ENDS_WITHIN_S) -> None:
    """Look again and again until the condition holds."""
    deadline = time.monotonic() + within_s
    while not await condition():
        assert time.monotonic() < deadline, "it did not come to pass in time"
        await asyncio.sleep(0.02)


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
