"""What every adapter must do, over every folder and a freshly made one: its cases, and doubt that stays doubt."""

import ast
from collections.abc import Iterator
from itertools import chain, repeat
from pathlib import Path
from typing import Any

import msgspec
import pytest

from adapters.contract import (
    ADAPTERS,
    Answer,
    Connection,
    Context,
    FailureClass,
    Finding,
    Instruction,
    Kind,
    Operation,
    Outcome,
    Request,
    Resource,
    Response,
    Subject,
    Token,
    UnreadableError,
    Verdict,
    installed,
    manifest_in,
    outcome_heard,
    outcome_of,
)
from adapters.new import AdapterNameError, create
from routing.message import encoded
from routing.money import Money
from tests.adapters.cases import (
    CONNECTION,
    INSTRUCTION,
    NOW,
    Case,
    Folder,
    assert_sent,
    begun,
    cases_in,
    expected,
    folder_at,
    heard,
    led,
    read,
)
from tests.adapters.doubt import NOISE, decided, flips, is_amount, is_word, noisy, with_word, words_in

NEW = "acme_money"  # the adapter that is made from the template for these tests
LINES_MAX = 300
NAMES = [*installed(), NEW]
EVERY = {name: cases_in(ADAPTERS / ("template" if name == NEW else name)) for name in NAMES}
each_folder = pytest.mark.parametrize("folder", NAMES, indirect=True)
each_case = pytest.mark.parametrize("told", [f"{name}/{case}" for name in NAMES for case in EVERY[name]], indirect=True)


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return create(NEW, tmp_path_factory.mktemp("adapters"))


@pytest.fixture
def folder(request: pytest.FixtureRequest, made: Path) -> Folder:
    return folder_at(made if request.param == NEW else ADAPTERS / request.param)


@pytest.fixture
def told(request: pytest.FixtureRequest, made: Path) -> tuple[Folder, Case]:
    name, case = request.param.split("/")
    found = folder_at(made if name == NEW else ADAPTERS / name)
    return found, found.cases[case]


@each_folder
def test_the_manifest_says_who_owns_it_and_the_readme_explains_every_setting(folder: Folder) -> None:
    manifest = folder.manifest
    readme = (folder.path / "README.md").read_text("utf-8")
    assert manifest.owner.strip()
    assert manifest.title.strip()
    assert manifest.rail.operations
    assert manifest.identifiers
    named = [*manifest.settings, *manifest.secrets, *manifest.secrets_optional]
    assert len(named) == len(set(named))
    assert [name for name in named if f"`{name}`" not in readme] == []


def missing_for(folder: Folder) -> list[str]:
    """What the manifest's level asks for and the folder does not have."""
    manifest, cases = folder.manifest, list(folder.cases.values())
    told = {(case.kind, case.verdict) for case in cases}
    absent = [case for case in cases if case.kind == "inquire" and case.outcome.get("failure") == "absent"]
    refund = [case for case in cases if case.given.operation is Operation.REFUND or case.given.original]
    wants = {
        "bronze": {f"a case of {verdict}": any(each[1] == verdict for each in told) for verdict in Verdict},
        "silver": {
            "an inquiry that finds the outcome": ("inquire", "accepted") in told,
            "an inquiry that finds nothing": bool(absent),
            "callbacks": manifest.callbacks != "none",
            "a case of a callback": ("heard", "accepted") in told,
            "a case of a callback that is refused": any(case.unreadable for case in cases),
        },
        "gold": {
            "a run against the provider's sandbox": manifest.sandbox_on is not None,
            "a limit of requests per second": manifest.per_second_max is not None,
            "a case of a refund or a reversal": bool(refund),
        },
    }
    levels = list(wants)[: list(wants).index(manifest.level) + 1]
    return [want for level in levels for want, has in wants[level].items() if not has]


@each_folder
def test_an_adapter_has_what_its_level_asks_for(folder: Folder) -> None:
    assert missing_for(folder) == []


