"""Statements, notices of cash and reconciliation, for participants beside the API; each sees its own day only.

A statement is the file itself, signed: its name and signature stand in headers, so that it can be kept and shown to
anybody. A participant's own file is held against the books, and what differs is kept with both sides of it.
"""

import asyncio
from datetime import date
from typing import Any, Final

from aiohttp import web

from hub.core.command import Refusal
from hub.core.office.closing import BANK
from hub.core.office.comparing import DIFFERENCES_MAX
from hub.core.office.disputes import public
from hub.core.office.records import Difference, File
from hub.core.stamp import stamp
from hub.core.transfer import Event, State
from hub.files.days import CAMT_053, CAMT_054, CSV, Sheet, Whose
from hub.files.shapes import UnwritableError
from hub.files.signature import sign
from hub.flow import OverloadedError
from hub.http.api import Api, Books, Call, as_declared
from hub.http.asking import parameter, window_of
from hub.http.errors import ApiError, answer, invalid, refused, unknown_object
from hub.http.ids import new_id, undashed
from hub.http.operation import Operation
from hub.http.resources import said_of
from hub.http.transactions import is_id
from hub.store.days import DayError
from hub.store.reconciling import compare_deed, notices, prove, statement_page, whose_day

SIGNATURE: Final = "X-JWS-Signature"
READ_WITHIN_S: Final = 60.0
FILE: Final = ("application/xml", "text/csv")
JSON: Final = ("application/json",)
_PAGES_MAX: Final = 10_000


async def of_day(api: Api, call: Call) -> web.Response:
    """Answer GET /statements/{date}: of a day that is over, in pages."""
    books, whose = await _day(api, call)
    form = _form(call, (CAMT_053, CSV))
    page = parameter(call, "page") or "1"
    if not page.isascii() or not page.isdigit() or len(page) > 5 or not 1 <= int(page) <= _PAGES_MAX:
        raise invalid("page", "formatError", f"Send a whole number from 1 to {_PAGES_MAX}.")
    sheet, count = await _written(statement_page(books.days, whose, await _now_ms(api), form, int(page)))
    if sheet is None:
        raise unknown_object()
    found = await _signed(api, books, sheet)
    found.headers["X-Pages-Available-Count"] = str(count)
    return found


async def proof(api: Api, call: Call) -> web.Response:
    """Answer GET /statements/{date}/proof: that everything the statement says is in the chain of journals."""
    books, whose = await _day(api, call)
    return await _signed(api, books, await _written(prove(books.days, books.ledger, whose, await _now_ms(api))))


async def cash(api: Api, call: Call) -> web.Response:
    """Answer GET /notifications/{date}: what the settlement bank has booked for the caller, so far."""
    books, whose = await _day(api, call)
    form = _form(call, (CAMT_054, CSV))
    return await _signed(api, books, await _written(notices(books.days, whose, await _now_ms(api), form)))


async def compare(api: Api, call: Call) -> web.Response:
    """Answer POST /reconciliations: hold the caller's own file against the books; the same file again is the same."""
    books, whose = await _day(api, call, parameter(call, "date"))
    if api.uploads.locked():
        raise OverloadedError("other files are being read")
    async with api.uploads:
        content = await _content(api, call)
        as_declared(call, content)
        name = f"{whose.day.isoformat()}-{whose.currency}"
        deed = await _written(
            compare_deed(books.days, whose, content, name=name, by=call.client, ref=new_id(), now_ms=await _now_ms(api))
        )
        result = await api.door.handle(deed)
    if isinstance(result, Refusal):
        raise refused(result)
    return await _reconciliation(api, call, result.transfer, 201)


async def view(api: Api, call: Call) -> web.Response:
    """Answer GET /reconciliations/{reconciliationReference}."""
    return await _reconciliation(api, call, undashed(call.part("reconciliationReference")), 200)


async def _reconciliation(api: Api, call: Call, id_: str, status: int) -> web.Response:
    records, window = api.door.store.records, window_of(call)
    file = await records.one(File, id_) if is_id(id_) else None
    if file is None or file.origin != call.caller or file.origin == BANK:
        raise unknown_object()
    found = await records.found(Difference, file=file.id, limit=DIFFERENCES_MAX)
    ordered = sorted(found, key=lambda each: each.id)[window.offset : window.offset + window.limit]
    state = "refused" if file.refused else "differs" if file.differences else "clean"
    body = {
        "reconciliationReference": file.id,
        "date": file.subject,
        "currency": file.currency,
        "reconciliationStatus": state,
        "refusalText": file.refused[:256],
        "entriesCount": file.entries,
        "differencesCount": file.differences,
        "differences": [_shown(each) for each in ordered],
        "creationDate": stamp(file.at_ms),
    }
    return answer(status, {name: value for name, value in body.items() if value != ""})


