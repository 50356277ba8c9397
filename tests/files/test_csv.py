"""Settlement's CSV says what the messages say, is no formula in any cell, and is refused when a line is lost."""

import csv
import io
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.files.csv_out import (
    OBLIGATION_COLUMNS,
    PAYMENT_COLUMNS,
    STATEMENT_COLUMNS,
    notification_csv,
    obligations_csv,
    payments_csv,
)
from hub.files.shapes import Direction, FileRefusedError, Limits, ObligationLine, PaymentOrder, Statement
from hub.files.sheet import bare, guarded, read
from hub.files.wording import one_line
from routing.money import Money
from tests.files.made import AWKWARD, notification, order, orders, payment, statement, statements

FORMULAS: Final = tuple("=+-@\t\r\uff1d\uff0b\uff0d\uff20")
OWED: Final = [
    ObligationLine(
        window="w1", model="multilateral", participant="lakebank", direction=Direction.DEBIT, money=Money(150, "ZMW")
    ),
    ObligationLine(
        window="w1", model="multilateral", participant="river, money", direction=Direction.CREDIT, money=Money(2, "XOF")
    ),
    ObligationLine(
        window="w1", model="multilateral", participant="rivermoney", direction=Direction.CREDIT, money=Money(150, "ZMW")
    ),
]


def rows(content: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(content.decode(), newline=""), strict=True))


def test_obligations_have_a_header_lines_and_a_trailer_for_each_currency() -> None:
    assert obligations_csv(OWED, "ZMW").decode() == (
        "record,window,model,participant,counterparty,direction,amount,currency,count\r\n"
        "obligation,w1,multilateral,lakebank,,debit,1.50,ZMW,\r\n"
        'obligation,w1,multilateral,"river, money",,credit,2,XOF,\r\n'
        "obligation,w1,multilateral,rivermoney,,credit,1.50,ZMW,\r\n"
        "trailer,,,,,,2,XOF,1\r\n"
        "trailer,,,,,,3.00,ZMW,2\r\n"
    )


def test_nothing_owed_is_one_trailer_of_nothing() -> None:
    content = obligations_csv([], "ZMW")
    assert rows(content)[1:] == [["trailer", "", "", "", "", "", "0.00", "ZMW", "0"]]
    assert read(content, OBLIGATION_COLUMNS, "obligation") == []


@settings(max_examples=60)
@given(made=orders())
def test_payments_are_read_back_as_they_were_meant(made: PaymentOrder) -> None:
    lines = read(payments_csv(made), PAYMENT_COLUMNS, "payment")
    assert [(line.text("reference"), line.money()) for line in lines] == [
        (each.reference, each.money) for each in made.payments
    ]
    assert [line.text("debtor_name") for line in lines] == [one_line(each.debtor.name, 500) for each in made.payments]


@settings(max_examples=60)
@given(told=statements())
def test_no_cell_of_a_statement_is_a_formula(told: Statement) -> None:
    for content in (notification_csv(told), notification_csv(notification(told))):
        assert not [cell for row in rows(content) for cell in row if cell.startswith(FORMULAS)]
    lines = read(notification_csv(told), STATEMENT_COLUMNS, "entry", others=("opening", "closing"))
    assert [line.record for line in lines] == ["opening", *["entry"] * len(told.entries), "closing"]


@given(text=AWKWARD | st.text())
def test_a_guarded_text_is_the_same_text_when_it_is_read(text: str) -> None:
    assert bare(guarded(text)) == one_line(text, 500)


@pytest.mark.parametrize("text", ["'tis", "O'Brien", "'", "5", ""])
def test_an_apostrophe_that_guards_nothing_is_kept(text: str) -> None:
    assert bare(text) == text


