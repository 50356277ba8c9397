"""What somebody has written is shown as it is: no text colours, hides or moves another, or makes a command fail."""

import io
import re
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
import typer
from rich.console import Console, RenderableType

from hub.commands.plain import plainly
from hub.core.change import Case
from hub.core.office.proposal import Proposal, ProposalState
from hub.core.office.records import (
    Difference,
    DifferenceKind,
    Dispute,
    DisputeKind,
    DisputeState,
    File,
    Operator,
    OperatorRole,
    Step,
)
from hub.core.transfer import Event
from hub.trial.disputes import dispute_view
from hub.trial.files import difference_shown, differences_table, files_table
from hub.trial.office import operator_table, proposal_table
from hub.trial.printed import Printer, plain_table
from hub.trial.timeline import case_table

ID = "0" * 32
WRITTEN = "[/x] [bold]all[/bold] [link=http://x]y[/link] :warning: [red]"


def difference(text: str, **more: Any) -> Difference:
    row = {"where": "line 2", "direction": "debit", "amount": text, "currency": "KES"}
    kind = DifferenceKind.MISSING_HERE
    return Difference(id=ID, source="alpha", kind=kind, file="f", reference=text, theirs={"rows": [row]}, **more)


def file(text: str, **more: Any) -> File:
    return File(
        id=ID, name=text, format="csv", origin="bank", sha256="x", by="b", subject="", currency="", content="", **more
    )


def proposal(text: str) -> Proposal:
    state = ProposalState.OPEN
    return Proposal(id=ID, act="Block", terms=msgspec.Raw(b"{}"), subject="alpha", why=text, by="desk-1", state=state)


def dispute(text: str) -> Dispute:
    sides: dict[str, Any] = {"payer_fsp": "a", "payee_fsp": "b", "raised_by": "a", "against": "b"}
    figures: dict[str, Any] = {"currency": "KES", "minor": 1, "state": DisputeState.OPEN}
    steps = (Step(at_ms=1, who="a", what="raised", detail=text),)
    return Dispute(
        id=ID, kind=DisputeKind.FRAUD, transfer="1" * 32, reason="FRAD", detail="", steps=steps, **sides, **figures
    )


SHOWN: dict[str, Callable[[str], RenderableType]] = {
    "a participant's reference": lambda text: differences_table([difference(text)]),
    "a participant's amount": lambda text: difference_shown(difference(text)),
    "why a difference was closed": lambda text: difference_shown(difference("", why=text, state="resolved")),
    "the name of a bank's file": lambda text: files_table([file(text)]),
    "a line of a bank's file": lambda text: files_table([file("x", refused=f"line 1: {text}")]),
    "a maker's reason": lambda text: proposal_table([proposal(text)]),
    "a participant's words": lambda text: dispute_view(dispute(text)),
    "a provider's words": lambda text: case_table(
        [Case(transfer=ID, seq=1, kind=Event.MISMATCHED, detail=text, opened_ms=1)]
    ),
    "a name": lambda text: operator_table(
        [Operator(id=text, roles=(OperatorRole.ADMIN,), secret_hash="", by="head-1", approved_by="", enabled=True)]
    ),
    "a title": lambda text: plain_table(text, "one", "x" * 200),
    "a column": lambda text: plain_table("", text),
    "a line": lambda text: text,
}


def printed(console: Console, shown: RenderableType) -> str:
    file = console.file = io.StringIO()
    console.print(shown)
    return file.getvalue()


@pytest.mark.parametrize("make", SHOWN.values(), ids=SHOWN)
def test_what_was_written_is_shown_as_it_is(make: Callable[[str], RenderableType]) -> None:
    assert WRITTEN in printed(Printer(width=400), make(WRITTEN))


@pytest.mark.parametrize("name", [name for name in SHOWN if name != "a line"])
def test_a_table_is_plain_on_any_terminal(name: str) -> None:
    assert "[/x] [bold]all[/bold]" in printed(Console(width=400), SHOWN[name](WRITTEN))


@pytest.mark.parametrize("make", SHOWN.values(), ids=SHOWN)
def test_what_cannot_be_seen_is_seen(make: Callable[[str], RenderableType]) -> None:
    shown = printed(Printer(width=400, force_terminal=True, color_system=None), make("a\x1b[8mb\u202ec\x9bd\x7fe"))
    assert "a\u241b[8mb\ufffdc\ufffdd\u2421e" in shown
    assert re.search("\x1b\\[8m|[\u202e\x9b\x7f]", shown) is None


def test_a_style_is_given_apart_from_the_text() -> None:
    console = Printer(width=80, force_terminal=True, color_system="standard")
    file = console.file = io.StringIO()
    console.print("[red]said", style="bold", highlight=False)
    assert file.getvalue() == "\x1b[1m[red]said\x1b[0m\n"


def test_an_error_is_said_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit), plainly():
        raise ValueError("reference '[/x]' is [bold]twice[/bold] there")
    assert "error: reference '[/x]' is [bold]twice[/bold] there" in capsys.readouterr().err


SHOWN_ID = "0195f3a1c07e7d3a9b52c4d8e6f10a2b"


@pytest.mark.parametrize("width", [60, 80, 100, 120, 160, 200])
def test_an_id_is_whole_however_narrow_the_terminal_is(width: int) -> None:
    found = proposal(f"it replaces {SHOWN_ID}, and a longer reason than there is room for on any such line " * 3)
    shown = printed(Printer(width=width, force_terminal=True, color_system=None), proposal_table([found] * 2))
    assert (shown.count(ID), shown.count(SHOWN_ID)) == (2, 6)
    assert max(map(len, shown.splitlines())) <= width


def test_what_no_terminal_reads_is_not_broken_into_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    text = "a reason that goes on and on, " * 20
    assert text in printed(Printer(file=io.StringIO()), proposal_table([proposal(text)])).replace("\n", "")
    assert printed(Printer(file=io.StringIO()), text) == f"{text}\n"
