"""Accounts of the simulator over real HTTP: who holds them, what is in them, what happened, and who is asked first."""

import uuid
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from tests.adapters.spoken import World, got, heard, said, serving, token
from tests.adapters.wallet import FIRST, PAYER, acted, balance, debited, ended, sown

AT = f"alpha/accounts/{FIRST}"
PERSON = {"identityKyc": {"subjectName": {"firstName": "Third", "lastName": "Customer"}}, "kycLevel": "1"}
NEW: dict[str, Any] = {"accountIdentifiers": [{"key": "msisdn", "value": "+254700000777"}], "identity": [PERSON]}


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with serving() as served:
        yield served


async def test_an_account_is_shown_whole_under_each_of_its_names(world: World) -> None:
    identity = {"identityId": "7", "kycVerificationStatus": "verified", "identityKyc": {"nationality": "KE"}}
    account = {"account": FIRST, "aliases": ["walletid@1"], "name": "First", "balances": {"KES": "5.5", "USD": "1"}}
    await sown(world, account=[account | {"identity": [identity], "accountType": "savings"}])
    shown = (await got(world, AT)).body
    assert shown["accountIdentifiers"] == [*PAYER, {"key": "walletid", "value": "1"}]
    assert [identity | each == each for each in shown["identity"]] == [True]
    assert (shown["accountStatus"], shown["accountType"], shown["currentBalance"]) == ("available", "savings", "5.5")
    for path in ("accounts/walletid/1", "accounts/walletid@1$msisdn@+254700000001", "accounts/msisdn/%2B254700000001"):
        assert (await got(world, f"alpha/{path}")).body == shown
    assert (await got(world, f"{AT}/balance?currency=USD")).body["currentBalance"] == "1"


async def test_what_is_registered_is_there_with_its_name_and_can_be_verified(world: World) -> None:
    made = await ended(world, "POST", "alpha/accounts/individual", NEW)
    at = "alpha/accounts/msisdn/+254700000777"
    assert (await got(world, f"{at}/accountname")).body["name"]["firstName"] == "Third"
    (identity,) = made["identity"]
    assert (identity["kycVerificationStatus"], identity["kycLevel"]) == ("unverified", 1)
    path = f"{at}/identities/{identity['identityId']}"
    change = [{"op": "replace", "path": "/kycVerificationStatus", "value": "verified"}]
    assert (await ended(world, "PATCH", path, change))["status"] == "completed"
    assert (await got(world, at)).body["identity"][0]["kycVerificationStatus"] == "verified"
    assert (await ended(world, "POST", "alpha/accounts/individual", NEW))["errorCode"] == "incorrectState"


async def test_money_that_came_before_the_registration_is_there_after_it(world: World) -> None:
    before = {"account": "msisdn@+254700000777", "accountStatus": "unregistered", "balances": {}}
    await sown(world, account=[before])
    await debited(world, "30", type="transfer", debitParty=[], creditParty=NEW["accountIdentifiers"])
    walletid = {"key": "walletid", "value": "77"}
    await ended(
        world, "POST", "alpha/accounts/individual", NEW | {"accountIdentifiers": [walletid, *NEW["accountIdentifiers"]]}
    )
    for path in ("walletid/77", "msisdn/+254700000777"):
        assert (await got(world, f"alpha/accounts/{path}/balance")).body["currentBalance"] == "30"
    assert len((await got(world, "alpha/accounts/walletid/77/transactions")).body) == 1


async def test_two_accounts_are_not_registered_as_one(world: World) -> None:
    both = [{"key": "msisdn", "value": "+254700000778"}, {"key": "msisdn", "value": "+254700000779"}]
    for each in both:
        await debited(world, "30", type="transfer", debitParty=[], creditParty=[each])
    end = await ended(world, "POST", "alpha/accounts/individual", NEW | {"accountIdentifiers": both})
    assert end["errorCode"] == "incorrectState"


async def test_who_was_only_named_has_an_identity_that_can_be_verified_too(world: World) -> None:
    (identity,) = (await got(world, AT)).body["identity"]
    change = [{"op": "add", "path": "/kycLevel", "value": "2"}]
    await acted(world, "PATCH", f"{AT}/identities/{identity['identityId']}", change)
    verified = {"kycLevel": 2, "kycVerificationStatus": "unverified"}
    assert (await got(world, AT)).body["identity"] == [identity | verified]


