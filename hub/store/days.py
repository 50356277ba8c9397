"""A participant's day on PostgreSQL: its entries, its balances, and how its own file compares; read, never changed.

A day is a range of journals: their times never go back, so it begins and ends at one height each, which are found along
the key. Long reads go on in a thread and on a connection of their own, beside the traffic.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Sequence
from datetime import date
from typing import Any, Final, NamedTuple, ParamSpec, TypeVar

import msgspec
import psycopg

from hub.core.office.comparing import DIFFERENCES_MAX, Comparison, Found, Line, Movement, known_better
from hub.core.office.reconciling import DayEntry, Zone, zone_of
from hub.core.office.records import DifferenceKind
from hub.core.settlement.rules import Model
from hub.ledger.checkpoint import Checkpoint
from hub.store import ledger_read
from hub.store.contract import UnavailableError
from hub.store.ledger_proof import counters_at
from hub.store.ledger_read import Connection

ENTRIES_MAX: Final = 250_000  # that are held at once

_P = ParamSpec("_P")
_T = TypeVar("_T")

# The first journal above a height that is not earlier than a time is found by halving: some thirty look-ups.
_AT: Final = "SELECT at_ms FROM journal WHERE height = %s"

_MINE: Final = """
p.journal > %(after)s AND p.journal <= %(to)s AND p.phase IN ('posted', 'direct')
AND %(account)s IN (p.debit, p.credit)"""
_JOINED: Final = """
LEFT JOIN transfer AS t ON t.id = CASE WHEN p.subject ~ '^[0-9a-f]{32}$' THEN p.subject::uuid END
LEFT JOIN standing AS s ON s.id = t.id"""
_SENT: Final = "CASE WHEN t.caller = %(participant)s THEN t.body->>'correlation' END"
_OWN: Final = """
CASE WHEN t.payer_fsp = %(participant)s THEN s.payer_reference
     WHEN t.payee_fsp = %(participant)s THEN s.payee_reference ELSE '' END"""

_MOVED: Final = "CASE WHEN p.credit = %(account)s THEN p.minor ELSE -p.minor END"
_ENTRIES: Final = f"""
SELECT p.journal, p.line, p.at_ms, p.subject, {_MOVED},
       o.participant, o.kind, replace(coalesce(t.original::text, ''), '-', ''),
       coalesce(nullif({_OWN}, ''), {_SENT}, '')
FROM posting AS p JOIN account AS o ON o.id = CASE WHEN p.credit = %(account)s THEN p.debit ELSE p.credit END
{_JOINED}
WHERE {_MINE} AND (p.journal, p.line) > (%(journal)s, %(line)s)
AND (%(kinds)s::text[] IS NULL OR split_part(p.subject, ':', 1) = ANY(%(kinds)s))
ORDER BY p.journal, p.line LIMIT %(limit)s"""

# How many entries a day has, and what those come to that are before a page; and the last one of these.
_CUT: Final = f"""
SELECT count(*), coalesce(sum(minor) FILTER (WHERE number <= %(skip)s), 0)::bigint,
       max(ARRAY[journal, line]) FILTER (WHERE number <= %(skip)s)
