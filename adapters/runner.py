"""The runner: takes instructions, has adapters carry them out, publishes the outcomes; it decides nothing.

What the network does to a conversation - silence, a broken connection, an adapter's error - is UNKNOWN, heard
from the runner, and never anything else. A message is settled when all its outcomes are safe on the bus.
"""

import asyncio
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, Final

import aiohttp
import msgspec
import structlog
from aiohttp import web
from prometheus_client import Counter, Gauge, Histogram

from adapters.contract import (
    FailureClass,
    Heard,
    Instruction,
    Outcome,
    Question,
    Resource,
    Verdict,
    unanswered,
    unknown,
)
from adapters.http import Clock, ConversationError, Line, OversizedError, Work, open_session
from adapters.inbox import Inbox, doubted
from routing.bus import Bus, BusError, pause_s
from routing.message import Act, decoded, encoded
from routing.seal import Seal, SealError
from routing.topology import INQUIRY_EXPIRY_MS, OUTCOMES, inquiries, instructions

CONSULTATIONS_MAX: Final = 8  # questions of one connection answered at the same time
ANSWER_BYTES_MAX: Final = 1 << 19  # of an answer on the bus
PUBLISH_PAUSE_MAX_S: Final = 5.0
CLOSE_WITHIN_S: Final = 15.0

_UNANSWERED: Final = (
    msgspec.DecodeError,
    ValueError,
    RecursionError,
    ConversationError,
    OversizedError,
    TimeoutError,
)
_VERDICTS: Final = (*Verdict, "later")
_SIDES: Final = ("senderKyc", "recipientKyc")
_IN_PARTS: Final = "internationalTransferInformation"

INSTRUCTIONS_TOTAL: Final = Counter(
    "makutano_instructions_total", "Instructions carried out, by what the provider said.", ["connection", "verdict"]
)
SECONDS: Final = Histogram(
    "makutano_instruction_seconds",
    "From the start of a conversation to its end.",
    ["connection"],
    buckets=(0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30),
)
IN_FLIGHT: Final = Gauge("makutano_instructions_in_flight", "Conversations under way.", ["connection"])
UNMAPPED: Final = Counter("makutano_unmapped_codes_total", "Provider codes the adapter does not know.", ["connection"])
UNREADABLE: Final = Counter("makutano_unreadable_instructions_total", "Instructions set aside.", ["connection"])

log = structlog.get_logger()


def unix_ms() -> int:
    """Return the time as Unix milliseconds."""
    return time.time_ns() // 1_000_000


class ClosingError(Exception):
    """The runner is closing; the instruction stays on the bus."""


class _Desk:
    """What the runner keeps for one connection: its line, its limits, its metrics."""

    def __init__(self, line: Line) -> None:
        name = line.name
        self.line = line
        self.slots = asyncio.Semaphore(line.manifest.in_flight_max)
        self.consultations = asyncio.Semaphore(CONSULTATIONS_MAX)
        self.verdicts = {verdict: INSTRUCTIONS_TOTAL.labels(name, verdict) for verdict in _VERDICTS}
        self.seconds = SECONDS.labels(name)
        self.in_flight = IN_FLIGHT.labels(name)
        self.unmapped = UNMAPPED.labels(name)
        self.unreadable = UNREADABLE.labels(name)


