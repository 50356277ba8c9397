"""Reversals across borders: what was converted goes back at the rate it came at, and all parts add up to the whole."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.core.command import Command, Heard, Reason, Transfer
from hub.core.meaning import reference
from hub.core.participant import SchemeFile
from hub.core.pricing.price import HUB, Side
from hub.core.pricing.rules import FeeRule, FxOffer, ReversalRate
from hub.core.transfer import CONVERTED, Flow, State
from routing.message import Instruction, Operation, Verdict
from routing.money import Money
from tests.core.corridor import (
    CAPS,
    RATES,
    confirming,
    corridor_file,
    flows,
    held,
    net,
    opened,
    owed,
    paying,
    publishes,
    quoted,
    reversing,
    why,
)
from tests.core.stage import Hub, outcome, transfer_id

A, R = Verdict.ACCEPTED, Verdict.REFUSED
CREDIT, DEBIT, CONVERT = Operation.CREDIT, Operation.DEBIT, Operation.CONVERT
FEES = (
    FeeRule(name="service", currency="KES", percent="1"),
    FeeRule(name="margin", currency="UGX", paid_by=Side.PAYEE, fixed="150"),
)
CURRENT = {"reversal_rate": ReversalRate.CURRENT}
# By way of dollars, of which the amounts between have more room to be rounded.
FAR = (
    FxOffer(provider="delta", source="KES", target="USD"),
    FxOffer(provider="echo", source="USD", target="UGX"),
)
FAR_RATES = {("delta", "KES", "USD"): "0.00775", ("echo", "USD", "UGX"): "3680"}


def far() -> SchemeFile:
    changed = {"currencies": ("KES", "UGX", "USD"), "net_debit_cap": {**CAPS, "USD": "100000"}}
    return corridor_file(terms={"reference_currencies": ("USD",)}, members={"delta": changed, "echo": changed}, fx=FAR)


def committed(hub: Hub, amount: str = "1000") -> Transfer:
    transfer = hub.begun(paying(2, quoted(hub, amount=amount), amount=amount))
    if transfer.flow is Flow.CONVERTED_PUSH:
        transfer = hub.hear(transfer, CONVERT, A)
    return hub.hear(transfer, CREDIT, A)


def told(hub: Hub) -> Instruction:
    return msgspec.json.decode(hub.told[-1].body, type=Instruction)


@pytest.mark.parametrize(
    ("caller", "flow", "operation", "money"),
    [
        ("bravo", Flow.PUSH, CREDIT, Money.parse("1000", "KES")),
        ("alpha", Flow.PULL, DEBIT, Money.parse("28500", "UGX")),
    ],
)
def test_the_whole_goes_back_at_the_original_rate_and_the_fees_are_kept(
    caller: str, flow: Flow, operation: Operation, money: Money
) -> None:
    hub = opened(corridor_file(fee=FEES))
    original = committed(hub)
    hub.one(publishes(rate="20"))
    hub.one(publishes(source="UGX", target="KES", rate="0.06"))
    back = hub.begun(reversing(3, original.id, caller=caller))
    assert (back.flow, back.payer_fsp, back.payee_fsp, back.money) == (flow, "bravo", "alpha", original.money)
    said = told(hub)
    assert (said.operation, said.money, said.original) == (operation, money, "")
    assert held(hub) == {("bravo", "UGX"): 28_500, ("delta", "KES"): 1_000_00}
    back = hub.hear(back, operation, A, money=money)
    assert net(hub) == {
        ("alpha", "KES"): -10_00,
        (HUB, "KES"): 10_00,
        ("bravo", "UGX"): -150,
        (HUB, "UGX"): 150,
    }
    assert back.price is not None
    assert (back.price.rate, back.price.taken, back.price.given) == (
        "0.0350877193",
        Money(28_500, "UGX"),
        Money(100_000, "KES"),
    )


def test_a_reversal_that_is_refused_gives_its_part_of_the_original_back() -> None:
    hub = opened()
    original = committed(hub)
    before = net(hub)
    first = hub.begun(reversing(3, original.id, "600"))
    assert why(hub.one(reversing(4, original.id, "400.01"))) == Reason.ORIGINAL_EXCEEDED
    hub.hear(first, DEBIT, R)
    assert (held(hub), net(hub)) == ({}, before)
    assert hub.begun(reversing(5, original.id, "1000")).state is State.ASKED


@pytest.mark.parametrize("together", [True, False], ids=["in one batch", "one after the other"])
def test_more_than_the_original_is_never_reversed(*, together: bool) -> None:
    hub = opened()
    original = committed(hub)
    three = [reversing(number, original.id, "400") for number in (3, 4, 5)]
    results = hub.batch(three) if together else [hub.one(each) for each in three]
    assert [why(each) for each in results] == ["", "", Reason.ORIGINAL_EXCEEDED]
    hub.begun(reversing(6, original.id))
    assert why(hub.one(reversing(7, original.id))) == Reason.ORIGINAL_EXCEEDED, "nothing is left"
    assert held(hub) == {("bravo", "UGX"): 28_500, ("delta", "KES"): 1_000_00}


@pytest.mark.parametrize("refused", [None, 3, 4], ids=["none", "the first", "the second"])
@pytest.mark.parametrize("together", [True, False], ids=["in one batch", "one after the other"])
def test_the_last_part_takes_all_that_is_left_whichever_was_refused(refused: int | None, *, together: bool) -> None:
    """Each part is rounded down; what that leaves over, and what was refused, is in the last."""
    hub = opened()
    original = committed(hub)
    for number in (3, 4):
        hub.begun(reversing(number, original.id, "333.33"))
    commands: list[Command] = [reversing(5, original.id, "100.01")]
    if refused:
        commands.append(Heard(outcome=outcome(hub.transfers[transfer_id(refused)], DEBIT, R)))
    commands.append(reversing(6, original.id))
    results = hub.batch(commands) if together else [hub.one(each) for each in commands]
    assert {why(each) for each in results} == {""}
    backs = {number: hub.transfers[transfer_id(number)] for number in (3, 4, 5, 6)}
    taken = {number: each.price.taken.minor for number, each in backs.items() if each.price and number != refused}
    assert {number: minor for number, minor in taken.items() if number < 6} == {
        number: minor for number, minor in {3: 9_499, 4: 9_499, 5: 2_850}.items() if number != refused
    }
    assert held(hub) == {("bravo", "UGX"): 28_500, ("delta", "KES"): 1_000_00}
    assert sum(taken.values()) == 28_500
    for number in taken:
        hub.hear(backs[number], DEBIT, A)
    assert (net(hub), held(hub)) == ({}, {})


@pytest.mark.parametrize(
    ("amount", "reason"),
    [
        ("0.03", Reason.AMOUNT_TOO_SMALL),
        ("0.04", ""),
        ("1000.01", Reason.ORIGINAL_EXCEEDED),
        ("28500", Reason.ORIGINAL_EXCEEDED),
    ],
)
def test_a_part_is_of_the_amount_that_was_sent(amount: str, reason: str) -> None:
    hub = opened()
    original = committed(hub)
    assert why(hub.one(reversing(3, original.id, amount))) == reason


def test_a_part_is_in_the_currency_that_was_sent() -> None:
    hub = opened()
    original = committed(hub)
    other = msgspec.structs.replace(reversing(3, original.id, "1"), money=Money(1, "UGX"))
    assert why(hub.one(other)) == Reason.ORIGINAL_CURRENCY


def test_what_was_confirmed_when_it_was_converted_is_confirmed_when_it_is_reversed() -> None:
    hub = opened(confirming())
    original = committed(hub)
    back = hub.begun(reversing(3, original.id))
    said = told(hub)
    assert (back.flow, back.state) == (CONVERTED[Flow.PULL], State.CONVERTING)
    assert (said.operation, said.money, said.target) == (CONVERT, Money(28_500, "UGX"), Money(100_000, "KES"))
    hub.hear(hub.hear(back, CONVERT, A), DEBIT, A)
    assert net(hub) == {}


@pytest.mark.parametrize(("amount", "source"), [(None, 28_500), ("400", 11_400)], ids=["the whole", "a part"])
def test_who_confirms_is_told_the_rate_turned_round_and_which_of_its_conversions_it_is(
    amount: str | None, source: int
) -> None:
    hub = opened(confirming())
    original = committed(hub)
    hub.begun(reversing(3, original.id, amount))
    said = told(hub)
    assert (said.operation, said.original) == (CONVERT, reference(original.id, CONVERT))
    assert (said.money, said.target) == (Money(source, "UGX"), Money.parse(amount or "1000", "KES"))
    assert said.rate == "0.0350877193", "what a shilling of Uganda is worth in Kenya, and not the other way round"


def test_at_the_current_rate_a_conversion_is_a_new_one_and_undoes_none() -> None:
    hub = opened(confirming(terms=CURRENT))
    original = committed(hub)
    hub.begun(reversing(3, original.id))
    assert (told(hub).operation, told(hub).original, told(hub).rate) == (CONVERT, "", "0.035")


@pytest.mark.parametrize(
    ("amount", "rates"),
    [(None, ["0.00027173913", "129.03225806452"]), ("0.04", ["", ""])],
    ids=["the whole", "so little that nothing passes between the two"],
)
def test_every_conversion_on_the_way_back_says_its_own_rate(amount: str | None, rates: list[str]) -> None:
    hub = opened(far(), FAR_RATES)
    original = committed(hub)
    price = hub.begun(reversing(3, original.id, amount)).price
    assert price is not None
    assert [(hop.provider, hop.source.currency, hop.target.currency) for hop in price.hops] == [
        ("echo", "UGX", "USD"),
        ("delta", "USD", "KES"),
    ]
    assert [hop.rate for hop in price.hops] == rates
    assert flows(price.legs) == owed(price, "bravo", "alpha")


STEPS = st.lists(st.tuples(st.integers(1, 60_000), st.booleans()), max_size=8)
AMOUNTS = st.integers(100, 100_000).map(lambda minor: str(Money(minor, "KES")))


def taken_apart(hub: Hub, amount: str, steps: list[tuple[int, bool]]) -> list[Transfer]:
    """Reverse part after part, some of them refused at the end, and at last what is left; list those that moved."""
    original = committed(hub, amount)
    refused, moved = [], []
    for number, (minor, is_refused) in enumerate(steps):
        result = hub.one(reversing(10 + number, original.id, str(Money(minor, "KES"))))
        back = hub.transfers[result.transfer]
        if back.state is State.ABORTED:
            assert back.reason in {Reason.ORIGINAL_EXCEEDED, Reason.AMOUNT_TOO_SMALL}
        elif is_refused:
            refused.append(back)
        else:
            moved.append(hub.hear(back, DEBIT, A))
    for back in refused:
        hub.hear(back, DEBIT, R)
    left = original.minor - sum(each.minor for each in moved)
    if left:
        moved.append(hub.hear(hub.begun(reversing(90, original.id)), DEBIT, A))
    return moved


@given(AMOUNTS, STEPS)
def test_all_parts_add_up_to_exactly_the_whole_on_both_sides(amount: str, steps: list[tuple[int, bool]]) -> None:
    hub = opened()
    moved = taken_apart(hub, amount, steps)
    assert sum(each.minor for each in moved) == Money.parse(amount, "KES").minor
    assert net(hub) == {}, "everybody has what it had, to the last minor unit"
    assert held(hub) == {}


@pytest.mark.parametrize("together", [True, False], ids=["in one batch", "one after the other"])
def test_parts_of_one_batch_add_up_to_exactly_the_whole_too(*, together: bool) -> None:
    hub = opened()
    original = committed(hub, "1.01")
    given_up = hub.begun(reversing(3, original.id, "0.5"))
    commands: list[Command] = [
        reversing(4, original.id, "0.33"),
        Heard(outcome=outcome(given_up, DEBIT, R)),
        reversing(5, original.id, "0.33"),
        reversing(6, original.id),
        reversing(7, original.id),
    ]
    results = hub.batch(commands) if together else [hub.one(each) for each in commands]
    assert [why(each) for each in results] == ["", "", "", "", Reason.ORIGINAL_EXCEEDED]
    parts = [hub.transfers[f"{number + 0xA000:032x}"] for number in (4, 5, 6)]
    assert [each.money_of(DEBIT).minor for each in parts] == [9, 9, 11], "of 29 shillings"
    for each in parts:
        hub.hear(each, DEBIT, A)
    assert (net(hub), held(hub)) == ({}, {})


@given(AMOUNTS, STEPS)
def test_no_part_takes_more_than_its_share_before_the_last(amount: str, steps: list[tuple[int, bool]]) -> None:
    hub = opened()
    *parts, _ = taken_apart(hub, amount, steps)
    original = hub.transfers[f"{2 + 0xA000:032x}"]
    assert original.price is not None
    arrived = original.price.hops[-1].target.minor
    for each in parts:
        assert each.price is not None
        exact = arrived * each.minor / original.minor
        assert exact - 1 < each.price.taken.minor <= exact
        assert each.price.given == each.money


@given(AMOUNTS, STEPS)
def test_by_way_of_a_third_currency_the_two_ends_add_up_too(amount: str, steps: list[tuple[int, bool]]) -> None:
    hub = opened(far(), FAR_RATES)
    moved = taken_apart(hub, amount, steps)
    left = net(hub)
    assert {key: minor for key, minor in left.items() if key[1] != "USD"} == {}
    # Of what passed between the two FX providers each part is rounded down: less than a cent a part stays there.
    assert abs(left.get(("delta", "USD"), 0)) <= len(moved)


# At the current rate: what the payee's side gives back buys what it buys now.
NOW: dict[str, tuple[str | None, dict[str, Any], int]] = {
    "the whole": (None, {}, 28_500 * 35_00 // 1000),
    "a part": ("500", {}, 14_250 * 35_00 // 1000),
    "the whole, with fees that are kept": (None, {"fee": FEES}, 28_500 * 35_00 // 1000),
}


@pytest.mark.parametrize(("amount", "change", "given_back"), NOW.values(), ids=NOW)
def test_at_the_current_rate_what_was_converted_is_converted_again(
    amount: str | None, change: dict[str, Any], given_back: int
) -> None:
    hub = opened(corridor_file(terms=CURRENT, **change))
    original = committed(hub)
    before = net(hub)
    back = hub.begun(reversing(3, original.id, amount))
    part = Money.parse(amount or "1000", "KES")
    assert back.money == part, "so much of the original is reversed, whatever it buys"
    assert back.price is not None
    taken = Money(28_500 * part.minor // original.minor, "UGX")
    assert (back.price.taken, back.price.given, back.price.fees) == (taken, Money(given_back, "KES"), ())
    hub.hear(back, DEBIT, A, money=taken)
    after = net(hub)
    moved = {key: after.get(key, 0) - before.get(key, 0) for key in {*after, *before}}
    assert {key: minor for key, minor in moved.items() if minor} == {
        ("bravo", "UGX"): -taken.minor,
        ("delta", "UGX"): taken.minor,
        ("delta", "KES"): -given_back,
        ("alpha", "KES"): given_back,
    }


@given(AMOUNTS, STEPS)
def test_also_at_the_current_rate_the_payees_side_gives_back_exactly_what_it_got(
    amount: str, steps: list[tuple[int, bool]]
) -> None:
    hub = opened(corridor_file(terms=CURRENT))
    taken_apart(hub, amount, steps)
    assert net(hub).get(("bravo", "UGX"), 0) == 0


@pytest.mark.parametrize(
    ("rates", "reason"),
    [({}, Reason.RATE_UNAVAILABLE), ({("delta", "UGX", "KES"): "0.035"}, "")],
    ids=["nobody has a rate for the way back", "somebody has"],
)
def test_at_the_current_rate_there_must_be_one(rates: dict[tuple[str, str, str], str], reason: str) -> None:
    there = {key: rate for key, rate in RATES.items() if key[1] == "KES"}
    hub = opened(corridor_file(terms=CURRENT), there | rates)
    original = committed(hub)
    assert why(hub.one(reversing(3, original.id))) == reason


def test_in_one_batch_the_current_rate_is_the_one_that_was_just_published() -> None:
    hub = opened(corridor_file(terms=CURRENT))
    original = committed(hub)
    back = reversing(3, original.id)
    hub.batch([publishes(source="UGX", target="KES", rate="0.036"), back])
    price = hub.transfers[back.transfer].price
    assert price is not None
    assert str(price.given) == "1026"
