"""A participant cannot pay: each path by a small example, what is refused, and what holds after any of them."""

from collections.abc import Sequence
from typing import Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hub.core.command import Reason, Refusal, Result
from hub.core.office.records import Change
from hub.core.settlement.default import DefaultError, Preview, preview
from hub.core.settlement.handle_default import HandleDefault
from hub.core.settlement.netting import nets
from hub.core.settlement.rules import DefaultPath, Netting
from hub.core.settlement.settle import Release
from hub.core.settlement.window import Obligation, Payment, PaymentState, WindowState
from hub.ledger.account import Kind
from hub.ledger.journal import Phase
from tests.settlement.office import NAMES, Office, Said, model

OWING: Final = (Netting.MULTILATERAL, Netting.BILATERAL, Netting.GROSS)
FUNDS: Final = 10**9
MOVES: Final = (
    ("ash", "birch", 100),
    ("birch", "cedar", 30),
    ("ash", "cedar", 10),
    ("cedar", "ash", 20),
    ("ash", "", 5),
)


def moved(netting: Netting, path: DefaultPath = DefaultPath.COVER, *, guarantee: int = FUNDS) -> Office:
    office = Office(model(netting, default=path))
    if guarantee:
        office.guarantee(guarantee)
    for number, (debtor, creditor, minor) in enumerate(MOVES):
        office.pay(debtor, creditor, minor, f"t{number}")
    return office


def handled(office: Office, participant: str, *, path: DefaultPath | None = None, why: str = "no money") -> Result:
    window = office.window()
    deed = HandleDefault(
        by="desk-1",
        window=window.id,
        participant=participant,
        path=path or window.terms.default,
        override=path is not None,
        why=why,
    )
    return office.carry(deed, approved_by="desk-2")


def shown(office: Office, participant: str, path: DefaultPath) -> Preview:
    window = office.window()
    obligations = [each for each in office.records.every(Obligation) if each.window == window.id]
    return preview(window, obligations, office.payments(awaited=False), participant, path)


def books(office: Office) -> dict[str, int]:
    return {name: minor for name, minor in office.balances().items() if minor}


def test_what_the_guarantee_covers_is_owed_no_more() -> None:
    office = moved(Netting.MULTILATERAL)
    office.released()
    assert office.owed() == [("", "birch", 70), ("", "cedar", 20), ("ash", "", 95)]
    assert not isinstance(handled(office, "ash"), Refusal)
    assert office.owed() == [("", "birch", 70), ("", "cedar", 20)]
    office.book_payments(office.payments())
    assert office.window().state is WindowState.SETTLED
    # The bank has paid 90 more than it was paid, which was the guarantee's, but for the fee of 5.
    assert books(office) == {"guarantee": FUNDS - 95, "settlement_bank": 90 - FUNDS, "fees": 5}
    assert office.window().defaults[0].minor == 95


def test_between_pairs_the_scheme_pays_instead_of_who_cannot() -> None:
    office = moved(Netting.BILATERAL)
    office.released()
    assert office.owed() == [("ash", "", 5), ("ash", "birch", 100), ("birch", "cedar", 30), ("cedar", "ash", 10)]
    assert not isinstance(handled(office, "ash"), Refusal)
    assert office.owed() == [("", "birch", 100), ("birch", "cedar", 30), ("cedar", "ash", 10)]
    office.book_payments(office.payments())
    assert books(office) == {"guarantee": FUNDS - 105, "settlement_bank": 100 - FUNDS, "fees": 5}


def test_what_was_paid_before_is_not_covered_again() -> None:
    office = moved(Netting.BILATERAL)
    office.released()
    office.book_payments(each for each in office.payments() if (each.debtor, each.creditor) == ("ash", "birch"))
    found = shown(office, "ash", DefaultPath.COVER)
    assert (found.minor, found.guarantee_minor) == (5, 5)


def test_a_guarantee_that_does_not_suffice_covers_nothing() -> None:
    office = moved(Netting.MULTILATERAL, guarantee=94)
    office.released()
    refused = handled(office, "ash")
    assert isinstance(refused, Refusal)
    assert refused.reason is Reason.CAP_EXCEEDED
    assert "has 0.94 KES" in refused.detail


