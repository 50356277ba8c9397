"""The statements of the hot path, each for a whole batch: one JSON document in, one set of rows written.

The rows come as JSON because msgspec writes it faster than any driver builds arrays, and because one
parameter serves any number of rows. Nothing is ever spliced into a statement from outside.
"""

import re
from typing import Final

from hub.core.change import CALLBACKS, NOTICES
from hub.core.office.records import PROMISING
from hub.store import tables
from hub.store.contract import CALLBACK_GRACE_MS, GRACE_MS
from hub.store.tables import recordset

NOW_MS: Final = "(extract(epoch FROM clock_timestamp()) * 1000)::bigint"
IS_LETTER: Final = f"(queue = '{CALLBACKS}' OR starts_with(queue, '{NOTICES}'))"


def _hex(column: str) -> str:
    return f"replace({column}::text, '-', '')"


NOW: Final = f"SELECT {NOW_MS}, (SELECT max(version) FROM scheme)"

CLAIM: Final = f"""
INSERT INTO request (id, caller, correlation, transfer, created_ms)
SELECT id, caller, correlation, transfer, {NOW_MS}
FROM json_to_recordset(%s::json) AS r({recordset(tables.request, without=("created_ms",))})
ON CONFLICT DO NOTHING
RETURNING {_hex("id")}"""

EARLIER: Final = f"""
SELECT {_hex("r.id")}, {_hex("first.transfer")}
FROM json_to_recordset(%s::json) AS r(id uuid, caller text, correlation text)
JOIN request AS first ON first.id = r.id OR (first.caller = r.caller AND first.correlation = r.correlation)"""

OVERRIDES: Final = """
SELECT o.key, o.value, o.participant
FROM json_to_recordset(%s::json) AS r(key text, value text)
JOIN directory_override AS o USING (key, value)"""

TRANSFER_COLUMNS: Final = f"""
{_hex("t.id")} AS id, t.flow, t.caller, t.payer_fsp, t.payee_fsp, t.currency, t.minor,
coalesce({_hex("t.original")}, '') AS original, t.payer_connection, t.payee_connection, t.created_ms, t.body, t.price,
s.state, s.seq, s.asks, s.due_ms, s.lease_ends_ms, s.updated_ms, s.reason, s.code, s.payer_reference,
s.payee_reference"""

_JOINED: Final = f"SELECT {TRANSFER_COLUMNS} FROM standing AS s JOIN transfer AS t ON t.id = s.id"

# Rows are locked in the order of their ids: LockRows runs above the sort.
TRANSFERS: Final = f"""
SELECT coalesce(json_agg(x), '[]')::text
FROM ({_JOINED} WHERE s.id = ANY(%s::uuid[]) ORDER BY s.id FOR UPDATE OF s) AS x"""

TRANSFER: Final = f"SELECT row_to_json(x)::text FROM ({_JOINED} WHERE s.id = %s::uuid) AS x"

REVERSALS: Final = f"""
SELECT coalesce(json_agg(x ORDER BY created_ms, id), '[]')::text
FROM ({_JOINED} WHERE t.original = %s::uuid) AS x"""

REVERSED: Final = f"""
SELECT {_hex("t.original")}, sum(t.minor)::bigint,
       sum(coalesce((t.price->'taken'->>'minor')::bigint, t.minor))::bigint
FROM transfer AS t JOIN standing AS s ON s.id = t.id
WHERE t.original = ANY(%s::uuid[]) AND s.state NOT IN ('aborted', 'refunded')
GROUP BY t.original"""

# What accepted disputes are still to give back: the transfers of those that have begun are counted as reversals.
PROMISED: Final = f"""
SELECT d.transfer, d.linked, d.given_minor FROM dispute AS d
WHERE d.transfer = ANY(%s::text[]) AND d.state IN ({", ".join(f"'{each}'" for each in PROMISING)})
AND NOT EXISTS (SELECT FROM transfer AS t WHERE t.id = nullif(d.linked, '')::uuid)"""

