"""`hub windows` as operators run it: what moved, what is owed, what a default comes to; on a real database."""

import re
from collections.abc import AsyncIterator

import pytest
from typer.testing import CliRunner

from hub.core.settlement.close import CloseWindow
from hub.core.settlement.default import preview
from hub.core.settlement.names import window_id
from hub.core.settlement.rules import DefaultPath
from hub.core.settlement.window import Obligation, Payment, PaymentState
from hub.main import app
from hub.trial.default import preview_lines
from hub.workers.settlement import Settling
from tests.settlement.office import Said
from tests.store.house import House
from tests.store.windows import NET, closing_house, given, window
from tests.trial.command import hub, proposal_in

pytestmark = pytest.mark.postgres

WHO = ("--by", "desk-1", "--why", "end of day")


@pytest.fixture
async def moved(migrated_url: str) -> AsyncIterator[House]:
    async with House(migrated_url) as house:
        await closing_house(house, NET)
        await house.door.handle(given(50_00))
        await house.completed(1, "10")
        yield house


def approved(said: str, database: str) -> None:
    assert "done:" in hub("proposals", "approve", proposal_in(said), "--by", "desk-2", database=database)


@pytest.mark.parametrize("verb", ["list", "show", "close", "release", "pay-again", "default"])
def test_every_verb_explains_itself_with_an_example(verb: str) -> None:
    text = CliRunner().invoke(app, ["windows", verb, "--help"]).output
    assert "Usage" in text
    assert "Example" in text


async def test_a_window_is_closed_by_one_and_released_by_two(moved: House) -> None:
    url = moved.url
    assert "open" in hub("windows", "list", "--model", "net", database=url)
    shown = hub("windows", "show", "net/1", database=url)
    assert "alpha" in shown
    assert "-10" in shown
    assert "'shut' is none of open, closed" in hub("windows", "list", "--state", "shut", database=url, code=1)
    assert "closed: net/1" in hub("windows", "close", "net/1", *WHO, database=url)
    again = hub("windows", "close", "net/1", *WHO, database=url, code=1)
    said = r"refused: record_forbids: window 1 of net was closed by desk-1: end of day at \d{4}-\d\d-\d\dT[0-9:.]+Z"
    assert re.search(said, again)
    await Settling(moved.door).look()
    said = hub("windows", "release", window_id("net", 1), *WHO, database=url)
    approved(said, url)
    shown = hub("windows", "show", "net/1", database=url)
    assert "settling" in shown
    assert "expected" in shown
    assert "no such windows" in hub("windows", "list", "--state", "settled", database=url)
    assert "there is no window net/9" in hub("windows", "show", "net/9", database=url, code=1)


async def test_a_default_is_shown_before_it_is_proposed(moved: House) -> None:
    url = moved.url
    assert "closed: net/1" in hub("windows", "close", "net/1", *WHO[:2], database=url), "without a reason too"
    await Settling(moved.door).look()
    shown = hub("windows", "default", "net/1", "alpha", *WHO, database=url)
    assert "alpha cannot pay 10 KES for net/1: cover" in shown
    assert "the guarantee pays 10 KES; 40 KES are left in it then" in shown
    wrong = hub("windows", "default", "net/1", "alpha", "--path", "pray", *WHO, database=url, code=1)
    assert "'pray' is none of cover, exclude, unwind" in wrong
    assert "nothing is changed" in shown
    assert (await window(moved.store, "net", 1)).defaults == ()
    other = hub("windows", "default", "net/1", "alpha", "--path", "exclude", *WHO, database=url)
    assert "carried into the next window: alpha to bravo 10 KES" in other
    undone = hub("windows", "default", "net/1", "alpha", "--path", "unwind", *WHO, database=url)
    assert "undone: bravo gives 10 KES back to alpha" in undone
    assert "owes nothing" in hub("windows", "default", "net/1", "bravo", *WHO, database=url, code=1)
    said = hub("windows", "default", "net/1", "alpha", "--path", "exclude", "--yes", *WHO, database=url)
    approved(said, url)
    handled = (await window(moved.store, "net", 1)).defaults
    assert [(each.participant, each.path) for each in handled] == [("alpha", DefaultPath.EXCLUDE)]
    assert "alpha did not pay 10 KES: exclude" in hub("windows", "show", "net/1", database=url)


@pytest.mark.parametrize(("minor", "says"), [(9_99, "only 9.99 KES"), (0, "no KES")], ids=["too little", "nothing"])
async def test_a_preview_says_where_the_guarantee_cannot_pay(moved: House, minor: int, says: str) -> None:
    first = await window(moved.store, "net", 1)
    await moved.door.handle(CloseWindow(by="desk-1", window=first.id))
    await Settling(moved.door).look()
    owed = await moved.store.records.found(Obligation, window=first.id)
    reckoned = await window(moved.store, "net", 1)
    found = preview(reckoned, owed, [], "alpha", DefaultPath.COVER)
    line, advice, *_ = preview_lines(found, reckoned, minor)
    assert line == f"the guarantee is to pay 10 KES, and there is {says} in it: this cannot be done"
    assert "hub funds in ... --guarantee" in advice


async def test_what_the_bank_refused_is_paid_again(moved: House) -> None:
    url = moved.url
    hub("windows", "close", "net/1", *WHO, database=url)
    await Settling(moved.door).look()
    approved(hub("windows", "release", "net/1", *WHO, database=url), url)
    first, *_ = await moved.store.records.found(Payment)
    states = {first.id: (PaymentState.REFUSED, 0)}
    await moved.door.handle(Said(by="bank", window=first.subject, states=states))
    approved(hub("windows", "pay-again", "net/1", first.id, *WHO, database=url), url)
    assert len(await moved.store.records.found(Payment, state="expected")) == 2
