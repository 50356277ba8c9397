"""The audit on PostgreSQL: the ledger from its postings alone, and every transfer against its postings and its trail.

Reads one consistent snapshot and changes nothing, so it may run beside the traffic. It begins with the first journal,
or where the last archived month has ended.
"""

from collections.abc import Iterator
from typing import Any, Final

import msgspec
import psycopg

from hub.ledger.audit import Audit
from hub.ledger.checkpoint import Checkpoint
from hub.store import ledger_read
from hub.store.audit_approvals import approval_findings
from hub.store.audit_booking import booking_findings
from hub.store.audit_disputes import dispute_findings
from hub.store.audit_office import office_findings
from hub.store.audit_prices import price_findings
from hub.store.audit_reading import FINDINGS_MAX, accounts, section
from hub.store.audit_settlement import settlement_findings
from hub.store.audit_transfers import HASHED, transfer_findings
from hub.store.ledger_read import Connection

# What was asked for and made is kept; only a change, and what the hub was told to abort, leaves nothing.
_UNKEPT: Final = f"""
SELECT replace(t.id::text, '-', ''), t.body->>'type'
FROM transfer AS t JOIN standing AS s ON s.id = t.id
WHERE t.flow = 'errand' AND s.state = 'committed' AND NOT coalesce((t.body->'errand'->>'change')::boolean, false)
  AND NOT EXISTS (SELECT FROM instrument AS i WHERE i.id = t.id)
LIMIT {FINDINGS_MAX}"""

# A row of a batch says of its own transfer, which is no other row's, what became of it.
_ROW_WRONG: Final = f"""
WITH shown AS (SELECT *, count(*) OVER (PARTITION BY transfer) AS sharing FROM batch_item WHERE transfer IS NOT NULL)
SELECT i.row, replace(i.batch::text, '-', ''), i.state, s.state
FROM shown AS i LEFT JOIN standing AS s ON s.id = i.transfer LEFT JOIN transfer AS t ON t.id = i.transfer
WHERE i.sharing > 1 OR (t.minor, t.currency) IS DISTINCT FROM (i.minor, i.currency)
   OR (i.state = 'completed') > (s.state = 'committed') OR (i.state = 'rejected') > (s.state IN ('aborted', 'refunded'))
LIMIT {FINDINGS_MAX}"""

_STATES: Final = "SELECT state, count(*) FROM standing GROUP BY state"


class Report(msgspec.Struct, kw_only=True):
    """What an audit found; clean when there are no findings."""

    findings: list[str]
    journals: int
    postings: int
    states: dict[str, int]
    trial_balance: list[Any]


def run_audit(url: str) -> Report:
    """Audit the database at `url`."""
    with psycopg.connect(url) as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        begun = ledger_read.archived(connection)
        audit = _ledger(connection, begun.stood)
        connection.execute(HASHED)
        for what, findings in (
            ("transfers", transfer_findings(connection, begun.ends_ms)),
            ("errands and batches", _kept_findings(connection)),
            ("prices", price_findings(connection)),
            ("funds", office_findings(connection, begun.ends_ms)),
            ("what the bank said", booking_findings(connection, begun.ends_ms)),
            ("who approved what", approval_findings(connection)),
            ("disputes", dispute_findings(connection)),
            ("settlement", settlement_findings(connection, begun.stood.height, begun.ends_ms)),
        ):
            audit.findings.extend(section(connection, what, findings))
        return Report(
            findings=audit.findings,
            journals=audit.journals,
            postings=audit.postings,
            states=dict(connection.execute(_STATES).fetchall()),
            trial_balance=audit.trial_balance(),
        )


def _kept_findings(connection: Connection) -> Iterator[str]:
    """Say what is not kept of errands, and which rows of batches are not as their transfers are."""
    for statement, says in (
        (_UNKEPT, "errand {0} made a {1}, but nothing is kept of it"),
        (_ROW_WRONG, "row {0} of batch {1} is {2}, but its transfer is {3}, another row's, or of another amount"),
    ):
        yield from (says.format(*row) for row in connection.execute(statement))


def _ledger(connection: Connection, start: Checkpoint) -> Audit:
    """Audit the ledger itself, from `start` to its head, and what is kept of how it stood in between."""
    head, flaws = ledger_read.head(connection), list[str]()
    audit = Audit(accounts(connection, flaws), start=start, merkle_from=head.merkle_from)
    audit.findings.extend(flaws)
    mark = _mark(connection, audit)
    kept = _checkpoints(connection, start, audit)
    expected = next(kept, None)
    strays: list[str] = []
    for journal in ledger_read.journals(connection, start.height, ledger_read.LAST, strays):
        ledger_read.feed(audit, journal)
        if expected is not None and expected.height == journal.height:
            audit.pass_checkpoint(expected)
            expected = next(kept, None)
        if mark is not None and mark.stood.height == journal.height:
            audit.hold(mark.stood, "the mark of the audit of what is new")
            audit.findings.extend([mark.flaw] if mark.flaw else [])
            mark = None
    audit.findings.extend(strays)
    audit.finish()
    if expected is not None:
        audit.findings.append(f"checkpoint {expected.height}: there is no such journal")
    if mark is not None and mark.stood.height > start.height:
        audit.findings.append("the mark of the audit of what is new: there is no such journal")
    last = audit.checkpoint()
    if (head.height, head.hash, head.at_ms) != (last.height, last.hash, last.at_ms):
        audit.findings.append("the chain's head is not its last journal")
    return audit


def _mark(connection: Connection, audit: Audit) -> ledger_read.Mark | None:
    try:
        return ledger_read.mark(connection)
    except msgspec.MsgspecError as error:
        audit.findings.append(f"the mark of the audit of what is new cannot be read: {error}")
        return None


def _checkpoints(connection: Connection, start: Checkpoint, audit: Audit) -> Iterator[Checkpoint]:
    """Read checkpoints up to the first that cannot be read."""
    try:
        yield from ledger_read.checkpoints(connection, start.height)
    except msgspec.MsgspecError as error:
        audit.findings.append(f"a checkpoint cannot be read: {error}")
