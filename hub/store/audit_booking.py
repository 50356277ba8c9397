"""The audit of what the settlement bank said: suspense, differences, payments and kept files; it only reads.

Money is in suspense for a difference that two people have resolved, and for nothing else. What a bank booked otherwise
than it was instructed has a difference. Payments stand where the bank's words say. A file that was kept is still what
was hashed.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Final

from hub.core.office.booking import difference_id
from hub.core.office.proof import payment_flaws
from hub.core.office.words import judged
from hub.core.settlement.window import Payment
from hub.store.audit_reading import one
from hub.store.ledger_read import FETCH, Connection

# Every posting on a suspense account, beside the difference it is for.
_SUSPENSE: Final = """
SELECT p.journal, p.subject FROM {posting} AS p
LEFT JOIN difference AS f ON 'difference:' || f.id = p.subject
LEFT JOIN account AS d ON d.id = p.debit LEFT JOIN account AS c ON c.id = p.credit
WHERE (starts_with(p.subject, 'difference:') OR 'suspense' IN (d.kind, c.kind))
  AND (f.moved_minor, f.moved_currency, f.state, p.phase, d.currency, d.kind, c.kind) IS DISTINCT FROM (
      CASE WHEN d.kind = 'settlement_bank' THEN p.minor ELSE -p.minor END, d.currency, 'resolved', 'direct', d.currency,
      CASE WHEN f.moved_minor > 0 THEN 'settlement_bank' ELSE 'suspense' END,
      CASE WHEN f.moved_minor > 0 THEN 'suspense' ELSE 'settlement_bank' END)
ORDER BY p.journal"""

_UNPOSTED: Final = """
SELECT f.id, f.moved_minor, f.moved_currency, count(p.subject) FROM {difference} AS f
LEFT JOIN {posting} AS p ON p.subject = 'difference:' || f.id
WHERE f.moved_minor <> 0
GROUP BY f.id, f.moved_minor, f.moved_currency, f.closed_ms
HAVING count(p.subject) > 1 OR count(p.subject) = 0 AND f.closed_ms >= %(since)s ORDER BY f.id"""

_UNTOLD: Final = """
SELECT p.id, p.state FROM payment AS p
WHERE p.state IN ('over', 'under', 'mismatch', 'missing')
  AND NOT EXISTS (SELECT FROM difference AS f WHERE f.subject = p.id) ORDER BY p.id"""

_RESOLVED: Final = """
SELECT id, closed_by FROM difference
WHERE (state = 'open') <> (closed_ms IS NULL) OR state NOT IN ('open', 'resolved')
   OR (state = 'open' AND moved_minor <> 0) OR (moved_minor = 0) <> (moved_currency = '')
ORDER BY id"""

_CHANGED: Final = """
SELECT id, name FROM file WHERE refused = '' AND sha256 <> encode(sha256(convert_to(content, 'UTF8')), 'hex')
ORDER BY at_ms, id"""

# Of a participant's day, the last file has every difference that it was kept with; an earlier one has what is left.
_SHOWN: Final = """
SELECT f.id, f.name, f.differences, count(d.id)
FROM file AS f LEFT JOIN difference AS d ON d.file = f.id AND (f.origin <> 'bank' OR d.kind = 'unexpected')
WHERE f.refused = '' AND f.differences > 0 AND (f.origin = 'bank' OR NOT EXISTS (
    SELECT FROM file AS g
    WHERE (g.origin, g.subject, g.currency, g.refused) = (f.origin, f.subject, f.currency, '')
      AND g.at_ms >= f.at_ms AND g.id <> f.id))
GROUP BY f.id, f.name, f.differences HAVING count(d.id) < f.differences ORDER BY f.id"""

_NO_FILE: Final = """
SELECT p.id, x.file FROM payment AS p CROSS JOIN LATERAL (
    SELECT p.file AS file UNION SELECT p.said_in UNION SELECT said->>'file' FROM json_array_elements(p.said) AS said
) AS x LEFT JOIN file AS f ON f.id = x.file
WHERE x.file <> '' AND f.id IS NULL ORDER BY p.id"""

# Those that nothing was said of and nothing is booked of, and those that are booked plainly, are right as they are.
_PAYMENTS: Final = """
SELECT row_to_json(p)::text, f.confirmed_by, a.minors, d.ids
FROM payment AS p LEFT JOIN funds AS f ON f.payment = p.id LEFT JOIN (
    SELECT subject, array_agg((theirs->>'minor')::bigint) AS minors
    FROM difference WHERE state = 'resolved' AND resolution = 'accept_booked' GROUP BY subject
) AS a ON a.subject = p.id
LEFT JOIN (
    SELECT subject, array_agg(id) AS ids FROM difference WHERE source = 'bank' GROUP BY subject
) AS d ON d.subject = p.id
WHERE NOT CASE p.state
    WHEN 'expected' THEN p.booked_minor = 0 AND json_array_length(p.said) = 0
    WHEN 'posted' THEN p.booked_minor = p.minor AND json_array_length(p.said) = 1 AND a.minors IS NULL
        AND (p.said->0->>'word', p.said->0->>'counted') = ('booked', p.minor::text)
    ELSE false END
