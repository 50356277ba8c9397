"""Netting loses and makes no minor unit, whatever has moved, and whatever the order."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from hub.core.settlement.netting import SCHEME, Due, dues, nets, netted
from hub.core.settlement.rules import Netting
from hub.core.settlement.window import Movement

SIDES = ("", "ash", "birch", "cedar", "date")
movements = st.lists(
    st.builds(
        Movement,
        debtor=st.sampled_from(SIDES),
        creditor=st.sampled_from(SIDES),
        minor=st.integers(1, 10**12),
        count=st.integers(1, 9),
        subject=st.sampled_from(("t1", "t2", "t3")),
    ).filter(lambda each: each.debtor != each.creditor),
    max_size=30,
)
owing = st.sampled_from((Netting.MULTILATERAL, Netting.BILATERAL, Netting.GROSS))


def gains(owed: list[Due]) -> Counter[str]:
    return nets(Movement(each.debtor, each.creditor, each.minor, 1) for each in owed)


@given(movements)
def test_multilateral_pay_ins_are_the_pay_outs_and_what_the_hub_has_earned(moved: list[Movement]) -> None:
    owed = dues(netted(Netting.MULTILATERAL, moved))
    pay_ins = sum(each.minor for each in owed if each.creditor == SCHEME)
    pay_outs = sum(each.minor for each in owed if each.debtor == SCHEME)
    assert pay_ins == pay_outs + nets(moved)[SCHEME]
    assert all(SCHEME in (each.debtor, each.creditor) for each in owed)


@given(movements, owing)
def test_what_is_owed_gives_each_participant_what_its_movements_came_to(
    moved: list[Movement], netting: Netting
) -> None:
    found, wanted = gains(dues(netted(netting, moved))), nets(moved)
    assert all(found[each] == wanted[each] for each in SIDES if each)


@given(movements)
def test_bilateral_sums_add_up_to_the_multilateral_one(moved: list[Movement]) -> None:
    pairs, whole = (gains(dues(netted(each, moved))) for each in (Netting.BILATERAL, Netting.MULTILATERAL))
    assert all(pairs[each] == whole[each] for each in SIDES if each)
    assert pairs[SCHEME] == whole[SCHEME]


@given(movements, owing, st.randoms(use_true_random=False))
def test_the_order_of_movements_says_nothing(moved: list[Movement], netting: Netting, chance: object) -> None:
    mixed = list(moved)
    chance.shuffle(mixed)  # type: ignore[attr-defined] # hypothesis types its randoms as objects
    assert dues(netted(netting, mixed)) == dues(netted(netting, moved))


@given(movements, owing)
def test_nothing_is_owed_twice_by_nobody_or_to_oneself(moved: list[Movement], netting: Netting) -> None:
    owed = dues(netted(netting, moved))
    assert all(each.minor > 0 and each.debtor != each.creditor for each in owed)
    pairs = [(*sorted((each.debtor, each.creditor)), each.subject) for each in owed]
    assert len(pairs) == len(set(pairs))


@given(movements)
def test_of_a_bilateral_pair_one_owes_the_other_the_difference(moved: list[Movement]) -> None:
    for due in dues(netted(Netting.BILATERAL, moved)):
        there = sum(e.minor for e in moved if (e.debtor, e.creditor) == (due.debtor, due.creditor))
        back = sum(e.minor for e in moved if (e.debtor, e.creditor) == (due.creditor, due.debtor))
        assert due.minor == there - back


@given(movements)
def test_a_gross_model_nets_nothing_between_transfers(moved: list[Movement]) -> None:
    owed = dues(netted(Netting.GROSS, moved))
    for subject in ("t1", "t2", "t3"):
        alone = dues(netted(Netting.GROSS, [each for each in moved if each.subject == subject]))
        assert [each for each in owed if each.subject == subject] == alone


@given(movements)
def test_against_prefunding_nothing_is_owed(moved: list[Movement]) -> None:
    assert dues(netted(Netting.PREFUNDED, moved)) == []
