"""What the tests of the runner share: a small adapter, a bus that is watched, a runner between them."""

import asyncio
import itertools
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Sequence
from contextlib import asynccontextmanager
from io import BytesIO
from typing import Any, NamedTuple

import aiohttp
import msgspec
from aiohttp import web
from aiohttp.test_utils import TestServer, unused_port

from adapters.contract import (
    Answer,
    Connection,
    Context,
    FailureClass,
    Finding,
    Heard,
    Instruction,
    Manifest,
    Operation,
    Outcome,
    Question,
    Rail,
    Request,
    Response,
    Subject,
    Token,
    UnreadableError,
    Verdict,
    outcome_of,
    unanswered,
    unknown,
)
from adapters.http import Work
from adapters.runner import Runner
from adapters.simulator.app import Simulator
from adapters.simulator.provider import Settings
from routing.bus import BusError, Take
from routing.local import LocalBus
from routing.message import Act, decoded, encoded
from routing.money import Money
from routing.party import Identifier
from routing.seal import Seal
from routing.topology import OUTCOMES, instructions, queues

PAYEE = "+254700111222"
KEY = b"0123456789abcdef0123456789abcdef"
SECRET = "a-secret-that-is-never-logged"
NOW_MS = 1_800_000_000_000
REFUSALS = {"insufficientFunds": FailureClass.INSUFFICIENT_FUNDS, "dailyValueLimitExceeded": FailureClass.PAYEE_LIMIT}
ACCEPTED, REFUSED, UNKNOWN = Verdict.ACCEPTED, Verdict.REFUSED, Verdict.UNKNOWN