FROM (
    SELECT p.journal, p.line::bigint AS line, {_MOVED} AS minor,
           row_number() OVER (ORDER BY p.journal, p.line) AS number
    FROM posting AS p WHERE {_MINE}
) AS m"""

_MOVEMENTS: Final = f"""
SELECT m.subject, m.minor, m.count, m.refs, {_OWN}, coalesce({_SENT}, '')
FROM (
    SELECT p.subject, sum({_MOVED})::bigint AS minor,
           count(*) AS count, (array_agg(p.journal || '-' || p.line ORDER BY p.journal, p.line))[1:20] AS refs
    FROM posting AS p WHERE {_MINE} GROUP BY p.subject
) AS m
{_JOINED.replace("p.subject", "m.subject")}"""

# Transfers that only the participant has booked in that day, as the hub has them: by what its own position moves, which
# of a cross-border transfer's payee is in another currency than was sent.
_KNOWN: Final = """
SELECT replace(t.id::text, '-', ''), s.state, coalesce(own.currency, t.currency), coalesce(own.minor, t.minor)
FROM transfer AS t JOIN standing AS s ON s.id = t.id
LEFT JOIN LATERAL (
    SELECT x->'money'->>'currency' AS currency, abs(sum(
               (x->'money'->>'minor')::bigint * CASE WHEN x->>'credit' = %(participant)s THEN 1 ELSE -1 END
           ))::bigint AS minor
    FROM json_array_elements(t.price->'legs') AS x
    WHERE %(participant)s IN (x->>'debit', x->>'credit') AND x->>'debit' <> x->>'credit'
    GROUP BY 1 ORDER BY bool_or(x->'money'->>'currency' = %(currency)s) DESC, 1 LIMIT 1
) AS own ON true
WHERE t.id = ANY(%(ids)s::uuid[]) AND %(participant)s IN (t.payer_fsp, t.payee_fsp)"""

_STEPS: Final = """
SELECT replace(transfer::text, '-', ''),
       json_agg(json_build_object('at_ms', at_ms, 'state', next, 'event', event, 'who', who) ORDER BY seq)::text
FROM transition WHERE transfer = ANY(%s::uuid[]) GROUP BY transfer"""


# What of every scheme says when days begin, of those in force between two times: the first of all was so ever before.
_ZONES: Final = """
SELECT applied_ms, document->'settlement_model', document->'scheme'->'utc_offset_minutes' FROM scheme
WHERE version >= coalesce((SELECT max(version) FROM scheme WHERE applied_ms <= %(from_ms)s), 0)
AND (applied_ms < %(to_ms)s OR version = (SELECT min(version) FROM scheme)) ORDER BY version"""
_DAY_MS: Final = 86_400_000
_FIRST: Final = date(1970, 1, 1).toordinal()


class DayError(Exception):
    """A day that cannot be read here; says why."""


class Asked(NamedTuple):
    """A day of a participant, on one of its positions: from a time on, before another (Unix milliseconds)."""

    participant: str
    account: int
    from_ms: int
    to_ms: int


class Day(NamedTuple):
    """The journals of a day: those above `after` up to `to`."""

    participant: str
    account: int
    after: int
    to: int


class Place(NamedTuple):
    """Where an entry is: its journal, and its line in that."""

    journal: int
    line: int


START: Final = Place(0, 0)


class Stood(NamedTuple):
    """What an account had before and after a day, and its entries: minor units."""

    day: Day
    opening: int
    closing: int
    entries: list[DayEntry]


class Page(NamedTuple):
    """A part of a day's entries, and what the account had before and after them: minor units."""

    number: int
    is_last: bool
    opening: int
    closing: int
    entries: list[DayEntry]


class Compared(NamedTuple):
    """What comparing came to; `found` is cut after one more than may be kept."""

    found: list[Found]
    matched: int


