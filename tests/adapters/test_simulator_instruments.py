"""Mandates, links and codes of the simulator over real HTTP: who may take or give without asking, and who may not."""

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from adapters.simulator.instruments import Code, period
from adapters.simulator.kept import Kept
from tests.adapters.spoken import World, got, heard, said, serving
from tests.adapters.wallet import FIRST, acted, balance, debited, ended, sown

AT = f"alpha/accounts/{FIRST}"
TODAY = datetime.now(UTC).date()
MADE: dict[str, dict[str, Any]] = {
    "debitmandates": {"startDate": "2026-01-01", "payee": [{"key": "organisationid", "value": "SHOP1"}]},
    "links": {"sourceAccountIdentifiers": [{"key": "iban", "value": "KE1"}], "mode": "both", "status": "active"},
    "authorisationcodes": {"amount": "50", "currency": "KES", "amountType": "maximum"},
}
NAMED = {"debitmandates": "mandateReference", "links": "linkReference", "authorisationcodes": "authorisationCode"}
STATE = {"debitmandates": "mandateStatus", "links": "status", "authorisationcodes": "codeState"}


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with serving() as served:
        yield served


def in_days(days: int) -> str:
    return (TODAY + timedelta(days=days)).isoformat()


async def made(world: World, kind: str, **more: Any) -> dict[str, Any]:
    found: dict[str, Any] = await ended(world, "POST", f"{AT}/{kind}", MADE[kind] | more)
    return found


@pytest.mark.parametrize("kind", list(MADE))
async def test_what_is_made_is_called_back_linked_and_shown(world: World, kind: str) -> None:
    await sown(world)
    reference = "0B5F2F0E-6d5b-4f0c-9b1c-2f6c3d1f7a11"
    answer = await acted(world, "POST", f"{AT}/{kind}", MADE[kind], reference)
    assert (answer.status, answer.body["status"]) == (202, "pending")
    (callback,) = await heard(world, reference)
    link = (await got(world, f"alpha/responses/{reference}")).body["link"]
    assert callback == (await got(world, f"alpha{link}")).body
    assert (callback[NAMED[kind]], callback[STATE[kind]]) == (answer.body["objectReference"], "active")
    assert callback | MADE[kind] == callback
    again = await acted(world, "POST", f"{AT}/{kind}", MADE[kind], reference)
    assert (again.status, again.body["errorCode"]) == (400, "duplicateRequest")
    assert again.body["errorParameters"] == [{"key": "link", "value": link}]


@pytest.mark.parametrize("kind", list(MADE))
async def test_a_provider_that_answers_at_once_says_201_and_204(world: World, kind: str) -> None:
    await sown(world)
    status, body = await acted(world, "POST", f"prompt/accounts/msisdn/+254700000001/{kind}", MADE[kind])
    assert (status, body[STATE[kind]]) == (201, "active")
    ended_by = [
        {"op": "replace", "path": f"/{STATE[kind]}", "value": "cancelled" if "Code" in NAMED[kind] else "inactive"}
    ]
    path = f"prompt/accounts/{FIRST}/{kind}/{body[NAMED[kind]]}"
    assert (await acted(world, "PATCH", path, ended_by)).status == 204
    assert (await got(world, path)).body[STATE[kind]] == ended_by[0]["value"]


@pytest.mark.parametrize(
    ("kind", "body", "code"),
    [
        ("debitmandates", {}, "mandatoryValueNotSupplied"),
        ("debitmandates", {"startDate": "soon"}, "formatError"),
        ("debitmandates", {"startDate": "2026-01-01", "amountLimit": "1.234", "currency": "KES"}, "formatError"),
        ("debitmandates", {"startDate": "2026-01-01", "frequencyType": "daily"}, "formatError"),
        ("links", MADE["links"] | {"mode": "sideways"}, "formatError"),
        ("links", {"mode": "push", "status": "active"}, "mandatoryValueNotSupplied"),
        ("authorisationcodes", {"amount": "5"}, "formatError"),
        ("authorisationcodes", {"codeLifetime": 0}, "formatError"),
    ],
)
async def test_what_cannot_be_read_is_refused_at_once(world: World, kind: str, body: Any, code: str) -> None:
    status, said_ = await acted(world, "POST", f"{AT}/{kind}", body)
    assert (status, said_["errorCode"]) == (400, code)


