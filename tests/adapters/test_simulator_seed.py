"""What a simulated provider is sown with: the example is whole, a wrong key is named, a restart remembers."""

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiohttp import ClientSession
from aiohttp.test_utils import TestServer

from adapters.simulator.app import Simulator
from adapters.simulator.provider import Settings
from adapters.simulator.seed import Seed, read_seeds
from tests.adapters.spoken import World, said, serving, token
from tests.adapters.wallet import FIRST, acted, balance, debited, ended, sown

EXAMPLE = Path(__file__).parents[2] / "config/simulator.toml"


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with serving() as served:
        yield served


def test_the_example_is_whole() -> None:
    seeds = read_seeds(EXAMPLE)
    assert set(seeds) == {"baobab", "savanna", "maji", "nile", "kilima", "kivuko"}
    tables = {table for seed in seeds.values() for table in msgspec.to_builtins(seed)}
    left_out = {"closed", "heartbeat", "rule"}
    assert {field.name for field in msgspec.structs.fields(Seed)} - tables == left_out


async def test_a_provider_has_from_its_first_moment_what_it_was_sown_with() -> None:
    settings = [Settings(name=name, dialect="gsma", seed=seed) for name, seed in read_seeds(EXAMPLE).items()]
    async with (
        TestServer(Simulator(settings).app) as served,
        ClientSession(base_url=served.make_url("/")) as client,
    ):
        names = {}
        for path in (
            "baobab/accounts/walletid@1001",
            "maji/accounts/consumerno@17",
            "savanna/accounts/msisdn/+254730000002",
        ):
            held = await token(client, path.partition("/")[0])
            names[path] = (await said(client, "GET", f"{path}/accountname", headers=held)).body["name"]["fullName"]
        assert list(names.values()) == ["First Customer", "First Customer", "Fourth Customer"]


@pytest.mark.parametrize(
    ("seed", "why"),
    [
        ({"acount": []}, "acount"),
        ({"account": [{"account": FIRST, "ballances": {}}]}, "ballances"),
        ({"account": [{"account": FIRST, "balances": {"KES": "1.234"}}]}, "decimals"),
        ({"account": [{"account": FIRST, "balances": {"KSH": "1"}}]}, "KSH"),
        ({"account": [{"account": "+254700000001"}]}, "msisdn@"),
        ({"account": [{"account": FIRST, "identity": [{"kycLevl": 1}]}]}, "kycLevl"),
        ({"bill": [{"account": FIRST, "billReference": "B", "amountDue": "1", "currency": "KES", "x": 1}]}, "`x`"),
        ({"debitmandate": [{"account": FIRST, "mandateReference": "M"}]}, "startDate"),
        ({"debitmandate": [{"account": FIRST, "startDate": "2026-01-01"}]}, "mandateReference"),
        ({"debitmandate": [{"account": FIRST, "mandateReference": "M", "startDate": "soon"}]}, "soon"),
        ({"rate": [{"from": "USD", "to": "KES", "rate": "-1"}]}, "rate"),
        ({"rule": [{"fate": "lucky"}]}, "lucky"),
    ],
)
async def test_a_seed_that_is_wrong_is_refused_whole_and_by_name(world: World, seed: dict[str, Any], why: str) -> None:
    status, body = await said(world.client, "PUT", "alpha/_control/seed", json={"closed": True} | seed)
    assert (status, why in body.decode()) == (400, True), body
    assert world.simulator.provider("alpha").book.closed is False


async def test_where_nobody_else_has_an_account_a_stranger_is_not_found(world: World) -> None:
    await sown(world, closed=True)
    stranger = [{"key": "msisdn", "value": "+254799999999"}]
    assert [await debited(world), await debited(world, debitParty=stranger)] == ["completed", "identifierError"]
    assert (await acted(world, "GET", "alpha/accounts/msisdn/+254799999999/status", None)).status == 404


async def test_a_reset_begins_again_with_what_was_sown_at_the_beginning(world: World) -> None:
    seed = msgspec.convert({"account": [{"account": FIRST, "balances": {"KES": "7"}}]}, Seed)
    simulator = Simulator([Settings(name="alpha", dialect="gsma", seed=seed)])
    async with TestServer(simulator.app) as served, ClientSession(base_url=served.make_url("/")) as client:
        here = world._replace(simulator=simulator, client=client)
        assert [await debited(here, "5"), await balance(here)] == ["completed", "2"]
        await said(client, "POST", "alpha/_control/reset")
        assert await balance(here) == "7"


async def test_the_file_brings_back_what_was_sown_made_and_confirmed(tmp_path: Path, world: World) -> None:
    first = {"account": [{"account": FIRST, "balances": {"KES": "100"}, "asksCustomer": True}]}
    seed = msgspec.convert(first, Seed)
    for attempt in range(2):
        simulator = Simulator([Settings(name="alpha", dialect="gsma", seed=seed)], journal=tmp_path / "journal")
        async with TestServer(simulator.app) as served, ClientSession(base_url=served.make_url("/")) as client:
            here = world._replace(simulator=simulator, client=client)
            if attempt == 0:
                await said(
                    client,
                    "PUT",
                    "alpha/_control/seed",
                    json={"billcompany": [{"serviceProvider": "x", "companyName": "X"}]},
                )
                mandate = await ended(
                    here, "POST", f"alpha/accounts/{FIRST}/debitmandates", {"startDate": "2026-01-01"}
                )
                assert await debited(here, "30") == "pending"
                await said(client, "POST", "alpha/_control/confirm", json={"account": FIRST, "accept": True})
                continue
            held = await token(client, "alpha")
            path = f"alpha/accounts/{FIRST}/debitmandates/{mandate['mandateReference']}"
            assert (await said(client, "GET", path, headers=held)).body == mandate
            assert (await said(client, "GET", "alpha/billcompanies/x", headers=held)).status == 200
            assert await balance(here) == "70"
            assert simulator.provider("alpha").totals()["executed_twice"] == 0


async def test_what_was_forgotten_stays_forgotten_in_the_file(tmp_path: Path, world: World) -> None:
    seed = msgspec.convert({"account": [{"account": FIRST, "balances": {"KES": "100"}}]}, Seed)
    for attempt, left in enumerate(("70", "60")):
        simulator = Simulator([Settings(name="alpha", dialect="gsma", seed=seed)], journal=tmp_path / "journal")
        async with TestServer(simulator.app) as served, ClientSession(base_url=served.make_url("/")) as client:
            here = world._replace(simulator=simulator, client=client)
            if attempt == 0:
                await debited(here, "50")
                await said(client, "POST", "alpha/_control/reset")
            assert [await debited(here, "30" if attempt == 0 else "10"), await balance(here)] == ["completed", left]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ('[[alpha.account]]\nacount = "x"', "acount"),
        ('[[beta.account]]\naccount = "msisdn@1"', "beta"),
        ("alpha = ", "Invalid"),
        (None, "No such file"),
    ],
)
async def test_a_simulator_does_not_start_with_a_wrong_file(tmp_path: Path, content: str | None, why: str) -> None:
    if content is not None:
        (tmp_path / "seed.toml").write_text(content, "utf-8")
    arguments = ["--port", "1", "--provider", "alpha:gsma", "--seed", str(tmp_path / "seed.toml")]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "adapters.simulator", *arguments, stderr=asyncio.subprocess.PIPE
    )
    _, said_ = await process.communicate()
    assert (process.returncode, why in said_.decode()) == (2, True), said_
