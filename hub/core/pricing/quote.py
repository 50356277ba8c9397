"""Quotes: every way to carry an amount, priced, the best for the customer first; and why a way was left out.

The sender fixes what is sent, or what is received. In the second case what is converted is exactly what arrives plus
the payee's fees, and what is sent is the least that is worth it: the fraction of a minor unit stays with the FX
provider. Nothing here reserves, moves or asks.
"""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Final, NamedTuple

import msgspec

from hub.core.command import Reason, first_of
from hub.core.derived import uuid_of
from hub.core.participant import Scheme
from hub.core.pricing.fees import Way
from hub.core.pricing.market import Market, RateState
from hub.core.pricing.price import Fee, Hop, Price, Quote, Side, priced
from hub.core.pricing.rate import Rate
from hub.core.pricing.rules import FxOffer
from routing.message import Operation
from routing.money import AmountTooLargeError, Money
from routing.party import Party

QUOTES_MAX: Final = 10  # the API's
_STEPS_MAX: Final = 64

_STALE: Final = "its rate is stale"
_SHORT: Final = "it has not the liquidity"


class Ask(NamedTuple):
    """What is to be priced."""

    way: Way
    fixed: Money  # in the source currency; with `receive`, what is to arrive, in the target currency
    receive: bool = False
    free: bool = False  # without fees: a reversal
    may_confirm: bool = True  # the transfer can wait for an FX provider's word
    deliveries: tuple[str, ...] = ("",)
    payer: Party = ()
    payee: Party = ()


class Offers(NamedTuple):
    """The quotes, best first; and each way that was left out, with its reason."""

    quotes: list[Quote]
    left_out: list[str]
    reason: Reason | None  # why there is no quote at all


class _LeftOutError(Exception):
    """A way cannot be taken."""

    def __init__(self, why: str, reason: Reason) -> None:
        super().__init__(why)
        self.reason = reason


Sellers = tuple[FxOffer, ...]


class _On(NamedTuple):
    """What a price is made on."""

    scheme: Scheme
    market: Market
    now_ms: int


def offers(ask: Ask, scheme: Scheme, market: Market, now_ms: int, *, id_: str) -> Offers:
    """Price every way; `id_` makes the ids of the quotes."""
    on = _On(scheme, market, now_ms)
    found: list[tuple[Price, str, str]] = []
    left_out: list[str] = []
    reasons: list[Reason] = []
    for sellers in _ways(ask.way, scheme):
        for delivery in ask.deliveries:
            try:
                price = _price(ask, ask.way._replace(delivery=delivery), sellers, on)
            except _LeftOutError as error:
                left_out.append(f"{_names(sellers)}: left out, {error}")
                reasons.append(error.reason)
                continue
            found.append((price, delivery, _why(price, sellers, on)))
    if not found:
        nobody = f"nobody sells {ask.way.target} for {ask.way.source}"
        return Offers([], left_out or [nobody], first_of(reasons) or Reason.CURRENCY_UNSUPPORTED)
    found.sort(key=lambda each: rank(each[0], receive=ask.receive))
    quotes = [
        Quote(
            id=quote_id(id_, number),
            price=msgspec.structs.replace(price, quote=quote_id(id_, number)),
            why=why,
            payer_fsp=ask.way.payer_fsp,
            payee_fsp=ask.way.payee_fsp,
            type=ask.way.type,
            payer=ask.payer,
            payee=ask.payee,
            delivery=delivery,
        )
        for number, (price, delivery, why) in enumerate(found[:QUOTES_MAX], 1)
    ]
    return Offers(quotes, left_out, None)


def quote_id(quotation: str, number: int) -> str:
    """Return a quote's id: a UUID in the form of version 4, as it travels into ISO 20022; made of the quotation's."""
    return uuid_of(f"{quotation}:quote:{number}")


def rank(price: Price, *, receive: bool) -> tuple[int, int, int, tuple[str, ...]]:
    """Order by what is best for the customer: what arrives, or what it takes; then the fewest conversions."""
    arrives, takes = -price.given.minor, price.taken.minor
    return (
        (takes, arrives, len(price.hops), price.providers)
        if receive
        else (arrives, takes, len(price.hops), price.providers)
    )


