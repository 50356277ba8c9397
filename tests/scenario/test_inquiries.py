"""Questions to the real simulated providers: who may see what, under which names, and what a rail cannot say."""

from typing import Any

import msgspec
import pytest

from adapters.simulator.seed import Seed
from hub.trial.client import Client, Reply
from hub.trial.plays import BAOBAB, SAVANNA, party
from hub.trial.world import World
from routing.message import Resource
from tests.scenario.acting import result

ACCOUNT = f"/accounts/msisdn/{BAOBAB}"
METER = "/accounts/consumerno@17$serviceprovider@maji"
REFUSED = "authorisation/requestingPartyAuthorisationError"
UNKNOWN = "identification/identifierError"


def sown(stage: World, provider: str, **seed: Any) -> None:
    stage.simulator.provider(provider).sow(msgspec.convert(seed, Seed))


async def linked(stage: World, by: Client) -> str:
    body = {"sourceAccountIdentifiers": party(SAVANNA), "mode": "both", "status": "active"}
    return str((await result(stage, await by.post(f"{ACCOUNT}/links", body)))["linkReference"])


async def with_code(stage: World, by: Client) -> str:
    body = {"amount": "40.00", "currency": "KES", "codeLifetime": 600}
    made = await result(stage, await by.post(f"{ACCOUNT}/authorisationcodes", body))
    return str(made["authorisationCode"])


@pytest.mark.parametrize("what", ["", "/balance"])
async def test_an_account_is_shown_to_who_holds_it_and_to_who_has_a_link_to_it(stage: World, what: str) -> None:
    linker = stage.clients["marketpay"]
    assert (await stage.clients["baobab"].get(f"{ACCOUNT}{what}")).status == 200
    for other in ("savanna", "marketpay", "maji"):
        assert (await stage.clients[other].get(f"{ACCOUNT}{what}")).error == REFUSED
    reference = await linked(stage, linker)
    shown = await linker.get(f"/accounts/linkref/{reference}{what}")
    assert shown.status == 200, shown.body
    if not what:
        assert shown.body["accountIdentifiers"] == [{"key": "linkref", "value": reference}]
    assert BAOBAB not in str(shown.body)
    assert (await stage.clients["savanna"].get(f"/accounts/linkref/{reference}{what}")).error == UNKNOWN
    assert (await linker.get(f"/accounts/linkref@{reference}$msisdn@{SAVANNA}{what}")).error == UNKNOWN
    assert (await linker.get(f"/accounts/linkref@{reference}$msisdn@{BAOBAB}{what}")).status == 200


async def test_a_link_that_is_not_active_opens_nothing(stage: World) -> None:
    linker = stage.clients["marketpay"]
    reference = await linked(stage, linker)
    await result(stage, await linker.patch(f"{ACCOUNT}/links/{reference}", status="inactive"))
    assert (await linker.get(f"/accounts/linkref/{reference}/balance")).error == UNKNOWN


async def test_an_instrument_is_shown_under_the_hubs_reference_to_those_it_concerns(stage: World) -> None:
    linker = stage.clients["marketpay"]
    reference = await linked(stage, linker)
    (kept,) = await stage.hub.store.instruments(Resource.LINK, reference)
    for who in ("marketpay", "baobab"):
        shown = await stage.clients[who].get(f"{ACCOUNT}/links/{reference}")
        assert shown.body["linkReference"] == reference
        assert kept.own not in str(shown.body)
    refused = [
        await stage.clients["savanna"].get(f"{ACCOUNT}/links/{reference}"),
        await linker.get(f"{ACCOUNT}/links/{kept.own}"),
        await linker.get(f"/accounts/msisdn/{SAVANNA}/links/{reference}"),
        await linker.get(f"{ACCOUNT}/debitmandates/{reference}"),
    ]
    assert [each.error for each in refused] == [UNKNOWN] * 4


async def test_the_payees_institution_sees_the_mandate_that_pays_its_customer(stage: World) -> None:
    body = {"payee": party(SAVANNA), "startDate": "2020-01-01", "amountLimit": "100.00", "currency": "KES"}
    made = await result(stage, await stage.clients["duka"].post(f"{ACCOUNT}/debitmandates", body))
    path = f"{ACCOUNT}/debitmandates/{made['mandateReference']}"
    statuses = {who: (await client.get(path)).status for who, client in stage.clients.items()}
    assert [who for who, status in statuses.items() if status == 200] == ["baobab", "savanna", "duka"]
    assert set(statuses.values()) == {200, 404}


