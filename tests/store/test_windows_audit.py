"""The audit recomputes windows and obligations from postings, and finds what a superuser changed of them by hand."""

import asyncio
from collections.abc import Iterator

import psycopg
import pytest

from hub.core.office.liquidity import Unblock
from hub.core.settlement.names import window_id
from hub.core.settlement.rules import DefaultPath, Model, Netting
from hub.core.settlement.window import WindowState
from hub.lab.postgres import PrivatePostgres
from hub.store.audit import run_audit
from hub.store.audit_settlement import settlement_findings
from tests.store.history import put_back
from tests.store.house import House
from tests.store.office import MAKER, approved, fresh
from tests.store.windows import (
    NET,
    booked,
    close,
    closing_house,
    defaulted,
    given,
    reckon,
    released,
    window,
)

PAIRS = Model(name="pairs", netting=Netting.BILATERAL, currency="KES")
GROSS = Model(name="gross", netting=Netting.GROSS, currency="KES", participants=("alpha", "bravo"))


async def write_settlements(url: str) -> None:
    """Write windows of every kind and state: settled, covered, excluded, unwound, settling, reckoned, closed, open."""
    async with House(url) as house:
        door, numbers = house.door, iter(range(1, 100))
        await door.handle(given(50_00))
        await house.completed(next(numbers))
        await closing_house(house, NET)
        for number, path in enumerate((None, DefaultPath.COVER, DefaultPath.EXCLUDE, DefaultPath.UNWIND), 1):
            await house.completed(next(numbers), f"{number}")
            await released(door, "net", number)
            if path is not None:
                await defaulted(door, "net", number, "alpha", path)
                again = Unblock(by=MAKER, change=fresh(), participant="alpha", currency="KES", why="it paid")
                assert (await approved(house, again)).reason == ""
            if (await window(house.store, "net", number)).state is WindowState.SETTLING:
                await booked(door, "net", number)
        await closing_house(house, GROSS, PAIRS)
        await house.completed(next(numbers), "7")
        await house.completed(next(numbers), "8")
        await released(door, "gross", 1)
        await booked(door, "gross", 1)
        await closing_house(house)
        await house.completed(next(numbers))
        await closing_house(house, NET)
        await reckon(door, "net", 5)  # cut by a scheme, and empty
        await house.completed(next(numbers))
        await released(door, "net", 6)
        for number in (7, 8):
            await house.completed(next(numbers))
            await close(door, "net", number)
        await reckon(door, "net", 7)
        await house.completed(next(numbers))


@pytest.fixture(scope="module")
def settled_url(postgres: PrivatePostgres, _template: str) -> Iterator[str]:
    url = postgres.create_database("settlements", _template)
    asyncio.run(write_settlements(url))
    yield url
    postgres.drop_database("settlements")


@pytest.fixture
def url(settled_url: str) -> Iterator[str]:
    with put_back(settled_url):
        yield settled_url


def test_windows_of_every_kind_are_found_right(settled_url: str) -> None:
    assert run_audit(settled_url).findings == []


W = {
    name: window_id(model, number)
    for name, model, number in (
        ("settled", "net", 1),
        ("covered", "net", 2),
        ("excluded", "net", 3),
        ("unwound", "net", 4),
        ("settling", "net", 6),
        ("reckoned", "net", 7),
        ("closed", "net", 8),
        ("open", "net", 9),
        ("gross", "gross", 1),
        ("pairs", "pairs", 1),
    )
}
WINDOW = "UPDATE window_of_settlement SET "

