"""Questions through the door: who is asked, who may not ask, and that silence is an answer too."""

import asyncio
import time

import msgspec
import pytest

from hub.core.command import Reason, Refusal
from hub.core.participant import SchemeFile, Status
from hub.flow import Door
from hub.store.memory import MemoryStore
from routing.local import LocalBus
from routing.message import Answer, Finding, Kind, Question, encoded
from routing.topology import inquiries, queues
from tests.store.house import ALPHA, BRAVO, HURRIED, NOBODY, PORTED, msisdn, scheme_file

FOUND = Answer(finding=Finding.FOUND, body={"name": {"fullName": "a name"}})
UNANSWERED = Answer(finding=Finding.UNANSWERED)


def scheme(suspended: str = "", questions: tuple[Kind, ...] = (Kind.ACCOUNT_NAME,)) -> SchemeFile:
    file = scheme_file(rail=msgspec.structs.replace(HURRIED, questions=questions))
    participants = tuple(
        msgspec.structs.replace(each, status=Status.SUSPENDED) if each.id == suspended else each
        for each in file.participant
    )
    return msgspec.structs.replace(file, participant=participants)


class Provider:
    """Answers every question with the same bytes, and remembers what it was asked; None: it stays silent."""

    def __init__(self, answer: bytes | None) -> None:
        self.heard: list[Question] = []
        self._answer = answer

    async def reply(self, question: bytes) -> bytes:
        self.heard.append(msgspec.json.decode(question, type=Question))
        if self._answer is None:
            await asyncio.Event().wait()
        return self._answer or b""


async def ask(
    provider: Provider,
    file: SchemeFile,
    *,
    asker: str = "alpha",
    number: str = BRAVO,
    institution: str = "",
) -> Answer | Refusal:
    store, bus = MemoryStore(lambda: time.time_ns() // 1_000_000), LocalBus()
    await store.apply_scheme(file, "test")
    await bus.start(queues(["alpha-1", "bravo-1"]))
    for name in ("alpha-1", "bravo-1"):
        await bus.answer(inquiries(name), provider.reply)
    door = Door(store, bus, lambda _: None, inquiry_timeout_s=0.1)
    answer = await door.inquire(asker=asker, kind=Kind.ACCOUNT_NAME, party=msisdn(number), institution=institution)
    assert store.journals == [], "a question moves no money"
    return answer


@pytest.mark.parametrize(
    ("number", "institution", "connection"),
    [(BRAVO, "", "bravo-1"), (ALPHA, "", "alpha-1"), (PORTED, "", "bravo-1"), (NOBODY, "alpha", "alpha-1")],
    ids=["by prefix", "also at the asker itself", "a ported number", "by the header"],
)
async def test_the_participant_that_holds_the_account_is_asked(number: str, institution: str, connection: str) -> None:
    provider = Provider(encoded(FOUND))
    assert await ask(provider, scheme(), number=number, institution=institution) == FOUND
    assert [(each.connection, each.party, each.asker) for each in provider.heard] == [
        (connection, msisdn(number), "alpha")
    ]


@pytest.mark.parametrize(
    ("file", "asked", "reason"),
    [
        (scheme("alpha"), {}, Reason.CALLER_SUSPENDED),
        (scheme(), {"asker": "stranger"}, Reason.CALLER_SUSPENDED),
        (scheme(), {"number": NOBODY}, Reason.PAYEE_UNKNOWN),
        (scheme(), {"institution": "nobody"}, Reason.PAYEE_UNKNOWN),
        (scheme("bravo"), {}, Reason.PARTICIPANT_SUSPENDED),
        (scheme(questions=()), {}, Reason.UNSUPPORTED),
        (scheme(questions=(Kind.ACCOUNT_STATUS,)), {}, Reason.UNSUPPORTED),
        (scheme("alpha"), {"number": NOBODY}, Reason.CALLER_SUSPENDED),
    ],
    ids=[
        "the asker is suspended",
        "the asker is a stranger",
        "nobody holds the account",
        "the header names nobody",
        "the holder is suspended",
        "it answers no questions",
        "it answers other questions",
        "the first reason is the one that is said",
    ],
)
async def test_who_cannot_be_asked_is_not_asked(file: SchemeFile, asked: dict[str, str], reason: Reason) -> None:
    provider = Provider(encoded(FOUND))
    answer = await ask(provider, file, **asked)
    assert isinstance(answer, Refusal)
    assert answer.reason is reason
    assert provider.heard == []


@pytest.mark.parametrize(
    "answer",
    [None, b"{}", b'{"finding":"a new word"}', b"[1]", b"no json"],
    ids=["silence", "nothing", "a word of a later version", "something else", "noise"],
)
async def test_what_is_no_clear_answer_is_unanswered(answer: bytes | None) -> None:
    provider = Provider(answer)
    assert await ask(provider, scheme()) == UNANSWERED
    assert len(provider.heard) == 1
