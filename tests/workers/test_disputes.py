"""The worker of disputes: killed between any two steps, two at once, while a participant is suspended; once each."""

import asyncio

import pytest
from prometheus_client import REGISTRY

from hub.core.command import Transfer
from hub.core.office.dispute_terms import Deemed, DisputeTerms
from hub.core.office.records import Dispute, DisputeState
from hub.core.participant import Status
from hub.core.transfer import State
from hub.workers.disputes import Disputes
from routing.message import Verdict
from tests.core.counter import DAY_MS, Counter, counter_with, told_scheme
from tests.core.stage import scheme_file

S = DisputeState
LOOKS_MAX = 40


@pytest.fixture
async def counter() -> Counter:
    return await counter_with()


def reversals(counter: Counter, original: Transfer) -> list[Transfer]:
    return [each for each in counter.store.transfers.values() if each.original == original.id]


async def seen_to(counter: Counter, id_: str, verdict: Verdict = Verdict.ACCEPTED) -> Dispute:
    """Look, second by second, while the payer FSP answers, until the dispute has ended."""
    for _ in range(LOOKS_MAX):
        await counter.worker.look()
        found = await counter.dispute(id_)
        if found.due_ms is None:
            return found
        for each in list(counter.store.transfers.values()):
            if each.id == found.linked and each.state is State.RESERVED:
                await counter.hear(each, verdict)
        counter.now_ms += 60_000
    raise AssertionError(f"it is still {found.state}")


async def test_what_is_accepted_is_given_back_and_what_is_not_yet_due_is_left_alone(counter: Counter) -> None:
    transfer = await counter.committed()
    waiting = await counter.raised(1, transfer, minor=10_00)
    found = await counter.accepted(2, transfer, minor=60_00)
    ended = await seen_to(counter, found.id)
    assert ended.state is S.RETURNED
    assert [each.what for each in ended.steps] == ["raised", "accepted", "returned"]
    (reversal,) = reversals(counter, transfer)
    assert (reversal.state, reversal.minor, reversal.caller) == (State.COMMITTED, 60_00, "bravo")
    assert await counter.dispute(waiting.id) == waiting
    assert await counter.worker.look() == 0


@pytest.mark.parametrize("deemed", list(Deemed))
async def test_at_the_deadline_the_scheme_decides(deemed: Deemed) -> None:
    counter = await counter_with(told_scheme(DisputeTerms(deemed=deemed)))
    transfer = await counter.committed()
    found = await counter.raised(1, transfer)
    counter.now_ms += 10 * DAY_MS
    ended = await seen_to(counter, found.id)
    assert ended.state is (S.RETURNED if deemed is Deemed.ACCEPTED else S.REFUSED)
    assert sum(each.minor for each in reversals(counter, transfer)) == (100_00 if deemed is Deemed.ACCEPTED else 0)


class Breaking:
    """Breaks the commit of this number, before or after it is made; every other one is left alone."""

    def __init__(self, number: int) -> None:
        self.left = number

    def __call__(self) -> None:
        self.left -= 1
        if self.left == 0:
            raise RuntimeError("killed")


@pytest.mark.parametrize("when", ["break_before_commit", "break_after_commit"])
@pytest.mark.parametrize("number", range(1, 5))
@pytest.mark.parametrize("verdict", [Verdict.ACCEPTED, Verdict.REFUSED])
async def test_killed_at_any_commit_it_gives_back_once(
    counter: Counter, when: str, number: int, verdict: Verdict
) -> None:
    transfer = await counter.committed()
    found = await counter.raised(1, transfer, minor=60_00)
    counter.now_ms += 10 * DAY_MS
    breaking = Breaking(number)
    setattr(counter.store, when, breaking)
    # The provider's own word is heard again when its commit was broken; only the worker's steps are broken here.
    real = counter.hear

    async def heard(each: Transfer, said: Verdict) -> Transfer:
        setattr(counter.store, when, lambda: None)
        ended = await real(each, said)
        setattr(counter.store, when, breaking)
        return ended

    counter.hear = heard  # type: ignore[method-assign,assignment]
    ended = await seen_to(counter, found.id, verdict)
    is_given = verdict is Verdict.ACCEPTED
    assert ended.state is (S.RETURNED if is_given else S.FAILED)
    (reversal,) = reversals(counter, transfer)
    assert reversal.id == ended.linked
    steps = [each.what for each in ended.steps if each.what != "waits"]
    assert steps == ["raised", "deemed_accepted", "returned" if is_given else "failed"]
    assert breaking.left <= 0, "nothing was broken"
    assert len({*counter.told()}) == len(counter.told()), "nobody is told a thing twice"


async def test_two_workers_at_once_do_as_one_does(counter: Counter) -> None:
    transfer = await counter.committed()
    found = [await counter.accepted(number, transfer, minor=number * 1_00) for number in range(1, 6)]
    workers = [counter.worker, Disputes(counter.door)]
    await asyncio.gather(*(each.look() for each in workers))
    assert sorted(each.minor for each in reversals(counter, transfer)) == [n * 1_00 for n in range(1, 6)]
    for each in reversals(counter, transfer):
        await counter.hear(each, Verdict.ACCEPTED)
    counter.now_ms += 60_000
    await asyncio.gather(*(each.look() for each in workers))
    ended = [await counter.dispute(each.id) for each in found]
    assert {each.state for each in ended} == {S.RETURNED}
    assert {len(each.steps) for each in ended} == {3}


async def test_while_the_payee_fsp_is_suspended_the_return_waits_and_says_so_once(counter: Counter) -> None:
    transfer = await counter.committed()
    found = await counter.accepted(1, transfer)
    await counter.store.apply_scheme(told_scheme(file=scheme_file(bravo=Status.SUSPENDED)), "test")
    for _ in range(5):
        await counter.worker.look()
        counter.now_ms += 60_000
    waiting = await counter.dispute(found.id)
    assert [(each.what, each.detail) for each in waiting.steps[2:]] == [("waits", "caller_suspended")]
    assert (waiting.state, reversals(counter, transfer)) == (S.ACCEPTED, [])
    await counter.store.apply_scheme(told_scheme(), "test")
    assert (await seen_to(counter, found.id)).state is S.RETURNED


async def test_a_linked_transfer_is_followed_for_as_long_as_it_takes_ever_more_seldom(counter: Counter) -> None:
    found = await counter.accepted(1, await counter.committed())
    waits = []
    for _ in range(10):
        await counter.worker.look()
        due_ms = (await counter.dispute(found.id)).due_ms
        assert due_ms is not None
        waits.append(due_ms - counter.now_ms)
        counter.now_ms = due_ms
    assert waits == [1_000, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000, 60_000]


async def test_what_becomes_of_disputes_is_counted(counter: Counter) -> None:
    def counted(state: str) -> float:
        return REGISTRY.get_sample_value("hub_disputes_total", {"state": state}) or 0

    before = counted("returned")
    found = await counter.accepted(1, await counter.committed())
    await seen_to(counter, found.id)
    assert counted("returned") == before + 1
