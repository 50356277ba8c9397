"""What is broken, hostile, contradictory or meant for somebody else is refused as a whole, and says why."""

from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.files.inbox import read_bank_file, read_participant_file
from hub.files.shapes import BankStatus, FileRefusedError, Limits
from tests.files.spoken import BALANCES, CSV, balance, booking, camt053, camt054, details, group, pacs002, report

FILES: Final = [
    pacs002(group("PART"), report("ACSC"), report("RJCT", "AC04", reference="p2")),
    camt053(),
    camt054(),
    CSV.encode(),
]
BOMB: Final = (
    b'<?xml version="1.0"?><!DOCTYPE b [<!ENTITY a "aaaaaaaaaa">'
    + b"".join(b'<!ENTITY a%d "%s">' % (n, b"&a%s;" % (str(n - 1).encode() if n else b"") * 10) for n in range(9))
    + b"]><Document>&a8;</Document>"
)
OUTSIDE: Final = b'<!DOCTYPE d [<!ENTITY x SYSTEM "file:///etc/hostname">]><Document>&x;</Document>'


def summary(count: str = "1", total: str = "5.00", net: str = "5", side: str = "CRDT") -> str:
    return (
        f"<TxsSummry><TtlNtries><NbOfNtries>{count}</NbOfNtries><Sum>{total}</Sum>"
        f"<TtlNetNtry><Amt>{net}</Amt><CdtDbtInd>{side}</CdtDbtInd></TtlNetNtry></TtlNtries>"
        f"<TtlCdtNtries><NbOfNtries>{count}</NbOfNtries></TtlCdtNtries></TxsSummry>"
    )


