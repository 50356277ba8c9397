"""The demo: transfers of every outcome through real servers, at home and abroad, watched; a day settled; then audited.

It succeeds only if every transfer ends as its play says, every step of the day comes out as it must, the books agree in
every currency, and the providers moved exactly what the hub thinks they moved.
"""

import asyncio
import time
import uuid
from pathlib import Path

from rich.console import Console
from rich.live import Live
from rich.text import Text

from hub.settings import Settings
from hub.store.audit import run_audit
from hub.trial.abroad import play_abroad
from hub.trial.client import Reply
from hub.trial.day import play_day
from hub.trial.market import prefund
from hub.trial.playing import WITHIN_S, Shown, table, watched
from hub.trial.plays import PLAYS, Play, body
from hub.trial.reckoning import differences
from hub.trial.show import audit_report
from hub.trial.timeline import case_table, timeline
from hub.trial.world import World, world

TITLE = "transfer at home"
IN_FULL = ("called back with a wrong amount", "refused after the conversion")


async def demonstrate(console: Console) -> bool:
    """Run the demo; returns whether everything came out as it must."""
    began = time.monotonic()
    starting = ": starting PostgreSQL, the hub, simulated wallet providers, banks and an FX provider ..."
    console.print(Text.assemble(("Makutano", "bold"), starting))
    async with world(Path(Settings().var), keep=False) as stage:
        console.print(f"ready after {time.monotonic() - began:.1f} s; the hub is at {stage.hub.api_url}")
        await prefund(stage)
        console.print(Text("\nAt home: one country, one currency\n", style="bold"))
        shown = await _play_at_home(stage, console)
        console.print(Text("\nAbroad: three countries, two FX providers\n", style="bold"))
        shown += await play_abroad(stage, console)
        console.print(Text("\nA settlement day: from positions to money in banks\n", style="bold"))
        day = await play_day(stage, console, shown)
        called_back = sum(not each.reply.error for each in shown)
        await stage.sink.until(lambda: stage.sink.count >= called_back, WITHIN_S)
        report = await asyncio.to_thread(run_audit, stage.database)
        accounts = await stage.hub.store.accounts()
        for each in shown:
            if each.name in IN_FULL and each.found is not None:
                console.print(Text(f"\none of them in full, {each.name}:", style="bold"))
                console.print(timeline(each.found, accounts))
        console.print(case_table(await stage.hub.store.open_cases(20)), audit_report(report))
        transfers = [*(each.found.transfer for each in shown if each.found is not None), *day.transfers]
        wrong = [f"{each.name}: {each.end or 'it has not ended'}" for each in shown if not each.right]
        faults = differences(stage.simulator, transfers)
    wrong += day.wrong
    for name in wrong:
        console.print(Text.assemble(("did not end as it must:", "red"), f" {name}"))
    for line in faults:
        console.print(Text.assemble(("a provider's books differ:", "red"), f" {line}"))
    good = not (wrong or faults or report.findings)
    if good:
        console.print("every provider's own books say the same as the hub's, in every currency")
    verdict = ("everything ended as it must", "bold green") if good else ("the demo FAILED", "bold red")
    took = f" in {time.monotonic() - began:.1f} s. Try it yourself: ./makutano run"
    console.print(Text.assemble("\n", verdict, took))
    return good


async def _play_at_home(stage: World, console: Console) -> list[Shown]:
    shown: list[Shown] = []
    correlation = str(uuid.uuid4())
    with Live(console=console, refresh_per_second=8) as live:
        for play in PLAYS:
            if play.kind == "reversal":
                await watched(stage.hub.store, shown, live, TITLE, lambda: bool(shown[0].end))
            twin = play in (PLAYS[0], next(each for each in PLAYS if each.name == "the same request twice"))
            reply = await _ask(stage, play, shown, correlation if twin else "")
            amount = f"{play.amount} KES"
            shown.append(Shown(name=play.name, caller=play.caller, amount=amount, ends=play.ends, reply=reply))
            live.update(table(shown, TITLE))
        await watched(stage.hub.store, shown, live, TITLE, lambda: all(each.end for each in shown))
    return shown


async def _ask(stage: World, play: Play, shown: list[Shown], correlation: str) -> Reply:
    client = stage.clients[play.caller]
    if play.kind == "reversal":
        return await client.post(f"/transactions/{shown[0].reply.reference}/reversals", body(play))
    return await client.submit(play.kind, body(play), correlation=correlation)
