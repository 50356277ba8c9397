"""A month leaves the ledger for files only when it is proved, and then the books are as whole as before."""

import asyncio
import gzip
import shutil
from collections.abc import Callable
from pathlib import Path

import msgspec
import psycopg
import pytest
from psycopg.errors import IntegrityConstraintViolation, LockNotAvailable

from hub.lab.postgres import PrivatePostgres
from hub.ledger.proof import ProofError
from hub.store.audit import run_audit
from hub.store.ledger import prepare_months
from hub.store.ledger_archive import archive_month, bounds_ms
from hub.store.ledger_audit import audit_new
from hub.store.ledger_files import (
    JOURNALS,
    MANIFEST,
    POSTINGS,
    ArchiveError,
    Manifest,
    read_manifest,
    sha256_of,
    verify_archive,
)
from hub.store.ledger_proof import prove
from hub.store.migrate import differences
from routing.message import Operation, Verdict
from tests.store.history import COMMITTED, RESERVED, write_history
from tests.store.house import House
from tests.store.months import aged, month_before

pytestmark = pytest.mark.postgres

FIRST, SECOND = 3, 6  # the last journal of each of the two months
PARTITIONED = "SELECT EXISTS (SELECT FROM pg_inherits WHERE inhrelid = to_regclass(%s)), to_regclass(%s) IS NOT NULL"


@pytest.fixture
async def url(migrated_url: str) -> str:
    """The history, its first six journals in the two months before this one, all of it audited and clean."""
    await write_history(migrated_url)
    aged(migrated_url, FIRST, SECOND)
    found = audit_new(migrated_url)
    assert found is not None
    assert found.findings == []
    return migrated_url


MONTHS = [month_before(2)[0], month_before(1)[0]]


@pytest.fixture
def archived(url: str, tmp_path: Path) -> str:
    """The same, with both months archived."""
    for month in MONTHS:
        archive_month(url, month, tmp_path)
    return url


def test_months_leave_one_after_the_other_and_the_books_are_whole(url: str, tmp_path: Path) -> None:
    before = run_audit(url)
    first = archive_month(url, MONTHS[0], tmp_path)
    middle = run_audit(url)
    second = archive_month(url, MONTHS[1], tmp_path)
    after = run_audit(url)
    assert (before.findings, middle.findings, after.findings) == ([], [], [])
    assert [each.journals for each in (before, middle, after)] == [10, 10 - FIRST, 10 - SECOND]
    assert before.trial_balance == middle.trial_balance == after.trial_balance
    assert [(each.first, each.last) for each in (first, second)] == [(1, FIRST), (FIRST + 1, SECOND)]
    assert second.before == first.after, "one archive begins where the one before it ended"
    assert [verify_archive(tmp_path / month) for month in MONTHS] == [[], []]
    assert read_manifest(tmp_path / MONTHS[0]) == first
    assert differences(url) == []


@pytest.mark.parametrize("drop", [False, True], ids=["kept", "dropped"])
def test_the_partitions_are_detached_and_kept_unless_told_otherwise(url: str, tmp_path: Path, *, drop: bool) -> None:
    archive_month(url, MONTHS[0], tmp_path, drop=drop)
    with psycopg.connect(url) as connection:
        for parent in ("posting", "journal"):
            table = f"{parent}_{MONTHS[0].replace('-', '_')}"
            assert connection.execute(PARTITIONED, [table, table]).fetchone() == (False, not drop)
    prepare_months(url)
    assert run_audit(url).findings == []


@pytest.mark.parametrize("statement", ["UPDATE {} SET at_ms = 0", "DELETE FROM {}", "TRUNCATE {}"])
@pytest.mark.parametrize("parent", ["posting", "journal"])
def test_what_was_detached_is_guarded_as_before(archived: str, parent: str, statement: str) -> None:
    table = f"{parent}_{MONTHS[0].replace('-', '_')}"
    with psycopg.connect(archived) as connection, pytest.raises(IntegrityConstraintViolation, match="written once"):
        connection.execute(statement.format(table))


async def test_what_began_in_an_archived_month_ends_as_it_would_have(archived: str) -> None:
    async with House(archived) as house:
        reserved = await house.transfer(RESERVED)
        await house.hear(reserved, Operation.CREDIT, Verdict.ACCEPTED)
        await house.completed(700)
        found = audit_new(archived, keep=True)
        assert found is not None
        assert found.findings == []
        assert house.findings() == []


