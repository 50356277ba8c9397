"""Lists of transfers on PostgreSQL: one statement finds, counts and reads a page; it must never show another's.

An account's lines lie together in one index in the order in which they are listed, so a page costs what it holds.
"""

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from hub.core.command import Transfer
from hub.core.listing import COUNT_MAX, Page, Side, Sought
from hub.store import statements

_FOUND: Final = """
WITH matching AS MATERIALIZED (
    SELECT DISTINCT l.created_ms, l.transfer{side} FROM listing AS l{joined}
    WHERE l.key = %(key)s AND l.created_ms BETWEEN %(from_ms)s AND %(to_ms)s{conditions}
    ORDER BY l.created_ms DESC, l.transfer DESC{order}
    LIMIT %(most)s
), page AS (
    SELECT * FROM matching ORDER BY created_ms DESC, transfer DESC{page_order} LIMIT %(limit)s OFFSET %(offset)s
)"""
_READ: Final = f"""
SELECT (SELECT count(*) FROM matching), (
    SELECT coalesce(json_agg(x ORDER BY created_ms DESC, id DESC, side DESC), '[]')::text
    FROM (SELECT {{shown}} AS side, {statements.TRANSFER_COLUMNS}
          FROM page AS p JOIN transfer AS t ON t.id = p.transfer JOIN standing AS s ON s.id = p.transfer) AS x)"""

_STANDING: Final = " JOIN standing AS s ON s.id = l.transfer"
_TERMS: Final = " JOIN transfer AS t ON t.id = l.transfer"
_OTHER: Final = """
    AND EXISTS (SELECT FROM listing AS o WHERE o.key = %({name})s AND o.created_ms = l.created_ms
                AND o.transfer = l.transfer AND o.side = l.side)"""


class _Found(msgspec.Struct):
    """Which side a transfer was found on; the rest of the row is the transfer."""

    side: str


_sides: Final = msgspec.json.Decoder(list[_Found]).decode
_transfers: Final = msgspec.json.Decoder(list[Transfer]).decode


def question(sought: Sought) -> tuple[str, dict[str, Any]]:
    """Return the statement that finds a page, and its parameters."""
    others = {f"key{number}": each for number, each in enumerate(sought.keys[1:])}
    parameters: dict[str, Any] = {
        "key": sought.keys[0],
        "from_ms": sought.from_ms,
        "to_ms": sought.to_ms,
        "sides": list(sought.sides),
        "states": list(sought.states),
        "type": sought.type,
        "limit": sought.limit,
        "offset": sought.offset,
        "most": max(COUNT_MAX, sought.offset + sought.limit),
    }
    return _statement(sought, tuple(others)), parameters | others


def page(rows: Sequence[Any]) -> Page:
    """Read the one row that the statement comes to."""
    ((count, text),) = rows
    return Page(count, list(zip((Side(each.side) for each in _sides(text)), _transfers(text), strict=True)))


def _statement(sought: Sought, others: tuple[str, ...]) -> str:
    """Put the statement together of what is wanted; everything from outside is a parameter."""
    conditions = [_OTHER.format(name=name) for name in others]
    joined = ""
    if sought.sides:
        conditions.append(" AND l.side = ANY(%(sides)s)")
    if sought.states:
        joined += _STANDING
        conditions.append(" AND s.state = ANY(%(states)s)")
    if sought.type:
        joined += _TERMS
        conditions.append(" AND t.body ->> 'type' = %(type)s")
    by_side = bool(sought.sides)
    found = _FOUND.format(
        side=", l.side" if by_side else "",
        order=", l.side DESC" if by_side else "",
        page_order=", side DESC" if by_side else "",
        joined=joined,
        conditions="".join(conditions),
    )
    return found + _READ.format(shown="p.side" if by_side else f"'{Side.ASKED}'")
