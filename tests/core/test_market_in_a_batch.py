"""The market inside one batch: what a member does to rates, open quotes and liquidity, the next member sees."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from hub.core.command import Done, Heard, Reason, Result
from hub.core.instrument import Instrument
from hub.core.participant import SchemeFile
from hub.core.pricing.rules import Unquoted
from hub.core.record import Entering
from routing.message import Operation, Verdict
from routing.money import Money
from tests.cash import Fund
from tests.core.corridor import OFFERS, corridor_file, held, opened, paying, publishes, quotation, quoted, sending, why
from tests.core.stage import Hub, outcome

A, R = Verdict.ACCEPTED, Verdict.REFUSED
CREDIT = Operation.CREDIT
KEY = ("delta", "KES", "UGX")
UNAVAILABLE, LIQUIDITY = Reason.RATE_UNAVAILABLE, Reason.FX_LIQUIDITY


def alone(cap: str = "28500", **offer: Any) -> SchemeFile:
    """Build the scheme in which delta alone sells, and can give what one quote binds it to."""
    return corridor_file(
        terms={"unquoted": Unquoted.QUOTE},
        members={"delta": {"net_debit_cap": {"KES": "0", "UGX": cap}}},
        fx=(msgspec.structs.replace(OFFERS[0], **offer),),
    )


def funds(minor: int) -> Entering:
    return Fund(participant="delta", money=Money(minor, "UGX"), reference=f"bank-{minor}", by="test")


def prepared(**asked: Any) -> tuple[Hub, Instrument]:
    hub = opened(alone(), {KEY: "28.5"})
    return hub, quoted(hub, **asked)


def under_way() -> tuple[Hub, Heard, Heard]:
    """Open a hub where a transfer has taken all that delta has; its credit may be accepted or refused."""
    hub, made = prepared()
    transfer = hub.begun(paying(2, made))
    return hub, Heard(outcome=outcome(transfer, CREDIT, A)), Heard(outcome=outcome(transfer, CREDIT, R))


def empty(rates: dict[tuple[str, str, str], str] | None = None, file: SchemeFile | None = None) -> Hub:
    return opened(file or alone(), {KEY: "28.5"} if rates is None else rates)


def pair(first: Entering, number: int = 9) -> list[Entering]:
    return [first, quotation(number)]


def committed() -> tuple[Hub, list[Entering]]:
    hub, accepted, _ = under_way()
    return hub, pair(accepted)


def voided() -> tuple[Hub, list[Entering]]:
    hub, _, refused = under_way()
    return hub, pair(refused)


def paid() -> tuple[Hub, list[Entering]]:
    hub, made = prepared()
    return hub, [paying(2, made), quotation(9)]


def paid_a_little() -> tuple[Hub, list[Entering]]:
    hub, made = prepared(amount="500")
    return hub, [paying(2, made, amount="500"), quotation(9, amount="500")]


# What stands before the batch, the batch, and what is said to each of its members.
CASES: dict[str, tuple[Callable[[], tuple[Hub, list[Entering]]], list[str]]] = {
    "cash that comes in": (lambda: (empty(file=alone("0")), pair(funds(28_500))), ["", ""]),
    "cash that is not enough": (lambda: (empty(file=alone("0")), pair(funds(28_499))), ["", LIQUIDITY]),
    "cash that goes": (lambda: (empty(), pair(funds(-1))), ["", LIQUIDITY]),
    "a rate": (lambda: (empty({}), pair(publishes())), ["", ""]),
    "a rate that cannot be read": (lambda: (empty({}), pair(publishes(rate="0"))), [Reason.RATE_INVALID, UNAVAILABLE]),
    "a rate, and then a quote": (lambda: (empty({}), [publishes(), quotation(9), quotation(10)]), ["", "", LIQUIDITY]),
    "a rate that jumps": (
        lambda: (empty(file=alone(jump_max_percent="1")), pair(publishes(rate="20"))),
        ["held: KES-UGX 28.5 to 20", UNAVAILABLE],
    ),
    "one that is confirmed": (
        lambda: (empty(file=alone(jump_max_percent="1")), pair(publishes(rate="20", confirmed=True))),
        ["", ""],
    ),
    "a quote that is open": (lambda: (empty(), pair(quotation(8))), ["", LIQUIDITY]),
    "a quote that is open, over its exposure": (
        lambda: (empty(file=alone("57000", exposure_max="56999")), pair(quotation(8))),
        ["", LIQUIDITY],
    ),
    "a quote that is open, at its exposure": (
        lambda: (empty(file=alone("57000", exposure_max="57000")), pair(quotation(8))),
        ["", ""],
    ),
    "a quote that is paid": (paid, ["", LIQUIDITY]),
    "a quote of half that is paid": (paid_a_little, ["", ""]),
    "a transfer that is paid": (committed, ["", LIQUIDITY]),
    "a transfer that is refused": (voided, ["", ""]),
    "a transfer without a quote": (
        lambda: (empty(), [sending(8, receivingAmountMin="1"), sending(9, receivingAmountMin="1")]),
        ["", LIQUIDITY],
    ),
    "a rate for a transfer without a quote": (
        lambda: (empty(), [publishes(rate="27"), sending(9, receivingAmountMin="28000")]),
        ["", Reason.TOLERANCE_PASSED],
    ),
}


@pytest.mark.parametrize("together", [True, False], ids=["in one batch", "one after the other"])
@pytest.mark.parametrize(("world", "said"), CASES.values(), ids=CASES)
def test_the_next_member_sees_what_the_one_before_it_did(
    world: Callable[[], tuple[Hub, list[Entering]]], said: list[str], *, together: bool
) -> None:
    hub, commands = world()
    results: list[Result] = hub.batch(commands) if together else [hub.one(each) for each in commands]
    assert [why(each) for each in results] == said
    assert all(minor >= 0 for minor in hub.exposures.values())
    assert held(hub).get(("delta", "UGX"), 0) <= 28_500


def test_what_a_batch_has_not_loaded_is_decided_alone_and_not_on_nothing() -> None:
    """A rate arrives with a transfer that failed without it: its accounts were not locked, so the batch is no batch."""
    hub = empty({})
    with pytest.raises(KeyError):
        hub.batch([publishes(), sending(9, receivingAmountMin="1")])
    assert (hub.rates, hub.transfers) == ({}, {}), "nothing of it is kept"


def test_a_fund_for_who_does_not_settle_in_the_currency_is_refused() -> None:
    hub = empty()
    for participant, currency in (("delta", "USD"), ("alpha", "UGX"), ("nobody", "KES"), ("third", "KES")):
        command = Fund(participant=participant, money=Money(1, currency), reference="bank-1", by="test")
        assert why(hub.one(command)) == Reason.CURRENCY_UNSUPPORTED
    assert hub.funded == set()


@pytest.mark.parametrize("together", [True, False], ids=["in one batch", "one after the other"])
def test_cash_that_is_told_twice_came_once(*, together: bool) -> None:
    hub = empty(file=alone("0"))
    commands = [funds(28_500), funds(28_500), quotation(8), quotation(9)]
    results = hub.batch(commands) if together else [hub.one(each) for each in commands]
    assert [why(each) for each in results] == ["", "", "", LIQUIDITY]
    assert results[1] == Done(changed=False)
