"""The office from the command line: two people for money, and what each of them types; on a real database."""

import pytest
from typer.testing import CliRunner

from hub.main import app
from tests.trial.command import hub, proposal_in
from tests.trial.test_commands import applied as applied  # noqa: PLC0414 - a fixture

pytestmark = pytest.mark.postgres

IN = ("funds", "in", "baobab", "250.50", "KES", "--by", "desk-1", "--why", "its letter")


def approved(said: str, database: str) -> str:
    """Have a second person approve what was proposed."""
    return hub("proposals", "approve", proposal_in(said), "--by", "desk-2", database=database)


def test_money_comes_in_when_two_have_said_so_and_the_bank_has(applied: str) -> None:
    said = hub(*IN, database=applied)
    assert "250.5 KES in from baobab" in hub("proposals", "list", database=applied)
    shown = hub("proposals", "show", proposal_in(said), database=applied)
    assert "proposed by desk-1" in shown
    assert "to be paid by baobab to the scheme: 250.5 KES" in shown
    assert '"participant"' not in shown
    shown = hub("proposals", "show", proposal_in(said), "--terms", database=applied)
    assert '"participant": "baobab"' in shown
    own = hub("proposals", "approve", proposal_in(said), "--by", "desk-1", database=applied, code=1)
    assert "same_person" in own
    assert "approved by desk-2" in approved(said, applied)
    funds = said.rpartition("hub funds confirm ")[2].split()[0]
    confirm = ("funds", "confirm", funds, "--reference", "B-7", "--by", "desk-1", "--why", "telephone")
    approved(hub(*confirm, database=applied), applied)
    assert "confirmed" in hub("funds", "list", "--participant", "baobab", database=applied)
    audit = hub("audit", database=applied)
    assert "250.5" in audit
    assert "the books balance" in audit


def test_what_is_rejected_is_not_done(applied: str) -> None:
    said = hub(*IN, database=applied)
    rejected = hub("proposals", "reject", proposal_in(said), "--by", "desk-2", "--why", "twice", database=applied)
    assert "rejected: MoveFunds 250.5 KES in from baobab" in rejected
    assert "nothing waits" in hub("proposals", "list", database=applied)
    assert "rejected by desk-2" in hub("proposals", "list", "--all", database=applied)
    again = hub("proposals", "approve", proposal_in(said), "--by", "desk-2", database=applied, code=1)
    assert "record_forbids" in again


def test_whoever_approves_reads_all_that_the_maker_wrote(applied: str) -> None:
    why = "[bold]all[/bold] [/x] \x1b[8mhidden\nexpired: nothing to do"
    said = hub(*IN[:-1], why, database=applied)
    shown = hub("proposals", "show", proposal_in(said), database=applied)
    assert "[bold]all[/bold] [/x] \u241b[8mhidden\n    expired: nothing to do" in shown
    assert "[bold]all[/bold] [/x]" in hub("proposals", "list", database=applied)
    again = hub("proposals", "show", "[/x]", database=applied, code=1)
    assert "error: '[/x]' is no id" in again
    approved(said, applied)


def test_caps_and_blocks_are_shown_with_who_and_why(applied: str) -> None:
    who = ("--by", "desk-1", "--why", "its rating")
    approved(hub("cap", "baobab", "123.45", "KES", *who, database=applied), applied)
    assert "blocked: baobab KES" in hub("block", "baobab", "KES", *who, database=applied)
    shown = hub("positions", "baobab", database=applied)
    assert "123.45" in shown
    assert "its rating" in shown
    assert "desk-1, desk-2" in shown
    approved(hub("unblock", "baobab", "KES", *who, database=applied), applied)
    assert "blocked: yes to no" in hub("positions", "baobab", database=applied)
    assert "record_unknown" in hub("cap", "nobody", "1", "KES", *who, database=applied, code=1)


@pytest.mark.parametrize("name", ["hub", "bank", "calendar", "operator", "", "Desk 1", "[/x]"])
def test_nobody_acts_under_a_name_that_is_no_persons(applied: str, name: str) -> None:
    for act in (("block", "baobab", "KES"), ("cap", "baobab", "1", "KES")):
        said = hub(*act, "--by", name, "--why", "no answer", database=applied, code=1)
        assert f"refused: role_forbids: {name!r} is nobody's name" in said
    assert "debits blocked" not in hub("positions", "baobab", database=applied)


LISTS = ("files list", "differences list", "disputes list", "funds list", "proposals list", "windows list", "positions")
MORE = ("cases", "notices list", "rates history mizani KES UGX")


@pytest.mark.parametrize("verb", [*LISTS, *MORE])
def test_a_list_has_as_many_lines_as_can_be_read(verb: str) -> None:
    for limit in ("-1", "0", "10001", "9" * 30, "x"):
        refused = CliRunner().invoke(app, [*verb.split(), "--limit", limit])
        assert (refused.exit_code, "--limit" in refused.output) == (2, True), refused.output


def test_where_operators_are_admitted_no_other_name_counts(applied: str) -> None:
    secret = hub("operators", "admit", "head-1", "--roles", "admin", database=applied)
    assert "secret=" in secret
    hub("operators", "admit", "head-2", "--roles", "admin,checker", database=applied)
    assert "say --by and --why" in hub("operators", "admit", "desk-1", "--roles", "maker", database=applied, code=1)
    admit = ("operators", "admit", "desk-1", "--roles", "maker", "--by", "head-1", "--why", "hired")
    said = hub(*admit, database=applied)
    hub("proposals", "approve", proposal_in(said), "--by", "head-2", database=applied)
    assert "maker" in hub("operators", "list", database=applied)
    assert "is no operator" in hub(*IN[:6], "head-3", *IN[7:], database=applied, code=1)
    assert "is for maker" in hub(*IN[:6], "head-1", *IN[7:], database=applied, code=1)
    said = hub(*IN, database=applied)
    approving = ("proposals", "approve", proposal_in(said), "--by")
    assert "is no operator" in hub(*approving, "desk-2", database=applied, code=1)
    hub(*approving, "head-2", database=applied)
