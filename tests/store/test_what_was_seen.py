"""What two people decide is what both have seen: a proposal tells what it would do, and does that or nothing."""

import msgspec
import pytest

from hub.core.command import Done, Refusal
from hub.core.office.applying import ApplyScheme
from hub.core.office.files import Overdue
from hub.core.office.funds import ConfirmFunds, MoveFunds
from hub.core.office.liquidity import Block, SetCap, Unblock
from hub.core.office.proposal import Approve, Proposal, ProposalState, Propose
from hub.core.office.records import Funds
from hub.core.office.ruling import Rule
from hub.core.record import Deed
from hub.core.settlement.names import window_id
from hub.core.settlement.rules import DefaultPath
from hub.core.settlement.settle import Release
from hub.core.settlement.window import Payment, PaymentState, Window, WindowState
from routing.message import Verdict
from tests.store.bank import hurried
from tests.store.house import House, reason_of, scheme_file, submit
from tests.store.office import CHECKER, MAKER, approved, fresh, kept, moving, proposed
from tests.store.windows import NET, close, closing_house, defaulted, given, reckon

WINDOW = window_id("net", 1)
RELEASE = Release(by=MAKER, window=WINDOW)


async def put(house: House, deed: Deed) -> Proposal:
    """Propose a deed, which must be possible."""
    id_ = fresh()
    result = await house.door.handle(Propose(by=deed.by, proposal=id_, deed=deed, why="due"))
    assert isinstance(result, Done), result
    return await kept(house, Proposal, id_)


async def owing(house: House) -> None:
    """Have a window closed in which alpha has come to owe bravo something."""
    await closing_house(house, NET)
    await house.completed(1)
    await close(house.door, "net", 1)
    await reckon(house.door, "net", 1)


async def test_a_release_tells_what_is_paid_by_whom(house: House) -> None:
    await owing(house)
    assert sorted((await put(house, RELEASE)).effects) == [
        "to be paid by alpha to the scheme: 10 KES",
        "to be paid by the scheme to bravo: 10 KES",
        "window 1 of net: reckoned, then settling",
    ]


async def test_a_window_is_not_even_proposed_for_release_before_what_is_owed_is_known(house: House) -> None:
    await closing_house(house, NET)
    await house.completed(1)
    assert reason_of(await proposed(house, RELEASE)) == "record_forbids"
    await close(house.door, "net", 1)
    assert reason_of(await proposed(house, RELEASE)) == "record_forbids"
    await reckon(house.door, "net", 1)
    await put(house, RELEASE)


async def test_what_is_owed_after_a_default_is_not_released_by_what_was_seen_before_it(house: House) -> None:
    await closing_house(house, NET)
    await house.completed(1)
    assert isinstance(await house.door.handle(given(100_00)), Done)
    await close(house.door, "net", 1)
    await reckon(house.door, "net", 1)
    before = await put(house, RELEASE)
    await defaulted(house.door, "net", 1, "alpha", DefaultPath.COVER)
    said = await house.door.handle(Approve(by=CHECKER, proposal=before.id, deed=RELEASE))
    assert isinstance(said, Refusal)
    assert said.reason == "record_forbids"
    assert "propose it again" in said.detail
    assert (await kept(house, Proposal, before.id)).state is ProposalState.OPEN
    assert (await kept(house, Window, WINDOW)).state is WindowState.RECKONED
    assert isinstance(await approved(house, RELEASE), Done)


async def test_a_cap_that_was_changed_meanwhile_is_proposed_again(house: House) -> None:
    first, second = [
        SetCap(by=MAKER, change=fresh(), participant="alpha", currency="KES", amount=amount, why="rated")
        for amount in ("1500", "5000")
    ]
    raising = await put(house, first)
    assert raising.effects == ("cap of alpha in KES: 1000 KES, then 1500 KES",)
    assert isinstance(await approved(house, second), Done)
    said = await house.door.handle(Approve(by=CHECKER, proposal=raising.id, deed=first))
    assert isinstance(said, Refusal)
    assert said.reason == "record_forbids"
    assert "5000 KES, then 1500 KES" in said.detail


