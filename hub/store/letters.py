"""Letters that stay in the outbox: what could not be told to a participant; nothing else is sent again from here."""

from collections.abc import Sequence
from typing import Final

import msgspec

from hub.core.change import Outgoing
from hub.store.pooled import Pooled
from hub.store.statements import IS_LETTER, NOW_MS

_PARKED: Final = f"""
SELECT replace(transfer::text, '-', ''), queue, attempts, coalesce(note, '') FROM outbox
WHERE parked AND {IS_LETTER} ORDER BY due_ms, transfer LIMIT %s"""

# What failed goes out as it was written; only what has gone is written anew. What was not tried before is on its way.
_AGAIN: Final = f"""
WITH waiting AS (
    UPDATE outbox SET parked = false, attempts = 0, due_ms = {NOW_MS}
    WHERE transfer = %s::uuid AND {IS_LETTER} AND (parked OR attempts > 0) RETURNING 1
), written AS (
    INSERT INTO outbox (transfer, seq, queue, body, due_ms)
    SELECT transfer, seq, queue, body, {NOW_MS}
    FROM json_to_recordset(%s::json) AS r(transfer uuid, seq int, queue text, body json)
    ON CONFLICT DO NOTHING RETURNING 1
)
SELECT (SELECT count(*) FROM waiting) + (SELECT count(*) FROM written)"""


class Parked(msgspec.Struct, frozen=True, kw_only=True):
    """A letter that is not tried any more."""

    transfer: str  # or the batch that it is about
    queue: str
    attempts: int
    note: str  # what went wrong the last time


class Letters(Pooled):
    """Callbacks and notices that wait."""

    async def parked(self, limit: int) -> list[Parked]:
        """Return what is not tried any more, the longest waiting first."""
        return [
            Parked(transfer=transfer, queue=queue, attempts=attempts, note=note)
            for transfer, queue, attempts, note in await self._rows(_PARKED, limit)
        ]

    async def again(self, id_: str, notices: Sequence[Outgoing]) -> int:
        """Have everything about a transfer or batch sent again, these notices too; returns how many letters."""
        return int((await self._rows(_AGAIN, id_, msgspec.json.encode(notices).decode()))[0][0])
