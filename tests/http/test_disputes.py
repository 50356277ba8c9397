"""`/disputes`: what is sent is read or refused by name, each participant sees its own, and a write counts once."""

import uuid
from typing import Any

import pytest

from hub.core.office.records import Dispute
from tests.http.front import Front, Json, Reply

FORMAT = (400, "validation", "formatError")
MISSING = (400, "validation", "mandatoryValueNotSupplied")
UNKNOWN = (404, "identification", "identifierError")
FORBIDDEN = (401, "authorisation", "requestingPartyAuthorisationError")
STATE = (400, "businessRule", "incorrectState")


async def asked(front: Front, transfer: str, who: str = "alpha", *, correlation: str = "", **more: Any) -> Reply:
    """Raise a dispute; `more` by the API's names, None leaves one out."""
    body = {"kind": "recall", "transactionReference": transfer, "reasonCode": "DUPL"} | more
    sent = {name: value for name, value in body.items() if value is not None}
    headers = {"X-CorrelationID": correlation} if correlation else {}
    return await front.call("POST", "/disputes", who, json=sent, headers=headers)


async def raised(front: Front, **more: Any) -> Json:
    reply = await asked(front, await front.completed(), **more)
    assert reply.status == 201, reply.raw
    found: Json = reply.body
    return found


async def after(front: Front, dispute: Json, what: str, who: str, **body: Any) -> Reply:
    return await front.call("POST", f"/disputes/{dispute['disputeReference']}/{what}", who, json=body)


async def test_a_recall_is_raised_seen_by_both_and_answered(front: Front) -> None:
    found = await raised(front, amount="50.25", currency="KES", descriptionText="it came twice")
    steps = found.pop("steps")
    assert [(each["who"], each["what"], each["descriptionText"]) for each in steps] == [
        ("alpha", "raised", "it came twice")
    ]
    assert (
        found.items()
        >= {
            "kind": "recall",
            "amount": "50.25",
            "currency": "KES",
            "disputeStatus": "open",
            "raisedBy": "alpha",
            "against": "bravo",
            "reasonCode": "DUPL",
            "descriptionText": "it came twice",
        }.items()
    )
    assert found["deadline"] > found["creationDate"]
    for who in ("alpha", "bravo"):
        seen = await front.call("GET", f"/disputes/{found['disputeReference']}", who)
        assert (seen.status, seen.body["disputeStatus"]) == (200, "open")
    done = await after(front, found, "answer", "bravo", answer="accepted")
    assert (done.status, done.body["disputeStatus"], done.body["returnedAmount"]) == (200, "accepted", "50.25")
    assert len(done.body["linkedTransactionReference"]) == 32
    assert [each["what"] for each in done.body["steps"]] == ["raised", "accepted"]


async def test_a_refusal_says_why(front: Front) -> None:
    found = await raised(front)
    without = await after(front, found, "answer", "bravo", answer="refused")
    assert (without.error, without.parameters) == (MISSING, {"property": "reasonCode"})
    done = await after(front, found, "answer", "bravo", answer="Refused", reasonCode="cust", descriptionText="asked")
    assert (done.status, done.body["disputeStatus"]) == (200, "refused"), done.raw
    assert done.body["steps"][-1]["descriptionText"] == "CUST asked"


async def test_whoever_raised_it_withdraws_it_and_nobody_else(front: Front) -> None:
    found = await raised(front)
    other = await after(front, found, "withdrawal", "bravo")
    assert (other.error, other.parameters["detail"]) == (FORBIDDEN, "alpha raised it")
    done = await after(front, found, "withdrawal", "alpha", descriptionText="found it")
    assert (done.status, done.body["disputeStatus"]) == (200, "withdrawn")
    again = await after(front, found, "withdrawal", "alpha")
    assert (again.error, again.parameters["detail"]) == (STATE, "the recall is withdrawn")


async def test_what_does_not_concern_a_caller_is_not_there_for_it(front: Front) -> None:
    found = await raised(front)
    own = f"/disputes/{found['disputeReference']}"
    assert (await front.call("GET", own, "market")).error == UNKNOWN
    assert (await after(front, found, "answer", "market", answer="accepted")).error == UNKNOWN
    assert (await after(front, found, "withdrawal", "market")).error == UNKNOWN
    assert (await asked(front, found["transactionReference"], "market")).error == UNKNOWN
    assert (await front.call("GET", "/disputes", "market")).body == []
    assert (await front.call("GET", own, "nobody")).status == 401
    for nothing in ("no-such", "0" * 32):
        assert (await front.call("GET", f"/disputes/{nothing}")).error == UNKNOWN


async def test_a_list_is_filtered_and_cut_the_newest_first(front: Front) -> None:
    first = await raised(front)
    second = await raised(front, kind="fraud", reasonCode="FRAD", recall=True)
    await after(front, first, "withdrawal", "alpha")

    async def listed(query: str, who: str = "bravo") -> tuple[int, list[str]]:
        reply = await front.call("GET", f"/disputes{query}", who)
        assert reply.status == 200, reply.raw
        return int(reply.headers["X-Records-Available-Count"]), [each["kind"] for each in reply.body]

    assert (await listed(""))[0] == (await listed("", "alpha"))[0] == 3
    assert await listed("?kind=FRAUD") == (1, ["fraud"])
    assert await listed("?disputeStatus=withdrawn") == (1, ["recall"])
    assert await listed(f"?transactionReference={first['transactionReference']}&kind=recall") == (1, ["recall"])
    assert await listed("?kind=return") == (0, [])
    assert (await listed("?limit=1&offset=1"))[0] == 3
    every = (await front.call("GET", "/disputes")).body
    assert every[-1]["disputeReference"] == first["disputeReference"]
    linked = [each.get("fraudReportReference") for each in every if each["kind"] == "recall"]
    assert sorted(linked, key=str) == sorted([second["disputeReference"], None], key=str)


