"""Caps, blocks and alarms on both stores: who changes them, what they stop, and what a scheme leaves as it is."""

import asyncio

import msgspec
import pytest

from hub.core.command import Done
from hub.core.office.liquidity import Block, SetCap, Unblock, Weigh
from hub.core.office.records import Alarm, Change, Setting
from hub.core.participant import SchemeFile
from hub.core.record import Deed
from hub.ledger.position import available, balance
from routing.message import Operation, Verdict
from tests.store.house import ALPHA, BRAVO, House, reason_of, scheme_file, submit
from tests.store.office import CHECKER, MAKER, approved, fresh, moving, proposed

URL = "https://alpha.example/notices"


def with_alarms(*amounts: str, cap: str = "1000") -> SchemeFile:
    """Alpha is told where it wants to be, when what it may spend is under these."""
    file = scheme_file(cap=cap)
    alarms = {"KES": amounts} if amounts else {}
    alpha = msgspec.structs.replace(
        file.participant[0], alarms=alarms, notify_url=URL, callback_hosts=("alpha.example",)
    )
    return msgspec.structs.replace(file, participant=(alpha, *file.participant[1:]))


def capping(amount: str, **changes: str) -> SetCap:
    deed = SetCap(by=MAKER, change=fresh(), participant="alpha", currency="KES", amount=amount, why="its rating fell")
    return msgspec.structs.replace(deed, **changes)


def blocking(**changes: str) -> Block:
    deed = Block(by=MAKER, change=fresh(), participant="alpha", currency="KES", why="it does not answer")
    return msgspec.structs.replace(deed, **changes)


def unblocking() -> Unblock:
    return Unblock(by=MAKER, change=fresh(), participant="alpha", currency="KES", why="it answers again")


def told(house: House) -> list[str]:
    """What participants were told of their liquidity."""
    letters = [msgspec.json.decode(each.body) for each in house.delivered]
    return [each["event"] for each in letters if each.get("type") == "advice"]


async def changes(house: House) -> list[tuple[str, str, str, str, str]]:
    found = await house.store.records.found(Change, participant="alpha")
    return [(str(each.what), each.before, each.after, each.by, each.approved_by) for each in found]


async def test_a_cap_that_two_have_changed_holds_at_once(house: House) -> None:
    await house.store.apply_scheme(with_alarms(), "test")
    assert isinstance(await approved(house, capping("50.5")), Done)
    assert reason_of(await house.door.handle(submit(1, "51"))) == "cap_exceeded"
    assert reason_of(await house.door.handle(submit(2, "50.5"))) == ""
    assert await changes(house) == [("cap", "100000", "5050", MAKER, CHECKER)]
    assert told(house) == ["liquidity.cap"]


async def test_a_cap_under_what_is_owed_lets_nothing_more_out_and_says_so(house: House) -> None:
    await house.completed(1, "300")
    done = await approved(house, capping("100"))
    assert isinstance(done, Done)
    assert "200" in done.reason
    assert reason_of(await house.door.handle(submit(2, "1"))) == "cap_exceeded"
    assert balance(await house.position("alpha")) == -300_00


async def test_the_same_cap_again_is_not_even_proposed(house: House) -> None:
    assert reason_of(await proposed(house, capping("1000"))) == "record_forbids"
    assert await changes(house) == []


async def test_a_blocked_participant_is_still_paid(house: House) -> None:
    assert isinstance(await house.door.handle(blocking()), Done)
    assert reason_of(await house.door.handle(submit(1, "1"))) == "debits_blocked"
    assert reason_of(await approved(house, moving("1", out=True))) == "debits_blocked"
    paid = await house.begun(submit(2, "7", caller="bravo", payer=BRAVO, payee=ALPHA))
    await house.hear(paid, Operation.CREDIT, Verdict.ACCEPTED)
    assert balance(await house.position("alpha")) == 7_00
    assert isinstance(await approved(house, unblocking()), Done)
    assert reason_of(await house.door.handle(submit(3, "1"))) == ""
    assert {each[:3] for each in await changes(house)} == {("blocked", "no", "yes"), ("blocked", "yes", "no")}


async def test_what_is_held_already_goes_its_way_after_a_block(house: House) -> None:
    transfer = await house.begun(submit(1, "9"))
    await house.door.handle(blocking())
    await house.hear(transfer, Operation.CREDIT, Verdict.ACCEPTED)
    assert balance(await house.position("alpha")) == -9_00


