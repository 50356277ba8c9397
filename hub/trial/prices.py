"""Showing prices: quotes side by side, rates, what FX providers have, what a transfer costs; it decides nothing."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from hub.core.command import Transfer
from hub.core.participant import Scheme
from hub.core.pricing.market import Market, Published, RateState
from hub.core.pricing.price import HUB, Fee, Price, Quote, Side
from hub.core.pricing.rate import Rate
from hub.core.pricing.rules import FxOffer
from hub.ledger.account import Account, Kind
from hub.ledger.position import available, balance
from hub.trial.printed import plain_table
from hub.trial.show import amount, when
from routing.money import Money

SCHEME: Final = "the hub"
NONE: Final = "-"
SOON_MS: Final = 12 * 3_600_000


class Usable(NamedTuple):
    """Whether a rate is used now, in a word, and why not."""

    word: str
    colour: str
    why: str = ""


def usable(offer: FxOffer, found: Published | None, now_ms: int, *, active: bool) -> Usable:
    """Say whether an FX provider's rate is used now; the pricing itself decides by the same facts."""
    if not active:
        return Usable("suspended", "red", "the participant is suspended")
    if found is None:
        return Usable("none", "red", "it has published no rate")
    if found.state is RateState.HELD:
        return Usable("held", "yellow", f"it jumped from {found.last}: `hub rates confirm`, or another rate near it")
    if now_ms >= found.until_ms:
        return Usable("expired", "red", "it was good until then")
    if now_ms - found.at_ms > offer.stale_after_s * 1000:
        return Usable("stale", "red", f"older than {offer.stale_after_s} s")
    return Usable("in force", "green")


def rate_table(scheme: Scheme, market: Market, now_ms: int) -> RenderableType:
    """Return what every FX provider sells, at which rate, and how much of it there is left."""
    table = plain_table("rates", "provider", "pair")
    for column in ("rate", "spread", "customer", "age", "good until", "state", "open quotes", "left to give"):
        table.add_column(column, justify="left" if column == "state" else "right", overflow="fold")
    notes = []
    for offer in sorted(scheme.file.fx, key=lambda each: (each.source, each.target, each.provider)):
        found = market.rates.get((offer.provider, offer.source, offer.target))
        state = usable(offer, found, now_ms, active=scheme.active(offer.provider))
        pair = f"{offer.source}-{offer.target}"
        word = Text(state.word, style=state.colour)
        table.add_row(offer.provider, pair, *_figures(offer, found, now_ms), word, *_left(offer, market))
        if state.why:
            notes.append(Text(f"  {offer.provider} {pair} is not used: {state.why}", style="yellow"))
    told = Text("  times are UTC; open quotes and what is left are in the currency that is given", style="dim")
    return Group(table, *notes, told)


def _figures(offer: FxOffer, found: Published | None, now_ms: int) -> tuple[str, str, str, str, str]:
    spread = f"{offer.spread_bps} bp" if offer.spread_bps else NONE
    if found is None:
        return NONE, spread, NONE, NONE, NONE
    customer = Rate.parse(found.rate).less(offer.spread_bps)
    soon = found.until_ms - now_ms < SOON_MS
    until = when(found.until_ms)[:8] if soon else day_and_time(found.until_ms)[5:-3]
    return found.rate, spread, str(customer), ago(now_ms - found.at_ms), until


def _left(offer: FxOffer, market: Market) -> tuple[str, str]:
    """Say what open quotes bind the provider to, of how much, and what its position could still give beside them."""
    opened = Money(market.open_minor.get((offer.provider, offer.target), 0), offer.target)
    left = market.available.get((offer.provider, offer.target))
    bound = f"{opened} of {offer.exposure_max}" if offer.exposure_max else str(opened)
    return bound, NONE if left is None else str(Money(left - opened.minor, offer.target))


def history_table(rates: Sequence[Published]) -> Table:
    """Return what was published in one direction, the newest first."""
    table = plain_table("", "published (UTC)", "rate", "good for", "state", "by")
    for each in rates:
        state = Text(str(each.state).replace("_", " "), style="green" if each.state is RateState.IN_FORCE else "yellow")
        if each.last:
            state.append(f"  jumped from {each.last}", style="dim")
        table.add_row(day_and_time(each.at_ms), each.rate, ago(each.until_ms - each.at_ms), state, each.by)
    return table


