"""The bench of prices: quotes made by the pure core, with nothing loaded and nothing kept; it prints nothing itself.

A scheme of fifty corridors, a thousand rows of fees and taxes, and two FX providers that compete for every quote.
"""

import gc
import time
from itertools import islice, permutations
from typing import Final

import msgspec

from hub.core.participant import Participant, Role, Scheme, SchemeFile, Terms, chart, check
from hub.core.pricing.fees import Way
from hub.core.pricing.market import Market, Published
from hub.core.pricing.price import Side
from hub.core.pricing.quote import Ask, offers
from hub.core.pricing.rules import Corridor, Earner, FeeRule, FxOffer, Tier
from routing.money import Money
from routing.party import party

QUOTES: Final = 10_000
ROUNDS: Final = 3
CORRIDORS: Final = 50
FEES_A_SIDE: Final = 10  # of every corridor: a thousand in all
CURRENCIES: Final = ("KES", "UGX", "TZS", "RWF", "GHS", "NGN", "XOF", "ZMW")
# What one dollar costs, roughly.
WORTH: Final = dict(zip(CURRENCIES, (129, 3_680, 2_600, 1_430, 15, 1_550, 600, 27), strict=True))
SELLERS: Final = ("fx1", "fx2")
RECEIVED: Final = 3  # of four
NOW_MS: Final = 1_800_000_000_000
_US: Final = 1_000_000


class PricingFigures(msgspec.Struct, kw_only=True):
    """What was measured, in time of one processor. A quotation here is two quotes: one of each FX provider."""

    quotations: int
    fee_rows: int
    corridors: int
    pricing_us_per_quotation: float  # of the fastest round
    pricing_quotations_per_second: float


def _pairs() -> list[tuple[str, str]]:
    return list(islice(permutations(CURRENCIES, 2), CORRIDORS))


def _fees(source: str, target: str) -> list[FeeRule]:
    """List a corridor's rows of either side: bands of a fee for several types, its tax, and a fee in tiers."""
    found = []
    for side, currency, other in ((Side.PAYER, source, target), (Side.PAYEE, target, source)):
        dollar = WORTH[currency]
        bands = [
            FeeRule(
                name="service",
                currency=currency,
                other=other,
                paid_by=side,
                types=(kind,),
                band_from=str(low * dollar),
                band_to=str(high * dollar) if high else "",
                fixed=str(dollar),
                percent="0.75",
                max=str(100 * dollar),
            )
            for kind in ("merchantpay", "inttransfer")
            for low, high in ((0, 20), (20, 200), (200, 2_000), (2_000, 0))
        ]
        tax = FeeRule(name="tax", currency=currency, other=other, paid_by=side, of=("service",), percent="18", tax=True)
        margin = FeeRule(
            name="margin",
            currency=currency,
            other=other,
            paid_by=side,
            earned_by=Earner.FX_PROVIDER,
            tiers=(Tier(up_to=str(500 * dollar), percent="0.3"), Tier(percent="0.2")),
            graduated=True,
        )
        found += [*bands, tax, margin]
    return found


def _file() -> SchemeFile:
    caps = dict.fromkeys(CURRENCIES, "100000000000")
    members = [
        Participant(id=id_, name=id_, role=role, country="KE", currencies=CURRENCIES, net_debit_cap=caps)
        for id_, role in (("payer", Role.FSP), ("payee", Role.FSP), *((each, Role.FX_PROVIDER) for each in SELLERS))
    ]
    return SchemeFile(
        scheme=Terms(name="pricing bench"),
        participant=tuple(members),
        fee=tuple(fee for pair in _pairs() for fee in _fees(*pair)),
        corridor=tuple(Corridor(source=source, target=target) for source, target in _pairs()),
        fx=tuple(
            FxOffer(
                provider=seller, source=source, target=target, spread_bps=25, max="50000000", exposure_max="90000000000"
            )
            for source, target in _pairs()
            for seller in SELLERS
        ),
    )


def _market() -> Market:
    rates = [
        Published(
            provider=seller,
            source=source,
            target=target,
            rate=_decimal((WORTH[target] * 10**6) // WORTH[source] - number),
            at_ms=NOW_MS - 5_000,
            until_ms=NOW_MS + 295_000,
            by="bench",
        )
        for source, target in _pairs()
        for number, seller in enumerate(SELLERS)
    ]
    return Market(
        rates={each.key: each for each in rates},
        open_minor={(seller, currency): 1_000_00 for seller in SELLERS for currency in CURRENCIES},
        available={(seller, currency): 10**13 for seller in SELLERS for currency in CURRENCIES},
    )


def _decimal(millionths: int) -> str:
    return f"{millionths // 10**6}.{millionths % 10**6:06}"


def _asks(count: int) -> list[Ask]:
    """Ask as callers do: every corridor in turn, another amount each time, one in four for what is received."""
    payer, payee = party([("msisdn", "+254700000001")]), party([("msisdn", "+256700000001")])
    pairs = _pairs()
    found = []
    for number in range(count):
        source, target = pairs[number % len(pairs)]
        receive = number % 4 == RECEIVED
        currency = target if receive else source
        fixed = Money.parse(str(WORTH[currency] * (10 + number % 3_000)), currency)
        way = Way("payer", "payee", "inttransfer", source, target)
        found.append(Ask(way, fixed, receive=receive, deliveries=("directtoaccount",), payer=payer, payee=payee))
    return found


def measure_pricing(quotations: int = QUOTES, rounds: int = ROUNDS) -> PricingFigures:
    """Price so many quotations, several times over; raises RuntimeError when one of them is not offered twice."""
    file = _file()
    check(file)
    scheme = Scheme(1, file, {key: number for number, key in enumerate(sorted(chart(file)), 1)})
    market, asks = _market(), _asks(quotations)
    ids = [f"{number:032x}" for number in range(quotations)]
    fastest = float("inf")
    for _ in range(rounds):
        gc.collect()
        began = time.thread_time()
        for ask, id_ in zip(asks, ids, strict=True):
            found = offers(ask, scheme, market, NOW_MS, id_=id_)
            if len(found.quotes) != len(SELLERS):
                raise RuntimeError(f"the pricing bench was offered {len(found.quotes)} quotes: {found.left_out}")
        fastest = min(fastest, time.thread_time() - began)
    return PricingFigures(
        quotations=quotations,
        fee_rows=len(file.fee),
        corridors=len(file.corridor),
        pricing_us_per_quotation=round(fastest / quotations * _US, 1),
        pricing_quotations_per_second=round(quotations / fastest, 1),
    )
