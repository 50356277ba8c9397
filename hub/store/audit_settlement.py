"""The audit of settlement on PostgreSQL: what the proof needs is read from postings, beside the traffic; it only reads.

Windows are read model by model in their order, some at a time, so that nothing grows with how many there are.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any, Final

import msgspec

from hub.core.settlement.proof import Carried, Entered, Evidence, Intervals, movements_of, window_findings
from hub.core.settlement.rules import Model, Netting
from hub.core.settlement.window import Movement, Obligation, Payment, Window, WindowState
from hub.ledger.account import Kind
from hub.ledger.journal import Phase
from hub.store.ledger_read import Connection
from hub.store.settlement import SIDES, own

TOGETHER: Final = 200

_MODELS: Final = "SELECT DISTINCT model FROM window_of_settlement ORDER BY model"
_WINDOWS: Final = """
SELECT coalesce(json_agg(x ORDER BY number), '[]')::text FROM (
    SELECT * FROM window_of_settlement WHERE model = %s AND number > %s ORDER BY number LIMIT %s) AS x"""
_OF_WINDOWS: Final = """
SELECT coalesce(json_agg(x), '[]')::text FROM (SELECT * FROM {table} WHERE "{column}" = ANY(%s) ORDER BY id) AS x"""

# Which of the windows, numbered from 1, a journal is in; `begins`, `ends`: after and with which heights, in their order.
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

_windows: Final = msgspec.json.Decoder(list[Window]).decode
_obligations: Final = msgspec.json.Decoder(list[Obligation]).decode
_payments: Final = msgspec.json.Decoder(list[Payment]).decode


class _SchemeModels(msgspec.Struct):
    settlement_model: tuple[Model, ...] = ()


_models: Final = msgspec.json.Decoder(_SchemeModels).decode


def settlement_findings(connection: Connection, archived_height: int = 0, archived_ms: int = 0) -> Iterator[str]:
    """Say what does not agree about windows; postings up to `archived_height`, from before `archived_ms`, are gone."""
    subjects = _subjects(connection)
    named, models = _schemes(connection)
    intervals, carried = Intervals(models, named), Carried()
    for (model,) in connection.execute(_MODELS).fetchall():
        for windows in _chunks(connection, model):
            for window in windows:
                yield from intervals.feed(window)
            for window, evidence in _evidence(connection, windows, subjects, archived_height, archived_ms):
                carried.feed(window, movements_of(window, evidence))
                yield from window_findings(window, evidence)
    yield from intervals.finish()
    yield from carried.finish()
    yield from (f"there are postings for window {each}, which is not there" for each in sorted(subjects))


def _schemes(connection: Connection) -> tuple[Mapping[int, frozenset[str]], Sequence[Model]]:
    """Return which models each version of the scheme had, and those of the one in force."""
    named: dict[int, frozenset[str]] = {}
    models: Sequence[Model] = ()
    for version, document in connection.execute("SELECT version, document::text FROM scheme ORDER BY version"):
        models = _models(document).settlement_model
        named[version] = frozenset(each.name for each in models)
    return named, models


def _subjects(connection: Connection) -> dict[str, list[str]]:
    """Return what there are postings of, by window."""
    found: dict[str, list[str]] = {}
    for (subject,) in connection.execute(_SUBJECTS):
        found.setdefault(subject.split(":")[1], []).append(subject)
    return found


def _chunks(connection: Connection, model: str) -> Iterator[list[Window]]:
    last = -1
    while found := _windows(_text(connection, _WINDOWS, (model, last, TOGETHER))):
        yield found
        last = found[-1].number


def _evidence(
    connection: Connection, windows: list[Window], subjects: dict[str, list[str]], height: int, archived_ms: int
) -> Iterator[tuple[Window, Evidence]]:
    """Gather what is known of windows of one model that follow each other."""
    ids = [each.id for each in windows]
    obligations = _obligations(_text(connection, _OF_WINDOWS.format(table="obligation", column="window"), (ids,)))
    payments = _payments(_text(connection, _OF_WINDOWS.format(table="payment", column="subject"), (ids,)))
    entered = _entered(connection, [name for id_ in ids for name in subjects.pop(id_, ())])
    moved = _moved(connection, windows, height)
    for window in windows:
        yield (
            window,
            Evidence(
                moved=moved.get(window.id, []) if window.from_height >= height else None,
                obligations=[each for each in obligations if each.window == window.id],
                payments=[each for each in payments if each.subject == window.id],
                entered=entered.get(window.id, {}),
                archived_ms=archived_ms,
            ),
        )


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
        for place, listed in groupby(rows, key=lambda row: row[0]):
            window = here[place - 1]
            found[window.id] = own(window, [Movement(*row[1:]) for row in listed])
    return found


def _entered(connection: Connection, names: Sequence[str]) -> dict[str, dict[str, list[Entered]]]:
    found: dict[str, dict[str, list[Entered]]] = {}
    for subject, journal, debit, debit_kind, credit, credit_kind, minor, phase in connection.execute(
        _ENTERED, (list(names),)
    ):
        each = Entered(journal, (debit, Kind(debit_kind)), (credit, Kind(credit_kind)), minor, Phase(phase))
        found.setdefault(subject.split(":")[1], {}).setdefault(subject, []).append(each)
    return found


def _text(connection: Connection, statement: str, values: tuple[Any, ...]) -> str:
    row = connection.execute(statement, values).fetchone()
    return row[0] if row else "[]"