@each_case
def test_a_case_reads_as_it_is_written_and_reads_the_same_again(told: tuple[Folder, Case]) -> None:
    folder, case = told
    if case.kind == "heard":
        if case.unreadable:
            with pytest.raises(UnreadableError):
                heard(folder, case)
        else:
            assert heard(folder, case) == (None if case.later else expected(case))
        return
    talk, again = (led(begun(folder, case), case.responses) for _ in range(2))
    assert len(talk.requests) == len(case.exchange)
    for request, exchange in zip(talk.requests, case.exchange, strict=True):
        assert_sent(request, exchange.request)
    if case.kind == "login":
        assert talk.result == (Token(**case.token) if case.token else None)
    elif case.kind == "consult":
        assert talk.result == msgspec.convert(case.answer, Answer)
    else:
        assert talk.result == (None if case.later else expected(case))
    assert [msgspec.structs.asdict(each) for each in talk.requests] == [
        msgspec.structs.asdict(each) for each in again.requests
    ]


@each_folder
@pytest.mark.parametrize("noise", NOISE)
def test_noise_is_never_an_outcome(folder: Folder, noise: str) -> None:
    for name, case in folder.cases.items():
        for responses in () if is_word(case, noise) else noisy(case, NOISE[noise]):
            result = read(folder, case, responses)
            if case.kind == "login":
                assert result is None, name
            elif case.kind == "consult":
                assert result.finding in {Finding.UNANSWERED, Finding.UNSUPPORTED}, name
            else:
                assert isinstance(result, Outcome), name
                assert (result.verdict, result.failure) == (Verdict.UNKNOWN, FailureClass.UNCLEAR), name


@each_folder
@pytest.mark.parametrize("noise", NOISE)
def test_a_callback_of_noise_is_refused(folder: Folder, noise: str) -> None:
    case = next((case for case in folder.cases.values() if case.kind == "heard"), None)
    if case is None:
        assert folder.manifest.callbacks == "none"
        return
    for signed in (True, False):
        with pytest.raises(UnreadableError):
            heard(folder, msgspec.structs.replace(case, signed=signed), NOISE[noise].body)


@each_folder
def test_an_unknown_word_or_a_truncated_body_is_doubt_and_never_another_outcome(folder: Folder) -> None:
    assert flips(folder) == []


@each_folder
def test_an_outcome_carries_the_amount_that_the_provider_states(folder: Folder) -> None:
    seen = 0
    for name, case, body, read_ in decided(folder):
        if "money" not in case.outcome:
            continue
        ours = expected(case).money
        assert ours is not None
        other = Money(ours.minor + 1, ours.currency)
        amount = next(word for word in words_in(body) if is_amount(word, ours))
        outcome = read_(with_word(body, amount, str(other)))
        assert outcome is not None, name
        assert (outcome.verdict, outcome.money) == (Verdict.ACCEPTED, other), name
        doubtful = read_(with_word(body, amount, "1.2.3"))
        assert doubtful is not None, name
        assert doubtful.verdict is Verdict.UNKNOWN, name
        seen += 1
    assert seen, "no accepted case states the amount"


@each_folder
def test_every_request_to_act_carries_the_reference(folder: Folder) -> None:
    acts = [case for case in folder.cases.values() if case.kind == "execute" and case.exchange]
    assert acts
    for case in acts:
        other = "9b2c1d2e-3a4b-4c5d-a6f7-8091a2b3c4ff"
        for reference in (case.given.reference, other):
            told = msgspec.structs.replace(case, instruction=case.instruction | {"reference": reference})
            requests = led(begun(folder, told), chain(case.responses, repeat(NOISE["500"]))).requests
            sent = "".join(f"{each.path} {each.headers} {each.body.decode()}" for each in requests)
            assert reference in sent or reference.replace("-", "") in sent


