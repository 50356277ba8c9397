"""A price of any scheme: what is taken is what is given, kept and earned, in every currency, to the last minor unit."""

from collections.abc import Mapping

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.core.participant import Role, SchemeFile, chart, check
from hub.core.pricing.fees import Way
from hub.core.pricing.market import Market, exposures
from hub.core.pricing.price import HUB, Price, Side
from hub.core.pricing.quote import Ask, offers
from hub.core.pricing.rate import Rounding
from hub.core.pricing.rules import Earner, FeeRule, FxOffer, Tier
from hub.ledger.account import Account, Kind
from hub.ledger.journal import Book, Phase, Posting
from hub.ledger.position import balance
from routing.money import EXPONENTS, Money
from tests.core.corridor import RateKey, corridor_file, flows, market, member, owed
from tests.core.stage import START_MS, scheme

CURRENCIES = ("KES", "UGX", "XOF", "BHD", "USD")
SELLERS = ("delta", "echo")
PERCENTS = st.integers(0, 2_500).map(lambda hundredths: f"{hundredths // 100}.{hundredths % 100:02}")
RATES = st.builds(lambda digits, scale: f"{digits / 10**scale:.6f}", st.integers(1, 99_999), st.integers(0, 4))


@st.composite
def fees(draw: st.DrawFn, side: Side, currency: str) -> list[FeeRule]:
    """Draw the fees of one side: fixed, shares, taxes of shares, tiers and bounds; earned by anybody."""
    unit = 10 ** EXPONENTS[currency]
    found: list[FeeRule] = []
    for number in range(draw(st.integers(0, 4))):
        tiers = (Tier(up_to="100", percent=draw(PERCENTS)), Tier(fixed="1", percent=draw(PERCENTS)))
        kind = draw(st.sampled_from(["fixed", "percent", "tiers", "of"]))
        found.append(
            FeeRule(
                name=f"{side}-{number}",
                currency=currency,
                paid_by=side,
                earned_by=draw(st.sampled_from(list(Earner))),
                fixed=str(Money(draw(st.integers(0, 2 * unit)), currency)) if kind == "fixed" else "0",
                percent=draw(PERCENTS) if kind in {"percent", "of"} else "0",
                tiers=tiers if kind == "tiers" else (),
                graduated=draw(st.booleans()),
                of=(found[-1].name,) if kind == "of" and found else (),
                max="50" if draw(st.booleans()) else "",
            )
        )
    return found


class World(msgspec.Struct):
    """What is drawn: a scheme, its market, and what is asked."""

    file: SchemeFile
    on: Market
    ask: Ask


@st.composite
def worlds(draw: st.DrawFn) -> World:
    payer_fsp, payee_fsp = draw(st.sampled_from([("alpha", "bravo"), ("alpha", "alpha")]))
    source, target = draw(st.sampled_from(CURRENCIES)), draw(st.sampled_from(CURRENCIES))
    between = draw(st.sampled_from([each for each in CURRENCIES if each not in {source, target}]))
    pairs = draw(st.sampled_from([[(source, target)], [(source, between), (between, target)]]))
    fx = [
        FxOffer(provider=seller, source=one, target=two, spread_bps=draw(st.integers(0, 200)))
        for one, two in pairs
        for seller in SELLERS
        if one != two and (seller == "delta" or draw(st.booleans()))
    ]
    rates: Mapping[RateKey, str] = {(each.provider, each.source, each.target): draw(RATES) for each in fx}
    terms = {"rounding": draw(st.sampled_from(list(Rounding))), "reference_currencies": (between,)}
    file = msgspec.structs.replace(
        corridor_file(terms=terms),
        participant=(
            member("alpha", currencies=CURRENCIES),
            member("bravo", currencies=CURRENCIES),
            *(member(each, Role.FX_PROVIDER, CURRENCIES) for each in SELLERS),
        ),
        connection=(),
        corridor=(),
        fx=tuple(fx),
        fee=(*draw(fees(Side.PAYER, source)), *draw(fees(Side.PAYEE, target))),
    )
    check(file)
    receive = draw(st.booleans())
    fixed = Money(draw(st.integers(1, 10**7)), target if receive else source)
    way = Way(payer_fsp, payee_fsp, "transfer", source, target)
    return World(file, market(rates), Ask(way, fixed, receive=receive))


def prices(world: World) -> list[Price]:
    found = offers(world.ask, scheme(world.file), world.on, START_MS, id_="0" * 32)
    return [each.price for each in found.quotes]


def paid_by(side: Side, price: Price) -> int:
    return sum(each.money.minor for each in price.fees if each.paid_by is side)


