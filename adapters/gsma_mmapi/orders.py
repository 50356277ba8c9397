"""How a provider is told to act; a body must never hold one party's secret for the other party's provider."""

from typing import Any, Final

from adapters.contract import Instruction, Operation, Resource
from adapters.gsma_mmapi import bills, errands
from adapters.gsma_mmapi.errands import Order
from adapters.gsma_mmapi.paths import segment
from adapters.gsma_mmapi.reading import matter_of
from adapters.gsma_mmapi.words import CLIENTS
from routing.party import Party

# What a provider may want of the caller's request. A one-time code is the payer's secret, so it goes to no payee.
_RELAYED: Final = ("subType", "geoCode", "servicingIdentity", "requestDate", "metadata")
_RELAYED_FORWARD: Final = ("senderKyc", "recipientKyc")
_QUOTED: Final = ("quotationReference", "quoteId")  # of the hub's quote, unless the quotation is the provider's own
_DESCRIPTION_MAX: Final = 160
# By which of the payer's or the payee's own instruments an account is named: (operation, instrument) -> identifier.
_INSTRUMENTS: Final = (
    (Operation.DEBIT, Resource.MANDATE, "mandatereference"),
    (Operation.DEBIT, Resource.LINK, "linkref"),
    (Operation.CREDIT, Resource.LINK, "linkref"),
)


def order_of(instruction: Instruction, *, names_both: bool) -> Order | None:
    """Return the request to act; None where the API has none."""
    matter = matter_of(instruction)
    if matter.pays_a_bill:
        return bills.order_of(instruction) if instruction.operation is Operation.CREDIT else None
    if instruction.operation is Operation.ISSUE:
        return errands.order_of(matter.errand) if matter.errand is not None else None
    return _transaction(instruction, names_both=names_both)


def _transaction(instruction: Instruction, *, names_both: bool) -> Order:
    details = instruction.details
    body: dict[str, Any] = {
        "amount": str(instruction.money),
        "currency": instruction.money.currency,
        CLIENTS: instruction.transfer,
    } | {name: details[name] for name in _RELAYED if details.get(name)}
    if instruction.description:
        body["descriptionText"] = instruction.description[:_DESCRIPTION_MAX]
    if custom := bills.custom_data(details):
        body["customData"] = custom
    if instruction.original:
        path = f"/transactions/{segment(instruction.original)}/reversals"
        return Order("POST", path, body | {"type": "reversal"})
    body |= _parties(instruction, names_both=names_both)
    return Order("POST", *_forward(instruction, body))


def _forward(instruction: Instruction, body: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return where a transaction that is no reversal goes, and all that it says."""
    details = instruction.details
    if instruction.operation is Operation.REFUND:
        return "/transactions/type/adjustment", body
    body |= {name: details[name] for name in _RELAYED_FORWARD if details.get(name)}
    if international := _international(instruction):
        body["internationalTransferInformation"] = international
    code = instruction.own.get(Resource.CODE) or details.get("oneTimeCode")
    if code and instruction.operation is Operation.DEBIT:
        body["oneTimeCode"] = code
    return f"/transactions/type/{segment(instruction.type)}", body


def _international(instruction: Instruction) -> dict[str, Any]:
    """Return what crosses borders, with the provider's own quotation and never with the hub's."""
    given = instruction.details.get("internationalTransferInformation")
    given = given if isinstance(given, dict) else {}
    kept = {name: value for name, value in given.items() if name not in _QUOTED}
    if quotation := instruction.own.get(Resource.QUOTATION):
        kept["quotationReference"] = quotation
        kept |= {"quoteId": given["quoteId"]} if given.get("quoteId") else {}
    return kept


def _parties(instruction: Instruction, *, names_both: bool) -> dict[str, Any]:
    """Return both parties, the one who is elsewhere together with the institution that holds the account.

    The API has no word for whose account is whose; without the institution a provider that is told
    "merchantpay" could take it for the other direction.
    """
    payer, payee = _pairs(instruction.payer), _pairs(instruction.payee)
    gives, gets = (
        ("creditParty", "debitParty") if instruction.operation is Operation.REFUND else ("debitParty", "creditParty")
    )
    own = _instrument(instruction)
    if instruction.operation is Operation.CREDIT:
        here, there = {gets: own or payee}, {gives: _at(payer, instruction.payer_fsp)}
    else:
        here, there = {gives: own or payer}, {gets: _at(payee, instruction.payee_fsp)}
    # A code may be all that names the payer; the API wants one party at least.
    here = {name: pairs for name, pairs in here.items() if pairs}
    return here | there if names_both or not here else here


def _instrument(instruction: Instruction) -> list[dict[str, str]]:
    """Return the account at this provider as its own mandate or link names it; nothing where there is none."""
    return [
        {"key": key, "value": instruction.own[resource]}
        for operation, resource, key in _INSTRUMENTS
        if operation is instruction.operation and instruction.own.get(resource)
    ][:1]


def _pairs(party: Party) -> list[dict[str, str]]:
    return [{"key": each.key, "value": each.value} for each in party]


def _at(pairs: list[dict[str, str]], institution: str) -> list[dict[str, str]]:
    known = any(pair["key"] == "organisationid" for pair in pairs)
    return pairs if known else [*pairs, {"key": "organisationid", "value": institution}]
