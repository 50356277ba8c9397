"""What the bank has booked is in the books once, whatever is said of it later, and there is always a way on."""

from hashlib import sha256
from typing import Final

import pytest

from hub.core.command import Done
from hub.core.office.files import Import, Overdue, Reported
from hub.core.office.funds import ConfirmFunds, payment_of
from hub.core.office.records import DifferenceState, Purpose
from hub.core.office.resolving import Resolution
from hub.core.settlement.handle_default import HandleDefault
from hub.core.settlement.rules import DefaultPath
from hub.core.settlement.window import Payment, PaymentState, Said, WindowState, Word
from hub.ledger.account import Kind
from tests.store.bank import Row, booked, differences, hurried, kinds, payment, released, taken, window, with_bank
from tests.store.house import House, reason_of
from tests.store.office import CHECKER, MAKER, approved, fresh, moving
from tests.store.test_resolving import of_scheme, resolved, resolving

REFUSED: Final = {"status": "refused", "reason": "AC04", "booked_on": ""}


def undone(paid: Payment, amount: str = "", **more: str) -> Row:
    """A row that says that a payment into the scheme's account was booked back."""
    return booked(paid, amount, direction="debit", status="reversed", bank_reference="BACK", **more)


async def said(house: House, paid: Payment, word: Said) -> None:
    """Have the bank say one word, as a report of its statuses does: with no amount."""
    content = f"{paid.id}: {word.word}"
    deed = Import(
        by="bank",
        ref=fresh(),
        file=fresh(),
        name="pacs.002",
        format="pacs.002",
        content=content,
        sha256=sha256(content.encode()).hexdigest(),
        signer="bank",
        currencies=("KES",),
        entries=(Reported(reference=paid.id, said=word),),
        about=(paid.subject,),
    )
    assert isinstance(await house.door.handle(deed), Done)


async def confirmed(house: House, amount: str, *, reference: str = "TEL-1", purpose: Purpose = Purpose.POSITION) -> str:
    """Have money in that operators confirm by hand; returns its payment."""
    deed = moving(amount, purpose=purpose)
    assert isinstance(await approved(house, deed), Done)
    word = ConfirmFunds(
        by=MAKER, funds=deed.funds, participant="alpha", currency="KES", reference=reference, why="by telephone"
    )
    assert isinstance(await approved(house, word), Done)
    return payment_of(deed.funds)


async def cash(house: House) -> int:
    """What the bank has by the books."""
    return -await of_scheme(house, Kind.SETTLEMENT_BANK)


async def instructed(house: House, about: str) -> list[Payment]:
    found = await house.store.records.found(Payment, subject=about)
    return [each for each in found if each.state is PaymentState.EXPECTED]


@pytest.mark.parametrize("amount", ["120", "60"])
async def test_of_funds_confirmed_by_hand_only_the_difference_is_moved(house: House, amount: str) -> None:
    await house.store.apply_scheme(with_bank(), "test")
    paid = await confirmed(house, "100")
    await taken(house, booked(await payment(house, paid), amount))
    assert isinstance(await resolved(house, Resolution.ACCEPT_BOOKED), Done)
    assert (await cash(house), await of_scheme(house, Kind.SUSPENSE)) == (int(amount) * 100, int(amount) * 100 - 100_00)
    await taken(house, booked(await payment(house, paid), amount, statement="S-2"), name="2.csv")
    assert await differences(house) == []
    assert house.findings() == []


async def test_what_was_posted_without_an_amount_is_put_right_by_the_difference(house: House) -> None:
    paid, due = await released(house)
    for each in (paid, due):
        await said(house, each, Said(word=Word.BOOKED))
    assert (await window(house)).state is WindowState.SETTLED
    await taken(house, booked(paid, "7"))
    assert await kinds(house) == ["under"]
    assert isinstance(await resolved(house, Resolution.ACCEPT_BOOKED), Done)
    assert await cash(house) == 7_00 - 10_00
    assert house.findings() == []


