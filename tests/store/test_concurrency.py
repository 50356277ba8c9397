"""Two processes on one PostgreSQL, everything at once: caps hold, nothing is doubled, the books balance throughout."""

import asyncio
import random

import msgspec
import psycopg
import pytest
from psycopg import AsyncConnection
from psycopg.rows import TupleRow

from hub.core.command import Done, Submit
from hub.core.instrument import Instrument
from hub.core.office.records import Operator
from hub.core.participant import Participant, Role, SchemeFile
from hub.core.transfer import State
from hub.flow import Door
from hub.ledger.account import counters
from hub.store.audit import run_audit
from routing.message import Operation, Resource, Verdict
from routing.money import Money
from routing.party import party
from tests.cash import Fund
from tests.store.house import ALPHA, BRAVO, House, reason_of, said, scheme_file, submit, transfer_id
from tests.store.test_operators import founding

pytestmark = pytest.mark.postgres

CLIENTS = 10


async def in_turns(doors: list[Door], submissions: list[Submit]) -> list[str]:
    """Send from several clients, each waiting for its answer, so that many batches of every size meet."""

    async def client(number: int) -> list[str]:
        answers = []
        for place, each in enumerate(submissions[number::CLIENTS]):
            answers.append(reason_of(await doors[(number + place) % len(doors)].handle(each)))
        return answers

    return [answer for answers in await asyncio.gather(*map(client, range(CLIENTS))) for answer in answers]


@pytest.mark.parametrize("paced", [True, False], ids=["in many batches", "in few"])
async def test_200_transfers_at_two_doors_never_pass_a_small_cap(sql_house: House, *, paced: bool) -> None:
    await sql_house.store.apply_scheme(scheme_file(cap="95"), "test")
    doors, sent = await sql_house.doors(2), [submit(number, "10") for number in range(200)]
    if paced:
        assert set(await in_turns(doors, sent)) == {"", "cap_exceeded"}
    else:
        await asyncio.gather(*(door.handle(each) for door, each in zip(doors * 100, sent, strict=True)))
    stand = [await sql_house.transfer(each.transfer) for each in sent]
    assert [each.state for each in stand].count(State.RESERVED) == 9, "95 of cap, 10 a time"
    assert {each.reason for each in stand if each.state is not State.RESERVED} == {"cap_exceeded"}
    assert counters(await sql_house.position("alpha")) == (90_00, 0, 0, 0)
    report = run_audit(sql_house.url)
    assert (report.findings, report.postings) == ([], 9)


@pytest.mark.parametrize("known", [0, 1])
async def test_however_many_found_the_office_at_one_moment_two_do(sql_house: House, known: int) -> None:
    doors = await sql_house.doors(5)
    for number in range(known):
        assert isinstance(await doors[0].handle(founding(f"head-{number}")), Done)
    deeds = [founding(f"head-{number}") for number in range(1, 6)]
    results = await asyncio.gather(*(door.handle(each) for door, each in zip(doors, deeds, strict=True)))
    assert sorted(map(reason_of, results)) == [""] * (2 - known) + ["checker_needed"] * (3 + known)
    assert len(await sql_house.store.records.found(Operator, admin="yes")) == 2


async def test_each_correlation_id_through_both_doors_at_once_moves_money_once(sql_house: House) -> None:
    doors = await sql_house.doors(2)
    pairs = [
        [submit(side * 1000 + number, "1", correlation=f"same-{number}") for number in range(80)] for side in (0, 1)
    ]
    pairs[1].reverse()  # the doors meet each other's ids in the opposite order
    left, right = await asyncio.gather(*(door.handle_all(each) for door, each in zip(doors, pairs, strict=True)))
    moved = [isinstance(each, Done) for each in (*left, *right)]
    assert moved.count(True) == 80
    assert [one.transfer for one in left] == [other.transfer for other in reversed(right)], "both are told of the first"
    assert counters(await sql_house.position("alpha")) == (80_00, 0, 0, 0)
    assert sql_house.findings() == []


