"""The one door: batches form by themselves, members fail alone, what is committed is delivered, overload is said."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager

import pytest

from hub import flow
from hub.core.change import Decided, Outgoing
from hub.core.command import Done, Due, Reason, Refusal, Transfer
from hub.core.record import Entering
from hub.core.transfer import State
from hub.flow import AT_ONCE_MAX, BATCH_MAX, REPEATS_MAX, Door, OverloadedError
from hub.ledger.journal import Book
from hub.store.contract import UnavailableError
from hub.store.memory import MemoryStore, MemoryWork
from routing.local import LocalBus
from routing.message import Operation, Verdict
from routing.money import Money
from tests.cash import Fund
from tests.simulation.virtual import now_ms, run_virtually
from tests.store.house import NOBODY, House, reason_of, said, scheme_file, submit, transfer_id

A_WHILE_S = 1  # of virtual time: it passes when everything else waits, and takes none


class WatchedWork(MemoryWork):
    """Counts the members of each batch, and waits where it is told to."""

    def __init__(self, store: "WatchedStore") -> None:
        super().__init__(store)
        self._watched = store

    async def apply(self, decided: Decided, book: Book, now_ms: int) -> None:
        await self._watched.open.wait()
        await super().apply(decided, book, now_ms)
        self._watched.batches.append(len(decided.results))


class WatchedStore(MemoryStore):
    def __init__(self) -> None:
        super().__init__(now_ms)
        self.batches: list[int] = []
        self.open = asyncio.Event()
        self.open.set()

    @asynccontextmanager
    async def work(self) -> AsyncIterator[MemoryWork]:
        async with super().work():
            yield WatchedWork(self)


class Hall:
    """A door on a watched store, and what it delivered."""

    def __init__(self) -> None:
        self.store = WatchedStore()
        self.delivered: list[Outgoing] = []
        self.door = Door(self.store, LocalBus(), self.delivered.extend)


def virtually(test: Callable[[Hall], Coroutine[None, None, None]]) -> Callable[[], None]:
    """Run a test in virtual time, where the pauses of the door take none, in a hall whose scheme is in force."""

    async def whole() -> None:
        hall = Hall()
        await hall.store.apply_scheme(scheme_file(), "test")
        await test(hall)

    def run() -> None:
        run_virtually(whole())

    run.__name__ = test.__name__
    return run


def broken(times: int) -> Callable[[], None]:
    left = [times]

    def break_() -> None:
        if left[0]:
            left[0] -= 1
            raise UnavailableError("the database went away")

    return break_


@virtually
async def test_what_arrives_while_a_batch_is_written_forms_the_next_by_itself(hall: Hall) -> None:
    hall.store.open.clear()
    first = asyncio.create_task(hall.door.handle(submit(0)))
    await asyncio.sleep(A_WHILE_S)
    rest = [asyncio.create_task(hall.door.handle(submit(number))) for number in range(1, 40)]
    await asyncio.sleep(A_WHILE_S)
    hall.store.open.set()
    results = await asyncio.gather(first, *rest)
    assert hall.store.batches == [1, 39]
    assert [each.transfer for each in results] == [transfer_id(number) for number in range(40)]


@virtually
async def test_a_batch_has_a_limit_and_nobody_waits_for_it_to_fill(hall: Hall) -> None:
    results = await hall.door.handle_all([submit(number) for number in range(2 * BATCH_MAX + 10)])
    assert len(results) == sum(hall.store.batches)
    assert max(hall.store.batches) == BATCH_MAX
    assert len(hall.store.batches) <= 2 + AT_ONCE_MAX


@virtually
async def test_too_many_who_wait_are_told_so_and_those_who_wait_are_served(hall: Hall) -> None:
    hall.store.open.clear()
    first = asyncio.create_task(hall.door.handle(submit(0)))
    await asyncio.sleep(A_WHILE_S)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(flow, "WAITING_MAX", 3)
        waiting = [asyncio.create_task(hall.door.handle(submit(number))) for number in (1, 2, 3)]
        await asyncio.sleep(A_WHILE_S)
        with pytest.raises(OverloadedError):
            await hall.door.handle(submit(4))
        hall.store.open.set()
        assert all(isinstance(each, Done) for each in await asyncio.gather(first, *waiting))
        assert isinstance(await hall.door.handle(submit(4)), Done)


@virtually
async def test_who_stops_waiting_takes_nobody_along(hall: Hall) -> None:
    hall.store.open.clear()
    impatient = asyncio.create_task(hall.door.handle(submit(0)))
    patient = asyncio.create_task(hall.door.handle(submit(1)))
    await asyncio.sleep(A_WHILE_S)
    impatient.cancel()
    await asyncio.sleep(A_WHILE_S)
    hall.store.open.set()
    assert isinstance(await patient, Done)
    assert (await hall.store.transfer(transfer_id(0))) is not None, "it was under way, and is not undone"


@virtually
async def test_what_is_committed_is_delivered_once_and_nothing_else_is(hall: Hall) -> None:
    unknown = submit(3, None, original=transfer_id(7))
    await hall.door.handle_all([submit(0), submit(1, payee=NOBODY), unknown, submit(2)])
    assert [(each.transfer, each.queue) for each in hall.delivered] == [
        (transfer_id(0), "instructions.bravo-1"),
        (transfer_id(1), "callbacks"),
        (transfer_id(2), "instructions.bravo-1"),
    ]
    assert {each.key for each in hall.delivered} == set(hall.store.outbox)
    await hall.door.handle(submit(0))
    assert len(hall.delivered) == 3, "what is said again has nothing new to say"


@virtually
async def test_nothing_is_delivered_before_the_commit(hall: Hall) -> None:
    hall.store.break_before_commit = broken(3)
    assert isinstance(await hall.door.handle(submit(0)), Done)
    assert [each.transfer for each in hall.delivered] == [transfer_id(0)]
    assert len(hall.store.journals) == 1


@virtually
async def test_a_lost_confirmation_leaves_the_message_to_the_sweep(hall: Hall) -> None:
    hall.store.break_after_commit = broken(1)
    result = await hall.door.handle(submit(0))
    assert result == Done(transfer=transfer_id(0), changed=False)
    assert hall.delivered == []
    await asyncio.sleep(10 * A_WHILE_S)
    assert [row.message.transfer for row in await hall.store.waiting(10)] == [transfer_id(0)]
    assert len(hall.store.journals) == 1


@virtually
async def test_a_database_that_stays_away_is_said_to_all_who_wait_and_the_door_goes_on(hall: Hall) -> None:
    hall.store.break_before_commit = broken(REPEATS_MAX)
    together = await asyncio.gather(*(hall.door.handle(submit(number)) for number in range(3)), return_exceptions=True)
    assert [type(each) for each in together] == [UnavailableError] * 3
    assert hall.store.transfers == {}
    assert isinstance(await hall.door.handle(submit(0)), Done)


@virtually
async def test_a_member_that_nobody_foresaw_fails_alone(hall: Hall) -> None:
    nothing = Fund(participant="alpha", money=Money(0, "KES"), reference="bank-1", by="treasury")
    results = await hall.door.handle_all([submit(0), nothing, submit(1)])
    assert [reason_of(each) for each in results] == ["", Reason.BROKEN, ""]
    assert counted(hall) == 2


def counted(hall: Hall) -> int:
    return sum(len(journal) for journal in hall.store.journals)


ZERO = "a character that no database holds: \0"
ENORMOUS = 10**20


BAD: dict[str, Callable[[Transfer], Entering]] = {
    "a provider's text": lambda waiting: said(waiting, Operation.CREDIT, Verdict.REFUSED, text=ZERO),
    "a correlation id": lambda _: submit(9, correlation=ZERO),
    "a participant's name": lambda _: submit(9, caller=ZERO),
    "a bank reference": lambda _: Fund(participant="alpha", money=Money(1, "KES"), reference=ZERO, by="treasury"),
    "an amount": lambda _: Fund(participant="alpha", money=Money(ENORMOUS, "KES"), reference="bank-1", by="treasury"),
}


@pytest.mark.parametrize("name", BAD)
async def test_what_the_database_refuses_fails_alone(sql_house: House, name: str) -> None:
    waiting = await sql_house.begun(submit(0))
    good: list[Entering] = [submit(1), Due(transfer=waiting.id), submit(2)]
    results = await sql_house.door.handle_all([*good[:2], BAD[name](waiting), good[2]])
    assert [isinstance(each, Done) for each in (*results[:2], results[3])] == [True] * 3, results
    assert isinstance(results[2], Refusal), results
    assert results[2].reason in {Reason.BROKEN, Reason.CALLER_SUSPENDED}
    states = [(await sql_house.transfer(transfer_id(number))).state for number in range(3)]
    assert states == [State.IN_DOUBT, State.RESERVED, State.RESERVED]
    assert sql_house.findings() == []
