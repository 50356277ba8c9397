"""The one door: everything that changes money enters here; it gathers, loads, decides, applies, delivers.

Commands that arrive while a batch is being committed form the next batch by themselves, up to a limit;
nobody waits for a batch to fill. No provider is called and nothing is published inside a database
transaction: what a batch has to say is in the outbox when it commits, and only then handed to `deliver`.
"""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Final

import msgspec
import structlog
from prometheus_client import Counter, Histogram

from hub.core.change import Decided, Outgoing
from hub.core.command import Reason, Refusal, Result, Submit
from hub.core.decide import Bench, accounts_of, planned, tallies_of
from hub.core.errand import is_errand
from hub.core.facts import gather
from hub.core.inquiry import route
from hub.core.office.records import Alarm, Difference, File
from hub.core.participant import NoSchemeError, Scheme
from hub.core.record import Deed, Entering, Record
from hub.core.screening import Screened, Screening, screened
from hub.core.use import named_by
from hub.store.contract import Store, UnavailableError
from hub.store.recent import RecentScheme
from routing import topology
from routing.bus import Bus, BusError
from routing.message import Answer, Finding, Kind, Question, Resource, encoded
from routing.party import Party

BATCH_MAX: Final = 256
# A second batch is loaded and planned while the first is written, but only when a full one is waiting: two half
# batches cost more than one.
AT_ONCE_MAX: Final = 2
WAITING_MAX: Final = 20_000
REPEATS_MAX: Final = 8
# One question may be too hard for a provider; several in a row, a minute ago at most, are the provider.
SILENT_AFTER: Final = 3
SILENT_FOR_S: Final = 60.0

_BATCHES: Final = Histogram("hub_batch_commands", "Commands in a batch.", buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256))
_SECONDS: Final = Histogram(
    "hub_batch_seconds", "From load to commit.", buckets=(0.002, 0.005, 0.01, 0.02, 0.05, 0.2, 1)
)
_RESULTS: Final = Counter("hub_commands", "Commands by what became of them.", ["result"])
_DIFFERENCES: Final = Counter("hub_differences", "Differences of books, by whose and kind.", ["source", "kind"])
_FILES: Final = Counter(
    "hub_files", "Settlement's files by who wrote them, and whether they were taken.", ["origin", "as"]
)
_TRANSITIONS: Final = Counter("hub_transitions", "Transitions by the state they lead to.", ["state"])
_ALARMS: Final = Counter(
    "hub_liquidity_alarms", "Thresholds of positions passed and left again.", ["participant", "currency", "event"]
)

_log: Final = structlog.get_logger("flow")
_answer: Final = msgspec.json.Decoder(Answer).decode

# Takes what a committed batch has to say. Must not block and must not fail: the outbox has it all.
Deliver = Callable[[Sequence[Outgoing]], None]


class OverloadedError(Exception):
    """Too many commands are waiting: try again later."""


