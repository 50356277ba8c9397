"""The simulator, spoken to over real HTTP: every fate shows as its table says, and nothing is executed twice."""

import asyncio
import re
import sys
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp
import msgspec
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer, unused_port
from lxml import etree

from adapters.simulator.app import Simulator
from adapters.simulator.provider import Settings
from adapters.simulator.rules import Fate, Rule, Rules
from adapters.simulator.sink import CallbackSink

SCHEMAS = Path(__file__).parents[3] / "shared" / "iso20022"
PAYEE = "+254700111222"
DROPPED = "dropped"
PACS_008 = (
    '<Document xmlns="urn:iso:std:iso:20022:tech:xsd:pacs.008.001.08"><FIToFICstmrCdtTrf><CdtTrfTxInf>'
    "<PmtId><EndToEndId>E2E</EndToEndId><TxId>{tx}</TxId><UETR>{uetr}</UETR></PmtId>"
    '<IntrBkSttlmAmt Ccy="KES">{amount}</IntrBkSttlmAmt>'
    "<CdtrAcct><Id><Othr><Id>{account}</Id></Othr></Id></CdtrAcct></CdtTrfTxInf></FIToFICstmrCdtTrf></Document>"
)
PACS_028 = (
    '<Document xmlns="urn:iso:std:iso:20022:tech:xsd:pacs.028.001.03"><FIToFIPmtStsReq>'
    "<TxInf><OrgnlUETR>{uetr}</OrgnlUETR></TxInf></FIToFIPmtStsReq></Document>"
)


class World(NamedTuple):
    simulator: Simulator
    sink: CallbackSink
    client: aiohttp.ClientSession
    callbacks_at: str


class Said(NamedTuple):
    status: int | str
    body: Any


@pytest.fixture
async def world() -> AsyncIterator[World]:
    simulator = Simulator(
        [
            Settings(name="alpha", dialect="gsma", late_s=0.01),
            Settings(name="patient", dialect="gsma", late_s=3600),
            Settings(name="prompt", dialect="gsma", sync=True, late_s=0.01),
            Settings(name="bank", dialect="iso20022", late_s=0.01),
            Settings(name="instant", dialect="iso20022", sync=True, late_s=0.01),
        ]
    )
    sink = CallbackSink()
    async with (
        TestServer(simulator.app) as provider,
        TestServer(sink.app) as caller,
        aiohttp.ClientSession(base_url=provider.make_url("/")) as client,
    ):
        yield World(simulator, sink, client, str(caller.make_url("/callbacks/")))


def basic(secret: str) -> dict[str, str]:
    return {"Authorization": aiohttp.encode_basic_auth("makutano", secret)}


async def token(client: aiohttp.ClientSession, name: str) -> dict[str, str]:
    async with client.post(f"{name}/v1/oauth/accesstoken", headers=basic("demo")) as response:
        return {"Authorization": f"Bearer {(await response.json())['access_token']}"}


async def said(client: aiohttp.ClientSession, method: str, path: str, **rest: Any) -> Said:
    try:
        async with client.request(method, path, **rest) as response:
            body = await response.read()
    except aiohttp.ServerDisconnectedError:
        return Said(DROPPED, None)
    try:
        return Said(response.status, msgspec.json.decode(body))
    except msgspec.DecodeError:
        return Said(response.status, body)


async def posted(world: World, name: str, amount: str, reference: str, /, **more: Any) -> Said:
    headers = {
        **await token(world.client, name),
        "X-CorrelationID": reference,
        "X-Callback-URL": world.callbacks_at + reference,
    }
    body = {"amount": amount, "currency": "KES", "creditParty": [{"key": "msisdn", "value": PAYEE}], **more}
    return await said(world.client, "POST", f"{name}/transactions/type/transfer", headers=headers, json=body)


async def got(world: World, path: str) -> Said:
    name = path.partition("/")[0]
    return await said(world.client, "GET", path, headers=await token(world.client, name))


async def found(world: World, name: str, reference: str) -> Any:
    """Ask what became of a reference the way a GSMA client does: the response's link, then the link."""
    response = await got(world, f"{name}/responses/{reference}")
    if response.status == 404:
        return "absent"
    body = (await got(world, name + response.body["link"])).body
    return body.get("transactionStatus") or body["errorCode"]


async def heard(world: World, reference: str) -> list[Any]:
    await world.simulator.callbacks.drained()
    return [msgspec.json.decode(each.body) for each in world.sink.deliveries.get(reference, [])]


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


