"""What a bank says is read as it says it; only its explicit words make a payment booked or refused."""

from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from hub.files.inbox import read_bank_file
from hub.files.shapes import BankEntry, BankStatus, Direction
from routing.money import Money
from tests.files.made import schema
from tests.files.spoken import (
    BALANCES,
    CSV,
    balance,
    booking,
    camt053,
    camt054,
    details,
    group,
    pacs002,
    report,
)

BOOKED, PENDING, REFUSED, UNKNOWN = BankStatus


def one(content: bytes) -> BankEntry:
    (entry,) = read_bank_file(content).entries
    return entry


@pytest.mark.parametrize(
    ("status", "reasons", "meant"),
    [
        ("ACSC", (), BOOKED),
        ("ACCC", (), BOOKED),
        ("ACSP", (), PENDING),
        ("PDNG", (), PENDING),
        ("RJCT", ("AC04",), REFUSED),
        ("RJCT", ("AC04", "AM04"), REFUSED),
        ("RJCT", (), UNKNOWN),
        ("RJCT", ("AM05",), UNKNOWN),
        ("RJCT", ("AC04", "DUPL"), UNKNOWN),
        ("RJCT", ("AG09",), UNKNOWN),
        ("ACTC", (), UNKNOWN),
        ("ACWP", (), UNKNOWN),
        ("acsc", (), UNKNOWN),
        ("", (), UNKNOWN),
    ],
)
def test_a_status_means_what_the_table_says_and_no_more(
    status: str, reasons: tuple[str, ...], meant: BankStatus
) -> None:
    entry = one(pacs002(group(), report(status, *reasons)))
    assert (entry.status, entry.reason, entry.reference) == (meant, " ".join(reasons), "p1")


