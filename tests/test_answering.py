"""How requests went, by agent and by hour of the week, and which agents are there."""

import csv
import io
from dataclasses import replace

import pytest

from chat import answering, attendance, store, transitions
from chat.accounts import User
from chat.attendance import Attendance
from chat.errors import Forbidden, InvalidParameter, NotFound
from chat.retention import Retention
from tests.pages.visitor import Visitor

NOON = "2026-06-10T10:00:00Z"
HOUR = 3600
DAY = 24 * HOUR
ADMIN = User(2**40, "admin", "Root", b"")


@pytest.fixture
def story(story_from):
    return story_from(NOON)


def asked(story, reader=ADMIN, agent=None, days=30, zone=None):
    agent_id = agent and story.people[agent].id
    return answering.of_period(story.runtime, reader, days, agent_id, zone)


def counts(found):
    """(asked, accepted, missed, cancelled, declined, waiting)."""
    return tuple(found[name] for name in (*answering.COUNTS, "waiting"))


def within(found):
    """In how many seconds half were, and nine in ten."""
    return found and (found["half_within_seconds"], found["most_within_seconds"])


def by_agent(found):
    return {each["agent"] and each["agent"]["name"]: counts(each) for each in found["by_agent"]}


def hours(found, *names):
    """Those of the week's hours in which something was asked: (weekday, hour, …)."""
    return [
        tuple(each[name] for name in ("weekday", "hour", *names))
        for each in found["by_hour"]
        if each["requests"]
    ]


def take(story, agent):
    """They accept a request to any."""
    transitions.accept(story.runtime, story.people[agent], story.id)


def table(text):
    return list(csv.DictReader(io.StringIO(text)))


def test_each_request_is_counted_once_as_it_went(story):
    story.play(["0 talk", "5 end", "10 ask ben", "20 decline", "30 ask any", "40 cancel", "50 ask cora"])
    story.at(5000)
    story.sweep()
    story.ask("any")
    take(story, "anna")
    story.play(["5020 end", "5030 ask dora"])
    found = asked(story)
    assert counts(found["total"]) == (6, 2, 1, 1, 1, 1)
    assert by_agent(found) == {
        "anna": (2, 2, 0, 0, 0, 0),
        "ben": (1, 0, 0, 0, 1, 0),
        "cora": (1, 0, 1, 0, 0, 0),
        "dora": (1, 0, 0, 0, 0, 1),
        None: (1, 0, 0, 1, 0, 0),
    }
    assert found["by_agent"][-1]["agent"] is None
    assert [each["requests"] for each in found["by_day"][-2:]] == [0, 6]


def test_times_are_by_nearest_rank_until_it_is_accepted_and_then_until_an_agent_writes(story):
    """Of the client's own words, and of a colleague who was handed it silent, nothing is an answer."""
    for number, (wait, silence) in enumerate(((10, 5), (20, 1), (30, 40), (100.2, 7))):
        story.at(1000 * number)
        story.ask()
        story.at(1000 * number + wait)
        story.accept()
        story.say("client")
        story.at(1000 * number + wait + silence)
        story.say("agent")
        story.say("agent")
        story.end()
    story.ask()
    story.accept()
    story.end()
    found = asked(story)
    assert within(found["total"]["to_accept"]) == (20, 101)
    assert within(found["total"]["to_answer"]) == (5, 40)
    assert [found["total"][name]["requests"] for name in ("to_accept", "to_answer")] == [5, 4]
    assert asked(story, agent="ben")["total"]["to_accept"] is None


def test_a_request_is_whose_it_was_when_it_was_accepted_whoever_has_it_later(story):
    story.ask("any")
    take(story, "anna")
    story.play(["10 transfer ben", "20 transfer zoe", "30 say agent", "40 end"])
    story.play(["50 met cora", "60 transfer anna", "70 end"])
    found = asked(story)
    assert by_agent(found) == {"anna": (1, 1, 0, 0, 0, 0), "cora": (1, 1, 0, 0, 0, 0)}
    for name, answered in (("anna", (30, 30)), ("cora", None), ("ben", None), ("zoe", None)):
        own = asked(story, story.people[name])
        assert (own["total"]["requests"], within(own["total"]["to_answer"])) == (
            int(name in ("anna", "cora")),
            answered,
        )
        assert own["by_agent"] == [] and own["agent"]["name"] == name


