"""Lists from the hub's own books: an account's transactions, its statement, a participant's position; nobody is asked.

A caller finds what it may see anyway: as caller, as payer FSP, as payee FSP. An account of which it may see nothing
has an empty list, whether or not there is such an account.
"""

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from aiohttp import web

from hub.core.command import Transfer
from hub.core.listing import COUNT_MAX, TIMES, Side, Sought, key, own
from hub.core.transfer import FINAL, Flow, State
from hub.http.api import Api, Call
from hub.http.asking import listed, parameter, shown, window_of
from hub.http.errors import invalid, unknown_object
from hub.http.operation import PAGED, Operation, both
from hub.http.paths import account_of, customer
from hub.http.resources import transaction
from hub.http.schema import TYPES
from hub.http.schema.out import outgoing
from hub.http.transactions import visible
from hub.ledger.account import Account
from hub.ledger.position import available, balance
from routing.money import MINOR_MAX, Money
from routing.party import Party

_STATES: Final = {
    "pending": tuple(sorted(set(State) - FINAL)),
    "completed": (State.COMMITTED,),
    "failed": tuple(sorted(FINAL - {State.COMMITTED})),
}
_ENTRIES: Final = {str(side): (side,) for side in (Side.DEBIT, Side.CREDIT)}
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_COUNTED: Final = f"counted up to {COUNT_MAX}, or as far as the page goes; both dates are included"


async def transactions(api: Api, call: Call) -> web.Response:
    """Answer GET /accounts/{...}/transactions."""
    status, kind = _word(call, "transactionStatus", tuple(_STATES)), _word(call, "transactionType", TYPES)
    sought = await _sought(api, call)
    page = await api.reader.listed(sought._replace(states=_STATES.get(status, ()), type=kind))
    return listed([transaction(each, call.caller) for _, each in page.found], page.available)


async def statement(api: Api, call: Call) -> web.Response:
    """Answer GET /accounts/{...}/statemententries: what was posted, as the account sees it."""
    status, display = _word(call, "transactionStatus", tuple(_STATES)), _word(call, "displayType", tuple(_ENTRIES))
    sought = await _sought(api, call)
    if status not in ("", "completed"):
        return listed([], 0)  # what is not completed is in no statement
    sides = _ENTRIES.get(display, (Side.DEBIT, Side.CREDIT))
    page = await api.reader.listed(sought._replace(states=_STATES["completed"], sides=sides))
    entries = [outgoing("responseStatementEntries", _entry(each, side, call.caller)) for side, each in page.found]
    return listed(entries, page.available)


async def entry(api: Api, call: Call) -> web.Response:
    """Answer GET /statemententries/{transactionReference}, as the caller's own position sees it."""
    found = await visible(api, call, call.part("transactionReference"))
    if found.flow is Flow.ERRAND or found.state is not State.COMMITTED:
        raise unknown_object()
    within_one = found.payer_fsp == found.payee_fsp
    sides = {} if within_one else {found.payer_fsp: Side.DEBIT, found.payee_fsp: Side.CREDIT}
    return shown("responseStatementEntries", _entry(found, sides.get(call.caller, Side.ASKED), call.caller))


async def own_balance(api: Api, call: Call) -> web.Response:
    """Answer GET /accounts/balance, and GET /accounts/{...}/balance of the caller's own organisationid.

    The API has no amounts below zero: what is owed is not shown as a balance.
    """
    scheme, currency = await api.scheme(), parameter(call, "currency").upper()
    participant = scheme.participants.get(call.caller)
    currencies = participant.currencies if participant else ()
    number = scheme.position(call.caller, currency or next(iter(currencies), ""))
    account = next((each for each in await api.reader.accounts() if each.id == number), None)
    if account is None:
        raise unknown_object()
    return shown("responseAccountBalance", _position(account))


def is_own(account: Party, caller: str) -> bool:
    """Say whether a path names the caller itself: its position at the hub, and no customer's account."""
    return account == (own(caller),)


def _position(account: Account) -> dict[str, Any]:
    amounts = {
        "currentBalance": balance(account),
        "availableBalance": available(account),
        "reservedBalance": account.debits_pending,
    }
    shown_as = {
        name: str(Money(minor, account.currency))
        for name, minor in amounts.items()
        if minor is not None and 0 <= minor <= MINOR_MAX
    }
    return {"accountStatus": "available", "currency": account.currency} | shown_as


def _entry(transfer: Transfer, side: Side, viewer: str) -> dict[str, Any]:
    display = {} if side is Side.ASKED else {"displayType": str(side)}
    return transaction(transfer, viewer) | display


async def _sought(api: Api, call: Call) -> Sought:
    window = window_of(call)
    account = customer(await account_of(api, call))
    return Sought(
        keys=tuple(sorted({key(call.caller, each) for each in account})),
        limit=window.limit,
        offset=window.offset,
        from_ms=_ms(window.since, TIMES[0]),
        to_ms=_ms(window.until, TIMES[1]),
    )


def _ms(time: str, usual: int) -> int:
    """Return the time that a window holds, exactly: in whole milliseconds."""
    return (datetime.fromisoformat(time) - _EPOCH) // timedelta(milliseconds=1) if time else usual


def _word(call: Call, name: str, known: tuple[str, ...]) -> str:
    text = parameter(call, name).lower()
    if text and text not in known:
        raise invalid(name, "formatError", f"Use one of {', '.join(known)}.")
    return text


OPERATIONS: Final = (
    *both(
        "GET",
        "/transactions",
        transactions,
        f"List the transactions of an account: {_COUNTED}",
        200,
        "[]responseTransaction",
        query=(*PAGED, "transactionStatus", "transactionType"),
    ),
    *both(
        "GET",
        "/statemententries",
        statement,
        f"List the statement of an account: {_COUNTED}",
        200,
        "[]responseStatementEntries",
        query=(*PAGED, "transactionStatus", "displayType"),
    ),
    Operation(
        "GET",
        "/statemententries/{transactionReference}",
        entry,
        "View a statement entry as the caller's position sees it",
        200,
        "responseStatementEntries",
    ),
    Operation(
        "GET",
        "/accounts/balance",
        own_balance,
        "Balance of the caller's position: of its first currency unless the query `currency`, the hub's own "
        "parameter, says another; an amount below zero is left out",
        200,
        "responseAccountBalance",
        query=("currency",),
    ),
)
