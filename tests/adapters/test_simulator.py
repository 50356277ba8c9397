"""The simulator, spoken to over real HTTP: every fate shows as its table says, and nothing is executed twice."""

import asyncio
import re
import sys
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp.test_utils import unused_port

from adapters.simulator.rules import Fate, Rule, Rules
from tests.adapters.spoken import DROPPED, PAYEE, World, basic, found, got, heard, posted, said, serving, token


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with serving() as served:
        yield served


@pytest.mark.parametrize(
    ("amount", "answer", "called_back", "asked"),
    [
        ("10", 202, ["completed"], "completed"),
        ("10.01", 202, ["insufficientFunds"], "insufficientFunds"),
        ("10.02", 202, ["completed"], "completed"),
        ("10.03", DROPPED, [], "completed"),
        ("10.04", 202, ["completed", "completed"], "completed"),
        ("10.05", 202, ["completed"], "completed"),
        ("10.06", 202, [], "completed"),
        ("10.07", 202, ["dailyValueLimitExceeded"], "dailyValueLimitExceeded"),
        ("10.08", DROPPED, [], "absent"),
        ("10.09", 202, [], "completed"),
        ("10.1", 500, [], "completed"),
        ("10.11", 202, ["completed"], "completed"),
    ],
)
async def test_a_gsma_provider_shows_each_fate_in_its_answer_its_callbacks_and_when_asked(
    world: World, amount: str, answer: int | str, called_back: list[str], asked: str
) -> None:
    reference = str(uuid.uuid4())
    assert (await posted(world, "alpha", amount, reference)).status == answer
    callbacks = await heard(world, reference)
    assert [each.get("transactionStatus") or each["errorCode"] for each in callbacks] == called_back
    assert await found(world, "alpha", reference) == asked


@pytest.mark.parametrize(
    ("amount", "answer", "word", "callbacks"),
    [
        ("10", 201, "completed", 0),
        ("10.01", 400, "insufficientFunds", 0),
        ("10.02", 202, "pending", 1),
        ("10.04", 201, "completed", 1),
        ("10.05", 201, "completed", 0),
        ("10.09", 202, "pending", 0),
        ("10.11", 201, "completed", 1),
    ],
)
async def test_a_synchronous_provider_says_the_outcome_in_its_answer(
    world: World, amount: str, answer: int, word: str, callbacks: int
) -> None:
    reference = str(uuid.uuid4())
    status, body = await posted(world, "prompt", amount, reference)
    assert status == answer
    assert word in (body.get("transactionStatus"), body.get("errorCode"), body.get("status"))
    assert len(await heard(world, reference)) == callbacks


async def test_a_wrong_amount_is_in_the_callback_and_the_true_one_when_asked(world: World) -> None:
    reference = str(uuid.uuid4())
    state = (await posted(world, "alpha", "10.05", reference)).body
    assert [each["amount"] for each in await heard(world, reference)] == ["10.06"]
    assert (await got(world, f"alpha/transactions/{state['objectReference']}")).body["amount"] == "10.05"
    assert world.simulator.provider("alpha").totals()["credited"] == {"KES": 1005}


async def test_an_early_callback_is_there_before_the_answer(world: World) -> None:
    reference = str(uuid.uuid4())
    await posted(world, "alpha", "10.11", reference)
    assert len(world.sink.deliveries[reference]) == 1


async def test_a_late_order_is_pending_until_then(world: World) -> None:
    reference = str(uuid.uuid4())
    state = (await posted(world, "patient", "10.02", reference)).body
    assert await found(world, "patient", reference) == "pending"
    polled = await got(world, f"patient/requeststates/{state['serverCorrelationId']}")
    assert polled.body["status"] == "pending"


async def test_a_request_dropped_unheard_is_executed_when_it_comes_again(world: World) -> None:
    reference = str(uuid.uuid4())
    assert (await posted(world, "alpha", "10.08", reference)).status == DROPPED
    assert world.simulator.provider("alpha").totals()["credited"] == {}
    assert (await posted(world, "alpha", "10.08", reference)).status == 202
    assert await found(world, "alpha", reference) == "completed"
    totals = world.simulator.provider("alpha").totals()
    assert (totals["credited"], totals["first_time"], totals["repeats"]) == ({"KES": 1008}, 1, 1)


async def test_a_reference_that_came_before_is_refused_and_not_executed(world: World) -> None:
    reference = str(uuid.uuid4())
    await posted(world, "alpha", "10", reference)
    status, body = await posted(world, "alpha", "20", reference.upper())
    assert (status, body["errorCode"]) == (400, "duplicateRequest")
    totals = world.simulator.provider("alpha").totals()
    assert (totals["credited"], totals["repeats"], totals["executed_twice"]) == ({"KES": 1000}, 1, 0)


