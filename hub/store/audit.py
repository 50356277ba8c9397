"""The audit on PostgreSQL: the ledger from its postings alone, and every transfer against its postings and its trail.

Reads one consistent snapshot and changes nothing, so it may run beside the traffic.
"""

from itertools import groupby, islice
from operator import itemgetter
from typing import Any, Final

import msgspec
import psycopg

from hub.ledger.account import Account
from hub.ledger.audit import Audit
from hub.ledger.journal import Entry, Phase, Posting
from hub.store import statements
from hub.store.audit_prices import price_findings

_accounts: Final = msgspec.json.Decoder(list[Account]).decode
FETCH: Final = 5_000
FINDINGS_MAX: Final = 100

_JOURNALS: Final = """
SELECT j.height, j.digest, j.hash, p.subject, p.debit, p.credit, p.minor, p.phase, p.debit_balance, p.debit_held,
       p.credit_balance
FROM journal AS j LEFT JOIN posting AS p ON p.journal = j.height ORDER BY j.height, p.line"""

_HEAD: Final = "SELECT height, hash FROM chain"

# What the ledger must show for each state: every leg of the transfer pending, then posted or voided, in the accounts
# and amounts of its price; without a price, the amount itself from the payer FSP to the payee FSP. Within one
# participant, of errands, and before anything is held: none at all.
_POSTED_WRONG: Final = f"""
WITH leg AS (
    SELECT t.id, x->>'debit' AS debit, x->>'credit' AS credit, x->'money'->>'currency' AS currency,
           (x->'money'->>'minor')::bigint AS minor
    FROM transfer AS t CROSS JOIN LATERAL json_array_elements(t.price->'legs') AS x WHERE t.price IS NOT NULL
    UNION ALL
    SELECT id, payer_fsp, payee_fsp, currency, minor
    FROM transfer WHERE price IS NULL AND payer_fsp <> payee_fsp AND flow <> 'errand'
), due AS (
    SELECT leg.id, string_agg(format('%s>%s:%s', d.id, c.id, leg.minor), ' ' ORDER BY d.id, c.id, leg.minor) AS legs
    FROM leg
    LEFT JOIN account AS d ON d.participant = leg.debit AND d.currency = leg.currency
        AND d.kind = CASE leg.debit WHEN '' THEN 'fees' ELSE 'position' END
    LEFT JOIN account AS c ON c.participant = leg.credit AND c.currency = leg.currency
        AND c.kind = CASE leg.credit WHEN '' THEN 'fees' ELSE 'position' END
    GROUP BY leg.id
), entry AS (
    SELECT subject, phase, format('%s>%s:%s', debit, credit, minor) AS leg, debit, credit, minor FROM posting
), shown AS (
    SELECT subject,
           string_agg(leg, ' ' ORDER BY debit, credit, minor) FILTER (WHERE phase = 'pending') AS pending,
           string_agg(leg, ' ' ORDER BY debit, credit, minor) FILTER (WHERE phase = 'posted') AS posted,
           string_agg(leg, ' ' ORDER BY debit, credit, minor) FILTER (WHERE phase = 'voided') AS voided
    FROM entry GROUP BY subject
)
SELECT replace(s.id::text, '-', ''), s.state, coalesce(p.pending, '-'), coalesce(p.posted, '-'),
       coalesce(p.voided, '-'), coalesce(due.legs, '-')
FROM standing AS s LEFT JOIN due ON due.id = s.id LEFT JOIN shown AS p ON p.subject = replace(s.id::text, '-', '')
WHERE (p.pending, p.posted, p.voided) IS DISTINCT FROM CASE
    WHEN s.state = 'committed' THEN (due.legs, due.legs, NULL::text)
    WHEN s.state = 'refunded' THEN (due.legs, NULL::text, due.legs)
    WHEN s.state = 'in_review' OR (s.state = 'aborted' AND p.subject IS NULL) THEN (NULL::text, NULL::text, NULL::text)
    WHEN s.state = 'aborted' THEN (due.legs, NULL::text, due.legs)
    ELSE (due.legs, NULL::text, NULL::text) END
LIMIT {FINDINGS_MAX}"""

# A price says the same in every currency: what FX providers take and give, and nobody else gains or loses by it.
_PRICED_WRONG: Final = f"""
WITH hop AS (
    SELECT t.id, x->>'provider' AS provider, x->'source'->>'currency' AS source, x->'target'->>'currency' AS target
    FROM transfer AS t CROSS JOIN LATERAL json_array_elements(t.price->'hops') AS x WHERE t.price->'hops' IS NOT NULL
), leg AS (
    SELECT t.id, x->>'debit' AS debit, x->>'credit' AS credit, x->'money'->>'currency' AS currency
    FROM transfer AS t CROSS JOIN LATERAL json_array_elements(t.price->'legs') AS x WHERE t.price->'hops' IS NOT NULL
)
SELECT replace(leg.id::text, '-', ''), leg.debit, leg.credit, leg.currency
FROM leg JOIN transfer AS t ON t.id = leg.id
WHERE leg.debit = ''
   OR leg.debit NOT IN (t.payer_fsp, t.payee_fsp) AND NOT EXISTS (
       SELECT FROM hop WHERE hop.id = leg.id AND hop.provider = leg.debit AND leg.currency IN (hop.source, hop.target))
LIMIT {FINDINGS_MAX}"""