def test_who_is_excluded_owes_in_the_next_window_what_it_owed_in_this() -> None:
    office = moved(Netting.MULTILATERAL, DefaultPath.EXCLUDE)
    office.released()
    assert not isinstance(handled(office, "ash"), Refusal)
    assert office.owed() == [("", "cedar", 30), ("birch", "", 30)]
    office.book_payments(office.payments())
    assert office.window().state is WindowState.SETTLED
    assert (office.account("ash").blocked, office.account("birch").blocked) == (True, False)
    assert [(each.participant, each.after) for each in office.records.every(Change)] == [("ash", "yes")], (
        "and it is kept why"
    )
    office.pay("birch", "ash", 1)
    office.released(2)
    assert office.owed(2) == [("", "birch", 99), ("ash", "", 94), ("cedar", "", 10)]
    office.book_payments(office.payments(2))
    assert books(office) == {"guarantee": FUNDS, "settlement_bank": -FUNDS - 5, "fees": 5}


def test_what_is_unwound_is_undone_between_the_positions() -> None:
    office = moved(Netting.MULTILATERAL, DefaultPath.UNWIND)
    window = office.released()
    assert not isinstance(handled(office, "ash"), Refusal)
    undone = [entry.posting for entry in office.journals[-1]]
    assert {each.subject for each in undone} == {f"unwind:{window.id}:ash"}
    assert {each.phase for each in undone} == {Phase.DIRECT}
    assert (office.balances()["ash"], office.balances()["fees"]) == (0, 0)
    office.book_payments(office.payments())
    assert books(office) == {"guarantee": FUNDS, "settlement_bank": -FUNDS}


def test_what_the_bank_has_booked_is_paid_back_where_it_is_owed_no_more() -> None:
    office = moved(Netting.MULTILATERAL, DefaultPath.UNWIND)
    office.released()
    office.book_payments(each for each in office.payments() if each.creditor == "birch")
    assert not isinstance(handled(office, "ash"), Refusal)
    wanted = [(each.debtor, each.creditor, each.minor) for each in office.payments()]
    # birch was paid 70 and is to pay 30 now; cedar is to get 30 and not 20.
    assert wanted == [("", "cedar", 30), ("birch", "", 100)]
    office.book_payments(office.payments())
    assert books(office) == {"guarantee": FUNDS, "settlement_bank": -FUNDS}


def test_payments_that_are_wanted_as_they_are_go_on() -> None:
    office = moved(Netting.BILATERAL)
    office.released()
    before = {each.id for each in office.payments() if each.debtor != "ash"}
    assert not isinstance(handled(office, "ash"), Refusal)
    after = {each.id for each in office.payments()}
    assert before < after
    assert len(after) == 3
    assert {each.state for each in office.payments(awaited=False)} == {PaymentState.EXPECTED, PaymentState.CANCELLED}


def test_a_default_before_the_release_changes_what_is_released() -> None:
    office = moved(Netting.MULTILATERAL)
    office.reckoned()
    assert not isinstance(handled(office, "ash"), Refusal)
    assert office.payments() == []
    office.done(Release(by="desk-1", window=office.window().id))
    office.book_payments(office.payments())
    assert office.window().state is WindowState.SETTLED


def test_where_nothing_is_left_to_be_paid_the_window_is_settled() -> None:
    for release in (True, False):
        office = Office(model(Netting.MULTILATERAL, default=DefaultPath.EXCLUDE))
        office.pay("ash", "birch", 9)
        office.released() if release else office.reckoned()
        assert not isinstance(handled(office, "ash"), Refusal)
        assert office.window().state is WindowState.SETTLED


@pytest.mark.parametrize("participant", ["birch", "date", "", "nobody"])
def test_who_owes_nothing_does_not_default(participant: str) -> None:
    office = moved(Netting.MULTILATERAL)
    office.released()
    refused = handled(office, participant)
    assert isinstance(refused, Refusal)
    assert "owes nothing" in refused.detail


def test_who_has_paid_does_not_default() -> None:
    office = moved(Netting.MULTILATERAL)
    office.released()
    office.book_payments(each for each in office.payments() if each.debtor == "ash")
    assert isinstance(handled(office, "ash"), Refusal)
    office.book_payments(office.payments())
    refused = handled(office, "ash")
    assert isinstance(refused, Refusal)
    assert "settled" in refused.detail


def test_another_path_than_the_terms_say_is_taken_only_on_purpose() -> None:
    office = moved(Netting.MULTILATERAL)
    id_ = office.released().id
    for deed in (
        HandleDefault(by="desk-1", window=id_, participant="ash", path=DefaultPath.UNWIND, why="no money"),
        HandleDefault(by="desk-1", window=id_, participant="ash", path=DefaultPath.COVER, why=" "),
    ):
        refused = office.carry(deed, approved_by="desk-2")
        assert isinstance(refused, Refusal)
        assert refused.reason is Reason.TERMS_INVALID
    assert not isinstance(handled(office, "ash", path=DefaultPath.UNWIND), Refusal)


