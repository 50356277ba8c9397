"""Proof of settlement: every window held against what moved, and the books against every window; it changes nothing.

What moved, and what was entered for a window, is read from postings alone. Whatever does not agree becomes a sentence,
and the proof goes on, so that one finding does not hide the next.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

import msgspec

from hub.core.settlement.default import revised, undone
from hub.core.settlement.handle_default import covering_subject, unwinding_subject
from hub.core.settlement.names import line_of, obligation_id, window_id
from hub.core.settlement.netting import SCHEME, Due, Edge, add, dues, of, without
from hub.core.settlement.rules import DefaultPath, Model, Netting
from hub.core.settlement.settle import cash, settling_subject
from hub.core.settlement.window import (
    Default,
    Movement,
    Obligation,
    ObligationState,
    Payment,
    PaymentState,
    Window,
    WindowState,
)
from hub.core.stamp import stamp
from hub.ledger.account import Kind
from hub.ledger.journal import Phase

# What an account is, beside its currency: whose, and of which kind.
Purse = tuple[str, Kind]
_CLOSED_BY_SCHEME: Final = re.compile(r"scheme (\d+), ")
_KNOWN: Final = (WindowState.RECKONED, WindowState.SETTLING, WindowState.SETTLED)
_RELEASED: Final = (WindowState.SETTLING, WindowState.SETTLED)


class Entered(NamedTuple):
    """A posting that was entered for a window."""

    journal: int
    debit: Purse
    credit: Purse
    minor: int
    phase: Phase


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of one window from elsewhere."""

    moved: Sequence[Movement] | None  # by its postings; None: some of them are archived
    obligations: Sequence[Obligation]
    payments: Sequence[Payment]
    entered: Mapping[str, Sequence[Entered]]  # by subject
    archived_ms: int = 0  # postings from before this may be gone


class Span(msgspec.Struct, kw_only=True):
    """Windows of a model that follow each other under the same terms."""

    terms: Model
    before: tuple[Model, ...]
    number: int  # of the first of them
    from_height: int
    to_height: int | None


class Intervals:
    """Holds the windows of every model against each other, one after the other in their order."""

    def __init__(self, models: Sequence[Model], named: Mapping[int, frozenset[str]]) -> None:
        """`models`: of the scheme in force; `named`: which models each version of the scheme had."""
        self._models = models
        self._named = named
        self._last: dict[str, Window] = {}
        self._spans: dict[str, list[Span]] = {}

    def feed(self, window: Window) -> Iterator[str]:
        """Hold a window against the one of its model before it."""
        where = _where(window)
        before = self._last.get(window.model)
        self._last[window.model] = window
        yield from _shape(window)
        number = 1 if before is None else before.number + 1
        if window.number != number:
            yield f"{where}: expected number {number}, so one is missing or added"
        elif before is not None and before.to_height != window.from_height and not self._is_gap(before, window):
            yield f"{where}: it begins after journal {window.from_height}, but the last ended with {before.to_height}"
        spans = self._spans.setdefault(window.currency, [])
        mine = next((each for each in reversed(spans) if each.terms.name == window.model), None)
        if mine is not None and (mine.terms, mine.before, mine.to_height) == (
            window.terms,
            window.before,
            window.from_height,
        ):
            mine.to_height = window.to_height
            return
        spans.append(
            Span(
                terms=window.terms,
                before=window.before,
                number=window.number,
                from_height=window.from_height,
                to_height=window.to_height,
            )
        )

    def _is_gap(self, before: Window, window: Window) -> bool:
        """Say whether a scheme without this model was in force between the two."""
        found = _CLOSED_BY_SCHEME.match(before.closed_by)
        gone = found is not None and before.model not in self._named.get(int(found[1]), {before.model})
        return gone and (before.to_height or 0) < window.from_height

    def finish(self) -> Iterator[str]:
        """Hold the windows of different models of a currency against each other, and against the scheme in force."""
        wanted = {each.name for each in self._models}
        for name in sorted(wanted | self._last.keys()):
            last = self._last.get(name)
            is_open = last is not None and last.state is WindowState.OPEN
            if is_open is not (name in wanted):
                yield f"model {name}: " + ("no window is open" if name in wanted else "a window is open without it")
        for currency, spans in sorted(self._spans.items()):
            yield from _swept(currency, spans, [each for each in self._models if each.currency == currency])


