"""The web application: routes from the table of operations, one gate, one way out for errors; it decides nothing."""

import asyncio
from functools import partial
from pathlib import Path
from typing import Final

import msgspec
import structlog
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware
from prometheus_client import Histogram

from hub.core.participant import SchemeError
from hub.flow import Door, OverloadedError
from hub.http.api import Api, Call, HttpSettings, forbidden_method
from hub.http.auth import Gate
from hub.http.errors import ApiError, response_of, unknown_object
from hub.http.metrics import metrics_routes
from hub.http.openapi import document
from hub.http.operations import OPERATIONS, Answer
from hub.http.transactions import overridden
from hub.store.contract import UnavailableError
from hub.store.read import Reader

__all__ = ["HttpSettings", "build"]

_SECONDS: Final = Histogram(
    "hub_http_seconds", "From request to answer.", ["operation"], buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 2)
)
_PAGE: Final = Path(__file__).with_name("docs.html")
_RETRY_AFTER: Final = "2"
_PUBLIC: Final = web.AppKey("public", frozenset[str])

_log: Final = structlog.get_logger("http")


def build(door: Door, reader: Reader, settings: HttpSettings) -> web.Application:
    """Build the application."""
    gate = Gate(reader, settings.token_lifetime_s)
    api = Api(door, reader, settings)
    app = web.Application(middlewares=[_errors_as_objects(gate)], client_max_size=settings.body_max_bytes)
    for operation in OPERATIONS:
        handler = partial(_answered, api, gate, operation.answer, _SECONDS.labels(operation.id))
        app.router.add_route(operation.method, settings.prefix + operation.route, handler)
    override = partial(_answered, api, gate, overridden, _SECONDS.labels("override"))
    app.router.add_post(settings.prefix + "/transactions/{transactionReference}", override)
    described = msgspec.json.encode(document(settings))
    public = [
        web.post("/v1/oauth/accesstoken", gate.issue),
        web.get(f"{settings.prefix}/openapi.json", partial(_json, described)),
        web.get("/docs", partial(_docs, f"{settings.prefix}/openapi.json")),
        *metrics_routes(reader),
    ]
    app.add_routes(public)
    app[_PUBLIC] = frozenset(route.path for route in public)
    return app


async def _answered(
    api: Api, gate: Gate, answer: Answer, seconds: Histogram, request: web.Request
) -> web.StreamResponse:
    with seconds.time():
        caller = await gate.participant(request)
        return await answer(api, Call(request, caller))


def _errors_as_objects(gate: Gate) -> Middleware:
    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except ApiError as error:
            return response_of(error)
        except web.HTTPException as error:
            return response_of(await _said(gate, request, error))
        except (UnavailableError, OverloadedError, SchemeError) as error:
            _log.warning("http.unavailable", error=type(error).__name__)
            found = ApiError("serviceUnavailable", "genericError", "The hub cannot take this now; try again shortly.")
            response = response_of(found)
            response.headers["Retry-After"] = _RETRY_AFTER
            return response
        except asyncio.CancelledError:
            raise
        except Exception:  # noqa: BLE001 - the caller gets an error object, the log gets the traceback
            _log.exception("http.failed", path=request.match_info.route.resource and request.match_info.route.name)
            return response_of(ApiError("internal", "genericError", "The hub failed on this request."))

    return middleware


async def _said(gate: Gate, request: web.Request, error: web.HTTPException) -> ApiError:
    """Say what the router or the body reader says, in the API's words; strangers learn nothing of what exists."""
    if isinstance(error, web.HTTPRequestEntityTooLarge):
        return ApiError("validation", "lengthError", "The body is larger than this API takes.")
    if request.path not in request.app[_PUBLIC]:
        try:
            await gate.participant(request)
        except ApiError as unauthorised:
            return unauthorised
    if isinstance(error, web.HTTPMethodNotAllowed):
        return forbidden_method()
    if error.status == 404:
        return unknown_object()
    return ApiError("validation", "formatError", error.reason, status=error.status)


async def _json(body: bytes, _: web.Request) -> web.Response:
    return web.Response(body=body, content_type="application/json")


async def _docs(document_url: str, _: web.Request) -> web.Response:
    page = await asyncio.to_thread(_PAGE.read_text, "utf-8")
    return web.Response(text=page.replace("{{document}}", document_url), content_type="text/html")
