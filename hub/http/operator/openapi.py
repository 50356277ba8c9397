"""The OpenAPI 3.1 document of the operators' API, made from its rows; it must never list what is not served."""

import re
from typing import Any, Final

import msgspec

from hub.http.operator.acts import acts, terms_of
from hub.http.operator.row import JSON, PREFIX, Row
from hub.http.operator.rows import ROWS

VERSION: Final = "1.0.0"
_REFERENCE: Final = "#/components/schemas/{name}"
_ABOUT: Final = (
    "For the people who run the scheme; participants use another API. What moves or releases money is proposed by one "
    "operator and approved by another. Amounts are decimal strings with their currency, times ISO 8601 in UTC. Lists "
    "are the newest first: `next` of a page is `before` of the one after it."
)
_PATH: Final = re.compile(r"{(\w+)}")
_TEXT: Final = {"type": "string"}
_WAITS: Final = "It was proposed: another operator is to approve it"


class Parameter(msgspec.Struct, frozen=True, kw_only=True):
    """More about a problem: `detail`, the `property` it is about, what is `possible` instead."""

    key: str
    value: str


class Problem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Why not, and what to do next: the participants' API's error object, with the hub's own reasons as codes."""

    errorCategory: str  # noqa: N815 - the API's name
    errorCode: str  # noqa: N815
    errorDescription: str  # noqa: N815
    errorDateTime: str  # noqa: N815
    errorParameters: list[Parameter] = []  # noqa: N815


class Token(msgspec.Struct, frozen=True, kw_only=True):
    """A token, and for how many seconds it holds."""

    access_token: str
    token_type: str
    expires_in: int


def document() -> dict[str, Any]:
    """Return the document."""
    every = [each for row in ROWS for each in (row.result, row.proposed, row.body) if each is not None]
    types = [each for each in every if not isinstance(each, str)]
    types += [terms_of(each) for each in acts().values()]
    named = list(dict.fromkeys([*types, Problem, Token]))
    schemas, components = msgspec.json.schema_components(named, ref_template=_REFERENCE)
    found = dict(zip(named, schemas, strict=True))
    paths: dict[str, dict[str, Any]] = {f"{PREFIX}/token": {"post": _token(found[Token])}}
    for row in ROWS:
        paths.setdefault(PREFIX + row.path, {})[row.method.lower()] = _described(row, found)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Makutano: operators' API", "version": VERSION, "description": _ABOUT},
        "servers": [{"url": "/"}],
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {
                "token": {
                    "type": "oauth2",
                    "flows": {"clientCredentials": {"tokenUrl": f"{PREFIX}/token", "scopes": {}}},
                },
                "basic": {"type": "http", "scheme": "basic"},
            },
        },
    }


def _file(row: Row) -> str | None:
    """Return the media type of an answer that is no JSON."""
    return row.result if isinstance(row.result, str) else None


def _described(row: Row, found: dict[Any, Any]) -> dict[str, Any]:
    media = _file(row) or JSON
    schema = {"type": "string", "format": "binary"} if _file(row) else found[row.result]
    described: dict[str, Any] = {
        "operationId": row.id,
        "summary": row.summary,
        "description": f"For the roles {', '.join(sorted(row.roles))}.",
        "parameters": _parameters(row),
        "responses": {
            **{str(status): _response("Success", media, schema) for status in row.success},
            **({"202": _response(_WAITS, JSON, found[row.proposed])} if row.proposed else {}),
            "default": _response("Why not, and what to do next", JSON, found[Problem]),
        },
    }
    if row.body is not None:
        described["requestBody"] = {"required": True, "content": {JSON: {"schema": found[row.body]}}}
    return described


def _parameters(row: Row) -> list[dict[str, Any]]:
    listed = [_parameter("path", name, "in the path", _TEXT, required=True) for name in _PATH.findall(row.path)]
    listed += [_parameter("query", each.name, each.what, each.schema) for each in row.query]
    if row.versioned:
        about = "the version of what was looked at, as its ETag says it"
        listed.append(_parameter("header", "If-Match", about, _TEXT, required=True))
    if row.keyed:
        about = "new for every write: said again, it changes nothing"
        listed.append(_parameter("header", "Idempotency-Key", about, _TEXT | {"maxLength": 255}))
    return listed


def _parameter(where: str, name: str, what: str, schema: Any, *, required: bool = False) -> dict[str, Any]:
    return {"name": name, "in": where, "required": required, "description": what, "schema": schema}


def _response(what: str, media: str, schema: Any) -> dict[str, Any]:
    return {"description": what, "content": {media: {"schema": schema}}}


def _token(schema: Any) -> dict[str, Any]:
    form = {
        "type": "object",
        "required": ["grant_type"],
        "properties": {"grant_type": {"const": "client_credentials"}},
    }
    return {
        "operationId": "token",
        "summary": "Log in: an access token for client credentials",
        "security": [{"basic": []}],
        "requestBody": {"required": True, "content": {"application/x-www-form-urlencoded": {"schema": form}}},
        "responses": {
            "200": _response("The token", JSON, schema),
            "400": {"description": "Not this grant type"},
            "401": {"description": "Not these credentials"},
            "429": {"description": "Too many wrong secrets"},
        },
    }