async def test_one_submission_said_at_both_doors_at_once_is_one_transfer(sql_house: House) -> None:
    doors = await sql_house.doors(2)
    sent = [submit(number, "1", correlation="" if number % 2 else None) for number in range(60)]
    first, second = await asyncio.gather(doors[0].handle_all(sent), doors[1].handle_all(sent[::-1]))
    assert [one.transfer for one in first] == [transfer_id(number) for number in range(60)]
    changed = [each.changed for each in (*first, *second) if isinstance(each, Done)]
    assert sorted(changed) == [False] * 60 + [True] * 60
    assert counters(await sql_house.position("alpha")) == (60_00, 0, 0, 0)
    assert sql_house.findings() == []


async def test_reversals_through_both_doors_never_exceed_any_original(sql_house: House, seed: int) -> None:
    chance = random.Random(seed)
    originals = [await sql_house.completed(number, "50") for number in range(3)]
    asked = [
        submit(100 + number, "7", caller="bravo", original=original.id)
        for number, original in enumerate(originals * 20)
    ]
    chance.shuffle(asked)
    answers = await in_turns(await sql_house.doors(2), asked)
    assert (answers.count(""), answers.count("original_exceeded")) == (3 * 7, 3 * 13)
    for original in originals:
        rest = await sql_house.begun(
            submit(chance.randrange(10**9, 10**12), None, caller="bravo", original=original.id)
        )
        assert rest.minor == 1_00
    assert counters(await sql_house.position("bravo"))[0] == 150_00
    assert sql_house.findings() == []


async def test_an_original_reversed_again_when_a_reversal_failed_is_never_exceeded(sql_house: House) -> None:
    original = await sql_house.completed(0, "10")
    doors = await sql_house.doors(2)
    for round_ in range(1, 13):
        asked = [submit(round_ * 10 + side, "10", caller="bravo", original=original.id) for side in (0, 1)]
        answers = await asyncio.gather(*(door.handle(each) for door, each in zip(doors, asked, strict=True)))
        (begun,) = [each for each in answers if not reason_of(each)]
        transfer = await sql_house.transfer(begun.transfer)
        await sql_house.hear(transfer, Operation.CREDIT, Verdict.REFUSED)
    assert counters(await sql_house.position("bravo")) == (0, 0, 0, 10_00)
    assert sql_house.findings() == []


async def test_the_audit_is_clean_at_every_moment_of_the_traffic(sql_house: House, seed: int) -> None:
    doors, over, chance = await sql_house.doors(2), asyncio.Event(), random.Random(seed)

    async def audits() -> list[list[str]]:
        found = []
        while not over.is_set():
            found.append((await asyncio.to_thread(run_audit, sql_house.url)).findings)
        return found

    async def client(start: int) -> None:
        for number in range(start, start + 15):
            door, there = chance.choice(doors), chance.random() < 0.5
            sides = {} if there else {"caller": "bravo", "payer": BRAVO, "payee": ALPHA}
            await door.handle(submit(number, str(chance.randint(1, 90)), **sides))
            transfer = await sql_house.transfer(transfer_id(number))
            if transfer.state is State.RESERVED:
                verdict = chance.choice([Verdict.ACCEPTED, Verdict.REFUSED, Verdict.UNKNOWN])
                await chance.choice(doors).handle(said(transfer, Operation.CREDIT, verdict))
            fund = Fund(participant="alpha", money=Money(1, "KES"), reference=f"bank-{number % 50}", by="treasury")
            await chance.choice(doors).handle(fund)

    auditor = asyncio.create_task(audits())
    await asyncio.gather(*(client(number * 100) for number in range(CLIENTS)))
    over.set()
    found = await auditor
    assert found, "no audit ran beside the traffic"
    assert [each for each in found if each] == []
    assert sql_house.findings() == []


