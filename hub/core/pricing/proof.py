"""Proof: a price held against itself: what its words say everybody gains, and what its legs move; it only compares."""

from hub.core.pricing.price import Price, Side
from routing.money import Money

Gains = dict[tuple[str, str], int]  # minor units by participant (the hub's fees: "") and currency


def said(price: Price, payer_fsp: str, payee_fsp: str) -> Gains:
    """Say what everybody gains by what the price takes, converts, charges and gives, in every currency."""
    found: Gains = {}
    _add(found, payer_fsp, price.taken, -1)
    _add(found, payee_fsp, price.given, 1)
    for fee in price.fees:
        _add(found, fee.earned_by, fee.money, 1)
    for hop in price.hops:
        _add(found, hop.provider, hop.source, 1)
        _add(found, hop.provider, hop.target, -1)
    return {key: minor for key, minor in found.items() if minor}


def moved(price: Price) -> Gains:
    """Say what everybody gains by the legs."""
    found: Gains = {}
    for leg in price.legs:
        _add(found, leg.debit, leg.money, -1)
        _add(found, leg.credit, leg.money, 1)
    return {key: minor for key, minor in found.items() if minor}


def flaws(price: Price, payer_fsp: str, payee_fsp: str) -> list[str]:
    """Say what in a price does not agree; nothing: it is the same money on every side, in each of its currencies."""
    found = []
    charged = sum(fee.money.minor for fee in price.fees if fee.paid_by is Side.PAYER)
    if price.taken != Money(price.sent.minor + charged, price.sent.currency):
        found.append(f"it takes {price.taken} for {price.sent} and {charged} minor units of fees")
    if said(price, payer_fsp, payee_fsp) != moved(price):
        found.append("its legs move other money than it says")
    return found


def _add(gains: Gains, who: str, money: Money, sign: int) -> None:
    key = (who, money.currency)
    gains[key] = gains.get(key, 0) + sign * money.minor
