"""The audit of what is new: from where the last clean one ended, in bounded steps; it says what is wrong, in sentences.

It reads one consistent snapshot beside the traffic. Only what was found clean becomes the mark that the next run goes
on from, and from time to time a checkpoint; the rest is found again at every run until somebody has looked into it.
"""

import time
from typing import Final

import msgspec
import psycopg

from hub.ledger.audit import Audit
from hub.ledger.checkpoint import Checkpoint
from hub.store import ledger_read
from hub.store.audit_reading import FINDINGS_MAX, accounts, section
from hub.store.audit_transfers import new_findings
from hub.store.ledger_read import Connection, Head
from hub.store.statements import NOW_MS

JOURNALS_MAX: Final = 20_000
POSTINGS_MAX: Final = 500_000
WORK_S: Final = 0.005
CHECKPOINT_EVERY_MS: Final = 3_600_000

# Any number will do, as long as nothing else in the database uses it as an advisory lock.
_ALONE: Final = "SELECT pg_try_advisory_lock(7215004)"

_MARK: Final = f"""
INSERT INTO audited (height, hash, at_ms, since, peaks, counters, clean_ms)
VALUES (%(height)s, %(hash)s, %(at_ms)s, %(since)s, %(peaks)s, %(counters)s, {NOW_MS})
ON CONFLICT ("only") DO UPDATE SET height = excluded.height, hash = excluded.hash, at_ms = excluded.at_ms,
    since = excluded.since, peaks = excluded.peaks, counters = excluded.counters, clean_ms = excluded.clean_ms"""

_KEEP: Final = """
INSERT INTO checkpoint (height, hash, at_ms, since, root, counters)
VALUES (%(height)s, %(hash)s, %(at_ms)s, %(since)s, %(root)s, %(counters)s)"""

_LAST_KEPT: Final = "SELECT coalesce(max(height), 0), coalesce(max(at_ms), 0) FROM checkpoint"


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """What one run over new journals found, and how far it came."""

    findings: list[str]
    journals: int
    postings: int
    height: int  # up to here everything is clean; with findings, where the run began
    left: int  # journals that were not looked at yet
    checkpoint: int  # height of the last checkpoint


def audit_new(
    url: str, *, keep: bool = False, journals_max: int = JOURNALS_MAX, gently: bool = False
) -> Progress | None:
    """Audit the journals after the last clean run, at most so many; None: another process is at it.

    A checkpoint is kept when the last one is an hour old (by the journals' times), or when the caller says `keep`.
    `gently`: rests twice as long as it works, for the sake of what else runs in this process.
    Raises psycopg.Error when the database cannot be reached.
    """
    with psycopg.connect(url, autocommit=True) as connection:
        row = connection.execute(_ALONE).fetchone()
        if row is None or not row[0]:
            return None
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        with connection.transaction():
            head = ledger_read.head(connection)
            audit, begun = _begun(connection, head)
            looked_at = _feed(connection, audit, head, journals_max, _Rest() if gently else None)
            if looked_at and len(audit.findings) < FINDINGS_MAX:
                ended = ledger_read.archived(connection).ends_ms
                found = new_findings(connection, ended, begun, audit.height)
                audit.findings.extend(section(connection, "what the new journals are about", found))
        kept = _record(connection, audit, keep=keep)
        return Progress(
            findings=audit.findings[:FINDINGS_MAX],
            journals=audit.journals,
            postings=audit.postings,
            height=begun if audit.findings else audit.height,
            left=max(0, head.height - audit.height),
            checkpoint=kept,
        )


def catch_up(url: str, *, keep: bool = False) -> Progress | None:
    """Audit what is new to its end, step by step, and say what the last step found; None: another process is at it."""
    while True:
        found = audit_new(url, keep=keep)
        if found is None or found.findings or not found.left:
            return found


def _begun(connection: Connection, head: Head) -> tuple[Audit, int]:
    """Begin where the last clean run ended; return from which height on."""
    flaws: list[str] = []
    known, mark = accounts(connection, flaws), ledger_read.mark(connection)
    if mark is None or mark.flaw:
        start = ledger_read.archived(connection).stood
        audit = Audit(known, start=start, merkle_from=head.merkle_from)
        audit.findings.extend([*flaws, *([mark.flaw] if mark else [])])
        return audit, start.height
    audit = Audit(known, start=mark.stood, tree=mark.tree, merkle_from=head.merkle_from)
    audit.findings.extend(flaws)
    if head.height < mark.stood.height:
        audit.findings.append(f"the chain's head is at {head.height}, but journal {mark.stood.height} was audited")
    return audit, mark.stood.height


class _Rest:
    """Gives way to the other threads of the process: the interpreter runs one at a time."""

    def __init__(self) -> None:
        self._since = time.monotonic()

    def after_a_while(self) -> None:
        """Rest, if there was work for a while."""
        worked_s = time.monotonic() - self._since
        if worked_s >= WORK_S:
            time.sleep(2 * worked_s)
            self._since = time.monotonic()


def _feed(connection: Connection, audit: Audit, head: Head, journals_max: int, rest: _Rest | None) -> bool:
    """Feed what is new, bounded; at the chain's head, compare with what is stored; say whether anything was new."""
    strays: list[str] = []
    is_bounded = False
    for journal in ledger_read.journals(connection, audit.height, audit.height + journals_max, strays):
        ledger_read.feed(audit, journal)
        if rest is not None:
            rest.after_a_while()
        if audit.postings >= POSTINGS_MAX or len(audit.findings) >= FINDINGS_MAX:
            is_bounded = True
            break
    audit.findings.extend(strays)
    stands = audit.checkpoint()
    if stands.height == head.height:
        if (stands.hash, stands.at_ms) != (head.hash, head.at_ms):
            audit.findings.append("the chain's head is not its last journal")
        audit.finish()
    elif stands.height > head.height or not (is_bounded or audit.journals == journals_max):
        audit.findings.append(f"the chain's head is at {head.height}, but its journals end at {stands.height}")
    else:
        audit.weigh()
    return audit.journals > 0


def _record(connection: Connection, audit: Audit, *, keep: bool) -> int:
    """Write down what was found clean; return the height of the last checkpoint."""
    with connection.transaction():
        height, at_ms = connection.execute(_LAST_KEPT).fetchone() or (0, 0)
        if audit.findings:
            return int(height)
        stood = audit.checkpoint()
        is_due = stood.height > height and (keep or stood.at_ms - at_ms >= CHECKPOINT_EVERY_MS)
        row = _row(stood)
        if is_due:
            connection.execute(_KEEP, row)
            row |= {"since": stood.height, "peaks": "[]"}
        else:
            row |= {"peaks": msgspec.json.encode(audit.peaks).decode()}
        connection.execute(_MARK, row)
        return stood.height if is_due else int(height)


def _row(stood: Checkpoint) -> dict[str, object]:
    return {
        "height": stood.height,
        "hash": stood.hash,
        "at_ms": stood.at_ms,
        "since": stood.since,
        "root": stood.root,
        "counters": msgspec.json.encode(stood.counters).decode(),
    }