async def test_an_account_without_an_identifier_gets_one(world: World) -> None:
    made = await ended(world, "POST", "alpha/accounts/individual", {"identity": [PERSON]})
    (named,) = made["accountIdentifiers"]
    assert (await got(world, f"alpha/accounts/{named['key']}/{named['value']}")).body == made


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        ("POST", "accounts/individual", {}, 400, "mandatoryValueNotSupplied"),
        ("POST", "accounts/individual", {"identity": []}, 400, "mandatoryValueNotSupplied"),
        ("POST", "accounts/individual", {"identity": [{"kycLevel": "high"}]}, 400, "formatError"),
        ("POST", "accounts/company", NEW, 404, "identifierError"),
        ("PATCH", f"accounts/{FIRST}", [{"op": "replace", "path": "/name", "value": "x"}], 400, "formatError"),
        ("PATCH", f"accounts/{FIRST}", [{"op": "replace", "path": "/accountStatus", "value": "x"}], 400, "formatError"),
        ("PATCH", f"accounts/{FIRST}", [{"op": "replace", "path": "/accountStatus", "value": ""}], 400, "formatError"),
        ("PATCH", f"accounts/{FIRST}", [], 400, "formatError"),
        ("PATCH", f"accounts/{FIRST}/identities/9", [{"op": "add", "path": "/kycLevel", "value": "2"}], 404, ""),
        ("PATCH", "transactions/alpha-9", [{"op": "add", "path": "/transactionStatus", "value": "failed"}], 404, ""),
        ("DELETE", f"accounts/{FIRST}", None, 404, "identifierError"),
    ],
)
async def test_what_cannot_be_written_is_refused_at_once(
    world: World, method: str, path: str, body: Any, status: int, code: str
) -> None:
    await sown(world)
    answer = await acted(world, method, f"alpha/{path}", body)
    assert (answer.status, answer.body["errorCode"]) == (status, code or "identifierError")


@pytest.mark.parametrize(
    ("status", "debit", "credit"),
    [
        ("available", "completed", "completed"),
        ("unavailable", "incorrectState", "incorrectState"),
        ("unregistered", "incorrectState", "completed"),
    ],
)
async def test_the_status_of_an_account_decides_what_it_takes_part_in(
    world: World, status: str, debit: str, credit: str
) -> None:
    await sown(world)
    change = [{"op": "replace", "path": "/accountStatus", "value": status}]
    assert (await ended(world, "PATCH", AT, change))["status"] == "completed"
    assert (await got(world, f"{AT}/status")).body["accountStatus"] == status
    assert await debited(world) == debit
    assert await debited(world, type="transfer", debitParty=[], creditParty=PAYER) == credit


async def test_an_account_holds_only_what_it_was_given_in_each_currency(world: World) -> None:
    await sown(world)
    assert await debited(world, "1", currency="USD") == "insufficientFunds"
    assert [await debited(world, "1000"), await debited(world, "1")] == ["completed", "insufficientFunds"]
    assert await balance(world) == "0"


async def paged(world: World, path: str) -> tuple[int, Any, list[str | None]]:
    async with world.client.get(f"{AT}/{path}", headers=await token(world.client, "alpha")) as response:
        counts = [response.headers.get(f"X-Records-{name}-Count") for name in ("Available", "Returned")]
        return response.status, await response.json(), counts


HISTORY = [
    {"direction": "debit", "type": "merchantpay", "amount": "1", "creationDate": "2026-01-01T10:00:00Z"},
    {"direction": "credit", "type": "transfer", "amount": "2", "creationDate": "2026-01-03T10:00:00Z"},
    {"direction": "debit", "amount": "3", "creationDate": "2026-01-02T10:00:00Z", "transactionStatus": "failed"},
]


@pytest.mark.parametrize(
    ("path", "amounts", "available"),
    [
        ("transactions", ["4", "2", "3", "1"], "4"),
        ("transactions?limit=2", ["4", "2"], "4"),
        ("transactions?limit=2&offset=1", ["2", "3"], "4"),
        ("transactions?offset=4", [], "4"),
        ("transactions?limit=0", [], "4"),
        ("transactions?toDateTime=2026-01-02T10:00:00Z", ["3", "1"], "2"),
        ("transactions?fromdatetime=2026-01-02T13:00:00%2B03:00&toDateTime=2026-01-31", ["2", "3"], "2"),
        ("transactions?transactionType=merchantpay", ["4", "1"], "2"),
        ("transactions?transactionStatus=failed", ["3"], "1"),
        ("statemententries", ["4", "2", "1"], "3"),
        ("statemententries?displayType=credit", ["2"], "1"),
    ],
)
async def test_a_history_is_paged_filtered_and_newest_first(
    world: World, path: str, amounts: list[str], available: str
) -> None:
    await sown(world, transaction=[{"account": FIRST, "currency": "KES"} | each for each in HISTORY])
    await debited(world, "4")
    status, rows, counts = await paged(world, path)
    assert (status, [row["amount"] for row in rows]) == (200, amounts)
    assert counts == [available, str(len(amounts))]


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("limit=x", "formatError"),
        ("limit=-1", "formatError"),
        ("offset=-1", "invalidOffset"),
        ("toDateTime=x", "formatError"),
    ],
)
async def test_a_page_that_cannot_be_is_refused(world: World, query: str, code: str) -> None:
    status, body, _ = await paged(world, f"transactions?{query}")
    assert (status, body["errorCode"]) == (400, code)


async def test_a_statement_entry_is_found_by_its_transaction(world: World) -> None:
    await debited(world)
    (row,) = (await got(world, f"{AT}/statemententries")).body
    assert (await got(world, f"alpha/statemententries/{row['transactionReference']}")).body == row


