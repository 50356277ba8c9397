"""Bills: who sends them, what is due, and paying: by reference, in part, too little, too much, and by transaction."""

from typing import Any

import msgspec
import pytest

from adapters.simulator.seed import Seed, sow
from hub.trial.plays import BAOBAB, party
from hub.trial.world import World
from tests.scenario.acting import failure, result

METER = "/accounts/consumerno@17$serviceprovider@maji"
BILL = {
    "account": "consumerno@17",
    "billReference": "INV-1",
    "amountDue": "60.00",
    "minimumAmountDue": "20.00",
    "currency": "KES",
}


def sown(stage: World) -> None:
    """Give the biller a customer with a bill."""
    seed = {"account": [{"account": "consumerno@17", "name": "Meter 17"}], "bill": [BILL]}
    sow(msgspec.convert(seed, Seed), stage.simulator.provider("maji").book)


def paying(amount: str, **more: Any) -> dict[str, Any]:
    return {"amountPaid": amount, "currency": "KES", "requestingOrganisationTransactionReference": "R-1", **more}


async def test_a_bill_is_found_paid_and_answered_with_the_billers_word(stage: World) -> None:
    sown(stage)
    payer = stage.clients["baobab"]
    companies = await payer.get("/billcompanies")
    assert [each["serviceProvider"] for each in companies.body] == ["maji"]
    bills = await payer.get(f"{METER}/bills")
    assert [(each["billReference"], each["amountDue"]) for each in bills.body] == [("INV-1", "60")]
    paid = await result(stage, await payer.post(f"{METER}/bills/INV-1/payments", paying("60.00")))
    assert (paid["amountPaid"], paid["currency"]) == ("60", "KES")
    assert paid["requestingOrganisationTransactionReference"] == "R-1"
    assert paid["serviceProviderPaymentReference"]
    assert "Token" in paid["serviceProviderNotification"]
    payments = await payer.get(f"{METER}/bills/INV-1/payments")
    assert [each["amountPaid"] for each in payments.body] == ["60"]
    assert stage.simulator.provider("maji").totals()["credited"] == {"KES": 60_00}


async def test_a_bill_that_was_seen_is_paid_by_its_reference_alone(stage: World) -> None:
    sown(stage)
    payer = stage.clients["baobab"]
    assert (await payer.post("/bills/INV-1/payments", paying("60.00"))).status == 404
    await payer.get(f"{METER}/bills")
    paid = await result(stage, await payer.post("/bills/INV-1/payments", paying("60.00")))
    assert paid["amountPaid"] == "60"
    assert len((await payer.get("/bills/INV-1/payments")).body) == 1


async def test_a_transaction_of_type_billpay_pays_the_bill_it_names(stage: World) -> None:
    sown(stage)
    body = {
        "amount": "60.00",
        "currency": "KES",
        "debitParty": party(BAOBAB),
        "creditParty": [{"key": "consumerno", "value": "17"}, {"key": "serviceprovider", "value": "maji"}],
        "metadata": [{"key": "billReference", "value": "INV-1"}],
    }
    told = await result(stage, await stage.clients["marketpay"].submit("billpay", body))
    assert told["transactionStatus"] == "completed"
    assert any(each["key"] == "serviceProviderNotification" for each in told["customData"])


@pytest.mark.parametrize(
    ("amount", "error"),
    [
        ("10.00", "businessRule/underPaymentNotAllowed"),
        ("60.50", "businessRule/overPaymentNotAllowed"),
    ],
)
async def test_the_biller_says_how_much_may_be_paid(stage: World, amount: str, error: str) -> None:
    sown(stage)
    reply = await stage.clients["baobab"].post(f"{METER}/bills/INV-1/payments", paying(amount))
    assert await failure(stage, reply) == error


async def test_a_bill_is_paid_in_parts(stage: World) -> None:
    sown(stage)
    payer, path = stage.clients["baobab"], f"{METER}/bills/INV-1/payments"
    part = await result(stage, await payer.post(path, paying("25.00", paymentType="partialpayment")))
    rest = await result(stage, await payer.post(path, paying("35.00", paymentType="partialpayment")))
    assert (part["amountPaid"], rest["amountPaid"]) == ("25", "35")
    assert await failure(stage, await payer.post(path, paying("35.00")))


async def test_an_unknown_bill_is_not_paid(stage: World) -> None:
    sown(stage)
    reply = await stage.clients["baobab"].post(f"{METER}/bills/INV-9/payments", paying("60.00"))
    assert await failure(stage, reply) == "identification/identifierError"
    assert stage.simulator.provider("maji").totals()["credited"] == {}
