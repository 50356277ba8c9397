"""`hub files` and `hub differences` as an operator runs them, on a real database, with real signatures."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import pytest
from typer.testing import CliRunner

from hub.core.office.records import Difference, File
from hub.core.settlement.window import Payment
from hub.main import app
from hub.roles.keys import bank_keys, signer_of
from hub.settings import Settings
from hub.workers.files import SIGNATURE, Files
from tests.store.bank import BANK_KEY, booked, csv_of, released_again, signed, with_bank
from tests.store.house import House
from tests.trial.command import hub, proposal_in

pytestmark = pytest.mark.postgres

VERBS = (
    *(
        "files list",
        "files show",
        "files export",
        "files import",
        "files statement",
        "files day",
        "files compare",
        "files verify",
    ),
    *("differences list", "differences show", "differences resolve"),
)


class Bank(NamedTuple):
    """A database with a released window, its two payments, and a folder of files."""

    url: str
    house: House
    payments: list[Payment]
    folder: Path


@pytest.fixture
async def bank(migrated_url: str, tmp_path: Path) -> AsyncIterator[Bank]:
    keys = tmp_path / "bank.json"
    keys.write_bytes(BANK_KEY.jwks)
    async with House(migrated_url) as house:
        await house.store.apply_scheme(with_bank(f"file:{keys}"), "test")
        await house.completed(1, "10")
        yield Bank(migrated_url, house, await released_again(house), tmp_path)


def sent(bank: Bank, content: bytes, name: str = "answer.csv", signature: str = "") -> str:
    (bank.folder / name).write_bytes(content)
    (bank.folder / f"{name}{SIGNATURE}").write_text(signature or signed(content, name))
    return str(bank.folder / name)


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_explains_itself_with_an_example(verb: str) -> None:
    text = CliRunner().invoke(app, [*verb.split(), "--help"]).output
    assert "Usage" in text
    assert "Example" in text


async def test_a_file_is_taken_once_and_what_differs_is_resolved_by_two(bank: Bank) -> None:
    paid, due = bank.payments
    file = sent(bank, csv_of(booked(paid, "12"), booked(due)))
    assert "taken: 2 entries" in hub("files", "import", file, "--by", "desk-1", database=bank.url)
    assert "taken before" in hub("files", "import", file, "--by", "desk-1", database=bank.url, code=1)
    listed = hub("differences", "list", "--with", "bank", database=bank.url)
    assert "over" in listed
    (found,) = await bank.house.store.records.found(Difference)
    shown = hub("differences", "show", found.id, database=bank.url)
    assert "B-" in shown
    assert "hub differences resolve" in shown
    resolve = ("differences", "resolve", found.id, "accept_booked", "--by", "desk-1", "--why", "its letter")
    proposal = proposal_in(hub(*resolve, database=bank.url))
    hub("proposals", "approve", proposal, "--by", "desk-2", database=bank.url)
    assert "no differences" in hub("differences", "list", database=bank.url)
    assert "accept_booked" in hub("differences", "list", "--all", database=bank.url)
    assert "the books balance" in hub("audit", database=bank.url)


async def test_a_file_of_a_bank_without_keys_is_taken_by_two(bank: Bank) -> None:
    await bank.house.store.apply_scheme(with_bank(""), "test")
    file = bank.folder / "paper.csv"
    file.write_bytes(csv_of(*(booked(each) for each in bank.payments)))
    said = hub("files", "import", str(file), "--by", "desk-1", "--why", "by courier", database=bank.url)
    assert "ImportUnsigned paper.csv, 2 entries" in said.replace("\n", " ")
    assert "compares the entries" in said
    assert "no files" in hub("files", "list", "--from", "bank", database=bank.url)
    assert "by courier" in hub("proposals", "show", proposal_in(said), database=bank.url)
    hub("proposals", "approve", proposal_in(said), "--by", "desk-1", database=bank.url, code=1)
    hub("proposals", "approve", proposal_in(said), "--by", "desk-2", database=bank.url)
    assert "paper.csv" in hub("files", "list", "--from", "bank", database=bank.url)
    assert "the books balance" in hub("audit", database=bank.url)


async def test_a_file_that_was_changed_is_refused_and_listed_with_the_reason(bank: Bank) -> None:
    content = csv_of(booked(bank.payments[0]))
    file = sent(bank, content.replace(b"2026-11-24", b"2026-11-25"), signature=signed(content, "answer.csv"))
    said = hub("files", "import", file, "--by", "desk-1", database=bank.url, code=1)
    assert "nothing of it was taken" in said
    assert "was changed, or another key" in said.replace("\n", " ")


async def test_an_order_is_exported_as_it_was_kept_and_verified_by_anyone(bank: Bank) -> None:
    settings = Settings()
    await Files(bank.house.door, signer_of(settings), bank_keys).look()
    order = next(each for each in await bank.house.store.records.found(File) if each.format != "csv")
    assert "to be fetched" in hub("files", "list", "--from", "hub", database=bank.url)
    said = hub("files", "export", order.id, "--to", str(bank.folder), database=bank.url)
    assert "signature beside it" in said
    path, keys = bank.folder / order.name, bank.folder / "hub.json"
    assert path.read_text() == order.content
    keys.write_bytes(signer_of(settings).jwks)
    verify = ("files", "verify", str(path), f"{path}{SIGNATURE}", "--keys", str(keys))
    assert order.subject in hub(*verify)
    path.write_text(order.content + " ")
    assert "does not hold" in hub(*verify, code=1)


async def test_a_participants_own_day_is_held_against_its_statement(bank: Bank) -> None:
    """Of a day that is over: the one before the first transfer, which had nothing."""
    day = datetime.fromtimestamp(await bank.house.store.records.now_ms() // 1000 - 86_400, UTC).date().isoformat()
    written = ("files", "statement", "alpha", day, "--to", str(bank.folder), "--format", "csv", "--proof")
    assert "statement-alpha-KES" in hub(*written, database=bank.url)
    file, keys = bank.folder / f"statement-alpha-KES-{day}.csv", bank.folder / "hub.json"
    keys.write_bytes(signer_of(Settings()).jwks)
    proof = bank.folder / f"statement-alpha-KES-{day}.proof.json"
    for each in (file, proof):
        said = hub("files", "verify", str(each), f"{each}{SIGNATURE}", "--keys", str(keys))
        assert f"unchanged since it was signed as {each.name} with the key " in said
    assert "proved: 0 postings of account" in said
    assert "they lead from 0 to 0 KES" in said
    assert "root of these journals: " in said
    compare = ("files", "compare", "alpha", day, str(file), "--by", "desk-1")
    assert "clean: 0 entries" in hub(*compare, database=bank.url)
    file.write_text("record,of nothing\r\n")
    assert "refused" in hub(*compare, database=bank.url, code=1)
    today = datetime.fromtimestamp(await bank.house.store.records.now_ms() // 1000, UTC).date().isoformat()
    assert "not over yet" in hub("files", "statement", "alpha", today, database=bank.url, code=1)
    assert f"alpha, {today}, SO FAR, at {today} " in (so_far := hub("files", "day", "alpha", database=bank.url))
    assert "this is no statement" in so_far
    assert "-10" in so_far
    assert "SO FAR" not in hub("files", "day", "alpha", day, database=bank.url)
    lost = hub("files", "statement", "alpha", day, "--to", str(bank.folder / "lost"), database=bank.url, code=2)
    assert "there is no folder" in lost
    assert not (bank.folder / "lost").exists()
    assert "there is no participant" in hub("files", "statement", "nobody", today, database=bank.url, code=1)
    unknown = hub("files", "statement", "alpha", day, "--format", "pdf", database=bank.url, code=1)
    assert "out of range" in hub("files", "statement", "alpha", "9999-12-31", database=bank.url, code=1)
    assert "'pdf' is none of camt.053, csv" in unknown
