"""Batches of transactions: taken, approved by a second person, shown with their progress; nothing is cleared here.

A batch is answered with 202 when all its rows are committed. It is shown to the participant that sent it alone.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, Final

import msgspec
import structlog
from aiohttp import web

from hub.core.batch import Batch, Ended, ItemState, Progress, Status, may_approve
from hub.core.change import CALLBACKS, Letter, Outgoing
from hub.core.command import Reason, Refusal
from hub.core.stamp import stamp
from hub.flow import OverloadedError
from hub.http.api import Api, Call, as_declared
from hub.http.asking import listed, window_of
from hub.http.batch_rows import Opened, Reading, lines, opened, shown_again, together, unix_ms
from hub.http.errors import ApiError, answer, invalid, refused, unknown_object, words_of
from hub.http.ids import new_id, undashed
from hub.http.operation import PAGED, Operation
from hub.http.reading import changes_in
from hub.http.resources import accepted, shown
from hub.http.schema.transactions import BatchTransaction, PatchItem
from hub.http.taking import where
from hub.http.transactions import is_id
from hub.store.batches import Approval, Batches
from hub.store.read import RequestRow
from routing.message import encoded

READ_WITHIN_S: Final = 120
EVER_MS: Final = 1 << 62
# Which of a batch's letters is which: each is written once.
_CREATED, _APPROVED, _COMPLETED, _CHECKER = 1, 2, 3, 4

_log: Final = structlog.get_logger("http")


async def create(api: Api, call: Call) -> web.Response:
    """Answer POST /batchtransactions."""
    batches = _kept(api)
    api.expect_json(call)
    if api.uploads.locked():
        raise OverloadedError("other batches are being read")
    async with api.uploads:
        content = await _content(api, call)
        found = await asyncio.to_thread(opened, content)
        now_ms = await batches.now_ms()
        batch = await _begun(api, call, found, now_ms)
        scheme, country = await api.scheme(), await api.country(call)
        rows = _lines(found, Reading(batch.id, call.caller, scheme, country, now_ms, api.seal))
        earlier = await batches.create(batch, rows, letters)
    if earlier != batch.id:
        raise await _duplicate(api, earlier)
    _log.info("batch.accepted", batch=batch.id, caller=batch.caller, rows=len(found.rows), status=batch.status)
    return _accepted(api, batch.request, batch.id, batch.callback_url)


async def view(api: Api, call: Call) -> web.Response:
    """Answer GET /batchtransactions/{batchId}."""
    batches, batch = await _visible(api, call)
    return answer(200, batch_object(batch, await batches.progress(batch.id)))


async def patch(api: Api, call: Call) -> web.Response:
    """Answer PATCH /batchtransactions/{batchId}: somebody other than its maker approves it; twice is once."""
    batches, batch = await _visible(api, call)
    items = await changes_in(api, call)
    if any(item.path != "/batchStatus" for item in items):
        raise invalid("path", "formatError", "Only /batchStatus can be changed.")
    if any(item.value.strip().lower() != Status.APPROVED for item in items):
        raise invalid("value", "formatError", "A batch can only be set to approved.")
    if not may_approve(batch, call.client):
        raise ApiError(
            "authorisation", "requestingPartyAuthorisationError", "Whoever sent a batch cannot approve it as well."
        )
    approval = Approval(
        request=new_id(),
        caller=call.caller,
        client=call.client,
        correlation=api.correlation(call),
        callback_url=await api.callback_url(call),
    )
    request, subject = await batches.approve(batch.id, approval, letters_on_approval)
    if subject != batch.id:
        raise await _duplicate(api, subject)
    _log.info("batch.approved", batch=batch.id, caller=call.caller, client=call.client)
    return _accepted(api, request, batch.id, approval.callback_url)


async def rejections(api: Api, call: Call) -> web.Response:
    """Answer GET /batchtransactions/{batchId}/rejections."""
    return await _listed(api, call, ItemState.REJECTED)


async def completions(api: Api, call: Call) -> web.Response:
    """Answer GET /batchtransactions/{batchId}/completions."""
    return await _listed(api, call, ItemState.COMPLETED)


async def request_state(api: Api, row: RequestRow) -> dict[str, Any]:
    """Return the state of a request that was about a batch; raises an ApiError where there is none."""
    batch = await _named(api, row.transfer)
    if api.batches is None or batch is None:
        raise unknown_object()
    was_sent = row.id == batch.request
    url = batch.callback_url if was_sent else batch.approval_url
    found = accepted(row.id, batch.id, callback=bool(url), poll_limit=api.settings.poll_limit)
    # A batch that somebody else approved was ready for that: its maker's request had come to its end.
    if batch.status is Status.COMPLETED or (was_sent and (batch.status is Status.CREATED or batch.approved_by)):
        return found | {"status": "completed"}
    held = (await api.batches.progress(batch.id)).held
    if held:
        found["pendingReason"] = f"{held} transactions wait for the paying participant's liquidity."
    return found


def batch_object(batch: Batch, progress: Progress) -> dict[str, Any]:
    """Return a batch as the API shows it."""
    times = {"approvalDate": batch.approved_ms, "completionDate": batch.completed_ms}
    last_ms = max(each or 0 for each in (batch.created_ms, *times.values()))
    return {
        "batchId": batch.id,
        "batchStatus": str(batch.status),
        **batch.header,
        **{name: stamp(at_ms) for name, at_ms in times.items() if at_ms is not None},
        "creationDate": stamp(batch.created_ms),
        "modificationDate": stamp(last_ms),
        "processingFlag": batch.status is Status.APPROVED,
        "parsingSuccessCount": progress.parsed,
        "completedCount": progress.completed,
        "rejectionCount": progress.rejected,
    }


def letters(batch: Batch, progress: Progress) -> list[Outgoing]:
    """Say to the maker how the batch stands whenever that changes, and to the checker that it is done."""
    found = []
    if batch.callback_url and (batch.status is not Status.APPROVED or batch.approved_by):
        number = {Status.CREATED: _CREATED, Status.APPROVED: _APPROVED, Status.COMPLETED: _COMPLETED}[batch.status]
        body = batch_object(batch, progress)
        found.append(_letter(batch, number, batch.callback_url, batch.correlation, body))
    return found + (_to_checker(batch) if batch.status is Status.COMPLETED else [])


def letters_on_approval(batch: Batch, progress: Progress) -> list[Outgoing]:
    """Say that a batch is approved; one that was complete before is news to the checker alone."""
    return _to_checker(batch) if batch.status is Status.COMPLETED else letters(batch, progress)


def _to_checker(batch: Batch) -> list[Outgoing]:
    if not batch.approval_url:
        return []
    return [_letter(batch, _CHECKER, batch.approval_url, batch.approval_correlation, {"result": "success"})]


def _letter(batch: Batch, number: int, url: str, correlation: str, body: dict[str, Any]) -> Outgoing:
    letter = Letter(url=url, correlation=correlation, body=msgspec.Raw(msgspec.json.encode(body)))
    return Outgoing(transfer=batch.id, seq=number, queue=CALLBACKS, body=msgspec.Raw(encoded(letter)))


async def _begun(api: Api, call: Call, found: Opened, now_ms: int) -> Batch:
    if not (await api.scheme()).active(call.caller):
        raise refused(Refusal(reason=Reason.CALLER_SUSPENDED))
    at_once = found.header.batchStatus != Status.CREATED
    starts = found.header.scheduledStartDate
    starts_ms = unix_ms(starts) if starts else None
    return Batch(
        id=new_id(),
        request=new_id(),
        caller=call.caller,
        client=call.client,
        status=Status.APPROVED if at_once else Status.CREATED,
        header=shown_again(found.header),
        institution=await api.institution(call),
        correlation=api.correlation(call),
        callback_url=await api.callback_url(call),
        created_ms=now_ms,
        scheduled_ms=starts_ms,
        approved_ms=now_ms if at_once else None,
        due_ms=max(now_ms, starts_ms or 0) if at_once else None,
    )


async def _content(api: Api, call: Call) -> bytes:
    """Read a body that may be far larger than others, up to a limit of its own."""
    limit = api.settings.batch_body_max_bytes
    content = bytearray()
    try:
        async with asyncio.timeout(READ_WITHIN_S):
            async for chunk in call.request.content.iter_chunked(1 << 18):
                content += chunk
                if len(content) > limit:
                    raise ApiError("validation", "lengthError", f"A batch has at most {limit} bytes; send several.")
    except TimeoutError:
        raise OverloadedError("the body did not arrive in time") from None
    whole = bytes(content)
    await asyncio.to_thread(as_declared, call, whole)
    return whole


async def _lines(found: Opened, reading: Reading) -> AsyncIterator[bytes]:
    """Read rows in a thread, some at a time, so that other callers are answered meanwhile."""
    for first, rows in together(found.rows):
        yield await asyncio.to_thread(lines, reading, first, rows)


async def _listed(api: Api, call: Call, state: ItemState) -> web.Response:
    batches, batch = await _visible(api, call)
    window = window_of(call)
    within_ms = (unix_ms(window.since) if window.since else 0, unix_ms(window.until) if window.until else EVER_MS)
    count = await batches.count(batch.id, [state], within_ms)
    rows = await batches.finals(batch.id, [state], limit=window.limit, offset=window.offset, within_ms=within_ms)
    return listed([(_completion if state is ItemState.COMPLETED else _rejection)(each) for each in rows], count)


def _ended(row: Ended) -> dict[str, Any]:
    found: dict[str, Any] = {
        "debitParty": shown(row.terms.payer),
        "creditParty": shown(row.terms.payee),
        "customData": [{"key": "row", "value": str(row.row)}],
    }
    if row.transfer:
        found["transactionReference"] = row.transfer
    reference = row.terms.details.get("requestingOrganisationTransactionReference")
    if reference:
        found["requestingOrganisationTransactionReference"] = reference
    return found


def _completion(row: Ended) -> dict[str, Any]:
    return _ended(row) | {"completionDate": stamp(row.ended_ms), "link": f"/transactions/{row.transfer}"}


def _rejection(row: Ended) -> dict[str, Any]:
    return _ended(row) | {"rejectionReason": reason_of(row), "rejectionDate": stamp(row.ended_ms)}


def reason_of(row: Ended) -> str:
    """Say why a row was rejected: category/code, and of a row that could not be read the property."""
    if "/" in row.reason:
        return row.reason
    words = words_of(row.reason or "refused")
    return f"{words.category}/{words.code}"


def _kept(api: Api) -> Batches:
    if api.batches is None:
        raise ApiError("serviceUnavailable", "genericError", "This hub takes no batches.")
    return api.batches


async def _named(api: Api, id_: str) -> Batch | None:
    return await api.batches.batch(id_) if api.batches is not None and is_id(id_) else None


async def _visible(api: Api, call: Call) -> tuple[Batches, Batch]:
    """Return a batch that the caller may see; another's looks like none at all."""
    batches, batch = _kept(api), await _named(api, undashed(call.part("batchId")))
    if batch is None or batch.caller != call.caller:
        raise unknown_object()
    return batches, batch


