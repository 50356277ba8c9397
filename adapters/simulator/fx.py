"""A simulated FX provider's open FX protocol (adapters/open_fx/README.md); it must never decide a reference twice."""

from typing import Any, Final

import msgspec
from aiohttp import web

from adapters.simulator.callbacks import Callback
from adapters.simulator.order import Deal, Entry, Order
from adapters.simulator.provider import GARBAGE, Provider
from adapters.simulator.rules import Fate, Refusal
from adapters.simulator.words import JSON, answer
from routing.money import Money, MoneyError

CONVERSIONS: Final = "conversions"
UNWINDINGS: Final = "unwindings"
RATES: Final = "rates"
OTHER: Final = "OTHER"  # no reason of the protocol's: a caller that takes it for a refusal guesses
REASONS: Final = {
    CONVERSIONS: {
        Refusal.NO_FUNDS: "NO_LIQUIDITY",
        Refusal.OVER_LIMIT: "AMOUNT_OUT_OF_RANGE",
        Refusal.QUOTE_EXPIRED: "RATE_EXPIRED",
        Refusal.BLOCKED: "SUSPENDED",
        Refusal.DECLINED: "DECLINED",
        Refusal.NO_CONVERSION: "UNKNOWN_CONVERSION",
        Refusal.OVER_MAXIMUM: "EXCEEDED",
    },
    UNWINDINGS: {
        Refusal.NO_FUNDS: "TOO_LATE",
        Refusal.OVER_LIMIT: "TOO_LATE",
        Refusal.WRONG_STATE: "TOO_LATE",
        Refusal.NOT_FOUND: "UNKNOWN_CONVERSION",
        Refusal.NO_CONVERSION: "UNKNOWN_CONVERSION",
        Refusal.BLOCKED: "SUSPENDED",
        Refusal.DECLINED: "DECLINED",
    },
}
_UNASKED: Final = {Fate.UNAVAILABLE: 503, Fate.BROKEN: 500}


class Amount(msgspec.Struct, frozen=True):
    """An amount as the protocol writes it."""

    amount: str
    currency: str

    @classmethod
    def of(cls, money: Money) -> "Amount":
        """Write it."""
        return cls(str(money), money.currency)

    @property
    def money(self) -> Money:
        """Read it; raises MoneyError."""
        return Money.parse(self.amount, self.currency)


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """The body of a PUT; `rate` and `reverses` are of a conversion, `conversion` of an unwinding."""

    transfer: str
    source: Amount
    target: Amount
    rate: str = ""
    reverses: str = ""
    conversion: str = ""
    callback_url: str = ""


class OpenFx:
    """The dialect of one FX provider."""

    def __init__(self, provider: Provider) -> None:
        """Speak for a provider, to whoever has the secret of its client."""
        self._provider = provider
        self._key = f"Bearer {provider.settings.client.partition(':')[2]}"

    async def answer(self, request: web.Request, tail: str) -> web.StreamResponse:
        """Answer a request."""
        if request.headers.get("Authorization") != self._key:
            return answer(401, {"error": "unauthorised"})
        match request.method, tail.split("/"):
            case "GET", [what] if what == RATES:
                return self._rates()
            case "GET", [kind, reference] if kind in REASONS:
                return self._asked(kind, reference)
            case "PUT", [kind, reference] if kind in REASONS and reference:
                return await self._told(request, kind, reference)
        return answer(404, {"error": "not_found"})

    def taken(self, entry: Entry) -> web.Response:
        """Say that it is not decided yet."""
        return answer(201, {"reference": entry.order.reference, "status": "pending"})

    def decided(self, entry: Entry, money: Money) -> web.Response:
        """Say that the provider is bound, or why not."""
        return answer(201, _decision(entry, money))

    def repeated(self, entry: Entry) -> web.Response:
        """Say what is true now of a reference that came before."""
        if self._provider.is_pending(entry):
            return answer(200, {"reference": entry.order.reference, "status": "pending"})
        return answer(200, _decision(entry, entry.order.money))

    def callback(self, entry: Entry, money: Money) -> Callback:
        """Say the same as `decided`, later."""
        return Callback("PUT", JSON, msgspec.json.encode(_decision(entry, money)))

    def _rates(self) -> web.Response:
        fate = self._provider.rules.fate_of("", None, RATES)
        if fate in _UNASKED:
            return web.Response(status=_UNASKED[fate])
        if fate is Fate.GARBAGE:
            return web.Response(body=GARBAGE)
        sold = self._provider.book.exchange.rates.values()
        rows = [{"source": each.source, "target": each.to, "rate": each.rate, "valid_s": each.valid_s} for each in sold]
        return answer(200, {"rates": rows})

    def _asked(self, kind: str, reference: str) -> web.Response:
        entry = self._provider.book.by_reference.get(reference)
        if entry is None or entry.order.type != kind:
            return answer(404, {"error": "unknown_reference"})
        return self.repeated(entry)

    async def _told(self, request: web.Request, kind: str, reference: str) -> web.StreamResponse:
        try:
            order = _order(msgspec.json.decode(await request.read(), type=Asked), kind, reference)
        except (msgspec.DecodeError, MoneyError, RecursionError):
            return answer(400, {"error": "format"})
        known = self._provider.book.by_reference.get(reference)
        if known is not None and _content(known.order) != _content(order):
            self._provider.book.hear(reference)
            return answer(409, {"error": "reference_used"})
        return await self._provider.take(request, order, self)


def _order(asked: Asked, kind: str, reference: str) -> Order:
    money, target = asked.source.money, asked.target.money
    if bool(asked.conversion) != (kind == UNWINDINGS):
        raise msgspec.ValidationError("an unwinding, and nothing else, names a conversion to let go of")
    if asked.reverses and kind == UNWINDINGS:
        raise msgspec.ValidationError("an unwinding turns nothing round")
    return Order(
        reference=reference,
        account=f"pair@{money.currency}-{target.currency}",
        money=money,
        type=kind,
        business=asked.transfer,
        callback_url=asked.callback_url,
        deal=Deal(target=target, unwinds=asked.conversion, reverses=asked.reverses),
    )


def _content(order: Order) -> tuple[Any, ...]:
    """Return what must be the same when a reference comes again."""
    return order.type, order.business, order.money, order.deal


def _decision(entry: Entry, money: Money) -> dict[str, Any]:
    order, deal = entry.order, entry.order.deal
    if entry.refusal is not None:
        reason = REASONS[order.type].get(entry.refusal, OTHER)
        return {"reference": order.reference, "status": "refused", "reason": reason, "text": entry.refusal}
    amounts = {"source": Amount.of(money)} | ({"target": Amount.of(deal.target)} if deal else {})
    return {"reference": order.reference, "status": "confirmed", "conversion": f"FX-{entry.number}", **amounts}
