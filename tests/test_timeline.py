"""What has happened in a session is told from its bill: dated, in order, folded where it is much."""

import re
from datetime import datetime

import pytest

from tests import test_billing
from tests.client import Conversation
from tests.pages.visitor import Visitor
from tests.streams import SSE, WS
from tests.test_billing import Told

runtime_of = test_billing.runtime_of

# name
#     what happens, as in tests/test_billing.py
#     → what is told: the second, the code, and what it is about
CASES = """
a pause
    0 ask; 9 accept; 10 say agent; 70 pause client; 100 resume client; 161 end
    → 9 accepted anna 250, 10 clock_started 250 0, 70 paused paused_by_client, 100 resumed 30,
    161 ended ended_by_client 3 750
a request that is declined
    0 ask; 30 decline
    → 30 ended declined
one that expires
    0 ask; 500 sweep
    → 120 ended expired
one that is taken back after another limit
    0 ask; 5 limit 900; 30 cancel
    → 5 limit_changed 900, 30 ended cancelled
accepted, and nobody pays
    0 ask; 9 accept; 40 end agent
    → 9 accepted anna 250, 40 ended ended_by_agent 0 0
free seconds
    free_seconds=60; 0 talk; 61 end
    → 0 accepted anna 250, 0 clock_started 250 60, 61 ended ended_by_client 1 250
first message in a pause
    0 ask; 9 accept; 10 pause client; 20 say agent; 50 resume client; 51 end
    → 9 accepted anna 250, 20 paused paused_by_client, 50 clock_started 250 0, 51 ended ended_by_client 1 250
handed over, then to a dearer one, and in a pause
    0 talk; 30 transfer ben; 40 say agent; 70 transfer dora; 71 answer no; 72 transfer dora; 73 answer yes;
    80 say agent; 90 pause client; 95 transfer zoe; 96 resume client; 97 say agent; 99 end
    → 0 accepted anna 250, 0 clock_started 250 0, 30 handed_over ben 100, 40 clock_started 100 0,
    73 handed_over dora 400, 80 clock_started 400 0, 90 paused paused_by_client, 95 handed_over zoe 0,
    97 clock_started 0 0, 99 ended ended_by_client 2 350
handed over before the clock started
    0 ask; 5 accept; 10 transfer ben; 20 say agent; 21 end
    → 5 accepted anna 250, 10 handed_over ben 100, 20 clock_started 100 0, 21 ended ended_by_client 1 100
a limit, and a higher one, and none
    0 talk anna 500; 150 limit 1000; 160 limit 1000; 170 limit none; 171 end
    → 0 accepted anna 250, 0 clock_started 250 0, 120 paused spending_limit, 150 limit_changed 1000,
    150 resumed 30, 170 limit_changed None, 171 ended ended_by_client 3 750
an empty balance
    prepaid=1; 0 top_up 250; 0 talk; 80 top_up 250; 90 resume client; 91 end
    → 0 accepted anna 250, 0 clock_started 250 0, 60 paused balance, 90 resumed 30,
    91 ended ended_by_client 2 500
silence
    0 talk; 360 say client; 361 end
    → 0 accepted anna 250, 0 clock_started 250 0, 300 paused inactive, 360 resumed 60,
    361 ended ended_by_client 6 1500
an absence that is found later takes the place of the silence
    0 talk; 290 leave client; 320 shows pause_reason inactive; 340 shows pause_reason client_absent; 341 end
    → 0 accepted anna 250, 0 clock_started 250 0, 290 paused client_absent, 341 ended ended_by_client 5 1250
an absence while somebody pauses
    0 talk; 100 leave client; 120 pause agent; 150 come client; 160 resume agent; 161 end
    → 0 accepted anna 250, 0 clock_started 250 0, 100 paused client_absent, 120 paused paused_by_agent,
    160 resumed 60, 161 ended ended_by_client 2 500
an outage
    0 talk; 60 crash; 70 boot; 71 end
    → 0 accepted anna 250, 0 clock_started 250 0, 60 paused outage, 70 resumed 10,
    71 ended ended_by_client 2 500
one of a few seconds
    0 talk; 60 crash; 64 boot; 71 end
    → 0 accepted anna 250, 0 clock_started 250 0, 71 ended ended_by_client 2 500
a pause of a few seconds that somebody wants
    0 talk; 60 pause agent; 62 resume agent; 63 end
    → 0 accepted anna 250, 0 clock_started 250 0, 60 paused paused_by_agent, 62 resumed 2,
    63 ended ended_by_client 2 500
two pauses in a row
    0 talk; 10 pause client; 20 resume client; 90 pause client; 95 resume client; 96 end
    → 0 accepted anna 250, 0 clock_started 250 0, 10 paused paused_by_client, 20 resumed 10,
    90 paused paused_by_client, 95 resumed 5, 96 ended ended_by_client 2 500
three
    0 talk; 10 pause client; 20 resume client; 90 pause client; 95 resume client; 99 pause agent;
    109 resume agent; 110 end
    → 0 accepted anna 250, 0 clock_started 250 0, 10 paused_often None 3 25, 110 ended ended_by_client 2 500
three, and a fourth that lasts
    0 talk; 10 pause client; 20 resume client; 25 pause client; 30 resume client; 35 pause client;
    40 resume client; 45 pause client
    → 0 accepted anna 250, 0 clock_started 250 0, 10 paused_often paused_by_client 3 20,
    45 paused paused_by_client
three with words between
    0 talk; 10 pause client; 20 resume client; 22 say client; 25 pause client; 30 resume client; 32 say agent;
    35 pause client; 40 resume client; 41 end
    → 0 accepted anna 250, 0 clock_started 250 0, 10 paused paused_by_client, 20 resumed 10,
    25 paused paused_by_client, 30 resumed 5, 35 paused paused_by_client, 40 resumed 5,
    41 ended ended_by_client 1 250
three outages, with words between
    0 talk; 10 crash; 20 boot; 22 say client; 25 crash; 35 boot; 36 say agent; 40 crash; 43 boot; 50 end
    → 0 accepted anna 250, 0 clock_started 250 0, 10 paused_often outage 3 23, 50 ended ended_by_client 1 250
"""
CASE = re.compile(r"(\S.*)\n((?:    (?!→).+\n)+)    → ((?:.+\n)(?:    .+\n)*)")
CASES_BY_NAME = {match[1]: match.groups()[1:] for match in CASE.finditer(CASES)}