OLDER_TAMPERINGS = {
    "how the balances stood then": "UPDATE archive SET counters = '{}'",
    "where the chain stood then": "UPDATE archive SET hash = 'x'",
    "what has not been archived": "DELETE FROM archive WHERE height = 6",
    "a posting that is left": "UPDATE posting SET minor = minor + 1 WHERE journal = 7",
}


@pytest.mark.parametrize("name", OLDER_TAMPERINGS)
def test_what_is_changed_then_is_found(url: str, tmp_path: Path, name: str) -> None:
    with psycopg.connect(url) as connection:
        # Of the history, one transfer ends after the archived month.
        archive_month(url, MONTHS[0], tmp_path)
        if "height = 6" in OLDER_TAMPERINGS[name]:
            archive_month(url, MONTHS[1], tmp_path)
        connection.execute("SET session_replication_role = replica")
        assert connection.execute(OLDER_TAMPERINGS[name]).rowcount > 0
    assert run_audit(url).findings != []


async def test_a_transfer_of_which_half_was_archived_is_held_against_the_other_half(
    migrated_url: str, tmp_path: Path
) -> None:
    await write_history(migrated_url)
    aged(migrated_url, 2, SECOND)
    assert audit_new(migrated_url) is not None
    archive_month(migrated_url, MONTHS[0], tmp_path)
    assert run_audit(migrated_url).findings == []
    for tampering in (
        "UPDATE posting SET minor = minor + 1 WHERE subject = %(committed)s",
        "UPDATE posting SET phase = 'voided' WHERE subject = %(committed)s",
        "UPDATE standing SET state = 'aborted' WHERE id = %(committed)s",
    ):
        with psycopg.connect(migrated_url) as connection:
            connection.execute("SET session_replication_role = replica")
            assert connection.execute(tampering, {"committed": COMMITTED}).rowcount > 0
        said = f"transfer {COMMITTED} is"
        assert [each for each in run_audit(migrated_url).findings if each.startswith(said) and "ledger shows" in each]


async def test_a_month_that_was_not_prepared_stays(migrated_url: str, tmp_path: Path) -> None:
    await write_history(migrated_url)
    aged(migrated_url, FIRST, SECOND, prepared=False)
    assert audit_new(migrated_url) is not None
    refused(migrated_url, MONTHS[0], tmp_path, "default partition")


UNSETTLED = """
INSERT INTO window_of_settlement (id, version, at_ms, deed, number, unsettled, model, currency, state, terms, before,
    from_height, to_height, closed_by, revision, movements, carried, defaults)
VALUES ('net-1', 1, 0, '', 1, 'net-', 'net', 'KES', 'closed', '{}', '[]', %s, 9, '', 0, '[]', '[]', '[]')"""


@pytest.mark.parametrize(("from_height", "stays"), [(0, True), (FIRST - 1, True), (FIRST, False)])
def test_a_month_of_which_a_window_is_not_settled_stays(
    url: str, tmp_path: Path, from_height: int, *, stays: bool
) -> None:
    with psycopg.connect(url) as connection:
        connection.execute(UNSETTLED, [from_height])
    if stays:
        with pytest.raises(ArchiveError, match=r"window net-1 .* settle it first"):
            archive_month(url, MONTHS[0], tmp_path)
    else:
        assert archive_month(url, MONTHS[0], tmp_path).last == FIRST


def refused(url: str, month: str, directory: Path, why: str) -> None:
    with pytest.raises(ArchiveError, match=why):
        archive_month(url, month, directory)
    assert not [path for path in directory.rglob("*") if path.name == MANIFEST]
    assert run_audit(url).journals == 10, "nothing was taken out"


@pytest.mark.parametrize(
    ("month", "why"),
    [
        (MONTHS[1], "archive their month first"),
        (month_before(0)[0], "not over"),
        (month_before(-1)[0], "not over"),
        (month_before(5)[0], "no journals"),
        ("2026-13", "no month"),
        ("2026-7", "no month"),
        ("../../etc", "no month"),
        ("", "no month"),
    ],
)
def test_a_month_that_may_not_leave_stays(url: str, tmp_path: Path, month: str, why: str) -> None:
    refused(url, month, tmp_path, why)