@pytest.mark.parametrize("reference", ["%00", "nothing", "0" * 31, "0" * 32, "%F0%9F%90%98", "x" * 300])
async def test_a_list_of_what_is_no_transaction_is_empty(front: Front, reference: str) -> None:
    reply = await front.call("GET", f"/disputes?transactionReference={reference}")
    assert (reply.status, reply.body) == (200, []), reply.raw


@pytest.mark.parametrize("query", ["kind=loan", "disputeStatus=lost", "limit=0"])
async def test_a_list_of_nothing_that_there_is_says_what_there_is(front: Front, query: str) -> None:
    reply = await front.call("GET", f"/disputes?{query}")
    assert (reply.error, reply.parameters) == (FORMAT, {"property": query.partition("=")[0]})


async def test_a_second_write_with_the_same_correlation_id_points_at_the_first(front: Front) -> None:
    transfer, correlation = await front.completed(), str(uuid.uuid4())
    first = await asked(front, transfer, correlation=correlation, amount="10", currency="KES")
    second = await asked(front, transfer, correlation=correlation.upper(), amount="11", currency="KES")
    assert second.error == (400, "businessRule", "duplicateRequest")
    assert second.parameters["link"] == f"/disputes/{first.body['disputeReference']}"
    own = await asked(front, transfer, "bravo", correlation=correlation, kind="fraud", reasonCode="FRAD")
    assert own.status == 201, "another caller's ids are its own"
    assert len(await front.store.records.found(Dispute)) == 2


BAD: list[tuple[dict[str, Any], tuple[int, str, str], dict[str, str]]] = [
    ({"kind": None}, MISSING, {"property": "kind"}),
    ({"kind": "loan"}, FORMAT, {"property": "kind"}),
    ({"reasonCode": None}, MISSING, {"property": "reasonCode"}),
    ({"reasonCode": "XXXX"}, FORMAT, {"property": "reasonCode"}),
    ({"transactionReference": None}, MISSING, {"property": "transactionReference"}),
    ({"transactionReference": "nothing"}, UNKNOWN, {"reason": "original_unknown"}),
    ({"amount": "5"}, MISSING, {"property": "currency"}),
    ({"amount": "-5", "currency": "KES"}, (400, "validation", "negativeValue"), {"property": "amount"}),
    ({"amount": "5.001", "currency": "KES"}, FORMAT, {"property": "amount"}),
    ({"amount": "0", "currency": "KES"}, (400, "businessRule", "lessThanTransactionMinValue"), {"property": "amount"}),
    ({"amount": "5", "currency": "XXX"}, (400, "validation", "currencyNotSupported"), {"property": "currency"}),
    (
        {"amount": "5", "currency": "UGX"},
        (400, "validation", "currencyNotSupported"),
        {"reason": "original_currency", "detail": "KES"},
    ),
    (
        {"amount": "150.51", "currency": "KES"},
        (400, "businessRule", "overPaymentNotAllowed"),
        {"reason": "original_exceeded", "detail": "150.5 KES is left"},
    ),
    ({"descriptionText": "x" * 161}, (400, "validation", "lengthError"), {"property": "descriptionText"}),
    ({"recall": "yes"}, FORMAT, {"property": "recall"}),
    ({"recall": True}, FORMAT, {"reason": "terms_invalid", "detail": "a recall comes with a report of fraud only"}),
    (
        {"kind": "return"},
        FORBIDDEN,
        {"reason": "role_forbids", "detail": "a return is raised by, or for, the payee FSP"},
    ),
]


@pytest.mark.parametrize(("wrong", "error", "parameters"), BAD, ids=[str(case[0])[:60] for case in BAD])
async def test_what_is_wrong_is_named_and_nothing_is_raised(
    front: Front, wrong: dict[str, Any], error: tuple[int, str, str], parameters: dict[str, str]
) -> None:
    reply = await asked(front, await front.completed(), **wrong)
    assert (reply.error, reply.parameters) == (error, parameters), reply.raw
    assert await front.store.records.found(Dispute) == []


async def test_a_transaction_that_is_not_completed_is_not_disputed(front: Front) -> None:
    pending = (await front.submit()).reference
    reply = await asked(front, pending)
    assert (reply.error, reply.parameters["reason"]) == (STATE, "original_not_committed")


async def test_a_reversal_of_what_an_accepted_recall_takes_back_is_refused(front: Front) -> None:
    found = await raised(front, amount="100", currency="KES")
    path = f"/transactions/{found['transactionReference']}/reversals"
    await after(front, found, "answer", "bravo", answer="accepted")
    over = await front.call("POST", path, "bravo", json={"type": "reversal", "amount": "50.51", "currency": "KES"})
    assert (await front.state(over, "bravo"))["error"]["errorCode"] == "overPaymentNotAllowed"
    rest = await front.call("POST", path, "bravo", json={"type": "reversal", "amount": "50.50", "currency": "KES"})
    assert (await front.state(rest, "bravo"))["status"] == "pending"


async def test_a_return_names_its_link_at_once(front: Front) -> None:
    found = await raised(front, who="bravo", kind="return", reasonCode="MD06")
    assert (found["disputeStatus"], found["amount"]) == ("accepted", "150.5")
    assert "deadline" not in found
    kept = await front.store.records.one(Dispute, found["disputeReference"])
    assert kept is not None
    assert kept.linked == found["linkedTransactionReference"]
