"""Delegated authentication: the payer's proof goes from a merchant through the hub to the payer's provider alone."""

import msgspec
import psycopg
import pytest
from structlog.testing import capture_logs

from adapters.simulator.seed import Seed, sow
from hub.core.admit import body_of
from hub.trial.client import Reply
from hub.trial.plays import BAOBAB, party
from hub.trial.world import World
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