class Door:
    """The one door."""

    def __init__(
        self,
        store: Store,
        bus: Bus,
        deliver: Deliver,
        *,
        inquiry_timeout_s: float = 10,
        screening: Screening | None = None,
    ) -> None:
        """Work on this store; hand messages of committed batches to `deliver`; who pays whom is screened first."""
        self._screening = screening
        self.store = store
        self._bus = bus
        self._deliver = deliver
        self._inquiry_timeout_s = inquiry_timeout_s
        self._waiting: deque[tuple[Entering, asyncio.Future[Result]]] = deque()
        self._at_work = 0
        self._runners: set[asyncio.Task[None]] = set()  # or they might be collected while they wait
        self._recent = RecentScheme(store)
        self.silence = Silence()

    async def handle(self, command: Entering) -> Result:
        """Carry a command out; returns after the commit. Raises OverloadedError, UnavailableError or NoSchemeError."""
        return await self._enqueue(command)

    async def handle_all(self, commands: Sequence[Entering]) -> list[Result]:
        """Carry out commands that arrived together; each is then alone."""
        return list(await asyncio.gather(*(self._enqueue(command) for command in commands)))

    def _enqueue(self, command: Entering) -> Awaitable[Result]:
        if len(self._waiting) >= WAITING_MAX:
            raise OverloadedError(f"{WAITING_MAX} commands are waiting")
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting.append((command, future))
        if not self._at_work or (len(self._waiting) >= BATCH_MAX and self._at_work < AT_ONCE_MAX):
            self._at_work += 1
            runner = asyncio.create_task(self._run())
            self._runners.add(runner)
            runner.add_done_callback(self._runners.discard)
        return future

    async def _run(self) -> None:
        # Nothing is awaited between the last look at what waits and the end, so no command is left behind.
        while self._waiting:
            await self._one_batch(self._next())
        self._at_work -= 1

    def _next(self) -> list[tuple[Entering, asyncio.Future[Result]]]:
        """Take the next batch: as much as waits, up to a limit, and to a deed after which nothing is as it was."""
        members: list[tuple[Entering, asyncio.Future[Result]]] = []
        while self._waiting and len(members) < BATCH_MAX:
            members.append(self._waiting.popleft())
            command = members[-1][0]
            if isinstance(command, Deed) and command.is_last():
                break
        return members

    async def _one_batch(self, members: Sequence[tuple[Entering, asyncio.Future[Result]]]) -> None:
        """Carry a batch out and tell everyone who waits; never raises."""
        try:
            commands = await self._screened([command for command, _ in members])
            results: Sequence[Result | BaseException] = await self._carry_out(commands)
        except Exception as error:  # noqa: BLE001 - whoever waits is told; the next batch goes on
            results = [error] * len(members)
        for (_, future), result in zip(members, results, strict=True):
            if future.done():
                continue
            if isinstance(result, BaseException):
                future.set_exception(result)
            else:
                future.set_result(result)

    async def _screened(self, commands: Sequence[Entering]) -> Sequence[Entering]:
        """Flag submissions whose parties are on a list, before anything is loaded or locked.

        Where the screening cannot say, all of them are flagged: an operator looks, and nobody is let through unseen.
        """
        wanted = [
            each for each in commands if isinstance(each, Submit) and not each.original and not is_errand(each.body)
        ]
        if self._screening is None or not wanted:
            return commands
        try:
            hits = await self._screening.hits([await self._seen(each) for each in wanted])
        except UnavailableError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, nobody is let through unseen, and no other fails
            _log.error("screening.failed", error=repr(error)[:200])
            hits = {each.transfer: "the screening could not say" for each in wanted}
        return [
            msgspec.structs.replace(each, flagged=f"screening: {hits[each.transfer]}")
            if isinstance(each, Submit) and hits.get(each.transfer)
            else each
            for each in commands
        ]

    async def _seen(self, submit: Submit) -> Screened:
        """Collect what is screened of a submission; the accounts behind mandates, links and codes never change."""
        payer, payee = submit.body.payer, submit.body.payee
        for name in sorted(named_by(submit.body)):
            if name.kind is not Resource.QUOTATION:
                for found in await self.store.instruments(name.kind, name.reference):
                    payer = (*payer, *found.account)
        return screened(submit.transfer, submit.caller, payer, payee, submit.kyc)

    async def _carry_out(self, commands: Sequence[Entering]) -> Sequence[Result | BaseException]:
        """Carry out a batch; when it cannot be written, its members one by one, so that they fail alone."""
        try:
            return await self._repeated(commands)
        except (UnavailableError, NoSchemeError):
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, it must not take the other members along
            if len(commands) == 1:
                _log.exception("command.broken", command=type(commands[0]).__name__)
                return [Refusal(reason=Reason.BROKEN, detail=type(error).__name__)]
            results: list[Result | BaseException] = []
            for command in commands:
                results.extend(await self._carry_out([command]))
            return results

    async def _repeated(self, commands: Sequence[Entering]) -> list[Result]:
        """Repeat a batch whose commit is unsure: every command says the same thing when it is said twice."""
        for attempt in range(REPEATS_MAX):
            try:
                return await self._batch(commands)
            except UnavailableError as error:
                _log.warning("database.unavailable", attempt=attempt, error=str(error)[:200])
                if attempt == REPEATS_MAX - 1:
                    raise
                await asyncio.sleep(min(0.05 * 2**attempt, 2))
        raise AssertionError("unreachable")

    async def _batch(self, commands: Sequence[Entering]) -> list[Result]:
        with _SECONDS.time():
            async with self.store.work() as work:
                wanted = gather(commands)
                facts = await work.load(wanted)
                plans = planned(commands, facts)
                book = await work.lock(accounts_of(commands, plans, facts))
                tallies = await work.tallies(tallies_of(plans, facts))
                height = await work.head() if wanted.cuts else 0
                decided = Bench(facts, book, tallies, height).decide(commands, plans)
                await work.apply(decided, book, facts.now_ms)
        _BATCHES.observe(len(commands))
        self._report(decided)
        self._deliver(decided.outbox)
        return decided.results

    @staticmethod
    def _report(decided: Decided) -> None:
        for result in decided.results:
            _RESULTS.labels(result.reason if isinstance(result, Refusal) else "done").inc()
        for each in decided.transitions:
            _TRANSITIONS.labels(each.next).inc()
        for case in decided.cases:
            _log.warning("case.opened", transfer=case.transfer, kind=case.kind, detail=case.detail)
        for kept in (*_written(decided, Difference), *_written(decided, File)):
            _report_office(kept)
        for alarm in decided.records.get(Alarm.table, {}).values():
            if isinstance(alarm, Alarm):
                _report_alarm(alarm)

    async def inquire(
        self,
        *,
        asker: str,
        kind: Kind,
        party: Party = (),
        institution: str = "",
        entitled: bool = False,
        reference: str = "",
        query: Mapping[str, str] = MappingProxyType({}),
    ) -> Answer | Refusal:
        """Pass a question on and wait for its answer; none in time, or none that is clear, is an answer: UNANSWERED."""
        scheme = await self.recent_scheme()
        overrides = {} if institution or not party else await self.store.overrides(party)
        connection = route(
            scheme,
            asker=asker,
            kind=kind,
            party=party,
            institution=institution,
            overrides=overrides,
            entitled=entitled,
        )
        if isinstance(connection, Refusal):
            return connection
        question = Question(
            kind=kind,
            connection=connection,
            party=party,
            asker=asker,
            correlation="",
            reference=reference,
            query=dict(query),
        )
        try:
            body = await self._bus.ask(
                topology.inquiries(connection), encoded(question), timeout_s=self._inquiry_timeout_s
            )
            found = _answer(body)
        except (BusError, msgspec.DecodeError):
            found = Answer(finding=Finding.UNANSWERED)
        self.silence.heard(connection, answered=found.finding is not Finding.UNANSWERED)
        return found

    async def recent_scheme(self) -> Scheme:
        """Return the scheme, at most a second old: for questions and for reading requests, never for money."""
        return await self._recent.get()

    def is_carrying(self) -> bool:
        """Say whether the bus can carry anything now."""
        return self._bus.alive()


