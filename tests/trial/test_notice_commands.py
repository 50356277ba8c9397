"""`hub notices` as an operator runs it, on a real database."""

import msgspec
import psycopg
import pytest

from hub.core.change import NOTICES, Letter
from routing.message import encoded
from tests.trial.command import hub

ID = "0195f3" + "0" * 26

pytestmark = pytest.mark.postgres


def parked(url: str) -> None:
    """Leave one notice in the outbox that is not tried any more."""
    body = encoded(Letter(url="http://127.0.0.1:9/", correlation="", body=msgspec.Raw(b"{}"))).decode()
    with psycopg.connect(url) as connection:
        connection.execute(
            "INSERT INTO outbox (transfer, seq, queue, body, due_ms, attempts, note, parked)"
            " VALUES (%s, 3, %s, %s, 0, 12, 'status 422', true)",
            [ID, f"{NOTICES}:maji", body],
        )


def test_what_is_not_tried_any_more_is_listed_with_why_and_told_again(migrated_url: str) -> None:
    assert "everybody was told" in hub("notices", "list", database=migrated_url)
    parked(migrated_url)
    assert f"{ID} notices:maji after 12: status 422" in hub("notices", "list", database=migrated_url)
    assert "1 to be sent" in hub("notices", "again", ID, database=migrated_url)
    assert "everybody was told" in hub("notices", "list", database=migrated_url)


def test_an_id_that_nobody_is_told_of_is_said_in_one_line(migrated_url: str) -> None:
    assert "nobody is to be told" in hub("notices", "again", "0" * 32, database=migrated_url, code=1)
    assert "no id of a transfer" in hub("notices", "again", "INV-1", database=migrated_url, code=1)
