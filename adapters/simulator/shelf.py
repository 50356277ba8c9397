"""Where a provider keeps mandates, links, codes, quotations, bills and batches; only what was decided changes it."""

from collections.abc import Iterator
from typing import Final

import msgspec

from adapters.simulator.batch import Batch
from adapters.simulator.bills import Bill, Company
from adapters.simulator.instruments import INSTRUMENTS, Code
from adapters.simulator.kept import Kept, Resource, Use
from adapters.simulator.order import Direction, Kind, Order, Write
from adapters.simulator.quotes import Quotation
from adapters.simulator.rules import Refusal

TYPES: Final[dict[Kind, type[Resource]]] = {
    **{kind: type_ for kind, (type_, _) in INSTRUMENTS.items()},
    Kind.QUOTATION: Quotation,
    Kind.BILL: Bill,
    Kind.BATCH: Batch,
}


class Shelf:
    """The shelf of one provider."""

    def __init__(self) -> None:
        """Begin empty."""
        self._kept: dict[Kind, dict[str, Kept]] = {kind: {} for kind in TYPES}
        self._of: dict[tuple[Kind, str], dict[str, Kept]] = {}
        self.companies: dict[str, Company] = {}

    def get(self, kind: Kind, reference: str) -> Kept | None:
        """Return what is kept under a reference."""
        return self._kept[kind].get(reference)

    def of(self, kind: Kind, account: str) -> Iterator[tuple[str, Kept]]:
        """Return an account's, the newest first, each with its reference."""
        return reversed(self._of.get((kind, account), {}).items())

    def write(self, write: Write, account: str, at_ms: int, uses: list[Use] | None = None) -> None:
        """Keep a resource, in the place of the one that has its reference."""
        value, shelf = msgspec.convert(write.fields, TYPES[write.kind]), self._kept[write.kind]
        known = shelf.get(write.reference)
        if known is None:
            known = shelf[write.reference] = Kept(account=account, value=value, at_ms=at_ms, changed_ms=at_ms)
            self._of.setdefault((write.kind, account), {})[write.reference] = known
        known.value, known.changed_ms = value, at_ms
        known.uses = known.uses if uses is None else uses

    def use(self, order: Order, at_ms: int) -> None:
        """Remember that money moved by what an order names."""
        for kind, reference in order.uses.items():
            if kept := self._kept[kind].get(reference):
                kept.uses.append(Use(at_ms, order.money.minor))

    def held(self, account: str, currency: str, at_ms: int, *, but: str = "") -> int:
        """Return what an account's codes set aside, without the code that is being used."""
        return sum(
            kept.value.held(kept, currency, at_ms)
            for code, kept in self.of(Kind.CODE, account)
            if code != but and isinstance(kept.value, Code)
        )

    def obstacle(self, order: Order, at_ms: int) -> Refusal | None:
        """Return what is against an order in what it uses."""
        for kind, reference in order.uses.items():
            kept = self._kept[kind].get(reference)
            if kept is None:
                # An account without codes has its one-time codes from elsewhere.
                if kind is Kind.CODE and order.account and not any(self.of(kind, order.account)):
                    continue
                return Refusal.NOT_FOUND
            if refusal := kept.value.obstacle(kept, order, at_ms):
                return refusal
        return None

    def change_obstacle(self, write: Write, at_ms: int) -> Refusal | None:
        """Return what is against a change."""
        kept = self.get(write.kind, write.reference)
        if write.kind is Kind.QUOTATION and not write.fields["quotes"]:
            return Refusal.WRONG_CURRENCY
        if kept is None or not isinstance(kept.value, Code):
            return None
        return Refusal.WRONG_STATE if kept.value.state(kept, at_ms) == "expired" else None

    def preapproved(self, order: Order) -> bool:
        """Say whether the customer approved the order before, or beside it by a one-time code."""
        return order.direction is Direction.DEBIT and not order.uses.keys().isdisjoint(INSTRUMENTS)
