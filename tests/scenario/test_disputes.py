"""Disputes from end to end: asked back, agreed to or not, given back by a linked transfer to the payer's wallet."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from hub.core.office.dispute_terms import Deemed, DisputeTerms
from hub.core.transfer import Flow, State
from hub.store.audit import run_audit
from hub.trial.client import Reply
from hub.trial.plays import BAOBAB, SAVANNA
from hub.trial.world import World, world
from tests.scenario.abroad import NILE, by, positions, quoted, sent, sold
from tests.scenario.acting import control, ended, request_body, until
from tests.scenario.conftest import nothing_doubled

Json = dict[str, Any]
QUICK_S = 2


@pytest.fixture
async def quick_stage(migrated_url: str, tmp_path: Path) -> AsyncIterator[World]:
    """The demo's world in a scheme in which a recall is to be answered within seconds, and silence means yes."""
    async with world(tmp_path, keep=False, database=migrated_url) as running:
        await silence_means(running, Deemed.ACCEPTED)
        yield running
        nothing_doubled(running)
    assert run_audit(migrated_url).findings == []


async def silence_means(stage: World, deemed: Deemed) -> None:
    terms = DisputeTerms(recall_answer_s=QUICK_S, fraud_recall_answer_s=QUICK_S, deemed=deemed)
    file = (await stage.hub.store.scheme()).file
    await stage.hub.store.apply_scheme(msgspec.structs.replace(file, disputes=terms), "tests")


async def paid(stage: World, amount: str = "100.00") -> str:
    reply = await stage.clients["baobab"].submit("transfer", request_body(BAOBAB, SAVANNA, amount))
    found = await ended(stage, reply)
    assert found.transfer.state is State.COMMITTED
    return found.transfer.id


async def asked(stage: World, transfer: str, who: str = "baobab", **more: Any) -> Json:
    body = {"kind": "recall", "transactionReference": transfer, "reasonCode": "DUPL"} | more
    reply = await stage.clients[who].write("POST", "/disputes", body, callback=False)
    assert reply.status == 201, reply.body
    found: Json = reply.body
    return found


async def answered(stage: World, dispute: Json, who: str = "savanna", **body: Any) -> Reply:
    path = f"/disputes/{dispute['disputeReference']}/answer"
    return await stage.clients[who].write("POST", path, body, callback=False)


async def ends(stage: World, dispute: Json, *states: str, who: str = "savanna") -> Json:
    """Wait until a dispute is in one of these states, as one of its sides sees it."""
    found: Json = {}

    async def is_there() -> bool:
        nonlocal found
        found = (await stage.clients[who].get(f"/disputes/{dispute['disputeReference']}")).body
        return found["disputeStatus"] in states

    await until(is_there)
    return found


def given(stage: World, provider: str = "baobab") -> dict[str, int]:
    totals: dict[str, int] = stage.simulator.provider(provider).totals()["credited"]
    return totals


async def test_a_recall_that_is_accepted_comes_back_to_the_payer_as_a_linked_transfer(stage: World) -> None:
    transfer = await paid(stage)
    found = await asked(stage, transfer)
    assert (await stage.clients["savanna"].get("/disputes?disputeStatus=open")).body == [found]
    assert (await stage.clients["savanna"].get("/disputes?transactionReference=%00")).body == []
    assert (await answered(stage, found, answer="accepted")).status == 200
    over = await ends(stage, found, "returned", "failed")
    assert over["disputeStatus"] == "returned"
    assert [(each["who"], each["what"]) for each in over["steps"]] == [
        ("baobab", "raised"),
        ("savanna", "accepted"),
        ("hub", "returned"),
    ]
    linked = (await stage.clients["baobab"].get(f"/transactions/{over['linkedTransactionReference']}")).body
    assert (linked["originalTransactionReference"], linked["type"]) == (transfer, "reversal")
    assert (linked["transactionStatus"], linked["amount"]) == ("completed", "100")
    assert {"key": "disputeReference", "value": found["disputeReference"]} in linked["customData"]
    assert given(stage) == {"KES": 100_00}
    assert await positions(stage) == {}
    timeline = await stage.hub.store.timeline(transfer)
    assert timeline is not None
    assert [each.id for each in timeline.reversals] == [linked["transactionReference"]]


async def test_a_recall_that_is_refused_moves_nothing(stage: World) -> None:
    found = await asked(stage, await paid(stage))
    reply = await answered(stage, found, answer="refused", reasonCode="CUST", descriptionText="the customer keeps it")
    assert reply.body["disputeStatus"] == "refused"
    assert (await answered(stage, found, answer="accepted")).error == "businessRule/incorrectState"
    assert given(stage) == {}
    assert await positions(stage) == {("baobab", "KES"): -100_00, ("savanna", "KES"): 100_00}


async def test_silence_at_the_deadline_means_yes_where_the_scheme_says_so(quick_stage: World) -> None:
    found = await asked(quick_stage, await paid(quick_stage), amount="40", currency="KES")
    over = await ends(quick_stage, found, "returned", "failed", "refused")
    assert [each["what"] for each in over["steps"]] == ["raised", "deemed_accepted", "returned"]
    assert (given(quick_stage), over["returnedAmount"]) == ({"KES": 40_00}, "40")
    assert over["steps"][1]["at"] >= over["deadline"]


