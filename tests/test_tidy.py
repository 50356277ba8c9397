"""The house rules that a machine can check; each failure says the rule and why it is one."""

import ast
import re
import tokenize
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[1]
FUNCTION_LINES_MAX: Final = 50
FILE_LINES_MAX: Final = 400
SLEEP_MAX_S: Final = 0.2
HOUSES: Final = ("hub", "adapters", "routing")
SOURCES: Final = [*sorted(path for house in HOUSES for path in (ROOT / house).rglob("*.py")), ROOT / "makutano"]
TESTS: Final = sorted((ROOT / "tests").rglob("*.py"))
EXACT: Final = [
    *sorted(path for floor in ("core", "files", "ledger") for path in (ROOT / "hub" / floor).rglob("*.py")),
    ROOT / "routing/money.py",
]
PURE: Final = [
    *EXACT,
    *(ROOT / "routing" / name for name in ("message.py", "party.py", "table.py")),
    *sorted((ROOT / "adapters").glob("*/adapter.py")),
]
SPEAKING: Final = ("makutano", "hub/main.py", "hub/trial", "adapters/__main__.py", "adapters/simulator/__main__.py")
CLOCKS: Final = {"datetime.now", "datetime.utcnow", "datetime.today", "date.today", "time.time", "time.monotonic"}
CHANCE: Final = {"uuid.uuid1", "uuid.uuid4", "uuid4", "uuid1", "os.urandom"}
BANNED_WORDS: Final = {"manager", "helper", "helpers", "utils", "util", "misc", "service"}
BANNED_MARKS: Final = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")
LINK: Final = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"), name_of(path))


def every(*paths: Path) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("path", paths, ids=name_of)


def called(node: ast.AST) -> str:
    """The last two names of what is called or read: `datetime.datetime.now` is `datetime.now`."""
    return ".".join(ast.unparse(node).split(".")[-2:])


def found(path: Path, *kinds: type[ast.AST]) -> Iterator[ast.AST]:
    return (node for node in ast.walk(tree(path)) if isinstance(node, kinds))


def at(path: Path, node: ast.AST) -> str:
    return f"{name_of(path)}:{getattr(node, 'lineno', 0)}"


