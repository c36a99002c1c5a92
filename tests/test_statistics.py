"""Counts, earnings and ratings of a period, and the charts that show them."""

import re
from dataclasses import replace
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from jinja2 import Environment, FileSystemLoader

from chat import statistics, transitions
from chat.money import Cents
from tests.server import ROOT
from tests.story import RATES
from tests.test_billing import CASES_BY_NAME

PARIS = ZoneInfo("Europe/Paris")
NOON = "2026-06-10T10:00:00Z"
DAY_SECONDS = 86_400
TRANSFERS = [name for name in CASES_BY_NAME if "transferred" in name or "begun again" in name]


def in_zone(story, zone):
    """Where the days of the server begin is a setting."""
    story.runtime.settings = replace(story.runtime.settings, time_zone=str(zone))
    return story.runtime


def overview(story, days=7, zone=PARIS):
    return statistics.overview(in_zone(story, zone), days)


def earnings(story, agent, days=7, zone=PARIS):
    return statistics.earnings(in_zone(story, zone), story.people[agent], days)


def column(table, name):
    return [row[name] for row in table]


def agents_of(seen, *names):
    return [tuple(row[name] for name in ("name", *names)) for row in seen["agents"]]


def test_an_empty_database_has_days_of_nothing(story_from):
    seen = overview(story_from(NOON), 30)
    assert column(seen["days"], "day") == [date(2026, 5, 12) + timedelta(n) for n in range(30)]
    nothing = {"messages": 0, "sessions": 0, "waiting_seconds": None}
    assert all({**day, "day": 0} == {**nothing, "day": 0} for day in seen["days"])
    assert seen["agents"] == []
    assert seen["ratings"] == [{"stars": stars, "count": 0} for stars in (5, 4, 3, 2, 1)]
    assert seen["totals"] == {**nothing, "ended": 0, "revenue": 0, "minutes": 0, "rating": None}


def test_an_agent_without_a_session_has_earned_nothing(story_from):
    seen = earnings(story_from(NOON), "anna")
    assert column(seen["days"], "day")[::6] == [date(2026, 6, 4), date(2026, 6, 10)]
    assert [day["revenue"] for day in seen["days"]] == [0] * 7
    assert [seen[name] for name in ("total", "minutes", "sessions", "all_time")] == [0, 0, 0, 0]


def test_each_day_has_its_messages_and_sessions(story_from):
    story = story_from(NOON)
    story.talk()
    for _ in range(2):
        story.say("client")
    story.end()
    story.at(2 * DAY_SECONDS)
    story.ask()
    story.turn("other")
    story.talk("ben")
    story.end()
    seen = overview(story)
    assert column(seen["days"], "messages") == [0, 0, 0, 0, 3, 0, 1]
    assert column(seen["days"], "sessions") == [0, 0, 0, 0, 1, 0, 2]
    assert [seen["totals"][name] for name in ("messages", "sessions", "ended")] == [4, 3, 2]


def test_messages_of_a_session_that_goes_on_are_counted_too(story_from):
    story = story_from("2026-06-10T21:59:58Z")
    story.talk()
    story.at(2)
    story.say("client")
    story.say("agent")
    assert column(overview(story, 2)["days"], "messages") == [1, 2]
    today = overview(story, 1)
    assert (column(today["days"], "messages"), today["totals"]["messages"]) == ([2], 2)
    assert today["totals"]["sessions"] == 0


def test_the_mean_wait_is_of_those_that_were_accepted(story_from):
    story = story_from(NOON)
    for start, wait in ((0, 10), (100, 20), (DAY_SECONDS, 60)):
        story.at(start)
        story.ask()
        story.at(start + wait)
        story.accept()
        story.end()
    story.ask()
    story.at(DAY_SECONDS + 100)
    story.cancel()
    seen = overview(story, 2)
    assert column(seen["days"], "waiting_seconds") == [15, 60]
    assert seen["totals"]["waiting_seconds"] == 30


def test_a_transferred_session_is_divided_by_the_minute(story_from):
    story = story_from(NOON, free_seconds=60)
    story.play(["0 talk", "90 transfer dora", "100 answer yes", "100 say agent", "200 end"])
    story.play(["300 talk ben", "361 end"])
    seen = overview(story)
    assert agents_of(seen, "revenue", "minutes", "sessions") == [
        ("dora", 800, 2, 1),
        ("anna", 250, 1, 1),
        ("ben", 100, 1, 1),
    ]
    assert (seen["totals"]["revenue"], seen["totals"]["minutes"]) == (1150, 4)
    assert (type(seen["totals"]["revenue"]), str(seen["agents"][0]["revenue"])) == (Cents, "8.00")
    assert [earnings(story, name)["total"] for name in ("dora", "anna", "ben", "cora")] == [800, 250, 100, 0]


