"""Representing transfers as the API's resources: strict in what is sent, no nulls, nothing the specification lacks.

`transactionStatus` is one of `pending`, `completed`, `failed`. A transfer in doubt is pending, with a reason.
"""

from typing import Any, Final
from urllib.parse import quote

import msgspec
import structlog

from hub.core.admit import body_of
from hub.core.change import Letter, Notice
from hub.core.command import Reason, Transfer
from hub.core.participant import Scheme
from hub.core.stamp import stamp
from hub.core.transfer import FINAL, IN_DOUBT, State
from hub.http.errors import error_object, words_of
from hub.http.ids import dashed
from hub.http.prices import amount_for, conversions_of, fees_of, is_seller, pairs_of
from hub.http.qr import with_payload
from hub.http.schema import in_utc
from hub.http.schema.out import OutgoingError, outgoing
from hub.store.read import RequestRow
from routing.message import Errand, Resource
from routing.party import Party

# Fields of the request that the API's transaction object has. A one-time code is spent and not repeated; neither is who
# sends and who receives: the caller knows it, and nobody else gets it from here.
ECHOED: Final = (
    "requestingOrganisationTransactionReference",
    "originalTransactionReference",
    "subType",
    "descriptionText",
    "geoCode",
    "servicingIdentity",
    "internationalTransferInformation",
    "requestingOrganisation",
    "requestDate",
    "metadata",
)

# Stands for a party that nobody could name, since the API wants one: who is behind a one-time code that did not pay,
# whom a batch's row did not name readably.
UNKNOWN: Final = {"key": "identityalias", "value": "unknown"}

# The API's object for each kind of resource.
OBJECTS: Final = {
    Resource.ACCOUNT: "responseAccount",
    Resource.MANDATE: "responseDebitMandate",
    Resource.LINK: "responseLink",
    Resource.CODE: "responseAuthorisationCode",
    Resource.QUOTATION: "responseQuotation",
}

# Reasons that are about one field of the request: the field, where the transfer's code does not say it.
_FIELDS: Final = {
    Reason.KYC_MISSING: "senderKyc",
    Reason.ID_DOCUMENT_FORBIDDEN: "senderKyc.idDocument",
    Reason.ORIGIN_FORBIDDEN: "internationalTransferInformation.originCountry",
}
_AWAITED: Final = "The other institution's answer is awaited; the hub keeps asking."
# Of whatever else is pending, an operator's look at it included: which of these it is concerns nobody outside.
_AT_WORK: Final = "The request is being carried out."

_log: Final = structlog.get_logger("http")
_encode: Final = msgspec.json.Encoder().encode


def status_of(transfer: Transfer) -> str:
    """Return the transactionStatus."""
    return said_of(transfer.state)


def said_of(state: str) -> str:
    """Return the transactionStatus of a state."""
    if state not in FINAL:
        return "pending"
    return "completed" if state == State.COMMITTED else "failed"


def transaction(transfer: Transfer, viewer: str) -> dict[str, Any]:
    """Return the transaction, or the reversal, as it concerns this participant."""
    body = body_of(transfer)
    money = amount_for(viewer, transfer, body)
    found: dict[str, Any] = {
        "transactionReference": transfer.id,
        "transactionStatus": status_of(transfer),
        "type": body.type,
        "amount": str(money),
        "currency": money.currency,
        "debitParty": shown(body.payer),
        "creditParty": shown(body.payee),
        "creationDate": stamp(transfer.created_ms),
        "modificationDate": stamp(transfer.updated_ms),
    }
    receipt = transfer.payee_reference or transfer.payer_reference
    if receipt and transfer.state is State.COMMITTED:
        found["transactionReceipt"] = receipt[:256]
    # What is empty says nothing, and the API does not allow an empty list of fees.
    echoed = {name: body.details.get(name) for name in ECHOED}
    ours = {"fees": fees_of(transfer, body), "customData": pairs_of(transfer, body.details.get("customData") or [])}
    found.update((name, without_nulls(value)) for name, value in (echoed | ours).items() if value)
    if "requestDate" in found:
        found["requestDate"] = in_utc(found["requestDate"])
    if transfer.original:
        found["originalTransactionReference"] = transfer.original
    return found


def shown(party: Party) -> list[dict[str, str]]:
    """Return a party as the API's list, which is never empty."""
    return [{"key": each.key, "value": each.value} for each in party] or [UNKNOWN]


def without_nulls(value: Any) -> Any:
    """Leave out what is null, however deep."""
    if isinstance(value, dict):
        return {key: without_nulls(each) for key, each in value.items() if each is not None}
    return [without_nulls(each) for each in value if each is not None] if isinstance(value, list) else value


def error_of(transfer: Transfer) -> dict[str, Any]:
    """Return why a transfer failed, in the API's words: the provider's own where it speaks them too."""
    words = words_of(transfer.reason or "refused", transfer.code)
    parameters = [("transactionReference", transfer.id), ("reason", transfer.reason or "refused")]
    if transfer.reason in _FIELDS:
        parameters.append(("property", transfer.code or _FIELDS[Reason(transfer.reason)]))
    return error_object(words, parameters, at=stamp(transfer.updated_ms))


