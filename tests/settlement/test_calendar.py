"""When windows close: tables of moments, over weekends, holidays and changes of clocks, and texts that are refused."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.core.participant import SchemeError
from hub.core.settlement.calendar import CalendarError, check_calendar, next_close_ms
from hub.core.settlement.rules import Model, Netting, check_settlement

NAIROBI = "Africa/Nairobi"
WORKDAYS = "0 12,17 * * MON-FRI"
# 2027-01-01 00:00 UTC
BEGINS_MS = 1_798_761_600_000


def ms(text: str, zone: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()) * 1000


def said(at_ms: int | None, zone: str) -> str:
    if at_ms is None:
        return "never"
    return f"{datetime.fromtimestamp(at_ms // 1000, ZoneInfo(zone)):%Y-%m-%d %H:%M:%S %z}"


@pytest.mark.parametrize(
    ("close", "zone", "holidays", "after", "closes"),
    [
        # A Tuesday in Nairobi, before noon, at noon, in the afternoon, in the evening.
        (WORKDAYS, NAIROBI, "", "2026-11-24 09:00", "2026-11-24 12:00:00 +0300"),
        (WORKDAYS, NAIROBI, "", "2026-11-24 12:00", "2026-11-24 17:00:00 +0300"),
        (WORKDAYS, NAIROBI, "", "2026-11-24 12:01", "2026-11-24 17:00:00 +0300"),
        (WORKDAYS, NAIROBI, "", "2026-11-24 17:00", "2026-11-25 12:00:00 +0300"),
        # Over a weekend, and over one that has a holiday at its end: Jamhuri Day 2027 is a Sunday, kept on Monday.
        (WORKDAYS, NAIROBI, "KE", "2026-11-27 18:00", "2026-11-30 12:00:00 +0300"),
        (WORKDAYS, NAIROBI, "KE", "2027-12-10 18:00", "2027-12-14 12:00:00 +0300"),
        # Christmas and the day after it.
        (WORKDAYS, NAIROBI, "KE", "2026-12-24 18:00", "2026-12-28 12:00:00 +0300"),
        (WORKDAYS, NAIROBI, "", "2026-12-24 18:00", "2026-12-25 12:00:00 +0300"),
        # Of a subdivision: the day of Maharashtra.
        ("0 12 * * *", "Asia/Kolkata", "IN-MH", "2026-04-30 13:00", "2026-05-02 12:00:00 +0530"),
        # Clocks forward: half past two is left out on that day, and comes right after.
        ("30 2 * * *", "Europe/Berlin", "", "2026-03-28 12:00", "2026-03-29 03:00:00 +0200"),
        ("30 2 * * *", "Europe/Berlin", "", "2026-03-29 12:00", "2026-03-30 02:30:00 +0200"),
        # Clocks back: half past two comes twice, and counts once.
        ("30 2 * * *", "Europe/Berlin", "", "2026-10-24 12:00", "2026-10-25 02:30:00 +0200"),
        ("30 2 * * *", "Europe/Berlin", "", "2026-10-25 02:31", "2026-10-26 02:30:00 +0100"),
        # Noon stays noon on both days.
        ("0 12 * * *", "Europe/Berlin", "", "2026-03-28 12:00", "2026-03-29 12:00:00 +0200"),
        ("0 12 * * *", "Europe/Berlin", "", "2026-10-24 12:00", "2026-10-25 12:00:00 +0100"),
        # The last day of a month, and a leap day.
        ("0 17 L * *", "UTC", "", "2027-02-01 00:00", "2027-02-28 17:00:00 +0000"),
        ("0 0 29 2 *", "UTC", "", "2026-03-01 00:00", "2028-02-29 00:00:00 +0000"),
    ],
)
def test_the_next_close_by_cron(close: str, zone: str, holidays: str, after: str, closes: str) -> None:
    found = next_close_ms(after_ms=ms(after, zone), close=(close,), time_zone=zone, holidays=holidays)
    assert said(found, zone) == closes


def test_of_several_texts_the_next_moment_counts() -> None:
    found = next_close_ms(after_ms=BEGINS_MS, close=("0 17 * * *", "0 9 * * *"), time_zone="UTC")
    assert said(found, "UTC") == "2027-01-01 09:00:00 +0000"


def test_a_period_closes_besides_and_waits_for_the_end_of_a_holiday() -> None:
    plain = next_close_ms(after_ms=BEGINS_MS, close=(), every_s=1)
    assert plain == BEGINS_MS + 1_000
    assert said(next_close_ms(after_ms=BEGINS_MS, close=(), every_s=60, time_zone=NAIROBI, holidays="KE"), NAIROBI) == (
        "2027-01-02 00:00:00 +0300"
    )
    both = next_close_ms(after_ms=BEGINS_MS, close=("1 0 * * *",), every_s=3_600, time_zone="UTC")
    assert both == BEGINS_MS + 60_000


def test_without_times_a_window_waits_for_an_operator() -> None:
    assert next_close_ms(after_ms=BEGINS_MS, close=()) is None


def test_a_period_is_as_long_when_clocks_change() -> None:
    before = ms("2026-03-29 01:30", "Europe/Berlin")
    assert next_close_ms(after_ms=before, close=(), every_s=3_600, time_zone="Europe/Berlin") == before + 3_600_000


@given(st.integers(0, 10 * 365 * 24 * 3600), st.sampled_from(("*/7 * * * *", WORKDAYS, "30 2 * * *", "0 0 1 * *")))
def test_the_next_close_is_later_and_nothing_is_between(seconds: int, close: str) -> None:
    after_ms = BEGINS_MS + seconds * 1000
    found = next_close_ms(after_ms=after_ms, close=(close,), time_zone="Europe/Berlin")
    assert found is not None
    assert found > after_ms
    assert next_close_ms(after_ms=found - 1_000, close=(close,), time_zone="Europe/Berlin") == found


BAD = [
    ({"close": ("every day",)}, "is no cron text"),
    ({"close": ("61 * * * *",)}, "is no cron text"),
    ({"close": ("",)}, "is no cron text"),
    ({"close": ("0 0 31 2 *",)}, "is no cron text"),
    ({"time_zone": "Africa/Atlantis"}, "is no time zone"),
    ({"time_zone": "../etc"}, "is no time zone"),
    ({"time_zone": "Africa"}, "is no time zone"),
    ({"holidays": "XX"}, "is no country"),
    ({"holidays": "KE-NOWHERE"}, "is no country"),
]


@pytest.mark.parametrize(("change", "says"), BAD)
def test_what_cannot_be_read_is_refused_with_the_scheme(change: dict[str, object], says: str) -> None:
    values: dict[str, object] = {"close": (), "time_zone": "UTC", "holidays": ""}
    with pytest.raises(CalendarError, match=says):
        check_calendar(**(values | change))  # type: ignore[arg-type] # a table of cases
    model = Model(name="noon", netting=Netting.MULTILATERAL, currency="KES", **change)  # type: ignore[arg-type] # as above
    with pytest.raises(SchemeError, match=f"settlement_model 'noon': .*{says}"):
        check_settlement([model], [], {})
