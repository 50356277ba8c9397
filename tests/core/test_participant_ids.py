"""What a participant may be called: its id stands in paths, files and beside others' names, and is nobody else's."""

import msgspec
import pytest

from hub.core.participant import SchemeError, SchemeFile, check
from tests.store.house import scheme_file


def scheme(id_: str) -> SchemeFile:
    file = scheme_file()
    *others, last = file.participant
    return msgspec.structs.replace(file, participant=(*others, msgspec.structs.replace(last, id=id_)))


@pytest.mark.parametrize("id_", ["a", "7", "lake-bank", "lake_bank.ke", "x" * 64, "hub-1", "banks"])
def test_a_plain_id_is_taken(id_: str) -> None:
    check(scheme(id_))


@pytest.mark.parametrize(
    "id_",
    [
        *("", " ", ".", "..", "-a", "_a", ".a", "x" * 65, "Lakebank", "lake bank", "bänk", "bank\u0435"),
        *("a/b", "a\\b", 'a"b', "a'b", "a,b", "a;b", "a\r\nX: y", "a\n", "a\0", "[/x]", "=a", "a:b", "a%2e"),
    ],
)
def test_an_id_that_could_be_read_as_more_is_refused(id_: str) -> None:
    with pytest.raises(SchemeError, match="an id is 1 to 64 of a-z") as refused:
        check(scheme(id_))
    assert f"participant {id_!r}: " in str(refused.value)


@pytest.mark.parametrize("id_", ["bank", "hub", "scheme", "operator", "calendar"])
def test_an_id_of_somebody_else_is_refused(id_: str) -> None:
    with pytest.raises(SchemeError, match=f"participant '{id_}': this id is not a participant's"):
        check(scheme(id_))
