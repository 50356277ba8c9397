"""Billers and bills: who sends bills comes from the scheme, what is due from the biller; nothing is paid here.

A bill that was shown is remembered, so that its reference alone finds its biller again. Others' payments are not shown.
"""

import hashlib
import time
from collections.abc import Sequence
from typing import Any, Final

import msgspec
from aiohttp import web

from hub.core.admit import body_of
from hub.core.command import Transfer
from hub.core.instrument import Instrument
from hub.core.listing import Sought, key, own
from hub.core.participant import Participant, Role, Scheme
from hub.http.api import Api, Call
from hub.http.asking import LIMIT_MAX, Asked, asked, cut, holder, listed, rows_of, shown, window_of
from hub.http.errors import ApiError, unknown_object
from hub.http.ids import undashed
from hub.http.operation import PAGED, WINDOW, Operation, both
from hub.http.paths import account_of, customer
from hub.http.resources import bill_payment
from routing.message import Errand, Kind, Resource

_CLIENTS: Final = "requestingOrganisationTransactionReference"
_PAYMENT: Final = "responseBillPayment"
_SEVERAL: Final = "Several billers have a bill of this reference; name one in X-Account-Holding-Institution-Identifier."
# Identifiers that name the biller; what is left names its customer.
_NAMES_THE_BILLER: Final = ("serviceprovider", "organisationid")
_REFERENCE_MAX: Final = 256
_encode: Final = msgspec.json.Encoder(order="deterministic").encode


async def companies(api: Api, call: Call) -> web.Response:
    """Answer GET /billcompanies."""
    window = window_of(call)
    return cut([_company(each) for each in _billers(await api.scheme())], window)


async def company(api: Api, call: Call) -> web.Response:
    """Answer GET /billcompanies/{serviceProvider}."""
    wanted = call.part("serviceProvider")
    for each in _billers(await api.scheme()):
        if each.id == wanted:
            return shown("responseBillCompanies", _company(each))
    raise unknown_object()


async def companies_of(api: Api, call: Call) -> web.Response:
    """Answer GET /accounts/{...}/billcompanies: those that take a currency of the account's institution."""
    window = window_of(call)
    about = Asked(party=await account_of(api, call), institution=await api.institution(call))
    scheme, found = await api.scheme(), await holder(api, about)
    if found not in scheme.participants:
        raise unknown_object()
    currencies = set(scheme.participants[found].currencies)
    usable = [each for each in _billers(scheme) if currencies.intersection(each.currencies or currencies)]
    return cut([_company(each) for each in usable], window)


async def bills(api: Api, call: Call) -> web.Response:
    """Answer GET /accounts/{...}/bills: what the biller's customer owes."""
    window = window_of(call)
    about = await _at_the_biller(api, call)
    found = await asked(api, call, Kind.BILLS, about, window.page())
    await _remember(api, about, found.rows)
    return listed(rows_of("responseBills", found.rows), found.available)


async def payments_of_account_bill(api: Api, call: Call) -> web.Response:
    """Answer GET /accounts/{...}/bills/{billReference}/payments."""
    about = await _at_the_biller(api, call)
    return await _payments(api, call, about._replace(reference=call.part("billReference")))


async def payments_of_account(api: Api, call: Call) -> web.Response:
    """Answer GET /accounts/{...}/bills/payments: those that named no bill."""
    return await _payments(api, call, await _at_the_biller(api, call), name="responseBillPayment2")


async def payments_of_bill(api: Api, call: Call) -> web.Response:
    """Answer GET /bills/{billReference}/payments; where several billers have such a bill, the header says which."""
    reference, institution = call.part("billReference"), await api.institution(call)
    known = [] if "\0" in reference else await api.reader.instruments(Resource.BILL, reference)
    meant = [each for each in known if institution in ("", each.participant)]
    if not meant:
        raise unknown_object()
    if len(meant) > 1:
        raise ApiError("identification", "identifierError", _SEVERAL)
    about = Asked(party=meant[0].account, institution=meant[0].participant, reference=reference)
    return await _payments(api, call, about)


def _billers(scheme: Scheme) -> list[Participant]:
    every = scheme.participants.values()
    active = (each for each in every if each.role is Role.BILLER and scheme.active(each.id))
    return sorted(active, key=lambda each: each.id)


def _company(biller: Participant) -> dict[str, str]:
    return {"serviceProvider": biller.id, "companyName": biller.name}


async def _at_the_biller(api: Api, call: Call) -> Asked:
    """Read who the biller is, from the header or the account, and which of its customers is meant."""
    named = await account_of(api, call)
    participants = (await api.scheme()).participants
    institution = await api.institution(call)
    for kind in _NAMES_THE_BILLER:
        named_so = (each.value for each in named if each.key == kind and each.value in participants)
        institution = institution or next(named_so, "")
    institution = await holder(api, Asked(party=named, institution=institution))
    return Asked(party=customer(named), institution=institution)


