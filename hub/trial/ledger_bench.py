"""The ledger's own speed against pgbench TPC-B, on one server, in one run: a ratio, because servers differ.

A ledger transfer is the whole of it: reserve and commit, with correlation id, terms, audit trail, postings,
running balances, hash chain and outbox rows written, in two durable commits shared by a batch.
"""

import asyncio
import re
import secrets
import subprocess
import time
from pathlib import Path
from typing import Final

import msgspec
from prometheus_client import REGISTRY

from hub.core.command import Body, Command, Done, Heard, Submit
from hub.core.meaning import reference
from hub.core.participant import DirectoryEntry, Participant, Role, SchemeFile, Terms
from hub.flow import BATCH_MAX, Door
from hub.lab.postgres import PrivatePostgres, binaries
from hub.store.migrate import upgrade
from hub.store.sql import SqlStore
from routing.local import LocalBus
from routing.message import Heard as Source
from routing.message import Operation, Outcome, Verdict
from routing.money import Money
from routing.party import party
from routing.table import Connection, Rail

POSITIONS: Final = 40
TRANSFERS: Final = 20_000
PGBENCH_S: Final = 6
PGBENCH_CLIENTS: Final = 8
CLIENTS: Final = 4  # each hands over a batch and waits for it


class LedgerFigures(msgspec.Struct, kw_only=True):
    """What was measured, per second."""

    ledger_transfers_per_second: float
    pgbench_tps: float
    ledger_ratio_to_pgbench: float
    sql_statements_per_transfer: float


def _scheme() -> SchemeFile:
    ids = [f"fsp{number:02d}" for number in range(POSITIONS)]
    return SchemeFile(
        scheme=Terms(name="ledger bench"),
        participant=tuple(
            Participant(
                id=id_,
                name=id_,
                role=Role.FSP,
                country="KE",
                currencies=("KES",),
                net_debit_cap={"KES": "1000000000"},
            )
            for id_ in ids
        ),
        connection=tuple(
            Connection(name=id_, participant=id_, adapter="none", rail=Rail(), currencies=("KES",)) for id_ in ids
        ),
        directory=tuple(
            DirectoryEntry(key="msisdn", value=f"+2547{number:02d}", participant=id_) for number, id_ in enumerate(ids)
        ),
    )


def _pair(number: int) -> tuple[int, int]:
    payer = number % POSITIONS
    return payer, (payer + 1 + number % (POSITIONS - 1)) % POSITIONS


def _submit(number: int) -> Submit:
    payer, payee = _pair(number)
    body = Body(
        request=secrets.token_hex(16),
        correlation=f"bench-{number}",
        callback_url="http://127.0.0.1/callbacks/bench",
        payer=party([("msisdn", f"+2547{payer:02d}123456")]),
        payee=party([("msisdn", f"+2547{payee:02d}123456")]),
        type="transfer",
        details={"descriptionText": "bench", "requestDate": "2026-01-01T00:00:00Z"},
    )
    # Time-ordered ids, as the API mints them.
    transfer = f"{number:012x}7{secrets.token_hex(10)[:19]}"
    return Submit(transfer=transfer, caller=f"fsp{payer:02d}", body=body, money=Money(1_000 + number % 500, "KES"))


def _accepted(number: int, submit: Submit) -> Heard:
    outcome = Outcome(
        transfer=submit.transfer,
        operation=Operation.CREDIT,
        connection=f"fsp{_pair(number)[1]:02d}",
        reference=reference(submit.transfer, Operation.CREDIT),
        verdict=Verdict.ACCEPTED,
        heard=Source.CALLBACK,
        money=submit.money,
        provider_reference=f"PR{number}",
    )
    return Heard(outcome=outcome)


async def _transfers_per_second(url: str) -> tuple[float, float]:
    store = SqlStore(url)
    await store.open()
    try:
        await store.apply_scheme(_scheme(), "bench")
        door = Door(store, LocalBus(), lambda _: None)
        submits = [_submit(number) for number in range(TRANSFERS)]
        outcomes = [_accepted(number, submit) for number, submit in enumerate(submits)]
        before, began = _statements(), time.perf_counter()
        for commands in (submits, outcomes):
            await _carry_out(door, commands)
        seconds = time.perf_counter() - began
        return TRANSFERS / seconds, (_statements() - before) / TRANSFERS
    finally:
        await store.close()


def _statements() -> float:
    return REGISTRY.get_sample_value("hub_sql_statements_total") or 0.0


async def _carry_out(door: Door, commands: list[Submit] | list[Heard]) -> None:
    """Keep a few batches' worth of commands waiting, as concurrent callers would."""
    every: list[Command] = list(commands)

    async def one_of_several(start: int) -> None:
        for first in range(start * BATCH_MAX, len(every), CLIENTS * BATCH_MAX):
            for result in await door.handle_all(every[first : first + BATCH_MAX]):
                if not isinstance(result, Done):
                    raise RuntimeError(f"the ledger bench was refused: {result}")

    await asyncio.gather(*(one_of_several(start) for start in range(CLIENTS)))


def _pgbench(server: PrivatePostgres) -> float:
    """Run TPC-B and return its transactions per second."""
    url = server.create_database(f"pgbench_{secrets.token_hex(4)}")
    program = binaries() / "pgbench"
    subprocess.run([program, "-i", "-s", "10", "-q", url], check=True, capture_output=True)
    limits = ["-c", str(PGBENCH_CLIENTS), "-j", "2", "-T", str(PGBENCH_S)]
    done = subprocess.run([program, *limits, url], check=True, capture_output=True, text=True)
    found = re.search(r"tps = ([0-9.]+)", done.stdout)
    if found is None:
        raise RuntimeError(f"pgbench said no tps: {done.stdout[-500:]}")
    return float(found[1])


async def measure_ledger(folder: Path) -> LedgerFigures:
    """Measure pgbench, the ledger, and pgbench again, on a fresh server in `folder`."""
    server = PrivatePostgres(folder / "ledger")
    await asyncio.to_thread(server.start)
    try:
        url = await asyncio.to_thread(server.create_database, "ledger")
        await asyncio.to_thread(upgrade, url)
        first = await asyncio.to_thread(_pgbench, server)
        per_second, statements = await _transfers_per_second(url)
        second = await asyncio.to_thread(_pgbench, server)
    finally:
        await asyncio.to_thread(server.stop)
    tps = (first + second) / 2
    return LedgerFigures(
        ledger_transfers_per_second=round(per_second, 1),
        pgbench_tps=round(tps, 1),
        ledger_ratio_to_pgbench=round(per_second / tps, 3),
        sql_statements_per_transfer=round(statements, 3),
    )
