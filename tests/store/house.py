"""One database, and hub processes on it: each has its own store and its own door, as on machines of their own."""

import contextlib
import time
from types import TracebackType
from typing import Self

import msgspec

from hub.core.change import Outgoing
from hub.core.command import Body, Done, Heard, Result, Submit, Transfer
from hub.core.meaning import connection_for, reference
from hub.core.participant import DirectoryEntry, Limits, Participant, Role, SchemeFile, Terms
from hub.flow import Door
from hub.ledger.account import Account, Kind
from hub.ledger.audit import Audit
from hub.ledger.journal import digest
from hub.store.audit import run_audit
from hub.store.contract import Store
from hub.store.memory import MemoryStore
from hub.store.sql import SqlStore
from routing.local import LocalBus
from routing.message import FailureClass, Operation, Outcome, Verdict
from routing.message import Heard as Source
from routing.money import Money
from routing.party import Party, party
from routing.table import Connection, Rail

ALPHA, BRAVO = "+254700000001", "+254710000001"
PORTED = "+254700000099"
NOBODY = "+255700000001"
CAP = 1_000_00
# Time is the database's, so the rail is in a hurry: what is sent is due at once.
HURRIED = Rail(
    operations=tuple(Operation), answer_within_s=0, ask_first_after_s=0, ask_spacing_s=0, asks_max=2, resend_safe=True
)


def scheme_file(*, cap: str = "1000", rail: Rail = HURRIED, ported: bool = True, lifetime_s: int = 300) -> SchemeFile:
    def fsp(id_: str) -> Participant:
        return Participant(
            id=id_, name=id_, role=Role.FSP, country="KE", currencies=("KES",), net_debit_cap={"KES": cap}
        )

    return SchemeFile(
        scheme=Terms(name="test", transfer_lifetime_s=lifetime_s, limits={"KES": Limits(min="1", max="900")}),
        participant=(
            fsp("alpha"),
            fsp("bravo"),
            Participant(id="third", name="third", role=Role.THIRD_PARTY, country="KE"),
        ),
        connection=tuple(
            Connection(name=f"{id_}-1", participant=id_, adapter="x", rail=rail, currencies=("KES",))
            for id_ in ("alpha", "bravo")
        ),
        directory=(
            DirectoryEntry(key="msisdn", value="+25470", participant="alpha"),
            DirectoryEntry(key="msisdn", value="+25471", participant="bravo"),
        ),
        override=(DirectoryEntry(key="msisdn", value=PORTED, participant="bravo"),) if ported else (),
    )


def msisdn(number: str) -> Party:
    return party([("msisdn", number)])


def transfer_id(number: int) -> str:
    return f"{number + 0xA000:032x}"


def submit(
    number: int,
    amount: str | None = "10",
    *,
    caller: str = "alpha",
    payer: str = ALPHA,
    payee: str = BRAVO,
    correlation: str | None = None,
    original: str = "",
    type_: str = "transfer",
) -> Submit:
    body = Body(
        request=f"{number:032x}",
        correlation=f"Correlation-{number}" if correlation is None else correlation,
        callback_url="http://127.0.0.1/callbacks",
        payer=msisdn(payer),
        payee=msisdn(payee),
        type=type_,
    )
    money = None if amount is None else Money.parse(amount, "KES")
    return Submit(transfer=transfer_id(number), caller=caller, body=body, money=money, original=original)


def said(
    transfer: Transfer, operation: Operation, verdict: Verdict, failure: FailureClass | None = None, text: str = ""
) -> Heard:
    return Heard(
        outcome=Outcome(
            transfer=transfer.id,
            operation=operation,
            connection=connection_for(transfer, operation),
            reference=reference(transfer.id, operation),
            verdict=verdict,
            heard=Source.CALLBACK,
            failure=failure,
            text=text,
        )
    )


def reason_of(result: Result) -> str:
    """Say why a command came to nothing, at the door or after it was accepted; empty: it did not."""
    return str(result.reason)


class House:
    """One database; closes everything that was opened on it."""

    def __init__(self, url: str) -> None:
        """Keep everything in memory when there is no URL."""
        self.url = url
        self.store: Store
        self.door: Door
        self.delivered: list[Outgoing] = []
        self._memory = None if url else MemoryStore(lambda: time.time_ns() // 1_000_000)
        self._stack = contextlib.AsyncExitStack()

    async def __aenter__(self) -> Self:
        self.store = await self.another_store()
        self.door = self.door_of(self.store)
        await self.store.apply_scheme(scheme_file(), "test")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    async def another_store(self) -> Store:
        """Return the store of another process on the same database; there is only one in memory."""
        return self._memory or await self.opened(SqlStore(self.url))

    async def opened(self, store: SqlStore) -> SqlStore:
        """Open a store until the house is closed."""
        await store.open()
        self._stack.push_async_callback(store.close)
        return store

    def door_of(self, store: Store) -> Door:
        return Door(store, LocalBus(), self.delivered.extend)

    async def doors(self, number: int) -> list[Door]:
        return [self.door_of(await self.another_store()) for _ in range(number)]

    async def begun(self, submission: Submit) -> Transfer:
        """Carry out a submission that must succeed."""
        result = await self.door.handle(submission)
        assert isinstance(result, Done), result
        return await self.transfer(result.transfer)

    async def transfer(self, id_: str) -> Transfer:
        found = await self.store.transfer(id_)
        assert found is not None
        return found

    async def hear(self, transfer: Transfer, operation: Operation, verdict: Verdict) -> Transfer:
        result = await self.door.handle(said(transfer, operation, verdict))
        assert isinstance(result, Done), result
        return await self.transfer(transfer.id)

    async def completed(self, number: int, amount: str = "10") -> Transfer:
        return await self.hear(await self.begun(submit(number, amount)), Operation.CREDIT, Verdict.ACCEPTED)

    async def owed(self, number: int) -> Transfer:
        """Bring a third party's transfer to where the payer must be refunded."""
        transfer = await self.begun(submit(number, caller="third"))
        transfer = await self.hear(transfer, Operation.DEBIT, Verdict.ACCEPTED)
        return await self.hear(transfer, Operation.CREDIT, Verdict.REFUSED)

    async def position(self, participant: str) -> Account:
        accounts = await self.store.accounts()
        return next(each for each in accounts if (each.participant, each.kind) == (participant, Kind.POSITION))

    def findings(self) -> list[str]:
        """Audit the books."""
        if self._memory is None:
            return run_audit(self.url).findings
        audit = Audit([msgspec.structs.replace(each) for each in self._memory.ledger.values()])
        for height, (journal, hash_) in enumerate(zip(self._memory.journals, self._memory.hashes, strict=True), 1):
            audit.feed(height, journal, digest(journal), hash_)
        audit.finish()
        return audit.findings
