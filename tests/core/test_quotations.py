"""Quotations: what may be asked, why it cannot be, and how the API shows what is offered."""

from typing import Any

import msgspec
import pytest

from hub.core.change import Notice
from hub.core.command import AT_THE_DOOR, Reason
from hub.core.participant import Status
from hub.core.pricing.price import Side
from hub.core.pricing.rules import FeeRule
from hub.core.quotation import PAIRS_MAX, WHY_MAX
from hub.core.transfer import Flow, State
from routing.message import Operation, Resource, Verdict
from routing.party import Identifier
from tests.core.corridor import (
    ABROAD,
    CORRIDORS,
    OFFERS,
    UGANDA,
    corridor_file,
    opened,
    quotation,
    quoted,
    why,
)
from tests.core.stage import ALPHA, RAIL, Hub, errand, scheme

NOBODY = "+999700000001"
BOTH = {"alpha": {"currencies": ("KES", "UGX"), "net_debit_cap": {}}}
RECEIVE = {"amountType": "receive"}

# The scheme, what is asked, and why it cannot be quoted; empty: it can.
ASKED: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "as it is": ({}, {}, ""),
    "no amount": ({}, {"amount": ""}, Reason.CURRENCY_UNSUPPORTED),
    "nothing": ({}, {"amount": "0"}, Reason.AMOUNT_TOO_SMALL),
    "below zero": ({}, {"amount": "-1"}, Reason.CURRENCY_UNSUPPORTED),
    "too many decimals": ({}, {"amount": "1.001"}, Reason.CURRENCY_UNSUPPORTED),
    "no currency": ({}, {"currency": ""}, Reason.CURRENCY_UNSUPPORTED),
    "a currency that nobody settles in": ({}, {"currency": "TZS"}, Reason.CURRENCY_UNSUPPORTED),
    "what the payer FSP does not settle in": ({}, {"currency": "UGX"}, Reason.CURRENCY_UNSUPPORTED),
    "to be received": ({}, RECEIVE | {"amount": "28500", "currency": "UGX"}, ""),
    "to be received, spelled otherwise": ({}, {"amountType": "Receive", "amount": "28500", "currency": "UGX"}, ""),
    "to be received, but not settled there": ({}, RECEIVE, Reason.CURRENCY_UNSUPPORTED),
    "to be sent in what the payer FSP settles in": (
        {"members": BOTH},
        RECEIVE | {"amount": "28500", "currency": "UGX", "sendingCurrency": "kes"},
        "",
    ),
    "to be sent in what it does not": (
        {},
        RECEIVE | {"amount": "28500", "currency": "UGX", "sendingCurrency": "USD"},
        Reason.CURRENCY_UNSUPPORTED,
    ),
    "no corridor": ({"corridor": CORRIDORS[1:]}, {}, Reason.CURRENCY_UNSUPPORTED),
    "no corridor, to be received": (
        {"corridor": CORRIDORS[1:]},
        RECEIVE | {"amount": "28500", "currency": "UGX"},
        Reason.CURRENCY_UNSUPPORTED,
    ),
    "nobody sells": ({"fx": OFFERS[1:2]}, {}, Reason.CURRENCY_UNSUPPORTED),
    "no payee": ({}, {"payee": NOBODY}, Reason.PAYEE_UNKNOWN),
    "a payee FSP that is suspended": (
        {"members": {"bravo": {"status": Status.SUSPENDED}}},
        {},
        Reason.PARTICIPANT_SUSPENDED,
    ),
    "a payer that nobody knows is the caller's own": ({}, {"payer": NOBODY}, ""),
    "a payer that nobody knows, asked by a third party": (
        {},
        {"payer": NOBODY, "caller": "third"},
        Reason.PAYER_UNKNOWN,
    ),
    "by a third party": ({}, {"caller": "third"}, ""),
    "by the payee FSP": ({}, {"caller": "bravo"}, ""),
    "a way of delivery": ({}, {"terms": {"chosenDeliveryMethod": "directtoaccount"}}, ""),
    "a way of delivery that the payee FSP has not": (
        {},
        {"terms": {"chosenDeliveryMethod": "agent"}},
        Reason.UNSUPPORTED,
    ),
    "by nobody": ({}, {"caller": "nobody"}, Reason.CALLER_SUSPENDED),
}


