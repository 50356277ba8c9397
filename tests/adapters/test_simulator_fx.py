"""A simulated FX provider, its adapter and the runner over real HTTP: every fate, every refusal, and the sums of it."""

import argparse
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from adapters.contract import Answer, FailureClass, Finding, Operation
from adapters.simulator.__main__ import _settings
from adapters.simulator.quotes import Rate
from adapters.simulator.rules import Fate, Rule, Rules
from routing.money import Money
from tests.adapters.dealer import SEED, Fx, conversion, moved, serving, unwinding
from tests.adapters.plain import (
    ACCEPTED,
    ANSWER,
    ASKED_ACCEPTED,
    CALLBACK,
    INQUIRY,
    REFUSED,
    RUNNER,
    UNCLEAR,
    UNKNOWN,
    brief,
)
from tests.adapters.spoken import Said, said

ABSENT, PENDING, PLAIN = FailureClass.ABSENT, FailureClass.PENDING, FailureClass.REFUSED
LIQUIDITY, RANGE = FailureClass.PARTICIPANT_LIQUIDITY, FailureClass.AMOUNT_OUT_OF_RANGE
CONFIG = FailureClass.PARTICIPANT_CONFIG
KEY = {"Authorization": "Bearer demo"}


@pytest.fixture
async def fx() -> AsyncIterator[Fx]:
    async with serving() as served:
        yield served


@pytest.fixture
async def spot() -> AsyncIterator[Fx]:
    async with serving("spot") as served:
        yield served


