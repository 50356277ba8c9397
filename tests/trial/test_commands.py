"""The `hub` command as an operator runs it: every verb explains itself and does its work on a real database."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from hub.main import app
from tests.trial.command import ROOT, WITHIN_S, environment, hub

VERBS = [
    "api",
    "worker",
    "adapter",
    "all",
    "migrate",
    "openapi",
    "apply",
    "credential",
    "funds",
    "proposals",
    "operators",
    "positions",
    "cap",
    "block",
    "unblock",
    "audit",
    "transfer",
    "cases",
    "quote",
    "explain",
    "rates",
    "adapters",
    "states",
    "demo",
    "run",
    "bench",
]

GROUPS = ("transfer", "funds", "proposals", "operators")  # of verbs, each with its own example

pytestmark = pytest.mark.postgres


@pytest.fixture
def applied(migrated_url: str) -> str:
    """A database with the demo's scheme in force."""
    hub("apply", "config/scheme.toml", database=migrated_url)
    return migrated_url


def test_the_list_of_verbs_is_whole() -> None:
    text = hub("--help")
    assert [verb for verb in VERBS if verb not in text] == []


@pytest.mark.parametrize(
    ("arguments", "code"),
    [(("positions", "baobab"), 0), (("transfer", "show", "INV-1"), 1), (("no-such-verb",), 2)],
    ids=["done", "refused", "misspelt"],
)
def test_a_fork_says_what_the_installed_command_says(applied: str, arguments: tuple[str, ...], code: int) -> None:
    installed = [str(Path(sys.executable).with_name("hub")), *arguments]
    done = subprocess.run(
        installed, check=False, cwd=ROOT, env=environment(applied), capture_output=True, text=True, timeout=WITHIN_S
    )
    said = hub(*arguments, database=applied, code=code)
    assert (done.returncode, done.stdout + done.stderr) == (code, said)


@pytest.mark.parametrize(
    "verb",
    [
        *VERBS,
        *("adapter new", "archive month", "archive verify", "transfer show", "transfer resolve", "cases close"),
        *("rates set", "rates confirm", "rates history"),
        *("funds in", "funds out", "funds confirm", "funds refused", "funds list"),
        *("proposals list", "proposals show", "proposals approve", "proposals reject"),
        *("operators admit", "operators roles", "operators disable", "operators list"),
    ],
)
def test_every_verb_explains_itself_with_an_example(verb: str) -> None:
    text = CliRunner().invoke(app, [*verb.split(), "--help"]).output
    assert "Usage" in text
    assert verb in GROUPS or "Example" in text


def test_a_scheme_is_shown_before_it_is_in_force_and_changes_nothing_the_second_time(migrated_url: str) -> None:
    shown = hub("apply", "config/scheme.toml", "--dry-run", database=migrated_url)
    assert "+ participant[baobab].name = Baobab Wallet" in shown
    assert "in force" not in shown
    assert "version 1 is in force" in hub("apply", "config/scheme.toml", database=migrated_url)
    assert "nothing to change" in hub("apply", "config/scheme.toml", database=migrated_url)


def test_a_change_of_the_scheme_is_one_line(applied: str, tmp_path: Path) -> None:
    changed = tmp_path / "scheme.toml"
    text = (ROOT / "config" / "scheme.toml").read_text("utf-8")
    changed.write_text(text.replace('max = "500000"', 'max = "400000"'), "utf-8")
    assert "~ scheme.limits.KES.max = 500000 -> 400000" in hub("apply", str(changed), database=applied)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[scheme]\nname = 1\n", "scheme.name"),
        ('[scheme]\nname = "x"\n[[participant]]\nid = "a"\nname = "A"\nrole = "fsp"\ncountry = "XX"\n', "ISO 3166"),
        ('[scheme]\nname = "x"\n[[connection]]\nname = "c"\nadapter = "none"\n', "no adapter 'none'"),
        ("not toml at all [", "not TOML"),
    ],
    ids=["a wrong type", "an unknown country", "an unknown adapter", "no TOML"],
)
def test_a_faulty_scheme_is_refused_with_where_and_why(migrated_url: str, tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "scheme.toml"
    path.write_text(text, "utf-8")
    assert says in hub("apply", str(path), database=migrated_url, code=1)


def test_credentials_are_shown_once_and_only_for_participants(applied: str) -> None:
    first, second = (hub("credential", "baobab", database=applied) for _ in range(2))
    assert "secret=" in first
    assert first != second
    assert "no participant 'nobody'" in hub("credential", "nobody", database=applied, code=1)


def test_looking_at_what_is_not_there_says_so(applied: str) -> None:
    assert "there is no transfer" in hub("transfer", "show", "0" * 32, database=applied, code=1)
    assert "is no id" in hub("transfer", "show", "INV-1", database=applied, code=1)
    ruling = ("transfer", "resolve", "0" * 32, "accepted", "--state", "in_doubt", "--by", "me", "--why", "statement")
    assert "there is no transfer" in hub(*ruling, database=applied, code=1)
    assert "'paid' is none of accepted, refused" in hub(*ruling[:3], "paid", *ruling[4:], database=applied, code=1)
    assert "exception queue" in hub("cases", database=applied)


def test_the_document_the_states_and_the_adapters_are_printed() -> None:
    assert json.loads(hub("openapi"))["openapi"] == "3.1.0"
    assert hub("states") == (ROOT / "docs" / "states.md").read_text("utf-8")
    assert "gsma_mmapi" in hub("adapters")


def test_roles_apart_need_a_broker_and_say_so(applied: str) -> None:
    assert "HUB_BROKER_URL" in hub("worker", database=applied, code=1)


def test_a_wrong_setting_names_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUB_PORT", "many")
    assert "HUB_PORT" in hub("migrate", code=2)
