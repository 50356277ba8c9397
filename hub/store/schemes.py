"""Putting a scheme in force on PostgreSQL: what it says, the accounts it needs, its caps and windows, in one commit.

It decides nothing: two people have, or whoever founds the office.
"""

from typing import Final

import msgspec
from psycopg import AsyncCursor
from psycopg.rows import TupleRow

from hub.core.change import InForce
from hub.core.participant import SchemeFile
from hub.store.caps import set_caps
from hub.store.contract import UnavailableError
from hub.store.settlement import open_windows
from hub.store.statements import NOW_MS

# Whoever comes second sees the first one's version; whoever reads is let be.
LOCK_SCHEME: Final = "LOCK TABLE scheme IN EXCLUSIVE MODE"
_INSERT: Final = "INSERT INTO scheme (document, applied_ms, applied_by) VALUES (%s::json, %s, %s) RETURNING version"


async def put_in_force(cursor: AsyncCursor[TupleRow], file: SchemeFile, by: str, at_ms: int) -> int:
    """Write a scheme, open accounts and windows, set caps; the table is locked; returns the scheme's version."""
    await cursor.execute("DELETE FROM directory_override")
    await cursor.executemany(
        "INSERT INTO directory_override VALUES (%s, %s, %s)",
        [(each.key, each.value, each.participant) for each in file.override],
    )
    await cursor.execute(_INSERT, (msgspec.json.encode(file).decode(), at_ms, by))
    version = int((await cursor.fetchall())[0][0])
    await set_caps(cursor, file, version, by)
    await open_windows(cursor, file, version, by)
    return version


async def replace(cursor: AsyncCursor[TupleRow], scheme: InForce) -> None:
    """Put a scheme in the place of another; raises UnavailableError where that is not in force any more."""
    await cursor.execute(LOCK_SCHEME)
    await cursor.execute("SELECT max(version) FROM scheme")
    if (await cursor.fetchall())[0][0] != scheme.base:
        raise UnavailableError("another scheme was applied meanwhile")
    await put_in_force(cursor, scheme.file, scheme.by, scheme.at_ms)


async def now_ms(cursor: AsyncCursor[TupleRow]) -> int:
    """Return the database's time."""
    await cursor.execute(f"SELECT {NOW_MS}")
    return int((await cursor.fetchall())[0][0])
