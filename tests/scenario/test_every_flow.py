"""Every flow through real HTTP: who asks decides who is told to do what, and every decision keeps its reasons."""

import io

import pytest
from rich.console import Console

from hub.core.transfer import Flow, State
from hub.trial.demo import demonstrate
from hub.trial.plays import ACCOUNT, BAOBAB, PORTED, SAVANNA
from hub.trial.world import World
from tests.scenario.acting import ended, events, request_body


@pytest.mark.parametrize(
    ("caller", "kind", "payer", "payee", "flow", "credited", "debited"),
    [
        ("baobab", "transfer", BAOBAB, SAVANNA, Flow.PUSH, ["savanna"], []),
        ("baobab", "transfer", BAOBAB, ACCOUNT, Flow.PUSH, ["lakebank"], []),
        ("lakebank", "transfer", ACCOUNT, BAOBAB, Flow.PUSH, ["baobab"], []),
        ("savanna", "merchantpay", BAOBAB, SAVANNA, Flow.PULL, [], ["baobab"]),
        ("marketpay", "merchantpay", BAOBAB, SAVANNA, Flow.THIRD_PARTY, ["savanna"], ["baobab"]),
        ("marketpay", "merchantpay", SAVANNA, ACCOUNT, Flow.THIRD_PARTY, ["lakebank"], ["savanna"]),
    ],
    ids=[
        "wallet to wallet",
        "wallet to bank",
        "bank to wallet",
        "the merchant's side asks",
        "a third party asks",
        "a third party pays into a bank",
    ],
)
async def test_who_asks_decides_who_is_told(
    stage: World, caller: str, kind: str, payer: str, payee: str, flow: Flow, credited: list[str], debited: list[str]
) -> None:
    reply = await stage.clients[caller].submit(kind, request_body(payer, payee, "85.50"))
    found = await ended(stage, reply)
    assert (found.transfer.flow, found.transfer.state) == (flow, State.COMMITTED)
    for name in ("baobab", "savanna", "lakebank"):
        totals = stage.simulator.provider(name).totals()
        assert totals["credited"] == ({"KES": 8_550} if name in credited else {})
        assert totals["debited"] == ({"KES": 8_550} if name in debited else {})


async def test_a_refused_credit_gives_the_payer_the_money_back(stage: World) -> None:
    reply = await stage.clients["marketpay"].submit("merchantpay", request_body(BAOBAB, "+254730000404", "85.50"))
    found = await ended(stage, reply)
    assert found.transfer.state is State.REFUNDED
    assert events(found) == ["admitted", "accepted", "refused", "accepted"]
    totals = stage.simulator.provider("baobab").totals()
    assert (totals["debited"], totals["credited"]) == ({"KES": 8_550}, {"KES": 8_550})


async def test_a_ported_number_goes_where_it_was_ported_and_says_why(stage: World) -> None:
    reply = await stage.clients["lakebank"].submit("transfer", request_body(ACCOUNT, PORTED, "20.00"))
    found = await ended(stage, reply)
    assert found.transfer.payee_fsp == "savanna"
    assert "override" in found.transitions[0].detail
    assert PORTED not in found.transitions[0].detail, "the reason is shown to people, so the number is masked"


async def test_the_payers_side_can_take_a_payment_back_from_the_payees_side(stage: World) -> None:
    first = await stage.clients["baobab"].submit("transfer", request_body(BAOBAB, SAVANNA, "85.50"))
    await ended(stage, first)
    reply = await stage.clients["baobab"].post(f"/transactions/{first.reference}/reversals", {"type": "reversal"})
    found = await ended(stage, reply)
    assert (found.transfer.flow, found.transfer.state) == (Flow.PULL, State.COMMITTED)
    assert stage.simulator.provider("savanna").totals()["debited"] == {"KES": 8_550}


@pytest.mark.parametrize(
    "path", [f"/accounts/msisdn/{SAVANNA}", f"/accounts/msisdn@{SAVANNA}"], ids=["single", "pairs"]
)
async def test_names_and_status_are_asked_of_the_participant_that_knows(stage: World, path: str) -> None:
    status = await stage.clients["baobab"].get(f"{path}/status")
    assert (status.status, status.body["accountStatus"]) == (200, "available")
    name = await stage.clients["baobab"].get(f"{path}/accountname")
    assert name.status == 200
    assert name.body["name"]


async def test_a_question_the_bank_does_not_answer_is_an_error_that_says_so(stage: World) -> None:
    reply = await stage.clients["baobab"].get(f"/accounts/bankaccountno/{ACCOUNT}/accountname")
    assert reply.error in {"serviceUnavailable/genericError", "businessRule/genericError"}


async def test_the_demo_ends_as_it_must(monkeypatch: pytest.MonkeyPatch, open_folder: object) -> None:
    monkeypatch.setenv("HUB_VAR", str(open_folder))
    text = io.StringIO()
    assert await demonstrate(Console(file=text, width=160)), text.getvalue()
