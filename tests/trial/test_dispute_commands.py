"""`hub disputes` as an operator runs it: what is asked is listed and shown; what moves money waits for a second one."""

import re
from collections.abc import AsyncIterator
from typing import NamedTuple

import pytest

from hub.core.office.disputes import submission
from hub.core.office.records import Dispute
from routing.message import Operation, Verdict
from tests.core.counter import dispute_id, raising
from tests.store.house import House
from tests.trial.command import hub, proposal_in

pytestmark = pytest.mark.postgres


class Paid(NamedTuple):
    """A database, a completed transfer in it, and who works on it."""

    url: str
    transfer: str
    house: House


@pytest.fixture
async def paid(migrated_url: str) -> AsyncIterator[Paid]:
    async with House(migrated_url) as house:
        yield Paid(migrated_url, (await house.completed(1, "100")).id, house)


async def test_a_recall_is_raised_listed_shown_and_answered_by_two(paid: Paid) -> None:
    asked = ("raise", "recall", paid.transfer, "--for", "alpha", "--amount", "60", "--reason", "dupl")
    said = hub("disputes", *asked, "--by", "desk-1", "--why", "their letter", database=paid.url)
    hub("proposals", "approve", proposal_in(said), "--by", "desk-2", database=paid.url)
    (raised,) = await paid.house.store.records.found(Dispute)
    id_ = raised.id
    listed = hub("disputes", "list", "--kind", "recall", "--state", "open", "--participant", "bravo", database=paid.url)
    assert id_ in listed
    shown = hub("disputes", "show", id_, database=paid.url)
    assert re.search(r"operator desk-1 and desk-2 for alpha +raised +their letter", shown), shown
    assert "bravo is to answer by" in shown
    proposed = hub("disputes", "answer", id_, "accepted", "--by", "desk-1", "--why", "they rang", database=paid.url)
    proposal = proposal_in(proposed)
    assert "same_person" in hub("proposals", "approve", proposal, "--by", "desk-1", database=paid.url, code=1)
    hub("proposals", "approve", proposal, "--by", "desk-2", database=paid.url)
    shown = hub("disputes", "show", id_, database=paid.url)
    assert "operator desk-1 and desk-2 for bravo" in shown
    assert "is to answer by" not in shown, "it has answered"
    found = await paid.house.store.records.one(Dispute, id_)
    assert found is not None
    linked = await paid.house.begun(submission(found))
    await paid.house.hear(linked, Operation.CREDIT, Verdict.ACCEPTED)
    told = hub("transfer", "show", paid.transfer, database=paid.url)
    assert "given back" in told
    assert f"recall {id_}" in told
    assert f"gives back {paid.transfer}" in hub("transfer", "show", linked.id, database=paid.url)


async def test_a_return_is_proposed(paid: Paid) -> None:
    asked = ("raise", "return", paid.transfer, "--for", "bravo", "--reason", "AC04", "--by", "desk-1", "--why", "old")
    proposal = proposal_in(hub("disputes", *asked, database=paid.url))
    assert "no such disputes" in hub("disputes", "list", database=paid.url)
    hub("proposals", "approve", proposal, "--by", "desk-2", database=paid.url)
    assert "accepted" in hub("disputes", "list", database=paid.url)


WRONG = [
    (("raise", "loan", "{transfer}", "--reason", "DUPL"), "'loan' is none of return, recall, fraud"),
    (("raise", "recall", "{transfer}", "--for", "alpha", "--reason", "XXXX"), "a recall takes"),
    (("raise", "recall", "{transfer}", "--for", "alpha", "--reason", "DUPL", "--amount", "0"), "above zero"),
    (("answer", dispute_id(1), "perhaps"), "neither accepted nor refused"),
    (("answer", dispute_id(9), "accepted"), "there is no dispute"),
    (("answer", dispute_id(1), "refused"), "refuse for one of AC04"),
]


@pytest.mark.parametrize(("arguments", "says"), WRONG, ids=[each[1] for each in WRONG])
async def test_what_cannot_be_done_says_what_can(paid: Paid, arguments: tuple[str, ...], says: str) -> None:
    await paid.house.door.handle(raising(1, paid.transfer, minor=1_00))
    named = [each.replace("{transfer}", paid.transfer) for each in arguments]
    assert says in hub("disputes", *named, "--by", "desk-1", "--why", "asked", database=paid.url, code=1)


def test_the_rules_are_printed_as_they_are_documented() -> None:
    assert hub("disputes", "rules").startswith("# Disputes")
