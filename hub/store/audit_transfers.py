"""The audit of transfers on PostgreSQL: each against its postings, its price and its trail; it only reads.

The same statements hold everything against each other, or only what the journals between two heights touched.
"""

import re
from collections.abc import Iterator
from typing import Final

from hub.store.audit_booking import new_booking_findings
from hub.store.audit_office import new_office_findings
from hub.store.audit_settlement import new_settlement_findings
from hub.store.ledger_read import Connection

FINDINGS_MAX: Final = 100

_WHOLE: Final = {name: name for name in ("transfer", "standing", "transition", "posting", "funding")}

# Only what some postings are about, named one by one.
_NEW: Final = {
    "transfer": "(SELECT * FROM transfer WHERE id = ANY(%(ids)s::uuid[]))",
    "standing": "(SELECT * FROM standing WHERE id = ANY(%(ids)s::uuid[]))",
    "transition": "(SELECT * FROM transition WHERE transfer = ANY(%(ids)s::uuid[]))",
    "posting": "(SELECT * FROM posting WHERE subject = ANY(%(subjects)s::text[]))",
    "funding": "(SELECT * FROM funding WHERE reference = ANY(%(references)s::text[]))",
}
# The planner takes sums over postings for few, and would go through them once for each transfer.
HASHED: Final = "SET LOCAL enable_nestloop = off"
_SUBJECTS: Final = "SELECT DISTINCT subject FROM posting WHERE journal > %s AND journal <= %s"
_TRANSFER_ID: Final = re.compile(r"[0-9a-f]{32}")
_FUND: Final = "fund:"
# As the subjects of what is entered at once begin, beside funds; their audits know what must be there.
_DIRECT: Final = ("fund", "settle", "cover", "unwind", "difference")
TOGETHER: Final = 5_000

# What the ledger must show for each state: every leg of the transfer pending, then posted or voided, in the accounts
# and amounts of its price; without a price, the amount itself from the payer FSP to the payee FSP. Within one
# participant, of errands, and before anything is held: none at all. Where a month was archived after a transfer began,
# its first postings may be gone, and what is left must be right.
_POSTED_WRONG: Final = """
WITH leg AS (
    SELECT t.id, x->>'debit' AS debit, x->>'credit' AS credit, x->'money'->>'currency' AS currency,
           (x->'money'->>'minor')::bigint AS minor
    FROM {transfer} AS t CROSS JOIN LATERAL json_array_elements(t.price->'legs') AS x WHERE t.price IS NOT NULL
    UNION ALL
    SELECT id, payer_fsp, payee_fsp, currency, minor
    FROM {transfer} AS t WHERE price IS NULL AND payer_fsp <> payee_fsp AND flow <> 'errand'
), due AS (
    SELECT leg.id, string_agg(format('%%s>%%s:%%s', d.id, c.id, leg.minor), ' ' ORDER BY d.id, c.id, leg.minor) AS legs
    FROM leg
    LEFT JOIN account AS d ON d.participant = leg.debit AND d.currency = leg.currency
        AND d.kind = CASE leg.debit WHEN '' THEN 'fees' ELSE 'position' END
    LEFT JOIN account AS c ON c.participant = leg.credit AND c.currency = leg.currency
        AND c.kind = CASE leg.credit WHEN '' THEN 'fees' ELSE 'position' END
    GROUP BY leg.id
), entry AS (
    SELECT subject, phase, format('%%s>%%s:%%s', debit, credit, minor) AS leg, debit, credit, minor
    FROM {posting} AS p
), shown AS (
    SELECT subject,
           string_agg(leg, ' ' ORDER BY debit, credit, minor) FILTER (WHERE phase = 'pending') AS pending,
           string_agg(leg, ' ' ORDER BY debit, credit, minor) FILTER (WHERE phase = 'posted') AS posted,
           string_agg(leg, ' ' ORDER BY debit, credit, minor) FILTER (WHERE phase = 'voided') AS voided
    FROM entry GROUP BY subject
), held AS (
    SELECT s.id, s.state, t.created_ms, p.pending, p.posted, p.voided, due.legs,
           CASE WHEN s.state = 'in_review' OR (s.state = 'aborted' AND p.subject IS NULL) THEN NULL
                ELSE due.legs END AS due_pending,
           CASE WHEN s.state = 'committed' THEN due.legs END AS due_posted,
           CASE WHEN s.state = 'refunded' OR (s.state = 'aborted' AND p.subject IS NOT NULL) THEN due.legs
                END AS due_voided
    FROM {standing} AS s LEFT JOIN {transfer} AS t ON t.id = s.id LEFT JOIN due ON due.id = s.id
    LEFT JOIN shown AS p ON p.subject = replace(s.id::text, '-', '')
)
SELECT replace(id::text, '-', ''), state, coalesce(pending, '-'), coalesce(posted, '-'), coalesce(voided, '-'),
       coalesce(legs, '-')
FROM held
WHERE CASE WHEN created_ms < %(archived_ms)s
    THEN pending IS NOT NULL AND pending IS DISTINCT FROM due_pending
      OR posted IS NOT NULL AND posted IS DISTINCT FROM due_posted
      OR voided IS NOT NULL AND voided IS DISTINCT FROM due_voided
    ELSE (pending, posted, voided) IS DISTINCT FROM (due_pending, due_posted, due_voided) END
LIMIT {limit}"""