@pytest.mark.parametrize(
    ("kind", "change", "status", "code"),
    [
        ("debitmandates", {"path": "/amountLimit", "value": "9"}, 400, "formatError"),
        ("debitmandates", {"path": "/startDate", "value": "soon"}, 400, "formatError"),
        ("debitmandates", {"op": "remove", "path": "/endDate"}, 400, "formatError"),
        ("links", {"path": "/mode", "value": "sideways"}, 400, "formatError"),
        ("authorisationcodes", {"path": "/codeState", "value": "active"}, 400, "formatError"),
        ("debitmandates", {"path": "/numberOfPayments", "value": "3"}, 202, ""),
        ("debitmandates", {"op": "add", "path": "/endDate", "value": "2030-01-01"}, 202, ""),
        ("links", {"path": "/mode", "value": "push"}, 202, ""),
    ],
)
async def test_only_what_the_api_lets_change_changes(
    world: World, kind: str, change: dict[str, str], status: int, code: str
) -> None:
    await sown(world)
    reference = (await made(world, kind))[NAMED[kind]]
    answer = await acted(world, "PATCH", f"{AT}/{kind}/{reference}", [{"op": "replace"} | change])
    assert (answer.status, answer.body.get("errorCode", "")) == (status, code)
    assert (await acted(world, "PATCH", f"{AT}/{kind}/nothing", [{"op": "replace"} | change])).status in {400, 404}


async def test_a_change_may_come_again_and_its_request_state_says_what_became_of_it(world: World) -> None:
    await sown(world)
    reference, path = (
        "0b5f2f0e-6d5b-4f0c-9b1c-2f6c3d1f7a12",
        f"{AT}/links/{(await made(world, 'links'))['linkReference']}",
    )
    change = {"op": "replace", "path": "/status", "value": "inactive"}
    for _ in range(2):
        assert (await acted(world, "POST", path, change, reference, X_HTTP_Method_Override="PATCH")).status == 202
    assert await heard(world, reference) == [{"result": "success"}]
    link = (await got(world, f"alpha/responses/{reference}")).body["link"]
    assert (await got(world, f"alpha{link}")).body["status"] == "completed"


@pytest.mark.parametrize(
    ("mandate", "amount", "end"),
    [
        ({}, "10", "completed"),
        ({"startDate": in_days(1)}, "10", "noMandateAuthority"),
        ({"startDate": in_days(0), "endDate": in_days(0)}, "10", "completed"),
        ({"endDate": in_days(-1)}, "10", "noMandateAuthority"),
        ({"mandateStatus": "inactive"}, "10", "noMandateAuthority"),
        ({"amountLimit": "10", "currency": "KES"}, "10", "completed"),
        ({"amountLimit": "10", "currency": "KES"}, "10.5", "noMandateAuthority"),
        ({"amountLimit": "10", "currency": "USD"}, "10", "noMandateAuthority"),
        ({"numberOfPayments": 2, "taken": [in_days(-9)]}, "10", "completed"),
        ({"numberOfPayments": 1, "taken": [in_days(-9)]}, "10", "noMandateAuthority"),
        ({"frequencyType": "weekly", "startDate": in_days(-7), "taken": [in_days(-7)]}, "10", "completed"),
        ({"frequencyType": "weekly", "startDate": in_days(-6), "taken": [in_days(-6)]}, "10", "noMandateAuthority"),
        ({}, "10.01", "insufficientFunds"),
        ({}, "10.03", "completed"),
        ({}, "1000.5", "insufficientFunds"),
    ],
)
async def test_a_mandate_allows_what_it_says(world: World, mandate: dict[str, Any], amount: str, end: str) -> None:
    await sown(world, debitmandate=[{"account": FIRST, "mandateReference": "M1", "startDate": "2026-01-01"} | mandate])
    by_it = {"debitParty": [{"key": "mandatereference", "value": "M1"}]}
    if amount == "10.03":  # executed, and nothing is said
        body = {"amount": amount, "currency": "KES", **by_it}
        assert (await acted(world, "POST", "alpha/transactions/type/merchantpay", body)).status == "dropped"
    else:
        assert await debited(world, amount, **by_it) == end
    assert (await balance(world) != "1000") == (end == "completed")


