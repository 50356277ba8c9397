"""Questions about accounts: every way to write an account in a path, asked of the institution that holds it."""

from typing import Any, Final

import msgspec
import pytest

from routing import topology
from routing.message import Answer, Finding, Question, encoded
from tests.http.front import BRAVO, Front

NAME: Final[dict[str, Any]] = {
    "name": {"fullName": "Test Holder", "title": None},
    "lei": "AAAA0012345678901299",
    "balance": "1000000",
}
SHOWN: Final = {"name": {"fullName": "Test Holder"}, "lei": "AAAA0012345678901299"}
STATUS: Final[dict[str, Any]] = {"accountStatus": "available", "subStatus": None, "name": "not asked for"}


async def answered_at(front: Front, connection: str, answer: Answer) -> list[Question]:
    """Let a connection answer every question so; returns the questions it was asked."""
    asked: list[Question] = []

    async def reply(question: bytes) -> bytes:
        asked.append(msgspec.json.decode(question, type=Question))
        return encoded(answer)

    await front.bus.answer(topology.inquiries(connection), reply)
    return asked


@pytest.mark.parametrize("question", ["accountname", "status"])
@pytest.mark.parametrize(
    ("account", "identifiers"),
    [
        (f"msisdn/{BRAVO}", [("msisdn", BRAVO)]),
        ("msisdn/%2B254730333444", [("msisdn", BRAVO)]),
        ("msisdn/0730333444", [("msisdn", BRAVO)]),
        ("walletid/B-1", [("walletid", "B-1")]),
        ("username/status", [("username", "status")]),
        ("walletid/B-status", [("walletid", "B-status")]),
        ("walletid/B-a%2Fstatus", [("walletid", "B-a/status")]),
        ("walletid/B-%25", [("walletid", "B-%")]),
        ("emailaddress/shop@example.org", [("emailaddress", "shop@example.org")]),
        ("emailaddress/shop%40example.org", [("emailaddress", "shop@example.org")]),
        ("emailaddress@shop@example.org", [("emailaddress", "shop@example.org")]),
        ("username@status", [("username", "status")]),
        ("walletid@B-1", [("walletid", "B-1")]),
        ("msisdn@0730333444$walletid@B-1", [("msisdn", BRAVO), ("walletid", "B-1")]),
        (
            "walletid@B-1%24username@status$emailaddress@a@b.example",
            [("walletid", "B-1"), ("username", "status"), ("emailaddress", "a@b.example")],
        ),
    ],
)
async def test_an_account_is_found_however_it_is_written(
    front: Front, account: str, identifiers: list[tuple[str, str]], question: str
) -> None:
    body = {"accountname": NAME, "status": STATUS}[question]
    asked = await answered_at(front, "bravo", Answer(finding=Finding.FOUND, body=body))
    reply = await front.call("GET", f"/accounts/{account}/{question}", "alpha")
    assert (reply.status, reply.body) == (200, SHOWN if question == "accountname" else {"accountStatus": "available"})
    (one,) = asked
    assert (one.kind, one.connection, one.asker) == (question, "bravo", "alpha")
    assert [(each.key, each.value) for each in one.party] == identifiers
    assert front.store.journals == []


async def test_the_header_says_whom_to_ask(front: Front) -> None:
    asked = await answered_at(front, "bravo", Answer(finding=Finding.FOUND, body=STATUS))
    headers = {"X-Account-Holding-Institution-Identifier": "bravo"}
    assert (await front.call("GET", "/accounts/bankaccountno/0011/status")).status == 404
    assert asked == []
    assert (await front.call("GET", "/accounts/bankaccountno/0011/status", headers=headers)).status == 200
    assert len(asked) == 1


@pytest.mark.parametrize(
    ("finding", "error"),
    [
        (Finding.NOT_FOUND, (404, "identification", "identifierError")),
        (Finding.UNSUPPORTED, (400, "businessRule", "genericError")),
        (Finding.UNANSWERED, (503, "serviceUnavailable", "genericError")),
    ],
)
async def test_no_answer_is_said_as_what_it_is(front: Front, finding: Finding, error: tuple[int, str, str]) -> None:
    await answered_at(front, "bravo", Answer(finding=finding))
    assert (await front.call("GET", f"/accounts/msisdn/{BRAVO}/accountname")).error == error


async def test_silence_is_unavailable_and_never_an_account_that_is_not_there(front: Front) -> None:
    reply = await front.call("GET", f"/accounts/msisdn/{BRAVO}/status")
    assert reply.error == (503, "serviceUnavailable", "genericError")


async def test_a_suspended_participant_may_not_ask_and_is_not_asked(front: Front) -> None:
    asked = await answered_at(front, "dormant", Answer(finding=Finding.FOUND, body=STATUS))
    by = await front.call("GET", f"/accounts/msisdn/{BRAVO}/status", "dormant")
    assert by.error == (401, "authorisation", "requestingPartyAuthorisationError")
    headers = {"X-Account-Holding-Institution-Identifier": "dormant"}
    of = await front.call("GET", "/accounts/walletid/D-1/status", headers=headers)
    assert of.error == (503, "serviceUnavailable", "genericError")
    assert asked == []