# A price says the same in every currency: what FX providers take and give, and nobody else gains or loses by it.
_PRICED_WRONG: Final = """
WITH hop AS (
    SELECT t.id, x->>'provider' AS provider, x->'source'->>'currency' AS source, x->'target'->>'currency' AS target
    FROM {transfer} AS t CROSS JOIN LATERAL json_array_elements(t.price->'hops') AS x WHERE t.price->'hops' IS NOT NULL
), leg AS (
    SELECT t.id, x->>'debit' AS debit, x->>'credit' AS credit, x->'money'->>'currency' AS currency
    FROM {transfer} AS t CROSS JOIN LATERAL json_array_elements(t.price->'legs') AS x WHERE t.price->'hops' IS NOT NULL
)
SELECT replace(leg.id::text, '-', ''), leg.debit, leg.credit, leg.currency
FROM leg JOIN {transfer} AS t ON t.id = leg.id
WHERE leg.debit = ''
   OR leg.debit NOT IN (t.payer_fsp, t.payee_fsp) AND NOT EXISTS (
       SELECT FROM hop WHERE hop.id = leg.id AND hop.provider = leg.debit AND leg.currency IN (hop.source, hop.target))
LIMIT {limit}"""

# Every transfer stands somewhere, and its steps lead there, each from where the one before it ended.
_TRAIL_WRONG: Final = """
WITH step AS (
    SELECT transfer AS id, seq, "next",
           coalesce(lag("next") OVER (PARTITION BY transfer ORDER BY seq), 'received') <> state AS broken
    FROM {transition} AS n
), trail AS (
    SELECT id, count(*) AS steps, max(seq) AS seq, (array_agg("next" ORDER BY seq DESC))[1] AS "next",
           bool_or(broken) AS broken
    FROM step GROUP BY id
)
SELECT replace(id::text, '-', ''), s.state, s.seq, trail."next", trail.steps
FROM {transfer} AS t FULL JOIN {standing} AS s USING (id) FULL JOIN trail USING (id)
WHERE t.caller IS NULL OR (s.state, s.seq, s.seq) IS DISTINCT FROM (trail."next", trail.steps::int, trail.seq)
   OR trail.broken
LIMIT {limit}"""

# The scheme's own accounts have no participant, so the two sides of the posting name it once, against its cash. What
# came in a month that was archived is shown there.
_FUNDED_WRONG: Final = """
WITH shown AS (
    SELECT substr(p.subject, 6) AS reference, d.participant || c.participant AS participant, c.currency,
           CASE d.kind WHEN 'position' THEN -p.minor ELSE p.minor END AS minor,
           CASE d.kind WHEN 'position' THEN c.kind ELSE d.kind END AS other,
           count(*) OVER (PARTITION BY p.subject) AS times
    FROM {posting} AS p JOIN account AS d ON d.id = p.debit JOIN account AS c ON c.id = p.credit
    WHERE starts_with(p.subject, 'fund:')
)
SELECT reference, f.participant, f.minor, shown.participant, shown.minor, shown.times
FROM {funding} AS f FULL JOIN shown USING (reference)
WHERE (f.participant, f.currency, f.minor, 'settlement_bank', 1)
      IS DISTINCT FROM (shown.participant, shown.currency, shown.minor, shown.other, shown.times)
  AND NOT (shown.minor IS NULL AND f.at_ms < %(archived_ms)s)
LIMIT {limit}"""

