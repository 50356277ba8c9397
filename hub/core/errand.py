"""Errands: what a participant is asked to make or change for its customer; no money moves, and nothing is made up.

A new mandate, link, code, account or quotation is asked of the participant that holds the account. What it
answers becomes an instrument, under the hub's own reference; a change becomes an amendment of what is kept.
"""

from typing import Any, Final, NamedTuple

import msgspec

from hub.core.charge import offered
from hub.core.command import Body, Reason, Submit, Transfer
from hub.core.facts import Facts
from hub.core.instrument import CHANGED_BY_NAME, Amendment, Instrument, Named
from hub.core.participant import Role
from hub.core.pricing.price import Quote, explained
from hub.core.quotation import asked, confirmed, for_payee, holder, quotation
from hub.core.use import RefusedError
from routing.message import Errand, Outcome, Resource

# The field in which each object of the API carries its reference.
REFERENCES: Final = {
    Resource.MANDATE: "mandateReference",
    Resource.LINK: "linkReference",
    Resource.CODE: "authorisationCode",
    Resource.QUOTATION: "quotationReference",
}


class Told(NamedTuple):
    """Who is told to run an errand, and with which words; `made`: the hub answers itself."""

    participant: str
    connection: str
    body: Body
    reasons: tuple[str, ...]
    made: Instrument | None = None
    offered: tuple[Quote, ...] = ()  # of a quotation: what FX providers are bound to from now on


def is_errand(body: Body) -> bool:
    """Say whether this asks for something that moves no money. A paid bill does."""
    return body.errand is not None and body.errand.resource is not Resource.BILL_PAYMENT


def told(submit: Submit, errand: Errand, facts: Facts) -> Told:
    """Find who runs the errand; raises RefusedError."""
    if errand.change and errand.resource in CHANGED_BY_NAME:
        return _change(submit, errand, facts)
    participant, reasons = _participant(submit, errand, facts)
    if not facts.scheme.active(participant):
        raise RefusedError(Reason.PARTICIPANT_SUSPENDED, participant)
    routed = facts.scheme.rails.to_issue(participant, errand.resource)
    reasons = (*reasons, *routed.reasons)
    connection = "" if routed.connection is None else routed.connection.name
    if errand.resource is Resource.QUOTATION:
        return _quotation(submit, errand, (participant, connection), reasons, facts)
    if connection:
        return Told(participant, connection, submit.body, reasons)
    raise RefusedError(Reason.UNSUPPORTED, "; ".join(reasons))


def _change(submit: Submit, errand: Errand, facts: Facts) -> Told:
    found = facts.instruments.get(Named(errand.resource, errand.reference))
    if found is None or submit.caller not in (found.owner, found.participant):
        raise RefusedError(Reason.INSTRUMENT_UNKNOWN)
    if found.kind is Resource.CODE and found.spent:
        raise RefusedError(Reason.CODE_FORBIDS, "it is used")
    ours = msgspec.structs.replace(errand, account=found.account, reference=found.own)
    body = msgspec.structs.replace(submit.body, errand=ours, instrument=found.id)
    return Told(found.participant, found.connection, body, (f"{found.kind} issued by {found.participant}",))


def _participant(submit: Submit, errand: Errand, facts: Facts) -> tuple[str, tuple[str, ...]]:
    scheme = facts.scheme
    if submit.institution:
        if submit.institution not in scheme.participants:
            raise RefusedError(Reason.INSTITUTION_UNKNOWN)
        return submit.institution, (f"header: the account is at {submit.institution}",)
    if errand.resource is Resource.QUOTATION:  # of a payment: whom that resolves to, this does
        found, why = holder(submit.body.payee, facts)
        if found is None:
            raise RefusedError(Reason.PAYEE_UNKNOWN, "; ".join(why))
        return found, why
    resolved = scheme.directory.resolve(errand.account or submit.body.payee, facts.overrides)
    if resolved.participant is not None:
        return resolved.participant, resolved.reasons
    if errand.resource is Resource.ACCOUNT and scheme.participants[submit.caller].role is Role.FSP:
        return submit.caller, ("the caller opens the account itself",)
    raise RefusedError(Reason.PAYEE_UNKNOWN, "; ".join(resolved.reasons))


def _quotation(submit: Submit, errand: Errand, route: tuple[str, str], reasons: tuple[str, ...], facts: Facts) -> Told:
    """Price every way; the payee FSP has its say where its rail can quote."""
    participant, connection = route
    ask = asked(submit, errand, participant, facts)
    found = offered(submit, ask, facts)
    reasons = (*reasons, *explained(found.quotes), *found.left_out)
    quotes = tuple(found.quotes)
    body = msgspec.structs.replace(submit.body, quotes=quotes)
    if connection:
        told = msgspec.structs.replace(errand, body=for_payee(errand.body, quotes[0]))
        body = msgspec.structs.replace(body, errand=told, asked=errand.body)
        return Told(participant, connection, body, reasons, offered=quotes)
    made = quotation((submit.transfer, submit.caller), participant, errand.body, body, facts.now_ms)
    # The quotes are kept with what was made, and not once more in the request, which travels with every message.
    return Told(participant, "", submit.body, (*reasons, "the hub quotes itself"), made, quotes)


def says_what_was_made(body: Body, outcome: Outcome) -> bool:
    """Say whether an "accepted" can be believed: of something new the participant must name its reference."""
    errand = body.errand
    needs_name = errand is not None and not errand.change and errand.resource in REFERENCES
    return bool(outcome.provider_reference) if needs_name else True


def issued(transfer: Transfer, body: Body, outcome: Outcome, now_ms: int) -> Instrument | Amendment | None:
    """Return what is kept of an accepted errand or a paid bill: something new, a change, or nothing."""
    errand = body.errand
    if errand is None:
        return None
    if errand.change:
        changed = {str(each["path"]).strip("/"): each["value"] for each in errand.body.get("changes", [])}
        return Amendment(id=body.instrument, terms=changed, updated_ms=now_ms) if body.instrument else None
    reference = body.subject or transfer.id
    if errand.resource is Resource.QUOTATION:
        return confirmed(transfer, body, outcome, now_ms)
    field = REFERENCES.get(errand.resource)
    terms = {**errand.body, **outcome.resource, **({field: reference} if field else {})}
    return Instrument(
        id=transfer.id,
        kind=errand.resource,
        reference=reference,
        participant=body.biller or transfer.payee_fsp,
        connection=transfer.payee_connection,
        own=outcome.provider_reference or transfer.id,
        owner=transfer.caller,
        account=errand.account or body.payee,
        terms=terms,
        created_ms=now_ms,
        updated_ms=now_ms,
        expires_ms=_expires_ms(terms, now_ms),
    )


def _expires_ms(terms: dict[str, Any], now_ms: int) -> int | None:
    """Say when a code ends; its issuer counts from a moment earlier, and has the last word."""
    lifetime = str(terms.get("codeLifetime", ""))
    return now_ms + int(lifetime) * 1000 if lifetime.isascii() and lifetime.isdigit() else None
