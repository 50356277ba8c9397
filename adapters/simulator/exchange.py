"""What a simulated FX provider sells and is bound to; it gives no more for an amount than a rate it honours."""

from collections import Counter
from collections.abc import Iterable
from typing import Any, NamedTuple

from adapters.simulator.order import Deal, Order
from adapters.simulator.quotes import Rate
from adapters.simulator.rules import Refusal
from routing.money import Money


class Turned(NamedTuple):
    """How much of a conversion was turned round again, in minor units of what it took and of what it gave."""

    source: int = 0
    target: int = 0


class Exchange:
    """The rates of one provider, what it is bound to, and the sums of what it converted."""

    def __init__(self) -> None:
        """Begin with nothing to sell."""
        self.rates: dict[tuple[str, str], Rate] = {}
        self._replaced: list[tuple[int, Rate]] = []  # until when it is honoured, Unix ms
        self._bound: dict[str, Order] = {}  # confirmed conversions by the caller's own reference
        self._let_go: set[str] = set()
        self._turned: dict[str, Turned] = {}
        self._converted: Counter[str] = Counter()
        self._unwound: Counter[str] = Counter()
        self._promised: Counter[str] = Counter()

    def sell(self, rates: Iterable[Rate], at_ms: int) -> None:
        """Sell at these rates and at no others; those they replace are honoured for as long as was said of them."""
        replaced = [(at_ms + each.valid_s * 1000, each) for each in self.rates.values()]
        self._replaced = [(until_ms, each) for until_ms, each in (*self._replaced, *replaced) if until_ms > at_ms]
        self.rates = {(each.source, each.to): each for each in rates}

    def obstacle(self, order: Order, deal: Deal, at_ms: int) -> Refusal | None:
        """Return what is against a conversion, against turning one round, or against letting go of one."""
        if deal.unwinds:
            return self._held_on_to(order.money, deal)
        if deal.reverses:
            return self._not_turned(order.money, deal)
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
        if not deal.unwinds:
            self._bound[order.reference] = order
            self._turn(deal.reverses, money, target)
        elif deal.unwinds not in self._let_go:
            self._let_go.add(deal.unwinds)
            undone = self._bound[deal.unwinds].deal
            self._turn(undone.reverses if undone else "", money, target, sign=-1)

    def _turn(self, reference: str, money: Money, target: Money, *, sign: int = 1) -> None:
        """Note a reversal of a conversion, or its unwinding; without a reference it is none."""
        if reference:
            before = self._turned.get(reference, Turned())
            self._turned[reference] = Turned(before.source + sign * target.minor, before.target + sign * money.minor)

    def _held_on_to(self, money: Money, deal: Deal) -> Refusal | None:
        """Refuse to let go of what was not converted, and of what was turned round since."""
        bound = self._bound.get(deal.unwinds)
        if bound is None or bound.deal is None or (bound.money, bound.deal.target) != (money, deal.target):
            return Refusal.NO_CONVERSION
        return Refusal.WRONG_STATE if any(self._turned.get(deal.unwinds, ())) else None

    def _not_turned(self, money: Money, deal: Deal) -> Refusal | None:
        """Refuse to turn round what is not bound, more than all of it, or a part for less than its own rate.

        What is sold at present is nobody's matter here.
        """
        bound = self._bound.get(deal.reverses)
        if bound is None or bound.deal is None or bound.deal.reverses or deal.reverses in self._let_go:
            return Refusal.NO_CONVERSION
        took, gave, before = bound.money, bound.deal.target, self._turned.get(deal.reverses, Turned())
        if (money.currency, deal.target.currency) != (gave.currency, took.currency):
            return Refusal.NO_CONVERSION
        exceeds = before.source + deal.target.minor > took.minor or before.target + money.minor > gave.minor
        is_less = money.minor < gave.minor * deal.target.minor // took.minor
        return Refusal.OVER_MAXIMUM if exceeds or is_less else None

    def totals(self) -> dict[str, Any]:
        """Return the sums in minor units by currency: what was given for conversions and for those let go of."""
        return {
            "converted": dict(self._converted),
            "unwound": dict(self._unwound),
            "promised": dict(self._promised),
        }
