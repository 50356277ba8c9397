"""What the payee FSP says to a quotation: it confirms, refuses or takes a fee; it never changes what is converted."""

from typing import Any

import msgspec
import pytest

from hub.core.command import Reason, Transfer
from hub.core.instrument import Instrument
from hub.core.pricing.market import bucket
from hub.core.pricing.price import Price, Side
from hub.core.pricing.rules import FeeRule
from hub.core.transfer import State
from routing.message import FailureClass, Instruction, Operation, Verdict
from routing.money import Money
from tests.core.corridor import ABROAD, corridor_file, flows, net, opened, owed, paying, quotation, why
from tests.core.stage import START_MS, Hub

A, R, U = Verdict.ACCEPTED, Verdict.REFUSED, Verdict.UNKNOWN
ISSUE, CREDIT = Operation.ISSUE, Operation.CREDIT
THEIRS = {
    "quoteId": "theirs-1",
    "sendingAmount": "28500",
    "sendingCurrency": "UGX",
    "receivingAmount": "28500",
    "receivingCurrency": "UGX",
}
FEE = THEIRS | {"receivingAmount": "28400"}
AGENT = {"deliveryMethod": "agent"}
BOTH = {"bravo": {"deliveries": ("directtoaccount", "agent")}}


def asking(hub: Hub, **more: Any) -> Transfer:
    asked = hub.begun(quotation(1, **more))
    assert asked.state is State.TOLD
    return asked


def said(hub: Hub, *quotes: Any, asked: Transfer | None = None, **resource: Any) -> Instrument:
    """Have bravo answer with these quotes."""
    told = asked or asking(hub)
    resource |= {"quotes": list(quotes)} if quotes else {}
    hub.hear(told, ISSUE, A, own="theirs", resource=resource)
    return hub.instruments[told.id]


def offered(made: Instrument) -> list[tuple[str, str, str]]:
    return [(each.price.providers[0], str(each.price.given), each.own) for each in made.quotes]


def test_it_is_asked_about_what_would_arrive_in_its_own_currency() -> None:
    hub = opened(corridor_file(quoting=True))
    terms = {"receivingCountry": "UG", "chosenDeliveryMethod": "directtoaccount"}
    asking(hub, terms=terms, amountType="send", receivingCurrency="UGX", colour="blue")
    told = msgspec.json.decode(hub.told[-1].body, type=Instruction)
    assert (told.operation, told.connection) == (ISSUE, "bravo-1")
    assert told.errand is not None
    assert told.errand.body == terms | {
        "requestAmount": "28500",
        "requestCurrency": "UGX",
        "type": ABROAD,
        "customData": [{"key": "colour", "value": "blue"}],
    }


def test_nothing_is_offered_before_it_has_spoken_and_the_fx_providers_are_bound_meanwhile() -> None:
    hub = opened(corridor_file(quoting=True))
    asked = asking(hub)
    assert hub.instruments == {}
    assert {key[:2]: minor for key, minor in hub.exposures.items()} == {
        ("delta", "UGX"): 28_500,
        ("echo", "UGX"): 28_000,
    }
    made = said(hub, asked=asked)
    assert made.terms["requestAmount"] == "1000", "what is shown is what the caller asked"
    assert made.terms["quotationStatus"] == "completed"


OURS = [("delta", "28500", ""), ("echo", "28000", "")]
# What it says, and what is offered then.
SAYS: dict[str, tuple[list[Any], list[tuple[str, str, str]]]] = {
    "nothing": ([], OURS),
    "the same": ([THEIRS], [("delta", "28500", "theirs-1"), ("echo", "28000", "")]),
    "a fee": ([FEE], [("delta", "28400", "theirs-1")]),
    "a fee, in other letters": ([FEE | {"receivingAmount": "28400.00"}], [("delta", "28400", "theirs-1")]),
    "two, of which the better for the customer": (
        [FEE, FEE | {"receivingAmount": "28450", "quoteId": "theirs-2"}],
        [("delta", "28450", "theirs-2")],
    ),
    "all of it as a fee": ([THEIRS | {"receivingAmount": "0"}], []),
    "more than arrives": ([THEIRS | {"receivingAmount": "28501"}], []),
    "of another amount": ([THEIRS | {"sendingAmount": "28000"}], []),
    "of another currency sent": ([THEIRS | {"sendingCurrency": "KES"}], []),
    "of another currency received": ([THEIRS | {"receivingCurrency": "KES"}], []),
    "no amount": ([THEIRS | {"receivingAmount": "much"}], []),
    "half a shilling": ([THEIRS | {"receivingAmount": "28399.5"}], []),
    "below zero": ([THEIRS | {"receivingAmount": "-1"}], []),
    "no object": (["28500"], []),
    "one that can be read among others": (["x", {}, FEE], [("delta", "28400", "theirs-1")]),
    "another way of delivery": ([THEIRS | AGENT], []),
    "no name of its own": ([{name: value for name, value in THEIRS.items() if name != "quoteId"}], OURS),
}


