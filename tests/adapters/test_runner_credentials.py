"""Customers' credentials reach the adapter in the instruction they were sealed for, and nothing else at all."""

import asyncio
from collections.abc import AsyncIterator, Generator

import msgspec
import pytest
from aiohttp import web
from structlog.testing import capture_logs

from adapters.contract import Context, FailureClass, Instruction, Outcome, Request, Response
from routing.seal import Seal
from tests.adapters.plain import (
    ACCEPTED,
    ANSWER,
    GOOD,
    INQUIRY,
    RUNNER,
    SEAL,
    UNKNOWN,
    Plain,
    World,
    a_provider,
    asked,
    brief,
    given,
    read,
    running,
)

USER = {"x-user-bearer": "the-users-token", "x-user-credential-1": "the-users-pin"}
CONFIG = FailureClass.PARTICIPANT_CONFIG


class Relaying(Plain):
    """Passes on what it is given of the customer, whatever it does."""

    def execute(self, instruction: Instruction, context: Context) -> Generator[Request, Response, Outcome | None]:
        answer = yield Request(method="POST", path="/execute", headers=context.user)
        return read(instruction, answer)

    def inquire(self, instruction: Instruction, context: Context) -> Generator[Request, Response, Outcome | None]:
        answer = yield Request(method="GET", path="/inquire", headers=context.user)
        return read(instruction, answer)


class Provider:
    """Takes everything, and remembers what was said of the customer."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, dict[str, str]]] = []

    async def answering(self, request: web.Request) -> web.Response:
        user = {name.lower(): value for name, value in request.headers.items() if name.lower().startswith("x-user")}
        self.heard.append((request.path, user))
        return web.Response(body=GOOD)


@pytest.fixture
def provider() -> Provider:
    return Provider()


@pytest.fixture
async def world(provider: Provider) -> AsyncIterator[World]:
    async with a_provider(provider.answering) as url, running(url, Relaying) as found:
        yield found


def sealed(**change: str) -> Instruction:
    instruction = given()
    text = SEAL.sealed(USER, transfer=instruction.transfer)
    return msgspec.structs.replace(instruction, **{"sealed": text, **change})


async def test_the_credentials_are_opened_for_the_instruction_and_for_the_next_one_there_are_none(
    world: World, provider: Provider
) -> None:
    with capture_logs() as lines:
        assert brief(await world.carry_out(sealed())) == [(ACCEPTED, None, ANSWER)]
    await world.carry_out(given())
    assert provider.heard == [("/execute", USER), ("/execute", {})]
    assert "the-users" not in str(lines)


async def test_a_question_about_it_goes_without_them(world: World, provider: Provider) -> None:
    outcomes = await world.carry_out(asked(sealed()))
    assert brief(outcomes) == [(ACCEPTED, None, INQUIRY)]
    assert provider.heard == [("/inquire", {})]


@pytest.mark.parametrize(
    "broken",
    [
        Seal([b"another key of some length, 32 at least"]).sealed(USER, transfer="1" * 32),
        SEAL.sealed(USER, transfer="1" * 32),
        "not sealed at all: the-users-pin",
    ],
    ids=["under another key", "for another transfer", "not sealed"],
)
async def test_what_cannot_be_opened_is_not_sent_and_is_unknown_not_refused(
    world: World, provider: Provider, broken: str
) -> None:
    with capture_logs() as lines:
        outcomes = await world.carry_out(sealed(sealed=broken))
    assert brief(outcomes) == [(UNKNOWN, CONFIG, RUNNER)]
    assert provider.heard == []
    (line,) = [each for each in lines if each["event"] == "credentials.sealed"]
    assert line["log_level"] == "error"
    assert line["transfer"] == outcomes[0].transfer
    assert broken not in str(lines)
    assert "the-users" not in str(lines)


async def test_credentials_do_not_stay_with_a_conversation_that_breaks() -> None:
    async def breaking(request: web.Request) -> web.Response:
        assert request.transport is not None
        request.transport.close()
        await asyncio.Event().wait()
        raise AssertionError

    async with a_provider(breaking) as url, running(url, Relaying) as world:
        with capture_logs() as lines:
            outcomes = await world.carry_out(sealed())
    assert brief(outcomes) == [(UNKNOWN, FailureClass.UNCLEAR, RUNNER)]
    assert "the-users" not in str(lines) + str(outcomes)
