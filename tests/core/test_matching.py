"""What a bank says of a payment comes to the same, in whatever order and however often it is said."""

import random
from collections.abc import Sequence

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from hub.core.office.records import DifferenceKind
from hub.core.office.words import heard, judged
from hub.core.settlement.window import Payment, PaymentState, Said, Word

PAYMENT = Payment(
    id="a" * 32,
    subject="b" * 32,
    debtor="alpha",
    creditor="",
    currency="KES",
    minor=10_00,
    state=PaymentState.EXPECTED,
)

bookings = st.builds(
    Said,
    word=st.just(Word.BOOKED),
    direction=st.sampled_from(["credit", "credit", "debit"]),
    currency=st.sampled_from(["KES", "KES", "UGX"]),
    minor=st.sampled_from([10_00, 10_00, 9_99, 12_00]),
    bank_reference=st.sampled_from(["", "B-1", "B-2", "B-3"]),
)


def end_of(words: Sequence[Said]) -> tuple[PaymentState, list[DifferenceKind], Payment]:
    """Say words one by one, as files bring them."""
    payment = PAYMENT
    for each in words:
        payment = heard(payment, each)
        payment = msgspec.structs.replace(payment, state=judged(payment).state)
    return payment.state, sorted(stray.kind for stray in judged(payment).strays), payment


@given(words=st.lists(bookings, max_size=6), shuffled=st.randoms(use_true_random=False))
def test_the_order_and_number_of_times_do_not_matter(words: list[Said], shuffled: random.Random) -> None:
    expected = end_of(words)[:2]
    again = [*words, *(each for each in words if shuffled.random() < 0.5)]
    shuffled.shuffle(again)
    assert end_of(again)[:2] == expected


@given(words=st.lists(bookings, min_size=1, max_size=6))
def test_every_booking_but_the_one_instructed_is_a_difference(words: list[Said]) -> None:
    state, strays, payment = end_of(words)
    exact = [each for each in payment.said if (each.direction, each.currency, each.minor) == ("credit", "KES", 10_00)]
    assert (state is PaymentState.POSTED) == bool(exact)
    assert len(strays) == len(payment.said) - bool(exact)


@given(words=st.lists(bookings, max_size=6))
def test_what_a_bank_does_not_repeat_agrees_with_what_it_said(words: list[Said]) -> None:
    """A status report without amount, side and reference of its own adds nothing to what the statement has."""
    bare = Said(word=Word.BOOKED)
    state, strays, payment = end_of([*words, bare])
    expected = end_of(words) if words else end_of([bare])
    assert (state, strays, len(payment.said)) == (*expected[:2], len(expected[2].said))


@given(words=st.lists(bookings, min_size=1, max_size=4))
def test_a_payment_that_was_refused_is_never_posted_by_itself(words: list[Said]) -> None:
    refused = Said(word=Word.REFUSED, reason="AC04")
    state, strays, payment = end_of([refused, *words])
    assert state is PaymentState.REFUSED
    assert strays.count(DifferenceKind.UNWANTED) == len(payment.said) - 1


def test_booked_and_refused_in_one_breath_is_not_decided() -> None:
    payment = heard(heard(PAYMENT, Said(word=Word.BOOKED, minor=10_00, currency="KES")), Said(word=Word.REFUSED))
    assert judged(payment).state is PaymentState.MISMATCH


def test_a_booking_that_was_undone_is_not_posted() -> None:
    payment = heard(heard(PAYMENT, Said(word=Word.BOOKED)), Said(word=Word.REVERSED))
    assert judged(payment).state is PaymentState.MISMATCH
    assert DifferenceKind.REVERSED in {stray.kind for stray in judged(payment).strays}