ACCOUNTS: Final = """
SELECT coalesce(json_agg(x), '[]')::text
FROM (SELECT * FROM account WHERE id = ANY(%s::int[]) ORDER BY id FOR UPDATE) AS x"""

# Whoever waits here writes the next journal after ours: what is cut at this height is cut exactly there.
HEAD: Final = "SELECT height FROM chain FOR UPDATE"

ALL_ACCOUNTS: Final = "SELECT coalesce(json_agg(x), '[]')::text FROM (SELECT * FROM account ORDER BY id) AS x"


_CLOSED: Final = ("closed_ms", "closed_by", "closed_why")


def _insert(name: str, columns: str, parameter: str, without: tuple[str, ...] = ()) -> str:
    table = tables.metadata.tables[name]
    return f"""
    INSERT INTO {name} ({columns}) SELECT {columns}
    FROM json_to_recordset(%({parameter})s::json) AS r({recordset(table, without=without)})"""


# Everything that a batch writes, as one statement: its parts touch different rows, so they need no order among
# themselves, and one statement costs the driver a fraction of ten. A message of the outbox is due for the sweep not
# before the process that committed it has had its own chance to send it. A journal is never older than the one before
# it, so that a month of the ledger has all its journals between two heights.
APPLY: Final = f"""
WITH added AS MATERIALIZED (
    SELECT * FROM json_to_recordset(%(added)s::json)
    AS r({recordset(tables.transfer, tables.standing, without=("original",))}, original text)
), terms AS (
    INSERT INTO transfer (id, flow, caller, payer_fsp, payee_fsp, currency, minor, original, payer_connection,
                          payee_connection, created_ms, body, price)
    SELECT id, flow, caller, payer_fsp, payee_fsp, currency, minor, nullif(original, '')::uuid, payer_connection,
           payee_connection, created_ms, body, price
    FROM added
), begun AS (
    INSERT INTO standing (id, state, seq, asks, due_ms, lease_ends_ms, updated_ms, reason, code, payer_reference,
                          payee_reference)
    SELECT id, state, seq, asks, due_ms, lease_ends_ms, updated_ms, reason, code, payer_reference, payee_reference
    FROM added
), moved AS (
    UPDATE standing AS s
    SET state = r.state, seq = r.seq, asks = r.asks, due_ms = r.due_ms, lease_ends_ms = r.lease_ends_ms,
        updated_ms = r.updated_ms, reason = r.reason, code = r.code, payer_reference = r.payer_reference,
        payee_reference = r.payee_reference
    FROM json_to_recordset(%(moved)s::json) AS r({recordset(tables.standing)})
    WHERE s.id = r.id
), listed AS ({_insert("listing", "key, created_ms, transfer, side", "listed")}
), trail AS ({_insert("transition", 'transfer, seq, state, event, "next", at_ms, who, detail', "transitions")}
), cases AS ({_insert("operator_case", "transfer, seq, kind, detail, opened_ms", "cases", _CLOSED)}
), issued AS (
    INSERT INTO instrument
    SELECT * FROM json_to_recordset(%(instruments)s::json) AS r({recordset(tables.instrument)})
    ON CONFLICT (id) DO UPDATE SET own = excluded.own, terms = excluded.terms, updated_ms = excluded.updated_ms,
        expires_ms = excluded.expires_ms, used_by = excluded.used_by, quotes = excluded.quotes
), amended AS (
    UPDATE instrument AS i SET terms = (i.terms::jsonb || r.terms::jsonb)::json, updated_ms = r.updated_ms
    FROM json_to_recordset(%(amendments)s::json) AS r(id uuid, terms json, updated_ms bigint)
    WHERE i.id = r.id
), used AS (
    UPDATE instrument AS i SET used_by = r.used_by
    FROM json_to_recordset(%(used)s::json) AS r(id uuid, used_by uuid)
    WHERE i.id = r.id
), messages AS (
    INSERT INTO outbox (transfer, seq, queue, body, due_ms)
    SELECT transfer, seq, queue, body,
           %(at_ms)s::bigint + CASE WHEN {IS_LETTER} THEN {CALLBACK_GRACE_MS} ELSE {GRACE_MS} END
    FROM json_to_recordset(%(outbox)s::json)
    AS r({recordset(tables.outbox, without=("due_ms", "attempts", "note", "parked"))})
), given_up AS (
    DELETE FROM request WHERE id IN (SELECT value::uuid FROM json_array_elements_text(%(given_up)s::json))
), balances AS (
    UPDATE account AS a
    SET debits_pending = r.debits_pending, debits_posted = r.debits_posted,
        credits_pending = r.credits_pending, credits_posted = r.credits_posted, cap_minor = r.cap_minor,
        blocked = r.blocked, alarm = r.alarm
    FROM json_to_recordset(%(balances)s::json)
    AS r({recordset(tables.account, without=("kind", "participant", "currency"))})
    WHERE a.id = r.id
), head AS (
    UPDATE chain
    SET height = height + 1, hash = sha256(hash || %(digest)s), at_ms = greatest(at_ms, %(at_ms)s::bigint)
    WHERE %(lines)s > 0
    RETURNING height, hash, at_ms
), written AS (
    INSERT INTO journal (height, digest, hash, at_ms, nonce) SELECT height, %(digest)s, hash, at_ms, %(nonce)s FROM head
)
INSERT INTO posting (journal, line, subject, debit, credit, minor, phase, debit_balance, debit_held, credit_balance,
                     at_ms)
SELECT head.height, r.line, r.subject, r.debit, r.credit, r.minor, r.phase, r.debit_balance, r.debit_held,
       r.credit_balance, head.at_ms
FROM head, json_to_recordset(%(entries)s::json) AS r({recordset(tables.posting, without=("journal", "at_ms"))})"""

