"""The sandbox: the demo's world kept up to develop against, with lines of curl to try; its credentials stay with us."""

import asyncio
from pathlib import Path
from typing import Any, Final

import msgspec
from rich.console import Console

from hub.settings import Settings
from hub.trial.crossings import NILE, crossing_body, quotation_body
from hub.trial.market import prefund, publish
from hub.trial.plays import BAOBAB, SAVANNA, party
from hub.trial.world import World, world

SIMULATOR_PORT: Final = 8090


async def keep_up(console: Console) -> None:
    """Keep the demo's world up until interrupted."""
    settings = Settings()
    ports = (settings.port, settings.callback_port, SIMULATOR_PORT)
    async with world(Path(settings.var), keep=True, ports=ports, seeded=True) as stage:
        await prefund(stage)
        await publish(stage)
        where = _write_credentials(Path(settings.var) / "sandbox.json", stage)
        api = f"{stage.hub.api_url}{settings.api_prefix}"
        console.print(f"\n[bold]Makutano[/] runs: API {api}, documentation {stage.hub.api_url}/docs, Ctrl-C ends it\n")
        for about, line in lines_to_try(stage, api, settings.token_path):
            console.print(f"# {about}", soft_wrap=True, markup=False, highlight=False, style="dim")
            console.print(line, soft_wrap=True, markup=False, highlight=False, style="cyan")
        console.print(
            f"\n{', '.join(stage.issued)} may call; their credentials are in {where}."
            "\nWhat the providers know: config/simulator.toml; what they do with amounts: adapters/simulator/README.md."
            "\nBeside it: ./makutano transfer show REFERENCE; ./makutano explain REFERENCE; ./makutano rates;"
            " ./makutano audit"
        )
        await asyncio.Event().wait()


def _write_credentials(path: Path, stage: World) -> Path:
    """Keep the credentials of this run where only its owner reads them."""
    path.unlink(missing_ok=True)
    path.touch(mode=0o600)
    path.write_bytes(msgspec.json.format(msgspec.json.encode(stage.issued)) + b"\n")
    return path


def lines_to_try(stage: World, api: str, token_path: str) -> list[tuple[str, str]]:
    """Return lines of a shell, each with what it does: at home, then abroad; pasted as they are, they work."""
    issued = stage.issued["baobab"]
    token = (
        f"TOKEN=$(curl -s -u '{issued.client_id}:{issued.secret}' -d grant_type=client_credentials "
        f"{stage.hub.api_url}{token_path} | {_picked('access_token')})"
    )
    home = {"amount": "150", "currency": "KES", "debitParty": party(BAOBAB), "creditParty": party(SAVANNA)}
    asked = quotation_body(BAOBAB, NILE, "10000", "KES")
    # By the quotation alone: of its quotes the first is taken, which is the best.
    abroad = crossing_body(BAOBAB, NILE, "10000", "KES", quotation="$QUOTATION")
    return [
        ("a token", token),
        ("a transfer at home", _kept("HOME", _posted(home, f"{api}/transactions/type/transfer"))),
        ("how it ended", _got(f"{api}/transactions/$HOME")),
        ("a quotation: what 10,000 KES come to in Uganda", _kept("QUOTATION", _posted(asked, f"{api}/quotations"))),
        ("the quotes, the best first", _got(f"{api}/quotations/$QUOTATION")),
        ("the international transfer", _kept("ABROAD", _posted(abroad, f"{api}/transactions/type/inttransfer"))),
        ("how it ended", _got(f"{api}/transactions/$ABROAD")),
    ]


def _posted(body: dict[str, Any], url: str) -> str:
    """Write a POST; what the shell is to fill in is let out of the quotes."""
    text = msgspec.json.encode(body).decode().replace("$QUOTATION", "'$QUOTATION'")
    headers = "-H \"Authorization: Bearer $TOKEN\" -H 'Content-Type: application/json'"
    return f"curl -s {headers} -d '{text}' {url}"


def _got(url: str) -> str:
    return f'curl -s -H "Authorization: Bearer $TOKEN" {url}'


def _kept(name: str, post: str) -> str:
    """Write what keeps the reference of that which was begun, and shows it."""
    return f"{name}=$({post} | {_picked('objectReference')}); echo ${name}"


def _picked(name: str) -> str:
    """Write what takes one text out of a JSON object, with what every machine has."""
    return f'sed \'s/.*"{name}":"\\([^"]*\\)".*/\\1/\''