def test_nobody_handles_a_default_alone() -> None:
    office = moved(Netting.MULTILATERAL)
    id_ = office.released().id
    deed = HandleDefault(by="desk-1", window=id_, participant="ash", path=DefaultPath.COVER, why="no money")
    refused = office.carry(deed)
    assert isinstance(refused, Refusal)
    assert refused.reason is Reason.CHECKER_NEEDED


def test_a_payment_that_was_booked_wrongly_is_looked_into_first() -> None:
    office = moved(Netting.MULTILATERAL)
    office.released()
    wrong = office.payments()[0]
    office.done(Said(by="bank", window=wrong.subject, states={wrong.id: (PaymentState.MISMATCH, 0)}))
    with pytest.raises(DefaultError, match="resolve that difference first"):
        shown(office, "ash", DefaultPath.COVER)


moves = st.lists(
    st.tuples(st.sampled_from(("", *NAMES)), st.sampled_from(("", *NAMES)), st.integers(1, 1_000)).filter(
        lambda each: each[0] != each[1]
    ),
    min_size=1,
    max_size=14,
)
steps = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(NAMES), st.sampled_from(list(DefaultPath))),
        st.tuples(st.integers(0, 9), st.sampled_from((PaymentState.POSTED, PaymentState.OVER, PaymentState.UNDER))),
    ),
    max_size=8,
)


@settings(max_examples=200, suppress_health_check=[HealthCheck.too_slow])
@given(moves, st.sampled_from(OWING), steps, st.booleans())
def test_after_any_defaults_and_bookings_everybody_has_what_it_is_owed(
    listed: Sequence[tuple[str, str, int]], netting: Netting, happens: Sequence[tuple[object, object]], release: bool
) -> None:
    office = Office(model(netting))
    office.guarantee(FUNDS)
    for number, (debtor, creditor, minor) in enumerate(listed):
        office.pay(debtor, creditor, minor, f"t{number % 3}")
    office.released() if release else office.reckoned()
    for what, how in happens:
        if isinstance(how, DefaultPath):
            _default(office, str(what), how)
        elif payments := office.payments():
            assert isinstance(what, int)
            _booked(office, payments[what % len(payments)], PaymentState(str(how)))
    _settle(office, 1)
    carried = nets(office.window(2).carried)
    assert [office.balances()[name] for name in NAMES] == [carried[name] for name in NAMES]
    office.released(2)
    _settle(office, 2)
    left = books(office)
    assert {name for name in NAMES if left.get(name)} == set()
    covered = sum(each.minor for one in office.window().defaults for each in one.covered)
    assert left.get("guarantee", 0) == FUNDS - covered
    assert sum(left.values()) == 0


def _default(office: Office, participant: str, path: DefaultPath) -> None:
    """Handle a default, if there is one: what is done is what was shown."""
    try:
        found = shown(office, participant, path)
    except DefaultError:
        assert isinstance(handled(office, participant, path=path), Refusal)
        return
    known = {each.id for each in office.payments(awaited=False)}
    assert not isinstance(handled(office, participant, path=path), Refusal)
    assert office.owed() == sorted((each.debtor, each.creditor, each.minor) for each in found.obligations)
    fresh = [each for each in office.payments(awaited=False) if each.id not in known]
    assert sorted((each.debtor, each.creditor, each.minor) for each in fresh) == sorted(
        (each.debtor, each.creditor, each.minor) for each in found.payments
    )
    assert office.window().defaults[-1].minor == found.minor
    assert office.account(participant).blocked


def _booked(office: Office, payment: Payment, state: PaymentState) -> None:
    change = {PaymentState.OVER: 1, PaymentState.UNDER: -1}.get(state, 0)
    if payment.minor + change:
        states = {payment.id: (state, payment.minor + change)}
        office.done(Said(by="bank", window=payment.subject, states=states))


def _settle(office: Office, number: int) -> None:
    """Release and pay whatever is left; who was paid too much or too little is put right, as operators do."""
    window = office.window(number)
    if window.state is WindowState.RECKONED:
        office.done(Release(by="desk-1", window=window.id))
    for each in office.payments(number, awaited=False):
        if each.state in (PaymentState.OVER, PaymentState.UNDER):
            office.done(Said(by="bank", window=window.id, states={each.id: (PaymentState.POSTED, each.minor)}))
    office.book_payments(office.payments(number))
    assert office.window(number).state is WindowState.SETTLED
    assert office.account("", Kind.SUSPENSE).credits_posted == 0
