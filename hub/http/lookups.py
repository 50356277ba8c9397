"""Looking up what became of a write: request states, missing responses and errors; nobody else is asked."""

from typing import Final

from aiohttp import web

from hub.http import batches
from hub.http.api import Api, Call
from hub.http.errors import answer, unknown_object
from hub.http.ids import undashed
from hub.http.operation import Operation
from hub.http.reading import changes_in
from hub.http.resources import error_of, request_state, status_of
from hub.http.schema import PatchItem
from hub.http.taking import where
from hub.http.transactions import is_id, said, visible, word
from hub.store.read import RequestRow


async def request_states(api: Api, call: Call) -> web.Response:
    """Answer GET /requeststates/{serverCorrelationId}."""
    id_ = undashed(call.part("serverCorrelationId"))
    row = _own(call, await api.reader.request(id_) if is_id(id_) else None)
    transfer = await api.reader.transfer(row.transfer)
    if transfer is None:
        return answer(200, await batches.request_state(api, row))
    api.polls.count(call.caller, row.id)
    return answer(200, request_state(row, transfer, poll_limit=api.settings.poll_limit))


async def patch_request_state(api: Api, call: Call) -> web.Response:
    """Answer the deprecated PATCH /requeststates/{serverCorrelationId}: the same word as a PATCH of the transaction."""
    verdict = word(await changes_in(api, call), "status")
    id_ = undashed(call.part("serverCorrelationId"))
    row = await api.reader.request(id_) if is_id(id_) else None
    if row is None:
        raise unknown_object()
    return await said(api, call, row.transfer, verdict)


async def responses(api: Api, call: Call) -> web.Response:
    """Answer GET /responses/{clientCorrelationId}: a link without prefix to the transaction, or to why it failed."""
    correlation = call.part("clientCorrelationId")
    found = None if "\0" in correlation else await api.reader.response(call.caller, correlation)
    row = _own(call, found)
    transfer = await api.reader.transfer(row.transfer)
    failed = transfer is not None and status_of(transfer) == "failed"
    return answer(200, {"link": f"/errors/{row.transfer}" if failed else where(row.transfer, transfer)})


async def errors(api: Api, call: Call) -> web.Response:
    """Answer GET /errors/{errorId}: where the link of a failed request points; the specification leaves it out."""
    transfer = await visible(api, call, call.part("errorId"))
    if status_of(transfer) != "failed":
        raise unknown_object()
    return answer(200, error_of(transfer))


def _own(call: Call, row: RequestRow | None) -> RequestRow:
    if row is None or row.caller != call.caller:
        raise unknown_object()
    return row


OPERATIONS: Final = (
    Operation(
        "GET", "/requeststates/{serverCorrelationId}", request_states, "Poll a request", 200, "requestStateObject"
    ),
    Operation(
        "PATCH",
        "/requeststates/{serverCorrelationId}",
        patch_request_state,
        "Say what became of a request that the caller was told to carry out; deprecated, PATCH the transaction",
        204,
        "genericUpdateSuccess",
        PatchItem,
    ),
    Operation("GET", "/responses/{clientCorrelationId}", responses, "Find a missing response", 200, "responseResponse"),
    Operation("GET", "/errors/{errorId}", errors, "View why a request failed", 200, "errorObject"),
)
