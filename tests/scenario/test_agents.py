"""Agents: cash in, cash out asked for by either side, cash by code, registration, and verification of who it is."""

from typing import Any

import pytest

from hub.trial.plays import BAOBAB, SAVANNA, party
from hub.trial.world import World
from tests.scenario.acting import failure, result

NEW = "+254700555111"
AGENT = [{"key": "organisationid", "value": "duka"}]


async def test_cash_in_credits_the_customer_of_another_provider(stage: World) -> None:
    agent = stage.clients["savanna"]
    assert (await agent.get(f"/accounts/msisdn/{BAOBAB}/accountname")).status == 200
    body = {"amount": "200.00", "currency": "KES", "debitParty": party(SAVANNA), "creditParty": party(BAOBAB)}
    assert (await result(stage, await agent.submit("deposit", body)))["transactionStatus"] == "completed"
    assert stage.simulator.provider("baobab").totals()["credited"] == {"KES": 200_00}


async def test_cash_out_is_asked_for_by_the_agent(stage: World) -> None:
    body = {"amount": "200.00", "currency": "KES", "debitParty": party(BAOBAB)}
    told = await result(stage, await stage.clients["duka"].submit("withdrawal", body))
    assert (told["type"], told["transactionStatus"]) == ("withdrawal", "completed")


async def test_cash_out_is_asked_for_by_the_customers_provider(stage: World) -> None:
    body = {"amount": "200.00", "currency": "KES", "debitParty": party(BAOBAB), "creditParty": AGENT}
    told = await result(stage, await stage.clients["baobab"].submit("withdrawal", body))
    assert told["transactionStatus"] == "completed"


async def test_a_customer_that_declines_gets_no_cash(stage: World) -> None:
    body = {"amount": "200.01", "currency": "KES", "debitParty": party(BAOBAB)}
    assert (
        await failure(stage, await stage.clients["duka"].submit("withdrawal", body)) == "businessRule/insufficientFunds"
    )


async def test_a_machine_pays_cash_for_a_code(stage: World) -> None:
    terms: dict[str, Any] = {
        "amount": "1000.00",
        "currency": "KES",
        "amountType": "exact",
        "codeLifetime": 600,
        "holdFundsIndicator": True,
        "redemptionTransactionTypes": [{"transactionType": "withdrawal"}],
        "redemptionChannels": [{"channelType": "ATM"}],
    }
    path = f"/accounts/msisdn/{BAOBAB}/authorisationcodes"
    code = (await result(stage, await stage.clients["baobab"].post(path, terms)))["authorisationCode"]
    cash = {"amount": "1000.00", "currency": "KES", "oneTimeCode": code, "creditParty": AGENT}
    at_a_till = await stage.clients["duka"].submit("withdrawal", cash)
    assert await failure(stage, at_a_till) == "businessRule/incorrectState"
    at_a_machine = await stage.clients["duka"].submit("withdrawal", cash, headers={"X-Channel": "ATM"})
    assert (await result(stage, at_a_machine))["transactionStatus"] == "completed"
    assert stage.simulator.provider("baobab").totals()["debited"] == {"KES": 1000_00}


async def test_a_customer_is_registered_and_verified(stage: World) -> None:
    who = {
        "accountIdentifiers": party(NEW),
        "identity": [
            {
                "identityKyc": {
                    "subjectName": {"firstName": "Test", "lastName": "Person"},
                    "dateOfBirth": "2000-11-20",
                },
                "accountRelationship": "accountholder",
                "kycVerificationStatus": "unverified",
            }
        ],
    }
    agent = stage.clients["duka"]
    made = await result(stage, await agent.post("/accounts/individual", who))
    assert made["accountIdentifiers"] == party(NEW)
    (identity,) = made["identity"]
    path = f"/accounts/msisdn/{NEW}/identities/{identity['identityId']}"
    changed = await agent.patch(path, kycVerificationStatus="verified", kycLevel="2")
    assert await result(stage, changed) == {"result": "success"}
    shown = (await stage.clients["baobab"].get(f"/accounts/msisdn/{NEW}")).body
    assert shown["identity"][0]["kycVerificationStatus"] == "verified"


@pytest.mark.parametrize(
    ("path", "changes", "error"),
    [
        (f"/accounts/msisdn/{BAOBAB}", {"currentBalance": "1"}, "validation/formatError"),
        (f"/accounts/msisdn/{BAOBAB}", {"accountStatus": "rich"}, "validation/formatError"),
        (f"/accounts/msisdn/{BAOBAB}/identities/1", {"identityKyc": "x"}, "validation/formatError"),
        (f"/accounts/msisdn/{BAOBAB}/links/{'0' * 32}", {"mode": "push"}, "identification/identifierError"),
    ],
)
async def test_what_cannot_be_changed_is_said_at_once(
    stage: World, path: str, changes: dict[str, str], error: str
) -> None:
    assert (await stage.clients["baobab"].patch(path, **changes)).error == error


async def test_an_account_is_blocked_by_those_who_cannot_send_patch(stage: World) -> None:
    path, body = f"/accounts/msisdn/{BAOBAB}", [{"op": "replace", "path": "/accountStatus", "value": "unavailable"}]
    reply = await stage.clients["baobab"].post(path, body, headers={"X-HTTP-Method-Override": "PATCH"})
    assert await result(stage, reply) == {"result": "success"}
    assert (await stage.clients["savanna"].get(f"/accounts/msisdn/{BAOBAB}/status")).body[
        "accountStatus"
    ] == "unavailable"
