"""The clearing of batches: rows become transfers by the one door, as many at once as is allowed; it moves no money.

A worker takes a batch for one look, about once a second: rows whose transfers ended are settled, further ones are
handed in. What was handed in and not marked before a kill is handed in again under the same ids, which changes nothing.
A row's identities were sealed for the row; here alone they are opened, and sealed anew for its transfer.
"""

import asyncio
import time
from collections.abc import Sequence
from typing import Final

import msgspec
import structlog
from prometheus_client import Counter

from hub.core.batch import (
    NOBODY,
    Batch,
    Identities,
    Item,
    ItemState,
    Room,
    affordable,
    room,
    sealed_name,
    submission,
    transfer_of,
)
from hub.core.command import Reason, Refusal, Result
from hub.flow import BATCH_MAX, Door, OverloadedError
from hub.store.batches import Batches, Marked, Tell
from hub.store.contract import UnavailableError
from routing.seal import Seal, SealError

LOOK_EVERY_S: Final = 1.0
IDLE_S: Final = 0.25
# How long a row waits that its payer's position does not bear, while others go on.
LIQUIDITY_AGAIN_MS: Final = 5_000
# How long a row waits whose identities cannot be opened here: a key is missing, and an operator must put it there.
SEALED_AGAIN_MS: Final = 30_000

_ROWS: Final = Counter("hub_batch_rows", "Rows of batches by what became of handing them in.", ["result"])

_log: Final = structlog.get_logger("batch")


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """How much of the hub batches may take."""

    in_flight_max: int = 600  # transfers of one batch under way at once
    per_second: int = 400  # rows handed in each second for one participant, over all its batches


class Clearing:
    """Clears batches."""

    def __init__(self, door: Door, batches: Batches, tell: Tell, limits: Limits, seal: Seal | None = None) -> None:
        """Hand rows to this door; `tell` finds the words when a batch is complete; `seal` has the API's keys."""
        self._door = door
        self._batches = batches
        self._tell = tell
        self._limits = limits
        self._seal = seal

    async def look(self) -> bool:
        """Look at the batch that is due the longest; False: none is."""
        taken = await self._batches.take()
        if taken is None:
            return False
        batch, sharing = taken
        began = time.monotonic()
        settled = await self._batches.settle(batch.id, LIQUIDITY_AGAIN_MS)
        free = room(await self._batches.traffic(batch.id), self._limits.in_flight_max)
        handed = await self._hand_in(
            batch, free._replace(rows=min(free.rows, max(self._limits.per_second // sharing, 1)))
        )
        if not handed and await self._batches.end(batch.id, self._tell):
            _log.info("batch.completed", batch=batch.id)
            return True
        _log.debug("batch.looked_at", batch=batch.id, settled=settled, handed=handed)
        spent_s = time.monotonic() - began
        await self._batches.look_again(batch.id, max(0, int((LOOK_EVERY_S - spent_s) * 1000)))
        return True

    async def look_for_ever(self) -> None:
        """Look until cancelled."""
        while True:
            try:
                found = await self.look()
            except (UnavailableError, OverloadedError) as error:
                # The batch is taken up again when its lease is over.
                _log.warning("batch.postponed", error=str(error)[:200])
                found = False
            if not found:
                await asyncio.sleep(IDLE_S)

    async def _hand_in(self, batch: Batch, free: Room) -> int:
        """Hand in as many rows as there is room, those first that wait the longest; returns how many."""
        handed, short = 0, set[tuple[str, str]]()
        while handed < free.rows:
            items = await self._batches.next(batch.id, min(BATCH_MAX, free.rows - handed), sorted(short), free.slow)
            if not items:
                break
            fit, held = affordable(items, await self._batches.available())
            ready, shut = self._opened(batch, fit)
            results = await self._door.handle_all([submission(batch, item, who) for item, who in ready])
            marks = [_mark(batch, item, result) for (item, _), result in zip(ready, results, strict=True)]
            waiting = [_waiting(batch, item, Reason.CAP_EXCEEDED, LIQUIDITY_AGAIN_MS) for item in held]
            waiting += [_waiting(batch, item, "", SEALED_AGAIN_MS) for item in shut]
            await self._batches.mark(batch.id, [*marks, *waiting])
            short.update(item.purse for item in held)
            handed += len(ready)
            _count(marks, len(held), len(shut))
        return handed

    def _opened(self, batch: Batch, items: Sequence[Item]) -> tuple[list[tuple[Item, Identities]], list[Item]]:
        """Open what was sealed for rows; the second are those that cannot be opened here, or not now."""
        ready: list[tuple[Item, Identities]] = []
        shut: list[Item] = []
        why = ""
        for item in items:
            try:
                ready.append((item, _identities(batch, item, self._seal)))
            except SealError as error:
                shut.append(item)
                why = str(error)
        if shut:
            _log.error("batch.sealed", batch=batch.id, rows=len(shut), why=why)
        return ready, shut


def _identities(batch: Batch, item: Item, seal: Seal | None) -> Identities:
    """Open what was sealed for a row, and seal it for its transfer; raises SealError."""
    text = item.terms.kyc
    if not text:
        return NOBODY
    if seal is None:
        raise SealError("there is no key")
    clear = seal.opened_object(text, transfer=sealed_name(batch.id, item.row))
    return Identities(clear, seal.sealed_object(clear, transfer=transfer_of(batch.id, item)))


def _mark(batch: Batch, item: Item, result: Result) -> Marked:
    transfer = transfer_of(batch.id, item)
    if isinstance(result, Refusal):
        state, reason = ItemState.REJECTED, str(result.reason)
    else:
        state, reason = ItemState.SUBMITTED, ""
    return Marked(row=item.row, attempt=item.attempt, state=state, transfer=transfer, reason=reason)


def _waiting(batch: Batch, item: Item, reason: str, wait_ms: int) -> Marked:
    return Marked(
        row=item.row,
        attempt=item.attempt,
        state=ItemState.WAITING,
        transfer=transfer_of(batch.id, item),
        reason=reason,
        wait_ms=wait_ms,
    )


def _count(marks: Sequence[Marked], held: int, sealed: int) -> None:
    rejected = sum(mark.state is ItemState.REJECTED for mark in marks)
    _ROWS.labels("submitted").inc(len(marks) - rejected)
    _ROWS.labels("rejected").inc(rejected)
    _ROWS.labels("held").inc(held)
    _ROWS.labels("sealed").inc(sealed)
