"""Records of the office on PostgreSQL: loaded under lock and written for batches, and looked up for the doors.

One way for every kind there is; it knows none of them.
"""

from collections.abc import Iterable, Sequence
from itertools import groupby
from operator import attrgetter
from typing import Any, Final, TypeVar

import msgspec
from psycopg import AsyncCursor
from psycopg.errors import UniqueViolation
from psycopg.rows import TupleRow

from hub.core.deeds import RECORDS
from hub.core.record import Kept, Record, Selector
from hub.store.contract import UnavailableError
from hub.store.office_tables import UPSERTS, locking
from hub.store.pooled import Connection, Pooled
from hub.store.statements import NOW_MS

R = TypeVar("R", bound=Record)

# Any number will do, as long as nothing else in the database uses it as an advisory lock.
COUNTING: Final = "SELECT pg_advisory_xact_lock(7215006)"

_ORDER: Final = {kind: number for number, kind in enumerate(RECORDS)}
_LISTS: Final[dict[type[Record], Any]] = {kind: msgspec.json.Decoder(list[kind]).decode for kind in RECORDS}  # type: ignore[valid-type] # kinds are types


async def lock(connection: Connection, wanted: Sequence[Selector]) -> Kept:
    """Lock and read records, kind by kind, all of a kind at once in the order of their ids."""
    kept: dict[type[Record], dict[str, Record]] = {}
    ordered = sorted(wanted, key=lambda each: (_ORDER[each.kind], each.column, each.value))
    for kind, group in groupby(ordered, key=attrgetter("kind")):
        values: dict[str, list[str]] = {}
        for each in group:
            values.setdefault(each.column, []).append(each.value)
        cursor = await connection.execute(locking(kind, tuple(values)), tuple(values.values()))
        rows = await cursor.fetchall()
        kept[kind] = {each.id: each for each in _LISTS[kind](rows[0][0])}
    return kept


def promised_in(rows: Iterable[tuple[str, str, int]]) -> dict[str, dict[str, int]]:
    """Return, for every original, the reversals that disputes are still to make of it, each with its minor units."""
    promised: dict[str, dict[str, int]] = {}
    for original, linked, minor in rows:
        promised.setdefault(original, {})[linked] = minor
    return promised


async def write(connection: Connection, records: dict[str, dict[str, msgspec.Struct]]) -> None:
    """Write records, new or changed; raises UnavailableError where somebody else was first: the batch is repeated."""
    for table, found in sorted(records.items()):
        rows = [found[id_] for id_ in sorted(found)]
        try:
            said = (msgspec.json.encode(rows).decode(),)
            cursor: AsyncCursor[TupleRow] = await connection.execute(UPSERTS[table], said)
        except UniqueViolation as error:
            raise UnavailableError(f"somebody else has written the same of {table} meanwhile") from error
        if cursor.rowcount != len(rows):
            raise UnavailableError(f"a record of {table} was changed by somebody else meanwhile")


class Records(Pooled):
    """Look-ups of records; nothing is locked."""

    async def one(self, kind: type[R], id_: str) -> R | None:
        """Return a record; None: there is none."""
        found = await self.found(kind, limit=1, id=id_)
        return found[0] if found else None

    async def found(
        self, kind: type[R], /, *, limit: int = 1_000, before: tuple[int, str] | None = None, **where: str | int | bool
    ) -> list[R]:
        """List records with these values, the newest first; `before`: `at_ms` and id of the last one of a page."""
        known = kind.__struct_fields__
        if any(name not in known for name in where):
            raise ValueError(f"{kind.table} has no such columns: {', '.join(where)}")
        tests = [f'"{name}" = %s' for name in where]
        values: list[Any] = list(where.values())
        if before is not None:
            tests.append("(at_ms, id) < (%s, %s)")
            values.extend(before)
        condition = " AND ".join(tests) or "true"
        rows = await self._rows(
            f"SELECT coalesce(json_agg(x), '[]')::text FROM (SELECT * FROM {kind.table} WHERE {condition} "
            "ORDER BY at_ms DESC, id DESC LIMIT %s) AS x",
            *values,
            limit,
        )
        listed: list[R] = _LISTS[kind](rows[0][0])
        return listed

    async def among(self, kind: type[R], column: str, values: Sequence[str]) -> list[R]:
        """List the records with one of these values in a column, in the order of their ids."""
        if column not in ("id", *kind.keys):
            raise ValueError(f"records of {kind.table} are not found by {column}")
        rows = await self._rows(
            f"SELECT coalesce(json_agg(x), '[]')::text FROM (SELECT * FROM {kind.table} "
            f'WHERE "{column}" = ANY(%s) ORDER BY id) AS x',
            list(values),
        )
        listed: list[R] = _LISTS[kind](rows[0][0])
        return listed

    async def due(self, kind: type[R], limit: int = 1_000) -> list[R]:
        """List records whose time has come, the longest overdue first."""
        rows = await self._rows(
            f"SELECT coalesce(json_agg(x), '[]')::text FROM (SELECT * FROM {kind.table} "
            f"WHERE due_ms <= {NOW_MS} ORDER BY due_ms, id LIMIT %s) AS x",
            limit,
        )
        listed: list[R] = _LISTS[kind](rows[0][0])
        return listed

    async def now_ms(self) -> int:
        """Return the database's time."""
        return int((await self._rows(f"SELECT {NOW_MS}"))[0][0])