def test_a_month_leaves_once(archived: str, tmp_path: Path) -> None:
    with pytest.raises(ArchiveError, match="archived already"):
        archive_month(archived, MONTHS[0], tmp_path / "elsewhere")
    assert verify_archive(tmp_path / MONTHS[0]) == []


UNPROVED = {
    "no checkpoint": ("DELETE FROM checkpoint", "no checkpoint at journal 3"),
    "a checkpoint before its end": ("UPDATE checkpoint SET height = 2", "no checkpoint at journal 3"),
    "a journal that is missing": ("DELETE FROM journal WHERE height = 2", "missing between"),
    "a changed posting": ("UPDATE posting SET minor = minor + 1 WHERE journal = 2", "does not agree with itself"),
    "a changed digest": ("UPDATE journal SET digest = hash WHERE height = 2", "does not agree with itself"),
    "another checkpoint": ("UPDATE checkpoint SET counters = '{}'", "does not lead to checkpoint 10"),
    "a changed posting after it": ("DELETE FROM posting WHERE journal = 8", "does not agree with itself"),
}


@pytest.mark.parametrize("name", UNPROVED)
def test_a_month_that_is_not_proved_stays(url: str, tmp_path: Path, name: str) -> None:
    statement, why = UNPROVED[name]
    with psycopg.connect(url) as connection:
        connection.execute("SET session_replication_role = replica")
        assert connection.execute(statement).rowcount > 0
    with pytest.raises(ArchiveError, match=why):
        archive_month(url, MONTHS[0], tmp_path)
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT count(*) FROM archive").fetchone() == (0,)


def test_while_somebody_reads_the_ledger_the_month_waits_and_the_call_is_made_again(url: str, tmp_path: Path) -> None:
    with psycopg.connect(url) as reader:
        reader.execute("SELECT count(*) FROM posting")
        with pytest.raises(LockNotAvailable):
            archive_month(url, MONTHS[0], tmp_path)
    assert run_audit(url).journals == 10
    archive_month(url, MONTHS[0], tmp_path)
    assert run_audit(url).findings == []


def test_two_calls_at_once_are_one(url: str, tmp_path: Path) -> None:
    with psycopg.connect(url) as other:
        other.execute("SELECT pg_advisory_lock(7215005)")
        refused(url, MONTHS[0], tmp_path, "another call")


def test_another_ledgers_archive_is_not_overwritten(url: str, tmp_path: Path) -> None:
    folder = tmp_path / MONTHS[0]
    manifest = archive_month(url, MONTHS[0], tmp_path)
    after = msgspec.structs.replace(manifest.after, hash=bytes(32))
    (folder / MANIFEST).write_bytes(msgspec.json.encode(msgspec.structs.replace(manifest, after=after)))
    with psycopg.connect(url) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute("DELETE FROM archive")
        for parent in ("journal", "posting"):
            low, high = bounds_ms(MONTHS[0])
            table = f"{parent}_{MONTHS[0].replace('-', '_')}"
            connection.execute(f"ALTER TABLE {parent} ATTACH PARTITION {table} FOR VALUES FROM ({low}) TO ({high})")
    with pytest.raises(ArchiveError, match="another ledger's"):
        archive_month(url, MONTHS[0], tmp_path)
    assert read_manifest(folder).after == after


def test_what_was_archived_is_not_proved_from_the_database(archived: str) -> None:
    with pytest.raises(ProofError, match="were archived"):
        prove(archived, 1, SECOND - 1, 10)
    assert prove(archived, 1, SECOND, 10).after_hash == read_hash(archived)


def read_hash(url: str) -> bytes:
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT hash FROM archive WHERE height = %s", [SECOND]).fetchone()
        assert row is not None
        return bytes(row[0])