def _shape(window: Window) -> Iterator[str]:
    """See that a window does not contradict itself."""
    where = _where(window)
    if window.id != window_id(window.model, window.number):
        yield f"{where}: its id is another window's"
    if (window.terms.name, window.terms.currency) != (window.model, window.currency):
        yield f"{where}: its terms are another model's"
    if (window.state is WindowState.OPEN) is not (window.to_height is None):
        yield f"{where}: it is {window.state}, and ends with journal {window.to_height}"
    if window.to_height is not None and window.to_height < window.from_height:
        yield f"{where}: it ends before it begins"
    if window.unsettled != ("" if window.state is WindowState.SETTLED else line_of(window.id)):
        yield f"{where}: it is {window.state}, but is not found as that"
    for when, is_due, at_ms in (
        ("closed", window.state is not WindowState.OPEN, window.closed_ms),
        ("reckoned", window.state in _KNOWN, window.reckoned_ms),
        ("settled", window.state is WindowState.SETTLED, window.settled_ms),
    ):
        if is_due is not (at_ms is not None):
            yield f"{where}: it is {window.state}, and was {when} at {_at(at_ms)}"
    # What nothing is owed for is settled, and was never released.
    released = {window.state in _RELEASED} if window.state is not WindowState.SETTLED else {True, False}
    if (window.released_ms is not None) not in released:
        yield f"{where}: it is {window.state}, and was released at {_at(window.released_ms)}"
    if window.revision != len(window.defaults):
        yield f"{where}: its revision is {window.revision}, but {len(window.defaults)} defaults were handled"


def _swept(currency: str, spans: Sequence[Span], models: Sequence[Model]) -> Iterator[str]:
    """Go along the chain: wherever a currency has models, every movement must be in exactly one window."""
    events: list[tuple[int, int, int, Span]] = []
    for each in spans:
        events.append((each.from_height, each.number, 0, each))
        if each.to_height is not None:
            events.append((each.to_height, each.number, 1, each))
    events.sort(key=lambda event: event[:3])
    opened: dict[str, Span] = {}
    for place, (height, _, ends, span) in enumerate(events):
        if ends:
            opened.pop(span.terms.name, None)
        else:
            opened[span.terms.name] = span
        is_last = place + 1 == len(events) or events[place + 1][0] != height
        if is_last and not _is_whole(list(opened.values())):
            yield f"{currency}: after journal {height} some movements are in no window, or in two"
    if [each.terms for each in _in_order(opened.values())] != list(models):
        yield f"{currency}: the windows that are open are not those of the scheme in force"


def _in_order(spans: Iterable[Span]) -> list[Span]:
    return sorted(spans, key=lambda each: len(each.before))


def _is_whole(spans: Sequence[Span]) -> bool:
    """Say whether these windows have everything: each knows the models before it, and the last has the rest."""
    ordered = _in_order(spans)
    terms = tuple(each.terms for each in ordered)
    is_chain = all(each.before == terms[:place] for place, each in enumerate(ordered))
    return is_chain and not (terms and terms[-1].participants)


class Carried:
    """Holds what windows have from earlier ones against what was left out there."""

    def __init__(self) -> None:
        """Nothing was seen."""
        self._there: dict[str, Counter[Movement]] = {}
        self._sent: dict[str, Counter[Movement]] = {}

    def feed(self, window: Window, movements: Sequence[Movement]) -> None:
        """Note what a window has, and what it left to others."""
        if window.carried:
            self._there[window.id] = Counter(window.carried)
        for default, mine in _each_default(window, movements):
            if default.path is DefaultPath.EXCLUDE and mine:
                self._sent.setdefault(default.carried_to, Counter()).update(mine)

    def finish(self) -> Iterator[str]:
        """Say where they differ."""
        for id_ in sorted(self._there.keys() | self._sent.keys()):
            if self._there.get(id_, Counter()) != self._sent.get(id_, Counter()):
                yield f"window {id_}: what was carried into it is not what earlier windows left out"


