"""An agent's hours: as they are typed, and when they are open, in any zone and over any change of clocks."""

from datetime import UTC, datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

import pytest

from chat import hours
from chat.errors import InvalidParameter
from chat.hours import Hours, Standing

NOBODY = ((),) * 7


def at(zone, *moment):
    """In milliseconds, of a clock on a wall there."""
    return int(datetime(*moment, tzinfo=ZoneInfo(zone)).timestamp() * 1000)


def utc(ms):
    return f"{datetime.fromtimestamp(ms / 1000, UTC):%d %H:%M}"


def plan(zone, *week, special=(), holidays=""):
    """From Monday on, as they are typed."""
    spans = tuple(hours.read_spans(day, "hours") for day in week)
    return Hours(zone, (*spans, *NOBODY[len(spans) :]), hours.in_order(special, "special_days"), holidays)


def off(first, last="", spans=""):
    return hours.special_days(first, last, hours.read_spans(spans, "special_days"), "special_days")


def test_hours_are_read_as_people_write_them():
    for text, written in {
        "": [],
        " 9-12 ; 14\u201318 ": ["09:00-12:00", "14:00-18:00"],
        "14h-18h30, 9h15\u201412h": ["09:15-12:00", "14:00-18:30"],
        "9:00 am - 12.30 PM": ["09:00-12:30"],
        "12am-12 pm": ["00:00-12:00"],
        "20:00-2:00": ["20:00-02:00"],
        "0-24": ["00:00-24:00"],
        "9-12, 9-12": ["09:00-12:00"],
    }.items():
        assert hours.written(hours.read_spans(text, "hours")) == written, text
    for wrong in (
        "9",
        "9-",
        "9-25",
        "9:60-10",
        "24:00-2:00",
        "13 pm-2 pm",
        "24:30-1",
        "9-10 11-12",
        "x" * 999,
    ):
        with pytest.raises(InvalidParameter) as refused:
            hours.read_spans(wrong, "hours.monday")
        assert refused.value.extra["field"] == "hours.monday"
    with pytest.raises(InvalidParameter):
        hours.read_spans(",".join(f"{each}:00-{each}:30" for each in range(9)), "hours")


def test_it_is_said_until_when_it_is_open_or_from_when_on():
    zone = "Europe/Paris"
    # A Monday.
    week = plan(zone, "9-12:30, 14-18", "", "", "", "20-2")

    def told(*moment):
        found = hours.standing(week, at(zone, *moment))
        return found.is_open, *(each and utc(each) for each in (found.until, found.opens_at))

    assert told(2026, 11, 30, 8, 59) == (False, None, "30 08:00")
    assert told(2026, 11, 30, 9, 0) == (True, "30 11:30", None)
    assert told(2026, 11, 30, 12, 30) == (False, None, "30 13:00")
    # Friday's goes on in Saturday.
    assert told(2026, 12, 5, 1, 59) == (True, "05 01:00", None)
    assert told(2026, 12, 5, 2, 0) == (False, None, "07 08:00")
    assert hours.standing(plan(zone), at(zone, 2026, 11, 30)) is None
    always = plan(zone, *["0-24"] * 7)
    assert hours.standing(always, at(zone, 2026, 3, 29, 2, 30)) == Standing(True, None, None)
    assert hours.standing(plan(zone, special=[off("2020-01-01", "", "9-10")]), at(zone, 2026, 1, 1)) == (
        Standing(False, None, None)
    )


