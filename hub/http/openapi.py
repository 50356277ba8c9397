"""The OpenAPI 3.1 document, made from the table of operations and the models; it must never list what is not served."""

import re
from typing import Any, Final

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from hub.http.api import HttpSettings
from hub.http.operation import Operation
from hub.http.operations import OPERATIONS
from hub.http.schema import TYPES, Pair, PatchItem, Reversal, Transaction, TransactionType
from routing.party import IDENTIFIER_KEYS

VERSION: Final = "1.2.0"
_ABOUT: Final = (
    "Writes are asynchronous: 202 with a reference that can be viewed at once, then a callback or polling. "
    "Amounts are decimal strings."
)
_REFERENCE: Final = "#/components/schemas/{model}"
_PAIRS: Final[dict[str, Any]] = {"type": "array", "items": {"$ref": "#/components/schemas/Pair"}, "maxItems": 10}
_TEXT: Final[dict[str, Any]] = {"type": "string"}
_TIME: Final[dict[str, Any]] = {"type": "string", "format": "date-time"}
_MODELS: Final[tuple[type[BaseModel], ...]] = (Transaction, TransactionType, Reversal, PatchItem, Pair)


def _object(required: str, **properties: Any) -> dict[str, Any]:
    return {"type": "object", "required": required.split(), "properties": properties}


def _ref(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


_RESULTS: Final = {
    "requestStateObject": _object(
        "serverCorrelationId status notificationMethod",
        serverCorrelationId={"type": "string", "format": "uuid"},
        status={"enum": ["pending", "completed", "failed"]},
        notificationMethod={"enum": ["callback", "polling"]},
        objectReference=_TEXT,
        pendingReason=_TEXT,
        pollLimit={"type": "integer", "exclusiveMinimum": 0},
        error=_ref("errorObject"),
        errorReference=_ref("errorObject"),
    ),
    "responseTransaction": _object(
        "transactionReference transactionStatus type amount currency debitParty creditParty",
        transactionReference=_TEXT,
        transactionStatus={"enum": ["pending", "completed", "failed"]},
        type={"enum": list(TYPES)},
        amount=_TEXT,
        currency=_TEXT,
        debitParty=_PAIRS,
        creditParty=_PAIRS,
        originalTransactionReference=_TEXT,
        transactionReceipt=_TEXT,
        creationDate=_TIME,
        modificationDate=_TIME,
    ),
    "errorObject": _object(
        "errorCategory errorCode",
        errorCategory={
            "enum": ["businessRule", "validation", "authorisation", "identification", "internal", "serviceUnavailable"]
        },
        errorCode=_TEXT,
        errorDescription=_TEXT,
        errorDateTime=_TIME,
        errorParameters=_PAIRS | {"maxItems": 20},
    ),
    "responseResponse": _object("link", link={"type": "string", "maxLength": 256}),
    "responseHeartbeat": _object("serviceStatus", serviceStatus={"enum": ["available", "unavailable", "degraded"]}),
    "responseAccountName": _object("", name={"type": "object"}, lei=_TEXT),
    "responseAccountStatus": _object(
        "accountStatus",
        accountStatus={"enum": ["available", "unavailable", "unregistered"]},
        subStatus=_TEXT,
        lei=_TEXT,
    ),
}

_INSTITUTION: Final = {
    "X-Account-Holding-Institution-Identifier": ("who holds the account, if it is not the caller's", _TEXT),
    "X-Account-Holding-Institution-Identifier-Type": (
        "how that is said; organisationid, a participant's name in the scheme, unless given",
        {"enum": ["organisationid", "swiftbic", "lei"]},
    ),
}
_WRITING: Final = {
    "X-CorrelationID": (
        "a UUID, unique for the caller; a second write with it is refused as duplicateRequest",
        {"type": "string", "format": "uuid"},
    ),
    "X-Callback-URL": ("where the result is PUT; without it, poll", {"type": "string", "format": "uri"}),
}
_CHECKED: Final = {
    "X-Content-Hash": ("hexadecimal SHA-256 of the body, checked when given", _TEXT),
    "X-Date": ("when it was sent, ISO 8601 or RFC 7231; looked at where the hub is set up to", _TEXT),
}
_OVERRIDE: Final = {"X-HTTP-Method-Override": ("PATCH", {"const": "PATCH"})}
_PATHS: Final[dict[str, dict[str, Any]]] = {
    "transactionType": {"enum": list(TYPES)},
    "identifierType": {"enum": sorted(IDENTIFIER_KEYS)},
    "accountId": {"type": "string", "pattern": "^[a-z]+@[^$]+(\\$[a-z]+@[^$]+){0,2}$"},
}


def document(settings: HttpSettings) -> dict[str, Any]:
    """Return the document of an API that is set up so."""
    _, models = models_json_schema([(model, "validation") for model in _MODELS], ref_template=_REFERENCE)
    # The request's and the answer's transaction are two objects in one API: the request keeps a name of its own.
    schemas = {f"New{name}" if name == "Transaction" else name: schema for name, schema in models["$defs"].items()}
    paths: dict[str, dict[str, Any]] = {}
    for operation in OPERATIONS:
        paths.setdefault(settings.prefix + operation.path, {})[operation.method.lower()] = _described(operation)
    paths["/v1/oauth/accesstoken"] = {"post": _TOKEN}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Makutano: GSMA Mobile Money API",
            "version": VERSION,
            "description": _ABOUT,
        },
        "servers": [{"url": "/"}],
        "security": [{"token": []}, {"basic": [], "apiKey": []}],
        "paths": paths,
        "webhooks": {"result": {"put": _WEBHOOK}},
        "components": {
            "schemas": {**schemas, **_RESULTS},
            "securitySchemes": {
                "token": {
                    "type": "oauth2",
                    "flows": {"clientCredentials": {"tokenUrl": "/v1/oauth/accesstoken", "scopes": {}}},
                },
                "basic": {"type": "http", "scheme": "basic"},
                "apiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
            },
        },
    }