def quote_table(quotes: Sequence[Quote], left_out: Iterable[str], now_ms: int) -> RenderableType:
    """Return quotes side by side, the best for the customer first, and each way that was left out."""
    table = plain_table("", "", "sold by")
    for column in ("sent", "+ fees", "payer pays", "rate", "- fees", "payee gets", "honoured for"):
        table.add_column(column, justify="right")
    for number, each in enumerate(quotes, 1):
        price = each.price
        by = " then ".join(price.providers) or "no conversion"
        table.add_row(
            str(number),
            by + (" (confirms)" if price.converter else ""),
            amount(price.sent.minor, price.sent.currency),
            str(Money(price.taken.minor - price.sent.minor, price.sent.currency)),
            amount(price.taken.minor, price.taken.currency),
            price.rate or NONE,
            _out_of_it(price),
            Text(amount(price.given.minor, price.given.currency), style="bold" if number == 1 else ""),
            NONE if price.expires_ms is None else lasting(price.expires_ms - now_ms),
        )
    why = [Text(f"  {number}: {_came_of(each)}", style="dim") for number, each in enumerate(quotes, 1)]
    return Group(table, *why, *(Text(f"  {each}", style="yellow") for each in left_out))


def _out_of_it(price: Price) -> str:
    minor = sum(fee.money.minor for fee in price.fees if fee.paid_by is Side.PAYEE)
    return str(Money(minor, price.given.currency))


def _came_of(quote: Quote) -> str:
    """Say what a quote came of: its conversions, and the fees of either side."""
    return "; ".join([part for part in (quote.why, *_fees(quote.price)) if part] or ["no fees"])


def _fees(price: Price) -> list[str]:
    sides = {side: [fee for fee in price.fees if fee.paid_by is side] for side in Side}
    return [
        f"{side}: {' + '.join(f'{fee.name} {fee.money}' for fee in fees)} {fees[0].money.currency}"
        for side, fees in sides.items()
        if fees
    ]


def price_of(transfer: Transfer) -> list[RenderableType]:
    """Return what a transfer takes and gives, and by which movements; nothing where only the amount itself moves."""
    price = transfer.price
    if price is None:
        return []
    head = Text.assemble(
        ("price ", "dim"),
        f"sent {price.sent} {price.sent.currency}, the payer pays ",
        (amount(price.taken.minor, price.taken.currency), "bold"),
        ", the payee gets ",
        (amount(price.given.minor, price.given.currency), "bold"),
    )
    if price.rate:
        head.append(f", at {price.rate}")
    if price.converter:
        head.append(f", when {price.providers[0]} confirms over {price.converter}")
    found: list[RenderableType] = [head]
    if price.quote:
        found.append(
            Text(f"by quote {price.quote}; `hub explain {price.quote}` says why it is what it is", style="dim")
        )
    return [*found, *_parts(price)]


def _parts(price: Price) -> list[RenderableType]:
    found: list[RenderableType] = []
    if price.hops:
        hops = plain_table("conversions", "FX provider", "takes", "gives", "rate")
        for hop in price.hops:
            takes, gives = amount(hop.source.minor, hop.source.currency), amount(hop.target.minor, hop.target.currency)
            hops.add_row(hop.provider, takes, gives, hop.rate)
        found.append(hops)
    if price.fees:
        found.append(fee_table(price.fees))
    legs = plain_table("legs", "from", "to", "amount")
    for leg in price.legs:
        legs.add_row(who(leg.debit), who(leg.credit), amount(leg.money.minor, leg.money.currency))
    return [*found, legs]


def fee_table(fees: Sequence[Fee], why: Sequence[str] = ()) -> Table:
    """Return fees, and why each is what it is, where that is told."""
    table = plain_table("fees", "fee", "paid by the", "earned by", "amount", *(("because",) if why else ()))
    for number, fee in enumerate(fees):
        name = f"{fee.name} (tax)" if fee.tax else fee.name
        because = (why[number],) if why else ()
        table.add_row(name, fee.paid_by, who(fee.earned_by), amount(fee.money.minor, fee.money.currency), *because)
    return table


def position_table(accounts: Iterable[Account], participants: Sequence[str]) -> Table:
    """Return where these participants stand, in each of their currencies."""
    table = plain_table("positions of the FX providers", "participant", "currency")
    for column in ("balance", "held", "cap", "left to give"):
        table.add_column(column, justify="right")
    for each in sorted(accounts, key=lambda each: (each.participant, each.currency)):
        if each.kind is Kind.POSITION and each.participant in participants:
            minors = (balance(each), each.debits_pending, each.cap_minor or 0, available(each) or 0)
            figures = [str(Money(minor, each.currency)) for minor in minors]
            table.add_row(each.participant, each.currency, *figures)
    return table


def who(participant: str) -> str:
    """Name who stands at one end of a leg."""
    return SCHEME if participant == HUB else participant


def day_and_time(unix_ms: int) -> str:
    """Return a day and a time of it, UTC, to the second."""
    return datetime.fromtimestamp(unix_ms // 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")


def ago(ms: int) -> str:
    """Return how long ago something was, in words as short as they may be."""
    seconds = max(ms, 0) // 1000
    return f"{seconds} s" if seconds < 120 else str(timedelta(seconds=seconds))


def lasting(ms: int) -> str:
    """Return how long something still lasts."""
    return ago(ms) if ms > 0 else "expired"
