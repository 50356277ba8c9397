"""Migrating: brings a database to the tables this version needs; two at once are one after the other."""

import re
from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from psycopg.errors import InsufficientPrivilege, OperationalError
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.exc import ArgumentError, DBAPIError

from hub.store.contract import UnavailableError

_MIGRATIONS: Final = Path(__file__).parent / "migrations"
# Any number will do, as long as nothing else in the database uses it as an advisory lock.
_LOCK: Final = 7_215_001
_CLOSED_TO_US: Final = (OperationalError, InsufficientPrivilege)
_PARTITION: Final = re.compile(r"(journal|posting)_(\d{4}_\d\d|rest)")


def upgrade(url: str, revision: str = "head") -> None:
    """Bring the database at `url` (postgresql://...) up to date, or to a revision; does nothing when it is.

    Raises ValueError for what is no URL, UnavailableError where it cannot be reached or does not let us.
    """
    try:
        engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://", 1))
    except ArgumentError as error:  # which may repeat the URL, and so a password
        raise ValueError("HUB_DATABASE_URL is none: it looks like postgresql://USER@HOST:5432/DATABASE") from error
    try:
        with engine.connect() as connection:
            connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": _LOCK})
            connection.commit()
            command.upgrade(_config(connection), revision)
            connection.commit()
            connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": _LOCK})
            connection.commit()
    except DBAPIError as error:
        if isinstance(error.orig, _CLOSED_TO_US):
            raise UnavailableError(" ".join(str(error.orig).split())) from error
        raise
    finally:
        engine.dispose()


def differences(url: str) -> list[object]:
    """List where the migrated database differs from `hub.store.tables`; empty when they agree."""
    from alembic.autogenerate import compare_metadata  # noqa: PLC0415 - only tests ask
    from alembic.migration import MigrationContext  # noqa: PLC0415

    from hub.store.ledger_tables import metadata  # noqa: PLC0415

    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://", 1))
    try:
        with engine.connect() as connection:
            found: list[object] = compare_metadata(
                MigrationContext.configure(connection, opts={"include_name": _is_ours}), metadata
            )
            return found
    finally:
        engine.dispose()


def _is_ours(name: str | None, kind: str, _: object) -> bool:
    """Say whether to compare this: the ledger's partitions are parts of tables that are compared whole."""
    return kind != "table" or not _PARTITION.fullmatch(name or "")


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config