class Days:
    """Days of participants in one database. Everything raises UnavailableError when the database does not answer."""

    def __init__(self, url: str) -> None:
        """Use the database at `url`."""
        self._url = url

    async def stood(self, asked: Asked) -> Stood:
        """Return a day with its entries, where they are few enough to be held at once; raises DayError."""
        return await _aside(self._with, lambda connection: _stood(connection, asked))

    async def pages(self, asked: Asked, size: int) -> AsyncIterator[Page]:
        """Yield a day that is over, page by page, each read when it is asked for; raises DayError."""
        day = await self.found(asked)
        page, last = await _aside(self._with, lambda connection: _first(connection, day, size))
        yield page
        while not page.is_last:
            before, after = page, last
            page, last = await _aside(self._with, lambda connection: _next(connection, day, size, before, after))  # noqa: B023 - it is awaited here
            yield page

    async def page(self, asked: Asked, number: int, size: int) -> tuple[Page | None, int]:
        """Return one page of a day that is over, where there is such a one, and how many there are; raises DayError."""
        return await _aside(self._with, lambda connection: _page(connection, _day(connection, asked), number, size))

    async def only(self, asked: Asked, kinds: Collection[str]) -> list[DayEntry]:
        """Return the entries whose subject begins with one of these words and a colon; raises DayError."""

        def read(connection: Connection) -> list[DayEntry]:
            entries, _ = _entries(connection, _day(connection, asked), START, ENTRIES_MAX + 1, kinds)
            return entries

        entries = await _aside(self._with, read)
        if len(entries) > ENTRIES_MAX:
            raise DayError(f"there are more than {ENTRIES_MAX} of them: the day's statement has them all, in pages")
        return entries

    async def zones(self, participant: str, currency: str, day: date) -> list[Zone]:
        """Return by which time zones a participant's days began, from the day before this one to the day after it."""
        midnight_ms = (day.toordinal() - _FIRST) * _DAY_MS
        around = {"from_ms": midnight_ms - _DAY_MS, "to_ms": midnight_ms + 2 * _DAY_MS}
        rows = await _aside(self._with, lambda connection: connection.execute(_ZONES, around).fetchall())
        return [
            Zone(at_ms, zone_of(msgspec.convert(models or [], list[Model]), minutes or 0, participant, currency))
            for at_ms, models, minutes in rows
        ]

    async def found(self, asked: Asked) -> Day:
        """Return which journals a day has; raises DayError."""
        return await _aside(self._with, lambda connection: _day(connection, asked))

    async def compared(self, asked: Asked, lines: Sequence[Line], currency: str) -> Compared:
        """Compare a participant's file of a day with its postings; raises DayError."""

        def compare(connection: Connection) -> Compared:
            return _compared(connection, _day(connection, asked), lines, currency)

        return await _aside(self._with, compare)

    def _with(self, read: Callable[[Connection], _T]) -> _T:
        with psycopg.connect(self._url) as connection:
            connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            connection.read_only = True
            return read(connection)


def _stood(connection: Connection, asked: Asked) -> Stood:
    day = _day(connection, asked)
    opening, closing = _ends(connection, day)
    entries, _ = _entries(connection, day, START, ENTRIES_MAX + 1)
    if len(entries) > ENTRIES_MAX:
        raise DayError(f"the day has more than {ENTRIES_MAX} entries: it is read in pages")
    return Stood(day, opening, closing, entries)


def _first(connection: Connection, day: Day, size: int) -> tuple[Page, Place]:
    opening, _ = _ends(connection, day)
    return _next(connection, day, size, Page(0, is_last=False, opening=opening, closing=opening, entries=[]), START)


def _next(connection: Connection, day: Day, size: int, before: Page, after: Place) -> tuple[Page, Place]:
    """Return the page after another one, whose last entry is at `after`; and where its own last one is."""
    entries, last = _entries(connection, day, after, size)
    is_last = len(entries) < size or not _entries(connection, day, last, 1)[0]
    closing = before.closing + sum(each.minor for each in entries)
    if is_last and closing != (ends := _ends(connection, day)[1]):
        raise DayError(f"the entries of the day lead to {closing}, its balance is {ends} minor units: run `hub audit`")
    return Page(before.number + 1, is_last, before.closing, closing, entries), last


