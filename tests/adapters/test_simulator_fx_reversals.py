"""A simulated FX provider turns its conversions round at the rate of then, in parts, and never more than the whole."""

import uuid
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from adapters.contract import FailureClass, Instruction, Outcome
from adapters.simulator.quotes import Rate
from adapters.simulator.rules import Fate, Rule, Rules
from routing.money import Money
from tests.adapters.dealer import Fx, conversion, moved, reversal, serving, unwinding
from tests.adapters.plain import ACCEPTED, ANSWER, ASKED_ACCEPTED, CALLBACK, REFUSED, UNKNOWN, brief

PLAIN, RANGE = FailureClass.REFUSED, FailureClass.AMOUNT_OUT_OF_RANGE
UNHEARD_OF, EXCEEDED = (REFUSED, PLAIN, "UNKNOWN_CONVERSION"), (REFUSED, RANGE, "EXCEEDED")
DONE = (ACCEPTED, None, "")
WHOLE: tuple[Any, ...] = ({"KES": 1000, "UGX": 285}, {}, {"UGX": 285, "KES": 1000}, 0)


@pytest.fixture
async def fx() -> AsyncIterator[Fx]:
    async with serving() as served:
        yield served


@pytest.fixture
async def spot() -> AsyncIterator[Fx]:
    async with serving("spot") as served:
        yield served


def word(outcome: Outcome) -> tuple[Any, ...]:
    return outcome.verdict, outcome.failure, outcome.code


async def words(provider: Fx, *instructions: Instruction) -> list[tuple[Any, ...]]:
    """Have these carried out one after the other by a provider that answers at once."""
    return [word(outcome) for each in instructions for outcome in await provider.told(each)]


@pytest.mark.parametrize(
    "now",
    [[], [Rate(source="KES", to="UGX", rate="20"), Rate(source="UGX", to="KES", rate="0.01")]],
    ids=["nothing is sold any more", "the rates have changed"],
)
async def test_a_conversion_is_turned_round_at_the_rate_of_then_in_parts(fx: Fx, now: list[Rate]) -> None:
    order = conversion()
    await fx.told(order)
    fx.simulator.provider("forex").book.exchange.rates.clear()  # or they would be honoured for a while
    fx.simulator.provider("forex").sell(now)
    part, rest = reversal(order, 114, 400), reversal(order, 171, 600)
    for each in (part, rest):
        assert brief(await fx.told(each)) == [(ACCEPTED, None, CALLBACK)]
        assert brief([await fx.asked(each)]) == [ASKED_ACCEPTED]
    assert moved(fx.totals) == WHOLE
    assert brief(await fx.told(part)) == [(ACCEPTED, None, ANSWER)], "said again, it is decided once"
    assert moved(fx.totals) == WHOLE


async def refused(fx: Fx) -> Instruction:
    order = conversion(1001)
    await fx.told(order)
    return order


async def unwound(fx: Fx) -> Instruction:
    order = conversion()
    await words(fx, order, unwinding(order))
    return order


async def turned(fx: Fx) -> Instruction:
    """Return a reversal, to be turned round itself."""
    order = conversion()
    back = reversal(order, 285, 1000)
    await words(fx, order, back)
    return back


@pytest.mark.parametrize("made", [refused, unwound, turned], ids=lambda made: made.__name__)
async def test_what_is_not_bound_is_not_turned_round(spot: Fx, made: Callable[[Fx], Any]) -> None:
    order = await made(spot)
    before = moved(spot.totals)
    spot.simulator.provider("spot").rules = Rules([Rule(fate=Fate.ACCEPTED)])
    whole = reversal(order, order.target.minor, order.money.minor)
    assert await words(spot, whole) == [UNHEARD_OF]
    assert moved(spot.totals) == before


@pytest.mark.parametrize(
    ("source", "target", "change", "said"),
    [
        (285, 1000, {}, DONE),
        (285, 1000, {"original": str(uuid.uuid4())}, UNHEARD_OF),
        (285, 1000, {"target": Money(1000, "TZS")}, UNHEARD_OF),
        (285, 1000, {"money": Money(285, "TZS")}, UNHEARD_OF),
        (285, 1001, {}, EXCEEDED),
        (286, 1000, {}, EXCEEDED),
        (284, 1000, {}, EXCEEDED),
        (142, 500, {}, DONE),  # 142.5, rounded down
        (141, 500, {}, EXCEEDED),
        (285, 500, {}, DONE),  # more than it is worth is the hub's own matter
    ],
)
async def test_a_reversal_is_of_the_amounts_and_the_rate_of_its_conversion(
    spot: Fx, source: int, target: int, change: dict[str, Any], said: tuple[Any, ...]
) -> None:
    order = conversion()
    back = msgspec.structs.replace(reversal(order, source, target), **change)
    assert await words(spot, order, back) == [DONE, said]


async def test_all_reversals_together_are_no_more_than_the_whole(spot: Fx) -> None:
    order = conversion()
    parts = [reversal(order, 114, 400) for _ in range(3)]
    assert await words(spot, order, *parts) == [DONE, DONE, DONE, EXCEEDED]
    assert await words(spot, reversal(order, 57, 200), reversal(order, 12, 1)) == [DONE, EXCEEDED]
    assert moved(spot.totals) == WHOLE


async def test_a_reversal_that_is_unwound_gives_its_part_back(spot: Fx) -> None:
    order = conversion()
    part = reversal(order, 114, 400)
    undone = unwinding(part)
    too_late = (REFUSED, PLAIN, "TOO_LATE")
    assert await words(spot, order, part, unwinding(order), undone, undone) == [DONE, DONE, too_late, DONE, DONE]
    assert await words(spot, reversal(order, 285, 1000)) == [DONE]
    assert moved(spot.totals) == ({"KES": 1000, "UGX": 399}, {"UGX": 114}, {"UGX": 285, "KES": 1000}, 0)


async def test_a_reference_that_comes_again_turns_the_same_conversion_round(spot: Fx) -> None:
    first, second = conversion(), conversion()
    back = reversal(first, 285, 1000)
    await words(spot, first, second, back)
    for other in (second.reference, ""):
        (said,) = await words(spot, msgspec.structs.replace(back, original=other))
        assert said == (UNKNOWN, FailureClass.UNCLEAR, "reference_used")


async def test_a_provider_that_is_started_again_remembers_what_was_turned_round(tmp_path: Path) -> None:
    order = conversion()
    part = reversal(order, 114, 400)
    async with serving("spot", journal=tmp_path / "journal") as before:
        await words(before, order, part)
    async with serving("spot", journal=tmp_path / "journal") as after:
        assert await words(after, reversal(order, 172, 601), reversal(order, 171, 600)) == [EXCEEDED, DONE]
        assert moved(after.totals) == WHOLE
