"""A session's life over HTTP: who may do what, and when; for every worker class, one worker and two."""

import pytest

from chat import accounts
from tests.threads import together


@pytest.fixture
def session(client, agent):
    """One that the agent has accepted."""
    asked = client.ask(agent_id=agent.id)
    return agent.do("accept", asked["id"]).json["session"]


def test_a_request_waits_with_its_first_message(client, agent):
    answer = client.post(
        "/api/chat/sessions", {"agent_id": agent.id, "message": " Bonjour ", "spending_limit": 20.5}
    )
    asked = answer.json["session"]
    assert (answer.status, asked["status"], asked["position"]) == (201, "waiting", 1)
    assert (asked["rate_per_minute"], asked["spending_limit"]) == (2.5, 20.5)
    assert agent.fetch(asked["id"]).texts == ["Bonjour"]


def test_asking_again_gives_the_same_session(client, agent):
    first = client.ask(agent_id=agent.id)
    again = client.post("/api/chat/sessions", {"agent_id": agent.id})
    assert (again.status, again.json["duplicate"], again.json["session"]["id"]) == (200, True, first["id"])
    agent.do("accept", first["id"])
    assert client.ask(agent_id=agent.id)["id"] == first["id"]
    client.do("end", first["id"])
    assert client.ask(agent_id=agent.id)["id"] != first["id"]


def test_any_agent_may_take_a_request_to_any_and_one_does(server, client):
    asked = client.ask()
    agents = [server.person("agent") for _ in range(6)]
    with together() as threads:
        answers = threads.map(lambda agent: agent.do("accept", asked["id"]), agents)
    assert sorted(answer.status for answer in answers) == [200] + [404] * 5
    winner = agents[[answer.status for answer in answers].index(200)]
    assert client.show(asked["id"])["agent"]["id"] == winner.id
    assert winner.do("accept", asked["id"]).status == 200


def test_accepting_fixes_the_rate(client, agent, session):
    assert (session["status"], session["rate_per_minute"], session["currency"]) == ("active", 2.5, "EUR")
    agent.post("/api/chat/agents/me", {"rate_per_minute": 9.99})
    assert client.show(session["id"])["rate_per_minute"] == 2.5


@pytest.mark.parametrize(
    ("transition", "who", "reason"),
    [
        ("decline", "agent", "declined"),
        ("cancel", "client", "cancelled"),
        ("end", "client", "cancelled"),
        ("end", "agent", "declined"),
    ],
)
def test_a_request_can_be_refused_and_taken_back(client, agent, transition, who, reason):
    asked = client.ask(agent_id=agent.id)
    person = {"client": client, "agent": agent}[who]
    answers = [person.do(transition, asked["id"]) for _ in range(2)]
    assert [answer.json["session"]["end_reason"] for answer in answers] == [reason] * 2
    assert answers[0].json["session"] == answers[1].json["session"]
    late = agent.do("accept", asked["id"])
    assert (late.status, late.json["code"]) == (409, "session_ended")


@pytest.mark.parametrize("first", ["client", "agent"])
def test_who_paused_it_goes_on_with_it(client, agent, session, first):
    people = {"client": client, "agent": agent}
    one, other = people.pop(first), *people.values()
    paused = one.do("pause", session["id"]).json["session"]
    assert (paused["status"], paused["pause_reason"]) == ("paused", f"paused_by_{first}")
    assert one.do("pause", session["id"]).status == 200
    assert other.do("pause", session["id"]).json["code"] == "wrong_status"
    assert other.do("resume", session["id"]).json["code"] == "forbidden"
    assert other.send(session["id"], "Je patiente").status == 201
    assert one.show(session["id"])["status"] == "paused"
    assert one.do("resume", session["id"]).json["session"]["status"] == "active"
    assert one.do("resume", session["id"]).status == 200


def test_messages_pass_while_waiting_active_and_paused_and_not_after_the_end(client, agent):
    asked = client.ask(agent_id=agent.id)["id"]
    assert client.send(asked, "en attente").status == 201
    agent.do("accept", asked)
    assert agent.send(asked, "en cours").status == 201
    client.do("pause", asked)
    assert agent.send(asked, "en pause").status == 201
    client.do("end", asked)
    refused = client.send(asked, "trop tard")
    assert (refused.status, refused.json["code"]) == (409, "session_ended")
    assert client.get(refused.json["receipt"]).json["is_final"] is True


@pytest.mark.parametrize(
    ("transition", "who"),
    [
        ("accept", "client"),
        ("decline", "client"),
        ("cancel", "agent"),
        ("limit", "agent"),
        ("transfer/agree", "agent"),
        ("rating", "agent"),
    ],
)
def test_each_side_has_its_own_things_to_do(client, agent, transition, who):
    asked = client.ask(agent_id=agent.id)
    content = {"spending_limit": 5, "agent_id": agent.id, "rate_per_minute": 5, "rating": 5}
    answer = {"client": client, "agent": agent}[who].do(transition, asked["id"], **content)
    assert (answer.status, answer.json["code"]) == (403, "forbidden")


def test_only_clients_ask_and_only_of_agents_who_are_there(server, client, agent):
    assert agent.post("/api/chat/sessions", {"max_rate": 5}).json["code"] == "forbidden"
    assert client.post("/api/chat/sessions", {"agent_id": client.id}).status == 404
    agent.post("/api/chat/agents/me", {"available": False})
    away = client.post("/api/chat/sessions", {"agent_id": agent.id})
    assert (away.status, away.json["code"]) == (409, "agent_unavailable")


