"""The demo: a dozen and more transfers of every outcome through real servers, watched, then audited.

It succeeds only if every transfer ends as its play says, the books agree, and the providers moved exactly
what the hub thinks they moved.
"""

import asyncio
import time
import uuid
from pathlib import Path
from typing import Any, Final

import msgspec
from rich import box
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from hub.core.command import Fund, Transfer
from hub.core.transfer import FINAL, State
from hub.settings import Settings
from hub.store.audit import run_audit
from hub.store.read import Timeline
from hub.trial.client import Reply
from hub.trial.plays import PLAYS, Play, body
from hub.trial.show import audit_report, coloured
from hub.trial.timeline import case_table, timeline
from hub.trial.world import PROVIDERS, World, world
from routing.money import Money

WITHIN_S: Final = 60


class Shown(msgspec.Struct, kw_only=True):
    """A play on the stage."""

    play: Play
    reply: Reply
    found: Timeline | None = None

    @property
    def end(self) -> str:
        """How it ended, or nothing while it has not."""
        if self.reply.error:
            return self.reply.error
        if self.found is None or self.found.transfer.state not in FINAL:
            return ""
        return self.found.transfer.state


async def demonstrate(console: Console) -> bool:
    """Run the demo; returns whether everything came out as it must."""
    began = time.monotonic()
    console.print("[bold]Makutano[/]: starting PostgreSQL, the hub, two wallet providers and a bank ...")
    async with world(Path(Settings().var), keep=False) as stage:
        console.print(f"ready after {time.monotonic() - began:.1f} s; the hub is at {stage.hub.api_url}\n")
        await _prefund(stage)
        shown = await _play_all(stage, console)
        report = await asyncio.to_thread(run_audit, stage.database)
        wrong = [each.play.name for each in shown if each.end != each.play.ends]
        differences = await _provider_differences(stage, shown)
        interesting = next(each for each in shown if "wrong amount" in each.play.name)
        if interesting.found is not None:
            console.print(
                Text("\none of them, in full:", style="bold"),
                timeline(interesting.found, await stage.hub.store.accounts()),
            )
        console.print(case_table(await stage.hub.store.open_cases(20)), audit_report(report))
    for name in wrong:
        console.print(f"[red]did not end as it must:[/] {name}")
    for line in differences:
        console.print(f"[red]a provider's books differ:[/] {line}")
    good = not (wrong or differences or report.findings)
    verdict = "[bold green]everything ended as it must[/]" if good else "[bold red]the demo FAILED[/]"
    console.print(f"\n{verdict} in {time.monotonic() - began:.1f} s. Try it yourself: ./makutano run")
    return good


async def keep_up(console: Console) -> None:
    """Keep the demo's world up until interrupted: a sandbox to develop against, with three lines of curl to try."""
    settings = Settings()
    ports = (settings.port, settings.callback_port, 8090)
    async with world(Path(settings.var), keep=True, ports=ports, seeded=True) as stage:
        await _prefund(stage)
        where = _write_credentials(Path(settings.var) / "sandbox.json", stage)
        api = f"{stage.hub.api_url}{settings.api_prefix}"
        console.print(f"\n[bold]Makutano[/] runs: API {api}, documentation {stage.hub.api_url}/docs, Ctrl-C ends it\n")
        for line in _lines_to_try(stage, api, settings.token_path):
            console.print(line, soft_wrap=True, markup=False, highlight=False, style="cyan")
        console.print(
            f"\n{', '.join(stage.issued)} may call; their credentials are in {where}."
            "\nWhat the providers know: config/simulator.toml; what they do with amounts: adapters/simulator/README.md."
            "\nBeside it: ./makutano transfer show REFERENCE; ./makutano audit"
        )
        await asyncio.Event().wait()


def _write_credentials(path: Path, stage: World) -> Path:
    """Keep the credentials of this run where only its owner reads them."""
    path.unlink(missing_ok=True)
    path.touch(mode=0o600)
    path.write_bytes(msgspec.json.format(msgspec.json.encode(stage.issued)) + b"\n")
    return path


def _lines_to_try(stage: World, api: str, token_path: str) -> tuple[str, str, str]:
    issued = stage.issued["baobab"]
    body_text = (
        '{"amount":"150","currency":"KES","debitParty":[{"key":"msisdn","value":"+254700000001"}],'
        '"creditParty":[{"key":"msisdn","value":"+254730000002"}]}'
    )
    token = (
        f"TOKEN=$(curl -s -u '{issued.client_id}:{issued.secret}' -d grant_type=client_credentials "
        f'{stage.hub.api_url}{token_path} | sed \'s/.*"access_token":"\\([^"]*\\)".*/\\1/\')'
    )
    pay = (
        f"curl -s -H \"Authorization: Bearer $TOKEN\" -H 'Content-Type: application/json' "
        f"-d '{body_text}' {api}/transactions/type/transfer"
    )
    view = (
        f'curl -s -H "Authorization: Bearer $TOKEN" {api}/transactions/REFERENCE '
        "  # the objectReference of the answer above"
    )
    return token, pay, view