@every(*SOURCES, *TESTS)
def test_functions_are_short_enough_to_be_read_at_a_glance(path: Path) -> None:
    lengths = {
        f"{at(path, node)} {node.name}": (node.end_lineno or 0) - node.lineno + 1
        for node in ast.walk(tree(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    long = {where: lines for where, lines in lengths.items() if lines > FUNCTION_LINES_MAX}
    assert not long, f"functions have at most {FUNCTION_LINES_MAX} lines: a longer one does two things. {long}"


@every(*SOURCES, *TESTS)
def test_files_are_short_enough_to_be_about_one_thing(path: Path) -> None:
    lines = len(path.read_text("utf-8").splitlines())
    assert lines <= FILE_LINES_MAX, f"files have at most {FILE_LINES_MAX} lines; {name_of(path)} has {lines}: split it"


@every(*SOURCES)
def test_a_file_opens_by_saying_what_it_is(path: Path) -> None:
    assert ast.get_docstring(tree(path)), f"{name_of(path)} must open with a docstring: what it is, what it never does"


@every(*EXACT)
def test_no_float_comes_near_money(path: Path) -> None:
    floats = [
        at(path, node)
        for node in found(path, ast.Name, ast.Constant)
        if (isinstance(node, ast.Name) and node.id == "float")
        or (isinstance(node, ast.Constant) and isinstance(node.value, float))
    ]
    assert not floats, f"amounts are whole minor units: a float loses cents. {floats}"


@every(*PURE)
def test_the_pure_floors_read_no_clock_and_throw_no_dice(path: Path) -> None:
    names = [(at(path, node), called(node)) for node in found(path, ast.Name, ast.Attribute)]
    impure = [(where, name) for where, name in names if name in CLOCKS | CHANCE or name.startswith("random.")]
    assert not impure, f"pure code is told the time and the ids: only then can a decision be repeated. {impure}"


@every(*(path for path in SOURCES if not name_of(path).startswith(SPEAKING)))
def test_only_what_speaks_to_people_prints(path: Path) -> None:
    calls = [node for node in ast.walk(tree(path)) if isinstance(node, ast.Call)]
    prints = [at(path, call) for call in calls if called(call.func) == "print"]
    assert not prints, f"a server logs events by name (hub/observe.py); a print is lost. {prints}"


# In the simulation time is virtual: a sleep there takes no time at all.
@every(*(path for path in TESTS if "tests/simulation/" not in path.as_posix()))
def test_tests_wait_for_events_and_do_not_sleep(path: Path) -> None:
    calls = [node for node in ast.walk(tree(path)) if isinstance(node, ast.Call) and node.args]
    sleeps = [
        at(path, call)
        for call in calls
        if called(call.func).split(".")[-1] == "sleep"
        and isinstance(call.args[0], ast.Constant)
        and isinstance(call.args[0].value, int | float)
        and call.args[0].value > SLEEP_MAX_S
    ]
    assert not sleeps, (
        f"a sleep is too short on a busy machine and too long on every other: wait for the event. {sleeps}"
    )


@every(*SOURCES, *TESTS)
def test_nothing_is_left_for_later_in_a_comment(path: Path) -> None:
    with tokenize.open(path) as file:
        comments = [token for token in tokenize.generate_tokens(file.readline) if token.type == tokenize.COMMENT]
    marks = [f"{name_of(path)}:{one.start[0]}" for one in comments if BANNED_MARKS.search(one.string)]
    assert not marks, f"what is not done is an issue, where it is seen, and not a comment. {marks}"


@every(*SOURCES, *TESTS)
def test_names_say_what_a_thing_is(path: Path) -> None:
    names = {path.stem, *(node.name for node in ast.walk(tree(path)) if isinstance(node, ast.ClassDef))}
    words = {name: set(re.findall(r"[A-Z]?[a-z]+", name)) for name in names}
    vague = {name for name, parts in words.items() if {part.lower() for part in parts} & BANNED_WORDS}
    assert not vague, f"{', '.join(BANNED_WORDS)} say nothing of what is inside: use the glossary's nouns. {vague}"


def test_the_states_in_the_documentation_are_those_of_the_tables() -> None:
    from hub.core.transfer import states_markdown

    written = (ROOT / "docs/states.md").read_text("utf-8")
    assert written == states_markdown(), "the tables changed: `./makutano states > docs/states.md`, and read the diff"


def markdown() -> list[Path]:
    folders = (ROOT, *(ROOT / name for name in (*HOUSES, "docs", "deploy", "helm", "tests", ".github")))
    return sorted(
        path for folder in folders for path in (folder.glob("*.md") if folder == ROOT else folder.rglob("*.md"))
    )


@every(*markdown())
def test_links_between_documents_lead_somewhere(path: Path) -> None:
    targets = [link for link in LINK.findall(path.read_text("utf-8")) if not re.match(r"[a-z]+:|#", link)]
    broken = [link for link in targets if not (path.parent / link.split("#")[0]).exists()]
    assert not broken, f"{name_of(path)} names files that are not there: {broken}"


def test_ci_runs_the_command_that_the_readme_names() -> None:
    command = "./makutano test"
    assert f'exec {command} "$@"' in (ROOT / ".ci/run").read_text("utf-8"), "CI must run what people run"
    assert command in (ROOT / "README.md").read_text("utf-8"), f"the README must name {command}"


def test_every_dependency_is_pinned_to_the_version_that_was_tested() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    listed = [*project["dependencies"], *(one for group in project["optional-dependencies"].values() for one in group)]
    pinned = dict(re.findall(r"(?m)^([\w.-]+)==(\S+)$", (ROOT / "constraints.txt").read_text("utf-8")))
    plain = {re.sub(r"[-_.]+", "-", name).lower() for name in pinned} | {"makutano"}
    wanted = {re.sub(r"[-_.]+", "-", re.match(r"[\w.-]+", one)[0]).lower() for one in listed}  # type: ignore[index]
    assert wanted <= plain, f"constraints.txt lacks {sorted(wanted - plain)}; its head says how it is made"