@pytest.mark.parametrize(("change", "asked", "reason"), ASKED.values(), ids=ASKED)
def test_what_cannot_be_quoted_is_said(change: dict[str, Any], asked: dict[str, Any], reason: str) -> None:
    hub = opened(corridor_file(**change))
    command = quotation(1, **asked)
    assert why(hub.one(command)) == reason
    if reason in AT_THE_DOOR:
        assert hub.transfers == {}
        return
    kept = hub.transfers[command.transfer]
    assert (kept.flow, kept.state) == (Flow.ERRAND, State.ABORTED if reason else State.COMMITTED)
    assert bool(hub.instruments) is not bool(reason)
    assert bool(any(hub.exposures.values())) is not bool(reason)


@pytest.mark.parametrize(
    ("kind", "payee", "priced_for"),
    [("", UGANDA, ABROAD), ("", "+254700000002", "transfer"), ("merchantpay", UGANDA, "merchantpay")],
    ids=["abroad", "at home", "as it says"],
)
def test_what_says_no_type_is_quoted_for_the_usual_one(kind: str, payee: str, priced_for: str) -> None:
    made = quoted(opened(), kind=kind, payee=payee)
    assert {each.type for each in made.quotes} == {priced_for}


def test_an_fsp_may_be_named_by_its_own_id_on_both_sides() -> None:
    hub = opened()
    plain = quotation(1, caller="third")
    parties = {"payer": (Identifier("organisationid", "alpha"),), "payee": (Identifier("organisationid", "bravo"),)}
    command = msgspec.structs.replace(plain, body=msgspec.structs.replace(plain.body, **parties))
    (first, *_) = hub.instruments[hub.begun(command).id].quotes
    assert (first.payer_fsp, first.payee_fsp) == ("alpha", "bravo")


@pytest.mark.parametrize("side", ["payer", "payee"])
def test_a_link_stands_for_the_account_on_either_side(side: str) -> None:
    hub = opened(corridor_file(quoting=True, members={"bravo": {"currencies": ("KES", "UGX"), "net_debit_cap": {}}}))
    account = {"payer": ALPHA, "payee": UGANDA}[side]
    file, rail = hub.scheme.file, msgspec.structs.replace(RAIL, resources=(Resource.LINK,))
    linked = tuple(msgspec.structs.replace(each, rail=rail) for each in file.connection)
    hub.scheme = scheme(msgspec.structs.replace(file, connection=linked))
    asked = hub.begun(errand(1, Resource.LINK, {"mode": "both"}, caller="third", account=account))
    hub.hear(asked, Operation.ISSUE, Verdict.ACCEPTED)
    plain = quotation(2, caller="third")
    parties = {side: (Identifier("linkref", hub.instruments[asked.id].reference),)}
    made = hub.begun(msgspec.structs.replace(plain, body=msgspec.structs.replace(plain.body, **parties)))
    assert made.reason == ""
    (quote, *_) = hub.instruments[made.id].quotes
    assert (quote.payer_fsp, quote.payee_fsp) == ("alpha", "bravo")


FEES = (
    FeeRule(name="service", currency="KES", percent="1"),
    FeeRule(name="margin", currency="UGX", paid_by=Side.PAYEE, fixed="100"),
)


