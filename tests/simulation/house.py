"""The whole hub on virtual time, on the store in memory, with crashes; and what must be true of it at the end."""

import asyncio
import hashlib
import random
from collections.abc import Coroutine
from typing import Any

import msgspec

from hub.core.change import Outgoing
from hub.core.command import Body, Done, Submit, Transfer
from hub.core.decide import PARKED_MS
from hub.core.participant import DirectoryEntry, Participant, Role, SchemeFile, Terms
from hub.core.transfer import FINAL, State
from hub.flow import Door
from hub.ledger.audit import Audit
from hub.ledger.journal import Phase, digest
from hub.store.contract import UnavailableError
from hub.store.memory import MemoryStore
from hub.workers.consumer import Consumer
from hub.workers.relay import Relay
from hub.workers.timer import Timer
from routing.message import Operation
from routing.money import Money
from routing.party import party
from routing.table import Connection, Rail
from tests.simulation.actors import Provider, Runner
from tests.simulation.virtual import BadBus, now_ms

FSPS = ("alpha", "bravo", "coral")
CAP = 1_200_00
TRANSFERS = 60
SETTLES_WITHIN_S = 3 * 24 * 3600


def scheme() -> SchemeFile:
    def rail() -> Rail:
        return Rail(
            operations=tuple(Operation), answer_within_s=3, ask_first_after_s=1, ask_spacing_s=1, resend_safe=True
        )

    return SchemeFile(
        scheme=Terms(name="simulation", transfer_lifetime_s=15, lapse_margin_s=5),
        participant=(
            *(
                Participant(
                    id=id_, name=id_, role=Role.FSP, country="KE", currencies=("KES",), net_debit_cap={"KES": "1200"}
                )
                for id_ in FSPS
            ),
            Participant(id="third", name="third", role=Role.THIRD_PARTY, country="KE"),
        ),
        connection=tuple(
            Connection(name=id_, participant=id_, adapter="none", rail=rail(), currencies=("KES",)) for id_ in FSPS
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
        self.accepted: list[str] = []
        self._tasks: set[asyncio.Task[Any]] = set()
        self.store.break_before_commit = self._perhaps_break
        self.store.break_after_commit = self._perhaps_break
        self.relay = Relay(self.store, self.bus)
        self.door = Door(self.store, self.bus, self.relay.deliver)

    def _perhaps_break(self) -> None:
        if self.chance.random() < self.badness / 4:
            raise UnavailableError("the database went away")

    async def start(self) -> None:
        await self.store.apply_scheme(scheme(), "simulation")
        for provider in self.providers.values():
            await Runner(self.bus, provider, self.chance).start()
        await self.boot()

    async def boot(self) -> None:
        """Start the hub's processes anew; whatever the former ones held in memory is gone."""
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()
        self.relay = Relay(self.store, self.bus)
        self.relay.callbacks = _Callers(self.store)
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
        caller = self.chance.choice([FSPS[payer], FSPS[payer], FSPS[payee], "third"])
        amount = Money(self.chance.randint(1_00, 90_00), "KES")
        return Submit(transfer=f"{number + 1:032x}", caller=caller, body=body, money=amount)

    async def send(self, number: int) -> None:
        """Send as a careful caller: again, with the same correlation id, until there is an answer."""
        submit = self.submission(number)
        while True:
            try:
                result = await asyncio.wait_for(self.door.handle(submit), 30)
            except (UnavailableError, TimeoutError):
                await asyncio.sleep(1)
                continue
            assert isinstance(result, Done), result
            self.accepted.append(result.transfer)
            return

    async def live(self) -> None:
        """Send everything, with crashes in between; then heal, and wait until nothing happens by itself any more."""
        await self.start()
        for number in range(TRANSFERS):
            sending = asyncio.get_running_loop().create_task(self.send(number))
            await asyncio.wait({sending}, timeout=self.chance.uniform(0, 60))
            if self.chance.random() < self.badness / 2:
                await self.boot()
            if self.chance.random() < self.badness / 4:
                self.bus.crash()
            if self.chance.random() < self.badness / 20:
                self.providers[self.chance.choice(FSPS)].deaf_until_ms = now_ms() + self.chance.randint(10, 100) * 1000
            await sending
        self.badness = self.bus.badness = 0
        for provider in self.providers.values():
            provider.badness = 0
        deadline = asyncio.get_running_loop().time() + SETTLES_WITHIN_S
        while not self.settled() and asyncio.get_running_loop().time() < deadline:  # noqa: ASYNC110 - virtual time
            await asyncio.sleep(5)
        for task in tuple(self._tasks):
            task.cancel()
        await self.bus.close()

    def settled(self) -> bool:
        return all(each.state in FINAL or each.due_ms == PARKED_MS for each in self.store.transfers.values())

    def problems(self) -> list[str]:
        """Say everything that is not as it must be."""
        return [*self._unended(), *self._differing(), *self._over_cap(), *self._audited()]

    def _unended(self) -> list[str]:
        missing = [id_ for id_ in self.accepted if id_ not in self.store.transfers]
        stuck = [
            f"{each.id} is {each.state} and nobody was told"
            for each in self.store.transfers.values()
            if each.state not in FINAL and not self._has_case(each)
        ]
        return [*(f"{id_} was accepted and is gone" for id_ in missing), *stuck]

    def _has_case(self, transfer: Transfer) -> bool:
        return any(case.transfer == transfer.id for case in self.store.cases.values())

    def _differing(self) -> list[str]:
        """Hold what the providers executed against what the hub believes; a lie may differ, if a case is open."""
        found = []
        executed: dict[str, list[tuple[str, Operation]]] = {}
        for name, provider in self.providers.items():
            once = [(transfer, operation) for transfer, operation, _ in provider.executed]
            if len(once) != len(set(once)):
                found.append(f"{name} executed something twice")
            for transfer, operation in once:
                executed.setdefault(transfer, []).append((name, operation))
        liars: set[str] = set().union(*(provider.lied_about for provider in self.providers.values()))
        for transfer_ in self.store.transfers.values():
            really = set(executed.get(transfer_.id, []))
            if transfer_.id in liars:
                # A lie can only be seen when the truth arrives as well.
                heard = self.bus.lost_in_crashes == 0
                if really != _believed(transfer_) and heard and not self._has_case(transfer_):
                    found.append(f"{transfer_.id}: a provider lied, nobody was told")
            elif transfer_.state in FINAL and really != _believed(transfer_):
                found.append(f"{transfer_.id} is {transfer_.state}, but the providers did {sorted(really)}")
        return found

    def _over_cap(self) -> list[str]:
        return [
            f"account {entry.posting.debit} passed its cap"
            for journal in self.store.journals
            for entry in journal
            if entry.posting.phase is Phase.PENDING and entry.debit_balance - entry.debit_held + CAP < 0
        ]

    def _audited(self) -> list[str]:
        audit = Audit(list(self.store.ledger.values()))
        for height, (journal, hash_) in enumerate(zip(self.store.journals, self.store.hashes, strict=True), 1):
            audit.feed(height, journal, digest(journal), hash_)
        audit.finish()
        held = {each.id for each in self.store.transfers.values() if each.state not in FINAL}
        pending = sum(line.held for line in audit.trial_balance())
        if not held and pending:
            audit.findings.append(f"{pending} is held for nothing")
        return audit.findings

    def history(self) -> str:
        """Return a fingerprint of all that happened."""
        trail = sorted(self.store.transitions.values(), key=lambda each: (each.transfer, each.seq))
        return hashlib.sha256(msgspec.json.encode(trail)).hexdigest()


class _Callers:
    """Takes callbacks; refuses some, so that they are sent again."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store

    async def send(self, message: Outgoing, attempts: int) -> None:
        assert attempts >= 0
        await self._store.sent([(message.transfer, message.seq)])


def _believed(transfer: Transfer) -> set[tuple[str, Operation]]:
    """List what the hub believes was executed for a transfer that has ended."""
    payer, payee = transfer.payer_connection, transfer.payee_connection
    if transfer.state is State.COMMITTED:
        done = {(payee, Operation.CREDIT), (payer, Operation.DEBIT)}
    elif transfer.state is State.REFUNDED:
        done = {(payer, Operation.DEBIT), (payer, Operation.REFUND)}
    else:
        done = set()
    return {(name, operation) for name, operation in done if name}
