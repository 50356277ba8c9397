"""Who sends and who receives reaches the adapter among the details of its own instruction, and nothing else at all."""

from collections.abc import AsyncIterator, Generator
from typing import Any

import msgspec
import pytest
from aiohttp import web
from structlog.testing import capture_logs

from adapters.contract import (
    Context,
    Errand,
    FailureClass,
    Instruction,
    Operation,
    Outcome,
    Request,
    Resource,
    Response,
    outcome_heard,
    outcome_of,
)
from routing.seal import Seal
from tests.adapters.plain import (
    ACCEPTED,
    ANSWER,
    GOOD,
    INQUIRY,
    RUNNER,
    SEAL,
    SUBJECT,
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

KYC: dict[str, Any] = {
    "senderKyc": {"subjectName": {"fullName": "the senders name"}},
    "recipientKyc": {"subjectName": {"fullName": "the recipients name"}},
    "internationalTransferInformation": {"originCountry": "KE", "remittancePurpose": "the purpose"},
}
IN_CLEAR: dict[str, Any] = {
    "geoCode": "0,0",
    "internationalTransferInformation": {"originCountry": "XX", "quotationReference": "Q1"},
}


class Telling(Plain):
    """Tells the provider all that it is given beside the order itself."""

    def execute(self, instruction: Instruction, context: Context) -> Generator[Request, Response, Outcome | None]:
        del context
        answer = yield Request(method="POST", path="/execute", body=told(instruction))
        return read(instruction, answer)

    def inquire(self, instruction: Instruction, context: Context) -> Generator[Request, Response, Outcome | None]:
        del context
        answer = yield Request(method="POST", path="/inquire", body=told(instruction))
        return read(instruction, answer)


def told(instruction: Instruction) -> bytes:
    said: dict[str, Any] = {"details": instruction.details, "kyc": instruction.kyc}
    return msgspec.json.encode(said if instruction.errand is None else said | {"errand": instruction.errand.body})


class Provider:
    """Takes everything, and remembers what it was told."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, Any]] = []

    async def answering(self, request: web.Request) -> web.Response:
        self.heard.append((request.path, msgspec.json.decode(await request.read())))
        return web.Response(body=GOOD)


@pytest.fixture
def provider() -> Provider:
    return Provider()


@pytest.fixture
async def world(provider: Provider) -> AsyncIterator[World]:
    async with a_provider(provider.answering) as url, running(url, Telling) as found:
        yield found


def sealed(**change: Any) -> Instruction:
    instruction = given()
    text = SEAL.sealed_object(KYC, transfer=instruction.transfer)
    return msgspec.structs.replace(instruction, **{"kyc": text, **change})


@pytest.mark.parametrize(
    ("details", "merged"),
    [
        ({}, KYC),
        ({"geoCode": "0,0"}, KYC | {"geoCode": "0,0"}),
        (
            IN_CLEAR,
            KYC
            | {
                "geoCode": "0,0",
                "internationalTransferInformation": {
                    "originCountry": "KE",
                    "remittancePurpose": "the purpose",
                    "quotationReference": "Q1",
                },
            },
        ),
        ({"internationalTransferInformation": "no object"}, KYC),
    ],
    ids=["nothing else", "a detail in clear", "a part in clear", "a part that is none"],
)
async def test_it_is_opened_into_the_details_and_shows_in_no_log(
    world: World, provider: Provider, details: dict[str, Any], merged: dict[str, Any]
) -> None:
    with capture_logs() as lines:
        outcomes = await world.carry_out(sealed(details=details))
    assert brief(outcomes) == [(ACCEPTED, None, ANSWER)]
    assert provider.heard == [("/execute", {"details": merged, "kyc": ""})]
    assert "the " not in str(lines) + str(outcomes)


async def test_a_quotation_has_it_in_its_own_object(world: World, provider: Provider) -> None:
    asked_for = {"requestAmount": "5"}
    errand = Errand(resource=Resource.QUOTATION, body=asked_for)
    await world.carry_out(sealed(operation=Operation.ISSUE, errand=errand))
    ((_, said),) = provider.heard
    assert said["errand"] == asked_for | {name: KYC[name] for name in ("senderKyc", "recipientKyc")}


async def test_what_else_is_made_has_nothing_added(world: World, provider: Provider) -> None:
    await world.carry_out(sealed(errand=Errand(resource=Resource.BILL_PAYMENT, body={"paymentType": "fullpayment"})))
    ((_, said),) = provider.heard
    assert said["errand"] == {"paymentType": "fullpayment"}


@pytest.mark.parametrize("name", ["senderKyc", "recipientKyc", "SenderKYC"])
def test_a_provider_that_repeats_it_is_not_repeated(name: str) -> None:
    resource = {"quotationReference": "Q1", name: KYC["senderKyc"]}
    outcome = outcome_of(given(), ACCEPTED, resource=resource)
    assert outcome.resource == {"quotationReference": "Q1"}
    assert outcome_heard(SUBJECT, "alpha", ACCEPTED, resource=resource).resource == outcome.resource


async def test_what_is_only_said_in_clear_stays_when_nothing_sealed_is_about_it(
    world: World, provider: Provider
) -> None:
    instruction = given(details=IN_CLEAR)
    kyc = SEAL.sealed_object({"senderKyc": {}}, transfer=instruction.transfer)
    await world.carry_out(msgspec.structs.replace(instruction, kyc=kyc))
    assert provider.heard == [("/execute", {"details": IN_CLEAR | {"senderKyc": {}}, "kyc": ""})]


async def test_a_question_about_it_is_put_without_opening_it(world: World, provider: Provider) -> None:
    instruction = sealed(details=IN_CLEAR)
    assert brief(await world.carry_out(asked(instruction))) == [(ACCEPTED, None, INQUIRY)]
    assert provider.heard == [("/inquire", {"details": IN_CLEAR, "kyc": instruction.kyc})]


@pytest.mark.parametrize(
    "broken",
    [
        Seal([b"another key of some length, 32 at least"]).sealed_object(KYC, transfer="1" * 32),
        SEAL.sealed_object(KYC, transfer="1" * 32),
        SEAL.sealed({"x-user-bearer": "the users token"}, transfer="1" * 32),
        "not sealed at all: the senders name",
    ],
    ids=["under another key", "for another transfer", "of another kind", "not sealed"],
)
async def test_what_cannot_be_opened_is_not_sent_and_is_unknown_not_refused(
    world: World, provider: Provider, broken: str
) -> None:
    with capture_logs() as lines:
        outcomes = await world.carry_out(sealed(kyc=broken))
    assert brief(outcomes) == [(UNKNOWN, FailureClass.PARTICIPANT_CONFIG, RUNNER)]
    assert provider.heard == []
    (line,) = [each for each in lines if each["event"] == "credentials.sealed"]
    assert (line["log_level"], line["transfer"]) == ("error", outcomes[0].transfer)
    assert broken not in str(lines)
    assert "the senders" not in str(lines)
