"""Reading what the office keeps: one list and one view for every kind of record, from one table; it changes nothing.

A list is filtered by the fields of its records: by those that have an index at once, by others among the newest rows
that these leave.
"""

import typing
from collections.abc import Callable
from enum import StrEnum
from typing import Any, Final, NamedTuple, TypeVar

import msgspec
from aiohttp import web

from hub.core.command import Reason
from hub.core.deeds import deed_in
from hub.core.office.applying import ApplyScheme
from hub.core.office.proposal import Proposal
from hub.core.office.records import Alarm, Change, Difference, Dispute, File, Funds, Operator, Setting
from hub.core.record import Record
from hub.core.settlement.netting import nets
from hub.core.settlement.window import Obligation, Payment, Window
from hub.http.operator.forms import Amount, amount, form_of, is_listed, parts, shown
from hub.http.operator.lists import (
    BEFORE,
    LIMITED,
    SPAN,
    encoded,
    limit_of,
    listed,
    one_of,
    plain,
    span_of,
    truth,
    whole,
)
from hub.http.operator.problems import ProblemError
from hub.http.operator.row import READERS, Answer, Call, Office, Query, Row, list_of, versioned
from hub.store.search import Page

R = TypeVar("R", bound=Record)
_PAGING: Final = frozenset(each.name for each in (*SPAN, LIMITED, BEFORE))
_FILTERED: Final = ("plain", "inner")
_INSIDE_MAX: Final = 500  # obligations and payments shown with their window


class Kept(NamedTuple):
    """A kind of record, and what it is called in paths."""

    path: str
    kind: type[Record]
    what: str


KEPT: Final = (
    Kept("proposals", Proposal, "what waits for a second person, and what became of it"),
    Kept("funds", Funds, "prefunding and guarantees, in and out"),
    Kept("windows", Window, "settlement windows"),
    Kept("obligations", Obligation, "what is owed for windows"),
    Kept("payments", Payment, "what the settlement bank is to pay, or has announced"),
    Kept("files", File, "files that went out, or came in"),
    Kept("differences", Difference, "what two books do not say alike"),
    Kept("disputes", Dispute, "returns, recalls and reports of fraud"),
    Kept("alarms", Alarm, "thresholds of liquidity that were crossed"),
    Kept("changes", Change, "changes of caps and blocks, amounts in their currency"),
    Kept("operators", Operator, "operators and their roles"),
)


def written(record: Record) -> dict[str, Any]:
    """Write a record; the terms of a proposal as its act says them."""
    found: dict[str, Any] = shown(record)
    if isinstance(record, Proposal):
        found["terms"] = terms_in(record)
    if isinstance(record, Change) and record.what is Setting.CAP:  # kept as minor units, written as they are
        for name in ("before", "after"):
            found[name] = amount(int(found[name]), record.currency)["amount"] if found[name] else ""
    return found


def terms_in(proposal: Proposal) -> Any:
    """Write what is proposed, as it was said."""
    try:
        deed = deed_in(bytes(proposal.terms))
        if isinstance(deed, ApplyScheme):
            return {"base": deed.base, "document": without_secrets(msgspec.to_builtins(deed.file))}
        return shown(deed)
    except (msgspec.DecodeError, KeyError):  # of an act that this version does not know
        return without_secrets(msgspec.json.decode(proposal.terms))


def without_secrets(value: Any) -> Any:
    """Return what is kept without anything that is called secrets, at any depth.

    Of a scheme's these say only where they are: all the same nobody is told.
    """
    if isinstance(value, dict):
        return {name: without_secrets(each) for name, each in value.items() if name != "secrets"}
    return [without_secrets(each) for each in value] if isinstance(value, list) else value


def filters_of(kind: type[Record]) -> tuple[Query, ...]:
    """List by what a kind is filtered: its words, numbers and truths, under the names that they have inside."""
    hints = typing.get_type_hints(kind)
    named = [each for each in parts(kind) if each.kind in _FILTERED and is_listed(kind, each.inside)]
    found = [(each.inside, hints[each.inside]) for each in named if each.inside not in ("deed", "version")]
    queries = [_filter(kind, name, hint) for name, hint in found if name not in _PAGING]
    return tuple(each for each in queries if each is not None)


