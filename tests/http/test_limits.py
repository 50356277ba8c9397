"""Who polls beyond the limit, or tries one wrong code after another, is stopped; nobody is stopped by another."""

import uuid

import pytest

from hub.http import limits
from hub.http.limits import WRONG_CODES_MAX, WRONG_CODES_WITHIN_S, Remembered
from tests.http.front import POLL_LIMIT, Front, Reply, payment

TOO_MANY = (400, "businessRule", "rateLimitError")
UNKNOWN_CODE = "0000000000000000"


async def pay_by_code(front: Front, who: str = "alpha", **headers: str) -> Reply:
    body = payment(oneTimeCode=UNKNOWN_CODE, debitParty=None, type=None)
    return await front.call("POST", "/transactions/type/merchantpay", who, json=body, headers=headers)


async def guess(front: Front, who: str = "alpha") -> tuple[int, str]:
    reply = await pay_by_code(front, who)
    return reply.status, reply.body.get("errorCode", "")


async def test_a_request_is_polled_as_often_as_its_poll_limit_says_and_no_more(front: Front) -> None:
    taken = await front.submit()
    where = f"/requeststates/{taken.body['serverCorrelationId']}"
    assert taken.body["pollLimit"] == POLL_LIMIT
    for _ in range(POLL_LIMIT):
        assert (await front.call("GET", where)).status == 200
    beyond = await front.call("GET", where.replace("-", ""))
    assert beyond.error == TOO_MANY, "whichever way the id is written"
    assert (await front.call("GET", f"/transactions/{taken.reference}")).status == 200, "another way is open"


async def test_the_polls_of_others_are_not_counted(front: Front) -> None:
    taken = await front.submit()
    where = f"/requeststates/{taken.body['serverCorrelationId']}"
    for _ in range(POLL_LIMIT + 1):
        await front.call("GET", where, "bravo")
    assert (await front.call("GET", where, "alpha")).status == 200


async def test_a_request_that_is_pending_says_until_when_it_may_be(front: Front) -> None:
    taken = await front.submit()
    state = (await front.call("GET", f"/requeststates/{taken.body['serverCorrelationId']}")).body
    assert state["expiryTime"] > state.get("creationDate", "2000")


async def test_wrong_codes_in_a_row_stop_codes_of_this_caller_and_nothing_else(front: Front) -> None:
    for _ in range(WRONG_CODES_MAX):
        assert (await guess(front))[0] == 202, "it is accepted, and fails where everybody looks"
    kept = len(front.store.transfers)
    assert await guess(front) == (400, "rateLimitError")
    assert len(front.store.transfers) == kept, "before the door"
    assert (await front.submit()).status == 202, "a payment without a code"
    assert (await guess(front, "bravo"))[0] == 202, "another caller"


async def test_after_a_while_codes_are_taken_again(front: Front, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(WRONG_CODES_MAX):
        await guess(front)
    assert (await guess(front))[0] == 400
    monkeypatch.setattr(limits, "WRONG_CODES_WITHIN_S", 0.0)
    assert (await guess(front))[0] == 202


async def test_a_duplicate_does_not_wipe_the_slate(front: Front) -> None:
    once = {"X-CorrelationID": str(uuid.uuid4())}
    await pay_by_code(front, **once)
    for _ in range(WRONG_CODES_MAX - 1):
        assert (await pay_by_code(front, **once)).error == (400, "businessRule", "duplicateRequest")
        await guess(front)
    assert await guess(front) == (400, "rateLimitError")


def test_what_is_remembered_has_a_bound_and_the_longest_untouched_goes_first() -> None:
    table: Remembered[int, list[int]] = Remembered(list, size_max=3)
    for key in (1, 2, 3):
        table.of(key).append(key)
    assert table.of(1) == [1]
    table.of(4).append(4)
    assert len(table) == 3
    assert table.of(1) == [1]
    assert table.of(2) == [], "forgotten"


def test_the_limits_are_what_the_documents_say() -> None:
    assert (WRONG_CODES_MAX, WRONG_CODES_WITHIN_S) == (10, 600)