async def _duplicate(api: Api, earlier: str) -> ApiError:
    return refused(Refusal(reason=Reason.DUPLICATE), where(earlier, await api.reader.transfer(earlier)))


def _accepted(api: Api, request: str, batch: str, url: str) -> web.Response:
    return answer(202, accepted(request, batch, callback=bool(url), poll_limit=api.settings.poll_limit))


_ONE: Final = "/batchtransactions/{batchId}"
OPERATIONS: Final = (
    Operation(
        "POST",
        "/batchtransactions",
        create,
        "Send a batch of transactions",
        202,
        "responseBatchTransaction",
        BatchTransaction,
    ),
    Operation("GET", _ONE, view, "View a batch and its progress", 200, "responseBatchTransaction"),
    Operation("PATCH", _ONE, patch, "Approve a batch", 202, "genericUpdateSuccess", PatchItem),
    Operation(
        "GET",
        _ONE + "/rejections",
        rejections,
        "View the transactions of a batch that were rejected",
        200,
        "[]responseBatchTransactionRejection",
        query=PAGED,
    ),
    Operation(
        "GET",
        _ONE + "/completions",
        completions,
        "View the transactions of a batch that are completed",
        200,
        "[]responseBatchTransactionCompletion",
        query=PAGED,
    ),
)
