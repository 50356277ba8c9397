"""Fees at home, and where money arrives: who pays and earns without a border, in which currency, at whose account."""

from typing import Any

import msgspec
import pytest

from hub.core.command import Reason, Submit, Transfer
from hub.core.participant import Participant, Role, SchemeFile
from hub.core.pricing.price import HUB, Side
from hub.core.pricing.rules import Corridor, Earner, FeeRule, Unquoted
from hub.core.transfer import Flow, State
from routing.message import Instruction, Operation, Verdict
from routing.money import Money
from routing.party import Identifier
from tests.core.corridor import (
    CORRIDORS,
    UGANDA,
    corridor_file,
    flows,
    held,
    net,
    opened,
    owed,
    paying,
    quotation,
    quoted,
    reversing,
    sending,
    why,
)
from tests.core.stage import ALPHA, Hub, scheme_file, submit

A, R = Verdict.ACCEPTED, Verdict.REFUSED
CREDIT, DEBIT, REFUND = Operation.CREDIT, Operation.DEBIT, Operation.REFUND
FEES = (
    FeeRule(name="service", currency="KES", percent="2"),
    FeeRule(name="commission", currency="KES", fixed="3", earned_by=Earner.PAYEE_FSP),
    FeeRule(name="merchant", currency="KES", paid_by=Side.PAYEE, fixed="4", earned_by=Earner.PAYER_FSP),
)
TAKEN, GIVEN = Money.parse("105", "KES"), Money.parse("96", "KES")
GAINED = {("alpha", "KES"): -101_00, ("bravo", "KES"): 99_00, (HUB, "KES"): 2_00}
# Who is told to do what, and with how much.
WORDS: dict[str, list[tuple[Operation, Money]]] = {
    "alpha": [(CREDIT, GIVEN)],
    "bravo": [(DEBIT, TAKEN)],
    "third": [(DEBIT, TAKEN), (CREDIT, GIVEN)],
}


def home(*fees: FeeRule) -> SchemeFile:
    return msgspec.structs.replace(scheme_file(), fee=fees)


def told(hub: Hub) -> Instruction:
    return msgspec.json.decode(hub.told[-1].body, type=Instruction)


@pytest.mark.parametrize("caller", WORDS)
def test_the_payer_is_debited_with_its_fees_and_the_payee_credited_without_them(caller: str) -> None:
    hub = Hub(home(*FEES))
    transfer = hub.begun(submit(1, caller=caller, amount="100"))
    for operation, money in WORDS[caller]:
        assert (told(hub).operation, told(hub).money) == (operation, money)
        assert held(hub) == {("alpha", "KES"): 101_00}, "what it earns itself leaves it not"
        transfer = hub.hear(transfer, operation, A, money=money)
    assert (transfer.state, transfer.money, net(hub)) == (State.COMMITTED, Money(100_00, "KES"), GAINED)
    assert transfer.price is not None
    assert flows(transfer.legs) == owed(transfer.price) == GAINED
    assert transfer.price.expires_ms is None


def test_what_is_refunded_is_all_that_was_taken() -> None:
    hub = Hub(home(*FEES))
    transfer = hub.begun(submit(1, caller="third", amount="100"))
    hub.hear(hub.hear(transfer, DEBIT, A), CREDIT, R)
    assert (told(hub).operation, told(hub).money) == (REFUND, TAKEN)
    hub.hear(transfer, REFUND, A, money=TAKEN)
    assert (held(hub), net(hub)) == ({}, {})


def test_a_reversal_gives_the_amount_back_and_keeps_the_fees() -> None:
    hub = Hub(home(*FEES))
    hub.hear(hub.begun(submit(1, amount="100")), CREDIT, A)
    back = hub.begun(reversing(2, f"{1 + 0xA000:032x}", "40"))
    assert (told(hub).operation, told(hub).money, back.price) == (DEBIT, Money(40_00, "KES"), None)
    hub.hear(back, DEBIT, A)
    assert net(hub)["alpha", "KES"] == GAINED["alpha", "KES"] + 40_00


def test_where_no_fee_fits_there_is_no_price() -> None:
    for file in (home(), home(FeeRule(name="f", currency="KES", types=("billpay",), fixed="1"))):
        transfer = Hub(file).begun(submit(1))
        assert (transfer.price, transfer.money_of(CREDIT), transfer.money_of(DEBIT)) == (None, *[transfer.money] * 2)


@pytest.mark.parametrize(
    ("fixed", "reason"), [("9.99", ""), ("10", Reason.AMOUNT_TOO_SMALL), ("11", Reason.AMOUNT_TOO_SMALL)]
)
def test_fees_that_would_leave_nothing_bar_the_payment(fixed: str, reason: str) -> None:
    hub = Hub(home(FeeRule(name="f", currency="KES", paid_by=Side.PAYEE, fixed=fixed)))
    assert why(hub.one(submit(1, amount="10"))) == reason


