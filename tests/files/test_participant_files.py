"""A participant's day is read alike from camt.053 and from CSV, and our own statement is a participant's file."""

from collections.abc import Callable
from datetime import date
from typing import Final

import pytest
from hypothesis import given, settings
from msgspec.structs import replace

from hub.files.csv_out import notification_csv
from hub.files.inbox import PARTICIPANT_COLUMNS, read_participant_file
from hub.files.reports import camt053
from hub.files.shapes import Direction, FileRefusedError, Statement
from routing.money import Money
from tests.files.made import TRANSFER, entry, statement, statements

CSV: Final = (
    "record,transfer,own_reference,reference,direction,amount,currency,booked_at,count\r\n"
    f"entry,{TRANSFER},inv-7,,credit,5.00,ZMW,2026-01-01T14:00:00+02:00,\r\n"
    "entry,,inv-8,,debit,2.5,ZMW,2026-01-01,\r\n"
    "trailer,,,,,7.5,ZMW,,2\r\n"
)


@settings(max_examples=60)
@given(told=statements())
def test_a_statement_sent_back_makes_no_difference(told: Statement) -> None:
    for content in (camt053(told), notification_csv(told)):
        found = read_participant_file(content, account=str(told.account), currency=told.currency)
        assert [
            (row.transfer, row.own_reference, row.reference, row.direction, row.money, row.booked_ms)
            for row in found.rows
        ] == [
            (each.transfer, each.own_reference, each.reference, each.direction, each.money, each.booked_ms)
            for each in told.entries
        ]
        assert (found.header.opening, found.header.closing) == (told.opening, told.closing)


def test_a_csv_of_the_documented_columns_is_enough() -> None:
    first, second = read_participant_file(CSV.encode(), account="position-7", currency="ZMW").rows
    assert (first.transfer, first.own_reference, first.direction) == (TRANSFER, "inv-7", Direction.CREDIT)
    assert (first.booked_on, first.booked_ms) == (date(2026, 1, 1), 1_767_268_800_000)
    assert (second.money, second.booked_on, second.booked_ms) == (Money(250, "ZMW"), date(2026, 1, 1), None)
    assert set(CSV.partition("\r\n")[0].split(",")) == {"record", *PARTICIPANT_COLUMNS}


@pytest.mark.parametrize("write", [camt053, notification_csv])
def test_what_a_participant_booked_twice_is_kept_twice(write: Callable[[Statement], bytes]) -> None:
    found = read_participant_file(write(statement(entry(), replace(entry(), reference="e2"))))
    assert [row.own_reference for row in found.rows] == ["inv-7", "inv-7"]


@pytest.mark.parametrize(
    ("before", "after", "problem"),
    [
        (f"{TRANSFER},inv-7", ",", "names no transfer"),
        ("14:00:00+02:00", "2pm", "a time is written"),
        ("2026-01-01,", "yesterday,", "YYYY-MM-DD"),
        ("credit", "CRDT", "credit or debit"),
        ("5.00", "5.01", "the trailers say"),
        ("2.5,ZMW", "2.5,KES", "the trailers say"),
        ("own_reference", "theirs", "lack own_reference"),
    ],
)
def test_a_csv_that_does_not_hold_is_refused(before: str, after: str, problem: str) -> None:
    with pytest.raises(FileRefusedError, match=problem):
        read_participant_file(CSV.replace(before, after, 1).encode())


def test_two_currencies_are_two_files() -> None:
    mixed = CSV.replace("2.5,ZMW", "2.5,KES").replace(
        "trailer,,,,,7.5,ZMW,,2\r\n", "trailer,,,,,2.5,KES,,1\r\ntrailer,,,,,5,ZMW,,1\r\n"
    )
    with pytest.raises(FileRefusedError, match="Send a file for each currency"):
        read_participant_file(mixed.encode())