XML: Final = {
    "no file": (b"", "line 1"),
    "words": (b"Dear Sir or Madam", "lack record"),
    "no XML": (b"<Document", "no XML"),
    "an entity bomb": (BOMB, "it has a document type"),
    "an outside entity": (OUTSIDE, "it has a document type"),
    "an outside entity in UTF-16": (OUTSIDE.decode().encode("utf-16"), "it has a document type"),
    "an entity bomb in UTF-16": (BOMB.decode().partition("?>")[2].encode("utf-16"), "it has a document type|no XML"),
    "no message": (b"<Statement/>", "0 elements Document"),
    "two messages": (b"<a>" + camt054().partition(b"?>")[2] * 2 + b"</a>", "2 elements Document"),
    "no namespace": (b"<Document><BkToCstmrStmt/></Document>", "no namespace"),
    "another version": (camt053().replace(b"053.001.08", b"053.001.02"), "Send one of"),
    "another message": (camt053().replace(b"camt.053.001.08", b"pain.001.001.09"), "Send one of"),
    "a message under another's name": (camt053().replace(b"camt.053", b"camt.054"), "no BkToCstmrDbtCdtNtfctn"),
    "no message id": (camt054().replace(b"MsgId", b"MsgIx"), "no GrpHdr/MsgId"),
    "no account": (camt054().replace(b"settle-1", b""), "no id"),
    "the opening balance only": (camt053(balance("OPBD", "100"), booking()), "OPBD and CLBD"),
    "no balances": (camt053(booking()), "OPBD and CLBD"),
    "two closing balances": (camt053(BALANCES + balance("CLBD", "105"), booking()), "2 balances CLBD"),
    "a balance that is another": (camt053(BALANCES.replace("105", "106"), booking()), "do not make"),
    "a balance of the other side": (camt053(balance("OPBD", "100") + balance("CLBD", "105", "DBIT")), "do not make"),
    "a lost entry": (camt053(BALANCES), "do not make"),
    "a balance in another currency": (camt053(BALANCES.replace("ZMW", "KES", 1), booking()), "KES"),
    "an account in another currency": (camt053(BALANCES, booking(), currency="KES"), "ZMW, the others in KES"),
    "an entry in another currency": (camt053(BALANCES, booking(currency="KES")), "KES, the others in ZMW"),
    "details in another currency": (camt054(booking(details("5.00", currency="KES"))), "KES"),
    "no such currency": (camt054(booking(currency="QQQ"), currency="QQQ"), "not an ISO 4217 currency"),
    "an amount below zero": (camt054(booking(amount="-5.00")), "negative"),
    "too many decimals": (camt054(booking(amount="5.001")), "decimals"),
    "an exponent": (camt054(booking(amount="5e2")), "an amount is"),
    "a comma": (camt054(booking(amount="5,00")), "an amount is"),
    "no amount": (camt054(booking(amount="")), "an amount is"),
    "other digits": (camt054(booking(amount="\u0665")), "an amount is"),
    "two amounts": (camt054(booking(more='<Amt Ccy="ZMW">9</Amt>')), "2 elements Amt"),
    "a comment inside an amount": (camt054(booking(amount="5<!-- -->0")), "more than a text"),
    "an element inside an amount": (camt054(booking(amount="5<b/>0")), "more than a text"),
    "no side": (camt054(booking(side="")), "no CdtDbtInd"),
    "another side": (camt054(booking(side="BOTH")), "BOTH"),
    "no day": (camt054(booking(day="")), "no BookgDt"),
    "no such day": (camt054(booking(day="2026-02-30")), "BookgDt"),
    "a day in other words": (camt054(booking(day="1 January")), "YYYY-MM-DD"),
    "an odd yes": (camt054(booking(more="<RvslInd>perhaps</RvslInd>")), "true or false"),
    "one reference twice": (camt054(booking(), booking()), "stood at"),
    "one reference twice in a batch": (camt054(booking(details("2") + details("3"))), "stood at"),
    "details of more": (camt054(booking(details("2") + details("4", "p2"))), "is said to be"),
    "one detail of more": (camt054(booking(details("6"))), "is said to be"),
    "details without amounts": (camt054(booking(details() + details(reference="p2"))), "has no Amt"),
    "a batch of another number": (camt054(booking("<Btch><NbOfTxs>2</NbOfTxs></Btch>" + details())), "is said to be 2"),
    "a batch of another sum": (
        camt054(booking('<Btch><TtlAmt Ccy="ZMW">6</TtlAmt></Btch>' + details())),
        "sum of the batch",
    ),
    "a summary of another number": (camt054(summary(count="2"), booking()), "number in TtlNtries"),
    "a summary of another sum": (camt054(summary(total="6"), booking()), "the sum is said"),
    "a summary of another net": (camt054(summary(net="4"), booking()), "the net is said"),
    "a summary of the other side": (camt054(summary(side="DBIT"), booking()), "the net is said"),
    "a report on nothing": (pacs002(), "reports on nothing"),
    "a report on no payment": (pacs002(report("ACSC", reference="")), "names no payment"),
    "a report on another kind": (pacs002(group(name="pacs.008.001.08"), report("ACSC")), "about a 'pacs.008"),
    "a report on two orders": (pacs002(group() * 2), "about 2 messages"),
    "a payment twice in a report": (pacs002(report("ACSC"), report("RJCT", "AC04")), "stood at"),
    "a refused order, a booked payment": (pacs002(group("RJCT", reason="AM04"), report("ACSC")), "contradict"),
    "a booked order, a refused payment": (pacs002(group("ACSC"), report("RJCT", "AC04")), "contradict"),
    "more payments than were sent": (
        pacs002(group(more="<OrgnlNbOfTxs>1</OrgnlNbOfTxs>|"), report("ACSC"), report("ACSC", reference="p2")),
        "2 payments of 1",
    ),
    "another number of a status": (
        pacs002(
            group(more="|<NbOfTxsPerSts><DtldNbOfTxs>2</DtldNbOfTxs><DtldSts>ACSC</DtldSts></NbOfTxsPerSts>"),
            report("ACSC"),
        ),
        "number of ACSC",
    ),
    "a status that is not counted": (
        pacs002(
            group(more="|<NbOfTxsPerSts><DtldNbOfTxs>2</DtldNbOfTxs><DtldSts>ACSC</DtldSts></NbOfTxsPerSts>"),
            report("PDNG"),
        ),
        "has no PDNG",
    ),
    "two statuses of one payment": (
        pacs002(report("ACSC").replace("<TxSts>", "<TxSts>RJCT</TxSts><TxSts>")),
        "2 elements TxSts",
    ),
    "another sum of a status": (
        pacs002(
            group(
                more="|<NbOfTxsPerSts><DtldNbOfTxs>1</DtldNbOfTxs><DtldSts>ACSC</DtldSts>"
                "<DtldCtrlSum>6</DtldCtrlSum></NbOfTxsPerSts>"
            ),
            report("ACSC", more='<OrgnlTxRef><IntrBkSttlmAmt Ccy="ZMW">5</IntrBkSttlmAmt></OrgnlTxRef>'),
        ),
        "the sum is said",
    ),
}


@pytest.mark.parametrize(("content", "problem"), XML.values(), ids=XML)
def test_a_message_that_cannot_be_read_for_certain_is_refused(content: bytes, problem: str) -> None:
    with pytest.raises(FileRefusedError, match=problem):
        read_bank_file(content)


def test_a_summary_that_holds_is_taken() -> None:
    assert read_bank_file(camt054(summary(), booking())).entries


