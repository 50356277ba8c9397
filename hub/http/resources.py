"""Representing transfers as the API's resources: strict in what is sent, no nulls, nothing the specification lacks.

`transactionStatus` is one of `pending`, `completed`, `failed`. A transfer in doubt is pending, with a reason.
"""

from typing import Any, Final

import msgspec

from hub.core.admit import body_of
from hub.core.command import Transfer
from hub.core.transfer import FINAL, IN_DOUBT, State
from hub.http.errors import error_object, stamp, words_of
from hub.http.ids import dashed
from hub.http.schema import in_utc
from hub.store.read import RequestRow
from routing.party import Party

# Fields of the request that the API's transaction object has; a one-time code is spent and not repeated.
ECHOED: Final = (
    "requestingOrganisationTransactionReference",
    "originalTransactionReference",
    "subType",
    "descriptionText",
    "fees",
    "geoCode",
    "servicingIdentity",
    "internationalTransferInformation",
    "senderKyc",
    "recipientKyc",
    "requestingOrganisation",
    "requestDate",
    "customData",
    "metadata",
)

_encode: Final = msgspec.json.Encoder().encode


def status_of(transfer: Transfer) -> str:
    """Return the transactionStatus."""
    if transfer.state not in FINAL:
        return "pending"
    return "completed" if transfer.state is State.COMMITTED else "failed"


def transaction(transfer: Transfer) -> dict[str, Any]:
    """Return the transaction, or the reversal."""
    body = body_of(transfer)
    found: dict[str, Any] = {
        "transactionReference": transfer.id,
        "transactionStatus": status_of(transfer),
        "type": body.type,
        "amount": str(transfer.money),
        "currency": transfer.currency,
        "debitParty": _party(body.payer),
        "creditParty": _party(body.payee),
        "creationDate": stamp(transfer.created_ms),
        "modificationDate": stamp(transfer.updated_ms),
    }
    receipt = transfer.payee_reference or transfer.payer_reference
    if receipt and transfer.state is State.COMMITTED:
        found["transactionReceipt"] = receipt[:256]
    # What is empty says nothing, and the API does not allow an empty list of fees.
    found.update((name, without_nulls(body.details[name])) for name in ECHOED if body.details.get(name))
    if "requestDate" in found:
        found["requestDate"] = in_utc(found["requestDate"])
    if transfer.original:
        found["originalTransactionReference"] = transfer.original
    return found


def _party(party: Party) -> list[dict[str, str]]:
    return [{"key": each.key, "value": each.value} for each in party]


def without_nulls(value: Any) -> Any:
    """Leave out what is null, however deep."""
    if isinstance(value, dict):
        return {key: without_nulls(each) for key, each in value.items() if each is not None}
    return [without_nulls(each) for each in value if each is not None] if isinstance(value, list) else value


def error_of(transfer: Transfer) -> dict[str, Any]:
    """Return why a transfer failed, in the API's words."""
    words = words_of(transfer.reason or "refused")
    parameters = [("transactionReference", transfer.id), ("reason", transfer.reason or "refused")]
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
    found = accepted(row.id, transfer.id, callback=bool(body.callback_url), poll_limit=poll_limit)
    found["status"] = status_of(transfer)
    if found["status"] == "failed":
        # The specification's file says `error`, its text `errorReference`; clients in use know one or the other.
        found["error"] = found["errorReference"] = error_of(transfer)
    elif transfer.state in IN_DOUBT:
        found["pendingReason"] = "The other institution's answer is awaited; the hub keeps asking."
    return found


def callback_body(transfer: Transfer) -> bytes:
    """Return the body of the callback for a transfer that has ended: the transaction, or why it failed."""
    return _encode(transaction(transfer) if transfer.state is State.COMMITTED else error_of(transfer))