async def test_codes_are_listed_under_the_hubs_names_and_a_spent_one_reads_expired(stage: World) -> None:
    payer, merchant = stage.clients["baobab"], stage.clients["duka"]
    sown(
        stage,
        "baobab",
        authorisationcode=[
            {"account": f"msisdn@{BAOBAB}", "authorisationCode": "77770000", "amount": "5.00", "currency": "KES"}
        ],
    )
    first, second = await with_code(stage, payer), await with_code(stage, payer)
    paying = {
        "amount": "40.00",
        "currency": "KES",
        "oneTimeCode": first,
        "creditParty": [{"key": "organisationid", "value": "duka"}],
    }
    assert (await result(stage, await merchant.submit("merchantpay", paying)))["transactionStatus"] == "completed"
    listed = await payer.get(f"{ACCOUNT}/authorisationcodes")
    states = {each["authorisationCode"]: each["codeState"] for each in listed.body}
    assert states == {first: "expired", second: "active"}, "what the hub did not issue is not the hub's to show"
    assert listed.headers["X-Records-Available-Count"] == listed.headers["X-Records-Returned-Count"] == "2"
    assert (await payer.get(f"{ACCOUNT}/authorisationcodes/{first}")).body["codeState"] == "expired"
    active = await payer.get(f"{ACCOUNT}/authorisationcodes?CODESTATE=active")
    assert [each["authorisationCode"] for each in active.body] == [second]
    assert (await merchant.get(f"{ACCOUNT}/authorisationcodes")).body == []
    assert (await payer.get(f"{ACCOUNT}/authorisationcodes?codeState=used")).error == "validation/formatError"


async def test_what_a_rail_cannot_say_is_a_clear_error_and_no_outage(stage: World) -> None:
    reply = await stage.clients["lakebank"].get("/accounts/bankaccountno/LK0012345678/balance")
    assert reply.status == 400
    assert reply.error == "businessRule/genericError"
    assert "balance" in reply.body["errorDescription"]


@pytest.mark.parametrize(
    ("query", "error"),
    [
        ("limit=0", "validation/formatError"),
        ("limit=1001", "validation/formatError"),
        ("LIMIT=x", "validation/formatError"),
        ("offset=-1", "validation/invalidOffset"),
        ("Offset=1.5", "validation/invalidOffset"),
        ("fromDateTime=yesterday", "validation/formatError"),
        ("todatetime=2026-13-01", "validation/formatError"),
        ("limit=1&offset=0&fromDateTime=2020-01-01T00:00:00Z", ""),
    ],
)
async def test_a_window_on_a_list_is_checked_before_anybody_is_asked(stage: World, query: str, error: str) -> None:
    for path in (f"{METER}/bills", "/billcompanies", f"{METER}/bills/payments"):
        if "billcompanies" in path and "date" in query.lower():
            continue
        sown(stage, "maji", account=[{"account": "consumerno@17"}])
        assert (await stage.clients["baobab"].get(f"{path}?{query}")).error == error


def bill(reference: str) -> dict[str, str]:
    return {"account": "consumerno@17", "billReference": reference, "amountDue": "60.00", "currency": "KES"}


async def test_bills_are_listed_in_pages_with_how_many_there_are(stage: World) -> None:
    sown(stage, "maji", account=[{"account": "consumerno@17"}], bill=[bill(f"INV-{number}") for number in range(5)])
    found: list[str] = []
    for offset in (0, 2, 4):
        page: Reply = await stage.clients["lakebank"].get(f"{METER}/bills?limit=2&offset={offset}")
        assert page.headers["X-Records-Available-Count"] == "5"
        found += [each["billReference"] for each in page.body]
    assert sorted(found) == [f"INV-{number}" for number in range(5)]


async def test_payments_of_a_bill_are_shown_to_who_paid_and_to_the_biller(stage: World) -> None:
    sown(stage, "maji", account=[{"account": "consumerno@17"}], bill=[bill("INV-1")])
    path = f"{METER}/bills/INV-1/payments"
    body = {"amountPaid": "60.00", "currency": "KES", "requestingOrganisationTransactionReference": "R-1"}
    await result(stage, await stage.clients["baobab"].post(path, body))
    shown = {who: (await client.get(path)).body for who, client in stage.clients.items()}
    assert {who for who, rows in shown.items() if rows} == {"baobab", "maji"}
    (row,) = shown["baobab"]
    assert (row["amountPaid"], row["requestingOrganisationTransactionReference"]) == ("60", "R-1")


async def test_billers_come_from_the_scheme(stage: World) -> None:
    client = stage.clients["marketpay"]
    (company,) = (await client.get("/billcompanies")).body
    assert company == {"serviceProvider": "maji", "companyName": "Maji Water Company"}
    assert (await client.get("/billcompanies/maji")).body == company
    assert (await client.get("/billcompanies/baobab")).error == UNKNOWN
    assert (await client.get(f"{ACCOUNT}/billcompanies")).body == [company]
    assert (await client.get("/accounts/msisdn/+999000000000/billcompanies")).error == UNKNOWN
    assert (await client.get("/billcompanies?offset=1")).body == []


@pytest.mark.parametrize("state", ["available", "degraded", "unavailable"])
async def test_a_participant_says_itself_how_it_is(stage: World, state: str) -> None:
    sown(stage, "savanna", heartbeat={"serviceStatus": state})
    client = stage.clients["baobab"]
    header = "X-Account-Holding-Institution-Identifier"
    assert (await client.get("/heartbeat")).body == {"serviceStatus": "available"}
    assert (await client.get("/heartbeat", **{header: "savanna"})).body == {"serviceStatus": state}
    assert (await client.get("/heartbeat", **{header: "lakebank"})).body == {"serviceStatus": "available"}
    assert (await client.get("/heartbeat", **{header: "duka"})).body == {"serviceStatus": "unavailable"}
    assert (await client.get("/heartbeat", **{header: "nobody"})).error == UNKNOWN