def movements_of(window: Window, evidence: Evidence) -> tuple[Movement, ...]:
    """Return what a window is reckoned from: by its postings, where they are there."""
    if evidence.moved is not None:
        return (*evidence.moved, *window.carried)
    if window.terms.netting is Netting.GROSS:
        return tuple(
            Movement(each.debtor, each.creditor, each.minor, 1, each.subject)
            for each in evidence.obligations
            if not each.revision
        )
    return (*window.movements, *window.carried)


def window_findings(window: Window, evidence: Evidence) -> Iterator[str]:
    """Say what does not agree about one window."""
    where = _where(window)
    is_known = window.state in _KNOWN
    if not is_known and (window.movements or evidence.obligations or window.defaults):
        yield f"{where}: it is {window.state}, but it is said what is owed for it"
    if window.state not in _RELEASED and evidence.payments:
        yield f"{where}: it is {window.state}, but payments were released"
    if is_known:
        moved = () if window.terms.netting is Netting.GROSS else evidence.moved
        if moved is not None and Counter(window.movements) != Counter(moved):
            yield f"{where}: its movements are not what its postings came to"
        movements = movements_of(window, evidence)
        yield from (f"{where}: {each}" for each in _owed_wrong(window, movements, evidence.obligations))
        yield from (f"{where}: {each}" for each in _paid_wrong(window, evidence))
        yield from (f"{where}: {each}" for each in _entered_wrong(window, movements, evidence))
    elif any(evidence.entered.values()):
        yield f"{where}: it is {window.state}, but its settlement was entered"


def _owed_wrong(window: Window, movements: Sequence[Movement], obligations: Sequence[Obligation]) -> Iterator[str]:
    """Hold the obligations of every revision against what moved and the defaults up to it."""
    for each in obligations:
        name = obligation_id(window.id, each.revision, each.debtor, each.creditor, each.subject)
        if each.id != name or each.currency != window.currency or not 0 <= each.revision <= window.revision:
            yield f"obligation {each.id} does not belong to it"
    for revision in range(window.revision + 1):
        here = [each for each in obligations if each.revision == revision]
        wanted = dues(revised(window.terms.netting, movements, window.defaults[:revision]))
        if sorted(Due(each.debtor, each.creditor, each.minor, each.subject) for each in here) != wanted:
            yield f"what is owed by revision {revision} does not follow from what moved"
        state = ObligationState.REPLACED if revision < window.revision else ObligationState.DUE
        if window.state is WindowState.SETTLED and revision == window.revision:
            state = ObligationState.SETTLED
        if any(each.state is not state for each in here):
            yield f"not every obligation of revision {revision} is {state}"


def _paid_wrong(window: Window, evidence: Evidence) -> Iterator[str]:
    """Hold what was instructed, and of a settled window what was booked, against what is owed."""
    if window.state not in _RELEASED:
        return
    latest = [each for each in evidence.obligations if each.revision == window.revision]
    wanted: Counter[Edge] = Counter()
    for each in latest:
        add(wanted, each.debtor, each.creditor, each.minor, each.subject)
    subjects = {each.id: each.subject for each in evidence.obligations}
    told: Counter[Edge] = Counter()
    for payment in evidence.payments:
        if payment.currency != window.currency:
            yield f"payment {payment.id} is in {payment.currency}"
        if payment.state is not PaymentState.CANCELLED:
            add(told, payment.debtor, payment.creditor, payment.minor, subjects.get(payment.obligation, ""))
    if dues(told) != dues(wanted):
        yield "its payments do not come to what is owed"
    if window.state is WindowState.SETTLED and dues(cash(evidence.payments, evidence.obligations)) != dues(wanted):
        yield "it is settled, but the bank has not booked what is owed"


