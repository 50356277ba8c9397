"""Positions: what may still be spent, as a table; and a book that knows an account not, enters nothing on it."""

import pytest

from hub.ledger.account import Account, Kind, counters
from hub.ledger.journal import Book, Phase, Posting
from hub.ledger.position import available, balance, covers


def position(counted: tuple[int, int, int, int], cap: int | None) -> Account:
    names = ("debits_pending", "debits_posted", "credits_pending", "credits_posted")
    account = Account(id=1, kind=Kind.POSITION, participant="alpha", currency="KES", cap_minor=cap)
    for name, value in zip(names, counted, strict=True):
        setattr(account, name, value)
    return account


@pytest.mark.parametrize(
    ("counted", "cap", "owned", "spendable"),
    [
        ((0, 0, 0, 0), 0, 0, 0),
        ((0, 0, 0, 0), 500, 0, 500),
        ((0, 0, 0, 300), 0, 300, 300),
        ((0, 0, 300, 0), 0, 0, 0),
        ((200, 0, 0, 300), 0, 300, 100),
        ((0, 200, 0, 0), 500, -200, 300),
        ((100, 200, 50, 30), 500, -170, 230),
        ((0, 600, 0, 0), 500, -600, -100),
        ((0, 10**17, 0, 0), None, -(10**17), None),
    ],
    ids=[
        "nothing",
        "the cap alone",
        "prefunded",
        "what is only promised does not count",
        "what is held is gone",
        "owing within the cap",
        "everything at once",
        "the cap was lowered below what is owed",
        "no floor",
    ],
)
def test_what_may_be_spent(
    counted: tuple[int, int, int, int], cap: int | None, owned: int, *, spendable: int | None
) -> None:
    account = position(counted, cap)
    assert (balance(account), available(account)) == (owned, spendable)
    if spendable is not None:
        assert covers(account, spendable)
        assert not covers(account, spendable + 1)


@pytest.mark.parametrize("phase", list(Phase))
@pytest.mark.parametrize(("debit", "credit"), [(1, 9), (9, 1), (8, 9)])
def test_a_posting_on_an_account_that_was_not_loaded_is_refused(phase: Phase, debit: int, credit: int) -> None:
    book = Book([position((0, 0, 0, 0), 500)])
    with pytest.raises(KeyError):
        book.enter(Posting("t", debit, credit, 5, phase))
    assert (book.entries, book.touched, counters(book.accounts[1])) == ([], set(), (0, 0, 0, 0))


@pytest.mark.parametrize("phase", [Phase.POSTED, Phase.VOIDED])
def test_no_more_is_posted_or_voided_than_was_held_between_the_two(phase: Phase) -> None:
    others = [Account(id=id_, kind=Kind.POSITION, participant=str(id_), currency="KES", cap_minor=0) for id_ in (2, 3)]
    accounts = [position((0, 0, 0, 0), 500), *others]
    book = Book(accounts)
    book.enter(Posting("t", 1, 2, 100, Phase.PENDING))
    for wrong in (Posting("t", 1, 2, 101, phase), Posting("t", 1, 3, 100, phase), Posting("t", 2, 1, 100, phase)):
        with pytest.raises(ValueError, match="do not hold"):
            book.enter(wrong)
    book.enter(Posting("t", 1, 2, 100, phase))
    assert book.accounts[1].debits_pending == 0
