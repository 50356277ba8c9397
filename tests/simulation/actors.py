"""Providers that answer badly, and runners that speak to them: the south side of the simulation."""

import asyncio
import random
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

import msgspec

from hub.core.change import Notice, Outgoing
from hub.core.transfer import UNDOING, State
from hub.store.memory import MemoryStore
from routing.bus import Bus, BusError
from routing.message import (
    Act,
    FailureClass,
    Heard,
    Instruction,
    Operation,
    Outcome,
    Verdict,
    decoded,
    encoded,
)
from routing.money import Money
from routing.topology import OUTCOMES, instructions
from tests.simulation.virtual import now_ms


class Executed(NamedTuple):
    """What a provider did, once."""

    transfer: str
    operation: Operation
    money: Money
    target: Money | None = None  # of a conversion: what it gives for the money


class Provider:
    """One provider's books: decides each reference once, whatever it says about it afterwards."""

    def __init__(self, name: str, chance: random.Random, badness: float) -> None:
        self.name = name
        self.badness = badness
        self._chance = chance
        self.decided: dict[str, Verdict] = {}
        self.executed: list[Executed] = []
        self.said: dict[str, dict[str, Any]] = {}  # by reference: what it answered to a quotation
        self.lied_about: set[str] = set()
        self.named_wrongly: set[str] = set()  # transfers of which it once said that it moved another amount
        self.deaf_until_ms = 0  # hears no instruction, but answers questions

    def execute(self, instruction: Instruction) -> Verdict:
        known = self.decided.get(instruction.reference)
        if known is not None:
            return known
        refused = instruction.operation not in UNDOING and self._chance.random() < 0.15
        verdict = Verdict.REFUSED if refused else Verdict.ACCEPTED
        self.decided[instruction.reference] = verdict
        if verdict is Verdict.ACCEPTED:
            did = Executed(instruction.transfer, instruction.operation, instruction.money, instruction.target)
            self.executed.append(did)
            if instruction.errand is not None:
                self.said[instruction.reference] = self._quoted(instruction.errand.body)
        return verdict

    def _quoted(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Say to a quotation what a payee FSP may: nothing more, no, or what it gives of what would arrive."""
        chance = self._chance
        kind = chance.random()
        if kind < 0.4:
            return {}
        if kind < 0.5:
            return {"quotationStatus": "rejected", "recipientBlockingReason": "closed"}
        arriving = Money.parse(asked["requestAmount"], asked["requestCurrency"])
        given = Money(arriving.minor - chance.randint(0, arriving.minor // 20), arriving.currency)
        quote = {
            "quoteId": f"{self.name}-{len(self.said)}",
            "sendingAmount": str(arriving),
            "sendingCurrency": arriving.currency,
            "receivingAmount": str(given),
            "receivingCurrency": given.currency,
        }
        if chance.random() < 0.3:
            ends_s = now_ms() // 1000 + chance.randint(5, 90)
            quote["quoteExpiryTime"] = f"{datetime.fromtimestamp(ends_s, UTC):%Y-%m-%dT%H:%M:%SZ}"
        return {"quotes": [quote]}

    def by_hand(self, reference: str, undone: Executed) -> Verdict:
        """Undo as a clerk does whom the hub's operator has called."""
        self.decided[reference] = Verdict.ACCEPTED
        self.executed.append(undone)
        return Verdict.ACCEPTED


class Callers:
    """Takes callbacks; some they refuse, so that they are sent again, and of some they forget to say so."""

    def __init__(self, store: MemoryStore, chance: random.Random, badness: float) -> None:
        self.badness = badness
        self.told: dict[str, set[State]] = {}
        self.offered: dict[str, list[dict[str, Any]]] = {}  # quotation -> the quotes that its caller was told of
        self._store = store
        self._chance = chance

    async def send(self, message: Outgoing, attempts: int) -> None:
        key = message.key
        if self._chance.random() < self.badness:
            await self._store.postpone(key, wait_ms=1_000 << min(attempts, 6), note="status 503")
            return
        notice = msgspec.json.decode(message.body, type=Notice)
        transfer = notice.transfer
        self.told.setdefault(transfer.id, set()).add(transfer.state)
        if "quotationStatus" in notice.resource:
            self.offered[transfer.id] = notice.resource.get("quotes", [])
        if self._chance.random() >= self.badness:
            await self._store.sent([key])


class Runner:
    """Carries instructions to one provider; never begins after the lease, never says more than it heard."""

    def __init__(self, bus: Bus, provider: Provider, chance: random.Random) -> None:
        self._bus = bus
        self._provider = provider
        self._chance = chance

    async def start(self) -> None:
        await self._bus.consume(instructions(self._provider.name), self._take)

    async def _take(self, envelopes: Sequence[bytes]) -> None:
        readable, unreadable = decoded(envelopes, Instruction)
        assert unreadable == []
        await asyncio.gather(*(self._one(each) for each in readable))

    async def _one(self, instruction: Instruction) -> None:
        chance, bad = self._chance, self._provider.badness
        if chance.random() < bad:
            raise ConnectionError("the runner died before it sent anything")
        if instruction.act is Act.ASK:
            await self._ask(instruction)
            return
        # What is begun within the lease may be on its way almost as long as the lapse margin.
        if now_ms() >= instruction.lease_ends_ms:
            await self._say(instruction, Verdict.UNKNOWN, Heard.RUNNER, FailureClass.LAPSED)
            return
        await asyncio.sleep(chance.uniform(4, 4.9) if chance.random() < bad else chance.uniform(0.001, 0.5))
        if chance.random() < bad or now_ms() < self._provider.deaf_until_ms:  # lost before it was heard
            await self._say(instruction, Verdict.UNKNOWN, Heard.RUNNER, FailureClass.UNCLEAR)
            return
        verdict = self._provider.execute(instruction)
        await self._tell(instruction, verdict)

    async def _tell(self, instruction: Instruction, verdict: Verdict) -> None:
        """Tell the outcome in one of the ways in which providers do."""
        chance, bad = self._chance, self._provider.badness
        if chance.random() < bad:  # executed, and the answer is lost
            return
        if chance.random() < bad / 2 and verdict is Verdict.ACCEPTED and instruction.errand is None:
            self._provider.named_wrongly.add(instruction.transfer)
            wrong = Money(instruction.money.minor + 1, instruction.money.currency)
            await self._say(instruction, verdict, Heard.CALLBACK, money=wrong)
            return
        if chance.random() < bad / 4:  # a lie: the opposite, and later the truth
            self._provider.lied_about.add(instruction.transfer)
            opposite = Verdict.REFUSED if verdict is Verdict.ACCEPTED else Verdict.ACCEPTED
            failure = FailureClass.REFUSED if opposite is Verdict.REFUSED else None
            await self._say(instruction, opposite, Heard.CALLBACK, failure)
        for _ in range(2 if chance.random() < bad else 1):
            await asyncio.sleep(chance.uniform(0, 40 if chance.random() < bad else 0.2))
            failure = FailureClass.INSUFFICIENT_FUNDS if verdict is Verdict.REFUSED else None
            await self._say(instruction, verdict, Heard.CALLBACK, failure, money=instruction.money)

    async def _ask(self, instruction: Instruction) -> None:
        await asyncio.sleep(self._chance.uniform(0.001, 2))
        known = self._provider.decided.get(instruction.reference)
        if self._chance.random() < self._provider.badness:
            await self._say(instruction, Verdict.UNKNOWN, Heard.RUNNER, FailureClass.UNCLEAR)
        elif known is None:
            await self._say(instruction, Verdict.UNKNOWN, Heard.INQUIRY, FailureClass.ABSENT)
        else:
            failure = FailureClass.INSUFFICIENT_FUNDS if known is Verdict.REFUSED else None
            await self._say(instruction, known, Heard.INQUIRY, failure, money=instruction.money)

    async def _say(
        self,
        instruction: Instruction,
        verdict: Verdict,
        heard: Heard,
        failure: FailureClass | None = None,
        money: Money | None = None,
    ) -> None:
        outcome = Outcome(
            transfer=instruction.transfer,
            operation=instruction.operation,
            connection=instruction.connection,
            reference=instruction.reference,
            verdict=verdict,
            heard=heard,
            failure=failure,
            money=money,
            provider_reference=f"{self._provider.name}:{instruction.reference}",
            asked_ms=instruction.asked_ms,
            resource=self._provider.said.get(instruction.reference, {}) if verdict is Verdict.ACCEPTED else {},
        )
        while True:
            try:
                await self._bus.publish(OUTCOMES, [encoded(outcome)])
            except BusError:
                await asyncio.sleep(0.5)
            else:
                return