@pytest.mark.parametrize(
    ("minor", "told", "found"),
    [
        (1000, [(ACCEPTED, None, CALLBACK)], ASKED_ACCEPTED),
        (1001, [(REFUSED, LIQUIDITY, CALLBACK)], (REFUSED, LIQUIDITY, INQUIRY)),
        (1002, [(ACCEPTED, None, CALLBACK)], ASKED_ACCEPTED),
        (1003, [(UNKNOWN, UNCLEAR, RUNNER)], ASKED_ACCEPTED),
        (1004, [(ACCEPTED, None, CALLBACK)] * 2, ASKED_ACCEPTED),
        (1005, [(ACCEPTED, None, CALLBACK)], ASKED_ACCEPTED),
        (1006, [(UNKNOWN, UNCLEAR, ANSWER)], ASKED_ACCEPTED),
        (1007, [(REFUSED, RANGE, CALLBACK)], (REFUSED, RANGE, INQUIRY)),
        (1008, [(UNKNOWN, UNCLEAR, RUNNER)], (UNKNOWN, ABSENT, INQUIRY)),
        (1009, [], ASKED_ACCEPTED),
        (1010, [(UNKNOWN, UNCLEAR, ANSWER)], ASKED_ACCEPTED),
        (1011, [(ACCEPTED, None, CALLBACK)], ASKED_ACCEPTED),
    ],
)
async def test_each_fate_is_told_as_it_was_and_asking_finds_the_truth(
    fx: Fx, minor: int, told: list[Any], found: tuple[Any, ...]
) -> None:
    order = conversion(minor)
    outcomes = await fx.told(order)
    assert brief(outcomes) == told
    asked_for = await fx.asked(order)
    assert brief([asked_for]) == [found]
    # The wrong amount is said in the callback; who asks is told the true one.
    assert {each.money.minor for each in outcomes if each.money} <= {1006 if minor == 1005 else minor}
    assert asked_for.money == (order.money if asked_for.verdict is ACCEPTED else None)
    done = {"KES": minor} if asked_for.verdict is ACCEPTED else {}
    given_ = {"UGX": minor * 2851 // 10_000} if done else {}
    assert moved(fx.totals) == (done, {}, given_, 0)


@pytest.mark.parametrize(
    ("minor", "told"),
    [
        (1000, [(ACCEPTED, None, ANSWER)]),
        (1001, [(REFUSED, LIQUIDITY, ANSWER)]),
        (1002, [(ACCEPTED, None, CALLBACK)]),
        (1005, [(ACCEPTED, None, ANSWER)]),
        (1006, [(UNKNOWN, UNCLEAR, ANSWER)]),
        (1009, []),
    ],
)
async def test_a_synchronous_provider_says_its_word_in_the_answer(spot: Fx, minor: int, told: list[Any]) -> None:
    outcomes = await spot.told(conversion(minor))
    assert brief(outcomes) == told
    assert {each.money.minor for each in outcomes if each.money} <= {1006 if minor == 1005 else minor}


async def test_a_late_conversion_is_pending_until_then_also_when_it_is_told_again() -> None:
    async with serving("patient") as fx:
        order = conversion(1002)
        for _ in range(2):
            assert await fx.world.carry_out(order) == []
        assert brief([await fx.asked(order)]) == [(UNKNOWN, PENDING, INQUIRY)]
        assert fx.totals["repeats"] == 1


async def test_a_reference_that_comes_again_is_answered_and_decided_once(fx: Fx, spot: Fx) -> None:
    for provider, first in ((spot, ANSWER), (fx, CALLBACK)):
        order = conversion()
        assert brief(await provider.told(order)) == [(ACCEPTED, None, first)]
        assert brief(await provider.told(order)) == [(ACCEPTED, None, ANSWER)]
        assert moved(provider.totals) == ({"KES": 1000}, {}, {"UGX": 285}, 0)
        assert (provider.totals["first_time"], provider.totals["repeats"]) == (1, 1)


@pytest.mark.parametrize(
    "change",
    [
        {"money": Money(2000, "KES")},
        {"target": Money(284, "UGX")},
        {"transfer": "2" * 32},
        {"operation": Operation.UNWIND, "original": "r"},
    ],
    ids=["money", "target", "transfer", "operation"],
)
async def test_a_reference_with_other_content_is_doubt_and_changes_nothing(spot: Fx, change: dict[str, Any]) -> None:
    order = conversion()
    await spot.told(order)
    (outcome,) = await spot.told(msgspec.structs.replace(order, **change))
    assert (outcome.verdict, outcome.failure, outcome.code) == (UNKNOWN, UNCLEAR, "reference_used")
    assert moved(spot.totals) == ({"KES": 1000}, {}, {"UGX": 285}, 0)


async def test_what_the_provider_never_heard_is_decided_when_sent_again(fx: Fx) -> None:
    order = conversion(1008)
    assert brief(await fx.told(order)) == [(UNKNOWN, UNCLEAR, RUNNER)]
    assert brief(await fx.told(order)) == [(ACCEPTED, None, CALLBACK)]
    assert fx.totals["converted"] == {"KES": 1008}


@pytest.mark.parametrize("minor", [1000, 1003, 1004, 1006, 1009, 1010, 1011])
async def test_an_unwinding_lets_go_of_its_conversion_and_has_its_fate(fx: Fx, minor: int) -> None:
    order = conversion(minor)
    await fx.told(order)
    undone = unwinding(order)
    told = await fx.told(undone)
    assert {each.verdict for each in told} <= {ACCEPTED, UNKNOWN}
    assert brief([await fx.asked(undone)]) == [ASKED_ACCEPTED]
    assert moved(fx.totals) == ({"KES": minor}, {"KES": minor}, {"UGX": 0}, 0)
    # Each is asked for in its own place.
    answers = [
        await said(fx.client, "GET", f"forex/{kind}/{reference}", headers=KEY)
        for kind, reference in (("conversions", undone.reference), ("unwindings", order.reference))
    ]
    assert answers == [Said(404, {"error": "unknown_reference"})] * 2


@pytest.mark.parametrize(
    ("minor", "change"),
    [
        (1000, {"original": str(uuid.uuid4())}),
        (1000, {"money": Money(2000, "KES")}),
        (1000, {"target": Money(284, "UGX")}),
        (1001, {"money": Money(1001, "KES")}),
    ],
    ids=["none", "another amount", "another target", "one that was refused"],
)
async def test_what_was_not_converted_is_not_unwound(spot: Fx, minor: int, change: dict[str, Any]) -> None:
    order = conversion(minor)
    await spot.told(order)
    spot.simulator.provider("spot").rules = Rules([Rule(fate=Fate.ACCEPTED, type="unwindings")])
    (outcome,) = await spot.told(unwinding(order, **change))
    assert (outcome.verdict, outcome.failure, outcome.code) == (REFUSED, PLAIN, "UNKNOWN_CONVERSION")
    assert spot.totals["unwound"] == {}


async def test_two_references_for_one_transfer_count_as_executed_twice(spot: Fx) -> None:
    order = conversion()
    for each in (order, msgspec.structs.replace(order, reference=str(uuid.uuid4())), unwinding(order)):
        await spot.told(each)
    assert moved(spot.totals) == ({"KES": 2000}, {"KES": 1000}, {"UGX": 285}, 1)
    await spot.told(unwinding(order))
    assert spot.totals["executed_twice"] == 2


async def test_the_rates_are_what_is_sold_and_change_at_once(fx: Fx) -> None:
    row = {"source": "KES", "target": "UGX", "rate": "28.51", "valid_s": 60}
    assert await fx.rates() == Answer(finding=Finding.FOUND, rows=[row])
    new = {"from": "KES", "to": "TZS", "rate": "20.10", "valid_s": 5}
    assert await fx.control("rates", [new]) == Said(200, [new | {"fee": "0"}])
    changed = {"source": "KES", "target": "TZS", "rate": "20.10", "valid_s": 5}
    assert (await fx.rates()).rows == [changed]
    assert await fx.control("rates", []) == Said(200, [])
    assert await fx.rates() == Answer(finding=Finding.FOUND)
    for wrong in ({"rate": "0"}, {"rate": "1", "valid_s": -1}, {"rate": "1", "target": "UGX"}):
        assert (await fx.control("rates", [{"from": "KES", "to": "UGX"} | wrong])).status == 400
    assert (await fx.control("seed", {"rate": [new]})).status == 200
    assert (await fx.rates()).rows == [changed]


@pytest.mark.parametrize("fate", [Fate.UNAVAILABLE, Fate.BROKEN, Fate.GARBAGE])
async def test_rates_that_are_not_told_are_unanswered(fx: Fx, fate: Fate) -> None:
    fx.simulator.provider("forex").rules = Rules([Rule(fate=fate, type="rates")])
    assert await fx.rates() == Answer(finding=Finding.UNANSWERED)
    assert brief(await fx.told(conversion())) == [(ACCEPTED, None, CALLBACK)]


@pytest.mark.parametrize(
    ("before", "now", "target", "verdict"),
    [
        ("28.51", None, 285, ACCEPTED),  # 285.1, rounded down
        ("28.51", None, 286, ACCEPTED),  # or up
        ("28.51", None, 287, REFUSED),
        ("28.51", None, 1, ACCEPTED),
        ("28.51", ("20", 60), 286, ACCEPTED),  # what was replaced is honoured for a while
        ("20", ("28.51", 60), 286, ACCEPTED),
        ("28.51", ("20", 0), 286, REFUSED),
        ("28.51", ("20", 0), 200, ACCEPTED),
    ],
)
async def test_a_conversion_is_confirmed_for_no_more_than_a_rate_that_is_honoured(
    spot: Fx, before: str, now: tuple[str, int] | None, target: int, verdict: Any
) -> None:
    provider = spot.simulator.provider("spot")
    valid_s = now[1] if now else 60
    # The seed's own rate would be honoured for a minute more.
    provider.book.exchange.rates.clear()
    provider.sell([Rate(source="KES", to="UGX", rate=before, valid_s=valid_s)])
    if now:
        provider.sell([Rate(source="KES", to="UGX", rate=now[0])])
    (outcome,) = await spot.told(conversion(target=Money(target, "UGX")))
    assert outcome.verdict is verdict
    if verdict is REFUSED:
        assert (outcome.failure, outcome.code) == (PLAIN, "RATE_EXPIRED")


async def test_a_pair_without_a_rate_is_not_sold(spot: Fx) -> None:
    for money, target in ((Money(1000, "KES"), Money(1, "TZS")), (Money(1000, "UGX"), Money(1, "KES"))):
        (outcome,) = await spot.told(conversion(money=money, target=target))
        assert (outcome.verdict, outcome.code) == (REFUSED, "RATE_EXPIRED")


@pytest.mark.parametrize(
    ("rule", "operation", "told"),
    [
        (Rule(fate=Fate.BLOCKED), Operation.CONVERT, (REFUSED, CONFIG, "SUSPENDED")),
        (Rule(fate=Fate.DECLINED, account="pair@KES-UGX"), Operation.CONVERT, (REFUSED, PLAIN, "DECLINED")),
        (Rule(fate=Fate.DECLINED, account="pair@KES-TZS"), Operation.CONVERT, (ACCEPTED, None, "")),
        (Rule(fate=Fate.NO_FUNDS, minor=1000), Operation.CONVERT, (REFUSED, LIQUIDITY, "NO_LIQUIDITY")),
        (Rule(fate=Fate.NOT_FOUND), Operation.CONVERT, (UNKNOWN, UNCLEAR, "OTHER")),
        (Rule(fate=Fate.UNAVAILABLE), Operation.CONVERT, (UNKNOWN, UNCLEAR, "")),
        (Rule(fate=Fate.DECLINED, type="unwindings"), Operation.CONVERT, (ACCEPTED, None, "")),
        (Rule(fate=Fate.NO_FUNDS, type="unwindings"), Operation.UNWIND, (REFUSED, PLAIN, "TOO_LATE")),
        (Rule(fate=Fate.BLOCKED, type="unwindings"), Operation.UNWIND, (REFUSED, CONFIG, "SUSPENDED")),
        (Rule(fate=Fate.DECLINED, type="unwindings"), Operation.UNWIND, (REFUSED, PLAIN, "DECLINED")),
    ],
)
async def test_a_rule_decides_by_pair_amount_and_kind(
    spot: Fx, rule: Rule, operation: Operation, told: tuple[Any, ...]
) -> None:
    assert (await spot.control("rules", [msgspec.to_builtins(rule)])).status == 200
    order = conversion()
    outcomes = await spot.told(order)
    if operation is Operation.UNWIND:
        outcomes = await spot.told(unwinding(order))
    assert [(each.verdict, each.failure, each.code) for each in outcomes] == [told]


async def test_a_wrong_key_is_doubt_and_leaves_nothing() -> None:
    async with serving(secret="another") as fx:
        (outcome,) = await fx.told(conversion())
        assert (outcome.verdict, outcome.failure, outcome.code) == (UNKNOWN, UNCLEAR, "unauthorised")
        assert (await fx.rates()).finding is Finding.UNANSWERED
        assert fx.totals["first_time"] == 0


WHOLE = {
    "transfer": "1" * 32,
    "source": {"amount": "10", "currency": "KES"},
    "target": {"amount": "285", "currency": "UGX"},
    "rate": "28.51",
}


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("PUT", "conversions/r", WHOLE, 201),
        ("PUT", "conversions/r", WHOLE | {"source": {"amount": 10, "currency": "KES"}}, 400),
        ("PUT", "conversions/r", WHOLE | {"source": {"amount": "10.001", "currency": "KES"}}, 400),
        ("PUT", "conversions/r", WHOLE | {"target": {"amount": "1", "currency": "XAU"}}, 400),
        ("PUT", "conversions/r", {"source": WHOLE["source"]}, 400),
        ("PUT", "conversions/r", WHOLE | {"conversion": "c"}, 400),
        ("PUT", "unwindings/r", WHOLE, 400),
        ("PUT", "unwindings/r", WHOLE | {"conversion": "c", "reverses": "c"}, 400),
        ("PUT", "conversions/", WHOLE, 404),
        ("POST", "conversions/r", WHOLE, 404),
        ("PUT", "rates", WHOLE, 404),
        ("GET", "conversions/r", None, 404),
        ("GET", "", None, 404),
    ],
)
async def test_a_request_that_is_not_of_the_protocol_changes_nothing(
    fx: Fx, method: str, path: str, body: Any, status: int
) -> None:
    assert (await said(fx.client, method, f"forex/{path}", headers=KEY, json=body)).status == status
    assert len(fx.totals["converted"]) == (status == 201)


async def test_a_provider_that_is_started_again_remembers_what_it_is_bound_to(tmp_path: Path) -> None:
    order, lost = conversion(), conversion(1003)
    async with serving(journal=tmp_path / "journal") as before:
        await before.told(order)
        await before.told(lost)
        totals = before.totals
    async with serving(journal=tmp_path / "journal") as after:
        assert moved(after.totals) == moved(totals)
        assert [brief([await after.asked(each)]) for each in (order, lost)] == [[ASKED_ACCEPTED]] * 2
        assert (await after.rates()).rows != []
        await after.told(unwinding(order))
        assert moved(after.totals) == ({"KES": 2003}, {"KES": 1000}, {"UGX": 285}, 0)
        assert (await said(after.client, "POST", "forex/_control/reset")).status == 200
        assert (moved(after.totals), len((await after.rates()).rows)) == (({}, {}, {}, 0), 1)


def test_the_command_line_names_the_dialect() -> None:
    given_ = argparse.Namespace(latency_ms=0, late_s=3, client="hub:key")
    found = _settings("forex:open_fx:sync", given_, {"forex": SEED})
    assert (found.dialect, found.sync, found.client, found.seed) == ("open_fx", True, "hub:key", SEED)