class Runner:
    """Serves the connections it was given."""

    def __init__(
        self,
        bus: Bus,
        work: Sequence[Work],
        *,
        callback_base_url: str,
        callback_key: bytes,
        seal: Seal | None = None,
        clock: Clock = unix_ms,
    ) -> None:
        """Take the connections, where providers reach us, the keys of addresses and of sealed texts, and a clock."""
        self._bus = bus
        self._seal = seal
        self._work = tuple(work)
        self._clock = clock
        self._inbox = Inbox(bus, work, callback_base_url=callback_base_url, callback_key=callback_key)
        self._session: aiohttp.ClientSession | None = None
        self._closing = asyncio.Event()
        self._under_way: set[asyncio.Task[None]] = set()

    def routes(self) -> list[web.RouteDef]:
        """List the routes by which providers call back, to be added to a web application."""
        return self._inbox.routes()

    def make_callback_url(self, instruction: Instruction) -> str:
        """Return where the provider may call back about this instruction; empty where the rail has no callbacks."""
        return self._inbox.make_callback_url(instruction)

    async def start(self) -> None:
        """Begin to take instructions and questions; their queues must have been declared on the bus."""
        session = self._session = open_session()
        for work in self._work:
            desk = _Desk(Line(work, session, self._clock))
            # As many messages as conversations, because a message may carry a single instruction.
            await self._bus.consume(
                instructions(work.name), partial(self._take, desk), prefetch=work.manifest.in_flight_max
            )
            await self._bus.answer(inquiries(work.name), partial(self._reply, desk))

    async def close(self, within_s: float = CLOSE_WITHIN_S) -> None:
        """Begin nothing more, let what is under way finish for `within_s` and stop the rest; close the bus after.

        What is stopped was not settled: it is delivered again, and goes out again under the same reference.
        """
        self._closing.set()
        if self._under_way:
            await asyncio.wait(self._under_way, timeout=within_s)
        left = tuple(self._under_way)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        if self._session is not None:
            await self._session.close()

    async def _take(self, desk: _Desk, envelopes: Sequence[bytes]) -> None:
        ours, unreadable = decoded(envelopes, Instruction)
        unreadable += [(b"", "another connection's") for each in ours if each.connection != desk.line.name]
        for _, why in unreadable:
            desk.unreadable.inc()
            log.error("instruction.unreadable", connection=desk.line.name, error=why)
        tasks = [asyncio.create_task(self._carry_out(desk, each)) for each in ours if each.connection == desk.line.name]
        self._under_way.update(tasks)
        try:
            endings = await asyncio.gather(*tasks, return_exceptions=True)
        finally:
            self._under_way.difference_update(tasks)
        for ending in endings:
            if isinstance(ending, asyncio.CancelledError):
                raise ClosingError from ending
            if isinstance(ending, BaseException):
                raise ending

    async def _carry_out(self, desk: _Desk, instruction: Instruction) -> None:
        async with desk.slots:
            if self._closing.is_set():
                raise ClosingError
            began = time.perf_counter()
            with desk.in_flight.track_inprogress():
                outcome = await self._outcome_of(desk.line, instruction)
            seconds = time.perf_counter() - began
            self._note(desk, instruction, outcome, seconds)
            if outcome is not None:
                await self._publish(encoded(outcome))

    async def _outcome_of(self, line: Line, instruction: Instruction) -> Outcome | None:
        """Have the adapter act or ask, and let no more than UNKNOWN come of what went wrong on the way."""
        doing = instruction.act is Act.DO
        user: dict[str, str] = {}
        try:
            if doing:
                user, instruction = self._user(instruction), self._identified(instruction)
        except SealError as error:
            # Without the customer's word nothing is sent; and nobody has refused, so nothing is over.
            why = str(error)
            log.error("credentials.sealed", connection=line.name, transfer=instruction.transfer, why=why)  # noqa: TRY400
            return unknown(instruction, FailureClass.PARTICIPANT_CONFIG, heard=Heard.RUNNER)
        try:
            outcome = await line.converse(
                partial(line.adapter.execute if doing else line.adapter.inquire, instruction),
                callback_url=self._inbox.make_callback_url(instruction),
                user=user,
                lease_ends_ms=instruction.lease_ends_ms if doing else None,
            )
        except ConversationError as error:
            if error.failure is not FailureClass.LAPSED:
                log.warning(
                    "conversation.broken", connection=line.name, transfer=instruction.transfer, error=str(error)
                )
            return unknown(instruction, error.failure, heard=Heard.RUNNER)
        return None if outcome is None else _checked(instruction, outcome)

    def _user(self, instruction: Instruction) -> dict[str, str]:
        """Open the customer's credentials; raises SealError."""
        if not instruction.sealed:
            return {}
        return self._key().opened(instruction.sealed, transfer=instruction.transfer)

    def _identified(self, instruction: Instruction) -> Instruction:
        """Open who sends, who receives and why into the details; raises SealError."""
        if not instruction.kyc:
            return instruction
        kyc = self._key().opened_object(instruction.kyc, transfer=instruction.transfer)
        errand = instruction.errand
        if errand is not None and errand.resource is Resource.QUOTATION:  # whose own object says them
            sides = {name: kyc[name] for name in _SIDES if name in kyc}
            errand = msgspec.structs.replace(errand, body=errand.body | sides)
        return msgspec.structs.replace(instruction, details=_merged(instruction.details, kyc), errand=errand, kyc="")

    def _key(self) -> Seal:
        if self._seal is None:
            raise SealError("there is no key")
        return self._seal

    def _note(self, desk: _Desk, instruction: Instruction, outcome: Outcome | None, seconds: float) -> None:
        desk.seconds.observe(seconds)
        desk.verdicts[outcome.verdict if outcome else "later"].inc()
        if outcome is not None and outcome.failure is FailureClass.UNCLEAR and outcome.code:
            desk.unmapped.inc()
        log.info(
            "instruction.outcome",
            transfer=instruction.transfer,
            operation=instruction.operation,
            act=instruction.act,
            connection=instruction.connection,
            verdict=outcome.verdict if outcome else "later",
            failure=outcome.failure if outcome else None,
            code=outcome.code[:64] if outcome else "",
            ms=round(seconds * 1000),
        )

    async def _publish(self, outcome: bytes) -> None:
        """Publish until the bus is sure; once the runner is closing, one failure more is the last."""
        attempts = 0
        while True:
            closing = self._closing.is_set()
            try:
                return await self._bus.publish(OUTCOMES, [outcome])
            except BusError:
                if closing:
                    raise
                attempts += 1
                log.warning("outcome.unsure", attempts=attempts)
            with suppress(TimeoutError):
                async with asyncio.timeout(pause_s(attempts, PUBLISH_PAUSE_MAX_S)):
                    await self._closing.wait()

    async def _reply(self, desk: _Desk, envelope: bytes) -> bytes:
        """Answer a question; what cannot be answered clearly and in time is unanswered."""
        try:
            question = msgspec.json.decode(envelope, type=Question)
            # Who asked has given up by then.
            async with asyncio.timeout(INQUIRY_EXPIRY_MS / 1000), desk.consultations:
                answer = await desk.line.converse(partial(desk.line.adapter.consult, question))
            if len(said := encoded(answer)) > ANSWER_BYTES_MAX:
                raise OversizedError
            log.info("question.answered", connection=desk.line.name, kind=question.kind, finding=answer.finding)
        except _UNANSWERED as error:
            log.warning("question.unanswered", connection=desk.line.name, error=type(error).__name__)
        else:
            return said
        return encoded(unanswered())


def _merged(details: Mapping[str, Any], kyc: Mapping[str, Any]) -> dict[str, Any]:
    """Return both together; what crosses borders is said partly in clear (its quotation) and partly sealed."""
    both = {name: kyc[name] for name in kyc if name != _IN_PARTS}
    parts = [each[_IN_PARTS] for each in (details, kyc) if isinstance(each.get(_IN_PARTS), dict)]
    whole = {name: value for part in parts for name, value in part.items()}
    return {**details, **both, **({_IN_PARTS: whole} if parts else {})}


def _checked(instruction: Instruction, outcome: Outcome) -> Outcome:
    """Let pass only an outcome of this very instruction."""
    ours = (instruction.transfer, instruction.operation, instruction.connection, instruction.reference)
    if (outcome.transfer, outcome.operation, outcome.connection, outcome.reference) != ours:
        return unknown(instruction, heard=Heard.RUNNER)
    return doubted(outcome)
