"""What a simulated FX provider sells and is bound to; it gives no more for an amount than a rate it honours."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from adapters.simulator.order import Deal, Entry, Order
from adapters.simulator.quotes import Rate
from adapters.simulator.rules import Refusal
from routing.money import Money


class Exchange:
    """The rates of one provider, and the sums of what it converted."""

    def __init__(self) -> None:
        """Begin with nothing to sell."""
        self.rates: dict[tuple[str, str], Rate] = {}
        self._replaced: list[tuple[int, Rate]] = []  # until when it is honoured, Unix ms
        self._converted: Counter[str] = Counter()
        self._unwound: Counter[str] = Counter()
        self._promised: Counter[str] = Counter()

    def sell(self, rates: Iterable[Rate], at_ms: int) -> None:
        """Sell at these rates and at no others; those they replace are honoured for as long as was said of them."""
        replaced = [(at_ms + each.valid_s * 1000, each) for each in self.rates.values()]
        self._replaced = [(until_ms, each) for until_ms, each in (*self._replaced, *replaced) if until_ms > at_ms]
        self.rates = {(each.source, each.to): each for each in rates}

    def obstacle(self, order: Order, deal: Deal, known: Mapping[str, Entry], at_ms: int) -> Refusal | None:
        """Return what is against a conversion, or against letting go of one that the caller knows by its reference."""
        if deal.unwinds:
            return None if _is_bound(known.get(deal.unwinds), order.money, deal.target) else Refusal.NOT_FOUND
        pair = (order.money.currency, deal.target.currency)
        old = [each for until_ms, each in self._replaced if until_ms > at_ms and (each.source, each.to) == pair]
        honoured = [self.rates[pair], *old] if pair in self.rates else old
        bought = any(each.covers(order.money, deal.target) for each in honoured)
        return None if bought else Refusal.QUOTE_EXPIRED

    def close(self, order: Order, deal: Deal) -> None:
        """Be bound, or bound no more."""
        money, target = order.money, deal.target
        (self._unwound if deal.unwinds else self._converted)[money.currency] += money.minor
        self._promised[target.currency] += -target.minor if deal.unwinds else target.minor

    def totals(self) -> dict[str, Any]:
        """Return the sums in minor units by currency: what was given for conversions and for those let go of."""
        return {
            "converted": dict(self._converted),
            "unwound": dict(self._unwound),
            "promised": dict(self._promised),
        }


def _is_bound(entry: Entry | None, money: Money, target: Money) -> bool:
    """Say whether an entry is a conversion of these amounts that was confirmed."""
    if entry is None or entry.refusal is not None or entry.order.money != money:
        return False
    return entry.order.deal == Deal(target=target)
