"""Histories: one transfer in each kind of state at home, prices of every kind abroad, and money from the bank."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import psycopg
from psycopg import sql

from hub.core.command import Done, Result
from hub.core.participant import AccountKey, Scheme
from hub.core.record import Deed, Desk, Kept
from hub.core.transfer import State
from hub.ledger.account import Kind
from hub.ledger.journal import Phase, Posting
from hub.store.ledger_tables import metadata
from routing.message import Operation, Verdict
from tests.core.corridor import corridor_file, paying, publishes, reversing, sending
from tests.store.abroad import DAILY, FEES, open_corridor, paid, quoted
from tests.store.house import House, submit, transfer_id

RESERVED, COMMITTED, ABORTED, OWED, REFUNDED = (transfer_id(number) for number in range(5))
BARRED = transfer_id(9)
QUOTED, PAID, UNDER_WAY, UNQUOTED, REVERSAL, REVIEWED = (transfer_id(number) for number in range(100, 106))
TABLES = [sql.Identifier(name) for name in metadata.tables]


class Banked(Deed, frozen=True, kw_only=True):
    """Cash as it was counted before two people were needed for it: such rows are in databases of that time."""

    def accounts(self, kept: Kept, scheme: Scheme) -> Iterable[AccountKey]:  # noqa: ARG002 - it is always the same
        return ("alpha", "KES", Kind.POSITION), ("", "KES", Kind.SETTLEMENT_BANK)

    def decide(self, desk: Desk) -> Result:
        position, bank = map(desk.purse, self.accounts({}, desk.scheme))
        desk.enter([Posting("fund:bank-1", bank, position, 500, Phase.DIRECT)])
        return Done()


async def write_history(url: str) -> None:
    """Write it into an empty database that holds the hub's tables."""
    async with House(url) as house:
        await house.begun(submit(0))
        await house.completed(1, "20")
        await house.hear(await house.begun(submit(2)), Operation.CREDIT, Verdict.REFUSED)
        await house.owed(3)
        await house.door.handle_all([submit(8, "900"), submit(9, "900")])
        await house.hear(await house.owed(4), Operation.REFUND, Verdict.ACCEPTED)
        await house.door.handle(Banked(by="treasury"))
    with psycopg.connect(url) as connection:
        connection.execute(
            "INSERT INTO funding SELECT 'bank-1', 'alpha', 'KES', minor, 'treasury', at_ms FROM posting "
            "WHERE subject = 'fund:bank-1'"
        )


async def write_history_abroad(url: str) -> None:
    """Write one of quotes, fees, limits and conversions into an empty database that holds the hub's tables."""
    async with House(url) as house:
        tolerant = {"alpha": {"tolerance_bps": 500}}
        terms = {"unquoted": "quote"}
        await open_corridor(house, corridor_file(terms=terms, fee=FEES, limit=(DAILY,), members=tolerant))
        await paid(house, 101, await quoted(house, 100))
        await house.hear(await house.transfer(PAID), Operation.CREDIT, Verdict.ACCEPTED)
        await paid(house, 102, await quoted(house, 110, amount="50"), amount="50")
        await house.door.handle(sending(103, amount="700", receivingCurrency="UGX"))
        assert (await house.transfer(UNQUOTED)).state is State.RESERVED
        await house.door.handle(reversing(104, PAID, "100", caller="bravo"))
        await house.hear(await house.transfer(REVERSAL), Operation.CREDIT, Verdict.ACCEPTED)
        await house.door.handle(paying(105, await quoted(house, 111), flagged="on a list"))
        await house.door.handle(publishes(rate="28.6"))


@contextmanager
def put_back(url: str) -> Iterator[None]:
    """Put a database back as it was, whatever is done to it."""
    with psycopg.connect(url) as connection:
        connection.execute("CREATE SCHEMA kept")
        for table in TABLES:
            connection.execute(sql.SQL("CREATE TABLE kept.{0} AS TABLE public.{0}").format(table))
    yield
    with psycopg.connect(url) as connection:
        connection.execute("SET session_replication_role = replica")
        for table in TABLES:
            connection.execute(sql.SQL("DELETE FROM public.{}").format(table))
            insert = sql.SQL("INSERT INTO public.{0} OVERRIDING SYSTEM VALUE TABLE kept.{0}")
            connection.execute(insert.format(table))
        connection.execute("DROP SCHEMA kept CASCADE")