def _ways(way: Way, scheme: Scheme) -> Iterator[Sellers]:
    """List the ways: none to convert, one FX provider, or two by way of a reference currency."""
    if way.source == way.target:
        yield ()
        return
    direct = scheme.fx.get((way.source, way.target), ())
    if direct:
        yield from ((each,) for each in direct)
        return
    for between in scheme.file.scheme.reference_currencies:
        for first in scheme.fx.get((way.source, between), ()):
            for second in scheme.fx.get((between, way.target), ()):
                yield first, second


def _price(ask: Ask, way: Way, sellers: Sellers, on: _On) -> Price:
    scheme = on.scheme
    rates = [_rate(seller, on, alone=len(sellers) == 1) for seller in sellers]
    provider = sellers[-1].provider if sellers else ""
    try:
        if ask.receive:
            payee_fees, converted = _received(ask.fixed, way, scheme, provider)
            hops = _backwards(converted, sellers, rates)
            sent = hops[0].source if hops else converted
        else:
            sent = ask.fixed
            hops = _forwards(sent, sellers, rates, scheme)
            converted = hops[-1].target if hops else sent
            payee_fees = [] if ask.free else scheme.fees.fees(Side.PAYEE, way, converted, provider)
        payer_fees = [] if ask.free else scheme.fees.fees(Side.PAYER, way, sent, provider)
        price = priced(
            payer_fsp=way.payer_fsp,
            payee_fsp=way.payee_fsp,
            sent=sent,
            converted=converted,
            fees=[*payer_fees, *payee_fees],
            hops=hops,
            rate=_shown(rates, hops),
        )
    except AmountTooLargeError as error:
        raise _LeftOutError(str(error), Reason.AMOUNT_TOO_LARGE) from None
    _check_amounts(price, sellers, on)
    if sellers and sellers[0].confirm and not ask.may_confirm:
        raise _LeftOutError("it confirms each conversion, which a third party cannot wait for", Reason.NO_ROUTE)
    return _lasting(price, sellers, on)


def _rate(seller: FxOffer, on: _On, *, alone: bool) -> Rate:
    """Return what the customer gets: the published rate less the spread; raises when it cannot be used."""
    found, now_ms = on.market.rates.get((seller.provider, seller.source, seller.target)), on.now_ms
    if not on.scheme.active(seller.provider):
        raise _LeftOutError("it is suspended", Reason.RATE_UNAVAILABLE)
    if found is None:
        raise _LeftOutError("it has published no rate", Reason.RATE_UNAVAILABLE)
    if found.state is RateState.HELD:
        raise _LeftOutError(
            f"its rate jumped from {found.last} to {found.rate}: an operator must confirm it", Reason.RATE_UNAVAILABLE
        )
    if now_ms - found.at_ms > seller.stale_after_s * 1000 or now_ms >= found.until_ms:
        raise _LeftOutError(f"{_STALE}, {(now_ms - found.at_ms) // 1000} s old", Reason.RATE_UNAVAILABLE)
    if seller.confirm and not alone:
        raise _LeftOutError(
            "it confirms each conversion, which only a single one can wait for", Reason.RATE_UNAVAILABLE
        )
    return _customers(found.rate, seller.spread_bps)


@lru_cache(maxsize=4096)
def _customers(published: str, spread_bps: int) -> Rate:
    return Rate.parse(published).less(spread_bps)


def _forwards(sent: Money, sellers: Sellers, rates: Sequence[Rate], scheme: Scheme) -> list[Hop]:
    hops, amount = [], sent
    for seller, rate in zip(sellers, rates, strict=True):
        target = rate.buys(amount, seller.target, scheme.rounding)
        hops.append(Hop(seller.provider, amount, target, str(rate)))
        amount = target
    return hops


def _backwards(converted: Money, sellers: Sellers, rates: Sequence[Rate]) -> list[Hop]:
    hops, amount = [], converted
    for seller, rate in zip(reversed(sellers), reversed(rates), strict=True):
        source = rate.costs(amount, seller.source)
        hops.append(Hop(seller.provider, source, amount, str(rate)))
        amount = source
    return hops[::-1]


