"""Reconciling a participant's day: its own file against the hub's books, and what differs kept with both sides of it.

The hub's side is the posted movements on the participant's position in the journals of the day; amounts are minor
units, above zero where the position gained. What is loaded and compared is read beside the traffic; a deed keeps it.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec

from hub.core.command import Done, Reason, Refusal, Result
from hub.core.office.booking import named
from hub.core.office.closing import BANK
from hub.core.office.records import Difference, DifferenceKind, File
from hub.core.participant import Scheme
from hub.core.record import Deed, Desk, Selector
from hub.core.settlement.rules import model_of
from routing.money import Money

DIFFERENCES_MAX: Final = 10_000
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class DayEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One posting on a participant's position."""

    reference: str  # the journal and the line in it
    at_ms: int
    subject: str  # a transfer, or what else the posting was for
    minor: int
    other: str  # the participant on the other side; "" is the hub
    other_kind: str  # the kind of the account on the other side
    original: str = ""  # of a transfer that gives another back
    own_reference: str = ""


class Movement(msgspec.Struct, frozen=True, kw_only=True):
    """What one transfer, or whatever else it was for, did to a position in a day."""

    subject: str
    minor: int
    count: int  # postings
    references: tuple[str, ...]
    own: tuple[str, ...] = ()  # what the participant itself calls it


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One booking in the participant's own books."""

    where: str
    minor: int
    currency: str
    transfer: str = ""  # the hub's id of it: then nothing else counts
    names: tuple[str, ...] = ()  # else what it may be known by here: the hub's entry, the participant's own

    def shown(self) -> dict[str, Any]:
        """Show it, as evidence."""
        amount = str(Money(abs(self.minor), self.currency))
        return {
            "where": self.where,
            "direction": _side(self.minor),
            "amount": amount,
            "transfer": self.transfer,
            "names": list(self.names),
        }


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """One difference, before it is kept."""

    kind: DifferenceKind
    subject: str = ""
    reference: str = ""
    ours: dict[str, Any] = {}
    theirs: dict[str, Any] = {}


def zone_of(scheme: Scheme, participant: str, currency: str) -> tzinfo:
    """Return in which time zone a participant's days begin: its settlement model's, else the scheme's."""
    model = model_of(scheme.models, currency, participant, "")
    if model is not None:
        return ZoneInfo(model.time_zone)
    return timezone(timedelta(minutes=scheme.file.scheme.utc_offset_minutes))


