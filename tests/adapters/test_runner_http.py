"""What leaves a runner: never after the lease, with a token that holds; what does not come back is UNKNOWN."""

import asyncio
from collections.abc import AsyncIterator, Generator

import pytest
from aiohttp import web
from aiohttp.test_utils import unused_port

from adapters.contract import (
    Context,
    FailureClass,
    Heard,
    Instruction,
    Outcome,
    Request,
    Response,
    Token,
)
from adapters.http import BODY_MAX, Pace
from adapters.simulator.app import Simulator
from routing.message import encoded
from routing.topology import instructions
from tests.adapters.plain import (
    ACCEPTED,
    ANSWER,
    INQUIRY,
    NOW_MS,
    RUNNER,
    UNCLEAR,
    UNKNOWN,
    Answering,
    Plain,
    a_provider,
    asked,
    brief,
    given,
    read,
    running,
    silent,
    simulated,
)


@pytest.fixture
async def simulator() -> AsyncIterator[tuple[Simulator, str]]:
    async with simulated() as both:
        yield both


async def test_nothing_is_sent_after_the_lease_but_asking_goes_on(simulator: tuple[Simulator, str]) -> None:
    provider, url = simulator
    instruction = given(lease_ends_ms=NOW_MS)
    async with running(url + "alpha") as world:
        assert brief(await world.carry_out(instruction)) == [(UNKNOWN, FailureClass.LAPSED, RUNNER)]
        assert provider.provider("alpha").totals()["first_time"] == 0
        last = (await world.carry_out(asked(instruction)))[-1]
    assert brief([last]) == [(UNKNOWN, FailureClass.ABSENT, INQUIRY)]


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
async def test_what_breaks_on_the_way_is_not_sent_again(method: str) -> None:
    came: list[str] = []

    async def breaking(request: web.Request) -> web.Response:
        came.append(request.method)
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    class Once(Plain):
        def execute(self, instruction: Instruction, context: Context) -> Generator[Request, Response, Outcome | None]:
            del context
            answer = yield Request(method=method, path=f"/orders/{instruction.reference}", body=b"{}")
            return read(instruction, answer)

    async with a_provider(breaking) as url, running(url, Once) as world:
        assert brief(await world.carry_out(given())) == [(UNKNOWN, UNCLEAR, RUNNER)]
    assert came == [method]


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


async def test_a_late_401_for_an_old_token_does_not_throw_the_new_one_away() -> None:
    came, go_on = asyncio.Event(), asyncio.Event()

    async def answering(request: web.Request) -> web.Response:
        if not came.is_set():
            came.set()
            await go_on.wait()
        return web.Response(status=401 if request.headers["Authorization"] == "Bearer t1" else 500)

    async with a_provider(answering) as url, running(url) as world:
        for _ in range(2):
            await world.bus.publish(instructions("alpha"), [encoded(given())])
            await came.wait()
        await world.bus.until(lambda: len(world.bus.settled) == 1)
        assert world.adapter.logins == 2
        go_on.set()
        await world.bus.until(lambda: len(world.bus.settled) == 2)
        assert world.adapter.logins == 2


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
