"""The tables of the office's records, each made from its kind: a column for every field, and what must be unique.

What must never change again is guarded by triggers in the migrations.
"""

import types
import typing
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import BigInteger, Boolean, Column, Index, Table, Text, text
from sqlalchemy.dialects.postgresql import JSON

from hub.core.deeds import RECORDS
from hub.core.office.records import File, Funds
from hub.core.record import Record
from hub.core.settlement.window import Window
from hub.store.tables import metadata, recordset

_TYPES: Final[dict[Any, Any]] = {int: BigInteger, bool: Boolean}


def _column(name: str, hint: Any) -> Column[Any]:
    """Make a column for a field; whatever is neither text nor number nor truth is kept as JSON."""
    is_optional = isinstance(hint, types.UnionType) and type(None) in typing.get_args(hint)
    base = next(each for each in typing.get_args(hint) if each is not type(None)) if is_optional else hint
    is_text = isinstance(base, type) and issubclass(base, str)
    return Column(name, Text if is_text else _TYPES.get(base, JSON), primary_key=name == "id", nullable=is_optional)


def _table(kind: type[Record]) -> Table:
    hints = typing.get_type_hints(kind)
    fields = {name: hints[name] for name in kind.__struct_fields__}
    return Table(
        kind.table,
        metadata,
        *(_column(name, hint) for name, hint in fields.items()),
        # In the order of lists, so that a page of one window or participant costs what it holds.
        *(Index(f"ix_{kind.table}_{key}", key, "at_ms", "id") for key in kind.keys),
        Index(f"ix_{kind.table}_at_ms", "at_ms", "id"),
        Index(f"ix_{kind.table}_due_ms", "due_ms", postgresql_where=text("due_ms IS NOT NULL")),
    )


TABLES: Final = {kind: _table(kind) for kind in RECORDS}

Index(
    "uq_window_of_settlement_open",
    TABLES[Window].c.model,
    unique=True,
    postgresql_where=text("to_height IS NULL"),
)
Index("uq_window_of_settlement_number", TABLES[Window].c.model, TABLES[Window].c.number, unique=True)
# A participant's file is known by its participant and day: two may have the same empty one.
Index(
    "uq_file_taken",
    TABLES[File].c.sha256,
    unique=True,
    postgresql_where=text("refused = '' AND origin IN ('', 'bank')"),
)
# What operators say the bank said is said once.
Index(
    "uq_funds_bank_reference",
    TABLES[Funds].c.bank_reference,
    unique=True,
    postgresql_where=text("bank_reference <> '' AND \"left\"(confirmed_by, 5) <> 'file '"),
)


def _upsert(table: Table) -> str:
    names = [f'"{column.name}"' for column in table.columns]
    changes = ", ".join(f"{name} = excluded.{name}" for name in names if name != '"id"')
    listed = ", ".join(names)
    return f"""
    INSERT INTO {table.name} AS t ({listed})
    SELECT {listed} FROM json_to_recordset(%s::json) AS r({recordset(table)})
    ON CONFLICT (id) DO UPDATE SET {changes} WHERE t.version = excluded.version - 1"""


# Written only over the version that was loaded: whoever comes second loads again.
UPSERTS: Final = {kind.table: _upsert(table) for kind, table in TABLES.items()}


@lru_cache(maxsize=256)
def locking(kind: type[Record], columns: tuple[str, ...]) -> str:
    """Return the statement that locks records by some of their keys, in the order of their ids."""
    if unknown := sorted(set(columns) - {"id", *kind.keys}):
        raise ValueError(f"records of {kind.table} are not found by {', '.join(unknown)}")
    condition = " OR ".join(f'"{column}" = ANY(%s)' for column in columns)
    return f"""
    SELECT coalesce(json_agg(x), '[]')::text
    FROM (SELECT * FROM {kind.table} WHERE {condition} ORDER BY id FOR UPDATE) AS x"""
