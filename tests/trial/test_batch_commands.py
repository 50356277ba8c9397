"""`hub batch` as an operator runs it: a file is brought once, checked by another, and its results are taken."""

import csv
import io
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from hub.core.batch import Progress, Status
from hub.core.participant import SchemeError
from hub.roles.bulk import approve, find, upload, write_results
from hub.roles.scheme import read_scheme
from hub.store.sql import SqlStore
from tests.trial.command import ROOT, hub

HEAD = "amount,currency,type,debitParty,creditParty,reference,description\n"
GOOD = "1500.00,KES,disbursement,organisationid@baobab,msisdn@+254730000002,row-1,May\n"
NATIONAL = "20.00,KES,disbursement,organisationid@baobab,msisdn@0730 000 002,row-2,\n"
BROKEN = "x,KES,disbursement,organisationid@baobab,,row-3,\n"


@pytest.fixture
async def store(migrated_url: str) -> AsyncIterator[SqlStore]:
    """A store with the demo's scheme in force."""
    found = SqlStore(migrated_url)
    await found.open()
    await found.apply_scheme(read_scheme(ROOT / "config/scheme.toml"), "tests")
    yield found
    await found.close()


def written(folder: Path, text: str) -> Path:
    path = folder / "may.csv"
    path.write_text(text, "utf-8-sig")
    return path


@pytest.mark.usefixtures("store")
def test_a_file_is_brought_shown_and_its_results_are_printed(migrated_url: str, tmp_path: Path) -> None:
    path = str(written(tmp_path, HEAD + GOOD + NATIONAL + BROKEN))
    said = hub("batch", "upload", path, "--as", "baobab", "--checked", database=migrated_url)
    assert "created: 2 rows read, 1 rejected" in said
    batch = said.split()[0]
    assert re.search(r"may\.csv.*rejected +1\n", hub("batch", "show", batch, database=migrated_url), re.DOTALL)
    assert "row-3" in hub("batch", "results", batch, database=migrated_url)
    assert "is approved" in hub("batch", "approve", batch, "--by", "desk-2", database=migrated_url)


async def test_rows_are_read_as_the_api_reads_them_and_broken_ones_are_in_the_results(
    store: SqlStore, tmp_path: Path
) -> None:
    path = written(tmp_path, HEAD + GOOD + NATIONAL + BROKEN)
    batch, progress = await upload(store, path, "baobab", by="desk-1")
    assert (batch.status, progress) == (Status.APPROVED, Progress(parsed=2, rejected=1))
    items = await store.batches.next(batch.id, 10, [])
    assert {str(item.terms.payee[0].value) for item in items} == {"+254730000002"}
    assert [item.minor for item in items] == [150_000, 2_000]
    assert [item.terms.details.get("descriptionText") for item in items] == ["May", None]
    results = io.StringIO()
    assert await write_results(store, batch.id, results) == 1
    (line,) = csv.DictReader(io.StringIO(results.getvalue()))
    assert (line["row"], line["state"], line["reference"]) == ("3", "rejected", "row-3")
    assert line["reason"] == "validation/mandatoryValueNotSupplied creditParty"


async def test_the_same_file_is_one_batch_unless_it_is_meant_again(store: SqlStore, tmp_path: Path) -> None:
    path = written(tmp_path, HEAD + GOOD)
    first, _ = await upload(store, path, "baobab", by="desk-1")
    with pytest.raises(ValueError, match=f"was brought before, as batch {first.id}"):
        await upload(store, path, "baobab", by="desk-2", title="another")
    again, _ = await upload(store, path, "baobab", by="desk-1", again=True)
    assert again.id != first.id


async def test_who_brought_a_file_does_not_approve_it(store: SqlStore, tmp_path: Path) -> None:
    batch, _ = await upload(store, written(tmp_path, HEAD + GOOD), "baobab", by="desk-1", checked=True)
    with pytest.raises(ValueError, match="cannot approve it as well"):
        await approve(store, batch.id, "desk-1")
    assert (await find(store, batch.id)).status is Status.CREATED
    assert (await approve(store, batch.id, "desk-2")).approved_by == "operator desk-2"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("amount,currency\n", "must name the columns"),
        (HEAD.replace("reference", "refrence") + GOOD, "must name the columns"),
        (HEAD, "has no rows"),
        ("", "must name the columns"),
    ],
    ids=["columns that are missing", "a column that means nothing", "no rows", "nothing"],
)
async def test_a_file_that_is_no_list_of_payments_leaves_nothing(
    store: SqlStore, tmp_path: Path, text: str, says: str
) -> None:
    path = written(tmp_path, text)
    with pytest.raises(ValueError, match=says):
        await upload(store, path, "baobab", by="desk-1")
    # Not even the memory of it: mended in place, the same name may be brought.
    assert (await upload(store, written(tmp_path, HEAD + GOOD), "baobab", by="desk-1"))[1].parsed == 1


async def test_a_file_in_another_encoding_leaves_nothing(store: SqlStore, tmp_path: Path) -> None:
    path = tmp_path / "may.csv"
    path.write_bytes((HEAD + GOOD.replace("May", "\u00e9")).encode("latin-1"))
    with pytest.raises(UnicodeDecodeError):
        await upload(store, path, "baobab", by="desk-1")


async def test_nobody_s_file_and_nobody_s_batch_are_said_so(store: SqlStore, tmp_path: Path) -> None:
    with pytest.raises(SchemeError, match="no participant 'nobody'"):
        await upload(store, written(tmp_path, HEAD + GOOD), "nobody", by="desk-1")
    with pytest.raises(ValueError, match="there is no batch"):
        await find(store, "0" * 32)


@pytest.mark.usefixtures("store")
def test_nobody_brings_or_approves_a_batch_under_a_name_that_is_no_persons(migrated_url: str, tmp_path: Path) -> None:
    upload = ("batch", "upload", str(written(tmp_path, HEAD + GOOD)), "--as", "baobab", "--checked")
    assert "is nobody's name" in hub(*upload, "--by", "bank", database=migrated_url, code=1)
    batch = hub(*upload, database=migrated_url).split()[0]
    said = hub("batch", "approve", batch, "--by", "calendar", database=migrated_url, code=1)
    assert "refused: role_forbids: 'calendar' is nobody's name" in said
    hub("operators", "admit", "head-1", "--roles", "admin", database=migrated_url)
    assert "is nobody's name" in hub(*upload, "--again", database=migrated_url, code=1)
    assert "is approved" in hub("batch", "approve", batch, "--by", "head-1", database=migrated_url)