def test_a_minute_within_the_free_seconds_is_nobodys(story_from):
    story = story_from(NOON, free_seconds=60)
    story.play(["0 talk", "30 transfer ben", "40 say agent", "101 end"])
    assert agents_of(overview(story), "revenue", "minutes", "sessions") == [("ben", 100, 1, 1)]
    assert earnings(story, "anna")["sessions"] == 0


def test_a_session_is_one_of_the_agent_that_it_ended_with(story_from):
    story = story_from(NOON)
    story.play(["0 talk", "90 transfer ben", "150 end", "200 met cora", "201 transfer ben", "202 end"])
    expected = [("anna", 500, 2, 1), ("ben", 0, 0, 2)]
    assert agents_of(overview(story), "revenue", "minutes", "sessions") == expected
    assert [earnings(story, agent)["sessions"] for agent in ("anna", "ben", "cora")] == [1, 2, 0]


@pytest.mark.parametrize("name", TRANSFERS)
def test_what_the_agents_have_is_what_the_clients_pay(story_from, name):
    steps = [step.strip() for step in CASES_BY_NAME[name][-1].split(";")]
    chosen = dict(step.split("=") for step in steps if "=" in step)
    story = story_from(
        NOON, **{key: int(value) if value.isdigit() else value for key, value in chosen.items()}
    )
    story.play(steps[len(chosen) :])
    seen, total = overview(story), story.receipt()["total_cost"]
    assert sum(column(seen["agents"], "revenue")) == seen["totals"]["revenue"] == total > 0
    assert seen["totals"]["minutes"] == sum(earnings(story, agent)["minutes"] for agent in RATES) > 0
    for row in seen["agents"]:
        own = earnings(story, row["name"])
        assert [own[key] for key in ("total", "minutes", "sessions")] == [
            row[key] for key in ("revenue", "minutes", "sessions")
        ]


def test_a_request_that_nobody_accepted_is_nobodys_session(story_from):
    story = story_from(NOON)
    story.play(["0 ask", "10 decline", "20 ask any", "30 cancel"])
    seen = overview(story)
    assert (seen["agents"], seen["totals"]["ended"]) == ([], 2)
    assert earnings(story, "anna")["sessions"] == 0


def test_money_comes_on_the_day_that_the_session_ended_in_the_zone(story_from):
    story = story_from("2026-07-01T21:59:30Z")
    story.play(["0 talk", "60 end"])
    in_paris, in_utc = overview(story, 2), overview(story, 2, ZoneInfo("UTC"))
    assert column(in_paris["days"], "day") == [date(2026, 7, 1), date(2026, 7, 2)]
    assert column(in_utc["days"], "day") == [date(2026, 6, 30), date(2026, 7, 1)]
    assert column(in_paris["days"], "sessions") == [1, 0]
    assert column(in_utc["days"], "sessions") == [0, 1]
    today = overview(story, 1)
    assert (today["totals"]["sessions"], today["totals"]["revenue"]) == (0, 250)
    earned = earnings(story, "anna", 2)["days"]
    assert [column(earned, name) for name in ("revenue", "minutes", "sessions")] == [[0, 250], [0, 1], [0, 1]]


@pytest.mark.parametrize(
    ("name", "start", "hours"),
    [
        ("Europe/Paris", "2026-03-28T23:00:00Z", 23),
        ("Europe/Paris", "2026-10-24T22:00:00Z", 25),
        # Midnight is left out.
        ("Africa/Cairo", "2026-04-23T22:00:00Z", 23),
        ("America/New_York", "2026-11-01T04:00:00Z", 25),
        ("Asia/Kathmandu", "2026-01-01T18:15:00Z", 24),
    ],
)
def test_a_day_is_as_long_as_it_is_in_its_zone(story_from, name, start, hours):
    before = datetime.fromisoformat(start) - timedelta(seconds=1)
    story, end = story_from(before.isoformat()), hours * 3600
    for second in (0, 1, end, end + 1):
        story.at(second)
        story.talk()
        story.end()
    zone = ZoneInfo(name)
    seen = overview(story, 3, zone)
    assert column(seen["days"], "messages") == column(seen["days"], "sessions") == [1, 2, 1]
    assert column(earnings(story, "anna", 3, zone)["days"], "sessions") == [1, 2, 1]
    later = overview(story, 2, zone)["totals"]
    assert [later[name] for name in ("messages", "sessions", "ended")] == [3, 3, 3]


