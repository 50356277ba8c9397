"""The audit of the office on PostgreSQL: funds against their postings and payments, changes, two people; it only reads.

The same statements hold everything against each other, or only the funds that some postings are about.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from hub.store.ledger_read import Connection

FINDINGS_MAX: Final = 100
FUNDS: Final = "funds:"  # as the subjects of their postings begin

_WHOLE: Final = {"funds": "funds", "posting": "posting"}
_NEW: Final = {
    "funds": "(SELECT * FROM funds WHERE id = ANY(%(ids)s::text[]))",
    "posting": "(SELECT * FROM posting WHERE subject = ANY(%(subjects)s::text[]))",
}

# What is to go out is held, and then moved or let go of; what comes in is moved when the bank has booked it. Of less
# than was asked for, only that is moved. Where a month was archived since, the first postings may be gone, and what is
# left must be right.
_POSTED_WRONG: Final = """
WITH shown AS (
    SELECT substr(subject, 7) AS id,
           string_agg(format('%%s %%s>%%s:%%s', phase, debit, credit, minor), ' ' ORDER BY journal, line) AS postings
    FROM {posting} AS p WHERE starts_with(subject, 'funds:') GROUP BY subject
), side AS (
    SELECT f.id, f.at_ms, f.state, f.out, f.minor, least(f.minor, coalesce(p.booked_minor, f.minor)) AS moved,
           CASE WHEN f.out THEN format('%%s>%%s', purse.id, bank.id)
                ELSE format('%%s>%%s', bank.id, purse.id) END AS way
    FROM {funds} AS f
    LEFT JOIN payment AS p ON p.id = f.payment
    LEFT JOIN account AS bank ON bank.currency = f.currency AND bank.kind = 'settlement_bank'
    LEFT JOIN account AS purse ON purse.currency = f.currency AND CASE f.purpose
        WHEN 'guarantee' THEN purse.kind = 'guarantee'
        ELSE purse.kind = 'position' AND purse.participant = f.participant END
), due AS (
    SELECT id, at_ms, state,
           CASE WHEN NOT out AND state = 'confirmed' THEN format('direct %%s:%%s', way, moved)
                WHEN out AND state = 'approved' THEN format('pending %%s:%%s', way, minor)
                WHEN out AND state = 'confirmed' THEN format('pending %%s:%%s posted %%s:%%s', way, minor, way, moved)
                    || CASE WHEN moved < minor THEN format(' voided %%s:%%s', way, minor - moved) ELSE '' END
                WHEN out AND state = 'refused' THEN format('pending %%s:%%s voided %%s:%%s', way, minor, way, minor)
           END AS postings
    FROM side
)
SELECT id, coalesce(state, 'not there'), coalesce(shown.postings, 'nothing'), coalesce(due.postings, 'nothing')
FROM due FULL JOIN shown USING (id)
WHERE shown.postings IS DISTINCT FROM due.postings
  AND NOT (due.at_ms < %(archived_ms)s AND coalesce(right(due.postings, length(shown.postings)) = shown.postings,
                                                    shown.postings IS NULL))
LIMIT {limit}"""

_PAID_WRONG: Final = """
SELECT f.id, f.state, f.minor, f.currency, coalesce(p.state, 'not there'), p.minor, p.currency
FROM {funds} AS f LEFT JOIN payment AS p ON p.id = f.payment
WHERE p.id IS NULL OR (p.subject, p.minor, p.currency) <> (f.id, f.minor, f.currency)
   OR (p.debtor, p.creditor) <> (CASE WHEN f.out THEN '' ELSE f.participant END,
                                 CASE WHEN f.out THEN f.participant ELSE '' END)
   OR (f.state = 'confirmed') <> (p.state = 'posted') OR (f.state = 'refused') <> (p.state = 'refused')
LIMIT {limit}"""

_ALONE: Final = """
SELECT 'funds', id, by FROM {funds} AS f WHERE approved_by IN (by, '')
LIMIT {limit}"""

_APPROVED_ALONE: Final = """
SELECT 'proposal', id, by FROM proposal WHERE state = 'approved' AND decided_by IN (by, '')
LIMIT {limit}"""

# Of changes in one millisecond, any may have been the last.
_CHANGED_WRONG: Final = """
WITH last AS (
    SELECT c.participant, c.currency, c.what, array_agg(c.after) AS after
    FROM change AS c JOIN (
        SELECT participant, currency, what, max(at_ms) AS at_ms FROM change GROUP BY participant, currency, what
    ) AS m USING (participant, currency, what, at_ms)
    GROUP BY c.participant, c.currency, c.what
), stands AS (
    SELECT participant, currency, 'cap' AS what, coalesce(cap_minor::text, 'none') AS value
    FROM account WHERE kind = 'position'
    UNION ALL
    SELECT participant, currency, 'blocked', CASE WHEN blocked THEN 'yes' ELSE 'no' END
    FROM account WHERE kind = 'position'
)
SELECT participant, currency, what, value, coalesce(array_to_string(after, ' or '), 'nothing')
FROM stands LEFT JOIN last USING (participant, currency, what)
WHERE value <> ALL (after) OR (after IS NULL AND what = 'blocked' AND value = 'yes')
LIMIT {limit}"""

_MOVED_SAYS: Final = (
    (_POSTED_WRONG, "funds {0} are {1}, but the ledger shows {2}; due {3}"),
    (_PAID_WRONG, "funds {0} are {1} with {2} {3}, but their payment is {4} with {5} {6}, or is another's"),
    (_ALONE, "{0} {1}: nobody but {2} approved it"),
)
_KEPT_SAYS: Final = (
    (_APPROVED_ALONE, "{0} {1}: nobody but {2} approved it"),
    (_CHANGED_WRONG, "position of {0} in {1}: {2} is {3}, but the last change that was kept says {4}"),
)


def office_findings(connection: Connection, archived_ms: int) -> Iterator[str]:
    """Say what does not agree about the office; `archived_ms`: until when postings have been taken out."""
    yield from _found(connection, (*_MOVED_SAYS, *_KEPT_SAYS), _WHOLE, {"archived_ms": archived_ms})


def new_office_findings(connection: Connection, archived_ms: int, subjects: Sequence[str]) -> Iterator[str]:
    """Say what does not agree about the funds among these subjects of postings."""
    mine = [each for each in subjects if each.startswith(FUNDS)]
    if mine:
        ids = [each.removeprefix(FUNDS) for each in mine]
        yield from _found(connection, _MOVED_SAYS, _NEW, {"archived_ms": archived_ms, "subjects": mine, "ids": ids})


def _found(
    connection: Connection, says: Sequence[tuple[str, str]], tables: dict[str, str], parameters: dict[str, object]
) -> Iterator[str]:
    for statement, sentence in says:
        text = statement.format(**tables, limit=FINDINGS_MAX)
        yield from (sentence.format(*row) for row in connection.execute(text, parameters))