def day_ms(day: date, zone: tzinfo) -> tuple[int, int]:
    """Return when a day begins and ends, in Unix milliseconds."""
    begins, ends = (datetime.combine(each, time(), zone) for each in (day, day + timedelta(days=1)))
    return tuple((each - _EPOCH) // timedelta(milliseconds=1) for each in (begins, ends))  # type: ignore[return-value]


class Comparison:
    """Compares: the hub's movements come one by one, in any order; what is left of the file at the end differs too."""

    def __init__(self, lines: Iterable[Line], currency: str) -> None:
        """Begin with the participant's file."""
        self._currency = currency
        self._lines = list(lines)
        self._by_name: dict[str, list[int]] = {}
        for place, line in enumerate(self._lines):
            for name in {each.lower() for each in ((line.transfer,) if line.transfer else line.names) if each}:
                self._by_name.setdefault(name, []).append(place)
        self._met: set[int] = set()
        self.matched = 0

    def meet(self, movement: Movement) -> Found | None:
        """Hold one movement against the file; None: both say the same."""
        names = (movement.subject, *movement.references, *movement.own)
        places = sorted({place for name in names for place in self._by_name.get(name.lower(), ())} - self._met)
        self._met.update(places)
        lines = [self._lines[place] for place in places]
        kind = self._kind(movement, lines)
        if kind is None:
            self.matched += 1
            return None
        return Found(
            kind=kind,
            subject=movement.subject,
            reference=next((each for each in movement.own if each), movement.subject),
            ours=self._shown(movement),
            theirs={"rows": [each.shown() for each in lines]} if lines else {},
        )

    def rest(self) -> Iterator[Found]:
        """Yield what only the participant has."""
        for place, line in enumerate(self._lines):
            if place not in self._met:
                yield Found(
                    kind=DifferenceKind.MISSING_HERE,
                    subject=line.transfer,
                    reference=next((each for each in (line.transfer, *line.names) if each), line.where),
                    theirs={"rows": [line.shown()]},
                )

    def _kind(self, movement: Movement, lines: Sequence[Line]) -> DifferenceKind | None:
        if not lines:
            return DifferenceKind.MISSING_THERE
        if any(each.currency != self._currency for each in lines):
            return DifferenceKind.CURRENCY
        minor = sum(each.minor for each in lines)
        if minor == movement.minor:
            return None
        if len(lines) > 1 and all(each.minor == movement.minor for each in lines):
            return DifferenceKind.DUPLICATE
        return DifferenceKind.DIRECTION if minor == -movement.minor else DifferenceKind.AMOUNT

    def _shown(self, movement: Movement) -> dict[str, Any]:
        return {
            "direction": _side(movement.minor),
            "amount": str(Money(abs(movement.minor), self._currency)),
            "currency": self._currency,
            "entries": list(movement.references[:20]),
            "own": [each for each in movement.own if each],
        }


def known_better(found: Found, state: str, currency: str, wanted: str) -> Found:
    """Say of what only the participant has, and the hub knows as a transfer, how it differs."""
    kind = found.kind
    if currency != wanted:
        kind = DifferenceKind.CURRENCY
    elif state != "committed":
        kind = DifferenceKind.STATE
    return msgspec.structs.replace(found, kind=kind)


class Compare(Deed, frozen=True, kw_only=True):
    """Keep how a participant's own day differs from the hub's books."""

    participant: str
    day: str  # as ISO 8601 has it
    currency: str
    name: str
    format: str
    content: str
    sha256: str
    signature: str = ""
    entries: int = 0
    matched: int = 0
    found: tuple[Found, ...] = ()
    refused: str = ""

    @property
    def file(self) -> str:
        """What the file's record is called: the same file for the same day is one."""
        return named(
            "day", self.participant, self.day, self.currency, self.sha256, *([self.refused] * bool(self.refused))
        )

    def wants(self) -> Sequence[Selector]:
        """Want the file, in case it is there."""
        return (Selector(File, "id", self.file),)

    def decide(self, desk: Desk) -> Result:
        """Keep the file, and every difference that was found."""
        if desk.get(File, self.file) is not None:
            return Done(transfer=self.file, changed=False, reason=self.refused)
        if self.participant not in desk.scheme.participants or self.participant == BANK:
            return Refusal(reason=Reason.RECORD_UNKNOWN, detail=f"there is no participant {self.participant!r}")
        refused = self.refused
        if not refused and len(self.found) > DIFFERENCES_MAX:
            refused = f"over {DIFFERENCES_MAX} differences: this is not the file of {self.participant}'s {self.day}"
        desk.keep(
            File(
                id=self.file,
                at_ms=desk.now_ms,
                name=self.name,
                format=self.format,
                origin=self.participant,
                sha256=self.sha256,
                signature=self.signature,
                subject=self.day,
                currency=self.currency,
                content=self.content,
                by=self.by,
                entries=self.entries,
                differences=0 if refused else len(self.found),
                refused=refused,
            )
        )
        for number, each in enumerate(() if refused else self.found):
            desk.keep(
                Difference(
                    id=named(self.file, str(number)),
                    at_ms=desk.now_ms,
                    source=self.participant,
                    kind=each.kind,
                    file=self.file,
                    subject=each.subject,
                    reference=each.reference,
                    ours=each.ours,
                    theirs=each.theirs,
                )
            )
        return Done(transfer=self.file, reason=refused)


def _side(minor: int) -> str:
    return "credit" if minor >= 0 else "debit"
