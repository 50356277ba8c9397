"""Comparing a participant's day: what its file says against what moved here, as it comes; nothing is kept or decided.

A line that names the hub's transfer, or its entry, is of that. One that only has the participant's own reference may be
of any movement under that reference: the one of its amount has it, and what is left over is looked at in the end.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

import msgspec

from hub.core.office.records import DifferenceKind
from routing.money import Money

DIFFERENCES_MAX: Final = 10_000
EVIDENCE_MAX: Final = 20  # lines and entries that are shown with a difference
_FEW: Final = 20  # lines under one name that are looked at one by one


class Movement(msgspec.Struct, frozen=True, kw_only=True):
    """What one transfer, or whatever else it was for, did to a position in a day."""

    subject: str
    minor: int
    count: int  # postings
    references: tuple[str, ...]
    own: tuple[str, ...] = ()  # what the participant itself calls it

    @property
    def ours(self) -> list[str]:
        """What the hub calls it, and its entries."""
        return [each.lower() for each in (self.subject, *self.references)]

    @property
    def theirs(self) -> list[str]:
        """What the participant calls it."""
        return list(dict.fromkeys(each.lower() for each in self.own if each))


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One booking in the participant's own books."""

    where: str
    minor: int
    currency: str
    transfer: str = ""  # the hub's id of it: then nothing else counts
    names: tuple[str, ...] = ()  # else what it may be known by here: the hub's entry, the participant's own

    @property
    def known_by(self) -> set[str]:
        """What it is found by."""
        return {each.lower() for each in ((self.transfer,) if self.transfer else self.names) if each}

    def shown(self) -> dict[str, Any]:
        """Show it, as evidence."""
        amount = str(Money(abs(self.minor), self.currency))
        return {
            "where": self.where,
            "direction": _side(self.minor),
            "amount": amount,
            "currency": self.currency,
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


class _Crowd:
    """Many lines under one name: which are left, found without looking at each of them."""

    def __init__(self, places: Iterable[int], lines: Sequence[Line], currency: str) -> None:
        self.places = list(places)
        self.minor, self.left, self.foreign = 0, 0, 0
        self._currency, self._next = currency, 0
        self._by_amount: dict[int, list[int]] = {}
        for place in self.places:
            self._count(lines[place], 1)
            if lines[place].currency == currency:
                self._by_amount.setdefault(lines[place].minor, []).append(place)
        for same in self._by_amount.values():
            same.reverse()

    def _count(self, line: Line, step: int) -> None:
        self.left += step
        self.minor += step * line.minor
        self.foreign += step * (line.currency != self._currency)

    def drop(self, line: Line) -> None:
        """Count a line out."""
        self._count(line, -1)

    def of(self, minor: int, taken: bytearray) -> int | None:
        """Return the first line that is left of an amount."""
        same = self._by_amount.get(minor, [])
        while same and taken[same[-1]]:
            same.pop()
        return same[-1] if same else None

    def first(self, taken: bytearray) -> int:
        """Return the first line that is left; there must be one."""
        while taken[self.places[self._next]]:
            self._next += 1
        return self.places[self._next]


class Comparison:
    """Compares: the hub's movements come one by one, in any order; what is left of the file at the end differs too."""

    def __init__(self, lines: Iterable[Line], currency: str) -> None:
        """Begin with the participant's file."""
        self._currency = currency
        self._lines = list(lines)
        self._taken = bytearray(len(self._lines))
        self._by_name: dict[str, list[int]] = {}
        for place, line in enumerate(self._lines):
            for name in line.known_by:
                self._by_name.setdefault(name, []).append(place)
        self._crowds: dict[str, _Crowd] = {}
        self._known: dict[tuple[str, int], Movement] = {}  # matched, where more lines are under its name
        self._later: list[Movement] = []  # of several lines none agrees with them: others may take theirs first
        self.matched = 0

    def meet(self, movement: Movement) -> Found | None:
        """Hold one movement against the file; None: both say the same, or `rest` says how they differ."""
        sure = sorted({place for name in movement.ours for place in self._left(name)})
        missing = movement.minor - sum(self._lines[place].minor for place in sure)
        self._take(sure)
        if sure and not missing:
            return self._met(movement, sure)
        agreeing = self._agreeing(movement, missing)
        if not sure and not agreeing and len(self._later) <= DIFFERENCES_MAX and self._is_named(movement):
            self._later.append(movement)
            return None
        self._take(agreeing)
        return self._met(movement, [*sure, *agreeing])

    def rest(self) -> Iterator[Found]:
        """Yield how those differ that had to wait for the others, and what only the participant has."""
        waiting = Counter(name for each in self._later for name in each.theirs)
        for movement in self._later:
            waiting.subtract(movement.theirs)
            places = self._agreeing(movement, movement.minor) or self._remaining(movement, waiting)
            self._take(places)
            found = self._met(movement, places)
            if found is not None:
                yield found
        for place, line in enumerate(self._lines):
            if not self._taken[place]:
                yield self._left_over(line)

    def _left(self, name: str) -> list[int]:
        """List the lines under a name that are left."""
        return [place for place in self._by_name.get(name, ()) if not self._taken[place]]

    def _crowd(self, name: str) -> _Crowd | None:
        """Return the lines under a name, where they are many."""
        if name not in self._crowds and len(self._by_name.get(name, ())) > _FEW:
            self._crowds[name] = _Crowd(self._left(name), self._lines, self._currency)
        return self._crowds.get(name)

    def _crowds_of(self, movement: Movement) -> list[_Crowd]:
        return [crowd for name in movement.theirs if (crowd := self._crowd(name)) is not None]

    def _scattered(self, movement: Movement) -> list[int]:
        """List the lines that are left under those of its references that have few."""
        few = [name for name in movement.theirs if len(self._by_name.get(name, ())) <= _FEW]
        return sorted({place for name in few for place in self._left(name)})

    def _is_named(self, movement: Movement) -> bool:
        return any(map(self._is_left_under, movement.theirs))

    def _is_left_under(self, name: str) -> bool:
        crowd = self._crowd(name)
        return bool(self._left(name)) if crowd is None else crowd.left > 0

    def _agreeing(self, movement: Movement, minor: int) -> list[int]:
        """List the lines under its own references that come to so much: one that does so alone, else all of them."""
        few, crowds = self._scattered(movement), self._crowds_of(movement)
        lines = [self._lines[place] for place in few]
        alone = [place for place, line in zip(few, lines, strict=True) if self._is_of(line, minor)]
        alone += [place for each in crowds if (place := each.of(minor, self._taken)) is not None]
        if alone:
            return alone[:1]
        if not crowds and all(line.currency == self._currency for line in lines):
            return few if sum(line.minor for line in lines) == minor else []
        if not few and len(crowds) == 1 and crowds[0].minor == minor and not crowds[0].foreign:
            return [place for place in crowds[0].places if not self._taken[place]]
        return []

    def _is_of(self, line: Line, minor: int) -> bool:
        return line.minor == minor and line.currency == self._currency

    def _remaining(self, movement: Movement, waiting: Counter[str]) -> list[int]:
        """List the lines that must be meant: all that are left, or the next one where others wait for them too."""
        few, crowds = self._scattered(movement), [each for each in self._crowds_of(movement) if each.left]
        if any(waiting[name] > 0 for name in movement.theirs):
            return [*few, *(each.first(self._taken) for each in crowds)][:1]
        every = {place for each in crowds for place in each.places if not self._taken[place]}
        return sorted({*few, *every})

    def _take(self, places: Iterable[int]) -> None:
        for place in places:
            self._taken[place] = True
            for name in self._lines[place].known_by & self._crowds.keys():
                self._crowds[name].drop(self._lines[place])

    def _met(self, movement: Movement, places: Sequence[int]) -> Found | None:
        """Hold a movement against the lines that were taken for it; None: both say the same."""
        lines = [self._lines[place] for place in places]
        kind = self._kind(movement, lines)
        if kind is not None:
            return self._differs(kind, movement, lines)
        self.matched += 1
        for name in movement.theirs:
            if self._is_left_under(name):
                self._known.setdefault((name, movement.minor), movement)
        return None

    def _differs(self, kind: DifferenceKind, movement: Movement, lines: Sequence[Line]) -> Found:
        return Found(
            kind=kind,
            subject=movement.subject,
            reference=next((each for each in movement.own if each), movement.subject),
            ours={
                "direction": _side(movement.minor),
                "amount": str(Money(abs(movement.minor), self._currency)),
                "currency": self._currency,
                "entries": list(movement.references[:EVIDENCE_MAX]),
                "own": [each for each in movement.own if each],
            },
            theirs=_evidence(lines),
        )

    def _left_over(self, line: Line) -> Found:
        """Say of a line that is of no movement: it is there once more, or here it is not known."""
        keys = ((name, line.minor) for name in sorted(line.known_by) if line.currency == self._currency)
        known = next((self._known[key] for key in keys if key in self._known), None)
        if known is not None:
            return self._differs(DifferenceKind.DUPLICATE, known, [line])
        return Found(
            kind=DifferenceKind.MISSING_HERE,
            subject=line.transfer,
            reference=next((each for each in (line.transfer, *line.names) if each), line.where),
            theirs=_evidence([line]),
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


def known_better(found: Found, state: str, currency: str, wanted: str) -> Found:
    """Say of what only the participant has, and the hub knows as a transfer, how it differs.

    `currency` is what its own position moves in. What has not come about moves nothing, so that is said first.
    """
    kind = found.kind
    if state != "committed":
        kind = DifferenceKind.STATE
    elif currency != wanted:
        kind = DifferenceKind.CURRENCY
    return msgspec.structs.replace(found, kind=kind)


def _evidence(lines: Sequence[Line]) -> dict[str, Any]:
    """Show some of the lines; where there are more, how many."""
    if not lines:
        return {}
    rows = {"rows": [each.shown() for each in lines[:EVIDENCE_MAX]]}
    return rows | ({"rows_in_all": len(lines)} if len(lines) > EVIDENCE_MAX else {})


def _side(minor: int) -> str:
    return "credit" if minor >= 0 else "debit"
