"""Lists are read whole or not at all, said where they are wrong, and read again when they change."""

import asyncio
import os
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from hub.core.screening import NameList, Screened, ScreeningError
from hub.roles.screening import FILE_MAX_BYTES, HEADER, FileScreening, read_lists, screening_of
from hub.settings import Settings
from routing.party import Identifier

ROOT = Path(__file__).parents[2]
HEAD = ",".join(HEADER)
ONE = "name,Blocked Example One,E-1,a list"
TWO = "name,Blocked Example Two,E-2,a list"


def written(path: Path, *lines: str) -> Path:
    """Put a list in place as an operator should, whole, and surely younger than the one before."""
    before = path.stat().st_mtime_ns if path.exists() else 0
    new = path.with_suffix(".new")
    new.write_text("\n".join(lines), "utf-8")
    os.utime(new, ns=(before + 10**9, before + 10**9))
    return new.rename(path)


def named(name: str, transfer: str = "t") -> Screened:
    return Screened(transfer=transfer, caller="alpha", names=(name,))


class Clock:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def test_a_list_is_read_as_spreadsheets_and_people_write_it(tmp_path: Path) -> None:
    lines = ["\ufeff# A remark, with a comma", "", "Kind, Value,Reference , LIST", "  # another", f"{ONE}\r"]
    path = written(tmp_path / "list.csv", *lines, 'name,"TWO, ""BLOCKED"" EXAMPLE",E-2,a list', "#,,,")
    names = NameList(read_lists([path]))
    assert len(names) == 2
    assert names.hit(named("one blocked example")) == "a name is E-1 of a list"
    assert names.hit(named("Blocked Example Two")) == "a name is E-2 of a list"


def test_the_example_list_is_good_and_its_entries_are_found() -> None:
    names = NameList(read_lists([ROOT / "config/screening.csv"]))
    assert len(names) == 7
    assert "EX-0001 of example-sanctions" in names.hit(named("Example One, Blocked"))
    denied = Screened(transfer="t", caller="alpha", identifiers=(Identifier("msisdn", "+999000000005"),))
    assert names.hit(denied) == "msisdn:+999*******05 is EX-0005 of example-denied"


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        ([], ":1: the first line must be kind,value,reference,list"),
        (["# only a remark"], ":1: the first line must be"),
        (["kind;value;reference;list"], ":1: the first line must be"),
        (["# first", ONE], ":2: the first line must be"),
        ([HEAD, ONE, "name,Blocked,Example,E-3,a list"], ":3: 5 columns instead of kind,value"),
        ([HEAD, "name,Blocked Example,E-3"], ":2: 3 columns instead of"),
        ([HEAD, "", 'name,"Blocked Example,E-3,a list', ONE], ":3: unexpected end of data; each entry is one line"),
        ([HEAD, "# a remark", "alias,Blocked Example,E-3,a list"], ":3: 'alias' is no kind of entry"),
        ([HEAD, "name,Blocked,E-3,a list"], ":2: a name of one word"),
        ([HEAD, "name,Blocked Example,,a list"], ":2: the reference must have"),
        ([HEAD, "msisdn,0712 345,E-3,a list"], ":2: an msisdn has 6 to 15 digits"),
    ],
)
def test_a_broken_list_is_said_with_its_line(tmp_path: Path, lines: list[str], says: str) -> None:
    path = written(tmp_path / "list.csv", *lines)
    with pytest.raises(ScreeningError) as caught:
        read_lists([path])
    assert str(caught.value).startswith(f"{path}{says}")