# What a posting may be for: a transfer, in two phases; funds, which are held or booked at once; and, at once, cash as
# it was counted before there were funds, settlements, and differences with the bank. Each is held against its record.
_ORPHANS: Final = """
SELECT DISTINCT p.subject, CASE WHEN p.phase = 'direct' THEN 'entered at once' ELSE 'held or ended' END
FROM {posting} AS p LEFT JOIN {transfer} AS t ON replace(t.id::text, '-', '') = p.subject
WHERE NOT CASE
    WHEN t.id IS NOT NULL THEN p.phase <> 'direct'
    WHEN starts_with(p.subject, 'funds:') THEN true
    ELSE p.phase = 'direct' AND split_part(p.subject, ':', 1) = ANY(%(direct)s::text[]) AND strpos(p.subject, ':') > 0
END
LIMIT {limit}"""

# Whatever is given back of a transfer, and was accepted to be, is together never more than it was.
_GIVEN_BACK: Final = """
WITH back AS (
    SELECT t.original AS id, t.minor
    FROM transfer AS t JOIN standing AS s ON s.id = t.id
    WHERE t.original IS NOT NULL AND s.state NOT IN ('aborted', 'refunded'){given}
    UNION ALL
    SELECT d.transfer::uuid, d.given_minor
    FROM dispute AS d LEFT JOIN transfer AS t ON t.id = nullif(d.linked, '')::uuid
    WHERE d.state IN ('accepted', 'deemed_accepted') AND t.id IS NULL{promised}
), sums AS (SELECT id, sum(minor) AS minor FROM back GROUP BY id)
SELECT replace(sums.id::text, '-', ''), coalesce(o.minor, 0), sums.minor
FROM sums LEFT JOIN transfer AS o ON o.id = sums.id WHERE o.minor IS NULL OR sums.minor > o.minor
LIMIT {limit}"""
_NEW_GIVEN: Final = " AND t.original IN (SELECT original FROM transfer WHERE id = ANY(%(ids)s::uuid[]))"
_NEW_PROMISED: Final = (
    " AND d.transfer IN (SELECT replace(original::text, '-', '') FROM transfer WHERE id = ANY(%(ids)s::uuid[]))"
)

_SAYS: Final = (
    (_POSTED_WRONG, "transfer {0} is {1}, but the ledger shows pending {2}, posted {3}, voided {4}; due {5}"),
    (_PRICED_WRONG, "transfer {0}: {1} gives {2} {3} by its price, but has no part in it"),
    (_TRAIL_WRONG, "transfer {0} is {1} after {2} steps, but its trail says {3} after {4}, or is broken"),
    (
        _FUNDED_WRONG,
        "bank reference {0}: written {1} {2}, but the ledger shows {3} {4}, against its cash or not, {5} times",
    ),
    (_ORPHANS, "postings for {0!r} were {1}, and nothing that the hub enters so is called that"),
    (_GIVEN_BACK, "transfer {0} was of {1} minor units, but {2} were given back of it, or promised"),
)
_WHOLE_SAYS: Final = [(each.format(**_WHOLE, given="", promised="", limit=FINDINGS_MAX), says) for each, says in _SAYS]
_NEW_SAYS: Final = [
    (each.format(**_NEW, given=_NEW_GIVEN, promised=_NEW_PROMISED, limit=FINDINGS_MAX), says) for each, says in _SAYS
]


def transfer_findings(connection: Connection, archived_ms: int) -> Iterator[str]:
    """Say what does not agree about transfers; `archived_ms`: until when postings have been taken out."""
    yield from _found(connection, _WHOLE_SAYS, {"archived_ms": archived_ms, "direct": list(_DIRECT)})


def new_findings(connection: Connection, archived_ms: int, after: int, to: int) -> Iterator[str]:
    """Say what does not agree about whatever journals above `after` up to `to` are about."""
    with connection.cursor(name="subjects") as cursor:
        cursor.execute(_SUBJECTS, (after, to))
        while subjects := [row[0] for row in cursor.fetchmany(TOGETHER)]:
            parameters = {
                "archived_ms": archived_ms,
                "direct": list(_DIRECT),
                "subjects": subjects,
                "ids": [each for each in subjects if _TRANSFER_ID.fullmatch(each)],
                "references": [each.removeprefix(_FUND) for each in subjects if each.startswith(_FUND)],
            }
            yield from _found(connection, _NEW_SAYS, parameters)
            yield from new_office_findings(connection, archived_ms, subjects)
            yield from new_booking_findings(connection, archived_ms, subjects)
            yield from new_settlement_findings(connection, archived_ms, subjects)


def _found(connection: Connection, says: list[tuple[str, str]], parameters: dict[str, object]) -> Iterator[str]:
    connection.execute(HASHED)
    for statement, sentence in says:
        yield from (sentence.format(*row) for row in connection.execute(statement, parameters))