@pytest.mark.parametrize(
    ("before", "after", "problem"),
    [
        ("credit,15.00", "credit,15.01", "the trailers say"),
        ("debit,10.00", "debit,10.01", "do not make"),
        ("debit,10.00", "credit,10.00", "do not make"),
        ("credit,15.00", "sideways,15.00", "credit or debit"),
        ("15.00,ZMW", "15.00,KES", "the trailers say"),
        ("10.00,ZMW", "10.00,KES", "currency 'ZMW', before it was 'KES'"),
        ("settle-1,p1", "settle-2,p1", "account 'settle-2'"),
        ("st1,settle-1,p3", "st2,settle-1,p3", "statement 'st2'"),
        ("p2,,debit", "p3,,debit", "stood at line 4"),
        ("p2,,debit", ",,debit", "names no payment"),
        ("booked,,2026-01-01", "booked,,", "YYYY-MM-DD"),
        ("booked,,2026-01-01", "booked,,20260101", "YYYY-MM-DD"),
        ("closing,st1,settle-1,,,credit,5.00,ZMW,,,,\r\n", "", "one of opening and closing"),
        ("closing", "opening", "a second opening"),
        ("closing", "entry", "the trailers say"),
        ("36.00", "3.6e1", "an amount is"),
        (",4\r", ",four\r", "whole number"),
    ],
)
def test_a_banks_csv_that_does_not_hold_is_refused(before: str, after: str, problem: str) -> None:
    changed = CSV.replace(before, after, 1)
    assert changed != CSV
    with pytest.raises(FileRefusedError, match=problem):
        read_bank_file(changed.encode())


@pytest.mark.parametrize("content", FILES, ids=["pacs.002", "camt.053", "camt.054", "csv"])
def test_a_file_cut_off_anywhere_is_refused(content: bytes) -> None:
    for end in range(0, len(content) - 2, 7):
        with pytest.raises(FileRefusedError):
            read_bank_file(content[:end])


@settings(max_examples=300)
@given(content=st.sampled_from(FILES), at=st.integers(0, 10_000), noise=st.binary(min_size=1, max_size=3))
def test_noise_is_refused_or_changes_no_amount(content: bytes, at: int, noise: bytes) -> None:
    """Whatever is put over a file's bytes: never another error, never another sum of what is booked."""
    start = at % len(content)
    changed = content[:start] + noise + content[start + len(noise) :]
    try:
        found = read_bank_file(changed)
    except FileRefusedError:
        return
    statuses = {entry.status for entry in found.entries}
    assert statuses <= set(BankStatus)
    if content is FILES[1]:  # the one whose sums are held against its balances
        moved = sum(entry.money.minor for entry in found.entries if entry.money)
        assert found.header.opening is not None
        assert found.header.closing is not None
        assert found.header.opening.minor + moved == found.header.closing.minor


@given(content=st.binary(max_size=200) | st.text(max_size=200).map(lambda text: ("<" + text).encode()))
def test_anything_else_is_refused(content: bytes) -> None:
    for read in (read_bank_file, read_participant_file):
        with pytest.raises(FileRefusedError):
            read(content)


def test_a_file_over_a_limit_is_refused() -> None:
    for content in FILES:
        for limits in (Limits(xml_bytes=100, csv_bytes=100), Limits(entries=0)):
            with pytest.raises(FileRefusedError, match="Split it"):
                read_bank_file(content, limits=limits)


def test_a_file_about_another_account_or_currency_than_expected_is_refused() -> None:
    for content in FILES[1:]:
        assert read_bank_file(content, account="settle-1", currency="ZMW").entries
        with pytest.raises(FileRefusedError, match="its account is 'settle-1', not 'settle-2'"):
            read_bank_file(content, account="settle-2")
        with pytest.raises(FileRefusedError, match="its currency is 'ZMW', not 'KES'"):
            read_bank_file(content, currency="KES")


def test_a_banks_csv_must_name_its_account() -> None:
    with pytest.raises(FileRefusedError, match="names no account"):
        read_bank_file(CSV.replace("settle-1", "").encode(), account="settle-1")


def test_a_report_in_another_currency_than_expected_is_refused() -> None:
    more = '<OrgnlTxRef><IntrBkSttlmAmt Ccy="KES">5</IntrBkSttlmAmt></OrgnlTxRef>'
    with pytest.raises(FileRefusedError, match="its currency is 'KES'"):
        read_bank_file(pacs002(report("ACSC", more=more)), currency="ZMW")
    with pytest.raises(FileRefusedError, match="the others in ZMW"):
        read_bank_file(
            pacs002(report("ACSC", more=more.replace("KES", "ZMW")), report("PDNG", reference="p2", more=more))
        )


def test_a_participant_sends_no_status_report() -> None:
    for content in (FILES[0], camt054()):
        with pytest.raises(FileRefusedError, match=r"Send one of camt\.053"):
            read_participant_file(content)


def test_an_error_names_the_line_of_the_element() -> None:
    content = camt054(booking(), "\n\n" + booking(details(reference="p2"), amount="-1"))
    with pytest.raises(FileRefusedError) as caught:
        read_bank_file(content)
    assert caught.value.where == "Document/BkToCstmrDbtCdtNtfctn/Ntfctn/Ntry 2/Amt (line 3)"
