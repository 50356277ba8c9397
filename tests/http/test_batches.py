"""Batches through the API: broken rows are rejected one by one, two people approve, nothing is doubled or lost."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from hub.store.audit import run_audit
from tests.http.batch_desk import URL, Desk, opened, row
from tests.http.front import Json


@pytest.fixture
async def desk(migrated_url: str) -> AsyncIterator[Desk]:
    async with opened(migrated_url) as running:
        yield running


async def test_a_batch_is_taken_cleared_and_shown(desk: Desk) -> None:
    batch = await desk.taken(row(1), row(2, amount="207"), row(3), batchTitle="Salaries", batchdescription="January")
    before = await desk.view(batch)
    assert (before["batchStatus"], before["processingFlag"]) == ("approved", True)
    assert (before["batchTitle"], before["batchDescription"]) == ("Salaries", "January")
    found = await desk.cleared(batch)
    assert (found["parsingSuccessCount"], found["completedCount"], found["rejectionCount"]) == (3, 2, 1)
    assert found["processingFlag"] is False
    assert {"approvalDate", "completionDate", "creationDate"} <= found.keys()
    done = await desk.completions(batch)
    assert [each["requestingOrganisationTransactionReference"] for each in done] == ["row-1", "row-3"]
    transaction = (await desk.call("GET", done[0]["link"])).body
    assert transaction["transactionStatus"] == "completed"
    assert transaction["transactionReference"] == done[0]["transactionReference"]
    assert [each["rejectionReason"] for each in await desk.rejections(batch)] == ["businessRule/maxBalanceExceeded"]
    assert run_audit(desk.database).findings == []


BROKEN: list[tuple[str, Any, str]] = [
    ("no object", 7, "validation/formatError body"),
    ("a bad amount", row(1, amount="1.2.3"), "validation/formatError amount"),
    ("a negative amount", row(1, amount="-5"), "validation/negativeValue amount"),
    ("no money", row(1, amount="0.00"), "businessRule/lessThanTransactionMinValue amount"),
    ("no such currency", row(1, currency="ABC"), "validation/currencyNotSupported currency"),
    ("no type", row(1) | {"type": None}, "validation/mandatoryValueNotSupplied type"),
    ("no such type", row(1) | {"type": "gift"}, "validation/formatError type"),
    ("no payee", row(1, creditParty=None), "validation/mandatoryValueNotSupplied creditParty"),
    ("an empty payee", row(1, creditParty=[]), "validation/mandatoryValueNotSupplied creditParty"),
    ("a bad number", row(1, creditParty=[{"key": "msisdn", "value": "x"}]), "validation/formatError creditParty"),
    ("a description too long", row(1, descriptionText="x" * 161), "validation/lengthError descriptionText"),
    ("the character NUL", row(1, descriptionText="\0"), "validation/formatError body"),
]


@pytest.mark.parametrize(("broken", "reason"), [case[1:] for case in BROKEN], ids=[case[0] for case in BROKEN])
async def test_a_broken_row_is_rejected_alone(desk: Desk, broken: Any, reason: str) -> None:
    batch = await desk.taken(row(1), broken, row(3), batchStatus="created")
    found = await desk.view(batch)
    assert (found["parsingSuccessCount"], found["rejectionCount"]) == (2, 1)
    (rejected,) = await desk.rejections(batch)
    assert rejected["rejectionReason"] == reason
    assert rejected["customData"] == [{"key": "row", "value": "2"}]
    assert rejected["debitParty"]
    assert rejected["creditParty"]
    await desk.approve(batch)
    assert (await desk.cleared(batch))["completedCount"] == 2


async def test_what_the_hub_refuses_is_rejected_with_its_reason(desk: Desk) -> None:
    nobody = [{"key": "msisdn", "value": "+255700000001"}]
    batch = await desk.taken(row(1, creditParty=nobody), row(2, amount="100001"), row(3))
    found = await desk.cleared(batch)
    assert (found["parsingSuccessCount"], found["completedCount"], found["rejectionCount"]) == (3, 1, 2)
    assert [each["rejectionReason"] for each in await desk.rejections(batch)] == [
        "identification/identifierError",
        "businessRule/greaterThanTransactionMaxValue",
    ]


BAD_BATCHES: list[tuple[str, Any, tuple[int, str, str]]] = [
    ("no JSON", b"{", (400, "validation", "formatError")),
    ("a list", b"[]", (400, "validation", "formatError")),
    ("no transactions", b"{}", (400, "validation", "mandatoryValueNotSupplied")),
    ("transactions that are no list", b'{"transactions": 1}', (400, "validation", "formatError")),
    ("no rows", b'{"transactions": []}', (400, "validation", "lengthError")),
    ("a bad date", b'{"transactions": [1], "scheduledStartDate": "soon"}', (400, "validation", "formatError")),
    ("a bad state", b'{"transactions": [1], "batchStatus": "done"}', (400, "validation", "formatError")),
    ("an end", b'{"transactions": [1], "batchStatus": "completed"}', (400, "validation", "formatError")),
    (
        "a title too long",
        b'{"transactions": [1], "batchTitle": "%s"}' % (b"x" * 257),
        (400, "validation", "lengthError"),
    ),
    ("more than is taken", b'{"transactions": ["%s"]}' % (b"x" * 200_000), (400, "validation", "lengthError")),
]


@pytest.mark.parametrize(("body", "error"), [case[1:] for case in BAD_BATCHES], ids=[case[0] for case in BAD_BATCHES])
async def test_a_batch_that_cannot_be_read_leaves_nothing(desk: Desk, body: bytes, error: tuple[int, str, str]) -> None:
    headers = {"Content-Type": "application/json", "X-CorrelationID": str(uuid.uuid4())}
    reply = await desk.call("POST", "/batchtransactions", data=body, headers=headers)
    assert reply.error == error
    assert desk.execute("SELECT count(*) FROM batch") == desk.execute("SELECT count(*) FROM request") == [(0,)]


async def test_the_checker_is_not_the_maker(desk: Desk) -> None:
    batch = await desk.taken(row(1), batchStatus="created")
    assert not await desk.look()
    assert desk.instructions == []
    refused = (401, "authorisation", "requestingPartyAuthorisationError")
    assert (await desk.approve(batch, "maker")).error == refused
    assert (await desk.approve(batch, "bravo")).error == (404, "identification", "identifierError")
    assert (await desk.view(batch))["batchStatus"] == "created"
    assert "approvalDate" not in await desk.view(batch)
    assert (await desk.approve(batch)).status == 202
    assert (await desk.cleared(batch))["completedCount"] == 1


async def test_approving_twice_and_approving_what_is_complete_is_approving(desk: Desk) -> None:
    batch = await desk.taken(row(1), batchStatus="created")
    headers = {"X-CorrelationID": str(uuid.uuid4())}
    first = await desk.approve(batch, headers=headers)
    again = await desk.approve(batch, headers=headers)
    assert first.body == again.body
    assert (await desk.approve(batch, "maker")).status == 202
    await desk.cleared(batch)
    assert (await desk.approve(batch)).status == 202
    assert (await desk.view(batch))["completedCount"] == 1
    assert len(desk.execute("SELECT id FROM transfer")) == 1


@pytest.mark.parametrize(
    ("item", "code"),
    [
        ({"op": "replace", "path": "/batchStatus", "value": "completed"}, "formatError"),
        ({"op": "replace", "path": "/batchStatus", "value": "xyz"}, "formatError"),
        ({"op": "replace", "path": "/batchTitle", "value": "approved"}, "formatError"),
        ({"op": "remove", "path": "/batchStatus", "value": "approved"}, "formatError"),
        ({"op": "replace", "path": "/batchStatus"}, "mandatoryValueNotSupplied"),
    ],
    ids=["completed", "no state", "another path", "another operation", "no value"],
)
async def test_a_batch_can_only_be_approved(desk: Desk, item: Json, code: str) -> None:
    batch = await desk.taken(row(1), batchStatus="created")
    reply = await desk.call("PATCH", f"/batchtransactions/{batch}", "checker", json=[item])
    assert reply.error == (400, "validation", code)
    assert (await desk.view(batch))["batchStatus"] == "created"


async def test_clients_without_patch_approve_by_post(desk: Desk) -> None:
    batch = await desk.taken(row(1), batchStatus="created")
    item = {"op": "replace", "path": "/batchStatus", "value": "Approved"}
    path, headers = f"/batchtransactions/{batch}", {"X-HTTP-Method-Override": "PATCH"}
    assert (await desk.call("POST", path, "checker", json=[item])).status == 405
    assert (await desk.call("POST", path, "checker", json=[item], headers=headers)).status == 202
    assert (await desk.view(batch))["batchStatus"] == "approved"


async def test_a_scheduled_batch_waits_for_its_date(desk: Desk) -> None:
    later = (datetime.now(UTC) + timedelta(days=3)).isoformat()
    batch = await desk.taken(row(1), scheduledStartDate=later)
    assert not await desk.look()
    assert (await desk.view(batch))["scheduledStartDate"].endswith("Z")
    desk.execute("UPDATE batch SET due_ms = 0")
    assert (await desk.cleared(batch))["completedCount"] == 1


async def test_a_correlation_id_brings_one_batch(desk: Desk) -> None:
    correlation = str(uuid.uuid4())
    headers = {"X-CorrelationID": correlation}
    first = await desk.send(row(1), headers=headers)
    again = await desk.send(row(1), row(2), headers={"X-CorrelationID": correlation.upper()})
    assert again.error == (400, "businessRule", "duplicateRequest")
    assert again.parameters["link"] == f"/batchtransactions/{first.reference}"
    assert desk.execute("SELECT count(*) FROM batch_item") == [(1,)]
    reply = await desk.call("GET", f"/responses/{correlation}")
    assert reply.body == {"link": f"/batchtransactions/{first.reference}"}
    assert (await desk.call("GET", f"/responses/{correlation}", "bravo")).status == 404


async def test_a_batch_sent_twice_at_once_is_one_batch(desk: Desk) -> None:
    headers = {"X-CorrelationID": str(uuid.uuid4())}
    rows = [row(number) for number in range(300)]
    replies = await asyncio.gather(*(desk.send(*rows, headers=headers) for _ in range(2)))
    assert sorted(reply.status for reply in replies) == [202, 400]
    assert desk.execute("SELECT count(*) FROM batch_item") == [(300,)]


async def test_a_correlation_id_of_a_batch_is_no_other_request_s(desk: Desk) -> None:
    headers = {"X-CorrelationID": str(uuid.uuid4())}
    first = await desk.send(row(1), headers=headers)
    other = await desk.call("POST", "/transactions", json=row(1), headers=headers)
    assert other.error == (400, "businessRule", "duplicateRequest")
    waiting = await desk.taken(row(1), batchStatus="created")
    patched = await desk.approve(waiting, headers=headers)
    assert patched.error == (400, "businessRule", "duplicateRequest")
    assert patched.parameters["link"] == f"/batchtransactions/{first.reference}"
    assert (await desk.view(waiting))["batchStatus"] == "created"


async def test_the_request_state_follows_the_batch(desk: Desk) -> None:
    async def state(reply: Any) -> str:
        path = f"/requeststates/{reply.body['serverCorrelationId']}"
        return str((await desk.call("GET", path)).body["status"])

    at_once = await desk.send(row(1))
    assert await state(at_once) == "pending"
    await desk.cleared(at_once.reference)
    assert await state(at_once) == "completed"
    sent = await desk.send(row(1), batchStatus="created")
    assert await state(sent) == "completed"
    approved = await desk.approve(sent.reference)
    assert await state(approved) == "pending"
    await desk.cleared(sent.reference)
    assert (await state(sent), await state(approved)) == ("completed", "completed")


async def test_maker_and_checker_are_called_back(desk: Desk) -> None:
    maker, checker = ({"X-CorrelationID": str(uuid.uuid4()), "X-Callback-URL": f"{URL}/{who}"} for who in "mc")
    batch = (await desk.send(row(1), {}, headers=maker, batchStatus="created")).reference
    await desk.approve(batch, headers=checker)
    await desk.cleared(batch)
    told = desk.told()
    to_maker = [body for url, correlation, body in told if (url, correlation) == (f"{URL}/m", maker["X-CorrelationID"])]
    assert [each["batchStatus"] for each in to_maker] == ["created", "approved", "completed"]
    assert [each["rejectionCount"] for each in to_maker] == [1, 1, 1]
    assert [each["completedCount"] for each in to_maker] == [0, 0, 1]
    assert told[3:] == [(f"{URL}/c", checker["X-CorrelationID"], {"result": "success"})]


async def test_a_batch_of_one_step_calls_back_once_with_the_end(desk: Desk) -> None:
    batch = (await desk.send(row(1), headers={"X-Callback-URL": URL})).reference
    assert desk.told() == []
    await desk.cleared(batch)
    assert [(url, body["batchStatus"]) for url, _, body in desk.told()] == [(URL, "completed")]


async def test_lists_are_paged_and_counted(desk: Desk) -> None:
    batch = await desk.taken(*({} for _ in range(60)))
    path = f"/batchtransactions/{batch}/rejections"
    pages = [await desk.call("GET", f"{path}{query}") for query in ("", "?limit=20&offset=50", "?offset=60")]
    assert [len(page.body) for page in pages] == [50, 10, 0]
    assert {page.headers["X-Records-Available-Count"] for page in pages} == {"60"}
    assert [page.headers["X-Records-Returned-Count"] for page in pages] == ["50", "10", "0"]
    assert len((await desk.call("GET", f"{path}?fromDateTime=2001-01-01T00:00:00Z")).body) == 50
    assert (await desk.call("GET", f"{path}?toDateTime=2001-01-01T00:00:00Z")).body == []
    for query, code in (("limit=0", "formatError"), ("offset=-1", "invalidOffset"), ("fromDateTime=x", "formatError")):
        assert (await desk.call("GET", f"{path}?{query}")).error == (400, "validation", code)


@pytest.mark.parametrize("rest", ["", "/rejections", "/completions"])
async def test_a_batch_is_its_sender_s_alone(desk: Desk, rest: str) -> None:
    batch = await desk.taken(row(1))
    for who, id_ in (("bravo", batch), ("maker", "nothing"), ("maker", "0" * 32)):
        reply = await desk.call("GET", f"/batchtransactions/{id_}{rest}", who)
        assert reply.error == (404, "identification", "identifierError")


async def test_types_and_directions_may_be_mixed(desk: Desk) -> None:
    own = row(1, debitParty=[{"key": "organisationid", "value": "alpha"}])
    within = row(2, creditParty=[{"key": "msisdn", "value": "+254700999999"}])
    batch = await desk.taken(own, within, row(3) | {"type": "Transfer"})
    assert (await desk.cleared(batch))["completedCount"] == 3
