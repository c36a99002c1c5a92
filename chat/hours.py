"""An agent's hours: what a week has, the days that differ, and when they are open as instants.

Times are those of a clock on the agent's wall. One that this clock skips or shows twice is read as RFC 5545
(3.3.5) has it: by the offset from before the jump, and the first of the two.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import cache, lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo, available_timezones

from chat.errors import InvalidParameter

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
DAY_MINUTES = 1440
MAX_SPANS = 8
MAX_SPECIAL_DAYS = 100
# Who is away for longer than so many days has no next hours.
HORIZON_DAYS = 400
# Who is open for longer than so many is open around the clock.
LONG_DAYS = 7
MINUTE_MS, DAY_MS = 60_000, 86_400_000

_TIME = r"(\d{1,2})(?:[:.h](\d{2}))?h?\s*([ap]m)?"
_SPAN = re.compile(rf"{_TIME}\s*[-\u2013\u2014]\s*{_TIME}", re.IGNORECASE)

# In minutes from the midnight that the day begins with; past the next one, it ends on the day after.
Span = tuple[int, int]
# In milliseconds since 1970.
Opening = tuple[int, int]


class SpecialDays(NamedTuple):
    """From one day until another, both included: other hours than the week's, or none."""

    first: date
    last: date
    spans: tuple[Span, ...]


class Hours(NamedTuple):
    """All that an agent says of them; `holidays` is where public ones are theirs (FR, DE-BY), or empty."""

    zone: str
    week: tuple[tuple[Span, ...], ...]
    special: tuple[SpecialDays, ...]
    holidays: str

    @property
    def are_said(self) -> bool:
        """Whether there are any; days off alone are none."""
        return any(self.week) or any(each.spans for each in self.special)

    def of(self, day: date) -> tuple[Span, ...]:
        """Those that begin on this day: a day that is named counts more than a holiday."""
        for each in self.special:
            if each.first <= day <= each.last:
                return each.spans
        if self.holidays and day in public_holidays(self.holidays, day.year):
            return ()
        return self.week[day.weekday()] if self.week else ()


class Standing(NamedTuple):
    """Whether it is one of their hours; if so until when (None is around the clock), else from when on."""

    is_open: bool
    until: int | None
    opens_at: int | None


