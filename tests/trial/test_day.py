"""The demo's third act: it comes out as it must, to the last minor unit; where something does not, it says so."""

import io
from pathlib import Path

import pytest
from rich.console import Console

from hub.core.settlement.window import Window, WindowState
from hub.core.transfer import FINAL
from hub.files.keys import SigningKey, new_key
from hub.store.audit import run_audit
from hub.trial.bank import Bank
from hub.trial.day import RECALLED, Played, play_day
from hub.trial.playing import Shown, until
from hub.trial.plays import PLAYS, body
from hub.trial.reckoning import differences
from hub.trial.told import Told
from hub.trial.world import World, world

pytestmark = pytest.mark.postgres


def page() -> Console:
    return Console(file=io.StringIO(), width=80)


def text_of(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


async def act_one(stage: World) -> list[Shown]:
    """One transfer of several thousands, and the one that is recalled later."""
    shown = []
    for play in (PLAYS[0], next(each for each in PLAYS if each.name == RECALLED)):
        reply = await stage.clients[play.caller].submit(play.kind, body(play))
        each = Shown(name=play.name, caller=play.caller, amount=play.amount, ends=play.ends, reply=reply)
        shown.append(each)

        async def is_over(each: Shown = each) -> bool:
            each.found = await stage.hub.store.timeline(each.reply.reference)
            return each.found is not None and each.found.transfer.state in FINAL

        assert await until(is_over), play.name
    return shown


async def test_a_settlement_day_ends_with_every_participant_paid(migrated_url: str, tmp_path: Path) -> None:
    console = page()
    async with world(tmp_path, keep=False, database=migrated_url) as stage:
        shown = await act_one(stage)
        played = await play_day(stage, console, shown)
        windows = await stage.hub.store.records.found(Window, model="shillings")
        transfers = [each.found.transfer for each in shown if each.found is not None] + played.transfers
        faults = differences(stage.simulator, transfers)
    told = text_of(console)
    assert played.wrong == []
    assert [each.state for each in windows] == [WindowState.OPEN, WindowState.SETTLED]
    assert [each.original for each in played.transfers] == [shown[1].reply.reference.replace("-", "")]
    assert faults == [], "the simulated providers moved what the hub says"
    assert run_audit(migrated_url).findings == []
    assert "WRONG" not in told
    assert "same_person: maker proposed it" in told
    assert "the signature: it does not hold" in " ".join(told.split())


async def test_an_act_whose_bank_signs_with_a_key_that_nobody_knows_fails(migrated_url: str, tmp_path: Path) -> None:
    console = page()
    async with world(tmp_path, keep=False, database=migrated_url) as stage:
        stranger = Bank(SigningKey(new_key()))
        stranger.accounts, stranger.hub_keys = stage.bank.accounts, stage.bank.hub_keys
        stage.bank = stranger
        played = await play_day(stage, console, await act_one(stage))
    assert isinstance(played, Played)
    assert [each for each in played.wrong if "in a signed camt.054" in each]
    assert [each for each in played.wrong if "is settled" in each]
    assert "WRONG" in text_of(console)
    assert run_audit(migrated_url).findings == [], "nothing of what it said was taken"


def test_what_went_wrong_is_kept_and_what_went_right_is_not() -> None:
    told = Told(page())
    told.step("maker", "closes it", right=True)
    told.step("checker", "approves it", right=False, detail="why not")
    told.check("it is settled", right=False)
    assert told.wrong == ["checker approves it: why not", "it is settled"]