# The driver reads a statement of over 4,096 characters anew at every batch, for longer than it takes to send it. With
# its parameters numbered there is nothing to read.
APPLY_NAMES: Final = tuple(dict.fromkeys(re.findall(r"%\((\w+)\)s", APPLY)))
APPLY_NUMBERED: Final = re.sub(r"%\((\w+)\)s", lambda found: f"${APPLY_NAMES.index(found[1]) + 1}", APPLY)

SENT: Final = """
DELETE FROM outbox AS o USING unnest(%s::uuid[], %s::int[], %s::text[]) AS k(transfer, seq, queue)
WHERE o.transfer = k.transfer AND o.seq = k.seq AND o.queue = k.queue"""

# Claimed rows become due again only after a while, so two sweeps never send the same rows at once.
WAITING: Final = f"""
UPDATE outbox SET due_ms = {NOW_MS} + {CALLBACK_GRACE_MS}
WHERE (transfer, seq, queue) IN (
    SELECT transfer, seq, queue FROM outbox
    WHERE NOT parked AND due_ms <= {NOW_MS}
    ORDER BY due_ms LIMIT %s FOR UPDATE SKIP LOCKED)
RETURNING {_hex("transfer")}, seq, queue, body::text, attempts"""

POSTPONE: Final = f"""
UPDATE outbox SET attempts = attempts + 1, due_ms = {NOW_MS} + %s, note = %s
WHERE transfer = %s::uuid AND seq = %s AND queue = %s"""

PARK: Final = """
UPDATE outbox SET attempts = attempts + 1, parked = true, note = %s
WHERE transfer = %s::uuid AND seq = %s AND queue = %s"""

DUE: Final = f"SELECT {_hex('id')} FROM standing WHERE due_ms <= {NOW_MS} ORDER BY due_ms LIMIT %s"

REQUEST: Final = f"""
SELECT {_hex("id")}, caller, coalesce(correlation, ''), {_hex("transfer")}, created_ms
FROM request WHERE id = %s::uuid"""

RESPONSE: Final = f"""
SELECT {_hex("id")}, caller, coalesce(correlation, ''), {_hex("transfer")}, created_ms
FROM request WHERE caller = %s AND correlation = %s"""

