"""Delegated authentication: the payer's proof goes from a merchant through the hub to the payer's provider alone."""

import os

import msgspec
import psycopg
import pytest
from structlog.testing import capture_logs

from adapters.simulator.seed import Seed, sow
from hub.core.admit import body_of
from hub.core.transfer import Event, State
from hub.roles import parts
from hub.trial.client import Reply
from hub.trial.plays import BAOBAB, party
from hub.trial.world import World
from routing.seal import Seal
from tests.scenario.acting import ended, failure, result

TOKEN = "the-users-own-token"


def known(stage: World) -> None:
    """Let the payer's provider know its customer's token."""
    seed = {"account": [{"account": f"msisdn@{BAOBAB}", "name": "Amina", "tokens": [TOKEN]}]}
    sow(msgspec.convert(seed, Seed), stage.simulator.provider("baobab").book)


async def ask(stage: World, **headers: str) -> Reply:
    body = {"amount": "42.00", "currency": "KES", "debitParty": party(BAOBAB)}
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return await stage.clients["duka"].write("POST", "/transactions/type/merchantpay", body, headers=sent)


@pytest.mark.parametrize("said", [TOKEN, f"Bearer {TOKEN}"])
async def test_a_merchant_is_paid_with_the_proof_of_the_payer(stage: World, said: str) -> None:
    known(stage)
    told = await result(stage, await ask(stage, X_User_Bearer=said))
    assert told["transactionStatus"] == "completed"


async def test_a_proof_that_is_not_the_payers_pays_nothing(stage: World) -> None:
    known(stage)
    error = await failure(stage, await ask(stage, X_User_Bearer="a-thiefs-token"))
    assert error.startswith("authorisation/")
    assert stage.simulator.provider("savanna").totals()["credited"] == {}


@pytest.fixture
def strange_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the API and the adapters each have a key that the other does not have."""
    monkeypatch.setattr(parts, "seal_of", lambda _: Seal([os.urandom(32)]))


@pytest.mark.usefixtures("strange_keys")
async def test_a_proof_that_cannot_be_opened_sends_nothing_and_is_no_refusal(hurried_stage: World) -> None:
    known(hurried_stage)
    found = await ended(hurried_stage, await ask(hurried_stage, X_User_Bearer=TOKEN))
    assert Event.REFUSED not in {each.event for each in found.transitions}
    assert Event.LAPSED in {each.event for each in found.transitions}, "its provider says that it never saw it"
    assert found.transfer.state is State.ABORTED
    assert hurried_stage.simulator.provider("baobab").totals()["debited"] == {}


async def test_the_proof_is_in_no_row_no_log_and_no_answer(stage: World) -> None:
    known(stage)
    with capture_logs() as lines:
        reply = await ask(stage, X_User_Bearer=TOKEN, X_Channel="app")
        found = await ended(stage, reply)
        told = await result(stage, reply)
    assert body_of(found.transfer).channel == "app"
    with psycopg.connect(stage.database) as connection:
        rows = [
            connection.execute(f"SELECT t::text FROM {table} AS t").fetchall()  # noqa: S608 - a name of ours
            for table in ("transfer", "transition", "outbox", "request")
        ]
    everything = [lines, told, reply.body, found, rows]
    assert body_of(found.transfer).sealed
    assert TOKEN not in str(everything)
