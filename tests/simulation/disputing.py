"""Disputes in the simulation: participants raise, answer and withdraw, some of them at once; silence is deemed."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Callable, Coroutine, Iterator
from typing import TYPE_CHECKING, Any

from hub.core.command import Reason
from hub.core.office.dispute_rules import ENDED, REFUSALS, reasons_for
from hub.core.office.dispute_terms import Deemed, DisputeTerms
from hub.core.office.disputes import Answer, Withdraw
from hub.core.office.raising import Raise
from hub.core.office.records import Dispute, DisputeKind, DisputeState
from hub.core.record import Deed
from hub.core.transfer import Flow, State
from hub.store.contract import UnavailableError
from hub.workers.disputes import Disputes

if TYPE_CHECKING:
    from tests.simulation.house import House

LOOKS_MAX_S = 25.0
# Others were first, or nothing is left of it.
TOO_LATE = {
    *(Reason.RECORD_FORBIDS, Reason.ORIGINAL_EXCEEDED, Reason.ORIGINAL_NOT_COMMITTED, Reason.AMOUNT_TOO_SMALL),
    *(Reason.ROLE_FORBIDS, Reason.TERMS_INVALID),  # who has no part in it, or is both sides
}


def terms(chance: random.Random) -> DisputeTerms:
    """Soon enough for the calendar to come by while there is still trouble."""
    return DisputeTerms(
        recall_answer_s=chance.choice((20, 90)), fraud_recall_answer_s=60, deemed=chance.choice(list(Deemed))
    )


class Disputing:
    """Participants that want money back, or are asked for it."""

    def __init__(self, house: House, chance: random.Random) -> None:
        self._house = house
        self._chance = chance

    async def work_for_ever(self) -> None:
        """Be the worker: look now and then."""
        disputes = Disputes(self._house.door)
        while True:
            with contextlib.suppress(UnavailableError):
                await disputes.look()
            await asyncio.sleep(self._chance.uniform(0.5, LOOKS_MAX_S))

    def every(self) -> list[Dispute]:
        return sorted(self._house.store.records.every(Dispute), key=lambda each: each.id)

    def ended(self) -> bool:
        return all(each.state in ENDED for each in self.every())

    async def something(self) -> None:
        """Do one thing that somebody might do now; sometimes two at once do."""
        acts: tuple[Callable[[], Coroutine[Any, Any, None]], ...] = (self._raised, self._raised, self._answered)
        await self._chance.choice((*acts, self._withdrawn))()

    async def _raised(self) -> None:
        committed = [
            each
            for each in self._house.store.transfers.values()
            if each.state is State.COMMITTED and not each.original and each.flow is not Flow.ERRAND
        ]
        if not committed:
            return
        transfer = self._chance.choice(sorted(committed, key=lambda each: each.id))
        kind = self._chance.choice(list(DisputeKind))
        who = transfer.payer_fsp if kind is DisputeKind.RECALL else transfer.payee_fsp
        some = [
            Raise(
                by=who,
                ref=f"{self._chance.getrandbits(128):032x}",
                dispute=f"{self._chance.getrandbits(128):032x}",
                kind=kind,
                transfer=transfer.id,
                participant=who,
                reason=self._chance.choice(reasons_for(kind)),
                minor=self._chance.choice((0, 0, transfer.minor // 2, transfer.minor // 3 or 1)),
            )
            for _ in range(self._chance.randint(1, 3))
        ]
        await asyncio.gather(*(self._said(each) for each in (*some, some[0])))

    async def _answered(self) -> None:
        for each in self._some_open():
            accept = self._chance.random() < 0.6
            reason = "" if accept else self._chance.choice(sorted(REFUSALS))
            who = {"by": each.against, "participant": each.against, "dispute": each.id, "transfer": each.transfer}
            yes = Answer(**who, accept=accept, reason=reason)
            no = Answer(**who, accept=not accept, reason="" if reason else "CUST")
            await asyncio.gather(*(self._said(each) for each in (yes, yes, no)[: self._chance.randint(1, 3)]))

    async def _withdrawn(self) -> None:
        for each in self._some_open():
            who = {"by": each.raised_by, "participant": each.raised_by, "dispute": each.id, "transfer": each.transfer}
            await self._said(Withdraw(**who))

    def _some_open(self) -> list[Dispute]:
        found = [each for each in self.every() if each.state is DisputeState.OPEN]
        return self._chance.sample(found, min(len(found), self._chance.randint(1, 3)))

    async def _said(self, deed: Deed) -> None:
        await self._house.answered(deed, TOO_LATE)


def disputed_wrong(house: House) -> Iterator[str]:
    """Hold every dispute against its linked transfer: money went back where it says so, once, and only there."""
    transfers, links = house.store.transfers, set()
    for each in house.disputing.every():
        linked = transfers.get(each.linked) if each.linked else None
        if each.state not in ENDED:
            yield f"dispute {each.id} is {each.state} to the end"
        if linked is not None:
            links.add(linked.id)
            if (linked.original, linked.minor) != (each.transfer, each.given_minor):
                yield f"dispute {each.id} gives back {each.given_minor} of {each.transfer}, not as {linked.id}"
        if any(Reason.ORIGINAL_EXCEEDED in step.detail for step in each.steps):
            yield f"dispute {each.id}: what was accepted was not kept for it"
        if (each.state is DisputeState.RETURNED) is not (linked is not None and linked.state is State.COMMITTED):
            yield f"dispute {each.id} is {each.state}, and what gives it back is {linked and linked.state}"
    for transfer in transfers.values():
        if transfer.original and transfer.id not in {*links, *house.accepted}:
            yield f"{transfer.id} gives {transfer.original} back, and nobody asked for it"
