"""What an operation is: what it is called, what it takes, what it answers; it must never know a feature.

Routes, the document and what clients without PATCH may send all follow from these rows.
"""

from collections.abc import Awaitable, Callable, Iterable, Iterator
from typing import Any, Final, NamedTuple

from aiohttp import web
from pydantic import BaseModel

from hub.http.api import Api, Call, forbidden_method
from routing.party import IDENTIFIER_KEYS

Answer = Callable[[Api, Call], Awaitable[web.Response]]

# The two forms of an account in a path. The first segment tells them apart: a key never holds '@'.
SINGLE: Final = "/accounts/{identifierType}/{identifier}"
MULTIPLE: Final = "/accounts/{accountId}"
_PATTERNS: Final = {
    "{identifierType}": "{identifierType:(?i:" + "|".join(sorted(IDENTIFIER_KEYS)) + ")}",
    "{accountId}": "{accountId:[^/@]+@[^/]+}",
    "{identityType}": "{identityType:[^/@]+}",
}

# The query parameters of lists. An operation names those it reads, from the table QUERY in hub/http/parameters.py.
WINDOW: Final = ("limit", "offset")
PAGED: Final = (*WINDOW, "fromDateTime", "toDateTime")


class Operation(NamedTuple):
    """One operation.

    `result` is the object that it comes to, `[]name` for a list of them, or nothing. 200 and 201 answer it at once;
    202 answers the state of the request, and a callback brings the result; 204 says nothing more.
    """

    method: str
    path: str
    answer: Answer
    summary: str
    success: int | tuple[int, ...]
    result: str
    body: type[BaseModel] | None = None
    query: tuple[str, ...] = ()
    overrides: bool = False  # a PATCH that comes as POST
    media: tuple[str, ...] = ()  # what the answer is, where it is a file and no object
    takes: tuple[str, ...] = ()  # what the body is, where it is a file and no object

    @property
    def route(self) -> str:
        """The path as the router reads it."""
        path = self.path
        for name, pattern in _PATTERNS.items():
            path = path.replace(name, pattern)
        return path

    @property
    def id(self) -> str:
        """A name that is unique in the document: get_accounts_by_accountId_status."""
        parts = self.path.strip("/").split("/")
        return "_".join([self.method.lower(), *(f"by_{part[1:-1]}" if part[0] == "{" else part for part in parts)])

    @property
    def statuses(self) -> tuple[int, ...]:
        """The statuses of success."""
        return (self.success,) if isinstance(self.success, int) else self.success


def both(method: str, rest: str, *columns: Any, **named: Any) -> tuple[Operation, Operation]:
    """Return an operation on an account for both forms of its path; `rest` is what follows the account."""
    single, multiple = (Operation(method, account + rest, *columns, **named) for account in (SINGLE, MULTIPLE))
    return single, multiple


def with_overrides(operations: Iterable[Operation]) -> Iterator[Operation]:
    """Yield the operations; beside each PATCH, the same by POST for clients that cannot send PATCH."""
    for each in operations:
        yield each
        if each.method == "PATCH":
            summary = f"{each.summary}: for clients that cannot send PATCH"
            yield each._replace(method="POST", answer=_overridden(each.answer), summary=summary, overrides=True)


def _overridden(patch: Answer) -> Answer:
    async def answer(api: Api, call: Call) -> web.Response:
        if call.request.headers.get("X-HTTP-Method-Override", "").strip().upper() != "PATCH":
            raise forbidden_method(("GET", "PATCH"))
        return await patch(api, call)

    return answer
