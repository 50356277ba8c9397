"""Batches and quotations of the simulator over real HTTP: one bad row fails alone, a quote holds for its time."""

import uuid
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
from aiohttp import ClientSession
from aiohttp.test_utils import TestServer

from adapters.simulator.app import Simulator
from adapters.simulator.provider import Settings
from adapters.simulator.seed import Seed
from tests.adapters.spoken import World, got, heard, serving
from tests.adapters.wallet import FIRST, PAYER, acted, debited, ended, sown

ORGANISATION = [{"key": "organisationid", "value": "NGO1"}]
APPROVED = [{"op": "replace", "path": "/batchStatus", "value": "approved"}]
RATES = [{"from": "USD", "to": "KES", "rate": "129.45", "fee": "0.5"}]
ASKED = {"creditParty": PAYER, "debitParty": ORGANISATION, "requestAmount": "10", "requestCurrency": "USD"}


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with serving() as served:
        yield served


def row(name: str, amount: str, **more: Any) -> dict[str, Any]:
    parties = {"debitParty": ORGANISATION, "creditParty": [{"key": "msisdn", "value": "+254700000555"}]}
    named = {"type": "disbursement", "requestingOrganisationTransactionReference": name}
    return {"amount": amount, "currency": "KES"} | parties | named | more


ROWS = [
    row("r1", "10"),
    row("r2", "20.01"),
    row("r3", "1.234"),
    row("r4", "30"),
    row("r5", "5", creditParty=[], debitParty=[]),
]


async def test_a_batch_is_executed_row_by_row(world: World) -> None:
    reference = str(uuid.uuid4())
    answer = await acted(
        world, "POST", "alpha/batchtransactions", {"batchTitle": "Pay", "transactions": ROWS}, reference
    )
    assert (answer.status, answer.body["status"]) == (202, "pending")
    (header,) = await heard(world, reference)
    counts = {"batchStatus": "completed", "completedCount": 2, "rejectionCount": 3, "parsingSuccessCount": 3}
    assert header | counts | {"batchTitle": "Pay"} == header
    at = f"alpha/batchtransactions/{header['batchId']}"
    assert (await got(world, at)).body == header
    done = (await got(world, f"{at}/completions")).body
    assert [each["requestingOrganisationTransactionReference"] for each in done] == ["r1", "r4"]
    assert (await got(world, f"alpha{done[0]['link']}")).body["transactionStatus"] == "completed"
    rejected = {
        each["requestingOrganisationTransactionReference"]: each["rejectionReason"]
        for each in (await got(world, f"{at}/rejections")).body
    }
    assert rejected == {
        "r2": "businessRule/insufficientFunds",
        "r3": "validation/formatError",
        "r5": "validation/mandatoryValueNotSupplied",
    }
    assert (await acted(world, "POST", "alpha/batchtransactions", {"transactions": ROWS}, reference)).status == 400
    assert world.simulator.provider("alpha").totals()["credited"] == {"KES": 4000}


async def test_a_batch_that_is_only_created_waits_for_its_approval_and_is_executed_once(world: World) -> None:
    batch = await ended(world, "POST", "alpha/batchtransactions", {"batchStatus": "created", "transactions": ROWS})
    assert (batch["batchStatus"], batch["parsingSuccessCount"], batch["completedCount"]) == ("created", 3, 0)
    at = f"alpha/batchtransactions/{batch['batchId']}"
    for _ in range(2):
        assert (await ended(world, "PATCH", at, APPROVED))["status"] == "completed"
    back = await acted(world, "PATCH", at, [APPROVED[0] | {"value": "created"}])
    assert (back.status, back.body["errorCode"]) == (400, "formatError")
    assert (await got(world, at)).body["batchStatus"] == "completed"
    assert world.simulator.provider("alpha").totals()["credited"] == {"KES": 4000}


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "batchtransactions", {"transactions": []}, 400),
        ("POST", "batchtransactions", {}, 400),
        ("PATCH", "batchtransactions/none", APPROVED, 404),
        ("GET", "batchtransactions/none/completions", None, 404),
    ],
)
async def test_a_batch_that_is_none_is_refused(world: World, method: str, path: str, body: Any, status: int) -> None:
    assert (await acted(world, method, f"alpha/{path}", body)).status == status


async def test_a_quote_is_of_the_rate_that_was_sown(world: World) -> None:
    await sown(world, rate=RATES)
    quotation = await ended(world, "POST", "alpha/quotations", ASKED)
    (quote,) = quotation["quotes"]
    assert (quotation["quotationStatus"], quote["fxRate"]) == ("completed", "129.45")
    assert (quote["sendingAmount"], quote["receivingAmount"], quote["receivingCurrency"]) == ("10", "1294.5", "KES")
    assert quote["fees"] == [{"feeType": "transfer", "feeAmount": "0.5", "feeCurrency": "USD"}]
    assert (await got(world, f"alpha/quotations/{quotation['quotationReference']}")).body == quotation


@pytest.mark.parametrize(
    ("asked", "status", "code"),
    [
        (ASKED | {"requestCurrency": "EUR"}, 202, "currencyNotSupported"),
        (ASKED | {"requestAmount": "x"}, 400, "formatError"),
        (ASKED | {"creditParty": []}, 400, "mandatoryValueNotSupplied"),
        (ASKED | {"creditParty": [{"key": "msisdn", "value": "+254700000404"}]}, 202, "identifierError"),
    ],
)
async def test_what_cannot_be_quoted_is_refused(world: World, asked: Any, status: int, code: str) -> None:
    await sown(world, rate=RATES)
    reference = str(uuid.uuid4())
    answer = await acted(world, "POST", "alpha/quotations", asked, reference)
    said = answer.body if status == 400 else (await heard(world, reference))[0]
    assert (answer.status, said["errorCode"]) == (status, code)


@pytest.mark.parametrize(
    ("amount", "named", "end"),
    [
        ("1294.5", {}, "completed"),
        ("1294.5", {"quoteId": "another"}, "identifierError"),
        ("1294.5", {"quotationReference": "another"}, "identifierError"),
        ("1295", {}, "incorrectState"),
    ],
)
async def test_a_transfer_by_a_quotation_is_of_what_was_quoted(
    world: World, amount: str, named: dict[str, str], end: str
) -> None:
    await sown(world, rate=RATES)
    quotation = await ended(world, "POST", "alpha/quotations", ASKED)
    by = {"originCountry": "US", "quotationReference": quotation["quotationReference"]} | named
    parties = {"creditParty": PAYER, "debitParty": ORGANISATION, "internationalTransferInformation": by}
    assert await debited(world, amount, type="inttransfer", **parties) == end


async def test_a_quote_that_is_over_promises_nothing(world: World) -> None:
    seed = msgspec.convert({"account": [{"account": FIRST, "balances": {"KES": "1"}}], "rate": RATES}, Seed)
    simulator = Simulator([Settings(name="alpha", dialect="gsma", quote_s=0, seed=seed)])
    async with TestServer(simulator.app) as served, ClientSession(base_url=served.make_url("/")) as client:
        here = world._replace(simulator=simulator, client=client)
        quotation = await ended(here, "POST", "alpha/quotations", ASKED)
        by = {"originCountry": "US", "quotationReference": quotation["quotationReference"]}
        parties = {"creditParty": PAYER, "debitParty": ORGANISATION, "internationalTransferInformation": by}
        assert await debited(here, "1294.5", type="inttransfer", **parties) == "quoteHasExpired"