async def _remember(api: Api, about: Asked, rows: Sequence[dict[str, Any]]) -> None:
    """Keep whose bills these are, written once for all of them and only where they say something new."""
    now_ms = time.time_ns() // 1_000_000
    fresh = [bill for row in rows if (bill := _bill(about, row, now_ms)) is not None]
    fresh = [bill for bill in fresh if _encode(bill.terms) not in api.seen.of(bill.id)]
    if fresh:
        await api.door.store.remember(fresh)
    for bill in fresh:
        api.seen.of(bill.id)[:] = [_encode(bill.terms)]


def _bill(about: Asked, row: dict[str, Any], now_ms: int) -> Instrument | None:
    reference = row.get("billReference")
    unfit = not isinstance(reference, str) or not 0 < len(reference) <= _REFERENCE_MAX
    if unfit or b"\\u0000" in _encode(row):
        return None
    name = f"bill {about.institution} {reference}"
    return Instrument(
        id=hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:32],
        kind=Resource.BILL,
        reference=str(reference),
        participant=about.institution,
        connection="",
        own=str(reference),
        owner=about.institution,
        account=about.party,
        terms=row,
        created_ms=now_ms,
        updated_ms=now_ms,
    )


async def _payments(api: Api, call: Call, about: Asked, *, name: str = _PAYMENT) -> web.Response:
    """Answer with the payments that the caller made or was paid: the biller's word, else the hub's own record.

    The caller sees what its own transfers paid, whoever tells; a biller sees all that its own system says.
    """
    window = window_of(call)
    paid = await _paid(api, call, about)
    try:
        said = (await asked(api, call, Kind.BILL_PAYMENTS, about, window.whole())).rows
    except ApiError as error:
        if dict(error.parameters).get("reason") != "unsupported":
            raise
        rows = [bill_payment(transfer, errand, {}, call.caller) for transfer, errand in paid.values()]
        rows = [row for row in rows if (window.since or "") <= row["creationDate"] <= (window.until or "~")]
    else:
        ours = (row | _as_paid(paid[id_]) for row in said if (id_ := _transfer_of(row)) in paid)
        rows = rows_of(name, said if call.caller == about.institution else tuple(ours))
    return cut(rows, window)


async def _paid(api: Api, call: Call, about: Asked) -> dict[str, tuple[Transfer, Errand]]:
    """Find the caller's own transfers that pay the bill, or name none, among the last ones to where it may stand."""
    # A bill that was paid by its reference alone was paid to the biller itself, whoever its customer is.
    payees = (about.party, (own(about.institution),)) if about.reference else (about.party,)
    transfers: list[Transfer] = []
    for payee in payees:
        keys = tuple(sorted({key(call.caller, each) for each in payee}))
        transfers += [each for _, each in (await api.reader.listed(Sought(keys=keys, limit=LIMIT_MAX))).found]
    found = {}
    for transfer in sorted(transfers, key=lambda each: each.id, reverse=True):
        body = body_of(transfer)
        pays = body.errand is not None and body.errand.resource is Resource.BILL_PAYMENT
        is_theirs = (body.biller or transfer.payee_fsp) == about.institution
        if body.errand is not None and pays and is_theirs and body.errand.reference == about.reference:
            found[transfer.id] = (transfer, body.errand)
    return found


def _transfer_of(row: dict[str, Any]) -> str:
    return undashed(str(row.get(_CLIENTS, "")))


def _as_paid(paid: tuple[Transfer, Errand]) -> dict[str, Any]:
    """Put the payer's own reference in the place of the one under which the hub paid."""
    transfer, errand = paid
    return {_CLIENTS: errand.body.get(_CLIENTS) or transfer.id}


_LIST: Final = f"[]{_PAYMENT}"
OPERATIONS: Final = (
    Operation("GET", "/billcompanies", companies, "List billers", 200, "[]responseBillCompanies", query=WINDOW),
    Operation("GET", "/billcompanies/{serviceProvider}", company, "View a biller", 200, "responseBillCompanies"),
    *both(
        "GET",
        "/billcompanies",
        companies_of,
        "List the billers that an account can pay",
        200,
        "[]responseBillCompanies",
        query=WINDOW,
    ),
    *both("GET", "/bills", bills, "List what is due", 200, "[]responseBills", query=PAGED),
    *both(
        "GET",
        "/bills/{billReference}/payments",
        payments_of_account_bill,
        "List the caller's payments of a bill",
        200,
        _LIST,
        query=PAGED,
    ),
    *both(
        "GET",
        "/bills/payments",
        payments_of_account,
        "List the caller's payments that named no bill",
        200,
        "[]responseBillPayment2",
        query=PAGED,
    ),
    Operation(
        "GET",
        "/bills/{billReference}/payments",
        payments_of_bill,
        "List the caller's payments of a bill",
        200,
        _LIST,
        query=PAGED,
    ),
)