def _entered_wrong(window: Window, movements: Sequence[Movement], evidence: Evidence) -> Iterator[str]:
    """Hold the books against the window: what it settled, what the guarantee paid, what was undone."""
    known = {settling_subject(window.id)}
    yield from _settled_wrong(window, evidence)
    for participant, paid in _covers(window).items():
        name = covering_subject(window.id, participant)
        known.add(name)
        found = Counter(each[1:] for each in evidence.entered.get(name, ()))
        due = Counter(_covering(participant, minor) for minor, _ in paid)
        left = Counter(_covering(participant, minor) for minor, at_ms in paid if at_ms >= evidence.archived_ms)
        if not left <= found <= due:
            yield f"what the guarantee paid for {participant} is {_sum(found)}, and not {_sum(due)}"
    for default, mine in _each_default(window, movements):
        if default.path is DefaultPath.UNWIND:
            name = unwinding_subject(window.id, default.participant)
            known.add(name)
            wanted = [_undoing(each) for each in undone(mine)]
            found_ = [each[1:] for each in evidence.entered.get(name, ())]
            if sorted(found_) != sorted(wanted) and (found_ or default.at_ms >= evidence.archived_ms):
                yield f"the postings of {name} do not undo what moved"
    for name in sorted(evidence.entered.keys() - known):
        yield f"there are postings of {name}, which nobody asked for"


def _settled_wrong(window: Window, evidence: Evidence) -> Iterator[str]:
    name = settling_subject(window.id)
    found = evidence.entered.get(name, ())
    latest = [each for each in evidence.obligations if each.revision == window.revision]
    wanted = [_settling(each) for each in latest] if window.state is WindowState.SETTLED else []
    is_archived = window.settled_ms is not None and window.settled_ms < evidence.archived_ms
    if sorted(each[1:] for each in found) != sorted(wanted) and (found or not is_archived):
        yield f"the postings of {name} are not those that settle it"
    if len({each.journal for each in found}) > 1:
        yield f"the postings of {name} are not in one journal"
    if wanted and window.released_ms is None:
        yield "it is settled, but was never released"


def _covers(window: Window) -> dict[str, list[tuple[int, int]]]:
    """Return for whom the guarantee paid: how much with each default, below zero where it got it back, and when."""
    paid: dict[str, list[tuple[int, int]]] = {}
    for default in window.defaults:
        sums: Counter[str] = Counter()
        for each in default.covered:
            sums[each.debtor] += each.minor
        for participant, minor in sorted(sums.items()):
            if minor:
                paid.setdefault(participant, []).append((minor, default.at_ms))
    return paid


def _each_default(window: Window, movements: Sequence[Movement]) -> Iterator[tuple[Default, tuple[Movement, ...]]]:
    """Yield each default with the movements of the participant that were there when it was handled."""
    left_out: set[str] = set()
    for default in window.defaults:
        yield default, of(without(movements, left_out), default.participant)
        if default.path is not DefaultPath.COVER:
            left_out.add(default.participant)


def _purse(side: str, own: Kind) -> Purse:
    return side, Kind.POSITION if side else own


def _settling(each: Obligation) -> tuple[Purse, Purse, int, Phase]:
    debit, credit = (_purse(side, Kind.SETTLEMENT_BANK) for side in (each.creditor, each.debtor))
    return debit, credit, each.minor, Phase.DIRECT


def _undoing(each: Due) -> tuple[Purse, Purse, int, Phase]:
    debit, credit = (_purse(side, Kind.FEES) for side in (each.debtor, each.creditor))
    return debit, credit, each.minor, Phase.DIRECT


def _covering(participant: str, minor: int) -> tuple[Purse, Purse, int, Phase]:
    """Return how the guarantee pays for a participant; below zero: how it gets it back."""
    guarantee, position = (SCHEME, Kind.GUARANTEE), (participant, Kind.POSITION)
    debit, credit = (guarantee, position) if minor > 0 else (position, guarantee)
    return debit, credit, abs(minor), Phase.DIRECT


def _sum(postings: Counter[tuple[Any, ...]]) -> str:
    """Say what postings come to, one by one."""
    found = (f"{debit[0]} {debit[1]} to {credit[0]} {credit[1]} {minor}" for debit, credit, minor, _ in postings)
    return ", ".join(found) or "nothing"


def _where(window: Window) -> str:
    return f"window {window.number} of {window.model}"


def _at(unix_ms: int | None) -> str:
    return "no time" if unix_ms is None else stamp(unix_ms)
