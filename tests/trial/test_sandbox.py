"""The lines that the sandbox prints, as a newcomer pastes them into a shell, against real servers."""

import asyncio
import json
import shutil
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest

from hub.core.office.records import Funds, FundsState
from hub.core.settlement.window import Window, WindowState
from hub.core.transfer import FINAL
from hub.flow import Door
from hub.lab.child import free_ports
from hub.roles.credentials import admit
from hub.roles.scheme import read_scheme
from hub.store.audit import run_audit
from hub.store.sql import SqlStore
from hub.trial.kept import in_force
from hub.trial.market import prefund, publish
from hub.trial.playing import until
from hub.trial.plays import PLAYS, body
from hub.trial.sandbox import kept, lines_to_try, operators_lines, settlement_lines
from hub.trial.staff import staffed
from hub.trial.world import World, scheme_path, world
from routing.local import LocalBus

pytestmark = pytest.mark.postgres


class Shell:
    """A shell that is fed line by line."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def run(self, line: str) -> str:
        """Run one line; return what it printed."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{line}; echo; echo '<end>'\n".encode())
        said = await self._process.stdout.readuntil(b"<end>\n")
        return said.decode().removesuffix("<end>\n").strip()


async def ended(stage: World, reference: str) -> None:
    async def is_final() -> bool:
        found = await stage.hub.store.transfer(reference)
        return found is not None and found.state in FINAL

    assert await until(is_final), reference


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is what the lines are of")
async def test_the_lines_lead_from_a_token_to_a_payment_abroad(migrated_url: str, tmp_path: Path) -> None:
    async with world(tmp_path, keep=False, database=migrated_url, seeded=True) as stage:
        await prefund(stage)
        assert set((await publish(stage)).values()) == {"in_force"}
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec("bash", stdin=pipe, stdout=pipe)
        shell, said = Shell(process), {}
        for about, line in lines_to_try(stage, f"{stage.hub.api_url}/mm/v1.2", "/v1/oauth/accesstoken"):
            printed = await shell.run(line)
            if line.startswith(("TRANSFER=", "QUOTATION=", "ABROAD=")):
                await ended(stage, printed)
            said[line.partition("=")[0], about] = printed
        process.terminate()
        await process.wait()
    home, quotation, abroad = (read(text) for text in said.values() if text.startswith("{"))
    assert home["transactionStatus"] == "completed"
    assert [each["fxRate"] for each in quotation["quotes"]] == ["28.51", "28.457"]
    assert abroad["transactionStatus"] == "completed"
    assert {"key": "receivingAmount", "value": "285100"} in abroad["customData"]


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is what the lines are of")
async def test_the_lines_of_operators_lead_to_prefunding_by_two(migrated_url: str, tmp_path: Path) -> None:
    async with world(tmp_path, keep=False, database=migrated_url, operator_port=0) as stage:
        where = tmp_path / "operators.json"
        secrets = await staffed(stage.hub.door, where)
        assert await staffed(stage.hub.door, where) == secrets, "whoever is there already stays"
        assert where.stat().st_mode & 0o077 == 0
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec("bash", stdin=pipe, stdout=pipe)
        shell = Shell(process)
        said = [await shell.run(line) for _, line in operators_lines(stage, secrets)]
        process.terminate()
        await process.wait()
        where.unlink()
        with pytest.raises(ValueError, match="has no secrets of"):
            await staffed(stage.hub.door, where)
    assert read(said[3])["state"] == "approved"
    assert {"baobab", "savanna"} <= {each["participant"] for each in read(said[4])["items"]}


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is what the lines are of")
async def test_the_lines_of_the_evening_lead_to_a_window_that_the_simulated_bank_settles(
    migrated_url: str, tmp_path: Path
) -> None:
    async with world(tmp_path, keep=False, database=migrated_url, operator_port=0) as stage:
        bank = asyncio.create_task(stage.bank.keep_answering(stage.exchange))
        secrets = await staffed(stage.hub.door, tmp_path / "operators.json")
        paid = await stage.clients["baobab"].submit("transfer", body(PLAYS[0]))
        await ended(stage, paid.reference)
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec("bash", stdin=pipe, stdout=pipe)
        shell = Shell(process)
        for _, line in operators_lines(stage, secrets):
            await shell.run(line)
        lines = settlement_lines(stage)
        window = await shell.run(lines[0][1])
        await shell.run(lines[1][1])
        await stands(stage, window, WindowState.RECKONED)
        owed = read(await shell.run(lines[2][1]))
        for _, line in lines[3:5]:
            await shell.run(line)
        await stands(stage, window, WindowState.SETTLED)
        settled = read(await shell.run(lines[5][1]))
        assert await until(partial(confirmed, stage)), "the prefunding of before was announced, and is booked as well"
        bank.cancel()
        process.terminate()
        await process.wait()
    assert {each["amount"]["amount"] for each in owed["obligations"]["items"]} == {"1500"}
    assert settled["state"] == "settled"
    assert run_audit(migrated_url).findings == []