TIMELINE: Final = f"""
SELECT coalesce(json_agg(x ORDER BY seq), '[]')::text FROM (
    SELECT {_hex("transfer")} AS transfer, seq, state, event, "next", at_ms, who, detail
    FROM transition WHERE transfer = %s::uuid) AS x"""

CASES_OF: Final = f"""
SELECT coalesce(json_agg(x ORDER BY opened_ms, seq), '[]')::text FROM (
    SELECT {_hex("transfer")} AS transfer, seq, kind, detail, opened_ms
    FROM operator_case WHERE transfer = %s::uuid) AS x"""

CASES_OPEN: Final = f"""
SELECT coalesce(json_agg(x ORDER BY opened_ms, transfer, seq), '[]')::text FROM (
    SELECT {_hex("transfer")} AS transfer, seq, kind, detail, opened_ms
    FROM operator_case WHERE closed_ms IS NULL ORDER BY opened_ms LIMIT %s) AS x"""

ENTRIES_OF: Final = """
SELECT subject, debit, credit, minor, phase, debit_balance, debit_held, credit_balance
FROM posting WHERE subject = %s ORDER BY journal, line"""

CASES_LOCKED: Final = f"""
SELECT coalesce(json_agg(x ORDER BY opened_ms, transfer, seq), '[]')::text FROM (
    SELECT {_hex("transfer")} AS transfer, seq, kind, detail, opened_ms
    FROM operator_case WHERE transfer = ANY(%s::uuid[]) AND closed_ms IS NULL
    ORDER BY operator_case.transfer, seq FOR UPDATE) AS x"""

CLOSE_CASES: Final = """
UPDATE operator_case AS c SET closed_ms = r.closed_ms, closed_by = r.closed_by, closed_why = r.closed_why
FROM json_to_recordset(%s::json)
AS r(transfer uuid, seq int, closed_ms bigint, closed_by text, closed_why text)
WHERE (c.transfer, c.seq) = (r.transfer, r.seq) AND c.closed_ms IS NULL"""

_INSTRUMENT: Final = f"""
{_hex("i.id")} AS id, i.kind, i.reference, i.participant, i.connection, i.own, i.owner, i.account, i.terms,
i.created_ms, i.updated_ms, i.expires_ms, i.quotes, {_hex("i.used_by")} AS used_by,
(SELECT state FROM standing AS s WHERE s.id = i.used_by) AS used_state"""

# Locked in the order of their ids, after the transfers: two who redeem one code wait for each other here.
INSTRUMENTS: Final = f"""
SELECT coalesce(json_agg(x), '[]')::text FROM (
    SELECT {_INSTRUMENT} FROM instrument AS i
    WHERE (i.kind, i.reference) IN (SELECT * FROM json_to_recordset(%s::json) AS r(kind text, reference text))
    ORDER BY i.id FOR UPDATE OF i) AS x"""

INSTRUMENTS_NAMED: Final = f"""
SELECT coalesce(json_agg(x), '[]')::text FROM (
    SELECT {_INSTRUMENT} FROM instrument AS i WHERE i.kind = %s AND i.reference = %s ORDER BY i.id) AS x"""

INSTRUMENTS_OWN: Final = f"""
SELECT coalesce(json_agg(x), '[]')::text FROM (
    SELECT {_INSTRUMENT} FROM instrument AS i WHERE i.participant = %s AND i.kind = %s AND i.own = ANY(%s)
    ORDER BY i.id) AS x"""

QUOTATION_OF: Final = f"""
SELECT coalesce(json_agg(x), '[]')::text FROM (
    SELECT {_INSTRUMENT} FROM instrument AS i WHERE i.kind = 'quotation' AND i.quotes::jsonb @> %s::jsonb
    LIMIT 1) AS x"""

REMEMBER: Final = f"""
INSERT INTO instrument
SELECT * FROM json_to_recordset(%s::json) AS r({recordset(tables.instrument)})
ON CONFLICT (kind, reference, participant) DO UPDATE SET terms = excluded.terms, updated_ms = excluded.updated_ms"""

SCHEME: Final = "SELECT version, document::text FROM scheme ORDER BY version DESC LIMIT 1"
