"""The whole hub on virtual time, on the store in memory, with crashes; what must be true is in `truths`."""

import asyncio
import hashlib
import random
from collections.abc import Coroutine
from typing import Any

import msgspec

from hub.core.command import Body, Done, Fund, Reason, Refusal, Ruling, Submit
from hub.core.decide import PARKED_MS
from hub.core.meaning import connection_for, reference
from hub.core.participant import DirectoryEntry, Participant, Role, SchemeFile, Terms
from hub.core.transfer import AWAITED, FINAL
from hub.flow import Door
from hub.store.contract import UnavailableError
from hub.store.memory import MemoryStore
from hub.workers.consumer import Consumer
from hub.workers.relay import Relay
from hub.workers.timer import Timer
from routing.message import Operation, Verdict
from routing.money import Money
from routing.party import party
from routing.table import Connection, Rail
from routing.topology import OUTCOMES
from tests.simulation.actors import Callers, Provider, Runner
from tests.simulation.truths import Commits, at_the_end
from tests.simulation.virtual import BadBus, now_ms

FSPS = ("alpha", "bravo", "coral")
IMPATIENT = "bravo"  # may be asked twice, and then an operator must find out
FORGETFUL = "coral"  # might take a repeated reference for a new one, so it must not be told again
TRANSFERS = 60
PAUSE_MAX_S = 8.0  # between two submissions: long enough for the trouble to meet most of them
EXPECTED = {Reason.ORIGINAL_NOT_COMMITTED, Reason.ORIGINAL_EXCEEDED}
SETTLES_WITHIN_S = 3 * 24 * 3600


def scheme() -> SchemeFile:
    def rail(id_: str) -> Rail:
        return Rail(
            operations=tuple(Operation),
            answer_within_s=3,
            ask_first_after_s=1,
            ask_spacing_s=1,
            asks_max=2 if id_ == IMPATIENT else 20,
            resend_safe=id_ != FORGETFUL,
        )

    return SchemeFile(
        scheme=Terms(name="simulation", transfer_lifetime_s=15, lapse_margin_s=5),
        participant=(
            *(
                Participant(
                    id=id_, name=id_, role=Role.FSP, country="KE", currencies=("KES",), net_debit_cap={"KES": "250"}
                )
                for id_ in FSPS
            ),
            Participant(id="third", name="third", role=Role.THIRD_PARTY, country="KE"),
        ),
        connection=tuple(
            Connection(name=id_, participant=id_, adapter="none", rail=rail(id_), currencies=("KES",)) for id_ in FSPS
        ),
        directory=tuple(
            DirectoryEntry(key="msisdn", value=f"+25470{number}", participant=id_) for number, id_ in enumerate(FSPS)
        ),
    )