def _page(connection: Connection, day: Day, number: int, size: int) -> tuple[Page | None, int]:
    skip = (number - 1) * size
    row = connection.execute(_CUT, {**day._asdict(), "skip": skip}).fetchone()
    count, moved, last = row if row is not None else (0, 0, None)
    pages = max(1, -(-count // size))
    if number > pages:
        return None, pages
    opening = _ends(connection, day)[0] + moved
    before = Page(number - 1, is_last=False, opening=opening, closing=opening, entries=[])
    page, _ = _next(connection, day, size, before, Place(*last) if last else START)
    return page, pages


def _entries(
    connection: Connection, day: Day, after: Place, limit: int, kinds: Collection[str] | None = None
) -> tuple[list[DayEntry], Place]:
    """Return so many entries after a place, or all that are left, and where the last one of them is."""
    asked = {**day._asdict(), **after._asdict(), "limit": limit, "kinds": None if kinds is None else list(kinds)}
    entries, last = [], after
    for row in connection.execute(_ENTRIES, asked):
        journal, line, at_ms, subject, minor, other, kind, original, own = row
        last = Place(journal, line)
        entries.append(
            DayEntry(
                reference=f"{journal}-{line}",
                at_ms=at_ms,
                subject=subject,
                minor=minor,
                other=other,
                other_kind=kind,
                original=original,
                own_reference=own,
            )
        )
    return entries, last


def _ends(connection: Connection, day: Day) -> tuple[int, int]:
    """Return what the account had before the day, and after it."""
    begun = ledger_read.archived(connection).stood
    return _balance(connection, day.account, day.after, begun), _balance(connection, day.account, day.to, begun)


def _balance(connection: Connection, account: int, height: int, begun: Checkpoint) -> int:
    _, debits, _, credits_ = counters_at(connection, account, height, begun)
    return credits_ - debits


def _day(connection: Connection, asked: Asked) -> Day:
    archived, head = ledger_read.archived(connection), ledger_read.head(connection)
    if asked.from_ms < archived.ends_ms:
        raise DayError("the month of this day was archived: its statement is with the archive")
    low = archived.stood.height
    after = _before(connection, low, head.height, asked.from_ms)
    to = _before(connection, after, head.height, asked.to_ms)
    return Day(asked.participant, asked.account, after, to)


def _before(connection: Connection, low: int, high: int, at_ms: int) -> int:
    """Return the height of the last journal before a time, from `low` on."""
    while low < high:
        middle = (low + high + 1) // 2
        row = connection.execute(_AT, [middle]).fetchone()
        if row is None:
            raise DayError(f"journal {middle} is missing: run `hub audit`")
        if row[0] < at_ms:
            low = middle
        else:
            high = middle - 1
    return low


def _compared(connection: Connection, day: Day, lines: Sequence[Line], currency: str) -> Compared:
    comparison = Comparison(lines, currency)
    found: list[Found] = []
    for subject, minor, count, refs, own, correlation in _rows(connection, _MOVEMENTS, day):
        movement = Movement(
            subject=subject, minor=minor, count=count, references=tuple(refs), own=(own or "", correlation)
        )
        if len(found) <= DIFFERENCES_MAX and (differs := comparison.meet(movement)) is not None:
            found.append(differs)
    if len(found) <= DIFFERENCES_MAX:
        for each in comparison.rest():
            found.append(each)
            if len(found) > DIFFERENCES_MAX:
                break
    return Compared(_with_steps(connection, day, found, currency), comparison.matched)


def _with_steps(connection: Connection, day: Day, found: list[Found], currency: str) -> list[Found]:
    """Add what the hub knows of the transfers: how they stand, and every step."""
    if len(found) > DIFFERENCES_MAX:
        return found
    ids = [each.subject for each in found if _is_id(each.subject)]
    asked = {"ids": ids, "participant": day.participant, "currency": currency}
    known = {row[0]: row[1:] for row in connection.execute(_KNOWN, asked)}
    steps = {id_: msgspec.json.decode(text) for id_, text in connection.execute(_STEPS, [list(known)])}
    return [_with(each, known, steps, currency) for each in found]


def _with(each: Found, known: dict[str, Any], steps: dict[str, Any], currency: str) -> Found:
    if each.subject not in known:
        return each
    state, its_currency, minor = known[each.subject]
    if each.kind is DifferenceKind.MISSING_HERE:
        each = known_better(each, state, its_currency, currency)
    ours = {**each.ours, "state": state, "currency": its_currency, "minor": minor, "steps": steps.get(each.subject, [])}
    return msgspec.structs.replace(each, ours=ours)


def _rows(connection: Connection, statement: str, day: Day) -> Iterator[Any]:
    with connection.cursor(name="day") as cursor:
        cursor.itersize = ledger_read.FETCH
        cursor.execute(statement, day._asdict())
        yield from cursor


def _is_id(text: str) -> bool:
    return len(text) == 32 and set(text) <= set("0123456789abcdef")


async def _aside(work: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
    try:
        return await asyncio.to_thread(work, *args, **kwargs)
    except psycopg.OperationalError as error:
        raise UnavailableError(str(error)) from error