def accepted(request: str, transfer: str, *, callback: bool, poll_limit: int) -> dict[str, Any]:
    """Return the request state that answers an accepted write."""
    return {
        "serverCorrelationId": dashed(request),
        "status": "pending",
        "notificationMethod": "callback" if callback else "polling",
        "objectReference": transfer,
        "pollLimit": poll_limit,
    }


def request_state(row: RequestRow, transfer: Transfer, *, poll_limit: int) -> dict[str, Any]:
    """Return the request state as it is now."""
    body = body_of(transfer)
    found = accepted(row.id, body.subject or transfer.id, callback=bool(body.callback_url), poll_limit=poll_limit)
    found["status"] = status_of(transfer)
    if found["status"] == "pending":
        found["expiryTime"] = stamp(transfer.lease_ends_ms)
    if found["status"] == "failed":
        # The specification's file says `error`, its text `errorReference`; clients in use know one or the other.
        found["error"] = found["errorReference"] = error_of(transfer)
    elif found["status"] == "pending":
        found["pendingReason"] = _AWAITED if transfer.state in IN_DOUBT else _AT_WORK
    return found


def result_of(transfer: Transfer, resource: dict[str, Any], viewer: str) -> dict[str, Any]:
    """Return what a request came to: the transaction, that which was made, "success" of a change, or the error."""
    errand = body_of(transfer).errand
    if transfer.state is not State.COMMITTED:
        return error_of(transfer)
    if errand is None:
        return transaction(transfer, viewer)
    if errand.change:
        return {"result": "success"}
    if errand.resource is not Resource.BILL_PAYMENT:
        return _made(errand.resource, resource)
    # A bill may be paid by the bill's own operation, or by a transaction that names it: each is answered in its kind.
    if errand.body:
        return bill_payment(transfer, errand, resource, viewer)
    return _paid(transaction(transfer, viewer), resource)


def _paid(found: dict[str, Any], resource: dict[str, Any]) -> dict[str, Any]:
    """Add what the biller says to its customer to the transaction that paid it."""
    said = resource.get("serviceProviderNotification")
    pairs = [*found.get("customData", ()), {"key": "serviceProviderNotification", "value": str(said)[:256]}]
    return found | {"customData": pairs[-20:]} if said else found


def bill_payment(transfer: Transfer, errand: Errand, resource: dict[str, Any], viewer: str) -> dict[str, Any]:
    """Return a bill payment: the biller's own words where there are any, under the payer's references."""
    reference = errand.body.get("requestingOrganisationTransactionReference") or transfer.id
    money = amount_for(viewer, transfer, body_of(transfer))
    found = {
        "billPaymentStatus": status_of(transfer),
        **errand.body,
        **resource,
        "amountPaid": str(money),
        "currency": money.currency,
        "requestingOrganisationTransactionReference": reference,
        "creationDate": stamp(transfer.created_ms),
        "modificationDate": stamp(transfer.updated_ms),
    }
    return outgoing("responseBillPayment", found)


def _made(kind: Resource, resource: dict[str, Any]) -> dict[str, Any]:
    """Return what a participant made, as the API's object; what it left out is not made up."""
    try:
        return outgoing(OBJECTS[kind], with_payload(kind, resource))
    except OutgoingError:
        _log.warning("resource.incomplete", kind=kind)
        return dict(without_nulls(resource))


def letter_of(notice: Notice, scheme: Scheme) -> Letter:
    """Write the callback to the caller, or the notice to a participant that did not ask."""
    transfer, body = notice.transfer, body_of(notice.transfer)
    said = (
        conversions_of(notice.to, transfer)
        if is_seller(notice.to, transfer)
        else result_of(transfer, notice.resource, notice.to or transfer.caller)
    )
    content = msgspec.Raw(_encode(said))
    if not notice.to:
        return Letter(url=body.callback_url, correlation=body.correlation, body=content)
    known = scheme.participants.get(notice.to)  # gone, or without an address by now: it is kept for an operator
    return Letter(url=known.notify_url if known else "", correlation=dashed(transfer.id), body=content)


def link_of(transfer: Transfer) -> str:
    """Return where the object of a request is, below the API's prefix; at most 256 characters."""
    body = body_of(transfer)
    errand, reference = body.errand, body.subject or transfer.id
    if errand is None or errand.resource is Resource.BILL_PAYMENT:
        return f"/transactions/{transfer.id}"
    account = "$".join(f"{each.key}@{each.value}" for each in body.payee)
    where = {
        Resource.QUOTATION: f"/quotations/{reference}",
        Resource.ACCOUNT: f"/accounts/{quote(account, safe='@$')}",
        Resource.IDENTITY: f"/accounts/{quote(account, safe='@$')}",
    }
    return where.get(errand.resource, f"/accounts/{quote(account, safe='@$')}/{errand.resource}s/{reference}")
