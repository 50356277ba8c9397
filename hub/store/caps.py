"""Caps that a scheme sets, and the accounts that it opens, in the commit that puts it in force; it decides nothing.

An operator's cap stands where the file says the same as the one before it; what changes is kept, with by whom.
"""

from collections.abc import Sequence
from typing import Any, Final

import msgspec
from psycopg import AsyncCursor
from psycopg.rows import TupleRow

from hub.core.office.liquidity import caps_to_set, set_by_scheme
from hub.core.office.records import Change
from hub.core.participant import SchemeFile, chart
from hub.ledger.account import Kind
from hub.store.office_tables import UPSERTS
from hub.store.statements import NOW_MS

_BEFORE: Final = "SELECT document::text FROM scheme WHERE version < %s ORDER BY version DESC LIMIT 1"
_ACCOUNTS: Final = "SELECT participant, currency, kind, id FROM account"
# In the order in which batches lock them: an account opened later may come first by name.
_LOCKED: Final = """
SELECT participant, currency, kind, cap_minor FROM account WHERE id = ANY(%s) ORDER BY id FOR UPDATE"""
_OPEN: Final = """
INSERT INTO account (participant, currency, kind, cap_minor) VALUES (%s, %s, %s, %s)
ON CONFLICT (participant, currency, kind) DO NOTHING"""
_SET: Final = "UPDATE account SET cap_minor = %s WHERE (participant, currency, kind) = (%s, %s, %s)"

_scheme_file: Final = msgspec.json.Decoder(SchemeFile).decode


async def set_caps(cursor: AsyncCursor[TupleRow], file: SchemeFile, version: int, by: str) -> None:
    """Open the accounts that a scheme needs, and set the caps that it changes; it is written already."""
    scheme = await _rows(cursor, _BEFORE, version)
    before = _scheme_file(scheme[0][0]) if scheme else None
    numbers = {(who, currency, Kind(kind)): id_ for who, currency, kind, id_ in await _rows(cursor, _ACCOUNTS)}
    await cursor.executemany(_OPEN, [(*key, cap) for key, cap in sorted(chart(file).items()) if key not in numbers])
    caps = caps_to_set(before, file)
    locked = await _rows(cursor, _LOCKED, [numbers[key] for key in caps if key in numbers])
    stands = {(who, currency, Kind(kind)): cap for who, currency, kind, cap in locked}
    await cursor.executemany(_SET, [(cap, *key) for key, cap in sorted(caps.items()) if key in stands])
    now_ms = int((await _rows(cursor, f"SELECT {NOW_MS}"))[0][0])
    changes = set_by_scheme(stands, caps, version=version, by=by, now_ms=now_ms)
    if changes:
        await cursor.execute(UPSERTS[Change.table], (msgspec.json.encode(changes).decode(),))


async def _rows(cursor: AsyncCursor[TupleRow], statement: str, *parameters: Any) -> Sequence[TupleRow]:
    await cursor.execute(statement, parameters or None)
    return await cursor.fetchall()
