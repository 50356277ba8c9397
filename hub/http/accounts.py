"""Looking at accounts: the account, its balance, name and status, and what was issued for it; nothing is changed.

Each question goes to the participant that holds the account. What a mandate, link or code is called at its issuer
never leaves the hub. Who may see what: docs/adr/009-who-may-see-what.md.
"""

import time
from typing import Any, Final

from aiohttp import web

from hub.core.admit import body_of
from hub.core.errand import REFERENCES
from hub.core.inquiry import contradicts, opens, shows
from hub.core.instrument import ACTIVE, STATES, Instrument, references_in
from hub.core.transfer import FINAL
from hub.http.api import Api, Call
from hub.http.asking import Asked, asked, cut, holder, parameter, rows_of, shown, window_of
from hub.http.errors import ApiError, invalid, unknown_object
from hub.http.ids import undashed
from hub.http.listings import is_own, own_balance
from hub.http.operation import PAGED, Operation, both
from hub.http.paths import account_of
from hub.http.qr import with_payload
from hub.http.schema import ENUMS
from hub.http.transactions import visible
from routing.message import Kind, Resource
from routing.party import Party, PartyError, party

# The question about each instrument, and the API's object that answers it.
_KINDS: Final = {
    Resource.MANDATE: (Kind.MANDATE, "responseDebitMandate"),
    Resource.LINK: (Kind.LINK, "responseLink"),
    Resource.CODE: (Kind.CODE, "responseAuthorisationCode"),
}
_SPENT: Final = "expired"


async def account_name(api: Api, call: Call) -> web.Response:
    """Answer GET /accounts/{...}/accountname."""
    found = await asked(api, call, Kind.ACCOUNT_NAME, await _about(api, call))
    return shown("responseAccountName", found.body)


async def account_status(api: Api, call: Call) -> web.Response:
    """Answer GET /accounts/{...}/status."""
    found = await asked(api, call, Kind.ACCOUNT_STATUS, await _about(api, call))
    return shown("responseAccountStatus", found.body)


async def view(api: Api, call: Call) -> web.Response:
    """Answer GET /accounts/{...}: who looks by a link or mandate learns no identifier but those it named."""
    about = await _about(api, call)
    found = await asked(api, call, Kind.ACCOUNT, about)
    named = [{"key": each.key, "value": each.value} for each in await account_of(api, call)]
    return shown("responseAccount", found.body | {"accountIdentifiers": named} if about.entitled else found.body)


async def balance(api: Api, call: Call) -> web.Response:
    """Answer GET /accounts/{...}/balance: of a customer, or of the caller's own position at the hub."""
    if is_own(await account_of(api, call), call.caller):
        return await own_balance(api, call)
    found = await asked(api, call, Kind.BALANCE, await _about(api, call))
    return shown("responseAccountBalance", found.body)


async def mandate(api: Api, call: Call) -> web.Response:
    """Answer GET /accounts/{...}/debitmandates/{debitMandateReference}."""
    return await _instrument(api, call, Resource.MANDATE, undashed(call.part("debitMandateReference")))


async def link(api: Api, call: Call) -> web.Response:
    """Answer GET /accounts/{...}/links/{linkReference}."""
    return await _instrument(api, call, Resource.LINK, undashed(call.part("linkReference")))


async def code(api: Api, call: Call) -> web.Response:
    """Answer GET /accounts/{...}/authorisationcodes/{authorisationCode}."""
    return await _instrument(api, call, Resource.CODE, call.part("authorisationCode"))


async def codes(api: Api, call: Call) -> web.Response:
    """Answer GET /accounts/{...}/authorisationcodes: those of the hub that the caller may see, under its names."""
    window, state = window_of(call), parameter(call, "codeState").lower()
    if state and state not in ENUMS["codeState"]:
        raise invalid("codeState", "formatError", f"Use one of {', '.join(ENUMS['codeState'])}.")
    about = await _about(api, call)
    about = about._replace(institution=await holder(api, about))
    found = await asked(api, call, Kind.CODES, about, window.whole())
    by_own = {str(row.get("authorisationCode")): row for row in found.rows}
    known = await api.reader.issued_by(about.institution, Resource.CODE, list(by_own))
    rows = [_under_our_name(each, by_own[each.own]) for each in known if shows(each, call.caller, "")]
    rows = [row for row in rows_of("responseAuthorisationCode", rows) if not state or row["codeState"] == state]
    return cut(sorted(rows, key=lambda row: str(row.get("creationDate", "")), reverse=True), window)


async def quotation(api: Api, call: Call) -> web.Response:
    """Answer GET /quotations/{quotationReference}: what was quoted does not change, so nobody is asked."""
    reference = undashed(call.part("quotationReference"))
    found = await _named(api, Resource.QUOTATION, reference)
    if not found:
        return await _quotation_asked(api, call, reference)
    if not shows(found[0], call.caller, ""):
        raise unknown_object()
    return shown("responseQuotation", _terms(found[0]))