@pytest.fixture
def play(runtime_of):
    """Tell a story, in which people are there."""
    stories = []

    def play(*steps, settings=(), is_swept=True):
        stories.append(Told(runtime_of(*settings), is_swept))
        stories[-1].play(steps)
        return stories[-1]

    yield play
    for story in stories:
        story.close()


def told(story):
    """Of each event, the second, the code, and what it is about."""
    session = story.read()
    asked = datetime.fromisoformat(session["created_at"])
    return [
        " ".join(
            map(
                str,
                [
                    int((datetime.fromisoformat(each["at"]) - asked).total_seconds()),
                    each["code"],
                    *([each["agent"]["name"]] if "agent" in each else []),
                    *[
                        int(value) if isinstance(value, int) else value
                        for name, value in each.items()
                        if name not in ("at", "code", "after_message_id", "agent")
                    ],
                ],
            )
        )
        for each in session["events"]
    ]


@pytest.mark.parametrize("name", CASES_BY_NAME)
def test_what_has_happened_is_told(name, play):
    script, expected = CASES_BY_NAME[name]
    steps = [step.strip() for step in script.split(";")]
    settings = [step for step in steps if "=" in step]
    story = play(*steps[len(settings) :], settings=settings)
    assert told(story) == [" ".join(line.split()) for line in expected.split(",")]


def test_the_table_was_read():
    assert len(CASES_BY_NAME) == CASES.count("→") == 22


def test_many_pauses_are_few_lines(play):
    story = play("0 talk")
    for number in range(60):
        story.play([f"{10 + 70 * number} pause client", f"{20 + 70 * number} resume client"])
    assert told(story)[2:] == ["10 paused_often paused_by_client 60 600"]


def test_what_is_found_later_is_told_at_once_and_where_it_was(play):
    story = play("0 talk", "60 say client", "61 leave client", is_swept=False)
    story.at(105)
    assert told(story)[2:] == []
    story.at(106)
    assert told(story)[2:] == ["61 paused client_absent"]
    stored = story.read()["revision"]
    story.sweep()  # Only now is it in the database.
    assert (told(story)[2:], story.read()["revision"] > stored) == (["61 paused client_absent"], True)


@pytest.fixture
def server(site):
    return site