async def test_what_a_default_counts_is_not_put_right_a_second_time(house: House) -> None:
    paid, due = await released(house)
    await taken(house, booked(paid, "7"))
    await confirmed(house, "50", purpose=Purpose.GUARANTEE)
    deed = HandleDefault(by=MAKER, window=paid.subject, participant="alpha", path=DefaultPath.COVER, why="it is closed")
    assert isinstance(await approved(house, deed), Done)
    assert await differences(house) == []
    (closed,) = await differences(house, DifferenceState.RESOLVED)
    assert closed.closed_by == f"{MAKER} and {CHECKER}"
    assert "it is closed" in closed.why
    await taken(house, booked(due), name="2.csv")
    assert (await window(house)).state is WindowState.SETTLED
    await taken(house, booked(paid, "7", statement="S-2"), name="3.csv")
    assert (await kinds(house), await cash(house)) == ([], 50_00 + 7_00 - 10_00)
    await taken(house, booked(paid, "3", bank_reference="REST"), name="4.csv")
    assert isinstance(await resolved(house, Resolution.ACCEPT_BOOKED), Done)
    assert await cash(house) == 50_00 + 10_00 - 10_00
    assert house.findings() == []


async def test_an_exact_booking_after_another_was_accepted_is_a_second_one(house: House) -> None:
    paid, _ = await released(house)
    await taken(house, booked(paid, "12"))
    await resolved(house, Resolution.ACCEPT_BOOKED)
    await taken(house, booked(paid, bank_reference="SECOND"), name="2.csv")
    assert await kinds(house) == ["twice"]
    assert isinstance(await resolved(house, Resolution.ACCEPT_BOOKED), Done)
    assert await of_scheme(house, Kind.SUSPENSE) == 12_00


async def test_what_operators_said_and_the_bank_says_later_is_one_booking(house: House) -> None:
    paid, due = await released(house)
    await said(house, due, Said(word=Word.BOOKED))
    await missed(house, paid)
    assert isinstance(await resolved(house, Resolution.ACCEPT_BOOKED, bank_reference="B-7"), Done)
    await taken(house, booked(paid, "12", bank_reference="B-7"))
    assert await kinds(house) == ["over"]
    assert isinstance(await resolved(house, Resolution.ACCEPT_BOOKED), Done)
    assert await cash(house) == 12_00 - 10_00
    assert house.findings() == []


async def missed(house: House, paid: Payment) -> None:
    await hurried(house, paid)
    await house.door.handle(Overdue(by="hub", payments=(paid.id,), about=(paid.subject,)))


async def test_nothing_is_sent_again_for_a_settled_window(house: House) -> None:
    paid, due = await released(house)
    await taken(house, booked(paid, **REFUSED), booked(due))
    again = fresh()
    await resolved(house, Resolution.RESEND, fresh=again)
    await taken(house, booked(await payment(house, again)), name="2.csv")
    assert (await window(house)).state is WindowState.SETTLED
    await taken(house, booked(paid, bank_reference="LATE"), name="3.csv")
    assert reason_of(await resolved(house, Resolution.RESEND, fresh=fresh())) == "record_forbids"
    assert await instructed(house, paid.subject) == []
    assert isinstance(await resolved(house, Resolution.ACCEPT_BOOKED), Done)
    assert await cash(house) == 10_00


async def test_for_what_is_owed_one_payment_at_a_time_is_made(house: House) -> None:
    paid, due = await released(house)
    await taken(house, booked(paid, **REFUSED), booked(due))
    await taken(house, booked(paid, bank_reference="LATE"), name="2.csv")
    results = [
        reason_of(await approved(house, resolving(each, Resolution.RESEND, fresh=fresh())))
        for each in await differences(house)
    ]
    assert results == ["", "record_forbids"]
    (again,) = await instructed(house, paid.subject)
    await taken(house, booked(again), name="3.csv")
    assert (await window(house)).state is WindowState.SETTLED
    for each in await differences(house):
        await approved(house, resolving(each, Resolution.ACCEPT_BOOKED))
    assert await cash(house) == 10_00
    assert house.findings() == []