async def test_two_references_for_one_transfer_count_as_executed_twice(world: World) -> None:
    for _ in range(2):
        named = {"requestingOrganisationTransactionReference": "T1"}
        await posted(world, "alpha", "10", str(uuid.uuid4()), **named)
    assert world.simulator.provider("alpha").totals()["executed_twice"] == 1


@pytest.mark.parametrize("by_own_reference", [True, False])
async def test_a_reversal_moves_the_money_back(world: World, *, by_own_reference: bool) -> None:
    reference = str(uuid.uuid4())
    own = (await posted(world, "alpha", "10", reference)).body["objectReference"]
    headers = {**await token(world.client, "alpha"), "X-CorrelationID": str(uuid.uuid4())}
    path = f"alpha/transactions/{own if by_own_reference else reference}/reversals"
    answer = await said(world.client, "POST", path, headers=headers, json={"type": "reversal"})
    assert answer.status == 202
    totals = world.simulator.provider("alpha").totals()
    assert (totals["credited"], totals["debited"]) == ({"KES": 1000}, {"KES": 1000})
    reversal = (await got(world, f"alpha/transactions/{answer.body['objectReference']}")).body
    assert (reversal["type"], reversal["originalTransactionReference"]) == ("reversal", own)


@pytest.mark.parametrize(
    ("side", "minor", "state"),
    [("debitParty", 999, "insufficientFunds"), ("debitParty", 1000, "completed"), ("creditParty", 999, "completed")],
)
async def test_only_a_debit_needs_the_money(world: World, side: str, minor: int, state: str) -> None:
    reference = str(uuid.uuid4())
    world.simulator.provider("alpha").book.account(f"msisdn@{PAYEE}").balances["KES"] = minor
    await posted(world, "alpha", "10", reference, **{"creditParty": [], side: [{"key": "msisdn", "value": PAYEE}]})
    assert await found(world, "alpha", reference) == state


@pytest.mark.parametrize(
    ("fate", "code"),
    [(Fate.NOT_FOUND, "identifierError"), (Fate.BLOCKED, "incorrectState"), (Fate.DECLINED, "requestDeclined")],
)
async def test_a_rule_decides_before_the_amount_does(world: World, fate: Fate, code: str) -> None:
    rules = [{"account": f"msisdn@{PAYEE}", "fate": fate}]
    assert (await said(world.client, "PUT", "alpha/_control/rules", json=rules)).status == 200
    reference = str(uuid.uuid4())
    await posted(world, "alpha", "10.03", reference)
    assert await found(world, "alpha", reference) == code


async def test_a_provider_that_is_unavailable_remembers_nothing(world: World) -> None:
    reference = str(uuid.uuid4())
    provider = world.simulator.provider("alpha")
    provider.rules = Rules([Rule(fate=Fate.UNAVAILABLE)])
    assert (await posted(world, "alpha", "10", reference)).status == 503
    provider.rules = Rules()
    assert (await posted(world, "alpha", "10", reference)).status == 202


@pytest.mark.parametrize(
    ("path", "status", "body"),
    [
        (f"accounts/msisdn/{PAYEE}/accountname", 200, {"name": {"fullName": "Customer 1222"}}),
        (f"accounts/msisdn@{PAYEE}/accountname", 200, {"name": {"fullName": "Customer 1222"}}),
        (f"accounts/msisdn@{PAYEE}$walletid@1/status", 200, {"accountStatus": "available"}),
        ("heartbeat", 200, {"serviceStatus": "available"}),
    ],
)
async def test_questions_are_answered(world: World, path: str, status: int, body: Any) -> None:
    assert await got(world, f"alpha/{path}") == (status, body)


@pytest.mark.parametrize(
    "path", ["accounts/msisdn/+254700000404/accountname", "responses/x", "transactions/alpha-9", "errors/x", "nothing"]
)
async def test_what_is_not_there_is_not_found(world: World, path: str) -> None:
    status, body = await got(world, f"alpha/{path}")
    assert (status, body["errorCategory"], body["errorCode"]) == (404, "identification", "identifierError")


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"amount": "1.234"}, "formatError"),
        ({"amount": 5}, "formatError"),
        ({"currency": "XXX"}, "formatError"),
        ({"creditParty": []}, "mandatoryValueNotSupplied"),
        ({"amount": None}, "mandatoryValueNotSupplied"),
    ],
)
async def test_a_body_that_is_wrong_is_refused_by_name(world: World, change: dict[str, Any], code: str) -> None:
    status, body = await posted(world, "alpha", "10", str(uuid.uuid4()), **change)
    assert (status, body["errorCode"]) == (400, code)
    assert world.simulator.provider("alpha").book.entries == []