async def test_blocking_what_is_blocked_changes_nothing(house: House) -> None:
    await house.door.handle(blocking())
    assert await house.door.handle(blocking()) == Done(changed=False)


async def test_what_is_not_blocked_is_not_unblocked(house: House) -> None:
    assert reason_of(await approved(house, unblocking())) == "record_forbids"


@pytest.mark.parametrize("deed", [capping("5"), unblocking()], ids=["a cap", "a block"])
async def test_nobody_lets_more_go_out_alone(house: House, deed: Deed) -> None:
    assert reason_of(await house.door.handle(deed)) == "checker_needed"


WRONG: dict[str, tuple[Deed, str]] = {
    "a cap below zero": (capping("-1"), "terms_invalid"),
    "a cap that is no amount": (capping("1,000"), "terms_invalid"),
    "a cap in parts of a cent": (capping("1.001"), "terms_invalid"),
    "a cap in another currency": (capping("1", currency="UGX"), "currency_unsupported"),
    "a cap of nobody": (capping("1", participant="nobody"), "record_unknown"),
    "a cap without a reason": (capping("1", why=""), "terms_invalid"),
}


@pytest.mark.parametrize(("deed", "reason"), WRONG.values(), ids=WRONG)
async def test_a_change_that_cannot_be_is_not_even_proposed(house: House, deed: Deed, reason: str) -> None:
    assert reason_of(await proposed(house, deed)) == reason


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"participant": "nobody"}, "record_unknown"),
        ({"currency": "UGX"}, "currency_unsupported"),
        ({"why": " "}, "terms_invalid"),
    ],
)
async def test_a_block_that_cannot_be_changes_nothing(house: House, change: dict[str, str], reason: str) -> None:
    assert reason_of(await house.door.handle(blocking(**change))) == reason


async def test_an_operators_cap_stands_when_a_scheme_changes_something_else(house: House) -> None:
    await approved(house, capping("77"))
    await house.store.apply_scheme(with_alarms("10"), "test")
    assert (await house.position("alpha")).cap_minor == 77_00
    await house.store.apply_scheme(with_alarms("10", cap="900"), "somebody")
    assert (await house.position("alpha")).cap_minor == 900_00
    newest = (await house.store.records.found(Change, participant="alpha"))[0]
    assert (newest.what, newest.before, newest.after, newest.by) == (Setting.CAP, "7700", "90000", "somebody")
    assert newest.why.startswith("scheme ")


async def test_alarms_are_kept_told_and_written_with_the_balances(house: House) -> None:
    await house.store.apply_scheme(with_alarms("500", "200"), "test")
    await house.begun(submit(1, "600"))
    await house.begun(submit(2, "250"))
    assert (await house.position("alpha")).alarm == 2
    found = await house.store.records.found(Alarm, participant="alpha")
    assert {(each.was, each.level, each.available, each.threshold) for each in found} == {
        (0, 1, 400_00, 500_00),
        (1, 2, 150_00, 200_00),
    }
    assert told(house) == ["liquidity.alarm", "liquidity.alarm"]
    await approved(house, capping("2000"))
    assert (await house.position("alpha")).alarm == 0
    assert told(house)[2:] == ["liquidity.cap", "liquidity.cleared"]


async def test_new_thresholds_are_seen_although_nothing_moves(house: House) -> None:
    await house.begun(submit(1, "600"))
    await house.store.apply_scheme(with_alarms("500"), "test")
    assert isinstance(await house.door.handle(Weigh(by="hub", participant="alpha", currency="KES")), Done)
    assert (await house.position("alpha")).alarm == 1
    await house.store.apply_scheme(with_alarms(), "test")
    await house.door.handle(Weigh(by="hub", participant="alpha", currency="KES"))
    assert (await house.position("alpha")).alarm == 0


async def test_processes_that_spend_at_once_agree_on_the_level(sql_house: House) -> None:
    await sql_house.store.apply_scheme(with_alarms("900", "500", "200"), "test")
    doors = await sql_house.doors(3)
    await asyncio.gather(*(doors[number % 3].handle(submit(number, "45")) for number in range(20)))
    position = await sql_house.position("alpha")
    assert (available(position), position.alarm) == (100_00, 3)
    found = await sql_house.store.records.found(Alarm, participant="alpha")
    steps = sorted((each.was, each.level) for each in found)
    assert steps[0][0] == 0
    assert [was for was, _ in steps[1:]] == [level for _, level in steps[:-1]], "each begins where the last has ended"
