"""The audit of settlement on PostgreSQL: what the proof needs is read from postings, beside the traffic; it only reads.

Windows are read model by model in their order, some at a time, so that nothing grows with how many there are.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Final, NamedTuple

import msgspec

from hub.core.settlement.proof import Carried, Entered, Evidence, Intervals, movements_of, window_findings
from hub.core.settlement.rules import Model, Netting
from hub.core.settlement.window import Movement, Obligation, Payment, Window, WindowState
from hub.ledger.account import Kind
from hub.ledger.journal import Phase
from hub.store.audit_reading import listed, readable, said
from hub.store.ledger_read import Connection
from hub.store.settlement import SIDES, own

TOGETHER: Final = 200

_MODELS: Final = "SELECT DISTINCT model FROM window_of_settlement ORDER BY model"
_WINDOWS: Final = """
SELECT coalesce(json_agg(x ORDER BY number), '[]')::text, max(number) FROM (
    SELECT * FROM window_of_settlement WHERE model = %s AND number > %s ORDER BY number LIMIT %s) AS x"""
_BY_ID: Final = """
SELECT coalesce(json_agg(x ORDER BY id), '[]')::text FROM window_of_settlement AS x WHERE id = ANY(%s)"""
_OF_WINDOWS: Final = """
SELECT coalesce(json_agg(x), '[]')::text FROM (SELECT * FROM {table} WHERE "{column}" = ANY(%s) ORDER BY id) AS x"""
_OBLIGATIONS: Final = _OF_WINDOWS.format(table="obligation", column="window")
_PAYMENTS: Final = _OF_WINDOWS.format(table="payment", column="subject")
_OF_WINDOW: Final = ("settle:", "cover:", "unwind:")  # as the subjects of what is entered for windows begin

# Which of the windows, numbered from 1, a journal is in; `begins`, `ends`: after and with which heights, in order.
_MOVED: Final = """
SELECT m.place, d.participant, c.participant, m.minor, m.count, m.subject
FROM (
    SELECT width_bucket(journal - 1, %(begins)s::bigint[]) AS place, debit, credit, {subject} AS subject,
           sum(minor)::bigint AS minor, count(*) AS count
    FROM posting
    WHERE journal > %(after)s AND journal <= %(to)s AND phase = 'posted' AND debit = ANY(%(sides)s)
      AND journal <= (%(ends)s::bigint[])[width_bucket(journal - 1, %(begins)s::bigint[])]
    GROUP BY place, debit, credit{group}
) AS m
JOIN account AS d ON d.id = m.debit JOIN account AS c ON c.id = m.credit
WHERE c.kind = ANY(%(kinds)s)
ORDER BY m.place, m.subject, d.participant, c.participant"""
_NET: Final = _MOVED.format(subject="''::text", group="")
_GROSS: Final = _MOVED.format(subject="subject", group=", subject")
_SIDES_OF: Final = "SELECT id FROM account WHERE currency = %s AND kind = ANY(%s)"

_ENTERED: Final = """
SELECT p.subject, p.journal, d.participant, d.kind, c.participant, c.kind, p.minor, p.phase
FROM posting AS p JOIN account AS d ON d.id = p.debit JOIN account AS c ON c.id = p.credit
WHERE p.subject = ANY(%s) ORDER BY p.subject, p.journal, p.line"""
# Of whom there are postings at all, whether there is such a window or not.
_SUBJECTS: Final = """
SELECT DISTINCT subject FROM posting
WHERE starts_with(subject, 'settle:') OR starts_with(subject, 'cover:') OR starts_with(subject, 'unwind:')"""


class _SchemeModels(msgspec.Struct):
    settlement_model: tuple[Model, ...] = ()


_models: Final = msgspec.json.Decoder(_SchemeModels).decode


class _Schemes(NamedTuple):
    """What every version of the scheme had: which models by name, all of their terms; and those now in force."""

    named: Mapping[int, frozenset[str]]
    terms: frozenset[Model]
    models: Sequence[Model]


def settlement_findings(connection: Connection, archived_height: int = 0, archived_ms: int = 0) -> Iterator[str]:
    """Say what does not agree about windows; postings up to `archived_height`, from before `archived_ms`, are gone."""
    flaws: list[str] = []
    subjects = _subjects(row[0] for row in connection.execute(_SUBJECTS))
    schemes = _schemes(connection, flaws)
    yield from said(flaws)
    intervals, carried = Intervals(schemes.models, schemes.named), Carried()
    for (model,) in connection.execute(_MODELS).fetchall():
        for windows in _chunks(connection, model, flaws):
            yield from said(flaws)
            for window in windows:
                if not schemes.terms.issuperset((window.terms, *window.before)):
                    yield f"window {window.number} of {window.model}: no scheme ever had its terms"
                yield from intervals.feed(window)
            moved = _moved(connection, windows, archived_height)
            known = {each.id: moved.get(each.id, []) for each in windows if each.from_height >= archived_height}
            gathered = _evidence(connection, windows, subjects, known, archived_ms=archived_ms, flaws=flaws)
            yield from said(flaws)
            for window, evidence in gathered:
                carried.feed(window, movements_of(window, evidence))
                yield from window_findings(window, evidence)
    yield from intervals.finish()
    yield from carried.finish()
    yield from (f"there are postings for window {each}, which is not there" for each in sorted(subjects))


def new_settlement_findings(connection: Connection, archived_ms: int, subjects: Sequence[str]) -> Iterator[str]:
    """Say what does not agree about the windows that these subjects of postings are of; what moved is taken as kept."""
    flaws: list[str] = []
    mine = _subjects(each for each in subjects if each.startswith(_OF_WINDOW))
    ids = sorted(mine)
    for some in (ids[at : at + TOGETHER] for at in range(0, len(ids), TOGETHER)):
        windows = readable(listed(connection, _BY_ID, (some,)), Window, "window", flaws)
        gathered = _evidence(connection, windows, mine, {}, archived_ms=archived_ms, flaws=flaws)
        yield from said(flaws)
        for window, evidence in gathered:
            yield from window_findings(window, evidence)
    yield from (f"there are postings for window {each}, which is not there" for each in sorted(mine))


def _schemes(connection: Connection, flaws: list[str]) -> _Schemes:
    named: dict[int, frozenset[str]] = {}
    terms: set[Model] = set()
    models: Sequence[Model] = ()
    for version, document in connection.execute("SELECT version, document::text FROM scheme ORDER BY version"):
        try:
            models = _models(document).settlement_model
        except msgspec.ValidationError as error:
            flaws.append(f"scheme {version}: its models cannot be read: {error}")
            continue
        named[version] = frozenset(each.name for each in models)
        terms.update(models)
    return _Schemes(named, frozenset(terms), models)


def _subjects(found: Iterable[str]) -> dict[str, list[str]]:
    """Return what there are postings of, by window."""
    subjects: dict[str, list[str]] = {}
    for each in found:
        subjects.setdefault(each.split(":")[1], []).append(each)
    return subjects


def _chunks(connection: Connection, model: str, flaws: list[str]) -> Iterator[list[Window]]:
    last = -1
    while (row := connection.execute(_WINDOWS, (model, last, TOGETHER)).fetchone()) and row[1] is not None:
        yield readable(row[0], Window, "window", flaws)
        last = row[1]


def _evidence(
    connection: Connection,
    windows: Sequence[Window],
    subjects: dict[str, list[str]],
    moved: Mapping[str, Sequence[Movement]],
    *,
    archived_ms: int,
    flaws: list[str],
) -> list[tuple[Window, Evidence]]:
    """Gather what is known of windows; `subjects`: what is looked at is taken out; `moved`: where it is all there."""
    ids = [each.id for each in windows]
    obligations: dict[str, list[Obligation]] = {}
    for owed in readable(listed(connection, _OBLIGATIONS, (ids,)), Obligation, "obligation", flaws):
        obligations.setdefault(owed.window, []).append(owed)
    payments: dict[str, list[Payment]] = {}
    for paid in readable(listed(connection, _PAYMENTS, (ids,)), Payment, "payment", flaws):
        payments.setdefault(paid.subject, []).append(paid)
    entered = _entered(connection, [name for id_ in ids for name in subjects.pop(id_, ())])
    return [
        (
            window,
            Evidence(
                moved=moved.get(window.id),
                obligations=obligations.get(window.id, []),
                payments=payments.get(window.id, []),
                entered=entered.get(window.id, {}),
                archived_ms=archived_ms,
            ),
        )
        for window in windows
    ]


def _moved(connection: Connection, windows: Sequence[Window], height: int) -> dict[str, list[Movement]]:
    """Sum up what has moved in each window that is closed, all of them at once where their terms are of one kind."""
    found: dict[str, list[Movement]] = {}
    whole = [each for each in windows if each.state is not WindowState.OPEN and each.from_height >= height]
    for (is_gross, currency), group in groupby(
        whole, key=lambda each: (each.terms.netting is Netting.GROSS, each.currency)
    ):
        # Several that begin at one height are empty, all but the last.
        here = list({each.from_height: each for each in group if each.to_height != each.from_height}.values())
        if not here:
            continue
        here.sort(key=lambda each: each.from_height)
        sides = [row[0] for row in connection.execute(_SIDES_OF, (currency, list(SIDES))).fetchall()]
        values = {
            "begins": [each.from_height for each in here],
            "ends": [each.to_height for each in here],
            "after": here[0].from_height,
            "to": max(each.to_height or 0 for each in here),
            "sides": sides,
            "kinds": list(SIDES),
        }
        rows = connection.execute(_GROSS if is_gross else _NET, values).fetchall()
        for place, found_here in groupby(rows, key=lambda row: row[0]):
            window = here[place - 1]
            found[window.id] = own(window, [Movement(*row[1:]) for row in found_here])
    return found


def _entered(connection: Connection, names: Sequence[str]) -> dict[str, dict[str, list[Entered]]]:
    found: dict[str, dict[str, list[Entered]]] = {}
    for subject, journal, debit, debit_kind, credit, credit_kind, minor, phase in connection.execute(
        _ENTERED, (list(names),)
    ):
        each = Entered(journal, (debit, Kind(debit_kind)), (credit, Kind(credit_kind)), minor, Phase(phase))
        found.setdefault(subject.split(":")[1], {}).setdefault(subject, []).append(each)
    return found