async def test_nothing_is_answered_without_a_token_that_holds(world: World) -> None:
    assert (await said(world.client, "GET", "alpha/heartbeat")).status == 401
    held = await token(world.client, "alpha")
    assert (await said(world.client, "GET", "alpha/heartbeat", headers=held)).status == 200
    assert (await said(world.client, "GET", "prompt/heartbeat", headers=held)).status == 401
    await said(world.client, "POST", "alpha/_control/revoke")
    assert (await said(world.client, "GET", "alpha/heartbeat", headers=held)).status == 401
    wrong = basic("guess")
    assert (await said(world.client, "POST", "alpha/v1/oauth/accesstoken", headers=wrong)).status == 401


async def test_control_shows_what_came_and_forgets_it(world: World) -> None:
    reference = str(uuid.uuid4())
    await posted(world, "alpha", "10", reference)
    journal = (await said(world.client, "GET", "alpha/_control/journal")).body
    assert [each["order"]["reference"] for each in journal["entries"]] == [reference]
    assert [each[1:] for each in journal["requests"]] == [[reference, True]]
    balances = (await said(world.client, "GET", "alpha/_control/balances")).body
    assert balances[f"msisdn@{PAYEE}"]["balances"] == {"KES": 10**12 + 1000}
    totals = (await said(world.client, "POST", "alpha/_control/reset")).body
    assert (totals["executed"], totals["credited"]) == (0, {})


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("PUT", "alpha/_control/rules", b'[{"fate":"lucky"}]', 400),
        ("GET", "alpha/_control/nothing", b"", 404),
        ("GET", "nobody/_control/totals", b"", 404),
        ("GET", "nobody/heartbeat", b"", 404),
    ],
)
async def test_control_refuses_what_it_does_not_know(
    world: World, method: str, path: str, body: bytes, status: int
) -> None:
    assert (await said(world.client, method, path, data=body)).status == status


async def test_the_sink_counts_duplicates(world: World) -> None:
    await posted(world, "alpha", "10.04", str(uuid.uuid4()))
    await posted(world, "alpha", "10", str(uuid.uuid4()))
    await world.sink.until(lambda: world.sink.count == 3, within_s=10)
    assert (len(world.sink.deliveries), world.sink.duplicates) == (2, 1)


async def started(port: int, journal: Path) -> asyncio.subprocess.Process:
    arguments = ["--port", str(port), "--provider", "alpha:gsma:sync", "--journal", str(journal)]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "adapters.simulator", *arguments, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    async with asyncio.timeout(20):
        assert b"Running" in await process.stdout.readline()  # said when it listens
    return process


async def test_a_simulator_that_is_killed_remembers_what_it_executed(tmp_path: Path, world: World) -> None:
    journal, port = tmp_path / "journal", unused_port()
    lost, unheard = str(uuid.uuid4()), str(uuid.uuid4())
    async with aiohttp.ClientSession(base_url=f"http://127.0.0.1:{port}/") as client:
        outside = world._replace(client=client)
        for attempt in range(3):
            process = await started(port, journal)
            try:
                if attempt == 0:
                    assert (await posted(outside, "alpha", "10.03", lost)).status == DROPPED
                    assert (await posted(outside, "alpha", "10.08", unheard)).status == DROPPED
                elif attempt == 2:
                    assert await found(outside, "alpha", unheard) == "completed"
                else:
                    assert await found(outside, "alpha", lost) == "completed"
                    assert (await posted(outside, "alpha", "10.03", lost)).body["errorCode"] == "duplicateRequest"
                    assert (await posted(outside, "alpha", "10.08", unheard)).status == 201
                    totals = (await said(client, "GET", "alpha/_control/totals")).body
                    assert (totals["credited"], totals["executed_twice"]) == ({"KES": 2011}, 0)
            finally:
                process.kill()
                await process.communicate()
            with journal.open("ab") as torn:
                torn.write(b'{"provider":"alpha","entr')


def test_the_readme_has_every_magic_amount() -> None:
    from adapters.simulator import rules

    readme = (Path(rules.__file__).parent / "README.md").read_text("utf-8")
    rows = {int(digits): fate for digits, fate in re.findall(r"^\| ([0-9]{2}) \| `(\w+)`", readme, re.MULTILINE)}
    assert rows == rules.MAGIC
