"""What a provider would credit for an amount of another currency; a quote promises, and only an order uses it."""

import secrets
from collections.abc import Mapping
from fractions import Fraction
from math import ceil
from typing import Any

import msgspec

from adapters.simulator.kept import Kept, Pair, Resource
from adapters.simulator.order import Direction, Order
from adapters.simulator.rules import Refusal
from adapters.simulator.words import time_ms, time_text
from routing.money import EXPONENTS, Money


class Rate(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename={"source": "from"}):
    """What one unit of a currency is worth in another: `from`, `to`, `rate`, and a `fee` in the first.

    `valid_s`: for how long an FX provider honours it, counted from when another one takes its place.
    """

    source: str
    to: str
    rate: str
    fee: str = "0"
    valid_s: int = 60

    def __post_init__(self) -> None:
        """Refuse currencies and numbers that are none."""
        Money.parse(self.fee, self.source)
        Money.parse("0", self.to)
        if Fraction(self.rate) <= 0 or self.valid_s < 0:
            raise ValueError("a rate is more than nothing, and its time not less")

    def receiving(self, money: Money) -> Money:
        """Return what arrives, rounded down."""
        return Money(int(self._worth(money)), self.to)

    def covers(self, money: Money, target: Money) -> bool:
        """Say whether the money is worth the target, however that was rounded."""
        return target.minor <= ceil(self._worth(money))

    def _worth(self, money: Money) -> Fraction:
        units = Fraction(money.minor, 10 ** EXPONENTS[self.source]) * Fraction(self.rate)
        worth: Fraction = units * 10 ** EXPONENTS[self.to]
        return worth


class Quotation(Resource, frozen=True, kw_only=True):
    """A request for quotes, and the quotes."""

    credit_party: list[Pair]
    debit_party: list[Pair]
    request_amount: str
    request_currency: str
    quotation_reference: str = ""
    quotation_status: str = ""
    quotes: list[dict[str, Any]] = []
    type: str = ""
    sub_type: str = ""
    chosen_delivery_method: str = ""
    origin_country: str = ""
    receiving_country: str = ""
    sending_service_provider_country: str = ""
    sender_kyc: Any = None
    recipient_kyc: Any = None
    requesting_organisation: Any = None
    request_date: str = ""
    custom_data: list[Any] = []
    metadata: list[Any] = []

    def __post_init__(self) -> None:
        """Refuse an amount that is none."""
        Money.parse(self.request_amount, self.request_currency)

    def obstacle(self, kept: Kept, order: Order, at_ms: int) -> Refusal | None:  # noqa: ARG002 - as every kind
        """Allow one of the quotes, in time, and the amount it says on the order's side."""
        side = "receiving" if order.direction is Direction.CREDIT else "sending"
        said = (str(order.money), order.money.currency)
        meant = order.details.get("internationalTransferInformation", {}).get("quoteId")
        quotes = [each for each in self.quotes if meant in {None, each["quoteId"]}]
        if not quotes:
            return Refusal.NOT_FOUND
        if all(at_ms >= time_ms(each["quoteExpiryTime"]) for each in quotes):
            return Refusal.QUOTE_EXPIRED
        promised = any((each[f"{side}Amount"], each[f"{side}Currency"]) == said for each in quotes)
        return None if promised else Refusal.WRONG_STATE


def quoted(
    asked: Quotation, currency: str, rates: Mapping[tuple[str, str], Rate], *, provider: str, until_ms: int
) -> list[dict[str, Any]]:
    """Return the quotes for an account in a currency; none where there is no rate."""
    sending = Money.parse(asked.request_amount, asked.request_currency)
    same = sending.currency == currency
    rate = Rate(source=currency, to=currency, rate="1") if same else rates.get((sending.currency, currency))
    if rate is None:
        return []
    quote = {
        "quoteId": secrets.token_hex(4),
        "sendingAmount": str(sending),
        "sendingCurrency": sending.currency,
        "receivingAmount": str(rate.receiving(sending)),
        "receivingCurrency": currency,
        "quoteExpiryTime": time_text(until_ms),
        "deliveryMethod": asked.chosen_delivery_method or "directtoaccount",
        "receivingServiceProvider": provider,
    }
    fees = {"fees": [_fee(rate)]} if rate.fee != "0" else {}
    return [quote | fees | ({} if same else {"fxRate": rate.rate})]


def _fee(rate: Rate) -> dict[str, str]:
    return {"feeType": "transfer", "feeAmount": rate.fee, "feeCurrency": rate.source}
