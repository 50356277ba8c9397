"""A history with one transfer in each kind of state, and money from the bank."""

from hub.core.command import Fund
from routing.message import Operation, Verdict
from routing.money import Money
from tests.store.house import House, submit, transfer_id

RESERVED, COMMITTED, ABORTED, OWED, REFUNDED = (transfer_id(number) for number in range(5))
BARRED = transfer_id(9)


async def write_history(url: str) -> None:
    """Write it into an empty database that holds the hub's tables."""
    async with House(url) as house:
        await house.begun(submit(0))
        await house.completed(1, "20")
        await house.hear(await house.begun(submit(2)), Operation.CREDIT, Verdict.REFUSED)
        await house.owed(3)
        await house.door.handle_all([submit(8, "900"), submit(9, "900")])
        await house.hear(await house.owed(4), Operation.REFUND, Verdict.ACCEPTED)
        await house.door.handle(Fund(participant="alpha", money=Money(500, "KES"), reference="bank-1", by="treasury"))
