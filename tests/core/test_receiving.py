"""What is to be received, in currencies of any decimals: exactly so much arrives, and no more is sent for it."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.core.participant import Role, SchemeFile
from hub.core.pricing.price import Side
from hub.core.pricing.rate import Rate, Rounding
from hub.core.pricing.rules import FeeRule, FxOffer, Tier
from routing.money import EXPONENTS, Money
from tests.core.corridor import asked, corridor_file, market, member, way

DECIMALS = {"JPY": "3", "XOF": "0.5", "BHD": "0.0035", "USD": "0.0077", "UGX": "28.5", "KES": "1"}
CURRENCIES = sorted(DECIMALS)


def world_of(source: str, target: str, fees: tuple[FeeRule, ...], rounding: Rounding, spread: int) -> SchemeFile:
    """Build a scheme for one corridor between any two currencies."""
    plain = corridor_file(terms={"rounding": rounding})
    pair = (source, target)
    return msgspec.structs.replace(
        plain,
        participant=(
            member("alpha", currencies=(source,)),
            member("bravo", currencies=(target,)),
            member("delta", Role.FX_PROVIDER, pair),
        ),
        connection=(),
        fee=fees,
        corridor=(),
        fx=(FxOffer(provider="delta", source=source, target=target, spread_bps=spread),),
    )


PERCENTS = st.integers(0, 3_000).map(lambda hundredths: f"{hundredths // 100}.{hundredths % 100:02}")


@st.composite
def payee_fees(draw: st.DrawFn, currency: str) -> tuple[FeeRule, ...]:
    """Draw what the payee pays: a share, what is fixed, a tax, or a stair of tiers."""
    unit = 10 ** EXPONENTS[currency]
    stairs = (Tier(up_to=str(50), percent=draw(PERCENTS)), Tier(fixed="1", percent=draw(PERCENTS)))
    rules = (
        FeeRule(name="share", currency=currency, paid_by=Side.PAYEE, percent=draw(PERCENTS)),
        FeeRule(
            name="fixed", currency=currency, paid_by=Side.PAYEE, fixed=str(Money(draw(st.integers(0, unit)), currency))
        ),
        FeeRule(name="tax", currency=currency, paid_by=Side.PAYEE, of=("share",), percent=draw(PERCENTS)),
        FeeRule(name="stairs", currency=currency, paid_by=Side.PAYEE, tiers=stairs, graduated=draw(st.booleans())),
    )
    chosen = draw(st.sets(st.integers(0, 3)))
    return tuple(each for number, each in enumerate(rules) if number in chosen | ({0} if 2 in chosen else set()))


@settings(max_examples=300)
@given(st.data())
def test_what_is_to_be_received_arrives_to_the_last_minor_unit(data: st.DataObject) -> None:
    source, target = data.draw(st.lists(st.sampled_from(CURRENCIES), min_size=2, max_size=2, unique=True))
    fees = data.draw(payee_fees(target))
    rounding = data.draw(st.sampled_from(list(Rounding)))
    spread = data.draw(st.integers(0, 300))
    file = world_of(source, target, fees, rounding, spread)
    rate = DECIMALS[target]
    wanted = Money(data.draw(st.integers(1, 10**7)), target)
    found = asked(file, market({("delta", source, target): rate}), str(wanted), ways=way(source, target), receive=True)
    if not found.quotes:  # tiers may jump over an amount
        assert found.left_out == [f"delta: left out, no amount leaves exactly {wanted} after fees"]
        assert any(each.tiers for each in fees)
        return
    price = found.quotes[0].price
    assert price.given == wanted
    converted = price.hops[0].target
    paid = sum(each.money.minor for each in price.fees if each.paid_by is Side.PAYEE)
    assert converted.minor == wanted.minor + paid
    # No less would do: what is sent is the least that is worth what is converted.
    left = Rate.parse(rate).less(spread)
    assert left.costs(converted, source) == price.sent
    assert left.buys(price.sent, target, Rounding.DOWN).minor >= converted.minor
    # Sent instead of received, the same amount gives no less.
    again = asked(file, market({("delta", source, target): rate}), str(price.sent), ways=way(source, target))
    if rounding is not Rounding.DOWN and again.quotes and not any(each.tiers for each in fees):
        assert again.quotes[0].price.given.minor >= wanted.minor


@pytest.mark.parametrize("target", CURRENCIES)
@pytest.mark.parametrize("source", CURRENCIES)
def test_between_currencies_of_any_decimals_every_amount_is_whole(source: str, target: str) -> None:
    if source == target:
        return
    file = world_of(source, target, (), Rounding.HALF_EVEN, 0)
    on = market({("delta", source, target): DECIMALS[target]})
    (quote,) = asked(file, on, "1234", ways=way(source, target)).quotes
    exact = Rate.parse(DECIMALS[target]).buys(Money.parse("1234", source), target, Rounding.HALF_EVEN)
    assert quote.price.given == exact
    assert len(str(exact).partition(".")[2]) <= EXPONENTS[target]
    assert Money.parse(str(exact), target) == exact
