"""Merchant payments: asked for by either side, by code, confirmed by the payer, refunded, reversed."""

import asyncio
from typing import Any

import pytest

from adapters.simulator.rules import Fate, Rule, Rules
from hub.http.qr import QR_KEY
from hub.trial.plays import ACCOUNT, BAOBAB, SAVANNA, party
from hub.trial.world import World
from tests.scenario.acting import control, ended, failure, polled, request_body, result, until

OTHER = "+254700000003"
TILL = [{"key": "organisationid", "value": "duka"}]


def purchase(amount: str = "250.00", **more: Any) -> dict[str, Any]:
    """A merchant's request: it names the payer, its own account is the default."""
    return {"amount": amount, "currency": "KES", "debitParty": party(BAOBAB), **more}


async def test_a_merchant_asks_and_is_told_when_the_payer_has_paid(stage: World) -> None:
    reply = await stage.clients["duka"].submit("merchantpay", purchase())
    told = await result(stage, reply)
    assert (told["transactionStatus"], told["type"], told["amount"]) == ("completed", "merchantpay", "250")
    assert (told["debitParty"], told["creditParty"]) == (party(BAOBAB), TILL)
    viewed = (await stage.clients["duka"].get(f"/transactions/{told['transactionReference']}")).body
    assert viewed == told


async def test_a_payers_provider_pays_a_merchant_elsewhere(stage: World) -> None:
    body = {"amount": "80.00", "currency": "KES", "debitParty": party(BAOBAB), "creditParty": TILL}
    told = await result(stage, await stage.clients["baobab"].submit("merchantpay", body))
    assert told["transactionStatus"] == "completed"
    assert stage.simulator.provider("savanna").totals()["credited"] == {"KES": 80_00}


async def test_a_merchant_without_callback_polls_until_it_has_ended(stage: World) -> None:
    reply = await stage.clients["duka"].submit("merchantpay", purchase(), callback=False)
    assert reply.body["notificationMethod"] == "polling"
    state = await polled(stage.clients["duka"], reply)
    assert state["status"] == "completed"
    viewed = (await stage.clients["duka"].get(f"/transactions/{state['objectReference']}")).body
    assert viewed["transactionStatus"] == "completed"
    missed = (await stage.clients["duka"].get(f"/responses/{reply.correlation}")).body
    assert missed == {"link": f"/transactions/{state['objectReference']}"}


@pytest.mark.parametrize(
    ("amount", "error"),
    [("250.01", "businessRule/insufficientFunds"), ("250.07", "businessRule/dailyValueLimitExceeded")],
)
async def test_what_the_payers_provider_refuses_the_merchant_is_told(stage: World, amount: str, error: str) -> None:
    reply = await stage.clients["duka"].submit("merchantpay", purchase(amount))
    assert await failure(stage, reply) == error
    link = (await stage.clients["duka"].get(f"/responses/{reply.correlation}")).body["link"]
    assert (await stage.clients["duka"].get(link)).body["errorCode"] == error.partition("/")[2]


async def test_a_refund_is_linked_and_a_reversal_takes_back_the_rest(stage: World) -> None:
    paid = await result(stage, await stage.clients["duka"].submit("merchantpay", purchase("100.00")))
    path = f"/transactions/{paid['transactionReference']}/reversals"
    part = {"type": "adjustment", "amount": "30.00", "currency": "KES"}
    refund = await result(stage, await stage.clients["duka"].post(path, part))
    assert (refund["amount"], refund["originalTransactionReference"]) == ("30", paid["transactionReference"])
    rest = await result(stage, await stage.clients["duka"].post(path, {"type": "reversal"}))
    assert rest["amount"] == "70"
    again = await stage.clients["duka"].post(path, {"type": "reversal"})
    assert await failure(stage, again) == "businessRule/overPaymentNotAllowed"
    assert (await stage.clients["duka"].get(f"/transactions/{paid['transactionReference']}")).body == paid


async def test_a_refund_that_is_not_linked_is_a_payment_of_its_own(stage: World) -> None:
    body = {"amount": "15.00", "currency": "KES", "debitParty": TILL, "creditParty": party(BAOBAB)}
    told = await result(stage, await stage.clients["duka"].submit("adjustment", body))
    assert (told["type"], told["transactionStatus"]) == ("adjustment", "completed")


# Pre-authorised: the payer's provider issues a code, the merchant redeems it without the payer.


async def code_for(stage: World, caller: str = "baobab", **terms: Any) -> dict[str, Any]:
    """Have the payer's provider issue a code through the hub."""
    body = {"amount": "500.00", "currency": "KES", "amountType": "maximum", "codeLifetime": 600, **terms}
    path = f"/accounts/msisdn/{BAOBAB}/authorisationcodes"
    return await result(stage, await stage.clients[caller].post(path, body))


def redemption(code: str, amount: str = "120.00", **more: Any) -> dict[str, Any]:
    return {"amount": amount, "currency": "KES", "oneTimeCode": code, "creditParty": TILL, **more}


async def test_a_code_pays_once_without_naming_the_payer(stage: World) -> None:
    code = await code_for(stage)
    assert code["codeState"] == "active"
    paid = await result(stage, await stage.clients["duka"].submit("merchantpay", redemption(code["authorisationCode"])))
    assert paid["transactionStatus"] == "completed"
    assert BAOBAB not in str(paid), "whoever redeems a code learns whose provider pays, not whose account"
    assert stage.simulator.provider("baobab").totals()["debited"] == {"KES": 120_00}
    again = await stage.clients["duka"].submit("merchantpay", redemption(code["authorisationCode"]))
    assert await failure(stage, again) == "businessRule/incorrectState"


