"""The audit holds disputes against their steps, originals and linked transfers, and finds what was changed of them."""

import asyncio
from collections.abc import Iterator
from typing import Final

import psycopg
import pytest

from hub.core.office.disputes import Linked, submission
from hub.core.office.records import Dispute, DisputeState
from hub.lab.postgres import PrivatePostgres
from hub.store.audit import run_audit
from hub.store.ledger_audit import catch_up
from routing.message import Operation, Verdict
from tests.core.counter import answering, dispute_id, raising
from tests.store.history import put_back
from tests.store.house import House, transfer_id
from tests.store.test_disputes import accepted, kept, raised

RETURNED, FAILED, PROMISED, OPEN, REFUSED, REPORTED = map(dispute_id, range(1, 7))


async def ended(house: House, found: Dispute, verdict: Verdict) -> DisputeState:
    """Have the linked transfer of an accepted dispute come about, or not."""
    await house.hear(await house.begun(submission(found)), Operation.CREDIT, verdict)
    await house.door.handle(Linked(by="hub", dispute=found.id, transfer=found.transfer))
    return (await kept(house, found.id)).state


async def write(url: str) -> None:
    """Disputes of every kind of end, each about a transfer of its own."""
    async with House(url) as house:
        first, second, third, fourth = [await house.completed(number, "100") for number in range(1, 5)]
        assert await ended(house, await accepted(house, first, 1), Verdict.ACCEPTED) is DisputeState.RETURNED
        assert await ended(house, await accepted(house, second, 2), Verdict.REFUSED) is DisputeState.FAILED
        await accepted(house, third, 3)
        await raised(house, raising(4, third.id, minor=40_00))
        refused = await raised(house, raising(5, fourth.id, minor=5_00))
        assert not (await house.door.handle(answering(refused, accept=False))).reason
        await raised(house, raising(6, fourth.id, "fraud", "bravo"))


@pytest.fixture(scope="module")
def disputed_url(postgres: PrivatePostgres, _template: str) -> Iterator[str]:
    url = postgres.create_database("disputed", _template)
    asyncio.run(write(url))
    yield url
    postgres.drop_database("disputed")


@pytest.fixture
def url(disputed_url: str) -> Iterator[str]:
    with put_back(disputed_url):
        yield disputed_url


def test_nothing_is_wrong_with_them(disputed_url: str) -> None:
    assert run_audit(disputed_url).findings == []


IDS: Final = {
    "returned": RETURNED,
    "failed": FAILED,
    "promised": PROMISED,
    "open": OPEN,
    "refused": REFUSED,
    "reported": REPORTED,
    "first": transfer_id(1),
    "second": transfer_id(2),
    "nobody": "0" * 32,
}
DISPUTE: Final = "UPDATE dispute SET "
TRANSFER: Final = "UPDATE transfer SET "
LINKED: Final = " WHERE id = (SELECT linked::uuid FROM dispute WHERE id = %(returned)s)"

TAMPERINGS: Final = {
    "returned by no transfer": DISPUTE + "state = 'returned' WHERE id = %(promised)s",
    "returned by one that failed": DISPUTE + "state = 'returned' WHERE id = %(failed)s",
    "failed though it was given back": DISPUTE + "state = 'failed' WHERE id = %(returned)s",
    "accepted by nobody": DISPUTE + "state = 'accepted' WHERE id = %(open)s",
    "open again": DISPUTE + "state = 'open' WHERE id = %(promised)s",
    "refused though it was accepted": DISPUTE + "state = 'refused' WHERE id = %(promised)s",
    "accepted though it was refused": DISPUTE + "state = 'accepted' WHERE id = %(refused)s",
    "a report that gives something back": DISPUTE + "given_minor = 1 WHERE id = %(reported)s",
    "the linked transfer is another": DISPUTE + "linked = %(second)s WHERE id = %(returned)s",
    "the linked transfer is none": DISPUTE + "linked = 'x' WHERE id = %(returned)s",
    "no linked transfer": DISPUTE + "linked = '' WHERE id = %(promised)s",
    "what is given back": DISPUTE + "given_minor = given_minor - 1 WHERE id = %(returned)s",
    "more is promised than asked for": DISPUTE + "given_minor = minor + 1 WHERE id = %(promised)s",
    "more is promised than is left": DISPUTE + "given_minor = 10001, minor = 10001 WHERE id = %(promised)s",
    "what was asked for": DISPUTE + "minor = 10001 WHERE id = %(open)s",
    "whose it is": DISPUTE + "payee_fsp = 'alpha' WHERE id = %(open)s",
    "in another currency": DISPUTE + "currency = 'UGX' WHERE id = %(open)s",
    "about another transfer": DISPUTE + "transfer = %(second)s WHERE id = %(returned)s",
    "about no transfer": DISPUTE + "transfer = %(nobody)s WHERE id = %(open)s",
    "its steps taken out": DISPUTE + "steps = '[]' WHERE id = %(open)s",
    "a step that is none": DISPUTE + "steps = replace(steps::text, 'accepted', 'agreed')::json WHERE id = %(promised)s",
    "a state that is none": DISPUTE + "state = 'perhaps' WHERE id = %(open)s",
    "the linked transfer gives back another": TRANSFER + "original = %(second)s" + LINKED,
    "the linked transfer gives back nothing": TRANSFER + "original = NULL" + LINKED,
    "the linked transfer is by another": TRANSFER + "caller = 'alpha'" + LINKED,
    "the original is not committed": "UPDATE standing SET state = 'aborted' WHERE id = %(first)s",
}


def tamper(url: str, statement: str) -> None:
    with psycopg.connect(url) as connection:
        connection.execute("SET session_replication_role = replica")
        assert connection.execute(statement.encode(), IDS).rowcount > 0, "nothing was changed, so nothing is tested"


@pytest.mark.parametrize("statement", TAMPERINGS.values(), ids=TAMPERINGS)
def test_a_dispute_that_was_changed_by_hand_is_found(url: str, statement: str) -> None:
    tamper(url, statement)
    assert [each for each in run_audit(url).findings if "dispute" in each]


def test_whatever_is_given_back_beyond_the_original_is_found_by_both_audits(url: str) -> None:
    tamper(url, "UPDATE transfer SET minor = 5999 WHERE id = %(first)s")
    found = catch_up(url)
    assert found is not None
    said = f"transfer {IDS['first']} was of 5999 minor units, but 6000 were given back of it, or promised"
    assert said in found.findings
    assert said in run_audit(url).findings
