"""PostgreSQL ends the hub's connection at any point of a batch: the batch is repeated, and done exactly once."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import psycopg
import pytest

from hub.core.change import Decided
from hub.core.command import Done
from hub.core.facts import Facts, Wanted
from hub.core.transfer import State
from hub.flow import Door
from hub.ledger.account import counters
from hub.ledger.journal import Book
from hub.store.contract import UnavailableError
from hub.store.pooled import Connection
from hub.store.sql import SqlStore, SqlWork
from routing.message import Operation, Verdict
from routing.money import Money
from tests.cash import Fund
from tests.store.house import House, said, submit, transfer_id

POINTS = ("before load", "before lock", "before apply", "while applying", "after apply")


def end_backend(url: str, pid: int) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SELECT pg_terminate_backend(%s, 10000)", [pid])


class EndedWork(SqlWork):
    """One batch whose connection may be ended before and after every step, and during the last."""

    def __init__(self, connection: Connection, store: "EndedStore") -> None:
        super().__init__(connection, store)
        self._ends = store.ends
        self._url = store.url
        self._pid = connection.info.backend_pid

    async def _perhaps(self, point: str) -> None:
        if self._ends(point):
            await asyncio.to_thread(end_backend, self._url, self._pid)

    async def load(self, wanted: Wanted) -> Facts:
        await self._perhaps("before load")
        return await super().load(wanted)

    async def lock(self, accounts: Sequence[int]) -> Book:
        await self._perhaps("before lock")
        return await super().lock(accounts)

    async def apply(self, decided: Decided, book: Book, now_ms: int) -> None:
        await self._perhaps("before apply")
        during = asyncio.create_task(self._perhaps("while applying"))
        try:
            await super().apply(decided, book, now_ms)
        finally:
            await during
        if self._ends("after apply"):
            # Committed, and the confirmation never reached the hub.
            raise psycopg.OperationalError("the connection is lost")


class EndedStore(SqlStore):
    """A store whose connections are ended where `ends` says so."""

    def __init__(self, url: str, ends: Callable[[str], bool]) -> None:
        super().__init__(url)
        self.url = url
        self.ends = ends

    @asynccontextmanager
    async def work(self) -> AsyncIterator[SqlWork]:
        try:
            async with self._writers.connection() as connection:
                work = EndedWork(connection, self)
                try:
                    yield work
                finally:
                    if not connection.closed and connection.info.transaction_status.name != "IDLE":
                        await connection.execute("ROLLBACK")
        except (psycopg.OperationalError, psycopg.InterfaceError) as error:
            raise UnavailableError(str(error)) from error


async def door_that_breaks(house: House, ends: Callable[[str], bool]) -> Door:
    return house.door_of(await house.opened(EndedStore(house.url, ends)))


@pytest.mark.parametrize("point", POINTS)
async def test_a_batch_whose_connection_is_ended_is_repeated_and_done_once(sql_house: House, point: str) -> None:
    ended: list[str] = []

    def once(here: str) -> bool:
        if here != point or ended:
            return False
        ended.append(here)
        return True

    waiting = await sql_house.begun(submit(1))
    door = await door_that_breaks(sql_house, once)
    results = await door.handle_all(
        [
            submit(2, "20"),
            said(waiting, Operation.CREDIT, Verdict.ACCEPTED),
            Fund(participant="alpha", money=Money(500, "KES"), reference="bank-1", by="treasury"),
        ]
    )
    assert ended == [point]
    assert all(isinstance(each, Done) for each in results), results
    assert [(await sql_house.transfer(transfer_id(number))).state for number in (1, 2)] == [
        State.COMMITTED,
        State.RESERVED,
    ]
    assert counters(await sql_house.position("alpha")) == (20_00, 10_00, 0, 500)
    found = await sql_house.store.timeline(transfer_id(1))
    assert found is not None
    assert len(found.transitions) == 2
    assert sql_house.findings() == []


async def test_connections_ended_at_random_lose_nothing_and_double_nothing(sql_house: House, seed: int) -> None:
    chance = random.Random(seed)
    doors = [await door_that_breaks(sql_house, lambda _: chance.random() < 0.06) for _ in range(2)]
    sent = [submit(number, "10") for number in range(60)]
    words: list[asyncio.Task[object]] = []
    for start in range(0, 60, 6):
        together = sent[start : start + 6]
        await asyncio.gather(*(chance.choice(doors).handle(each) for each in together))
        for each in together:
            word = said(await sql_house.transfer(each.transfer), Operation.CREDIT, Verdict.ACCEPTED)
            words.extend(asyncio.create_task(door.handle(word)) for door in doors)
    await asyncio.gather(*words)
    assert {(await sql_house.transfer(each.transfer)).state for each in sent} == {State.COMMITTED}
    assert counters(await sql_house.position("alpha")) == (0, 600_00, 0, 0)
    assert await sql_house.store.open_cases(10) == []
    assert sql_house.findings() == []