async def _quotation_asked(api: Api, call: Call, reference: str) -> web.Response:
    """Show a quotation that is still asked for, or came to nothing, as it was asked for."""
    transfer = await visible(api, call, reference)
    body = body_of(transfer)
    if body.errand is None or body.errand.resource is not Resource.QUOTATION:
        raise unknown_object()
    status = "rejected" if transfer.state in FINAL else "pending"
    asked = body.asked or body.errand.body
    return shown("responseQuotation", asked | {"quotationReference": transfer.id, "quotationStatus": status})


async def _about(api: Api, call: Call) -> Asked:
    """Read whose account the path names; a link or mandate of the caller's stands for its account."""
    named = await account_of(api, call)
    for kind, reference in references_in(named):
        for found in await api.reader.instruments(kind, reference):
            if not opens(found, call.caller, named):
                raise unknown_object()
            return Asked(party=found.account, institution=found.participant, entitled=True)
    return Asked(party=named, institution=await api.institution(call))


async def _instrument(api: Api, call: Call, resource: Resource, reference: str) -> web.Response:
    """Ask its issuer about an instrument; where the rail cannot say, it is shown as it was agreed."""
    named = await account_of(api, call)
    found = await _known(api, resource, reference)
    payee = await _payee_fsp(api, found)
    own_name = any(each == (resource, reference) for each in references_in(named))
    if not shows(found, call.caller, payee) or (not own_name and contradicts(named, found.account)):
        raise unknown_object()
    kind, name = _KINDS[resource]
    about = Asked(party=found.account, institution=found.participant, entitled=True, reference=found.own)
    try:
        said = (await asked(api, call, kind, about)).body
    except ApiError as error:
        if dict(error.parameters).get("reason") != "unsupported":
            raise
        said = {}
    return shown(name, with_payload(resource, _under_our_name(found, said)))


async def _named(api: Api, resource: Resource, reference: str) -> list[Instrument]:
    return [] if "\0" in reference else await api.reader.instruments(resource, reference)


async def _known(api: Api, resource: Resource, reference: str) -> Instrument:
    found = await _named(api, resource, reference)
    if len(found) != 1:
        raise unknown_object()
    return found[0]


def _under_our_name(found: Instrument, said: dict[str, Any]) -> dict[str, Any]:
    """Put the hub's reference in the place of the issuer's; a code that was redeemed here is over, whoever is asked."""
    shown_as = _terms(found) | said | {REFERENCES[found.kind]: found.reference}
    is_over = found.spent or (found.expires_ms is not None and found.expires_ms <= time.time_ns() // 1_000_000)
    if found.kind is Resource.CODE and is_over and shown_as.get("codeState") != "cancelled":
        shown_as["codeState"] = _SPENT
    return shown_as


def _terms(found: Instrument) -> dict[str, Any]:
    """Return what was agreed, under the hub's reference; a state that nobody spoke of is the first one."""
    field = STATES.get(found.kind)
    return ({field: ACTIVE} if field else {}) | found.terms | {REFERENCES[found.kind]: found.reference}


async def _payee_fsp(api: Api, found: Instrument) -> str:
    """Return who holds the account that a mandate pays to, or nothing."""
    pairs = found.terms.get("payee")
    if found.kind is not Resource.MANDATE or not isinstance(pairs, list):
        return ""
    try:
        payee: Party = party([(str(each["key"]), str(each["value"])) for each in pairs])
    except (PartyError, KeyError, TypeError):
        return ""
    scheme = await api.scheme()
    own = next((each.value for each in payee if each.key == "organisationid" and each.value in scheme.participants), "")
    return own or scheme.directory.resolve(payee, await api.reader.overrides(payee)).participant or ""


OPERATIONS: Final = (
    *both("GET", "", view, "View an account", 200, "responseAccount"),
    *both("GET", "/accountname", account_name, "Name of an account's holder", 200, "responseAccountName"),
    *both("GET", "/status", account_status, "Status of an account", 200, "responseAccountStatus"),
    *both("GET", "/balance", balance, "Balance of an account", 200, "responseAccountBalance"),
    *both("GET", "/debitmandates/{debitMandateReference}", mandate, "View a mandate", 200, "responseDebitMandate"),
    *both("GET", "/links/{linkReference}", link, "View a link", 200, "responseLink"),
    *both(
        "GET",
        "/authorisationcodes",
        codes,
        "List the codes of an account",
        200,
        "[]responseAuthorisationCode",
        query=(*PAGED, "codeState"),
    ),
    *both("GET", "/authorisationcodes/{authorisationCode}", code, "View a code", 200, "responseAuthorisationCode"),
    Operation("GET", "/quotations/{quotationReference}", quotation, "View a quotation", 200, "responseQuotation"),
)
