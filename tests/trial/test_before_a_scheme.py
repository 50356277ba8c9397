"""Commands before there is a scheme, or a database: each says in one line what to do first, and shows no insides."""

import pytest

from tests.trial.command import hub

pytestmark = pytest.mark.postgres

WHO = ("--by", "desk-1", "--why", "its letter")
ID = f"{7:032x}"
NEEDING = (
    ("operators", "admit", "head-1", "--roles", "admin"),
    ("operators", "disable", "head-1", *WHO),
    ("cap", "baobab", "1", "KES", *WHO),
    ("block", "baobab", "KES", *WHO),
    ("funds", "in", "baobab", "1", "KES", *WHO),
    ("disputes", "raise", "recall", ID, "--for", "baobab", "--reason", "DUPL", *WHO),
    ("files", "statement", "baobab", "2026-11-24"),
    ("rates",),
    ("rates", "set", "mizani", "KES", "UGX", "28", "--by", "desk-1"),
    ("quote", "1", "KES", "UGX", "--from", "baobab", "--to", "nile"),
    ("credential", "baobab"),
    ("all",),
)
EMPTY = {
    ("positions",): "nobody has a position",
    ("cases",): "nothing waits for an operator",
    ("windows", "list"): "no such windows",
    ("operators", "list"): "nobody yet",
}


@pytest.mark.parametrize("arguments", NEEDING, ids=" ".join)
def test_what_needs_a_scheme_says_so_in_one_line(migrated_url: str, arguments: tuple[str, ...]) -> None:
    (line,) = hub(*arguments, database=migrated_url, code=1).splitlines()
    assert line.startswith("scheme: no scheme is in force yet: put one in force with `hub apply config/scheme.toml`")


@pytest.mark.parametrize(("arguments", "says"), EMPTY.items(), ids=map(" ".join, EMPTY))
def test_what_is_empty_says_so_in_one_line(migrated_url: str, arguments: tuple[str, ...], says: str) -> None:
    (line,) = hub(*arguments, database=migrated_url).splitlines()
    assert says in line


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("postgresql://hub@127.0.0.1:1/hub", "database: connection failed"),
        ("nonsense:secret", "error: HUB_DATABASE_URL is none"),
    ],
    ids=["nobody answers", "no URL"],
)
def test_a_database_that_cannot_be_had_is_said_in_one_line(url: str, says: str) -> None:
    (line,) = hub("positions", database=url, code=1, columns=1000).splitlines()
    assert line.startswith(says)
    assert "secret" not in line
