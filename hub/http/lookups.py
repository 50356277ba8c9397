"""Looking up: request states, missing responses, errors, the heartbeat, and questions passed on to participants."""

import re
from typing import Any, Final

from aiohttp import web

from hub.core.command import Refusal
from hub.http import batches
from hub.http.api import Api, Call
from hub.http.errors import ApiError, answer, invalid, refused, unknown_object
from hub.http.ids import undashed
from hub.http.operation import Operation, both
from hub.http.resources import error_of, link_of, request_state, status_of, without_nulls
from hub.http.schema import PatchItem
from hub.http.transactions import is_id, said, validated_patch, visible, word
from hub.store.read import RequestRow
from routing.message import Finding, Kind
from routing.party import Party, PartyError, party

PAIRS_MAX: Final = 3
# What the API's answers may hold, by question.
_FIELDS: Final = {Kind.ACCOUNT_NAME: ("name", "lei"), Kind.ACCOUNT_STATUS: ("accountStatus", "subStatus", "lei")}
_PAIR: Final = re.compile(r"([A-Za-z]+)@([^$\n]+)")


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


async def heartbeat(api: Api, _: Call) -> web.Response:
    """Answer GET /heartbeat."""
    return answer(200, {"serviceStatus": "available" if await api.reader.alive() else "unavailable"})


async def account_name(api: Api, call: Call) -> web.Response:
    """Answer GET /accounts/{...}/accountname."""
    return await _ask(api, call, Kind.ACCOUNT_NAME)


async def account_status(api: Api, call: Call) -> web.Response:
    """Answer GET /accounts/{...}/status."""
    return await _ask(api, call, Kind.ACCOUNT_STATUS)


def _own(call: Call, row: RequestRow | None) -> RequestRow:
    if row is None or row.caller != call.caller:
        raise unknown_object()
    return row


async def _ask(api: Api, call: Call, kind: Kind) -> web.Response:
    named = await _party(api, call)
    institution = await api.institution(call)
    result = await api.door.inquire(asker=call.caller, kind=kind, party=named, institution=institution)
    if isinstance(result, Refusal):
        raise refused(result)
    if result.finding is Finding.NOT_FOUND:
        raise unknown_object()
    if result.finding is Finding.UNSUPPORTED:
        raise ApiError("businessRule", "genericError", "The institution does not answer this question.")
    if result.finding is Finding.UNANSWERED:
        raise ApiError("serviceUnavailable", "genericError", "The institution did not answer in time; ask again.")
    body: dict[str, Any] = {name: result.body[name] for name in _FIELDS[kind] if name in result.body}
    return answer(200, without_nulls(body))


async def _party(api: Api, call: Call) -> Party:
    """Read the account from the path: /{identifierType}/{identifier}, or /{key@value$key@value$key@value}."""
    parts = call.request.match_info
    if "identifierType" in parts:
        pairs = [(parts["identifierType"], parts["identifier"])]
    else:
        matches = [_PAIR.fullmatch(each) for each in parts["accountId"].split("$")]
        if not 1 <= len(matches) <= PAIRS_MAX or not all(matches):
            raise invalid("accountId", "formatError", f"Send key@value, up to {PAIRS_MAX} of them joined by '$'.")
        pairs = [(match[1], match[2]) for match in matches if match]
    if any("\0" in value for _, value in pairs):
        raise invalid("accountId", "formatError", "An identifier must not contain the character U+0000.")
    try:
        return party(pairs, await api.country(call))
    except PartyError as error:
        raise invalid("accountId", "formatError", str(error)) from None


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
    Operation("GET", "/heartbeat", heartbeat, "Say whether the service is available", 200, "responseHeartbeat"),
    *both("GET", "/accountname", account_name, "Name of an account's holder", 200, "responseAccountName"),
    *both("GET", "/status", account_status, "Status of an account", 200, "responseAccountStatus"),
)
