"""Proposals and deeds over HTTP: two people, what was seen, once; whatever is refused has changed nothing."""

import asyncio
from typing import Any

import pytest

from hub.core.deeds import deed_in
from hub.core.office.proposal import Approve, Proposal
from tests.http.operator.bureau import Bureau, everything

pytestmark = pytest.mark.asyncio(loop_scope="module")

FIVE: dict[str, Any] = {"participant": "alpha", "amount": {"amount": "5.50", "currency": "KES"}, "why": "morning"}


async def test_what_one_proposes_another_approves(bureau: Bureau) -> None:
    made = await bureau.propose("MoveFunds", **FIVE)
    assert (made.status, made.version) == (201, '"1"')
    assert made.headers["Location"] == f"/operator/v1/proposals/{made.body['id']}"
    assert made.body["terms"] == FIVE | {
        "amount": {"amount": "5.5", "currency": "KES"},
        "funds": made.body["terms"]["funds"],
        "out": False,
        "purpose": "position",
    }
    assert (made.body["state"], made.body["by"], made.body["subject"]) == ("open", "maker", "alpha")
    seen = await bureau.call("GET", f"/proposals/{made.body['id']}", "checker")
    assert (seen.body, seen.version) == (made.body, made.version)
    approved = await bureau.decide("approve", seen)
    assert (approved.body["state"], approved.body["decided_by"], approved.version) == ("approved", "checker", '"2"')
    funds = (await bureau.call("GET", f"/funds/{made.body['terms']['funds']}")).body
    assert (funds["state"], funds["by"], funds["approved_by"]) == ("approved", "maker", "checker")
    payment = (await bureau.call("GET", f"/payments/{funds['payment']}")).body
    assert (payment["amount"], payment["state"]) == ({"amount": "5.5", "currency": "KES"}, "expected")


async def test_the_same_person_is_not_two(bureau: Bureau, office_url: str) -> None:
    made = await bureau.propose("MoveFunds", "both", **FIVE)
    before = everything(office_url)
    for what in ("approve", "reject"):
        refused = await bureau.decide(what, made, "both")
        assert refused.error == (403, "same_person")
        assert refused.parameters["detail"].startswith("both proposed it")
    assert everything(office_url) == before


async def test_one_approves_what_one_has_seen(bureau: Bureau, office_url: str) -> None:
    made = await bureau.propose("MoveFunds", **FIVE)
    path, before = f"/proposals/{made.body['id']}/approve", everything(office_url)
    unseen = await bureau.call("POST", path, "checker", json={})
    assert unseen.error == (428, "version_needed")
    other = await bureau.decide("approve", made, **{"If-Match": '"2"'})
    assert other.error == (412, "version_differs")
    for text in ("*", '"x"', "-1", '"1", "2"', "9" * 30):
        assert (await bureau.decide("approve", made, **{"If-Match": text})).error == (400, "header_invalid")
    assert everything(office_url) == before
    assert (await bureau.decide("approve", made)).status == 200


async def test_a_checker_rejects_and_the_maker_withdraws(bureau: Bureau) -> None:
    made = await bureau.propose("MoveFunds", **FIVE)
    assert (await bureau.decide("withdraw", made, "both")).error == (403, "not_the_maker")
    rejected = await bureau.decide("reject", made)
    assert (rejected.body["state"], rejected.body["decided_by"]) == ("rejected", "checker")
    made = await bureau.propose("MoveFunds", **FIVE)
    withdrawn = await bureau.decide("withdraw", made, "maker")
    assert (withdrawn.body["state"], withdrawn.body["decided_by"]) == ("withdrawn", "maker")


@pytest.mark.parametrize("first", ["approve", "reject", "withdraw"])
async def test_what_is_decided_stays_decided(bureau: Bureau, office_url: str, first: str) -> None:
    made = await bureau.propose("MoveFunds", **FIVE)
    assert (await bureau.decide(first, made, "maker" if first == "withdraw" else "checker")).status == 200
    before = everything(office_url)
    for what, who in (("approve", "checker"), ("reject", "checker"), ("withdraw", "maker")):
        assert (await bureau.decide(what, made, who)).error == (409, "record_forbids")
    assert everything(office_url) == before


