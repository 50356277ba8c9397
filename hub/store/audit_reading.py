"""Reading for the audit: what cannot be read becomes a sentence, and the rest is read all the same; it never writes."""

from collections.abc import Callable, Iterator
from functools import lru_cache
from itertools import islice
from typing import Any, Final, TypeVar

import msgspec
import psycopg

from hub.ledger.account import Account
from hub.store import statements
from hub.store.ledger_read import Connection

FINDINGS_MAX: Final = 100

S = TypeVar("S", bound=msgspec.Struct)


@lru_cache(maxsize=64)
def _decoder(kind: Any) -> Callable[[str], Any]:
    return msgspec.json.Decoder(kind).decode


def readable(text: str, kind: type[S], what: str, flaws: list[str]) -> list[S]:
    """Read a list of `kind` from JSON; each that is none becomes a finding in `flaws`, and is left out."""
    try:
        found: list[S] = _decoder(list[kind])(text)  # type: ignore[valid-type]
    except msgspec.ValidationError:
        every = [one(str(raw, "utf-8"), kind, what, flaws) for raw in _decoder(list[msgspec.Raw])(text)]
        found = [each for each in every if each is not None]
    return found


def one(text: str, kind: type[S], what: str, flaws: list[str]) -> S | None:
    """Read one of `kind`; None: it is none, and `flaws` says so."""
    try:
        found: S = _decoder(kind)(text)
    except msgspec.ValidationError as error:
        flaws.append(f"{what} {msgspec.json.decode(text).get('id', '')}: it cannot be read: {error}")
        return None
    return found


def listed(connection: Connection, statement: str, values: Any = None) -> str:
    """Return the JSON list that a statement makes; what it lists of nothing is an empty list."""
    row = connection.execute(statement, values).fetchone()
    return row[0] if row and row[0] else "[]"


def accounts(connection: Connection, flaws: list[str]) -> list[Account]:
    """Read every account that can be read."""
    return readable(listed(connection, statements.ALL_ACCOUNTS), Account, "account", flaws)


def said(flaws: list[str]) -> Iterator[str]:
    """Yield what could not be read until now, once."""
    yield from flaws
    flaws.clear()


def section(connection: Connection, what: str, findings: Iterator[str]) -> Iterator[str]:
    """Yield what one part of the audit finds, at most so much; where it breaks off, that is a finding, too."""
    found: list[str] = []
    try:
        with connection.transaction():
            found.extend(islice(findings, FINDINGS_MAX))
    except (msgspec.MsgspecError, psycopg.DataError, ValueError) as error:
        found.append(f"{what}: something in there cannot be read, so not everything was looked at: {error}")
    yield from found
