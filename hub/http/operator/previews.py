"""What would come of an act before it is done: the default of a participant; it changes nothing."""

from typing import Any, Final

import msgspec
from aiohttp import web

from hub.core.settlement.default import DefaultError, Preview, guarantee_in, preview
from hub.core.settlement.rules import DefaultPath
from hub.core.settlement.window import Obligation, Payment, Window
from hub.http.errors import answer
from hub.http.operator.forms import Amount, amount, form_of, shown
from hub.http.operator.kept import named
from hub.http.operator.lists import TEXT, one_of, plain
from hub.http.operator.problems import ProblemError
from hub.http.operator.row import READERS, Call, Office, Query, Row

_EVERY: Final = 1_000_000
_PATHS: Final = [each.value for each in DefaultPath]


async def _default(office: Office, call: Call) -> web.Response:
    """Answer GET /windows/{id}/default: what handling a participant's default would come to."""
    if "participant" not in call.query:
        raise ProblemError("query_invalid", "say whose default", property_="participant")
    window = await named(office, Window, call.part("id"))
    currency = window.currency
    path = DefaultPath(call.query.get("path", window.terms.default))
    obligations = await office.store.records.found(Obligation, limit=_EVERY, window=window.id)
    payments = await office.store.records.found(Payment, limit=_EVERY, subject=window.id)
    try:
        found = preview(window, obligations, payments, call.query["participant"], path)
    except DefaultError as error:
        raise ProblemError("record_forbids", str(error)) from None
    there = guarantee_in(await office.store.accounts(), currency)
    body: dict[str, Any] = shown(found, currency) | {
        "guarantee_pays": amount(found.guarantee_minor, currency),
        "guarantee_there": amount(there, currency),
        "guarantee_suffices": found.guarantee_minor <= there,
    }
    return answer(200, body)


# What comes back: the preview, and whether the guarantee has what it is to pay.
DefaultPreview: Final = msgspec.defstruct(
    "DefaultPreview",
    [("guarantee_pays", Amount), ("guarantee_there", Amount), ("guarantee_suffices", bool)],
    bases=(form_of(Preview),),
    kw_only=True,
    namespace={"__doc__": Preview.__doc__},
)


ROWS: Final = (
    Row(
        "GET",
        "/windows/{id}/default",
        _default,
        "See what handling a participant's default would come to, before it is proposed",
        READERS,
        DefaultPreview,
        query=(
            Query("participant", "whose default; needed", plain, TEXT),
            Query("path", "as the model says unless given", one_of(_PATHS), {"type": "string", "enum": _PATHS}),
        ),
    ),
)
