"""What other sites' pages try."""

import pytest

from tests.pages.house import FILLED, FORMS, is_of_the_moment
from tests.pages.visitor import PASSWORD, Visitor, sign_up

TABLES = ("users", "chat_sessions", "messages", "replies", "links", "ledger", "payouts", "auth_tokens")
TABLES += ("blocks", "reports", "answers", "webhooks", "widgets")


ELSEWHERE = [
    {"Sec_Fetch_Site": "cross-site"},
    {"Sec_Fetch_Site": "same-site"},
    {"Sec_Fetch_Site": "cross-site", "Origin": "{url}"},
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Origin": ""},
    {"Origin": "{url}.evil.example"},
]


def headers_on(server, headers):
    """With its address where they name it."""
    return {name: value.format(url=server.url) for name, value in headers.items()}


def all_of(server):
    """What the database holds, but for who was seen when."""

    def read(db):
        found = {}
        for table in TABLES:
            rows = db.conn.execute(f"SELECT * FROM {table}").fetchall()
            found[table] = [
                {key: value for key, value in zip(row.keys(), row, strict=True) if not is_of_the_moment(key)}
                for row in rows
            ]
        for session in found["chat_sessions"]:
            for key in ("revision", "owner_revision", "client_delivered_id", "agent_delivered_id"):
                session.pop(key, None)
        return found

    return server.database.read(read)


@pytest.mark.parametrize("role", FORMS)
def test_a_form_without_this_sign_ins_token_changes_nothing(start, role):
    server = start()
    talk = server.conversation()
    who = {"client": talk.client, "agent": talk.agent, "admin": server.person("admin")}[role]
    visitor = Visitor(server, who)
    other = Visitor(server, server.person(role))
    session = talk.client.show(talk.id)
    ids = {"id": talk.id, "client": session["client"]["id"], "agent": session["agent"]["id"]}
    csrf, before = visitor.csrf, all_of(server)
    for path in [*FORMS[role], "/logout", "/language"]:
        for wrong in ("", other.csrf, csrf[:-1], f"{csrf}0", csrf.partition(".")[0], f".{csrf}", "é", "."):
            page = visitor.post(path.format(**ids), {**FILLED, "csrf": wrong})
            assert page.status == 403, path
            assert page.alert == "This form is from an earlier sign-in; send it again."
        for headers in ELSEWHERE:
            page = visitor.post(path.format(**ids), FILLED, headers=headers_on(server, headers))
            assert page.status == 403, (path, headers)
            assert "another site" in page.alert
    assert all_of(server) == before
    assert visitor.request("GET", "/profile").status == 200


@pytest.mark.parametrize("headers", [{}, {"Sec_Fetch_Site": "same-origin"}, {"Origin": "{url}"}])
def test_a_form_of_ours_is_taken(server, talk, headers):
    client, sent = Visitor(server, talk.client), headers_on(server, headers)
    answer = client.post(f"/sessions/{talk.id}/messages", message="Coucou", headers=sent)
    assert answer.status == 303
    assert "problem" not in answer.location
    assert talk.agent.fetch(talk.id).texts[-1] == "Coucou"


def test_the_json_api_takes_the_cookie_from_our_pages_only(server, talk):
    cookie = f"session={talk.client.token}"
    content = {"chat_session_id": talk.id, "message": "Coucou"}
    for headers in ELSEWHERE:
        sent = headers_on(server, headers)
        for path, body in [
            ("/api/chat/message", content),
            (f"/api/chat/sessions/{talk.id}/end", None),
            ("/api/auth/logout", None),
        ]:
            refused = server.client().post(path, body, Cookie=cookie, **sent)
            assert (refused.status, refused.json["code"]) == (403, "cross_site")
            assert refused.headers["Content-Type"] == "application/problem+json"
        # A token in a header is no browser's doing, and reading is harmless: the answer cannot be read.
        assert talk.client.post("/api/chat/message", content, **sent).status == 201
        assert server.client().get("/api/chat/sessions", Cookie=cookie, **sent).status == 200
    for sent in ({}, {"Sec_Fetch_Site": "same-origin"}, {"Sec_Fetch_Site": "none"}, {"Origin": server.url}):
        assert server.client().post("/api/chat/message", content, Cookie=cookie, **sent).status == 201
    assert talk.client.show(talk.id)["status"] == "active"


def test_nobody_is_signed_in_from_elsewhere(server):
    _, email = sign_up(server)
    for headers in ELSEWHERE:
        visitor, sent = Visitor(server), headers_on(server, headers)
        for path in ("/login", "/signup", "/language", "/setup"):
            page = visitor.post(
                path, name="Mallory", email=email, password=PASSWORD, language="fr", headers=sent
            )
            assert (page.status, visitor.cookies) == (403, {}), path
