"""Prefunding of a trial: two people of the office and the bank's word, as in earnest; no shorter way is left for it."""

from hashlib import sha256
from typing import Final

from hub.core.office.funds import ConfirmFunds, MoveFunds
from hub.core.office.proposal import Approve, Propose
from hub.core.office.records import Funds, FundsState
from hub.core.record import Deed
from hub.flow import Door
from hub.http.ids import new_id
from routing.money import Money

MAKER: Final = "trial maker"
CHECKER: Final = "trial checker"
WHY: Final = "what the trial begins with"


async def prefunded(door: Door, participant: str, money: Money, reference: str) -> None:
    """Have money in a position that its participant brought; once for each of the bank's references."""
    funds = sha256(f"{participant}\n{reference}".encode()).hexdigest()[:32]
    found = await door.store.records.one(Funds, funds)
    if found is None:
        await by_two(door, MoveFunds(by=MAKER, funds=funds, participant=participant, money=money, why=WHY))
    if found is None or found.state is FundsState.APPROVED:
        said = ConfirmFunds(
            by=MAKER, funds=funds, participant=participant, currency=money.currency, reference=reference, why=WHY
        )
        await by_two(door, said)


async def by_two(door: Door, deed: Deed, checker: str = CHECKER, *, why: str = WHY, subject: str = "") -> None:
    """Have a deed proposed by whoever it is by, and approved by another; raises ValueError for a refusal."""
    proposal = new_id()
    for each in (
        Propose(by=deed.by, proposal=proposal, deed=deed, subject=subject, why=why),
        Approve(by=checker, proposal=proposal, deed=deed),
    ):
        result = await door.handle(each)
        if result.reason:
            raise ValueError(f"the trial's two people were refused: {result}")