async def test_a_code_is_redeemed_from_its_qr_symbol(stage: World) -> None:
    code = await code_for(stage)
    symbol = next(each["value"] for each in code["customData"] if each["key"] == QR_KEY)
    paid = await result(stage, await stage.clients["duka"].submit("merchantpay", redemption(symbol)))
    assert paid["transactionStatus"] == "completed"


async def test_a_code_redeemed_twice_at_once_at_two_places_pays_once(stage: World) -> None:
    code = (await code_for(stage))["authorisationCode"]
    replies = await asyncio.gather(
        *(stage.clients[who].submit("merchantpay", redemption(code)) for who in ("duka", "savanna") for _ in range(4))
    )
    ends = [(await ended(stage, each)).transfer for each in replies]
    assert sorted(each.reason for each in ends) == ["", *["code_forbids"] * 7]
    assert stage.simulator.provider("baobab").totals()["debited"] == {"KES": 120_00}


@pytest.mark.parametrize(
    ("terms", "payment"),
    [
        ({}, {"amount": "500.01"}),
        ({"amountType": "exact"}, {"amount": "499.00"}),
        ({"redemptionTransactionTypes": [{"transactionType": "withdrawal"}]}, {}),
        ({"redemptionAccountIdentifiers": [{"key": "organisationid", "value": "another"}]}, {}),
        ({"redemptionChannels": [{"channelType": "ATM"}]}, {}),
    ],
    ids=["over its maximum", "not its exact amount", "for cash only", "for another shop", "at machines only"],
)
async def test_a_code_pays_only_what_it_is_for(stage: World, terms: dict[str, Any], payment: dict[str, Any]) -> None:
    code = (await code_for(stage, **terms))["authorisationCode"]
    reply = await stage.clients["duka"].submit("merchantpay", redemption(code, **payment))
    assert await failure(stage, reply) == "businessRule/incorrectState"
    assert stage.simulator.provider("baobab").totals()["debited"] == {}


async def test_a_cancelled_code_pays_nothing(stage: World) -> None:
    code = (await code_for(stage))["authorisationCode"]
    path = f"/accounts/msisdn/{BAOBAB}/authorisationcodes/{code}"
    assert await result(stage, await stage.clients["baobab"].patch(path, codeState="cancelled")) == {
        "result": "success"
    }
    reply = await stage.clients["duka"].submit("merchantpay", redemption(code))
    assert await failure(stage, reply) == "businessRule/incorrectState"


async def test_a_code_nobody_issued_pays_nothing(stage: World) -> None:
    for who in ("duka", "savanna"):
        reply = await stage.clients[who].submit("merchantpay", redemption("0000000000000000"))
        assert await failure(stage, reply) == "identification/identifierError"


async def test_a_code_whose_payment_failed_can_be_used_again(stage: World) -> None:
    code = (await code_for(stage))["authorisationCode"]
    short = await stage.clients["duka"].submit("merchantpay", redemption(code, "120.01"))
    assert await failure(stage, short) == "businessRule/insufficientFunds"
    paid = await result(stage, await stage.clients["duka"].submit("merchantpay", redemption(code)))
    assert paid["transactionStatus"] == "completed"


# Delegated authentication: the payer confirms at its own provider.


async def asked(stage: World) -> None:
    """Wait until the payer's provider has asked its customer."""

    async def is_waiting() -> bool:
        return any(each.waits for each in stage.simulator.provider("baobab").book.entries)

    await until(is_waiting)


async def test_the_hub_waits_until_the_payer_confirms(hurried_stage: World) -> None:
    provider = hurried_stage.simulator.provider("baobab")
    provider.rules = Rules([Rule(fate=Fate.ASKS_CUSTOMER, account=f"msisdn@{BAOBAB}")])
    reply = await hurried_stage.clients["duka"].submit("merchantpay", purchase("64.00"))
    state = (await hurried_stage.clients["duka"].get(f"/requeststates/{reply.body['serverCorrelationId']}")).body
    assert state["status"] == "pending"
    await asked(hurried_stage)
    await control(hurried_stage, "baobab", "confirm", {"account": f"msisdn@{BAOBAB}", "accept": True})
    assert (await result(hurried_stage, reply))["transactionStatus"] == "completed"


async def test_a_payer_that_declines_is_not_debited(stage: World) -> None:
    provider = stage.simulator.provider("baobab")
    provider.rules = Rules([Rule(fate=Fate.ASKS_CUSTOMER, account=f"msisdn@{BAOBAB}")])
    reply = await stage.clients["duka"].submit("merchantpay", purchase("64.00"))
    await asked(stage)
    await control(stage, "baobab", "confirm", {"account": f"msisdn@{BAOBAB}", "accept": False})
    assert await failure(stage, reply) == "authorisation/requestDeclined"


async def test_a_payment_to_a_bank_account_by_code_crosses_protocols(stage: World) -> None:
    code = (await code_for(stage))["authorisationCode"]
    body = redemption(code, creditParty=party(ACCOUNT))
    paid = await result(stage, await stage.clients["lakebank"].submit("merchantpay", body))
    assert paid["transactionStatus"] == "completed"


async def test_same_parties_are_told_after_acceptance(stage: World) -> None:
    reply = await stage.clients["baobab"].submit("transfer", request_body(SAVANNA, SAVANNA, "5.00"))
    assert await failure(stage, reply) == "businessRule/samePartiesError"
