"""The whole hub on virtual time, on the store in memory, with crashes; `commits` and `truths` say what must be true."""

import asyncio
import hashlib
import random
from collections.abc import Collection, Coroutine
from typing import Any

import msgspec

from hub.core.command import Done, Publish, Reason, Refusal, Result, Submit, Transfer
from hub.core.meaning import connection_for, reference
from hub.core.office.proposal import Approve, Propose
from hub.core.office.ruling import Rule
from hub.core.pricing.rate import Rounding
from hub.core.pricing.rules import ReversalRate
from hub.core.record import Deed
from hub.core.timing import PARKED_MS
from hub.core.transfer import AWAITED, FINAL, UNDOING, State
from hub.flow import Door
from hub.store.contract import UnavailableError
from hub.store.memory import MemoryStore
from hub.workers.consumer import Consumer
from hub.workers.relay import Relay
from hub.workers.timer import Timer
from routing.message import Operation, Verdict
from routing.money import Money
from routing.topology import OUTCOMES
from tests.cash import Fund
from tests.simulation.actors import Callers, Executed, Provider, Runner
from tests.simulation.commits import Commits
from tests.simulation.disputing import Disputing, terms
from tests.simulation.settling import Settlement, models
from tests.simulation.traffic import Dealers, Traffic
from tests.simulation.truths import at_the_end
from tests.simulation.virtual import BadBus, now_ms
from tests.simulation.world import CONFIRMING, FORGETFUL, FSPS, PREFUNDED_MINOR, REFERENCE, SELLERS, scheme

DEEDS = 34
TOGETHER = (1, 1, 1, 2, 6)  # deeds at one instant, so that one batch decides on several
PAUSE_MAX_S = 12.0  # between them: long enough for the trouble to meet most of them
EXPECTED = {Reason.ORIGINAL_NOT_COMMITTED, Reason.ORIGINAL_EXCEEDED, Reason.STATE_FORBIDS}  # the last: ruled too late
SETTLES_WITHIN_S = 3 * 24 * 3600
FUNDS = (
    *(("alpha", "KES", 100_00), ("bravo", "KES", 100_00), ("coral", "UGX", 3_000), ("coral", "BHD", 300)),
    *(("delta", "UGX", 4_000), ("echo", "KES", 100_00), ("echo", "UGX", 2_000)),
)


