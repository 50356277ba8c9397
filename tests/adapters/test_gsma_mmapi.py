"""The GSMA adapter: its words against the published ones, its requests against the published schemas, the simulator."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from hypothesis import HealthCheck, settings
from hypothesis import given as examples
from hypothesis import strategies as st
from openapi_schema_validator import OAS30Validator

from adapters.contract import Connection, Context, FailureClass, Operation, Resource, Response, Verdict, build
from adapters.gsma_mmapi.reading import Matter, said_in
from adapters.gsma_mmapi.words import FAILURES
from routing.message import Act, Instruction
from routing.money import MINOR_MAX, Money
from tests.adapters.line import carried_out, given
from tests.adapters.spoken import PAYEE, World, serving

CONTEXT = Context(now=datetime(2026, 1, 15, 10, 0, tzinfo=UTC), callback_url="https://hub.example/callbacks/c/s/t")
PAYER = "msisdn@+254700333444"
OURS = f"msisdn@{PAYEE}"
MONEY = (Operation.CREDIT, Operation.DEBIT, Operation.REFUND)


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with serving() as found:
        yield found


def told(http: int, **body: Any) -> tuple[Verdict, FailureClass | None]:
    said = said_in(Response(status=http, body=msgspec.json.encode(body)), Matter("0" * 32))
    return said.verdict, said.failure


def test_every_published_error_code_means_something(gsma: Path) -> None:
    published = json.loads((gsma / "enums-v1.2.json").read_text("utf-8"))["errorObject.errorCode"]
    of_lists_only = {"invalidoffset"}
    assert {code.lower() for code in published} - of_lists_only == FAILURES.keys()


@pytest.mark.parametrize("status", [400, 401, 403, 404])
@pytest.mark.parametrize("category", ["businessRule", "validation", "authorisation", "identification", "BusinessRule"])
@pytest.mark.parametrize("code", ["insufficientFunds", "INSUFFICIENTFUNDS"])
def test_a_code_in_any_case_refuses_with_the_categories_and_statuses_of_refusals(
    status: int, category: str, code: str
) -> None:
    expected = (Verdict.REFUSED, FailureClass.INSUFFICIENT_FUNDS)
    assert told(status, errorCategory=category, errorCode=code) == expected


@pytest.mark.parametrize(
    ("status", "category", "code"),
    [
        (500, "businessRule", "insufficientFunds"),
        (503, "identification", "identifierError"),
        (429, "businessRule", "insufficientFunds"),
        (409, "businessRule", "insufficientFunds"),
        (200, "businessRule", "insufficientFunds"),
        (202, "validation", "formatError"),
        (400, "internal", "genericError"),
        (400, "serviceUnavailable", "insufficientFunds"),
        (400, "somethingElse", "insufficientFunds"),
        (400, "", "insufficientFunds"),
        (400, "businessRule", ""),
        (400, "businessRule", "insufficientFunds2"),
        (400, "businessRule", ["insufficientFunds"]),
    ],
)
def test_an_error_that_is_not_a_clear_refusal_is_doubt(status: int, category: str, code: Any) -> None:
    assert told(status, errorCategory=category, errorCode=code) == (Verdict.UNKNOWN, FailureClass.UNCLEAR)


@pytest.mark.parametrize(
    ("code", "failure"),
    [("duplicateRequest", FailureClass.DUPLICATE), ("rateLimitError", FailureClass.PROVIDER_UNAVAILABLE)],
)
def test_a_known_code_that_decides_nothing_stays_unknown(code: str, failure: FailureClass) -> None:
    assert told(400, errorCategory="businessRule", errorCode=code) == (Verdict.UNKNOWN, failure)


@pytest.mark.parametrize(
    ("body", "verdict"),
    [
        ({"transactionStatus": "COMPLETED"}, Verdict.ACCEPTED),
        ({"transactionStatus": "completed", "amount": 200, "currency": "RWF"}, Verdict.ACCEPTED),
        ({"transactionStatus": "completed", "amount": "200", "currency": "XYZ"}, Verdict.UNKNOWN),
        ({"transactionStatus": "completed", "amount": "2e2", "currency": "RWF"}, Verdict.UNKNOWN),
        ({"transactionStatus": "completed", "amount": True, "currency": "RWF"}, Verdict.UNKNOWN),
        ({"transactionStatus": "completed", "amount": "200"}, Verdict.UNKNOWN),
        ({"transactionStatus": "failed"}, Verdict.REFUSED),
        ({"transactionStatus": "successful"}, Verdict.UNKNOWN),
        ({"transactionStatus": ["completed"]}, Verdict.UNKNOWN),
        ({"status": "completed"}, Verdict.UNKNOWN),
        ({"status": "completed", "serverCorrelationId": "1"}, Verdict.ACCEPTED),
        ({"status": "failed", "serverCorrelationId": "1", "error": {"errorCode": "x"}}, Verdict.UNKNOWN),
        ({"status": "failed", "serverCorrelationId": "1", "error": "insufficientFunds"}, Verdict.REFUSED),
    ],
)
def test_only_a_harmonised_status_with_a_readable_amount_decides(body: dict[str, Any], verdict: Verdict) -> None:
    assert told(201, **body)[0] is verdict
    assert told(500, **body)[0] is Verdict.UNKNOWN


@pytest.mark.parametrize(
    ("link", "path"),
    [
        ("/transactions/X1", "/transactions/X1"),
        ("transactions/X1", "/transactions/X1"),
        ("/errors/45678/", "/errors/45678"),
        ("http://169.254.169.254/v1.2/mm/requeststates/a%2Fb?c=d#e", "/requeststates/a%2Fb"),
        ("/transactions/X1/reversals", None),
        ("/accounts/msisdn/1", None),
        ("/transactions/", None),
        ("//evil.example", None),
        ("", None),
        (7, None),
    ],
)
def test_of_a_link_only_the_kind_and_the_name_are_followed(link: Any, path: str | None) -> None:
    asked = msgspec.structs.replace(given("10"), act=Act.ASK, asked_ms=1)
    adapter = build("gsma_mmapi", Connection(name="line", base_url=""))
    conversation = adapter.inquire(asked, CONTEXT)
    next(conversation)
    response = Response(status=200, body=msgspec.json.encode({"link": link}))
    if path is not None:
        assert conversation.send(response).path == path
        return
    with pytest.raises(StopIteration) as end:
        conversation.send(response)
    assert (end.value.value.verdict, end.value.value.failure) == (Verdict.UNKNOWN, FailureClass.UNCLEAR)


@pytest.mark.parametrize("operation", MONEY)
def test_the_payers_one_time_code_reaches_the_payers_provider_alone(operation: Operation) -> None:
    body = sent(given("10", operation=operation, details={"oneTimeCode": "482913"}))
    assert ("482913" in json.dumps(body)) == (operation is Operation.DEBIT)


def sent(instruction: Instruction) -> dict[str, Any]:
    adapter = build("gsma_mmapi", Connection(name="line", base_url=""))
    body: dict[str, Any] = json.loads(next(adapter.execute(instruction, CONTEXT)).body)
    return body


@cache
def validator(folder: Path, schema: str) -> OAS30Validator:
    text = (folder / "mobile-money-api-specification-1.2.0-master_0.yaml").read_text("utf-8")
    document = yaml.load(text, Loader=yaml.CBaseLoader)  # noqa: S506 - builds strings only, so that NO stays a country
    return OAS30Validator({"components": typed(document["components"]), "$ref": f"#/components/schemas/{schema}"})


def typed(node: Any) -> Any:
    """Give the limits of the schemas their types again, which are all strings until here."""
    if isinstance(node, dict):
        return {key: plain(value) if key in LIMITS else typed(value) for key, value in node.items()}
    return [typed(each) for each in node] if isinstance(node, list) else node


LIMITS = {"minLength", "maxLength", "minItems", "maxItems", "nullable", "uniqueItems"}


def plain(value: Any) -> Any:
    return typed(value) if isinstance(value, dict) else json.loads(value)


LONG = st.text(max_size=9).map(lambda start: start + "x" * 300)
INSTRUCTIONS = st.builds(
    given,
    amount=st.just("1"),
    operation=st.sampled_from(MONEY),
    money=st.builds(Money, st.integers(1, MINOR_MAX), st.sampled_from(["KES", "RWF", "TND", "XOF", "USD"])),
    description=st.text() | LONG,
    original=st.sampled_from(["", "HT0001", "a/b?c#d%"]),
    own=st.dictionaries(st.sampled_from(Resource), st.just("own-1")),
    details=st.fixed_dictionaries(
        {
            "customData": st.lists(st.just({"key": "k", "value": "v"}), min_size=1, max_size=20),
            "requestingOrganisationTransactionReference": st.text(min_size=1, max_size=256),
            "senderKyc": st.just({"nationality": "NO", "subjectName": {"fullName": "A Sender"}}),
            "internationalTransferInformation": st.just({"originCountry": "KE", "quoteId": "1"}),
            "geoCode": st.just("-1.28,36.82"),
            "oneTimeCode": st.just("482913"),
            "requestDate": st.just("2026-01-15T10:00:00Z"),
        }
    ),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@examples(instruction=INSTRUCTIONS)
def test_every_request_is_valid_by_the_published_schema(gsma: Path, instruction: Instruction) -> None:
    schema = "requestReversal" if instruction.original else "requestTransactionType"
    errors = [error.message for error in validator(gsma, schema).iter_errors(sent(instruction))]
    assert errors == []


@pytest.mark.parametrize(
    ("amount", "verdicts"),
    [
        ("10", (None, ["accepted"], "accepted")),
        ("10.01", (None, ["refused"], "refused")),
        ("10.03", ("broken: unclear", [], "accepted")),
        ("10.04", (None, ["accepted", "accepted"], "accepted")),
        ("10.05", (None, ["accepted"], "accepted")),
        ("10.06", ("unclear", [], "accepted")),
        ("10.07", (None, ["refused"], "refused")),
        ("10.08", ("broken: unclear", [], "absent")),
        ("10.09", (None, [], "accepted")),
        ("10.1", ("unclear", [], "accepted")),
        ("10.11", (None, ["accepted"], "accepted")),
    ],
)
async def test_a_provider_that_calls_back_is_understood(world: World, amount: str, verdicts: Any) -> None:
    assert (await carried_out(world, "gsma_mmapi", "alpha", given(amount))).verdicts == verdicts


@pytest.mark.parametrize(
    ("amount", "verdicts"),
    [
        ("10", ("accepted", [], "accepted")),
        ("10.01", ("refused", [], "refused")),
        ("10.04", ("accepted", ["accepted"], "accepted")),
        ("10.09", (None, [], "accepted")),
    ],
)
async def test_a_provider_that_answers_at_once_is_understood(world: World, amount: str, verdicts: Any) -> None:
    assert (await carried_out(world, "gsma_mmapi", "prompt", given(amount))).verdicts == verdicts


async def test_a_provider_still_at_work_is_pending_and_a_repetition_a_duplicate(world: World) -> None:
    late = given("10.02")
    assert (await carried_out(world, "gsma_mmapi", "patient", late)).verdicts == (None, [], "pending")
    again = await carried_out(world, "gsma_mmapi", "patient", late)
    assert again.verdicts == ("duplicate", [], "pending")


async def test_a_wrong_amount_is_told_as_it_was_said(world: World) -> None:
    story = await carried_out(world, "gsma_mmapi", "alpha", given("10.05"))
    moneys = [
        each.money for each in (*story.callbacks, story.inquiry) if each is not None and not isinstance(each, str)
    ]
    assert moneys == [Money(1006, "KES"), Money(1005, "KES")]


async def test_a_debit_takes_a_refund_gives_back_and_a_reversal_undoes_by_the_providers_own_reference(
    world: World,
) -> None:
    balances = world.simulator.provider("prompt").book.account(PAYER).balances
    alone = {"other_party": "omitted"}
    debit = given("25", operation=Operation.DEBIT, type="merchantpay")
    story = await carried_out(world, "gsma_mmapi", "prompt", debit, **alone)
    opening = balances["KES"] + 2500
    assert not isinstance(story.answer, str | None)
    assert story.answer.provider_reference
    refund = msgspec.structs.replace(
        given("25", operation=Operation.REFUND, type="merchantpay"), original=story.answer.provider_reference
    )
    assert (await carried_out(world, "gsma_mmapi", "prompt", refund, **alone)).verdicts == ("accepted", [], "accepted")
    assert balances["KES"] == opening
    unnamed = given("5", operation=Operation.REFUND, type="merchantpay")
    assert (await carried_out(world, "gsma_mmapi", "prompt", unnamed, **alone)).verdicts[0] == "accepted"
    assert balances["KES"] == opening + 500
    lost = msgspec.structs.replace(given("25", operation=Operation.REFUND), original="no-such-reference")
    assert (await carried_out(world, "gsma_mmapi", "prompt", lost, **alone)).verdicts[0] == "refused"