# Every transfer stands somewhere, and its steps lead there, each from where the one before it ended.
_TRAIL_WRONG: Final = f"""
WITH step AS (
    SELECT transfer AS id, seq, "next",
           coalesce(lag("next") OVER (PARTITION BY transfer ORDER BY seq), 'received') <> state AS broken
    FROM transition
), trail AS (
    SELECT id, count(*) AS steps, max(seq) AS seq, (array_agg("next" ORDER BY seq DESC))[1] AS "next",
           bool_or(broken) AS broken
    FROM step GROUP BY id
)
SELECT replace(id::text, '-', ''), s.state, s.seq, trail."next", trail.steps
FROM transfer AS t FULL JOIN standing AS s USING (id) FULL JOIN trail USING (id)
WHERE t.caller IS NULL OR (s.state, s.seq, s.seq) IS DISTINCT FROM (trail."next", trail.steps::int, trail.seq)
   OR trail.broken
LIMIT {FINDINGS_MAX}"""

# The scheme's own accounts have no participant, so the two sides of the posting name it once.
_FUNDED_WRONG: Final = f"""
WITH shown AS (
    SELECT substr(p.subject, 6) AS reference, d.participant || c.participant AS participant, c.currency,
           CASE d.kind WHEN 'position' THEN -p.minor ELSE p.minor END AS minor
    FROM posting AS p JOIN account AS d ON d.id = p.debit JOIN account AS c ON c.id = p.credit
    WHERE p.subject LIKE 'fund:%'
)
SELECT reference, f.participant, f.minor, shown.participant, shown.minor
FROM funding AS f FULL JOIN shown USING (reference)
WHERE (f.participant, f.currency, f.minor) IS DISTINCT FROM (shown.participant, shown.currency, shown.minor)
LIMIT {FINDINGS_MAX}"""

_ORPHANS: Final = f"""
SELECT p.subject FROM posting AS p
WHERE p.phase <> 'direct' AND NOT EXISTS (SELECT FROM transfer AS t WHERE replace(t.id::text, '-', '') = p.subject)
LIMIT {FINDINGS_MAX}"""

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
        row = connection.execute(statements.ALL_ACCOUNTS).fetchone()
        audit = Audit(_accounts(row[0]) if row else [])
        last = (0, bytes(32))
        with connection.cursor(name="journals") as cursor:
            cursor.itersize = FETCH
            cursor.execute(_JOURNALS)
            for (height, digest, hash_), rows in groupby(cursor, key=itemgetter(0, 1, 2)):
                entries = [_entry(row[3:]) for row in rows if row[3] is not None]
                audit.feed(height, entries, digest, hash_)
                last = (height, hash_)
        audit.finish()
        if connection.execute(_HEAD).fetchone() != last:
            audit.findings.append("the chain's head is not its last journal")
        for statement, says in (
            (_POSTED_WRONG, "transfer {0} is {1}, but the ledger shows pending {2}, posted {3}, voided {4}; due {5}"),
            (_PRICED_WRONG, "transfer {0}: {1} gives {2} {3} by its price, but has no part in it"),
            (_TRAIL_WRONG, "transfer {0} is {1} after {2} steps, but its trail says {3} after {4}, or is broken"),
            (_FUNDED_WRONG, "bank reference {0}: written {1} {2}, but the ledger shows {3} {4}"),
            (_UNKEPT, "errand {0} made a {1}, but nothing is kept of it"),
            (_ROW_WRONG, "row {0} of batch {1} is {2}, but its transfer is {3}, another row's, or of another amount"),
            (_ORPHANS, "postings for {0}, which is no transfer"),
        ):
            audit.findings.extend(says.format(*row) for row in connection.execute(statement))
        audit.findings.extend(islice(price_findings(connection), FINDINGS_MAX))
        return Report(
            findings=audit.findings,
            journals=audit.journals,
            postings=audit.postings,
            states=dict(connection.execute(_STATES).fetchall()),
            trial_balance=audit.trial_balance(),
        )


def _entry(row: Any) -> Entry:
    subject, debit, credit, minor, phase, debit_balance, debit_held, credit_balance = row
    return Entry(Posting(subject, debit, credit, minor, Phase(phase)), debit_balance, debit_held, credit_balance)
