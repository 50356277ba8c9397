"""The simulator as a biller, over real HTTP: what is due is paid once, in the parts that are allowed."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.adapters.spoken import World, got, heard, posted, said, serving
from tests.adapters.wallet import FIRST, acted, ended, sown

BILL = {"account": FIRST, "billReference": "B1", "amountDue": "100", "currency": "KES", "dueDate": "2026-12-31"}
PARTS = BILL | {"billReference": "B2", "minimumAmountDue": "30"}
COMPANY = {"serviceProvider": "maji", "companyName": "Maji Water Company"}
OF_ACCOUNT = f"alpha/accounts/{FIRST}/bills"


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with serving() as served:
        await sown(served, bill=[BILL, PARTS], billcompany=[COMPANY, COMPANY | {"serviceProvider": "stima"}])
        yield served


async def paid(world: World, bill: str, amount: str, **more: Any) -> str:
    end = await ended(world, "POST", f"{OF_ACCOUNT}/{bill}/payments", {"amountPaid": amount, "currency": "KES", **more})
    return str(end.get("billPaymentStatus") or end["errorCode"])


async def shown(world: World, bill: str) -> tuple[str, str]:
    rows = {row["billReference"]: row for row in (await got(world, OF_ACCOUNT)).body}
    return rows[bill]["billStatus"], rows[bill]["amountDue"]


@pytest.mark.parametrize(
    ("bill", "payments", "ends", "left"),
    [
        ("B1", [("100", {})], ["completed"], ("paid", "0")),
        ("B1", [("99", {})], ["underPaymentNotAllowed"], ("unpaid", "100")),
        ("B1", [("101", {})], ["overPaymentNotAllowed"], ("unpaid", "100")),
        ("B1", [("100", {}), ("100", {})], ["completed", "incorrectState"], ("paid", "0")),
        ("B2", [("30", {"paymentType": "partialpayment"})], ["completed"], ("partialpaid", "70")),
        ("B2", [("30", {"paymentType": "fullpayment"})], ["underPaymentNotAllowed"], ("unpaid", "100")),
        ("B2", [("29", {})], ["underPaymentNotAllowed"], ("unpaid", "100")),
        ("B2", [("80", {}), ("20", {})], ["completed", "completed"], ("paid", "0")),
        ("B2", [("80", {}), ("30", {})], ["completed", "overPaymentNotAllowed"], ("partialpaid", "20")),
        ("B2", [("50", {"currency": "USD"})], ["currencyNotSupported"], ("unpaid", "100")),
        ("B2", [("40.01", {}), ("40.07", {})], ["insufficientFunds", "dailyValueLimitExceeded"], ("unpaid", "100")),
    ],
)
async def test_a_bill_is_paid_by_its_rules(
    world: World, bill: str, payments: list[tuple[str, Any]], ends: list[str], left: tuple[str, str]
) -> None:
    assert [await paid(world, bill, amount, **more) for amount, more in payments] == ends
    assert await shown(world, bill) == left


@pytest.mark.parametrize(
    "path",
    [f"{OF_ACCOUNT}/B2/payments", "alpha/accounts/msisdn/+254700000001/bills/B2/payments", "alpha/bills/B2/payments"],
)
async def test_a_payment_is_called_back_listed_linked_and_counted_as_a_credit(world: World, path: str) -> None:
    reference = "0b5f2f0e-6d5b-4f0c-9b1c-2f6c3d1f7a21"
    body = {
        "amountPaid": "40",
        "currency": "KES",
        "requestingOrganisationTransactionReference": "T1",
        "customerReference": "meter 17",
    }
    assert (await acted(world, "POST", path, body, reference)).status == 202
    (callback,) = await heard(world, reference)
    assert callback | body | {"billPaymentStatus": "completed"} == callback
    assert callback["serviceProviderNotification"].startswith("Token ")
    assert (await got(world, path)).body == [callback]
    linked = (await got(world, "alpha" + (await got(world, f"alpha/responses/{reference}")).body["link"])).body
    assert linked | callback == linked
    assert (linked["transactionStatus"], linked["amount"], linked["type"]) == ("completed", "40", "billpay")
    again = await acted(world, "POST", path, body, reference)
    assert (again.status, again.body["errorCode"]) == (400, "duplicateRequest")
    totals = world.simulator.provider("alpha").totals()
    assert (totals["credited"], totals["executed_twice"]) == ({"KES": 4000}, 0)
    await acted(world, "POST", path, body)
    assert world.simulator.provider("alpha").totals()["executed_twice"] == 1


@pytest.mark.parametrize(
    ("amount", "answer", "called_back", "left"),
    [
        ("40.03", "dropped", 0, "59.97"),
        ("40.04", 202, 2, "59.96"),
        ("40.08", "dropped", 0, "100"),
        ("40.09", 202, 0, "59.91"),
        ("40.11", 202, 1, "59.89"),
    ],
)
async def test_fates_come_over_bill_payments_too(
    world: World, amount: str, answer: Any, called_back: int, left: str
) -> None:
    reference = "0b5f2f0e-6d5b-4f0c-9b1c-2f6c3d1f7a22"
    body = {"amountPaid": amount, "currency": "KES"}
    assert (await acted(world, "POST", f"{OF_ACCOUNT}/B2/payments", body, reference)).status == answer
    assert len(await heard(world, reference)) == called_back
    assert (await shown(world, "B2"))[1] == left


async def test_a_wrong_amount_is_in_the_callback_only(world: World) -> None:
    reference = "0b5f2f0e-6d5b-4f0c-9b1c-2f6c3d1f7a23"
    await acted(world, "POST", f"{OF_ACCOUNT}/B2/payments", {"amountPaid": "40.05", "currency": "KES"}, reference)
    assert [each["amountPaid"] for each in await heard(world, reference)] == ["40.06"]
    assert await shown(world, "B2") == ("partialpaid", "59.95")


async def test_an_account_is_paid_into_without_a_bill(world: World) -> None:
    path = f"{OF_ACCOUNT}/payments"
    end = await ended(world, "POST", path, {"amountPaid": "25", "currency": "KES"})
    assert end["serviceProviderNotification"].startswith("Token ")
    assert [each["amountPaid"] for each in (await got(world, path)).body] == ["25"]
    at_once = await acted(
        world, "POST", f"prompt/accounts/{FIRST}/bills/payments", {"amountPaid": "25", "currency": "KES"}
    )
    assert (at_once.status, at_once.body["billPaymentStatus"]) == (201, "completed")


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        (f"{OF_ACCOUNT}/B1/payments", {"currency": "KES"}, 400, "mandatoryValueNotSupplied"),
        (f"{OF_ACCOUNT}/B1/payments", {"amountPaid": "1.234", "currency": "KES"}, 400, "formatError"),
        (f"{OF_ACCOUNT}/B1/payments", {"amountPaid": "1", "currency": "KES", "paymentType": "x"}, 400, "formatError"),
        (f"{OF_ACCOUNT}/B1/refunds", {"amountPaid": "1", "currency": "KES"}, 404, "identifierError"),
    ],
)
async def test_a_payment_that_cannot_be_read_is_refused_at_once(
    world: World, path: str, body: Any, status: int, code: str
) -> None:
    answer = await acted(world, "POST", path, body)
    assert (answer.status, answer.body["errorCode"]) == (status, code)


@pytest.mark.parametrize("path", ["bills/B9/payments", "accounts/msisdn@+254700000009/bills/B1/payments"])
async def test_another_bill_and_the_bill_of_another_are_not_found(world: World, path: str) -> None:
    end = await ended(world, "POST", f"alpha/{path}", {"amountPaid": "100", "currency": "KES"})
    assert end["errorCode"] == "identifierError"
    assert world.simulator.provider("alpha").totals()["credited"] == {}


async def test_a_bill_is_found_where_only_its_biller_is_named(world: World) -> None:
    path = "alpha/accounts/serviceprovider/maji/bills/B2/payments"
    assert (await ended(world, "POST", path, {"amountPaid": "50", "currency": "KES"}))[
        "billPaymentStatus"
    ] == "completed"
    assert len((await got(world, path)).body) == 1


@pytest.mark.parametrize("path", ["billcompanies", f"accounts/{FIRST}/billcompanies"])
async def test_companies_are_listed_and_shown(world: World, path: str) -> None:
    assert [each["serviceProvider"] for each in (await got(world, f"alpha/{path}?limit=1&offset=1")).body] == ["stima"]
    assert (await got(world, "alpha/billcompanies/maji")).body == COMPANY
    assert (await got(world, "alpha/billcompanies/nobody")).status == 404


async def test_an_ordinary_credit_pays_no_bill(world: World) -> None:
    await posted(world, "alpha", "100", "0b5f2f0e-6d5b-4f0c-9b1c-2f6c3d1f7a24")
    assert await shown(world, "B1") == ("unpaid", "100")
    assert (await said(world.client, "GET", f"{OF_ACCOUNT}")).status == 401
