"""Days and hours as the clock of a zone has them, made of quarters of an hour: every day begins on one."""

from datetime import date, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo, available_timezones

from chat.errors import InvalidParameter
from chat.settings import Settings
from chat.store.statistics import QUARTER_MS

HOURS_OF_WEEK = 168


class Period(NamedTuple):
    """Whole days of a zone, and the milliseconds from the first one's beginning to the last one's end."""

    days: list[date]
    since: int
    until: int

    def until_now(self, now: int) -> "Period":
        """What of it has been."""
        return self._replace(until=min(self.until, now + 1))

    def quarters(self) -> range:
        """Those of an hour, since 1970, that it has some of."""
        return range(self.since // QUARTER_MS, (self.until - 1) // QUARTER_MS + 1)


def last(days: int, now: int, zone: ZoneInfo) -> Period:
    """So many days, today included."""
    today = day_of(now // QUARTER_MS, zone)
    dates = [today - timedelta(ago) for ago in reversed(range(days))]
    return Period(dates, _start(dates[0], zone), _start(today + timedelta(1), zone))


def day_of(quarter: int, zone: ZoneInfo) -> date:
    """The day that it is in `zone` in this quarter of an hour since 1970."""
    return _local(quarter, zone).date()


def hour_of_week(quarter: int, zone: ZoneInfo) -> int:
    """From 0, Monday's first, to 167; an hour that the clock has twice is the same one."""
    local = _local(quarter, zone)
    return local.weekday() * 24 + local.hour


def zone_of(settings: Settings, name: str | None) -> ZoneInfo:
    """The one of this name, or the server's; raises InvalidParameter."""
    if name and name not in available_timezones():
        raise InvalidParameter(
            f"timeZone is {name!r}; it must be a time zone's name, like Europe/Paris.", field="timeZone"
        )
    return ZoneInfo(name or settings.time_zone)


def _local(quarter: int, zone: ZoneInfo) -> datetime:
    return datetime.fromtimestamp(quarter * QUARTER_MS // 1000, zone)


def _start(day: date, zone: ZoneInfo) -> int:
    """The millisecond that the day begins at; where there is no midnight, the clock's jump over it."""
    return round(datetime(day.year, day.month, day.day, tzinfo=zone).timestamp() * 1000)