class Plain:
    """An adapter for the simulator's GSMA dialect, as small as it can be."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.logins = 0

    def login(self, context: Context) -> Generator[Request, Response, Token | None]:
        del context
        self.logins += 1
        basic = aiohttp.encode_basic_auth("makutano", self.connection.secrets["client_secret"])
        answer = yield Request(
            method="POST", path="/v1/oauth/accesstoken", headers={"Authorization": basic}, bearer=False
        )
        if answer.status != 200:
            return None
        body = msgspec.json.decode(answer.body)
        return Token(body["access_token"], body["expires_in"])

    def execute(self, instruction: Instruction, context: Context) -> Generator[Request, Response, Outcome | None]:
        headers = {"X-CorrelationID": instruction.reference, "X-Callback-URL": context.callback_url}
        body = {
            "amount": str(instruction.money),
            "currency": instruction.money.currency,
            "creditParty": [{"key": "msisdn", "value": instruction.payee[0].value}],
        }
        answer = yield Request(
            method="POST", path="/transactions/type/transfer", headers=headers, body=msgspec.json.encode(body)
        )
        return read(instruction, answer)

    def inquire(self, instruction: Instruction, context: Context) -> Generator[Request, Response, Outcome | None]:
        del context
        answer = yield Request(method="GET", path=f"/responses/{instruction.reference}")
        if answer.status == 404:
            return unknown(instruction, FailureClass.ABSENT)
        answer = yield Request(method="GET", path=msgspec.json.decode(answer.body)["link"])
        return read(instruction, answer)

    def consult(self, question: Question, context: Context) -> Generator[Request, Response, Answer]:
        del context
        answer = yield Request(method="GET", path=f"/accounts/msisdn/{question.party[0].value}/accountname")
        if answer.status != 200:
            return unanswered()
        return Answer(finding=Finding.FOUND, body=msgspec.json.decode(answer.body))

    def heard(self, request: Request, subject: Subject | None) -> Outcome | None:
        if subject is None:
            if request.body == b"nothing":
                return None
            subject = SUBJECT
        if request.body == b"fault":
            raise RuntimeError(PAYEE)
        body = request.body
        if body == b"another":
            subject, body = msgspec.structs.replace(subject, reference="another"), GOOD
        instruction = given(
            transfer=subject.transfer,
            operation=subject.operation,
            reference=subject.reference,
            connection=self.connection.name,
        )
        try:
            outcome = read(instruction, Response(status=201, body=body), Heard.CALLBACK)
        except msgspec.DecodeError as error:
            raise UnreadableError from error
        return outcome


SEAL = Seal([KEY])
GOOD = msgspec.json.encode({"transactionStatus": "completed", "amount": "10", "currency": "KES"})
SUBJECT = Subject(transfer="1" * 32, operation=Operation.CREDIT, reference="00000000-0000-4000-8000-000000000001")


def read(instruction: Instruction, answer: Response, heard: Heard | None = None) -> Outcome | None:
    """Read what the simulator says about a transaction."""
    said: dict[str, Any] = {} if heard is None else {"heard": heard}
    if answer.status >= 500:
        return unknown(instruction, **said)
    try:
        body = msgspec.json.decode(answer.body)
    except msgspec.DecodeError:
        if heard is not None:
            raise
        return unknown(instruction, **said)
    if body.get("transactionStatus") == "completed":
        return outcome_of(instruction, ACCEPTED, money=Money.parse(body["amount"], body["currency"]), **said)
    code = body.get("errorCode", "")
    if code == "duplicateRequest":
        return unknown(instruction, FailureClass.DUPLICATE, code=code, **said)
    if code in REFUSALS:
        return outcome_of(instruction, REFUSED, failure=REFUSALS[code], code=code, **said)
    return None if answer.status == 202 else unknown(instruction, code=code, **said)


MANIFEST = Manifest(
    name="plain",
    title="Plain",
    protocol="test",
    owner="test",
    level="bronze",
    identifiers=("msisdn",),
    rail=Rail(),
    callbacks="signed_url",
    timeout_s=10,
)


def given(**change: Any) -> Instruction:
    fields: dict[str, Any] = {
        "transfer": uuid.uuid4().hex,
        "operation": Operation.CREDIT,
        "act": Act.DO,
        "reference": str(uuid.uuid4()),
        "connection": "alpha",
        "payer_fsp": "one",
        "payee_fsp": "two",
        "money": Money(1000, "KES"),
        "payer": (Identifier("msisdn", "+254700333444"),),
        "payee": (Identifier("msisdn", PAYEE),),
        "type": "transfer",
        "created_ms": NOW_MS,
        "lease_ends_ms": NOW_MS + 60_000,
    }
    return Instruction(**{**fields, **change})


def asked(instruction: Instruction) -> Instruction:
    return msgspec.structs.replace(instruction, act=Act.ASK, asked_ms=NOW_MS + 1)


class WatchedBus(LocalBus):
    """A real bus on which a test sees what is settled, and which can be unsure about outcomes."""

    def __init__(self) -> None:
        super().__init__(retry_max_s=0.005)
        self.settled: list[bytes] = []
        self.outcomes: list[Outcome] = []
        self.is_unsure = False
        self.refused = 0
        self._changed = asyncio.Condition()

    async def consume(self, queue: str, take: Take, *, prefetch: int = 16) -> None:
        async def watched(envelopes: Sequence[bytes]) -> None:
            await take(envelopes)
            self.settled += envelopes
            await self._tell()

        await super().consume(queue, watched, prefetch=prefetch)

    async def publish(self, queue: str, envelopes: Sequence[bytes]) -> None:
        if queue == OUTCOMES and self.is_unsure:
            self.refused += 1
            await self._tell()
            raise BusError("told to be unsure")
        await super().publish(queue, envelopes)

    async def listen(self) -> None:
        async def take(envelopes: Sequence[bytes]) -> None:
            outcomes, unreadable = decoded(envelopes, Outcome)
            assert not unreadable
            self.outcomes += outcomes
            await self._tell()

        await LocalBus.consume(self, OUTCOMES, take)

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(20), self._changed:
            await self._changed.wait_for(condition)

    async def _tell(self) -> None:
        async with self._changed:
            self._changed.notify_all()


class Clock:
    def __init__(self) -> None:
        self.now_ms = NOW_MS

    def __call__(self) -> int:
        return self.now_ms


class World(NamedTuple):
    bus: WatchedBus
    runner: Runner
    adapter: Plain
    clock: Clock
    inbox: TestServer
    work: Work

    async def carry_out(self, *these: Instruction) -> list[Outcome]:
        """Publish instructions, wait until they are settled, and return all outcomes so far."""
        before = len(self.bus.settled)
        await self.bus.publish(instructions(self.work.name), [encoded(each) for each in these])
        await self.bus.until(lambda: len(self.bus.settled) == before + len(these))
        return await self.heard()

    async def heard(self) -> list[Outcome]:
        """Return the outcomes so far: a marker sent after them says that the bus has handed them over."""
        marker = encoded(unknown(given(), text=uuid.uuid4().hex))
        await LocalBus.publish(self.bus, OUTCOMES, [marker])
        wanted = msgspec.json.decode(marker, type=Outcome)
        await self.bus.until(lambda: wanted in self.bus.outcomes)
        self.bus.outcomes.remove(wanted)
        return self.bus.outcomes


@asynccontextmanager
async def running(
    base_url: str, adapter: type[Plain] = Plain, secret: str = "demo", **limits: Any
) -> AsyncIterator[World]:
    connection = Connection(name="alpha", base_url=base_url, secrets={"client_secret": secret, "callback": SECRET})
    work = Work(connection, adapter(connection), msgspec.structs.replace(MANIFEST, **limits))
    bus, clock, app = WatchedBus(), Clock(), web.Application()
    beta = Work(msgspec.structs.replace(connection, name="beta"), adapter(connection), work.manifest)
    await bus.start(queues(["alpha", "beta"]))
    await bus.listen()
    inbox = TestServer(app, port=unused_port())
    runner = Runner(
        bus, [work, beta], callback_base_url=f"http://127.0.0.1:{inbox.port}", callback_key=KEY, seal=SEAL, clock=clock
    )
    app.add_routes(runner.routes())
    await inbox.start_server()
    await runner.start()
    try:
        yield World(bus, runner, work.adapter, clock, inbox, work)  # type: ignore[arg-type]  # a Plain, made above
    finally:
        await runner.close(1)
        await bus.close()
        await inbox.close()


@asynccontextmanager
async def simulated() -> AsyncIterator[tuple[Simulator, str]]:
    """Serve a provider that calls back, `alpha`, and one that answers at once, `prompt`."""
    made = Simulator(
        [
            Settings(name="alpha", dialect="gsma", late_s=0.01),
            Settings(name="prompt", dialect="gsma", sync=True, late_s=0.01),
        ]
    )
    async with TestServer(made.app) as server:
        yield made, str(server.make_url("/"))


Answering = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def a_provider(answering: Answering) -> AsyncIterator[str]:
    """Serve a provider that gives out tokens and answers everything else in its own way."""
    numbers = itertools.count(1)

    async def login(request: web.Request) -> web.Response:
        del request
        return web.json_response({"access_token": f"t{next(numbers)}", "expires_in": 3600})

    app = web.Application()
    app.router.add_post("/v1/oauth/accesstoken", login)
    app.router.add_route("*", "/{tail:.*}", answering)
    async with TestServer(app) as server:
        yield str(server.make_url("/"))


def brief(outcomes: Sequence[Outcome]) -> list[tuple[Any, ...]]:
    return [(each.verdict, each.failure, each.heard) for each in outcomes]


CALLBACK, INQUIRY, RUNNER, ANSWER = Heard.CALLBACK, Heard.INQUIRY, Heard.RUNNER, Heard.ANSWER
ASKED_ACCEPTED = (ACCEPTED, None, INQUIRY)
NO_FUNDS, LIMIT = FailureClass.INSUFFICIENT_FUNDS, FailureClass.PAYEE_LIMIT
UNCLEAR = FailureClass.UNCLEAR
NOWHERE = f"http://127.0.0.1:{unused_port()}"


class Faulty(Plain):
    """Fails in the way that the instruction's description says."""

    def execute(self, instruction: Instruction, context: Context) -> Generator[Request, Response, Outcome | None]:
        match instruction.description:
            case "raises":
                raise KeyError(PAYEE)
            case "raises later":
                yield Request(method="GET", path="/")
                raise KeyError(PAYEE)
            case "leaves the host":
                yield Request(method="GET", path="@127.0.0.1/", bearer=False)
            case "speaks of another":
                return outcome_of(given(), ACCEPTED)
            case "calls doubt a refusal":
                return outcome_of(instruction, REFUSED, failure=FailureClass.DUPLICATE)
        return (yield from super().execute(instruction, context))


async def called(url: str, body: bytes, **headers: str) -> tuple[int, str]:
    async with aiohttp.ClientSession() as session, session.put(url, data=BytesIO(body), headers=headers) as response:
        return response.status, response.headers.get("Retry-After", "")


async def silent(request: web.Request) -> web.Response:
    del request
    await asyncio.Event().wait()
    raise AssertionError