@pytest.fixture(scope="module")
def archive(postgres: PrivatePostgres, _template: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One archived month for all who change its files."""
    url = postgres.create_database("archived", _template)
    asyncio.run(write_history(url))
    aged(url, FIRST, SECOND)
    assert audit_new(url) is not None
    directory = tmp_path_factory.mktemp("archive")
    archive_month(url, MONTHS[0], directory, drop=True)
    postgres.drop_database("archived")
    return directory / MONTHS[0]


@pytest.fixture
def folder(archive: Path, tmp_path: Path) -> Path:
    """A copy of it, to be changed."""
    shutil.copytree(archive, tmp_path / "month")
    return tmp_path / "month"


def rewritten(name: str, change: Callable[[str], str], *, hashed: bool) -> Callable[[Path], None]:
    """Change a file of an archive; `hashed`: and its SHA-256 in the manifest, as a forger who knows how would."""

    def forge(folder: Path) -> None:
        path = folder / name
        text = gzip.decompress(path.read_bytes()).decode()
        changed = change(text)
        assert changed != text
        path.write_bytes(gzip.compress(changed.encode()))
        if hashed:
            manifest = read_manifest(folder)
            written(folder, msgspec.structs.replace(manifest, sha256=manifest.sha256 | {name: sha256_of(path)}))

    return forge


def written(folder: Path, manifest: Manifest) -> None:
    (folder / MANIFEST).write_bytes(msgspec.json.encode(manifest))


def lines(number: int, change: Callable[[list[str]], list[str]]) -> Callable[[str], str]:
    def changed(text: str) -> str:
        rows = text.splitlines(keepends=True)
        at = number % len(rows)
        rows[at : at + 1] = change([rows[at]])
        return "".join(rows)

    return changed


FORGERIES: dict[str, Callable[[str], str]] = {
    "a line taken out": lines(1, lambda _: []),
    "a line twice": lines(1, lambda row: row * 2),
    "a line in another order": lambda text: "".join(
        [*text.splitlines(keepends=True)[:1], *text.splitlines(keepends=True)[:0:-1]]
    ),
    "the last line taken out": lines(-1, lambda _: []),
    "a digit": lambda text: (
        text.replace("1", "7", 1) if text[0] == "1" else text[:-3] + ("7" if text[-3] != "7" else "8") + text[-2:]
    ),
    "a line that is none": lines(1, lambda _: ["x\n"]),
    "nothing at all": lambda _: "",
}


@pytest.mark.parametrize("hashed", [False, True], ids=["hash left", "hash made anew"])
@pytest.mark.parametrize("name", [JOURNALS, POSTINGS])
@pytest.mark.parametrize("forgery", FORGERIES)
def test_a_changed_archive_is_found_from_its_files_alone(
    folder: Path, name: str, forgery: str, *, hashed: bool
) -> None:
    assert verify_archive(folder) == []
    rewritten(name, FORGERIES[forgery], hashed=hashed)(folder)
    assert verify_archive(folder) != []


def otherwise(**values: object) -> Callable[[Manifest], Manifest]:
    return lambda manifest: msgspec.structs.replace(manifest, **values)


MANIFESTS: dict[str, Callable[[Manifest], Manifest]] = {
    "its first journal": otherwise(first=2),
    "its last journal": otherwise(last=2),
    "the form of its digests": otherwise(merkle_from=3),
    "its accounts": otherwise(accounts=()),
    "where it began": lambda each: msgspec.structs.replace(each, before=each.after),
    "where it ended": lambda each: msgspec.structs.replace(each, after=each.before),
    "the file's hash": otherwise(sha256={}),
}


@pytest.mark.parametrize("name", MANIFESTS)
def test_a_changed_manifest_is_found(folder: Path, name: str) -> None:
    written(folder, MANIFESTS[name](read_manifest(folder)))
    assert verify_archive(folder) != []


@pytest.mark.parametrize("name", [JOURNALS, POSTINGS])
def test_a_file_that_is_gone_or_cut_off_is_found(folder: Path, name: str) -> None:
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(content[:-20])
    manifest = read_manifest(folder)
    written(folder, msgspec.structs.replace(manifest, sha256=manifest.sha256 | {name: sha256_of(folder / name)}))
    assert any("cannot be read" in finding for finding in verify_archive(folder))
    (folder / name).unlink()
    assert verify_archive(folder) == [f"{name}: it is not the file that was archived"]


def test_what_is_no_archive_says_so(tmp_path: Path) -> None:
    with pytest.raises(ArchiveError, match="cannot be read"):
        verify_archive(tmp_path)
    (tmp_path / MANIFEST).write_bytes(b"{}")
    with pytest.raises(ArchiveError, match="cannot be read"):
        verify_archive(tmp_path)
