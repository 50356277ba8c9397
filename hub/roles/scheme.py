"""Reading a scheme file: TOML as people write it, completed from the adapters' manifests; no secret is ever kept.

Connections inherit how their rail behaves from the adapter's manifest; the file overrides what differs.
"""

import os
import re
import tomllib
from pathlib import Path
from typing import Any, Final

import msgspec

from adapters.contract import Connection as AdapterConnection
from adapters.contract import installed
from adapters.http import Work
from hub.core.office.scheme_difference import label_of
from hub.core.participant import SchemeError, SchemeFile, check
from routing.table import Connection

_REFERENCE: Final = ("env:", "file:")


def read_scheme(path: Path) -> SchemeFile:
    """Read and check a scheme file; raises SchemeError that says where and what to do."""
    try:
        text = path.read_text("utf-8")
    except OSError as error:
        raise SchemeError(f"{path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise SchemeError(f"{path}: not UTF-8: {error}") from error
    return scheme_in(text, str(path))


def scheme_in(text: str, path: str) -> SchemeFile:
    """Read and check the text of a scheme file that is called `path`; raises SchemeError."""
    try:
        document = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # a number of too many digits is a ValueError alone
        raise SchemeError(f"{path}: not TOML: {error}") from error
    connections = document.get("connection", [])
    if not isinstance(connections, list) or not all(isinstance(each, dict) for each in connections):
        raise SchemeError(f"{path}: connections are tables: [[connection]]")
    document["connection"] = [_completed(each) for each in connections]
    try:
        file = msgspec.convert(document, SchemeFile)
    except msgspec.ValidationError as error:
        raise SchemeError(f"{path}: {_named(str(error), document)}") from error
    check(file)
    return file


def _named(text: str, document: dict[str, Any]) -> str:
    """Name the row that a decoder's words are about as people know it, instead of by its place."""

    def name(found: re.Match[str]) -> str:
        table, place = found[1], int(found[2])
        row = document[table][place]
        return f"{table}[{(isinstance(row, dict) and label_of(table, row)) or place + 1}]"

    return re.sub(r"\$\.(\w+)\[(\d+)\]", name, text)


def _completed(connection: dict[str, Any]) -> dict[str, Any]:
    name, adapter = connection.get("name", "?"), connection.get("adapter", "")
    manifest = installed().get(str(adapter))
    if manifest is None:
        raise SchemeError(f"connection {name!r}: no adapter {adapter!r}; installed: {', '.join(installed())}")
    if not all(isinstance(connection.get(each, {}), dict) for each in ("secrets", "rail")):
        raise SchemeError(f"connection {name!r}: secrets and rail are tables")
    missing = sorted(manifest.secrets.keys() - connection.get("secrets", {}).keys())
    if missing:
        raise SchemeError(f"connection {name!r}: adapter {adapter!r} needs the secrets {', '.join(missing)}")
    for secret, reference in connection.get("secrets", {}).items():
        if not str(reference).startswith(_REFERENCE):
            raise SchemeError(f"connection {name!r}: secret {secret!r} must say where it is: env:NAME or file:PATH")
    return {**connection, "rail": msgspec.to_builtins(manifest.rail) | connection.get("rail", {})}


def work_of(connection: Connection) -> Work:
    """Make a connection ready for the runner: fetch its secrets, build its adapter."""
    secrets = {name: _fetched(connection.name, name, reference) for name, reference in connection.secrets.items()}
    return Work.of(
        connection.adapter,
        AdapterConnection(
            name=connection.name, base_url=connection.base_url, settings=connection.settings, secrets=secrets
        ),
    )


def _fetched(connection: str, name: str, reference: str) -> str:
    how, _, where = reference.partition(":")
    try:
        return os.environ[where] if how == "env" else Path(where).read_text("utf-8").strip()
    except (KeyError, OSError) as error:
        raise SchemeError(f"connection {connection!r}: the secret {name!r} is not at {reference}") from error
