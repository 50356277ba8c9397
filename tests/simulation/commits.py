"""What must be true after every commit: of the books in every currency, of limits, quotes and rates; it only looks.

What a transfer moves is worked out of what its price takes, gives and earns, and never of the legs that are posted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

import msgspec

from hub.core.admit import body_of
from hub.core.command import Transfer
from hub.core.instrument import Named
from hub.core.participant import SchemeFile
from hub.core.pricing.market import ExposureKey, RateState, exposures
from hub.core.pricing.price import HUB, Price, Quote
from hub.core.pricing.rate import Rate
from hub.core.pricing.rules import LimitRule, Period, ReversalRate, Then
from hub.core.transfer import FINAL, Flow, State
from hub.core.use import named_by
from hub.ledger.account import Account, Kind, counters
from hub.ledger.position import balance
from hub.store.memory import MemoryStore
from routing.message import Resource
from routing.money import MINOR_MAX, Money
from tests.cash import brought
from tests.simulation.settling import moved_by

UNDONE = (State.ABORTED, State.REFUNDED)
Sums = Counter[tuple[str, str]]  # minor units by participant (the scheme itself: "") and currency


def moves(transfer: Transfer) -> Sums:
    """Say who gains and loses what by a transfer that is committed."""
    found = Sums()
    price = transfer.price
    taken, given = (transfer.money, transfer.money) if price is None else (price.taken, price.given)
    _add(found, transfer.payer_fsp, taken, -1)
    _add(found, transfer.payee_fsp, given, 1)
    for fee in () if price is None else price.fees:
        _add(found, fee.earned_by, fee.money, 1)
    for hop in () if price is None else price.hops:
        _add(found, hop.provider, hop.source, 1)
        _add(found, hop.provider, hop.target, -1)
    return found


def _add(sums: Sums, who: str, money: Money, sign: int) -> None:
    sums[who, money.currency] += sign * money.minor


def quotation_of(transfer: Transfer) -> str:
    """Return the quotation that a transfer pays by, or nothing."""
    if transfer.flow is Flow.ERRAND:
        return ""
    return next((each.reference for each in named_by(body_of(transfer)) if each.kind is Resource.QUOTATION), "")


class Commits:
    """Looks at everything after every commit, and keeps what should be there by what has changed."""

    def __init__(self, store: MemoryStore, file: SchemeFile) -> None:
        self.problems: list[str] = []
        self._store = store
        self._is_current = file.scheme.reversal_rate is ReversalRate.CURRENT
        self._offers = {(each.provider, each.source, each.target): each for each in file.fx}
        self._bound_to = {
            (each.provider, each.target): Money.parse(each.exposure_max, each.target).minor for each in file.fx
        }
        self._most = {
            each.name: _most(each)
            for each in file.limit
            if each.then is Then.REFUSE and each.per is not Period.TRANSACTION
        }
        self._known: dict[str, Transfer] = {}
        self._quotations: dict[str, str] = {}
        self._paid_by: dict[str, set[str]] = {}  # quotation -> the transfers that have used it
        self._stand, self._debited, self._credited = Sums(), Sums(), Sums()
        self._counted: Counter[str] = Counter()
        self._times: Counter[str] = Counter()
        self._banked: set[str] = set()
        self._journals = 0  # that were looked through for what settlement has moved
        self._paid_beyond = Sums()  # what was paid from a position for settlement, whatever its cap
        self._binding: dict[str, dict[ExposureKey, int]] = {}  # quotation -> what it binds FX providers to
        self._bound: Counter[ExposureKey] = Counter()

    def look(self) -> None:
        for problem in self._wrong():
            self.problems.append(f"commit {len(self._store.hashes)}: {problem}")

    def _wrong(self) -> Iterator[str]:
        store = self._store
        for id_, transfer in store.transfers.items():
            before = self._known.get(id_)
            if before is not transfer:
                yield from self._changed(before, transfer)
        for funds, (participant, currency, minor) in brought(store).items():
            if funds not in self._banked:
                self._banked.add(funds)
                self._stand[participant, currency] += minor
        for debit, credit, minor in moved_by(store, self._journals):
            for account, gained in ((debit, -minor), (credit, minor)):
                if account.kind in (Kind.POSITION, Kind.FEES):
                    self._stand[account.participant, account.currency] += gained
            self._paid_beyond[debit.participant, debit.currency] += minor
        self._journals = len(store.journals)
        yield from self._books()
        yield from self._limits()
        yield from self._exposures()

    def _changed(self, before: Transfer | None, transfer: Transfer) -> Iterator[str]:
        self._known[transfer.id] = transfer
        if before is None:
            self._quotations[transfer.id] = quotation_of(transfer)
            yield from _unbalanced(transfer)
            yield from self._priced_wrong(transfer)
        else:
            self._count(before, -1)
            if before.state in FINAL and before.state is not transfer.state:
                yield f"{transfer.id} ended as {before.state} and is {transfer.state}"
            if before.price != transfer.price:
                yield f"{transfer.id}: its price has changed"
        self._count(transfer, 1)
        if transfer.flow is Flow.ERRAND and (before is None or before.state is not transfer.state):
            self._bind(transfer.id, self._open_quotes(transfer))
        quotation = self._quotations[transfer.id]
        if not quotation:
            return
        users = self._paid_by.setdefault(quotation, set())
        if transfer.state not in UNDONE:  # what was barred at once has used nothing; anything else has, for good
            users.add(transfer.id)
            if before is None and transfer.state is not State.IN_REVIEW:
                self._bind(quotation, ())  # what it pays for is held, so the ledger binds them now
        if len(users) > 1:
            yield f"quotation {quotation} is used by {sorted(users)}"

    def _open_quotes(self, transfer: Transfer) -> Sequence[Quote]:
        """Return what is offered by a quotation: by the hub until the payee FSP has had its say."""
        if transfer.flow is Flow.ERRAND and transfer.state is State.COMMITTED:
            return self._store.issued[transfer.id].quotes
        return () if transfer.state in UNDONE else body_of(transfer).quotes

    def _bind(self, quotation: str, quotes: Sequence[Quote]) -> None:
        self._bound.subtract(self._binding.get(quotation, {}))
        self._binding[quotation] = exposures(quotes)
        self._bound.update(self._binding[quotation])

    def _count(self, transfer: Transfer, sign: int) -> None:
        """Count what a transfer moves, holds, and adds to limits, as it stands."""
        if transfer.flow is Flow.ERRAND:
            return
        if transfer.state is State.COMMITTED:
            for key, minor in moves(transfer).items():
                self._stand[key] += sign * minor
        elif transfer.state not in UNDONE and transfer.state is not State.IN_REVIEW:
            for leg in transfer.legs:
                _add(self._debited, leg.debit, leg.money, sign)
                _add(self._credited, leg.credit, leg.money, sign)
        if transfer.price is not None and transfer.state not in UNDONE:
            for each in transfer.price.counts:
                self._counted[each.key] += sign * each.minor
                self._times[each.key] += sign

    def _books(self) -> Iterator[str]:
        """Hold every account against what should be there; the scheme's own hold nothing but fees and cash."""
        totals: Counter[str] = Counter()
        for account in self._store.ledger.values():
            totals[account.currency] += balance(account)
            if account.kind is Kind.SUSPENSE and any(counters(account)):
                yield f"there is money in suspense: {account}"
            if account.kind in (Kind.POSITION, Kind.FEES):
                yield from self._account(account)
            left = balance(account) - account.debits_pending + self._paid_beyond[account.participant, account.currency]
            if account.cap_minor is not None and left < -account.cap_minor:
                yield f"{account.participant} passed its cap in {account.currency}"
        if any(totals.values()):
            yield f"the books do not balance: {dict(totals)}"

    def _account(self, account: Account) -> Iterator[str]:
        key = (account.participant, account.currency)
        stands = (balance(account), account.debits_pending, account.credits_pending)
        should = (self._stand[key], self._debited[key], self._credited[key])
        if stands != should:
            yield f"{account.kind} {key} stands, holds, awaits {stands}, but should {should}"

    def _limits(self) -> Iterator[str]:
        """Hold tallies against the transfers that count, and against the limits that refuse."""
        for key, tally in self._store.counted.items():
            if (tally.minor, tally.times) != (self._counted[key], self._times[key]):
                yield f"tally {key} is {tally}, but {self._counted[key]} of {self._times[key]} transfers count"
            most, often = self._most.get(key.partition("/")[0], (tally.minor, tally.times))
            if tally.minor > most or tally.times > often:
                yield f"tally {key} is {tally}, over {most} of {often} transfers"

    def _exposures(self) -> Iterator[str]:
        """Hold the open quotes of FX providers against what they may come to."""
        opened, now_ms = Sums(), self._store.now_ms()
        for key in {*self._store.exposures, *self._bound}:
            provider, currency, until_ms = key
            if until_ms > now_ms:
                minor = self._store.exposures.get(key, 0)
                opened[provider, currency] += minor
                if minor != self._bound[key]:
                    yield f"{key} is bound to give {minor}, but its open quotes to {self._bound[key]}"
        for of, minor in opened.items():
            if minor > self._bound_to[of]:
                yield f"the open quotes of {of} come to {minor}"

    def _priced_wrong(self, transfer: Transfer) -> Iterator[str]:
        """Hold new prices against the rates of the moment, and those of quotes against what was quoted."""
        prices = [quote.price for quote in self._open_quotes(transfer)]
        if (
            transfer.price is not None
            and not self._quotations[transfer.id]
            and (self._is_current or not transfer.original)
        ):
            prices.append(transfer.price)
        for price in prices:
            yield from self._rated_wrong(transfer, price)
        if self._quotations[transfer.id] and transfer.price is not None:
            kept = self._store.instruments_named([Named(Resource.QUOTATION, self._quotations[transfer.id])])
            offered = [each.price for quotation in kept for each in quotation.quotes]
            if msgspec.structs.replace(transfer.price, counts=()) not in offered:
                yield f"{transfer.id} is at a price that was not quoted"

    def _rated_wrong(self, transfer: Transfer, price: Price) -> Iterator[str]:
        now = transfer.created_ms
        for hop in price.hops:
            pair = (hop.source.currency, hop.target.currency)
            offer = self._offers[hop.provider, *pair]
            log = [each for each in self._store.rate_log if each.key == (hop.provider, *pair)]
            # What was published in the same batch may have come before this transfer or after it.
            usable = [each for each in log if each.at_ms < now][-1:] + [each for each in log if each.at_ms == now]
            good = [
                str(Rate.parse(each.rate).less(offer.spread_bps))
                for each in usable
                if each.state is RateState.IN_FORCE
                and now < each.until_ms
                and now - each.at_ms <= offer.stale_after_s * 1000
            ]
            if hop.rate not in good:
                yield f"{transfer.id}: {hop.provider} is said to sell {pair} at {hop.rate}, but {good} is in force"


def _unbalanced(transfer: Transfer) -> Iterator[str]:
    """See that a price is the same money on every side, in each of its currencies."""
    totals: Counter[str] = Counter()
    for (_, currency), minor in moves(transfer).items():
        totals[currency] += minor
    by_legs = Sums()
    for leg in transfer.legs:
        _add(by_legs, leg.debit, leg.money, -1)
        _add(by_legs, leg.credit, leg.money, 1)
    if any(totals.values()):
        yield f"{transfer.id}: its price makes or loses money: {dict(totals)}"
    if +by_legs != +moves(transfer) or -by_legs != -moves(transfer):
        yield f"{transfer.id}: its legs are not what its price says"
    if any(who == HUB and minor < 0 for (who, _), minor in by_legs.items()):
        yield f"{transfer.id}: the hub pays"


def _most(rule: LimitRule) -> tuple[int, int]:
    minor = Money.parse(rule.max_value, rule.currency).minor if rule.max_value else MINOR_MAX
    return minor, MINOR_MAX if rule.max_count is None else rule.max_count
