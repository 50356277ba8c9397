"""What is said again after a commit whose confirmation was lost, when the scheme changed in between."""

import msgspec
import pytest

from hub.core.command import Done
from hub.core.participant import SchemeFile, Status
from hub.core.transfer import State
from hub.ledger.account import counters
from tests.store.house import NOBODY, House, reason_of, scheme_file, submit, transfer_id


def suspended(id_: str) -> SchemeFile:
    file = scheme_file()
    participants = tuple(
        msgspec.structs.replace(each, status=Status.SUSPENDED) if each.id == id_ else each for each in file.participant
    )
    return msgspec.structs.replace(file, participant=participants)


@pytest.mark.parametrize("together", [True, False], ids=["in one breath", "alone"])
async def test_a_caller_suspended_since_keeps_the_correlation_id_of_what_stands(
    house: House, *, together: bool
) -> None:
    first = await house.begun(submit(1))
    await house.store.apply_scheme(suspended("alpha"), "governance")
    again = [submit(1), submit(3)] if together else [submit(1)]
    assert {reason_of(each) for each in await house.door.handle_all(again)} == {"caller_suspended"}
    row = await house.store.request(submit(1).body.request)
    assert row is not None, "the claim belongs to a transfer that stands"
    assert row.transfer == first.id
    await house.store.apply_scheme(scheme_file(), "governance")
    retry = await house.door.handle(submit(2, correlation="Correlation-1"))
    assert (reason_of(retry), retry.transfer) == ("duplicate", first.id)
    assert counters(await house.position("alpha")) == (10_00, 0, 0, 0), "money moved once"
    assert house.findings() == []


async def test_a_caller_suspended_before_the_commit_gets_the_correlation_id_back(house: House) -> None:
    await house.store.apply_scheme(suspended("alpha"), "governance")
    assert reason_of(await house.door.handle(submit(1))) == "caller_suspended"
    await house.store.apply_scheme(scheme_file(), "governance")
    assert await house.door.handle(submit(1)) == Done(transfer=transfer_id(1), state=State.RESERVED)


async def test_an_fsp_suspended_since_changes_nothing_of_what_stands(house: House) -> None:
    first = await house.begun(submit(1))
    await house.store.apply_scheme(suspended("bravo"), "governance")
    assert await house.door.handle(submit(1)) == Done(transfer=first.id, changed=False)
    assert (await house.transfer(first.id)).state is State.RESERVED


async def test_what_was_refused_and_is_said_again_unchanged_is_refused_again(house: House) -> None:
    unknown = submit(1, None, original=transfer_id(7))
    for _ in range(3):
        assert reason_of(await house.door.handle(unknown)) == "original_unknown"
    assert await house.store.response("alpha", "correlation-1") is None
    assert await house.door.handle(submit(1)) == Done(transfer=transfer_id(1), state=State.RESERVED)


async def test_what_failed_after_it_was_accepted_and_is_said_again_failed_once(house: House) -> None:
    wrong = submit(1, payee=NOBODY)
    assert reason_of(await house.door.handle(wrong)) == "payee_unknown"
    assert await house.door.handle(wrong) == Done(transfer=transfer_id(1), changed=False)
    assert [each.queue for each in house.delivered] == ["callbacks"]
    assert reason_of(await house.door.handle(submit(2, correlation="Correlation-1"))) == "duplicate"
