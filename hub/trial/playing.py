"""Playing: what was asked on the stage is watched until it ends, and shown as it moves on; it only looks."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import msgspec
from rich.console import Group
from rich.live import Live
from rich.text import Text

from hub.core.transfer import FINAL, State
from hub.store.read import Reader, Timeline
from hub.trial.client import Reply
from hub.trial.printed import plain_table
from hub.trial.show import coloured

WITHIN_S: Final = 60
EVERY_S: Final = 0.05
_TOLD: Final = frozenset({State.IN_REVIEW, State.CONVERTING, State.CONVERTING_IN_DOUBT, State.UNWINDING})


class Shown(msgspec.Struct, kw_only=True):
    """A play on the stage."""

    name: str
    caller: str
    amount: str
    ends: str  # how it must end: a state with its reason where that matters, or an error of the request itself
    through: frozenset[State] = frozenset()  # where it must have stood on its way
    reply: Reply
    found: Timeline | None = None

    @property
    def end(self) -> str:
        """How it ended, or nothing while it has not."""
        if self.reply.error:
            return self.reply.error
        if self.found is None or self.found.transfer.state not in FINAL:
            return ""
        transfer = self.found.transfer
        return f"{transfer.state} {transfer.reason}" if " " in self.ends else transfer.state

    @property
    def right(self) -> bool:
        """Say whether it ended as it must."""
        stood = {each.next for each in self.found.transitions} if self.found is not None else set()
        return self.end == self.ends and self.through <= stood


async def until(condition: Callable[[], Awaitable[bool]], within_s: float = WITHIN_S) -> bool:
    """Look again and again; returns whether it came to pass in time."""
    deadline = time.monotonic() + within_s
    while not await condition():
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(EVERY_S)
    return True


async def watched(reader: Reader, shown: Sequence[Shown], live: Live, title: str, done: Callable[[], bool]) -> None:
    """Watch until `done`, or for so long; the table is redrawn as transfers move on."""
    deadline = time.monotonic() + WITHIN_S
    while not done() and time.monotonic() < deadline:
        for each in shown:
            if not each.end and each.reply.reference:
                each.found = await reader.timeline(each.reply.reference)
        live.update(table(shown, title))
        await asyncio.sleep(EVERY_S)


def table(shown: Sequence[Shown], title: str) -> Group:
    """Return what is on the stage, each with its timeline and its end."""
    found = plain_table("", title, "asked by", "amount", "timeline (ms since it was accepted)", "end")
    for each in shown:
        end = Text(each.end or "...", style="" if each.end else "yellow")
        if each.found is not None and not each.reply.error:
            transfer = each.found.transfer
            end = coloured(transfer.state)
            if transfer.reason:
                end.append(f" {transfer.reason}", style="dim")
        end.append(" ok" if each.right else "", style="green")
        found.add_row(each.name, each.caller, each.amount, trail(each.found), end)
    ended = sum(bool(each.end) for each in shown)
    return Group(found, Text(f"{ended} of {len(shown)} have ended", style="dim"))


def trail(found: Timeline | None) -> str:
    """Return the steps of a transfer in one line; of one that is converted, where it stood."""
    if found is None or not found.transitions:
        return ""
    first = found.transitions[0].at_ms
    steps = []
    for each in found.transitions:
        where = f" ({str(each.next).replace('_', ' ')})" if each.next in _TOLD else ""
        steps.append(f"{each.event}{where} {each.at_ms - first}")
    return ", ".join(steps)