async def test_a_mandate_counts_what_was_taken_and_an_unknown_one_takes_nothing(world: World) -> None:
    await sown(world)
    mandate = (await made(world, "debitmandates", numberOfPayments=1))["mandateReference"]
    by_it = {"debitParty": [{"key": "mandatereference", "value": mandate}]}
    assert [await debited(world, **by_it) for _ in range(2)] == ["completed", "noMandateAuthority"]
    assert await debited(world, debitParty=[{"key": "mandatereference", "value": "M9"}]) == "identifierError"
    assert await balance(world) == "990"


@pytest.mark.parametrize(
    ("frequency", "start", "when", "number"),
    [
        ("weekly", "2026-01-01", "2026-01-07", 0),
        ("weekly", "2026-01-01", "2026-01-08", 1),
        ("fortnight", "2026-01-01", "2026-01-14", 0),
        ("monthspecificdate", "2026-01-31", "2026-02-27", 0),
        ("monthspecificdate", "2026-01-31", "2026-02-28", 1),
        ("threemonths", "2026-01-15", "2026-04-14", 0),
        ("threemonths", "2026-01-15", "2026-04-15", 1),
        ("yearly", "2024-02-29", "2025-02-28", 1),
        ("lastfriday", "2026-01-15", "2026-02-01", 1),
        ("lastdaymonthworking", "2026-01-15", "2026-01-31", 0),
    ],
)
def test_the_periods_of_a_mandate(frequency: str, start: str, when: str, number: int) -> None:
    assert period(frequency, date.fromisoformat(start), date.fromisoformat(when)) == number


@pytest.mark.parametrize(
    ("link", "side", "end"),
    [
        ({"mode": "push"}, "creditParty", "completed"),
        ({"mode": "push"}, "debitParty", "linkViolation"),
        ({"mode": "pull"}, "creditParty", "linkViolation"),
        ({"mode": "pull"}, "debitParty", "completed"),
        ({"mode": "both", "status": "inactive"}, "creditParty", "linkViolation"),
    ],
)
async def test_a_link_allows_the_directions_of_its_mode(
    world: World, link: dict[str, Any], side: str, end: str
) -> None:
    await sown(world)
    reference = (await made(world, "links", **link))["linkReference"]
    other = "debitParty" if side == "creditParty" else "creditParty"
    parties = {side: [{"key": "linkref", "value": reference}], other: [{"key": "iban", "value": "KE1"}]}
    assert await debited(world, type="transfer", **parties) == end
    moved = {"creditParty": "1010", "debitParty": "990"}[side]
    assert await balance(world) == (moved if end == "completed" else "1000")


@pytest.mark.parametrize(
    ("code", "amount", "more", "end"),
    [
        ({}, "50", {}, "completed"),
        ({}, "40", {}, "completed"),
        ({}, "60", {}, "greaterThanTransactionMaxValue"),
        ({"amountType": "exact"}, "40", {}, "lessThanTransactionMinValue"),
        ({"amountType": "exact"}, "50", {}, "completed"),
        ({"currency": "USD"}, "50", {}, "currencyNotSupported"),
        ({"redemptionTransactionTypes": [{"transactionType": "withdrawal"}]}, "50", {}, "transactionTypeError"),
        ({"redemptionTransactionTypes": [{"transactionType": "merchantpay"}]}, "50", {}, "completed"),
        ({"redemptionAccountIdentifiers": [{"key": "organisationid", "value": "SHOP1"}]}, "50", {}, "completed"),
        (
            {"redemptionAccountIdentifiers": [{"key": "organisationid", "value": "SHOP2"}]},
            "50",
            {},
            "requestingPartyAuthorisationError",
        ),
        ({}, "50", {"debitParty": []}, "completed"),
        ({}, "50", {"debitParty": [{"key": "msisdn", "value": "+254700000009"}]}, "identifierError"),
        ({}, "50", {"oneTimeCode": "1", "debitParty": [{"key": "msisdn", "value": "+254700000009"}]}, "completed"),
        ({}, "50", {"oneTimeCode": "123456"}, "identifierError"),
        ({}, "50", {"oneTimeCode": "123456", "debitParty": []}, "identifierError"),
        ({}, "50.01", {}, "insufficientFunds"),
    ],
)
async def test_a_code_pays_what_it_is_for(
    world: World, code: dict[str, Any], amount: str, more: dict[str, Any], end: str
) -> None:
    await sown(world)
    minted = (await made(world, "authorisationcodes", **code))["authorisationCode"]
    assert await debited(world, amount, **{"oneTimeCode": minted} | more) == end


