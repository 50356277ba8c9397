"""Postings that belong together: all of them are entered, in every currency, or none and nothing has changed."""

from collections.abc import Sequence
from typing import NamedTuple

import msgspec
import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from hub.ledger.account import Account, Counters, Kind, counters
from hub.ledger.audit import Audit
from hub.ledger.journal import GENESIS, Book, Entry, OverCapError, Phase, Posting, chained, digest
from hub.ledger.position import balance, covers

CURRENCIES = {1: "KES", 2: "KES", 3: "KES", 4: "UGX", 5: "UGX", 6: "UGX"}
CAP = 500


def account(id_: int, cap: int | None = CAP) -> Account:
    return Account(id=id_, kind=Kind.POSITION, participant=f"fsp{id_}", currency=CURRENCIES[id_], cap_minor=cap)


def book() -> Book:
    return Book(account(id_) for id_ in CURRENCIES)


class Picture(NamedTuple):
    """Everything about a book."""

    counted: dict[int, Counters]
    caps: dict[int, int | None]
    entries: list[Entry]
    touched: set[int]


def picture(ours: Book) -> Picture:
    return Picture(
        {id_: counters(each) for id_, each in ours.accounts.items()},
        {id_: each.cap_minor for id_, each in ours.accounts.items()},
        list(ours.entries),
        set(ours.touched),
    )


def posting(debit: int, credit: int, minor: int = 100, phase: Phase = Phase.PENDING) -> Posting:
    return Posting("t", debit, credit, minor, phase)


def one_by_one(ours: Book, postings: Sequence[Posting]) -> bool:
    """Enter them on the book as far as they go; say whether all of them went."""
    try:
        for each in postings:
            ours.enter(each)
    except (OverCapError, ValueError):
        return False
    return True


GROUP = st.lists(
    st.builds(
        posting,
        st.sampled_from(list(CURRENCIES)),
        st.sampled_from(list(CURRENCIES)),
        st.integers(-1, CAP),
        st.sampled_from(list(Phase)),
    ),
    max_size=5,
)


@settings(max_examples=500)
@given(st.lists(GROUP, max_size=12))
def test_a_group_is_entered_as_its_members_one_by_one_or_not_at_all(groups: list[list[Posting]]) -> None:
    ours = book()
    for group in groups:
        trial = Book(msgspec.structs.replace(each) for each in ours.accounts.values())
        goes, before = one_by_one(trial, group), picture(ours)
        event("a group goes" if goes else "a group does not go")
        if goes:
            ours.enter_all(group)
            assert picture(ours) == before._replace(
                counted=picture(trial).counted,
                entries=before.entries + trial.entries,
                touched=before.touched | trial.touched,
            )
        else:
            with pytest.raises((OverCapError, ValueError)):
                ours.enter_all(group)
            assert picture(ours) == before
        assert all(covers(each, 0) for each in ours.accounts.values())
    for currency in set(CURRENCIES.values()):
        assert sum(balance(each) for each in ours.accounts.values() if each.currency == currency) == 0


@settings(max_examples=200)
@given(st.lists(GROUP, max_size=12))
def test_what_is_left_of_groups_that_failed_an_auditor_does_not_see(groups: list[list[Posting]]) -> None:
    ours = book()
    for group in groups:
        try:
            ours.enter_all(group)
        except (OverCapError, ValueError):
            continue
    audit = Audit(list(ours.accounts.values()))
    found = digest(ours.entries)
    audit.feed(1, ours.entries, found, chained(GENESIS, found))
    audit.finish()
    assert audit.findings == []


FAILS: dict[str, list[Posting]] = {
    "the last is over its cap, in the other currency": [posting(1, 2), posting(4, 5, CAP + 1)],
    "the first is over its cap": [posting(1, 2, CAP + 1), posting(4, 5)],
    "two together are over one cap": [posting(1, 2, 300), posting(1, 3, 201)],
    "the last holds nothing": [posting(1, 2), posting(4, 5, 11, Phase.POSTED)],
    "the last is between two currencies": [posting(1, 2), posting(1, 4)],
    "the last is nothing": [posting(1, 2), posting(4, 5, 0)],
}


@pytest.mark.parametrize("group", FAILS.values(), ids=FAILS)
def test_one_that_cannot_be_entered_takes_all_of_its_group_along(group: list[Posting]) -> None:
    ours = book()
    ours.enter_all([posting(1, 2, 10), posting(4, 5, 10)])
    before = picture(ours)
    with pytest.raises((OverCapError, ValueError)):
        ours.enter_all(group)
    assert picture(ours) == before
    ours.enter_all([posting(1, 2, 10, Phase.POSTED), posting(4, 5, 10, Phase.VOIDED)])
    assert {id_: counters(each) for id_, each in ours.accounts.items() if any(counters(each))} == {
        1: (0, 10, 0, 0),
        2: (0, 0, 0, 10),
    }


def test_an_account_that_was_not_loaded_is_found_out_before_anything_is_entered() -> None:
    ours = book()
    with pytest.raises(KeyError):
        ours.enter_all([posting(1, 2), posting(4, 9)])
    assert picture(ours) == picture(book())


def test_what_comes_in_with_a_group_is_not_spent_by_it_while_it_is_only_promised() -> None:
    """The FX provider gives out of what it has, and not out of what the payer promises in the same breath."""
    accounts = [account(1), account(2, 0), account(3)]
    ours = Book(accounts)
    with pytest.raises(OverCapError):
        ours.enter_all([posting(1, 2), posting(2, 3)])
    assert not any(any(counters(each)) for each in ours.accounts.values())
    ours.enter_all([posting(1, 2, phase=Phase.DIRECT), posting(2, 3, phase=Phase.DIRECT)])
    assert balance(ours.accounts[2]) == 0
