"""A counter for disputes: the real door on the store in memory, a clock to turn, and transfers to dispute."""

from typing import Any

import msgspec

from hub.core.change import NOTICES, Advice, Notice, Outgoing
from hub.core.command import Command, Done, Heard, Result, Submit, Transfer
from hub.core.office.dispute_terms import DisputeTerms
from hub.core.office.disputes import Answer, submission
from hub.core.office.raising import Raise
from hub.core.office.records import Dispute, DisputeKind
from hub.core.participant import SchemeFile
from hub.core.record import Deed
from hub.flow import Door
from hub.store.memory import MemoryStore
from hub.workers.disputes import Disputes
from routing.local import LocalBus
from routing.message import Operation, Verdict
from tests.core.stage import START_MS, outcome, scheme_file, submit

DAY_MS = 86_400_000
_said = msgspec.json.Decoder(Notice | Advice).decode
URL = "https://127.0.0.1/notices"


def told_scheme(disputes: DisputeTerms | None = None, file: SchemeFile | None = None) -> SchemeFile:
    """Return a scheme in which everybody is told at an address, with these terms for disputes."""
    found = file or scheme_file()
    everybody = tuple(
        msgspec.structs.replace(each, notify_url=URL, callback_hosts=("127.0.0.1",)) for each in found.participant
    )
    return msgspec.structs.replace(found, participant=everybody, disputes=disputes or DisputeTerms())


def dispute_id(number: int) -> str:
    return f"{number + 0xD000:032x}"


def raising(number: int, transfer: str, kind: str = "recall", participant: str = "alpha", **more: Any) -> Raise:
    terms = {"reason": "FRAD" if kind == "fraud" else "DUPL", "by": "software"} | more
    return Raise(
        dispute=dispute_id(number), kind=DisputeKind(kind), transfer=transfer, participant=participant, **terms
    )


def answering(dispute: Dispute, *, accept: bool = True, participant: str = "bravo", **more: Any) -> Answer:
    terms = {"by": "software", "reason": "" if accept else "CUST"} | more
    return Answer(dispute=dispute.id, transfer=dispute.transfer, accept=accept, participant=participant, **terms)


class Counter:
    """One hub, in memory."""

    def __init__(self) -> None:
        self.now_ms = START_MS
        self.store = MemoryStore(lambda: self.now_ms)
        self.delivered: list[Outgoing] = []
        self.door = Door(self.store, LocalBus(), self.delivered.extend)
        self.worker = Disputes(self.door)

    async def one(self, command: Command | Deed) -> Result:
        return await self.door.handle(command)

    async def done(self, command: Command | Deed) -> Done:
        result = await self.one(command)
        assert isinstance(result, Done), result
        return result

    async def begun(self, submission_: Submit) -> Transfer:
        return self.store.transfers[(await self.done(submission_)).transfer]

    async def hear(self, transfer: Transfer, verdict: Verdict, operation: Operation = Operation.CREDIT) -> Transfer:
        await self.done(Heard(outcome=outcome(transfer, operation, verdict)))
        return self.store.transfers[transfer.id]

    async def committed(self, number: int = 1, amount: str = "100") -> Transfer:
        """Carry a transfer from alpha's customer to bravo's through to its end."""
        return await self.hear(await self.begun(submit(number, amount=amount)), Verdict.ACCEPTED)

    async def reversing(self, number: int, original: Transfer, amount: str | None) -> Result:
        """Ask for a reversal by the API, as the payee FSP does."""
        return await self.one(submit(number, caller="bravo", payer="", payee="", amount=amount, original=original.id))

    async def dispute(self, id_: str) -> Dispute:
        found = await self.store.records.one(Dispute, id_)
        assert found is not None
        return found

    async def raised(self, number: int, transfer: Transfer, kind: str = "recall", **more: Any) -> Dispute:
        return await self.dispute((await self.done(raising(number, transfer.id, kind, **more))).transfer)

    async def accepted(self, number: int, transfer: Transfer, **more: Any) -> Dispute:
        found = await self.raised(number, transfer, **more)
        await self.done(answering(found))
        return await self.dispute(found.id)

    async def linked(self, dispute: Dispute) -> Transfer:
        """Begin the linked transfer, as the worker does."""
        return await self.begun(submission(dispute))

    def told(self) -> list[tuple[str, str]]:
        """List who was told what of disputes, in order."""
        notices = [_said(each.body) for each in self.delivered if each.queue.startswith(NOTICES)]
        return [(each.to, each.event) for each in notices if isinstance(each, Advice)]


async def counter_with(file: SchemeFile | None = None) -> Counter:
    """Open a counter with this scheme in force."""
    found = Counter()
    await found.store.apply_scheme(file or told_scheme(), "test")
    return found
