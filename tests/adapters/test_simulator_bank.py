"""The simulated bank over real HTTP: every fate in ISO 20022 words, valid where the official schemas are at hand."""

import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from lxml import etree

from tests.adapters.spoken import DROPPED, World, said, serving

SCHEMAS = Path(__file__).parents[3] / "shared" / "iso20022"
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


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with serving() as served:
        yield served


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
