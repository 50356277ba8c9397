"""Screening by files: reads lists, and reads them again when they change; it must never go on with half of a list.

A list that breaks while the hub runs is said in the log and by a metric; the last good one stays in force.
"""

import asyncio
import csv
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import structlog
from prometheus_client import Gauge

from hub.core.screening import Entry, NameList, Screened, Screening, ScreeningError, entry
from hub.settings import Settings

HEADER: Final = ("kind", "value", "reference", "list")
LOOK_EVERY_S: Final = 10.0
# A batch of payments waits this long at most for a list that is being read; the next batch has it.
WAIT_MAX_S: Final = 1.0
FILE_MAX_BYTES: Final = 67_108_864

_STALE: Final = Gauge("hub_screening_stale", "1 while a screening list is in force whose newer file cannot be read.")
_ENTRIES: Final = Gauge("hub_screening_entries", "Entries of the screening lists in force.")

_log: Final = structlog.get_logger("screening")


class Stamp(NamedTuple):
    """What a file looks like from outside: when any of it changes, the file is read again."""

    modified_ns: int
    changed_ns: int  # a copy may keep the time of modification, not this one
    size_bytes: int
    inode: int


def screening_of(settings: Settings) -> Screening | None:
    """Return what screens transfers, or None where no list is set; raises ScreeningError for one that is no good."""
    return FileScreening(settings.screening_files) if settings.screening_files else None


class FileScreening:
    """Screens by list files; a change of theirs is in force at the first batch after the next look."""

    def __init__(
        self,
        files: Sequence[Path],
        *,
        look_every_s: float = LOOK_EVERY_S,
        wait_max_s: float = WAIT_MAX_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Read the files; raises ScreeningError when one is missing or broken: the hub must not start without it."""
        self._files = tuple(files)
        self._look_every_s = look_every_s
        self._wait_max_s = wait_max_s
        self._clock = clock
        self._look_at = clock() + look_every_s
        self._looking: asyncio.Task[None] | None = None
        self._error = ""
        self._seen = _stamps(self._files)  # before they are read: a change in between is seen at the next look
        self._list = NameList(read_lists(self._files))
        self._told()

    async def hits(self, submissions: Sequence[Screened]) -> Mapping[str, str]:
        """Map those transfers whose parties are on a list to why."""
        if (self._looking is None or self._looking.done()) and self._clock() >= self._look_at:
            self._look_at = self._clock() + self._look_every_s
            self._looking = asyncio.create_task(asyncio.to_thread(self._look))
            done, _ = await asyncio.wait([self._looking], timeout=self._wait_max_s)
            for each in done:
                each.result()
        names = self._list
        return {each.transfer: why for each in submissions if (why := names.hit(each))}

    def _look(self) -> None:
        """Read the files again when one changed; in a thread, so that a long list holds nobody up."""
        stamps = _stamps(self._files)
        if stamps == self._seen:
            return
        try:
            names = NameList(read_lists(self._files))
        except ScreeningError as error:
            self._seen = []  # nothing is known of it until it was read: it may come back looking as before
            _STALE.set(1)
            if str(error) != self._error:  # the same trouble is said once, and tried again at every look
                self._error = str(error)
                _log.error("screening.not_read", error=self._error[:300], entries_in_force=len(self._list))
            return
        self._seen, self._list, self._error = stamps, names, ""
        self._told()

    def _told(self) -> None:
        _STALE.set(0)
        _ENTRIES.set(len(self._list))
        _log.info("screening.read", files=len(self._files), entries=len(self._list))


def read_lists(files: Sequence[Path]) -> list[Entry]:
    """Read list files; raises ScreeningError that says which file, which line, and what to do."""
    return [each for path in files for each in _entries(path)]


def _entries(path: Path) -> Iterator[Entry]:
    lines = enumerate(_text(path).split("\n"), 1)
    rows = ((number, line) for number, line in lines if line.strip() and not line.lstrip().startswith("#"))
    number, first = next(rows, (1, ""))
    if tuple(cell.lower() for cell in _cells(path, number, first)) != HEADER:
        raise ScreeningError(f"{path}:{number}: the first line must be {','.join(HEADER)}")
    for number, line in rows:
        cells = _cells(path, number, line)
        if len(cells) != len(HEADER):
            raise ScreeningError(
                f"{path}:{number}: {len(cells)} columns instead of {','.join(HEADER)}; "
                'a value with a comma stands in double quotes: "ONE, EXAMPLE"'
            )
        try:
            yield entry(*cells)
        except ScreeningError as error:
            raise ScreeningError(f"{path}:{number}: {error}") from error


def _cells(path: Path, number: int, line: str) -> list[str]:
    """Take one line apart; an entry never spans lines, so a quote left open cannot swallow the entries after it."""
    try:
        return [cell.strip() for row in csv.reader([line], strict=True, skipinitialspace=True) for cell in row]
    except csv.Error as error:
        raise ScreeningError(f"{path}:{number}: {error}; each entry is one line, quotes in it are doubled") from error


def _text(path: Path) -> str:
    """Read a whole file, unless it changes meanwhile: half a list would let pass who is on the other half."""
    try:
        before = _stamp(path)
        if before.size_bytes > FILE_MAX_BYTES:
            raise ScreeningError(f"{path}: more than {FILE_MAX_BYTES} bytes; split it into several files")
        text = path.read_text("utf-8-sig")  # spreadsheets put a mark before the header
        if _stamp(path) != before:
            raise ScreeningError(f"{path}: it changed while it was read; write another file and rename it")
    except UnicodeDecodeError as error:
        raise ScreeningError(f"{path}: byte {error.start} is not UTF-8; save the file as CSV in UTF-8") from error
    except OSError as error:
        raise ScreeningError(f"{path}: {error.strerror}; put the list there or correct screening_files") from error
    return text


def _stamps(files: Sequence[Path]) -> list[Stamp | None]:
    found: list[Stamp | None] = []
    for path in files:
        try:
            found.append(_stamp(path))
        except OSError:
            found.append(None)  # reading it will say why
    return found


def _stamp(path: Path) -> Stamp:
    status = path.stat()
    return Stamp(status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino)
