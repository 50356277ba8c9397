"""A participant's day against the books: each line is used once, and one reference on many things is no difference."""

import time
from collections.abc import Sequence
from random import Random
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.core.office.comparing import EVIDENCE_MAX, Comparison, Found, Line, Movement, known_better
from hub.core.office.records import DifferenceKind

K = DifferenceKind
Met = tuple[list[Found], int]


def moved(number: int, minor: int, *own: str) -> Movement:
    return Movement(subject=f"{number:032x}", minor=minor, count=1, references=(f"{number}-0",), own=own)


def line(minor: int, *names: str, transfer: str = "", currency: str = "KES") -> Line:
    return Line(where="line", minor=minor, currency=currency, transfer=transfer, names=names)


def compared(movements: Sequence[Movement], lines: Sequence[Line]) -> Met:
    comparison = Comparison(lines, "KES")
    found = [differs for each in movements if (differs := comparison.meet(each)) is not None]
    found += comparison.rest()
    return found, comparison.matched


# Movements under the reference R, the lines of the file under it, and what that comes to.
CASES: Final[dict[str, tuple[list[int], list[int], list[DifferenceKind]]]] = {
    "two of one reference": ([-5, -7], [-5, -7], []),
    "in the other order": ([-5, -7], [-7, -5], []),
    "one in two lines": ([-10], [-4, -6], []),
    "one whole and one in two lines": ([-12, -5], [-4, -5, -8], []),
    "equal ones": ([-5, -5], [-5, -5], []),
    "one booked twice": ([-5], [-5, -5], [K.DUPLICATE]),
    "one of two wrong": ([-7, -5], [-5, -8], [K.AMOUNT]),
    "both wrong": ([-7, -5], [-6, -8], [K.AMOUNT, K.AMOUNT]),
    "one left out": ([-5, -7], [-5], [K.MISSING_THERE]),
    "one too many": ([-5], [-5, -7], [K.MISSING_HERE]),
    "the other way": ([-5], [5], [K.DIRECTION]),
}


@pytest.mark.parametrize("more", [0, 100], ids=["few", "in a crowd"])
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_what_has_one_reference_is_told_apart_by_its_amount(
    case: tuple[list[int], list[int], list[DifferenceKind]], more: int
) -> None:
    movements, lines, kinds = case
    crowd = [-1_000 - number for number in range(more)]  # which agrees, and changes nothing
    many = [moved(number, minor, "R") for number, minor in enumerate([*movements, *crowd])]
    found, matched = compared(many, [line(minor, "R") for minor in [*lines, *crowd]])
    if more and case in (CASES["one in two lines"], CASES["one whole and one in two lines"]):
        kinds = []  # of a crowd no parts are added up but by what is left of it in the end
    assert sorted(each.kind for each in found) == sorted(kinds)
    assert matched == len(many) - sum(kind not in (K.DUPLICATE, K.MISSING_HERE) for kind in kinds)


def test_what_names_the_hubs_transfer_is_of_that_alone() -> None:
    one, two = moved(1, -5, "R"), moved(2, -5, "R")
    found, matched = compared([one, two], [line(-5, transfer=two.subject), line(-6, transfer=one.subject)])
    assert [(each.kind, each.subject) for each in found] == [(K.AMOUNT, one.subject)]
    assert matched == 1


def test_a_booking_that_stands_there_twice_under_two_names_is_shown_once_more() -> None:
    one = moved(1, -5, "R")
    found, matched = compared([one], [line(-5, transfer=one.subject), line(-5, "R")])
    assert [(each.kind, each.subject) for each in found] == [(K.DUPLICATE, one.subject)]
    assert matched == 1


def test_another_currency_is_no_amount_of_ours() -> None:
    found, _ = compared([moved(1, -5, "R")], [line(-5, "R", currency="UGX")])
    assert [each.kind for each in found] == [K.CURRENCY]


def test_evidence_is_some_of_the_lines_and_how_many_there_are() -> None:
    (found,), _ = compared([moved(1, -5, "R")], [line(1, "R") for _ in range(1_000)])
    assert (len(found.theirs["rows"]), found.theirs["rows_in_all"]) == (EVIDENCE_MAX, 1_000)


NAMES = st.sampled_from(["R", "S", ""])
AMOUNTS = st.integers(-4, 4).filter(bool)


@given(st.lists(st.tuples(AMOUNTS, NAMES), max_size=60), st.randoms(use_true_random=False))
def test_a_file_that_has_every_movement_once_is_clean(rows: list[tuple[int, str]], chance: Random) -> None:
    movements = [moved(number, minor, name) for number, (minor, name) in enumerate(rows)]
    lines = [line(each.minor, *(each.own if each.own[0] else each.references)) for each in movements]
    chance.shuffle(lines)
    found, matched = compared(movements, lines)
    assert found == []
    assert matched == len(movements)


@given(
    st.lists(st.tuples(AMOUNTS, NAMES, NAMES), max_size=60),
    st.lists(st.tuples(AMOUNTS, NAMES, st.sampled_from(["", f"{0:032x}", f"{1:032x}"])), max_size=60),
)
def test_every_movement_and_every_line_is_said_of_once(
    rows: list[tuple[int, str, str]], booked: list[tuple[int, str, str]]
) -> None:
    movements = [moved(number, minor, *names) for number, (minor, *names) in enumerate(rows)]
    lines = [
        Line(where=f"line {number}", minor=minor, currency="KES", transfer=transfer, names=(name,) if name else ())
        for number, (minor, name, transfer) in enumerate(booked)
    ]
    found, matched = compared(movements, lines)
    beside = (K.DUPLICATE, K.MISSING_HERE)
    assert matched + sum(each.kind not in beside for each in found if each.subject) <= len(movements)
    shown = [row["where"] for each in found for row in each.theirs.get("rows", ())]
    assert len(shown) == len(set(shown)), "a line is evidence of one thing"
    told = {each.subject for each in found if each.kind not in beside}
    assert matched + len(told) >= len(movements) - sum(each.kind is K.DUPLICATE for each in found)


def test_one_reference_on_every_line_costs_no_more_than_many() -> None:
    """A file of a day's size, all under one reference and all wrong: looking at each line each time takes hours."""
    size = 50_000
    movements = [moved(number, -5, "R") for number in range(size)]
    began = time.process_time()
    found, _ = compared(movements, [line(number + 1, "R") for number in range(size)])
    assert len(found) >= size
    found, matched = compared(movements, [line(-5, *each.references, "R") for each in movements])
    assert (found, matched) == ([], size)
    assert time.process_time() - began < 30


@pytest.mark.parametrize(
    ("state", "currency", "kind"),
    [
        ("reserved", "UGX", K.STATE),
        ("reserved", "KES", K.STATE),
        ("committed", "KES", K.CURRENCY),
        ("committed", "UGX", K.MISSING_HERE),
    ],
)
def test_what_has_not_come_about_is_said_before_its_currency(state: str, currency: str, kind: DifferenceKind) -> None:
    assert known_better(Found(kind=K.MISSING_HERE), state, currency, "UGX").kind is kind
