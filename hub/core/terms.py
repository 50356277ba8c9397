"""The caller's terms: what a request says beyond its fields, where the API has none; it only reads.

The API has no word for the currency that is to arrive, for an amount that is fixed there, or for the price a caller
takes without a quote. They stand in `customData`:

    receivingCurrency     the currency that is to arrive
    sendingCurrency       of a quotation of what is received: the currency that is to be sent
    amountType            of a quotation: `send` (unless it says otherwise) or `receive`
    receivingAmountMin    of a transfer without a quote: the least that must arrive
"""

from collections.abc import Mapping
from typing import Any, Final

from hub.core.command import Body
from routing.message import Resource

RECEIVING_CURRENCY: Final = "receivingcurrency"
SENDING_CURRENCY: Final = "sendingcurrency"
AMOUNT_TYPE: Final = "amounttype"
RECEIVING_AMOUNT_MIN: Final = "receivingamountmin"
ABROAD: Final = "inttransfer"


def custom(details: Mapping[str, Any]) -> dict[str, str]:
    """Return the caller's own pairs, by key in lower case."""
    pairs = details.get("customData")
    return {
        str(each.get("key", "")).lower(): str(each.get("value", "")).strip()
        for each in (pairs if isinstance(pairs, list) else ())
        if isinstance(each, dict)
    }


def international(details: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the request says about crossing a border."""
    found = details.get("internationalTransferInformation")
    return found if isinstance(found, dict) else {}


def quotes(body: Body) -> bool:
    """Say whether a quotation is asked for."""
    return body.errand is not None and body.errand.resource is Resource.QUOTATION and not body.errand.change


def crosses(body: Body) -> bool:
    """Say whether a payment without a quote may need one made: it says that it goes abroad, or what is to arrive."""
    if body.errand is not None and body.errand.resource is not Resource.BILL_PAYMENT:
        return False
    if international(body.details).get("quotationReference"):
        return False
    return body.type == ABROAD or RECEIVING_CURRENCY in custom(body.details)
