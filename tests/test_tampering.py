"""Fields and amounts that nobody was asked for: they change nothing, and the bill stays right."""

import pytest

from chat import store
from tests.pages.test_forgery import all_of
from tests.pages.visitor import Visitor, new_email, sign_up
from tests.server import PASSWORD

# What would make somebody more than they are, were it taken over from what they send.
EXTRA = {
    **{"role": "admin", "is_admin": True, "admin": 1, "is_disabled": False, "password_hash": "x"},
    **{"balance": 999, "balance_cents": 99900, "rate_cents": 1, "rate_per_minute": 0.01, "total_cost": 0},
    **{"id": 1, "user_id": 1, "client_id": 1, "agent_id": 1, "sender_id": 1, "sender_type": "agent"},
    **{"status": "ended", "end_reason": "declined", "created_at": 1, "accepted_at": 1, "ended_at": 1},
    **{"free_seconds": 9999, "total_cents": 0, "limit_cents": 1, "pause_reason": None, "revision": 1},
}
# What of a session does not differ between like ones.
COMPARED = (
    "status",
    "end_reason",
    "rate_per_minute",
    "spending_limit",
    "rating",
    "free_seconds",
    "total_cost",
)
FORMED = {name: "1" if value in (True, None) else str(value) for name, value in EXTRA.items()}


@pytest.fixture
def server(site):
    return site


def by_email(server, email):
    return server.database.read(lambda db: store.users.by_email(db, email))


def kept(server, user_id):
    """What they are, and have."""
    row = server.database.read(lambda db: dict(db["users"].get(user_id)))
    return {name: value for name, value in row.items() if "seen" not in name and name != "revision"}


def test_who_signs_up_is_a_client_whatever_they_send(server):
    visitor = Visitor(server)
    for role in ("admin", "agent"):
        email = new_email()
        form = {**FORMED, "role": role, "name": "Mallory", "email": email, "password": PASSWORD}
        assert visitor.post("/signup", form).status == 303
        found = by_email(server, email)
        assert (found["role"], found["balance_cents"], found["rate_cents"]) == ("client", 0, 0)
        for path in ("/admin/people", "/replies", "/inbox"):
            assert visitor.request("GET", path).status in (403, 404)


def test_a_profile_changes_its_own_fields_only(server):
    visitor, email = sign_up(server)
    user_id = by_email(server, email)["id"]
    before = kept(server, user_id)
    form = {**FORMED, "name": "Mallory", "language": "fr", "rate": "99", "headline": "Chef"}
    assert visitor.post("/profile", form).status == 303
    after = kept(server, user_id)
    assert {name for name in after if after[name] != before[name]} <= {"name", "language"}


def test_a_client_sets_no_rate_and_an_agent_their_own_only(server):
    client, agent, other = server.person("client"), server.person("agent"), server.person("agent")
    before = kept(server, client.id), kept(server, other.id)
    for content in ({"rate_per_minute": 1}, {"available": True}, {**EXTRA, "rate_per_minute": 1}):
        assert client.post("/api/chat/agents/me", content).json["code"] == "forbidden"
    more = {**EXTRA, "user_id": other.id, "agent_id": other.id, "id": other.id, "rate_per_minute": 3}
    assert agent.post("/api/chat/agents/me", more).status == 200
    assert (kept(server, client.id), kept(server, other.id)) == before
    mine = kept(server, agent.id)
    assert (mine["role"], mine["rate_cents"], mine["balance_cents"]) == ("agent", 300, 0)


def test_nothing_that_is_sent_beside_what_is_asked_for_counts(server, run):
    """Each change twice, of two like pairs: as it should be, and with all that it should not have."""
    told = []
    for extra in ({}, EXTRA):
        client, agent, other = server.person("client"), server.person("agent"), server.person("agent")
        asked = client.post(
            "/api/chat/sessions", {**extra, "agent_id": agent.id, "message": "Bonjour", "spending_limit": 50}
        )
        session = asked.json["session"]["id"]
        answers = [asked]
        for who, action, content in (
            (agent, "accept", {}),
            (client, "limit", {"spending_limit": 40}),
            (client, "pause", {}),
            (client, "resume", {}),
            (agent, "transfer", {"agent_id": other.id}),
            (client, "end", {}),
            (client, "rating", {"rating": 4}),
        ):
            answers.append(who.do(action, session, **{**extra, **content}))
            if action == "accept":
                answers.append(agent.send(session, "Oui", **{k: v for k, v in extra.items() if k != "id"}))
        told.append([answer.status for answer in answers])
        seen = {name: value for name, value in client.show(session).items() if name in COMPARED}
        told.append(seen)
        told.append(
            [(each["sender_type"], each["message"]) for each in client.fetch(session).json["messages"]]
        )
    assert told[:3] == told[3:]
    assert "All totals and balances are right." in run(server, "verify")


def test_a_bill_is_changed_by_nobody_whose_it_is_not(server, run):
    talk = server.conversation()
    outsiders = (server.person("client"), server.person("agent"))
    before = all_of(server)["chat_sessions"]
    for who in outsiders:
        for action, content in (
            *((name, {}) for name in ("end", "pause", "resume", "cancel", "decline", "transfer/agree")),
            ("limit", {"spending_limit": 9999}),
            ("transfer", {"agent_id": who.id}),
            ("rating", {"rating": 1}),
        ):
            assert who.do(action, talk.id, **content).status in (403, 404), action
    for who, action, content in (
        (talk.client, "accept", {}),
        (talk.client, "transfer", {"agent_id": outsiders[1].id}),
        (talk.client, "decline", {}),
        (talk.agent, "cancel", {}),
        (talk.agent, "limit", {"spending_limit": 9999}),
        (talk.agent, "transfer/agree", {}),
        (talk.agent, "rating", {"rating": 5}),
        (talk.client, "rating", {"rating": 1}),
    ):
        assert who.do(action, talk.id, **content).status in (403, 404, 409), action
    after = all_of(server)["chat_sessions"]
    assert [each for each in after if each["id"] == talk.id] == [
        each for each in before if each["id"] == talk.id
    ]
    waiting = server.person("client").ask(agent_id=server.person("agent").id)
    assert talk.client.do("rating", waiting["id"], rating=1).status == 404
    assert "All totals and balances are right." in run(server, "verify")


AMOUNTS = (-1, -0.01, 0.001, 1.005, 1e308, 10**30, 1_000_000.01, "5", [5], True, "NaN")


def test_an_amount_that_is_none_is_refused_wherever_one_is_taken(server, run):
    talk, admin = server.conversation(), server.person("admin")
    client = server.person("client")
    for amount in AMOUNTS:
        for who, path, content in (
            (talk.client, f"/api/chat/sessions/{talk.id}/limit", {"spending_limit": amount}),
            (client, "/api/chat/sessions", {"spending_limit": amount}),
            (talk.agent, "/api/chat/agents/me", {"rate_per_minute": amount}),
            (
                admin,
                "/api/chat/balance",
                {"user_id": client.id, "kind": "top_up", "amount": amount, "reason": "x"},
            ),
            (
                admin,
                "/api/chat/balance",
                {"user_id": client.id, "kind": "refund", "amount": amount, "reason": "x"},
            ),
        ):
            answer = who.post(path, content)
            assert (answer.status, answer.json["code"]) == (400, "invalid_parameter"), (path, amount)
    assert client.inbox().json["sessions"] == []
    assert client.get("/api/chat/balance").json["ledger"] == []
    assert talk.client.show(talk.id)["spending_limit"] is None
    assert "All totals and balances are right." in run(server, "verify")
