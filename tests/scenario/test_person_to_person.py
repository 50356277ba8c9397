"""Person to person: by the switch with the payee's name and a quotation, bilateral, and within one provider."""

import pytest

from hub.trial.plays import ACCOUNT, BAOBAB, SAVANNA, party
from hub.trial.world import World
from tests.scenario.acting import failure, request_body, result

OTHER = "+254700000003"


async def test_by_the_switch_with_name_quotation_and_transfer(stage: World) -> None:
    sender = stage.clients["baobab"]
    name = await sender.get(f"/accounts/msisdn/{SAVANNA}/accountname")
    assert name.status == 200
    assert name.body["name"]["fullName"]
    asked = {
        "creditParty": party(SAVANNA),
        "debitParty": party(BAOBAB),
        "type": "transfer",
        "requestAmount": "300.00",
        "requestCurrency": "KES",
    }
    quoted = await result(stage, await sender.post("/quotations", asked))
    (quote, *_) = quoted["quotes"]
    assert (quote["sendingAmount"], quote["sendingCurrency"]) == ("300", "KES")
    by_quote = {"originCountry": "KE", "quotationReference": quoted["quotationReference"], "quoteId": quote["quoteId"]}
    body = request_body(BAOBAB, SAVANNA, "300.00", internationalTransferInformation=by_quote)
    told = await result(stage, await sender.submit("transfer", body))
    assert told["transactionStatus"] == "completed"
    assert (await sender.get(f"/quotations/{quoted['quotationReference']}")).body == quoted
    assert (await stage.clients["savanna"].get(f"/quotations/{'0' * 32}")).status == 404


async def test_a_rail_that_cannot_quote_is_quoted_by_the_hub(stage: World) -> None:
    asked = {
        "creditParty": party(ACCOUNT),
        "debitParty": party(BAOBAB),
        "requestAmount": "75.50",
        "requestCurrency": "KES",
    }
    quoted = await result(stage, await stage.clients["baobab"].post("/quotations", asked))
    assert [each["receivingAmount"] for each in quoted["quotes"]] == ["75.5"]


@pytest.mark.parametrize(
    ("changes", "amount", "error"),
    [
        ({"quotationReference": "0" * 32}, "300.00", "identification/identifierError"),
        ({"quoteId": "another"}, "300.00", "identification/identifierError"),
        ({}, "299.00", "businessRule/incorrectState"),
    ],
    ids=["an unknown quotation", "an unknown quote", "another amount"],
)
async def test_a_quote_is_honoured_as_it_stands_or_refused(
    stage: World, changes: dict[str, str], amount: str, error: str
) -> None:
    asked = {
        "creditParty": party(ACCOUNT),
        "debitParty": party(BAOBAB),
        "requestAmount": "300.00",
        "requestCurrency": "KES",
    }
    quoted = await result(stage, await stage.clients["baobab"].post("/quotations", asked))
    by_quote = {
        "originCountry": "KE",
        "quotationReference": quoted["quotationReference"],
        "quoteId": quoted["quotes"][0]["quoteId"],
        **changes,
    }
    body = request_body(BAOBAB, ACCOUNT, amount, internationalTransferInformation=by_quote)
    assert await failure(stage, await stage.clients["baobab"].submit("transfer", body)) == error


async def test_bilateral_is_name_and_transfer(stage: World) -> None:
    sender = stage.clients["savanna"]
    assert (await sender.get(f"/accounts/msisdn@{BAOBAB}/accountname")).status == 200
    told = await result(stage, await sender.submit("transfer", request_body(SAVANNA, BAOBAB, "42.00")))
    assert told["transactionStatus"] == "completed"


async def test_within_one_provider_a_third_party_moves_money_and_no_position(stage: World) -> None:
    before = {each.id: each for each in await stage.hub.store.accounts()}
    body = request_body(BAOBAB, OTHER, "42.00")
    told = await result(stage, await stage.clients["marketpay"].submit("transfer", body))
    assert told["transactionStatus"] == "completed"
    totals = stage.simulator.provider("baobab").totals()
    assert (totals["debited"], totals["credited"]) == ({"KES": 42_00}, {"KES": 42_00})
    assert {each.id: each for each in await stage.hub.store.accounts()} == before


async def test_a_number_nobody_knows_fails_after_acceptance(stage: World) -> None:
    reply = await stage.clients["baobab"].submit("transfer", request_body(BAOBAB, "+254730000404", "42.00"))
    assert await failure(stage, reply) == "identification/identifierError"
