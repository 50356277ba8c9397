"""Files: what the settlement bank is to pay is written, what it answers is taken, what it does not answer is missed.

It decides nothing about money: it reads and writes files, and has deeds decided by the one door. Several of it may run
at once: what two of them do, one of them does.
"""

import asyncio
import contextlib
import os
import secrets
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Final

import structlog

from hub.core.command import Done, Reason, Refusal, Result
from hub.core.office.files import Exported, Overdue
from hub.core.office.records import File
from hub.core.participant import Scheme
from hub.core.settlement.window import Payment, PaymentState, Window
from hub.files.answers import answer
from hub.files.instructing import ORDER_MAX, instructions
from hub.files.keys import SigningKey
from hub.files.shapes import LIMITS, UnwritableError
from hub.flow import Door
from hub.store.answering import import_deed
from hub.workers.alone import Alone, StuckError

LOOK_EVERY_S: Final = 2.0
SIGNED_WITHIN_S: Final = 60.0  # how long a file waits for its signature beside it
SIGNATURE: Final = ".jws"
SIGNATURE_MAX: Final = 10_000
BY: Final = "hub"
IN: Final = "in"

_log: Final = structlog.get_logger("files")

# The key sets of the settlement banks that have some, by currency; raises ValueError or OSError.
Keys = Callable[[Scheme], Mapping[str, bytes]]


class Files:
    """Writes and takes files."""

    def __init__(self, door: Door, key: SigningKey, keys: Keys, folder: Path | None = None) -> None:
        """Sign with this key; exchange files with the bank in `folder`, and in `folder/in`, where there is one."""
        self._door = door
        self._key = key
        self._keys = keys
        self._folder = folder
        self._alone = Alone("files")
        self._unwritable: dict[str, str] = {}  # said once for each subject, not at every look

    async def look(self) -> None:
        """Do what there is to do, each part alone."""
        await self._alone.done("instruct", self.instruct(), None)
        await self._alone.done("miss", self.miss(), None)
        if self._folder is not None:
            await self._alone.done("put out", self.put_out(self._folder), None)
            await self._alone.done("take in", self.take_in(self._folder), None)

    async def instruct(self) -> None:
        """Write every payment that is in no file yet into one."""
        store = self._door.store
        waiting = await store.records.found(Payment, limit=2 * ORDER_MAX, state=PaymentState.EXPECTED, file="")
        if not waiting:
            return
        subjects = sorted({each.subject for each in waiting})
        windows = {each.id: each for each in await store.records.among(Window, "id", subjects)}
        scheme, now_ms = await store.scheme(), await store.records.now_ms()
        for subject, group in groupby(sorted(waiting, key=lambda each: each.subject), key=lambda each: each.subject):
            if not self._alone.is_left(subject):
                writing = self._write(subject, list(group), windows, scheme, now_ms)
                await self._alone.done(subject, writing, None)

    async def _write(
        self, subject: str, payments: Sequence[Payment], windows: Mapping[str, Window], scheme: Scheme, now_ms: int
    ) -> None:
        try:
            deeds = await asyncio.to_thread(lambda: list(instructions(payments, windows, scheme, now_ms, self._key)))
        except UnwritableError as error:
            self._say(subject, str(error))
            return
        for deed in deeds:
            result = await self._door.handle(deed)
            if result.reason:
                _log.info("file.not_written", subject=subject, why=result.reason)

    def _say(self, subject: str, why: str) -> None:
        if self._unwritable.get(subject) != why:
            self._unwritable[subject] = why
            _log.error("file.unwritable", subject=subject, why=why)

    async def miss(self) -> None:
        """Miss every payment that the bank has not said anything of in time."""
        late = await self._door.store.records.due(Payment)
        if late:
            about = tuple(sorted({each.subject for each in late}))
            await self._door.handle(Overdue(by=BY, payments=tuple(each.id for each in late), about=about))

    async def put_out(self, folder: Path) -> None:
        """Put what is to go to the bank where it fetches it; it is noted that it is there, and not put there again."""
        due = await self._door.store.records.due(File, limit=100 + len(self._alone))
        waiting = [each for each in due if not each.origin and not self._alone.is_left(each.id)]
        there = [await self._alone.done(each.id, asyncio.to_thread(put, folder, each), None) for each in waiting]
        out = tuple(each.id for each, path in zip(waiting, there, strict=True) if path is not None)
        if out:
            await self._door.handle(Exported(by=BY, files=out))

    async def take_in(self, folder: Path) -> None:
        """Take what the bank has put there, each file alone, and lay it aside among what was taken, or refused."""
        arrived = await asyncio.to_thread(_arrived, folder / IN)
        if not arrived:
            return
        scheme = await self._door.store.scheme()
        try:
            keys = await asyncio.to_thread(self._keys, scheme)
        except (ValueError, OSError) as error:
            _log.error("file.keys_unreadable", error=str(error)[:200])
            return
        for path in arrived:
            name = _name_of(path)
            if not self._alone.is_left(name):
                await self._alone.done(name, self._take(path, name, folder, keys), None)

    async def _take(self, path: Path, name: str, folder: Path, keys: Mapping[str, bytes]) -> None:
        """Take one file. Another worker may be at it: what both take is taken once, and one of them lays it aside."""
        try:
            content, signature, age_s = await asyncio.to_thread(_read, path)
        except FileNotFoundError:
            return  # another worker has laid it aside
        if not signature and age_s < SIGNED_WITHIN_S:
            return  # its signature may be on its way
        result = await taken(self._door, content, name, signature, keys, by=f"{BY}: {folder.name}/{IN}")
        if isinstance(result, Refusal) and result.reason is not Reason.RECORD_FORBIDS:
            raise StuckError(f"{result.reason} {result.detail}")
        if isinstance(result, Refusal):
            # Nothing is kept of it: a payment that it names was made just now, and the next look takes it.
            _log.info("file.waits", name=name, detail=result.detail)
            return
        await asyncio.to_thread(_lay_aside, path, folder / ("refused" if result.reason else "taken"))

    async def look_for_ever(self) -> None:
        """Look every other second until cancelled."""
        while True:
            await self._alone.round(self.look(), None)
            await asyncio.sleep(LOOK_EVERY_S)


