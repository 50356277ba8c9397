"""The book: postings name both sides, so it cannot be unbalanced; no debit passes a cap; what fails changes nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.ledger.account import Account, Kind, counters
from hub.ledger.journal import Book, Entry, OverCapError, Phase, Posting
from hub.ledger.position import available, balance, covers


def account(id_: int, *, cap: int | None = 1_000, currency: str = "KES") -> Account:
    return Account(id=id_, kind=Kind.POSITION, participant=f"fsp{id_}", currency=currency, cap_minor=cap)


def book(*, cap: int | None = 1_000) -> Book:
    return Book([account(1, cap=cap), account(2, cap=cap), account(3, currency="TZS")])


def posting(minor: int, phase: Phase, debit: int = 1, credit: int = 2) -> Posting:
    return Posting("transfer", debit, credit, minor, phase)


@pytest.mark.parametrize(
    ("phases", "payer", "payee"),
    [
        ([Phase.PENDING], (300, 0, 0, 0), (0, 0, 300, 0)),
        ([Phase.PENDING, Phase.POSTED], (0, 300, 0, 0), (0, 0, 0, 300)),
        ([Phase.PENDING, Phase.VOIDED], (0, 0, 0, 0), (0, 0, 0, 0)),
        ([Phase.DIRECT], (0, 300, 0, 0), (0, 0, 0, 300)),
    ],
    ids=["pending holds", "posted moves what was held", "voided lets go", "direct moves at once"],
)
def test_a_posting_counts_on_both_sides(phases: list[Phase], payer: tuple[int, ...], payee: tuple[int, ...]) -> None:
    ours = book()
    for phase in phases:
        ours.enter(posting(300, phase))
    assert counters(ours.accounts[1]) == payer
    assert counters(ours.accounts[2]) == payee
    assert ours.touched == {1, 2}


def test_each_entry_keeps_the_balances_it_left() -> None:
    ours = book()
    ours.enter(posting(300, Phase.PENDING))
    ours.enter(posting(300, Phase.POSTED))
    assert ours.entries == [
        Entry(posting(300, Phase.PENDING), debit_balance=0, debit_held=300, credit_balance=0),
        Entry(posting(300, Phase.POSTED), debit_balance=-300, debit_held=0, credit_balance=300),
    ]


@pytest.mark.parametrize("phase", [Phase.PENDING, Phase.DIRECT])
def test_a_debit_over_the_cap_is_refused_and_changes_nothing(phase: Phase) -> None:
    ours = book()
    ours.enter(posting(900, Phase.PENDING))
    before = [counters(each) for each in ours.accounts.values()]
    with pytest.raises(OverCapError):
        ours.enter(posting(101, phase))
    assert [counters(each) for each in ours.accounts.values()] == before
    assert len(ours.entries) == 1
    ours.enter(posting(100, phase))


def test_money_that_came_in_may_be_spent_but_not_money_that_is_only_promised() -> None:
    ours = book(cap=0)
    ours.accounts[2].cap_minor = 500
    ours.enter(posting(500, Phase.PENDING, debit=2, credit=1))
    with pytest.raises(OverCapError):
        ours.enter(posting(1, Phase.PENDING))
    ours.enter(posting(500, Phase.POSTED, debit=2, credit=1))
    ours.enter(posting(500, Phase.PENDING))


@pytest.mark.parametrize(
    "wrong",
    [
        posting(0, Phase.PENDING),
        posting(-5, Phase.PENDING),
        posting(5, Phase.PENDING, debit=1, credit=1),
        posting(5, Phase.PENDING, debit=1, credit=3),
        posting(5, Phase.POSTED),
        posting(5, Phase.VOIDED),
    ],
    ids=["nothing", "below zero", "to itself", "two currencies", "posted but never held", "voided but never held"],
)
def test_what_is_no_posting_is_refused(wrong: Posting) -> None:
    ours = book()
    with pytest.raises(ValueError, match="account"):
        ours.enter(wrong)
    assert ours.entries == []
    assert all(counters(each) == (0, 0, 0, 0) for each in ours.accounts.values())


def test_an_account_without_cap_has_no_floor() -> None:
    ours = book(cap=None)
    ours.enter(posting(10**17, Phase.DIRECT))
    assert available(ours.accounts[1]) is None
    assert balance(ours.accounts[1]) == -(10**17)


STEPS = st.lists(
    st.tuples(st.sampled_from(list(Phase)), st.sampled_from([(1, 2), (2, 1)]), st.integers(1, 700)), max_size=40
)


@given(STEPS)
def test_whatever_is_entered_debits_equal_credits_and_no_cap_is_passed(
    steps: list[tuple[Phase, tuple[int, int], int]],
) -> None:
    ours = book()
    for phase, (debit, credit), minor in steps:
        before = [counters(each) for each in ours.accounts.values()]
        try:
            ours.enter(posting(minor, phase, debit, credit))
        except (OverCapError, ValueError):
            assert [counters(each) for each in ours.accounts.values()] == before
    one, two = ours.accounts[1], ours.accounts[2]
    assert balance(one) + balance(two) == 0
    assert one.debits_pending == two.credits_pending
    assert two.debits_pending == one.credits_pending
    for each in (one, two):
        assert min(counters(each)) >= 0
        assert covers(each, 0), "what is held and owed stays within the cap"
