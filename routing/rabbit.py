"""The bus between processes, on RabbitMQ: confirmed, acknowledged, reconnecting; it must never lose a message silently.

Publishing and consuming have a connection each, because a broker that blocks publishers also swallows the
acknowledgements sent on their connection. What waits for a queue while a message to it is on its way joins
the next message: no timer, and no delay when there is little to do.
"""

import asyncio
import uuid
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any, Final, NamedTuple

import aio_pika
import msgspec
import structlog
from aio_pika.abc import (
    AbstractExchange,
    AbstractIncomingMessage,
    AbstractQueue,
    AbstractRobustChannel,
    AbstractRobustConnection,
    DeliveryMode,
)
from aio_pika.exceptions import CONNECTION_EXCEPTIONS
from prometheus_client import Counter

from routing.bus import (
    ALONE_AFTER,
    ANSWERS_AT_ONCE,
    ENVELOPES_MAX,
    PUBLISH_WITHIN_S,
    RETRY_MAX_S,
    BusError,
    NoAnswerError,
    Reply,
    Take,
    pause_s,
)
from routing.message import packed, unpacked
from routing.topology import DEAD, DEAD_ARGUMENTS, EXCHANGE_TYPES, Queue

IN_FLIGHT_MAX: Final = 2  # messages to one queue that wait for their confirms
WAITING_MAX: Final = 10_000  # envelopes to one queue that wait for a message to join
START_WITHIN_S: Final = 10
CONNECT_WITHIN_S: Final = 4  # each of two connections, inside START_WITHIN_S
CLOSE_WITHIN_S: Final = 5  # for each word with a broker that may be gone
RECONNECT_INTERVAL_S: Final = 1
HEARTBEAT_S: Final = 15  # a peer silent for twice as long is gone
REPLIES: Final = "replies."

# What becomes of one message that arrived.
Work = Callable[[AbstractIncomingMessage], Coroutine[Any, Any, None]]

_MESSAGES = Counter("bus_messages", "Messages that the broker confirmed.")
_ENVELOPES = Counter("bus_envelopes", "Envelopes in the messages that the broker confirmed.")

log = structlog.get_logger()


class _Waiting(NamedTuple):
    envelopes: Sequence[bytes]
    safe: asyncio.Future[None]


class _Lane:
    """What is on its way to one queue, and what waits to join the next message."""

    def __init__(self, queue: Queue) -> None:
        self.queue = queue
        self.in_flight = 0
        self.waiting: deque[_Waiting] = deque()
        self.envelopes = 0

    def add(self, envelopes: Sequence[bytes]) -> asyncio.Future[None]:
        safe: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.waiting.append(_Waiting(envelopes, safe))
        self.envelopes += len(envelopes)
        return safe

    def may_send(self) -> bool:
        """Say whether a message leaves now: none is on its way, or a second one would be full."""
        if not self.waiting or self.in_flight >= IN_FLIGHT_MAX:
            return False
        return self.in_flight == 0 or self.envelopes >= ENVELOPES_MAX

    def next(self) -> list[_Waiting]:
        """Take what joins the next message; publishers that gave up are passed over."""
        joined: list[_Waiting] = []
        size = 0
        while self.waiting and size + len(self.waiting[0].envelopes) <= ENVELOPES_MAX:
            one = self.waiting.popleft()
            self.envelopes -= len(one.envelopes)
            if not one.safe.done():
                joined.append(one)
                size += len(one.envelopes)
        return joined


