"""Transfers for operators: searched along indexes, viewed with timeline and postings; parties are always masked.

Every search begins from lines that participants find their transfers under, so none reads all transfers: by
participant, account or both at once; by correlation id exactly; by states under way from those alone; by final states
among the newest lines. What a customer sent is not shown.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec
from aiohttp import web

from hub.core.admit import body_of
from hub.core.change import Case, Transition
from hub.core.command import Reason, Transfer
from hub.core.listing import key, own
from hub.core.pricing.price import Price
from hub.core.stamp import stamp
from hub.core.transfer import FINAL, Flow, State
from hub.http.errors import answer
from hub.http.operator.forms import Amount, Time, amount, form_of, shown
from hub.http.operator.lists import PAGED, SPAN, TEXT, limit_of, listed, one_of, plain, span_of
from hub.http.operator.problems import ProblemError
from hub.http.operator.row import READERS, Call, Office, Query, Row, list_of
from hub.ledger.account import Account, Kind
from hub.ledger.journal import Entry, Phase
from hub.store.search import Sought
from routing.party import Identifier, Party, PartyError, masked, normalised

_UUID: Final = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")
_STATES: Final = [each.value for each in State]


class TransferLine(msgspec.Struct, frozen=True, kw_only=True):
    """A transfer as it stands; its parties are masked."""

    id: str
    flow: Flow
    type: str
    caller: str
    payer_fsp: str
    payee_fsp: str
    payer: list[str]
    payee: list[str]
    amount: Amount
    state: State
    reason: str
    code: str
    original: str
    correlation: str
    payer_reference: str
    payee_reference: str
    created_at: Time
    updated_at: Time
    due_at: Time | None


class Side(msgspec.Struct, frozen=True, kw_only=True):
    """An account as a posting left it."""

    participant: str
    kind: Kind
    balance: Amount


class PostingLine(msgspec.Struct, frozen=True, kw_only=True):
    """A posting."""

    phase: Phase
    amount: Amount
    debit: Side
    credit: Side
    debit_held: Amount


def _whole() -> type[msgspec.Struct]:
    fields: list[Any] = [
        ("price", form_of(Price) | None),
        ("transitions", list[form_of(Transition)]),  # type: ignore[misc] # a type at run time
        ("postings", list[PostingLine]),
        ("cases", list[form_of(Case)]),  # type: ignore[misc] # a type at run time
        ("reversals", list[TransferLine]),  # what gives it back, or was to
    ]
    about = "A transfer with everything that is known about it."
    return msgspec.defstruct("WholeTransfer", fields, bases=(TransferLine,), kw_only=True, namespace={"__doc__": about})


def line(transfer: Transfer) -> dict[str, Any]:
    """Write a transfer as it stands."""
    body = body_of(transfer)
    return {
        "id": transfer.id,
        "flow": transfer.flow,
        "type": body.type,
        "caller": transfer.caller,
        "payer_fsp": transfer.payer_fsp,
        "payee_fsp": transfer.payee_fsp,
        "payer": _masked(body.payer),
        "payee": _masked(body.payee),
        "amount": amount(transfer.minor, transfer.currency),
        "state": transfer.state,
        "reason": transfer.reason,
        "code": transfer.code,
        "original": transfer.original,
        "correlation": body.correlation,
        "payer_reference": transfer.payer_reference,
        "payee_reference": transfer.payee_reference,
        "created_at": stamp(transfer.created_ms),
        "updated_at": stamp(transfer.updated_ms),
        "due_at": None if transfer.due_ms is None else stamp(transfer.due_ms),
    }


def _masked(party: Party) -> list[str]:
    return [masked(each) for each in party]


async def _search(office: Office, call: Call) -> web.Response:
    query, scheme = call.query, await office.store.scheme()
    # Whoever has left the scheme is still found by name, and a stranger has no lines.
    viewers = [query["participant"]] if "participant" in query else list(scheme.participants)
    states = [State(query["state"])] if "state" in query else []
    if "correlation" in query:
        if extra := sorted({"account", "state", "from", "to", "before"} & query.keys()):
            text = f"correlation says it exactly: leave out {', '.join(extra)}"
            raise ProblemError("query_invalid", text, property_=extra[0])
        return listed([line(each) for each in await office.store.search.asked(viewers, query["correlation"])], None)
    if "before" in query and not _UUID.fullmatch(query["before"][1]):
        raise ProblemError("query_invalid", "it is the `next` of another list", property_="before")
    from_ms, to_ms = span_of(call)
    is_under_way = bool(states) and not FINAL & set(states) and not {"participant", "account"} & query.keys()
    sought = Sought(
        keys=None if is_under_way else _keys(query, viewers),
        limit=limit_of(call),
        states=states,
        from_ms=from_ms,
        to_ms=to_ms,
        before=query.get("before"),
    )
    page = await office.store.search.transfers(sought)
    return listed([line(each) for each in page.items], page.next)


def _keys(query: Mapping[str, Any], viewers: Iterable[str]) -> list[int]:
    """Return under which keys the lines are: each viewer's own, or those of an account as each viewer knows it."""
    account: Identifier | None = query.get("account")
    return sorted({key(each, account or own(each)) for each in viewers})


def _account(text: str) -> Identifier:
    name, _, value = text.partition(":")
    try:
        return normalised(name, value)
    except PartyError as error:
        raise ValueError(f"an identifier as kind:value, such as msisdn:+254700111222; {error}") from None


async def _view(office: Office, call: Call) -> web.Response:
    found = await office.store.timeline(call.hexadecimal("id"))
    if found is None:
        raise ProblemError(Reason.RECORD_UNKNOWN)
    accounts = {each.id: each for each in await office.store.accounts()}
    transfer = found.transfer
    return answer(
        200,
        line(transfer)
        | {
            "price": shown(transfer.price),
            "transitions": [shown(each) for each in found.transitions],
            "postings": [_posting(each, accounts) for each in found.entries],
            "cases": [shown(each) for each in found.cases],
            "reversals": [line(each) for each in found.reversals],
        },
    )


def _posting(entry: Entry, accounts: Mapping[int, Account]) -> dict[str, Any]:
    posting = entry.posting
    debit, credit = accounts[posting.debit], accounts[posting.credit]
    return {
        "phase": posting.phase,
        "amount": amount(posting.minor, debit.currency),
        "debit": _side(debit, entry.debit_balance),
        "credit": _side(credit, entry.credit_balance),
        "debit_held": amount(entry.debit_held, debit.currency),
    }


def _side(account: Account, balance: int) -> dict[str, Any]:
    return {
        "participant": account.participant,
        "kind": account.kind,
        "balance": amount(balance, account.currency),
    }


ROWS: Final = (
    Row(
        "GET",
        "/transfers",
        _search,
        "Search transfers. participant and account are looked up at once, and correlation exactly; a state under way "
        "needs nothing else; a final state is looked for among the newest that the other filters leave, page by page",
        READERS,
        list_of(TransferLine),
        query=(
            Query("participant", "caller, payer FSP or payee FSP", plain, TEXT),
            Query("account", "an account identifier, kind:value, such as msisdn:+254700111222", _account, TEXT),
            Query("correlation", "the caller's X-CorrelationID", plain, TEXT),
            Query("state", "only these", one_of(_STATES), {"type": "string", "enum": _STATES}),
            *SPAN,
            *PAGED,
        ),
    ),
    Row(
        "GET",
        "/transfers/{id}",
        _view,
        "View a transfer: price, every step, every posting, what waits for an operator",
        READERS,
        _whole(),
    ),
)
