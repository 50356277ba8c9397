"""The runner over real HTTP: what the simulator does is told as it was, and settled when it is safe."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
from aiohttp import web
from structlog.testing import capture_logs

from adapters.contract import (
    Answer,
    FailureClass,
    Finding,
    Kind,
    Question,
)
from adapters.runner import ANSWER_BYTES_MAX
from adapters.simulator.app import Simulator
from routing.message import encoded
from routing.money import Money
from routing.party import Identifier
from routing.topology import inquiries, instructions
from tests.adapters.plain import (
    ACCEPTED,
    ANSWER,
    ASKED_ACCEPTED,
    CALLBACK,
    GOOD,
    INQUIRY,
    LIMIT,
    NO_FUNDS,
    NOW_MS,
    NOWHERE,
    PAYEE,
    REFUSED,
    RUNNER,
    SECRET,
    UNCLEAR,
    UNKNOWN,
    Faulty,
    World,
    a_provider,
    asked,
    brief,
    called,
    given,
    running,
    silent,
    simulated,
)


@pytest.fixture
async def simulator() -> AsyncIterator[tuple[Simulator, str]]:
    async with simulated() as both:
        yield both


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


async def test_an_answer_that_would_fill_the_bus_is_unanswered() -> None:
    async def answering(request: web.Request) -> web.Response:
        del request
        return web.json_response({"name": {"fullName": "x" * ANSWER_BYTES_MAX}})

    async with a_provider(answering) as url, running(url) as world:
        assert (await answer_to(world, question())).finding is Finding.UNANSWERED


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