@pytest.mark.parametrize(
    ("start", "had", "counted"),
    [
        # On the last Sunday of October 2:30 comes twice, on that of March never.
        ("2026-10-24T23:30:00Z", {1: 1.0, 2: 2.0, 3: 1.0}, [(7, 1, 1), (7, 2, 2), (7, 3, 1)]),
        ("2026-03-29T00:30:00Z", {1: 1.0, 2: 0.0, 3: 1.0}, [(7, 1, 1), (7, 3, 1), (7, 4, 1), (7, 5, 1)]),
    ],
)
def test_an_hour_that_comes_twice_or_never_is_counted_so(story_from, start, had, counted):
    story = story_from(start)
    for number in range(4):
        story.at(number * HOUR)
        story.met()
        story.end()
    story.at(21 * HOUR)
    found = asked(story, days=1, zone="Europe/Paris")
    assert hours(found, "requests") == counted
    assert {each["hour"]: each["hours"] for each in found["by_hour"][144:148]} == {0: 1.0, **had}


def test_hours_are_those_of_the_zone_and_of_what_has_been(story):
    """Thirty days have five of some weekdays; the last one is not over."""
    story.play(["0 met", "1 end", f"{20 * HOUR} ask", f"{20 * HOUR + 1} cancel"])
    story.at(28 * DAY)
    found = asked(story)
    assert hours(found, "requests", "missed", "cancelled") == [(3, 10, 1, 0, 0), (4, 6, 1, 0, 1)]
    # It is Wednesday, 8 July, 10:00; the first day was a Tuesday.
    assert [found["by_hour"][day * 24 + 12]["hours"] for day in range(7)] == [4, 5, 4, 4, 4, 4, 4]
    assert [found["by_hour"][2 * 24 + hour]["hours"] for hour in (9, 10, 11)] == [5, 4.25, 4]
    assert hours(asked(story, zone="Asia/Kathmandu"), "requests") == [(3, 15, 1), (4, 11, 1)]
    story.runtime.settings = replace(story.runtime.settings, time_zone="America/New_York")
    assert (hours(asked(story))[0], asked(story)["time_zone"]) == ((3, 6), "America/New_York")
    with pytest.raises(InvalidParameter, match="Europe/Paris"):
        asked(story, zone="../etc/passwd")


def test_agents_see_their_own_alone_and_clients_nothing(story):
    anna, ben, client = (story.people[name] for name in ("anna", "ben", "client"))
    story.play(["0 met", "1 end"])
    assert asked(story, anna)["total"]["requests"] == 1
    assert asked(story, ben)["total"]["requests"] == 0
    for reader, agent, refusal in (
        (anna, "ben", NotFound),
        (client, None, Forbidden),
        (client, "anna", Forbidden),
        (ADMIN, "client", NotFound),
    ):
        with pytest.raises(refusal):
            asked(story, reader, agent)
    assert all(each["agents_there"] is None for each in asked(story, anna)["by_hour"])
    for reader in (anna, client):
        with pytest.raises(Forbidden):
            attendance.here(story.runtime, reader)


def test_who_is_there_is_counted_as_each_quarter_of_an_hour_begins(story, monkeypatch):
    """Once, whoever leads; not in the one that the process began in; and not for ever."""
    first, second = Attendance(story.runtime), Attendance(story.runtime)
    switch = lambda db: store.users.set_available(db, story.people["zoe"].id, False)  # noqa: E731
    story.runtime.database.write(switch)
    for second_of, away in ((0, ()), (600, ()), (900, ()), (1000, ()), (1800, ("anna", "ben")), (2700, ())):
        story.at(second_of)
        gone = {story.people[name].id for name in away}
        update = f"UPDATE users SET seen_at = seen_at - 60000 WHERE id IN ({', '.join(map(str, gone))})"
        story.runtime.database.write(lambda db, sql=update: db.conn.execute(sql).close())
        first.look()
        second.look()
    noted = story.runtime.database.read(lambda db: store.attendance.noted(db, 0, 2**62))
    assert [row[1:] for row in noted] == [(5, 4), (3, 2), (3, 2)]
    (seen,) = (each for each in asked(story)["by_hour"] if each["agents_there"] is not None)
    assert (seen["weekday"], seen["hour"]) == (3, 10)
    assert (seen["agents_there"], seen["agents_taking"]) == (3.67, 2.67)
    story.at(401 * DAY)
    Retention(story.runtime)._work()
    assert story.runtime.database.read(lambda db: store.attendance.noted(db, 0, 2**62)) == []


def test_who_is_here_since_when_and_how_much_they_have_to_do(story):
    def seen():
        found = attendance.here(story.runtime, ADMIN)
        return {each["agent"]["name"]: each for each in found["agents"]}, found["waiting"]

    story.play(["0 met anna", "10 turn other", "11 ask anna", "12 turn client", "13 ask any"])
    here, waiting = seen()
    assert here.keys() == {"anna", "ben", "cora", "dora", "zoe"} and waiting == 1
    named = ("status", "conversations", "requests", "since")
    assert [here["anna"][name] for name in named] == ["available", 1, 1, "2026-06-10 10:00:00"]
    assert [here["ben"][name] for name in named[1:3]] == [0, 0]
    story.leave("ben")
    story.at(200)
    assert "ben" not in seen()[0]
    story.come("ben")
    assert seen()[0]["ben"]["since"] == "2026-06-10 10:03:20"
    assert seen()[0]["anna"]["since"] == "2026-06-10 10:00:00"
    rows = table(attendance.as_csv(attendance.here(story.runtime, ADMIN)))
    assert {row["agent"]: row["since"] for row in rows}["ben"] == "2026-06-10 10:03:20"