def test_the_cap_bears_the_fees_too() -> None:
    hub = Hub(home(FeeRule(name="f", currency="KES", fixed="200")))
    assert why(hub.one(submit(1, amount="800.01"))) == Reason.CAP_EXCEEDED
    assert held(hub) == {}
    assert why(hub.one(submit(2, amount="800"))) == ""


def test_within_one_participant_only_the_schemes_fee_is_cleared() -> None:
    hub = Hub(home(*FEES))
    transfer = hub.begun(submit(1, payee="+254700000002", amount="100"))
    assert [(leg.debit, leg.credit, leg.money.minor) for leg in transfer.legs] == [("alpha", HUB, 2_00)]


# Where money arrives.
BOTH = {"bravo": {"currencies": ("UGX", "KES"), "net_debit_cap": {}}}
ARRIVES: dict[str, tuple[dict[str, Any], dict[str, str], str, str]] = {
    "what the payee settles in": ({}, {}, "UGX", ""),
    "what is sent, where it settles in that too": ({"members": BOTH}, {}, "KES", ""),
    "what is asked for": ({"members": BOTH}, {"receivingCurrency": "UGX"}, "UGX", ""),
    "what is asked for is what is sent": ({"members": BOTH}, {"receivingCurrency": "kes"}, "KES", ""),
    "it is asked for, but not settled": ({}, {"receivingCurrency": "KES"}, "", Reason.CURRENCY_UNSUPPORTED),
    "it is asked for, but no corridor leads there": (
        {"members": BOTH, "corridor": CORRIDORS[1:]},
        {"receivingCurrency": "UGX"},
        "",
        Reason.CURRENCY_UNSUPPORTED,
    ),
    "no corridor leads to what it settles in": ({"corridor": CORRIDORS[1:]}, {}, "", Reason.CURRENCY_UNSUPPORTED),
    "a corridor to what it does not settle in": (
        {"corridor": (*CORRIDORS, Corridor(source="KES", target="TZS"))},
        {"receivingCurrency": "TZS"},
        "",
        Reason.CURRENCY_UNSUPPORTED,
    ),
}


@pytest.mark.parametrize(("change", "custom", "currency", "reason"), ARRIVES.values(), ids=ARRIVES)
def test_where_a_currency_arrives_is_what_is_asked_for_or_what_the_payee_settles_in(
    change: dict[str, Any], custom: dict[str, str], currency: str, reason: str
) -> None:
    hub = opened(corridor_file(**({"terms": {"unquoted": Unquoted.QUOTE}} | change)))
    transfer = hub.begun(sending(1, receivingAmountMin="1", receivingCurrency=custom.get("receivingCurrency", "")))
    assert transfer.reason == reason
    if not reason:
        assert transfer.money_of(CREDIT).currency == currency


# A biller that is paid at an FSP.
BILLER = Participant(id="water", name="water", role=Role.BILLER, country="UG", paid_at={"msisdn": "+256700000099"})
WATER = (Identifier("organisationid", "water"),)


def with_biller(**change: Any) -> SchemeFile:
    plain = corridor_file()
    biller = msgspec.structs.replace(BILLER, **change)
    return msgspec.structs.replace(plain, participant=(*plain.participant, biller))


def to_the_biller(command: Submit) -> Submit:
    return msgspec.structs.replace(command, body=msgspec.structs.replace(command.body, payee=WATER))


def paid(hub: Hub) -> Transfer:
    made = hub.begun(to_the_biller(quotation(1)))
    assert made.state is State.COMMITTED
    return hub.begun(to_the_biller(paying(2, hub.instruments[made.id])))


def test_a_biller_that_is_paid_elsewhere_is_quoted_and_paid_where_its_account_is() -> None:
    hub = opened(with_biller())
    transfer = paid(hub)
    assert (transfer.flow, transfer.state, transfer.payee_fsp) == (Flow.PUSH, State.RESERVED, "bravo")
    said = told(hub)
    assert (said.connection, said.payee[0].value, said.money) == ("bravo-1", "+256700000099", Money(28_500, "UGX"))
    hub.hear(transfer, CREDIT, A)
    assert net(hub)["bravo", "UGX"] == 28_500


def test_a_biller_whose_account_nobody_holds_is_not_quoted() -> None:
    hub = opened(with_biller(paid_at={"msisdn": "+999700000099"}))
    assert why(hub.one(to_the_biller(quotation(1)))) == Reason.PAYEE_UNKNOWN


def test_what_is_quoted_for_the_account_is_not_paid_to_the_biller() -> None:
    hub = opened(with_biller())
    made = quoted(hub, payee=UGANDA)
    assert why(hub.one(to_the_biller(paying(2, made)))) == Reason.QUOTE_DIFFERS
    assert why(hub.one(paying(3, made, payer=ALPHA))) == ""