def _shown(found: Difference) -> dict[str, Any]:
    body = {
        "differenceReference": found.id,
        "kind": str(found.kind),
        "transactionReference": found.subject[:256],
        "reference": found.reference[:256],
        "differenceStatus": str(found.state),
        "atHub": _told(found.ours),
        "atParticipant": found.theirs,
    }
    return {name: value for name, value in body.items() if value not in ("", {})}


def _told(ours: dict[str, Any]) -> dict[str, Any]:
    """Return the hub's side of a difference as a participant may know it: in the API's words, and no operator's name.

    That somebody looks, or has looked, at a payment before it began is not told: it reads like any other.
    """
    told = dict(ours)
    if "state" in told:
        told["state"] = said_of(told["state"])
    if "steps" in told:
        told["steps"] = [
            {**step, "state": said_of(step["state"]), "who": _who(step)}
            for step in told["steps"]
            if step["state"] != State.IN_REVIEW
        ]
    return told


def _who(step: dict[str, Any]) -> str:
    begins = step["event"] in (Event.ADMITTED, Event.BARRED)  # by the hub, unless an operator looked first
    return "hub" if begins else public(str(step["who"]))


async def _day(api: Api, call: Call, text: str | None = None) -> tuple[Books, Whose]:
    """Return the caller's day, in the currency that is asked for; raises an ApiError."""
    if api.books is None:
        raise ApiError("serviceUnavailable", "genericError", "This hub keeps no days.")
    said = call.part("date") if text is None else text
    if not said:
        raise invalid("date", "mandatoryValueNotSupplied", "Send which day it is of.")
    try:
        day = date.fromisoformat(said)
    except ValueError:
        raise invalid("date", "formatError", "Send a day as YYYY-MM-DD.") from None
    scheme = await api.reader.scheme()
    known = scheme.participants.get(call.caller)
    currencies = known.currencies if known else ()
    currency = parameter(call, "currency").upper() or next(iter(currencies), "")
    if currency not in currencies:
        raise invalid("currency", "currencyNotSupported", "You have no position in this currency.")
    try:
        return api.books, await whose_day(api.books.days, scheme, call.caller, currency, day)
    except (DayError, OverflowError) as error:
        raise invalid("date", "formatError", str(error)) from None


def _form(call: Call, forms: tuple[str, ...]) -> str:
    form = parameter(call, "format").lower() or forms[0]
    if form not in forms:
        raise invalid("format", "formatError", f"Send one of {', '.join(forms)}.")
    return form


async def _written(making: Any) -> Any:
    """Await what is made of a day; raises an ApiError for a day of which it cannot be made."""
    try:
        return await making
    except (DayError, UnwritableError) as error:
        raise invalid("date", "formatError", str(error)) from None


async def _signed(api: Api, books: Books, sheet: Sheet) -> web.Response:
    now_ms = await _now_ms(api)
    mark = sign(sheet.content, name=sheet.name, window="", created_ms=now_ms, key=books.key)
    headers = {
        SIGNATURE: mark,
        "Content-Disposition": f'attachment; filename="{sheet.name}"',
        "X-Content-Type-Options": "nosniff",
    }
    return web.Response(body=sheet.content, content_type=sheet.media, headers=headers)


async def _now_ms(api: Api) -> int:
    return await api.door.store.records.now_ms()


async def _content(api: Api, call: Call) -> bytes:
    """Read a file, up to what a batch may have; raises an ApiError."""
    limit, content = api.settings.batch_body_max_bytes, bytearray()
    try:
        async with asyncio.timeout(READ_WITHIN_S):
            async for chunk in call.request.content.iter_chunked(1 << 18):
                content += chunk
                if len(content) > limit:
                    raise ApiError("validation", "lengthError", f"A file has at most {limit} bytes; split the day.")
    except TimeoutError:
        raise OverloadedError("the body did not arrive in time") from None
    return bytes(content)


OPERATIONS: Final = (
    Operation(
        "GET", "/statements/{date}", of_day, "The caller's statement of a day, signed", 200, "file",
        query=("currency", "format", "page"), media=FILE,
    ),
    Operation(
        "GET", "/statements/{date}/proof", proof, "The proof that a statement is in the chain of journals", 200, "file",
        query=("currency",), media=JSON,
    ),
    Operation(
        "GET", "/notifications/{date}", cash, "What was booked for the caller in a day, signed", 200, "file",
        query=("currency", "format"), media=FILE,
    ),
    Operation(
        "POST", "/reconciliations", compare, "Hold the caller's own file of a day against the books", 201,
        "responseReconciliation", query=("date", "currency"), takes=("application/octet-stream",),
    ),
    Operation(
        "GET", "/reconciliations/{reconciliationReference}", view, "View what came of it", 200,
        "responseReconciliation", query=("limit", "offset"),
    ),
)  # fmt: skip
