"""Rates: an FX provider publishes what it sells for, and sees how it stands; no rate is judged here.

All rates of a write are taken, or none. One that jumped is taken and held: it is not used until an operator has looked.
"""

from typing import Any, Final

import structlog
from aiohttp import web

from hub.core.command import NewRate, Publish, Reason, Refusal
from hub.core.participant import Role, Scheme
from hub.core.pricing.rate import Rate, RateError
from hub.core.stamp import stamp
from hub.http.api import Api, Call
from hub.http.asking import rows_of
from hub.http.errors import ApiError, answer, invalid, refused
from hub.http.operation import Operation
from hub.http.reading import checked
from hub.http.schema.rates import FxRate, FxRates
from hub.store.read import Reader

_log: Final = structlog.get_logger("http")


async def publish(api: Api, call: Call) -> web.Response:
    """Answer PUT /fxrates; said again, it is the same: no correlation id is needed."""
    scheme = await _sellers(api.reader, call)
    model = checked(FxRates, await api.body(call))
    rates = tuple(_new(number, each) for number, each in enumerate(model.rates))
    _check_pairs(rates, call.caller, scheme)
    result = await api.door.handle(Publish(provider=call.caller, rates=rates, by=call.client))
    if isinstance(result, Refusal):
        own = result.reason is Reason.PARTICIPANT_SUSPENDED  # which is the caller itself
        raise refused(Refusal(reason=Reason.CALLER_SUSPENDED) if own else result)
    _log.info("rates.published", caller=call.caller, client=call.client, rates=len(rates), held=result.reason)
    return await _as_they_stand(api, call)


async def view(api: Api, call: Call) -> web.Response:
    """Answer GET /fxrates: the caller's own, the last one in each direction."""
    await _sellers(api.reader, call)
    return await _as_they_stand(api, call)


async def _sellers(reader: Reader, call: Call) -> Scheme:
    """Return the scheme in force, as it is now; raises an ApiError for whoever sells no currency."""
    scheme = await reader.scheme()
    participant = scheme.participants.get(call.caller)
    if participant is None or participant.role is not Role.FX_PROVIDER:
        raise ApiError("authorisation", "requestingPartyAuthorisationError", "Only FX providers have rates here.")
    return scheme


def _new(number: int, given: FxRate) -> NewRate:
    try:
        Rate.parse(given.rate)
    except RateError as error:
        raise invalid(f"rates.{number}.rate", "formatError", str(error)) from None
    return NewRate(source=given.source, target=given.target, rate=given.rate, valid_s=given.validForSeconds)


def _check_pairs(rates: tuple[NewRate, ...], provider: str, scheme: Scheme) -> None:
    """Refuse what the scheme does not let this provider sell, and two rates of one direction."""
    sold = {(each.source, each.target) for each in scheme.file.fx if each.provider == provider}
    seen: set[tuple[str, str]] = set()
    for number, each in enumerate(rates):
        pair = (each.source, each.target)
        if pair not in sold:
            words = "The scheme does not have you sell this currency for that one."
            raise invalid(f"rates.{number}.target", "currencyNotSupported", words)
        if pair in seen:
            raise invalid(f"rates.{number}", "formatError", "Send one rate in each direction.")
        seen.add(pair)


async def _as_they_stand(api: Api, call: Call) -> web.Response:
    rows: list[dict[str, Any]] = [
        {
            "source": each.source,
            "target": each.target,
            "rate": each.rate,
            "state": str(each.state),
            "creationDate": stamp(each.at_ms),
            "expiryTime": stamp(each.until_ms),
        }
        for each in await api.reader.rates()
        if each.provider == call.caller
    ]
    return answer(200, {"rates": rows_of("publishedRate", rows)})


OPERATIONS: Final = (
    Operation(
        "PUT", "/fxrates", publish, "Publish an FX provider's rates, all or none", 200, "responseFxRates", FxRates
    ),
    Operation("GET", "/fxrates", view, "View the caller's own rates", 200, "responseFxRates"),
)