class House:
    """Everything, and the means to break it."""

    def __init__(self, seed: int, badness: float) -> None:
        self.chance = chance = random.Random(seed)
        self.reversal_rate = chance.choice(list(ReversalRate))
        file = scheme(self.reversal_rate, chance.choice(list(Rounding)))
        self.file = msgspec.structs.replace(file, settlement_model=models(chance), disputes=terms(chance))
        self.store = MemoryStore(now_ms)
        self.bus = BadBus(chance, badness)
        self.providers = {name: Provider(name, chance, badness) for name in (*FSPS, CONFIRMING)}
        self.badness = badness
        self.forgetful = FORGETFUL
        self.accepted: list[str] = []
        self.given_up: set[str] = set()  # errands that an operator ended, whatever the payee FSP may have answered
        self._tasks: set[asyncio.Task[Any]] = set()
        self._others: set[asyncio.Task[None]] = set()  # operators who come late
        self.commits = Commits(self.store, self.file)
        self.callers = Callers(self.store, chance, badness)
        self.traffic = Traffic(self, chance)
        self.dealers = Dealers(self, chance, self.file)
        self.settlement = Settlement(self, chance)
        self.disputing = Disputing(self, chance)
        self.store.break_before_commit = self._perhaps_break
        self.store.break_after_commit = self._committed
        self.relay = Relay(self.store, self.bus)
        self.door = Door(self.store, self.bus, self.relay.deliver)

    def _perhaps_break(self) -> None:
        if self.chance.random() < self.badness / 4:
            raise UnavailableError("the database went away")

    def _committed(self) -> None:
        self.commits.look()
        self._perhaps_break()

    async def start(self) -> None:
        await self.store.apply_scheme(self.file, "simulation")
        for provider in self.providers.values():
            await Runner(self.bus, provider, self.chance).start()
        await self.boot()
        for seller in SELLERS:
            money = Money(PREFUNDED_MINOR, REFERENCE)
            await self.send(Fund(participant=seller, money=money, reference=f"opening of {seller}", by="treasury"))
        await self.dealers.open()
        await self.settlement.begin()

    async def boot(self) -> None:
        """Start the hub's processes anew; whatever the former ones held in memory, or were at, is gone."""
        former = [*self._tasks, *self.relay._tasks, *self.door._runners]
        if self.relay._forgetting is not None:
            former.append(self.relay._forgetting)
        for task in former:
            task.cancel()
        await asyncio.gather(*former, return_exceptions=True)
        self._tasks.clear()
        self.bus.lose_taker(OUTCOMES)
        self.relay = Relay(self.store, self.bus)
        self.relay.callbacks = self.callers
        self.door = Door(self.store, self.bus, self.relay.deliver)
        await Consumer(self.door, self.bus).start()
        self._keep(self.relay.sweep_for_ever())
        self._keep(Timer(self.door).look_for_ever())
        self._keep(self.settlement.work_for_ever())
        self._keep(self.disputing.work_for_ever())

    def _keep(self, work: Coroutine[Any, Any, Any]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)

    async def send(self, command: Submit | Publish | Deed) -> Result:
        """Send as a careful caller: the same again until there is an answer."""
        result = await self.answered(command, EXPECTED)
        if isinstance(command, Submit) and isinstance(result, Done):
            self.accepted.append(result.transfer)
        return result

    async def answered(self, command: Submit | Publish | Deed, expected: Collection[Reason]) -> Result:
        """Say it until there is an answer, on virtual time; a refusal for another reason is a problem."""
        while True:
            try:
                result = await asyncio.wait_for(self.door.handle(command), 30)
            except (UnavailableError, TimeoutError):
                await asyncio.sleep(1)
                continue
            if isinstance(result, Refusal) and result.reason not in expected:
                self.commits.problems.append(f"{command} was refused: {result}")
            return result

    async def fund(self) -> None:
        """Count money from the bank, twice at once, as two operators who do not know of each other."""
        number = self.chance.randrange(2 * len(FUNDS))
        participant, currency, minor = FUNDS[number % len(FUNDS)]
        fund = Fund(participant=participant, money=Money(minor, currency), reference=f"bank-{number}", by="treasury")
        await asyncio.gather(self.send(fund), self.send(fund))

    async def review(self) -> None:
        """Have an operator let go on what was flagged, or refuse it."""
        for transfer in tuple(self.store.transfers.values()):
            if transfer.state is State.IN_REVIEW:
                verdict = Verdict.REFUSED if self.chance.random() < 0.3 else Verdict.ACCEPTED
                await self._say(transfer, verdict, "compliance")

    async def rule(self) -> None:
        """Have an operator end what is parked, with the provider's own books in hand."""
        await self.review()
        for transfer in tuple(self.store.transfers.values()):
            if transfer.due_ms == PARKED_MS and transfer.state is not State.IN_REVIEW:
                await self._say(transfer, self._found_out(transfer, AWAITED[transfer.state]), "operations")

    async def _say(self, transfer: Transfer, verdict: Verdict, by: str) -> None:
        """Rule on what was looked at; two others, who saw the same, may say so too, at once or much later."""
        rule = Rule(transfer=transfer.id, verdict=verdict, by=by, why="looked at", state=transfer.state)
        await self._ruled(rule)
        if self.chance.random() < 0.4:
            self._others.add(asyncio.get_running_loop().create_task(self._again(rule)))

    async def _again(self, rule: Rule) -> None:
        await asyncio.sleep(self.chance.uniform(0, 12))
        await self._ruled(rule)

    async def _ruled(self, rule: Rule) -> None:
        proposal, ref = (f"{self.chance.getrandbits(128):032x}" for _ in range(2))
        proposed = await self.send(Propose(by=rule.by, ref=proposal, proposal=proposal, deed=rule, why=rule.why))
        if isinstance(proposed, Done):
            await self.send(Approve(by="desk-2", ref=ref, proposal=proposal, deed=rule))

    def _found_out(self, transfer: Transfer, operation: Operation) -> Verdict:
        provider, known_as = self.providers[connection_for(transfer, operation)], reference(transfer.id, operation)
        verdict = provider.decided.get(known_as, Verdict.REFUSED)
        if operation is Operation.ISSUE:  # what it made only its own answer could say
            self.given_up.add(transfer.id)
            return Verdict.REFUSED
        if operation in UNDOING and verdict is Verdict.REFUSED:
            target = transfer.price.hops[0].target if operation is Operation.UNWIND and transfer.price else None
            undone = Executed(transfer.id, operation, transfer.money_of(operation), target)
            verdict = provider.by_hand(known_as, undone)
        return verdict

    async def live(self) -> None:
        """Send everything, with crashes in between; then heal, and wait until nothing happens by itself any more."""
        await self.start()
        sending: list[asyncio.Task[None]] = []
        while len(sending) < DEEDS:
            together = self.chance.choice(TOGETHER)
            sending.extend(asyncio.get_running_loop().create_task(self.traffic.deed()) for _ in range(together))
            await asyncio.sleep(self.chance.uniform(0, PAUSE_MAX_S))
            await self.trouble()
        await asyncio.gather(*sending)
        self.badness = self.bus.badness = self.callers.badness = 0
        for provider in self.providers.values():
            provider.badness = 0
        for _ in range(2):  # what an operator releases may have to be ruled on as well
            await self.settle()
            await self.rule()
        await self.settle()
        await self.settlement.finish()
        await self.settle()
        for task in tuple(self._tasks):
            task.cancel()
        await self.bus.close()

    async def trouble(self) -> None:
        """Let perhaps happen what happens to a hub from time to time."""
        chance = self.chance
        if chance.random() < 0.1:
            await self.fund()
        if chance.random() < 0.3:
            await self.dealers.publish()
        if chance.random() < 0.6:
            await self.settlement.something()
        if chance.random() < 0.4:
            await self.disputing.something()
        if chance.random() < 0.2:
            await self.rule()
        if chance.random() < 0.1:
            await self.store.forget_expired()
        if chance.random() < self.badness / 2:
            await self.boot()
        if chance.random() < self.badness / 4:
            self.bus.crash()
        if chance.random() < self.badness / 20:
            self.providers[chance.choice(list(self.providers))].deaf_until_ms = (
                now_ms() + chance.randint(10, 100) * 1000
            )

    async def settle(self) -> None:
        """Wait until nothing happens by itself any more, and until nothing that is under way can."""
        deadline = asyncio.get_running_loop().time() + SETTLES_WITHIN_S
        while not self.settled() and asyncio.get_running_loop().time() < deadline:  # noqa: ASYNC110 - virtual time
            await asyncio.sleep(5)
        await asyncio.sleep(60)

    def settled(self) -> bool:
        waiting = [each for each in self.store.transfers.values() if each.state not in FINAL]
        is_quiet = not self.store.outbox and self.disputing.ended()
        return is_quiet and all(each.due_ms == PARKED_MS for each in waiting)

    def problems(self) -> list[str]:
        """Say everything that was or is not as it must be."""
        return [*self.commits.problems, *at_the_end(self)]

    def history(self) -> str:
        """Return a fingerprint of all that happened."""
        trail = sorted(self.store.transitions.values(), key=lambda each: (each.transfer, each.seq))
        return hashlib.sha256(msgspec.json.encode(trail)).hexdigest()
