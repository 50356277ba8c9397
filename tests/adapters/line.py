"""What the tests of adapters against the simulator share: an operation carried out and asked about over real HTTP."""

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, NamedTuple

import msgspec
from aiohttp import web
from aiohttp.test_utils import TestServer

from adapters.contract import Connection, Heard, Operation, Outcome, Request, Verdict
from adapters.http import ConversationError, Line, Work, open_session
from routing.message import Act, Instruction
from routing.money import Money
from routing.party import Identifier
from tests.adapters.cases import subject_of
from tests.adapters.spoken import PAYEE, World

NOW_MS = 1_800_000_000_000
SECRETS = {"client_id": "makutano", "client_secret": "demo"}


class Story(NamedTuple):
    """What became of an operation: in the answer (None: later), in the callbacks, when asked."""

    answer: Outcome | str | None
    callbacks: list[Outcome | None]
    inquiry: Outcome | str | None

    @property
    def verdicts(self) -> tuple[Any, ...]:
        return brief(self.answer), [brief(each) for each in self.callbacks], brief(self.inquiry)


def brief(outcome: Outcome | str | None) -> str | None:
    """Shorten an outcome to its verdict, or to why it is unknown."""
    if outcome is None or isinstance(outcome, str):
        return outcome
    return str(outcome.failure if outcome.verdict is Verdict.UNKNOWN else outcome.verdict)


def given(amount: str, **change: Any) -> Instruction:
    """Make an instruction that was never given before."""
    fields: dict[str, Any] = {
        "transfer": uuid.uuid4().hex,
        "operation": Operation.CREDIT,
        "act": Act.DO,
        "reference": str(uuid.uuid4()),
        "connection": "line",
        "payer_fsp": "baobab",
        "payee_fsp": "savanna",
        "money": Money.parse(amount, "KES"),
        "payer": (Identifier("msisdn", "+254700333444"),),
        "payee": (Identifier("msisdn", PAYEE),),
        "type": "transfer",
        "created_ms": NOW_MS,
        "lease_ends_ms": NOW_MS + 60_000,
    }
    return Instruction(**{**fields, **change})


async def carried_out(world: World, adapter: str, provider: str, instruction: Instruction, **settings: str) -> Story:
    """Have a simulated provider act, wait for all its callbacks, then ask it."""
    connection = Connection(
        name="line", base_url=f"{world.client._base_url}{provider}", settings=settings, secrets=SECRETS
    )
    work = Work.of(adapter, connection)
    reference = instruction.reference
    subject = subject_of(instruction)
    async with open_session() as session, receiving() as (address, received):
        line = Line(work, session, lambda: NOW_MS)
        answer = await said(line, instruction, address)
        if provider != "patient":  # its callback comes in an hour
            await world.simulator.callbacks.drained()
        heard = [work.adapter.heard(request, subject) for request in received]
        asking = msgspec.structs.replace(instruction, act=Act.ASK, asked_ms=NOW_MS)
        inquiry = await said(line, asking, "")
    for outcome, where in (
        (answer, Heard.ANSWER),
        (inquiry, Heard.INQUIRY),
        *((each, Heard.CALLBACK) for each in heard),
    ):
        if isinstance(outcome, Outcome):
            assert (outcome.reference, outcome.transfer, outcome.heard) == (reference, instruction.transfer, where)
    return Story(answer, heard, inquiry)


@asynccontextmanager
async def receiving() -> AsyncIterator[tuple[str, list[Request]]]:
    """Take whatever is called back, by any method."""
    received: list[Request] = []

    async def take(request: web.Request) -> web.Response:
        received.append(Request(method=request.method, path=request.path, body=await request.read()))
        return web.Response(status=204)

    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", take)
    async with TestServer(app) as server:
        yield str(server.make_url("/")), received


async def said(line: Line, instruction: Instruction, callback_url: str) -> Outcome | str | None:
    """Lead one conversation; what breaks on the way is told by its class."""
    begin = line.adapter.execute if instruction.act is Act.DO else line.adapter.inquire
    try:
        return await line.converse(partial(begin, instruction), callback_url=callback_url)
    except ConversationError as error:
        return f"broken: {error.failure}"
