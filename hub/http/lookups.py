"""Looking up what became of a write: request states, missing responses and errors; nobody else is asked."""

from typing import Final

from aiohttp import web

from hub.http import batches
from hub.http.api import Api, Call
from hub.http.errors import answer, unknown_object
from hub.http.ids import undashed
from hub.http.operation import Operation
from hub.http.resources import error_of, link_of, request_state, status_of
from hub.http.schema import PatchItem
from hub.http.transactions import is_id, said, validated_patch, visible, word
from hub.store.read import RequestRow


async def request_states(api: Api, call: Call) -> web.Response:
    """Answer GET /requeststates/{serverCorrelationId}."""
    id_ = undashed(call.part("serverCorrelationId"))
    row = _own(call, await api.reader.request(id_) if is_id(id_) else None)
    if state := await batches.request_state(api, row):
        return answer(200, state)
    api.polls.count(call.caller, row.id)
    transfer = await visible(api, call, row.transfer)
    return answer(200, request_state(row, transfer, poll_limit=api.settings.poll_limit))


async def patch_request_state(api: Api, call: Call) -> web.Response:
    """Answer the deprecated PATCH /requeststates/{serverCorrelationId}: the same word as a PATCH of the transaction."""
    data = await api.body(call)
    verdict = word(validated_patch(data if isinstance(data, list) else [data]), "status")
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
    if link := await batches.response_link(api, row.transfer):
        return answer(200, {"link": link})
    transfer = await visible(api, call, row.transfer)
    failed = status_of(transfer) == "failed"
    return answer(200, {"link": f"/errors/{transfer.id}" if failed else link_of(transfer)})


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
