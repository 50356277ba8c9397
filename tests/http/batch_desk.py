"""A north side that takes batches, on a real PostgreSQL; the clearing looks, and providers answer, only when told."""

import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import aiohttp
import msgspec
import psycopg
from aiohttp import web

from hub.core.batch import Progress
from hub.core.change import CALLBACKS, Letter, Outgoing
from hub.core.command import Heard
from hub.core.meaning import reference
from hub.core.participant import SchemeFile, Status
from hub.flow import Door
from hub.http.app import HttpSettings, build
from hub.http.batches import letters
from hub.roles.credentials import admit
from hub.store.sql import SqlStore
from hub.workers.batch import Clearing, Limits
from routing import topology
from routing.local import LocalBus
from routing.message import FailureClass, Instruction, Operation, Outcome, Verdict
from routing.message import Heard as Source
from routing.money import Money
from routing.seal import Seal
from tests.cash import Fund
from tests.http.front import PREFIX, SEAL, Json, Reply, basic, payment, scheme

BODY_MAX = 200_000
URL = "http://127.0.0.1:9/callbacks"
# What the provider says, by the last digit of an amount's whole part; everything else is accepted.
REFUSED = "7"


class Desk:
    """The application, and those who come to it: alpha's maker and checker, and bravo."""

    database: str

    def __init__(
        self,
        url: str,
        session: aiohttp.ClientSession,
        store: SqlStore,
        door: Door,
        kept: list[Instruction],
        seal: Seal | None,
    ) -> None:
        self.url = url
        self.store = store
        self.door = door
        self.instructions = kept  # that the providers are to answer
        self.seal = seal
        self.proofs: dict[str, dict[str, str]] = {}
        self.clearing = self.another_worker()
        self._session = session

    def another_worker(self, **limits: int) -> Clearing:
        return Clearing(self.door, self.store.batches, letters, Limits(**limits), self.seal)

    async def call(self, method: str, path: str, who: str = "maker", **more: Any) -> Reply:
        headers = self.proofs[who] | more.pop("headers", {})
        async with self._session.request(method, self.url + PREFIX + path, headers=headers, **more) as response:
            return Reply(status=response.status, headers=response.headers, raw=await response.read())

    async def send(self, *rows: Any, who: str = "maker", headers: Json | None = None, **header: Any) -> Reply:
        body = {"transactions": list(rows)} | header
        return await self.call("POST", "/batchtransactions", who, json=body, headers=headers or {})

    async def taken(self, *rows: Any, **header: Any) -> str:
        reply = await self.send(*rows, **header)
        assert reply.status == 202, reply.raw
        return reply.reference

    async def approve(self, batch: str, who: str = "checker", value: str = "approved", **more: Any) -> Reply:
        item = {"op": "replace", "path": "/batchStatus", "value": value}
        return await self.call("PATCH", f"/batchtransactions/{batch}", who, json=[item], **more)

    async def view(self, batch: str) -> Json:
        reply = await self.call("GET", f"/batchtransactions/{batch}")
        assert reply.status == 200, reply.raw
        body: Json = reply.body
        return body

    async def rejections(self, batch: str) -> list[Json]:
        found: list[Json] = (await self.call("GET", f"/batchtransactions/{batch}/rejections")).body
        return found

    async def completions(self, batch: str) -> list[Json]:
        found: list[Json] = (await self.call("GET", f"/batchtransactions/{batch}/completions")).body
        return found

    async def progress(self, batch: str) -> Progress:
        return await self.store.batches.progress(batch)

    async def look(self, clearing: Clearing | None = None) -> bool:
        """Look once, whether or not a second has passed since the last time."""
        self.execute("UPDATE batch SET due_ms = 0 WHERE due_ms < (extract(epoch FROM now()) * 1000 + 60000)::bigint")
        self.execute("UPDATE batch_item SET due_ms = 0 WHERE state = 'waiting'")
        return await (clearing or self.clearing).look()

    async def answered(self) -> int:
        """Let the providers answer every instruction that reached them."""
        instructions = self.instructions.copy()
        self.instructions.clear()
        await self.door.handle_all([Heard(outcome=_outcome(each)) for each in instructions])
        return len(instructions)

    async def mumbled(self, connection: str) -> None:
        """Let one provider say something unclear about every instruction that reached it; they are kept."""
        said = [_outcome(each) for each in self.instructions if each.connection == connection]
        unclear = {"verdict": Verdict.UNKNOWN, "failure": FailureClass.UNCLEAR, "money": None}
        await self.door.handle_all([Heard(outcome=msgspec.structs.replace(each, **unclear)) for each in said])

    async def cleared(self, batch: str) -> Json:
        """Look and answer until the batch is complete."""
        for _ in range(20):
            await self.look()
            await self.answered()
            found = await self.view(batch)
            if found["batchStatus"] == "completed":
                return found
        raise AssertionError(f"still {await self.progress(batch)}")

    async def suspend(self, participant: str) -> None:
        file = (await self.store.scheme()).file
        changed = [
            msgspec.structs.replace(each, status=Status.SUSPENDED) if each.id == participant else each
            for each in file.participant
        ]
        await self.store.apply_scheme(msgspec.structs.replace(file, participant=tuple(changed)), "tests")

    async def fund(self, amount: str) -> None:
        money = Money.parse(amount, "KES")
        await self.door.handle(Fund(participant="alpha", money=money, reference=str(uuid.uuid4()), by="tests"))

    def execute(self, statement: Any, *parameters: Any) -> list[Any]:
        with psycopg.connect(self.database, autocommit=True) as connection:
            cursor = connection.execute(statement, parameters)
            return cursor.fetchall() if cursor.description else []

    def told(self) -> list[tuple[str, str, Any]]:
        """Return what the outbox has for callers: where, under which correlation id, what."""
        rows = self.execute("SELECT body::text FROM outbox WHERE queue = %s ORDER BY due_ms, seq", CALLBACKS)
        found = [msgspec.json.decode(body, type=Letter) for (body,) in rows]
        return [(each.url, each.correlation, msgspec.json.decode(each.body)) for each in found]


