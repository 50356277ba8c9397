"""Recurring payments: a mandate is set up by either side, taken, paused and ended; its issuer enforces it."""

from typing import Any

import pytest

from hub.trial.plays import BAOBAB, party
from hub.trial.world import World
from tests.scenario.acting import failure, result

TILL = [{"key": "organisationid", "value": "duka"}]
MANDATES = f"/accounts/msisdn/{BAOBAB}/debitmandates"


async def mandate(stage: World, caller: str = "duka", **terms: Any) -> dict[str, Any]:
    """Have the payer's provider issue a mandate."""
    body = {"payee": TILL, "startDate": "2026-01-01", "amountLimit": "1000", "currency": "KES", **terms}
    return await result(stage, await stage.clients[caller].post(MANDATES, body))


def taking(reference: str, amount: str = "400.00") -> dict[str, Any]:
    return {"amount": amount, "currency": "KES", "debitParty": [{"key": "mandatereference", "value": reference}]}


@pytest.mark.parametrize("caller", ["duka", "baobab"], ids=["set up by the payee", "set up by the payer's provider"])
async def test_a_mandate_is_taken_by_its_payee(stage: World, caller: str) -> None:
    issued = await mandate(stage, caller)
    assert (issued["mandateStatus"], issued["amountLimit"]) == ("active", "1000")
    told = await result(stage, await stage.clients["duka"].submit("merchantpay", taking(issued["mandateReference"])))
    assert told["transactionStatus"] == "completed"
    assert told["debitParty"] == [{"key": "mandatereference", "value": issued["mandateReference"]}]
    assert stage.simulator.provider("baobab").totals()["debited"] == {"KES": 400_00}
    shown = await stage.clients["duka"].get(f"{MANDATES}/{issued['mandateReference']}")
    assert (shown.status, shown.body["mandateReference"]) == (200, issued["mandateReference"])


async def test_a_mandate_is_paused_resumed_and_ended(stage: World) -> None:
    reference = (await mandate(stage))["mandateReference"]
    duka, path = stage.clients["duka"], f"{MANDATES}/{reference}"
    assert await result(stage, await duka.patch(path, mandateStatus="inactive")) == {"result": "success"}
    assert (
        await failure(stage, await duka.submit("merchantpay", taking(reference))) == "businessRule/noMandateAuthority"
    )
    assert await result(stage, await duka.patch(path, mandateStatus="active")) == {"result": "success"}
    assert (await result(stage, await duka.submit("merchantpay", taking(reference))))[
        "transactionStatus"
    ] == "completed"
    assert await result(stage, await duka.patch(path, endDate="2026-01-02")) == {"result": "success"}
    assert (
        await failure(stage, await duka.submit("merchantpay", taking(reference))) == "businessRule/noMandateAuthority"
    )


@pytest.mark.parametrize(
    ("terms", "amount"),
    [({}, "1000.50"), ({"startDate": "2999-01-01"}, "5.00"), ({"endDate": "2026-01-02"}, "5.00")],
    ids=["over its limit", "before its start", "after its end"],
)
async def test_a_mandate_allows_no_more_than_it_says(stage: World, terms: dict[str, Any], amount: str) -> None:
    reference = (await mandate(stage, **terms))["mandateReference"]
    reply = await stage.clients["duka"].submit("merchantpay", taking(reference, amount))
    assert await failure(stage, reply) == "businessRule/noMandateAuthority"
    assert stage.simulator.provider("baobab").totals()["debited"] == {}


async def test_its_issuer_counts_the_payments(stage: World) -> None:
    reference = (await mandate(stage, numberOfPayments=1))["mandateReference"]
    duka = stage.clients["duka"]
    assert (await result(stage, await duka.submit("merchantpay", taking(reference))))[
        "transactionStatus"
    ] == "completed"
    assert (
        await failure(stage, await duka.submit("merchantpay", taking(reference))) == "businessRule/noMandateAuthority"
    )


async def test_another_payee_takes_nothing(stage: World) -> None:
    reference = (await mandate(stage))["mandateReference"]
    reply = await stage.clients["marketpay"].submit(
        "merchantpay", taking(reference) | {"creditParty": party("+254730000009")}
    )
    assert await failure(stage, reply) == "businessRule/noMandateAuthority"
    assert (await stage.clients["marketpay"].get(f"{MANDATES}/{reference}")).status == 404
    changed = await stage.clients["marketpay"].patch(f"{MANDATES}/{reference}", mandateStatus="inactive")
    assert (changed.status, changed.error) == (404, "identification/identifierError")


async def test_a_bank_without_mandates_says_so(stage: World) -> None:
    body = {"payee": TILL, "startDate": "2026-01-01"}
    reply = await stage.clients["duka"].post("/accounts/bankaccountno/LK0012345678/debitmandates", body)
    assert await failure(stage, reply) == "businessRule/genericError"