@pytest.mark.parametrize(
    "transition",
    ["accept", "decline", "cancel", "end", "pause", "resume", "transfer/agree", "transfer/refuse"],
)
def test_an_outsider_learns_nothing_of_a_session(server, session, transition):
    offer = {"agent_id": 1, "rate_per_minute": 1}
    for role in ("client", "agent"):
        outsider = server.person(role)
        foreign, unknown = (outsider.do(transition, number, **offer) for number in (session["id"], 2**62))
        assert foreign.body == unknown.body
        assert foreign.status == (403 if (role, transition) == ("client", "accept") else 404)


def test_a_transfer_to_a_cheaper_agent_happens_at_once(server, client, agent, session):
    other = server.person("agent", rate_cents=100)
    cursor = agent.inbox().json["cursor"]
    answers = [agent.do("transfer", session["id"], agent_id=other.id) for _ in range(2)]
    assert [answer.json["session"]["agent"]["id"] for answer in answers] == [other.id] * 2
    assert agent.fetch(session["id"]).status == 404
    assert agent.inbox(cursor=cursor).json["removed"] == [session["id"]]
    assert [each["id"] for each in other.inbox().json["sessions"]] == [session["id"]]
    assert other.send(session["id"], "Je prends la suite").status == 201
    assert client.show(session["id"])["rate_per_minute"] == 1


@pytest.mark.parametrize("answer", ["agree", "refuse"])
def test_a_dearer_agent_needs_the_client_s_word(server, client, agent, session, answer):
    other = server.person("agent", "Me Girard", rate_cents=900)
    asked = agent.do("transfer", session["id"], agent_id=other.id).json["session"]
    offer = {"agent_id": other.id, "rate_per_minute": 9}
    assert asked["transfer"] == {**offer, "agent_name": "Me Girard", "status": "available"}
    assert asked["agent"]["id"] == agent.id
    assert other.fetch(session["id"]).status == 404
    after = client.do(f"transfer/{answer}", session["id"], **offer).json["session"]
    assert after["transfer"] is None
    assert after["agent"]["id"] == (other.id if answer == "agree" else agent.id)


def test_a_rating_comes_after_the_end_and_counts_for_the_agent(client, agent, session):
    early = client.do("rating", session["id"], rating=5)
    assert (early.status, early.json["code"]) == (409, "wrong_status")
    client.do("end", session["id"])
    assert client.do("rating", session["id"], rating=3, comment="Bien").status == 200
    assert client.do("rating", session["id"], rating=4).json["session"]["rating"] == 4
    card = card_of(client, agent)
    assert (card["rating"], card["ratings"]) == (4.0, 1)


def card_of(client, agent):
    """How the agent is listed."""
    page = client.get(f"/api/chat/agents?afterAgentId={agent.id - 1}&limit=1").json
    return page["agents"][0]


def test_agents_are_listed_with_rate_and_state(server, client, agent):
    card = card_of(client, agent)
    assert (card["name"], card["rate_per_minute"]) == ("Dr Anaïs Laurent", 2.5)
    assert card["status"] == "available"
    for _ in range(5):
        other = server.person("client")
        agent.do("accept", other.ask(agent_id=agent.id)["id"])
    assert card_of(client, agent)["status"] == "busy"
    agent.post("/api/chat/agents/me", {"available": False})
    assert card_of(client, agent)["status"] == "away"
    assert client.post("/api/chat/agents/me", {"available": True}).json["code"] == "forbidden"


def test_an_agent_who_is_signed_in_nowhere_takes_no_requests(server, client, agent):
    elsewhere = server.client(accounts.issue_token(server.runtime, agent.id))
    agent.post("/api/auth/logout")
    assert card_of(client, agent)["status"] == "available"
    elsewhere.post("/api/auth/logout")
    assert card_of(client, agent)["status"] == "away"


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("", {"agent_id": "2"}),
        ("", {"spending_limit": -1}),
        ("", {"spending_limit": 1.005}),
        ("", {"spending_limit": True}),
        ("", {"max_rate": 5, "message": " "}),
        ("/{id}/limit", {}),
        ("/{id}/limit", {"spending_limit": "20"}),
        ("/{id}/transfer", {}),
        ("/{id}/transfer/agree", {}),
        ("/{id}/transfer/agree", {"agent_id": 1}),
        ("/{id}/transfer/agree", {"rate_per_minute": 2.5}),
        ("", {}),
        ("", {"max_rate": None}),
        ("", {"rate_per_minute": 2.5}),
        ("/{id}/rating", {"rating": 6}),
        ("/{id}/rating", {"rating": 5, "comment": "x" * 1001}),
    ],
)
def test_a_value_that_cannot_be_meant_is_named(client, session, path, content):
    answer = client.post(f"/api/chat/sessions{path.format(id=session['id'])}", content)
    assert (answer.status, answer.json["code"]) == (400, "invalid_parameter")


def test_fifty_ends_at_once_leave_one_receipt(client, agent, session):
    agent.send(session["id"], "Au revoir")
    with together() as threads:
        answers = threads.map(lambda who: who.do("end", session["id"]), [client, agent] * 25)
    assert {answer.status for answer in answers} == {200}
    first = answers[0].json["session"]
    assert all(answer.json["session"] == first for answer in answers)
    intervals = client.get(f"/api/chat/sessions/{session['id']}/receipt").json["intervals"]
    assert [each["reason"] for each in intervals] == ["active"]
