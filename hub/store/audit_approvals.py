"""The audit of who approved what: releases, defaults, funds, resolutions, changes and operators; it only reads.

What moves or releases money, or says who may, was proposed by one and approved by another: each is held against the
proposal that brought it about, and what was approved against what came of it.
"""

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from hub.core.office.proof import Approved, operator_flaws
from hub.core.office.records import Operator, Setting
from hub.core.participant import SchemeFile, chart
from hub.ledger.account import Kind
from hub.store.audit_reading import FINDINGS_MAX, one
from hub.store.ledger_read import Connection
from routing.money import Money, MoneyError

FOUNDERS_MAX: Final = 2

# Of an approved proposal, whose deed is of the type that it says and in its maker's name.
_APPROVED: Final = """
(SELECT act, terms, by, decided_by, decided_ms FROM proposal
 WHERE state = 'approved' AND terms->>'type' = act AND terms->>'by' = by)"""

_PROPOSED_WRONG: Final = """
SELECT id, act, state FROM proposal
WHERE terms->>'type' IS DISTINCT FROM act OR terms->>'by' IS DISTINCT FROM by
   OR (state = 'open') <> (decided_ms IS NULL) OR (state = 'open') <> (decided_by = '')
   OR state NOT IN ('open', 'approved', 'rejected', 'withdrawn', 'expired')
   OR (state = 'approved' AND lower(trim(decided_by)) = lower(trim(by)))
   OR (state = 'withdrawn' AND decided_by <> by)"""

# What its model releases by itself needs nobody's word.
_RELEASED: Final = f"""
SELECT coalesce(w.model, a.id), w.number
FROM (SELECT DISTINCT terms->>'window' AS id FROM {_APPROVED} AS p WHERE act = 'Release') AS a
FULL JOIN (SELECT id, model, number, terms FROM window_of_settlement WHERE released_ms IS NOT NULL) AS w USING (id)
WHERE w.id IS NULL OR (a.id IS NULL AND w.terms->>'automatic' IS DISTINCT FROM 'true')"""

_DEFAULTED: Final = f"""
SELECT "window", coalesce(h.times, 0), participant, path, coalesce(a.times, 0)
FROM (
    SELECT w.id AS "window", x->>'participant' AS participant, x->>'path' AS path, x->>'by' AS by, count(*) AS times
    FROM window_of_settlement AS w CROSS JOIN LATERAL json_array_elements(w.defaults) AS x GROUP BY 1, 2, 3, 4
) AS h FULL JOIN (
    SELECT terms->>'window' AS "window", terms->>'participant' AS participant, terms->>'path' AS path, by,
           count(*) AS times
    FROM {_APPROVED} AS p WHERE act = 'HandleDefault' GROUP BY 1, 2, 3, 4
) AS a USING ("window", participant, path, by)
WHERE h.times IS DISTINCT FROM a.times"""

_FUNDED: Final = f"""
WITH asked AS (
    SELECT terms->>'funds' AS id, terms->>'participant' AS participant, terms->'money'->>'currency' AS currency,
           terms->'money'->>'minor' AS minor, terms->>'out' AS out, terms->>'purpose' AS purpose, by, decided_by
    FROM {_APPROVED} AS p WHERE act = 'MoveFunds'
    UNION ALL
    SELECT terms->>'fresh', terms->>'participant', terms->>'currency', d.theirs->>'minor', 'false', 'position',
           by, decided_by
    FROM {_APPROVED} AS p LEFT JOIN difference AS d ON d.id = terms->>'difference'
    WHERE act = 'Resolve' AND terms->>'resolution' = 'into_funds'
)
SELECT id FROM asked AS a FULL JOIN funds AS f USING (id)
WHERE (f.participant, f.currency, f.minor::text, f.out::text, f.purpose, f.by, f.approved_by)
      IS DISTINCT FROM (a.participant, a.currency, a.minor, a.out, a.purpose, a.by, a.decided_by)"""

