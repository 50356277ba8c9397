"""The ISO 20022 adapter: its documents against the official definitions, its reasons, hostile XML, the simulator."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import given as examples
from hypothesis import strategies as st
from lxml import etree

from adapters.contract import ADAPTERS, Connection, Context, FailureClass, Money, Response, Said, Verdict, build
from adapters.iso20022.words import FAILURES, PENDING, said_in
from routing.message import Act, Instruction
from routing.money import EXPONENTS, MINOR_MAX
from routing.party import Identifier
from tests.adapters.cases import cases_in
from tests.adapters.line import carried_out, given
from tests.adapters.spoken import World, serving

CONTEXT = Context(now=datetime(2026, 1, 15, 10, 0, tzinfo=UTC))
ACCOUNT = (Identifier("bankaccountno", "LK0012345678"),)
OURS = given("10", payee=ACCOUNT, payee_fsp="lakebank")
NAMED = f"<OrgnlEndToEndId>{OURS.transfer}</OrgnlEndToEndId><OrgnlUETR>{OURS.reference}</OrgnlUETR>"
UNDECIDED = {FailureClass.DUPLICATE, FailureClass.ABSENT}


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with serving() as found:
        yield found


@cache
def schema(folder: Path, name: str) -> etree.XMLSchema:
    return etree.XMLSchema(etree.parse(folder / f"{name}.xsd"))


def assert_valid(folder: Path, document: bytes) -> None:
    root = etree.fromstring(document)
    namespace = etree.QName(root).namespace
    assert namespace is not None
    schema(folder, namespace.rpartition(":")[2]).assertValid(root)


def sent(instruction: Instruction, **settings_: str) -> bytes:
    adapter = build("iso20022", Connection(name="line", base_url="", settings=settings_))
    begin = adapter.execute if instruction.act is Act.DO else adapter.inquire
    return next(begin(instruction, CONTEXT)).body


def said(content: str, status: int = 200, *, asked: bool = False) -> Said:
    namespace = "urn:iso:std:iso:20022:tech:xsd:pacs.002.001.12"
    body = f'<Document xmlns="{namespace}"><FIToFIPmtStsRpt>{content}</FIToFIPmtStsRpt></Document>'
    return said_in(Response(status=status, body=body.encode()), OURS, asked=asked)


def report(status: str, more: str = "", named: str = NAMED) -> str:
    return f"<TxInfAndSts>{named}<TxSts>{status}</TxSts>{more}</TxInfAndSts>"


def reasons(*codes: str) -> str:
    return "".join(f"<StsRsnInf><Rsn><Cd>{code}</Cd></Rsn></StsRsnInf>" for code in codes)


LONG = st.text(max_size=9).map(lambda start: start + "na\u00efve " * 40)  # longer than any element, wherever it is cut
NAMES = st.text() | LONG | st.none() | st.integers()
KYC = st.fixed_dictionaries(
    {"subjectName": st.fixed_dictionaries({"fullName": NAMES, "firstName": NAMES, "lastName": NAMES}) | NAMES}
)
INSTRUCTIONS = st.builds(
    given,
    amount=st.just("1"),
    money=st.builds(Money, st.integers(1, MINOR_MAX), st.sampled_from(sorted(EXPONENTS))),
    payer=st.lists(
        st.builds(Identifier, st.sampled_from(["msisdn", "accountid", "swiftbic", "username"]), st.text() | LONG),
        max_size=3,
    ).map(tuple),
    payee=st.sampled_from(
        [
            ACCOUNT,
            (Identifier("iban", "GB82WEST12345698765432"), Identifier("msisdn", "+254700111222")),
            (
                Identifier("swiftbic", "LAKEKENA"),
                Identifier("accountid", "1" * 35),
                Identifier("msisdn", "+2547001112"),
            ),
        ]
    ),
    payer_fsp=st.text("abcdefghijklmnopqrstuvwxyz-", min_size=1, max_size=60),
    description=st.text() | LONG,
    type=st.text() | LONG,
    details=st.fixed_dictionaries({"senderKyc": KYC | NAMES, "recipientKyc": KYC}),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@examples(instruction=INSTRUCTIONS, bic=st.sampled_from(["", "LAKEKENA", "LAKEKENAXXX", "not a BIC"]))
def test_every_document_is_valid_and_says_the_exact_amount(iso20022: Path, instruction: Instruction, bic: str) -> None:
    document = sent(instruction, bic=bic)
    assert_valid(iso20022, document)
    amount = etree.fromstring(document).find(".//{*}IntrBkSttlmAmt")
    assert amount is not None
    assert Money.parse(amount.text or "", amount.get("Ccy", "")) == instruction.money
    assert document == sent(instruction, bic=bic)
    asking = msgspec.structs.replace(instruction, act=Act.ASK, asked_ms=instruction.created_ms + 1)
    assert_valid(iso20022, sent(asking))
    later = msgspec.structs.replace(asking, asked_ms=asking.asked_ms + 1)
    assert sent(later) != sent(asking)


def test_the_documents_of_the_cases_are_valid(iso20022: Path) -> None:
    for name, case in cases_in(ADAPTERS / "iso20022").items():
        messages = [
            case.callback,
            *(each for exchange in case.exchange for each in (exchange.request, exchange.response)),
        ]
        for message in messages:
            if message.xml and not case.unreadable:
                try:
                    assert_valid(iso20022, message.body)
                except etree.DocumentInvalid as error:
                    pytest.fail(f"{name}: {error}")


@pytest.mark.parametrize("code", sorted(FAILURES))
def test_a_rejection_refuses_by_its_reason_unless_the_reason_decides_nothing(code: str) -> None:
    failure = FAILURES[code]
    heard, asked = said(report("RJCT", reasons(code))), said(report("RJCT", reasons(code)), asked=True)
    if failure in UNDECIDED:
        assert (heard.verdict, asked.verdict, asked.failure) == (Verdict.UNKNOWN, Verdict.UNKNOWN, failure)
        assert heard.failure is (FailureClass.DUPLICATE if code == "AM05" else FailureClass.UNCLEAR)
    else:
        assert (heard.verdict, heard.failure, heard.code) == (Verdict.REFUSED, failure, code)


@pytest.mark.parametrize(
    "content",
    [
        report("RJCT"),
        report("RJCT", reasons("")),
        report("RJCT", reasons("AM04", "AM05")),
        report("RJCT", reasons("AG09", "AC01")),
        report("RJCT", reasons("AC01", "ZZ99")),
        report("RJCT", "<StsRsnInf><Rsn><Prtry>whim</Prtry></Rsn></StsRsnInf>"),
        report("acsc"),
        report(""),
        report("CANC"),
        report("ACSC", named=""),
        report("ACSC", named="<OrgnlUETR/>"),
        report("ACSC", named=f"<OrgnlUETR>{OURS.reference}</OrgnlUETR><OrgnlEndToEndId>{'0' * 32}</OrgnlEndToEndId>"),
        report("ACSC", named=f"<OrgnlInstrId>{OURS.transfer}</OrgnlInstrId>"),
        report("ACSC") + report("RJCT", reasons("AC01")),
        f"<Sub>{report('ACSC')}</Sub>",
        f"<OrgnlGrpInfAndSts><OrgnlMsgId>{'0' * 32}</OrgnlMsgId><GrpSts>ACSC</GrpSts></OrgnlGrpInfAndSts>",
    ],
)
def test_a_report_that_is_not_clear_or_not_clearly_ours_is_doubt(content: str) -> None:
    for asked in (True, False):
        assert (said(content, asked=asked).verdict, said(content, asked=asked).failure) == (
            Verdict.UNKNOWN,
            FailureClass.UNCLEAR,
        )


@pytest.mark.parametrize("status", [200, 201, 202, 400, 404, 500, 503])
def test_only_a_success_of_http_carries_a_report(status: int) -> None:
    assert said(report("ACSC"), status).verdict is (Verdict.ACCEPTED if status < 300 else Verdict.UNKNOWN)


@pytest.mark.parametrize("status", sorted(PENDING))
def test_a_bank_at_work_is_pending(status: str) -> None:
    assert said(report(status)).failure is FailureClass.PENDING


def test_among_reports_on_many_transfers_ours_is_found() -> None:
    other = report("RJCT", reasons("AC01"), f"<OrgnlUETR>{'0' * 8}</OrgnlUETR>")
    assert said(other + report("ACSC") + other).verdict is Verdict.ACCEPTED


@pytest.mark.parametrize(
    ("text", "currency", "money"),
    [
        ("10.00000", "KES", Money(1000, "KES")),
        ("+010.5", "KES", Money(1050, "KES")),
        ("10.", "KES", Money(1000, "KES")),
        (" 200 ", "RWF", Money(200, "RWF")),
        ("10.001", "KES", None),
        ("1E1", "KES", None),
        ("-10", "KES", None),
        ("NaN", "KES", None),
        ("", "KES", None),
        ("10,5", "KES", None),
        ("10", "KE", None),
        ("10", "", None),
        ("9" * 19, "KES", None),
    ],
)
def test_an_amount_is_read_exactly_or_not_at_all(text: str, currency: str, money: Money | None) -> None:
    amount = f'<OrgnlTxRef><IntrBkSttlmAmt Ccy="{currency}">{text}</IntrBkSttlmAmt></OrgnlTxRef>'
    heard = said(report("ACSC", amount))
    assert (heard.verdict, heard.money) == (Verdict.ACCEPTED if money else Verdict.UNKNOWN, money)


@pytest.mark.parametrize(
    "prologue",
    [
        "<!DOCTYPE Document>",
        '<!DOCTYPE Document SYSTEM "file:///etc/passwd">',
        '<!DOCTYPE Document [<!ENTITY x SYSTEM "file:///etc/passwd">]>',
        '<!DOCTYPE Document [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;"><!ENTITY c "&b;&b;&b;">]>',
        '<!DOCTYPE Document PUBLIC "x" "http://127.0.0.1:9/x.dtd">',
    ],
)
def test_a_document_with_a_dtd_says_nothing(prologue: str) -> None:
    plain = f"<Document><FIToFIPmtStsRpt>{report('ACSC')}</FIToFIPmtStsRpt></Document>"
    assert said_in(Response(status=200, body=plain.encode()), OURS).verdict is Verdict.ACCEPTED
    for encoding in ("utf-8", "utf-16"):
        body = (f'<?xml version="1.0" encoding="{encoding}"?>' + prologue + plain).encode(encoding)
        assert said_in(Response(status=200, body=body), OURS) == Said()


def test_a_report_below_a_business_header_is_read() -> None:
    body = f"<Envelope><AppHdr/><Document><FIToFIPmtStsRpt>{report('ACCC')}</FIToFIPmtStsRpt></Document></Envelope>"
    assert said_in(Response(status=200, body=body.encode()), OURS).verdict is Verdict.ACCEPTED


@pytest.mark.parametrize("identifier", [("accountid", "1" * 35), ("bankaccountno", "1  2"), ("username", "someone")])
def test_an_account_that_would_have_to_be_changed_to_be_named_is_not_named(identifier: tuple[str, str]) -> None:
    adapter = build("iso20022", Connection(name="line", base_url=""))
    instruction = msgspec.structs.replace(OURS, payee=(Identifier(*identifier),))
    with pytest.raises(StopIteration) as end:
        next(adapter.execute(instruction, CONTEXT))
    assert (end.value.value.verdict, end.value.value.failure) == (Verdict.UNKNOWN, FailureClass.UNCLEAR)


@pytest.mark.parametrize(
    ("provider", "amount", "verdicts"),
    [
        ("bank", "10", (None, ["accepted"], "accepted")),
        ("bank", "10.01", (None, ["refused"], "refused")),
        ("bank", "10.03", ("broken: unclear", [], "accepted")),
        ("bank", "10.04", (None, ["accepted", "accepted"], "accepted")),
        ("bank", "10.06", ("unclear", [], "accepted")),
        ("bank", "10.08", ("broken: unclear", [], "absent")),
        ("bank", "10.09", (None, [], "accepted")),
        ("bank", "10.1", ("unclear", [], "accepted")),
        ("instant", "10", ("accepted", [], "accepted")),
        ("instant", "10.07", ("refused", [], "refused")),
    ],
)
async def test_a_bank_is_understood(world: World, provider: str, amount: str, verdicts: Any) -> None:
    credit = given(amount, payee=ACCOUNT)
    assert (await carried_out(world, "iso20022", provider, credit)).verdicts == verdicts
    totals = world.simulator.provider(provider).totals()
    assert totals["credited"] == ({"KES": credit.money.minor} if "accepted" in str(verdicts) else {})


async def test_a_repetition_is_a_duplicate_and_moves_nothing(world: World) -> None:
    credit = given("10", payee=ACCOUNT)
    await carried_out(world, "iso20022", "instant", credit)
    assert (await carried_out(world, "iso20022", "instant", credit)).verdicts == ("duplicate", [], "accepted")
    assert world.simulator.provider("instant").totals()["credited"] == {"KES": 1000}


async def test_a_wrong_amount_is_told_as_it_was_said(world: World) -> None:
    story = await carried_out(world, "iso20022", "bank", given("10.05", payee=ACCOUNT))
    told = [each.money for each in (*story.callbacks, story.inquiry) if each is not None and not isinstance(each, str)]
    assert told == [Money(1006, "KES"), Money(1005, "KES")]
