"""Archiving: a month that is over leaves the ledger for files that prove themselves; nothing unproved is taken out.

The files are read back and audited, and from there the ledger up to a checkpoint that was found clean, before the
month's partitions are detached. From then on the audit of everything begins where the month ended.
"""

import contextlib
import gzip
import os
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple

import msgspec
import psycopg
from psycopg import sql

from hub.ledger.audit import Audit
from hub.ledger.checkpoint import Checkpoint
from hub.store import ledger_files, ledger_read
from hub.store.ledger_files import JOURNALS, MANIFEST, POSTINGS, ArchiveError, Holder, Manifest, sha256_of, stand
from hub.store.ledger_read import Connection
from hub.store.statements import NOW_MS

# A batch that began in the month has ended long before.
OVER_FOR_MS: Final = 3_600_000
# Any number will do, as long as nothing else in the database uses it as an advisory lock.
_ALONE: Final = "SELECT pg_try_advisory_lock(7215005)"
PATIENCE: Final = "SET LOCAL lock_timeout = '2s'"

_JOURNALS: Final = """
COPY (SELECT height, encode(digest, 'hex') AS digest, encode(hash, 'hex') AS hash, encode(nonce, 'hex') AS nonce, at_ms
      FROM journal WHERE height BETWEEN {} AND {} ORDER BY height) TO STDOUT (FORMAT csv, HEADER)"""

_POSTINGS: Final = """
COPY (SELECT journal, line, subject, debit, credit, minor, phase, debit_balance, debit_held, credit_balance, at_ms
      FROM posting WHERE journal BETWEEN {} AND {} ORDER BY journal, line) TO STDOUT (FORMAT csv, HEADER)"""

_SPAN: Final = "SELECT min(height), max(height), count(*) FROM journal WHERE at_ms >= %s AND at_ms < %s"

_BESIDE: Final = """
SELECT EXISTS (SELECT FROM journal_rest WHERE at_ms >= %(low)s AND at_ms < %(high)s)
    OR EXISTS (SELECT FROM posting_rest WHERE at_ms >= %(low)s AND at_ms < %(high)s)"""

# What is owed for a window is summed up from its postings until it is settled.
_UNSETTLED: Final = """
SELECT id FROM window_of_settlement WHERE settled_ms IS NULL AND from_height < %s ORDER BY from_height, id LIMIT 1"""

_CLEAN: Final = "SELECT min(height) FROM checkpoint WHERE height >= %s"

_RECORD: Final = """
INSERT INTO archive (month, first, height, hash, at_ms, ends_ms, counters, manifest)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s)"""


class _Span(NamedTuple):
    """A month's journals, and where the audit of them begins and ends."""

    first: int
    last: int
    ends_ms: int
    begun: Checkpoint
    clean: Checkpoint


def archive_month(url: str, month: str, directory: Path, *, drop: bool = False) -> Manifest:
    """Move a month (2026-07, UTC) from the ledger to `directory`/`month`; returns its manifest.

    The partitions are kept as tables of their own unless `drop`. Raises ArchiveError and changes nothing when the month
    is not over, not proved, or not the next one; psycopg.errors.LockNotAvailable when the ledger is being read: then
    the same call is made again.
    """
    folder = directory / month
    part = directory / f"{month}.part"
    with psycopg.connect(url, autocommit=True) as connection:
        alone = connection.execute(_ALONE).fetchone()
        if alone is None or not alone[0]:
            raise ArchiveError("another call archives just now: make this one when that has ended")
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        with connection.transaction():
            span = _span(connection, month)
            shutil.rmtree(part, ignore_errors=True)
            part.mkdir(parents=True)
            manifest = _write(connection, month, span, part)
        if folder.exists():
            _clear(folder, manifest)
        part.rename(folder)
        _sync(directory)
        _detach(connection, span, manifest, drop=drop)
        return manifest


def _clear(folder: Path, manifest: Manifest) -> None:
    """Make way for a month whose files were written before, but which could not be detached then."""
    if ledger_files.read_manifest(folder).after != manifest.after:
        raise ArchiveError(f"{folder} is another ledger's {manifest.month}: choose another directory")
    shutil.rmtree(folder)


