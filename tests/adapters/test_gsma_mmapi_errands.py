"""What the GSMA adapter makes, changes, pays and asks: its tables, row by row; doubt stays doubt."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from adapters.contract import (
    Connection,
    Context,
    Errand,
    FailureClass,
    Finding,
    Kind,
    Operation,
    Question,
    Request,
    Resource,
    Response,
    Subject,
    UnreadableError,
    Verdict,
    build,
    installed,
)
from adapters.gsma_mmapi import bills, errands
from adapters.gsma_mmapi.paths import UnspeakableError, account_at
from adapters.gsma_mmapi.questions import answer_in, path_of
from adapters.gsma_mmapi.reading import Matter, followed, said_by, said_in
from routing.message import Instruction
from routing.party import IDENTIFIER_KEYS, Identifier, Party
from tests.adapters.line import given
from tests.adapters.spoken import PAYEE
from tests.adapters.test_gsma_mmapi import validator

USER = {"x-user-bearer": "a", "x-user-credential-1": "b", "x-user-credential-2": "c", "authorization": "d"}
CONTEXT = Context(now=datetime(2026, 1, 15, 10, 0, tzinfo=UTC), user=USER)
ADAPTER = build("gsma_mmapi", Connection(name="line", base_url=""))
ME = (Identifier("msisdn", "+254700333444"),)
A = "/accounts/msisdn/%2B254700333444"
TRANSFER = "1" * 32
MANDATE = Errand(resource=Resource.MANDATE, account=ME)
BILL = Errand(resource=Resource.BILL_PAYMENT, account=ME, reference="B1")
ACCOUNT = Errand(resource=Resource.ACCOUNT)
PAYMENT = {"amountPaid": "10", "currency": "KES", "requestingOrganisationTransactionReference": TRANSFER}
UNCLEAR = (Verdict.UNKNOWN, FailureClass.UNCLEAR)
PENDING = (Verdict.UNKNOWN, FailureClass.PENDING)
ACCEPTED = (Verdict.ACCEPTED, None)


def told(body: dict[str, Any], errand: Errand) -> tuple[Verdict, FailureClass | None]:
    said = said_by(body, Matter(TRANSFER, errand))
    return said.verdict, said.failure


def executed(instruction: Instruction) -> Request:
    return next(ADAPTER.execute(instruction, CONTEXT))


@pytest.mark.parametrize("operation", installed()["gsma_mmapi"].rail.operations)
def test_the_customers_credentials_go_to_the_customers_provider_and_only_to_act(operation: Operation) -> None:
    asking = given("10", operation=operation, errand=MANDATE)
    sent = {name for name in executed(asking).headers if name.startswith("X-User")}
    expected = {"X-User-Bearer", "X-User-Credential-1", "X-User-Credential-2"}
    assert sent == (expected if operation in {Operation.DEBIT, Operation.ISSUE} else set())
    question = Question(kind=Kind.BALANCE, connection="line", party=ME, asker="a", correlation="c")
    for request in (next(ADAPTER.inquire(asking, CONTEXT)), next(ADAPTER.consult(question, CONTEXT))):
        assert not any(name.lower().startswith("x-user") for name in request.headers)
        assert "Authorization" not in request.headers


@pytest.mark.parametrize(
    ("operation", "resource"),
    [
        (Operation.CREDIT, Resource.MANDATE),
        (Operation.CREDIT, Resource.CODE),
        (Operation.REFUND, Resource.CODE),
        (Operation.REFUND, Resource.MANDATE),
    ],
)
def test_what_takes_money_is_not_told_where_money_is_given(operation: Operation, resource: Resource) -> None:
    instruction = given("10", operation=operation, own={resource: "secret-1"}, details={"oneTimeCode": "secret-1"})
    assert b"secret-1" not in executed(instruction).body


HUBS_OWN = (Identifier("mandatereference", "hubs-1"),)
MERCHANT = [{"key": "msisdn", "value": PAYEE}, {"key": "organisationid", "value": "savanna"}]


@pytest.mark.parametrize(
    ("operation", "payer", "own", "debited", "credited"),
    [
        (Operation.DEBIT, HUBS_OWN, {Resource.MANDATE: "DM1"}, [("mandatereference", "DM1")], MERCHANT),
        (Operation.DEBIT, ME, {Resource.LINK: "LK1"}, [("linkref", "LK1")], MERCHANT),
        (Operation.DEBIT, (), {Resource.CODE: "C1"}, None, MERCHANT),
        (Operation.REFUND, HUBS_OWN, {Resource.MANDATE: "DM1"}, MERCHANT, [("mandatereference", "DM1")]),
        (Operation.REFUND, (*HUBS_OWN, *ME), {Resource.MANDATE: "DM1"}, MERCHANT, [("msisdn", ME[0].value)]),
        (Operation.REFUND, ME, {}, MERCHANT, [("msisdn", ME[0].value)]),
    ],
)
def test_the_account_at_a_provider_is_named_in_the_providers_words(
    operation: Operation, payer: Party, own: dict[Resource, str], debited: Any, credited: Any
) -> None:
    body = msgspec.json.decode(executed(given("10", operation=operation, payer=payer, own=own)).body)
    for party, pairs in (("debitParty", debited), ("creditParty", credited)):
        named = [{"key": pair[0], "value": pair[1]} if isinstance(pair, tuple) else pair for pair in pairs or []]
        assert body.get(party, []) == named


@pytest.mark.parametrize(
    "change",
    [
        {"operation": Operation.REFUND, "payer": (), "own": {Resource.CODE: "C1"}},
        {"operation": Operation.DEBIT, "payer": ()},
        {"operation": Operation.CREDIT, "payee": (), "own": {Resource.MANDATE: "DM1"}},
        {"operation": Operation.CREDIT, "errand": BILL, "original": "BP1"},
    ],
)
def test_money_is_not_moved_where_nothing_says_whose_it_is(change: dict[str, Any]) -> None:
    with pytest.raises(StopIteration) as end:
        executed(given("10", **change))
    assert (end.value.value.verdict, end.value.value.failure) == UNCLEAR


@pytest.mark.parametrize(
    ("party", "path"),
    [
        ([("msisdn", "+1/2")], "/accounts/msisdn/%2B1%2F2"),
        ([("accountid", "..")], "/accounts/accountid%40.."),
        ([("msisdn", "+1"), ("walletid", "w?")], "/accounts/msisdn%40%2B1%24walletid%40w%3F"),
        ([("iban", str(n)) for n in range(5)], "/accounts/iban%400%24iban%401%24iban%402"),
    ],
)
def test_an_account_is_named_by_all_its_identifiers_up_to_three(party: list[tuple[str, str]], path: str) -> None:
    assert account_at(tuple(Identifier(*pair) for pair in party)) == path


@pytest.mark.parametrize("name", ["", ".", ".."])
def test_a_name_that_leads_elsewhere_is_never_part_of_a_path(name: str) -> None:
    code = Question(kind=Kind.CODE, connection="line", party=ME, reference=name, asker="a", correlation="c")
    if name:
        with pytest.raises(UnspeakableError):
            path_of(code)
        with pytest.raises(UnspeakableError):
            errands.place_of(MANDATE, name)
    else:
        assert path_of(code) is None
        assert errands.place_of(MANDATE, name) is None


@pytest.mark.parametrize(
    ("link", "errand", "path"),
    [
        ("/accounts/msisdn/9/debitmandates/DM%2F1", MANDATE, f"{A}/debitmandates/DM%2F1"),
        ("https://evil.example/accounts/walletid@9/debitmandates/DM1/?a=b#c", MANDATE, f"{A}/debitmandates/DM1"),
        ("/accounts/msisdn/9/links/LK1", MANDATE, None),
        ("/accounts/msisdn/9/debitmandates", MANDATE, None),
        ("/accounts/msisdn/9/debitmandates/..", MANDATE, None),
        ("/accounts/msisdn/9/debitmandates/%2E%2E", MANDATE, None),
        ("/transactions/X1", MANDATE, None),
        ("/quotations/Q1", MANDATE, None),
        ("/requeststates/1", MANDATE, "/requeststates/1"),
        ("/errors/..", MANDATE, None),
        ("/errors/1", BILL, "/errors/1"),
        ("/transactions/X1", BILL, "/transactions/X1"),
        ("/bills/OTHER/payments", BILL, f"{A}/bills/B1/payments"),
        ("/accounts/msisdn/9/bills/payments", BILL, f"{A}/bills/B1/payments"),
        ("/bills/B1", BILL, None),
        ("/quotations/Q1", Errand(resource=Resource.QUOTATION), "/quotations/Q1"),
        ("/v1/accounts/msisdn/%2B1", ACCOUNT, "/accounts/msisdn/%2B1"),
        ("/v1/accounts/msisdn@+1$walletid@2", ACCOUNT, "/accounts/msisdn%40%2B1%24walletid%402"),
        ("/v1/accounts/individual", ACCOUNT, None),
        ("/v1/accounts/secrets/1", ACCOUNT, None),
        ("/accounts/walletid/9", msgspec.structs.replace(ACCOUNT, account=ME), A),
        ("/accounts/msisdn/9/identities/1", Errand(resource=Resource.IDENTITY, account=ME, change=True), None),
        ("", MANDATE, None),
        ("/", ACCOUNT, None),
    ],
)
def test_a_link_is_followed_to_the_kind_of_thing_that_was_asked_for(
    link: str, errand: Errand, path: str | None
) -> None:
    assert followed(link, Matter(TRANSFER, errand)) == path


STATUSES: dict[tuple[Verdict, FailureClass | None], list[Any]] = {
    ACCEPTED: ["completed", "Paid", "unpaid", "partialpaid", "any other"],
    PENDING: ["pending", "CREATED"],
    (Verdict.REFUSED, FailureClass.REFUSED): ["failed", "Rejected"],
    UNCLEAR: ["declined", "cancelled", "reversed", "expired", "error", "", {}, 0.5, None],
}


@pytest.mark.parametrize(
    ("status", "expected"), [(word, verdict) for verdict, words in STATUSES.items() for word in words]
)
def test_a_bill_payment_is_accepted_by_its_object_but_for_words_of_failure(status: Any, expected: Any) -> None:
    body = msgspec.json.decode(msgspec.json.encode(PAYMENT | {"billPaymentStatus": status}))
    assert told(body, BILL) == expected


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (PAYMENT, ACCEPTED),
        (PAYMENT | {"amountPaid": 10}, ACCEPTED),
        (PAYMENT | {"amountPaid": "1e1"}, UNCLEAR),
        ({"amountPaid": "10"}, UNCLEAR),
        ({"currency": "KES"}, UNCLEAR),
        (PAYMENT | {"requestingOrganisationTransactionReference": "2" * 32}, UNCLEAR),
        ({"transactionStatus": "completed", "amount": "10", "currency": "KES"}, ACCEPTED),
        ({"transactionStatus": "unpaid"}, UNCLEAR),
        ({"result": "success"}, UNCLEAR),
        ({"serverCorrelationId": "1", "status": "completed"}, ACCEPTED),
    ],
)
def test_a_bill_is_paid_only_by_a_payment_of_our_own_with_a_readable_amount(
    body: dict[str, Any], expected: Any
) -> None:
    assert told(body, BILL) == expected


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        ([PAYMENT], PAYMENT),
        (PAYMENT, PAYMENT),
        ([{"amountPaid": "10"}, 7, PAYMENT], PAYMENT),
        ([PAYMENT, PAYMENT], {}),
        ([{"amountPaid": "10"}], {}),
        ({"amountPaid": "10"}, {}),
        ([], {}),
        (None, {}),
        ({"errorCategory": "internal"}, {"errorCategory": "internal"}),
    ],
)
def test_of_the_payments_of_a_bill_only_the_one_of_our_transfer_is_read(answer: Any, found: dict[str, Any]) -> None:
    assert bills.found_in(answer, TRANSFER) == found


@pytest.mark.parametrize("bill", ["B1", ""])
def test_a_payment_of_a_bill_is_valid_by_the_published_schema(gsma: Path, bill: str) -> None:
    body: dict[str, Any] = {
        "paymentType": "partialpayment",
        "customerReference": "meter 17",
        "requestDate": "2026-01-15T10:00:00Z",
    }
    body |= {"supplementaryBillReferenceDetails": [{"paymentReferenceType": "a", "paymentReferenceValue": "b"}]}
    body |= {"metadata": [{"key": "k", "value": "v"}], "customData": [{"key": "k", "value": "v"}] * 20}
    errand = msgspec.structs.replace(BILL, reference=bill, body=body | {"requestingOrganisation": "x", "nonsense": 1})
    sent = msgspec.json.decode(executed(given("10.5", errand=errand)).body)
    schema = "requestBillPayment" if bill else "requestBillPayment2"
    assert [error.message for error in validator(gsma, schema).iter_errors(sent)] == []
    assert (sent["amountPaid"], sent["requestingOrganisation"], "nonsense" in sent) == ("10.5", "baobab", False)
    assert ("supplementaryBillReferenceDetails" in sent) == bool(bill)


CHANGES = [{"op": "replace", "path": "/kycLevel", "value": "2"}, {"op": "add", "path": "/mode", "value": "push"}]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"result": "success"}, ACCEPTED),
        ({"result": "Success!"}, UNCLEAR),
        ({"linkReference": "LK1", "status": "active", "kycLevel": 2, "mode": "push"}, ACCEPTED),
        ({"linkReference": "LK1", "status": "active", "kycLevel": 2, "mode": "pull"}, UNCLEAR),
        ({"linkReference": "LK1", "status": "active", "kycLevel": 2}, UNCLEAR),
        ({"linkReference": "LK2", "status": "active", "kycLevel": 2, "mode": "push"}, UNCLEAR),
        ({"kycLevel": 2, "mode": "push"}, UNCLEAR),
        ({"serverCorrelationId": "1", "status": "completed"}, ACCEPTED),
        ({"serverCorrelationId": "1", "status": "pending"}, PENDING),
    ],
)
def test_a_change_was_made_when_the_provider_says_so_or_shows_it(body: dict[str, Any], expected: Any) -> None:
    errand = Errand(resource=Resource.LINK, account=ME, reference="LK1", change=True, body={"changes": CHANGES})
    assert told(body, errand) == expected


@pytest.mark.parametrize("changes", [None, [], "x", [7], [{"op": "replace"}]])
def test_a_change_that_is_not_known_is_not_seen_in_a_resource(changes: Any) -> None:
    errand = Errand(resource=Resource.LINK, account=ME, reference="LK1", change=True, body={"changes": changes})
    assert told({"linkReference": "LK1", "status": "active"}, errand) == UNCLEAR


@pytest.mark.parametrize(
    ("resource", "body", "expected"),
    [
        (Resource.MANDATE, {"mandateReference": "1"}, ACCEPTED),
        (Resource.MANDATE, {"mandateReference": "1", "mandateStatus": "INACTIVE"}, ACCEPTED),
        (Resource.MANDATE, {"mandateReference": "1", "mandateStatus": "pending"}, UNCLEAR),
        (Resource.MANDATE, {"mandateReference": ""}, UNCLEAR),
        (Resource.MANDATE, {"mandateReference": {"a": 1}}, UNCLEAR),
        (Resource.MANDATE, {"mandateStatus": "active"}, UNCLEAR),
        (Resource.MANDATE, {"serverCorrelationId": "1", "status": "completed", "objectReference": "1"}, PENDING),
        (Resource.CODE, {"authorisationCode": "1", "codeState": "active"}, ACCEPTED),
        (Resource.QUOTATION, {"quotationReference": "1", "quotationStatus": "rejected"}, ACCEPTED),
        (Resource.QUOTATION, {"quotationReference": "1", "quotationStatus": "pending"}, PENDING),
        (Resource.QUOTATION, {"quotationStatus": "pending"}, UNCLEAR),
        (Resource.ACCOUNT, {"accountIdentifiers": [{}], "accountStatus": "available"}, ACCEPTED),
        (Resource.ACCOUNT, {"accountIdentifiers": [], "accountStatus": "available"}, UNCLEAR),
        (Resource.ACCOUNT, {"accountIdentifiers": "x", "accountStatus": "available"}, UNCLEAR),
        (Resource.IDENTITY, {"identityId": "1"}, UNCLEAR),
    ],
)
def test_a_thing_was_made_when_its_own_object_is_seen(resource: Resource, body: dict[str, Any], expected: Any) -> None:
    assert told(body, Errand(resource=resource, account=ME)) == expected


@pytest.mark.parametrize(
    ("status", "errand", "expected"),
    [
        (204, msgspec.structs.replace(MANDATE, change=True), ACCEPTED),
        (204, MANDATE, UNCLEAR),
        (204, BILL, UNCLEAR),
        (204, None, UNCLEAR),
        (200, msgspec.structs.replace(MANDATE, change=True), UNCLEAR),
        (500, msgspec.structs.replace(MANDATE, change=True), UNCLEAR),
    ],
)
def test_an_empty_answer_is_a_word_for_a_change_alone(status: int, errand: Errand | None, expected: Any) -> None:
    said = said_in(Response(status=status), Matter(TRANSFER, errand))
    assert (said.verdict, said.failure) == expected


@pytest.mark.parametrize("status", [200, 201, 202, 409, 500])
def test_a_receipt_is_no_more_than_that_and_other_statuses_are_not_believed(status: int) -> None:
    expected = {200: ACCEPTED, 201: ACCEPTED, 202: PENDING}.get(status, UNCLEAR)
    for body, errand in (({"mandateReference": "1"}, MANDATE), (PAYMENT, BILL)):
        said = said_in(Response(status=status, body=msgspec.json.encode(body)), Matter(TRANSFER, errand))
        assert (said.verdict, said.failure) == expected


@pytest.mark.parametrize(
    "errand",
    [
        None,
        Errand(resource=Resource.MANDATE),
        Errand(resource=Resource.IDENTITY, account=ME),
        Errand(resource=Resource.BILL, account=ME),
        Errand(resource=Resource.BILL_PAYMENT, account=ME, reference="B1"),
        Errand(resource=Resource.MANDATE, account=ME, reference="1", change=True),
        Errand(resource=Resource.QUOTATION, reference="1", change=True, body={"changes": CHANGES}),
        Errand(resource=Resource.MANDATE, account=ME, change=True, body={"changes": CHANGES}),
    ],
)
def test_an_errand_that_the_api_does_not_have_is_not_sent(errand: Errand | None) -> None:
    with pytest.raises(StopIteration) as end:
        executed(given("10", operation=Operation.ISSUE, errand=errand))
    assert (end.value.value.verdict, end.value.value.failure) == UNCLEAR


def test_a_payment_of_no_bill_and_no_account_is_not_sent() -> None:
    with pytest.raises(StopIteration):
        executed(given("10", errand=Errand(resource=Resource.BILL_PAYMENT)))


@pytest.mark.parametrize("body", [{"mandateReference": "1"}, {"transactionStatus": "completed"}, {"result": "success"}])
def test_a_callback_to_an_address_that_names_no_errand_is_unreadable(body: dict[str, Any]) -> None:
    subject = Subject(transfer=TRANSFER, operation=Operation.ISSUE, reference="r")
    request = Request(method="PUT", path="/", body=msgspec.json.encode(body))
    with pytest.raises(UnreadableError):
        ADAPTER.heard(request, subject)
    mandate = msgspec.structs.replace(subject, resource=Resource.LINK)
    with pytest.raises(UnreadableError):
        ADAPTER.heard(request, mandate)


@pytest.mark.parametrize("kind", installed()["gsma_mmapi"].rail.questions)
def test_every_kind_of_question_has_a_place_and_reads_no_error_as_an_answer(kind: Kind) -> None:
    asked = Question(kind=kind, connection="line", party=ME, reference="R 1", asker="a", correlation="c")
    path = path_of(msgspec.structs.replace(asked, query={"offset": "1 &"}))
    assert path is not None
    assert path.startswith("/")
    assert path.endswith("?offset=1%20%26")
    error = {"errorCategory": "identification", "errorCode": "identifierError", "name": "x", "accountStatus": "y"}
    body = msgspec.json.encode(error)
    assert answer_in(Response(status=404, body=body), kind).finding is Finding.NOT_FOUND
    for status in (200, 400, 500):
        assert answer_in(Response(status=status, body=body), kind).finding is Finding.UNANSWERED
    assert answer_in(Response(status=404, body=b'[{"a":1}]'), kind).finding is Finding.UNANSWERED
    assert answer_in(Response(status=200, body=b'[{"a":1}, 7]'), kind).finding is Finding.UNANSWERED


@pytest.mark.parametrize(
    ("count", "available"), [("7", 7), ("1", 2), ("", 2), ("-1", 2), ("x", 2), ("9" * 30, 2), ("\u0667", 2)]
)
def test_the_rows_available_are_never_fewer_than_those_that_came(count: str, available: int) -> None:
    rows = [{"billReference": "1"}, {"billReference": "2"}]
    response = Response(status=200, headers={"x-records-available-count": count}, body=msgspec.json.encode(rows))
    answer = answer_in(response, Kind.BILLS)
    assert (answer.rows, answer.available) == (rows, available)


def test_a_link_names_an_account_by_the_words_of_the_api() -> None:
    errand = Errand(resource=Resource.ACCOUNT)
    for key in IDENTIFIER_KEYS:
        assert followed(f"/accounts/{key}/1", Matter(TRANSFER, errand)) == f"/accounts/{key}/1"
