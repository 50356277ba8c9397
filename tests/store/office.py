"""Two people at the office: what one proposes the other approves, on whichever store the house has."""

from collections.abc import Iterator
from itertools import count
from typing import Final

from hub.core.command import Result
from hub.core.office.funds import MoveFunds, payment_of
from hub.core.office.proposal import Approve, Propose
from hub.core.office.records import Funds, Purpose
from hub.core.record import Deed, R
from hub.core.settlement.window import Payment
from routing.money import Money
from tests.store.house import House

MAKER, CHECKER = "maker", "checker"
_numbers: Final[Iterator[int]] = count(0xF000)


def fresh() -> str:
    """An id that no other has."""
    return f"{next(_numbers):032x}"


async def proposed(house: House, deed: Deed) -> Result:
    return await house.door.handle(Propose(by=deed.by, proposal=fresh(), deed=deed, why="it is to be done"))


async def approved(house: House, deed: Deed) -> Result:
    """Propose a deed, which must be possible, and have the other approve it."""
    proposal = fresh()
    result = await house.door.handle(Propose(by=deed.by, proposal=proposal, deed=deed, why="it is to be done"))
    if result.reason:
        return result
    return await house.door.handle(Approve(by=CHECKER, proposal=proposal, deed=deed))


def moving(
    amount: str, *, out: bool = False, purpose: Purpose = Purpose.POSITION, who: str = "alpha", funds: str = ""
) -> MoveFunds:
    return MoveFunds(
        by=MAKER,
        funds=funds or fresh(),
        participant=who,
        money=Money.parse(amount, "KES"),
        out=out,
        purpose=purpose,
        why="statement of the day",
    )


async def kept(house: House, kind: type[R], id_: str) -> R:
    found = await house.store.records.one(kind, id_)
    assert found is not None
    return found


async def funds_and_payment(house: House, deed: MoveFunds) -> tuple[Funds, Payment]:
    return await kept(house, Funds, deed.funds), await kept(house, Payment, payment_of(deed.funds))
