"""A corridor in the house of the stores: its scheme in force, its rates published, quotes made and paid."""

from typing import Any

from hub.core.command import Submit
from hub.core.instrument import Instrument
from hub.core.participant import SchemeFile
from hub.core.pricing.price import Side
from hub.core.pricing.rules import Earner, FeeRule, FxOffer, LimitRule, Period, Then
from hub.flow import Door
from routing.message import Resource
from tests.core.corridor import RATES, corridor_file, paying, publishes, quotation
from tests.core.stage import transfer_id
from tests.store.house import House, reason_of

FEES = (
    FeeRule(name="commission", currency="KES", percent="1"),
    FeeRule(name="excise", currency="KES", tax=True, percent="20", of=("commission",)),
    FeeRule(name="cash-out", currency="UGX", paid_by=Side.PAYEE, earned_by=Earner.PAYEE_FSP, fixed="100"),
    FeeRule(name="levy", currency="UGX", paid_by=Side.PAYEE, tax=True, percent="0.5"),
)
DAILY = LimitRule(name="daily", currency="KES", per=Period.DAY, max_value="3000")
OFTEN = LimitRule(name="often", currency="KES", per=Period.DAY, max_count=25, then=Then.REVIEW)


def sold_by(provider: str, exposure_max: str = "") -> FxOffer:
    return FxOffer(provider=provider, source="KES", target="UGX", exposure_max=exposure_max)


async def open_corridor(house: House, file: SchemeFile | None = None) -> None:
    """Put the corridor's scheme in force, and the rates of everything that is sold."""
    applied = file or corridor_file()
    await house.store.apply_scheme(applied, "test")
    sold = {(each.provider, each.source, each.target) for each in applied.fx}
    for (provider, source, target), rate in RATES.items():
        if (provider, source, target) in sold:
            assert reason_of(await house.door.handle(publishes(provider, source, target, rate))) == ""


async def quoted(house: House, number: int, *, door: Door | None = None, **asked: Any) -> Instrument:
    """Have quotes made by the hub, which must succeed."""
    assert reason_of(await (door or house.door).handle(quotation(number, **asked))) == ""
    (found,) = await house.store.instruments(Resource.QUOTATION, transfer_id(number))
    return found


async def paid(house: House, number: int, quotation_: Instrument, **more: Any) -> Submit:
    """Pay by the best quote, which must succeed."""
    pays = paying(number, quotation_, **more)
    assert reason_of(await house.door.handle(pays)) == ""
    return pays
