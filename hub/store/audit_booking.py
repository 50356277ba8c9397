"""The audit of what the settlement bank said: suspense, differences and kept files; it only reads.

Money is in suspense for a difference that two people have resolved, and for nothing else. What a bank booked otherwise
than it was instructed has a difference. A file that was kept is still what was hashed.
"""

from collections.abc import Iterator
from typing import Any, Final

from hub.store.ledger_read import Connection

# Every posting on a suspense account, beside the difference it is for.
_SUSPENSE: Final = """
SELECT p.journal, p.subject FROM posting AS p
LEFT JOIN difference AS f ON 'difference:' || f.id = p.subject
LEFT JOIN account AS d ON d.id = p.debit LEFT JOIN account AS c ON c.id = p.credit
WHERE (p.subject LIKE 'difference:%%' OR 'suspense' IN (d.kind, c.kind))
  AND (f.moved_minor, f.moved_currency, f.state, p.phase, d.currency, d.kind, c.kind) IS DISTINCT FROM (
      CASE WHEN d.kind = 'settlement_bank' THEN p.minor ELSE -p.minor END, d.currency, 'resolved', 'direct', d.currency,
      CASE WHEN f.moved_minor > 0 THEN 'settlement_bank' ELSE 'suspense' END,
      CASE WHEN f.moved_minor > 0 THEN 'suspense' ELSE 'settlement_bank' END)
ORDER BY p.journal"""

_UNPOSTED: Final = """
SELECT f.id, f.moved_minor, f.moved_currency, count(p.subject) FROM difference AS f
LEFT JOIN posting AS p ON p.subject = 'difference:' || f.id
WHERE f.moved_minor <> 0 AND f.closed_ms >= %(since)s
GROUP BY f.id HAVING count(p.subject) <> 1 ORDER BY f.id"""

_UNTOLD: Final = """
SELECT p.id, p.state FROM payment AS p
WHERE p.state IN ('over', 'under', 'mismatch', 'missing')
  AND NOT EXISTS (SELECT FROM difference AS f WHERE f.subject = p.id) ORDER BY p.id"""

_RESOLVED: Final = """
SELECT id, closed_by FROM difference
WHERE (state = 'open') <> (closed_ms IS NULL) OR (state = 'open' AND moved_minor <> 0)
ORDER BY id"""

_CHANGED: Final = """
SELECT id, name FROM file WHERE refused = '' AND sha256 <> encode(sha256(convert_to(content, 'UTF8')), 'hex')
ORDER BY at_ms, id"""

_SAYS: Final = (
    (_SUSPENSE, "journal {0}: the posting {1} on suspense is for no difference that two people resolved so"),
    (_UNPOSTED, "difference {0} moved {1} {2} (minor units) into suspense, and has {3} postings, not one"),
    (_UNTOLD, "payment {0} is {1}, and no difference says so"),
    (_RESOLVED, "difference {0} is neither open nor resolved, or moved money while it is open ({1})"),
    (_CHANGED, "file {0}, {1}, is not what it was when it was kept"),
)


def booking_findings(connection: Connection, since_ms: int) -> Iterator[str]:
    """Say what is wrong; what was closed before `since_ms` may have its postings in the archive."""
    for statement, says in _SAYS:
        parameters: dict[str, Any] = {"since": since_ms}
        yield from (says.format(*row) for row in connection.execute(statement, parameters))
