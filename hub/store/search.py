"""Searching for operators, on PostgreSQL: every page is read along an index, and looks at so many rows at most.

Where a filter has no index of its own, a page looks at the newest rows that the indexed ones leave, up to a limit, and
says where the next page goes on: it may hold few rows, or none, and still have a next one. Nothing is locked.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, Generic, NamedTuple, TypeVar

import msgspec

from hub.core.change import Case
from hub.core.command import Transfer
from hub.core.office.records import File
from hub.core.record import Record
from hub.core.settlement.window import Window
from hub.core.transfer import FINAL, State
from hub.store import statements
from hub.store.office_tables import TABLES
from hub.store.pooled import Pooled

LOOKED_AT_MAX: Final = 2_000  # rows that a page of one list looks at
LINES_MAX: Final = 20_000  # rows that a page of transfers looks at in all accounts together
TIMES: Final = (0, 2**63 - 1)

Cursor = tuple[int, str]  # when the last row of a page began (ms), and its id
T = TypeVar("T")
R = TypeVar("R", bound=Record)

# What lists leave out, because it may be long: who wants it looks at the one record.
_LONG: Final[Mapping[type[Record], Mapping[str, str]]] = {
    File: {"content": "''"},
    Window: {"movements": "'[]'::json", "carried": "'[]'::json", "before": "'[]'::json"},
}
_SPAN: Final = "at_ms BETWEEN %(from_ms)s AND %(to_ms)s AND (at_ms, id) < (%(before_ms)s, %(before_id)s)"
_END: Final[Cursor] = (2**63 - 1, "~")  # after every id


class Page(NamedTuple, Generic[T]):
    """Rows, the newest first, and where the next page goes on; None: there is none."""

    items: list[T]
    next: Cursor | None


class Sought(NamedTuple):
    """Which transfers are looked for: under these keys of the listing, in this span, in these states."""

    keys: Sequence[int] | None  # None: whatever is in these states, which are under way; empty: nothing
    limit: int
    states: Sequence[State] = ()  # none: every state
    from_ms: int = TIMES[0]  # both inclusive
    to_ms: int = TIMES[1]
    before: Cursor | None = None


class Applied(msgspec.Struct, frozen=True, kw_only=True):
    """A version of the scheme: when it came into force, and who applied it."""

    version: int
    applied_ms: int
    applied_by: str


class Audited(msgspec.Struct, frozen=True, kw_only=True):
    """How far the audit of what is new has come. Times are Unix milliseconds; None: never."""

    now_ms: int
    height: int  # of the chain
    height_ms: int
    audited: int | None  # up to which height everything was clean
    clean_ms: int | None
    checkpoint: int | None
    checkpoint_ms: int | None


def _listed(kind: type[Record], keyed: Sequence[str], more: Sequence[str]) -> str:
    long = _LONG.get(kind, {})
    columns = ", ".join(
        f'{long[each.name]} AS "{each.name}"' if each.name in long else f'"{each.name}"'
        for each in TABLES[kind].columns
    )
    return f"""
    WITH seen AS MATERIALIZED (
        SELECT {columns} FROM {kind.table} WHERE {" AND ".join([_SPAN, *(_equals(each) for each in keyed)])}
        ORDER BY at_ms DESC, id DESC LIMIT %(look)s
    ), page AS (
        SELECT * FROM seen WHERE {" AND ".join(_equals(each) for each in more) or "true"}
        ORDER BY at_ms DESC, id DESC LIMIT %(limit)s
    )
    SELECT (SELECT count(*) FROM seen), (SELECT count(*) FROM page),
           (SELECT json_build_array(at_ms, id)::text FROM seen ORDER BY at_ms, id LIMIT 1),
           (SELECT json_build_array(at_ms, id)::text FROM page ORDER BY at_ms, id LIMIT 1),
           (SELECT coalesce(json_agg(x ORDER BY at_ms DESC, id DESC), '[]')::text FROM page AS x)"""


def _equals(name: str) -> str:
    return f'"{name}" = %(is_{name})s'


# Lines of several accounts: each account's own newest, and of these the newest of all.
_LINES: Final = """
WITH seen AS MATERIALIZED (
    SELECT DISTINCT l.created_ms, l.transfer
    FROM unnest(%(keys)s::bigint[]) AS k(key), LATERAL (
        SELECT DISTINCT created_ms, transfer FROM listing
        WHERE listing.key = k.key AND created_ms BETWEEN %(from_ms)s AND %(to_ms)s
          AND (created_ms, transfer) < (%(before_ms)s, %(before_id)s::uuid)
        ORDER BY created_ms DESC, transfer DESC LIMIT %(look)s) AS l
    ORDER BY created_ms DESC, transfer DESC LIMIT %(look)s
)"""

# What is not final yet is in an index of its own, which is as long as what is under way.
_UNDER_WAY: Final = """
WITH seen AS MATERIALIZED (
    SELECT t.created_ms, t.id AS transfer FROM standing AS s JOIN transfer AS t ON t.id = s.id
    WHERE s.due_ms IS NOT NULL AND s.state = ANY(%(states)s) AND t.flow <> 'errand'
      AND t.created_ms BETWEEN %(from_ms)s AND %(to_ms)s
      AND (t.created_ms, t.id) < (%(before_ms)s, %(before_id)s::uuid)
    ORDER BY created_ms DESC, transfer DESC LIMIT %(look)s
)"""

_ASKED: Final = """
WITH seen AS MATERIALIZED (
    SELECT t.created_ms, t.id AS transfer FROM request AS r JOIN transfer AS t ON t.id = r.transfer
    WHERE r.caller = ANY(%(callers)s) AND r.correlation = %(correlation)s
)"""

_PAGE: Final = f""", page AS (
    SELECT seen.* FROM seen JOIN standing AS s ON s.id = seen.transfer
    WHERE cardinality(%(states)s::text[]) = 0 OR s.state = ANY(%(states)s)
    ORDER BY created_ms DESC, transfer DESC LIMIT %(limit)s
)
SELECT (SELECT count(*) FROM seen), (SELECT count(*) FROM page),
       (SELECT json_build_array(created_ms, transfer)::text FROM seen ORDER BY created_ms, transfer LIMIT 1),
       (SELECT json_build_array(created_ms, transfer)::text FROM page ORDER BY created_ms, transfer LIMIT 1),
       (SELECT coalesce(json_agg(x ORDER BY created_ms DESC, id DESC), '[]')::text FROM (
            SELECT {statements.TRANSFER_COLUMNS}
            FROM page AS p JOIN transfer AS t ON t.id = p.transfer JOIN standing AS s ON s.id = p.transfer) AS x)"""

_CASES: Final = """
WITH seen AS MATERIALIZED (
    SELECT transfer, seq, kind, detail, opened_ms, transfer::text || '/' || seq AS place FROM operator_case
    WHERE closed_ms IS NULL AND opened_ms <= %(before_ms)s
      AND (opened_ms, transfer::text || '/' || seq) < (%(before_ms)s, %(before_id)s)
    ORDER BY opened_ms DESC, place DESC LIMIT %(look)s
), page AS (
    SELECT * FROM seen ORDER BY opened_ms DESC, place DESC LIMIT %(limit)s
)
SELECT (SELECT count(*) FROM seen), (SELECT count(*) FROM page), NULL,
       (SELECT json_build_array(opened_ms, place)::text FROM page ORDER BY opened_ms, place LIMIT 1),
       (SELECT coalesce(json_agg(x ORDER BY opened_ms DESC, place DESC), '[]')::text FROM (
            SELECT replace(transfer::text, '-', '') AS transfer, seq, kind, detail, opened_ms, place FROM page) AS x)"""

_SCHEMES: Final = """
SELECT coalesce(json_agg(x ORDER BY version DESC), '[]')::text FROM (
    SELECT version, applied_ms, applied_by FROM scheme WHERE version < %s ORDER BY version DESC LIMIT %s) AS x"""

_DOCUMENT: Final = "SELECT version, applied_ms, applied_by, document::text FROM scheme WHERE version = %s"

_AUDITED: Final = f"""
SELECT {statements.NOW_MS}, chain.height, chain.at_ms, a.height, a.clean_ms, c.height, c.at_ms
FROM chain LEFT JOIN audited AS a ON true
LEFT JOIN (SELECT height, at_ms FROM checkpoint ORDER BY height DESC LIMIT 1) AS c ON true"""

_LAST_UUID: Final = "ffffffff-ffff-ffff-ffff-ffffffffffff"

_cursor: Final = msgspec.json.Decoder(Cursor).decode
_transfers: Final = msgspec.json.Decoder(list[Transfer]).decode
_cases: Final = msgspec.json.Decoder(list[Case]).decode
_applied: Final = msgspec.json.Decoder(list[Applied]).decode


class Search(Pooled):
    """What operators look for."""

    async def records(
        self,
        kind: type[R],
        *,
        limit: int,
        before: Cursor | None = None,
        from_ms: int = TIMES[0],
        to_ms: int = TIMES[1],
        where: Mapping[str, Any],
    ) -> Page[R]:
        """List records with these values, begun in this span; raises ValueError for a column that the kind lacks."""
        if unknown := [name for name in where if name not in kind.__struct_fields__]:
            raise ValueError(f"{kind.table} has no such columns: {', '.join(unknown)}")
        keyed = [name for name in where if name in ("id", *kind.keys)]
        more = [name for name in where if name not in keyed]
        at = before or _END
        values = {f"is_{name}": value for name, value in where.items()} | {
            "from_ms": from_ms,
            "to_ms": min(to_ms, at[0]),  # said twice: an index is entered by the plain bound, not by the pair
            "before_ms": at[0],
            "before_id": at[1],
            "look": max(LOOKED_AT_MAX, limit + 1) if more else limit + 1,
        }
        row, cursor = await self._page(_listed(kind, keyed, more), values, limit)
        return Page(msgspec.json.decode(row, type=list[kind]), cursor)  # type: ignore[valid-type] # kinds are types

    async def transfers(self, sought: Sought) -> Page[Transfer]:
        """List transfers that are found under these keys; raises ValueError without any for what is not under way."""
        if sought.keys is None and (not sought.states or FINAL & set(sought.states)):
            raise ValueError("without keys, only what is under way is looked for")
        keys = list(sought.keys or ())
        every = max(LINES_MAX // max(len(keys), 1), 1)
        look = max(min(LOOKED_AT_MAX, every), sought.limit + 1) if sought.states else sought.limit + 1
        at = sought.before or (TIMES[1], _LAST_UUID)
        values = {
            "keys": keys,
            "states": list(sought.states),
            "from_ms": sought.from_ms,
            "to_ms": min(sought.to_ms, at[0]),  # as above
            "before_ms": at[0],
            "before_id": at[1],
            "look": look,
        }
        row, cursor = await self._page((_UNDER_WAY if sought.keys is None else _LINES) + _PAGE, values, sought.limit)
        return Page(_transfers(row), cursor)

    async def asked(self, callers: Sequence[str], correlation: str) -> list[Transfer]:
        """List what these callers asked for with this correlation id: each at most one."""
        values = {"callers": list(callers), "correlation": correlation.lower(), "states": [], "look": len(callers) + 1}
        row, _ = await self._page(_ASKED + _PAGE, values, max(len(callers), 1))
        return _transfers(row)

    async def cases(self, *, limit: int, before: Cursor | None = None) -> Page[Case]:
        """List what waits in the exception queue."""
        at = before or _END
        values = {"before_ms": at[0], "before_id": at[1], "look": limit + 1}
        row, cursor = await self._page(_CASES, values, limit)
        return Page(_cases(row), cursor)

    async def schemes(self, *, limit: int, before: int | None = None) -> list[Applied]:
        """List versions of the scheme; `before`: only those before this one."""
        rows = await self._rows(_SCHEMES, TIMES[1] if before is None else before, limit)
        return _applied(rows[0][0])

    async def scheme(self, version: int) -> tuple[Applied, dict[str, Any]] | None:
        """Return a version of the scheme, and its document."""
        rows = await self._rows(_DOCUMENT, version)
        if not rows:
            return None
        number, applied_ms, applied_by, text = rows[0]
        return Applied(version=number, applied_ms=applied_ms, applied_by=applied_by), msgspec.json.decode(text)

    async def audited(self) -> Audited:
        """Return how far the audit of what is new has come."""
        row = (await self._rows(_AUDITED))[0]
        return Audited(**dict(zip(Audited.__struct_fields__, row, strict=True)))

    async def _page(self, statement: str, values: Mapping[str, Any], limit: int) -> tuple[str, Cursor | None]:
        """Read a page: its rows as JSON, and where the next one goes on."""
        async with self._connected() as connection:
            cursor = await connection.execute(statement, {**values, "limit": limit})
            ((seen, shown, last_seen, last_shown, rows),) = await cursor.fetchall()
        if shown >= limit and seen > limit:
            return rows, _cursor(last_shown)
        return rows, _cursor(last_seen) if last_seen is not None and seen >= values["look"] else None