async def test_a_code_pays_once_and_then_is_expired(world: World) -> None:
    await sown(world)
    code = (await made(world, "authorisationcodes"))["authorisationCode"]
    assert [await debited(world, oneTimeCode=code) for _ in range(2)] == ["completed", "incorrectState"]
    assert (await got(world, f"{AT}/authorisationcodes/{code}")).body["codeState"] == "expired"
    listed = await got(world, f"{AT}/authorisationcodes?codeState=expired")
    assert [each["authorisationCode"] for each in listed.body] == [code]
    assert (await got(world, f"{AT}/authorisationcodes?codeState=active")).body == []
    change = [{"op": "replace", "path": "/codeState", "value": "cancelled"}]
    assert (await ended(world, "PATCH", f"{AT}/authorisationcodes/{code}", change))["errorCode"] == "incorrectState"


@pytest.mark.parametrize(("at_ms", "state"), [(0, "active"), (59_999, "active"), (60_000, "expired")])
def test_a_code_lives_as_long_as_it_says(at_ms: int, state: str) -> None:
    code = Code(code_state="active", code_lifetime=60)
    assert code.state(Kept(account=FIRST, value=code, at_ms=0, changed_ms=0), at_ms) == state


async def test_a_code_that_holds_funds_keeps_them_from_others_until_it_is_used_or_cancelled(world: World) -> None:
    await sown(world)
    first = (await made(world, "authorisationcodes", amount="800", holdFundsIndicator=True))["authorisationCode"]
    shown = (await got(world, f"{AT}/balance")).body
    assert [shown[f"{name}Balance"] for name in ("current", "available", "reserved")] == ["1000", "200", "800"]
    assert await debited(world, "300") == "insufficientFunds"
    assert (await made(world, "authorisationcodes", amount="800", holdFundsIndicator=True))[
        "errorCode"
    ] == "insufficientFunds"
    assert await debited(world, "700", oneTimeCode=first) == "completed"
    second = (await made(world, "authorisationcodes", amount="300", holdFundsIndicator=True))["authorisationCode"]
    change = [{"op": "replace", "path": "/codeState", "value": "cancelled"}]
    assert (await ended(world, "PATCH", f"{AT}/authorisationcodes/{second}", change))["status"] == "completed"
    assert [await debited(world, oneTimeCode=second), await debited(world, "300")] == ["incorrectState", "completed"]


@pytest.mark.parametrize("kind", list(MADE))
@pytest.mark.parametrize(
    ("fate", "answer", "link"),
    [("answer_lost", "dropped", "accounts"), ("broken", 500, "accounts"), ("declined", 202, "errors")],
)
async def test_fates_come_over_what_is_made_too(world: World, kind: str, fate: str, answer: Any, link: str) -> None:
    await said(world.client, "PUT", "alpha/_control/rules", json=[{"type": kind, "fate": fate}])
    reference = "0b5f2f0e-6d5b-4f0c-9b1c-2f6c3d1f7a13"
    assert (await acted(world, "POST", f"{AT}/{kind}", MADE[kind], reference)).status == answer
    assert (await got(world, f"alpha/responses/{reference}")).body["link"].split("/")[1] == link
    assert await debited(world) == "completed"
