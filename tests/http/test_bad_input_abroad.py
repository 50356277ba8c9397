"""Every bad input of a transfer across borders: one answer each, by polling and by callback, and nothing is held."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, Final, NamedTuple

import msgspec
import pytest

from hub.core.change import Notice
from hub.http.resources import letter_of
from hub.store.audit import run_audit
from tests.http import batch_desk
from tests.http.abroad import (
    KYC,
    ORIGIN,
    RATES,
    RWANDA,
    TANZANIA,
    UGANDA,
    asked,
    file,
    held,
    opened_abroad,
    pairs,
    pay,
    paying,
    quoted,
    unquoted,
)
from tests.http.batch_desk import Desk
from tests.http.front import ALPHA, Front, Json, Reply

FORMAT: Final = ("validation", "formatError")
CURRENCY: Final = ("validation", "currencyNotSupported")
MISSING: Final = ("validation", "mandatoryValueNotSupplied")
STATE: Final = ("businessRule", "incorrectState")
UNKNOWN: Final = ("identification", "identifierError")
TOO_SMALL: Final = ("businessRule", "lessThanTransactionMinValue")
NO_RATE: Final = ("serviceUnavailable", "genericError")
OTHER: Final = ("businessRule", "genericError")
LEAST: Final = pairs(receivingAmountMin="1")


class Bad(NamedTuple):
    """One bad input and what it comes to."""

    what: str
    error: tuple[str, str]
    change: Json
    property: str = ""


def to_tanzania(what: str, error: tuple[str, str], property_: str, **change: Any) -> Bad:
    """A transfer on the corridor that requires everything, with something amiss."""
    plain: Json = {
        "creditParty": [{"key": "msisdn", "value": TANZANIA}],
        **KYC,
        "internationalTransferInformation": ORIGIN,
    }
    return Bad(what, error, plain | change, property_)


def sender(**document: str) -> Json:
    found: Json = KYC["senderKyc"] | {"idDocument": [{"idType": "passport"} | document]}
    return found


# What the form of the request already shows.
AT_ONCE: Final = [
    Bad("a negative amount", ("validation", "negativeValue"), {"amount": "-100"}, "amount"),
    Bad("more decimals than the currency has", FORMAT, {"amount": "100.001"}, "amount"),
    Bad("decimals of a currency without any", FORMAT, {"amount": "100.5", "currency": "UGX"}, "amount"),
    Bad("a currency that does not exist", CURRENCY, {"currency": "KSH"}, "currency"),
    Bad("to no currency", CURRENCY, {"customData": pairs(receivingCurrency="USh")}, "customData.receivingCurrency"),
    Bad(
        "at least no amount",
        FORMAT,
        {"customData": pairs(receivingAmountMin="much")},
        "customData.receivingAmountMin",
    ),
    Bad(
        "at least something negative",
        ("validation", "negativeValue"),
        {"customData": pairs(receivingAmountMin="-1")},
        "customData.receivingAmountMin",
    ),
    Bad(
        "at least decimals of a currency without any",
        FORMAT,
        {"customData": pairs(receivingCurrency="UGX", receivingAmountMin="1.5")},
        "customData.receivingAmountMin",
    ),
    Bad(
        "no country of origin",
        MISSING,
        {"internationalTransferInformation": {"receivingCountry": "UG"}},
        "internationalTransferInformation.originCountry",
    ),
]
# What parties, rules and the market show. Accepted, kept, and failed in the same moment.
LATER: Final = [
    Bad("nothing", TOO_SMALL, {"amount": "0"}),
    Bad("less than one minor unit would arrive", TOO_SMALL, {"amount": "0.01"}),
    Bad("the fees would leave nothing", TOO_SMALL, {"amount": "1"}),
    Bad("no corridor", CURRENCY, {"creditParty": [{"key": "msisdn", "value": RWANDA}]}),
    Bad("a currency that the payee FSP does not settle in", CURRENCY, {"customData": pairs(receivingCurrency="TZS")}),
    Bad("a currency that the payer FSP does not settle in", CURRENCY, {"currency": "UGX"}),
    Bad(
        "less would arrive than is to be tolerated",
        ("businessRule", "genericError"),
        {"customData": pairs(receivingAmountMin="2801")},
    ),
    Bad("nothing is said of what is to be tolerated", OTHER, {"customData": []}),
    Bad(
        "a quotation that nobody made",
        UNKNOWN,
        {"internationalTransferInformation": {"originCountry": "KE", "quotationReference": "0" * 32}},
    ),
    to_tanzania("no KYC at all", MISSING, "senderKyc.idDocument.idNumber", senderKyc=None),
    to_tanzania("no number of the document", MISSING, "senderKyc.idDocument.idNumber", senderKyc=sender()),
    to_tanzania(
        "no purpose",
        MISSING,
        "internationalTransferInformation.remittancePurpose",
        internationalTransferInformation={"originCountry": "KE"},
    ),
    to_tanzania(
        "a document that is not taken there",
        ("businessRule", "idDocumentNotSupported"),
        "senderKyc.idDocument.idType",
        senderKyc=sender(idType="healthcard", idNumber="1"),
    ),
    to_tanzania(
        "from a country that is not taken there",
        ("businessRule", "countryofOriginNotPermitted"),
        "internationalTransferInformation.originCountry",
        internationalTransferInformation=ORIGIN | {"originCountry": "CD"},
    ),
]


@pytest.fixture
async def front() -> AsyncIterator[Front]:
    """Where the hub makes a price when none was asked for."""
    async with opened_abroad(unquoted()) as running:
        yield running


@pytest.fixture
async def strict() -> AsyncIterator[Front]:
    async with opened_abroad() as running:
        yield running


def transfer(**change: Any) -> Json:
    body: Json = {
        "amount": "100",
        "currency": "KES",
        "debitParty": [{"key": "msisdn", "value": ALPHA}],
        "creditParty": [{"key": "msisdn", "value": UGANDA}],
        "customData": LEAST,
    } | change
    return {name: value for name, value in body.items() if value is not None}


async def failed(front: Front, taken: Reply, who: str = "alpha") -> Json:
    """Return why an accepted request failed: the same in its state, at its link and in its callback."""
    state = await front.state(taken, who)
    assert state["status"] == "failed", state
    error: Json = state["error"]
    shown = await front.call("GET", f"/errors/{taken.reference}", who)
    kept = front.store.transfers[taken.reference]
    letter = letter_of(Notice(transfer=kept), await front.store.scheme())
    assert shown.body == error == msgspec.json.decode(letter.body)
    assert held(front) == []
    return error


def said(error: Json) -> tuple[str, str]:
    return error["errorCategory"], error["errorCode"]


def property_of(error: Json) -> str:
    return next((each["value"] for each in error["errorParameters"] if each["key"] == "property"), "")


async def test_what_is_good_is_carried(front: Front) -> None:
    for body in (transfer(), transfer(**to_tanzania("", ("", ""), "").change)):
        state = await front.state(await pay(front, body))
        assert state["status"] == "pending", state


@pytest.mark.parametrize("bad", AT_ONCE, ids=lambda bad: bad.what)
async def test_bad_form_is_refused_at_the_door(front: Front, bad: Bad) -> None:
    reply = await pay(front, transfer(**bad.change))
    assert reply.error == (400, *bad.error), reply.body
    assert reply.parameters == {"property": bad.property}
    assert (front.store.transfers, held(front)) == ({}, [])


@pytest.mark.parametrize("bad", LATER, ids=lambda bad: bad.what)
async def test_what_cannot_be_carried_fails_after_acceptance(front: Front, bad: Bad) -> None:
    error = await failed(front, await pay(front, transfer(**bad.change)))
    assert said(error) == bad.error, error
    assert property_of(error) == bad.property


async def test_a_scheme_may_insist_on_quotes(strict: Front) -> None:
    error = await failed(strict, await pay(strict, transfer()))
    assert said(error) == OTHER
    assert {"key": "reason", "value": "quote_needed"} in error["errorParameters"]


@pytest.mark.parametrize("is_quotation", [True, False], ids=["a quotation", "a transfer"])
async def test_stale_rates_are_no_rates(front: Front, *, is_quotation: bool) -> None:
    clock = front.store.now_ms
    front.store.now_ms = lambda: clock() + 601_000
    reply = await (front.call("POST", "/quotations", json=asked()) if is_quotation else pay(front, transfer()))
    error = await failed(front, reply)
    assert said(error) == NO_RATE
    assert {"key": "reason", "value": "rate_unavailable"} in error["errorParameters"]


async def test_what_nobody_can_give_is_said_so() -> None:
    narrow = tuple(msgspec.structs.replace(each, exposure_max="1000") for each in file().fx)
    async with opened_abroad(unquoted(fx=narrow)) as front:
        for reply in (await pay(front, transfer()), await front.call("POST", "/quotations", json=asked())):
            error = await failed(front, reply)
            assert said(error) == NO_RATE
            assert {"key": "reason", "value": "fx_liquidity"} in error["errorParameters"]


async def test_no_rate_at_all_is_no_rate() -> None:
    async with opened_abroad(unquoted(), rates=False) as front:
        assert said(await failed(front, await pay(front, transfer()))) == NO_RATE


@pytest.mark.parametrize(
    ("what", "change", "error"),
    [
        ("another amount", {"amount": "100.01"}, STATE),
        ("another currency", {"amount": "100", "currency": "UGX"}, STATE),
        ("another payee", {"creditParty": [{"key": "msisdn", "value": "+256700999888"}]}, STATE),
        ("another quote", {"international": {"quoteId": "00000000-0000-4000-8000-000000000000"}}, UNKNOWN),
        ("another quotation", {"international": {"quotationReference": "f" * 32}}, UNKNOWN),
    ],
)
async def test_a_quote_pays_what_was_quoted_and_nothing_else(
    strict: Front, what: str, change: Json, error: tuple[str, str]
) -> None:
    quotation = await quoted(strict)
    assert said(await failed(strict, await pay(strict, paying(quotation, **change)))) == error, what
    assert (await strict.state(await pay(strict, paying(quotation))))["status"] == "pending", "and is still good"


async def test_a_quote_is_for_its_caller_alone(strict: Front) -> None:
    quotation = await quoted(strict)
    for who in ("market", "bravo"):
        assert said(await failed(strict, await pay(strict, paying(quotation), who), who)) == UNKNOWN
    assert (await strict.call("GET", f"/quotations/{quotation['quotationReference']}", "market")).status == 404


async def test_a_quote_of_another_type_of_payment_is_not_for_this_one(strict: Front) -> None:
    quotation = await quoted(strict)
    assert said(await failed(strict, await pay(strict, paying(quotation), kind="transfer"))) == STATE


async def test_a_quote_that_has_expired_pays_nothing(strict: Front) -> None:
    quotation = await quoted(strict)
    clock = strict.store.now_ms
    strict.store.now_ms = lambda: clock() + 301_000
    error = await failed(strict, await pay(strict, paying(quotation)))
    assert said(error) == ("businessRule", "quoteHasExpired")


@pytest.fixture
async def desk(migrated_url: str) -> AsyncIterator[Desk]:
    """The same on PostgreSQL."""
    async with batch_desk.opened(migrated_url, file=file()) as running:
        for provider, rates in RATES.items():
            assert (await running.call("PUT", "/fxrates", provider, json={"rates": rates})).status == 200
        yield running


TOGETHER: Final = 12


async def test_a_quote_used_many_times_at_once_pays_exactly_once(desk: Desk) -> None:
    taken = await desk.call("POST", "/quotations", json=asked())
    quotation = (await desk.call("GET", f"/quotations/{taken.reference}")).body
    bodies = [paying(quotation, number % 2) for number in range(TOGETHER)]
    replies = await asyncio.gather(*(desk.call("POST", "/transactions/type/inttransfer", json=body) for body in bodies))
    assert {each.status for each in replies} == {202}
    states = [(await desk.call("GET", f"/requeststates/{each.body['serverCorrelationId']}")).body for each in replies]
    assert sorted(each["status"] for each in states) == ["failed"] * (TOGETHER - 1) + ["pending"]
    assert {said(each["error"]) for each in states if "error" in each} == {STATE}
    assert len(desk.instructions) == 1
    await desk.answered()
    ((committed, aborted),) = desk.execute(
        "SELECT count(*) FILTER (WHERE s.state = 'committed'), count(*) FILTER (WHERE s.state = 'aborted')"
        " FROM standing AS s JOIN transfer AS t USING (id) WHERE t.flow <> 'errand'"
    )
    assert (committed, aborted) == (1, TOGETHER - 1)
    assert desk.execute("SELECT sum(debits_pending), sum(credits_pending) FROM account") == [(0, 0)]
    assert run_audit(desk.database).findings == []
