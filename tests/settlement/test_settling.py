"""From what has moved to what the books say once it is paid: each model by a small example, and what is refused."""

from typing import Any

import msgspec
import pytest

from hub.core.command import Done, Reason, Refusal
from hub.core.settlement.close import GROSS_JOURNALS_MAX, CloseWindow, Reckon
from hub.core.settlement.rules import Netting
from hub.core.settlement.settle import PayAgain, Release, ReleaseAutomatically
from hub.core.settlement.window import Movement, Obligation, ObligationState, PaymentState, WindowState
from hub.ledger.account import Kind
from tests.settlement.office import Office, Said, model

# ash pays birch 100, birch pays cedar 30, cedar pays ash 20; ash pays the hub a fee of 5.
MOVES = (("ash", "birch", 100), ("birch", "cedar", 30), ("cedar", "ash", 20), ("ash", "", 5))


def moved(netting: Netting, *, automatic: bool = False) -> Office:
    office = Office(model(netting, automatic=automatic))
    for number, (debtor, creditor, minor) in enumerate(MOVES):
        office.pay(debtor, creditor, minor, f"t{number}")
    return office


@pytest.mark.parametrize(
    ("netting", "owed"),
    [
        (Netting.MULTILATERAL, [("", "birch", 70), ("", "cedar", 10), ("ash", "", 85)]),
        (Netting.BILATERAL, [("ash", "", 5), ("ash", "birch", 100), ("birch", "cedar", 30), ("cedar", "ash", 20)]),
        (Netting.GROSS, [("ash", "", 5), ("ash", "birch", 100), ("birch", "cedar", 30), ("cedar", "ash", 20)]),
        (Netting.PREFUNDED, []),
    ],
)
def test_what_is_owed_follows_the_model(netting: Netting, owed: list[tuple[str, str, int]]) -> None:
    office = moved(netting)
    office.reckoned()
    assert office.owed() == owed


@pytest.mark.parametrize("netting", [Netting.MULTILATERAL, Netting.BILATERAL, Netting.GROSS])
def test_when_everything_is_paid_the_books_say_so_in_one_journal(netting: Netting) -> None:
    office = moved(netting)
    window = office.released()
    before = len(office.journals)
    payments = office.payments()
    office.book_payments(payments[:-1])
    assert len(office.journals) == before
    assert office.window().state is WindowState.SETTLING
    office.book_payments(payments[-1:])
    assert len(office.journals) == before + 1
    assert {entry.posting.subject for entry in office.journals[-1]} == {f"settle:{window.id}"}
    balances = office.balances()
    assert [balances[name] for name in ("ash", "birch", "cedar")] == [0, 0, 0]
    assert balances["fees"] == -balances["settlement_bank"] == 5
    assert office.window().state is WindowState.SETTLED
    assert {each.state for each in office.records.every(Obligation)} == {ObligationState.SETTLED}


def test_a_booking_that_is_said_again_settles_nothing_twice() -> None:
    office = moved(Netting.MULTILATERAL)
    office.released()
    payments = office.payments()
    office.book_payments(payments)
    journals, balances = len(office.journals), office.balances()
    # What a repeated batch says of a payment it has booked before: the same again.
    office.done(Said(by="bank", window=office.window().id, states={}))
    assert (len(office.journals), office.balances()) == (journals, balances)


def test_where_nothing_is_owed_the_window_is_settled_by_its_reckoning() -> None:
    for office in (Office(model(Netting.MULTILATERAL)), moved(Netting.PREFUNDED)):
        window = office.reckoned()
        assert (window.state, window.unsettled, window.due_ms) == (WindowState.SETTLED, "", None)


def test_what_the_participants_move_while_a_window_settles_is_in_the_next() -> None:
    office = moved(Netting.MULTILATERAL)
    office.done(CloseWindow(by="desk-1", window=office.window().id))
    office.pay("date", "elm", 7)
    office.done(Reckon(by="calendar", window=office.window().id, movements=office.movements(office.window())))
    assert office.owed() == [("", "birch", 70), ("", "cedar", 10), ("ash", "", 85)]
    office.reckoned(2)
    assert office.owed(2) == [("", "elm", 7), ("date", "", 7)]