def _described(operation: Operation) -> dict[str, Any]:
    found: dict[str, Any] = {
        "operationId": operation.id,
        "summary": operation.summary,
        "parameters": _parameters(operation),
        "responses": {
            **{str(status): _success(operation, status) for status in operation.statuses},
            **{status: _response(what, "errorObject") for status, what in _FAILURES.items()},
        },
    }
    if operation.body is not None:
        name = "NewTransaction" if operation.body is Transaction else operation.body.__name__
        schema: dict[str, Any] = _ref(name)
        if operation.body is PatchItem:
            schema = {"type": "array", "items": schema, "minItems": 1, "maxItems": 10}
        found["requestBody"] = {"required": True, "content": {"application/json": {"schema": schema}}}
    return found


_FAILURES: Final = {
    "400": "The request, or a rule of payments, does not allow it",
    "401": "The caller is not known, or may not",
    "404": "There is no such thing, or it is not the caller's",
    "500": "The hub failed; nothing was changed",
    "503": "Not available now; try again",
}


def _parameters(operation: Operation) -> list[dict[str, Any]]:
    path = [
        {"name": name, "in": "path", "required": True, "schema": _PATHS.get(name, _TEXT)}
        for name in re.findall(r"{(\w+)}", operation.path)
    ]
    headers = [
        {"name": name, "in": "header", "required": name in _OVERRIDE, "description": what, "schema": schema}
        for name, (what, schema) in _headers(operation).items()
    ]
    return path + headers


def _headers(operation: Operation) -> dict[str, tuple[str, dict[str, Any]]]:
    """Say which headers the operation looks at."""
    if operation.body is None:
        return _INSTITUTION if operation.path.startswith("/accounts/") else {}
    if operation.body is PatchItem:
        return _CHECKED | (_OVERRIDE if operation.method == "POST" else {})
    return _WRITING | _CHECKED | ({} if operation.body is Reversal else _INSTITUTION)


def _success(operation: Operation, status: int) -> dict[str, Any]:
    return _response("Success", {202: "requestStateObject", 204: ""}.get(status, operation.result))


def _response(what: str, schema: str) -> dict[str, Any]:
    found: dict[str, Any] = {"description": what}
    if schema:
        found["content"] = {"application/json": {"schema": _ref(schema)}}
    return found


_WEBHOOK: Final = {
    "summary": "The result of a write, PUT to X-Callback-URL: the transaction, or why it failed",
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": {"oneOf": [_ref("responseTransaction"), _ref("errorObject")]}}},
    },
    "responses": {"204": {"description": "Taken; anything else is tried again, with growing pauses"}},
}

_TOKEN: Final = {
    "operationId": "access_token",
    "summary": "Obtain an access token (client credentials)",
    "security": [{"basic": []}],
    "requestBody": {
        "required": True,
        "content": {
            "application/x-www-form-urlencoded": {
                "schema": _object("grant_type", grant_type={"const": "client_credentials"}),
            }
        },
    },
    "responses": {
        "200": {
            "description": "The token",
            "content": {
                "application/json": {
                    "schema": _object(
                        "access_token token_type expires_in",
                        access_token=_TEXT,
                        token_type=_TEXT,
                        expires_in={"type": "integer"},
                    )
                }
            },
        },
        "400": {"description": "Not this grant type"},
        "401": {"description": "Not these credentials"},
    },
}
