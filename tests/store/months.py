"""Making a ledger older than it is: its first journals, and what hangs on them, are moved to months that are over."""

from datetime import UTC, datetime

import psycopg

DAY_MS = 86_400_000


def month_before(number: int) -> tuple[str, int]:
    """Return the month so many before this one (2026-07), and a moment in its middle in Unix milliseconds."""
    now = datetime.now(UTC)
    index = now.year * 12 + now.month - 1 - number
    middle = datetime(index // 12, index % 12 + 1, 15, tzinfo=UTC)
    return middle.strftime("%Y-%m"), int(middle.timestamp()) * 1000


def aged(url: str, *upto: int, prepared: bool = True) -> list[str]:
    """Move the journals up to each of these heights to a month of their own, the last of which ended just now.

    Returns the months, the oldest first.
    """
    months = [month_before(len(upto) - number) for number in range(len(upto))]
    with psycopg.connect(url) as connection:
        if prepared:
            connection.execute("SELECT prepare_months(%s, %s)", [months[0][1], len(upto)])
        connection.execute("SET session_replication_role = replica")
        low = 0
        for (_, middle), high in zip(months, upto, strict=True):
            span = [middle, low, high]
            connection.execute("UPDATE journal SET at_ms = %s + height WHERE height > %s AND height <= %s", span)
            connection.execute("UPDATE posting SET at_ms = %s + journal WHERE journal > %s AND journal <= %s", span)
            low = high
        connection.execute(
            "WITH p AS (SELECT subject, min(at_ms) AS first FROM posting GROUP BY 1)"
            " UPDATE transfer SET created_ms = first FROM p WHERE replace(id::text, '-', '') = subject"
        )
        connection.execute(
            "UPDATE funding SET at_ms = p.at_ms FROM posting AS p WHERE p.subject = 'fund:' || reference"
        )
    return [month for month, _ in months]
