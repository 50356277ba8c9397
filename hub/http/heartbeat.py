"""The heartbeat: how the hub is, or how a participant says it is; always answered, and never better than it is."""

from typing import Any, Final

from aiohttp import web

from hub.core.command import Reason, Refusal
from hub.core.participant import Scheme
from hub.http.api import Api, Call
from hub.http.asking import shown
from hub.http.errors import refused, unknown_object
from hub.http.operation import Operation
from routing.message import Finding, Kind

_AVAILABLE: Final = {"serviceStatus": "available"}
_DEGRADED: Final = {"serviceStatus": "degraded"}
_UNAVAILABLE: Final = {"serviceStatus": "unavailable"}
_STATES: Final = ("available", "degraded", "unavailable")


async def heartbeat(api: Api, call: Call) -> web.Response:
    """Answer GET /heartbeat: of the hub, or of the participant that the institution headers name."""
    if not await api.reader.alive():
        return shown("responseHeartbeat", _UNAVAILABLE)
    institution = await api.institution(call)
    if not institution:
        # Without the bus everything is still accepted and kept, but nothing comes to its end.
        is_well = api.door.is_carrying() and not api.door.silence.now()
        return shown("responseHeartbeat", _AVAILABLE if is_well else _DEGRADED)
    return shown("responseHeartbeat", await _participant(api, call, institution))


async def _participant(api: Api, call: Call, institution: str) -> dict[str, Any]:
    scheme = await api.scheme()
    if institution not in scheme.participants:
        raise unknown_object()
    said = await api.door.inquire(asker=call.caller, kind=Kind.HEARTBEAT, institution=institution)
    if isinstance(said, Refusal):
        if said.reason is Reason.CALLER_SUSPENDED:
            raise refused(said)
        return _as_the_hub_knows(scheme, institution)
    if said.finding is Finding.UNSUPPORTED:
        return _as_the_hub_knows(scheme, institution)
    is_clear = said.finding is Finding.FOUND and str(said.body.get("serviceStatus")).lower() in _STATES
    return said.body if is_clear else _UNAVAILABLE


def _as_the_hub_knows(scheme: Scheme, participant: str) -> dict[str, Any]:
    connections = scheme.rails.by_name.values()
    reachable = any(each.participant == participant and each.enabled for each in connections)
    return _AVAILABLE if reachable and scheme.active(participant) else _UNAVAILABLE


OPERATIONS: Final = (
    Operation("GET", "/heartbeat", heartbeat, "Say whether the service is available", 200, "responseHeartbeat"),
)
