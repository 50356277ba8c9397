"""Windows close at random moments, by several processes and by schemes, while transfers complete at full speed.

Each committed transfer is then in exactly one window, by its own journal, and what the windows say adds up to the
positions. The movements of others are not held up: nothing is stamped on a transfer.
"""

import asyncio
import random
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise

import msgspec
import psycopg

from hub.core.participant import DirectoryEntry, Limits, Participant, Role, SchemeFile, Terms
from hub.core.settlement.rules import Model, Netting, model_of
from hub.core.settlement.window import Window
from hub.core.transfer import State
from hub.flow import Door
from hub.ledger.account import Kind
from hub.ledger.position import balance
from hub.store.audit import run_audit
from hub.store.audit_settlement import settlement_findings
from routing.message import Operation, Verdict
from routing.table import Connection
from tests.conftest import ROOT
from tests.store.house import HURRIED, House, said, submit

NAMES = ("alpha", "bravo", "coral", "delta")
PAIR = Model(name="pair", netting=Netting.BILATERAL, currency="KES", participants=("alpha", "bravo"))
REST = Model(name="rest", netting=Netting.MULTILATERAL, currency="KES")
ROUNDS, TOGETHER, DOORS = 14, 24, 3


def file_of(*models: Model) -> SchemeFile:
    return SchemeFile(
        scheme=Terms(name="race", limits={"KES": Limits(min="1", max="900")}),
        participant=tuple(
            Participant(
                id=name, name=name, role=Role.FSP, country="KE", currencies=("KES",), net_debit_cap={"KES": "10000000"}
            )
            for name in NAMES
        ),
        connection=tuple(
            Connection(name=f"{name}-1", participant=name, adapter="x", rail=HURRIED, currencies=("KES",))
            for name in NAMES
        ),
        directory=tuple(
            DirectoryEntry(key="msisdn", value=f"+2547{place}", participant=name) for place, name in enumerate(NAMES)
        ),
        settlement_model=models,
    )


async def paying(door: Door, lane: int, chance: random.Random) -> Counter[tuple[str, str]]:
    """Complete transfers, many at once; returns what moved between whom."""
    moved: Counter[tuple[str, str]] = Counter()
    for turn in range(ROUNDS):
        submissions = []
        for place in range(TOGETHER):
            payer, payee = chance.sample(range(len(NAMES)), 2)
            number = (lane * ROUNDS + turn) * TOGETHER + place + 1
            amount = str(chance.randint(1, 9))
            numbers = {"payer": f"+2547{payer}0000001", "payee": f"+2547{payee}0000002"}
            submissions.append(submit(number, amount, caller=NAMES[payer], **numbers))
        await door.handle_all(submissions)
        transfers = [await door.store.transfer(each.transfer) for each in submissions]
        verdicts = [chance.choice((Verdict.ACCEPTED, Verdict.ACCEPTED, Verdict.REFUSED)) for _ in transfers]
        known = [(each, verdict) for each, verdict in zip(transfers, verdicts, strict=True) if each is not None]
        await door.handle_all([said(each, Operation.CREDIT, verdict) for each, verdict in known])
        for each, verdict in known:
            if verdict is Verdict.ACCEPTED:
                moved[each.payer_fsp, each.payee_fsp] += each.minor
    return moved


async def applying(house: House, chance: random.Random, stop: asyncio.Event) -> None:
    """Apply schemes whose models differ."""
    while not stop.is_set():
        await asyncio.sleep(chance.uniform(0.1, 0.4))
        pair = msgspec.structs.replace(PAIR, participants=tuple(chance.sample(NAMES, chance.randint(2, 3))))
        await house.store.apply_scheme(file_of(*chance.choice([(pair, REST), (REST,)])), "race")


@asynccontextmanager
async def another_process(url: str, seed: int) -> AsyncIterator[list[int]]:
    """Run a closer in a process of its own; what it has closed is in the list afterwards."""
    pipe = asyncio.subprocess.PIPE
    command = (sys.executable, "-m", "tests.store.closing", url, str(seed))
    process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdin=pipe, stdout=pipe)
    assert process.stdout is not None
    assert (await process.stdout.readline()).strip() == b"ready"
    closed: list[int] = []
    try:
        yield closed
    finally:
        said_last, _ = await process.communicate(b"")
    closed.append(int(said_last))


async def test_each_transfer_is_in_one_window_whoever_closes_whenever(sql_house: House, seed: int) -> None:
    house, chance, stop = sql_house, random.Random(seed), asyncio.Event()
    await house.store.apply_scheme(file_of(PAIR, REST), "race")
    doors = await house.doors(DOORS)
    async with another_process(house.url, seed) as one, another_process(house.url, seed + 1) as other:
        scheming = asyncio.create_task(applying(house, chance, stop))
        lanes = (paying(door, lane, random.Random(seed + lane)) for lane, door in enumerate(doors))
        try:
            moved = sum(await asyncio.gather(*lanes), Counter[tuple[str, str]]())
        finally:
            stop.set()
            await scheming
    assert one[0] > 0
    assert other[0] > 0
    found = await house.store.records.found(Window, limit=10_000)
    await adds_up(house, found, moved)
    each_in_one(house.url, found)
    with psycopg.connect(house.url) as connection:
        assert list(settlement_findings(connection)) == []
    assert run_audit(house.url).findings == []


async def adds_up(house: House, found: list[Window], moved: Counter[tuple[str, str]]) -> None:
    """Hold what the windows say against what was asked for, and against the positions."""
    for model in {each.model for each in found}:
        ordered = sorted((each for each in found if each.model == model), key=lambda each: each.number)
        assert [each.number for each in ordered] == list(range(1, len(ordered) + 1))
        if model == "rest":  # which no scheme was without
            assert all(before.to_height == after.from_height for before, after in pairwise(ordered))
    summed: Counter[tuple[str, str]] = Counter()
    for window in found:
        for each in await house.store.settlement.movements(window):
            summed[each.debtor, each.creditor] += each.minor
    assert summed == moved
    nets: Counter[str] = Counter()
    for (debtor, creditor), minor in summed.items():
        nets[debtor] -= minor
        nets[creditor] += minor
    positions = [each for each in await house.store.accounts() if each.kind is Kind.POSITION]
    assert {each.participant: balance(each) for each in positions} == {name: nets[name] for name in NAMES}


def each_in_one(url: str, found: list[Window]) -> None:
    """Look for every committed transfer among all windows, one by one."""
    with psycopg.connect(url) as connection:
        committed = connection.execute("SELECT count(*) FROM standing WHERE state = %s", (State.COMMITTED,)).fetchone()
        posted = connection.execute(
            "SELECT p.subject, p.journal, d.participant, c.participant FROM posting AS p "
            "JOIN account AS d ON d.id = p.debit JOIN account AS c ON c.id = p.credit WHERE p.phase = 'posted'"
        ).fetchall()
    assert committed == (len(posted),)
    assert len({row[0] for row in posted}) == len(posted)
    for _, journal, debtor, creditor in posted:
        having = [
            each
            for each in found
            if each.from_height < journal
            and (each.to_height is None or journal <= each.to_height)
            and model_of((*each.before, each.terms), "KES", debtor, creditor) == each.terms
        ]
        assert len(having) == 1, (journal, debtor, creditor, having)
