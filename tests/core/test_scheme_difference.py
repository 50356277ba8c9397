"""The difference of two schemes leaves nothing out: whatever is changed has a line, and secrets have none."""

from pathlib import Path
from typing import Any, Final

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.core.office.scheme_difference import NOT_SHOWN, believed, difference
from hub.core.participant import SchemeFile
from hub.core.settlement.rules import SettlementBank
from hub.roles.scheme import read_scheme

SCHEME: Final = read_scheme(Path(__file__).parents[2] / "config" / "scheme.toml")
BUILT: Final[dict[str, Any]] = msgspec.to_builtins(SCHEME)


def leaves(where: tuple[Any, ...], value: Any) -> list[tuple[Any, ...]]:
    if isinstance(value, dict):
        return [path for key, each in value.items() for path in leaves((*where, key), each)]
    if isinstance(value, list | tuple) and any(isinstance(each, dict) for each in value):
        return [path for number, each in enumerate(value) for path in leaves((*where, number), each)]
    return [where]


LEAVES: Final = leaves((), BUILT)


def changed(path: tuple[Any, ...]) -> dict[str, Any]:
    """The scheme's values with another one at a path."""
    document: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(BUILT))
    inside: Any = document
    for part in path[:-1]:
        inside = inside[part]
    was = inside[path[-1]]
    inside[path[-1]] = (
        (not was)
        if isinstance(was, bool)
        else was + 1
        if isinstance(was, int)
        else f"{was}1"
        if isinstance(was, str)
        else ["X"]
        if was is None or isinstance(was, list)
        else {"x": "y"}
    )
    return document


@given(path=st.sampled_from(LEAVES))
def test_a_value_that_is_changed_has_a_line(path: tuple[Any, ...]) -> None:
    try:
        after = msgspec.convert(changed(path), SchemeFile)
    except msgspec.ValidationError:
        return  # no such value can be
    assert difference(SCHEME, after), path
    assert difference(after, SCHEME), path


@given(
    table=st.sampled_from([name for name, value in BUILT.items() if isinstance(value, list | tuple) and value]),
    row=st.data(),
)
def test_a_row_that_is_taken_out_or_said_twice_has_a_line(table: str, row: st.DataObject) -> None:
    rows = getattr(SCHEME, table)
    place = row.draw(st.integers(0, len(rows) - 1))
    for fewer in ((*rows[:place], *rows[place + 1 :]), (*rows, rows[place])):
        assert difference(SCHEME, msgspec.structs.replace(SCHEME, **{table: fewer}))


def test_nothing_that_is_the_same_has_a_line() -> None:
    assert difference(SCHEME, SCHEME) == []


def bank(currency: str, account: str) -> SettlementBank:
    return SettlementBank(currency=currency, name="one name", bic="ZIWAKENA", account=account)


def test_two_rows_of_one_name_are_two() -> None:
    banks = (bank("KES", "A"), bank("UGX", "B"))
    before = msgspec.structs.replace(SCHEME, settlement_bank=banks)
    after = msgspec.structs.replace(SCHEME, settlement_bank=(bank("KES", "X"), banks[1]))
    assert difference(before, after) == ["~ settlement_bank[KES].account = A -> X"]


@pytest.mark.parametrize(
    ("keys", "says"),
    [
        (("file:/a", ""), "held against no keys: two people take what it sends"),
        (("", "file:/a"), "held against file:/a"),
        (("file:/a", "file:/b"), "held against file:/b"),
    ],
)
def test_other_keys_of_a_bank_are_told_by_what_they_mean(keys: tuple[str, str], says: str) -> None:
    before, after = [
        msgspec.structs.replace(
            SCHEME, settlement_bank=(msgspec.structs.replace(bank("KES", "A"), keys=each), bank("UGX", "B"))
        )
        for each in keys
    ]
    assert believed(before, after) == [f"files of the settlement bank of KES are {says}"]
    assert believed(after, after) == []


@pytest.mark.parametrize("table", ["fee", "limit"])
def test_the_order_of_rules_is_told_where_the_first_that_fits_counts(table: str) -> None:
    rows = getattr(SCHEME, table)
    after = msgspec.structs.replace(SCHEME, **{table: rows[::-1]})
    assert any(line.startswith(f"~ {table}") for line in difference(SCHEME, after))


def test_where_a_secret_is_found_is_not_shown_and_nothing_else_is_hidden() -> None:
    connections = SCHEME.connection
    renamed = msgspec.structs.replace(connections[0], name="x.secrets.y", base_url="http://127.0.0.1:1")
    moved = msgspec.structs.replace(connections[1], secrets={"client_id": "env:ELSEWHERE", "client_secret": "env:S"})
    lines = difference(SCHEME, msgspec.structs.replace(SCHEME, connection=(renamed, moved, *connections[2:])))
    assert "+ connection[x.secrets.y].base_url = http://127.0.0.1:1" in lines
    assert f"~ connection[{moved.name}].secrets.client_id = {NOT_SHOWN} -> {NOT_SHOWN}" in lines
    assert not any("ELSEWHERE" in line for line in lines)
