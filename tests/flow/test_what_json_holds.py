"""What JSON may hold and a database or an encoder may not: one submission's details, and only that one fails."""

from typing import Any

import msgspec
import pytest

from hub.core.command import Done, Reason, Submit
from hub.core.transfer import State
from tests.store.house import House, reason_of, submit, transfer_id

pytestmark = pytest.mark.postgres

REFUSED: dict[str, dict[str, Any]] = {
    "a zero character": {"descriptionText": "before\0after"},
    "a zero character in a name": {"metadata": [{"key\0": "value"}]},
    "a zero character deep inside": {"a": [{"b": ["\0"]}]},
    "half a character": {"descriptionText": "\ud800"},
}
KEPT: dict[str, dict[str, Any]] = {
    "quotes and backslashes": {"descriptionText": "'; DROP TABLE posting; -- \\ \\u0000 \" %s $1"},
    "every plane of Unicode": {"descriptionText": "Köln 東京 🛒 \u2028 \x7f \x01"},
    "a long text": {"descriptionText": "x" * 100_000},
    "numbers as they are": {"metadata": [{"key": "n", "value": 9_007_199_254_740_993}]},
    "nothing": {"descriptionText": "", "metadata": [], "other": None},
}


def detailed(number: int, details: dict[str, Any]) -> Submit:
    plain = submit(number)
    return msgspec.structs.replace(plain, body=msgspec.structs.replace(plain.body, details=details))


@pytest.mark.parametrize("place", [0, 1, 2], ids=["first", "between", "last"])
@pytest.mark.parametrize("name", REFUSED)
async def test_details_that_cannot_be_written_fail_alone(sql_house: House, name: str, place: int) -> None:
    members = [submit(1), submit(2)]
    members.insert(place, detailed(9, REFUSED[name]))
    results = await sql_house.door.handle_all(members)
    assert reason_of(results.pop(place)) == Reason.BROKEN
    assert results == [Done(transfer=transfer_id(number), state=State.RESERVED) for number in (1, 2)]
    assert await sql_house.store.transfer(transfer_id(9)) is None
    assert await sql_house.store.response("alpha", "correlation-9") is None, "the correlation id may be used again"
    assert sorted(each.transfer for each in sql_house.delivered) == [transfer_id(1), transfer_id(2)]
    assert isinstance(await sql_house.door.handle(submit(9)), Done)
    assert sql_house.findings() == []


@pytest.mark.parametrize("name", KEPT)
async def test_details_that_can_be_written_come_back_as_they_were(sql_house: House, name: str) -> None:
    transfer = await sql_house.begun(detailed(1, KEPT[name]))
    assert msgspec.json.decode(transfer.body)["details"] == KEPT[name]