async def stands(stage: World, window: str, state: WindowState) -> None:
    async def is_so() -> bool:
        found = await stage.hub.store.records.one(Window, window)
        return found is not None and found.state is state

    assert await until(is_so), f"{window} is not {state}"


async def confirmed(stage: World) -> bool:
    return [each.state for each in await stage.hub.store.records.found(Funds)] == [FundsState.CONFIRMED]


def read(text: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(text)
    return found


async def test_a_sandbox_that_starts_again_keeps_the_scheme_and_the_credentials(
    migrated_url: str, tmp_path: Path
) -> None:
    api, callbacks, simulator = free_ports(3)
    ports = (api, callbacks, simulator)
    async with world(tmp_path, keep=True, ports=ports, database=migrated_url) as stage:
        first, scheme = dict(stage.issued), stage.hub.scheme
        assert stage.scheme == "the demo's is in force, as version 1"
        assert "all are new" in kept(stage, {})
        renewed = await admit(stage.hub.store, "nile", "nile")
    async with world(tmp_path, keep=True, ports=ports, database=migrated_url, known=first) as stage:
        assert stage.scheme.startswith("version 1 is in force and was kept")
        assert "new ones for nile; the others were kept" in kept(stage, first)
        assert stage.issued["baobab"] == first["baobab"]
        assert stage.issued["nile"] not in (first["nile"], renewed), "of those only hashes were left"
        known = dict(stage.issued)
        own = msgspec.structs.replace(scheme.file, scheme=msgspec.structs.replace(scheme.file.scheme, name="Our own"))
        await stage.hub.store.apply_scheme(own, "head-1")
    async with world(tmp_path, keep=True, ports=ports, database=migrated_url, known=known) as stage:
        assert stage.scheme == "version 2, applied by head-1, was kept: it is not the demo's own"
        assert stage.hub.scheme.file.scheme.name == "Our own"
        assert "all were kept" in kept(stage, known)


@pytest.mark.parametrize("is_staffed", [False, True], ids=["nobody could approve it", "by two admins"])
async def test_the_demos_own_older_scheme_gives_way_to_the_newer_one(
    migrated_url: str, tmp_path: Path, is_staffed: bool
) -> None:
    file = read_scheme(scheme_path())
    older = msgspec.structs.replace(file, scheme=msgspec.structs.replace(file.scheme, name="As it was"))
    await in_force(migrated_url, older)
    store = SqlStore(migrated_url)
    await store.open()
    if is_staffed:
        await staffed(Door(store, LocalBus(), lambda _: None), tmp_path / "operators.json")
    assert await in_force(migrated_url, file) == "the demo's has changed, and is in force as version 2"
    assert (await store.scheme()).file.scheme.name == file.scheme.name
    await store.close()
    assert run_audit(migrated_url).findings == []
