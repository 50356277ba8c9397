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
from hub.http.api import Api, Books, Call, HttpSettings, forbidden_method
from hub.http.auth import Gate
from hub.http.errors import ApiError, now, response_of, unknown_object
from hub.http.metrics import metrics_routes
from hub.http.openapi import document
from hub.http.operation import Answer
from hub.http.operations import OPERATIONS
from hub.store.batches import Batches
from hub.store.contract import UnavailableError
from hub.store.read import Credential, Reader
from routing.seal import Seal

__all__ = ["HttpSettings", "build", "headed"]

_SECONDS: Final = Histogram(
    "hub_http_seconds", "From request to answer.", ["operation"], buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 2)
)
_PAGE: Final = Path(__file__).with_name("docs.html")
_RETRY_AFTER: Final = "2"
JWKS_PATH: Final = "/.well-known/jwks.json"
NO_KEYS: Final = b'{"keys":[]}'
_CALLER: Final = web.RequestKey("caller", Credential)

_log: Final = structlog.get_logger("http")


def build(
    door: Door,
    reader: Reader,
    settings: HttpSettings,
    batches: Batches | None = None,
    *,
    seal: Seal | None = None,
    jwks: bytes = NO_KEYS,
    books: Books | None = None,
) -> web.Application:
    """Build the application; it takes no batches without `batches`, no credentials or identities without `seal`.

    Without `books` it has no statements.
    """
    gate = Gate(reader, settings.token_lifetime_s)
    api = Api(door, reader, settings, batches, seal, books=books)
    described = msgspec.json.encode(document(settings))
    public = [
        web.post(settings.token_path, gate.issue),
        web.get(f"{settings.prefix}/openapi.json", partial(_json, described)),
        web.get(JWKS_PATH, partial(_json, jwks)),
        web.get("/docs", partial(_docs, f"{settings.prefix}/openapi.json")),
        *metrics_routes(reader),
    ]
    closed = _closed_but_for(gate, frozenset(route.path for route in public))
    app = web.Application(middlewares=[_errors_as_objects, closed], client_max_size=settings.body_max_bytes)
    app.on_response_prepare.append(headed)
    app.add_routes(public)
    for operation in OPERATIONS:
        handler = partial(_answered, api, operation.answer, _SECONDS.labels(operation.id))
        app.router.add_route(operation.method, settings.prefix + operation.route, handler)
    return app


async def _answered(api: Api, answer: Answer, seconds: Histogram, request: web.Request) -> web.StreamResponse:
    with seconds.time():
        credential = request[_CALLER]
        return await answer(api, Call(request, credential.participant, credential.client_id))


def _closed_but_for(gate: Gate, public: frozenset[str]) -> Middleware:
    """Let strangers to the public paths only; elsewhere they do not even learn what exists."""

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path not in public:
            request[_CALLER] = await gate.credential(request)
        return await handler(request)

    return middleware


@web.middleware
async def _errors_as_objects(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except ApiError as error:
        return response_of(error)
    except web.HTTPException as error:
        return response_of(_said(error))
    except (UnavailableError, OverloadedError, SchemeError) as error:
        _log.warning("http.unavailable", error=type(error).__name__)
        text = "The hub cannot take this now; try again shortly."
        headers = {"Retry-After": _RETRY_AFTER}
        return response_of(ApiError("serviceUnavailable", "genericError", text, headers=headers))
    except Exception:  # noqa: BLE001 - the caller gets an error object, the log gets the traceback
        # Never the path as it was asked for: it may name a customer.
        resource = request.match_info.route.resource
        _log.exception("http.failed", method=request.method, path=resource.canonical if resource else "")
        return response_of(ApiError("internal", "genericError", "The hub failed on this request."))


def _said(error: web.HTTPException) -> ApiError:
    """Say what the router or the body reader says, in the API's words."""
    if isinstance(error, web.HTTPRequestEntityTooLarge):
        return ApiError("validation", "lengthError", "The body is larger than this API takes.")
    if isinstance(error, web.HTTPMethodNotAllowed):
        return forbidden_method(error.allowed_methods)
    if error.status == 404:
        return unknown_object()
    return ApiError("validation", "formatError", error.reason, status=error.status)


async def headed(_: web.Request, response: web.StreamResponse) -> None:
    """Say when an answer was sent, and no more about the server than its name."""
    response.headers["X-Date"] = now()
    response.headers["Server"] = "makutano"  # a version would tell an attacker what to try


async def _json(body: bytes, _: web.Request) -> web.Response:
    return web.Response(body=body, content_type="application/json")


async def _docs(document_url: str, _: web.Request) -> web.Response:
    page = await asyncio.to_thread(_PAGE.read_text, "utf-8")
    return web.Response(text=page.replace("{{document}}", document_url), content_type="text/html")