class House:
    """Everything, and the means to break it."""

    def __init__(self, seed: int, badness: float) -> None:
        self.chance = random.Random(seed)
        self.store = MemoryStore(now_ms)
        self.bus = BadBus(self.chance, badness)
        self.providers = {name: Provider(name, self.chance, badness) for name in FSPS}
        self.badness = badness
        self.forgetful = FORGETFUL
        self.accepted: list[str] = []
        self._tasks: set[asyncio.Task[Any]] = set()
        self.commits = Commits(self.store)
        self.callers = Callers(self.store, self.chance, badness)
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
        await self.store.apply_scheme(scheme(), "simulation")
        for provider in self.providers.values():
            await Runner(self.bus, provider, self.chance).start()
        await self.boot()

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

    def _keep(self, work: Coroutine[Any, Any, Any]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)

    def submission(self, number: int) -> Submit:
        payer, payee = self.chance.sample(range(len(FSPS)), 2)
        body = Body(
            request=f"{number:032x}",
            correlation=f"request-{number}",
            callback_url="http://caller.test/callbacks",
            payer=party([("msisdn", f"+25470{payer}000001")]),
            payee=party([("msisdn", f"+25470{payee}000002")]),
            type="transfer",
        )
        transfer = f"{number + 1:032x}"
        original = self.store.transfers.get(self.chance.choice(self.accepted or [""]))
        # What failed at once named no FSP, and so nobody who may reverse it.
        if original is not None and original.payer_fsp and self.chance.random() < 0.15:
            caller = self.chance.choice([original.payer_fsp, original.payee_fsp])
            part = Money(self.chance.randint(1, original.minor), "KES") if self.chance.random() < 0.5 else None
            return Submit(transfer=transfer, caller=caller, body=body, money=part, original=original.id)
        caller = self.chance.choice([FSPS[payer], FSPS[payer], FSPS[payee], "third"])
        amount = Money(self.chance.randint(1_00, 90_00), "KES")
        return Submit(transfer=transfer, caller=caller, body=body, money=amount)

    async def send(self, command: Submit | Fund | Ruling) -> None:
        """Send as a careful caller: the same again until there is an answer."""
        while True:
            try:
                result = await asyncio.wait_for(self.door.handle(command), 30)
            except (UnavailableError, TimeoutError):
                await asyncio.sleep(1)
                continue
            if isinstance(command, Submit) and isinstance(result, Done):
                self.accepted.append(result.transfer)
            elif isinstance(result, Refusal) and result.reason not in EXPECTED:
                self.commits.problems.append(f"{command} was refused: {result}")
            return

    async def fund(self) -> None:
        """Count money from the bank, twice at once, as two operators who do not know of each other."""
        number = self.chance.randint(0, 5)
        fund = Fund(participant=FSPS[number % 3], money=Money(100_00, "KES"), reference=f"bank-{number}", by="treasury")
        await asyncio.gather(self.send(fund), self.send(fund))

    async def rule(self) -> None:
        """Have an operator end what is parked, with the provider's own books in hand."""
        for transfer in tuple(self.store.transfers.values()):
            if transfer.due_ms == PARKED_MS:
                operation = AWAITED[transfer.state]
                provider = self.providers[connection_for(transfer, operation)]
                verdict = provider.decided.get(reference(transfer.id, operation), Verdict.REFUSED)
                if operation is Operation.REFUND and verdict is Verdict.REFUSED:
                    verdict = provider.by_hand(transfer.id, reference(transfer.id, operation), transfer.minor)
                await self.send(Ruling(transfer=transfer.id, verdict=verdict, by="operations", why="its books"))

    async def live(self) -> None:
        """Send everything, with crashes in between; then heal, and wait until nothing happens by itself any more."""
        await self.start()
        sending = []
        for number in range(TRANSFERS):
            sending.append(asyncio.get_running_loop().create_task(self.send(self.submission(number))))
            await asyncio.sleep(self.chance.uniform(0, PAUSE_MAX_S))
            await self.trouble()
        await asyncio.gather(*sending)
        self.badness = self.bus.badness = self.callers.badness = 0
        for provider in self.providers.values():
            provider.badness = 0
        await self.settle()
        await self.rule()
        await self.settle()
        for task in tuple(self._tasks):
            task.cancel()
        await self.bus.close()

    async def trouble(self) -> None:
        """Let perhaps happen what happens to a hub from time to time."""
        if self.chance.random() < 0.1:
            await self.fund()
        if self.chance.random() < self.badness / 2:
            await self.boot()
        if self.chance.random() < self.badness / 4:
            self.bus.crash()
        if self.chance.random() < self.badness / 20:
            self.providers[self.chance.choice(FSPS)].deaf_until_ms = now_ms() + self.chance.randint(10, 100) * 1000

    async def settle(self) -> None:
        """Wait until nothing happens by itself any more, and until nothing that is under way can."""
        deadline = asyncio.get_running_loop().time() + SETTLES_WITHIN_S
        while not self.settled() and asyncio.get_running_loop().time() < deadline:  # noqa: ASYNC110 - virtual time
            await asyncio.sleep(5)
        await asyncio.sleep(60)

    def settled(self) -> bool:
        waiting = [each for each in self.store.transfers.values() if each.state not in FINAL]
        return not self.store.outbox and all(each.due_ms == PARKED_MS for each in waiting)

    def problems(self) -> list[str]:
        """Say everything that was or is not as it must be."""
        return [*self.commits.problems, *at_the_end(self)]

    def history(self) -> str:
        """Return a fingerprint of all that happened."""
        trail = sorted(self.store.transitions.values(), key=lambda each: (each.transfer, each.seq))
        return hashlib.sha256(msgspec.json.encode(trail)).hexdigest()
