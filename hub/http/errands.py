"""Errands: mandates, links, codes, accounts and quotations are asked for and changed; each is one command.

What the participant answers comes by callback or by polling. Nothing here knows how a participant does it.
"""

import secrets
from collections.abc import Mapping
from typing import Any, Final

from aiohttp import web

from hub.http.api import Api, Call
from hub.http.errors import invalid
from hub.http.ids import undashed
from hub.http.operation import Operation, both
from hub.http.paths import account_of, customer
from hub.http.reading import changes_in, checked, money_of, party_in
from hub.http.schema import ENUMS, Account, AuthorisationCode, DebitMandate, Link, Model, PatchItem, Quotation
from hub.http.taking import taken
from hub.http.terms import check_quoting_terms
from routing.message import Errand, Resource
from routing.money import NOTHING
from routing.party import Party

# A code is read out and typed in; sixteen digits cannot be guessed, and wrong ones are counted.
CODE_DIGITS: Final = 16

# What may be changed of each, and to what where the specification says so.
_CHANGEABLE: Final[Mapping[Resource, Mapping[str, tuple[str, ...]]]] = {
    Resource.ACCOUNT: {"accountStatus": ENUMS["accountStatus"], "accountSubStatus": ()},
    Resource.IDENTITY: {
        "identityStatus": (),
        "kycVerificationStatus": ENUMS["kycVerificationStatus"],
        "kycVerificationEntity": (),
        "kycLevel": (),
    },
    Resource.MANDATE: {
        "mandateStatus": ENUMS["activity"],
        "startDate": (),
        "endDate": (),
        "frequencyType": (),
        "numberOfPayments": (),
    },
    Resource.LINK: {"mode": ENUMS["mode"], "status": ENUMS["activity"]},
    Resource.CODE: {"codeState": ("cancelled",)},
}


async def create_mandate(api: Api, call: Call) -> web.Response:
    """Answer POST /accounts/{...}/debitmandates: the path names the payer, the body the payee."""
    return await _create(api, call, Resource.MANDATE, DebitMandate)


async def create_link(api: Api, call: Call) -> web.Response:
    """Answer POST /accounts/{...}/links: the path names the target, the body the source."""
    return await _create(api, call, Resource.LINK, Link)


async def create_code(api: Api, call: Call) -> web.Response:
    """Answer POST /accounts/{...}/authorisationcodes; the code is the hub's, so that it can be redeemed anywhere."""
    code = f"{secrets.randbelow(10**CODE_DIGITS):0{CODE_DIGITS}d}"
    return await _create(api, call, Resource.CODE, AuthorisationCode, subject=code)


async def create_account(api: Api, call: Call) -> web.Response:
    """Answer POST /accounts/{identityType}."""
    if call.part("identityType").lower() != "individual":
        raise invalid("identityType", "formatError", "Only individual accounts can be created.")
    data = checked(Account, await api.body(call)).plain()
    account = party_in("accountIdentifiers", data, await api.country(call))
    return await _sent(api, call, Errand(resource=Resource.ACCOUNT, body=data), account)


async def create_quotation(api: Api, call: Call) -> web.Response:
    """Answer POST /quotations: the hub prices it, and the institution of the credit party has its say."""
    data = checked(Quotation, await api.body(call)).plain()
    money_of("requestAmount", str(data["requestAmount"]), str(data["requestCurrency"]), named="requestCurrency")
    check_quoting_terms(data)
    region = await api.country(call)
    payer, payee = (party_in(name, data, region) for name in ("debitParty", "creditParty"))
    return await _sent(api, call, Errand(resource=Resource.QUOTATION, body=data), payee, payer=payer)


async def patch_account(api: Api, call: Call) -> web.Response:
    """Answer PATCH /accounts/{...}."""
    return await _patch(api, call, Resource.ACCOUNT, "")


async def patch_identity(api: Api, call: Call) -> web.Response:
    """Answer PATCH /accounts/{...}/identities/{identityId}."""
    return await _patch(api, call, Resource.IDENTITY, call.part("identityId"))


async def patch_mandate(api: Api, call: Call) -> web.Response:
    """Answer PATCH /accounts/{...}/debitmandates/{debitMandateReference}."""
    return await _patch(api, call, Resource.MANDATE, undashed(call.part("debitMandateReference")))


