"""Disputes: participants raise them, see their own, answer and withdraw; nothing about them is decided here.

They are the hub's own operations beside the API's, which has reversals only. Each write is answered at once: what it
comes to in money is told by notices, and seen here.
"""

from typing import Any, Final

import structlog
from aiohttp import web

from hub.core.command import Refusal
from hub.core.derived import uuid_of
from hub.core.office.disputes import Answer, Withdraw, concerned, shown
from hub.core.office.raising import Raise
from hub.core.office.records import Dispute, DisputeKind
from hub.core.record import Deed
from hub.http.api import Api, Call
from hub.http.asking import LIMIT_MAX, cut, parameter, window_of
from hub.http.errors import ApiError, answer, invalid, unknown_object, words_of
from hub.http.ids import new_id, undashed
from hub.http.operation import WINDOW, Operation
from hub.http.reading import checked, money_of
from hub.http.schema.disputes import Dispute as NewDispute
from hub.http.schema.disputes import DisputeAnswer, DisputeWithdrawal
from hub.http.schema.out import outgoing
from hub.http.schema.words import ENUMS
from hub.http.transactions import is_id
from routing.money import Money

_log: Final = structlog.get_logger("http")
_OBJECT: Final = "responseDispute"
# Every participant finds its own by one of these.
_SIDES: Final = ("raised_by", "payer_fsp", "payee_fsp")


async def create(api: Api, call: Call) -> web.Response:
    """Answer POST /disputes."""
    model = checked(NewDispute, await api.body(call))
    correlation, money = api.correlation(call), _money(model)
    # The same write has the same id, so that a second one finds the first.
    again = f"dispute {call.caller} {correlation.lower()}"
    deed = Raise(
        by=f"participant {call.caller}",
        ref=new_id(),
        dispute=undashed(uuid_of(again)) if correlation else new_id(),
        kind=DisputeKind(model.kind),
        transfer=undashed(model.transactionReference),
        participant=call.caller,
        reason=model.reasonCode,
        detail=model.descriptionText or "",
        currency=money.currency if money is not None else "",
        minor=money.minor if money is not None else 0,
        recall=model.recall is True,
    )
    return await _done(api, call, deed, deed.dispute, 201)


async def reply(api: Api, call: Call) -> web.Response:
    """Answer POST /disputes/{disputeReference}/answer."""
    model = checked(DisputeAnswer, await api.body(call))
    found = await _visible(api, call)
    accept = model.answer == "accepted"
    if not accept and model.reasonCode is None:
        raise invalid("reasonCode", "mandatoryValueNotSupplied", "Refuse for a reason.")
    deed = Answer(
        by=f"participant {call.caller}",
        ref=new_id(),
        dispute=found.id,
        transfer=found.transfer,
        participant=call.caller,
        accept=accept,
        reason="" if accept else model.reasonCode or "",
        detail=model.descriptionText or "",
    )
    return await _done(api, call, deed, found.id, 200)


async def withdraw(api: Api, call: Call) -> web.Response:
    """Answer POST /disputes/{disputeReference}/withdrawal."""
    model = checked(DisputeWithdrawal, await api.body(call))
    found = await _visible(api, call)
    deed = Withdraw(
        by=f"participant {call.caller}",
        ref=new_id(),
        dispute=found.id,
        transfer=found.transfer,
        participant=call.caller,
        detail=model.descriptionText or "",
    )
    return await _done(api, call, deed, found.id, 200)


async def view(api: Api, call: Call) -> web.Response:
    """Answer GET /disputes/{disputeReference}: with every step, to those whom it concerns."""
    return answer(200, outgoing(_OBJECT, shown(await _visible(api, call))))


async def listed(api: Api, call: Call) -> web.Response:
    """Answer GET /disputes: the caller's own, the newest first; of each side of them the last thousand."""
    window, transfer = window_of(call), undashed(parameter(call, "transactionReference"))
    where = {
        "kind": _word(call, "kind", "disputeKind"),
        "state": _word(call, "disputeStatus", "disputeStatus"),
        "transfer": transfer,
    }
    if transfer and not is_id(transfer):
        return cut([], window)
    asked: dict[str, Any] = {name: value for name, value in where.items() if value}
    found: dict[str, Dispute] = {}
    for side in _SIDES:
        mine = await api.door.store.records.found(Dispute, limit=LIMIT_MAX, **asked | {side: call.caller})
        found |= {each.id: each for each in mine}
    ordered = sorted(found.values(), key=lambda each: (each.at_ms, each.id), reverse=True)
    return cut([outgoing(_OBJECT, shown(each)) for each in ordered], window)


async def _done(api: Api, call: Call, deed: Deed, id_: str, status: int) -> web.Response:
    result = await api.door.handle(deed)
    if isinstance(result, Refusal):
        _log.info("dispute.refused", caller=call.caller, deed=type(deed).__name__, reason=result.reason)
        raise _refused(result)
    found = await api.door.store.records.one(Dispute, id_)
    if found is None:
        raise unknown_object()
    _log.info("dispute.changed", caller=call.caller, dispute=id_, deed=type(deed).__name__, state=found.state)
    return answer(status, outgoing(_OBJECT, shown(found)))


def _refused(refusal: Refusal) -> ApiError:
    """Say no in the API's words, and what would be right where that is known."""
    words = words_of(refusal.reason)
    parameters = [("reason", str(refusal.reason))]
    if refusal.detail:
        parameters.append(("detail", refusal.detail))
    if refusal.transfer:
        parameters.append(("link", f"/disputes/{refusal.transfer}"))
    return ApiError(*words, parameters=parameters)


async def _visible(api: Api, call: Call) -> Dispute:
    """Return a dispute that concerns the caller; another's looks like none at all."""
    id_ = undashed(call.part("disputeReference"))
    found = await api.door.store.records.one(Dispute, id_) if is_id(id_) else None
    if found is None or call.caller not in concerned(found):
        raise unknown_object()
    return found


def _money(model: NewDispute) -> Money | None:
    if model.amount is None:
        return None
    if model.currency is None:
        raise invalid("currency", "mandatoryValueNotSupplied", "An amount needs its currency.")
    money = money_of("amount", model.amount, model.currency)
    if money.minor == 0:  # which would ask for everything
        raise ApiError("businessRule", "lessThanTransactionMinValue", "", parameters=[("property", "amount")])
    return money


def _word(call: Call, name: str, enum: str) -> str:
    text = parameter(call, name).lower()
    if text and text not in ENUMS[enum]:
        raise invalid(name, "formatError", f"Use one of {', '.join(ENUMS[enum])}.")
    return text


_RAISE: Final = "Raise a return, a recall or a report of fraud about a completed transaction"
OPERATIONS: Final = (
    Operation("POST", "/disputes", create, _RAISE, 201, _OBJECT, NewDispute),
    Operation(
        "GET",
        "/disputes",
        listed,
        "List the caller's disputes, the newest first",
        200,
        f"[]{_OBJECT}",
        query=(*WINDOW, "kind", "disputeStatus", "transactionReference"),
    ),
    Operation("GET", "/disputes/{disputeReference}", view, "View a dispute with every step", 200, _OBJECT),
    Operation(
        "POST",
        "/disputes/{disputeReference}/answer",
        reply,
        "Accept it or refuse it",
        200,
        _OBJECT,
        DisputeAnswer,
    ),
    Operation(
        "POST",
        "/disputes/{disputeReference}/withdrawal",
        withdraw,
        "Ask for it no more",
        200,
        _OBJECT,
        DisputeWithdrawal,
    ),
)
