"""What an operation of the operators' API is: who may, what it takes, what it answers; it must never know a feature.

Routes, the gate, the document and the tests of who may not all follow from these rows.
"""

from collections.abc import Awaitable, Callable, Mapping
from functools import cache
from typing import Any, Final, NamedTuple

import msgspec
from aiohttp import web

from hub.core.command import Reason
from hub.core.office.records import Operator, OperatorRole
from hub.core.participant import Scheme, SchemeFile
from hub.flow import Door
from hub.http.errors import answer
from hub.http.operator.problems import ProblemError
from hub.store.sql import SqlStore

PREFIX: Final = "/operator/v1"
BODY_MAX: Final = 262_144
JSON: Final = "application/json"
# Reading needs no more than to be an operator of some role.
READERS: Final = frozenset(OperatorRole)


# The key sets of the settlement banks that have some, by currency; raises ValueError or OSError.
Keys = Callable[[Scheme], Mapping[str, bytes]]
# Reads the text of a scheme file by this name; raises SchemeError.
ReadScheme = Callable[[str, str], SchemeFile]


class OperatorSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How the API is set up."""

    token_lifetime_s: int = 900
    file_max_bytes: int = 16_777_216  # of a body that brings a file


class Office(NamedTuple):
    """What operations work with."""

    door: Door
    store: SqlStore
    settings: OperatorSettings
    bank_keys: Keys
    read_scheme: ReadScheme


class Call(NamedTuple):
    """One call of an operator; `query` and `body` are read and checked."""

    request: web.Request
    operator: Operator
    query: Mapping[str, Any]
    body: Any = None

    def part(self, name: str) -> str:
        """Return a part of the path."""
        return self.request.match_info[name]

    def hexadecimal(self, name: str) -> str:
        """Return an id in the path, in its one form; what cannot be one names nothing."""
        text = self.part(name).replace("-", "").lower()
        if len(text) != 32 or not set(text) <= set("0123456789abcdef"):
            raise ProblemError(Reason.RECORD_UNKNOWN)
        return text


class Query(NamedTuple):
    """A query parameter: `read` returns its value, or raises ValueError with what is wrong."""

    name: str
    what: str
    read: Callable[[str], Any]
    schema: Mapping[str, Any]


Answer = Callable[[Office, Call], Awaitable[web.Response]]


class Row(NamedTuple):
    """One operation."""

    method: str
    path: str  # below the prefix
    answer: Answer
    summary: str
    roles: frozenset[OperatorRole]  # any of them
    result: Any = None  # the type of what it answers, or its media type
    success: tuple[int, ...] = (200,)
    body: Any = None  # the type of the body; it comes as JSON
    query: tuple[Query, ...] = ()
    versioned: bool = False  # wants If-Match: one decides on what one has seen
    keyed: bool = False  # takes an Idempotency-Key
    brings_file: bool = False  # its body may be as large as a file
    proposed: Any = None  # the type of what it answers, with 202, where a second person is needed first

    @property
    def id(self) -> str:
        """A name that is unique in the document: get_windows_by_id."""
        parts = self.path.strip("/").split("/")
        return "_".join([self.method.lower(), *(f"by_{part[1:-1]}" if part[0] == "{" else part for part in parts)])


@cache
def list_of(form: type[msgspec.Struct]) -> type[msgspec.Struct]:
    """Return the type of a page of a list."""
    about = "A page of a list, the newest first; `next` is the `before` of the next page, null on the last."
    fields: list[Any] = [("items", list[form]), ("next", str | None)]  # type: ignore[valid-type] # a type at run time
    return msgspec.defstruct(f"{form.__name__}List", fields, kw_only=True, namespace={"__doc__": about})


def versioned(status: int, body: Any, version: int) -> web.Response:
    """Answer with a record, and with its version as HTTP says it."""
    response = answer(status, body)
    response.headers["ETag"] = f'"{version}"'
    return response


def expected_version(request: web.Request) -> int:
    """Return the version that If-Match names; raises a ProblemError."""
    text = request.headers.get("If-Match", "").strip()
    if not text:
        raise ProblemError("version_needed")
    number = text.removeprefix("W/").strip('"')
    if not number.isascii() or not number.isdigit() or len(number) > 18:
        raise ProblemError("header_invalid", 'If-Match is one version, such as "1"', property_="If-Match")
    return int(number)