def _received(given: Money, way: Way, scheme: Scheme, provider: str) -> tuple[list[Fee], Money]:
    """Find the least amount that, after the payee's fees on it, leaves exactly what is to be received."""
    converted = given
    for _ in range(_STEPS_MAX):
        fees = scheme.fees.fees(Side.PAYEE, way, converted, provider)
        needed = Money(given.minor + sum(fee.money.minor for fee in fees), given.currency)
        if needed == converted:
            return fees, converted
        converted = needed
    raise _LeftOutError(f"no amount leaves exactly {given} after fees", Reason.AMOUNT_TOO_SMALL)


def _check_amounts(price: Price, sellers: Sellers, on: _On) -> None:
    """Refuse what comes to nothing, is outside a provider's band, over its exposure or beyond its liquidity."""
    if price.given.minor <= 0 or price.sent.minor <= 0:
        raise _LeftOutError("nothing would arrive", Reason.AMOUNT_TOO_SMALL)
    _check_purses(price, on.scheme)
    for seller, hop in zip(sellers, price.hops, strict=True):
        least, most, exposure = on.scheme.fx_bounds[seller.provider, seller.source, seller.target]
        if hop.source.minor < least:
            raise _LeftOutError(f"it sells from {seller.min} {seller.source}", Reason.AMOUNT_TOO_SMALL)
        if most is not None and hop.source.minor > most:
            raise _LeftOutError(f"it sells up to {seller.max} {seller.source}", Reason.AMOUNT_TOO_LARGE)
        opened = on.market.open_minor.get((seller.provider, seller.target), 0)
        if exposure is not None and opened + hop.target.minor > exposure:
            raise _LeftOutError(
                f"its open quotes would pass {seller.exposure_max} {seller.target}", Reason.FX_LIQUIDITY
            )
        left = on.market.available.get((seller.provider, seller.target))
        if left is not None and left - opened < hop.target.minor:
            raise _LeftOutError(_SHORT, Reason.FX_LIQUIDITY)


def _check_purses(price: Price, scheme: Scheme) -> None:
    """Refuse what would be posted where somebody has no account."""
    for leg in price.legs:
        currency = leg.money.currency
        for who in (leg.debit, leg.credit):
            if scheme.purse(who, currency) is None:
                raise _LeftOutError(f"{who} does not settle in {currency}", Reason.CURRENCY_UNSUPPORTED)


def _lasting(price: Price, sellers: Sellers, on: _On) -> Price:
    """Say until when the price is honoured, and who must confirm the conversion."""
    expires_ms = on.now_ms + on.scheme.quote_lifetime_ms
    for seller in sellers:
        expires_ms = min(expires_ms, on.market.rates[seller.provider, seller.source, seller.target].until_ms)
    converter = ""
    if len(sellers) == 1 and sellers[0].confirm:
        routed = on.scheme.rails.choose(sellers[0].provider, (Operation.CONVERT, Operation.UNWIND), price.sent)
        if routed.connection is None:
            raise _LeftOutError(f"it cannot be asked to confirm: {'; '.join(routed.reasons)}", Reason.RATE_UNAVAILABLE)
        converter = routed.connection.name
    return msgspec.structs.replace(price, expires_ms=expires_ms, converter=converter)


def _shown(rates: Sequence[Rate], hops: Sequence[Hop]) -> str:
    """Write the rate of the whole way."""
    if len(rates) <= 1:
        return hops[0].rate if hops else ""
    found = rates[0]
    for rate in rates[1:]:
        found = found.times(rate)
    return str(found)


def _names(sellers: Sellers) -> str:
    return " then ".join(each.provider for each in sellers) or "no conversion"


def _why(price: Price, sellers: Sellers, on: _On) -> str:
    """Say in words what the conversions came of."""
    parts = []
    for seller, hop in zip(sellers, price.hops, strict=True):
        found = on.market.rates[seller.provider, seller.source, seller.target]
        age_s = (on.now_ms - found.at_ms) // 1000
        spread = f" less {seller.spread_bps} basis points" if seller.spread_bps else ""
        parts.append(f"{seller.provider} at {hop.rate} ({found.rate}{spread}, {age_s} s old)")
    return "; ".join(parts)
