"""A quotation is found by one of its quotes: what an operator holds is often no more than a quote's id."""

import pytest

from hub.core.instrument import Instrument
from hub.core.pricing.price import Quote, priced
from routing.message import Resource
from routing.money import Money
from tests.store.house import BRAVO, House, msisdn, transfer_id

pytestmark = pytest.mark.postgres


def quote(id_: str) -> Quote:
    money = Money(10_00, "KES")
    price = priced(payer_fsp="alpha", payee_fsp="bravo", sent=money, converted=money, fees=[])
    return Quote(id=id_, price=price, why="1 of 1", payer_fsp="alpha", payee_fsp="bravo", type="transfer")


def quotation(number: int, *quotes: str) -> Instrument:
    id_ = transfer_id(number)
    return Instrument(
        id=id_,
        kind=Resource.QUOTATION,
        reference=id_,
        participant="bravo",
        connection="",
        own="",
        owner="alpha",
        account=msisdn(BRAVO),
        terms={},
        created_ms=1,
        updated_ms=1,
        quotes=tuple(map(quote, quotes)),
    )


async def test_a_quotation_is_found_by_any_of_its_quotes_and_by_nothing_else(house: House) -> None:
    first, second = quotation(1, "quote-1", "quote-2"), quotation(2, "quote-3")
    await house.store.remember([first, second])
    assert await house.store.quotation_of("quote-2") == first
    assert await house.store.quotation_of("quote-3") == second
    for unknown in ("quote", "", "quote-1' OR true --", transfer_id(1)):
        assert await house.store.quotation_of(unknown) is None