async def taken(door: Door, content: bytes, name: str, signature: str, keys: Mapping[str, bytes], *, by: str) -> Result:
    """Take a file of the bank; where it is refused, the result's reason says why."""
    scheme = await door.store.scheme()
    found = await asyncio.to_thread(
        lambda: answer(content, name=name, signature=signature, scheme=scheme, keys=keys, by_operator=False)
    )
    deed = await import_deed(door.store.records, found, by=by, ref=secrets.token_hex(16))
    result = await door.handle(deed)
    if isinstance(result, Done) and not result.changed:
        # Its confirmation was lost, and it was said again: what was kept of it says what came of it.
        kept = await door.store.records.one(File, deed.refused_as)
        return Done(transfer=deed.refused_as, reason=kept.refused) if kept else Done(transfer=deed.file)
    return result


def put(folder: Path, file: File) -> Path:
    """Put a file and its signature into a folder, each whole or not at all, the file last: who sees it has both."""
    return put_signed(folder, file.name, file.content.encode(), file.signature)


def put_signed(folder: Path, name: str, content: bytes, signature: str) -> Path:
    """Put what a file has into a folder; raises ValueError for a name that leads elsewhere."""
    if Path(name).name != name or name.startswith("."):
        raise ValueError(f"{name!r} is no name of a file: export it under another one, by hand")
    folder.mkdir(parents=True, exist_ok=True)
    if signature:
        _whole(folder / f"{name}{SIGNATURE}", signature.encode())
    path = folder / name
    _whole(path, content)
    return path


def _whole(path: Path, content: bytes) -> None:
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=".")
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    Path(name).chmod(0o640)
    Path(name).replace(path)


def _arrived(folder: Path) -> Sequence[Path]:
    """List the files that have arrived, by name; what begins with a point is still being written."""
    if not folder.is_dir():
        return ()
    return sorted(
        path
        for path in folder.iterdir()
        if path.is_file() and not path.name.startswith(".") and path.suffix != SIGNATURE
    )


def _name_of(path: Path) -> str:
    """Return a file's name as it can be kept: one that is not UTF-8 is another than was signed, and so refused."""
    return os.fsencode(path.name).decode(errors="replace")


def _read(path: Path) -> tuple[bytes, str, float]:
    """Read a file, as much of it as is ever looked at, the signature beside it if there is one, and its age.

    The signature comes first: whoever lays a file aside moves the file first, so none is read without its signature.
    A link is not followed: the bank must not have us read what is not its own.
    """
    beside = path.with_name(path.name + SIGNATURE)
    signature = _start_of(beside, SIGNATURE_MAX).decode("ascii", errors="replace") if beside.is_file() else ""
    content = _start_of(path, max(LIMITS.xml_bytes, LIMITS.csv_bytes) + 1)
    return content, signature, time.time() - path.stat().st_mtime


def _start_of(path: Path, longest: int) -> bytes:
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW), "rb") as file:
        return file.read(longest)


def _lay_aside(path: Path, folder: Path) -> None:
    """Move a file and its signature, unless another has; one of the same name that is there already is kept."""
    folder.mkdir(parents=True, exist_ok=True)
    stem = path.name if not (folder / path.name).exists() else f"{time.time_ns()}-{path.name}"
    with contextlib.suppress(FileNotFoundError):
        path.rename(folder / stem)
        path.with_name(path.name + SIGNATURE).rename(folder / f"{stem}{SIGNATURE}")
