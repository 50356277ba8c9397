"""Taking: every write that is a command goes through the one door here, and is answered alike; it decides nothing."""

from typing import Final

import structlog
from aiohttp import web

from hub.core.command import Refusal, Submit
from hub.http.api import Api
from hub.http.errors import answer, refused
from hub.http.resources import accepted, link_of

_log: Final = structlog.get_logger("http")


async def taken(api: Api, submit: Submit) -> web.Response:
    """Hand a submission to the door, and answer with the state of the request; raises an ApiError."""
    body = submit.body
    result = await api.guesses.handled(api.door, submit)
    if isinstance(result, Refusal):
        _log.info("request.refused", caller=submit.caller, type=body.type, reason=result.reason)
        raise refused(result, await where(api, result.transfer) if result.transfer else "")
    _log.info("request.accepted", transfer=submit.transfer, caller=submit.caller, type=body.type, state=result.state)
    subject, has_callback = body.subject or result.transfer, bool(body.callback_url)
    return answer(202, accepted(body.request, subject, callback=has_callback, poll_limit=api.settings.poll_limit))


async def where(api: Api, subject: str) -> str:
    """Return the link to what an earlier request of the same caller came to: a transfer, an errand or a batch."""
    transfer = await api.reader.transfer(subject)
    return f"/batchtransactions/{subject}" if transfer is None else link_of(transfer)