def test_tables_are_whole_and_no_formula(story):
    story.runtime.database.write(
        lambda db: store.users.update(db, story.people["anna"].id, name="=HYPERLINK(1)")
    )
    story.play(["0 ask", "7 accept", "9 say agent", "10 end", "20 ask any", "30 cancel"])
    found = asked(story)
    agents = table(answering.as_csv(found, "agents"))
    assert [row["agent"] for row in agents] == ["'=HYPERLINK(1)", ""]
    named = ("requests", "accepted_half_within_seconds", "answered_most_within_seconds")
    assert [[row[name] for name in named] for row in agents] == [["1", "7", "2"], ["1", "", ""]]
    days, hours_of_week = (table(answering.as_csv(found, name)) for name in ("days", "hours"))
    assert (len(days), days[-1]["day"], days[-1]["cancelled"]) == (30, "2026-06-10", "1")
    assert (len(hours_of_week), sum(int(row["requests"]) for row in hours_of_week)) == (168, 2)
    own = table(answering.as_csv(asked(story, agent="anna"), "agents"))
    assert [(row["agent"], row["requests"]) for row in own] == [("'=HYPERLINK(1)", "1")]


def test_the_api_answers_as_the_pages_do(site):
    """As JSON and as tables, to whom it is for."""
    client, agent, other = site.person("client"), site.person("agent", "Dr Iris"), site.person("agent")
    admin, path = site.person("admin"), "/api/chat/statistics"
    session = client.ask(agent_id=agent.id)["id"]
    agent.do("accept", session)
    agent.send(session, "Bonjour")
    found = agent.get(f"{path}?days=7&timeZone=Europe/Paris").json
    assert (counts(found["total"]), found["time_zone"]) == ((1, 1, 0, 0, 0, 0), "Europe/Paris")
    assert admin.get(f"{path}?days=7&agentId={agent.id}").json["total"] == found["total"]
    answer = agent.get(f"{path}?format=csv&table=hours")
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert sum(int(row["requests"]) for row in table(answer.body.decode())) == 1
    refused = [(other, f"?agentId={agent.id}", 404), (client, "", 403), (admin, f"?agentId={client.id}", 404)]
    for who, query, status in (*refused, (admin, "?timeZone=Mars/Olympus", 400), (agent, "/here", 403)):
        assert who.get(path + query).status == status
    here = admin.get(f"{path}/here").json["agents"]
    assert [each["conversations"] for each in here if each["agent"]["id"] == agent.id] == [1]


def test_pages_show_the_same_and_keep_the_zone(start):
    site = start(workers=2)  # Of many agents the page has those with the most requests.
    client, agent, admin = site.person("client"), site.person("agent", "Iris <b>"), site.person("admin")
    own, office = Visitor(site, agent), Visitor(site, admin)
    assert "Nobody has asked in these days yet." in own.open("/statistics").text
    agent.do("accept", client.ask(agent_id=agent.id)["id"])
    page = own.open("/statistics?days=7&zone=Asia/Kathmandu")
    assert "Accepted requests 1 100%" in page.text and "By agent" not in page.text
    squares = [values["class"] for tag, values in page.read.tags if tag == "rect"]
    assert (len(squares), squares.count("chart-heat-5"), squares.count("chart-heat-0")) == (168, 1, 167)
    links = [values["href"] for tag, values in page.read.tags if tag == "a" and "href" in values]
    assert "?days=30&zone=Asia/Kathmandu" in links
    (csv_link,) = [each for each in links if "table=hours" in each]
    assert sum(int(row["requests"]) for row in table(own.open(csv_link).body.decode())) == 1
    house = office.open("/admin/statistics")
    assert f"/admin/people/{agent.id}/statistics" in house.body.decode() and "<b>" not in house.body.decode()
    assert "Accepted requests 1 100%" in office.open(f"/admin/people/{agent.id}/statistics").text
    assert office.open(f"/admin/people/{client.id}/statistics").status == 404
    assert own.open("/statistics?zone=Mars/Olympus").status == 400
    french = own.open("/statistics", Accept_Language="fr").body.decode()
    assert "lundi, 9\N{NO-BREAK SPACE}h" in french
    assert "Monday, 9\N{NO-BREAK SPACE}AM" in page.body.decode()
