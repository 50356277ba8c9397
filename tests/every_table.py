"""Looking for words everywhere in a database: in every column of every table, whatever it is for."""

from collections.abc import Iterable

import psycopg
from psycopg import sql

_TABLES = """SELECT table_name FROM information_schema.tables
WHERE table_schema = 'public' AND table_type = 'BASE TABLE' ORDER BY 1"""


def tables_with(url: str, words: Iterable[str]) -> set[tuple[str, str]]:
    """Return each word with each table that has it in some row, in either case; a row is looked at as text, whole."""
    found = set()
    with psycopg.connect(url, autocommit=True) as connection:
        names = [name for (name,) in connection.execute(_TABLES)]
        assert len(names) > 10, names
        for name in names:
            rows = connection.execute(sql.SQL("SELECT t::text FROM {} AS t").format(sql.Identifier(name)))
            text = "\n".join(row for (row,) in rows).lower()
            found |= {(word, name) for word in words if word.lower() in text}
    return found
