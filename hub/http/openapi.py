"""The OpenAPI 3.1 document, made from the table of operations and the models; it must never list what is not served."""

from typing import Any, Final

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from hub.http.api import HttpSettings
from hub.http.operation import Operation
from hub.http.operations import OPERATIONS
from hub.http.parameters import ANSWERED, LISTED, SIGNED, parameters, sent_back
from hub.http.schema import PatchItem
from hub.http.schema.objects import OBJECTS, TEXT, Schema, ref

VERSION: Final = "1.2.0"
_ABOUT: Final = (
    "Writes are asynchronous: 202 with a reference that can be viewed at once, then a callback or polling. "
    "Amounts are decimal strings. What the API has no field for stands in customData: receivingCurrency; of a "
    "quotation sendingCurrency and amountType (send or receive); of a transfer without a quote receivingAmountMin. "
    "A transfer abroad is shown with receivingAmount, receivingCurrency and fxRate there."
)
_REFERENCE: Final = "#/components/schemas/{model}"
# Parts of requests that answers have too.
_SHARED: Final = {
    "Pair": "party",
    "Fee": "fee",
    "Organisation": "requestingOrganisation",
    "SubjectName": "subjectName",
    "PostalAddress": "postalAddress",
    "IdDocument": "idDocument",
    "Kyc": "kyc",
    "Channel": "channel",
    "RedemptionType": "redemptionType",
    "BillReferenceDetail": "billReferenceDetail",
}
_FAILURES: Final = {
    "400": "The request, or a rule of payments, does not allow it",
    "401": "The caller is not known, or may not",
    "404": "There is no such thing, or it is not the caller's",
    "500": "The hub failed; nothing was changed",
    "503": "Not available now; try again",
}


def document(settings: HttpSettings) -> dict[str, Any]:
    """Return the document of an API that is set up so."""
    paths: dict[str, dict[str, Any]] = {}
    for operation in OPERATIONS:
        paths.setdefault(settings.prefix + operation.path, {})[operation.method.lower()] = _described(operation)
    paths[settings.token_path] = {"post": _TOKEN}
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
        "components": {
            "schemas": OBJECTS | _requests(),
            "securitySchemes": {
                "token": {
                    "type": "oauth2",
                    "flows": {"clientCredentials": {"tokenUrl": settings.token_path, "scopes": {}}},
                },
                "basic": {"type": "http", "scheme": "basic"},
                "apiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
            },
        },
    }


def name_of(model: type[BaseModel]) -> str:
    """Return what the API calls the object that a body is read as."""
    return "requestGenericPatch" if model is PatchItem else f"request{model.__name__}"


def _requests() -> dict[str, Schema]:
    models = {each.body for each in OPERATIONS if each.body is not None}
    names = {each.__name__: name_of(each) for each in models} | _SHARED
    ordered = sorted(models, key=lambda each: each.__name__)
    _, found = models_json_schema([(model, "validation") for model in ordered], ref_template=_REFERENCE)
    return {
        names.get(name, f"request{name}"): _plain(schema, names)
        for name, schema in found["$defs"].items()
        if name not in _SHARED
    }


def _plain(node: Any, names: dict[str, str]) -> Any:
    """Write what pydantic says as the API does: names of its own, optional fields instead of nulls."""
    if isinstance(node, list):
        return [_plain(each, names) for each in node]
    if not isinstance(node, dict):
        return node
    if node.get("default", "") is None:
        some = [each for each in node["anyOf"] if each != {"type": "null"}]
        return _plain(some[0], names)
    found = {key: _plain(value, names) for key, value in node.items() if key != "title" or isinstance(value, dict)}
    if "const" in found:  # a word that has no other beside it yet
        found["enum"] = [found.pop("const")]
    if "$ref" in found:
        name = found["$ref"].rpartition("/")[2]
        found["$ref"] = _REFERENCE.format(model=names.get(name, f"request{name}"))
    return found


def _described(operation: Operation) -> dict[str, Any]:
    found: dict[str, Any] = {
        "operationId": operation.id,
        "summary": operation.summary,
        "parameters": parameters(operation),
        "responses": {
            **{str(status): _success(operation, status) for status in operation.statuses},
            **{status: _response(what, ref("errorObject")) for status, what in _FAILURES.items()},
        },
    }
    if operation.body is not None:
        schema = ref(name_of(operation.body))
        if operation.body is PatchItem:
            schema = {"type": "array", "items": schema, "minItems": 1, "maxItems": 10}
        found["requestBody"] = _content(schema)
    if operation.takes:
        content = {media: {"schema": {"type": "string", "format": "binary"}} for media in operation.takes}
        found["requestBody"] = {"required": True, "content": content}
    if 202 in operation.statuses:
        found["callbacks"] = {"success": _callback(operation.result), "failure": _callback("errorObject")}
    return found


def _success(operation: Operation, status: int) -> dict[str, Any]:
    if operation.media:
        found = _response("The file, as it was signed", {})
        found["content"] = {media: {} for media in operation.media}
        found["headers"] |= SIGNED
        return found
    if status == 204:
        return _response("Success", {})
    if status == 202:
        return _response("Accepted", ref("requestStateObject"))
    name = operation.result.removeprefix("[]")
    if name == operation.result:
        return _response("Success", ref(name))
    found = _response("Success", {"type": "array", "items": ref(name)})
    found["headers"] |= LISTED
    return found


def _response(what: str, schema: Schema) -> dict[str, Any]:
    found: dict[str, Any] = {"description": what, "headers": dict(ANSWERED)}
    if schema:
        found["content"] = {"application/json": {"schema": schema}}
    return found


def _content(schema: Schema) -> dict[str, Any]:
    return {"required": True, "content": {"application/json": {"schema": schema}}}


def _callback(name: str) -> dict[str, Any]:
    put = {
        "summary": "What became of it; tried again, with growing pauses, until it is taken",
        "parameters": sent_back(),
        "requestBody": _content(ref(name)),
        "responses": {"204": {"description": "Taken"}},
        "security": [],
    }
    return {"{$request.header.X-Callback-URL}": {"put": put}}


def _object(required: str, **properties: Any) -> Schema:
    return {"type": "object", "required": required.split(), "properties": properties}


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
                        access_token=TEXT,
                        token_type=TEXT,
                        expires_in={"type": "integer"},
                    )
                }
            },
        },
        "400": {"description": "Not this grant type"},
        "401": {"description": "Not these credentials"},
    },
}
