"""The market and the tallies of limits on PostgreSQL: statements that only batches with prices or limits need.

Quoting batches come one after the other, so that each prices on what the last one left open.
"""

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from hub.core.change import Decided
from hub.core.pricing.limits import Tally
from hub.core.pricing.market import Market, Published
from hub.store import tables
from hub.store.statements import NOW_MS
from hub.store.tables import recordset

# Any number will do, as long as nothing else in the database uses it as an advisory lock.
QUOTING: Final = "SELECT pg_advisory_xact_lock(7215002)"

# What an FX provider has left is read without a lock: the ledger itself decides when a transfer is reserved.
MARKET: Final = f"""
SELECT json_build_object(
    'rates', (SELECT coalesce(json_agg(r), '[]') FROM rate AS r),
    'open', (SELECT coalesce(json_agg(o), '[]') FROM (
        SELECT provider, currency, sum(minor)::bigint AS minor FROM exposure WHERE until_ms > {NOW_MS} GROUP BY 1, 2
    ) AS o),
    'left', (SELECT coalesce(json_agg(a), '[]') FROM (
        SELECT participant AS provider, currency, credits_posted - debits_posted - debits_pending + cap_minor AS minor
        FROM account WHERE kind = 'position' AND participant IN (SELECT provider FROM rate)
    ) AS a))::text"""

OPEN_TALLIES: Final = """
INSERT INTO tally (key, minor, times, ends_ms) SELECT key, 0, 0, ends_ms
FROM json_to_recordset(%s::json) AS r(key text, ends_ms bigint) ON CONFLICT DO NOTHING"""

# Rows are locked in the order of their keys: LockRows runs above the sort.
TALLIES: Final = """
SELECT key, minor, times FROM tally WHERE key IN (SELECT key FROM json_to_recordset(%s::json) AS r(key text))
ORDER BY key FOR UPDATE"""

CHANGE: Final = f"""
WITH current AS (
    INSERT INTO rate SELECT * FROM json_to_recordset(%(rates)s::json) AS r({recordset(tables.rate)})
    ON CONFLICT (provider, source, target) DO UPDATE SET rate = excluded.rate, at_ms = excluded.at_ms,
        until_ms = excluded.until_ms, by = excluded.by, state = excluded.state, last = excluded.last
), history AS (
    INSERT INTO rate_history (provider, source, target, rate, at_ms, until_ms, by, state, last)
    SELECT provider, source, target, rate, at_ms, until_ms, by, state, last
    FROM json_to_recordset(%(published)s::json) AS r({recordset(tables.rate)})
), exposed AS (
    INSERT INTO exposure
    SELECT provider, currency, until_ms, minor
    FROM json_to_recordset(%(exposures)s::json) AS r({recordset(tables.exposure)})
    ON CONFLICT (provider, currency, until_ms) DO UPDATE SET minor = exposure.minor + excluded.minor
)
INSERT INTO tally SELECT key, minor, times, ends_ms
FROM json_to_recordset(%(tallies)s::json) AS r({recordset(tables.tally)})
ON CONFLICT (key) DO UPDATE SET minor = tally.minor + excluded.minor, times = tally.times + excluded.times"""

FORGET: Final = f"""
WITH quotes AS (DELETE FROM exposure WHERE until_ms < {NOW_MS} - 60000)
DELETE FROM tally WHERE ends_ms < {NOW_MS}"""

RATES: Final = "SELECT coalesce(json_agg(r ORDER BY source, target, provider), '[]')::text FROM rate AS r"

HISTORY: Final = """
SELECT coalesce(json_agg(h ORDER BY id DESC), '[]')::text FROM (
    SELECT * FROM rate_history WHERE provider = %s AND source = %s AND target = %s ORDER BY id DESC LIMIT %s) AS h"""


class _Sum(msgspec.Struct):
    provider: str
    currency: str
    minor: int | None


class _Market(msgspec.Struct):
    rates: list[Published]
    open: list[_Sum]
    left: list[_Sum]


_read: Final = msgspec.json.Decoder(_Market).decode
published_in: Final = msgspec.json.Decoder(list[Published]).decode


def market_in(text: str) -> Market:
    """Read the answer to MARKET."""
    found = _read(text)
    return Market(
        rates={each.key: each for each in found.rates},
        open_minor={(each.provider, each.currency): each.minor or 0 for each in found.open},
        available={(each.provider, each.currency): each.minor for each in found.left},
    )


def tallies_in(keys: Sequence[str], rows: Sequence[tuple[str, int, int]]) -> dict[str, Tally]:
    """Read the answer to TALLIES."""
    found = {key: Tally(minor, times) for key, minor, times in rows}
    return {key: found.get(key, Tally()) for key in keys}


def changes(decided: Decided) -> dict[str, Any] | None:
    """Return the rows of CHANGE; None: there is nothing to write."""
    if not (decided.rates or decided.exposures or decided.tallies):
        return None
    return {
        "rates": list({each.key: each for each in decided.rates}.values()),
        "published": decided.rates,
        "exposures": [
            {"provider": provider, "currency": currency, "until_ms": until_ms, "minor": minor}
            for (provider, currency, until_ms), minor in sorted(decided.exposures.items())
            if minor
        ],
        "tallies": [decided.tallies[key] for key in sorted(decided.tallies)],
    }