def bounds_ms(month: str) -> tuple[int, int]:
    """Return when a month begins and when the next one does, in Unix milliseconds; raises ArchiveError."""
    try:
        begins = datetime.strptime(month, "%Y-%m").replace(tzinfo=UTC)
    except ValueError as error:
        raise ArchiveError(f"{month!r} is no month: write it like 2026-07") from error
    if begins.strftime("%Y-%m") != month:
        raise ArchiveError(f"{month!r} is no month: write it like 2026-07")
    ends = begins.replace(year=begins.year + begins.month // 12, month=begins.month % 12 + 1)
    return int(begins.timestamp()) * 1000, int(ends.timestamp()) * 1000


def _span(connection: Connection, month: str) -> _Span:
    """Find the month's journals; refuse what may not be archived."""
    low, high = bounds_ms(month)
    now = connection.execute(f"SELECT {NOW_MS}").fetchone()
    if now is None or now[0] < high + OVER_FOR_MS:
        raise ArchiveError(f"{month} is not over for an hour yet")
    if connection.execute("SELECT FROM archive WHERE month = %s", [month]).fetchone() is not None:
        raise ArchiveError(f"{month} was archived already")
    beside = connection.execute(_BESIDE, {"low": low, "high": high}).fetchone()
    if beside is None or beside[0]:
        raise ArchiveError(f"part of {month} is in the default partition: it was not prepared in time, and stays")
    first, last, count = connection.execute(_SPAN, [low, high]).fetchone() or (None, None, 0)
    if not count:
        raise ArchiveError(f"there are no journals of {month}")
    begun = ledger_read.archived(connection).stood
    if first != begun.height + 1:
        raise ArchiveError(f"journals {begun.height + 1} to {first - 1} are older: archive their month first")
    if count != last - first + 1:
        raise ArchiveError(f"journals are missing between {first} and {last}; run `hub audit`")
    if (window := connection.execute(_UNSETTLED, [last]).fetchone()) is not None:
        raise ArchiveError(f"window {window[0]} has journals of {month} and is not settled: settle it first")
    return _Span(first, last, high, begun, _proved(connection, last))


def _proved(connection: Connection, last: int) -> Checkpoint:
    """Return the first checkpoint at or after a journal; refuse when there is none."""
    clean = connection.execute(_CLEAN, [last]).fetchone()
    kept = ledger_read.checkpoint_before(connection, clean[0]) if clean and clean[0] is not None else None
    if kept is None:
        raise ArchiveError(f"there is no checkpoint at journal {last} or later: let the worker audit what is new first")
    return kept


def _write(connection: Connection, month: str, span: _Span, part: Path) -> Manifest:
    """Write the files, read them back through the audit and on to the clean checkpoint; raises ArchiveError."""
    for name, statement in ((JOURNALS, _JOURNALS), (POSTINGS, _POSTINGS)):
        _copy(connection, statement, span, part / name)
    head = ledger_read.head(connection)
    accounts = tuple(
        Holder(id=each.id, kind=each.kind, participant=each.participant, currency=each.currency)
        for each in ledger_read.accounts(connection)
    )
    audit = ledger_files.audited(part, accounts, stand(span.begun), head.merkle_from)
    after = stand(audit.checkpoint())
    _go_on(connection, audit, span)
    if audit.findings:
        raise ArchiveError(f"{month} does not agree with itself, so it stays: {'; '.join(audit.findings[:5])}")
    now = connection.execute(f"SELECT {NOW_MS}").fetchone()
    manifest = Manifest(
        month=month,
        first=span.first,
        last=span.last,
        merkle_from=head.merkle_from,
        before=stand(span.begun),
        after=after,
        accounts=accounts,
        sha256={name: sha256_of(part / name) for name in (JOURNALS, POSTINGS)},
        written_ms=now[0] if now else 0,
    )
    (part / MANIFEST).write_bytes(msgspec.json.format(msgspec.json.encode(manifest)))
    for name in (JOURNALS, POSTINGS, MANIFEST):
        _sync(part / name)
    _sync(part)
    return manifest


def _go_on(connection: Connection, audit: Audit, span: _Span) -> None:
    """Audit from the month's end to the checkpoint that was found clean: what is archived leads there."""
    if audit.height != span.last:
        audit.findings.append(f"the files end at journal {audit.height}")
        return
    strays: list[str] = []
    for journal in ledger_read.journals(connection, span.last, span.clean.height, strays):
        ledger_read.feed(audit, journal)
    audit.findings.extend(strays)
    stands = audit.checkpoint()
    if (stands.hash, stands.counters) != (span.clean.hash, span.clean.counters):
        audit.findings.append(f"it does not lead to checkpoint {span.clean.height}")


def _detach(connection: Connection, span: _Span, manifest: Manifest, *, drop: bool) -> None:
    """Take the month's partitions out of the ledger and write down where it stood then, in one commit."""
    after = manifest.after
    with connection.transaction():
        connection.execute(PATIENCE)
        counters, said = (msgspec.json.encode(each).decode() for each in (after.counters, manifest))
        row = (manifest.month, span.first, after.height, after.hash, after.at_ms, span.ends_ms, counters, said)
        connection.execute(_RECORD, row)
        for parent in ("posting", "journal"):
            table = sql.Identifier(f"{parent}_{manifest.month.replace('-', '_')}")
            names = {"parent": sql.Identifier(parent), "table": table, "trigger": sql.Identifier(f"{parent}_archived")}
            connection.execute(sql.SQL("ALTER TABLE {parent} DETACH PARTITION {table}").format(**names))
            # PostgreSQL takes away the triggers that it had made for the partition.
            after_that = "DROP TABLE {table}" if drop else _GUARD
            connection.execute(sql.SQL(after_that).format(**names))


_GUARD: Final = """
CREATE TRIGGER {trigger} BEFORE UPDATE OR DELETE OR INSERT ON {table}
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"""


def _copy(connection: Connection, statement: str, span: _Span, path: Path) -> None:
    """Write the answer to a COPY into a compressed file; the same rows give the same bytes."""
    copied = sql.SQL(statement).format(sql.Literal(span.first), sql.Literal(span.last))
    with (
        path.open("wb") as raw,
        gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0, compresslevel=6) as file,
        connection.cursor().copy(copied) as rows,
    ):
        for block in rows:
            file.write(block)


def _sync(path: Path) -> None:
    """Have a file or a folder on disk before the rows are gone."""
    with contextlib.suppress(PermissionError):
        opened = os.open(path, os.O_RDONLY)
        try:
            os.fsync(opened)
        finally:
            os.close(opened)