def standing(hours: Hours, now: int) -> Standing | None:
    """How it is at this instant; None where they say nothing of their hours."""
    # They begin and end with whole minutes: a list of agents is asked for more often than that.
    return _standing(hours, now // MINUTE_MS * MINUTE_MS)


@lru_cache(4000)
def _standing(hours: Hours, now: int) -> Standing | None:
    if not hours.are_said:
        return None
    start, end = next(openings(hours, now), (0, 0))
    if not end:
        return Standing(False, None, None)
    if now < start:
        return Standing(False, None, start)
    return Standing(True, end if end - now <= LONG_DAYS * DAY_MS else None, None)


def openings(hours: Hours, now: int) -> Iterator[Opening]:
    """Those that end after `now`, in their order; what touches is one."""
    zone = ZoneInfo(hours.zone)
    today = day_of(now, zone)
    start = end = 0
    # Yesterday's may go on.
    for ahead in range(-1, HORIZON_DAYS):
        day = today + timedelta(ahead)
        for span in hours.of(day):
            begins, ends = (_instant(day, minutes, zone) for minutes in span)
            if ends <= max(now, begins):  # Over, or in an hour that the clock skips.
                continue
            if end and begins > end:
                yield start, end
                start = end = 0
            start, end = start or begins, max(end, ends)
        if end - max(now, start) > 2 * LONG_DAYS * DAY_MS:  # Around the clock.
            break
    if end:
        yield start, end


def day_of(now: int, zone: tzinfo = UTC) -> date:
    """What day it is."""
    return datetime.fromtimestamp(now / 1000, zone).date()


def read_spans(text: str, field: str) -> tuple[Span, ...]:
    """`9:00-12:30, 14-18`, `9h-12h30`, `8 pm - 2 am` (past midnight); "" is none. Raises InvalidParameter.

    The line between may be any dash.
    """
    found = sorted({_read_span(part, field) for part in re.split("[,;]", text) if part.strip()})
    if len(found) > MAX_SPANS:
        raise InvalidParameter(f"{field}: at most {MAX_SPANS} spans a day.", field=field)
    return tuple(found)


def written(spans: Iterable[Span]) -> list[str]:
    """As `read_spans` reads them: 09:00-12:30"""
    return [f"{_clock(start)}-{_clock(end)}" for start, end in spans]


def special_days(first: str, last: str, spans: Sequence[Span], field: str) -> SpecialDays:
    """Of dates as 2026-12-24; without a `last` one day. Raises InvalidParameter."""
    try:
        begins, ends = date.fromisoformat(first), date.fromisoformat(last or first)
    except ValueError:
        raise InvalidParameter(f"{field} must be dates like 2026-12-24.", field=field) from None
    if ends < begins:
        raise InvalidParameter(f"{field}: {last} is before {first}.", field=field)
    return SpecialDays(begins, ends, tuple(spans))


def in_order(days: Iterable[SpecialDays], field: str) -> tuple[SpecialDays, ...]:
    """As `Hours` has them: of two that have a day in common the later one counts, and of a day's the shorter.

    Raises InvalidParameter where there are too many.
    """
    found = sorted(days, key=lambda each: (each.first, -each.last.toordinal()), reverse=True)
    if len(found) > MAX_SPECIAL_DAYS:
        raise InvalidParameter(f"{field}: at most {MAX_SPECIAL_DAYS}.", field=field)
    return tuple(found)


def check_zone(zone: str) -> str:
    """Raises InvalidParameter."""
    if zone not in time_zones():
        raise InvalidParameter(f"time_zone is {zone!r}; it must be one like Europe/Paris.", field="time_zone")
    return zone


def check_holidays(region: str) -> str:
    """Raises InvalidParameter."""
    country, dash, part = region.partition("-")
    if region and (country not in regions() or (dash and part not in regions()[country])):
        raise InvalidParameter(f"holidays is {region!r}; it must be like FR or DE-BY.", field="holidays")
    return region


@cache
def time_zones() -> tuple[str, ...]:
    """Those that people live in, by name: continents, oceans, and UTC."""
    return ("UTC", *sorted(each for each in available_timezones() if _CONTINENT.match(each)))


_CONTINENT = re.compile("(Africa|America|Antarctica|Arctic|Asia|Atlantic|Australia|Europe|Indian|Pacific)/")


@cache
def regions() -> dict[str, list[str]]:
    """The countries whose public holidays are known, each with the codes of its parts."""
    found: dict[str, list[str]] = _library().list_supported_countries(include_aliases=False)
    return found


@cache
def parts(country: str) -> dict[str, str]:
    """Of one of these: their names by their codes."""
    names = _library().country_holidays(country).get_subdivision_aliases()
    return {part: (names.get(part) or [part])[0] for part in regions()[country]}


@lru_cache(1000)
def public_holidays(region: str, year: int) -> frozenset[date]:
    """Those of a country or a part of it; none where the library has come to know it no more."""
    country, _, part = region.partition("-")
    try:
        return frozenset(_library().country_holidays(country, subdiv=part or None, years=year))
    except NotImplementedError:
        return frozenset()


@cache
def _library():  # type: ignore[no-untyped-def]
    """A tenth of a second and 19 MiB: only for a process that is asked about holidays."""
    import holidays

    return holidays


def _read_span(text: str, field: str) -> Span:
    found = _SPAN.fullmatch(text.strip())
    times = found and (_minutes(*found.group(1, 2, 3)), _minutes(*found.group(4, 5, 6)))
    if not times or None in times:
        raise InvalidParameter(
            f"{field}: {text.strip()[:60]!r} must be like 09:00-12:30, or 20:00-02:00.", field=field
        )
    start, end = int(times[0] or 0), int(times[1] or 0)
    if start >= DAY_MINUTES:
        raise InvalidParameter(f"{field}: no day begins at 24:00.", field=field)
    return start, end if end > start else end + DAY_MINUTES


def _minutes(hours: str, minutes: str | None, half: str | None) -> int | None:
    """None if there is no such time."""
    hour, minute = int(hours), int(minutes or 0)
    if half:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + (12 if half.lower() == "pm" else 0)
    total = 60 * hour + minute
    return total if minute < 60 and total <= DAY_MINUTES else None


def _clock(minutes: int) -> str:
    """24:00 at the end of the day; past it, of the next one."""
    hour, minute = divmod(minutes if minutes <= DAY_MINUTES else minutes - DAY_MINUTES, 60)
    return f"{hour:02d}:{minute:02d}"


def _instant(day: date, minutes: int, zone: ZoneInfo) -> int:
    wall = datetime(day.year, day.month, day.day) + timedelta(minutes=minutes)
    return int(wall.replace(tzinfo=zone).astimezone(UTC).timestamp() * 1000)
