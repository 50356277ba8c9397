"""The open FX adapter: which rates it reads, what it does not send, and what its callbacks must be about."""

from typing import Any

import msgspec
import pytest

from adapters.contract import (
    ADAPTERS,
    Connection,
    Context,
    Finding,
    Kind,
    Operation,
    Question,
    Request,
    Response,
    UnreadableError,
    Verdict,
    build,
    installed,
)
from adapters.http import Work
from adapters.inbox import Inbox
from adapters.open_fx.adapter import FAILURES
from routing.local import LocalBus
from routing.money import Money
from tests.adapters.cases import NOW, cases_in, led, subject_of
from tests.adapters.line import given

CONTEXT = Context(now=NOW)
CONNECTION = Connection(name="line", base_url="https://fx.example", secrets={"api_key": "k"})
ADAPTER = build("open_fx", CONNECTION)
FX: dict[str, Any] = {"operation": Operation.CONVERT, "target": Money(42779, "UGX"), "rate": "28.51"}
GOOD = '{"source": "KES", "target": "TZS", "rate": "20.1"}'


def rates(*rows: str) -> list[dict[str, Any]]:
    question = Question(kind=Kind.RATES, connection="line", party=(), asker="hub", correlation="c")
    body = f'{{"rates": [{", ".join(rows)}]}}'.encode()
    answer = led(ADAPTER.consult(question, CONTEXT), [Response(status=200, body=body)]).result
    assert answer.finding is Finding.FOUND
    return list(answer.rows)


@pytest.mark.parametrize(
    ("rate", "text"),
    [
        ('"28.51"', "28.51"),
        ("28.510", "28.510"),
        ("20", "20"),
        ('"0.000000000001"', "0.000000000001"),
        ('"999999999999.999999999999"', "999999999999.999999999999"),
        ("999999999999.999999999999", "999999999999.999999999999"),
        ("0.1000000000000000055", None),
        ('"0.0000000000001"', None),
        ('"1000000000000"', None),
        ("1e1", None),
        ('"1e1"', None),
        ('"28,51"', None),
        ('"1/3"', None),
        ('"٢"', None),
        ('"28.51 "', None),
        ('"28."', None),
        ('".5"', None),
        ('"+1"', None),
        ("-1", None),
        ("0", None),
        ('"0.000"', None),
        ("true", None),
        ("null", None),
        ('["28.51"]', None),
        ('{"a": 1}', None),
        ('""', None),
    ],
)
def test_a_rate_is_a_plain_decimal_above_zero_as_it_is_written(rate: str, text: str | None) -> None:
    found = rates(f'{{"source": "KES", "target": "UGX", "rate": {rate}}}', GOOD)
    assert [row["rate"] for row in found if row["target"] == "UGX"] == ([text] if text else [])
    assert [row["rate"] for row in found if row["target"] == "TZS"] == ["20.1"]


@pytest.mark.parametrize(
    "row",
    [
        '{"source": "KES", "rate": "1"}',
        '{"source": "KES", "target": "KES", "rate": "1"}',
        '{"source": "KES", "target": "ugx", "rate": "1"}',
        '{"source": "KES", "target": "XAU", "rate": "1"}',
        '{"source": ["KES"], "target": "UGX", "rate": "1"}',
        '{"source": "KES", "target": {}, "rate": "1"}',
        '{"source": "KES", "target": "UGX", "rate": "1", "valid_s": 0}',
        '{"source": "KES", "target": "UGX", "rate": "1", "valid_s": "60"}',
        '{"source": "KES", "target": "UGX", "rate": "1", "valid_s": 1.5}',
        '{"source": "KES", "target": "UGX", "rate": "1", "valid_s": true}',
        '"KES"',
        "null",
        "[]",
    ],
)
def test_a_row_that_cannot_be_read_is_left_out_and_the_others_stay(row: str) -> None:
    assert rates(row, GOOD) == [{"source": "KES", "target": "TZS", "rate": "20.1"}]


@pytest.mark.parametrize(
    "change",
    [
        {"target": None},
        {"rate": ""},
        {"operation": Operation.UNWIND},
        {"operation": Operation.UNWIND, "original": "r", "target": None},
        {"operation": Operation.CREDIT},
    ],
    ids=["no target", "no rate", "nothing to unwind", "unwinding without a target", "no operation of its own"],
)
def test_an_order_that_is_not_whole_is_not_sent_and_stays_unknown(change: dict[str, Any]) -> None:
    talk = led(ADAPTER.execute(given("1500.5", **{**FX, **change}), CONTEXT), [])
    assert (talk.requests, talk.result.verdict) == ([], Verdict.UNKNOWN)


def test_without_a_callback_address_none_is_sent_and_a_repetition_is_the_same_to_the_byte() -> None:
    order = given("1500.5", **FX)
    first, again = (next(ADAPTER.execute(order, CONTEXT)) for _ in range(2))
    assert "callback_url" not in msgspec.json.decode(first.body)
    assert (first.path, first.body) == (again.path, again.body)


@pytest.mark.parametrize(
    "subject",
    [None, subject_of(given("1500.5", **FX | {"operation": Operation.CREDIT}))],
    ids=["unsigned", "of another operation"],
)
def test_a_callback_without_an_address_of_a_conversion_is_refused(subject: Any) -> None:
    reference = subject.reference if subject else "r"
    body = msgspec.json.encode({"reference": reference, "status": "refused", "reason": "DECLINED"})
    with pytest.raises(UnreadableError):
        ADAPTER.heard(Request(method="PUT", path="/", body=body), subject)


def test_the_signed_address_says_what_was_to_be_given() -> None:
    inbox = Inbox(
        LocalBus(),
        [Work.of("open_fx", CONNECTION)],
        callback_base_url="https://hub.example",
        callback_key=b"0123456789abcdef",
    )
    order = given("1500.5", **FX)
    addresses = {
        inbox.make_callback_url(msgspec.structs.replace(order, target=target)).rsplit("/", 1)[1]
        for target in (Money(42779, "UGX"), Money(42778, "UGX"), Money(42779, "TZS"), None)
    }
    assert len(addresses) == 4


def test_there_is_a_case_of_every_reason_and_the_readme_has_each() -> None:
    readme = (ADAPTERS / "open_fx/README.md").read_text("utf-8")
    cases = cases_in(ADAPTERS / "open_fx").values()
    told = {(case.given.operation, case.outcome["code"]) for case in cases if case.verdict == "refused"}
    reasons = {(operation, reason) for operation, known in FAILURES.items() for reason in known}
    assert told == reasons
    assert [reason for _, reason in reasons if f"`{reason}`" not in readme] == []


def test_it_offers_conversions_and_nothing_else() -> None:
    rail = installed()["open_fx"].rail
    assert rail.operations == (Operation.CONVERT, Operation.UNWIND)
    assert (rail.questions, rail.resources, rail.resend_safe) == ((Kind.RATES,), (), True)