TAMPERINGS = {
    # Windows.
    "a window taken out": "DELETE FROM window_of_settlement WHERE id = %(settled)s",
    "the last window taken out": "DELETE FROM window_of_settlement WHERE id = %(open)s",
    "a window that begins later": WINDOW + "from_height = from_height + 1 WHERE id = %(covered)s",
    "a window that begins earlier": WINDOW + "from_height = from_height - 1 WHERE id = %(reckoned)s",
    "a window that ends earlier": WINDOW + "to_height = to_height - 1 WHERE id = %(closed)s",
    "a boundary that was moved, on both sides": WINDOW + "to_height = CASE id WHEN %(settling)s THEN to_height - 1 "
    "ELSE to_height END, from_height = CASE id WHEN %(reckoned)s THEN from_height - 1 ELSE from_height END",
    "a window opened again": WINDOW + "state = 'open' WHERE id = %(closed)s",
    "an open window closed": WINDOW + "state = 'closed', to_height = from_height WHERE id = %(open)s",
    "a settled window settling again": WINDOW + "state = 'settling', unsettled = left(id, 16) WHERE id = %(settled)s",
    "a settling window settled": WINDOW + "state = 'settled', unsettled = '' WHERE id = %(settling)s",
    "a settled window that is looked for": WINDOW + "unsettled = left(id, 16) WHERE id = %(settled)s",
    "an unsettled window that is not looked for": WINDOW + "unsettled = '' WHERE id = %(reckoned)s",
    "a reckoned window closed": WINDOW + "state = 'closed' WHERE id = %(reckoned)s",
    "the number of a window": WINDOW + "number = 99 WHERE id = %(open)s",
    "the model of a window": WINDOW + "model = 'other' WHERE id = %(pairs)s",
    "the currency of a window": WINDOW + "currency = 'UGX' WHERE id = %(settled)s",
    "the terms of a window": WINDOW + 'terms = (terms::jsonb || \'{"netting": "net_bilateral"}\')::json '
    "WHERE id = %(settled)s",
    "whom a model is for": WINDOW + 'terms = (terms::jsonb || \'{"participants": ["alpha"]}\')::json '
    "WHERE id = %(gross)s",
    "the models before a window's own": WINDOW + "before = '[]' WHERE id = %(pairs)s",
    "a gap that no scheme has made": WINDOW + "closed_by = 'desk-1' WHERE model = 'net' AND number = 5",
    # What moved, and what became of defaults.
    "what moved": WINDOW + "movements = replace(movements::text, '100', '101')::json WHERE id = %(settled)s",
    "by how many postings": WINDOW + "movements = '[]' WHERE id = %(settled)s",
    "what was carried": WINDOW + "carried = '[]' WHERE id = %(unwound)s",
    "something carried from nowhere": "UPDATE window_of_settlement AS w SET carried = s.movements "
    "FROM window_of_settlement AS s WHERE s.id = %(settled)s AND w.id = %(open)s",
    "a default forgotten": WINDOW + "defaults = '[]' WHERE id = %(unwound)s",
    "a default forgotten, with its revision": WINDOW + "defaults = '[]', revision = 0 WHERE id = %(covered)s",
    "how a default was handled": WINDOW + "defaults = replace(defaults::text, 'unwind', 'exclude')::json "
    "WHERE id = %(unwound)s",
    "how much was covered": WINDOW + "defaults = replace(defaults::text, '200', '199')::json WHERE id = %(covered)s",
    "a default that never was": "UPDATE window_of_settlement AS w SET defaults = s.defaults "
    "FROM window_of_settlement AS s WHERE s.id = %(unwound)s AND w.id = %(settled)s",
    # Obligations.
    "an obligation taken out": "DELETE FROM obligation WHERE \"window\" = %(reckoned)s AND debtor = 'alpha'",
    "all obligations taken out": 'DELETE FROM obligation WHERE "window" = %(reckoned)s',
    "an obligation of another amount": 'UPDATE obligation SET minor = minor + 1 WHERE "window" = %(settled)s '
    "AND debtor = 'alpha'",
    "obligations of other amounts that add up": 'UPDATE obligation SET minor = minor + 1 WHERE "window" = %(settling)s',
    "a replaced obligation of another amount": "UPDATE obligation SET minor = minor + 1 "
    "WHERE \"window\" = %(excluded)s AND revision = 0 AND debtor = 'alpha'",
    "who owes": "UPDATE obligation SET debtor = 'bravo', creditor = 'alpha' WHERE \"window\" = %(gross)s",
    "the currency of an obligation": "UPDATE obligation SET currency = 'UGX' WHERE \"window\" = %(gross)s",
    "the state of an obligation": "UPDATE obligation SET state = 'due' WHERE \"window\" = %(settled)s",
    "a settled obligation replaced": "UPDATE obligation SET state = 'replaced' WHERE \"window\" = %(gross)s",
    "for which transfer": "UPDATE obligation SET subject = repeat('0', 32) WHERE \"window\" = %(gross)s",
    "of which window": 'UPDATE obligation SET "window" = %(closed)s WHERE "window" = %(reckoned)s',
    # Payments.
    "a payment taken out": "DELETE FROM payment WHERE subject = %(settled)s AND debtor = 'alpha'",
    "a payment of another amount": "UPDATE payment SET minor = minor + 1 WHERE subject = %(settling)s "
    "AND debtor = 'alpha'",
    "a booked payment that was not": "UPDATE payment SET state = 'expected' WHERE subject = %(settled)s "
    "AND debtor = 'alpha'",
    "to whom a payment goes": "UPDATE payment SET creditor = 'alpha' WHERE subject = %(settled)s AND debtor = ''",
    "a payment of a window that was not released": "UPDATE payment SET subject = %(reckoned)s "
    "WHERE subject = %(settling)s",
    # The books, also where the chain would still agree.
    "a settlement that was entered for another window": "UPDATE posting SET subject = 'settle:' || %(settling)s "
    "WHERE subject = 'settle:' || %(settled)s",
    "a settlement that nobody asked for": "UPDATE posting SET subject = 'settle:' || repeat('ab', 16) "
    "WHERE subject = 'settle:' || %(settled)s",
    "a cover that nobody asked for": "UPDATE posting SET subject = 'cover:' || %(settled)s || ':alpha' "
    "WHERE subject = 'cover:' || %(covered)s || ':alpha'",
    "an unwinding under another name": "UPDATE posting SET subject = 'unwind:' || %(unwound)s || ':bravo' "
    "WHERE subject = 'unwind:' || %(unwound)s || ':alpha'",
    "a settlement the other way": "UPDATE posting SET debit = credit, credit = debit "
    "WHERE subject = 'settle:' || %(settled)s",
}


@pytest.mark.parametrize("name", TAMPERINGS)
def test_what_a_superuser_changed_of_windows_is_found(url: str, name: str) -> None:
    with psycopg.connect(url) as connection:
        connection.execute("SET session_replication_role = replica")
        changed = connection.execute(TAMPERINGS[name], W)
        assert changed.rowcount > 0
        connection.commit()
        findings = list(settlement_findings(connection))
    assert findings
    assert run_audit(url).findings