TELLS: dict[str, tuple[Deed, tuple[str, ...]]] = {
    "funds in": (
        moving("12.5"),
        (
            "funds in from alpha, for its position: 12.5 KES: approved",
            "to be paid by alpha to the scheme: 12.5 KES",
        ),
    ),
    "funds out": (
        moving("5", out=True),
        (
            "books: 5 KES held from the position of alpha to the settlement bank of the scheme",
            "funds out to alpha, for its position: 5 KES: approved",
            "to be paid by the scheme to alpha: 5 KES",
        ),
    ),
    "unblocking": (
        Unblock(by=MAKER, change=fresh(), participant="bravo", currency="KES", why="it answers"),
        ("blocked of bravo in KES: yes, then no",),
    ),
}


@pytest.mark.parametrize(("deed", "tells"), TELLS.values(), ids=TELLS)
async def test_a_proposal_tells_sums_and_settings(house: House, deed: Deed, tells: tuple[str, ...]) -> None:
    blocking = Block(by=MAKER, change=fresh(), participant="bravo", currency="KES", why="silent")
    assert isinstance(await house.door.handle(blocking), Done)
    assert sorted((await put(house, deed)).effects) == sorted(tells)


async def test_telling_what_would_be_done_does_nothing_of_it(house: House) -> None:
    await owing(house)
    accounts, height = await house.store.accounts(), await house.store.settlement.height()
    await put(house, RELEASE)
    await put(house, moving("5", out=True))
    assert (await house.store.accounts(), await house.store.settlement.height()) == (accounts, height)
    assert await house.store.records.found(Payment) == []
    assert (await kept(house, Window, WINDOW)).state is WindowState.RECKONED


async def test_what_cannot_be_done_now_does_not_wait_for_anybody(house: House) -> None:
    out: MoveFunds = moving("5000", out=True)
    assert reason_of(await proposed(house, out)) == "cap_exceeded"
    assert await house.store.records.found(Proposal) == []


async def test_that_the_bank_is_late_changes_nothing_that_was_seen(house: House) -> None:
    deed = moving("20")
    assert isinstance(await approved(house, deed), Done)
    funds = await kept(house, Funds, deed.funds)
    said = ConfirmFunds(
        by=MAKER, funds=funds.id, participant="alpha", currency="KES", reference="B-1", why="it telephoned"
    )
    confirming = await put(house, said)
    assert sorted(confirming.effects) == [
        "books: 20 KES moved from the settlement bank of the scheme to the position of alpha",
        "funds in from alpha, for its position: 20 KES: approved, then confirmed, B-1 at the bank",
        f"payment {funds.payment} of 20 KES from alpha to the scheme: awaited, then posted, B-1 at the bank",
    ]
    await hurried(house, await kept(house, Payment, funds.payment))
    late = Overdue(by="calendar", payments=(funds.payment,), about=(funds.id,))
    assert isinstance(await house.door.handle(late), Done)
    assert (await kept(house, Payment, funds.payment)).state is PaymentState.MISSING
    assert isinstance(await house.door.handle(Approve(by=CHECKER, proposal=confirming.id, deed=said)), Done)


async def test_a_text_of_somebodys_begins_no_line_of_its_own(house: House) -> None:
    file = scheme_file()
    named = msgspec.structs.replace(file.participant[0], name="Alpha\ncap of bravo in KES: 1 KES, then 2 KES")
    changed = msgspec.structs.replace(file, participant=(named, *file.participant[1:]))
    before = await house.store.scheme()
    deed = ApplyScheme(by=MAKER, base=before.version, models=(), file=changed, why="x")
    (line,) = (await put(house, deed)).effects
    assert line.isprintable()
    forged = Propose(by=MAKER, proposal=fresh(), deed=moving("1"), subject="alpha\nforged", why="x")
    assert reason_of(await house.door.handle(forged)) == "terms_invalid"


async def test_what_is_final_already_is_not_told_as_moved(house: House) -> None:
    transfer = await house.completed(1)
    rule = Rule(by=MAKER, transfer=transfer.id, state=transfer.state, verdict=Verdict.ACCEPTED, why="it said so")
    (line,) = (await put(house, rule)).effects
    assert "it is committed already" in line


async def test_money_that_is_spent_meanwhile_is_not_sent_out(house: House) -> None:
    out = await put(house, deed := moving("995", out=True))
    assert isinstance(await house.door.handle(submit(1, "10")), Done)
    assert reason_of(await house.door.handle(Approve(by=CHECKER, proposal=out.id, deed=deed))) == "cap_exceeded"