# Said by operators, and not by the bank's file: by two of them, of these funds, or of what was missing or unexpected.
_SAID: Final = f"""
SELECT f.id, f.state, f.confirmed_by
FROM funds AS f LEFT JOIN (
    SELECT DISTINCT CASE act WHEN 'RefuseFunds' THEN 'refused' ELSE 'confirmed' END AS state,
           CASE WHEN act <> 'Resolve' THEN terms->>'funds' WHEN terms->>'resolution' = 'into_funds' THEN terms->>'fresh'
                ELSE terms->>'about' END AS id
    FROM {_APPROVED} AS p
    WHERE act IN ('ConfirmFunds', 'RefuseFunds')
       OR (act = 'Resolve' AND terms->>'resolution' IN ('into_funds', 'accept_booked'))
) AS a ON a.id = f.id AND a.state = f.state
WHERE f.state IN ('confirmed', 'refused') AND NOT starts_with(f.confirmed_by, 'file ') AND a.id IS NULL"""

_RESOLVED: Final = f"""
SELECT id, f.resolution, f.closed_by, coalesce(a.resolution, 'nothing')
FROM (
    SELECT id, resolution, closed_by FROM difference
    WHERE moved_minor <> 0 OR resolution IN ('accept_booked', 'resend', 'into_funds', 'ignore')
) AS f FULL JOIN (
    SELECT terms->>'difference' AS id, terms->>'resolution' AS resolution, by || ' and ' || decided_by AS both_names
    FROM {_APPROVED} AS p WHERE act = 'Resolve'
) AS a USING (id)
WHERE (f.resolution, f.closed_by) IS DISTINCT FROM (a.resolution, a.both_names)"""

# From the second operator on, who was the second of the founders.
_SCHEMES: Final = f"""
SELECT coalesce(s.version::text, a.base), coalesce(s.applied_by, a.both_names),
       CASE WHEN s.version IS NULL THEN 'is approved and not there' ELSE 'is not what two people have approved' END
FROM (
    SELECT *, lag(version) OVER (ORDER BY version)::text AS base, lag(applied_ms) OVER (ORDER BY version) AS before_ms
    FROM scheme
) AS s FULL JOIN (
    SELECT terms->>'base' AS base, by || ' and ' || decided_by AS both_names, terms->'file' AS file, decided_ms
    FROM {_APPROVED} AS p WHERE act = 'ApplyScheme'
) AS a ON a.both_names = s.applied_by AND a.file::text = s.document::text AND a.base = s.base
      AND a.decided_ms = s.applied_ms
WHERE s.version IS NULL OR s.applied_ms < s.before_ms OR (a.file IS NULL AND (
    s.applied_ms > (SELECT at_ms FROM operator ORDER BY at_ms LIMIT 1 OFFSET 1)
    OR s.version > (SELECT min((terms->>'base')::bigint) FROM {_APPROVED} AS p WHERE act = 'ApplyScheme')))"""

_SAYS: Final = (
    (_PROPOSED_WRONG, "proposal {0} of {1} contradicts itself: it is {2}"),
    (_RELEASED, "window {1} of {0}: that it is released, and that two people have approved it, do not agree"),
    (_DEFAULTED, "window {0}: {1} defaults of {2} were handled by {3}, and two people have approved {4}"),
    (_FUNDED, "funds {0} are not what two people have approved"),
    (_SAID, "funds {0} are {1} as {2} say, but two people have not approved that"),
    (_SCHEMES, "scheme {0}, applied by {1}, {2}"),
    (_RESOLVED, "difference {0} was resolved ({1}) by {2}, but two people have approved {3}"),
)

_CHANGES: Final = f"""
SELECT c.id, c.what, c.participant, c.currency, c.after, c.by, c.approved_by, p.act, p.terms::text, p.by, p.decided_by
FROM change AS c LEFT JOIN {_APPROVED} AS p
  ON CASE WHEN p.act IN ('SetCap', 'Unblock') THEN p.terms->>'change' END = c.id ORDER BY c.at_ms, c.id"""
# Under which names the changes are kept that a scheme makes.
_OF_SCHEMES: Final = r"""
SELECT left(encode(sha256(convert_to(
    concat_ws(E'\n', 'cap', s.version, c.participant, c.currency), 'UTF8')), 'hex'), 32)
FROM scheme AS s CROSS JOIN (SELECT DISTINCT participant, currency FROM change WHERE approved_by = '') AS c"""
_BY_DEFAULT: Final = f"""
SELECT terms->>'participant', by, decided_by FROM {_APPROVED} AS p WHERE act = 'HandleDefault'"""

