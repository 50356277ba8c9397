"""Callbacks are tried again with growing pauses, kept when they cannot be delivered, and never sent elsewhere."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import msgspec
import pytest
from aiohttp import web

from hub.core.change import CALLBACKS, NOTICES, Notice, Outgoing
from hub.core.command import Body, Transfer
from hub.core.transfer import Flow, State
from hub.http.resources import letter_of
from hub.store.contract import Waiting
from hub.store.memory import MemoryStore
from hub.workers.callback import ATTEMPTS_MAX, FIRST_WAIT_MS, LONGEST_WAIT_MS, CallbackSender
from hub.workers.relay import Relay
from hub.workers.signing import Signer, new_key
from routing.local import LocalBus
from routing.message import encoded
from routing.party import party
from tests.http.front import scheme

ID = "0" * 31 + "1"
KEY = (ID, 2, CALLBACKS)
SIGNER = Signer(new_key())


class Clock:
    """Time that moves when it is told to."""

    def __init__(self) -> None:
        self.ms = 1_800_000_000_000

    def __call__(self) -> int:
        return self.ms


class Sink:
    """A caller's server that answers as it is told."""

    def __init__(self) -> None:
        self.status = 204
        self.heard: list[web.Request] = []
        self.url = ""

    async def take(self, request: web.Request) -> web.Response:
        await request.read()
        self.heard.append(request)
        headers = {"Location": f"{self.url}/elsewhere"} if self.status == 302 else {}
        return web.Response(status=self.status, headers=headers)


@pytest.fixture
async def sink() -> AsyncIterator[Sink]:
    found = Sink()
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", found.take)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0]
    found.url = f"http://{host}:{port}"
    yield found
    await runner.cleanup()


def callback(url: str) -> Outgoing:
    body = Body(
        request="f" * 32,
        correlation="0b5f2f0e-6d5b-4f0c-9b1c-2f6c3d1f7a11",
        callback_url=url,
        payer=party([("msisdn", "+254700000001")]),
        payee=party([("msisdn", "+254730000002")]),
        type="transfer",
    )
    transfer = Transfer(
        id=ID,
        flow=Flow.PUSH,
        caller="alpha",
        payer_fsp="alpha",
        payee_fsp="bravo",
        currency="KES",
        minor=100,
        created_ms=0,
        lease_ends_ms=0,
        body=msgspec.Raw(encoded(body)),
        state=State.COMMITTED,
        seq=2,
    )
    return Outgoing(transfer=ID, seq=2, queue=CALLBACKS, body=msgspec.Raw(encoded(Notice(transfer=transfer))))


class Stage:
    """A sender, its outbox with one callback in it, and its clock."""

    def __init__(self, url: str) -> None:
        self.clock = Clock()
        self.store = MemoryStore(self.clock)
        self.store.put_in_outbox(callback(url))
        self.clock.ms = self.store.outbox[KEY].due_ms
        self.relay = Relay(self.store, LocalBus())
        self.sender = CallbackSender(self.store, self.relay, letter_of, SIGNER)
        self.relay.callbacks = self.sender

    async def tried(self) -> None:
        """Sweep once, and wait for what it began."""
        await self.relay.sweep()
        await self.relay.close()

    async def waiting(self) -> list[Waiting]:
        return await self.store.waiting(10)


@pytest.fixture
async def stage_at() -> AsyncIterator[Callable[[str], Awaitable[Stage]]]:
    opened: list[Stage] = []

    async def make(url: str) -> Stage:
        stage = Stage(url)
        await stage.store.apply_scheme(scheme(), "tests")
        await stage.sender.start()
        opened.append(stage)
        return stage

    yield make
    for stage in opened:
        await stage.sender.close()


StageAt = Callable[[str], Awaitable[Stage]]


async def test_a_callback_that_is_taken_leaves_the_outbox(sink: Sink, stage_at: StageAt) -> None:
    stage = await stage_at(f"{sink.url}/callbacks/1")
    await stage.tried()
    assert stage.store.outbox == {}
    assert sink.heard[0].headers["X-CorrelationID"] == "0b5f2f0e-6d5b-4f0c-9b1c-2f6c3d1f7a11"
    assert sink.heard[0].method == "PUT"


