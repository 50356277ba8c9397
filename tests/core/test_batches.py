"""The rules of batches: who approves, what fits, and ids that are the same whenever they are asked for."""

import pytest

from hub.core.batch import (
    Batch,
    Item,
    Status,
    Terms,
    Traffic,
    affordable,
    derived,
    may_approve,
    room,
    sides,
    submission,
)
from hub.core.participant import Scheme, chart
from routing.party import party
from tests.store.house import scheme_file

BATCH = "01a20bde0f46746e8628136cb29cc1d1"


def batch(status: Status, client: str = "maker") -> Batch:
    return Batch(id=BATCH, request="0" * 32, caller="alpha", client=client, status=status, header={}, created_ms=1)


def item(row: int, minor: int, payer: str = "alpha", currency: str = "KES", attempt: int = 0) -> Item:
    return Item(row=row, attempt=attempt, minor=minor, currency=currency, payer_fsp=payer, terms=Terms())


@pytest.mark.parametrize(
    ("status", "client", "allowed"),
    [
        (Status.CREATED, "maker", False),
        (Status.CREATED, "checker", True),
        (Status.APPROVED, "maker", True),
        (Status.COMPLETED, "maker", True),
    ],
)
def test_only_a_second_pair_of_eyes_approves_but_what_is_approved_stays_so(
    status: Status, client: str, *, allowed: bool
) -> None:
    assert may_approve(batch(status), client) is allowed


def test_rows_are_taken_as_long_as_their_payer_s_position_bears_them() -> None:
    items = [item(1, 60), item(2, 50), item(3, 40), item(4, 50, "bravo"), item(5, 10, currency="UGX"), item(6, 9, "")]
    fit, held = affordable(items, {("alpha", "KES"): 100, ("bravo", "KES"): 10, ("alpha", "UGX"): None})
    assert [each.row for each in fit] == [1, 3, 5, 6]
    assert [each.row for each in held] == [2, 4]


def test_an_id_is_a_version_7_uuid_of_the_batch_s_time_and_differs_by_use_row_and_attempt() -> None:
    ids = {derived(BATCH, use, row, attempt) for use in ("a", "b") for row in range(500) for attempt in range(2)}
    assert len(ids) == 2_000
    assert all(each[:12] == BATCH[:12] and each[12] == "7" and each[16] in "89ab" and len(each) == 32 for each in ids)


def test_a_row_handed_in_again_is_the_same_command_and_tried_again_another() -> None:
    one, again = (submission(batch(Status.APPROVED), item(7, 5)) for _ in range(2))
    assert one == again
    later = submission(batch(Status.APPROVED), item(7, 5, attempt=1))
    assert later.transfer != one.transfer
    assert later.body.request != one.body.request


@pytest.mark.parametrize(
    ("payer", "payee", "concerned"),
    [
        ([("msisdn", "+254700000001")], [("msisdn", "+254710000001")], ("alpha", "bravo")),
        ([("organisationid", "alpha")], [("msisdn", "+254710000001")], ("alpha", "bravo")),
        ([("msisdn", "+254710000001")], [("msisdn", "+254700000001")], ("bravo", "bravo")),
        ([("msisdn", "+254700000001")], [("msisdn", "+254700000002")], ("", "alpha")),
        ([("msisdn", "+255700000001")], [("msisdn", "+254710000001")], ("", "bravo")),
    ],
    ids=["by its number", "the participant itself", "asked by the payee", "within one participant", "unknown"],
)
def test_whom_a_row_concerns_is_guessed_from_the_directory(
    payer: list[tuple[str, str]], payee: list[tuple[str, str]], concerned: tuple[str, str]
) -> None:
    file = scheme_file()
    scheme = Scheme(1, file, {key: number for number, key in enumerate(chart(file))})
    assert sides(scheme, "alpha", party(payer), party(payee)) == concerned


def test_who_is_slow_gets_no_more_and_takes_no_room_from_the_others() -> None:
    assert room([], 100) == (100, [])
    assert room([Traffic("alpha", 30, 49), Traffic("bravo", 40, 50)], 100) == (30, ["bravo"])
    assert room([Traffic("alpha", 130, 0)], 100) == (0, [])
