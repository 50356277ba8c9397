"""Alarms of positions: the level is right after any sequence, never flaps, and costs nothing where there is none."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.core.office.liquidity import caps_to_set, level_of
from hub.core.office.records import Alarm
from hub.core.participant import SchemeFile
from hub.core.record import Entering
from hub.ledger.account import Kind, counters
from hub.ledger.position import available
from routing.money import Money
from tests.cash import Fund
from tests.core.stage import Hub, fsp, scheme_file, submit

THRESHOLDS = st.lists(st.integers(0, 10**6), max_size=5).map(lambda found: sorted(found, reverse=True))
LEFT = st.lists(st.integers(-(10**6), 2 * 10**6), max_size=20)

# What is left, the level before, the level after; the thresholds are 500, 200 and 0.
STEPS = [
    (1000, 0, 0),
    (500, 0, 0),
    (499, 0, 1),
    (500, 1, 1),
    (549, 1, 1),
    (550, 1, 0),
    (199, 0, 2),
    (219, 2, 2),
    (220, 2, 1),
    (550, 2, 0),
    (-1, 1, 3),
    (0, 3, 2),
]


@pytest.mark.parametrize(("left", "was", "level"), STEPS)
def test_a_threshold_is_passed_at_once_and_left_a_tenth_above_it(left: int, was: int, level: int) -> None:
    assert level_of(left, (500, 200, 0), was) == level


@given(THRESHOLDS, LEFT)
def test_the_level_is_right_after_any_sequence(thresholds: list[int], sequence: list[int]) -> None:
    level = 0
    for left in sequence:
        was, level = level, level_of(left, thresholds, level)
        under = sum(left < each for each in thresholds)
        assert under <= level, "no threshold is passed unseen"
        assert level <= max(under, was), "none is said to be passed that is not"
        kept = thresholds[under:level]
        assert all(10 * left < 11 * each for each in kept), "what is a tenth above a threshold has left it"
        assert level_of(left, thresholds, level) == level, "the same again changes nothing"


def with_alarms(*amounts: str, cap: str = "1000") -> SchemeFile:
    file = scheme_file()
    alpha = msgspec.structs.replace(fsp("alpha", cap=cap), alarms={"KES": amounts} if amounts else {})
    return msgspec.structs.replace(file, participant=(alpha, *file.participant[1:]))


def spent(hub: Hub, number: int, amount: str) -> None:
    assert not hub.one(submit(number, amount=amount)).reason


def funded(hub: Hub, amount: str) -> None:
    hub.one(Fund(participant="alpha", money=Money.parse(amount, "KES"), reference=amount, by="test"))


def alarms(hub: Hub) -> list[tuple[int, int, int]]:
    """Levels before and after, and which threshold was crossed."""
    return [(each.was, each.level, each.threshold) for each in hub.kept if isinstance(each, Alarm)]


def test_what_is_held_raises_alarms_and_a_deposit_clears_them() -> None:
    hub = Hub(with_alarms("500", "200"))
    spent(hub, 1, "400")
    assert alarms(hub) == []
    spent(hub, 2, "150")
    spent(hub, 3, "300")
    assert alarms(hub) == [(0, 1, 500_00), (1, 2, 200_00)]
    funded(hub, "900")
    assert alarms(hub)[2:] == [(2, 0, 500_00)]
    account = hub.accounts[hub.scheme.accounts["alpha", "KES", Kind.POSITION]]
    assert (account.alarm, available(account)) == (0, 1050_00)


def test_a_batch_is_spoken_of_once_for_what_it_comes_to() -> None:
    hub = Hub(with_alarms("500", "200"))
    hub.batch([submit(1, amount="510"), submit(2, amount="400")])
    assert alarms(hub) == [(0, 2, 200_00)]


MOVES = st.lists(st.tuples(st.booleans(), st.integers(1, 900)), min_size=1, max_size=12)


def moves(steps: list[tuple[bool, int]]) -> list[Entering]:
    """Transfers out, and cash from the bank."""
    return [
        Fund(participant="alpha", money=Money(units * 100, "KES"), reference=f"bank-{number}", by="test")
        if is_cash
        else submit(number, amount=str(units))
        for number, (is_cash, units) in enumerate(steps)
    ]


@given(MOVES, MOVES)
def test_a_batch_equals_its_members_but_for_alarms_in_between(
    before: list[tuple[bool, int]], batch: list[tuple[bool, int]]
) -> None:
    together, alone = Hub(with_alarms("800", "300", "50")), Hub(with_alarms("800", "300", "50"))
    commands = moves([*before, *batch])
    for hub in (together, alone):
        for each in commands[: len(before)]:
            hub.one(each)
    said = len(alarms(together))
    results = together.batch(commands[len(before) :])
    assert results == [alone.one(each) for each in commands[len(before) :]]
    one, other = (hub.accounts[hub.scheme.accounts["alpha", "KES", Kind.POSITION]] for hub in (together, alone))
    assert counters(one) == counters(other)
    assert len(alarms(together)) - said <= 1, "a batch is spoken of once"
    left = available(one) or 0
    under = sum(left < each for each in (800_00, 300_00, 50_00))
    for account in (one, other):
        assert account.alarm >= under, "whichever way, no threshold is passed unseen"
        assert level_of(left, (800_00, 300_00, 50_00), account.alarm) == account.alarm


def test_a_position_without_thresholds_raises_none() -> None:
    hub = Hub(with_alarms())
    spent(hub, 1, "900")
    assert alarms(hub) == []


def test_a_cap_is_set_by_a_file_only_where_the_file_itself_has_changed() -> None:
    key = ("alpha", "KES", Kind.POSITION)
    assert caps_to_set(None, with_alarms())[key] == 1000_00
    assert caps_to_set(with_alarms(), with_alarms("5")) == {}
    assert caps_to_set(with_alarms(), with_alarms(cap="7")) == {key: 7_00}
