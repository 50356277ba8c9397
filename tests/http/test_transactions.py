"""Transactions by the API: what is answered at once, what can be looked up, and what never happens twice."""

import hashlib
import re
from typing import Any, Final

import msgspec
import pytest

from routing.message import FailureClass, Verdict
from tests.http.front import ALPHA, BRAVO, Front, Json, Reply, payment

CORRELATION: Final = "6B1F3C0A-9a51-4d52-8d37-1f4f0f6f2a10"
UUID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
STATE_FORBIDS: Final = (400, "businessRule", "incorrectState")
DUPLICATE: Final = (400, "businessRule", "duplicateRequest")


def patch(value: str) -> list[Json]:
    return [{"op": "replace", "path": "/transactionStatus", "value": value}]


def has_null(value: Any) -> bool:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return value is None or any(has_null(each) for each in inner)


async def test_a_write_is_answered_202_with_a_reference_that_works_at_once(front: Front) -> None:
    taken = await front.submit()
    assert taken.status == 202
    assert taken.body.keys() == {
        "serverCorrelationId",
        "status",
        "notificationMethod",
        "objectReference",
        "pollLimit",
    }
    assert UUID.fullmatch(taken.body["serverCorrelationId"])
    assert (taken.body["status"], taken.body["notificationMethod"]) == ("pending", "polling")
    viewed = await front.call("GET", f"/transactions/{taken.reference}")
    assert viewed.status == 200
    assert (viewed.body["transactionReference"], viewed.body["transactionStatus"]) == (taken.reference, "pending")


async def test_a_write_with_a_callback_says_that_it_calls_back(front: Front) -> None:
    headers = {"X-Callback-URL": "http://127.0.0.1:9/result"}
    taken = await front.call("POST", "/transactions", json=payment(), headers=headers)
    assert (taken.status, taken.body["notificationMethod"]) == (202, "callback")


async def test_a_write_with_the_right_hash_of_its_body_is_taken(front: Front) -> None:
    content = msgspec.json.encode(payment())
    headers = {"Content-Type": "application/json", "X-Content-Hash": hashlib.sha256(content).hexdigest().upper()}
    assert (await front.call("POST", "/transactions", data=content, headers=headers)).status == 202


async def test_a_request_state_goes_from_pending_to_completed(front: Front) -> None:
    taken = await front.submit()
    where = f"/requeststates/{taken.body['serverCorrelationId']}"
    pending = (await front.call("GET", where)).body
    said = {name: pending[name] for name in ("expiryTime", "pendingReason")}
    assert pending == taken.body | said
    await front.heard(taken.reference, Verdict.ACCEPTED)
    assert (await front.call("GET", where)).body == taken.body | {"status": "completed"}


async def test_a_transfer_in_doubt_is_pending_and_says_why(front: Front) -> None:
    taken = await front.submit()
    await front.heard(taken.reference, Verdict.UNKNOWN, FailureClass.UNCLEAR)
    state = (await front.call("GET", f"/requeststates/{taken.body['serverCorrelationId']}")).body
    assert state["status"] == "pending"
    assert "awaited" in state["pendingReason"]


async def test_a_failed_request_carries_its_error_wherever_it_is_looked_up(front: Front) -> None:
    taken = await front.submit(correlation=CORRELATION)
    await front.heard(taken.reference, Verdict.REFUSED, FailureClass.INSUFFICIENT_FUNDS)
    state = (await front.call("GET", f"/requeststates/{taken.body['serverCorrelationId']}")).body
    assert state["status"] == "failed"
    assert (state["error"]["errorCategory"], state["error"]["errorCode"]) == ("businessRule", "insufficientFunds")
    assert state["errorReference"] == state["error"]
    link = (await front.call("GET", f"/responses/{CORRELATION}")).body["link"]
    assert link == f"/errors/{taken.reference}"
    error = (await front.call("GET", link)).body
    assert error | {"errorDateTime": ""} == state["error"] | {"errorDateTime": ""}
    assert (await front.call("GET", f"/transactions/{taken.reference}")).body["transactionStatus"] == "failed"


async def test_a_missing_response_is_found_by_the_callers_own_id(front: Front) -> None:
    transfer = (await front.submit(correlation=CORRELATION)).reference
    for spelling in (CORRELATION, CORRELATION.lower(), CORRELATION.upper()):
        found = await front.call("GET", f"/responses/{spelling}")
        assert (found.status, found.body) == (200, {"link": f"/transactions/{transfer}"})
    assert (await front.call("GET", f"/transactions/{transfer}")).status == 200
    assert (await front.call("GET", f"/errors/{transfer}")).status == 404, "it has not failed"


