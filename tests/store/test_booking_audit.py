"""What the audit says of suspense, differences and kept files when somebody has changed them behind the hub's back."""

from typing import Final

import psycopg
import pytest

from hub.core.office.resolving import Resolution
from tests.store.bank import booked, released, taken
from tests.store.house import House
from tests.store.test_resolving import resolved

# What is done to the database, and what the audit says of it.
TAMPERED: Final = {
    "the amount of a resolution": ("UPDATE difference SET moved_minor = moved_minor + 1", "for no difference"),
    "a resolution undone": ("UPDATE difference SET state = 'open'", "for no difference"),
    "a resolution without its posting": ("UPDATE difference SET id = repeat('f', 32)", "not one"),
    "a kept file": ("UPDATE file SET content = content || ' '", "is not what it was when it was kept"),
    "a payment that nobody is told of": (
        "UPDATE payment SET state = 'over', id = repeat('e', 32) WHERE debtor = 'alpha'",
        "no difference says so",
    ),
}


@pytest.mark.parametrize("tampered", TAMPERED.values(), ids=TAMPERED)
async def test_what_was_changed_behind_the_hubs_back_is_found(sql_house: House, tampered: tuple[str, str]) -> None:
    statement, says = tampered
    paid, due = await released(sql_house)
    await taken(sql_house, booked(paid, "12"), booked(due))
    assert not (await resolved(sql_house, Resolution.ACCEPT_BOOKED)).reason
    assert sql_house.findings() == []
    with psycopg.connect(sql_house.url) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute(statement.encode())
    assert any(says in each for each in sql_house.findings()), sql_house.findings()
