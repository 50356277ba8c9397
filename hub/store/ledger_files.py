"""The files of an archived month: written, read back and audited from themselves alone; it knows no database.

A month is a folder with `journals.csv.gz`, `postings.csv.gz` and `manifest.json`. The manifest says where the chain and
the balances stood before and after, and the SHA-256 of each file.
"""

import csv
import gzip
import hashlib
import zlib
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Final

import msgspec

from hub.ledger import merkle
from hub.ledger.account import Account, Counters, Kind
from hub.ledger.audit import Audit
from hub.ledger.checkpoint import Checkpoint
from hub.ledger.journal import Entry, Phase, Posting

JOURNALS: Final = "journals.csv.gz"
POSTINGS: Final = "postings.csv.gz"
MANIFEST: Final = "manifest.json"
BLOCK: Final = 1 << 20


class ArchiveError(Exception):
    """The month cannot be archived, or its archive cannot be read; says why and what to do."""


class Holder(msgspec.Struct, frozen=True, kw_only=True):
    """An account as far as an audit needs it."""

    id: int
    kind: Kind
    participant: str
    currency: str


class Stand(msgspec.Struct, frozen=True, kw_only=True):
    """Where the chain and the balances stood after a journal."""

    height: int
    hash: bytes
    at_ms: int
    counters: dict[int, Counters]


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What an archived month says of itself."""

    month: str  # 2026-07, UTC
    first: int
    last: int
    merkle_from: int
    before: Stand
    after: Stand
    accounts: tuple[Holder, ...]
    sha256: dict[str, str]  # by the file's name
    written_ms: int


_manifest: Final = msgspec.json.Decoder(Manifest).decode


def stand(checkpoint: Checkpoint) -> Stand:
    """Return where a checkpoint says that the ledger stood."""
    return Stand(height=checkpoint.height, hash=checkpoint.hash, at_ms=checkpoint.at_ms, counters=checkpoint.counters)


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal."""
    found = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            found.update(block)
    return found.hexdigest()


def read_manifest(folder: Path) -> Manifest:
    """Read the manifest of an archived month; raises ArchiveError."""
    try:
        return _manifest((folder / MANIFEST).read_bytes())
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ArchiveError(f"{folder / MANIFEST} cannot be read: {error}") from error


def verify_archive(folder: Path) -> list[str]:
    """Audit an archived month from its files alone; returns findings. Raises ArchiveError: there is no manifest."""
    manifest = read_manifest(folder)
    findings = [
        f"{name}: it is not the file that was archived"
        for name in (JOURNALS, POSTINGS)
        if not (folder / name).is_file() or sha256_of(folder / name) != manifest.sha256.get(name)
    ]
    if findings:
        return findings
    audit = audited(folder, manifest.accounts, manifest.before, manifest.merkle_from)
    found = [*audit.findings]
    if (manifest.first, manifest.last) != (manifest.before.height + 1, audit.height):
        found.append(f"the manifest says journals {manifest.first} to {manifest.last}, but they end at {audit.height}")
    if manifest.after != stand(audit.checkpoint()):
        found.append("the manifest says that the ledger stood otherwise at the month's end")
    return found


def audited(folder: Path, accounts: tuple[Holder, ...], before: Stand, merkle_from: int) -> Audit:
    """Audit the files of a month, beginning where the ledger stood before."""
    start = Checkpoint(
        height=before.height,
        hash=before.hash,
        at_ms=before.at_ms,
        since=before.height,
        root=merkle.NOTHING,
        counters=before.counters,
    )
    stored = [
        Account(id=each.id, kind=each.kind, participant=each.participant, currency=each.currency, cap_minor=None)
        for each in accounts
    ]
    audit = Audit(stored, start=start, merkle_from=merkle_from)
    try:
        _feed(audit, folder)
    except (OSError, EOFError, zlib.error, csv.Error, ValueError, UnicodeDecodeError) as error:
        audit.findings.append(f"the files cannot be read after journal {audit.height}: {error}")
    audit.weigh()
    return audit


def _feed(audit: Audit, folder: Path) -> None:
    postings = groupby(_rows(folder / POSTINGS), key=lambda row: int(row[0]))
    number, rows = next(postings, (0, iter(())))
    for height, digest, hash_, nonce, at_ms in _rows(folder / JOURNALS):
        entries: list[Entry] = []
        if number == int(height):
            entries = [_entry(row) for row in rows if row[10] == at_ms]
            number, rows = next(postings, (0, iter(())))
        audit.feed(
            int(height),
            entries,
            bytes.fromhex(digest),
            bytes.fromhex(hash_),
            nonce=bytes.fromhex(nonce),
            at_ms=int(at_ms),
        )
    if number:
        audit.findings.append(f"postings for journal {number}, which is not there, or not in its place")


def _entry(row: list[str]) -> Entry:
    _, _, subject, debit, credit, minor, phase, debit_balance, debit_held, credit_balance, _ = row
    posting = Posting(subject, int(debit), int(credit), int(minor), Phase(phase))
    return Entry(posting, int(debit_balance), int(debit_held), int(credit_balance))


def _rows(path: Path) -> Iterator[list[str]]:
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        rows = csv.reader(file, strict=True)
        next(rows, None)
        yield from rows
