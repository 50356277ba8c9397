"""A difference as an operator sees it: amounts with currencies, times, both sides' words, what happened in order."""

import io
import re
from typing import Any, Final

from hub.core.office.records import Difference, DifferenceKind, DifferenceState
from hub.trial.files import WORDS, difference_shown
from hub.trial.printed import Printer

ID: Final = "0195f3a1c07e7d3a9b52c4d8e6f10a2b"
AT_MS: Final = 1_795_000_000_000  # 2026-11-18 11:06:40
OURS: Final[dict[str, Any]] = {
    "direction": "debit",
    "amount": "10.5",
    "currency": "KES",
    "entries": ["8-1", "9-2"],
    "own": ["inv-7"],
    "state": "committed",
    "minor": 1050,
    "steps": [
        {"at_ms": AT_MS, "state": "received", "event": "submitted", "who": "baobab"},
        {"at_ms": AT_MS + 1000, "state": "committed", "event": "accepted", "who": "savanna"},
    ],
}
ROW: Final = {"where": "line 2", "direction": "debit", "amount": "11", "currency": "KES", "transfer": ID, "names": [ID]}


def shown(**more: Any) -> str:
    console = Printer(file=io.StringIO(), width=100)
    given: dict[str, Any] = {"ours": OURS, "theirs": {"rows": [ROW]}, "at_ms": AT_MS + 5000, **more}
    console.print(difference_shown(Difference(id=ID, source="baobab", kind=DifferenceKind.AMOUNT, subject=ID, **given)))
    text: str = console.file.getvalue()  # type: ignore[attr-defined]
    return text


def test_both_sides_are_said_in_words_of_people() -> None:
    text = shown()
    assert f"difference {ID}  with baobab: the amounts differ" in text
    for words in ("10.5 KES", "debit 11 KES", "8-1, 9-2", "inv-7", "committed", "line 2", f"resolve {ID} HOW"):
        assert words in text
    assert re.search(r"\d{13}|1050|\[|\{|None", text) is None, "no milliseconds, minor units or JSON"


def test_the_timeline_says_when_the_transfer_moved_and_when_the_difference_was_found_and_ended() -> None:
    text = shown(
        state=DifferenceState.RESOLVED,
        closed_ms=AT_MS + 9000,
        closed_by="desk-1 and desk-2",
        resolution="ignore",
        why="fee",
    )
    lines = [line.strip() for line in text.partition("timeline")[2].splitlines() if "2026-11-18" in line]
    assert [re.split(r"\s{3,}", line)[:2] for line in lines] == [
        ["2026-11-18 11:06:40", "submitted: received"],
        ["2026-11-18 11:06:41", "accepted: committed"],
        ["2026-11-18 11:06:45", "the difference was found"],
        ["2026-11-18 11:06:49", "ignore: fee"],
    ]


def test_what_only_the_hub_knows_of_has_its_amount_from_minor_units() -> None:
    assert "5 KES" in shown(ours={"currency": "KES", "minor": 500, "state": "aborted", "steps": []})


def test_every_kind_has_its_words() -> None:
    assert set(WORDS) == set(DifferenceKind)
