"""Quotations through the API: what is asked, what is shown while it is asked, and that a quote binds."""

from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from hub.core.admit import body_of
from hub.core.command import Heard
from hub.core.meaning import reference
from hub.core.participant import SchemeFile
from routing.message import FailureClass, Operation, Outcome, Resource, Verdict
from routing.message import Heard as Source
from tests.http.abroad import (
    GIVEN,
    RWANDA,
    SENDING,
    SENT,
    UGANDA,
    asked,
    file,
    named,
    opened_abroad,
    pairs,
    pay,
    paying,
    quoted,
)
from tests.http.front import ALPHA, Front, Json, Reply

FORMAT = (400, "validation", "formatError")
CURRENCY = (400, "validation", "currencyNotSupported")
NOTHING = (404, "identification", "identifierError")


def quoting() -> SchemeFile:
    """Bravo, the payee FSP, has its say."""
    plain = file()
    rails = [
        msgspec.structs.replace(each, rail=msgspec.structs.replace(each.rail, resources=(Resource.QUOTATION,)))
        if each.participant == "bravo"
        else each
        for each in plain.connection
    ]
    return file(connection=tuple(rails))


@pytest.fixture
async def front() -> AsyncIterator[Front]:
    async with opened_abroad() as running:
        yield running


@pytest.fixture
async def asking() -> AsyncIterator[Front]:
    async with opened_abroad(quoting()) as running:
        yield running


async def ask(front: Front, **more: Any) -> Reply:
    return await front.call("POST", "/quotations", "alpha", json=asked(**more))


async def answered(front: Front, transfer: str, verdict: Verdict = Verdict.ACCEPTED, **resource: Any) -> None:
    """Let the payee FSP answer."""
    kept = front.store.transfers[transfer]
    outcome = Outcome(
        transfer=transfer,
        operation=Operation.ISSUE,
        connection=kept.payee_connection,
        reference=reference(transfer, Operation.ISSUE),
        verdict=verdict,
        heard=Source.ANSWER,
        failure=None if verdict is Verdict.ACCEPTED else FailureClass.REFUSED,
        provider_reference="THEIRS" if verdict is Verdict.ACCEPTED else "",
        resource=resource,
    )
    await front.door.handle(Heard(outcome=outcome))


async def test_the_hub_prices_what_is_asked_and_shows_every_offer_the_best_first(front: Front) -> None:
    found = await quoted(front, customData=pairs(till="3"))
    assert (found["quotationStatus"], found["requestAmount"], found["requestCurrency"]) == ("completed", SENT, "KES")
    best, other = found["quotes"]
    assert (best["sendingAmount"], best["sendingCurrency"]) == (SENT, "KES")
    assert (best["receivingAmount"], best["receivingCurrency"], best["fxRate"]) == (GIVEN, "UGX", "28.5")
    assert other["receivingAmount"] == "2750"
    assert best["fees"] == [
        {"feeType": "sending", "feeAmount": SENDING, "feeCurrency": "KES"},
        {"feeType": "receiving", "feeAmount": "50", "feeCurrency": "UGX"},
    ]
    assert named(found)["till"] == "3"
    assert best["quoteExpiryTime"]


async def test_both_parties_are_bound(front: Front) -> None:
    found = await quoted(front)
    kept = front.store.issued[found["quotationReference"]]
    assert [(each.payer[0].value, each.payee[0].value) for each in kept.quotes] == [(ALPHA, UGANDA)] * 2
    for party, number in (("debitParty", "+254700999888"), ("creditParty", "+256700999888")):
        taken = await pay(front, paying(found) | {party: [{"key": "msisdn", "value": number}]})
        assert (await front.state(taken))["error"]["errorCode"] == "incorrectState", party


async def test_what_is_received_may_be_fixed_instead(front: Front) -> None:
    terms = pairs(amountType="receive", sendingCurrency="kes")
    found = await quoted(front, amount="2800", currency="UGX", customData=terms)
    assert (found["quotes"][0]["receivingAmount"], found["quotes"][0]["receivingCurrency"]) == ("2800", "UGX")
    assert (found["quotes"][0]["sendingAmount"], found["quotes"][0]["sendingCurrency"]) == (SENT, "KES")


BAD: list[tuple[str, Json, tuple[int, str, str], str]] = [
    ("negative", {"amount": "-5"}, (400, "validation", "negativeValue"), "requestAmount"),
    ("more decimals than the currency has", {"amount": "5.001"}, FORMAT, "requestAmount"),
    ("decimals of a currency without any", {"amount": "5.5", "currency": "UGX"}, FORMAT, "requestAmount"),
    ("no amount at all", {"amount": "five"}, FORMAT, "requestAmount"),
    ("a currency that does not exist", {"currency": "ABC"}, CURRENCY, "requestCurrency"),
    (
        "over what the ledger can hold",
        {"amount": "999999999999999999"},
        (400, "businessRule", "greaterThanTransactionMaxValue"),
        "requestAmount",
    ),
    ("an amount of neither side", {"customData": pairs(amountType="exact")}, FORMAT, "customData.amountType"),
    ("an empty side", {"customData": pairs(AMOUNTTYPE=" ")}, FORMAT, "customData.amountType"),
    ("to no currency", {"customData": pairs(receivingCurrency="shillings")}, CURRENCY, "customData.receivingCurrency"),
    ("from no currency", {"customData": pairs(sendingCurrency="XAU")}, CURRENCY, "customData.sendingCurrency"),
    ("no debit party", {"debitParty": None}, (400, "validation", "mandatoryValueNotSupplied"), "debitParty"),
]


