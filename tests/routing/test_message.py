"""Messages: what old and new readers make of them, and that a bad one fails alone."""

import msgspec
import pytest

from routing.message import (
    Act,
    Answer,
    Finding,
    Heard,
    Instruction,
    Kind,
    Operation,
    Outcome,
    Question,
    Verdict,
    decoded,
    encoded,
    packed,
    unpacked,
)
from routing.money import Money
from routing.party import Identifier

PAYER = (Identifier("msisdn", "+254700111222"),)
PAYEE = (Identifier("msisdn", "+255700333444"), Identifier("accountid", "7"))
INSTRUCTION = Instruction(
    transfer="0" * 32,
    operation=Operation.CREDIT,
    act=Act.DO,
    reference="6f1d2c3b-0000-4000-8000-000000000001",
    connection="blue-wallet",
    payer_fsp="green",
    payee_fsp="blue",
    money=Money(530, "KES"),
    payer=PAYER,
    payee=PAYEE,
    type="transfer",
    created_ms=1,
    lease_ends_ms=2,
    details={"descriptionText": "x"},
)
OUTCOME = Outcome(
    transfer="0" * 32,
    operation=Operation.CREDIT,
    connection="blue-wallet",
    reference="6f1d2c3b-0000-4000-8000-000000000001",
    verdict=Verdict.ACCEPTED,
    heard=Heard.ANSWER,
)
MESSAGES: list[msgspec.Struct] = [
    INSTRUCTION,
    OUTCOME,
    Question(kind=Kind.ACCOUNT_NAME, connection="blue-wallet", party=PAYEE, asker="green", correlation="c"),
    Answer(finding=Finding.FOUND, body={"name": {"fullName": "x"}}),
]


def kind(message: msgspec.Struct) -> str:
    return type(message).__name__


@pytest.mark.parametrize("message", MESSAGES, ids=kind)
def test_a_message_is_read_as_it_was_written(message: msgspec.Struct) -> None:
    assert decoded(unpacked(packed([encoded(message)])), type(message)) == ([message], [])


@pytest.mark.parametrize("message", MESSAGES, ids=kind)
def test_a_reader_ignores_what_a_newer_writer_adds(message: msgspec.Struct) -> None:
    newer = encoded(message)[:-1] + b',"from_the_future":{"a":[1.5,null]}}'
    assert decoded([newer], type(message)) == ([message], [])


def test_what_an_older_writer_leaves_out_has_its_default() -> None:
    assert b"asked_ms" not in encoded(OUTCOME)
    assert decoded([encoded(OUTCOME)], Outcome)[0][0].asked_ms == 0


@pytest.mark.parametrize(
    "bad",
    [
        b"{}",
        b"null",
        b"1",
        b'"text"',
        b"{",
        b"",
        b"\xff\xfe",
        encoded(OUTCOME).replace(b'"accepted"', b'"perhaps"'),
        encoded(OUTCOME)[:-1] + b',"money":{"minor":1.5,"currency":"KES"}}',
        encoded(OUTCOME)[:-1] + b',"money":{"minor":1,"currency":"ABC"}}',
        encoded(OUTCOME)[:-1] + b',"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    ],
)
def test_a_bad_envelope_fails_alone_with_its_reason(bad: bytes) -> None:
    good, failed = decoded([encoded(OUTCOME), bad, encoded(OUTCOME)], Outcome)
    assert good == [OUTCOME, OUTCOME]
    assert [envelope for envelope, _ in failed] == [bad]
    assert failed[0][1]


@pytest.mark.parametrize("count", [0, 1, 64])
def test_envelopes_are_packed_and_unpacked_whole(count: int) -> None:
    envelopes = [encoded(Money(number, "KES")) for number in range(count)]
    assert unpacked(packed(envelopes)) == envelopes


@pytest.mark.parametrize("body", [b"", b"{}", b"[1", b"[1,]", b"no", b"[" * 100_000])
def test_an_unreadable_body_is_a_decode_error(body: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        unpacked(body)


def test_a_message_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        OUTCOME.verdict = Verdict.REFUSED  # type: ignore[misc]  # that mypy refuses it too is the point


def test_no_party_is_shown_in_clear_when_a_message_is_printed() -> None:
    printed = f"{INSTRUCTION} {INSTRUCTION!r}"
    assert "+254700111222" not in printed
    assert "+255700333444" not in printed
