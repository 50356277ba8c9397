"""When windows close by themselves: cron texts, a time zone, a country's holidays, a period; it reads no clock.

Times are Unix milliseconds. Cron texts are read as Debian's cron reads them, also where clocks are changed: what falls
into an hour that is left out happens right after it, and what falls into one that comes twice happens once.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from itertools import islice
from typing import Final
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
# How many moments of a cron text are looked at for one that is on no holiday.
MOMENTS_MAX: Final = 1_000
DAYS_MAX: Final = 60


class CalendarError(ValueError):
    """A cron text, time zone or country that cannot be read."""


def next_close_ms(
    *, after_ms: int, close: Sequence[str], every_s: int = 0, time_zone: str = "UTC", holidays: str = ""
) -> int | None:
    """Return the first moment after an instant at which a window is to close; None: it never does by itself.

    Raises CalendarError.
    """
    zone = _zone(time_zone)
    after = (EPOCH + timedelta(milliseconds=after_ms)).astimezone(zone)
    found = [moment for text in close if (moment := _by_cron(text, after, holidays)) is not None]
    if every_s and (moment := _by_period(after, every_s, holidays)) is not None:
        found.append(moment)
    return min((_ms(each) for each in found), default=None)


def check_calendar(*, close: Iterable[str], time_zone: str, holidays: str) -> None:
    """Refuse what cannot be read; raises CalendarError."""
    zone = _zone(time_zone)
    for text in close:
        _moments(text, EPOCH.astimezone(zone))
    _is_holiday(EPOCH.date(), holidays)


def _by_cron(text: str, after: datetime, holidays: str) -> datetime | None:
    moments = islice(_moments(text, after), MOMENTS_MAX)
    return next((each for each in moments if not _is_holiday(each.date(), holidays)), None)


def _by_period(after: datetime, every_s: int, holidays: str) -> datetime | None:
    """Return the moment when the period is over; on a holiday, the beginning of the next day that is none."""
    moment = (after.astimezone(UTC) + timedelta(seconds=every_s)).astimezone(after.tzinfo)
    for _ in range(DAYS_MAX):
        if not _is_holiday(moment.date(), holidays):
            return moment
        moment = datetime.combine(moment.date() + timedelta(days=1), time(), after.tzinfo)
    return None


def _moments(text: str, after: datetime) -> Iterator[datetime]:
    try:
        return iter(CronSim(text, after))
    except (CronSimError, AssertionError, ValueError) as error:
        raise CalendarError(f"{text!r} is no cron text, such as '0 12,17 * * MON-FRI': {error}") from error


@lru_cache(maxsize=64)
def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:  # a name that is a folder is an OSError
        raise CalendarError(f"{name!r} is no time zone, such as 'Africa/Nairobi'") from error


@lru_cache(maxsize=4_096)
def _is_holiday(day: date, where: str) -> bool:
    if not where:
        return False
    from holidays import country_holidays  # noqa: PLC0415 - most commands never ask, and it takes a while

    country, _, subdivision = where.partition("-")
    try:
        return day in country_holidays(country, subdiv=subdivision or None, years=day.year)
    except NotImplementedError as error:
        raise CalendarError(f"{where!r} is no country or subdivision whose holidays are known, such as 'KE'") from error


def _ms(moment: datetime) -> int:
    return (moment.astimezone(UTC) - EPOCH) // timedelta(milliseconds=1)