async def patch_link(api: Api, call: Call) -> web.Response:
    """Answer PATCH /accounts/{...}/links/{linkReference}."""
    return await _patch(api, call, Resource.LINK, undashed(call.part("linkReference")))


async def patch_code(api: Api, call: Call) -> web.Response:
    """Answer PATCH /accounts/{...}/authorisationcodes/{authorisationCode}."""
    return await _patch(api, call, Resource.CODE, call.part("authorisationCode"))


async def _create(api: Api, call: Call, resource: Resource, model: type[Model], *, subject: str = "") -> web.Response:
    data = checked(model, await api.body(call)).plain()
    account = await account_of(api, call)
    _amount_of(data)
    errand = Errand(resource=resource, account=customer(account), body=data)
    return await _sent(api, call, errand, account, subject=subject)


def _amount_of(data: dict[str, Any]) -> None:
    """Refuse an amount without its currency, and one that is no amount in it."""
    for name in ("amount", "amountLimit"):
        if data.get(name) is None:
            continue
        if not data.get("currency"):
            raise invalid("currency", "mandatoryValueNotSupplied", "An amount needs its currency.")
        money_of(name, str(data[name]), str(data["currency"]))


async def _patch(api: Api, call: Call, resource: Resource, reference: str) -> web.Response:
    changes = [_change(item, _CHANGEABLE[resource]) for item in await changes_in(api, call)]
    account = await account_of(api, call)
    errand = Errand(
        resource=resource, account=customer(account), reference=reference, change=True, body={"changes": changes}
    )
    return await _sent(api, call, errand, account, subject=reference)


def _change(item: PatchItem, changeable: Mapping[str, tuple[str, ...]]) -> dict[str, str]:
    name = item.path.strip("/")
    if name not in changeable:
        raise invalid("path", "formatError", f"Only these can be changed: {', '.join(changeable)}.")
    words, value = changeable[name], str(item.value)
    if words and value.lower() not in words:
        raise invalid("value", "formatError", f"Use one of {', '.join(words)}.")
    return {"op": item.op, "path": f"/{name}", "value": value.lower() if words else value}


async def _sent(
    api: Api, call: Call, errand: Errand, payee: Party, *, payer: Party = (), subject: str = ""
) -> web.Response:
    """Hand the errand to the door, and say that it was taken."""
    return await taken(
        api,
        call,
        errand.resource,
        (payer, payee),
        NOTHING,
        errand=errand,
        subject=subject,
        institution=await api.institution(call),
    )


OPERATIONS: Final = (
    Operation("POST", "/accounts/{identityType}", create_account, "Create an account", 202, "responseAccount", Account),
    *both("PATCH", "", patch_account, "Change an account's status", 202, "genericUpdateSuccess", PatchItem),
    *both(
        "PATCH",
        "/identities/{identityId}",
        patch_identity,
        "Change an identity, such as its verification",
        202,
        "genericUpdateSuccess",
        PatchItem,
    ),
    *both(
        "POST", "/debitmandates", create_mandate, "Ask for a debit mandate", 202, "responseDebitMandate", DebitMandate
    ),
    *both(
        "PATCH",
        "/debitmandates/{debitMandateReference}",
        patch_mandate,
        "Pause, resume or change a mandate",
        202,
        "genericUpdateSuccess",
        PatchItem,
    ),
    *both("POST", "/links", create_link, "Link an account", 202, "responseLink", Link),
    *both("PATCH", "/links/{linkReference}", patch_link, "Change a link", 202, "genericUpdateSuccess", PatchItem),
    *both(
        "POST",
        "/authorisationcodes",
        create_code,
        "Ask for a pre-authorised payment code",
        202,
        "responseAuthorisationCode",
        AuthorisationCode,
    ),
    *both(
        "PATCH",
        "/authorisationcodes/{authorisationCode}",
        patch_code,
        "Cancel a code",
        202,
        "genericUpdateSuccess",
        PatchItem,
    ),
    Operation("POST", "/quotations", create_quotation, "Ask for a quotation", 202, "responseQuotation", Quotation),
)
