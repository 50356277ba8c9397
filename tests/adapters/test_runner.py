"""The runner over real HTTP, with a small adapter of its own against the simulator and against worse providers."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Sequence
from contextlib import asynccontextmanager
from io import BytesIO
from typing import Any, NamedTuple

import aiohttp
import msgspec
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer, unused_port
from structlog.testing import capture_logs

from adapters.contract import (
    Answer,
    Connection,
    Context,
    FailureClass,
    Finding,
    Heard,
    Instruction,
    Kind,
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
from adapters.http import BODY_MAX, Pace, Work
from adapters.runner import Runner
from adapters.simulator.app import Simulator
from adapters.simulator.provider import Settings
from routing.bus import BusError, Take
from routing.local import LocalBus
from routing.message import Act, decoded, encoded
from routing.money import Money
from routing.party import Identifier
from routing.topology import OUTCOMES, inquiries, instructions, queues

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
        if request.body == b"another":
            subject = msgspec.structs.replace(subject, reference="another")
        instruction = given(
            transfer=subject.transfer,
            operation=subject.operation,
            reference=subject.reference,
            connection=self.connection.name,
        )
        try:
            outcome = read(instruction, Response(status=201, body=request.body), Heard.CALLBACK)
        except msgspec.DecodeError as error:
            raise UnreadableError from error
        return outcome


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
    await bus.start(queues(["alpha"]))
    await bus.listen()
    inbox = TestServer(app, port=unused_port())
    runner = Runner(bus, [work], callback_base_url=f"http://127.0.0.1:{inbox.port}", callback_key=KEY, clock=clock)
    app.add_routes(runner.routes())
    await inbox.start_server()
    await runner.start()
    try:
        yield World(bus, runner, work.adapter, clock, inbox, work)  # type: ignore[arg-type]  # a Plain, made above
    finally:
        await runner.close(1)
        await bus.close()
        await inbox.close()


@pytest.fixture
async def simulator() -> AsyncIterator[tuple[Simulator, str]]:
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

    async def login(request: web.Request) -> web.Response:
        del request
        return web.json_response({"access_token": "t", "expires_in": 3600})

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


@pytest.mark.parametrize(
    ("minor", "told", "asked_for"),
    [
        (1000, [(ACCEPTED, None, CALLBACK)], ASKED_ACCEPTED),
        (1001, [(REFUSED, NO_FUNDS, CALLBACK)], (REFUSED, NO_FUNDS, INQUIRY)),
        (1002, [(ACCEPTED, None, CALLBACK)], ASKED_ACCEPTED),
        (1003, [(UNKNOWN, UNCLEAR, RUNNER)], ASKED_ACCEPTED),
        (1004, [(ACCEPTED, None, CALLBACK)] * 2, ASKED_ACCEPTED),
        (1005, [(ACCEPTED, None, CALLBACK)], ASKED_ACCEPTED),
        (1006, [(UNKNOWN, UNCLEAR, ANSWER)], ASKED_ACCEPTED),
        (1007, [(REFUSED, LIMIT, CALLBACK)], (REFUSED, LIMIT, INQUIRY)),
        (1008, [(UNKNOWN, UNCLEAR, RUNNER)], (UNKNOWN, FailureClass.ABSENT, INQUIRY)),
        (1009, [], ASKED_ACCEPTED),
        (1010, [(UNKNOWN, UNCLEAR, ANSWER)], ASKED_ACCEPTED),
        (1011, [(ACCEPTED, None, CALLBACK)], ASKED_ACCEPTED),
    ],
)
async def test_each_fate_is_told_as_it_was_and_asking_finds_the_truth(
    simulator: tuple[Simulator, str], minor: int, told: list[Any], asked_for: tuple[Any, ...]
) -> None:
    provider, url = simulator
    instruction = given(money=Money(minor, "KES"))
    async with running(url + "alpha") as world:
        await world.carry_out(instruction)
        await provider.callbacks.drained()
        outcomes = list(await world.heard())
        assert brief(outcomes) == told
        assert all(each.reference == instruction.reference for each in outcomes)
        last = (await world.carry_out(asked(instruction)))[-1]
    assert brief([last]) == [asked_for]
    assert last.asked_ms == NOW_MS + 1
    if last.verdict is ACCEPTED:
        assert last.money == instruction.money
    amounts = {each.money.minor for each in outcomes if each.money}
    assert amounts <= {1006 if minor == 1005 else minor}


@pytest.mark.parametrize(("minor", "told"), [(1000, (ACCEPTED, None, ANSWER)), (1001, (REFUSED, NO_FUNDS, ANSWER))])
async def test_a_synchronous_answer_is_an_outcome_at_once(
    simulator: tuple[Simulator, str], minor: int, told: tuple[Any, ...]
) -> None:
    async with running(simulator[1] + "prompt") as world:
        assert brief(await world.carry_out(given(money=Money(minor, "KES")))) == [told]


async def test_what_the_provider_never_heard_is_executed_when_sent_again(simulator: tuple[Simulator, str]) -> None:
    provider, url = simulator
    instruction = given(money=Money(1008, "KES"))
    async with running(url + "alpha") as world:
        await world.carry_out(instruction)
        await world.carry_out(instruction)
        await provider.callbacks.drained()
        assert brief(await world.heard()) == [(UNKNOWN, UNCLEAR, RUNNER), (ACCEPTED, None, CALLBACK)]
    assert provider.provider("alpha").totals()["credited"] == {"KES": 1008}


async def test_the_same_instruction_twice_is_executed_once(simulator: tuple[Simulator, str]) -> None:
    provider, url = simulator
    instruction = given()
    async with running(url + "prompt") as world:
        outcomes = await world.carry_out(instruction, instruction)
    assert sorted(brief(outcomes)) == [
        (ACCEPTED, None, ANSWER),
        (UNKNOWN, FailureClass.DUPLICATE, ANSWER),
    ]
    totals = provider.provider("prompt").totals()
    assert (totals["credited"], totals["repeats"], totals["executed_twice"]) == ({"KES": 1000}, 1, 0)


async def test_nothing_is_sent_after_the_lease_but_asking_goes_on(simulator: tuple[Simulator, str]) -> None:
    provider, url = simulator
    instruction = given(lease_ends_ms=NOW_MS)
    async with running(url + "alpha") as world:
        assert brief(await world.carry_out(instruction)) == [(UNKNOWN, FailureClass.LAPSED, RUNNER)]
        assert provider.provider("alpha").totals()["first_time"] == 0
        last = (await world.carry_out(asked(instruction)))[-1]
    assert brief([last]) == [(UNKNOWN, FailureClass.ABSENT, INQUIRY)]


async def test_a_lease_that_ends_while_waiting_for_a_slot_is_seen() -> None:
    came, go_on = asyncio.Event(), asyncio.Event()

    async def answering(request: web.Request) -> web.Response:
        came.set()
        await go_on.wait()
        return web.json_response({"errorCode": request.headers["X-CorrelationID"]}, status=400)

    async with a_provider(answering) as url, running(url, in_flight_max=1) as world:
        first, second = given(), given()
        waiting = asyncio.create_task(world.carry_out(first, second))
        await came.wait()
        world.clock.now_ms = first.lease_ends_ms
        go_on.set()
        outcomes = await waiting
    assert [(each.reference, each.failure) for each in outcomes] == [
        (first.reference, UNCLEAR),
        (second.reference, FailureClass.LAPSED),
    ]
    assert outcomes[0].code == first.reference


async def test_a_refused_token_is_renewed_once_for_all(simulator: tuple[Simulator, str]) -> None:
    provider, url = simulator
    async with running(url + "prompt") as world:
        await world.carry_out(*(given() for _ in range(20)))
        assert world.adapter.logins == 1
        provider.revoke_tokens("prompt")
        outcomes = await world.carry_out(*(given() for _ in range(20)))
        assert world.adapter.logins == 2
    assert brief(outcomes) == [(ACCEPTED, None, ANSWER)] * 40


async def test_a_token_is_renewed_before_it_ends() -> None:
    class Short(Plain):
        def login(self, context: Context) -> Generator[Request, Response, Token | None]:
            token = yield from super().login(context)
            return Token(token.value, 0) if token else None

    async def answering(request: web.Request) -> web.Response:
        del request
        return web.Response(status=500)

    async with a_provider(answering) as url, running(url, Short) as world:
        for _ in range(2):
            await world.carry_out(given())
        assert world.adapter.logins == 2


async def test_a_401_that_stays_is_left_to_the_adapter_after_one_repetition() -> None:
    seen: list[str] = []

    async def answering(request: web.Request) -> web.Response:
        seen.append(request.headers["X-CorrelationID"])
        return web.json_response({"errorCode": "clientAuthorisationError"}, status=401)

    async with a_provider(answering) as url, running(url) as world:
        instruction = given()
        outcomes = await world.carry_out(instruction)
    assert brief(outcomes) == [(UNKNOWN, UNCLEAR, ANSWER)]
    assert seen == [instruction.reference] * 2


async def test_a_refused_login_is_ours_to_repair_and_nothing_is_sent(simulator: tuple[Simulator, str]) -> None:
    provider, url = simulator
    async with running(url + "alpha", secret="guess") as world:
        outcomes = await world.carry_out(given())
    assert brief(outcomes) == [(UNKNOWN, FailureClass.PARTICIPANT_CONFIG, RUNNER)]
    assert provider.provider("alpha").totals()["first_time"] == 0


async def test_a_provider_that_is_down_is_unavailable() -> None:
    async with running(f"http://127.0.0.1:{unused_port()}") as world:
        outcomes = await world.carry_out(given())
    assert brief(outcomes) == [(UNKNOWN, FailureClass.PROVIDER_UNAVAILABLE, RUNNER)]


async def test_a_provider_that_goes_down_after_the_login_is_unavailable() -> None:
    class Away(Plain):
        """Holds a token that needed no request."""

        def login(self, context: Context) -> Generator[Request, Response, Token | None]:
            del context
            yield from ()
            return Token("t", 3600)

    async with running(f"http://127.0.0.1:{unused_port()}", Away) as world:
        outcomes = await world.carry_out(given())
    assert brief(outcomes) == [(UNKNOWN, FailureClass.PROVIDER_UNAVAILABLE, RUNNER)]


async def silent(request: web.Request) -> web.Response:
    del request
    await asyncio.Event().wait()
    raise AssertionError


async def oversized(request: web.Request) -> web.Response:
    del request
    return web.Response(status=201, body=b" " * (BODY_MAX + 1))


async def redirecting(request: web.Request) -> web.Response:
    if request.path == "/elsewhere":
        return web.json_response({"transactionStatus": "completed", "amount": "10", "currency": "KES"})
    return web.Response(status=307, headers={"Location": "/elsewhere"})


@pytest.mark.parametrize(
    ("answering", "heard"),
    [(silent, RUNNER), (oversized, RUNNER), (redirecting, ANSWER)],
    ids=["silent", "oversized", "redirecting"],
)
async def test_no_answer_that_can_be_used_is_unclear(answering: Answering, heard: Heard) -> None:
    async with a_provider(answering) as url, running(url, timeout_s=1) as world:
        assert brief(await world.carry_out(given())) == [(UNKNOWN, UNCLEAR, heard)]


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


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        ("raises", (UNCLEAR, RUNNER)),
        ("raises later", (UNCLEAR, RUNNER)),
        ("leaves the host", (UNCLEAR, RUNNER)),
        ("speaks of another", (UNCLEAR, RUNNER)),
        ("calls doubt a refusal", (FailureClass.DUPLICATE, ANSWER)),
    ],
)
async def test_an_adapters_fault_is_unknown_and_of_its_own_instruction(
    simulator: tuple[Simulator, str], fault: str, told: tuple[Any, ...]
) -> None:
    instruction = given(description=fault)
    async with running(simulator[1] + "prompt", Faulty) as world:
        outcomes = await world.carry_out(instruction)
    assert brief(outcomes) == [(UNKNOWN, *told)]
    assert outcomes[0].reference == instruction.reference


async def test_a_message_is_settled_only_when_its_outcomes_are_safe(simulator: tuple[Simulator, str]) -> None:
    async with running(simulator[1] + "prompt") as world:
        world.bus.is_unsure = True
        these = [given(), given(money=Money(1009, "KES"))]
        waiting = asyncio.create_task(world.carry_out(*these))
        await world.bus.until(lambda: world.bus.refused >= 2)
        assert world.bus.settled == []
        world.bus.is_unsure = False
        assert brief(await waiting) == [(ACCEPTED, None, ANSWER)]


async def test_what_cannot_be_read_is_set_aside_and_the_rest_carried_out(simulator: tuple[Simulator, str]) -> None:
    ours, others = given(), given(connection="beta")
    async with running(simulator[1] + "prompt") as world:
        with capture_logs() as logs:
            await world.bus.publish(instructions("alpha"), [b'{"transfer":1}', encoded(ours), encoded(others)])
            await world.bus.until(lambda: len(world.bus.settled) == 3)
            outcomes = await world.heard()
    assert [each.reference for each in outcomes] == [ours.reference]
    assert [each["event"] for each in logs].count("instruction.unreadable") == 2


async def test_a_runner_that_closes_finishes_what_it_began_and_leaves_the_rest() -> None:
    came, go_on = asyncio.Event(), asyncio.Event()

    async def answering(request: web.Request) -> web.Response:
        del request
        came.set()
        await go_on.wait()
        return web.json_response({"transactionStatus": "completed", "amount": "10", "currency": "KES"}, status=201)

    async with a_provider(answering) as url, running(url, in_flight_max=1) as world:
        await world.bus.publish(instructions("alpha"), [encoded(given())])
        await came.wait()
        later = given()
        await world.bus.publish(instructions("alpha"), [encoded(later)])
        closing = asyncio.create_task(world.runner.close(10))
        go_on.set()
        await closing
        await world.bus.until(lambda: len(world.bus.settled) == 1)
        assert brief(await world.heard()) == [(ACCEPTED, None, ANSWER)]
        assert encoded(later) not in world.bus.settled


async def test_a_runner_that_closes_does_not_wait_for_ever() -> None:
    came = asyncio.Event()

    async def answering(request: web.Request) -> web.Response:
        came.set()
        return await silent(request)

    async with a_provider(answering) as url, running(url) as world:
        await world.bus.publish(instructions("alpha"), [encoded(given())])
        await came.wait()
        await world.runner.close(0.01)
        assert await world.heard() == []
        assert world.bus.settled == []


async def called(url: str, body: bytes, **headers: str) -> tuple[int, str]:
    async with aiohttp.ClientSession() as session, session.put(url, data=BytesIO(body), headers=headers) as response:
        return response.status, response.headers.get("Retry-After", "")


GOOD = msgspec.json.encode({"transactionStatus": "completed", "amount": "10", "currency": "KES"})
NOWHERE = f"http://127.0.0.1:{unused_port()}"


@pytest.mark.parametrize(
    ("body", "status", "told"),
    [
        (GOOD, 204, 1),
        (b"{", 400, 0),
        (b"another", 400, 0),
        (b"fault", 500, 0),
        (b" " * (BODY_MAX + 1), 413, 0),
    ],
    ids=["good", "garbage", "another", "fault", "oversized"],
)
async def test_a_callback_is_answered_by_what_became_of_it(body: bytes, status: int, told: int) -> None:
    async with running(NOWHERE) as world:
        instruction = given()
        assert await called(world.runner.make_callback_url(instruction), body) == (status, "")
        outcomes = await world.heard()
        assert len(outcomes) == told
        assert all(each.reference == instruction.reference for each in outcomes)


async def test_a_callback_is_to_be_repeated_while_the_bus_is_unsure() -> None:
    async with running(NOWHERE) as world:
        url = world.runner.make_callback_url(given())
        world.bus.is_unsure = True
        assert await called(url, GOOD) == (503, "5")
        world.bus.is_unsure = False
        assert await called(url, GOOD) == (204, "")
        assert brief(await world.heard()) == [(ACCEPTED, None, CALLBACK)]


def other_reference(url: str) -> str:
    head, subject, signature = url.rsplit("/", 2)
    return f"{head}/{subject[:-1]}{'0' if subject[-1] != '0' else '1'}/{signature}"


@pytest.mark.parametrize(
    "forged",
    [
        other_reference,
        lambda url: url[:-1] + ("0" if url[-1] != "0" else "1"),
        lambda url: url[:-1],
        lambda url: url.rsplit("/", 1)[0] + "/%C3%A9%FF",
        lambda url: url.replace("/callbacks/alpha/", "/callbacks/beta/"),
        lambda url: url.replace(".credit.", ".refund."),
        lambda url: url.rsplit("/", 2)[0],
    ],
    ids=["reference", "signature", "short", "not ascii", "connection", "operation", "shared"],
)
async def test_a_forged_callback_is_not_found_and_nothing_is_published(forged: Callable[[str], str]) -> None:
    async with running(NOWHERE) as world:
        url = world.runner.make_callback_url(given())
        assert await called(forged(url), GOOD) == (404, "")
        assert await world.heard() == []


@pytest.mark.parametrize(
    ("authorization", "body", "status", "told"),
    [
        (f"Bearer {SECRET}", GOOD, 204, 1),
        (f"Bearer {SECRET}", b"nothing", 204, 0),
        ("Bearer guess", GOOD, 404, 0),
        ("", GOOD, 404, 0),
        (SECRET, GOOD, 404, 0),
    ],
)
async def test_a_rail_with_one_address_shows_its_secret(
    authorization: str, body: bytes, status: int, told: int
) -> None:
    async with running(NOWHERE, callbacks="shared_secret") as world:
        url = world.runner.make_callback_url(given())
        assert url.endswith("/callbacks/alpha")
        assert await called(url, body, Authorization=authorization) == (status, "")
        assert len(await world.heard()) == told


async def test_a_rail_without_callbacks_has_no_address() -> None:
    async with running(NOWHERE) as world, running(NOWHERE, callbacks="none") as deaf:
        assert deaf.runner.make_callback_url(given()) == ""
        path = world.runner.make_callback_url(given()).partition("/callbacks/")[2]
        assert await called(str(deaf.inbox.make_url(f"/callbacks/{path}")), GOOD) == (404, "")


def question(party: str = PAYEE) -> bytes:
    return encoded(
        Question(
            kind=Kind.ACCOUNT_NAME,
            connection="alpha",
            party=(Identifier("msisdn", party),),
            asker="one",
            correlation="c",
        )
    )


async def answer_to(world: World, asking: bytes) -> Answer:
    return msgspec.json.decode(await world.bus.ask(inquiries("alpha"), asking, timeout_s=10), type=Answer)


async def test_a_question_is_answered(simulator: tuple[Simulator, str]) -> None:
    async with running(simulator[1] + "alpha") as world:
        answer = await answer_to(world, question())
        assert (answer.finding, answer.body) == (Finding.FOUND, {"name": {"fullName": "Customer 1222"}})


@pytest.mark.parametrize("asking", [question(), b"{}"])
async def test_a_question_without_a_clear_answer_is_unanswered(asking: bytes) -> None:
    async with running(NOWHERE) as world:
        assert (await answer_to(world, asking)).finding is Finding.UNANSWERED


async def test_questions_do_not_wait_for_instructions() -> None:
    came, go_on = asyncio.Event(), asyncio.Event()

    async def answering(request: web.Request) -> web.Response:
        if request.method == "GET":
            return web.json_response({"name": {}})
        came.set()
        await go_on.wait()
        return web.json_response({"transactionStatus": "completed", "amount": "10", "currency": "KES"}, status=201)

    async with a_provider(answering) as url, running(url, in_flight_max=1) as world:
        waiting = asyncio.create_task(world.carry_out(given()))
        await came.wait()
        assert (await answer_to(world, question())).finding is Finding.FOUND
        assert world.bus.settled == []
        go_on.set()
        assert brief(await waiting) == [(ACCEPTED, None, ANSWER)]


async def test_no_more_conversations_run_at_once_than_the_manifest_allows() -> None:
    running_now, most = 0, 0
    full = asyncio.Event()

    async def answering(request: web.Request) -> web.Response:
        nonlocal running_now, most
        del request
        running_now += 1
        most = max(most, running_now)
        if running_now == 3:
            full.set()
        await full.wait()
        running_now -= 1
        return web.Response(status=500)

    async with a_provider(answering) as url, running(url, in_flight_max=3) as world:
        await world.carry_out(*(given() for _ in range(9)))
    assert most == 3


async def test_no_secret_and_no_party_is_logged(simulator: tuple[Simulator, str]) -> None:
    provider, url = simulator
    with capture_logs() as logs:
        async with running(url + "alpha", Faulty) as world:
            await world.carry_out(*(given(money=Money(1000 + magic, "KES")) for magic in range(12)))
            await world.carry_out(*(given(description=fault) for fault in ("raises", "raises later")))
            await provider.callbacks.drained()
            for body in (b"fault", b"{", GOOD):
                await called(world.runner.make_callback_url(given()), body)
            await answer_to(world, question())
            await answer_to(world, b'{"party":[{"key":"msisdn","value":"+254700111222"}]}')
            await world.bus.publish(instructions("alpha"), [b'{"payee":[{"key":1,"value":"+254700111222"}]}'])
            await world.bus.until(lambda: len(world.bus.settled) == 15)
        async with running(url + "alpha", secret=SECRET) as world:
            await world.carry_out(given())
    text = repr(logs)
    assert {"instruction.outcome", "conversation.broken", "callback.outcome", "callback.failed"} <= {
        each["event"] for each in logs
    }
    for private in (PAYEE, PAYEE[1:], "254700333444", SECRET, "demo", "Bearer"):
        assert private not in text


@pytest.mark.parametrize(
    ("at", "waits"),
    [
        ([0.0, 0.0, 0.0], [0.0, 0.5, 1.0]),
        ([0.0, 0.2, 5.0, 5.0], [0.0, 0.3, 0.0, 0.5]),
    ],
)
def test_a_pace_spaces_what_is_sent(at: list[float], waits: list[float]) -> None:
    pace = Pace(2)
    assert [pace.wait_s(now) for now in at] == pytest.approx(waits)


async def test_a_short_callback_key_is_refused() -> None:
    with pytest.raises(ValueError, match="16 bytes"):
        Runner(LocalBus(), [], callback_base_url=NOWHERE, callback_key=b"short")
