"""A scheme from the command line: at once while nobody could approve it, afterwards by two; on a real database."""

from pathlib import Path

import pytest

from tests.trial.command import hub, proposal_in
from tests.trial.test_commands import applied as applied  # noqa: PLC0414 - a fixture

pytestmark = pytest.mark.postgres

SCHEME = Path(__file__).parents[2] / "config" / "scheme.toml"


@pytest.fixture
def changed(tmp_path: Path) -> str:
    """The scheme file, with another time for answers to recalls."""
    path = tmp_path / "changed.toml"
    before = SCHEME.read_text()
    after = before.replace("\nrecall_answer_s = 864000", "\nrecall_answer_s = 3600")
    assert after != before
    path.write_text(after)
    return str(path)


def founded(database: str) -> None:
    for name in ("head-1", "head-2"):
        hub("operators", "admit", name, "--roles", "admin", database=database)


def test_before_there_are_two_admins_a_scheme_is_applied_at_once(applied: str, changed: str) -> None:
    assert "disputes.recall_answer_s = 864000 -> 3600" in hub("apply", changed, "--dry-run", database=applied)
    assert "version 2 is in force" in hub("apply", changed, database=applied)
    assert "nothing to change" in hub("apply", changed, database=applied)


def test_where_there_are_two_admins_one_proposes_a_scheme_and_the_other_approves_it(applied: str, changed: str) -> None:
    founded(applied)
    assert "say --by and --why" in hub("apply", changed, database=applied, code=1)
    said = hub("apply", changed, "--by", "head-1", "--why", "sooner", database=applied)
    assert "in force" not in said
    shown = hub("proposals", "show", proposal_in(said), database=applied)
    assert "disputes.recall_answer_s = 864000 -> 3600" in shown
    own = hub("proposals", "approve", proposal_in(said), "--by", "head-1", database=applied, code=1)
    assert "same_person" in own
    hub("proposals", "approve", proposal_in(said), "--by", "head-2", database=applied)
    assert "nothing to change" in hub("apply", changed, database=applied)
    assert "the books balance" in hub("audit", database=applied)


def test_keys_that_cannot_be_read_here_are_said_before_anybody_relies_on_them(applied: str, tmp_path: Path) -> None:
    path = tmp_path / "keys.toml"
    bank = 'account = "ZSB100100"\n'
    path.write_text(SCHEME.read_text().replace(bank, bank + 'keys = "file:/nowhere/bank.jwks"\n'))
    said = hub("apply", str(path), "--dry-run", database=applied)
    assert "its keys are not at /nowhere/bank.jwks on this machine" in said
    assert "files of the settlement bank of KES are held against file:/nowhere/bank.jwks" in said


def test_a_word_that_is_none_is_said_with_the_row_that_has_it(applied: str, tmp_path: Path) -> None:
    path = tmp_path / "wrong.toml"
    path.write_text(SCHEME.read_text().replace('role = "fsp"', 'role = "fps"', 1))
    assert "participant[baobab].role" in hub("apply", str(path), database=applied, code=1)


def test_what_is_no_scheme_is_refused_in_a_line(applied: str, tmp_path: Path) -> None:
    for number, text in enumerate(("[[", "connection = 1", "connection = [{name = 1, adapter = []}]", "scheme = 3")):
        path = tmp_path / f"{number}.toml"
        path.write_text(text)
        said = hub("apply", str(path), database=applied, code=1)
        assert len(said.strip().splitlines()) < 4, said