@each_folder
@pytest.mark.parametrize("original", ["", "7a1d2e3f-4b5c-4d6e-8f70-91a2b3c4d5e6"])
def test_an_operation_that_the_manifest_does_not_list_is_not_sent_and_stays_unknown(
    folder: Folder, original: str
) -> None:
    conversion = {"original": original, "target": {"minor": 42779, "currency": "UGX"}, "rate": "28.51"}
    case = next(case for case in folder.cases.values() if case.kind == "execute")
    for operation in set(Operation) - set(folder.manifest.rail.operations):
        told = msgspec.structs.replace(case, instruction=case.instruction | conversion | {"operation": operation})
        talk = led(begun(folder, told), [])
        assert (talk.requests, talk.result.verdict) == ([], Verdict.UNKNOWN), operation


@each_folder
def test_a_question_that_the_manifest_does_not_list_is_not_passed_on(folder: Folder) -> None:
    for kind in set(Kind) - set(folder.manifest.rail.questions):
        asked = Case(about="", kind="consult", question={"kind": kind, "reference": "r"})
        assert led(begun(folder, asked), []) == ([], Answer(finding=Finding.UNSUPPORTED)), kind


@each_case
def test_no_secret_shows_in_an_address_an_outcome_or_a_repr(told: tuple[Folder, Case]) -> None:
    folder, case = told
    shown = []
    if case.kind == "heard" and not case.unreadable:
        shown = [repr(heard(folder, case))]
    elif case.kind != "heard":
        talk = led(begun(folder, case), case.responses)
        shown = [repr(talk), *(request.path for request in talk.requests)]
        if isinstance(talk.result, Outcome):
            shown.append(encoded(talk.result).decode())
    adapter = folder.build(case)
    shown += [repr(adapter), repr(vars(adapter)), repr(Context(now=NOW, user=case.user))]
    code = case.given.own.get(Resource.CODE) or case.given.details.get("oneTimeCode")
    hidden = [*folder.secrets.values(), *([case.token["value"]] if case.token else []), *case.user.values()]
    hidden += [code] if code else []
    assert [secret for secret in hidden if any(secret in text for text in shown)] == []


PURE = {
    "adapters", "base64", "collections.abc", "datetime", "decimal", "enum", "functools", "hashlib", "hmac", "itertools",
    "lxml", "lxml.builder", "msgspec", "re", "routing", "typing", "urllib.parse",
}  # fmt: skip
IMPURE = {"open", "print", "input", "exec", "eval", "now", "utcnow", "today", "uuid1", "uuid4"}


