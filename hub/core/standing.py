"""How everything stands as a batch goes on: what was loaded, and what each member before left; it decides nothing.

What changes is noted in what the batch will write, so that a batch equals its members one by one.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

import msgspec

from hub.core.change import Counting, Decided
from hub.core.command import Reason, Transfer
from hub.core.facts import Facts
from hub.core.instrument import USED_ONCE, Amendment, Instrument, Named
from hub.core.pricing.limits import Counted, Tally, reviews
from hub.core.pricing.market import Published, exposures
from hub.core.pricing.price import Price, Quote
from hub.core.pricing.rules import Period
from hub.ledger.journal import Book
from hub.ledger.position import available
from routing.message import Operation

_PASSED: Final = {
    (Period.DAY, "value"): Reason.DAY_VALUE,
    (Period.DAY, "count"): Reason.DAY_COUNT,
    (Period.WEEK, "value"): Reason.WEEK_VALUE,
    (Period.WEEK, "count"): Reason.WEEK_COUNT,
    (Period.MONTH, "value"): Reason.MONTH_VALUE,
    (Period.MONTH, "count"): Reason.MONTH_COUNT,
}


class Passed(NamedTuple):
    """Which limits a transfer passes: the first that bars it, and those that make an operator look."""

    barred: Reason | None
    detail: str
    flagged: str


class Standing:
    """What one batch stands on."""

    def __init__(self, facts: Facts, book: Book, tallies: Mapping[str, Tally], decided: Decided) -> None:
        """Begin with what was loaded; note what changes in `decided`."""
        self.facts = facts
        self._book = book
        self.transfers: dict[str, Transfer] = dict(facts.transfers)
        self.reversed = dict(facts.reversed_minor)
        self.promised = {original: dict(owed) for original, owed in facts.promised.items()}
        self._taken_back = dict(facts.taken_back)
        self.market = facts.market
        self.market_moved = False
        self._instruments = dict(facts.instruments)
        self._tallies = dict(tallies)
        self._decided = decided

    def now(self, names: Iterable[Named]) -> Facts:
        """Return the facts as the members so far have left them: originals, codes and quotes used, the market."""
        return msgspec.structs.replace(
            self.facts,
            transfers=self.transfers,
            reversed_minor=self.reversed,
            promised=self.promised,
            taken_back=self._taken_back,
            instruments={each.name: each for each in map(self._as_it_stands, self.named(names))},
            market=self.market,
        )

    def _as_it_stands(self, found: Instrument) -> Instrument:
        """Say how the transfer that used an instrument stands by now."""
        by = self.transfers.get(found.used_by or "")
        return found if by is None else msgspec.structs.replace(found, used_state=by.state)

    def moved(self, names: Iterable[Named]) -> bool:
        """Say whether a member of this batch has used one of these, or has given it back."""
        return any(
            each.id in self._decided.instruments
            or each.id in self._decided.used
            or each.id in self._decided.amendments
            or (each.used_by is not None and self.transfers.get(each.used_by) is not None)
            for each in self.named(names)
        )

    def reverse(self, transfer: Transfer, *, sign: int = 1) -> None:
        """Note that a reversal takes part of its original, or gives it back."""
        original, taken = transfer.original, transfer.money_of(Operation.DEBIT).minor
        self.reversed[original] = self.reversed.get(original, 0) + sign * transfer.minor
        self._taken_back[original] = self._taken_back.get(original, 0) + sign * taken

    def begun(self, transfer: Transfer) -> None:
        """Note that a reversal has begun, however it stands: what was promised by it is promised no more."""
        self.promised.get(transfer.original, {}).pop(transfer.id, None)

    def named(self, names: Iterable[Named]) -> list[Instrument]:
        """Return what was loaded, or made since, of these."""
        return [self._instruments[name] for name in names if name in self._instruments]

    def keep(self, instrument: Instrument) -> None:
        """Keep something new, or as it is now."""
        self._instruments[instrument.name] = instrument
        self._decided.instruments[instrument.id] = instrument
        self._decided.used.pop(instrument.id, None)  # written whole, so it is written once

    def confirm(self, made: Instrument, offered: Sequence[Quote]) -> None:
        """Keep what its maker confirmed; of a quotation, the payee FSP may have shortened quotes or left some out."""
        self.offer(offered, sign=-1)
        self.offer(made.quotes)
        self.keep(made)

    def amend(self, change: Amendment) -> None:
        """Change what is kept; an instrument that this batch has loaded is written whole, so it is written once."""
        known = next((each for each in self._instruments.values() if each.id == change.id), None)
        if known is not None:
            terms = known.terms | change.terms
            self.keep(msgspec.structs.replace(known, terms=terms, updated_ms=change.updated_ms))
            return
        before = self._decided.amendments.get(change.id)
        terms = change.terms if before is None else before.terms | change.terms
        self._decided.amendments[change.id] = msgspec.structs.replace(change, terms=terms)

    def use(self, names: Iterable[Named], transfer: Transfer, *, is_held: bool) -> None:
        """Let nobody else use the code or quotation that this transfer uses.

        What was quoted is bound by the ledger from now on, if the transfer holds it.
        """
        for each in self.named(name for name in names if name.kind in USED_ONCE):
            if is_held:
                self.offer(each.quotes, sign=-1)
            used = msgspec.structs.replace(each, used_by=transfer.id, used_state=transfer.state)
            if each.id in self._decided.instruments:
                self.keep(used)
            else:
                self._instruments[used.name] = used
                self._decided.used[used.id] = transfer.id

    def offer(self, quotes: Sequence[Quote], *, sign: int = 1) -> None:
        """Bind FX providers to what is quoted, or let go of it."""
        if not quotes:
            return
        changed = dict(self.market.open_minor)
        for key, minor in exposures(quotes).items():
            provider, currency, until_ms = key
            if until_ms <= self.facts.now_ms:
                continue
            self._decided.exposures[key] = self._decided.exposures.get(key, 0) + sign * minor
            changed[provider, currency] = changed.get((provider, currency), 0) + sign * minor
            self.market_moved = True
        self.market = msgspec.structs.replace(self.market, open_minor=changed)

    def entered(self, purses: Iterable[tuple[str, str]]) -> None:
        """See what FX providers have left after the ledger has moved; `purses` are participants and currencies."""
        scheme, left = self.facts.scheme, {}
        for who, currency in purses:
            account = scheme.position(who, currency) if who in scheme.fx_providers else None
            if account is not None:
                left[who, currency] = available(self._book.accounts[account])
        if left:
            self.market = msgspec.structs.replace(self.market, available={**self.market.available, **left})
            self.market_moved = True

    def publish(self, rate: Published) -> None:
        """Take a published rate."""
        self._decided.rates.append(rate)
        self.market = msgspec.structs.replace(self.market, rates={**self.market.rates, rate.key: rate})
        self.market_moved = True

    def passed(self, counted: Sequence[Counted]) -> Passed:
        """Hold a transfer against what has been counted so far; raises KeyError for a tally that was not loaded."""
        flagged = []
        for each in counted:
            if each.adds is None:
                continue
            tally = self._tallies[each.adds.key]
            what = "value" if each.overflows(tally) else each.passed(tally)
            if not what:
                continue
            detail = f"limit {each.rule.name}: {what} of the {each.rule.per}"
            if not reviews(each) or each.overflows(tally):
                return Passed(_PASSED[each.rule.per, what], detail, "")
            flagged.append(detail)
        return Passed(None, "", "; ".join(flagged))

    def count(self, price: Price | None, *, sign: int = 1) -> None:
        """Count a transfer towards its limits, or give back what it counted."""
        for each in () if price is None else price.counts:
            before = self._tallies[each.key]
            self._tallies[each.key] = Tally(before.minor + sign * each.minor, before.times + sign)
            noted = self._decided.tallies.get(each.key)
            minor, times = (0, 0) if noted is None else (noted.minor, noted.times)
            self._decided.tallies[each.key] = Counting(each.key, minor + sign * each.minor, times + sign, each.ends_ms)