@pytest.mark.parametrize(("quotes", "found"), SAYS.values(), ids=SAYS)
def test_what_it_says_is_joined_to_what_the_hub_offers(quotes: list[Any], found: list[tuple[str, str, str]]) -> None:
    hub = opened(corridor_file(quoting=True))
    made = said(hub, *quotes)
    assert offered(made) == found
    assert made.terms["quotationStatus"] == ("completed" if found else "rejected")
    assert [each["receivingAmount"] for each in made.terms.get("quotes", [])] == [given for _, given, _ in found]
    bound = {key[0]: minor for key, minor in hub.exposures.items() if minor}
    assert bound == {who: {"delta": 28_500, "echo": 28_000}[who] for who, _, _ in found}, "nobody else stays bound"


def test_quotes_that_are_no_list_are_none() -> None:
    hub = opened(corridor_file(quoting=True))
    asked = asking(hub)
    hub.hear(asked, ISSUE, A, own="theirs", resource={"quotes": "28500"})
    assert offered(hub.instruments[asked.id]) == OURS


def test_its_fee_stays_with_it_and_everything_else_is_as_it_was() -> None:
    hub = opened(
        corridor_file(quoting=True, fee=(FeeRule(name="margin", currency="UGX", paid_by=Side.PAYEE, fixed="50"),))
    )
    asked = asking(hub)
    # It is asked about what its account would gain, the scheme's own fee taken off.
    made = said(hub, FEE | {"sendingAmount": "28450", "receivingAmount": "28350"}, asked=asked)
    (quote,) = made.quotes
    price = quote.price
    assert [(fee.name, fee.earned_by, str(fee.money)) for fee in price.fees] == [
        ("margin", "", "50"),
        ("payee", "bravo", "100"),
    ]
    assert (price.given, price.taken, price.hops[0].target) == (
        Money(28_350, "UGX"),
        Money(100_000, "KES"),
        Money(28_500, "UGX"),
    )
    assert flows(price.legs) == owed(price)
    assert (price.quote, price.expires_ms) == (quote.id, START_MS + 300_000)
    transfer = hub.begun(paying(2, made))
    told = msgspec.json.decode(hub.told[-1].body, type=Instruction)
    assert (told.operation, told.money) == (CREDIT, Money(28_350, "UGX"))
    hub.hear(transfer, CREDIT, A, money=told.money)
    assert net(hub)["bravo", "UGX"] == 28_450


@pytest.mark.parametrize(("receiving", "count"), [("28500", 2), ("28400", 0)], ids=["no fee", "a fee"])
def test_what_is_fixed_at_the_receiving_end_no_fee_of_its_makes_less(receiving: str, count: int) -> None:
    hub = opened(corridor_file(quoting=True))
    asked = asking(hub, amount="28500", currency="UGX", amountType="receive")
    made = said(hub, THEIRS | {"receivingAmount": receiving}, asked=asked)
    assert [each.price.given for each in made.quotes] == [Money(28_500, "UGX")] * count
    assert [str(each.price.taken) for each in made.quotes] == ["1000", "1017.86"][:count]


