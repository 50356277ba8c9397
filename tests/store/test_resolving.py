"""What two operators decide that a difference with the bank comes to: on both stores, with the books behind it."""

from typing import Final

import msgspec
import pytest

from hub.core.command import Done, Result
from hub.core.office.booking import missing_id
from hub.core.office.files import Overdue
from hub.core.office.funds import payment_of
from hub.core.office.records import Difference, DifferenceState, Funds, FundsState
from hub.core.office.resolving import Resolution, Resolve, currency_of
from hub.core.settlement.window import Payment, PaymentState, WindowState
from hub.ledger.account import Kind
from hub.ledger.position import balance
from tests.store.bank import booked, differences, kinds, payment, released, row, taken, window
from tests.store.house import House, reason_of
from tests.store.office import CHECKER, MAKER, approved, fresh, kept, proposed

BOTH: Final = f"{MAKER} and {CHECKER}"


def resolving(found: Difference, resolution: Resolution, **more: str) -> Resolve:
    if resolution is Resolution.INTO_FUNDS:
        more.setdefault("bank_reference", str(found.theirs["bank_reference"]))
    return Resolve(
        by=MAKER,
        difference=found.id,
        payment=found.subject,
        about=found.about,
        currency=currency_of(found),
        resolution=resolution,
        why="the bank has confirmed it in writing",
        **more,
    )


async def resolved(house: House, resolution: Resolution, **more: str) -> Result:
    """Resolve the one difference that there is."""
    (found,) = await differences(house)
    return await approved(house, resolving(found, resolution, **more))


async def of_scheme(house: House, kind: Kind) -> int:
    return balance(next(each for each in await house.store.accounts() if each.kind is kind))


async def overdue(house: House, *payments: Payment) -> None:
    """Miss payments as if their time had come: what is kept of them is written as due now."""
    for each in payments:
        await house.door.handle(Overdue(by="hub", payments=(each.id,), about=(each.subject,)))


# What the bank booked of alpha's 10.00 that is to come in, or of bravo's that is to go out: what suspense has after it.
ACCEPTED: Final = {
    "more in": ("in", "12", 2_00),
    "less in": ("in", "7.50", -2_50),
    "more out": ("out", "12", -2_00),
    "less out": ("out", "7.50", 2_50),
}


@pytest.mark.parametrize(("side", "amount", "suspense"), ACCEPTED.values(), ids=ACCEPTED)
async def test_what_is_accepted_is_posted_and_the_rest_is_in_suspense(
    house: House, side: str, amount: str, suspense: int
) -> None:
    paid, due = await released(house)
    strange, plain = (paid, due) if side == "in" else (due, paid)
    await taken(house, booked(strange, amount), booked(plain))
    assert (await window(house)).state is WindowState.SETTLING
    assert isinstance(await resolved(house, Resolution.ACCEPT_BOOKED), Done)
    assert (await payment(house, strange.id)).state is PaymentState.POSTED
    assert (await window(house)).state is WindowState.SETTLED
    assert await of_scheme(house, Kind.SUSPENSE) == suspense
    assert await of_scheme(house, Kind.SETTLEMENT_BANK) == -suspense
    (closed,) = await differences(house, DifferenceState.RESOLVED)
    assert (closed.closed_by, closed.resolution, closed.moved_minor) == (BOTH, "accept_booked", suspense)
    assert house.findings() == []


async def test_one_person_alone_resolves_nothing(house: House) -> None:
    paid, _ = await released(house)
    await taken(house, booked(paid, "12"))
    (found,) = await differences(house)
    assert reason_of(await house.door.handle(resolving(found, Resolution.ACCEPT_BOOKED))) == "checker_needed"
    assert (await payment(house, paid.id)).state is PaymentState.OVER


async def test_a_difference_is_resolved_once(house: House) -> None:
    paid, _ = await released(house)
    await taken(house, booked(paid, "12"))
    (found,) = await differences(house)
    assert isinstance(await approved(house, resolving(found, Resolution.ACCEPT_BOOKED)), Done)
    assert reason_of(await approved(house, resolving(found, Resolution.ACCEPT_BOOKED))) == "record_forbids"
    assert await of_scheme(house, Kind.SUSPENSE) == 2_00


async def test_a_second_booking_is_kept_in_suspense_whole(house: House) -> None:
    paid, _ = await released(house)
    await taken(house, booked(paid), name="1.csv")
    await taken(house, booked(paid, bank_reference="B-2"), name="2.csv")
    assert isinstance(await resolved(house, Resolution.ACCEPT_BOOKED), Done)
    assert await of_scheme(house, Kind.SUSPENSE) == 10_00
    assert house.findings() == []