def _filter(kind: type[Record], name: str, hint: Any) -> Query | None:
    where = "" if name in ("id", *kind.keys) else "; looked for among the newest that the other filters leave"
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        words = [each.value for each in hint]
        return Query(name, f"only these{where}", one_of(words), {"type": "string", "enum": words})
    readers: dict[Any, tuple[Callable[[str], Any], str]] = {
        str: (plain, "string"),
        bool: (truth, "boolean"),
        int: (whole, "integer"),
    }
    if hint not in readers:
        return None
    read, type_ = readers[hint]
    return Query(name, f"only these{where}", read, {"type": type_})


def _rows_of(kept: Kept) -> tuple[Row, Row]:
    filters = filters_of(kept.kind)
    names = [each.name for each in filters]

    async def every(office: Office, call: Call) -> web.Response:
        page = await found(office, call, kept.kind, {name: call.query[name] for name in names if name in call.query})
        return listed([written(each) for each in page.items], page.next)

    async def one(office: Office, call: Call) -> web.Response:
        record = await named(office, kept.kind, call.part("id"))
        return versioned(200, written(record), record.version)

    form, query = form_of(kept.kind), (*filters, *SPAN, LIMITED, BEFORE)
    view: Answer = _window if kept.kind is Window else one
    return (
        Row("GET", f"/{kept.path}", every, f"List {kept.what}", READERS, list_of(form), query=query),
        Row("GET", f"/{kept.path}/{{id}}", view, f"View one of: {kept.what}", READERS, WHOLE.get(kept.kind, form)),
    )


async def found(office: Office, call: Call, kind: type[R], where: dict[str, Any]) -> Page[R]:
    """Find a page of records."""
    from_ms, to_ms = span_of(call)
    before = call.query.get("before")
    return await office.store.search.records(
        kind, limit=limit_of(call), before=before, from_ms=from_ms, to_ms=to_ms, where=where
    )


async def named(office: Office, kind: type[R], id_: str) -> R:
    """Return a record; raises a ProblemError where there is none."""
    record = None if "\0" in id_ else await office.store.records.one(kind, id_)
    if record is None:
        raise ProblemError(Reason.RECORD_UNKNOWN)
    return record


class Net(msgspec.Struct, frozen=True, kw_only=True):
    """What a window comes to for one participant: above zero it is owed, below zero it owes. "" is the hub."""

    participant: str
    net: Amount


def _whole_window() -> type[msgspec.Struct]:
    fields: list[Any] = [
        *((each.outside, each.hint) for each in parts(Window)),
        ("nets", list[Net]),
        ("obligations", list_of(form_of(Obligation))),
        ("payments", list_of(form_of(Payment))),
    ]
    about = "A settlement window with what it comes to, what is owed for it, and what is paid."
    return msgspec.defstruct("WholeWindow", fields, kw_only=True, namespace={"__doc__": about})


WHOLE: Final[dict[type[Record], Any]] = {Window: _whole_window()}


async def _window(office: Office, call: Call) -> web.Response:
    """Answer GET /windows/{id}: the window with what it comes to for each side, and the newest that is owed for it."""
    window = await named(office, Window, call.part("id"))
    inside = {}
    for name, kind, column in (("obligations", Obligation, "window"), ("payments", Payment, "subject")):
        page = await office.store.search.records(kind, limit=_INSIDE_MAX, where={column: window.id})
        inside[name] = {"items": [written(each) for each in page.items], "next": encoded(page.next)}
    sums = sorted(nets((*window.movements, *window.carried)).items())
    come_to = [{"participant": who, "net": amount(minor, window.currency)} for who, minor in sums]
    return versioned(200, written(window) | {"nets": come_to} | inside, window.version)


async def _content(office: Office, call: Call) -> web.Response:
    """Answer GET /files/{id}/content: the bytes as they were signed, and the signature beside them."""
    file = await named(office, File, call.part("id"))
    headers = {
        "Content-Disposition": "attachment",
        "X-Content-Hash": file.sha256,
        "X-Content-Type-Options": "nosniff",
        "X-File-Name": "".join(each if each.isascii() and each.isprintable() else "_" for each in file.name),
    }
    if file.signature:
        headers["X-JWS-Signature"] = file.signature
    body = file.content.encode()
    return web.Response(body=body, content_type="application/octet-stream", headers=headers)


ROWS: Final = (
    *(row for kept in KEPT for row in _rows_of(kept)),
    Row(
        "GET",
        "/files/{id}/content",
        _content,
        "Download a file, its name in X-File-Name, its hash in X-Content-Hash, its signature in X-JWS-Signature",
        READERS,
        "application/octet-stream",
    ),
)