def test_windows_are_intervals_that_touch() -> None:
    office = Office(model(Netting.MULTILATERAL))
    for number in range(1, 5):
        office.pay("ash", "birch", 1)
        office.done(CloseWindow(by="desk-1", window=office.window(number).id, why="noon"))
    assert [office.window(number).to_height for number in range(1, 5)] == [2, 4, 6, 8]
    assert [office.window(number).from_height for number in range(1, 6)] == [0, 2, 4, 6, 8]
    assert office.window(1).closed_by == "desk-1: noon"


def test_a_window_may_be_closed_after_a_number_of_journals_if_there_are_more() -> None:
    office = Office(model(Netting.GROSS))
    for _ in range(3):
        office.pay("ash", "birch", 1)
    office.done(CloseWindow(by="calendar", window=office.window().id, journals_max=4))
    office.done(CloseWindow(by="calendar", window=office.window(2).id, journals_max=4))
    assert [(office.window(n).from_height, office.window(n).to_height) for n in (1, 2, 3)] == [
        (0, 4),
        (4, 6),
        (6, None),
    ]


@pytest.mark.parametrize(
    "calendar", [{"every_s": 1}, {"close": ("0 18 * * *",)}, {}], ids=["seconds", "cron", "by hand"]
)
def test_a_gross_window_is_closed_in_pieces_that_wait_for_no_calendar(calendar: dict[str, Any]) -> None:
    office = Office(msgspec.structs.replace(model(Netting.GROSS), **calendar))
    for _ in range(GROSS_JOURNALS_MAX):
        office.pay("ash", "birch", 1)  # two journals each
    office.done(CloseWindow(by="desk-1", window=office.window().id))
    assert (office.window().to_height, office.window(2).due_ms) == (GROSS_JOURNALS_MAX, office.now_ms)
    office.done(CloseWindow(by="calendar", window=office.window(2).id))
    assert (office.window(2).to_height, office.window(3).due_ms == office.now_ms) == (2 * GROSS_JOURNALS_MAX, False)


def test_a_window_that_is_closed_twice_says_who_closed_it() -> None:
    office = moved(Netting.MULTILATERAL)
    office.done(CloseWindow(by="desk-1", window=office.window().id))
    refused = office.carry(CloseWindow(by="desk-2", window=office.window().id))
    assert isinstance(refused, Refusal)
    assert refused.reason is Reason.RECORD_FORBIDS
    assert "closed by desk-1" in refused.detail


def test_the_same_close_said_again_changes_nothing() -> None:
    office = moved(Netting.MULTILATERAL)
    deed = CloseWindow(by="desk-1", window=office.window().id, ref=f"{1:032x}")
    office.done(deed)
    assert office.carry(deed) == Done(changed=False)


def test_a_window_is_reckoned_once() -> None:
    office = moved(Netting.MULTILATERAL)
    window = office.reckoned()
    again = Reckon(by="calendar", window=window.id, movements=())
    assert office.carry(again) == Done(transfer=window.id, changed=False)


@pytest.mark.parametrize(
    "wrong",
    [
        (Movement("ash", "birch", 0, 1),),
        (Movement("ash", "birch", 1, 0),),
        (Movement("ash", "ash", 1, 1),),
        (Movement("ash", "birch", 1, 1), Movement("ash", "birch", 2, 1)),
        (Movement("ash", "nobody", 1, 1),),
    ],
)
def test_movements_that_cannot_be_are_refused(wrong: tuple[Movement, ...]) -> None:
    office = moved(Netting.MULTILATERAL)
    office.done(CloseWindow(by="desk-1", window=office.window().id))
    refused = office.carry(Reckon(by="calendar", window=office.window().id, movements=wrong))
    assert isinstance(refused, Refusal)
    assert refused.reason is Reason.AMOUNTS_DIFFER


