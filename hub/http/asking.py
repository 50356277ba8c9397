"""Asking: a question to the participant that knows, its answer as the API's object, and windows on lists.

Silence is never said to be absence, and what a participant says leaves the hub only as the API's object.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from aiohttp import web

from hub.core.command import Reason, Refusal
from hub.http.api import Api, Call
from hub.http.errors import ApiError, answer, invalid, refused, unknown_object
from hub.http.schema import in_utc
from hub.http.schema.out import OutgoingError, outgoing
from routing.message import Answer, Finding, Kind
from routing.party import Party

LIMIT: Final = 50
LIMIT_MAX: Final = 1_000
OFFSET_MAX: Final = 2**31
_DIGITS_MAX: Final = 20
# A list of which the hub must leave out others' rows is fetched up to here, and only then cut into pages.
_WHOLE: Final = MappingProxyType({"limit": str(LIMIT_MAX), "offset": "0"})


class Window(NamedTuple):
    """Which part of a list is asked for."""

    limit: int = LIMIT
    offset: int = 0
    since: str = ""
    until: str = ""

    def page(self) -> dict[str, str]:
        """Return it as a query, for a list that a participant cuts into pages itself."""
        return {"limit": str(self.limit), "offset": str(self.offset)} | self._times()

    def whole(self) -> dict[str, str]:
        """Return it as a query for the whole list."""
        return dict(_WHOLE) | self._times()

    def _times(self) -> dict[str, str]:
        times = {"fromDateTime": self.since, "toDateTime": self.until}
        return {name: value for name, value in times.items() if value}


class Asked(NamedTuple):
    """What is asked about: the account, who holds it, and whether an instrument lets the caller look at it."""

    party: Party = ()
    institution: str = ""
    entitled: bool = False
    reference: str = ""


async def asked(
    api: Api, call: Call, kind: Kind, about: Asked, query: Mapping[str, str] = MappingProxyType({})
) -> Answer:
    """Pass a question on; raises an ApiError for every ending but an answer."""
    result = await api.door.inquire(asker=call.caller, kind=kind, query=query, **about._asdict())
    if isinstance(result, Refusal):
        raise _refused(result, kind)
    if result.finding is Finding.NOT_FOUND:
        raise unknown_object()
    if result.finding is Finding.UNSUPPORTED:
        raise unsupported(kind)
    if result.finding is Finding.UNANSWERED:
        raise ApiError("serviceUnavailable", "genericError", "The institution did not answer in time; ask again.")
    return result


async def holder(api: Api, about: Asked) -> str:
    """Return the participant that holds the account; raises an ApiError where nobody does."""
    if about.institution:
        return about.institution
    overrides = await api.reader.overrides(about.party)
    found = (await api.scheme()).directory.resolve(about.party, overrides)
    if found.participant is None:
        raise _refused(Refusal(reason=Reason.PAYEE_UNKNOWN), Kind.ACCOUNT)
    return found.participant


def unsupported(kind: Kind) -> ApiError:
    """Build the error for what a rail cannot do."""
    words = f"The institution does not answer this question over the connections it has: {kind}."
    return ApiError("businessRule", "genericError", words, parameters=[("reason", Reason.UNSUPPORTED)])


def _refused(refusal: Refusal, kind: Kind) -> ApiError:
    if refusal.reason is Reason.UNSUPPORTED:
        return unsupported(kind)
    if refusal.reason is Reason.PAYEE_UNKNOWN:
        words = "No participant holds this account; check the identifier."
        return ApiError("identification", "identifierError", words, parameters=[("reason", refusal.reason)])
    if refusal.reason is Reason.NOT_YOUR_CUSTOMER:
        words = "This account is not your customer's; name it by a link or a mandate of yours."
        return ApiError(
            "authorisation", "requestingPartyAuthorisationError", words, parameters=[("reason", refusal.reason)]
        )
    return refused(refusal)


def shown(name: str, data: Any) -> web.Response:
    """Answer with an object; raises an ApiError where what a participant said is none of the API's."""
    try:
        return answer(200, outgoing(name, data))
    except OutgoingError:
        raise ApiError("serviceUnavailable", "genericError", "The institution's answer was not clear.") from None


def rows_of(name: str, rows: Sequence[Any]) -> list[dict[str, Any]]:
    """Return the rows that are the API's objects; what is none of them is left out."""
    found = []
    for row in rows:
        try:
            found.append(outgoing(name, row))
        except OutgoingError:
            continue
    return found


def listed(rows: Sequence[Any], available: int) -> web.Response:
    """Answer with a page of a list, and how much there is."""
    response = answer(200, rows)
    response.headers["X-Records-Available-Count"] = str(max(available, len(rows)))
    response.headers["X-Records-Returned-Count"] = str(len(rows))
    return response


def cut(rows: Sequence[Any], window: Window) -> web.Response:
    """Answer with the window's part of a whole list."""
    return listed(rows[window.offset : window.offset + window.limit], len(rows))


def window_of(call: Call) -> Window:
    """Read the window from the query, its names in any case; raises an ApiError."""
    return Window(
        limit=_number(call, "limit", range(1, LIMIT_MAX + 1), "formatError", usual=LIMIT),
        offset=_number(call, "offset", range(OFFSET_MAX), "invalidOffset", usual=0),
        since=_time(call, "fromDateTime"),
        until=_time(call, "toDateTime"),
    )


def parameter(call: Call, name: str) -> str:
    """Return a parameter of the query, its name in any case; nothing when it is not given."""
    return next((value.strip() for key, value in call.request.query.items() if key.lower() == name.lower()), "")


def _number(call: Call, name: str, allowed: range, code: str, *, usual: int) -> int:
    text = parameter(call, name)
    if not text:
        return usual
    if not text.isascii() or not text.isdigit() or len(text) > _DIGITS_MAX or int(text) not in allowed:
        raise invalid(name, code, f"Send a whole number from {allowed.start} to {allowed.stop - 1}.")
    return int(text)


def _time(call: Call, name: str) -> str:
    text = parameter(call, name)
    try:
        return in_utc(text) if text else ""
    except ValueError:
        raise invalid(name, "formatError", "Send a date and time of ISO 8601.") from None