async def test_the_same_key_proposes_and_approves_once(bureau: Bureau, office_url: str) -> None:
    made = await bureau.propose("MoveFunds", key="morning-1", **FIVE)
    again = await bureau.propose("MoveFunds", key="morning-1", **FIVE)
    assert (made.status, again.status, again.body) == (201, 200, made.body)
    other = await bureau.propose("MoveFunds", key="morning-1", **FIVE | {"participant": "bravo"})
    assert other.error == (422, "key_reused")
    assert (await bureau.propose("MoveFunds", "both", "morning-1", **FIVE)).status == 201, "keys are each one's own"
    approved = await bureau.decide("approve", made, **{"Idempotency-Key": "a"})
    before = everything(office_url)
    assert (await bureau.decide("approve", made, **{"Idempotency-Key": "a"})).body == approved.body
    late = await bureau.propose("MoveFunds", key="morning-1", **FIVE)
    assert (late.status, late.body["state"]) == (200, "approved")
    assert everything(office_url) == before


async def test_of_two_who_approve_at_once_one_does(bureau: Bureau) -> None:
    made = await bureau.propose("MoveFunds", **FIVE)
    replies = await asyncio.gather(bureau.decide("approve", made), bureau.decide("approve", made, "both"))
    assert sorted(each.status for each in replies) == [200, 409]


async def test_roles_are_held_by_the_core_too(bureau: Bureau) -> None:
    """An admin may propose, by its role: not what is for makers."""
    assert (await bureau.propose("MoveFunds", "chief", **FIVE)).error == (403, "role_forbids")
    made = await bureau.propose("MoveFunds", **FIVE)
    assert (await bureau.decide("approve", made, "chief")).error == (403, "role_forbids")
    admitting: dict[str, Any] = {"operator": "novice", "roles": ["viewer"], "secret_hash": "0" * 64, "why": "new"}
    assert (await bureau.propose("AdmitOperator", "maker", **admitting)).error == (403, "role_forbids")
    admitted = await bureau.propose("AdmitOperator", "chief", **admitting)
    assert admitted.status == 201
    assert (await bureau.decide("approve", admitted, "checker")).error == (403, "role_forbids")
    assert (await bureau.decide("approve", admitted, "deputy")).status == 200


async def test_what_stands_in_a_proposal_is_what_is_approved(bureau: Bureau) -> None:
    made = await bureau.propose("SetCap", participant="bravo", amount={"amount": "900", "currency": "KES"}, why="less")
    kept = await bureau.store.records.one(Proposal, made.body["id"])
    assert kept is not None
    approving = Approve(by="checker", proposal=kept.id, deed=deed_in(bytes(kept.terms)))
    assert approving.deed.by == "maker"
    assert (await bureau.decide("approve", made)).status == 200


async def test_one_closes_a_window_alone_and_once(bureau: Bureau, office_url: str) -> None:
    window = await bureau.open_window()
    closing = {"terms": {"window": window["id"], "why": "evening"}}
    headers = {"Idempotency-Key": "evening"}
    done = await bureau.call("POST", "/deeds/CloseWindow", "maker", json=closing, headers=headers)
    assert (done.status, done.body) == (200, {"act": "CloseWindow", "about": window["id"], "changed": True})
    before = everything(office_url)
    again = await bureau.call("POST", "/deeds/CloseWindow", "maker", json=closing, headers=headers)
    assert again.body["changed"] is False
    twice = await bureau.call("POST", "/deeds/CloseWindow", "maker", json=closing)
    assert twice.error == (409, "record_forbids")
    assert everything(office_url) == before
    after = (await bureau.call("GET", f"/windows/{window['id']}")).body
    assert after["closed_by"].startswith("maker")
    assert (await bureau.open_window())["number"] == window["number"] + 1


async def test_each_act_is_done_in_its_one_way(bureau: Bureau, office_url: str) -> None:
    before = everything(office_url)
    alone = await bureau.call("POST", "/deeds/MoveFunds", "maker", json={"terms": FIVE})
    assert alone.error == (403, "checked_act")
    assert "CloseWindow" in alone.parameters["possible"]
    proposed = await bureau.propose("CloseWindow", window="0" * 32)
    assert proposed.error == (422, "direct_act")
    for act in ("Reckon", "Expire", "Approve", "FoundOffice", "nothing"):
        unknown = await bureau.call("POST", f"/deeds/{act}", "maker", json={"terms": {}})
        assert unknown.error == (404, "unknown_act")
        assert (await bureau.propose(act)).error == (404, "unknown_act")
    assert everything(office_url) == before


async def test_what_can_be_done_is_listed(bureau: Bureau) -> None:
    found = {each["act"]: each for each in (await bureau.call("GET", "/acts")).body}
    assert found["MoveFunds"]["checked"]
    assert not found["CloseWindow"]["checked"]
    assert (found["AdmitOperator"]["roles"], found["MoveFunds"]["roles"]) == (["admin"], ["maker"])
    assert found["Block"]["roles"] == ["admin", "checker", "maker"], "it only protects"
