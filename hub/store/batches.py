"""Batches on PostgreSQL: their rows come by COPY and are counted where they are; nothing here posts to the ledger.

A worker takes a batch for a while (`due_ms`, as of an outbox row), and no other looks at it meanwhile. If both did,
nothing would be doubled: ids of transfers are derived, and a row is marked only in the state it was read in.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Final

import msgspec

from hub.core.batch import Batch, Ended, Item, ItemState, Progress, Traffic
from hub.core.change import Outgoing
from hub.core.command import Reason
from hub.ledger.account import Account
from hub.ledger.position import available
from hub.store import statements
from hub.store.pooled import Connection, Pooled
from hub.store.tables import batch as _table
from hub.store.tables import recordset

NOW_MS: Final = statements.NOW_MS
# How long a worker has for one look at a batch before another may take it.
LEASE_MS: Final = 30_000

_UUIDS: Final = ("id", "request")
_BATCH: Final = ", ".join(
    f"replace(b.{column.name}::text, '-', '') AS {column.name}" if column.name in _UUIDS else f"b.{column.name}"
    for column in _table.columns
)
_READ: Final = f"SELECT row_to_json(x)::text FROM (SELECT {_BATCH} FROM batch AS b WHERE b.id = %s::uuid) AS x"
_LOCK: Final = f"SELECT row_to_json(x)::text FROM (SELECT {_BATCH} FROM batch AS b WHERE b.id = %s::uuid FOR UPDATE) x"

_CLAIM: Final = f"""
INSERT INTO request (id, caller, correlation, transfer, created_ms)
VALUES (%s::uuid, %s, nullif(%s, ''), %s::uuid, {NOW_MS}) ON CONFLICT DO NOTHING RETURNING 1"""

_INSERT: Final = f"INSERT INTO batch SELECT * FROM json_to_recordset(%s::json) AS r({recordset(_table)})"

COLUMNS: Final = (
    "batch", "row", "state", "payer_fsp", "other_fsp", "currency", "minor", "terms", "reason", "ended_ms",
)  # fmt: skip
_COPY: Final = "COPY batch_item (" + ", ".join(f'"{name}"' for name in COLUMNS) + ") FROM STDIN"

_TELL: Final = f"""
INSERT INTO outbox (transfer, seq, queue, body, due_ms) VALUES (%s::uuid, %s, %s, %s::json, {NOW_MS})
ON CONFLICT DO NOTHING"""

_APPROVE: Final = f"""
UPDATE batch SET status = 'approved', approved_ms = {NOW_MS}, approved_by = %s,
    due_ms = greatest({NOW_MS}, coalesce(scheduled_ms, 0))
WHERE id = %s::uuid AND status = 'created'"""

_APPROVER: Final = "UPDATE batch SET approval_correlation = %s, approval_url = %s WHERE id = %s::uuid"

_TAKE: Final = f"""
WITH taken AS (
    UPDATE batch SET due_ms = {NOW_MS} + {LEASE_MS}
    WHERE id = (SELECT id FROM batch WHERE due_ms <= {NOW_MS} ORDER BY due_ms LIMIT 1 FOR UPDATE SKIP LOCKED)
    RETURNING *)
SELECT row_to_json(x)::text, x.sharing FROM (
    SELECT {_BATCH}, (SELECT count(*) FROM batch AS o WHERE o.caller = b.caller AND o.id <> b.id
                      AND o.due_ms <= {NOW_MS} + {LEASE_MS}) + 1 AS sharing
    FROM taken AS b) AS x"""

# Only what is still waiting under the attempt that was read: two workers at one row leave it as one would. A refusal is
# no end, and nothing is held back, where the transfer exists: an earlier hand-in was taken, and its end is the row's.
_MARK: Final = f"""
UPDATE batch_item AS i
SET state = CASE WHEN t.id IS NULL THEN r.state ELSE 'submitted' END,
    transfer = CASE WHEN r.state = 'submitted' OR t.id IS NOT NULL THEN r.transfer END,
    reason = CASE WHEN t.id IS NULL THEN r.reason ELSE '' END,
    ended_ms = CASE WHEN t.id IS NULL AND r.state = 'rejected' THEN {NOW_MS} END,
    due_ms = {NOW_MS} + r.wait_ms
FROM json_to_recordset(%s::json) AS r("row" int, attempt int, state text, transfer uuid, reason text, wait_ms bigint)
LEFT JOIN transfer AS t ON t.id = r.transfer AND r.state <> 'submitted'
WHERE i.batch = %s::uuid AND i.row = r.row AND i.attempt = r.attempt AND i.state = 'waiting'"""

# What the hub barred for want of liquidity alone is tried again, under a new id; every other end is the row's.
_SETTLE: Final = f"""
UPDATE batch_item AS i
SET state = CASE WHEN s.state = 'committed' THEN 'completed' WHEN s.again THEN 'waiting' ELSE 'rejected' END,
    attempt = i.attempt + s.again::int,
    due_ms = CASE WHEN s.again THEN {NOW_MS} + %s ELSE i.due_ms END,
    transfer = CASE WHEN s.again THEN NULL ELSE i.transfer END,
    reason = CASE WHEN s.state = 'committed' THEN '' ELSE s.reason END,
    ended_ms = CASE WHEN s.again THEN NULL ELSE s.updated_ms END
