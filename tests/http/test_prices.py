"""What a priced transfer looks like: each side is shown its own amount, an FX provider the conversions it sold."""

from collections.abc import AsyncIterator
from typing import Any, Final

import msgspec
import pytest

from hub.core.change import Letter, Notice
from hub.core.office.ruling import Rule
from hub.core.participant import Participant, Role, SchemeFile
from hub.core.pricing.price import Side
from hub.core.pricing.rules import FeeRule, LimitRule, Period
from hub.core.transfer import State
from hub.http.resources import letter_of
from routing.message import Resource, Verdict
from routing.table import Connection
from tests.http import front as plain
from tests.http.abroad import GIVEN, SENDING, SENT, named, opened_abroad, pairs, pay, paying, quoted
from tests.http.front import ALPHA, Front, Json, opened
from tests.store.windows import approved

FEES: Final = [
    {"feeType": "sending", "feeAmount": SENDING, "feeCurrency": "KES"},
    {"feeType": "receiving", "feeAmount": "50", "feeCurrency": "UGX"},
]
ABROAD: Final = {"receivingAmount": GIVEN, "receivingCurrency": "UGX", "fxRate": "28.5"}
OURS: Final = [{"feeType": "said by the caller", "feeAmount": "3", "feeCurrency": "KES"}]


@pytest.fixture
async def front() -> AsyncIterator[Front]:
    async with opened_abroad() as running:
        yield running


def charging(**change: Any) -> SchemeFile:
    """The plain scheme with a merchant's fee: bravo is given 2 percent less than is paid."""
    rule = FeeRule(name="merchant", currency="KES", types=("merchantpay",), percent="2", paid_by=Side.PAYEE)
    return msgspec.structs.replace(plain.scheme(), **({"fee": (rule,)} | change))


@pytest.fixture
async def home() -> AsyncIterator[Front]:
    async with opened(file=charging()) as running:
        yield running


async def carried(front: Front, **more: Any) -> str:
    """Carry a quoted transfer through to its end."""
    reply = await pay(front, paying(await quoted(front), **more))
    assert reply.status == 202, reply.raw
    await front.heard(reply.reference, Verdict.ACCEPTED)
    assert front.store.transfers[reply.reference].state is State.COMMITTED
    return reply.reference


async def seen(front: Front, transfer: str, who: str) -> Json:
    reply = await front.call("GET", f"/transactions/{transfer}", who)
    assert reply.status == 200, reply.raw
    body: Json = reply.body
    return body


def amount(body: Json) -> tuple[str, str]:
    return body["amount"], body["currency"]


async def letter(front: Front, transfer: str, to: str) -> Json:
    """Return what the notice to a participant says, as it stands in the outbox."""
    (row,) = [
        each for (id_, _, queue), each in front.store.outbox.items() if (id_, queue) == (transfer, f"notices:{to}")
    ]
    notice = msgspec.json.decode(row.message.body, type=Notice)
    assert notice.to == to
    written: Letter = letter_of(notice, await front.store.scheme())
    body: Json = msgspec.json.decode(written.body)
    return body


async def test_each_side_is_shown_its_own_amount(front: Front) -> None:
    transfer = await carried(front, customData=pairs(till="3"), fees=OURS)
    sender, receiver = [await seen(front, transfer, who) for who in ("alpha", "bravo")]
    assert (amount(sender), amount(receiver)) == ((SENT, "KES"), (GIVEN, "UGX"))
    for body in (sender, receiver):
        assert body["fees"] == FEES, "the schedule's, not those the caller spoke of"
        assert named(body) == {"till": "3"} | ABROAD
    assert (await front.call("GET", f"/transactions/{transfer}", "delta")).status == 404, (
        "whose money is not its matter"
    )


@pytest.mark.parametrize("what", ["transactions", "statemententries"])
async def test_lists_and_statements_show_each_side_its_own_amount(front: Front, what: str) -> None:
    transfer = await carried(front)
    for who, wanted in (("alpha", (SENT, "KES")), ("bravo", (GIVEN, "UGX"))):
        (row,) = (await front.call("GET", f"/accounts/organisationid/{who}/{what}", who)).body
        assert (row["transactionReference"], amount(row)) == (transfer, wanted)
        entry = (await front.call("GET", f"/statemententries/{transfer}", who)).body
        assert amount(entry) == wanted


async def test_the_payee_fsp_is_told_what_it_gives(front: Front) -> None:
    transfer = await carried(front)
    told = await letter(front, transfer, "bravo")
    assert (amount(told), told["transactionStatus"]) == ((GIVEN, "UGX"), "completed")


async def test_an_fx_provider_is_told_of_its_conversions_and_of_nobody(front: Front) -> None:
    transfer = await carried(front, descriptionText="rent of somebody")
    told = await letter(front, transfer, "delta")
    assert told == {
        "conversionReference": transfer,
        "status": "completed",
        "conversions": [
            {
                "sourceAmount": SENT,
                "sourceCurrency": "KES",
                "targetAmount": "2850",
                "targetCurrency": "UGX",
                "rate": "28.5",
            }
        ],
    }
    assert "notices:echo" not in {queue for _, _, queue in front.store.outbox}


async def test_a_payee_fsp_that_asks_itself_is_shown_what_it_asked_for(front: Front) -> None:
    quotation = await quoted(front, "bravo")
    reply = await pay(front, paying(quotation), "bravo")
    assert front.store.transfers[reply.reference].flow == "pull"
    assert amount(await seen(front, reply.reference, "bravo")) == (SENT, "KES")