def with_another(id_: str, *, cap: str = "1000") -> SchemeFile:
    file = scheme_file(cap=cap)
    new = Participant(id=id_, name=id_, role=Role.FSP, country="KE", currencies=("KES",), net_debit_cap={"KES": cap})
    return msgspec.structs.replace(file, participant=(*file.participant, new))


async def waits_for_a_lock(connection: AsyncConnection[TupleRow]) -> None:
    """Return when another connection to this database waits for a lock."""
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    async with asyncio.timeout(30):
        while not (await (await connection.execute(waiting)).fetchall())[0][0]:
            pass


async def test_a_scheme_locks_accounts_in_the_order_in_which_batches_do(sql_house: House) -> None:
    """An account opened later may come first by name; whoever locks in another order than the batches deadlocks."""
    await sql_house.store.apply_scheme(with_another("aaron"), "governance")
    async with (
        await psycopg.AsyncConnection.connect(sql_house.url) as batch,
        await psycopg.AsyncConnection.connect(sql_house.url, autocommit=True) as watcher,
    ):
        lock = "SELECT id FROM account WHERE participant = %s FOR UPDATE"
        await batch.execute(lock, ["alpha"])
        applying = asyncio.create_task(sql_house.store.apply_scheme(with_another("aaron", cap="900"), "governance"))
        await waits_for_a_lock(watcher)
        await batch.execute(lock, ["aaron"])
        await batch.commit()
        assert await applying == (await sql_house.store.scheme()).version


async def test_schemes_applied_beside_the_traffic_stop_nobody(sql_house: House) -> None:
    doors, over = await sql_house.doors(2), asyncio.Event()

    async def schemes() -> int:
        applied = 0
        while not over.is_set():
            await sql_house.store.apply_scheme(scheme_file(cap="1000" if applied % 2 else "900"), "governance")
            applied += 1
        return applied

    governor = asyncio.create_task(schemes())
    answers = await in_turns(doors, [submit(number, "1") for number in range(150)])
    over.set()
    assert await governor > 0
    assert set(answers) == {""}
    assert counters(await sql_house.position("alpha")) == (150_00, 0, 0, 0)
    assert sql_house.findings() == []


async def test_a_code_redeemed_through_both_doors_at_once_pays_once(sql_house: House) -> None:
    await sql_house.store.apply_scheme(scheme_file(cap="100000"), "test")
    doors = await sql_house.doors(2)
    for number in range(20):
        await sql_house.store.remember([code(f"{number:016d}")])
        sent = [redeeming(f"{number:016d}", number * 100 + place) for place in range(8)]
        await asyncio.gather(*(door.handle(each) for door, each in zip(doors * 4, sent, strict=True)))
        stand = [await sql_house.transfer(each.transfer) for each in sent]
        assert sorted(each.reason for each in stand) == ["", *["code_forbids"] * 7]
        (paid,) = [each.id for each in stand if not each.reason]
        (kept,) = await sql_house.store.instruments(Resource.CODE, f"{number:016d}")
        assert kept.used_by == paid
    assert run_audit(sql_house.url).findings == []


def code(reference: str) -> Instrument:
    """A code that alpha issued to its customer."""
    return Instrument(
        id=f"{int(reference):032x}",
        kind=Resource.CODE,
        reference=reference,
        participant="alpha",
        connection="alpha-1",
        own="1",
        owner="alpha",
        account=party([("msisdn", ALPHA)]),
        terms={"authorisationCode": reference, "codeState": "active", "amount": "100", "currency": "KES"},
        created_ms=0,
        updated_ms=0,
    )


def redeeming(reference: str, number: int) -> Submit:
    """Bravo's merchant redeems the code; nobody names the payer."""
    asked = submit(number, "100", caller="bravo")
    body = msgspec.structs.replace(asked.body, payer=(), details={"oneTimeCode": reference})
    return msgspec.structs.replace(asked, body=body)
