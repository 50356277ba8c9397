"""Money to and from the settlement bank: two people, then the bank; nothing in the books before it says so."""

import asyncio
from collections.abc import Callable

import msgspec
import pytest

from hub.core.command import Done
from hub.core.office.funds import BOOKED_WITHIN_MS, ConfirmFunds, MoveFunds, RefuseFunds
from hub.core.office.proposal import Approve, Propose
from hub.core.office.records import Funds, FundsState, Purpose
from hub.core.record import Deed
from hub.core.settlement.window import PaymentState
from hub.ledger.account import Kind
from hub.ledger.position import available, balance
from routing.money import Money
from tests.store.house import House, reason_of, submit
from tests.store.office import CHECKER, MAKER, approved, fresh, funds_and_payment, moving, proposed

Word = type[ConfirmFunds] | type[RefuseFunds]


def said(deed: MoveFunds, kind: Word = ConfirmFunds, reference: str = "B-1") -> Deed:
    return kind(
        by=MAKER,
        funds=deed.funds,
        participant=deed.participant,
        currency="KES",
        reference=reference,
        why="the bank said so by telephone",
    )


async def guarantee(house: House) -> int:
    accounts = await house.store.accounts()
    return balance(next(each for each in accounts if each.kind is Kind.GUARANTEE))


async def test_money_that_comes_in_is_in_the_books_when_the_bank_has_booked_it(house: House) -> None:
    deed = moving("250.50")
    assert isinstance(await approved(house, deed), Done)
    funds, payment = await funds_and_payment(house, deed)
    assert (funds.state, funds.by, funds.approved_by) == (FundsState.APPROVED, MAKER, CHECKER)
    assert (payment.debtor, payment.creditor, payment.minor) == ("alpha", "", 250_50)
    assert (payment.state, payment.due_ms) == (PaymentState.EXPECTED, payment.at_ms + BOOKED_WITHIN_MS)
    assert balance(await house.position("alpha")) == 0
    assert isinstance(await approved(house, said(deed)), Done)
    funds, payment = await funds_and_payment(house, deed)
    assert (funds.state, funds.confirmed_by) == (FundsState.CONFIRMED, "maker, approved by checker")
    assert (payment.state, payment.booked_minor, payment.bank_reference) == (PaymentState.POSTED, 250_50, "B-1")
    assert balance(await house.position("alpha")) == 250_50


async def test_money_that_is_to_go_out_is_held_until_the_bank_has_booked_it(house: House) -> None:
    deed = moving("400", out=True)
    assert isinstance(await approved(house, deed), Done)
    position = await house.position("alpha")
    assert (balance(position), available(position)) == (0, 600_00)
    _, payment = await funds_and_payment(house, deed)
    assert (payment.debtor, payment.creditor) == ("", "alpha")
    assert isinstance(await approved(house, said(deed)), Done)
    position = await house.position("alpha")
    assert (balance(position), position.debits_pending, available(position)) == (-400_00, 0, 600_00)


@pytest.mark.parametrize("out", [True, False], ids=["out", "in"])
async def test_what_the_bank_refuses_leaves_the_books_as_they_were(house: House, *, out: bool) -> None:
    deed = moving("400", out=out)
    await approved(house, deed)
    assert isinstance(await approved(house, said(deed, RefuseFunds)), Done)
    position = await house.position("alpha")
    assert (balance(position), available(position)) == (0, 1_000_00)
    funds, payment = await funds_and_payment(house, deed)
    assert (funds.state, payment.state) == (FundsState.REFUSED, PaymentState.REFUSED)


async def test_a_guarantee_comes_in_and_goes_out_beside_the_position(house: House) -> None:
    deed = moving("300", purpose=Purpose.GUARANTEE)
    await approved(house, deed)
    await approved(house, said(deed))
    assert (await guarantee(house), balance(await house.position("alpha"))) == (300_00, 0)
    assert reason_of(await approved(house, moving("300.01", out=True, purpose=Purpose.GUARANTEE))) == "cap_exceeded"
    back = moving("300", out=True, purpose=Purpose.GUARANTEE)
    await approved(house, back)
    await approved(house, said(back, reference="B-2"))
    assert await guarantee(house) == 0


