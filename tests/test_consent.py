"""Nobody pays a price that they did not see: over HTTP, for every worker class, one worker and two."""

from dataclasses import replace

import pytest

from chat import store
from chat.database.migrations import m008_consent
from chat.web import words
from tests.pages.visitor import Visitor
from tests.story import Story
from tests.threads import together

ANY = "/api/chat/sessions"


@pytest.fixture
def session(client, agent):
    """One that the agent has accepted."""
    return agent.do("accept", client.ask(agent_id=agent.id)["id"]).json["session"]


def rate(agent, amount):
    """The agent asks for another one from now on."""
    assert agent.post("/api/chat/agents/me", {"rate_per_minute": amount}).status == 200


def test_what_was_shown_is_what_it_costs_at_most(client, agent):
    asked = client.ask(agent_id=agent.id)
    assert (asked["rate_per_minute"], asked["max_rate"]) == (2.5, 2.5)
    rate(agent, 999_999.99)
    (card,) = agent.inbox().json["sessions"]
    assert card["offered_rate"] == 2.5
    accepted = agent.do("accept", asked["id"]).json["session"]
    assert (accepted["rate_per_minute"], accepted["max_rate"]) == (2.5, 2.5)


def test_a_rate_that_has_fallen_is_the_client_s(client, agent):
    asked = client.ask(agent_id=agent.id, rate_per_minute=2.5)
    rate(agent, 1.2)
    assert agent.inbox().json["sessions"][0]["offered_rate"] == 1.2
    accepted = agent.do("accept", asked["id"]).json["session"]
    assert (accepted["rate_per_minute"], accepted["max_rate"]) == (1.2, 2.5)


@pytest.mark.parametrize("said", ["rate_per_minute", "max_rate"])
def test_a_client_who_was_shown_less_is_told_what_it_costs(client, agent, said):
    rate(agent, 4)
    refused = client.post(ANY, {"agent_id": agent.id, said: 2.5})
    assert (refused.status, refused.json["code"], refused.json["rate_per_minute"]) == (409, "rate_changed", 4)
    assert client.inbox().json["sessions"] == agent.inbox().json["sessions"] == []
    asked = client.post(ANY, {"agent_id": agent.id, said: refused.json["rate_per_minute"]})
    assert (asked.status, asked.json["session"]["max_rate"]) == (201, 4)
    # What was asked for before the rate went up is no new request.
    rate(agent, 9)
    again = client.post(ANY, {"agent_id": agent.id, said: 4})
    assert (again.status, again.json["duplicate"]) == (200, True)


def test_a_request_to_any_agent_names_what_a_minute_may_cost(server, client):
    refused = client.post(ANY, {"rate_per_minute": 5})
    assert (refused.status, refused.json["code"], refused.json["field"]) == (
        400,
        "invalid_parameter",
        "max_rate",
    )
    asked = client.post(ANY, {"max_rate": 3}).json["session"]
    assert (asked["rate_per_minute"], asked["max_rate"]) == (None, 3)
    cheap, dear = server.person("agent", rate_cents=100), server.person("agent", rate_cents=900)
    offered = [
        next(each for each in who.inbox().json["sessions"] if each["id"] == asked["id"])["offered_rate"]
        for who in (cheap, dear)
    ]
    assert offered == [1, 3]
    assert client.inbox().json["sessions"][0]["offered_rate"] is None
    # Who costs more takes it for that, if they choose to.
    assert dear.do("accept", asked["id"]).json["session"]["rate_per_minute"] == 3


def test_of_many_accepts_and_new_rates_at_once_none_is_dearer(server, client):
    asked = client.ask(max_rate=2)
    agents = [server.person("agent", rate_cents=100 * number) for number in range(1, 7)]

    def raise_and_accept(who):
        rate(who, 50)
        return who.do("accept", asked["id"]).status

    with together() as threads:
        statuses = threads.map(raise_and_accept, agents)
    assert sorted(statuses) == [200] + [404] * 5
    assert client.show(asked["id"])["rate_per_minute"] == 2


def test_agreeing_is_to_an_agent_and_a_rate(server, client, agent, session):
    first, second = (server.person("agent", name, rate_cents=400) for name in ("Me Girard", "Me Noir"))
    agent.do("transfer", session["id"], agent_id=first.id)
    shown = client.show(session["id"])["transfer"]
    assert shown == {
        "agent_id": first.id,
        "agent_name": "Me Girard",
        "rate_per_minute": 4,
        "status": "available",
    }
    # While the client reads it, the offer becomes another one.
    for other, cost in ((first, 9), (second, 4)):
        rate(other, cost)
        agent.do("transfer", session["id"], agent_id=other.id)
        refused = client.do("transfer/agree", session["id"], agent_id=shown["agent_id"], rate_per_minute=4)
        assert (refused.status, refused.json["code"]) == (409, "offer_changed")
        assert refused.json["transfer"] == client.show(session["id"])["transfer"]
        assert (refused.json["transfer"]["agent_id"], refused.json["transfer"]["rate_per_minute"]) == (
            other.id,
            cost,
        )
    offer = refused.json["transfer"]
    for _ in range(2):
        agreed = client.do("transfer/agree", session["id"], **offer)
        assert (agreed.status, agreed.json["session"]["agent"]["id"]) == (200, second.id)
    assert (agreed.json["session"]["rate_per_minute"], agreed.json["session"]["max_rate"]) == (4, 4)
    nothing = client.do("transfer/agree", session["id"], agent_id=first.id, rate_per_minute=9)
    assert (nothing.status, nothing.json["code"], nothing.json["transfer"]) == (409, "offer_changed", None)
    client.do("end", session["id"])
    assert client.do("transfer/agree", session["id"], **offer).json["code"] == "session_ended"


