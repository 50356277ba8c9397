"""Account management: view, name, status, balance, transactions, statement entries; and whether anyone is there."""

import pytest

from hub.trial.plays import ACCOUNT, BAOBAB, SAVANNA
from hub.trial.world import World
from tests.scenario.acting import control, failure, request_body, result

WALLET = f"/accounts/msisdn/{BAOBAB}"


async def test_the_holder_of_an_account_is_named_to_whoever_pays(stage: World) -> None:
    for path in (WALLET, f"/accounts/msisdn@{BAOBAB}"):
        named = await stage.clients["savanna"].get(f"{path}/accountname")
        assert (named.status, named.body["name"]["fullName"]) == (200, "Customer 0001")
        status = await stage.clients["savanna"].get(f"{path}/status")
        assert (status.status, status.body["accountStatus"]) == (200, "available")


async def test_an_accounts_own_provider_sees_it_whole(stage: World) -> None:
    held = {"account": f"msisdn@{BAOBAB}", "balances": {"KES": "1000.50"}}
    await control(stage, "baobab", "seed", {"account": [held]}, "PUT")
    seen = await stage.clients["baobab"].get(WALLET)
    assert (seen.status, seen.body["accountStatus"]) == (200, "available")
    balance = await stage.clients["baobab"].get(f"{WALLET}/balance")
    assert (balance.status, balance.body["currentBalance"], balance.body["currency"]) == (200, "1000.5", "KES")


async def test_a_participants_own_balance_is_its_position(stage: World) -> None:
    paid = await stage.clients["baobab"].submit("transfer", request_body(BAOBAB, SAVANNA, "150.00"))
    await result(stage, paid)
    for path in ("/accounts/balance", "/accounts/organisationid/baobab/balance"):
        own = (await stage.clients["savanna"].get(path.replace("baobab", "savanna"))).body
        assert (own["currentBalance"], own["currency"]) == ("150", "KES")


async def test_transactions_and_statement_entries_come_from_the_ledger(stage: World) -> None:
    payer, payee = stage.clients["baobab"], stage.clients["savanna"]
    first = await result(stage, await payer.submit("transfer", request_body(BAOBAB, SAVANNA, "150.00")))
    second = await payer.submit("transfer", request_body(BAOBAB, SAVANNA, "99.07"))
    assert await failure(stage, second) == "businessRule/dailyValueLimitExceeded"
    listed = await payee.get(f"{WALLET}/transactions?limit=10")
    assert [each["transactionStatus"] for each in listed.body] == ["failed", "completed"]
    assert listed.headers["X-Records-Available-Count"] == listed.headers["X-Records-Returned-Count"] == "2"
    entries = await payee.get(f"{WALLET}/statemententries")
    assert [each["transactionReference"] for each in entries.body] == [first["transactionReference"]]
    entry = await payee.get(f"/statemententries/{first['transactionReference']}")
    assert (entry.status, entry.body["amount"]) == (200, "150")
    assert (await stage.clients["lakebank"].get(f"{WALLET}/transactions")).body == []
    assert (await stage.clients["lakebank"].get(f"/statemententries/{first['transactionReference']}")).status == 404


@pytest.mark.parametrize(
    ("path", "error"),
    [
        ("/accounts/msisdn/+254730000404/accountname", "identification/identifierError"),
        (f"/accounts/bankaccountno/{ACCOUNT}/balance", "businessRule/genericError"),
    ],
    ids=["nobody's account", "a rail that cannot say"],
)
async def test_what_cannot_be_answered_is_said_clearly(stage: World, path: str, error: str) -> None:
    assert (await stage.clients["lakebank"].get(path)).error == error


async def test_the_heartbeat_tells_the_truth_about_the_hub_and_about_whom_is_asked(stage: World) -> None:
    client = stage.clients["savanna"]
    assert (await client.get("/heartbeat")).body["serviceStatus"] == "available"
    to_baobab = {
        "X-Account-Holding-Institution-Identifier-Type": "organisationid",
        "X-Account-Holding-Institution-Identifier": "baobab",
    }
    assert (await client.get("/heartbeat", **to_baobab)).body["serviceStatus"] == "available"
    await control(stage, "baobab", "seed", {"heartbeat": {"serviceStatus": "unavailable"}}, "PUT")
    assert (await client.get("/heartbeat", **to_baobab)).body["serviceStatus"] == "unavailable"