def impurities(source: str) -> Iterator[str]:
    """What a translation has no business with: modules that do I/O or read a clock, and such calls."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Import(names=names):
                yield from (alias.name for alias in names if alias.name not in PURE)
            case ast.ImportFrom(module=module, level=level):
                name = module or ""
                if (
                    level
                    or not {name, name.partition(".")[0] if name.startswith(("adapters", "routing")) else name} & PURE
                ):
                    yield name
            case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)) if name in IMPURE:
                yield name


@each_folder
def test_an_adapter_is_short_and_pure(folder: Folder) -> None:
    for path in folder.path.glob("*.py"):
        source = path.read_text("utf-8")
        assert len(source.splitlines()) < LINES_MAX, path.name
        assert list(impurities(source)) == [], path.name


@pytest.mark.parametrize(
    "source",
    [
        "import os",
        "from time import time",
        "import urllib.request",
        "from . import x",
        "open('x')",
        "datetime.now(UTC)",
    ],
)
def test_what_does_input_or_output_or_reads_a_clock_is_seen(source: str) -> None:
    assert list(impurities(source)) != []


def test_the_template_becomes_an_adapter_under_its_new_name(made: Path) -> None:
    assert manifest_in(made).name == NEW
    texts = {path.name: path.read_text("utf-8") for path in made.rglob("*") if path.is_file()}
    assert texts.keys() >= {"adapter.toml", "adapter.py", "README.md", "__init__.py"}
    assert [name for name, text in texts.items() if "template" in text.lower()] == []


@pytest.mark.parametrize(
    "name",
    ["", "Acme", "2pay", "a-b", "a.b", "../x", "a/b", "class", "a__b", "_a", "a_", "é", "a" * 33, "template", "runner"],
)
def test_a_name_that_cannot_be_an_adapters_is_refused_and_nothing_is_made(name: str, tmp_path: Path) -> None:
    with pytest.raises(AdapterNameError):
        create(name, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_an_adapter_that_is_there_is_not_made_again(tmp_path: Path) -> None:
    folder = create(NEW, tmp_path)
    (folder / "adapter.py").write_text("ours", "utf-8")
    with pytest.raises(AdapterNameError, match="taken"):
        create(NEW, tmp_path)
    assert (folder / "adapter.py").read_text("utf-8") == "ours"


def test_a_manifest_under_another_folders_name_is_refused(tmp_path: Path) -> None:
    folder = create(NEW, tmp_path).rename(tmp_path / "other")
    with pytest.raises(ValueError, match="the name must be the folder's"):
        manifest_in(folder)


@pytest.mark.parametrize(
    ("careful", "careless"),
    [
        ("return Said(code=reason if", "return Said(Verdict.REFUSED, FailureClass.REFUSED, code=reason if"),
        ('case "REFUSED" if reason in FAILURES:', 'case "REFUSED":'),
        ('if body.get("id") != reference:', "if not body:"),
        ('case "PAID":', "case _:"),
    ],
)
def test_a_careless_adapter_is_caught(careful: str, careless: str, tmp_path: Path) -> None:
    path = create("careless", tmp_path)
    source = (path / "adapter.py").read_text("utf-8")
    assert careful in source
    source = source.replace(careful, careless).replace("FAILURES[reason]", "FAILURES.get(reason, FailureClass.REFUSED)")
    (path / "adapter.py").write_text(source, "utf-8")
    assert flips(folder_at(path)) != []


def test_the_providers_words_are_bounded_and_a_database_can_hold_them() -> None:
    instruction = msgspec.convert(INSTRUCTION, Instruction)
    words = {"code": "\0a" * 300, "text": "b" * 300, "provider_reference": "c\0"}
    outcome = outcome_of(instruction, Verdict.UNKNOWN, **words)
    subject = Subject(transfer="1" * 32, operation=Operation.CREDIT, reference="2")
    for each in (outcome, outcome_heard(subject, CONNECTION, Verdict.UNKNOWN, **words)):
        assert (each.code, each.text, each.provider_reference) == ("a" * 256, "b" * 256, "c")


def test_a_resource_is_kept_as_a_database_can_hold_it_and_left_out_where_it_is_too_large_or_deep() -> None:
    instruction = msgspec.convert(INSTRUCTION, Instruction)
    deep: dict[str, Any] = {}
    for _ in range(600):
        deep = {"a": deep}
    kept = {
        "a zero": ({"a\0": ["b\0", {"c": 1}]}, {"a": ["b", {"c": 1}]}),
        "large": ({"a": "x" * 70_000}, {}),
        "deep": (deep, {}),
    }
    for name, (given, expected_) in kept.items():
        outcome = outcome_of(instruction, Verdict.ACCEPTED, resource=given, provider_reference="M1")
        assert (outcome.verdict, outcome.resource, outcome.provider_reference) == (
            Verdict.ACCEPTED,
            expected_,
            "M1",
        ), name


def test_a_repr_shows_neither_secrets_nor_parties() -> None:
    secret = "+254700000001"
    shown = [
        Request(method="GET", path=f"/accounts/{secret}", headers={"X-API-Key": secret}, body=secret.encode()),
        Response(status=200, headers={"set-cookie": secret}, body=secret.encode()),
        Token(secret, 60),
        Connection(name="one", base_url=secret, settings={"a": secret}, secrets={"b": secret}),
    ]
    assert [repr(each) for each in shown if secret in repr(each)] == []
