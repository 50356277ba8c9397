"""Batches as operators bring them: a CSV file in, results as CSV out; a row is read as the API reads it.

The same file for the same participant is one batch, unless the operator says that it is meant again.
"""

import asyncio
import csv
import hashlib
import io
from collections.abc import AsyncIterator, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Final, TextIO

import msgspec

from hub.core.batch import Batch, Ended, ItemState, Progress, Status, may_approve
from hub.core.participant import SchemeError
from hub.core.stamp import stamp
from hub.http.batch_rows import ROWS_MAX, ROWS_TOGETHER, Reading, lines
from hub.http.batches import letters, letters_on_approval, reason_of
from hub.http.ids import dashed, new_id
from hub.store.batches import Approval
from hub.store.sql import SqlStore
from routing.money import Money
from routing.party import Party

COLUMNS: Final = ("amount", "currency", "type", "debitParty", "creditParty", "reference", "description")
OPTIONAL: Final = frozenset({"reference", "description"})
RESULTS: Final = (
    "row", "state", "transaction", "amount", "currency", "debitParty", "creditParty", "reference", "reason", "ended",
)  # fmt: skip
PAGE: Final = 2_000

_encode: Final = msgspec.json.Encoder().encode
_NAMES: Final = {"reference": "requestingOrganisationTransactionReference", "description": "descriptionText"}


async def upload(
    store: SqlStore,
    path: Path,
    participant: str,
    *,
    by: str,
    title: str = "",
    checked: bool = False,
    again: bool = False,
) -> tuple[Batch, Progress]:
    """Bring a file as a participant's batch; with `checked`, somebody else is to approve it."""
    scheme = await store.scheme()
    if participant not in scheme.participants:
        raise SchemeError(f"no participant {participant!r}; known are {', '.join(scheme.participants)}")
    content = await asyncio.to_thread(path.read_bytes)
    now_ms = await store.batches.now_ms()
    batch = Batch(
        id=new_id(),
        request=new_id(),
        caller=participant,
        client=_operator(by),
        status=Status.CREATED if checked else Status.APPROVED,
        header={"batchTitle": (title or path.name)[:256]},
        correlation="" if again else dashed(hashlib.sha256(content).hexdigest()[:32]),
        created_ms=now_ms,
        approved_ms=None if checked else now_ms,
        due_ms=None if checked else now_ms,
    )
    reading = Reading(batch.id, participant, scheme, scheme.participants[participant].country, now_ms)
    kept = await store.batches.create(batch, _lines(_records(content, path), reading), letters)
    if kept != batch.id:
        raise ValueError(f"{path} was brought before, as batch {kept}; with --again it is brought once more")
    return batch, await store.batches.progress(batch.id)


async def approve(store: SqlStore, id_: str, by: str) -> Batch:
    """Approve a batch in the name of an operator, who must not have brought it."""
    batch = await find(store, id_)
    if not may_approve(batch, _operator(by)):
        raise ValueError("whoever brought a batch cannot approve it as well")
    await store.batches.approve(
        batch.id, Approval(request=new_id(), caller=batch.caller, client=_operator(by)), letters_on_approval
    )
    return await find(store, id_)


async def find(store: SqlStore, id_: str) -> Batch:
    """Return a batch; raises a ValueError when there is none."""
    wanted = id_.replace("-", "").lower()
    known = len(wanted) == 32 and not wanted.strip("0123456789abcdef")
    batch = await store.batches.batch(wanted) if known else None
    if batch is None:
        raise ValueError(f"there is no batch {id_}")
    return batch


async def write_results(store: SqlStore, id_: str, file: TextIO) -> int:
    """Write a line for every row that has ended; returns how many."""
    batch = await find(store, id_)
    writer = csv.writer(file)
    writer.writerow(RESULTS)
    written = 0
    states = (ItemState.COMPLETED, ItemState.REJECTED)
    while found := await store.batches.finals(batch.id, states, limit=PAGE, offset=written):
        writer.writerows(_result(row) for row in found)
        written += len(found)
    return written


def _operator(name: str) -> str:
    return f"operator {name}"


def _records(content: bytes, path: Path) -> Iterator[bytes]:
    """Read the file's rows as the API's objects; raises a ValueError for columns that mean nothing here."""
    reader = csv.DictReader(io.TextIOWrapper(io.BytesIO(content), "utf-8-sig", newline=""))
    named = set(reader.fieldnames or ())
    if not set(COLUMNS) - OPTIONAL <= named <= set(COLUMNS):
        raise ValueError(f"{path}: its first line must name the columns {', '.join(COLUMNS)}")
    for number, row in enumerate(reader, 1):
        if number > ROWS_MAX:
            raise ValueError(f"{path}: more than {ROWS_MAX} rows; bring several files")
        yield _encode(_object(row))


def _object(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row as the API's transaction; what is empty is not given."""
    found: dict[str, Any] = {_NAMES.get(name, name): value for name, value in row.items() if name in COLUMNS and value}
    for name in ("debitParty", "creditParty"):
        if name in found:
            pairs = [part.partition("@") for part in found[name].split("$")]
            found[name] = [{"key": key, "value": value} for key, _, value in pairs]
    return found


async def _lines(records: Iterator[bytes], reading: Reading) -> AsyncIterator[bytes]:
    first = 1
    while rows := await asyncio.to_thread(lambda: [msgspec.Raw(each) for each in islice(records, ROWS_TOGETHER)]):
        yield await asyncio.to_thread(lines, reading, first, rows)
        first += len(rows)
    if first == 1:
        raise ValueError("the file has no rows")


def _result(row: Ended) -> Sequence[object]:
    amount = str(Money(row.minor, row.currency)) if row.minor else ""
    reason = reason_of(row) if row.state is ItemState.REJECTED else ""
    reference = row.terms.details.get(_NAMES["reference"], "")
    parties = (_written(row.terms.payer), _written(row.terms.payee))
    return (row.row, row.state, row.transfer, amount, row.currency, *parties, reference, reason, stamp(row.ended_ms))


def _written(party: Party) -> str:
    return "$".join(f"{each.key}@{each.value}" for each in party)