_LAST_SCHEME: Final = "SELECT document::text FROM scheme ORDER BY version DESC LIMIT 1"
_CAPS: Final = """
SELECT a.participant, a.currency, a.kind, a.cap_minor FROM account AS a
WHERE NOT EXISTS (
    SELECT FROM change AS c WHERE a.kind = 'position' AND c.what = 'cap'
    AND (c.participant, c.currency) = (a.participant, a.currency))"""

_OPERATORS: Final = f"""
SELECT row_to_json(o)::text, coalesce(json_agg(p) FILTER (WHERE p.act IS NOT NULL), '[]')::text
FROM operator AS o LEFT JOIN {_APPROVED} AS p
  ON CASE WHEN p.act IN ('AdmitOperator', 'ChangeRoles', 'DisableOperator') THEN p.terms->>'operator' END = o.id
GROUP BY o.id ORDER BY o.id"""
_UNKNOWN: Final = f"""
SELECT DISTINCT terms->>'operator' FROM {_APPROVED} AS p
WHERE act = 'AdmitOperator' AND NOT EXISTS (SELECT FROM operator AS o WHERE o.id = p.terms->>'operator')"""

_approved: Final = msgspec.json.Decoder(list[Approved]).decode
_scheme: Final = msgspec.json.Decoder(SchemeFile).decode


def approval_findings(connection: Connection) -> Iterator[str]:
    """Say what was done that two people have not approved, or was approved and not done."""
    for statement, says in _SAYS:
        yield from (says.format(*row) for row in connection.execute(f"{statement} LIMIT {FINDINGS_MAX}"))
    yield from _change_findings(connection)
    yield from _cap_findings(connection)
    yield from _operator_findings(connection)


def _change_findings(connection: Connection) -> Iterator[str]:
    """Hold every change of a position against the proposal, the default or the scheme that made it."""
    of_schemes = {row[0] for row in connection.execute(_OF_SCHEMES)}
    by_default = set(connection.execute(_BY_DEFAULT).fetchall())
    for id_, what, participant, currency, after, by, approved_by, *proposed in connection.execute(_CHANGES):
        terms = {} if proposed[1] is None else msgspec.json.decode(proposed[1])
        is_named = (proposed[2], proposed[3], terms.get("participant"), terms.get("currency")) == (
            by,
            approved_by,
            participant,
            currency,
        )
        if what == Setting.CAP and not approved_by:
            right = id_ in of_schemes
        elif what == Setting.CAP:
            right = is_named and proposed[0] == "SetCap" and _minor(str(terms.get("amount")), currency) == after
        elif after == "yes" and not approved_by:
            right = True  # one operator may block: it protects
        elif after == "yes":
            right = (participant, by, approved_by) in by_default
        else:
            right = is_named and proposed[0] == "Unblock"
        if not right:
            yield f"change {id_}: {what} of {participant} in {currency} became {after}, and nobody has approved it so"


def _minor(amount: str, currency: str) -> str:
    """Return an amount in minor units, as changes keep it; empty: it is none."""
    try:
        return str(Money.parse(amount, currency).minor)
    except MoneyError:
        return ""


def _cap_findings(connection: Connection) -> Iterator[str]:
    """Hold the caps that nobody has changed against the scheme in force."""
    row = connection.execute(_LAST_SCHEME).fetchone()
    due = chart(_scheme(row[0])) if row else {}
    for participant, currency, kind, cap_minor in connection.execute(_CAPS):
        key = (participant, currency, Kind(kind))
        if key in due and due[key] != cap_minor:
            whose = f"{kind} of {participant or 'the scheme'} in {currency}"
            yield f"{whose}: its cap is {cap_minor}, but the scheme says {due[key]}, and nobody has changed it"


def _operator_findings(connection: Connection) -> Iterator[str]:
    """Hold every operator against what two people decided of it."""
    founders: list[str] = []
    rows: list[Any] = connection.execute(_OPERATORS).fetchall()
    for text, approved in rows:
        flaws: list[str] = []
        operator = one(text, Operator, "operator", flaws)
        yield from flaws
        if operator is not None:
            founders.extend([] if operator.approved_by else [operator.id])
            yield from (f"operator {operator.id}: {flaw}" for flaw in operator_flaws(operator, _approved(approved)))
    if len(founders) > FOUNDERS_MAX:
        yield f"operators {', '.join(founders)}: only two found the office, others are approved"
    for (name,) in connection.execute(_UNKNOWN):
        yield f"operator {name} was admitted by two people, and is not there"