def test_a_list_of_another_encoding_is_said(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_bytes(f"{HEAD}\nname,Bl\u00f3cked Example,E-1,a list".encode("latin-1"))
    with pytest.raises(ScreeningError, match="byte 33 is not UTF-8; save the file as CSV in UTF-8"):
        read_lists([path])


def test_the_hub_does_not_start_without_a_list_that_is_set(tmp_path: Path) -> None:
    good = written(tmp_path / "good.csv", HEAD, ONE)
    settings = Settings.model_validate({"screening_files": [good, tmp_path / "none.csv"]})
    with pytest.raises(ScreeningError, match=r"none\.csv: No such file .*; put the list there or correct"):
        screening_of(settings)


def test_a_list_beyond_every_measure_is_not_read(tmp_path: Path) -> None:
    path = written(tmp_path / "list.csv", HEAD, ONE)
    os.truncate(path, FILE_MAX_BYTES + 1)
    with pytest.raises(ScreeningError, match="split it into several files"):
        read_lists([path])


def test_a_folder_is_no_list(tmp_path: Path) -> None:
    with pytest.raises(ScreeningError, match="Is a directory"):
        read_lists([tmp_path])


@pytest.mark.parametrize(
    ("variable", "files"),
    [
        (None, ()),
        ("", ()),
        ("a.csv", ("a.csv",)),
        ("a.csv,b.csv", ("a.csv", "b.csv")),
        (" a.csv , b.csv\tc.csv ", ("a.csv", "b.csv", "c.csv")),
    ],
)
def test_the_files_are_separated_by_commas_or_blanks(
    monkeypatch: pytest.MonkeyPatch, variable: str | None, files: tuple[str, ...]
) -> None:
    monkeypatch.delenv("HUB_SCREENING_FILES", raising=False)
    if variable is not None:
        monkeypatch.setenv("HUB_SCREENING_FILES", variable)
    settings = Settings()
    assert settings.screening_files == tuple(map(Path, files))
    assert files or screening_of(settings) is None


async def test_the_transfers_on_any_of_the_lists_are_found_and_no_others(tmp_path: Path) -> None:
    files = (written(tmp_path / "one.csv", HEAD, ONE), written(tmp_path / "two.csv", HEAD, TWO))
    screening = screening_of(Settings.model_validate({"screening_files": files}))
    assert screening is not None
    submissions = [named(f"Blocked Example {each}", each) for each in ("One", "Two", "Three")]
    assert await screening.hits(submissions) == {"One": "a name is E-1 of a list", "Two": "a name is E-2 of a list"}
    assert await screening.hits([]) == {}


async def test_a_changed_list_is_in_force_after_the_next_look(tmp_path: Path) -> None:
    clock, path = Clock(), written(tmp_path / "list.csv", HEAD, ONE)
    screening = FileScreening([path], look_every_s=10, clock=clock)
    two = [named("Blocked Example Two")]
    written(path, HEAD, TWO)
    clock.now_s = 9.9
    assert not await screening.hits(two)
    clock.now_s = 10
    with capture_logs() as lines:
        assert await screening.hits(two)
        assert not await screening.hits([named("Blocked Example One")])
    assert [(line["event"], line["entries"]) for line in lines] == [("screening.read", 1)]


async def test_a_list_that_did_not_change_is_not_read_again(tmp_path: Path) -> None:
    clock, path = Clock(), written(tmp_path / "list.csv", HEAD, ONE)
    screening = FileScreening([path], look_every_s=10, clock=clock)
    clock.now_s = 10
    with capture_logs() as lines:
        assert await screening.hits([named("Blocked Example One")])
    assert not lines


@pytest.mark.parametrize("broken", [(), (HEAD, ONE, "name,Blocked"), None], ids=["emptied", "half", "gone"])
async def test_the_last_good_list_stays_in_force_and_the_trouble_is_said_once(
    tmp_path: Path, broken: tuple[str, ...] | None
) -> None:
    clock, path = Clock(), written(tmp_path / "list.csv", HEAD, ONE)
    screening = FileScreening([path], look_every_s=10, clock=clock)
    if broken is None:
        path.unlink()
    else:
        written(path, *broken)
    with capture_logs() as lines:
        for clock.now_s in (10, 20, 30):
            assert await screening.hits([named("Blocked Example One")])
    assert [(line["event"], line["log_level"]) for line in lines] == [("screening.not_read", "error")]
    assert str(path) in lines[0]["error"]
    written(path, HEAD, TWO)
    clock.now_s = 40
    assert await screening.hits([named("Blocked Example Two")])


async def test_those_who_come_together_look_once(tmp_path: Path) -> None:
    clock, path = Clock(), written(tmp_path / "list.csv", HEAD, ONE)
    screening = FileScreening([path], look_every_s=10, clock=clock)
    written(path, HEAD, ONE, TWO)
    clock.now_s = 10
    with capture_logs() as lines:
        found = await asyncio.gather(*(screening.hits([named("Blocked Example One")]) for _ in range(5)))
    assert all(found)
    assert len(lines) == 1


async def test_a_list_that_is_slow_to_read_holds_no_payment_up(tmp_path: Path) -> None:
    clock, path = Clock(), written(tmp_path / "list.csv", HEAD, ONE)
    screening = FileScreening([path], look_every_s=10, wait_max_s=0, clock=clock)
    path.unlink()
    os.mkfifo(path)  # whoever reads it waits for who writes it
    for clock.now_s in (10, 20):
        assert await screening.hits([named("Blocked Example One")])
    assert screening._looking is not None
    assert not screening._looking.done()
    await asyncio.to_thread(path.write_text, f"{HEAD}\n{TWO}", "utf-8")
    await screening._looking
    path.unlink()
    written(path, HEAD, TWO)
    clock.now_s = 30
    await screening.hits([])
    await screening._looking
    assert await screening.hits([named("Blocked Example Two")])