def test_a_day_that_is_named_counts_more_than_a_holiday_and_that_more_than_the_week():
    zone, week = "Europe/Paris", ["9-10"] * 7
    special = [
        off("2026-12-20", "2027-01-10"),
        off("2026-12-24", "", "20-22"),
        off("2026-12-25", "", "11-12"),
    ]
    found = plan(zone, *week, special=special, holidays="FR-57")
    starts = [utc(start) for start, _ in islice(hours.openings(found, at(zone, 2026, 12, 19, 12)), 3)]
    assert starts == ["24 19:00", "25 10:00", "11 08:00"]
    # Saint Stephen's is one in Alsace and Moselle only; Easter Monday has no date of its own.
    for region, day, is_off in (
        *(("FR", (2026, 12, 26), False), ("FR-57", (2026, 12, 26), True), ("FR", (2027, 3, 29), True)),
        *(("", (2027, 3, 29), False), ("IN", (2027, 1, 26), True), ("XX", (2027, 3, 29), False)),
    ):
        there = hours.standing(plan(zone, *week, holidays=region), at(zone, *day, 9, 30))
        assert there.is_open is not is_off, (region, day)
    for wrong in ("XX", "FR-XX", "FR-", "-57", "fr"):
        with pytest.raises(InvalidParameter):
            hours.check_holidays(wrong)


@pytest.mark.parametrize(
    ("zone", "day", "span", "told"),
    [
        # Forward at 2:00, back at 3:00.
        ("Europe/Paris", "2026-03-29", "0-6", "28 23:00-29 04:00"),
        ("Europe/Paris", "2026-10-25", "0-6", "24 22:00-25 05:00"),
        # What the clock skips is read by the offset before: 2:30 is 3:30.
        ("Europe/Paris", "2026-03-29", "2:30-6", "29 01:30-29 04:00"),
        ("Europe/Paris", "2026-03-29", "2:15-2:45", "29 01:15-29 01:45"),
        # Of what it shows twice the first: 2:30 is that of summer.
        ("Europe/Paris", "2026-10-25", "2:30-4", "25 00:30-25 03:00"),
        # From the evening before, over the change.
        ("America/New_York", "2026-10-31", "20-8", "01 00:00-01 13:00"),
        # Clocks that go by half an hour, stand at three quarters, or never change.
        ("Australia/Lord_Howe", "2026-10-04", "0-6", "03 13:30-03 19:00"),
        ("Australia/Lord_Howe", "2026-04-05", "0-6", "04 13:00-04 19:30"),
        ("Asia/Kathmandu", "2026-03-29", "9-17", "29 03:15-29 11:15"),
        ("Asia/Kolkata", "2026-10-25", "9-17", "25 03:30-25 11:30"),
        # A day that there never was.
        ("Pacific/Apia", "2011-12-29", "20-4", "30 06:00-30 14:00"),
    ],
)
def test_hours_are_those_of_the_clock_on_the_wall(zone, day, span, told):
    only = plan(zone, special=[off(day, "", span)])
    before = int(datetime.fromisoformat(f"{day}T00:00Z").timestamp() * 1000) - 2 * hours.DAY_MS
    (start, end), *others = hours.openings(only, before)
    assert (f"{utc(start)}-{utc(end)}", others) == (told, [])


def test_each_instant_of_a_year_is_open_as_the_clock_says():
    """Where no span touches an hour that is skipped or shown twice, the clock alone decides."""
    for zone in (
        "Europe/Paris",
        "America/St_Johns",
        "Australia/Lord_Howe",
        "Asia/Kolkata",
        "Africa/Casablanca",
    ):
        week = plan(zone, *["6-11, 13:30-22:45"] * 5, "", "7-8")
        now = at(zone, 2026, 1, 1)
        for _ in range(1500):
            now += 353 * 60_000
            wall = datetime.fromtimestamp(now / 1000, ZoneInfo(zone))
            minute = 60 * wall.hour + wall.minute
            is_open = any(start <= minute < end for start, end in week.week[wall.weekday()])
            found = hours.standing(week, now)
            assert found.is_open is is_open, (zone, wall)
            edge = datetime.fromtimestamp((found.until or found.opens_at) / 1000, ZoneInfo(zone))
            assert (edge.hour, edge.minute) in {(6, 0), (11, 0), (13, 30), (22, 45), (7, 0), (8, 0)}
            assert edge - wall < timedelta(days=2)
