"""Bulk disbursement, in one step and by maker and checker, as the specification draws it; providers of all tempers."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import msgspec
import pytest

from hub.roles.credentials import admit
from hub.store.audit import run_audit
from hub.trial.client import Client
from hub.trial.plays import ACCOUNT, SAVANNA, party
from hub.trial.world import World
from tests.scenario.acting import until

ENDS_WITHIN_S = 60
# Amounts end in what the simulated provider is to do: accept, answer late, lose the answer, call back twice, ...
TEMPERS = ("00", "02", "03", "04", "05", "06", "08")
REFUSES = "07"
PAID_AS = [{"key": "organisationid", "value": "baobab"}]


@pytest.fixture
async def checker(stage: World) -> AsyncIterator[Client]:
    """Software of the same participant, with credentials of its own."""
    issued = await admit(stage.hub.store, "baobab", "baobab-checker")
    async with aiohttp.ClientSession() as session:
        client = Client(session, stage.hub.api_url, issued, stage.clients["baobab"]._callbacks)
        await client.login()
        yield client


def row(reference: str, amount: str, payee: str = SAVANNA) -> dict[str, Any]:
    return {
        "amount": amount,
        "currency": "KES",
        "type": "disbursement",
        "debitParty": PAID_AS,
        "creditParty": party(payee),
        "requestingOrganisationTransactionReference": reference,
    }


async def completed(client: Client, batch: str) -> dict[str, Any]:
    """Wait for the end of a batch, as a caller does."""
    found: dict[str, Any] = {}

    async def is_complete() -> bool:
        found.update((await client.get(f"/batchtransactions/{batch}")).body)
        return bool(found["batchStatus"] == "completed")

    await until(is_complete, ENDS_WITHIN_S)
    return found


async def test_a_one_shot_batch_ends_whatever_the_providers_do_and_calls_back_once(stage: World) -> None:
    client, correlation = stage.clients["baobab"], str(uuid.uuid4())
    rows = [row(f"row-{number}", f"{40 + number}.{TEMPERS[number % len(TEMPERS)]}") for number in range(28)]
    rows += [row("bank", "77.00", ACCOUNT), row("refused", f"91.{REFUSES}"), row("broken", "1,000")]
    reply = await client.post(
        "/batchtransactions", {"batchTitle": "May", "transactions": rows}, correlation=correlation
    )
    assert reply.status == 202, reply.body
    found = await completed(client, reply.reference)
    assert (found["parsingSuccessCount"], found["completedCount"], found["rejectionCount"]) == (30, 29, 2)
    rejected = (await client.get(f"/batchtransactions/{reply.reference}/rejections")).body
    assert [each["rejectionReason"] for each in rejected] == [
        "businessRule/dailyValueLimitExceeded",
        "validation/formatError amount",
    ]
    completions = (await client.get(f"/batchtransactions/{reply.reference}/completions")).body
    assert {each["requestingOrganisationTransactionReference"] for each in completions} == {
        each["requestingOrganisationTransactionReference"] for each in rows
    } - {"refused", "broken"}
    await stage.sink.until(lambda: correlation in stage.sink.deliveries, 10)
    (delivery,) = stage.sink.deliveries[correlation]
    assert msgspec.json.decode(delivery.body)["batchStatus"] == "completed"
    totals = [stage.simulator.provider(each).totals() for each in ("savanna", "lakebank")]
    assert [each["executed_twice"] for each in totals] == [0, 0]
    assert (await asyncio.to_thread(run_audit, stage.database)).findings == []


async def test_maker_and_checker_are_two_and_both_are_told(stage: World, checker: Client) -> None:
    maker, sent, approved = stage.clients["baobab"], str(uuid.uuid4()), str(uuid.uuid4())
    body = {"batchStatus": "created", "transactions": [row("1", "50.00"), row("2", "60.00")]}
    reply = await maker.post("/batchtransactions", body, correlation=sent)
    path = f"/batchtransactions/{reply.reference}"
    await stage.sink.until(lambda: sent in stage.sink.deliveries, 10)
    patch = [{"op": "replace", "path": "/batchStatus", "value": "approved"}]
    refused = await maker.write("PATCH", path, patch)
    assert (refused.status, refused.error) == (401, "authorisation/requestingPartyAuthorisationError")
    assert (await checker.write("PATCH", path, patch, correlation=approved)).status == 202
    assert (await completed(maker, reply.reference))["completedCount"] == 2
    await stage.sink.until(lambda: len(stage.sink.deliveries[sent]) == 3 and approved in stage.sink.deliveries, 10)
    told = [msgspec.json.decode(each.body)["batchStatus"] for each in stage.sink.deliveries[sent]]
    assert sorted(told) == ["approved", "completed", "created"]
    assert [each.body for each in stage.sink.deliveries[approved]] == [b'{"result":"success"}']


async def test_a_scheduled_batch_is_cleared_at_its_time_and_not_before(stage: World) -> None:
    client = stage.clients["baobab"]
    starts = datetime.now(UTC) + timedelta(seconds=2)
    body = {"scheduledStartDate": starts.isoformat(), "transactions": [row("1", "50.00")]}
    reply = await client.post("/batchtransactions", body)
    found = await completed(client, reply.reference)
    transfer = (await client.get(f"/batchtransactions/{reply.reference}/completions")).body[0]["transactionReference"]
    created = (await client.get(f"/transactions/{transfer}")).body["creationDate"]
    assert datetime.fromisoformat(created) >= starts - timedelta(milliseconds=1)
    assert found["completedCount"] == 1
