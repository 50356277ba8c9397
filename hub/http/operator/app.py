"""The operators' web application: routes from the rows, one gate, one way out for problems; it decides nothing.

Denied by default: whoever has no token learns of nothing but the public paths, and every row says who may.
"""

import asyncio
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final

import msgspec
import structlog
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware
from prometheus_client import Histogram

from hub.core.office.records import Operator
from hub.core.participant import Scheme, SchemeError
from hub.files.keys import SigningKey
from hub.flow import Door, OverloadedError
from hub.http.app import headed
from hub.http.operator.forms import read
from hub.http.operator.gate import Gate
from hub.http.operator.openapi import document
from hub.http.operator.problems import ProblemError, response_of
from hub.http.operator.row import BODY_MAX, JSON, PREFIX, Call, Keys, Office, OperatorSettings, ReadScheme, Row
from hub.http.operator.rows import ROWS
from hub.http.operator.tokens import Tokens
from hub.store.contract import UnavailableError
from hub.store.sql import SqlStore

_SECONDS: Final = Histogram(
    "hub_operator_seconds",
    "From an operator's request to its answer.",
    ["operation"],
    buckets=(0.01, 0.025, 0.05, 0.1, 1),
)
_PAGE: Final = Path(__file__).parents[1] / "docs.html"
_RETRY_AFTER: Final = "2"
_NESTING_MAX: Final = 32
_HEADERS: Final = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
}

_CALLER: Final = web.RequestKey("operator", Operator)

_log: Final = structlog.get_logger("operator")


def no_keys(_: Scheme) -> Mapping[str, bytes]:
    """Know no settlement bank that signs."""
    return {}


def build(
    door: Door,
    store: SqlStore,
    key: SigningKey,
    settings: OperatorSettings,
    *,
    read_scheme: ReadScheme,
    bank_keys: Keys = no_keys,
) -> web.Application:
    """Build the application; tokens are signed with `key`, files are held against `bank_keys`."""
    gate = Gate(store.records, Tokens(key, settings.token_lifetime_s))
    office = Office(door, store, settings, bank_keys, read_scheme)
    described = msgspec.json.encode(document())
    public = [
        web.post(f"{PREFIX}/token", gate.issue),
        web.get(f"{PREFIX}/openapi.json", partial(_json, described)),
        web.get("/docs", partial(_docs, f"{PREFIX}/openapi.json")),
    ]
    closed = _closed_but_for(gate, frozenset(each.path for each in public))
    app = web.Application(middlewares=[_problems_as_objects, closed], client_max_size=settings.file_max_bytes)
    app.on_response_prepare.extend((headed, _guarded))
    app.add_routes(public)
    for row in ROWS:
        app.router.add_route(row.method, PREFIX + row.path, partial(_answered, office, row))
    return app


async def _answered(office: Office, row: Row, request: web.Request) -> web.StreamResponse:
    operator = request[_CALLER]
    if not row.roles & set(operator.roles):
        raise ProblemError("role_forbids", f"this is for the roles {', '.join(sorted(row.roles))}")
    with _SECONDS.labels(row.id).time():
        query = _query(row, request)
        body = None if row.body is None else await _body(office, row, request)
        return await row.answer(office, Call(request, operator, query, body))


def _query(row: Row, request: web.Request) -> Mapping[str, Any]:
    """Read the query; raises a ProblemError for what the row does not know, and for what is said twice."""
    known = {each.name: each for each in row.query}
    found: dict[str, Any] = {}
    for name, text in request.query.items():
        if name not in known:
            raise ProblemError(
                "query_invalid", "not a parameter of this operation", property_=name[:64], possible=[*known]
            )
        if name in found:
            raise ProblemError("query_invalid", "say it once", property_=name)
        try:
            found[name] = known[name].read(text)
        except ValueError as error:
            raise ProblemError("query_invalid", str(error), property_=name) from None
    return found


async def _body(office: Office, row: Row, request: web.Request) -> Any:
    """Read the body as the row's type; raises a ProblemError that says what is wrong with it."""
    if request.content_type != JSON:
        raise ProblemError("wrong_type")
    limit = office.settings.file_max_bytes if row.brings_file else BODY_MAX
    if (request.content_length or 0) > limit:
        raise ProblemError("too_large", f"at most {limit} bytes")
    content = await request.read()
    if len(content) > limit:
        raise ProblemError("too_large", f"at most {limit} bytes")
    if b"\\u0000" in content:
        raise ProblemError("malformed", "text must not contain the character U+0000")
    try:
        data = msgspec.json.decode(content)
    except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
        raise ProblemError("malformed", str(error)[:120]) from None
    if _too_deep(data, _NESTING_MAX):
        raise ProblemError("malformed", f"nest objects and lists at most {_NESTING_MAX} deep")
    return read(row.body, data, "body")


def _too_deep(value: Any, left: int) -> bool:
    if not isinstance(value, dict | list):
        return False
    inner = value.values() if isinstance(value, dict) else value
    return not left or any(_too_deep(each, left - 1) for each in inner)


def _closed_but_for(gate: Gate, public: frozenset[str]) -> Middleware:
    """Let strangers to the public paths only; elsewhere they do not even learn what exists."""

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path not in public:
            request[_CALLER] = await gate.operator(request)
        return await handler(request)

    return middleware


@web.middleware
async def _problems_as_objects(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except ProblemError as problem:
        return response_of(problem)
    except web.HTTPException as error:
        return response_of(_said(error))
    except (UnavailableError, OverloadedError, SchemeError) as error:
        _log.warning("operator.unavailable", error=type(error).__name__)
        return response_of(ProblemError("unavailable", headers={"Retry-After": _RETRY_AFTER}))
    except Exception:  # noqa: BLE001 - the caller gets a problem, the log gets the traceback
        # Never the path as it was asked for: it may name a customer.
        resource = request.match_info.route.resource
        _log.exception("operator.failed", method=request.method, path=resource.canonical if resource else "")
        return response_of(ProblemError("internal"))


def _said(error: web.HTTPException) -> ProblemError:
    """Say what the router or the body reader says, in this API's words."""
    if isinstance(error, web.HTTPRequestEntityTooLarge):
        return ProblemError("too_large")
    if isinstance(error, web.HTTPMethodNotAllowed):
        return ProblemError("unknown_method", headers={"Allow": ", ".join(sorted(error.allowed_methods))})
    return ProblemError("unknown_path" if error.status == 404 else "malformed", error.reason)


async def _guarded(_: web.Request, response: web.StreamResponse) -> None:
    response.headers.update(_HEADERS)


async def _json(body: bytes, _: web.Request) -> web.Response:
    return web.Response(body=body, content_type=JSON)


async def _docs(document_url: str, _: web.Request) -> web.Response:
    page = await asyncio.to_thread(_PAGE.read_text, "utf-8")
    return web.Response(text=page.replace("{{document}}", document_url), content_type="text/html")
