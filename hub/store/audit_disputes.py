"""The audit of disputes on PostgreSQL: each against its original, its linked transfer and its steps; it only reads."""

from collections.abc import Iterator
from typing import Final

import msgspec

from hub.core.office.proof import Moved, dispute_flaws
from hub.core.office.records import Dispute
from hub.store.audit_reading import one
from hub.store.ledger_read import FETCH, Connection


def _moved(transfer: str, standing: str) -> str:
    """Say in SQL what of a transfer a dispute is held against."""
    return f"""
    CASE WHEN {transfer}.id IS NOT NULL THEN json_build_object(
        'id', replace({transfer}.id::text, '-', ''), 'state', coalesce({standing}.state, ''),
        'caller', {transfer}.caller, 'payer_fsp', {transfer}.payer_fsp, 'payee_fsp', {transfer}.payee_fsp,
        'currency', {transfer}.currency, 'minor', {transfer}.minor,
        'original', coalesce(replace({transfer}.original::text, '-', ''), ''))::text END"""


# Names of transfers that are none are nobody's: nothing is joined to them.
_DISPUTES: Final = f"""
SELECT row_to_json(d)::text, {_moved("o", "os")}, {_moved("l", "ls")}
FROM dispute AS d
LEFT JOIN transfer AS o ON replace(o.id::text, '-', '') = d.transfer LEFT JOIN standing AS os ON os.id = o.id
LEFT JOIN transfer AS l ON replace(l.id::text, '-', '') = d.linked LEFT JOIN standing AS ls ON ls.id = l.id
ORDER BY d.at_ms, d.id"""

_moved_in: Final = msgspec.json.Decoder(Moved).decode


def dispute_findings(connection: Connection) -> Iterator[str]:
    """Say what does not agree about disputes."""
    with connection.cursor(name="disputes") as cursor:
        cursor.itersize = FETCH
        cursor.execute(_DISPUTES)
        for text, original, linked in cursor:
            flaws: list[str] = []
            dispute = one(text, Dispute, "dispute", flaws)
            yield from flaws
            if dispute is not None:
                sides = (None if each is None else _moved_in(each) for each in (original, linked))
                yield from (f"dispute {dispute.id}: {flaw}" for flaw in dispute_flaws(dispute, *sides))