@pytest.mark.parametrize(("change", "error", "property_"), [case[1:] for case in BAD], ids=[case[0] for case in BAD])
async def test_a_bad_request_is_refused_at_the_door(
    front: Front, change: Json, error: tuple[int, str, str], property_: str
) -> None:
    reply = await ask(front, **change)
    assert reply.error == error, reply.body
    assert reply.parameters == {"property": property_}
    assert front.store.transfers == {}


@pytest.mark.parametrize(
    ("change", "category", "code"),
    [
        ({"amount": "0"}, "businessRule", "lessThanTransactionMinValue"),
        ({"amount": "0.01"}, "businessRule", "lessThanTransactionMinValue"),
        ({"payee": RWANDA}, "validation", "currencyNotSupported"),
        ({"payee": "+27820000000"}, "identification", "identifierError"),
        ({"customData": pairs(receivingCurrency="RWF")}, "validation", "currencyNotSupported"),
        ({"chosenDeliveryMethod": "agent"}, "businessRule", "genericError"),
    ],
    ids=["zero", "less than one minor unit arrives", "no corridor", "nobody", "not settled", "not delivered so"],
)
async def test_what_cannot_be_quoted_fails_after_acceptance_and_is_shown_as_rejected(
    front: Front, change: Json, category: str, code: str
) -> None:
    taken = await ask(front, **change)
    state = await front.state(taken)
    assert (state["status"], state["error"]["errorCategory"], state["error"]["errorCode"]) == ("failed", category, code)
    shown = await front.call("GET", f"/quotations/{taken.reference}")
    assert (shown.status, shown.body["quotationStatus"]) == (200, "rejected")
    assert "quotes" not in shown.body
    assert front.store.exposures == {}


async def test_while_the_payee_fsp_is_asked_the_quotation_is_pending(asking: Front) -> None:
    taken = await ask(asking)
    where = f"/quotations/{taken.reference}"
    pending = (await asking.call("GET", where)).body
    assert (pending["quotationStatus"], pending["quotationReference"]) == ("pending", taken.reference)
    assert (pending["requestAmount"], pending["requestCurrency"]) == (SENT, "KES"), "as the caller asked"
    assert body_of(asking.store.transfers[taken.reference]).errand is not None
    assert (await asking.call("GET", where, "market")).error == NOTHING
    await answered(asking, taken.reference, quotationStatus="completed")
    assert (await asking.call("GET", where)).body["quotationStatus"] == "completed"


async def test_what_the_payee_fsp_blocks_is_rejected_with_its_words(asking: Front) -> None:
    taken = await ask(asking)
    await answered(asking, taken.reference, quotationStatus="rejected", recipientBlockingReason="not this one")
    shown = (await asking.call("GET", f"/quotations/{taken.reference}")).body
    assert (shown["quotationStatus"], shown["recipientBlockingReason"]) == ("rejected", "not this one")


async def test_a_payee_fsp_that_refuses_leaves_a_rejected_quotation(asking: Front) -> None:
    taken = await ask(asking)
    await answered(asking, taken.reference, Verdict.REFUSED)
    assert (await asking.state(taken))["status"] == "failed"
    assert (await asking.call("GET", f"/quotations/{taken.reference}")).body["quotationStatus"] == "rejected"


async def test_quotes_that_were_used_or_have_expired_stay_visible(front: Front) -> None:
    used, expired = await quoted(front), await quoted(front)
    assert (await front.state(await pay(front, paying(used))))["status"] == "pending"
    clock = front.store.now_ms
    front.store.now_ms = lambda: clock() + 301_000
    for each in (used, expired):
        assert (await front.call("GET", f"/quotations/{each['quotationReference']}")).body == each
    again, late = [await front.state(await pay(front, paying(each))) for each in (used, expired)]
    assert (again["error"]["errorCode"], late["error"]["errorCode"]) == ("incorrectState", "quoteHasExpired")


@pytest.mark.parametrize("path", ["%00", "x", "0" * 32, "%2e%2e"])
async def test_an_unknown_quotation_is_nothing(front: Front, path: str) -> None:
    assert (await front.call("GET", f"/quotations/{path}")).error == NOTHING


async def test_what_is_no_quotation_is_not_shown_as_one(front: Front) -> None:
    transfer = (await front.submit()).reference
    assert (await front.call("GET", f"/quotations/{transfer}")).error == NOTHING