async def test_silence_at_the_deadline_means_no_where_the_scheme_says_so(quick_stage: World) -> None:
    await silence_means(quick_stage, Deemed.REFUSED)
    found = await asked(quick_stage, await paid(quick_stage))
    over = await ends(quick_stage, found, "returned", "failed", "refused")
    assert [each["what"] for each in over["steps"]] == ["raised", "deemed_refused"]
    assert given(quick_stage) == {}


async def test_the_payee_fsp_gives_back_by_itself(stage: World) -> None:
    transfer = await paid(stage)
    found = await asked(stage, transfer, "savanna", kind="return", reasonCode="AC04", amount="60", currency="KES")
    over = await ends(stage, found, "returned", "failed", who="baobab")
    assert over["disputeStatus"] == "returned"
    assert given(stage) == {"KES": 60_00}
    timeline = await stage.hub.store.timeline(over["linkedTransactionReference"])
    assert timeline is not None
    assert (timeline.transfer.flow, timeline.transfer.caller) == (Flow.PUSH, "savanna")


async def test_refunds_reversals_and_recalls_together_never_exceed_the_original(stage: World) -> None:
    transfer = await paid(stage)
    path = f"/transactions/{transfer}/reversals"
    part = await stage.clients["savanna"].post(path, {"type": "reversal", "amount": "30", "currency": "KES"})
    await ended(stage, part)
    found = await asked(stage, transfer, amount="50", currency="KES")
    # The rest is asked for from everywhere at once.
    body = {"type": "reversal", "amount": "15", "currency": "KES"}
    more = {"kind": "return", "transactionReference": transfer, "reasonCode": "MD06", "amount": "18", "currency": "KES"}
    savanna = stage.clients["savanna"]
    replies = await asyncio.gather(
        answered(stage, found, answer="accepted"),
        *(savanna.post(path, body) for _ in range(3)),
        savanna.write("POST", "/disputes", more, callback=False),
    )
    for each in replies[1:4]:
        await ended(stage, each)

    async def is_over() -> bool:
        listed = (await savanna.get("/disputes")).body
        return all(each["disputeStatus"] in {"open", "returned"} for each in listed)

    await until(is_over)
    timeline = await stage.hub.store.timeline(transfer)
    assert timeline is not None
    back = sum(each.minor for each in timeline.reversals if each.state is State.COMMITTED)
    assert 70_00 < back <= 100_00
    assert given(stage) == {"KES": back}
    left = 100_00 - back
    assert await positions(stage) == ({("baobab", "KES"): -left, ("savanna", "KES"): left} if left else {})


async def test_a_recall_across_the_border_takes_back_what_was_converted(stage: World) -> None:
    await sold(stage)
    quotation = await quoted(stage, NILE, "10000")
    original = await ended(stage, await sent(stage, quotation, by(quotation, "mizani")))
    for amount, taken in (("4000", 113_828), ("6000", 170_742)):
        found = await asked(stage, original.transfer.id, amount=amount, currency="KES")
        assert (await answered(stage, found, "nile", answer="accepted")).status == 200
        over = await ends(stage, found, "returned", "failed", who="nile")
        assert over["disputeStatus"] == "returned", over
        timeline = await stage.hub.store.timeline(over["linkedTransactionReference"])
        assert timeline is not None
        assert timeline.transfer.price is not None
        assert timeline.transfer.price.taken.minor == taken
    assert given(stage) == {"KES": 10_000_00}
    assert await positions(stage) == {("baobab", "KES"): -50_00, ("", "KES"): 50_00}, "the fee is not given back"


async def test_where_the_payers_wallet_refuses_the_return_the_dispute_has_failed_and_its_part_is_free(
    stage: World,
) -> None:
    transfer = await paid(stage)
    await control(stage, "baobab", "rules", [{"account": "msisdn@" + BAOBAB, "fate": "declined"}], "PUT")
    found = await asked(stage, transfer)
    await answered(stage, found, answer="accepted")
    over = await ends(stage, found, "returned", "failed")
    assert (over["disputeStatus"], over["steps"][-1]["what"]) == ("failed", "failed")
    await control(stage, "baobab", "rules", [], "PUT")
    again = await asked(stage, transfer, "savanna", kind="return", reasonCode="TECH")
    assert (await ends(stage, again, "returned", "failed"))["disputeStatus"] == "returned"
    assert given(stage) == {"KES": 100_00}


async def test_an_answer_of_the_payers_wallet_that_is_lost_is_asked_about_until_the_return_is_clear(
    stage: World,
) -> None:
    transfer = await paid(stage)
    await control(stage, "baobab", "rules", [{"account": "msisdn@" + BAOBAB, "fate": "answer_lost"}], "PUT")
    found = await asked(stage, transfer)
    await answered(stage, found, answer="accepted")
    assert (await ends(stage, found, "returned", "failed"))["disputeStatus"] == "returned"
    assert given(stage) == {"KES": 100_00}


async def test_fraud_is_reported_and_asked_back_in_one_breath(stage: World) -> None:
    transfer = await paid(stage)
    report = await asked(stage, transfer, kind="fraud", reasonCode="FRAD", recall=True)
    (recall,) = (await stage.clients["savanna"].get("/disputes?kind=recall")).body
    assert (recall["fraudReportReference"], recall["reasonCode"]) == (report["disputeReference"], "FRAD")
    await answered(stage, recall, answer="accepted")
    assert (await answered(stage, report, answer="accepted")).body["disputeStatus"] == "noted"
    assert (await ends(stage, recall, "returned", "failed"))["disputeStatus"] == "returned"
    assert given(stage) == {"KES": 100_00}
