"""Promise 4: the books balance at every commit, and no position passes its cap, whatever arrives at once."""

import asyncio

from hub.core.transfer import State
from hub.ledger.account import Kind
from hub.ledger.position import available, balance
from hub.store.audit import run_audit
from hub.trial.plays import BAOBAB, SAVANNA
from hub.trial.world import World
from routing.money import Money
from tests.cash import Fund
from tests.scenario.acting import ended, request_body


async def test_forty_at_once_against_a_cap_for_ten_let_ten_through(stage: World) -> None:
    client = stage.clients["baobab"]
    replies = await asyncio.gather(
        *(client.submit("transfer", request_body(BAOBAB, SAVANNA, "10000.00")) for _ in range(40))
    )
    found = [await ended(stage, reply) for reply in replies]
    states = [each.transfer.state for each in found]
    assert (states.count(State.COMMITTED), states.count(State.ABORTED)) == (10, 30)
    assert {each.transfer.reason for each in found if each.transfer.state is State.ABORTED} == {"cap_exceeded"}
    assert run_audit(stage.database).findings == []


async def test_prefunding_raises_what_may_be_spent_once_for_each_bank_reference(stage: World) -> None:
    fund = Fund(participant="baobab", money=Money.parse("5000", "KES"), reference="bank-1", by="treasury")
    await asyncio.gather(*(stage.hub.door.handle(fund) for _ in range(5)))
    every = await stage.hub.store.accounts()
    accounts = {(each.participant, each.kind): each for each in every if each.currency == "KES"}
    position = accounts["baobab", Kind.POSITION]
    assert balance(position) == 500_000
    assert available(position) == 500_000 + 10_000_000
    assert balance(accounts["", Kind.SETTLEMENT_BANK]) == -500_000


async def test_reversals_never_exceed_the_original_even_at_once(stage: World) -> None:
    reply = await stage.clients["baobab"].submit("transfer", request_body(BAOBAB, SAVANNA, "100.00"))
    await ended(stage, reply)
    half = {"type": "reversal", "amount": "60.00", "currency": "KES"}
    path = f"/transactions/{reply.reference}/reversals"
    replies = await asyncio.gather(*(stage.clients["savanna"].post(path, half) for _ in range(5)))
    ends = [(await ended(stage, each)).transfer for each in replies]
    assert sorted((each.state, each.reason) for each in ends) == [
        *[("aborted", "original_exceeded")] * 4,
        ("committed", ""),
    ]
    rest = await stage.clients["savanna"].post(path, {"type": "reversal"})
    assert (await ended(stage, rest)).transfer.minor == 4_000
    again = await stage.clients["savanna"].post(path, {"type": "reversal"})
    assert (await ended(stage, again)).transfer.reason == "original_exceeded"
    assert run_audit(stage.database).findings == []
