"""Who sends, who receives and why reaches whoever acts on it, and is nowhere on the way: no table, message or log."""

from collections.abc import Sequence
from typing import Any

import pytest
from aiohttp import web
from structlog.testing import capture_logs

from adapters.simulator.app import Simulator
from hub.core.transfer import State
from hub.trial.plays import BAOBAB, party
from hub.trial.world import World
from routing.local import LocalBus
from tests.every_table import tables_with
from tests.scenario.abroad import HILL, NILE, quoted, sold
from tests.scenario.acting import ended, until

# No other text of these tests has any of these words.
KYC: dict[str, Any] = {
    "senderKyc": {
        "subjectName": {"fullName": "Zawadi Example-Sender"},
        "idDocument": [{"idType": "passport", "idNumber": "ZX-PASS-4711", "issuer": "Example-Office"}],
        "postalAddress": {"addressLine1": "7 Example-Street", "country": "KE"},
    },
    "recipientKyc": {"subjectName": {"fullName": "Mirembe Example-Receiver"}, "contactPhone": "+256799000111"},
}
WHY = {"remittancePurpose": "example-school-fees", "relationshipSender": "example-aunt"}
WORDS = (
    "Zawadi", "Example-Sender", "ZX-PASS-4711", "Example-Office", "Example-Street", "Mirembe", "Example-Receiver",
    "256799000111", "example-school-fees", "example-aunt",
)  # fmt: skip


@pytest.fixture
def carried(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Everything that is published on the bus, word for word, on its way."""
    found: list[str] = []
    publish = LocalBus.publish

    async def noted(bus: LocalBus, queue: str, envelopes: Sequence[bytes]) -> None:
        found.extend(f"{queue} {each.decode()}" for each in envelopes)
        await publish(bus, queue, envelopes)

    monkeypatch.setattr(LocalBus, "publish", noted)
    return found


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """Everything that providers are told: where, and what."""
    found: list[tuple[str, str]] = []
    answer = Simulator._answer

    async def noted(simulator: Simulator, request: web.Request) -> web.StreamResponse:
        found.append((request.path, await request.text()))
        return await answer(simulator, request)

    monkeypatch.setattr(Simulator, "_answer", noted)
    return found


def within(texts: Sequence[str]) -> set[tuple[str, str]]:
    return {(word, text[:200]) for text in texts for word in WORDS if word.lower() in text.lower()}


def payment(quotation: dict[str, Any], quote: dict[str, Any]) -> dict[str, Any]:
    return KYC | {
        "amount": quote["sendingAmount"],
        "currency": quote["sendingCurrency"],
        "debitParty": quotation["debitParty"],
        "creditParty": quotation["creditParty"],
        "internationalTransferInformation": WHY
        | {
            "originCountry": "KE",
            "quotationReference": quotation["quotationReference"],
            "quoteId": quote["quoteId"],
        },
    }


async def cleared(stage: World, rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Send a batch, wait for its end and return its completions."""
    client = stage.clients["baobab"]
    batch = (await client.post("/batchtransactions", {"transactions": rows})).reference

    async def is_complete() -> bool:
        found = (await client.get(f"/batchtransactions/{batch}")).body
        return bool(found["batchStatus"] == "completed")

    await until(is_complete, 60)
    completions: list[dict[str, Any]] = (await client.get(f"/batchtransactions/{batch}/completions")).body
    return completions


async def test_identities_reach_the_payee_fsp_and_are_nowhere_on_the_way(
    carried: list[str], told: list[tuple[str, str]], stage: World
) -> None:
    with capture_logs() as lines:
        await sold(stage)
        quotations = [await quoted(stage, payee, "10000", **KYC) for payee in (NILE, NILE, HILL, HILL)]
        bodies = [payment(each, each["quotes"][0]) for each in quotations]
        for body in (bodies[0], bodies[2]):
            assert (
                await ended(stage, await stage.clients["baobab"].submit("inttransfer", body))
            ).transfer.state is State.COMMITTED
        rows = [each | {"type": "inttransfer"} for each in (bodies[1], bodies[3])]
        assert len(await cleared(stage, rows)) == 2
    assert tables_with(stage.database, [*WORDS, BAOBAB]) == {
        (BAOBAB, table) for table in ("transfer", "batch_item", "instrument")
    }, "the tables were looked through: what is not sealed is found"
    assert within(carried) == set()
    assert any(party(NILE)[0]["value"] in each for each in carried)
    assert within([str(each) for each in lines]) == set()
    heard = {where: {word for word, _ in within([text])} for where, text in told}
    assert heard["/nile/transactions/type/inttransfer"] == set(WORDS)
    assert heard["/nile/quotations"] == set(WORDS) - set(WHY.values()), "and repeats it, which goes no further"
    assert set(WORDS) - heard["/hillbank/pacs.008"] == {"256799000111"}, "the bank's message has no place for it"
    assert {word for where, words in heard.items() if where.startswith("/kivuko") for word in words} == set()