def test_it_is_told_when_the_clock_has_started(server, client, agent, session):
    assert session["clock_started_at"] is None
    cursor = client.fetch(session["id"]).json["cursor"]
    held = client.poll(session["id"], cursor=cursor)
    agent.send(session["id"], "Bonjour")
    told = held.result().json
    assert told["session"]["clock_started_at"] == told["messages"][0]["created_at"]
    # Another agent's clock is another one.
    other = server.person("agent", rate_cents=100)
    agent.do("transfer", session["id"], agent_id=other.id)
    assert client.show(session["id"])["clock_started_at"] is None
    other.send(session["id"], "À moi")
    assert client.show(session["id"])["clock_started_at"] is not None


def balance(server, client, amount, kind="top_up"):
    """By hand of an administrator."""
    entry = {"user_id": client.id, "kind": kind, "amount": amount, "reason": "Card"}
    assert server.person("admin").pay("/api/chat/balance", entry).status == 201


def test_who_cannot_pay_for_a_minute_is_told_so_and_no_clock_is_started(start):
    server = start(prepaid=1, spending_limit="20.00")
    client, agent = server.person("client"), server.person("agent")
    balance(server, client, 1)
    refused = client.post(ANY, {"agent_id": agent.id})
    assert (refused.status, refused.json["code"], refused.json["missing"]) == (
        409,
        "insufficient_balance",
        1.5,
    )
    assert client.post(ANY, {"max_rate": 1.01}).json["missing"] == 0.01
    assert client.inbox().json["sessions"] == []
    balance(server, client, 1.5)
    asked = client.ask(agent_id=agent.id)
    balance(server, client, 0.01, "refund")
    cursor = client.inbox().json["cursor"]
    accepted = agent.do("accept", asked["id"]).json["session"]
    assert (accepted["status"], accepted["pause_reason"]) == ("paused", "balance")
    (told,) = client.inbox(cursor=cursor).json["sessions"]
    assert told["pause_reason"] == "balance"
    agent.send(asked["id"], "Bonjour")
    assert client.show(asked["id"])["clock_started_at"] is None
    assert client.do("resume", asked["id"]).json["code"] == "insufficient_balance"
    balance(server, client, 0.01)
    assert client.do("resume", asked["id"]).json["session"]["is_clock_running"]
    # The operator's limit is the one of who names none.
    assert accepted["spending_limit"] == 20
    client.do("end", asked["id"])
    free = server.person("agent", rate_cents=0)
    assert client.ask(agent_id=free.id, spending_limit=None)["spending_limit"] is None
    client.do("end", client.ask(agent_id=free.id)["id"])
    assert client.ask(agent_id=free.id, spending_limit=5)["spending_limit"] == 5


def test_a_limit_that_pays_for_nothing_is_refused_with_what_is_the_least(server, client, agent):
    for asked in ({"agent_id": agent.id}, {"max_rate": 2.50}):
        refused = client.post(ANY, {**asked, "spending_limit": 2.49})
        assert (refused.status, refused.json["code"], refused.json["least"]) == (
            400,
            "invalid_parameter",
            2.5,
        )
    visitor = Visitor(server, client)
    page = visitor.post("/sessions", visitor.open(f"/sessions/new?agent_id={agent.id}").form("/sessions"))
    talk = page.location.rpartition("/")[2]
    assert client.do("limit", talk, spending_limit=2.49).json["least"] == 2.5
    client.do("cancel", talk)
    form = visitor.open(f"/sessions/new?agent_id={agent.id}").form("/sessions")
    page = visitor.post("/sessions", form, spending_limit="2,49")
    assert (page.status, "At least €2.50, which is what it costs or begins with." in page.text) == (400, True)
    assert visitor.post("/sessions", page.form("/sessions"), spending_limit="2,50").status == 303


def test_a_session_is_prepaid_whatever_the_setting_is_by_now(runtime):
    before = runtime.settings
    runtime.settings = replace(before, prepaid=True)
    story = Story(runtime)
    try:
        story.top_up(1000)
        story.ask()
        assert not story.read()["is_prepaid"]
        story.accept()
        runtime.settings = before
        assert story.read()["is_prepaid"] and "prepaid" in words.states(story.read())
    finally:
        story.close()
        runtime.settings = before


def test_an_older_database_is_taken_over(runtime):
    """What was charged was agreed to; who asked any agent was told nothing, and asks again."""
    story = Story(runtime)
    try:
        story.ask("anna")
        story.accept()
        story.say("agent")
        story.transfer("ben")
        story.say("agent")
        talk, started_at = story.id, story.read()["clock_started_at"]
        story.ask("any")
        head = runtime.database.read(store.revision.head)

        def migrate_again(db):
            for column in ("max_rate_cents", "clock_started_at"):
                db.conn.execute(f"ALTER TABLE chat_sessions DROP COLUMN {column}")
            m008_consent(db)

        runtime.database.write(migrate_again)
        told = story.read()
        assert (told["status"], told["end_reason"], told["total_cost"]) == ("ended", "expired", 0)
        assert told["revision"] == runtime.database.read(store.revision.head) == head + 1
        story.id = talk
        told = story.read()
        assert (told["rate_per_minute"], told["max_rate"]) == (100, 250)
        assert told["clock_started_at"] == started_at
    finally:
        story.close()
