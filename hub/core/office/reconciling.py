"""Reconciling a participant's day: its own file against the hub's books, and what differs kept with both sides of it.

The hub's side is the posted movements on the participant's position in the journals of the day; amounts are minor
units, above zero where the position gained. What is loaded and compared is read beside the traffic; a deed keeps it.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from hub.core.command import Done, Reason, Refusal, Result
from hub.core.office.booking import named
from hub.core.office.closing import BANK, closed
from hub.core.office.comparing import DIFFERENCES_MAX, Found
from hub.core.office.records import Difference, DifferenceKind, DifferenceState, File
from hub.core.record import Deed, Desk, Selector
from hub.core.settlement.rules import Model, model_of

CORRECTED: Final = "corrected"  # what a difference comes to that a later file of the participant's has right
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


class Zone(NamedTuple):
    """In which time zone a participant's days began, from when on (Unix milliseconds)."""

    from_ms: int
    zone: tzinfo


def zone_of(models: Sequence[Model], utc_offset_minutes: int, participant: str, currency: str) -> tzinfo:
    """Return in which time zone a participant's days begin: its settlement model's, else the scheme's."""
    model = model_of(models, currency, participant, "")
    if model is not None:
        return ZoneInfo(model.time_zone)
    return timezone(timedelta(minutes=utc_offset_minutes))


def day_ms(day: date, zones: Sequence[Zone]) -> tuple[int, int]:
    """Return when a day begins and ends, in Unix milliseconds, by every zone that was in force around it, in order.

    What is over stays over: a day that was signed keeps its ends when its time zone changes, and the next one begins
    where it ended. So each moment is in one day.
    """
    return _begins_ms(day, zones), _begins_ms(day + timedelta(days=1), zones)


def _begins_ms(day: date, zones: Sequence[Zone]) -> int:
    """Return when the day has first begun in the zone of the moment; the first zone always was in force before."""
    begins = [(datetime.combine(day, time(), each.zone) - _EPOCH) // timedelta(milliseconds=1) for each in zones]
    for place, later in enumerate(zones[1:]):
        if begins[place] < later.from_ms:
            return begins[place]
        begins[place + 1] = max(begins[place + 1], later.from_ms)
    return begins[-1]


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

    @property
    def about(self) -> str:
        """What differences of this day are about: whichever file of the participant shows them."""
        return named("day", self.participant, self.day, self.currency)

    def wants(self) -> Sequence[Selector]:
        """Want the file, in case it is there, and what files of the same day have shown before."""
        return Selector(File, "id", self.file), Selector(Difference, "about", self.about)

    def decide(self, desk: Desk) -> Result:
        """Keep the file and every difference that was found; one that an earlier file has shown is the same one."""
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
        if not refused:
            self._differ(desk)
        return Done(transfer=self.file, reason=refused)

    def _differ(self, desk: Desk) -> None:
        """Keep what differs, and close what this file has right; what operators have closed stays so."""
        seen: Counter[str] = Counter()
        before = {each.id: each for each in desk.where(Difference, about=self.about)}
        for each in self.found:
            thing = _thing(each)
            id_ = named("difference", self.about, thing, str(seen[thing]))
            seen[thing] += 1
            desk.keep(self._kept(each, id_, before.pop(id_, None), desk.now_ms))
        for left in before.values():
            if left.state is DifferenceState.OPEN:
                desk.keep(closed(left, desk.now_ms, f"file {self.name}", CORRECTED, f"file {self.file} has it right"))

    def _kept(self, found: Found, id_: str, before: Difference | None, now_ms: int) -> Difference:
        if before is not None and before.state is not DifferenceState.OPEN and before.resolution != CORRECTED:
            return msgspec.structs.replace(before, file=self.file)
        return Difference(
            id=id_,
            at_ms=now_ms if before is None else before.at_ms,
            source=self.participant,
            kind=found.kind,
            file=self.file,
            subject=found.subject,
            about=self.about,
            reference=found.reference,
            ours=found.ours,
            theirs=found.theirs,
        )


def _thing(found: Found) -> str:
    """Name what a difference is about, alike in every file that shows it: a transfer, or a line that no transfer is."""
    again = "again" if found.kind is DifferenceKind.DUPLICATE else ""
    if found.subject:
        return f"{found.subject}\n{again}"
    row = found.theirs["rows"][0]
    return "\n".join((*row["names"][:1], row["direction"], row["amount"]))