async def _prefund(stage: World) -> None:
    await stage.hub.door.handle(
        Fund(participant="savanna", money=Money.parse("50000", "KES"), reference="demo-prefunding", by="demo")
    )


async def _play_all(stage: World, console: Console) -> list[Shown]:
    shown: list[Shown] = []
    correlation = str(uuid.uuid4())
    with Live(console=console, refresh_per_second=8) as live:
        for play in PLAYS:
            if play.kind == "reversal":
                await _until(stage, shown, live, lambda: bool(shown[0].end))
            twin = play in (PLAYS[0], next(each for each in PLAYS if each.name == "the same request twice"))
            reply = await _ask(stage, play, shown, correlation if twin else "")
            shown.append(Shown(play=play, reply=reply))
            live.update(_table(shown))
        await _until(stage, shown, live, lambda: all(each.end for each in shown))
        await stage.sink.until(lambda: stage.sink.count >= _callbacks(shown), WITHIN_S)
    return shown


async def _ask(stage: World, play: Play, shown: list[Shown], correlation: str) -> Reply:
    client = stage.clients[play.caller]
    if play.kind == "reversal":
        return await client.post(f"/transactions/{shown[0].reply.reference}/reversals", body(play))
    return await client.submit(play.kind, body(play), correlation=correlation)


async def _until(stage: World, shown: list[Shown], live: Live, done: Any) -> None:
    """Watch until `done`; the table is redrawn as transfers move on."""
    deadline = time.monotonic() + WITHIN_S
    while not done() and time.monotonic() < deadline:
        for each in shown:
            if not each.end:
                each.found = await stage.hub.store.timeline(each.reply.reference)
        live.update(_table(shown))
        await asyncio.sleep(0.1)


def _callbacks(shown: list[Shown]) -> int:
    return sum(not each.reply.error for each in shown)


def _table(shown: list[Shown]) -> Group:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in ("transfer", "asked by", "KES", "timeline (ms since it was accepted)", "end"):
        table.add_column(column, overflow="fold")
    for each in shown:
        right = each.end == each.play.ends
        end = Text(each.end or "...", style="" if each.end else "yellow")
        if each.found is not None and each.end in list(State):
            end = coloured(each.found.transfer.state)
            if each.found.transfer.reason:
                end.append(f" {each.found.transfer.reason}", style="dim")
        end.append(" ok" if right and each.end else "", style="green")
        table.add_row(each.play.name, each.play.caller, each.play.amount, _trail(each.found), end)
    ended = sum(bool(each.end) for each in shown)
    return Group(table, Text(f"{ended} of {len(PLAYS)} have ended", style="dim"))


def _trail(found: Timeline | None) -> str:
    if found is None or not found.transitions:
        return ""
    first = found.transitions[0].at_ms
    return ", ".join(f"{each.event} {each.at_ms - first}" for each in found.transitions)


async def _provider_differences(stage: World, shown: list[Shown]) -> list[str]:
    """Hold what each provider says it moved against what the hub's transfers say it must have moved."""
    expected: dict[tuple[str, str], int] = {}
    for each in shown:
        if each.found is not None:
            for fsp, operation in _moved(each.found.transfer):
                expected[fsp, operation] = expected.get((fsp, operation), 0) + each.found.transfer.minor
    lines = []
    for fsp in PROVIDERS:
        totals = stage.simulator.provider(fsp).totals()
        for side in ("credited", "debited"):
            really, due = totals[side].get("KES", 0), expected.get((fsp, side), 0)
            if really != due:
                lines.append(f"{fsp} {side} {really}, the hub says {due}")
        if totals["executed_twice"]:
            lines.append(f"{fsp} executed {totals['executed_twice']} operations twice")
    return lines


def _moved(transfer: Transfer) -> list[tuple[str, str]]:
    """List what the participants must have done for a transfer that ended so."""
    credit, debit = (transfer.payee_fsp, "credited"), (transfer.payer_fsp, "debited")
    refund = (transfer.payer_fsp, "credited")
    instructed_credit, instructed_debit = bool(transfer.payee_connection), bool(transfer.payer_connection)
    if transfer.state is State.COMMITTED:
        return [credit] * instructed_credit + [debit] * instructed_debit
    return [debit, refund] if transfer.state is State.REFUNDED else []