def test_a_file_without_any_one_of_its_lines_or_with_one_twice_is_refused() -> None:
    lines = payments_csv(order(payment("p1", 5), payment("p2", 7))).splitlines(keepends=True)
    for number in range(len(lines)):
        with pytest.raises(FileRefusedError):
            read(b"".join(lines[:number] + lines[number + 1 :]), PAYMENT_COLUMNS, "payment")
    for number in range(1, len(lines)):
        with pytest.raises(FileRefusedError):
            read(b"".join([*lines[:number], lines[number], *lines[number:]]), PAYMENT_COLUMNS, "payment")


@given(cut=st.integers(0, 10_000))
def test_a_file_cut_off_anywhere_is_refused(cut: int) -> None:
    content = notification_csv(statement())
    short = content[: cut % (len(content) - 2)]  # the last line break may be missing: RFC 4180
    with pytest.raises(FileRefusedError):
        read(short, STATEMENT_COLUMNS, "entry", others=("opening", "closing"))


GOOD: Final = "record,amount,currency,count\r\nrow,1.50,ZMW,\r\ntrailer,1.50,ZMW,1\r\n"


@pytest.mark.parametrize(
    ("content", "where", "problem"),
    [
        (GOOD.replace("row,1.50", "row,1.51").encode(), "line 3", "the trailers say"),
        (GOOD.replace("ZMW,1\r", "ZMW,2\r").encode(), "line 3", "the trailers say"),
        (GOOD.replace("row,1.50,ZMW", "row,1.50,KES").encode(), "line 3", "the trailers say"),
        (GOOD.replace("row,1.50", "row,-1.50").encode(), "line 2", "negative"),
        (GOOD.replace("row,1.50", "row,1.505").encode(), "line 2", "decimals"),
        (GOOD.replace("row,1.50", 'row,"1,50"').encode(), "line 2", "an amount is"),
        (GOOD.replace("row,1.50,ZMW", "row,1.50,ZZZ").encode(), "line 2", "not an ISO 4217 currency"),
        (GOOD.replace("row,1.50", "roe,1.50").encode(), "line 2", "record 'roe'"),
        (GOOD.replace("row,1.50,ZMW,", "row,1.50,ZMW").encode(), "line 2", "3 cells for 4 columns"),
        (GOOD.replace("row,1.50", 'row,"1.50').encode(), "line 3", "unexpected end"),
        (GOOD.replace(",", ";").encode(), "line 1", "lack record"),
        (GOOD.replace("count", "amount").encode(), "line 1", "lack count"),
        (GOOD.replace("record", "record,amount").encode(), "line 1", "two have one name"),
        ((GOOD + "row,1.50,ZMW,\r\n").encode(), "line 3", "not the end"),
        ((GOOD + "trailer,1.50,ZMW,1\r\n").encode(), "line 4", "a second trailer"),
        (GOOD.encode("utf-16"), "byte 0", "not UTF-8"),
        (GOOD.replace("row", "r\0w").encode(), "the file", "null"),
        (GOOD.replace("row,1.50", "row,1.5\u0001").encode(), "line 2", "control"),
        (b"", "line 1", "lack"),
        (("x" * 200_000).encode(), "line 1", "field larger"),
    ],
    ids=range(20),
)
def test_what_is_wrong_is_said_with_its_line(content: bytes, where: str, problem: str) -> None:
    with pytest.raises(FileRefusedError) as caught:
        read(content, ("amount", "currency", "count"), "row")
    assert (caught.value.where, problem in caught.value.problem) == (where, True), caught.value
    assert caught.value.remedy in str(caught.value)


@pytest.mark.parametrize("content", [GOOD, "\ufeff" + GOOD, GOOD.replace("\r\n", "\n"), GOOD.rstrip(), GOOD + "\r\n"])
def test_what_spreadsheets_do_to_a_file_does_not_matter(content: str) -> None:
    (line,) = read(content.encode(), ("amount", "currency", "count"), "row")
    assert line.money() == Money(150, "ZMW")


def test_a_file_over_a_limit_is_refused() -> None:
    for limits in (Limits(csv_bytes=10), Limits(entries=1)):
        with pytest.raises(FileRefusedError, match="Split it"):
            read(GOOD.encode(), ("amount", "currency", "count"), "row", limits=limits)