async def test_a_debit_over_the_balance_is_refused(world: World) -> None:
    reference = str(uuid.uuid4())
    world.simulator.provider("alpha").book.account(f"msisdn@{PAYEE}").balances["KES"] = 999
    debit = {"creditParty": [], "debitParty": [{"key": "msisdn", "value": PAYEE}]}
    await posted(world, "alpha", "10", reference, **debit)
    assert await found(world, "alpha", reference) == "insufficientFunds"
    assert world.simulator.provider("alpha").totals()["debited"] == {}


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


def pacs_008(amount: str, uetr: str, account: str = "1234567") -> bytes:
    return PACS_008.format(tx=uetr.replace("-", ""), uetr=uetr, amount=amount, account=account).encode()


def word(document: bytes) -> tuple[str, str]:
    """Return status and reason of a pacs.002; it must be valid where the schemas are at hand."""
    root = etree.fromstring(document)
    schema = SCHEMAS / "pacs.002.001.10.xsd"
    if schema.exists():
        etree.XMLSchema(file=str(schema)).assertValid(root)
    return root.findtext(".//{*}TxSts", ""), root.findtext(".//{*}Rsn/{*}Cd", "")


@pytest.mark.parametrize(
    ("amount", "account", "answer", "told"),
    [
        ("10", "1234567", 202, (("ACSC", ""), ("ACSC", ""))),
        ("10.01", "1234567", 202, (("RJCT", "AM04"), ("RJCT", "AM04"))),
        ("10.03", "1234567", DROPPED, (None, ("ACSC", ""))),
        ("10.06", "1234567", 202, (None, ("ACSC", ""))),
        ("10.08", "1234567", DROPPED, (None, ("RJCT", "AG09"))),
        ("10.09", "1234567", 202, (None, ("ACSC", ""))),
        ("10.1", "1234567", 500, (None, ("ACSC", ""))),
        ("10", "1230404", 202, (("RJCT", "AC01"), ("RJCT", "AC01"))),
    ],
)
async def test_a_bank_shows_each_fate_in_its_answer_its_callback_and_when_asked(
    world: World, amount: str, account: str, answer: int | str, told: tuple[Any, tuple[str, str]]
) -> None:
    uetr, callbacks = str(uuid.uuid4()), []

    async def listen(request: web.Request) -> web.Response:
        callbacks.append(await request.read())
        return web.Response(status=204)

    listener = web.Application()
    listener.router.add_post("/bank", listen)
    async with TestServer(listener) as server:
        headers = {"X-Callback-URL": str(server.make_url("/bank"))}
        document = pacs_008(amount, uetr, account)
        assert (await said(world.client, "POST", "bank/in", headers=headers, data=document)).status == answer
        await world.simulator.callbacks.drained()
    request = PACS_028.format(uetr=uetr).encode()
    asked = (await said(world.client, "POST", "bank/in", data=request)).body
    assert ([word(each) for each in callbacks], word(asked)) == ([] if told[0] is None else [told[0]], told[1])


async def test_an_instant_bank_answers_with_the_outcome_and_rejects_a_second_use(world: World) -> None:
    document = pacs_008("10", str(uuid.uuid4()))
    answers = [(await said(world.client, "POST", "instant/in", data=document)).body for _ in range(2)]
    assert [word(answer) for answer in answers] == [("ACSC", ""), ("RJCT", "AM05")]
    assert world.simulator.provider("instant").totals()["credited"] == {"KES": 1000}


@pytest.mark.parametrize("document", [b"", b"<a>", b"<Document/>", pacs_008("ten", str(uuid.uuid4()))])
async def test_a_bank_answers_400_to_what_is_no_message_of_ours(world: World, document: bytes) -> None:
    assert (await said(world.client, "POST", "bank/in", data=document)).status == 400


async def test_a_bank_opens_no_file_that_a_document_names(world: World, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("1234567")
    document = (
        f'<!DOCTYPE a [<!ENTITY e SYSTEM "file://{secret}">]>' + pacs_008("10", str(uuid.uuid4()), "&e;").decode()
    )
    await said(world.client, "POST", "instant/in", data=document.encode())
    assert "accountid@1234567" not in world.simulator.provider("instant").book.accounts


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
        for attempt in range(2):
            process = await started(port, journal)
            try:
                if attempt == 0:
                    assert (await posted(outside, "alpha", "10.03", lost)).status == DROPPED
                    assert (await posted(outside, "alpha", "10.08", unheard)).status == DROPPED
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
