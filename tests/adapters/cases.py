"""Case files: how they are written, read and led; the tests of every adapter stand on them."""

import importlib
import importlib.util
import json
from collections.abc import Callable, Generator, Iterable
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, Literal, NamedTuple

import msgspec
import pytest
from lxml import etree

from adapters.contract import (
    ADAPTERS,
    Adapter,
    Connection,
    Context,
    Heard,
    Instruction,
    Manifest,
    Outcome,
    Question,
    Request,
    Response,
    Subject,
    manifest_in,
)
from routing.money import Money

CONNECTION = "the-connection"
NOW = datetime(2026, 1, 15, 10, 0, tzinfo=UTC)
CALLBACK_URL = "https://hub.example/callbacks/the-connection/subject/signature"
INSTRUCTION: dict[str, Any] = {
    "transfer": "019bc1a9f3407c2e9d4f5a6b7c8d9e0f",
    "operation": "credit",
    "act": "do",
    "reference": "5f8c1d2e-3a4b-4c5d-a6f7-8091a2b3c4d5",
    "connection": CONNECTION,
    "payer_fsp": "baobab",
    "payee_fsp": "savanna",
    "money": {"minor": 150050, "currency": "KES"},
    "payer": [{"key": "msisdn", "value": "+254700000001"}],
    "payee": [{"key": "msisdn", "value": "+254730000002"}],
    "type": "transfer",
    "created_ms": 1768471190000,  # ten seconds before NOW
    "lease_ends_ms": 1768471490000,
    "description": "school fees",
}
QUESTION: dict[str, Any] = {
    "kind": "accountname",
    "connection": CONNECTION,
    "party": [{"key": "msisdn", "value": "+254730000002"}],
    "asker": "baobab",
    "correlation": "0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d",
}


class Message(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A request or a response in a case file; at most one form of body."""

    method: str = "POST"
    path: str = ""
    status: int = 200
    headers: dict[str, str] = {}
    json: str = ""
    xml: str = ""
    text: str = ""

    @property
    def body(self) -> bytes:
        return (self.json or self.xml or self.text).strip().encode()

    @property
    def response(self) -> Response:
        return Response(status=self.status, headers=self.headers, body=self.body)


class Exchange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    request: Message
    response: Message


class Case(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One recorded conversation and how it is to be read. `later`: no outcome yet; `unreadable`: it is refused."""

    about: str
    kind: Literal["login", "execute", "inquire", "consult", "heard"]
    settings: dict[str, str] = {}
    user: dict[str, str] = {}
    instruction: dict[str, Any] = {}
    question: dict[str, Any] = {}
    exchange: list[Exchange] = []
    callback: Message = Message()
    signed: bool = True
    outcome: dict[str, Any] = {}
    answer: dict[str, Any] = {}
    token: dict[str, Any] = {}
    later: bool = False
    unreadable: bool = False

    @property
    def given(self) -> Instruction:
        asked = {"act": "ask", "asked_ms": 1768471200000} if self.kind == "inquire" else {}
        return msgspec.convert(INSTRUCTION | asked | self.instruction, Instruction)

    @property
    def responses(self) -> list[Response]:
        return [exchange.response.response for exchange in self.exchange]

    @property
    def verdict(self) -> str:
        return str(self.outcome.get("verdict", ""))


class Folder(NamedTuple):
    path: Path
    manifest: Manifest
    cases: dict[str, Case]
    make: Callable[[Connection], Adapter]

    def build(self, case: Case) -> Adapter:
        connection = Connection(
            name=CONNECTION, base_url="https://provider.example", settings=case.settings, secrets=self.secrets
        )
        return self.make(connection)

    @property
    def secrets(self) -> dict[str, str]:
        return {name: f"{name}-7f3a-secret" for name in (*self.manifest.secrets, *self.manifest.secrets_optional)}


class Talk(NamedTuple):
    requests: list[Request]
    result: Any


def cases_in(path: Path) -> dict[str, Case]:
    found = {}
    for file in sorted((path / "cases").glob("*.toml")):
        try:
            found[file.stem] = msgspec.toml.decode(file.read_bytes(), type=Case)
        except msgspec.DecodeError as error:
            raise ValueError(f"{file}: {error}") from error
    return found


@cache
def folder_at(path: Path) -> Folder:
    if path.parent == ADAPTERS:
        module = importlib.import_module(f"adapters.{path.name}.adapter")
    else:
        spec = importlib.util.spec_from_file_location(f"made_{path.name}", path / "adapter.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    return Folder(path, manifest_in(path), cases_in(path), module.Adapter)


def led(conversation: Generator[Request, Response, Any], responses: Iterable[Response]) -> Talk:
    """Lead a conversation to its end, at most eight requests long."""
    requests: list[Request] = []
    supply = iter(responses)
    try:
        requests.append(next(conversation))
        while len(requests) <= 8:
            requests.append(conversation.send(next(supply)))
    except StopIteration as end:
        return Talk(requests, end.value)
    pytest.fail("the conversation asks for more than the case holds")


def begun(folder: Folder, case: Case) -> Generator[Request, Response, Any]:
    adapter, context = folder.build(case), Context(now=NOW, callback_url=CALLBACK_URL, user=case.user)
    match case.kind:
        case "login":
            return adapter.login(context)
        case "execute":
            return adapter.execute(case.given, context)
        case "inquire":
            return adapter.inquire(case.given, context)
    return adapter.consult(msgspec.convert(QUESTION | case.question, Question), context)


def subject_of(about: Instruction) -> Subject:
    """What the signed address of a callback says."""
    errand = about.errand
    return Subject(
        transfer=about.transfer,
        operation=about.operation,
        reference=about.reference,
        resource=errand.resource if errand else None,
        change=errand.change if errand else False,
        target=about.target,
    )


def heard(folder: Folder, case: Case, body: bytes | None = None) -> Outcome | None:
    said, subject = case.callback, subject_of(case.given)
    request = Request(method=said.method, path="/", headers=said.headers, body=said.body if body is None else body)
    return folder.build(case).heard(request, subject if case.signed else None)


def read(folder: Folder, case: Case, responses: Iterable[Response]) -> Any:
    return led(begun(folder, case), responses).result


def expected(case: Case) -> Outcome:
    """The outcome that a case file states, with all that the instruction says."""
    about, said = case.given, dict(case.outcome)
    if "money" in said:
        amount, currency = said["money"].split()
        said["money"] = {"minor": Money.parse(amount, currency).minor, "currency": currency}
    where = {"execute": Heard.ANSWER, "inquire": Heard.INQUIRY, "heard": Heard.CALLBACK}[case.kind]
    ours = {name: getattr(about, name) for name in ("transfer", "operation", "connection", "reference", "asked_ms")}
    return msgspec.convert({**ours, "heard": where, **said}, Outcome)


def canonical(document: bytes) -> bytes:
    return etree.tostring(etree.fromstring(document, etree.XMLParser(remove_blank_text=True)), method="c14n")


def assert_sent(request: Request, stated: Message) -> None:
    assert (request.method, request.path) == (stated.method, stated.path)
    assert stated.headers.items() <= request.headers.items()
    if stated.json:
        assert json.loads(request.body) == json.loads(stated.json)
    elif stated.xml:
        assert canonical(request.body) == canonical(stated.body)
    else:
        assert request.body == stated.body