class RabbitBus:
    """Carries envelopes over a RabbitMQ broker, 3.10 or later."""

    def __init__(self, url: str, *, role: str, retry_max_s: float = RETRY_MAX_S) -> None:
        """Name the broker by its AMQP URL; `role` is what the broker shows as the connections' name."""
        self._url = url
        self._role = role
        self._retry_max_s = retry_max_s
        self._replies = f"{REPLIES}{role}.{uuid.uuid4().hex}"
        self._lanes: dict[str, _Lane] = {}
        self._exchanges: dict[str, AbstractExchange] = {}
        self._asked: dict[str, asyncio.Future[bytes]] = {}
        self._connections: list[AbstractRobustConnection] = []  # to publish, to consume
        self._topology: AbstractRobustChannel | None = None
        self._heard_from: AbstractQueue | None = None  # aio-pika forgets what nobody holds
        self._consumers: list[tuple[AbstractQueue, str]] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._starting = asyncio.Lock()
        self._closing = asyncio.Event()

    async def start(self, queues: Sequence[Queue]) -> None:
        """Connect and declare; after a lost connection aio-pika declares all of it again by itself."""
        async with self._starting, _broker("start", within_s=START_WITHIN_S):
            if self._topology is None:
                self._topology = await self._connected()
            for queue in queues:
                # What aio-pika knows already it keeps only once; declaring it repairs what an operator deleted.
                await _declared(self._topology, queue, robust=queue.name not in self._lanes)
                self._lanes.setdefault(queue.name, _Lane(queue))

    async def publish(self, queue: str, envelopes: Sequence[bytes]) -> None:
        """Carry the envelopes; returns when the broker confirmed the messages they travelled in."""
        lane = self._lane(queue)
        if lane.envelopes + len(envelopes) > WAITING_MAX:
            raise BusError(f"too much waits for {queue}")
        safe = [lane.add(envelopes[start : start + ENVELOPES_MAX]) for start in range(0, len(envelopes), ENVELOPES_MAX)]
        self._flush(lane)
        try:
            async with asyncio.timeout(PUBLISH_WITHIN_S):
                await asyncio.gather(*safe)
        except TimeoutError as error:
            raise BusError(f"the broker did not confirm in time: {queue}") from error

    async def consume(self, queue: str, take: Take, *, prefetch: int = 16) -> None:
        """Hand over the queue's messages, `prefetch` at once; each is acknowledged when its take returned."""
        lane = self._lane(queue)
        await self._listen(lane.queue, partial(self._hand_over, lane.queue, take), prefetch)

    async def ask(self, queue: str, question: bytes, *, timeout_s: float) -> bytes:
        """Put the question and wait for its answer; neither outlives `timeout_s`."""
        exchange = self._exchanges[self._lane(queue).queue.exchange]
        message = aio_pika.Message(
            question,
            content_type="application/json",
            correlation_id=uuid.uuid4().hex,
            reply_to=self._replies,
            expiration=timeout_s,
        )
        heard: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._asked[str(message.correlation_id)] = heard
        try:
            async with asyncio.timeout(timeout_s):
                async with _broker("ask", within_s=PUBLISH_WITHIN_S):
                    await exchange.publish(message, queue)
                return await heard
        except TimeoutError as error:
            raise NoAnswerError(f"no answer from {queue}") from error
        finally:
            del self._asked[str(message.correlation_id)]

    async def answer(self, queue: str, reply: Reply) -> None:
        """Answer the questions of the queue from now on, and those still waiting."""
        await self._listen(self._lane(queue).queue, partial(self._answered, reply), ANSWERS_AT_ONCE)

    def alive(self) -> bool:
        """Say whether both connections are up; a lost one is being opened again."""
        return bool(self._connections) and all(each.connected.is_set() for each in self._connections)

    async def close(self) -> None:
        """Take nothing more, let what was taken finish and what was published be confirmed, disconnect."""
        self._closing.set()
        consumers, self._consumers = self._consumers, []
        await asyncio.gather(*(_quietly(source.cancel(tag)) for source, tag in consumers))
        while self._tasks:
            await asyncio.wait(self._tasks)
        self._lanes.clear()
        connections, self._connections = self._connections, []
        await asyncio.gather(*(_quietly(connection.close()) for connection in connections))

    async def _connected(self) -> AbstractRobustChannel:
        """Open both connections and what they need; returns the channel that declares."""
        try:
            for purpose in ("publish", "consume"):
                connection = await aio_pika.connect_robust(
                    self._url,
                    client_properties={"connection_name": f"makutano {self._role} {purpose}"},
                    reconnect_interval=RECONNECT_INTERVAL_S,
                    heartbeat=HEARTBEAT_S,
                    timeout=CONNECT_WITHIN_S,
                )
                self._connections.append(connection)
            publishing, consuming = self._connections
            confirming = await publishing.channel(on_return_raises=True)
            self._exchanges = {name: await confirming.get_exchange(name, ensure=False) for name in EXCHANGE_TYPES}
            self._exchanges[REPLIES] = confirming.default_exchange
            hearing = await consuming.channel()
            self._heard_from = await hearing.declare_queue(self._replies, exclusive=True)
            await self._heard_from.consume(self._hear, no_ack=True)
            topology = await publishing.channel()
            await _declared_dead(topology)
        except BaseException:
            half_open, self._connections = self._connections, []
            await asyncio.gather(*(_quietly(connection.close()) for connection in half_open))
            raise
        return topology

    def _lane(self, queue: str) -> _Lane:
        if queue not in self._lanes:
            raise BusError(f"{queue!r} was not declared")
        return self._lanes[queue]

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _flush(self, lane: _Lane) -> None:
        while lane.may_send():
            joined = lane.next()
            if joined:
                lane.in_flight += 1
                self._begin(self._carry(lane, joined))

    async def _carry(self, lane: _Lane, joined: Sequence[_Waiting]) -> None:
        """Send one message and tell everyone whose envelopes it carries."""
        trouble: BusError | None = None
        try:
            await self._put(lane.queue, [envelope for one in joined for envelope in one.envelopes])
        except BusError as error:
            trouble = error
        finally:
            lane.in_flight -= 1
            self._flush(lane)
        for one in joined:
            if one.safe.done():
                continue
            if trouble is None:
                one.safe.set_result(None)
            else:
                one.safe.set_exception(BusError(str(trouble)))

    async def _put(self, queue: Queue, envelopes: Sequence[bytes]) -> None:
        """Publish one message; returns on its confirm. The broker's message id is new on every attempt."""
        message = aio_pika.Message(
            packed(envelopes),
            content_type="application/json",
            delivery_mode=DeliveryMode.PERSISTENT if queue.durable else DeliveryMode.NOT_PERSISTENT,
        )
        async with _broker(f"publish to {queue.name}", within_s=PUBLISH_WITHIN_S):
            await self._exchanges[queue.exchange].publish(message, queue.name, mandatory=True)
        _MESSAGES.inc()
        _ENVELOPES.inc(len(envelopes))

    async def _listen(self, queue: Queue, work: Work, prefetch: int) -> None:
        async def arrived(message: AbstractIncomingMessage) -> None:
            # A task of our own: aio-pika cancels its callbacks when the channel is lost, and work with money
            # must not stop half-way. What arrives after `close` began goes back to the queue.
            if not self._closing.is_set():
                self._begin(work(message))

        async with _broker(f"consume {queue.name}", within_s=START_WITHIN_S):
            channel = await self._connections[1].channel()
            try:
                await channel.set_qos(prefetch_count=prefetch)
                source = await _declared(channel, queue, robust=True)
                self._consumers.append((source, await source.consume(arrived)))
            except BaseException:
                await _quietly(channel.close())
                raise

    async def _hand_over(self, queue: Queue, take: Take, message: AbstractIncomingMessage) -> None:
        try:
            envelopes = unpacked(message.body)
        except msgspec.DecodeError:
            log.exception("a message cannot be read", queue=queue.name, size=len(message.body))
            await _quietly(message.reject(requeue=False))
            return
        try:
            await take(envelopes)
        except Exception:
            attempts = _attempts(message)
            log.warning("a message was not taken", queue=queue.name, attempts=attempts, exc_info=True)
            with suppress(TimeoutError):
                async with asyncio.timeout(pause_s(attempts, self._retry_max_s)):
                    await self._closing.wait()
            await self._give_back(queue, envelopes, message)
        else:
            await _quietly(message.ack())

    async def _give_back(self, queue: Queue, envelopes: Sequence[bytes], message: AbstractIncomingMessage) -> None:
        """Have the broker deliver the message again; one that failed often is taken apart first."""
        if _attempts(message) < ALONE_AFTER or len(envelopes) == 1:
            await _quietly(message.reject(requeue=True))
            return
        try:
            for envelope in envelopes:
                await self._put(queue, [envelope])
        except BusError:
            await _quietly(message.reject(requeue=True))
        else:
            await _quietly(message.ack())

    async def _answered(self, reply: Reply, message: AbstractIncomingMessage) -> None:
        # The name comes from outside: an answer may go to a queue of replies and nowhere else.
        if not (message.reply_to or "").startswith(REPLIES):
            await _quietly(message.reject(requeue=False))
            return
        try:
            answer = aio_pika.Message(await reply(message.body), correlation_id=message.correlation_id)
            async with _broker("answer", within_s=PUBLISH_WITHIN_S):
                await self._exchanges[REPLIES].publish(answer, str(message.reply_to))
        except Exception:
            log.warning("a question was not answered", exc_info=True)
            await _quietly(message.reject(requeue=False))
        else:
            await _quietly(message.ack())

    async def _hear(self, message: AbstractIncomingMessage) -> None:
        heard = self._asked.get(message.correlation_id or "")
        if heard is not None and not heard.done():
            heard.set_result(message.body)