def _keep(kept: list[Instruction], messages: Sequence[Outgoing]) -> None:
    bodies = [message.body for message in messages if message.queue.startswith("instructions")]
    kept += [msgspec.json.decode(body, type=Instruction) for body in bodies]


def _outcome(instruction: Instruction) -> Outcome:
    refused = str(instruction.money).partition(".")[0].endswith(REFUSED)
    return Outcome(
        transfer=instruction.transfer,
        operation=Operation.CREDIT,
        connection=instruction.connection,
        reference=reference(instruction.transfer, Operation.CREDIT),
        verdict=Verdict.REFUSED if refused else Verdict.ACCEPTED,
        heard=Source.CALLBACK,
        failure=FailureClass.PAYEE_LIMIT if refused else None,
        money=None if refused else instruction.money,
        provider_reference="PROVIDER-1",
    )


def _with_cap(file: SchemeFile, cap: str) -> SchemeFile:
    fsps = [msgspec.structs.replace(each, net_debit_cap={"KES": cap}) for each in file.participant if each.currencies]
    others = [each for each in file.participant if not each.currencies]
    return msgspec.structs.replace(file, participant=(*fsps, *others))


def row(number: int, **changes: Any) -> Json:
    """A disbursement from alpha to a customer of bravo's."""
    return payment(type="disbursement", requestingOrganisationTransactionReference=f"row-{number}", **changes)


@asynccontextmanager
async def opened(
    database: str, *, cap: str = "1000000", file: SchemeFile | None = None, seal: Seal | None = SEAL
) -> AsyncIterator[Desk]:
    """Start it; the payer's position bears `cap`. With a scheme of its own, whoever is in that is admitted too."""
    store = SqlStore(database)
    await store.open()
    everybody = () if file is None else tuple((each.id, each.id) for each in file.participant)
    file = file or _with_cap(scheme(), cap)
    await store.apply_scheme(file, "tests")
    bus = LocalBus()
    await bus.start(topology.queues([each.name for each in file.connection]))
    instructions: list[Instruction] = []
    door = Door(store, bus, partial(_keep, instructions))
    settings = HttpSettings(prefix=PREFIX, batch_body_max_bytes=BODY_MAX, callback_https_only=False)
    runner = web.AppRunner(build(door, store, settings, store.batches, seal=seal), shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    async with aiohttp.ClientSession() as session:
        desk = Desk(f"http://{host}:{port}", session, store, door, instructions, seal)
        desk.database = database
        software = everybody or (("bravo", "bravo"),)
        for participant, client in (("alpha", "maker"), ("alpha", "checker"), *software):
            issued = await admit(store, participant, client)
            proof = {"Authorization": basic(issued.client_id, issued.secret), "X-API-Key": issued.api_key}
            desk.proofs[client] = proof
        yield desk
    await runner.cleanup()
    await bus.close()
    await store.close()
