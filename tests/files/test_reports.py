"""What a participant is told is valid by the official definitions, adds up, and is read back as it was meant."""

from itertools import pairwise
from pathlib import Path
from typing import Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree
from msgspec.structs import replace

from hub.files.inbox import read_bank_file
from hub.files.reports import Form, camt053, camt054, page_of, written
from hub.files.shapes import BankStatus, Direction, Statement, UnwritableError, signed
from routing.money import MINOR_MAX, Money
from tests.files.made import AWKWARD, entry, notification, schema, statement, statements

REPORT: Final = Form("camt.052.001.08", "BkToCstmrAcctRpt", "Rpt")
RELAXED: Final = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])


@RELAXED
@given(told=statements())
def test_every_notification_is_valid_by_the_official_definition(iso20022: Path, told: Statement) -> None:
    schema(iso20022, "camt.054.001.08").assertValid(etree.fromstring(camt054(notification(told))))


@RELAXED
@given(told=statements())
def test_every_statement_is_valid_as_its_sister_the_report(iso20022: Path, told: Statement) -> None:
    """The definition of camt.053 is not among the official files here, and so it is not what this holds against.

    The same writer writes the same content under the names of camt.052, whose definition is there. The two messages
    have the same parts inside their items, but for the items' own names, and that a statement must have a balance.
    """
    document = etree.fromstring(written(told, REPORT))
    schema(iso20022, REPORT.message).assertValid(document)
    names = {"BkToCstmrAcctRpt": "BkToCstmrStmt", "Rpt": "Stmt", "RptPgntn": "StmtPgntn"}
    renamed = [names.get(name, name) for each in document.iter("*") if (name := etree.QName(each).localname)]
    assert renamed == [etree.QName(each).localname for each in etree.fromstring(camt053(told)).iter("*")]


@settings(max_examples=60)
@given(told=statements())
def test_a_statement_is_read_back_as_it_was_meant(told: Statement) -> None:
    found = read_bank_file(camt053(told), account=str(told.account), currency=told.currency)
    header = found.header
    assert (header.opening, header.closing, header.sequence) == (told.opening, told.closing, told.sequence)
    assert (header.message, header.account, header.currency) == (told.message, str(told.account), told.currency)
    kept = [
        (each.bank_reference, each.direction, each.money, each.booked_ms, each.transfer, each.reference)
        for each in found.entries
    ]
    assert kept == [
        (each.reference, each.direction, each.money, each.booked_ms, each.transfer, each.own_reference)
        for each in told.entries
    ]
    assert {each.status for each in found.entries} <= {BankStatus.BOOKED}


def pages(told: Statement, size: int) -> list[Statement]:
    """Cut a statement as it is read from the books: so many entries at a time, from balance to balance."""
    cuts = range(0, max(len(told.entries), 1), size)
    found, balance = [], told.opening
    for number, start in enumerate(cuts, start=1):
        entries = told.entries[start : start + size]
        opening, moved = balance, sum(signed(each.direction, each.money) for each in entries)
        balance = Money(opening.minor + moved, told.currency)
        part = replace(told, entries=entries, opening=opening, closing=balance)
        found.append(page_of(part, number, is_last=number == len(cuts)))
    return found


@settings(max_examples=60)
@given(told=statements(), size=st.integers(1, 3))
def test_pages_add_up_alone_and_together(told: Statement, size: int) -> None:
    cut = pages(told, size)
    assert [each.page for each in cut] == list(range(1, len(cut) + 1))
    read = [read_bank_file(camt053(page)) for page in cut]
    assert [each for page in cut for each in page.entries] == list(told.entries)
    assert sum(len(each.entries) for each in read) == len(told.entries)
    assert (cut[0].opening, cut[-1].closing) == (told.opening, told.closing)
    assert all(before.closing == after.opening for before, after in pairwise(cut))
    assert [each.header.page for each in read] == list(range(1, len(cut) + 1))
    assert [each.header.is_last for each in read] == [False] * (len(cut) - 1) + [True]
    assert len({page.message for page in cut}) == len(cut)


@given(own_reference=AWKWARD | st.text(min_size=36, max_size=60))
def test_a_reference_that_does_not_fit_is_told_whole_beside_and_never_cut(own_reference: str) -> None:
    document = camt053(statement(replace(entry(), own_reference=own_reference)))
    named = etree.fromstring(document).findtext(".//{*}EndToEndId")
    assert named in {None, own_reference}


@pytest.mark.parametrize(
    "wrong",
    [
        replace(statement(), closing=Money(201, "ZMW")),
        replace(statement(), opening=Money(-100, "KES")),
        replace(statement(), currency="KES"),
        statement(entry(), entry()),
        statement(entry(minor=-1)),
        statement(entry("e" * 36)),
        statement(entry(minor=MINOR_MAX), entry("e2", MINOR_MAX, Direction.DEBIT)),
        replace(statement(), message=""),
    ],
    ids=["sum", "balance's currency", "currency", "twice", "below zero", "reference", "too much", "no name"],
)
def test_what_is_not_true_is_not_written(wrong: Statement) -> None:
    with pytest.raises(UnwritableError):
        camt053(wrong)
