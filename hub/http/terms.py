"""The caller's terms, which stand in customData: their form is checked at the door, what they mean is the core's.

Other pairs of the same list are the caller's own, whatever they are called; nothing here must ever look at those.
"""

from collections.abc import Mapping
from typing import Any, Final

from hub.core.terms import AMOUNT_TYPE, RECEIVING_AMOUNT_MIN, RECEIVING_CURRENCY, SENDING_CURRENCY, custom
from hub.http.errors import bad_amount, invalid
from routing.money import EXPONENTS, Money, MoneyError

AMOUNT_TYPES: Final = ("send", "receive")
_SPELLED: Final = {
    AMOUNT_TYPE: "customData.amountType",
    RECEIVING_CURRENCY: "customData.receivingCurrency",
    SENDING_CURRENCY: "customData.sendingCurrency",
    RECEIVING_AMOUNT_MIN: "customData.receivingAmountMin",
}
# How many decimals an amount may have is known for certain when its payee is; until then, as many as any has.
_FINEST: Final = max(EXPONENTS, key=lambda code: EXPONENTS[code])


def check_terms(data: Mapping[str, Any]) -> None:
    """Check the terms of a transfer; raises an ApiError."""
    own = custom(data)
    currency = _currency(own, RECEIVING_CURRENCY)
    least = own.get(RECEIVING_AMOUNT_MIN)
    if least is None:
        return
    try:
        Money.parse(least, currency or _FINEST)
    except MoneyError as error:
        raise bad_amount(_SPELLED[RECEIVING_AMOUNT_MIN], error) from None


def check_quoting_terms(data: Mapping[str, Any]) -> None:
    """Check the terms of a quotation; raises an ApiError."""
    own = custom(data)
    for name in (RECEIVING_CURRENCY, SENDING_CURRENCY):
        _currency(own, name)
    if own.get(AMOUNT_TYPE, AMOUNT_TYPES[0]).lower() not in AMOUNT_TYPES:
        raise invalid(_SPELLED[AMOUNT_TYPE], "formatError", f"Use one of {', '.join(AMOUNT_TYPES)}.")


def _currency(own: Mapping[str, str], name: str) -> str:
    found = own.get(name, "").upper()
    if name in own and found not in EXPONENTS:
        raise invalid(_SPELLED[name], "currencyNotSupported", "Use a currency of ISO 4217.")
    return found
