"""Taking: every write that is a command goes through the one door here, and is answered alike; it decides nothing."""

from typing import Any, Final

import structlog
from aiohttp import web

from hub.core.command import Body, Refusal, Submit, Transfer
from hub.http.api import Api, Call
from hub.http.credentials import sealed
from hub.http.errors import answer, refused
from hub.http.ids import new_id
from hub.http.resources import accepted, link_of
from routing.party import Party

_log: Final = structlog.get_logger("http")


async def written(api: Api, call: Call, transfer: str, kind: str, parties: tuple[Party, Party], **more: Any) -> Body:
    """Return what a write asks for: who is called back, the customer's credentials; `more` are fields of Body."""
    return Body(
        request=new_id(),
        correlation=api.correlation(call),
        callback_url=await api.callback_url(call),
        payer=parties[0],
        payee=parties[1],
        type=kind,
        channel=call.request.headers.get("X-Channel", "")[:256],
        sealed=sealed(api, call, transfer),
        **more,
    )


async def taken(api: Api, submit: Submit) -> web.Response:
    """Hand a submission to the door, and answer with the state of the request; raises an ApiError."""
    body = submit.body
    result = await api.guesses.handled(api.door, submit)
    if isinstance(result, Refusal):
        _log.info("request.refused", caller=submit.caller, type=body.type, reason=result.reason)
        first = result.transfer
        raise refused(result, where(first, await api.reader.transfer(first)) if first else "")
    _log.info("request.accepted", transfer=submit.transfer, caller=submit.caller, type=body.type, state=result.state)
    subject, has_callback = body.subject or result.transfer, bool(body.callback_url)
    return answer(202, accepted(body.request, subject, callback=has_callback, poll_limit=api.settings.poll_limit))


def where(subject: str, transfer: Transfer | None) -> str:
    """Return the link to what a request came to: a transfer, an errand, or what is neither, a batch."""
    return f"/batchtransactions/{subject}" if transfer is None else link_of(transfer)