@pytest.mark.parametrize("change", [{}, {"amount": "99"}, {"creditParty": [{"key": "walletid", "value": "B-1"}]}])
async def test_a_correlation_id_is_good_for_one_write(front: Front, change: Json) -> None:
    first = await front.submit(correlation=CORRELATION)
    journals, transfers = list(front.store.journals), dict(front.store.transfers)
    again = await front.submit(correlation=CORRELATION.lower(), **change)
    assert again.error == DUPLICATE
    assert again.parameters["link"] == f"/transactions/{first.reference}"
    assert (await front.call("GET", again.parameters["link"])).status == 200
    assert (front.store.journals, front.store.transfers) == (journals, transfers)


async def test_two_callers_may_use_the_same_correlation_id(front: Front) -> None:
    first = await front.submit("alpha", correlation=CORRELATION)
    second = await front.submit("market", correlation=CORRELATION)
    assert (first.status, second.status) == (202, 202)
    assert first.reference != second.reference


async def test_the_correlation_id_of_a_refused_request_may_be_used_again(front: Front) -> None:
    refused = await front.submit(correlation=CORRELATION, amount="-1")
    assert refused.status == 400
    assert (await front.call("GET", f"/responses/{CORRELATION}")).status == 404
    assert (await front.submit(correlation=CORRELATION)).status == 202


@pytest.mark.parametrize(
    ("sent", "shown"), [("150.50", "150.5"), ("200.00", "200"), ("5", "5"), ("5.05", "5.05"), ("100000", "100000")]
)
async def test_amounts_are_shown_without_trailing_zeros(front: Front, sent: str, shown: str) -> None:
    transfer = (await front.submit(amount=sent)).reference
    assert (await front.call("GET", f"/transactions/{transfer}")).body["amount"] == shown


async def test_a_view_shows_both_parties_what_was_sent_and_no_nulls(front: Front) -> None:
    sent = payment(
        descriptionText="rent",
        debitParty=[{"key": "msisdn", "value": "0700 111 222"}],
        requestingOrganisation={
            "requestingOrganisationIdentifierType": "lei",
            "requestingOrganisationIdentifier": "AAAA0012345678901299",
            "unheardOf": [1, None, {"c": None}],
        },
        senderKyc={"nationality": "KE", "birthCountry": None, "unheardOf": [1, None, {"c": None}]},
        oneTimeCode="spent",
        unheardOf="kept, not shown",
    )
    content = sent | {"geoCode": None}
    taken = await front.call("POST", "/transactions", json=content)
    viewed = (await front.call("GET", f"/transactions/{taken.reference}")).body
    assert viewed["debitParty"] == [{"key": "msisdn", "value": ALPHA}]
    assert viewed["creditParty"] == [{"key": "msisdn", "value": BRAVO}]
    assert viewed["descriptionText"] == "rent"
    assert viewed["requestingOrganisation"]["unheardOf"] == [1, {}]
    assert not has_null(viewed)
    assert not {"oneTimeCode", "unheardOf", "geoCode", "senderKyc"} & viewed.keys()
    assert viewed["creationDate"].endswith("Z")


async def test_a_completed_view_has_the_providers_receipt(front: Front) -> None:
    transfer = await front.completed()
    viewed = (await front.call("GET", f"/transactions/{transfer}")).body
    assert (viewed["transactionStatus"], viewed["transactionReceipt"]) == ("completed", "PROVIDER-1")


@pytest.mark.parametrize("party", ["debitParty", "creditParty"])
async def test_by_type_the_caller_is_the_party_that_is_left_out(front: Front, party: str) -> None:
    other = {"debitParty": BRAVO, "creditParty": BRAVO}[party]
    left_out = {"debitParty": "creditParty", "creditParty": "debitParty"}[party]
    body = payment(**{left_out: None, party: [{"key": "msisdn", "value": other}], "type": "billpay"})
    taken = await front.call("POST", "/transactions/type/merchantpay", json=body)
    viewed = (await front.call("GET", f"/transactions/{taken.reference}")).body
    assert viewed[left_out] == [{"key": "organisationid", "value": "alpha"}]
    assert viewed["type"] == "merchantpay", "the path wins"


@pytest.mark.parametrize(
    ("identifier", "kind"),
    [
        ("bravo", None),
        ("bravo", "organisationid"),
        ("bravkena", "swiftbic"),
        ("BRAVO-HQ", "organisationid"),
        ("AAAA0012345678901299", "lei"),
    ],
)
async def test_the_header_names_who_holds_the_other_account(front: Front, identifier: str, kind: str | None) -> None:
    headers = {"X-Account-Holding-Institution-Identifier": identifier}
    if kind:
        headers["X-Account-Holding-Institution-Identifier-Type"] = kind
    body = payment(creditParty=[{"key": "bankaccountno", "value": "0011"}])
    unknown = await front.call("POST", "/transactions", json=body)
    assert front.store.transfers[unknown.reference].reason == "payee_unknown", "nobody holds it by itself"
    taken = await front.call("POST", "/transactions", json=body, headers=headers)
    assert taken.status == 202, taken.body
    assert front.store.transfers[taken.reference].payee_fsp == "bravo"


