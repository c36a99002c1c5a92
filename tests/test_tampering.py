"""Fields and amounts that nobody was asked for: they change nothing, and the bill stays right."""

import json
from itertools import count

import pytest

from chat import store
from tests.pages.house import FILLED, PAGES, is_of_the_moment
from tests.pages.test_forgery import all_of
from tests.pages.visitor import Visitor, link_in, new_email, sign_up
from tests.server import PASSWORD
from tests.streams import WS

# What would make somebody more than they are, were it taken over from what they send.
EXTRA = {
    **{"role": "admin", "is_admin": True, "admin": 1, "is_disabled": False, "password_hash": "x"},
    **{"balance": 999, "balance_cents": 99900, "rate_cents": 1, "rate_per_minute": 0.01, "total_cost": 0},
    **{"id": 1, "user_id": 1, "client_id": 1, "agent_id": 1, "sender_id": 1, "sender_type": "agent"},
    **{"status": "ended", "end_reason": "declined", "created_at": 1, "accepted_at": 1, "ended_at": 1},
    **{"free_seconds": 9999, "total_cents": 0, "limit_cents": 1, "pause_reason": None, "revision": 1},
    **{"max_rate_cents": 1, "transfer_rate_cents": 1},
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
    row = server.database.read(lambda db: dict(store.users.by_id(db, user_id)))
    return {name: value for name, value in row.items() if not is_of_the_moment(name) and name != "revision"}


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
        what = {"agent_id": agent.id, "rate_per_minute": 2.5, "message": "Bonjour", "spending_limit": 50}
        asked = client.post("/api/chat/sessions", {**extra, **what})
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
            *((name, {}) for name in ("end", "pause", "resume", "cancel", "decline", "transfer/refuse")),
            ("transfer/agree", {"agent_id": who.id, "rate_per_minute": 0}),
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
        (talk.agent, "transfer/agree", {"agent_id": outsiders[1].id, "rate_per_minute": 0}),
        (talk.client, "transfer/agree", {"agent_id": outsiders[1].id, "rate_per_minute": 0}),
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
            (client, "/api/chat/sessions", {"max_rate": 5, "spending_limit": amount}),
            (client, "/api/chat/sessions", {"max_rate": amount}),
            (client, "/api/chat/sessions", {"agent_id": 1, "rate_per_minute": amount}),
            (
                talk.client,
                f"/api/chat/sessions/{talk.id}/transfer/agree",
                {"agent_id": 1, "rate_per_minute": amount},
            ),
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
            answer = who.pay(path, content)
            assert (answer.status, answer.json["code"]) == (400, "invalid_parameter"), (path, amount)
    assert client.inbox().json["sessions"] == []
    assert client.get("/api/chat/balance").json["ledger"] == []
    assert talk.client.show(talk.id)["spending_limit"] is None
    assert "All totals and balances are right." in run(server, "verify")


# Of the database, what differs between two houses in which the same is done.
VARYING = (
    *("seen_at", "here_since", "revision", "events_revision", "edited_revision", "billed_ms"),
    *("client_message_id", "token_hash", "push_private_key", "push_public_key"),
)
# Beside what makes somebody more: fields of all forms. That of the agent is in some of those to /sessions.
ALL_FIELDS = {
    **{name: value for name, value in FORMED.items() if name != "agent_id"},
    **FILLED,
    **{"headline": "Chef", "language": "fr", "spending_limit": "1", "rating": "1", "comment": "evil"},
}


def without_time(row):
    """A session that ended, without the minutes that it took: what they cost is checked."""
    if row.get("total_cents") is None:
        return row
    assert row["total_cents"] == row["billed_seconds"] * row["rate_cents"] / 60
    return {**row, "total_cents": "right", "billed_seconds": "of any length"}


def comparable(value):
    """An instant is any, and so is a hash; what came from a form is neither."""
    if isinstance(value, int) and value > 10**12:
        return "then"
    return "a hash" if str(value).startswith("$argon2id$") else value


def filled_in(server, extra):
    """Every form of every page, sent as it is shown and with `extra`: what was answered, and what is kept."""
    code, numbers = server.database.read(store.server.setup_code), count(1)
    admin, talk, answers = Visitor(server), server.conversation(), []
    ids = {"id": talk.id, **{side: talk.client.show(talk.id)[side]["id"] for side in ("client", "agent")}}

    def send_all(visitor, page):
        for form in visitor.open(page).read.forms:
            action = form.get("action", page)
            if form["method"] == "post" and action not in ("/logout", "/language"):
                shown = {name: FILLED.get(name, value) for name, value in form["fields"].items()}
                if "email" in shown:
                    shown["email"] = f"new{next(numbers)}@example.net"
                answers.append(visitor.post(action, {**extra, **shown}))

    send_all(admin, f"/setup?code={code}")
    visitors = {"agent": Visitor(server, talk.agent), "client": Visitor(server, talk.client), "admin": admin}
    for page, roles in PAGES.items():
        for role in sorted(roles, reverse=True):
            send_all(visitors[role], page.format(**ids))
    for number, link in enumerate(link_in(each) for each in answers if "/links/" in each.text):
        send_all(Visitor(server), link)
        answers[-1].path = f"/links/{number}"
    kept = {
        table: [
            {name: comparable(value) for name, value in row.items() if name not in VARYING}
            for row in map(without_time, rows)
        ]
        for table, rows in all_of(server).items()
    }
    return [(each.path, each.status) for each in answers], kept


def test_no_form_takes_what_it_does_not_show(start):
    """Two houses in which the same is done, in one of them with fields that nobody was asked for."""
    answers, kept = filled_in(start(), {})
    assert (answers, kept) == filled_in(start(), ALL_FIELDS)
    # 401 is a code of the second step that is wrong.
    assert {status for _, status in answers} <= {200, 201, 303, 400, 401, 404, 409}
    assert len(answers) > 40


NO_ID = ("1", "", "1 OR 1=1", True, 1.0, 1.5, -1, 0, 2**63, 10**30, [1], {"id": 1})
NO_TEXT = (None, 1, True, [], {}, ["Bonjour"], "", "\u200b", "\0", "x" * 4001)
CANARY = "Seulement entre nous"


def wrong_frames(own, foreign):
    """What the inbox's WebSocket must not do, each with one thing wrong."""
    right = {
        "send": {"message": "Coucou"},
        "read": {"message_id": 2**62},
        "typing": {"typing": True},
    }
    for name, fields in right.items():
        for id in (*NO_ID, None, foreign, 2**62):
            yield {"do": name, **fields, "chat_session_id": id, "id": own, "session_id": own}
        for other in (name.upper(), f"{name} ", [name], {name: 1}):
            yield {"do": other, **fields, "chat_session_id": own}
    for name in (None, 1, "", "end", "accept", "limit", "message", "listen", "__class__", "x" * 10_000):
        yield {"do": name, "chat_session_id": own, "message": "Coucou", "message_id": 1}
    yield from ({"do": "read", "message_id": id, "chat_session_id": own} for id in (*NO_ID, None))
    yield from ({"do": "send", "message": text, "chat_session_id": own} for text in NO_TEXT)
    yield from ({"do": "typing", "typing": flag, "chat_session_id": own} for flag in ("true", 1, 0, None, []))
    for key in (1, "", "x" * 65, "\n", "é", ["k"]):
        yield {"do": "send", "message": "Coucou", "client_message_id": key, "chat_session_id": own}
    yield from ([], [{"do": "send"}], "send", 1, None, True, {})


def test_a_frame_with_one_thing_wrong_does_nothing(start, worker_class):
    server = start(worker_class=worker_class)
    talk, foreign = server.conversation(), server.conversation()
    foreign.agent.send(foreign.id, CANARY)
    before = all_of(server)["messages"], talk.client.show(talk.id), foreign.client.show(foreign.id)
    with WS(talk.client, "/api/chat/ws") as told:
        for frame in wrong_frames(talk.id, foreign.id):
            told.tell(json.dumps(frame))
            problem = told.answer()
            assert problem.name == "problem", frame
            assert problem.data["code"] in ("invalid_request", "invalid_parameter", "not_found"), frame
            assert CANARY not in json.dumps(problem.data)
        assert told.ask("typing", chat_session_id=talk.id, typing=False).name == "done"
    assert all_of(server)["messages"] == before[0]
    after = talk.client.show(talk.id), foreign.client.show(foreign.id)
    for was, now in zip(before[1:], after, strict=True):
        for name in ("status", "last_message_id", "client_read_id", "agent_read_id"):
            assert now[name] == was[name]
    assert "Traceback" not in server.log


def test_what_a_frame_brings_beside_what_it_may_is_not_taken(server):
    """On the WebSocket of a session everything is of that session, and of who opened it."""
    talk, foreign = server.conversation(), server.conversation()
    before = foreign.client.fetch(foreign.id).json["messages"]
    extra = {**EXTRA, "chat_session_id": foreign.id, "session_id": foreign.id, "do_as": talk.agent.token}
    with WS(talk.client, f"/api/chat/ws/{talk.id}") as told:
        sent = told.ask("send", message="C'est moi", **extra).data
        assert told.ask("read", message_id=sent["messageId"], **extra).name == "done"
        assert told.ask("typing", **extra).name == "done"
    page = talk.agent.fetch(talk.id).json
    *_, theirs = [each for each in page["messages"] if each["sender_type"] == "client"]
    assert theirs["id"] == sent["messageId"] > 1
    assert (theirs["message"], theirs["sender_id"]) == ("C'est moi", page["messages"][0]["sender_id"])
    assert theirs["created_at"] > "2020" and not theirs["is_read"]
    assert (page["session"]["status"], page["session"]["client_read_id"]) == ("active", theirs["id"])
    assert foreign.client.fetch(foreign.id).json["messages"] == before
    assert foreign.client.show(foreign.id)["client_read_id"] < before[-1]["id"]