FAULTY: dict[str, tuple[Callable[[MoveFunds], MoveFunds], str]] = {
    "nothing": (lambda deed: msgspec.structs.replace(deed, money=Money(0, "KES")), "terms_invalid"),
    "less than nothing": (lambda deed: msgspec.structs.replace(deed, money=Money(-1, "KES")), "terms_invalid"),
    "more than there is": (lambda deed: msgspec.structs.replace(deed, money=Money(10**18, "KES")), "terms_invalid"),
    "another currency": (lambda deed: msgspec.structs.replace(deed, money=Money(1, "UGX")), "currency_unsupported"),
    "a third party": (lambda deed: msgspec.structs.replace(deed, participant="third"), "currency_unsupported"),
    "nobody": (lambda deed: msgspec.structs.replace(deed, participant="nobody"), "record_unknown"),
    "no reason": (lambda deed: msgspec.structs.replace(deed, why=" "), "terms_invalid"),
}


@pytest.mark.parametrize(("change", "reason"), FAULTY.values(), ids=FAULTY)
async def test_what_cannot_be_moved_is_not_even_proposed(
    house: House, change: Callable[[MoveFunds], MoveFunds], reason: str
) -> None:
    assert reason_of(await proposed(house, change(moving("1")))) == reason


async def test_more_than_is_available_does_not_go_out_and_nothing_is_kept(house: House) -> None:
    await house.begun(submit(1, "600"))  # held, and not moved yet
    deed = moving("400.01", out=True)
    assert reason_of(await approved(house, deed)) == "cap_exceeded"
    assert await house.store.records.one(Funds, deed.funds) is None
    assert available(await house.position("alpha")) == 400_00


async def test_nobody_moves_money_alone(house: House) -> None:
    deed = moving("1")
    assert reason_of(await house.door.handle(deed)) == "checker_needed"
    proposal = fresh()
    await house.door.handle(Propose(by=MAKER, proposal=proposal, deed=deed, why="x"))
    assert reason_of(await house.door.handle(Approve(by=MAKER, proposal=proposal, deed=deed))) == "same_person"


async def test_the_same_funds_are_approved_once(house: House) -> None:
    deed = moving("1")
    assert isinstance(await approved(house, deed), Done)
    assert reason_of(await approved(house, deed)) == "record_forbids"


@pytest.mark.parametrize("then", [ConfirmFunds, RefuseFunds])
@pytest.mark.parametrize("first", [ConfirmFunds, RefuseFunds])
async def test_the_bank_has_one_word_on_funds(house: House, first: Word, then: Word) -> None:
    deed = moving("5")
    await approved(house, deed)
    assert isinstance(await approved(house, said(deed, first)), Done)
    before = await house.position("alpha")
    assert reason_of(await approved(house, said(deed, then, "B-2"))) == "record_forbids"
    assert await house.position("alpha") == before


async def test_one_booking_of_the_bank_confirms_one_movement(house: House) -> None:
    one, other = moving("5"), moving("5")
    await approved(house, one)
    await approved(house, other)
    await approved(house, said(one))
    assert reason_of(await approved(house, said(other))) == "record_forbids"
    assert balance(await house.position("alpha")) == 5_00


WRONG: dict[str, tuple[dict[str, str], str]] = {
    "funds that nobody approved": ({"funds": f"{1:032x}"}, "record_unknown"),
    "another's funds": ({"participant": "bravo"}, "terms_invalid"),
    "another currency": ({"currency": "UGX"}, "terms_invalid"),
    "no reference of the bank": ({"reference": ""}, "terms_invalid"),
    "no reason": ({"why": ""}, "terms_invalid"),
}


@pytest.mark.parametrize(("change", "reason"), WRONG.values(), ids=WRONG)
async def test_a_word_of_the_bank_that_is_not_about_these_funds_is_refused(
    house: House, change: dict[str, str], reason: str
) -> None:
    deed = moving("5")
    await approved(house, deed)
    assert reason_of(await approved(house, msgspec.structs.replace(said(deed), **change))) == reason
    assert balance(await house.position("alpha")) == 0


async def test_of_two_processes_that_take_out_the_last_money_at_once_one_does(sql_house: House) -> None:
    deeds = [moving("600", out=True) for _ in range(2)]
    proposals = [fresh() for _ in deeds]
    for deed, proposal in zip(deeds, proposals, strict=True):
        await sql_house.door.handle(Propose(by=MAKER, proposal=proposal, deed=deed, why="x"))
    doors = await sql_house.doors(2)
    results = await asyncio.gather(
        *(
            door.handle(Approve(by=CHECKER, proposal=proposal, deed=deed))
            for door, deed, proposal in zip(doors, deeds, proposals, strict=True)
        )
    )
    assert sorted(map(reason_of, results)) == ["", "cap_exceeded"]
    assert available(await sql_house.position("alpha")) == 400_00