@given(status=st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ", min_size=1, max_size=4))
def test_any_other_status_is_unknown(status: str) -> None:
    if status not in {"ACSC", "ACCC", "ACSP", "PDNG"}:
        assert one(pacs002(report(status))).status is UNKNOWN


def test_a_report_says_when_how_much_and_under_which_name_the_bank_knows_it() -> None:
    more = (
        "<FctvIntrBkSttlmDt><DtTm>2026-01-02T01:30:00+02:00</DtTm></FctvIntrBkSttlmDt><AcctSvcrRef>bank-7</AcctSvcrRef>"
        '<OrgnlTxRef><IntrBkSttlmAmt Ccy="ZMW">5.00</IntrBkSttlmAmt></OrgnlTxRef>'
    )
    entry = one(pacs002(group(), report("ACSC", more=more)))
    assert (entry.booked_on, entry.booked_ms) == (date(2026, 1, 2), 1_767_310_200_000)
    assert (entry.bank_reference, entry.money, entry.direction) == ("bank-7", Money(500, "ZMW"), None)


def test_a_whole_order_may_be_refused_without_naming_its_payments() -> None:
    found = read_bank_file(pacs002(group("RJCT", reason="AM04")))
    assert (found.entries, found.header.original) == ((), "order1")
    assert (found.header.group_status, found.header.group_reason) == (REFUSED, "AM04")
    assert read_bank_file(pacs002(group(), report("ACSC"))).header.group_status is None
    assert read_bank_file(pacs002(group("PART"), report("ACSC"))).header.group_status is UNKNOWN


def test_these_reports_and_notifications_are_valid_by_the_official_definitions(iso20022: Path) -> None:
    for content, message in (
        (pacs002(group("PART"), report("ACSC"), report("RJCT", "AC04", reference="p2")), "pacs.002.001.10"),
        (camt054(), "camt.054.001.08"),
    ):
        schema(iso20022, message).assertValid(etree.fromstring(content))


@pytest.mark.parametrize("content", [camt053(), camt054()], ids=["camt.053", "camt.054"])
def test_a_booking_is_read_with_its_references_side_amount_and_day(content: bytes) -> None:
    entry = one(content)
    assert (entry.status, entry.reference, entry.bank_reference) == (BOOKED, "p1", "bank-7")
    assert (entry.direction, entry.money) == (Direction.CREDIT, Money(500, "ZMW"))
    assert (entry.booked_on, entry.booked_ms, entry.is_reversal) == (date(2026, 1, 1), None, False)


def test_a_batch_booking_is_taken_apart() -> None:
    inside = (
        "<Btch><MsgId>order1</MsgId><NbOfTxs>3</NbOfTxs></Btch>"
        + details("4.00", "p1", "<RmtInf><Ustrd>window w1</Ustrd></RmtInf>")
        + details("2.50", "p2")
        + details("1.50", "p3", side="DBIT")
    )
    found = read_bank_file(camt053(BALANCES, booking(inside)))
    assert [(each.reference, each.money, each.direction) for each in found.entries] == [
        ("p1", Money(400, "ZMW"), Direction.CREDIT),
        ("p2", Money(250, "ZMW"), Direction.CREDIT),
        ("p3", Money(150, "ZMW"), Direction.DEBIT),
    ]
    assert found.entries[0].text == "window w1"
    assert len({each.where for each in found.entries}) == 3


def test_a_batch_without_details_names_the_order_that_it_is_all_of() -> None:
    entry = one(camt053(BALANCES, booking("<Btch><MsgId>order1</MsgId><NbOfTxs>3</NbOfTxs></Btch>")))
    assert (entry.message, entry.reference, entry.money) == ("order1", "", Money(500, "ZMW"))


def test_what_is_not_booked_does_not_count_in_the_balance() -> None:
    parts = (BALANCES, booking(), *(booking(details(reference=name), status=name) for name in ("PDNG", "INFO", "FUTR")))
    assert [each.status for each in read_bank_file(camt053(*parts)).entries] == [BOOKED, PENDING, UNKNOWN, UNKNOWN]


def test_a_reversal_is_not_the_booking_that_it_undoes() -> None:
    back = booking(side="DBIT", more="<RvslInd>true</RvslInd>")
    same = balance("OPBD", "100") + balance("CLBD", "100")
    found = read_bank_file(camt053(same, booking(), back))
    assert [(each.reference, each.is_reversal) for each in found.entries] == [("p1", False), ("p1", True)]


def test_what_nobody_named_has_no_reference_of_ours() -> None:
    assert one(camt054(booking(details(reference="NOTPROVIDED")))).reference == ""
    named = "<TxDtls><Refs><InstrId>p9</InstrId><EndToEndId>NOTPROVIDED</EndToEndId></Refs></TxDtls>"
    assert one(camt054(booking(named))).reference == "p9"


@pytest.mark.parametrize("amount", ["5", "5.", "+5.00", "05.00000", " 5.0 ", "5.00000000000000000"])
def test_an_amount_may_be_written_in_every_way_that_means_the_same(amount: str) -> None:
    assert one(camt054(booking(amount=amount))).money == Money(500, "ZMW")


def test_a_statement_may_begin_at_the_closing_before_and_below_zero() -> None:
    header = read_bank_file(camt053(balance("PRCD", "2.00", "DBIT") + balance("CLBD", "3.00"), booking())).header
    assert (header.opening, header.closing) == (Money(-200, "ZMW"), Money(300, "ZMW"))


def test_a_message_below_a_business_header_is_read() -> None:
    wrapped = b"<Envelope><AppHdr xmlns='urn:x'/>" + camt054().partition(b"?>")[2] + b"</Envelope>"
    assert one(wrapped).reference == "p1"


def test_the_banks_csv_is_read_with_its_balances() -> None:
    found = read_bank_file(CSV.encode(), account="settle-1", currency="ZMW")
    assert [(each.reference, each.status, each.reason) for each in found.entries] == [
        ("p1", BOOKED, ""),
        ("p2", REFUSED, "AC04"),
        ("p3", PENDING, ""),
        ("p4", UNKNOWN, ""),
    ]
    assert (found.header.opening, found.header.closing) == (Money(-1000, "ZMW"), Money(500, "ZMW"))
    assert (found.header.account, found.header.statement) == ("settle-1", "st1")
    assert found.entries[0].where == "line 3"
    assert found.entries[0].booked_on == date(2026, 1, 1)


@pytest.mark.parametrize("reason", ["", "AM05", "AC04 AG09"])
def test_a_refusal_in_csv_without_a_reason_that_decides_is_unknown(reason: str) -> None:
    found = read_bank_file(CSV.replace("AC04", reason).encode())
    assert found.entries[1].status is UNKNOWN


def test_every_message_names_what_it_is() -> None:
    forms = [read_bank_file(content).header.form for content in (pacs002(report("ACSC")), camt053(), camt054())]
    assert [*forms, read_bank_file(CSV.encode()).header.form] == [
        "pacs.002.001.10",
        "camt.053.001.08",
        "camt.054.001.08",
        "csv",
    ]
