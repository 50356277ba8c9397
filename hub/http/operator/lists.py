"""Pages of lists: how many, from where, in which span; cursors are opaque and say nothing that was not shown."""

import base64
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

import msgspec
from aiohttp import web

from hub.http.errors import answer
from hub.http.operator.forms import ms_of
from hub.http.operator.problems import ProblemError
from hub.http.operator.row import Call, Query
from hub.store.search import TIMES, Cursor

LIMIT: Final = 50
LIMIT_MAX: Final = 500
_MS_MAX: Final = 2**63 - 1
_TEXT_MAX: Final = 512

T = TypeVar("T")
_decoded: Final[Callable[[bytes], Cursor]] = msgspec.json.Decoder(Cursor).decode


def encoded(cursor: Cursor | None) -> str | None:
    """Write a cursor."""
    return None if cursor is None else base64.urlsafe_b64encode(msgspec.json.encode(cursor)).decode().rstrip("=")


def _cursor(text: str) -> Cursor:
    try:
        found = _decoded(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (ValueError, msgspec.DecodeError):
        found = (-1, "")
    if not 0 <= found[0] <= _MS_MAX or "\0" in found[1] or len(found[1]) > _TEXT_MAX:
        raise ValueError("it is the `next` of a page before, as it was given")
    return found


def _limit(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text[:9]) <= LIMIT_MAX:
        raise ValueError(f"from 1 to {LIMIT_MAX}")
    return int(text)


def plain(text: str) -> str:
    """Read a text."""
    if not text or len(text) > _TEXT_MAX or "\0" in text:
        raise ValueError(f"a text of 1 to {_TEXT_MAX} characters")
    return text


def one_of(words: Sequence[str]) -> Callable[[str], str]:
    """Return what reads one of these words."""

    def read(text: str) -> str:
        if text not in words:
            raise ValueError(f"one of {', '.join(words)}")
        return text

    return read


def truth(text: str) -> bool:
    """Read true or false."""
    return one_of(("true", "false"))(text) == "true"


def whole(text: str) -> int:
    """Read a whole number."""
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise ValueError("a whole number")
    return int(text)


def _time(text: str) -> int:
    try:
        return ms_of(text.replace(" ", "+"), "")  # of a zone in a query, the plus is often not escaped
    except ProblemError as error:
        raise ValueError(error.parameters["detail"]) from None


TEXT: Final = {"type": "string"}
TIME: Final = {"type": "string", "format": "date-time"}
LIMITED: Final = Query(
    "limit",
    f"how many at most; {LIMIT} unless given",
    _limit,
    {"type": "integer", "minimum": 1, "maximum": LIMIT_MAX, "default": LIMIT},
)
BEFORE: Final = Query("before", "the `next` of the page before", _cursor, TEXT)
SPAN: Final = (
    Query("from", "begun then or later", _time, TIME),
    Query("to", "begun then or earlier", _time, TIME),
)
PAGED: Final = (LIMITED, BEFORE)


def limit_of(call: Call) -> int:
    """Return how many are wanted."""
    return int(call.query.get("limit", LIMIT))


def span_of(call: Call) -> tuple[int, int]:
    """Return from when to when, both included (ms)."""
    return call.query.get("from", TIMES[0]), call.query.get("to", TIMES[1])


def listed(items: Sequence[Any], cursor: Cursor | None) -> web.Response:
    """Answer with a page."""
    return answer(200, {"items": items, "next": encoded(cursor)})


def page_in(items: Sequence[T], name: Callable[[T], str], call: Call) -> tuple[Sequence[T], Cursor | None]:
    """Take a page of what is there as a whole, in the order of these names."""
    before = call.query.get("before", (0, ""))[1]
    limit = limit_of(call)
    left = sorted((each for each in items if name(each) > before), key=name)
    return left[:limit], (0, name(left[limit - 1])) if len(left) > limit else None
