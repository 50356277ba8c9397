"""The tables beside the ledger: how it stood when it was found clean, and what was taken out of it.

What must never change again is guarded by triggers in the migrations. Times are Unix milliseconds.
"""

from typing import Any

from sqlalchemy import BigInteger, Boolean, CheckConstraint, Column, LargeBinary, Table, Text, text
from sqlalchemy.dialects.postgresql import JSON

from hub.store.tables import metadata

__all__ = ["archive", "audited", "checkpoint", "metadata"]


def _standing() -> list[Column[Any]]:
    """Make the columns that say where the chain stood."""
    return [Column("hash", LargeBinary, nullable=False), Column("at_ms", BigInteger, nullable=False)]


checkpoint = Table(
    "checkpoint",
    metadata,
    Column("height", BigInteger, primary_key=True, autoincrement=False),
    *_standing(),
    Column("since", BigInteger, nullable=False),
    Column("root", LargeBinary, nullable=False),
    Column("counters", JSON, nullable=False),
)

audited = Table(
    "audited",
    metadata,
    Column("only", Boolean, primary_key=True, server_default=text("true")),
    Column("height", BigInteger, nullable=False),
    *_standing(),
    Column("since", BigInteger, nullable=False),
    Column("peaks", JSON, nullable=False),
    Column("counters", JSON, nullable=False),
    Column("clean_ms", BigInteger, nullable=False),
    CheckConstraint('"only"', name="one_row"),
)

archive = Table(
    "archive",
    metadata,
    Column("month", Text, primary_key=True),
    Column("first", BigInteger, nullable=False),
    Column("height", BigInteger, nullable=False),
    *_standing(),
    Column("ends_ms", BigInteger, nullable=False),
    Column("counters", JSON, nullable=False),
    Column("manifest", JSON, nullable=False),
)
