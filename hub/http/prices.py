"""What a transfer comes to for whoever looks at it: its amount, fees and rate; nobody must be shown another's side.

The API has one amount and no rate. Whoever only receives is shown what arrives; an FX provider is told of the
conversions it sold, and never whose money they carried.
"""

from collections.abc import Sequence
from typing import Any, Final

from hub.core.command import Body, Transfer
from hub.core.pricing.price import Price
from hub.core.quotation import shown_fees
from hub.core.transfer import State
from routing.money import Money

PAIRS_MAX: Final = 20

Pairs = list[dict[str, str]]


def amount_for(viewer: str, transfer: Transfer, body: Body) -> Money:
    """Return the amount that concerns the viewer."""
    price = transfer.price
    if price is None or viewer == transfer.caller:
        return transfer.money
    if viewer == transfer.payer_fsp:  # another amount than the transfer's where a transfer abroad is reversed
        return price.sent
    return price.given if viewer in (transfer.payee_fsp, body.biller) else transfer.money


def fees_of(transfer: Transfer, body: Body) -> list[dict[str, str]]:
    """Return what the hub's schedule charges; where it had no price to make, what the caller said of fees."""
    price = transfer.price
    if price is not None and (price.fees or price.hops or price.quote):
        return shown_fees(price)
    said: list[dict[str, str]] = body.details.get("fees") or []
    return said


def pairs_of(transfer: Transfer, said: Sequence[dict[str, str]]) -> Pairs:
    """Return the caller's own pairs and what became of its money abroad, unless that were more than the API takes.

    What is known of the transfer stands in the place of what the caller wished for under the same key.
    """
    price = transfer.price
    ours = [] if price is None or not price.hops else _abroad(transfer, price)
    names = {each["key"].lower() for each in ours}
    pairs = [each for each in said if each["key"].lower() not in names] + ours
    return pairs if len(pairs) <= PAIRS_MAX else list(said)


def _abroad(transfer: Transfer, price: Price) -> Pairs:
    found = {"receivingAmount": str(price.given), "receivingCurrency": price.given.currency, "fxRate": price.rate}
    if transfer.original:  # whose amount is that of the original, where it is received again
        found |= {"sendingAmount": str(price.sent), "sendingCurrency": price.sent.currency}
    return [{"key": key, "value": value} for key, value in found.items()]


def is_seller(participant: str, transfer: Transfer) -> bool:
    """Say whether a participant has no part in a transfer but the conversions it sold for it."""
    sides = (transfer.caller, transfer.payer_fsp, transfer.payee_fsp)
    return transfer.price is not None and participant in transfer.price.providers and participant not in sides


def conversions_of(provider: str, transfer: Transfer) -> dict[str, Any]:
    """Return what an FX provider is told: an object of the hub's own, as the API has none."""
    hops = transfer.price.hops if transfer.price is not None else ()
    return {
        "conversionReference": transfer.id,
        "status": "completed" if transfer.state is State.COMMITTED else "failed",
        "conversions": [
            {
                "sourceAmount": str(hop.source),
                "sourceCurrency": hop.source.currency,
                "targetAmount": str(hop.target),
                "targetCurrency": hop.target.currency,
                "rate": hop.rate,
            }
            for hop in hops
            if hop.provider == provider
        ],
    }
