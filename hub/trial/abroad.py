"""The demo's second act: rates, quotations, transfers to other countries; it asks as participants' software asks."""

import asyncio
import time
from typing import Any, Final

import msgspec
from rich.console import Console
from rich.live import Live
from rich.text import Text

from hub.core.instrument import Instrument
from hub.core.office.ruling import Rule
from hub.core.transfer import FINAL, State
from hub.trial.client import Reply
from hub.trial.crossings import (
    AGAIN,
    BACK,
    BANK,
    COUNTRIES,
    CROSSINGS,
    EXPIRED,
    FIRST,
    FIXED,
    REVERSAL,
    REVIEWED,
    Crossing,
    crossing_body,
    quotation_body,
)
from hub.trial.explain import asked_for, left_out
from hub.trial.market import publish
from hub.trial.playing import Shown, table, until, watched
from hub.trial.prefunding import MAKER, by_two
from hub.trial.prices import position_table, quote_table, rate_table
from hub.trial.world import World
from routing.message import Resource, Verdict
from routing.money import Money

TITLE: Final = "transfer abroad"
JUMP: Final = ("UGX", "KES", "0.0391")  # 13 percent above the last one
SHORT_S: Final = 2
SHOWN: Final = (FIRST, FIXED, BACK)  # the quotations that are shown


class Quoted(msgspec.Struct, kw_only=True):
    """A quotation, and what was left out of it."""

    instrument: Instrument
    left_out: list[str]


async def play_abroad(stage: World, console: Console) -> list[Shown]:
    """Play the second act; returns how everything ended."""
    await publish(stage)
    await publish(stage, ("KES", "USD", "0.00775"), valid_s=SHORT_S)
    expiring = await _quotation(stage, EXPIRED)
    await publish(stage, ("KES", "USD", "0.00775"), JUMP)
    console.print(rate_table(stage.hub.scheme, await stage.hub.store.market(), _now_ms()))
    asked = [each for each in CROSSINGS if not each.least]
    quoted = dict(zip(asked, await asyncio.gather(*(_quotation(stage, each) for each in asked)), strict=True))
    for each in SHOWN:
        found = quoted[each]
        console.print(Text(f"\n{asked_for(found.instrument)}", style="bold"))
        console.print(quote_table(found.instrument.quotes, found.left_out, _now_ms()))
    shown: list[Shown] = []
    with Live(console=console, refresh_per_second=8) as live:
        for each in CROSSINGS:
            shown.append(await _sent(stage, each, quoted.get(each)))
            live.update(table(shown, TITLE))
        shown.append(await _sent(stage, AGAIN, quoted[FIRST]))
        await _released(stage, _of(shown, REVIEWED))
        await watched(stage.hub.store, shown, live, TITLE, lambda: bool(_of(shown, BANK).end))
        shown.append(await _reversed(stage, _of(shown, BANK)))
        await watched(stage.hub.store, shown, live, TITLE, lambda: _is_over(expiring))
        shown.append(await _sent(stage, EXPIRED, expiring))
        await watched(stage.hub.store, shown, live, TITLE, lambda: all(each.end for each in shown))
    console.print("\n", position_table(await stage.hub.store.accounts(), stage.hub.scheme.fx_providers))
    return shown


def _of(shown: list[Shown], crossing: Crossing) -> Shown:
    return next(each for each in shown if each.name == crossing.name)


async def _quotation(stage: World, crossing: Crossing) -> Quoted:
    """Ask for a quotation and wait for it; raises RuntimeError when there is none, as no play is without."""
    asked = quotation_body(crossing.payer, crossing.payee, crossing.amount, crossing.currency, receive=crossing.receive)
    reply = await stage.clients[crossing.caller].post("/quotations", asked)
    store = stage.hub.store

    async def is_final() -> bool:
        found = await store.transfer(reply.reference)
        return found is not None and found.state in FINAL

    if reply.reference and await until(is_final):
        kept = await store.instruments(Resource.QUOTATION, reply.reference)
        found = await store.timeline(reply.reference)
        if kept and kept[0].quotes and found is not None:
            return Quoted(instrument=kept[0], left_out=left_out(found.transitions[0].detail))
    raise RuntimeError(f"no quotation for {crossing.name!r}: {reply.error or reply.reference}")


async def _sent(stage: World, crossing: Crossing, quoted: Quoted | None) -> Shown:
    """Send what was quoted, or what is to be priced now."""
    money, named = Money.parse(crossing.amount, crossing.currency), {}
    if quoted is not None:
        quotes = quoted.instrument.quotes
        chosen = next(each for each in quotes if crossing.seller in ("", *each.price.providers))
        money, named = chosen.price.sent, {"quotation": quoted.instrument.reference, "quote": chosen.id}
    origin = COUNTRIES[crossing.caller]
    body: dict[str, Any] = crossing_body(
        crossing.payer, crossing.payee, str(money), money.currency, origin=origin, **named
    )
    if crossing.least:
        body["customData"] = [{"key": "receivingAmountMin", "value": crossing.least}]
    if not crossing.known:
        del body["senderKyc"]
    reply = await stage.clients[crossing.caller].submit("inttransfer", body)
    return _shown(crossing, f"{money} {money.currency}", reply)


async def _reversed(stage: World, original: Shown) -> Shown:
    """Have the payee's side take a transfer back: what arrived returns, at the rate of then; fees do not."""
    reply = await stage.clients[REVERSAL.caller].post(
        f"/transactions/{original.reply.reference}/reversals", {"type": "reversal"}
    )
    return _shown(REVERSAL, original.amount, reply)


async def _released(stage: World, shown: Shown) -> None:
    """Have two operators look at what was flagged, and let it go on."""
    found = await stage.hub.store.timeline(shown.reply.reference)
    if found is None or found.transfer.state is not State.IN_REVIEW:
        return
    seen = found.transfer
    rule = Rule(by=MAKER, transfer=seen.id, state=seen.state, verdict=Verdict.ACCEPTED, why="papers seen")
    await by_two(stage.hub.door, rule)


def _shown(crossing: Crossing, amount: str, reply: Reply) -> Shown:
    return Shown(
        name=crossing.name,
        caller=crossing.caller,
        amount=amount,
        ends=crossing.ends,
        through=frozenset(crossing.through),
        reply=reply,
    )


def _is_over(quoted: Quoted) -> bool:
    ends = [each.price.expires_ms or 0 for each in quoted.instrument.quotes]
    return _now_ms() > max(ends)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