@pytest.mark.parametrize(
    ("until", "expires_ms"),
    [
        ("2027-01-15T08:01:00Z", START_MS + 60_000),
        ("2027-01-15T11:01:00+03:00", START_MS + 60_000),
        ("2027-01-15T08:01:00", START_MS + 60_000),
        ("2027-01-15T09:00:00Z", START_MS + 300_000),
        ("soon", START_MS + 300_000),
        ("", START_MS + 300_000),
        ("0001-01-01T00:00:00+14:00", START_MS + 300_000),
        ("0001-01-01T00:00:00", START_MS + 300_000),
        ("9999-12-31T23:59:59-14:00", START_MS + 300_000),
        ("2027-02-30T08:01:00Z", START_MS + 300_000),
        ("2027-01-15T08:01:00.999Z", START_MS + 60_000),
    ],
)
def test_it_may_shorten_a_quote_and_never_lengthen_it(until: str, expires_ms: int) -> None:
    hub = opened(corridor_file(quoting=True))
    made = said(hub, THEIRS | {"quoteExpiryTime": until})
    assert {each.price.expires_ms for each in made.quotes} == {expires_ms}
    assert {key[2] for key, minor in hub.exposures.items() if minor} == {bucket(expires_ms)}
    hub.now_ms = expires_ms
    assert why(hub.one(paying(2, made))) == Reason.QUOTE_EXPIRED


def test_a_shortened_quote_that_is_paid_binds_nobody_twice() -> None:
    hub = opened(corridor_file(quoting=True))
    made = said(hub, THEIRS | {"quoteExpiryTime": "2027-01-15T08:01:00Z"})
    hub.begun(paying(2, made))
    assert not any(hub.exposures.values())
    hub.now_ms += 120_000
    assert not any(hub.market().open_minor.values())


def test_each_way_of_delivery_is_confirmed_for_itself() -> None:
    hub = opened(corridor_file(quoting=True, members=BOTH))
    made = said(hub, THEIRS | AGENT)
    assert [(each.price.providers[0], each.delivery) for each in made.quotes] == [("delta", "agent"), ("echo", "agent")]
    assert made.terms["availableDeliveryMethod"] == "agent"


def test_one_that_it_rejects_offers_nothing_says_why_and_binds_nobody() -> None:
    hub = opened(corridor_file(quoting=True))
    made = said(hub, THEIRS, quotationStatus="rejected", recipientBlockingReason="barred", colour="red")
    assert (made.quotes, made.terms["quotationStatus"], made.terms["recipientBlockingReason"]) == (
        (),
        "rejected",
        "barred",
    )
    assert "colour" not in made.terms
    assert not any(hub.exposures.values())
    assert why(hub.one(paying(2, made))) == Reason.QUOTE_UNKNOWN


def test_one_that_it_refuses_fails_and_binds_nobody() -> None:
    hub = opened(corridor_file(quoting=True))
    asked = asking(hub)
    failed = hub.hear(asked, ISSUE, R, failure=FailureClass.PARTY_NOT_FOUND)
    assert (failed.state, failed.reason, hub.instruments) == (State.ABORTED, FailureClass.PARTY_NOT_FOUND, {})
    assert not any(hub.exposures.values())


def test_while_its_word_is_missing_the_fx_providers_stay_bound_until_the_quotes_expire() -> None:
    hub = opened(corridor_file(quoting=True))
    doubted = hub.hear(asking(hub), ISSUE, U)
    assert doubted.state is State.TOLD_IN_DOUBT
    assert hub.market().open_minor == {("delta", "UGX"): 28_500, ("echo", "UGX"): 28_000}
    hub.now_ms += 300_000
    assert hub.market().open_minor == {}


def test_a_word_that_comes_too_late_makes_quotes_that_nobody_can_pay() -> None:
    hub = opened(corridor_file(quoting=True))
    asked = asking(hub)
    hub.now_ms += 300_000
    made = said(hub, THEIRS, asked=asked)
    assert why(hub.one(paying(2, made))) == Reason.QUOTE_EXPIRED
    assert not any(minor for key, minor in hub.exposures.items() if key[2] > hub.now_ms)


def test_prices_of_a_quotation_are_kept_as_they_were_offered() -> None:
    hub = opened(corridor_file(quoting=True))
    made = said(hub)
    for each in made.quotes:
        assert msgspec.json.decode(msgspec.json.encode(each.price), type=Price) == each.price
