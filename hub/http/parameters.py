"""Everything the API takes beside bodies: headers, queries and parts of paths, as tables; it must never read one."""

import re
from typing import Any, Final

from hub.http.asking import LIMIT_MAX
from hub.http.operation import Operation
from hub.http.schema.objects import COUNT, DAY, NAME, TEXT, TIME, Schema
from hub.http.schema.words import ENUMS, UUID
from routing.party import IDENTIFIER_KEYS

Headers = dict[str, tuple[str, Schema]]

_UUID: Final[Schema] = {"type": "string", "pattern": UUID}
_KEYS: Final = "|".join(sorted(IDENTIFIER_KEYS))

_ALWAYS: Final[Headers] = {
    "X-Date": ("when it was sent, ISO 8601 or RFC 7231; looked at where the hub is set up to", TIME),
    "X-Client-Id": ("who calls; only the credentials decide that", TEXT),
}
_CHECKED: Final[Headers] = {
    "X-Content-Hash": ("hexadecimal SHA-256 of the body, checked when given", {"type": "string"}),
    "X-Channel": ("where the request came from: USSD, Web, App", TEXT),
    "X-User-Credential-1": ("the end user's encrypted credential; passed on, never kept", {"type": "string"}),
    "X-User-Credential-2": ("a second one", {"type": "string"}),
}
_PASSED_ON: Final[Headers] = {
    "X-User-Bearer": ("the end user's access token; passed on, never kept", {"type": "string"}),
    "X-Account-Holding-Institution-Identifier": (
        "who holds the account, if it is not the caller's",
        {"type": "string"},
    ),
    "X-Account-Holding-Institution-Identifier-Type": (
        "how that is said; organisationid, a participant's name in the scheme, unless given",
        {"type": "string", "enum": list(ENUMS["institutionType"])},
    ),
}
_ONCE: Final[Headers] = {
    "X-CorrelationID": ("a UUID, unique for the caller; a second create with it is refused as duplicateRequest", _UUID),
}
_WRITING: Final[Headers] = {
    **_ONCE,
    "X-Callback-URL": ("where the result is PUT; without it, poll", {"type": "string", "format": "uri"}),
}
_OVERRIDE: Final[Headers] = {"X-HTTP-Method-Override": ("PATCH", {"type": "string", "enum": ["PATCH"]})}
# What these answer is the hub's own: nobody else is asked, so nothing is passed on.
_OWN: Final = (
    *("/requeststates/", "/responses/", "/errors/", "/fxrates", "/disputes"),
    *("/statements/", "/notifications", "/reconciliations"),
)

QUERY: Final[Headers] = {
    "limit": ("how many at most; 50 unless given", COUNT | {"minimum": 1, "maximum": LIMIT_MAX}),
    "offset": ("how many of the newest to leave out", COUNT),
    "fromDateTime": ("created then or later", TIME),
    "toDateTime": ("created then or earlier", TIME),
    "transactionStatus": ("only those in this status", {"type": "string", "enum": list(ENUMS["requestStatus"])}),
    "transactionType": ("only those of this type", {"type": "string", "enum": list(ENUMS["type"])}),
    "displayType": ("only what was paid, or only what was received", {"type": "string", "enum": ["debit", "credit"]}),
    "codeState": ("only those in this state", {"type": "string", "enum": list(ENUMS["codeState"])}),
    "kind": ("only disputes of this kind", {"type": "string", "enum": list(ENUMS["disputeKind"])}),
    "disputeStatus": ("only those in this state", {"type": "string", "enum": list(ENUMS["disputeStatus"])}),
    "transactionReference": ("only those about this transaction", TEXT),
    "date": ("of which day, which must be over", DAY),
    "format": ("of the file: of ISO 20022 unless given", {"type": "string", "enum": ["camt.053", "camt.054", "csv"]}),
    "page": ("of a long statement; the first unless given", COUNT | {"minimum": 1}),
    "currency": ("of which currency; the participant's first unless given", TEXT),
}
PATHS: Final[dict[str, Schema]] = {
    "date": DAY,
    "transactionType": {"type": "string", "enum": list(ENUMS["type"])},
    "identityType": {"type": "string", "enum": list(ENUMS["identityType"])},
    "identifierType": {"type": "string", "enum": sorted(IDENTIFIER_KEYS)},
    "accountId": {"type": "string", "pattern": rf"^({_KEYS})@[^$\n]+(\$({_KEYS})@[^$\n]+){{0,2}}$"},
    "serverCorrelationId": _UUID,
    "clientCorrelationId": _UUID,
}
ANSWERED: Final[dict[str, Schema]] = {
    "X-Date": {"description": "when it was answered", "schema": TIME},
}
LISTED: Final[dict[str, Schema]] = {
    "X-Records-Available-Count": {"description": "how many there are", "schema": COUNT},
    "X-Records-Returned-Count": {"description": "how many are here", "schema": COUNT},
}
SIGNED: Final[dict[str, Schema]] = {
    "X-JWS-Signature": {"description": "detached JWS over the file and its name", "schema": {"type": "string"}},
    "Content-Disposition": {"description": "the file's name, as it was signed", "schema": {"type": "string"}},
    "X-Pages-Available-Count": {"description": "of a statement: how many pages there are", "schema": COUNT},
}
CALLED_BACK: Final = ("X-Date", "X-CorrelationID")


def parameters(operation: Operation) -> list[dict[str, Any]]:
    """Return what the operation takes, as the document says it."""
    path = [(name, "in the path", PATHS.get(name, NAME)) for name in re.findall(r"{(\w+)}", operation.path)]
    return [
        *(_parameter("path", *row, required=True) for row in path),
        *(_parameter("query", name, *QUERY[name]) for name in operation.query),
        *(_parameter("header", name, *row, required=name in _OVERRIDE) for name, row in headers(operation).items()),
    ]


def headers(operation: Operation) -> Headers:
    """Return the headers that the operation takes."""
    if operation.path == "/heartbeat":
        return _ALWAYS
    found = _ALWAYS | _CHECKED
    if not operation.path.startswith(_OWN):
        found |= _PASSED_ON
    if operation.path.startswith("/disputes"):  # answered at once: nobody is called back
        found |= _ONCE if operation.success == 201 else {}
    elif operation.body is not None and operation.method != "PUT":  # which is the same when it is said twice
        found |= _WRITING
    return found | (_OVERRIDE if operation.overrides else {})


def _parameter(where: str, name: str, what: str, schema: Schema, *, required: bool = False) -> dict[str, Any]:
    return {"name": name, "in": where, "required": required, "description": what, "schema": schema}


def sent_back() -> list[dict[str, Any]]:
    """Return the headers of a callback."""
    known = _ALWAYS | _WRITING
    return [_parameter("header", name, *known[name]) for name in CALLED_BACK]