async def test_the_instructed_participant_commits_by_patch_and_may_say_so_again(front: Front) -> None:
    transfer = (await front.submit()).reference
    where = f"/transactions/{transfer}"
    by_caller = await front.call("PATCH", where, "alpha", json=patch("completed"))
    assert by_caller.error == STATE_FORBIDS
    assert front.store.transfers[transfer].state == "reserved"
    first = await front.call("PATCH", where, "bravo", json=patch("completed"))
    assert (first.status, first.raw) == (204, b"")
    moved = list(front.store.journals)
    again = await front.call("PATCH", where, "bravo", json=patch("completed"))
    assert again.status == 204
    assert front.store.journals == moved, "nothing moves twice"
    against = await front.call("PATCH", where, "bravo", json=patch("failed"))
    assert against.error == STATE_FORBIDS
    assert (await front.call("GET", where)).body["transactionStatus"] == "completed"


@pytest.mark.parametrize("content", [patch("failed"), patch("failed")[0]], ids=["a list", "one operation"])
async def test_patch_by_override_and_in_both_forms(front: Front, content: Any) -> None:
    transfer = (await front.submit()).reference
    headers = {"X-HTTP-Method-Override": "patch"}
    reply = await front.call("POST", f"/transactions/{transfer}", "bravo", json=content, headers=headers)
    assert reply.status == 204
    assert front.store.transfers[transfer].state == "aborted"


async def test_a_reversal_turns_the_parties_round(front: Front) -> None:
    original = await front.completed()
    taken = await front.call("POST", f"/transactions/{original}/reversals", json={"type": "reversal"})
    assert taken.status == 202, taken.body
    viewed = (await front.call("GET", f"/transactions/{taken.reference}")).body
    assert (viewed["type"], viewed["amount"]) == ("reversal", "150.5")
    assert viewed["originalTransactionReference"] == original
    assert viewed["debitParty"] == [{"key": "msisdn", "value": BRAVO}]
    assert viewed["creditParty"] == [{"key": "msisdn", "value": ALPHA}]


@pytest.mark.parametrize(
    ("content", "error"),
    [
        ({"amount": "150.51", "currency": "KES"}, "overPaymentNotAllowed"),
        ({"amount": "5", "currency": "USD"}, "currencyNotSupported"),
        ({"amount": "0", "currency": "KES"}, "lessThanTransactionMinValue"),
    ],
)
async def test_a_reversal_beyond_the_original_fails(front: Front, content: Json, error: str) -> None:
    original = await front.completed()
    before = list(front.store.journals)
    taken = await front.call("POST", f"/transactions/{original}/reversals", json={"type": "adjustment"} | content)
    assert await _failure(front, taken) == error
    assert front.store.journals == before


async def _failure(front: Front, taken: Reply) -> str:
    state = (await front.call("GET", f"/requeststates/{taken.body['serverCorrelationId']}")).body
    assert (taken.status, state["status"]) == (202, "failed")
    return str(state["error"]["errorCode"])


async def test_what_is_pending_cannot_be_reversed(front: Front) -> None:
    pending = (await front.submit()).reference
    taken = await front.call("POST", f"/transactions/{pending}/reversals", json={"type": "reversal"})
    assert await _failure(front, taken) == "incorrectState"


async def test_what_the_cap_forbids_is_a_failed_transaction_and_no_refusal(front: Front) -> None:
    for _ in range(10):
        assert (await front.submit(amount="100000")).status == 202
    taken = await front.submit(amount="100000")
    assert taken.status == 202
    state = (await front.call("GET", f"/requeststates/{taken.body['serverCorrelationId']}")).body
    assert state["status"] == "failed"
    assert {"key": "reason", "value": "cap_exceeded"} in state["error"]["errorParameters"]


async def test_a_request_state_is_patched_by_the_participant_that_was_instructed_only(front: Front) -> None:
    taken = await front.submit()
    where = f"/requeststates/{taken.body['serverCorrelationId']}"
    said = [{"op": "replace", "path": "/status", "value": "completed"}]
    assert (await front.call("PATCH", where, "market", json=said)).status == 404
    assert (await front.call("PATCH", where, "bravo", json=said)).status == 204
    assert (await front.call("GET", f"/transactions/{taken.reference}")).body["transactionStatus"] == "completed"
    wrong = [{"op": "replace", "path": "/transactionStatus", "value": "completed"}]
    assert (await front.call("PATCH", where, "bravo", json=wrong)).parameters == {"property": "path"}
    assert (await front.call("PATCH", f"/requeststates/{'0' * 32}", "bravo", json=said)).status == 404


async def test_an_answer_says_when_it_was_sent_and_nothing_of_the_version_of_the_server(front: Front) -> None:
    for reply in (await front.submit(), await front.call("GET", "/nothing"), await front.call("GET", "//healthz")):
        assert reply.headers["Server"] == "makutano"
        assert reply.headers["X-Date"].endswith("Z")
