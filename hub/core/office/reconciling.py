"""Reconciling a participant's day: its own file against the hub's books, and what differs kept with both sides of it.

The hub's side is the posted movements on the participant's position in the journals of the day; amounts are minor
units, above zero where the position gained. What is loaded and compared is read beside the traffic; a deed keeps it.
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from hub.core.command import Done, Reason, Refusal, Result
from hub.core.office.booking import named
from hub.core.office.closing import BANK
from hub.core.office.comparing import DIFFERENCES_MAX, Found
from hub.core.office.records import Difference, File
from hub.core.participant import Scheme
from hub.core.record import Deed, Desk, Selector
from hub.core.settlement.rules import model_of

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
