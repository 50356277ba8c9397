"""Instant payment notification: a biller is told of its money when it is committed: signed, again and again, and anew.

The biller has its account at another FSP, so it is no party to the clearing; its own receiver verifies each signature
with nothing but the key that the hub publishes.
"""

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator
from typing import Any, Final, NamedTuple

import aiohttp
import msgspec
import pytest
from aiohttp import web
from joserfc import jws
from joserfc.errors import BadSignatureError
from joserfc.jwk import KeySet

from hub.core.participant import DirectoryEntry, Participant, Role, check
from hub.roles.notices import NothingToTellError, tell_again
from hub.trial.plays import BAOBAB, party
from hub.trial.world import World
from hub.workers import callback
from tests.scenario.acting import ended, until

BILLER: Final = "taka"
ACCOUNT: Final = "+254730000777"
AGE_MAX_S: Final = 300
REGISTRY: Final = jws.JWSRegistry(algorithms=["ES256"], strict_check_header=False)


class Told(NamedTuple):
    """One notice as it arrived."""

    signed: bool
    correlation: str
    body: dict[str, Any]


class Receiver:
    """The biller's own server: verifies, and answers with the statuses it was given, then with 204."""

    def __init__(self) -> None:
        self.url = ""
        self.jwks_url = ""
        self.statuses: list[int] = []
        self.told: list[Told] = []

    async def take(self, request: web.Request) -> web.Response:
        body = await request.read()
        signed = await self._verified(request, body)
        self.told.append(Told(signed, request.headers["X-CorrelationID"], msgspec.json.decode(body)))
        status = self.statuses.pop(0) if self.statuses else 204
        return web.Response(status=status if signed else 401)

    async def _verified(self, request: web.Request, body: bytes) -> bool:
        async with aiohttp.ClientSession() as session, session.get(self.jwks_url) as response:
            keys = KeySet.import_key_set(await response.json())
        found = jws.extract_compact(request.headers["X-JWS-Signature"].encode(), body, REGISTRY)
        said = found.headers()
        try:
            good = jws.validate_compact(found, keys, registry=REGISTRY)
        except BadSignatureError:
            return False
        return (
            good
            and (said["host"], said["path"]) == (request.host, request.path_qs)
            and said["correlation"] == request.headers["X-CorrelationID"]
            and abs(time.time() - said["iat"]) < AGE_MAX_S
            and request.headers["X-Content-Hash"] == hashlib.sha256(body).hexdigest()
        )

    async def until(self, count: int) -> None:
        async def is_so() -> bool:
            await asyncio.sleep(0)
            return len(self.told) >= count

        await until(is_so)


@pytest.fixture
async def receiver(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Receiver]:
    monkeypatch.setattr(callback, "FIRST_WAIT_MS", 10)  # before the hub starts: its pauses double from here
    found, app = Receiver(), web.Application()
    app.router.add_put("/notices", found.take)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    found.url = f"http://127.0.0.1:{runner.addresses[0][1]}/notices?of=hub"
    yield found
    await runner.cleanup()


@pytest.fixture
async def town(receiver: Receiver, stage: World) -> World:
    """The demo's world with a biller that has its account at Savanna."""
    file = stage.hub.scheme.file
    biller = Participant(
        id=BILLER,
        name="Taka, which collects waste",
        role=Role.BILLER,
        country="KE",
        callback_hosts=("127.0.0.1",),
        notify_url=receiver.url,
        paid_at={"msisdn": ACCOUNT},
    )
    entry = DirectoryEntry(key="serviceprovider", value=BILLER, participant=BILLER)
    file = msgspec.structs.replace(file, participant=(*file.participant, biller), directory=(*file.directory, entry))
    check(file)
    await stage.hub.store.apply_scheme(file, "tests")
    receiver.jwks_url = f"{stage.hub.api_url}/.well-known/jwks.json"
    return stage


async def pay(town: World, amount: str = "75.00") -> str:
    """Pay the biller from a customer of Baobab, and wait for the end."""
    body = {
        "amount": amount,
        "currency": "KES",
        "debitParty": party(BAOBAB),
        "creditParty": [{"key": "consumerno", "value": "9"}, {"key": "serviceprovider", "value": BILLER}],
    }
    reply = await town.clients["baobab"].submit("billpay", body)
    await ended(town, reply)
    return reply.reference


async def letters(town: World) -> int:
    """Count what the outbox still holds."""
    rows = await town.hub.store.letters._rows("SELECT count(*) FROM outbox")
    return int(rows[0][0])


async def settled(town: World) -> None:
    async def is_empty() -> bool:
        return not await letters(town)

    await until(is_empty)


async def test_the_biller_is_told_until_it_has_taken_the_notice(town: World, receiver: Receiver) -> None:
    receiver.statuses = [503, 500]
    reference = await pay(town)
    await receiver.until(3)
    await settled(town)
    assert [each.signed for each in receiver.told] == [True] * 3
    assert len({each.correlation for each in receiver.told}) == 1
    last = receiver.told[-1].body
    assert (last["transactionReference"], last["transactionStatus"]) == (reference, "completed")
    assert (last["amount"], last["currency"], last["type"]) == ("75", "KES", "billpay")
    assert {"key": "consumerno", "value": "9"} in last["creditParty"], "which customer paid"
    assert town.simulator.provider("savanna").totals()["credited"] == {"KES": 75_00}, (
        "the money is where it has its account"
    )


async def test_no_money_no_notice(town: World, receiver: Receiver) -> None:
    await pay(town, "75.07")  # the simulated provider refuses it
    await settled(town)
    assert receiver.told == []


async def test_a_notice_that_was_refused_for_good_is_listed_and_can_be_told_again(
    town: World, receiver: Receiver
) -> None:
    receiver.statuses = [422]
    reference = await pay(town)
    store = town.hub.store

    async def is_parked() -> bool:
        return bool(await store.letters.parked(10))

    await until(is_parked)
    (parked,) = await store.letters.parked(10)
    assert (parked.transfer, parked.queue, parked.note) == (reference, f"notices:{BILLER}", "status 422")
    assert await tell_again(store, reference) == 1
    await receiver.until(2)
    await settled(town)
    assert receiver.told[1].body == receiver.told[0].body
    assert await store.letters.parked(10) == []


async def test_a_notice_that_was_taken_can_be_asked_for_again(town: World, receiver: Receiver) -> None:
    reference = await pay(town)
    await receiver.until(1)
    await settled(town)
    assert await tell_again(town.hub.store, reference) == 1
    await receiver.until(2)
    await settled(town)
    assert receiver.told[1] == receiver.told[0]


@pytest.mark.parametrize("id_", ["0" * 32, "no id", ""])
async def test_of_what_does_not_exist_nobody_is_told(town: World, id_: str) -> None:
    with pytest.raises(NothingToTellError):
        await tell_again(town.hub.store, id_)