def _written(decided: Decided, kind: type[Record]) -> list[msgspec.Struct]:
    return list(decided.records.get(kind.table, {}).values())


def _report_office(kept: msgspec.Struct) -> None:
    """Count and log a difference or a file that is new."""
    if isinstance(kept, Difference) and kept.version == 1:
        _DIFFERENCES.labels(kept.source, kept.kind).inc()
        _log.warning("difference.opened", difference=kept.id, source=kept.source, kind=kept.kind, subject=kept.subject)
    if isinstance(kept, File) and kept.version == 1:
        _FILES.labels(kept.origin or "hub", "refused" if kept.refused else "kept").inc()
        if kept.refused:
            _log.warning("file.refused", file=kept.id, name=kept.name, origin=kept.origin, why=kept.refused)


def _report_alarm(alarm: Alarm) -> None:
    event = "raised" if alarm.level > alarm.was else "cleared"
    _ALARMS.labels(alarm.participant, alarm.currency, event).inc()
    _log.warning(
        f"liquidity.{event}",
        participant=alarm.participant,
        currency=alarm.currency,
        level=alarm.level,
        available=alarm.available,
        threshold=alarm.threshold,
    )


class Silence:
    """Which connections left the last questions unanswered: kept in this process, to be shown, never to decide."""

    def __init__(self) -> None:
        """Nothing was asked yet."""
        self._unanswered: dict[str, tuple[int, float]] = {}

    def heard(self, connection: str, *, answered: bool) -> None:
        """Note how a question ended."""
        if answered:
            self._unanswered.pop(connection, None)
        else:
            count, _ = self._unanswered.get(connection, (0, 0.0))
            self._unanswered[connection] = (count + 1, time.monotonic())

    def now(self) -> set[str]:
        """Return the connections that have been silent several times in a row, the last time not long ago."""
        since = time.monotonic() - SILENT_FOR_S
        return {name for name, (count, at) in self._unanswered.items() if count >= SILENT_AFTER and at > since}