@pytest.mark.parametrize(("count", "shown"), [(17, 20), (18, 18), (20, 20)])
async def test_what_the_api_has_no_room_for_is_left_out(front: Front, count: int, shown: int) -> None:
    transfer = await carried(front, customData=pairs(**{f"key{number}": "x" for number in range(count)}))
    body = await seen(front, transfer, "alpha")
    assert len(body["customData"]) == shown
    assert ("fxRate" in named(body)) is (count == 17)


async def test_what_was_wished_for_gives_way_to_what_is(front: Front) -> None:
    transfer = await carried(front, customData=pairs(RECEIVINGCURRENCY="ugx", fxRate="30", till="3"))
    assert named(await seen(front, transfer, "alpha")) == {"till": "3"} | ABROAD


async def test_a_reversal_abroad_says_what_is_taken_and_what_comes_back(front: Front) -> None:
    original = await carried(front)
    reply = await front.call("POST", f"/transactions/{original}/reversals", json={"type": "reversal"})
    await front.heard(reply.reference, Verdict.ACCEPTED)
    caller, payer = [await seen(front, reply.reference, who) for who in ("alpha", "bravo")]
    assert (amount(caller), amount(payer)) == ((SENT, "KES"), ("2850", "UGX"))
    for body in (caller, payer):
        assert named(body).items() > {"sendingAmount": "2850", "sendingCurrency": "UGX"}.items()
        assert named(body).items() > {"receivingAmount": SENT, "receivingCurrency": "KES"}.items()
        assert named(body)["fxRate"] == front.store.transfers[reply.reference].price.rate  # type: ignore[union-attr]


async def test_at_home_the_payee_fsp_is_shown_what_is_left_after_fees(home: Front) -> None:
    transfer = await home.completed(type="merchantpay", amount="100", fees=OURS)
    payer, payee = [await seen(home, transfer, who) for who in ("alpha", "bravo")]
    assert (amount(payer), amount(payee)) == (("100", "KES"), ("98", "KES"))
    assert payer["fees"] == payee["fees"] == [{"feeType": "merchant", "feeAmount": "2", "feeCurrency": "KES"}]
    assert "customData" not in payer


async def test_where_the_hub_charges_nothing_the_callers_fees_are_shown_again(home: Front) -> None:
    transfer = await home.completed(fees=OURS)
    for who in ("alpha", "bravo"):
        assert (await seen(home, transfer, who))["fees"] == OURS


async def test_a_limit_that_counts_it_makes_no_price_of_it() -> None:
    counting = LimitRule(name="daily", currency="KES", per=Period.DAY, max_count=10)
    async with opened(file=charging(limit=(counting,))) as front:
        transfer = await front.completed(fees=OURS)
        assert front.store.transfers[transfer].price is not None
        assert (await seen(front, transfer, "alpha"))["fees"] == OURS


def billing() -> SchemeFile:
    """A biller that settles itself, on the other side of a fee."""
    file = charging(fee=(FeeRule(name="bill", currency="KES", types=("billpay",), fixed="4", paid_by=Side.PAYEE),))
    biller = Participant(
        id="maji", name="maji", role=Role.BILLER, country="KE", currencies=("KES",), net_debit_cap={"KES": "0"}
    )
    rail = msgspec.structs.replace(plain.RAIL, resources=(Resource.BILL_PAYMENT,))
    line = Connection(name="maji", participant="maji", adapter="none", rail=rail, currencies=("KES",))
    return msgspec.structs.replace(file, participant=(*file.participant, biller), connection=(*file.connection, line))


async def test_a_biller_is_shown_what_reaches_it() -> None:
    async with opened(file=billing()) as front:
        path = "/accounts/consumerno/7/bills/B-1/payments"
        headers = {"X-Account-Holding-Institution-Identifier": "maji"}
        body = {"amountPaid": "100", "currency": "KES"}
        taken = await front.call("POST", path, json=body, headers=headers)
        assert taken.status == 202, taken.raw
        await front.heard(taken.reference, Verdict.ACCEPTED)
        kept = front.store.transfers[taken.reference]
        scheme = await front.store.scheme()
        told = [msgspec.json.decode(letter_of(Notice(transfer=kept, to=to), scheme).body) for to in ("", "maji")]
        assert [each["amountPaid"] for each in told] == ["100", "96"]
        assert amount(await seen(front, taken.reference, "maji")) == ("96", "KES")


async def test_what_an_operator_looks_at_is_pending_like_everything_else(front: Front) -> None:
    flagged, plainly = [await pay(front, paying(await quoted(front, amount=each))) for each in ("90001", "100")]
    assert front.store.transfers[flagged.reference].state is State.IN_REVIEW
    states = [await front.state(each) for each in (flagged, plainly)]
    assert [each["status"] for each in states] == ["pending", "pending"]
    assert states[0]["pendingReason"] == states[1]["pendingReason"], "nobody can tell which of them was flagged"
    for who in ("alpha", "bravo"):
        assert (await seen(front, flagged.reference, who))["transactionStatus"] == "pending"
        listed = await front.call("GET", f"/accounts/msisdn/{ALPHA}/transactions?transactionStatus=pending", who)
        assert flagged.reference in {each["transactionReference"] for each in listed.body}
    patch = [{"op": "replace", "path": "/transactionStatus", "value": "completed"}]
    said = await front.call("PATCH", f"/transactions/{flagged.reference}", "bravo", json=patch)
    assert said.error == (400, "businessRule", "incorrectState")
    why = "it is on a list"
    rule = Rule(by="desk-1", transfer=flagged.reference, state=State.IN_REVIEW, verdict=Verdict.REFUSED, why=why)
    await approved(front.door, rule)
    state = await front.state(flagged)
    assert (state["status"], state["error"]["errorCode"]) == ("failed", "genericError")
    assert "list" not in str(state)
