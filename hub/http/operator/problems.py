"""What the operators' API says when it says no: one table of statuses and sentences; it never says a secret.

The object is the participants' API's: category, code, description, what to do next. Codes are the hub's own reasons.
"""

import tomllib
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final, NamedTuple

from aiohttp import web

from hub.core.command import Reason, Refusal
from hub.http.errors import answer, now

_FILE: Final = "operator_errors.toml"
_CHALLENGE: Final = 'Bearer realm="operator"'
_TEXT_MAX: Final = 2_000


class Said(NamedTuple):
    """How a reason is said."""

    status: int
    category: str
    description: str


class ProblemError(Exception):
    """Ends a request with a problem."""

    def __init__(
        self,
        code: str,
        detail: str = "",
        *,
        property_: str = "",
        possible: Sequence[str] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Say no; `code` is a row of the table, `possible` lists what would do instead."""
        super().__init__(code)
        self.code = code
        self.said = sayings()[code]
        given = {"detail": detail, "property": property_, "possible": ", ".join(possible)}
        self.parameters = {name: text for name, text in given.items() if text}
        self.headers = headers or {}


@cache
def sayings() -> Mapping[str, Said]:
    """Return the table: every reason of the hub, and every fault of this API."""
    here = Path(__file__).parents[3] / "config" / _FILE
    path = here if here.exists() else Path(__file__).parents[2] / "_config" / _FILE
    document = tomllib.loads(path.read_text("utf-8"))
    return {code: Said(*row) for part in ("reason", "fault") for code, row in document[part].items()}


def refused(refusal: Refusal) -> ProblemError:
    """Turn the hub's refusal into a problem."""
    known: Reason = refusal.reason
    return ProblemError(known, refusal.detail)


def response_of(problem: ProblemError) -> web.Response:
    """Answer with a problem, and with what HTTP wants beside it."""
    body: dict[str, Any] = {
        "errorCategory": problem.said.category,
        "errorCode": problem.code,
        "errorDescription": problem.said.description,
        "errorDateTime": now(),
    }
    if problem.parameters:
        pairs = problem.parameters.items()
        body["errorParameters"] = [{"key": name, "value": text[:_TEXT_MAX]} for name, text in pairs]
    response = answer(problem.said.status, body)
    if problem.said.status == 401:
        response.headers["WWW-Authenticate"] = _CHALLENGE
    response.headers.update(problem.headers)
    return response
