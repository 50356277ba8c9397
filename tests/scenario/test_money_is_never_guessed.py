"""Promise 1: an answer is accepted, refused or unknown; unknown ends by asking or by a named operator."""

import pytest

from adapters.simulator.rules import Fate, Rule, Rules
from hub.core.command import Refusal
from hub.core.office import ruling
from hub.core.transfer import State
from hub.store.audit import run_audit
from hub.trial.plays import ACCOUNT, BAOBAB, SAVANNA
from hub.trial.world import World
from routing.message import Verdict
from tests.scenario.acting import ended, events, request_body, timeline, until
from tests.store.windows import approved


@pytest.mark.parametrize(
    ("cents", "asked"),
    [("03", True), ("06", True), ("09", True), ("10", True), ("05", True), ("08", True), ("02", None), ("11", False)],
    ids=[
        "answer lost after executing",
        "garbage in the answer",
        "silence after executing",
        "status 500 after executing",
        "another amount in the callback",
        "lost before it was heard",
        "answered late",
        "called back before the answer",
    ],
)
async def test_whatever_the_provider_says_badly_the_truth_is_found(
    stage: World, cents: str, asked: bool | None
) -> None:
    reply = await stage.clients["baobab"].submit("transfer", request_body(BAOBAB, SAVANNA, f"120.{cents}"))
    found = await ended(stage, reply)
    assert found.transfer.state is State.COMMITTED
    if asked is not None:
        assert ("due" in events(found)) is asked
    assert stage.simulator.provider("savanna").totals()["credited"] == {"KES": 12_000 + int(cents)}


async def test_the_bank_is_asked_by_our_reference_and_answers(stage: World) -> None:
    reply = await stage.clients["baobab"].submit("transfer", request_body(BAOBAB, ACCOUNT, "75.03"))
    found = await ended(stage, reply)
    assert events(found)[0] == "admitted"
    assert events(found)[-1] == "accepted"
    assert "due" in events(found)


async def test_a_refusal_in_explicit_words_releases_the_money(stage: World) -> None:
    reply = await stage.clients["baobab"].submit("transfer", request_body(BAOBAB, SAVANNA, "90.01"))
    found = await ended(stage, reply)
    assert (found.transfer.state, found.transfer.reason) == (State.ABORTED, "insufficient_funds")
    assert [str(entry.posting.phase) for entry in found.entries] == ["pending", "voided"]


async def test_a_provider_that_stays_unclear_is_never_taken_for_a_refusal(hurried_stage: World) -> None:
    stage = hurried_stage
    stage.simulator.provider("savanna").rules = Rules([Rule(fate=Fate.LATE)])
    reply = await stage.clients["baobab"].submit("transfer", request_body(BAOBAB, SAVANNA, "64.00"))

    async def asked_after_the_lease() -> bool:
        transfer = (await timeline(stage, reply)).transfer
        return transfer.asks >= 1 and transfer.updated_ms > transfer.lease_ends_ms

    await until(asked_after_the_lease)
    assert (await timeline(stage, reply)).transfer.state is not State.ABORTED
    assert (await ended(stage, reply)).transfer.state is State.COMMITTED


async def test_what_nobody_ever_received_is_released_after_the_lease(hurried_stage: World) -> None:
    stage = hurried_stage
    stage.simulator.provider("savanna").rules = Rules([Rule(fate=Fate.UNAVAILABLE)])
    reply = await stage.clients["baobab"].submit("transfer", request_body(BAOBAB, SAVANNA, "64.00"))
    found = await ended(stage, reply)
    assert (found.transfer.state, found.transfer.reason) == (State.ABORTED, "lapsed")
    last = found.transitions[-1]
    assert last.event == "lapsed"
    assert last.at_ms >= found.transfer.lease_ends_ms
    assert stage.simulator.provider("savanna").totals()["credited"] == {}


async def test_only_a_named_operator_ends_a_doubt_that_asking_cannot(stage: World) -> None:
    stage.simulator.provider("savanna").rules = Rules([Rule(fate=Fate.UNAVAILABLE)])
    reply = await stage.clients["baobab"].submit("transfer", request_body(BAOBAB, SAVANNA, "31.00"))
    why, state = "statement line 7", State.IN_DOUBT
    rule = ruling.Rule(by="desk-1", transfer=reply.reference, state=state, verdict=Verdict.ACCEPTED, why=why)
    alone = await stage.hub.door.handle(rule)
    assert isinstance(alone, Refusal), "and not alone"

    async def in_doubt() -> bool:
        return (await timeline(stage, reply)).transfer.state is state

    await until(in_doubt)
    await approved(stage.hub.door, rule)
    found = await ended(stage, reply)
    assert found.transfer.state is State.COMMITTED
    assert (found.transitions[-1].who, found.transitions[-1].detail) == ("operator desk-1, approved by desk-2", why)
    assert run_audit(stage.database).findings == []