def _attempts(message: AbstractIncomingMessage) -> int:
    """Return how often the message was handed over, this time included."""
    before = message.headers.get("x-delivery-count")
    return 1 + (before if isinstance(before, int) else 0)


async def _declared(channel: AbstractRobustChannel, queue: Queue, *, robust: bool) -> AbstractQueue:
    kind = EXCHANGE_TYPES[queue.exchange]
    exchange = await channel.declare_exchange(queue.exchange, kind, durable=True)
    declared = await channel.declare_queue(queue.name, durable=True, arguments=queue.arguments, robust=robust)
    await declared.bind(exchange, queue.name)
    return declared


async def _declared_dead(channel: AbstractRobustChannel) -> None:
    exchange = await channel.declare_exchange(DEAD, EXCHANGE_TYPES[DEAD], durable=True)
    await (await channel.declare_queue(DEAD, durable=True, arguments=DEAD_ARGUMENTS)).bind(exchange)


@asynccontextmanager
async def _broker(doing: str, *, within_s: float) -> AsyncIterator[None]:
    """Raise BusError for whatever aio-pika raises when the broker is gone, refuses, or does not say in time."""
    try:
        async with asyncio.timeout(within_s):
            yield
    except CONNECTION_EXCEPTIONS as error:
        raise BusError(f"{doing}: {error!r}") from error
    except asyncio.CancelledError as error:
        # aio-pika cancels what waits for a lost channel; only a cancellation of this task itself goes on.
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        raise BusError(f"{doing}: the channel was lost") from error


async def _quietly(words: Awaitable[object]) -> None:
    """Say something to a broker that may be gone; it then delivers again what was not acknowledged."""
    with suppress(BusError):
        async with _broker("settle", within_s=CLOSE_WITHIN_S):
            await words