FROM (SELECT *, state = 'aborted' AND reason = '{Reason.CAP_EXCEEDED}' AS again FROM standing) AS s
WHERE i.batch = %s::uuid AND i.state = 'submitted' AND s.id = i.transfer
    AND s.state IN ('committed', 'aborted', 'refunded')"""

_TRAFFIC: Final = """
SELECT i.other_fsp, count(*) FILTER (WHERE s.state NOT LIKE '%%in_doubt'),
    count(*) FILTER (WHERE s.state LIKE '%%in_doubt')
FROM batch_item AS i JOIN standing AS s ON s.id = i.transfer
WHERE i.batch = %s::uuid AND i.state = 'submitted' GROUP BY i.other_fsp"""

_NEXT: Final = f"""
SELECT coalesce(json_agg(x), '[]')::text FROM (
    SELECT row, attempt, minor, currency, payer_fsp, terms FROM batch_item
    WHERE batch = %s::uuid AND state = 'waiting' AND due_ms <= {NOW_MS}
        AND payer_fsp || '/' || currency <> ALL (%s::text[]) AND other_fsp <> ALL (%s::text[])
    ORDER BY due_ms, row LIMIT %s) AS x"""

_POSITIONS: Final = "SELECT coalesce(json_agg(a), '[]')::text FROM account AS a WHERE kind = 'position'"

_END: Final = f"""
UPDATE batch SET status = 'completed', completed_ms = {NOW_MS}, due_ms = NULL
WHERE id = %s::uuid AND status = 'approved'
    AND NOT EXISTS (SELECT FROM batch_item WHERE batch = %s::uuid AND state = 'waiting')
    AND NOT EXISTS (SELECT FROM batch_item WHERE batch = %s::uuid AND state = 'submitted')"""

_POSTPONE: Final = f"UPDATE batch SET due_ms = {NOW_MS} + %s WHERE id = %s::uuid AND status = 'approved'"

_PROGRESS: Final = f"""
SELECT count(*) FILTER (WHERE minor > 0), count(*) FILTER (WHERE state = 'rejected'),
    count(*) FILTER (WHERE state = 'completed'), count(*) FILTER (WHERE state = 'submitted'),
    count(*) FILTER (WHERE state = 'waiting' AND reason = '{Reason.CAP_EXCEEDED}')