async def test_the_heartbeat_and_the_clients_own_balance_are_told(world: World) -> None:
    client = {"account": "organisationid@makutano", "balances": {"KES": "12"}}
    heartbeat = {"serviceStatus": "degraded", "delay": 4000}
    await sown(world, heartbeat=heartbeat, account=[client])
    assert (await got(world, "alpha/heartbeat")).body == heartbeat
    assert (await got(world, "alpha/accounts/balance")).body["currentBalance"] == "12"


ASKED = {"account": [{"account": FIRST, "balances": {"KES": "1000"}, "asksCustomer": True, "tokens": ["good"]}]}


@pytest.mark.parametrize(("accept", "end", "left"), [(True, "completed", "990"), (False, "requestDeclined", "1000")])
@pytest.mark.parametrize("by_rule", [True, False])
async def test_a_customer_who_is_asked_confirms_or_declines(
    world: World, accept: bool, end: str, left: str, by_rule: bool
) -> None:
    await sown(world, **({} if by_rule else ASKED))
    if by_rule:
        await said(world.client, "PUT", "alpha/_control/rules", json=[{"account": FIRST, "fate": "asks_customer"}])
    reference, body = str(uuid.uuid4()), {"amount": "10", "currency": "KES", "debitParty": PAYER}
    assert (await acted(world, "POST", "alpha/transactions/type/merchantpay", body, reference)).status == 202
    assert (await heard(world, reference), await balance(world)) == ([], "1000")
    early = await acted(world, "POST", f"alpha/transactions/{reference}/reversals", {"type": "reversal"})
    assert (early.status, early.body["errorCode"]) == (400, "incorrectState")
    answer = await said(world.client, "POST", "alpha/_control/confirm", json={"account": FIRST, "accept": accept})
    assert answer.body == {"ended": [reference]}
    (callback,) = await heard(world, reference)
    assert callback.get("transactionStatus", callback.get("errorCode")) == end
    assert await balance(world) == left
    again = await said(world.client, "POST", "alpha/_control/confirm", json={"account": FIRST, "accept": True})
    assert again.body == {"ended": []}


@pytest.mark.parametrize(
    ("headers", "end"),
    [
        ({}, "pending"),
        ({"X_User_Bearer": "good"}, "completed"),
        ({"X_User_Bearer": "Bearer good"}, "completed"),
        ({"X_User_Credential_1": "good"}, "completed"),
        ({"X_User_Bearer": "stolen"}, "requestingPartyAuthorisationError"),
    ],
)
async def test_the_customers_own_token_approves_at_once(world: World, headers: dict[str, str], end: str) -> None:
    await sown(world, **ASKED)
    body = {"amount": "10", "currency": "KES", "debitParty": PAYER}
    became = await ended(world, "POST", "alpha/transactions/type/merchantpay", body, **headers)
    assert became.get("transactionStatus", became.get("errorCode")) == end


async def test_the_type_of_a_transaction_may_be_in_its_body(world: World) -> None:
    body = {"amount": "10", "currency": "KES", "debitParty": PAYER, "creditParty": [{"key": "storeid", "value": "1"}]}
    assert (await ended(world, "POST", "alpha/transactions", body | {"type": "merchantpay"}))["type"] == "merchantpay"
    assert (await acted(world, "POST", "alpha/transactions", body)).body["errorCode"] == "mandatoryValueNotSupplied"


async def test_a_one_time_code_and_a_credit_ask_nobody(world: World) -> None:
    await sown(world, **ASKED)
    assert await debited(world, oneTimeCode="123456") == "completed"
    assert await debited(world, type="transfer", debitParty=[], creditParty=PAYER) == "completed"


@pytest.mark.parametrize(("status", "left"), [("completed", "990"), ("failed", "1000")])
async def test_a_transaction_that_waits_is_ended_by_its_client(world: World, status: str, left: str) -> None:
    await sown(world, **ASKED)
    reference, body = str(uuid.uuid4()), {"amount": "10", "currency": "KES", "debitParty": PAYER}
    own = (await acted(world, "POST", "alpha/transactions/type/merchantpay", body, reference)).body["objectReference"]
    change = [{"op": "replace", "path": "/transactionStatus", "value": status}]
    for _ in range(2):
        assert (await ended(world, "PATCH", f"alpha/transactions/{own}", change))["status"] == "completed"
    other = [change[0] | {"value": "failed" if status == "completed" else "completed"}]
    assert (await ended(world, "PATCH", f"alpha/transactions/{own}", other))["errorCode"] == "incorrectState"
    assert (await got(world, f"alpha/transactions/{own}")).body["transactionStatus"] == status
    assert (len(await heard(world, reference)), await balance(world)) == (1, left)


async def test_every_answer_is_the_apis_error_object_whatever_is_sent(world: World) -> None:
    held = await token(world.client, "alpha") | {"X-CorrelationID": str(uuid.uuid4())}
    for body in (b"", b"[" * 2000, b"\xff", b'{"amount":', b"[]"):
        async with world.client.post("alpha/quotations", data=body, headers=held) as response:
            assert (response.status, (await response.json())["errorCategory"]) == (400, "validation")
    async with (
        aiohttp.ClientSession() as outside,
        outside.get(world.client._build_url("alpha/nothing"), headers=held) as it,
    ):
        assert it.status == 404
