"""Settlement on PostgreSQL: what has moved in a window, summed by the database; and the windows a scheme opens.

The interval of a closed window never changes and its journals are committed, so they are read beside the traffic and
nothing is locked for that.
"""

from typing import Any, Final

import msgspec
from psycopg import AsyncCursor
from psycopg.errors import UniqueViolation
from psycopg.rows import TupleRow

from hub.core.participant import SchemeFile
from hub.core.settlement.opening import reopened
from hub.core.settlement.rules import Netting, model_of
from hub.core.settlement.window import Movement, Window
from hub.ledger.account import Kind
from hub.store.contract import UnavailableError, Unsettled
from hub.store.office_tables import UPSERTS
from hub.store.pooled import Pooled
from hub.store.statements import HEAD, NOW_MS

SIDES: Final = (Kind.POSITION, Kind.FEES)
# Sums of a window are few, and the bench's million transfers should not be sorted on disk.
_ROOM: Final = "SET LOCAL work_mem = '64MB'"
# Traffic needs the other cores.
_ALONE: Final = "SET LOCAL max_parallel_workers_per_gather = 0"

# Each side is a position, or the hub with what it has earned. Both have one currency, so one is enough to be asked for.
_MOVEMENTS: Final = """
SELECT d.participant, c.participant, m.minor, m.count, m.subject
FROM (
    SELECT debit, credit, {subject} AS subject, sum(minor)::bigint AS minor, count(*) AS count
    FROM posting
    WHERE journal > %(after)s AND journal <= %(to)s AND phase = 'posted' AND debit = ANY(%(sides)s)
    GROUP BY debit, credit{group}
) AS m
JOIN account AS d ON d.id = m.debit JOIN account AS c ON c.id = m.credit
WHERE c.kind = ANY(%(kinds)s)
ORDER BY m.subject, d.participant, c.participant"""

NET: Final = _MOVEMENTS.format(subject="''::text", group="")
GROSS: Final = _MOVEMENTS.format(subject="subject", group=", subject")

_SIDES_OF: Final = "SELECT coalesce(array_agg(id), '{}') FROM account WHERE currency = %s AND kind = ANY(%s)"
_HEIGHT: Final = "SELECT height FROM chain"

_UNSETTLED: Final = """
SELECT w.model, w.state, w.currency, count(*), min(w.at_ms), sum(o.due)::bigint, sum(o.minor)::bigint
FROM window_of_settlement AS w, LATERAL (
    SELECT count(*) AS due, coalesce(sum(minor), 0) AS minor FROM obligation AS o
    WHERE o."window" = w.id AND o.state = 'due') AS o
WHERE w.unsettled > ''
GROUP BY w.model, w.state, w.currency ORDER BY w.model, w.state, w.currency"""

# Nobody closes a window while a scheme opens others; whoever reads is let be.
LOCK_WINDOWS: Final = "LOCK TABLE window_of_settlement IN EXCLUSIVE MODE"
_OPEN: Final = """
SELECT coalesce(json_agg(x), '[]')::text
FROM (SELECT * FROM window_of_settlement WHERE to_height IS NULL ORDER BY id FOR UPDATE) AS x"""
_LAST: Final = "SELECT model, max(number) FROM window_of_settlement GROUP BY model"

_windows: Final = msgspec.json.Decoder(list[Window]).decode


class Settlement(Pooled):
    """Look-ups for settlement."""

    async def movements(self, window: Window, after: int | None = None) -> list[Movement]:
        """Sum up what has moved in a window; raises UnavailableError."""
        kinds = list(SIDES)
        async with self._connected() as connection, connection.transaction():
            await connection.execute(_ROOM)
            await connection.execute(_ALONE)
            sides = await (await connection.execute(_SIDES_OF, (window.currency, kinds))).fetchall()
            to = window.to_height
            if to is None:
                to = (await (await connection.execute(_HEIGHT)).fetchall())[0][0]
            statement = GROSS if window.terms.netting is Netting.GROSS else NET
            values = {
                "after": max(window.from_height, after or 0),
                "to": to,
                "sides": sides[0][0],
                "kinds": kinds,
            }
            rows = await (await connection.execute(statement, values)).fetchall()
        return own(window, [Movement(*row) for row in rows])

    async def height(self) -> int:
        """Return the number of the last journal."""
        return int((await self._rows(_HEIGHT))[0][0])

    async def unsettled(self) -> list[Unsettled]:
        """Count the windows that are not settled, and what is due for them."""
        return [Unsettled(*row) for row in await self._rows(_UNSETTLED)]


def own(window: Window, movements: list[Movement]) -> list[Movement]:
    """Return the movements that are settled by this window's model."""
    models = (*window.before, window.terms)
    pairs = {(each.debtor, each.creditor) for each in movements}
    mine = {pair for pair in pairs if model_of(models, window.currency, *pair) == window.terms}
    return [each for each in movements if (each.debtor, each.creditor) in mine]


async def open_windows(cursor: AsyncCursor[TupleRow], file: SchemeFile, version: int, by: str) -> None:
    """Open and close the windows that a scheme asks for, in its own commit.

    Raises UnavailableError where somebody closes one meanwhile: the commit is repeated.
    """
    opened = _windows(await _value(cursor, _OPEN))
    if not opened and not file.settlement_model:
        return
    await cursor.execute(_LAST)
    last: dict[str, int] = dict(await cursor.fetchall())
    height = int(await _value(cursor, HEAD))
    now_ms = int(await _value(cursor, f"SELECT {NOW_MS}"))
    closer = f"scheme {version}, applied by {by}"
    written = reopened(file.settlement_model, opened, last, height=height, now_ms=now_ms, by=closer)
    if written:
        rows = sorted(written, key=lambda each: each.id)
        try:
            await cursor.execute(UPSERTS[Window.table], (msgspec.json.encode(rows).decode(),))
        except UniqueViolation as error:
            raise UnavailableError("a window was opened meanwhile") from error
        if cursor.rowcount != len(rows):
            raise UnavailableError("a window was closed meanwhile")


async def _value(cursor: AsyncCursor[TupleRow], statement: str) -> Any:
    await cursor.execute(statement)
    return (await cursor.fetchall())[0][0]
