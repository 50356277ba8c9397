"""When a participant's days begin and end: each moment is in one day, also where the time zone changes."""

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Final
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.core.office.reconciling import Zone, day_ms

HOUR_MS: Final = 3_600_000
DAY: Final = date(2026, 3, 10)
MIDNIGHT_MS: Final = int(datetime(2026, 3, 10, tzinfo=UTC).timestamp()) * 1000
EVER: Final = -(2**62)


def hours(number: int, from_h: int | None = None) -> Zone:
    """A zone that many hours before UTC; from so many hours after the day's midnight in UTC."""
    return Zone(EVER if from_h is None else MIDNIGHT_MS + from_h * HOUR_MS, timezone(timedelta(hours=number)))


# The zones, and when the day begins and ends: hours after its midnight in UTC.
CASES: Final[dict[str, tuple[list[Zone], tuple[int, int]]]] = {
    "UTC": ([hours(0)], (0, 24)),
    "east": ([hours(3)], (-3, 21)),
    "to the west, within the day": ([hours(0), hours(-5, 10)], (0, 29)),
    "to the west, when the day before was over": ([hours(3), hours(-5, -2)], (-3, 29)),
    "to the east, within the day": ([hours(0), hours(3, 10)], (0, 21)),
    "to the east, when it is over there already": ([hours(0), hours(3, 22)], (0, 22)),
    "to the east, when it has begun there already": ([hours(-5), hours(3, 1)], (1, 21)),
    "there and back": ([hours(0), hours(-5, 10), hours(0, 12)], (0, 24)),
    "long before": ([hours(0), hours(3, -90)], (-3, 21)),
    "long after": ([hours(0), hours(3, 90)], (0, 24)),
    "when there was no scheme yet": ([hours(3, 500)], (-3, 21)),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_day_ends_by_the_zone_of_the_moment_it_ends(case: tuple[list[Zone], tuple[int, int]]) -> None:
    zones, ends = case
    assert day_ms(DAY, zones) == tuple(MIDNIGHT_MS + each * HOUR_MS for each in ends)


NAMES: Final = st.sampled_from(["Pacific/Kiritimati", "Africa/Nairobi", "UTC", "America/New_York", "Etc/GMT+12"])
CHANGES: Final = st.lists(st.tuples(st.integers(-200, 200), NAMES), min_size=1, max_size=6)


@given(CHANGES)
def test_each_moment_is_in_one_day_and_what_is_over_stays(changes: list[tuple[int, str]]) -> None:
    changes.sort(key=lambda each: each[0])
    zones = [Zone(MIDNIGHT_MS + from_h * HOUR_MS, ZoneInfo(name)) for from_h, name in changes]
    days = [DAY + timedelta(days=step) for step in range(-12, 13)]
    ends = [day_ms(day, zones) for day in days]
    assert [to for _, to in ends[:-1]] == [begins for begins, _ in ends[1:]]
    assert all(begins <= to for begins, to in ends)
    for number in range(1, len(zones)):
        known = zones[:number]
        for day, stands in zip(days, ends, strict=True):
            was = day_ms(day, known)
            over = [at for at in was if at < zones[number].from_ms]
            assert over == [at for at in stands if at < zones[number].from_ms][: len(over)]