@pytest.mark.parametrize("status", [500, 503, 404, 408, 429])
async def test_a_callback_that_is_not_taken_now_is_tried_again_with_growing_pauses(
    sink: Sink, stage_at: StageAt, status: int
) -> None:
    stage = await stage_at(f"{sink.url}/callbacks/1")
    sink.status = status
    waits = []
    for _ in range(4):
        await stage.tried()
        waits.append(stage.store.outbox[KEY].due_ms - stage.clock.ms)
        assert await stage.waiting() == [], "not before its time"
        stage.clock.ms = stage.store.outbox[KEY].due_ms
    assert waits == [FIRST_WAIT_MS, FIRST_WAIT_MS * 2, FIRST_WAIT_MS * 4, FIRST_WAIT_MS * 8]
    sink.status = 204
    await stage.tried()
    assert stage.store.outbox == {}
    assert len(sink.heard) == 5


async def test_a_caller_that_is_not_there_is_tried_again(stage_at: StageAt) -> None:
    stage = await stage_at("http://127.0.0.1:9/callbacks/1")
    await stage.tried()
    assert stage.store.outbox[KEY].attempts == 1


async def test_a_callback_that_is_refused_for_good_is_kept_for_an_operator(sink: Sink, stage_at: StageAt) -> None:
    stage = await stage_at(f"{sink.url}/callbacks/1")
    sink.status = 400
    await stage.tried()
    assert stage.store.outbox[KEY].parked == "status 400"


async def test_a_callback_is_kept_after_the_last_attempt_and_the_pause_has_a_limit(
    sink: Sink, stage_at: StageAt
) -> None:
    stage = await stage_at(f"{sink.url}/callbacks/1")
    sink.status = 503
    for _ in range(ATTEMPTS_MAX):
        stage.clock.ms = stage.store.outbox[KEY].due_ms
        await stage.tried()
        assert stage.store.outbox[KEY].due_ms - stage.clock.ms <= LONGEST_WAIT_MS
    assert stage.store.outbox[KEY].parked
    assert len(sink.heard) == ATTEMPTS_MAX
    stage.clock.ms += LONGEST_WAIT_MS * 2
    await stage.tried()
    assert len(sink.heard) == ATTEMPTS_MAX, "an operator must look at it first"


async def test_a_redirect_is_not_followed(sink: Sink, stage_at: StageAt) -> None:
    stage = await stage_at(f"{sink.url}/callbacks/1")
    sink.status = 302
    await stage.tried()
    assert [request.path for request in sink.heard] == ["/callbacks/1"]
    assert stage.store.outbox[KEY].attempts == 1


async def test_one_callback_is_never_under_way_twice_in_one_process(sink: Sink, stage_at: StageAt) -> None:
    stage = await stage_at(f"{sink.url}/callbacks/1")
    message = callback(f"{sink.url}/callbacks/1")
    await asyncio.gather(*(stage.sender.send(message, 0) for _ in range(5)))
    await stage.relay.close()
    assert len(sink.heard) == 1


async def test_a_callback_is_signed_where_the_hub_is_set_up_to_and_not_elsewhere(sink: Sink, stage_at: StageAt) -> None:
    stage = await stage_at(f"{sink.url}/callbacks/1")
    await stage.tried()
    assert "X-JWS-Signature" not in sink.heard[0].headers
    signing = CallbackSender(stage.store, stage.relay, letter_of, SIGNER, sign_callbacks=True)
    await signing.start()
    await signing.send(callback(f"{sink.url}/callbacks/1"), 0)
    await stage.relay.close()
    await signing.close()
    assert sink.heard[1].headers["X-JWS-Signature"]
    assert sink.heard[1].headers["User-Agent"] == "makutano"


async def test_a_notice_to_a_participant_that_is_gone_is_kept_and_not_lost(stage_at: StageAt) -> None:
    stage = await stage_at("http://127.0.0.1:9/callbacks/1")
    said = msgspec.json.decode(callback("").body, type=Notice)
    queue = f"{NOTICES}:gone"
    notice = msgspec.Raw(encoded(msgspec.structs.replace(said, to="gone")))
    stage.store.put_in_outbox(Outgoing(transfer=ID, seq=2, queue=queue, body=notice))
    stage.clock.ms += LONGEST_WAIT_MS
    await stage.tried()
    assert stage.store.outbox[ID, 2, queue].attempts == 1
