"""The audit finds what was changed by hand of funds, their postings, what operators changed and who approved it."""

import asyncio
from collections.abc import Iterator

import psycopg
import pytest

from hub.core.office.funds import ConfirmFunds, RefuseFunds
from hub.core.office.liquidity import Block
from hub.core.office.records import Purpose
from hub.lab.postgres import PrivatePostgres
from hub.store.audit import run_audit
from hub.store.ledger_audit import catch_up
from tests.store.history import put_back
from tests.store.house import House
from tests.store.office import MAKER, approved, fresh, moving
from tests.store.test_liquidity import capping

IDS: dict[str, str] = {}
# Each kind of funds, and what the bank said of it.
HISTORY = {
    "in": ({}, ConfirmFunds),
    "expected": ({}, None),
    "turned_away": ({}, RefuseFunds),
    "out": ({"out": True}, ConfirmFunds),
    "held": ({"out": True}, None),
    "let_go": ({"out": True}, RefuseFunds),
    "guarantee": ({"purpose": Purpose.GUARANTEE}, ConfirmFunds),
}


async def write_history(url: str) -> None:
    async with House(url) as house:
        for number, (name, (terms, said)) in enumerate(HISTORY.items()):
            deed = moving("5", **terms)  # type: ignore[arg-type]
            IDS[name] = deed.funds
            assert not (await approved(house, deed)).reason
            if said is not None:
                word = said(
                    by=MAKER,
                    funds=deed.funds,
                    participant="alpha",
                    currency="KES",
                    reference=f"B-{number}",
                    why="telephone",
                )
                assert not (await approved(house, word)).reason
        assert not (await approved(house, capping("900"))).reason
        block = Block(by=MAKER, change=fresh(), participant="bravo", currency="KES", why="x")
        assert not (await house.door.handle(block)).reason


@pytest.fixture(scope="module")
def office_url(postgres: PrivatePostgres, _template: str) -> Iterator[str]:
    url = postgres.create_database("office_history", _template)
    asyncio.run(write_history(url))
    yield url
    postgres.drop_database("office_history")


@pytest.fixture
def url(office_url: str) -> Iterator[str]:
    with put_back(office_url):
        yield office_url


def test_nothing_is_wrong_with_it(office_url: str) -> None:
    assert run_audit(office_url).findings == []


def test_what_is_new_is_held_against_funds_too(url: str) -> None:
    found = catch_up(url)
    assert found is not None
    assert found.findings == []


TAMPERINGS = {
    "an amount": "UPDATE funds SET minor = minor + 1 WHERE id = %(in)s",
    "the other way": "UPDATE funds SET out = true WHERE id = %(in)s",
    "confirmed without the bank": "UPDATE funds SET state = 'confirmed' WHERE id = %(expected)s",
    "refused although the bank had booked it": "UPDATE funds SET state = 'refused' WHERE id = %(out)s",
    "held money let go of in the books alone": "UPDATE posting SET phase = 'voided'"
    " WHERE subject = 'funds:' || %(out)s AND phase = 'posted'",
    "whose they are": "UPDATE funds SET participant = 'bravo' WHERE id = %(in)s",
    "what they are for": "UPDATE funds SET purpose = 'guarantee' WHERE id = %(in)s",
    "funds taken out": "DELETE FROM funds WHERE id = %(in)s",
    "their payment taken out": "DELETE FROM payment WHERE subject = %(expected)s",
    "their payment's amount": "UPDATE payment SET minor = minor + 1 WHERE subject = %(held)s",
    "their payment's direction": "UPDATE payment SET debtor = creditor, creditor = debtor WHERE subject = %(held)s",
    "funds that one person approved": "UPDATE funds SET approved_by = by WHERE id = %(guarantee)s",
    "a proposal that one person approved": "UPDATE proposal SET decided_by = by WHERE subject = '' AND act = 'SetCap'",
    "a cap that nobody changed": "UPDATE account SET cap_minor = 1000000 WHERE participant = 'alpha'",
    "a block that nobody lifted": "UPDATE account SET blocked = false WHERE participant = 'bravo'",
    "a block that nobody made": "UPDATE account SET blocked = true WHERE participant = 'alpha'",
    "a change taken out": "DELETE FROM change WHERE participant = 'bravo'",
    "a change that nobody approved": "DELETE FROM proposal WHERE act = 'SetCap'",
    "a change by somebody else": "UPDATE change SET by = 'head-3' WHERE what = 'cap'",
    "a change as if a scheme had made it": "UPDATE change SET approved_by = '' WHERE what = 'cap'",
    "a change to another amount": "UPDATE change SET after = '90001' WHERE what = 'cap'",
    "a block lifted by a change that nobody approved": "UPDATE change SET after = 'no' WHERE what = 'blocked'",
    "funds that nobody asked for": "DELETE FROM proposal WHERE terms->>'funds' = %(out)s AND act = 'MoveFunds'",
    "funds approved by somebody else": "UPDATE funds SET approved_by = 'head-3' WHERE id = %(in)s",
    "funds proposed with another amount": "UPDATE proposal SET terms = replace(terms::text, '500', '501')::json"
    " WHERE terms->>'funds' = %(held)s",
    "confirmed by nobody": "DELETE FROM proposal WHERE act = 'ConfirmFunds' AND terms->>'funds' = %(in)s",
    "refused by nobody": "DELETE FROM proposal WHERE act = 'RefuseFunds' AND terms->>'funds' = %(let_go)s",
    "confirmed by a file that said nothing": "UPDATE funds SET confirmed_by = 'file x' WHERE id = %(in)s",
}


@pytest.mark.parametrize("statement", TAMPERINGS.values(), ids=TAMPERINGS)
def test_a_change_by_hand_is_found(url: str, statement: str) -> None:
    with psycopg.connect(url) as connection:
        connection.execute("SET session_replication_role = replica")
        assert connection.execute(statement, IDS).rowcount, "the test itself must change something"
    assert run_audit(url).findings


@pytest.mark.parametrize("what", ["an amount", "funds taken out", "funds that one person approved"])
def test_it_is_found_too_where_only_what_is_new_is_audited(url: str, what: str) -> None:
    with psycopg.connect(url) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute(TAMPERINGS[what], IDS)
    found = catch_up(url)
    assert found is not None
    assert found.findings