def test_an_open_window_is_neither_reckoned_nor_released() -> None:
    office = moved(Netting.MULTILATERAL)
    id_ = office.window().id
    for deed in (Reckon(by="calendar", window=id_, movements=()), Release(by="desk-1", window=id_)):
        refused = office.carry(deed, approved_by="desk-2")
        assert isinstance(refused, Refusal)
        assert refused.reason is Reason.RECORD_FORBIDS


def test_nobody_releases_alone_but_where_the_terms_say_so() -> None:
    office = moved(Netting.MULTILATERAL)
    id_ = office.reckoned().id
    for deed in (Release(by="desk-1", window=id_), ReleaseAutomatically(by="calendar", window=id_)):
        refused = office.carry(deed)
        assert isinstance(refused, Refusal)
        assert refused.reason is Reason.CHECKER_NEEDED
    office = moved(Netting.MULTILATERAL, automatic=True)
    office.done(ReleaseAutomatically(by="calendar", window=office.reckoned().id))
    assert office.window().state is WindowState.SETTLING


def test_windows_of_a_model_are_released_in_their_order() -> None:
    office = moved(Netting.MULTILATERAL)
    office.reckoned()
    office.pay("ash", "birch", 3)
    office.reckoned(2)
    refused = office.carry(Release(by="desk-1", window=office.window(2).id), approved_by="desk-2")
    assert isinstance(refused, Refusal)
    assert "settling out of order: window 1 of one is reckoned" in refused.detail
    office.done(Release(by="desk-1", window=office.window(1).id))
    office.done(Release(by="desk-1", window=office.window(2).id))
    again = office.carry(Release(by="desk-1", window=office.window(2).id), approved_by="desk-2")
    assert isinstance(again, Refusal)
    assert again.reason is Reason.RECORD_FORBIDS


def test_both_sides_of_a_payment_are_told_and_everybody_when_it_is_settled() -> None:
    office = moved(Netting.BILATERAL)
    office.released()
    assert sorted(who for who, _ in office.told) == ["ash", "ash", "ash", "birch", "birch", "cedar", "cedar"]
    office.told.clear()
    office.book_payments(office.payments())
    assert office.told == [(name, office.window().id) for name in ("ash", "birch", "cedar")]


@pytest.mark.parametrize("state", [PaymentState.OVER, PaymentState.UNDER, PaymentState.MISMATCH, PaymentState.MISSING])
def test_what_is_not_booked_as_it_was_wanted_settles_nothing(state: PaymentState) -> None:
    office = moved(Netting.MULTILATERAL)
    office.released()
    first, *others = office.payments()
    office.book_payments(others)
    booked = {PaymentState.OVER: first.minor + 1, PaymentState.UNDER: first.minor - 1}.get(state, 0)
    office.done(Said(by="bank", window=first.subject, states={first.id: (state, booked)}))
    assert office.window().state is WindowState.SETTLING
    office.done(Said(by="bank", window=first.subject, states={first.id: (PaymentState.POSTED, first.minor)}))
    assert office.window().state is WindowState.SETTLED


def test_a_participant_that_is_short_is_paid_for_beyond_its_cap() -> None:
    office = moved(Netting.BILATERAL)
    office.released()
    office.account("birch").cap_minor = 0
    office.account("birch").debits_pending = 1_000
    office.book_payments(office.payments())
    assert office.window().state is WindowState.SETTLED
    assert office.account("", Kind.FEES).credits_posted == 5


def test_what_the_bank_refused_is_paid_again_by_two_people() -> None:
    office = moved(Netting.MULTILATERAL)
    window = office.released()
    first, *others = office.payments()
    office.book_payments(others)
    again = PayAgain(by="desk-1", window=window.id, payment=first.id, why="the account is open again")
    assert isinstance(office.carry(again, approved_by="desk-2"), Refusal)
    office.done(Said(by="bank", window=window.id, states={first.id: (PaymentState.REFUSED, 0)}))
    assert isinstance(office.carry(again), Refusal)
    office.done(again)
    (fresh,) = office.payments()
    assert fresh.id != first.id
    assert (fresh.debtor, fresh.creditor, fresh.minor) == (first.debtor, first.creditor, first.minor)
    office.book_payments([fresh])
    assert office.window().state is WindowState.SETTLED
