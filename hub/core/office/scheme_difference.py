"""The difference of two schemes, in lines that people read before they decide; nothing of it may be left out.

Each value has a line of its own path, and no two have the same: rows of a table are named as people know them, and
counted where several have one name.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec

from hub.core.participant import SchemeFile
from hub.core.settlement.opening import ordered

# By which of its fields a row is known; the first that it has.
_NAMED_BY: Final[Mapping[str, tuple[tuple[str, ...], ...]]] = {
    "settlement_bank": (("currency",),),
    "corridor": (("source", "target"),),
    "fx": (("provider", "source", "target"),),
}
_USUALLY: Final = (("id",), ("name",), ("key", "value"))
# What decides most stands first.
_FIRST: Final = ("scheme", "settlement_bank", "settlement_model", "participant", "connection", "corridor", "fx", "fee")
NOT_SHOWN: Final = "(not shown)"

Path = tuple[str, ...]


def difference(before: SchemeFile | None, after: SchemeFile) -> list[str]:
    """List what a scheme file changes, one line each, '+', '-' or '~' first; empty when nothing does.

    Where a secret is fetched from is not shown.
    """
    old, new = ({} if before is None else _flat(before)), _flat(after)
    lines = [(path, f"- {_name(path)} = {_shown(path, old[path])}") for path in old.keys() - new.keys()]
    lines += [(path, f"+ {_name(path)} = {_shown(path, new[path])}") for path in new.keys() - old.keys()]
    lines += [
        (path, f"~ {_name(path)} = {_shown(path, old[path])} -> {_shown(path, new[path])}")
        for path in old.keys() & new.keys()
        if old[path] != new[path]
    ]
    if before is not None:
        lines += [((table,), f"~ {table}: its rows are in another order") for table in _reordered(before, after)]
    return [line for _, line in sorted(lines, key=lambda each: (_place(each[0]), each[0], each[1]))]


def meaning(before: SchemeFile, after: SchemeFile) -> list[str]:
    """Say what a scheme does beside what its lines tell: it closes windows, and has other keys believed."""
    return [*cut(before, after), *believed(before, after)]


def cut(before: SchemeFile, after: SchemeFile) -> list[str]:
    """Say of which currencies a scheme closes the open windows."""
    models = (before.settlement_model, after.settlement_model)
    currencies = sorted({each.currency for file in models for each in file})
    return [
        f"the open settlement windows of {currency} close, and those of its models open"
        for currency in currencies
        if ordered(models[0], currency) != ordered(models[1], currency)
    ]


def believed(before: SchemeFile, after: SchemeFile) -> list[str]:
    """Say of which settlement banks other keys are believed, or none: then two people say what its files say."""
    old = {each.currency: each.keys for each in before.settlement_bank}
    lines = []
    for bank in after.settlement_bank:
        if bank.currency in old and old[bank.currency] != bank.keys:
            way = f"held against {bank.keys}" if bank.keys else "held against no keys: two people take what it sends"
            lines.append(f"files of the settlement bank of {bank.currency} are {way}")
    return sorted(lines)


def _place(path: Path) -> int:
    table = path[0]
    return _FIRST.index(table) if table in _FIRST else len(_FIRST)


def _name(path: Path) -> str:
    """Write a path: tables' rows stand in brackets, as they are named."""
    return "".join(part if part.startswith("[") or not number else f".{part}" for number, part in enumerate(path))


def _shown(path: Path, value: str) -> str:
    if path[0] == "connection" and path[2:3] == ("secrets",):
        return NOT_SHOWN
    return value or "(empty)"


def _flat(file: SchemeFile) -> dict[Path, str]:
    found: dict[Path, str] = {}
    for path, value in _walked((), msgspec.to_builtins(file)):
        if path in found:
            raise AssertionError(f"two values of a scheme have one path: {path}")
        found[path] = value
    return found


def _walked(where: Path, value: Any) -> Iterator[tuple[Path, str]]:
    if isinstance(value, dict) and value:
        for key, each in value.items():
            yield from _walked((*where, key), each)
    elif isinstance(value, list | tuple) and any(isinstance(each, dict) for each in value):
        for label, each in zip(_labels(where[0], value), value, strict=True):
            yield from _walked((*where, f"[{label}]"), each)
    else:
        yield where, str(value)


def _labels(table: str, rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Name the rows of a table; the second of a name is `name#2`."""
    times: Counter[str] = Counter()
    labels = []
    for row in rows:
        label = label_of(table, row)
        times[label] += 1
        labels.append(label if times[label] == 1 else f"{label}#{times[label]}")
    return labels


def label_of(table: str, row: Mapping[str, Any]) -> str:
    """Name a row of a table as people know it; empty: it has nothing that it is known by."""
    known = (*_NAMED_BY.get(table, ()), *_USUALLY)
    fields = next((each for each in known if all(name in row for name in each)), ())
    return " ".join(str(row[name]) for name in fields)


def _reordered(before: SchemeFile, after: SchemeFile) -> list[str]:
    """List the tables whose rows come in another order: of fees, limits and models the first that fits counts."""
    found = []
    old, new = msgspec.to_builtins(before), msgspec.to_builtins(after)
    for table in ("fee", "limit", "settlement_model", "directory", "corridor", "fx"):
        was, now = _labels(table, old[table]), _labels(table, new[table])
        common = set(was) & set(now)
        if [each for each in was if each in common] != [each for each in now if each in common]:
            found.append(table)
    return found