async def test_what_was_refused_is_sent_again(house: House) -> None:
    paid, due = await released(house)
    await taken(house, booked(paid, status="refused", reason="AC04", booked_on=""), booked(due))
    anew = fresh()
    assert isinstance(await resolved(house, Resolution.RESEND, fresh=anew), Done)
    again = await payment(house, anew)
    assert (again.state, again.minor, again.file, again.subject) == (PaymentState.EXPECTED, 10_00, "", paid.subject)
    assert (await payment(house, paid.id)).state is PaymentState.CANCELLED
    await taken(house, booked(again), name="2.csv")
    assert (await window(house)).state is WindowState.SETTLED
    assert house.findings() == []


async def test_what_was_replaced_and_is_booked_after_all_is_a_difference(house: House) -> None:
    paid, due = await released(house)
    await taken(house, booked(paid, status="refused", reason="AC04", booked_on=""), booked(due))
    await resolved(house, Resolution.RESEND, fresh=fresh())
    await taken(house, booked(paid), name="2.csv")
    assert await kinds(house) == ["unwanted"]
    assert (await window(house)).state is WindowState.SETTLING
    assert isinstance(await resolved(house, Resolution.ACCEPT_BOOKED), Done)
    assert await of_scheme(house, Kind.SUSPENSE) == 10_00
    assert house.findings() == []


async def test_what_was_booked_the_wrong_way_is_sent_again_and_its_money_is_in_suspense(house: House) -> None:
    paid, due = await released(house)
    await taken(house, booked(paid, direction="debit"), booked(due))
    anew = fresh()
    assert isinstance(await resolved(house, Resolution.RESEND, fresh=anew), Done)
    assert (await payment(house, paid.id)).state is PaymentState.CANCELLED
    assert await of_scheme(house, Kind.SUSPENSE) == -10_00
    await taken(house, booked(await payment(house, anew)), name="2.csv")
    assert (await window(house)).state is WindowState.SETTLED
    assert house.findings() == []


async def test_what_was_not_refused_is_not_sent_again(house: House) -> None:
    paid, _ = await released(house)
    await taken(house, booked(paid, "12"))
    assert reason_of(await resolved(house, Resolution.RESEND, fresh=fresh())) == "record_forbids"


async def test_money_that_nobody_announced_becomes_a_participants_funds(house: House) -> None:
    await released(house)
    await taken(house, row("thanks", "250", "credit", bank_reference="B-77"))
    funds = fresh()
    assert isinstance(await resolved(house, Resolution.INTO_FUNDS, participant="bravo", fresh=funds), Done)
    found = await kept(house, Funds, funds)
    assert (found.state, found.minor, found.bank_reference) == (FundsState.CONFIRMED, 250_00, "B-77")
    assert (await payment(house, payment_of(funds))).state is PaymentState.POSTED
    assert balance(await house.position("bravo")) == 260_00
    assert house.findings() == []


async def test_money_that_left_becomes_nobodys_funds(house: House) -> None:
    await released(house)
    await taken(house, row("oops", "250", "debit", bank_reference="B-77"))
    result = await resolved(house, Resolution.INTO_FUNDS, participant="bravo", fresh=fresh())
    assert reason_of(result) == "record_forbids"
    assert isinstance(await resolved(house, Resolution.ACCEPT_BOOKED), Done)
    assert await of_scheme(house, Kind.SUSPENSE) == -250_00


async def test_what_is_ignored_is_closed_with_both_names_and_moves_nothing(house: House) -> None:
    await released(house)
    await taken(house, row("", "0.35", "debit", bank_reference="fee"))
    assert isinstance(await resolved(house, Resolution.IGNORE), Done)
    (closed,) = await differences(house, DifferenceState.RESOLVED)
    assert (closed.closed_by, closed.resolution, closed.moved_minor) == (BOTH, "ignore", 0)
    assert await kinds(house) == []


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"difference": "0" * 32}, "record_unknown"),
        ({"payment": "0" * 32}, "terms_invalid"),
        ({"about": "0" * 32}, "terms_invalid"),
        ({"currency": "UGX"}, "terms_invalid"),
        ({"why": " "}, "terms_invalid"),
    ],
    ids=["unknown", "another payment", "another window", "another currency", "without why"],
)
async def test_what_contradicts_the_difference_is_refused(house: House, change: dict[str, str], reason: str) -> None:
    paid, _ = await released(house)
    await taken(house, booked(paid, "12"))
    (found,) = await differences(house)
    deed = msgspec.structs.replace(resolving(found, Resolution.ACCEPT_BOOKED), **change)
    assert reason_of(await approved(house, deed)) == reason
    assert await of_scheme(house, Kind.SUSPENSE) == 0
    assert len(await differences(house)) == 1


async def test_a_payment_is_not_missed_before_its_time(house: House) -> None:
    paid, _ = await released(house)
    await overdue(house, paid)
    assert (await payment(house, paid.id)).state is PaymentState.EXPECTED
    assert await house.store.records.one(Difference, missing_id(paid.id)) is None


async def test_what_is_proposed_wrongly_is_not_even_kept(house: House) -> None:
    paid, _ = await released(house)
    await taken(house, booked(paid, "12"))
    (found,) = await differences(house)
    assert reason_of(await proposed(house, resolving(found, Resolution.RESEND))) == "terms_invalid"
