"""The limits of a scheme as the API says them: by transaction, day, week and month; what passes one holds nothing."""

from typing import Final

import msgspec
import pytest

from hub.core.change import Notice
from hub.core.participant import SchemeFile
from hub.core.pricing.rules import LimitRule, Period
from hub.http.resources import letter_of
from hub.ledger.account import counters
from routing.message import Verdict
from tests.http import front as plain
from tests.http.front import Front, opened

CODES: Final = {
    (Period.TRANSACTION, "value"): "greaterThanTransactionMaxValue",
    (Period.DAY, "value"): "dailyValueLimitExceeded",
    (Period.DAY, "count"): "dailyVolumeLimitExceeded",
    (Period.WEEK, "value"): "weeklyValueLimitExceeded",
    (Period.WEEK, "count"): "weeklyVolumeLimitExceeded",
    (Period.MONTH, "value"): "monthlyValueLimitExceeded",
    (Period.MONTH, "count"): "monthlyVolumeLimitExceeded",
}


def limited(per: Period, what: str) -> SchemeFile:
    """At most 150 KES, or one transfer, in the period."""
    rule = LimitRule(name="the limit", currency="KES", per=per)
    most = {"max_count": 1} if what == "count" else {"max_value": "150"}
    return msgspec.structs.replace(plain.scheme(), limit=(msgspec.structs.replace(rule, **most),))


def held(front: Front) -> list[tuple[int, ...]]:
    return [counters(each) for each in front.store.ledger.values()]


@pytest.mark.parametrize(("per", "what"), CODES)
async def test_what_passes_a_limit_fails_and_holds_nothing(per: Period, what: str) -> None:
    async with opened(file=limited(per, what)) as front:
        first = await front.submit(amount="100")
        assert (await front.state(first))["status"] == "pending"
        before = held(front)
        taken = await front.submit(amount="151" if per is Period.TRANSACTION else "100")
        state = await front.state(taken)
        assert (state["status"], state["error"]["errorCategory"]) == ("failed", "businessRule")
        assert state["error"]["errorCode"] == CODES[per, what]
        letter = letter_of(Notice(transfer=front.store.transfers[taken.reference]), await front.store.scheme())
        assert msgspec.json.decode(letter.body) == state["error"]
        assert held(front) == before


async def test_what_came_to_nothing_counts_for_nothing() -> None:
    async with opened(file=limited(Period.DAY, "count")) as front:
        await front.heard((await front.submit()).reference, Verdict.REFUSED)
        assert (await front.state(await front.submit()))["status"] == "pending"
