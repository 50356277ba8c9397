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
_MOVES: Final = frozenset({Operation.CREDIT, Operation.DEBIT, Operation.REFUND})
# By which of the payer's or the payee's own instruments an account is named: (operation, instrument) -> identifier.
_INSTRUMENTS: Final = (
    (Operation.DEBIT, Resource.MANDATE, "mandatereference"),
    (Operation.DEBIT, Resource.LINK, "linkref"),
    (Operation.CREDIT, Resource.LINK, "linkref"),
)
_INSTRUMENT_KEYS: Final = frozenset(key for _, _, key in _INSTRUMENTS)


def order_of(instruction: Instruction, *, names_both: bool) -> Order | None:
    """Return the request to act; None where the API has none."""
    if instruction.operation is Operation.ISSUE:
        return errands.order_of(instruction.errand) if instruction.errand is not None else None
    if instruction.operation not in _MOVES:
        # Its own word or none: an operation of another rail must never go out as a debit or a reversal.
        return None
    if matter_of(instruction).pays_a_bill:
        return None if instruction.original else bills.order_of(instruction)
    return _transaction(instruction, names_both=names_both)


def _transaction(instruction: Instruction, *, names_both: bool) -> Order | None:
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
    parties = _parties(instruction, names_both=names_both)
    if parties is None:
        return None
    return Order("POST", *_forward(instruction, body | parties))


def _forward(instruction: Instruction, body: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return where a transaction that is no reversal goes, and all that it says."""
    details = instruction.details
    if instruction.operation is Operation.REFUND:
        return "/transactions/type/adjustment", body
    body |= {name: details[name] for name in _RELAYED_FORWARD if details.get(name)}
    if international := _international(instruction):
        body["internationalTransferInformation"] = international
    if code := _code(instruction):
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


def _code(instruction: Instruction) -> Any:
    """Return the payer's one-time code, for the payer's provider alone."""
    if instruction.operation is not Operation.DEBIT:
        return None
    return instruction.own.get(Resource.CODE) or instruction.details.get("oneTimeCode")


def _parties(instruction: Instruction, *, names_both: bool) -> dict[str, Any] | None:
    """Return both parties, the one who is elsewhere together with the institution that holds the account.

    The API has no word for whose account is whose; without the institution a provider that is told
    "merchantpay" could take it for the other direction. None: nothing says whose account here it is.
    """
    gives, gets = "debitParty", "creditParty"
    ours = _account_here(instruction)
    match instruction.operation:
        case Operation.CREDIT:
            here, there = {gets: ours}, {gives: _at(_pairs(instruction.payer), instruction.payer_fsp)}
        case Operation.REFUND:
            here, there = {gets: ours}, {gives: _at(_pairs(instruction.payee), instruction.payee_fsp)}
        case _:
            here, there = {gives: ours}, {gets: _at(_pairs(instruction.payee), instruction.payee_fsp)}
    if not ours:
        # A code may be all that names the payer; the API wants one party at least.
        return there if _code(instruction) else None
    return here | there if names_both else here


def _account_here(instruction: Instruction) -> list[dict[str, str]]:
    """Return the account at this provider: by its own mandate or link, where money is taken or given by one.

    What is given back goes to the account itself where that is known: a mandate or a link may have ended since.
    """
    operation = instruction.operation
    party = _pairs(instruction.payee if operation is Operation.CREDIT else instruction.payer)
    taken = Operation.DEBIT if operation is Operation.REFUND else operation
    own = [
        {"key": key, "value": instruction.own[resource]}
        for by, resource, key in _INSTRUMENTS
        if by is taken and instruction.own.get(resource)
    ][:1]
    if operation is Operation.REFUND:
        return [pair for pair in party if not own or pair["key"] not in _INSTRUMENT_KEYS] or own
    return own or party


def _pairs(party: Party) -> list[dict[str, str]]:
    return [{"key": each.key, "value": each.value} for each in party]


def _at(pairs: list[dict[str, str]], institution: str) -> list[dict[str, str]]:
    known = any(pair["key"] == "organisationid" for pair in pairs)
    return pairs if known else [*pairs, {"key": "organisationid", "value": institution}]
