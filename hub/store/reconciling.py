"""A participant's day, from the ledger to its files, and from its own file to the deed that keeps what differs.

It reads and writes nothing but what it is given: the days of one database, and bytes. Nothing here is decided.
"""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from typing import Final

import msgspec

from hub.core.office.reconciling import Compare, day_ms, zone_of
from hub.core.participant import Scheme
from hub.files.days import (
    CAMT_053,
    CAMT_054,
    CASH_SUBJECTS,
    CSV,
    PAGE,
    Sheet,
    Whose,
    lines_of,
    notification,
    of_another,
    paged,
    sheet,
)
from hub.files.inbox import read_participant_file
from hub.files.shapes import FileRefusedError
from hub.ledger.proof import ProofError, encode
from hub.store.days import Asked, DayError, Days, Page
from hub.store.ledger import Ledger

# A batch is dated when it is loaded and seen when it is committed: until then the last one may be missing.
LATE_MS: Final = 120_000
PROOF: Final = ".proof.json"


async def whose_day(days: Days, scheme: Scheme, participant: str, currency: str, day: date) -> Whose:
    """Say which day it is, by the time zones of then; raises DayError for who has no position in that currency."""
    if scheme.position(participant, currency) is None:
        raise DayError(f"{participant!r} has no position in {currency!r}")
    zones = await days.zones(participant, currency, day)
    try:
        from_ms, to_ms = day_ms(day, zones)
    except OverflowError as error:
        raise DayError(f"{day.isoformat()} is out of range: no day has that before or after it") from error
    return Whose(scheme, participant, currency, day, from_ms, to_ms)


async def today(days: Days, scheme: Scheme, participant: str, currency: str, now_ms: int) -> Whose:
    """Say which day it is where a participant settles; raises DayError.

    Where the time zone has just changed, the day that is over stays so: it may be the one before or after the clock's.
    """
    zone = zone_of(scheme.models, scheme.file.scheme.utc_offset_minutes, participant, currency)
    by_clock = datetime.fromtimestamp(now_ms // 1000, UTC).astimezone(zone).date()
    found = await whose_day(days, scheme, participant, currency, by_clock)
    if not found.from_ms <= now_ms < found.to_ms:
        other = by_clock + timedelta(days=1 if found.to_ms <= now_ms else -1)
        found = await whose_day(days, scheme, participant, currency, other)
    return found


def is_over(whose: Whose, now_ms: int) -> bool:
    """Say whether a day's last batch is seen."""
    return whose.to_ms + LATE_MS <= now_ms


def asked(whose: Whose) -> Asked:
    """Say which day is read."""
    account = whose.scheme.position(whose.participant, whose.currency)
    if account is None:
        raise DayError(f"{whose.participant!r} has no position in {whose.currency!r}")
    return Asked(whose.participant, account, whose.from_ms, whose.to_ms)


async def statement(
    days: Days, whose: Whose, now_ms: int, form: str = CAMT_053, size: int = PAGE
) -> AsyncIterator[Sheet]:
    """Write the statement of a day that is over, page by page: each is read and made when the one before is taken.

    Raises DayError or UnwritableError.
    """
    _check_over(whose, now_ms)
    async for page in days.pages(asked(whose), size):
        yield await asyncio.to_thread(_sheet, whose, page, form)


async def statement_page(
    days: Days, whose: Whose, now_ms: int, form: str, number: int, *, size: int = PAGE
) -> tuple[Sheet | None, int]:
    """Write one page of a statement, where there is such a one; and say how many there are.

    Raises DayError or UnwritableError.
    """
    _check_over(whose, now_ms)
    page, count = await days.page(asked(whose), number, size)
    return None if page is None else await asyncio.to_thread(_sheet, whose, page, form), count


def _sheet(whose: Whose, page: Page, form: str) -> Sheet:
    told = paged(whose, page.opening, page.closing, page.entries, number=page.number, is_last=page.is_last)
    return sheet(told, form, whose)


async def notices(days: Days, whose: Whose, now_ms: int, form: str = CAMT_054) -> Sheet:
    """Write what a participant is told of its cash in a day so far; raises DayError or UnwritableError."""
    entries = await days.only(asked(whose), CASH_SUBJECTS)
    return await asyncio.to_thread(sheet, notification(whose, entries, now_ms), form, whose)


async def prove(days: Days, ledger: Ledger, whose: Whose, now_ms: int) -> Sheet:
    """Write the proof that what a day's statement says is in the chain; raises DayError."""
    _check_over(whose, now_ms)
    day = await days.found(asked(whose))
    try:
        proof = await ledger.prove(day.account, day.after, day.to)
    except ProofError as error:
        raise DayError(str(error)) from error
    name = f"statement-{whose.participant}-{whose.currency}-{whose.day.isoformat()}{PROOF}"
    return Sheet(name, "application/json", encode(proof))


async def compare_deed(
    days: Days, whose: Whose, content: bytes, *, name: str, by: str, ref: str, now_ms: int
) -> Compare:
    """Compare a participant's own file with the books, and return the deed that keeps what came of it.

    Raises DayError; a file that cannot be read makes a deed that keeps why.
    """
    _check_over(whose, now_ms)
    deed = Compare(
        by=by,
        ref=ref,
        participant=whose.participant,
        day=whose.day.isoformat(),
        currency=whose.currency,
        name=name,
        format="",
        content=content.decode(errors="replace").replace("\0", "\ufffd"),
        sha256=sha256(content).hexdigest(),
    )
    try:
        read = await asyncio.to_thread(read_participant_file, content, currency=whose.currency)
    except FileRefusedError as error:
        return msgspec.structs.replace(deed, refused=str(error))
    if other := of_another(read.header, name, whose):
        refused = f"it is {other}'s file, not {whose.participant}'s: send the right one"
        return msgspec.structs.replace(deed, refused=refused)
    lines = lines_of(read)
    compared = await days.compared(asked(whose), lines, whose.currency)
    return msgspec.structs.replace(
        deed, format=read.header.form or CSV, entries=len(lines), matched=compared.matched, found=tuple(compared.found)
    )


def _check_over(whose: Whose, now_ms: int) -> None:
    if not is_over(whose, now_ms):
        raise DayError(
            f"{whose.day.isoformat()} is not over yet where {whose.participant} settles; `hub files day` shows it"
        )