def test_what_is_offered_is_shown_as_the_api_has_it() -> None:
    hub = opened(corridor_file(fee=FEES), {("delta", "KES", "UGX"): "28.56"})
    hub.now_ms += 999
    made = quoted(hub, terms={"requestDate": "2027-01-15T08:00:00Z"}, colour="blue")
    (quote,) = made.quotes
    assert made.terms == {
        "requestAmount": "1000",
        "requestCurrency": "KES",
        "requestDate": "2027-01-15T08:00:00Z",
        "type": ABROAD,
        "quotationReference": made.id,
        "quotationStatus": "completed",
        "availableDeliveryMethod": "directtoaccount",
        "customData": [
            {"key": "colour", "value": "blue"},
            {
                "key": f"why {quote.id}",
                "value": "1 of 1: takes 1010 KES, gives 28460 UGX; delta at 28.56 (28.56, 0 s old); "
                "service 10 KES paid by the payer; margin 100 UGX paid by the payee",
            },
        ],
        "quotes": [
            {
                "quoteId": quote.id,
                "sendingAmount": "1000",
                "sendingCurrency": "KES",
                "receivingAmount": "28460",
                "receivingCurrency": "UGX",
                "receivingServiceProvider": "bravo",
                "quoteExpiryTime": "2027-01-15T08:05:00Z",
                "fxRate": "28.56",
                "deliveryMethod": "directtoaccount",
                "fees": [
                    {"feeType": "service", "feeAmount": "10", "feeCurrency": "KES"},
                    {"feeType": "margin", "feeAmount": "100", "feeCurrency": "UGX"},
                ],
            }
        ],
    }
    assert (made.expires_ms, made.owner, made.participant, made.connection) == (
        quote.price.expires_ms,
        "alpha",
        "bravo",
        "",
    )
    said = msgspec.json.decode(hub.told[-1].body, type=Notice)
    assert (hub.told[-1].queue, said.resource) == ("callbacks", made.terms)


def shown(hub: Hub, **asked: Any) -> dict[str, Any]:
    found: dict[str, Any] = quoted(hub, **asked).terms
    return found


@pytest.mark.parametrize(("rate", "seen"), [("28", None), ("28.", None), ("28.5", "28.5"), ("1234", "1234")])
def test_a_rate_too_short_for_the_api_is_left_to_the_amounts(rate: str, seen: str | None) -> None:
    hub = opened(rates={("delta", "KES", "UGX"): rate.rstrip(".")})
    (quote,) = shown(hub)["quotes"]
    assert quote.get("fxRate") == seen


def test_at_home_there_is_no_rate_and_without_fees_none_are_shown() -> None:
    (quote,) = shown(opened(), payee="+254700000002")["quotes"]
    assert "fxRate" not in quote
    assert "fees" not in quote


def test_where_there_are_several_ways_of_delivery_none_is_the_one() -> None:
    members = {"bravo": {"deliveries": ("directtoaccount", "agent")}}
    found = shown(opened(corridor_file(members=members)))
    assert "availableDeliveryMethod" not in found
    assert [each["deliveryMethod"] for each in found["quotes"]] == ["directtoaccount", "agent"] * 2


def test_a_payee_fsp_that_says_no_way_of_delivery_is_quoted_without() -> None:
    found = shown(opened(corridor_file(members={"bravo": {"deliveries": ()}})))
    assert all("deliveryMethod" not in each for each in found["quotes"])
    assert "availableDeliveryMethod" not in found


def test_no_more_is_shown_than_the_api_takes() -> None:
    fees = tuple(FeeRule(name=f"fee-{number:02}-{'x' * 40}", currency="KES", fixed="1") for number in range(25))
    custom = {f"key-{number}": "value" for number in range(30)}
    found = shown(opened(corridor_file(fee=fees)), **custom)
    assert len(found["customData"]) == PAIRS_MAX
    assert [len(each["fees"]) for each in found["quotes"]] == [PAIRS_MAX] * 2
    few = shown(opened(corridor_file(fee=fees)))
    assert [len(each["value"]) for each in few["customData"]] == [WHY_MAX] * 2


def test_a_quotation_is_asked_by_one_and_nobody_is_debited() -> None:
    hub = opened()
    made = quoted(hub, payer=ALPHA)
    assert hub.transfers[made.id].payer_fsp == "alpha"
    assert not any(each.debits_pending or each.debits_posted for each in hub.accounts.values())
