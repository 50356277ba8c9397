"""What a provider makes, changes and keeps for its customers: where it is, and what its object says of it.

It must never take a thing for made whose object is not seen, nor a change for made that it does not show.
"""

from typing import Any, Final, NamedTuple

from adapters.contract import Errand, FailureClass, Resource, Said, Verdict
from adapters.gsma_mmapi.paths import account_at, segment
from adapters.gsma_mmapi.words import PENDING, text_at
from routing.party import IDENTIFIER_KEYS, Identifier, Party


class Order(NamedTuple):
    """A request to act."""

    method: str
    path: str
    body: Any


class _Form(NamedTuple):
    """How a resource looks: the list of an account that it is in, its name and its state, and the states there are."""

    within: str
    name: str
    state: str
    states: frozenset[str]


_ON: Final = frozenset({"active", "inactive"})
_FORMS: Final = {
    Resource.MANDATE: _Form("debitmandates", "mandateReference", "mandateStatus", _ON),
    Resource.LINK: _Form("links", "linkReference", "status", _ON),
    Resource.CODE: _Form(
        "authorisationcodes", "authorisationCode", "codeState", frozenset({"active", "expired", "cancelled"})
    ),
    Resource.QUOTATION: _Form("", "quotationReference", "quotationStatus", frozenset({"completed", "rejected"})),
    Resource.ACCOUNT: _Form(
        "", "accountIdentifiers", "accountStatus", frozenset({"available", "unavailable", "unregistered"})
    ),
}
_UNCHANGED: Final = frozenset({Resource.QUOTATION, Resource.BILL, Resource.BILL_PAYMENT})  # by anyone but the provider


def order_of(errand: Errand) -> Order | None:
    """Return the request that makes or changes it; None where the API has none."""
    if errand.change:
        changes, path = errand.body.get("changes"), place_of(errand, errand.reference)
        if errand.resource in _UNCHANGED or not changes or path is None:
            return None
        return Order("PATCH", path, changes)
    match errand.resource:
        case Resource.ACCOUNT:
            return Order("POST", "/accounts/individual", errand.body)
        case Resource.QUOTATION:
            return Order("POST", "/quotations", errand.body)
        case Resource.MANDATE | Resource.LINK | Resource.CODE if errand.account:
            return Order("POST", f"{account_at(errand.account)}/{_FORMS[errand.resource].within}", errand.body)
    return None


def place_of(errand: Errand, reference: str) -> str | None:
    """Return where that which the provider calls `reference` is; None where nothing says it."""
    account = errand.account or (_named_in(errand.body) if errand.resource is Resource.ACCOUNT else ())
    match errand.resource:
        case Resource.QUOTATION if reference:
            return f"/quotations/{segment(reference)}"
        case Resource.ACCOUNT if account:
            return account_at(account)
        case Resource.IDENTITY if account and reference:
            return f"{account_at(account)}/identities/{segment(reference)}"
        case Resource.MANDATE | Resource.LINK | Resource.CODE if account and reference:
            return f"{account_at(account)}/{_FORMS[errand.resource].within}/{segment(reference)}"
    return None


def linked(errand: Errand, parts: list[str]) -> str | None:
    """Return where a link to this resource leads: only its own name is taken, unless it is a new account."""
    form = _FORMS.get(errand.resource)
    match parts:
        case [*_, "quotations", name] if errand.resource is Resource.QUOTATION:
            return place_of(errand, name)
        case [*_, within, name] if form is not None and form.within == within:
            return place_of(errand, name)
        case [*_, "accounts", key, value] if errand.resource is Resource.ACCOUNT and key in IDENTIFIER_KEYS:
            return account_at(errand.account or (Identifier(key, value),))
        case [*_, "accounts", name] if errand.resource is Resource.ACCOUNT and "@" in name:
            return account_at(errand.account) if errand.account else f"/accounts/{segment(name)}"
    return None


def said_of(body: dict[str, Any], errand: Errand) -> Said:
    """Read the end of an errand: the resource that was made, or that a change was made."""
    if not errand.change:
        return _made(body, errand.resource)
    if text_at(body, "result") == "success":
        return Said(Verdict.ACCEPTED, None, provider_reference=errand.reference)
    said = _made(body, errand.resource)
    ours = errand.resource is Resource.ACCOUNT or said.provider_reference == errand.reference
    return said if ours and _shows(body, errand.body.get("changes")) else Said(code=said.code)


def _made(body: dict[str, Any], resource: Resource) -> Said:
    form = _FORMS.get(resource)
    if form is None:
        return Said()
    named, state = body.get(form.name), text_at(body, form.state)
    reference = "" if resource is Resource.ACCOUNT else text_at(body, form.name)
    # Only an account is named by a list: of its identifiers.
    if not reference and not (resource is Resource.ACCOUNT and isinstance(named, list) and named):
        return Said()
    said = Said(code=state, provider_reference=reference)
    if form.state not in body or state.lower() in form.states:
        return said._replace(verdict=Verdict.ACCEPTED, failure=None, code="", resource=body)
    pending = resource is Resource.QUOTATION and state.lower() in PENDING
    return said._replace(failure=FailureClass.PENDING) if pending else said


def _shows(body: dict[str, Any], changes: Any) -> bool:
    """Say whether a resource is as the changes want it; a callback, where they are not known, shows nothing."""
    if not isinstance(changes, list) or not changes:
        return False
    wanted = {str(each.get("path")).removeprefix("/"): each.get("value") for each in changes if isinstance(each, dict)}
    return len(wanted) == len(changes) and all(
        text_at(body, name) == str(value) != "" for name, value in wanted.items()
    )


def _named_in(body: dict[str, Any]) -> Party:
    """Return the account that the caller wants to be made, as the caller names it."""
    pairs = body.get("accountIdentifiers")
    return tuple(
        Identifier(pair["key"], pair["value"])
        for pair in (pairs if isinstance(pairs, list) else [])
        if isinstance(pair, dict) and pair.get("key") in IDENTIFIER_KEYS and isinstance(pair.get("value"), str)
    )
