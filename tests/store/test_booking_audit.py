"""What the audit says of suspense, differences and kept files when somebody has changed them behind the hub's back."""

from typing import Final

import psycopg
import pytest

from hub.core.office.resolving import Resolution
from tests.store.bank import booked, released, row, taken
from tests.store.house import House
from tests.store.test_days import compared, own, own_csv
from tests.store.test_resolving import resolved

# What is done to the database, and what the audit says of it.
TAMPERED: Final = {
    "the amount of a resolution": ("UPDATE difference SET moved_minor = moved_minor + 1", "for no difference"),
    "a resolution undone": ("UPDATE difference SET state = 'open'", "for no difference"),
    "a resolution without its posting": ("UPDATE difference SET id = repeat('f', 32)", "not one"),
    "a kept file": ("UPDATE file SET content = content || ' '", "is not what it was when it was kept"),
    "the currency of a resolution": ("UPDATE difference SET moved_currency = 'UGX'", "for no difference"),
    "a resolution that nobody approved": ("DELETE FROM proposal WHERE act = 'Resolve'", "two people have approved"),
    "a resolution by others": ("UPDATE difference SET closed_by = 'head-8 and head-9'", "two people have approved"),
    "a resolution to something else": ("UPDATE difference SET resolution = 'ignore'", "two people have approved"),
    "what was booked": ("UPDATE payment SET booked_minor = booked_minor + 1", "which nobody has accepted"),
    "what the bank said": ("UPDATE payment SET said = '[]'", "nobody said that it is booked"),
    "that it counts": ("UPDATE payment SET said = replace(said::text, '1000', '999')::json", "of another amount"),
    "refused after all": (
        "UPDATE payment SET said = replace(said::text, 'booked', 'refused')::json",
        "by a word that is no booking",
    ),
    "not heard of any more": ("UPDATE payment SET state = 'missing'", "what the bank said comes to"),
    "expected, and booked": (
        "UPDATE payment SET state = 'expected', said = '[]'",
        "what the bank said comes to expected with 0",
    ),
    "a file taken out": ("DELETE FROM file", "is not kept"),
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


# Differences that are open, taken out: what the audit says then.
TAKEN_OUT: Final = {
    "what is no payment of ours": (
        "DELETE FROM difference WHERE kind = 'unexpected'",
        "1 differences were kept with it, and 0 are there",
    ),
    "a second booking": ("DELETE FROM difference WHERE kind = 'twice'", "is twice, and no difference says so"),
    "what was undone": ("DELETE FROM difference WHERE kind = 'reversed'", "is reversed, and no difference says so"),
    "what a participant has": (
        "DELETE FROM difference WHERE source = 'alpha'",
        "3 differences were kept with it, and 0 are there",
    ),
}


@pytest.mark.parametrize("taken_out", TAKEN_OUT.values(), ids=TAKEN_OUT)
async def test_an_open_difference_that_was_taken_out_is_found(sql_house: House, taken_out: tuple[str, str]) -> None:
    statement, says = taken_out
    paid, due = await released(sql_house)
    await taken(sql_house, booked(paid), booked(due))
    strange = row("f" * 32, "7", "credit", bank_reference="B-9")
    undone = booked(due, status="reversed", direction="credit", bank_reference="B-8")
    again = booked(paid, bank_reference="B-7")
    await taken(sql_house, strange, undone, again, name="second.csv")
    await taken(sql_house, strange, booked(paid), booked(due), name="third.csv")
    for end in (b"", b"\r\n"):  # then the earlier file has none any more
        await compared(sql_house, own_csv(own("", "3", reference="till 4")) + end)
    assert sql_house.findings() == []
    with psycopg.connect(sql_house.url) as connection:
        connection.execute("SET session_replication_role = replica")
        assert connection.execute(statement.encode()).rowcount
    assert any(says in each for each in sql_house.findings()), sql_house.findings()