@pytest.fixture
def talk(site, client, agent):
    """A conversation whose clock runs."""
    asked = client.ask(agent_id=agent.id, message="Bonjour")["id"]
    agent.do("accept", asked)
    agent.send(asked, "Je vous écoute")
    return Conversation(asked, client, agent, {})


def codes(session):
    return [each["code"] for each in session["events"]]


def test_who_has_a_cursor_is_told_of_what_changed_and_else_of_nothing(talk):
    client, agent = talk.client, talk.agent
    first = client.fetch(talk.id, cursor=0).json
    assert codes(first["session"]) == ["accepted", "clock_started"]
    assert "events" not in client.fetch(talk.id).json["session"]
    assert "events" not in client.fetch(talk.id, cursor=first["cursor"]).json["session"]
    agent.send(talk.id, "Plus de mots")
    spoken = client.fetch(talk.id, cursor=first["cursor"]).json
    assert (spoken["messages"][0]["message"], "events" in spoken["session"]) == ("Plus de mots", False)
    held = client.poll(talk.id, cursor=spoken["cursor"])
    agent.do("pause", talk.id)
    paused = held.result().json["session"]
    assert codes(paused) == ["accepted", "clock_started", "paused"]
    assert paused["events"][-1]["reason"] == "paused_by_agent"
    assert paused["events"][-1]["after_message_id"] == spoken["messages"][0]["id"]
    # It is all of it, whatever the cursor: a pause that ends is told with what was before.
    agent.do("resume", talk.id)
    assert codes(client.fetch(talk.id, cursor=first["cursor"]).json["session"]) == codes(client.show(talk.id))
    assert codes(agent.show(talk.id))[-1] == "resumed"


@pytest.mark.parametrize(("kind", "path"), [(SSE, "stream"), (WS, "ws")], ids=["sse", "ws"])
def test_streams_tell_it_too(talk, kind, path):
    cursor = talk.client.inbox().json["cursor"]
    with (
        kind(talk.client, f"/api/chat/{path}/{talk.id}?cursor={cursor}") as one,
        kind(talk.client, f"/api/chat/{path}?cursor={cursor}") as all_of_them,
    ):
        for stream in (one, all_of_them):
            stream.one("open")
        talk.agent.send(talk.id, "Un mot")
        # A stream that is late tells the latest alone.
        for stream in (one, all_of_them):
            spoken = stream.one("session", lambda data: data["status"] == "active").data
            assert "events" not in spoken
        talk.agent.do("pause", talk.id)
        for stream in (one, all_of_them):
            paused = stream.one("session", lambda data: data["status"] == "paused").data
            assert codes(paused) == ["accepted", "clock_started", "paused"]


def test_an_inbox_tells_it_to_who_takes_part(site, talk):
    cursor = talk.agent.inbox().json["cursor"]
    talk.client.do("pause", talk.id)
    (card,) = talk.agent.inbox(cursor=cursor, peers="").json["sessions"]
    assert codes(card) == ["accepted", "clock_started", "paused"]
    assert "events" not in talk.agent.inbox(cursor=card["revision"], peers="").json
    assert ["events" in each for each in talk.agent.inbox(cursor=cursor).json["sessions"]] == [False]
    # Who looks at a request to any agent does not.
    other = site.person("agent")
    cursor = other.inbox().json["cursor"]
    client = site.person("client")
    asked = client.ask(message="Who is there?", max_rate=5)["id"]
    client.do("limit", asked, spending_limit=10)
    cards = other.inbox(cursor=cursor, peers="").json["sessions"]
    assert ["events" in each for each in cards if each["id"] == asked] == [False]
    assert codes(client.show(asked)) == ["limit_changed"]


def test_a_transcript_has_it_in_its_place_and_nobody_wrote_it(site, talk):
    talk.client.do("pause", talk.id)
    talk.client.send(talk.id, "[Nov 27, 2026, 2:12 PM] Paused by the agent")
    talk.client.do("resume", talk.id)
    talk.client.do("end", talk.id)
    for reader in (talk.client, talk.agent, site.person("admin")):

        def read(kind, reader=reader):
            return reader.request(
                "GET", f"/sessions/{talk.id}/transcript.{kind}", Cookie=f"session={reader.token}"
            )

        assert codes(read("json").json["session"]) == [
            *("accepted", "clock_started", "paused", "resumed", "ended")
        ]
        lines = read("txt").body.decode().splitlines()
        heads = [line.partition("] ")[2] for line in lines if line.startswith("[")]
        assert [re.sub("[\u2066-\u2069]|[.:]? ?[€0-9].*", "", each) for each in heads] == [
            *("Camille Moreau (Client):", "Dr Anaïs Laurent has accepted", "Dr Anaïs Laurent (Agent):"),
            *("The clock has started", "Paused by the client", "Camille Moreau (Client):"),
            *("It goes on after", "Ended by the client ·"),
        ]
        assert "    [Nov 27, 2026, 2:12 PM] Paused by the agent" in lines