ORDER BY p.at_ms, p.id"""
_FROM_FILE: Final = "file "  # as funds are confirmed where the bank's file said it

_MOVED_SAYS: Final = (
    (_SUSPENSE, "journal {0}: the posting {1} on suspense is for no difference that two people resolved so"),
    (_UNPOSTED, "difference {0} moved {1} {2} (minor units) into suspense, and has {3} postings, not one"),
)
_KEPT_SAYS: Final = (
    (_UNTOLD, "payment {0} is {1}, and no difference says so"),
    (_RESOLVED, "difference {0} is neither open nor resolved, or moved money while it is open ({1})"),
    (_CHANGED, "file {0}, {1}, is not what it was when it was kept"),
    (_SHOWN, "file {0}, {1}: {2} differences were kept with it, and {3} are there"),
    (_NO_FILE, "payment {0}: the file {1} that it names is not kept"),
)
_WHOLE: Final = {"posting": "posting", "difference": "difference"}
_NEW: Final = {
    "posting": "(SELECT * FROM posting WHERE subject = ANY(%(subjects)s::text[]))",
    "difference": "(SELECT * FROM difference WHERE id = ANY(%(ids)s::text[]))",
}
_DIFFERENCE: Final = "difference:"  # as the subjects of what differences moved begin


def booking_findings(connection: Connection, since_ms: int) -> Iterator[str]:
    """Say what is wrong; what was closed before `since_ms` may have its postings in the archive."""
    yield from _found(connection, (*_MOVED_SAYS, *_KEPT_SAYS), _WHOLE, {"since": since_ms})
    yield from _payment_findings(connection)


def new_booking_findings(connection: Connection, since_ms: int, subjects: Sequence[str]) -> Iterator[str]:
    """Say what is wrong about the differences among these subjects of postings."""
    mine = [each for each in subjects if each.startswith(_DIFFERENCE)]
    if mine:
        ids = [each.removeprefix(_DIFFERENCE) for each in mine]
        yield from _found(connection, _MOVED_SAYS, _NEW, {"since": since_ms, "subjects": mine, "ids": ids})


def _found(
    connection: Connection, says: Sequence[tuple[str, str]], tables: dict[str, str], parameters: dict[str, Any]
) -> Iterator[str]:
    for statement, sentence in says:
        found = connection.execute(statement.format(**tables), parameters)
        yield from (sentence.format(*row) for row in found)


def _payment_findings(connection: Connection) -> Iterator[str]:
    """Hold payments against what the bank said of them."""
    with connection.cursor(name="payments") as cursor:
        cursor.itersize = FETCH
        cursor.execute(_PAYMENTS)
        for text, confirmed_by, accepted, known in cursor:
            flaws: list[str] = []
            payment = one(text, Payment, "payment", flaws)
            yield from flaws
            if payment is not None:
                by_hand = confirmed_by is not None and not confirmed_by.startswith(_FROM_FILE)
                found = payment_flaws(payment, by_hand=by_hand, accepted=_amounts(payment, accepted))
                yield from (f"payment {payment.id}: {flaw}" for flaw in (*found, *_untold(payment, known or ())))


def _untold(payment: Payment, known: Sequence[str]) -> Iterator[str]:
    """Hold everything that the bank said otherwise than it was instructed against the differences that there are."""
    for place, kind in judged(payment).strays:
        if difference_id(payment.id, place) not in known:
            yield f"what the bank said of it in {payment.said[place].file} is {kind}, and no difference says so"


def _amounts(payment: Payment, accepted: Sequence[int | None] | None) -> list[int]:
    """Return what was accepted as booked; where the bank did not say how much, it was what was instructed."""
    return [payment.minor if each is None else each for each in accepted or ()]