def test_earlier_days_count_only_for_all_time(story_from):
    story, later = story_from(NOON), 8 * DAY_SECONDS
    story.play(["0 talk", "61 end", "70 talk", "80 transfer ben", "90 end"])
    story.play([f"{later} talk", f"{later + 1} end"])
    week, month = overview(story), overview(story, 30)
    assert agents_of(week, "revenue", "sessions") == [("anna", 250, 1)]
    assert agents_of(month, "revenue", "sessions") == [("anna", 1000, 3), ("ben", 0, 1)]
    assert [(seen["totals"]["revenue"], seen["totals"]["messages"]) for seen in (week, month)] == [
        (250, 1),
        (1000, 3),
    ]
    earned = earnings(story, "anna")
    assert [earned[name] for name in ("total", "minutes", "sessions", "all_time")] == [250, 1, 1, 1000]


def test_ratings_are_the_last_agents(story_from):
    story = story_from(NOON)
    for steps, stars in (
        (["0 talk", "1 end"], 5),
        (["2 talk", "3 end"], 4),
        (["4 talk", "65 transfer ben", "66 end"], 1),
        (["70 talk ben", "71 end"], None),
    ):
        story.play(steps)
        if stars:
            transitions.rate(story.runtime, story.people["client"], story.id, stars, None)
    seen = overview(story)
    assert agents_of(seen, "rating", "ratings") == [("anna", 4.5, 2), ("ben", 1, 1)]
    assert column(seen["ratings"], "count") == [1, 1, 0, 0, 1]
    assert seen["totals"]["rating"] == pytest.approx(10 / 3)


@pytest.fixture(scope="module")
def charts():
    environment = Environment(
        loader=FileSystemLoader(ROOT / "templates"), autoescape=True, extensions=["jinja2.ext.i18n"]
    )
    environment.install_null_translations()
    return environment.get_template("_charts.html").module


def test_a_chart_has_a_bar_for_each_value_and_a_table_of_all(charts):
    drawn = charts.bars([Cents(1250), Cents(0), None], ["Mon", "Tue", "Wed"], "Revenue", str)
    assert drawn.count('class="chart-bar"') == 1
    assert re.findall(r"<title>(.*)</title>", drawn) == ["Mon: 12.50", "Tue: 0.00", "Wed: —"]
    cells = re.findall(r'<th scope="row">(.*?)</th>\s*<td>(.*?)</td>', drawn)
    assert cells == [("Mon", "12.50"), ("Tue", "0.00"), ("Wed", "—")]
    assert re.findall(r'aria-labelledby="([^"]+)"', drawn) == re.findall(
        r'<figcaption[^>]* id="([^"]+)"', drawn
    )


def test_a_bar_is_as_high_as_its_value(charts):
    drawn = charts.bars([10, 5, 2.5], ["a", "b", "c"], "Count", str)
    # Down from the grid's highest line, 10, at 0, to the ground line at 150; and each goes on below that.
    tops = re.findall(r'"chart-bar"[^>]* y="([\d.]+)"', drawn)
    assert tops == ["0.0", "75.0", "112.5"]


def test_rows_are_as_long_as_their_values(charts):
    drawn = charts.rows([("Anna <b>", 400), ("Ben", 100), ("Cora", 0)], "Revenue", str)
    assert re.findall(r'"chart-bar"[^>]* width="([\d.]+)%"', drawn) == ["100.00", "25.00"]
    assert "Anna &lt;b&gt;" in drawn and "<b>" not in drawn


@pytest.mark.parametrize("nothing", [[], [0, 0], [None, None], [0.0, None]])
def test_nothing_is_said_not_drawn(charts, nothing):
    for drawn in (
        charts.bars(nothing, ["a", "b"], "Count", str),
        charts.rows([(str(value), value) for value in nothing], "Count", str),
    ):
        assert "<svg" not in drawn and "Nothing in this period yet." in drawn


def test_charts_keep_to_the_content_security_policy(charts):
    drawn = charts.bars([*range(90)], [str(each) for each in range(90)], "Count", str)
    drawn += charts.rows([("Anna", 1)], "Count", str)
    assert not re.search(r"style=|<style|<script|\bon\w+=", drawn)