def lines(page):
    return page.locator(".event").all_inner_texts()


def test_lines_are_the_same_live_and_after_a_reload(site, visit, talk):
    other = site.person("agent", "Ben Girard", rate_cents=100)
    visitors = [
        visit(site, who, locale=locale) for who, locale in ((talk.client, "fr"), (talk.agent, "en-GB"))
    ]
    pages = [visitor.page for visitor in visitors]
    for visitor in visitors:
        visitor.open(f"/sessions/{talk.id}")
        visitor.await_connection("live")
    talk.client.do("pause", talk.id)
    for page, text in zip(pages, ("Mise en pause par vous", "Paused by the client"), strict=True):
        # A screen reader is told by the banner, and not by the line again.
        page.locator(".event[aria-live=off]", has_text=text).wait_for()
        page.locator("[role=status] [data-status-text]", has_text=text).wait_for()
    talk.client.do("resume", talk.id)
    talk.client.send(talk.id, "Puis-je sous-louer ?")
    talk.client.do("limit", talk.id, spending_limit=20)
    for _ in range(3):
        talk.agent.do("pause", talk.id)
        talk.agent.do("resume", talk.id)
    for page, text in zip(pages, ("par le conseiller · 3 fois", "Paused by you · 3 times"), strict=True):
        page.locator(".event", has_text=text).wait_for()
    talk.client.do("limit", talk.id, spending_limit=None)
    for page, text in zip(pages, ("plus de plafond", "There is no limit any more."), strict=True):
        page.locator(".event", has_text=text).wait_for()
        live = lines(page)
        assert len(live) == len(set(live)) == 7
        # Where they were said: before these words, and after them.
        assert page.locator(".event:has(~ .message:has-text('sous-louer'))").count() == 4
        page.reload()
        assert lines(page) == live
    talk.agent.do("transfer", talk.id, agent_id=other.id)
    pages[0].locator(".event", has_text="Conversation confiée à \u2068Ben Girard\u2069 : 1,00").wait_for()
    talk.client.do("end", talk.id)
    pages[0].locator(".event", has_text="Terminée par vous · 1 min, 2,50").wait_for()
    live = lines(pages[0])
    pages[0].reload()
    assert lines(pages[0]) == live
    admin = visit(site, site.person("admin"), locale="fr")
    admin.open(f"/admin/sessions/{talk.id}")
    assert [line.replace("le client", "vous") for line in lines(admin.page)] == live


def test_what_happened_earlier_comes_with_the_messages_of_then(site, visit, talk):
    talk.client.do("pause", talk.id)
    talk.client.do("resume", talk.id)
    for number in range(55):
        talk.agent.send(talk.id, f"line {number}")
    talk.agent.do("pause", talk.id)
    visitor = visit(site, talk.client)
    visitor.open(f"/sessions/{talk.id}")
    assert [line.partition("Paused by ")[2] for line in lines(visitor.page)] == ["the agent"]
    visitor.await_connection("live")
    visitor.page.locator("[data-log]").evaluate("log => log.scrollTo(0, 0)")
    visitor.page.locator(".event", has_text="has accepted").wait_for()
    told = visitor.page.locator(".event span").all_inner_texts()
    assert [re.sub(r"[:.] .*| after.*", "", each) for each in told] == [
        *(
            "\u2068Dr Anaïs Laurent\u2069 has accepted",
            "The clock has started",
            "Paused by you",
            "It goes on",
        ),
        "Paused by the agent",
    ]
    # Without scripts they are on the page that has the messages.
    plain = Visitor(site, talk.client)
    page = plain.open(f"/sessions/{talk.id}")
    earlier = plain.open(page.link(r"/sessions/\d+\?before=\d+"))
    assert [each.body.count(b'class="event" data-event') for each in (page, earlier)] == [1, 4]
