"""Disputes and the API's reversals in one batch: it equals its members one by one, and gives back no more than was."""

import asyncio
from collections.abc import Iterable

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.core.command import Command, Heard, Result
from hub.core.office.disputes import Answer, Deem, Linked, Withdraw, linked_of, submission
from hub.core.office.records import PROMISING, Dispute
from hub.core.record import Deed
from hub.core.transfer import State
from routing.message import Operation, Verdict
from tests.core.counter import DAY_MS, Counter, answering, counter_with, dispute_id, raising
from tests.core.stage import outcome, submit

WHOLE = 100_00
NUMBERS = range(4)
# What is done, with which of a few disputes, and how much is asked for.
Step = tuple[str, int, int]
AMOUNTS = st.integers(1_00, 70_00)


def steps(kinds: str, numbers: Iterable[int] = NUMBERS) -> st.SearchStrategy[Step]:
    return st.tuples(st.sampled_from(kinds.split()), st.sampled_from([*numbers]), AMOUNTS)


# What meets in one batch is mostly what takes from the same transfer: an answer, a linked transfer, a reversal.
STEPS = st.one_of(
    steps("accept", [2]),
    steps("begin", [0, 1]),
    steps("reverse"),
    steps("recall return fraud accept refuse withdraw deem begin linked yes no"),
)


async def opened() -> Counter:
    """Have a transfer of which two recalls are accepted and a third is asked for: half is promised, nothing begun."""
    counter = await counter_with()
    transfer = await counter.committed(1)
    for number, minor in enumerate((30_00, 20_00)):
        await counter.accepted(number, transfer, minor=minor)
    await counter.raised(2, transfer, minor=40_00)
    return counter


def command(counter: Counter, step: Step) -> Command | Deed | None:
    """Build a command on what was there before the batch; None: there is nothing to do it to."""
    what, number, minor = step
    original = submit(1).transfer
    about = {"dispute": dispute_id(number), "transfer": original}
    if what in ("recall", "return", "fraud"):
        return raising(number, original, what, "bravo" if what == "return" else "alpha", minor=minor)
    if what == "reverse":
        amount = f"{minor // 100}.{minor % 100:02}"
        return submit(100 + minor, caller="bravo", payer="", payee="", amount=amount, original=original)
    deeds: dict[str, Deed] = {
        "accept": Answer(by="software", participant="bravo", accept=True, **about),
        "refuse": Answer(by="software", participant="bravo", accept=False, reason="CUST", **about),
        "withdraw": Withdraw(by="software", participant="alpha", **about),
        "deem": Deem(by="calendar", **about),
        "linked": Linked(by="hub", **about),
    }
    if what in deeds:
        return deeds[what]
    found = counter.store.records._kept.get(Dispute, {}).get(dispute_id(number))
    if what == "begin":
        return submission(found) if isinstance(found, Dispute) and found.state in PROMISING else None
    linked = counter.store.transfers.get(linked_of(dispute_id(number)))
    if linked is None or linked.state is not State.RESERVED:
        return None
    verdict = Verdict.ACCEPTED if what == "yes" else Verdict.REFUSED
    return Heard(outcome=outcome(linked, Operation.CREDIT, verdict))


def check_limit(counter: Counter) -> None:
    """Hold what is given back and what is promised against the original."""
    undone = (State.ABORTED, State.REFUNDED)
    transfers = counter.store.transfers
    given_ = sum(each.minor for each in transfers.values() if each.original and each.state not in undone)
    promised = sum(counter.store.records.promised(submit(1).transfer, transfers).values())
    assert given_ + promised <= WHOLE


def left_by(counter: Counter) -> tuple[object, ...]:
    """Return all that two hubs must have alike; versions count commits, and so differ."""
    disputes = [
        msgspec.structs.replace(each, version=0)
        for _, each in sorted(counter.store.records._kept.get(Dispute, {}).items())
    ]
    accounts = [msgspec.to_builtins(each) for _, each in sorted(counter.store.ledger.items())]
    return disputes, counter.store.transfers, accounts, sorted(counter.told())


def said(results: list[Result]) -> list[tuple[type[Result], str]]:
    return [(type(each), str(each.reason)) for each in results]


@given(st.lists(STEPS, max_size=4), st.lists(STEPS, min_size=2, max_size=10), st.sampled_from([0, 10 * DAY_MS]))
@settings(max_examples=150)
def test_a_batch_of_disputes_equals_its_members_in_order(before: list[Step], batch: list[Step], later_ms: int) -> None:
    async def main() -> None:
        together, apart = await opened(), await opened()
        for counter in (together, apart):
            for step in before:
                if (each := command(counter, step)) is not None:
                    await counter.one(each)
                    check_limit(counter)
            counter.now_ms += later_ms
        commands = [each for each in (command(together, step) for step in batch) if each is not None]
        at_once = await together.door.handle_all(commands)
        one_by_one = [await apart.one(each) for each in commands]
        assert said(at_once) == said(one_by_one)
        assert left_by(together) == left_by(apart)
        check_limit(together)

    asyncio.run(main())


async def test_in_one_batch_an_answer_keeps_its_part_from_the_reversal_after_it() -> None:
    counter = await opened()
    found = await counter.dispute(dispute_id(2))
    over, rest = (
        submit(number, caller="bravo", payer="", payee="", amount=amount, original=found.transfer)
        for number, amount in ((200, "10.01"), (201, "10"))
    )
    results = await counter.door.handle_all([answering(found), over, rest])
    assert [str(each.reason) for each in results] == ["", "original_exceeded", ""]
    check_limit(counter)
