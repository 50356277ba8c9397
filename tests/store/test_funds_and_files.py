"""Funds, and the bank's files: what is in the books is what was booked, and one booking confirms one movement."""

import asyncio
from typing import Final

import pytest

from hub.core.command import Done
from hub.core.office.files import Overdue
from hub.core.office.funds import ConfirmFunds, MoveFunds, RefuseFunds, payment_of
from hub.core.office.proposal import Approve, Propose
from hub.core.office.records import Funds, FundsState
from hub.core.office.resolving import Resolution
from hub.core.settlement.window import PaymentState
from hub.ledger.account import Kind
from hub.ledger.position import available, balance
from tests.store.bank import booked, differences, hurried, kinds, payment, row, taken, with_bank
from tests.store.house import House, reason_of
from tests.store.office import CHECKER, MAKER, approved, fresh, kept, moving
from tests.store.test_resolving import of_scheme, resolved, resolving


def by_hand(funds: str, reference: str) -> ConfirmFunds:
    return ConfirmFunds(
        by=MAKER, funds=funds, participant="alpha", currency="KES", reference=reference, why="by telephone"
    )


async def asked(house: House, *amounts: str, out: bool = False) -> list[MoveFunds]:
    """Have funds approved that the bank has said nothing of."""
    await house.store.apply_scheme(with_bank(), "test")
    deeds = [moving(each, out=out) for each in amounts]
    for each in deeds:
        assert isinstance(await approved(house, each), Done)
    return deeds


# What was booked of 100.00: what moved between alpha's position and the bank, and what is in suspense.
BOOKED: Final = {
    "less in": (False, "60", 60_00, 0),
    "more in": (False, "120", 100_00, 20_00),
    "less out": (True, "60", -60_00, 0),
    "more out": (True, "120", -100_00, -20_00),
}


@pytest.mark.parametrize(("out", "amount", "moved", "suspense"), BOOKED.values(), ids=BOOKED)
async def test_a_participant_has_what_was_booked_and_no_more_than_it_asked_for(
    house: House, *, out: bool, amount: str, moved: int, suspense: int
) -> None:
    (deed,) = await asked(house, "100", out=out)
    await taken(house, booked(await payment(house, payment_of(deed.funds)), amount))
    assert isinstance(await resolved(house, Resolution.ACCEPT_BOOKED), Done)
    position = await house.position("alpha")
    assert (balance(position), (available(position) or 0) - balance(position)) == (moved, 1_000_00)
    assert await of_scheme(house, Kind.SUSPENSE) == suspense
    assert -await of_scheme(house, Kind.SETTLEMENT_BANK) == moved + suspense
    assert (await kept(house, Funds, deed.funds)).state is FundsState.CONFIRMED
    assert house.findings() == []


async def test_what_a_file_has_confirmed_is_not_confirmed_of_others_by_hand(house: House) -> None:
    one, other = await asked(house, "100", "100")
    await taken(house, booked(await payment(house, payment_of(one.funds)), bank_reference="Ref-1"))
    assert (await kept(house, Funds, one.funds)).bank_reference == "REF-1"
    assert reason_of(await approved(house, by_hand(other.funds, "REF-1"))) == "record_forbids"
    assert balance(await house.position("alpha")) == 100_00


async def test_two_spellings_of_a_reference_are_one(house: House) -> None:
    one, other = await asked(house, "100", "100")
    assert isinstance(await approved(house, by_hand(one.funds, "REF-1")), Done)
    assert reason_of(await approved(house, by_hand(other.funds, " ref-1 "))) == "record_forbids"


async def test_a_booking_that_operators_said_of_others_is_not_said_twice(house: House) -> None:
    one, other = await asked(house, "100", "100")
    assert isinstance(await approved(house, by_hand(one.funds, "REF-1")), Done)
    await taken(house, booked(await payment(house, payment_of(other.funds)), bank_reference="ref-1"))
    assert (await payment(house, payment_of(other.funds))).state is PaymentState.EXPECTED
    assert balance(await house.position("alpha")) == 100_00
    assert await kinds(house) == ["unexpected"]
    assert reason_of(await resolved(house, Resolution.ACCEPT_BOOKED)) == "record_forbids"
    assert isinstance(await resolved(house, Resolution.IGNORE), Done)


async def test_money_of_a_known_reference_becomes_no_funds_again(house: House) -> None:
    (deed,) = await asked(house, "100")
    assert isinstance(await approved(house, by_hand(deed.funds, "REF-1")), Done)
    await taken(house, row("thanks", "100", "credit", bank_reference="REF-1"))
    (found,) = await differences(house)
    for reference, reason in (("", "terms_invalid"), ("REF-2", "terms_invalid"), ("ref-1", "record_forbids")):
        again = resolving(found, Resolution.INTO_FUNDS, participant="alpha", fresh=fresh(), bank_reference=reference)
        assert reason_of(await approved(house, again)) == reason
    assert balance(await house.position("alpha")) == 100_00


async def test_a_bank_may_call_two_payments_of_its_files_the_same(house: House) -> None:
    one, other = await asked(house, "100", "50")
    rows = [booked(await payment(house, payment_of(each.funds)), bank_reference="BATCH") for each in (one, other)]
    await taken(house, *rows)
    assert balance(await house.position("alpha")) == 150_00


async def test_one_reference_said_of_two_at_once_confirms_one(sql_house: House) -> None:
    deeds = [by_hand(each.funds, "REF-1") for each in await asked(sql_house, "100", "100")]
    proposals = [fresh() for _ in deeds]
    for proposal, deed in zip(proposals, deeds, strict=True):
        await sql_house.door.handle(Propose(by=MAKER, proposal=proposal, deed=deed, why="x"))
    results = await asyncio.gather(
        *(
            door.handle(Approve(by=CHECKER, proposal=proposal, deed=deed))
            for door, proposal, deed in zip(await sql_house.doors(2), proposals, deeds, strict=True)
        )
    )
    assert sorted(map(reason_of, results)) == ["", "record_forbids"]


@pytest.mark.parametrize("kind", [ConfirmFunds, RefuseFunds])
async def test_what_was_missed_is_so_no_more_when_operators_say_what_became_of_it(
    house: House, kind: type[ConfirmFunds] | type[RefuseFunds]
) -> None:
    (deed,) = await asked(house, "100")
    paid = await payment(house, payment_of(deed.funds))
    await hurried(house, paid)
    await house.door.handle(Overdue(by="hub", payments=(paid.id,), about=(paid.subject,)))
    assert await kinds(house) == ["missing"]
    word = kind(by=MAKER, funds=deed.funds, participant="alpha", currency="KES", reference="R", why="by telephone")
    assert isinstance(await approved(house, word), Done)
    assert await kinds(house) == []


async def test_funds_in_the_books_stay_there_when_the_bank_undoes_them(house: House) -> None:
    (deed,) = await asked(house, "100")
    paid = await payment(house, payment_of(deed.funds))
    await taken(house, booked(paid))
    await taken(house, booked(paid, direction="debit", status="reversed", bank_reference="BACK"), name="2.csv")
    assert (await payment(house, paid.id)).state is PaymentState.POSTED
    assert (await kinds(house), balance(await house.position("alpha"))) == (["reversed"], 100_00)
    assert isinstance(await resolved(house, Resolution.ACCEPT_BOOKED), Done)
    assert await of_scheme(house, Kind.SETTLEMENT_BANK) == 0
    assert house.findings() == []
