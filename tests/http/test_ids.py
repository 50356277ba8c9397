"""The ids that the hub mints: UUIDs of version 7, in the order in which they were made, never twice."""

import time
import uuid

import pytest

from hub.http.ids import dashed, new_id, undashed

MANY = 50_000


def test_an_id_is_a_uuid_of_version_7_that_holds_the_time() -> None:
    before = time.time_ns() // 1_000_000
    ids = [new_id() for _ in range(1_000)]
    after = time.time_ns() // 1_000_000
    for id_ in ids:
        read = uuid.UUID(id_)
        assert (read.version, read.variant) == (7, uuid.RFC_4122)
        assert before <= read.int >> 80 <= after
        assert id_ == read.hex


def test_a_later_id_sorts_behind_an_earlier_one() -> None:
    ids = []
    for _ in range(5):
        ids.append(new_id())
        made = time.time_ns() // 1_000_000
        while time.time_ns() // 1_000_000 == made:
            pass
    assert ids == sorted(ids)


def test_ids_do_not_repeat_within_a_millisecond() -> None:
    assert len({new_id() for _ in range(MANY)}) == MANY


def test_every_free_bit_of_an_id_is_used() -> None:
    ones, zeros = 0, 0
    for _ in range(2_000):
        value = int(new_id(), 16)
        ones, zeros = ones | value, zeros | ~value
    chance = (1 << 80) - 1
    fixed = 0xF << 76 | 0x3 << 62
    assert ones & zeros & chance == chance & ~fixed


@pytest.mark.parametrize("text", ["01A20A24-AD5E-734C-B6B4-A50C2D864DEE", "01a20a24ad5e734cb6b4a50c2d864dee"])
def test_both_forms_of_an_id_are_read(text: str) -> None:
    assert undashed(text) == "01a20a24ad5e734cb6b4a50c2d864dee"


def test_the_dashed_form_is_that_of_a_uuid() -> None:
    id_ = new_id()
    assert dashed(id_) == str(uuid.UUID(id_))
    assert undashed(dashed(id_)) == id_
