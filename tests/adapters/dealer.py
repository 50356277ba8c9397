"""What the tests of FX providers share: simulated ones behind a runner, and what they are told to do."""

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp
import msgspec
from aiohttp.test_utils import TestServer

from adapters.contract import Answer, Connection, Instruction, Kind, Operation, Outcome, Question
from adapters.open_fx.adapter import Adapter
from adapters.simulator.app import Simulator
from adapters.simulator.provider import Settings
from adapters.simulator.quotes import Rate
from adapters.simulator.seed import Seed
from routing.message import encoded
from routing.money import Money
from routing.topology import inquiries
from tests.adapters.plain import World, asked, given, running
from tests.adapters.spoken import Said, said

SEED = Seed(rate=[Rate(source="KES", to="UGX", rate="28.51")])


class Whole(Adapter):
    """The adapter, with the key that the simulator knows."""

    def __init__(self, connection: Connection) -> None:
        secrets = connection.secrets | {"api_key": connection.secrets["client_secret"]}
        super().__init__(msgspec.structs.replace(connection, secrets=secrets))


class Fx(NamedTuple):
    simulator: Simulator
    world: World
    client: aiohttp.ClientSession
    name: str

    async def told(self, instruction: Instruction) -> list[Outcome]:
        """Have an instruction carried out, and return all that was said of it."""
        before = len(self.world.bus.outcomes)
        await self.world.carry_out(instruction)
        await self.simulator.callbacks.drained()
        return list(await self.world.heard())[before:]

    async def asked(self, instruction: Instruction) -> Outcome:
        return (await self.world.carry_out(asked(instruction)))[-1]

    async def rates(self) -> Answer:
        question = Question(kind=Kind.RATES, connection="alpha", party=(), asker="hub", correlation="c")
        answer = await self.world.bus.ask(inquiries("alpha"), encoded(question), timeout_s=10)
        return msgspec.json.decode(answer, type=Answer)

    async def control(self, what: str, body: Any) -> Said:
        return await said(self.client, "PUT", f"{self.name}/_control/{what}", json=body)

    @property
    def totals(self) -> dict[str, Any]:
        return self.simulator.provider(self.name).totals()


@asynccontextmanager
async def serving(name: str = "forex", secret: str = "demo", journal: Path | None = None) -> AsyncIterator[Fx]:
    """Serve one that calls back, `forex`, one that answers at once, `spot`, and one that takes its time, `patient`."""
    simulator = Simulator(
        [
            Settings(name="forex", dialect="open_fx", late_s=0.01, seed=SEED),
            Settings(name="spot", dialect="open_fx", sync=True, late_s=0.01, seed=SEED),
            Settings(name="patient", dialect="open_fx", late_s=3600, seed=SEED),
        ],
        journal=journal,
    )
    async with (
        TestServer(simulator.app) as server,
        aiohttp.ClientSession(base_url=server.make_url("/")) as client,
        running(str(server.make_url(f"/{name}")), Whole, secret) as world,  # type: ignore[arg-type]
    ):
        yield Fx(simulator, world, client, name)


def conversion(minor: int = 1000, **change: Any) -> Instruction:
    """Ask for what the seed's rate gives, rounded down."""
    fields = {"operation": Operation.CONVERT, "target": Money(minor * 2851 // 10_000, "UGX"), "rate": "28.51"}
    return given(**{**fields, "money": Money(minor, "KES"), **change})


def unwinding(of: Instruction, **change: Any) -> Instruction:
    fields = {"operation": Operation.UNWIND, "reference": str(uuid.uuid4()), "original": of.reference}
    return msgspec.structs.replace(of, **{**fields, **change})


def reversal(of: Instruction, source: int, target: int) -> Instruction:
    """Turn a conversion round, or a part of it: so much of what it gave for so much of what it took."""
    assert of.target is not None
    return msgspec.structs.replace(
        of,
        transfer=uuid.uuid4().hex,
        reference=str(uuid.uuid4()),
        money=Money(source, of.target.currency),
        target=Money(target, of.money.currency),
        rate="0.0350877193",
        original=of.reference,
    )


def moved(totals: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(totals[name] for name in ("converted", "unwound", "promised", "executed_twice"))
