"""Account linking: an account at one provider is linked to one at another, and money goes by the link."""

from typing import Any

import pytest

from hub.trial.plays import ACCOUNT, BAOBAB, party
from hub.trial.world import World
from tests.scenario.acting import failure, result

LINKS = f"/accounts/msisdn/{BAOBAB}/links"


async def link(stage: World, mode: str = "both", status: str = "active") -> dict[str, Any]:
    """Have the bank link its account to a wallet."""
    body = {"sourceAccountIdentifiers": party(ACCOUNT), "mode": mode, "status": status}
    return await result(stage, await stage.clients["lakebank"].post(LINKS, body))


def linked(reference: str) -> list[dict[str, str]]:
    return [{"key": "linkref", "value": reference}]


def pushed(reference: str) -> dict[str, Any]:
    return {"amount": "50.00", "currency": "KES", "debitParty": party(ACCOUNT), "creditParty": linked(reference)}


def pulled(reference: str) -> dict[str, Any]:
    return {"amount": "50.00", "currency": "KES", "debitParty": linked(reference), "creditParty": party(ACCOUNT)}


async def test_money_is_pushed_to_and_pulled_from_a_linked_account(stage: World) -> None:
    made = await link(stage)
    assert (made["mode"], made["status"]) == ("both", "active")
    bank = stage.clients["lakebank"]
    for body in (pushed(made["linkReference"]), pulled(made["linkReference"])):
        assert (await result(stage, await bank.submit("transfer", body)))["transactionStatus"] == "completed"
    totals = stage.simulator.provider("baobab").totals()
    assert (totals["credited"], totals["debited"]) == ({"KES": 50_00}, {"KES": 50_00})
    shown = await bank.get(f"{LINKS}/{made['linkReference']}")
    assert (shown.status, shown.body["linkReference"]) == (200, made["linkReference"])


@pytest.mark.parametrize(("mode", "body"), [("pull", pushed), ("push", pulled)])
async def test_a_link_is_used_in_its_direction_only(stage: World, mode: str, body: Any) -> None:
    made = await link(stage, mode)
    reply = await stage.clients["lakebank"].submit("transfer", body(made["linkReference"]))
    assert await failure(stage, reply) == "businessRule/linkViolation"


async def test_a_link_is_changed_and_ended(stage: World) -> None:
    made, bank = await link(stage, "pull"), stage.clients["lakebank"]
    path = f"{LINKS}/{made['linkReference']}"
    assert await result(stage, await bank.patch(path, mode="push")) == {"result": "success"}
    told = await result(stage, await bank.submit("transfer", pushed(made["linkReference"])))
    assert told["transactionStatus"] == "completed"
    assert await result(stage, await bank.patch(path, status="inactive")) == {"result": "success"}
    reply = await bank.submit("transfer", pushed(made["linkReference"]))
    assert await failure(stage, reply) == "businessRule/linkViolation"


async def test_anothers_link_looks_like_none_and_moves_nothing(stage: World) -> None:
    made, stranger = await link(stage), stage.clients["savanna"]
    assert (await stranger.get(f"{LINKS}/{made['linkReference']}")).status == 404
    body = pushed(made["linkReference"]) | {"debitParty": party("+254730000002")}
    assert await failure(stage, await stranger.submit("transfer", body)) == "businessRule/linkViolation"