FROM batch_item WHERE batch = %s::uuid"""

_OF_FINALS: Final = "FROM batch_item WHERE batch = %s::uuid AND state = ANY (%s) AND ended_ms BETWEEN %s AND %s"
_COUNT_FINALS: Final = f"SELECT count(*) {_OF_FINALS}"
_FINALS: Final = f"""
SELECT coalesce(json_agg(x), '[]')::text FROM (
    SELECT row, coalesce(replace(transfer::text, '-', ''), '') AS transfer, currency, minor, reason, ended_ms, state,
        terms
    {_OF_FINALS} ORDER BY row LIMIT %s OFFSET %s) AS x"""

_batch: Final = msgspec.json.Decoder(Batch).decode
_items: Final = msgspec.json.Decoder(list[Item]).decode
_finals: Final = msgspec.json.Decoder(list[Ended]).decode
_accounts: Final = msgspec.json.Decoder(list[Account]).decode
_encode: Final = msgspec.json.Encoder().encode

_WHENEVER: Final = (0, 1 << 62)

# What is to be said about a batch as it now stands; written in the commit that brought it there.
Tell = Callable[[Batch, Progress], Sequence[Outgoing]]
# The rows as COPY reads them, some at a time.
Lines = AsyncIterator[bytes]


class Marked(msgspec.Struct, frozen=True, kw_only=True):
    """What became of handing one row in."""

    row: int
    attempt: int
    state: ItemState
    transfer: str
    reason: str = ""
    wait_ms: int = 0


class Approval(msgspec.Struct, frozen=True, kw_only=True):
    """A PATCH that approves a batch."""

    request: str
    caller: str
    client: str
    correlation: str = ""
    callback_url: str = ""


class Batches(Pooled):
    """Where batches are kept."""

    async def create(self, batch: Batch, lines: Lines, tell: Tell) -> str:
        """Keep a batch and all its rows in one commit; returns its id, or what had this correlation id before."""
        async with self._connected() as connection, connection.transaction():
            before = await _claimed(connection, batch.request, batch.caller, batch.correlation, batch.id)
            if before is not None:
                return before[1]
            await connection.execute(_INSERT, [_encode([batch]).decode()])
            async with connection.cursor() as cursor, cursor.copy(_COPY) as copy:
                async for chunk in lines:
                    await copy.write(chunk)
            await _tell(connection, tell(batch, await _progress(connection, batch.id)))
        return batch.id

    async def approve(self, id_: str, approval: Approval, tell: Tell) -> tuple[str, str]:
        """Approve a batch that waits for it, once; returns the request and the object that it is about."""
        async with self._connected() as connection, connection.transaction():
            rows = await (await connection.execute(_LOCK, [id_])).fetchall()
            request = approval.request
            before = await _claimed(connection, request, approval.caller, approval.correlation, id_)
            if before is not None:  # the same PATCH again is the same request
                request, subject = before
                if subject != id_:
                    return before
            batch = _batch(rows[0][0])
            await connection.execute(_APPROVER, [approval.correlation, approval.callback_url, id_])
            changed = await connection.execute(_APPROVE, [approval.client, id_])
            if changed.rowcount or batch.completed_ms is not None:
                now = _batch((await (await connection.execute(_READ, [id_])).fetchall())[0][0])
                await _tell(connection, tell(now, await _progress(connection, id_)))
        return request, id_

    async def now_ms(self) -> int:
        """Return the time on the database's clock."""
        return int((await self._rows(f"SELECT {NOW_MS}"))[0][0])

    async def batch(self, id_: str) -> Batch | None:
        """Return a batch."""
        rows = await self._rows(_READ, id_)
        return _batch(rows[0][0]) if rows else None

    async def progress(self, id_: str) -> Progress:
        """Count a batch's rows."""
        async with self._connected() as connection:
            return await _progress(connection, id_)

    async def count(self, id_: str, states: Sequence[ItemState], within_ms: tuple[int, int] = _WHENEVER) -> int:
        """Count rows that ended so, in this time."""
        return int((await self._rows(_COUNT_FINALS, id_, list(states), *within_ms))[0][0])

    async def finals(
        self,
        id_: str,
        states: Sequence[ItemState],
        *,
        limit: int,
        offset: int = 0,
        within_ms: tuple[int, int] = _WHENEVER,
    ) -> list[Ended]:
        """List rows that ended so, in this time, in their own order."""
        return _finals((await self._rows(_FINALS, id_, list(states), *within_ms, limit, offset))[0][0])

    async def take(self) -> tuple[Batch, int] | None:
        """Take a batch that is due; says how many of its caller's are being cleared. None: nothing is due."""
        rows = await self._rows(_TAKE)
        return (_batch(rows[0][0]), int(rows[0][1])) if rows else None

    async def settle(self, id_: str, again_ms: int) -> int:
        """Let rows end whose transfers have; what was barred for want of liquidity waits again. Returns how many."""
        return await self._run(_SETTLE, again_ms, id_)

    async def traffic(self, id_: str) -> list[Traffic]:
        """Count the transfers that are not known to be final, by who is to act."""
        return [Traffic(*row) for row in await self._rows(_TRAFFIC, id_)]

    async def next(
        self, id_: str, limit: int, short: Sequence[tuple[str, str]] = (), slow: Sequence[str] = ()
    ) -> list[Item]:
        """Return rows to hand in, but none whose payer is among those that are short, or who is to act too slow."""
        purses = ["/".join(each) for each in short]
        return _items((await self._rows(_NEXT, id_, purses, list(slow), limit))[0][0])

    async def available(self) -> dict[tuple[str, str], int | None]:
        """Return what every participant's position still bears, by participant and currency."""
        accounts = _accounts((await self._rows(_POSITIONS))[0][0])
        return {(each.participant, each.currency): available(each) for each in accounts}

    async def mark(self, id_: str, marks: Sequence[Marked]) -> None:
        """Keep what became of rows that were handed in, or held back."""
        await self._run(_MARK, _encode(marks).decode(), id_)

    async def end(self, id_: str, tell: Tell) -> bool:
        """Complete a batch whose rows are all final, and say so; False: some are not."""
        async with self._connected() as connection, connection.transaction():
            if not (await connection.execute(_END, [id_] * 3)).rowcount:
                return False
            batch = _batch((await (await connection.execute(_READ, [id_])).fetchall())[0][0])
            await _tell(connection, tell(batch, await _progress(connection, id_)))
        return True

    async def look_again(self, id_: str, wait_ms: int) -> None:
        """Give a batch back, to be taken again after this time."""
        await self._run(_POSTPONE, wait_ms, id_)


async def _claimed(
    connection: Connection, request: str, caller: str, correlation: str, subject: str
) -> tuple[str, str] | None:
    """Claim a correlation id; returns (request, subject) of whoever was first, None when it is us."""
    cursor = await connection.execute(_CLAIM, [request, caller, correlation.lower(), subject])
    if await cursor.fetchall():
        return None
    rows = await (await connection.execute(statements.RESPONSE, [caller, correlation.lower()])).fetchall()
    return rows[0][0], rows[0][3]


async def _progress(connection: Connection, id_: str) -> Progress:
    rows = await (await connection.execute(_PROGRESS, [id_])).fetchall()
    parsed, rejected, completed, submitted, held = rows[0]
    return Progress(parsed=parsed, rejected=rejected, completed=completed, submitted=submitted, held=held)


async def _tell(connection: Connection, messages: Sequence[Outgoing]) -> None:
    for each in messages:
        body = bytes(each.body).decode()
        await connection.execute(_TELL, [each.transfer, each.seq, each.queue, body])
