"""Taking: every write that is a command goes through the one door here, and is answered alike; it decides nothing."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

import msgspec
import structlog
from aiohttp import web

from hub.core.command import Body, Refusal, Submit, Transfer
from hub.http import kyc
from hub.http.api import Api, Call
from hub.http.credentials import sealed
from hub.http.errors import answer, refused
from hub.http.ids import new_id
from hub.http.resources import accepted, link_of
from routing.message import Errand
from routing.money import Money
from routing.party import Party

_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})
_log: Final = structlog.get_logger("http")


async def taken(
    api: Api,
    call: Call,
    kind: str,
    parties: tuple[Party, Party],
    money: Money | None,
    *,
    details: Mapping[str, Any] = _NOTHING,
    errand: Errand | None = None,
    subject: str = "",
    institution: str = "",
    original: str = "",
) -> web.Response:
    """Hand a write to the door, and answer with the state of the request; raises an ApiError.

    `parties` are payer and payee, `details` and the errand what was sent: whatever the write, nothing of it is kept in
    clear that must not be.
    """
    transfer = new_id()
    rest, identities = kyc.parted(details)
    if errand is not None:
        told, more = kyc.parted(errand.body)
        errand, identities = msgspec.structs.replace(errand, body=told), identities | more
    body = Body(
        request=new_id(),
        correlation=api.correlation(call),
        callback_url=await api.callback_url(call),
        payer=parties[0],
        payee=parties[1],
        type=kind,
        details=rest,
        errand=errand,
        subject=subject,
        channel=call.request.headers.get("X-Channel", "")[:256],
        sealed=sealed(api, call, transfer),
        kyc=kyc.sealed(api.seal, identities, transfer),
    )
    submit = Submit(
        transfer=transfer,
        caller=call.caller,
        body=body,
        money=money,
        institution=institution,
        original=original,
        kyc=identities,
    )
    return await _handed_in(api, submit)


async def _handed_in(api: Api, submit: Submit) -> web.Response:
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