@settings(max_examples=500)
@given(worlds())
def test_what_is_taken_is_sent_and_earned_and_what_arrives_is_given_and_earned(world: World) -> None:
    for price in prices(world):
        way = world.ask.way
        assert price.taken == Money(price.sent.minor + paid_by(Side.PAYER, price), way.source)
        arrives = price.hops[-1].target if price.hops else price.sent
        assert arrives == Money(price.given.minor + paid_by(Side.PAYEE, price), way.target)
        assert world.ask.fixed == (price.given if world.ask.receive else price.sent)
        assert [each.money.currency for each in price.fees] == [
            way.source if each.paid_by is Side.PAYER else way.target for each in price.fees
        ]
        amount = price.sent
        for hop in price.hops:
            assert hop.source == amount, "what one provider gives the next one takes"
            amount = hop.target
        assert min(price.sent.minor, price.given.minor, amount.minor) > 0


@settings(max_examples=500)
@given(worlds())
def test_every_leg_is_positive_and_everybody_gains_exactly_what_the_price_says(world: World) -> None:
    payer_fsp, payee_fsp = world.ask.way.payer_fsp, world.ask.way.payee_fsp
    for price in prices(world):
        assert all(leg.money.minor > 0 and leg.debit != leg.credit for leg in price.legs)
        ways = [(leg.debit, leg.credit, leg.money.currency) for leg in price.legs]
        assert len(set(ways)) == len(ways), "what goes the same way is one leg"
        gained = flows(price.legs)
        assert gained == owed(price, payer_fsp, payee_fsp)
        for provider in SELLERS:
            sold: dict[str, int] = {}
            for hop in price.hops:
                for money, sign in ((hop.source, 1), (hop.target, -1)):
                    if hop.provider == provider:
                        sold[money.currency] = sold.get(money.currency, 0) + sign * money.minor
            for fee in price.fees:
                if fee.earned_by == provider:
                    sold[fee.money.currency] = sold.get(fee.money.currency, 0) + fee.money.minor
            for currency in CURRENCIES:
                assert gained.get((provider, currency), 0) == sold.get(currency, 0)


@settings(max_examples=300)
@given(worlds())
def test_the_hub_earns_its_fees_and_bears_no_rate(world: World) -> None:
    for price in prices(world):
        gained = flows(price.legs)
        for currency in CURRENCIES:
            earned = sum(
                fee.money.minor for fee in price.fees if fee.earned_by == HUB and fee.money.currency == currency
            )
            assert gained.get((HUB, currency), 0) == earned
            assert sum(minor for (_, each), minor in gained.items() if each == currency) == 0
        assert all(leg.debit != HUB for leg in price.legs), "it pays nobody"


@settings(max_examples=300)
@given(worlds())
def test_what_is_posted_is_what_the_legs_say(world: World) -> None:
    accounts = {key: number for number, key in enumerate(sorted(chart(world.file)), 1)}
    for price in prices(world):
        book = Book(
            Account(id=number, kind=key[2], participant=key[0], currency=key[1], cap_minor=None)
            for key, number in accounts.items()
        )
        for phase in (Phase.PENDING, Phase.POSTED):
            book.enter_all([posting(accounts, leg.debit, leg.credit, leg.money, phase) for leg in price.legs])
        after = {
            (each.participant, each.currency): balance(each)
            for each in book.accounts.values()
            if balance(each) and each.kind in {Kind.POSITION, Kind.FEES}
        }
        assert after == flows(price.legs)
        assert not any(each.debits_pending or each.credits_pending for each in book.accounts.values())


def posting(
    accounts: Mapping[tuple[str, str, Kind], int], debit: str, credit: str, money: Money, phase: Phase
) -> Posting:
    def purse(who: str) -> int:
        return accounts[who, money.currency, Kind.FEES if who == HUB else Kind.POSITION]

    return Posting("t", purse(debit), purse(credit), money.minor, phase)


@settings(max_examples=200)
@given(worlds())
def test_open_quotes_bind_each_provider_to_the_most_that_it_may_have_to_give(world: World) -> None:
    quotes = offers(world.ask, scheme(world.file), world.on, START_MS, id_="0" * 32).quotes
    bound = exposures(quotes)
    given_by: dict[tuple[str, str], list[int]] = {}
    for quote in quotes:
        for hop in quote.price.hops:
            given_by.setdefault((hop.provider, hop.target.currency), []).append(hop.target.minor)
    assert {(who, currency): minor for (who, currency, _), minor in bound.items()} == {
        key: max(minors) for key, minors in given_by.items()
    }
    ends = [quote.price.expires_ms or 0 for quote in quotes]
    assert all(until_ms >= max(ends) for _, _, until_ms in bound)


@settings(max_examples=200)
@given(worlds())
def test_a_price_is_read_again_as_it_is_kept(world: World) -> None:
    for price in prices(world):
        assert msgspec.json.decode(msgspec.json.encode(price), type=Price) == price
