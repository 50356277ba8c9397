"""Files that an operator brings: what the settlement bank answers, held against its keys, taken whole or not at all.

A file is refused with what is wrong with it, and kept as refused; nothing else of it stays.
"""

import asyncio
from typing import Final

import msgspec
import structlog
from aiohttp import web

from hub.core.office.records import File, OperatorRole
from hub.files.answers import answer as read_answer
from hub.http.operator.acts import ref_of
from hub.http.operator.deciding import carried_out, key_of
from hub.http.operator.forms import form_of
from hub.http.operator.kept import named, written
from hub.http.operator.problems import ProblemError
from hub.http.operator.row import Call, Office, Row, versioned
from hub.store.answering import import_deed

_NAME_MAX: Final = 200

_log: Final = structlog.get_logger("operator")


class FileBrought(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A file of the settlement bank, its text as it is, and its detached signature (JWS) where the bank signs."""

    name: str
    content: str
    signature: str = ""


async def _bring(office: Office, call: Call) -> web.Response:
    """Answer POST /files."""
    body: FileBrought = call.body
    if not body.name.strip() or len(body.name) > _NAME_MAX or not body.name.isprintable():
        raise ProblemError("body_invalid", f"1 to {_NAME_MAX} printable characters", property_="body.name")
    scheme = await office.store.scheme()
    try:
        keys = await asyncio.to_thread(office.bank_keys, scheme)
    except (ValueError, OSError) as error:
        _log.error("operator.keys_unreadable", error=str(error)[:200])
        raise ProblemError("unavailable", "the settlement bank's keys cannot be read") from None
    found = await asyncio.to_thread(
        lambda: read_answer(
            body.content.encode(errors="surrogatepass"),
            name=body.name,
            signature=body.signature,
            scheme=scheme,
            keys=keys,
            by_operator=True,
        )
    )
    ref = ref_of(call.operator.id, key_of(call), "Import", [found.id, found.sha256])
    deed = await import_deed(office.store.records, found, by=call.operator.id, ref=ref)
    done = await carried_out(office, call, deed, "Import", found.id)
    refused = await office.store.records.one(File, deed.refused_as)
    if done.reason or refused is not None:
        raise ProblemError("file_refused", done.reason or (refused.refused if refused else ""))
    file = await named(office, File, deed.file)
    return versioned(201, written(file), file.version)


ROWS: Final = (
    Row(
        "POST",
        "/files",
        _bring,
        "Bring what the settlement bank answers: every entry of the file is taken, or none",
        frozenset({OperatorRole.MAKER}),
        form_of(File),
        (201,),
        FileBrought,
        keyed=True,
        brings_file=True,
    ),
)