@pytest.mark.parametrize("files", [1, 2])
async def test_a_window_is_not_settled_over_a_payment_that_was_undone(house: House, files: int) -> None:
    paid, due = await released(house)
    rows = [booked(paid), undone(paid)]
    for number in range(files):
        await taken(house, *(rows if files == 1 else [rows[number]]), name=f"{number}.csv")
    assert (await payment(house, paid.id)).state is PaymentState.MISMATCH
    await taken(house, booked(due), name="due.csv")
    assert (await window(house)).state is WindowState.SETTLING
    assert await kinds(house) == ["mismatch", "reversed"]
    again = fresh()
    (first, second) = await differences(house)
    assert isinstance(await approved(house, resolving(first, Resolution.RESEND, fresh=again)), Done)
    assert isinstance(await approved(house, resolving(second, Resolution.ACCEPT_BOOKED)), Done)
    await taken(house, booked(await payment(house, again)), name="again.csv")
    assert (await window(house)).state is WindowState.SETTLED
    assert (await cash(house), await of_scheme(house, Kind.SUSPENSE)) == (0, 0)
    assert house.findings() == []


async def test_what_was_accepted_and_then_undone_leaves_nothing(house: House) -> None:
    paid, due = await released(house)
    await taken(house, booked(paid, "12"))
    assert isinstance(await resolved(house, Resolution.ACCEPT_BOOKED), Done)
    await taken(house, undone(paid, "12"), name="2.csv")
    (first, second) = await differences(house)
    assert isinstance(await approved(house, resolving(first, Resolution.RESEND, fresh=fresh())), Done)
    assert isinstance(await approved(house, resolving(second, Resolution.ACCEPT_BOOKED)), Done)
    assert (await cash(house), await of_scheme(house, Kind.SUSPENSE)) == (0, 0)
    await taken(house, *map(booked, await instructed(house, due.subject)), name="3.csv")
    assert ((await window(house)).state, await kinds(house)) == (WindowState.SETTLED, [])


async def test_what_is_undone_after_the_window_is_settled_is_a_difference(house: House) -> None:
    paid, due = await released(house)
    await taken(house, booked(paid), booked(due))
    await taken(house, undone(paid), name="2.csv")
    assert (await payment(house, paid.id)).state is PaymentState.POSTED
    assert await kinds(house) == ["reversed"]
    assert reason_of(await resolved(house, Resolution.RESEND, fresh=fresh())) == "record_forbids"
    assert isinstance(await resolved(house, Resolution.ACCEPT_BOOKED), Done)
    assert await of_scheme(house, Kind.SUSPENSE) == -10_00


# What the bank says of alpha's payment, and what must not be done about it as nothing would lead on then.
DEAD_ENDS: Final[dict[str, tuple[dict[str, str], Resolution]]] = {
    "the other way, into suspense": ({"direction": "debit"}, Resolution.ACCEPT_BOOKED),
    "the other way, ignored": ({"direction": "debit"}, Resolution.IGNORE),
    "refused, ignored": (REFUSED, Resolution.IGNORE),
    "less, ignored": ({"amount": "7"}, Resolution.IGNORE),
}


@pytest.mark.parametrize(("words", "how"), DEAD_ENDS.values(), ids=DEAD_ENDS)
async def test_the_only_way_on_is_not_closed(house: House, words: dict[str, str], how: Resolution) -> None:
    paid, due = await released(house)
    words = dict(words)
    await taken(house, booked(paid, words.pop("amount", ""), **words), booked(due))
    result = await resolved(house, how)
    assert reason_of(result) == "record_forbids"
    assert len(await differences(house)) == 1


async def test_what_is_held_for_funds_is_let_go_of_or_sent_again(house: House) -> None:
    await house.store.apply_scheme(with_bank(), "test")
    deed = moving("100", out=True)
    await approved(house, deed)
    await taken(house, booked(await payment(house, payment_of(deed.funds)), direction="credit"))
    assert reason_of(await resolved(house, Resolution.ACCEPT_BOOKED)) == "record_forbids"
    again = fresh()
    assert isinstance(await resolved(house, Resolution.RESEND, fresh=again), Done)
    word = ConfirmFunds(by=MAKER, funds=deed.funds, participant="alpha", currency="KES", reference="R", why="told so")
    assert isinstance(await approved(house, word), Done)
    assert (await payment(house, again)).state is PaymentState.POSTED
    assert await cash(house) == 100_00 - 100_00
    assert house.findings() == []
