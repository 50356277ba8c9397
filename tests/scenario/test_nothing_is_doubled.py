"""Promises 2 and 3: what is accepted ends once; a reference is repeated, never replaced; a request moves money once."""

import asyncio
import uuid

from hub.core.transfer import State
from hub.store.audit import run_audit
from hub.trial.plays import BAOBAB, SAVANNA
from hub.trial.world import World
from tests.scenario.acting import ended, request_body, result


async def test_one_correlation_id_sent_twenty_times_at_once_moves_money_once(stage: World) -> None:
    client, correlation = stage.clients["baobab"], str(uuid.uuid4())
    body = request_body(BAOBAB, SAVANNA, "55.00")
    replies = await asyncio.gather(*(client.submit("transfer", body, correlation=correlation) for _ in range(20)))
    accepted = [reply for reply in replies if reply.status == 202]
    assert len(accepted) == 1
    others = [reply for reply in replies if reply.status != 202]
    assert {reply.error for reply in others} == {"businessRule/duplicateRequest"}
    assert {reply.reference for reply in replies} == {accepted[0].reference}
    await ended(stage, accepted[0])
    assert stage.simulator.provider("savanna").totals()["credited"] == {"KES": 5_500}


async def test_a_lost_instruction_is_sent_again_under_the_same_reference(stage: World) -> None:
    reply = await stage.clients["baobab"].submit("transfer", request_body(BAOBAB, SAVANNA, "41.08"))
    assert (await ended(stage, reply)).transfer.state is State.COMMITTED
    totals = stage.simulator.provider("savanna").totals()
    assert (totals["credited"], totals["executed_twice"]) == ({"KES": 4_108}, 0)


async def test_a_callback_that_comes_twice_changes_nothing_the_second_time(stage: World) -> None:
    reply = await stage.clients["baobab"].submit("transfer", request_body(BAOBAB, SAVANNA, "41.04"))
    found = await ended(stage, reply)
    await stage.simulator.callbacks.drained()
    assert [str(entry.posting.phase) for entry in found.entries] == ["pending", "posted"]
    assert run_audit(stage.database).findings == []


async def test_the_caller_is_called_back_once_with_the_result(stage: World) -> None:
    correlation = str(uuid.uuid4())
    reply = await stage.clients["baobab"].submit(
        "transfer", request_body(BAOBAB, SAVANNA, "41.00"), correlation=correlation
    )
    await ended(stage, reply)
    await stage.sink.until(lambda: correlation in stage.sink.deliveries, 10)
    body = stage.sink.deliveries[correlation][0].body
    assert b'"transactionStatus":"completed"' in body
    assert reply.reference.encode() in body
    assert stage.sink.duplicates == 0


async def test_a_correlation_id_is_used_once_whatever_it_asked_for_and_leads_to_what_that_came_to(stage: World) -> None:
    caller = stage.clients["baobab"]
    body = {"amount": "5.00", "currency": "KES", "codeLifetime": 600}
    path = f"/accounts/msisdn/{BAOBAB}/authorisationcodes"
    code = await caller.post(path, body)
    made = await result(stage, code)
    for again in (
        await caller.post(path, body, correlation=code.correlation),
        await caller.submit("transfer", request_body(BAOBAB, SAVANNA, "5.00"), correlation=code.correlation),
    ):
        assert (again.status, again.error) == (400, "businessRule/duplicateRequest")
        pairs = {each["key"]: each["value"] for each in again.body["errorParameters"]}
        assert pairs["link"] == f"{path}/{made['authorisationCode']}".replace("msisdn/+", "msisdn@%2B")
        assert (await caller.get(pairs["link"])).body["authorisationCode"] == made["authorisationCode"]
