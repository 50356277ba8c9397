"""The audit of prices on PostgreSQL: against themselves, quotations, tallies and published rates; it only reads.

The ledger is held against the legs of prices elsewhere; here the legs are held against what the prices say.
"""

from collections.abc import Iterator
from typing import Any, Final

import msgspec
import psycopg
from psycopg.rows import TupleRow

from hub.core.pricing.price import Price, Quote
from hub.core.pricing.proof import flaws

FETCH: Final = 5_000
FINDINGS_MAX: Final = 100

# A reversal's amount is what is given back of the original, in the original's own currency.
_PRICES: Final = """
SELECT replace(t.id::text, '-', ''), t.payer_fsp, t.payee_fsp, t.currency, t.minor, t.original IS NOT NULL,
       t.price::text, i.quotes::text
FROM transfer AS t LEFT JOIN instrument AS i ON i.used_by = t.id AND i.kind = 'quotation'
WHERE t.price IS NOT NULL"""

_QUOTATIONS: Final = """
SELECT replace(id::text, '-', ''), quotes::text FROM instrument WHERE kind = 'quotation'"""

# A tally is forgotten when its period is over; as long as it is kept, it is what the transfers under it come to.
_COUNTED_WRONG: Final = f"""
WITH counted AS (
    SELECT c->>'key' AS key, sum((c->>'minor')::bigint) AS minor, count(*) AS times
    FROM transfer AS t JOIN standing AS s ON s.id = t.id CROSS JOIN LATERAL json_array_elements(t.price->'counts') AS c
    WHERE s.state NOT IN ('aborted', 'refunded') GROUP BY 1
)
SELECT y.key, y.minor, y.times, coalesce(c.minor, 0), coalesce(c.times, 0)
FROM tally AS y LEFT JOIN counted AS c ON c.key = y.key
WHERE (y.minor, y.times) IS DISTINCT FROM (coalesce(c.minor, 0), coalesce(c.times, 0))
LIMIT {FINDINGS_MAX}"""

_RATED_WRONG: Final = f"""
WITH last AS (
    SELECT DISTINCT ON (provider, source, target) * FROM rate_history ORDER BY provider, source, target, id DESC
)
SELECT provider, source, target, r.rate, h.rate
FROM rate AS r FULL JOIN last AS h USING (provider, source, target)
WHERE (r.rate, r.at_ms, r.until_ms, r.by, r.state, r.last)
      IS DISTINCT FROM (h.rate, h.at_ms, h.until_ms, h.by, h.state, h.last)
LIMIT {FINDINGS_MAX}"""

_price: Final = msgspec.json.Decoder(Price).decode
_quotes: Final = msgspec.json.Decoder(list[Quote]).decode


def price_findings(connection: psycopg.Connection[TupleRow]) -> Iterator[str]:
    """Say what does not agree about prices."""
    for row in _rows(connection, "prices", _PRICES):
        yield from _of_transfer(row)
    for id_, text in _rows(connection, "quotations", _QUOTATIONS):
        try:
            quotes = _quotes(text)
        except msgspec.ValidationError as error:
            yield f"quotation {id_}: its quotes cannot be read: {error}"
            continue
        for quote in quotes:
            for flaw in flaws(quote.price, quote.payer_fsp, quote.payee_fsp):
                yield f"quote {quote.id} of quotation {id_}: {flaw}"
    for statement, says in (
        (_COUNTED_WRONG, "tally {0}: {1} of {2} transfers, but {3} of {4} count"),
        (_RATED_WRONG, "rate of {0}, {1}-{2}: {3} is kept, but {4} was published last, or otherwise"),
    ):
        yield from (says.format(*row) for row in connection.execute(statement))


def _rows(connection: psycopg.Connection[TupleRow], name: str, statement: str) -> Iterator[TupleRow]:
    with connection.cursor(name=name) as cursor:
        cursor.itersize = FETCH
        cursor.execute(statement)
        yield from cursor


def _of_transfer(row: Any) -> Iterator[str]:
    id_, payer_fsp, payee_fsp, currency, minor, is_reversal, text, quotes = row
    try:
        price, quotes = _price(text), None if quotes is None else _quotes(quotes)
    except msgspec.ValidationError as error:
        yield f"the price of transfer {id_}, or a quote of its quotation, cannot be read: {error}"
        return
    for flaw in flaws(price, payer_fsp, payee_fsp):
        yield f"the price of transfer {id_}: {flaw}"
    if not is_reversal and (price.sent.currency, price.sent.minor) != (currency, minor):
        yield f"transfer {id_} is of {minor} minor units of {currency}, but its price of {price.sent}"
    if quotes is not None and msgspec.structs.replace(price, counts=()) not in [each.price for each in quotes]:
        yield f"transfer {id_} is not at a price of the quotation that it used"
