"""API tokens: for programs of somebody, told once, told apart from sign-ins, and ended at once."""

import json

import pytest

from chat import store, tokens
from chat.accounts import hash_token
from tests import tables
from tests.pages.visitor import Visitor, log_in, sign_up
from tests.server import PASSWORD, await_that
from tests.streams import SSE

TOKENS = "/api/auth/tokens"


def make(who, **more):
    answer = who.post(TOKENS, {"label": "Export", "password": PASSWORD, **more})
    assert answer.status == 201, answer.body
    return answer.json["token"], answer.json["api_token"]


def test_a_token_is_told_once_and_only_its_hash_is_kept(server, talk):
    token, shown = make(talk.client, days=30)
    assert talk.client.get(TOKENS).json == {"tokens": [shown]}
    assert server.client(token).fetch(talk.id).status == 200
    assert shown["label"] == "Export" and shown["used_at"] is None
    assert shown["expires_at"][:4] >= shown["created_at"][:4]
    kept = server.database.read(tables.rows)
    assert any(hash_token(token) in row for row in kept)
    assert token not in str(kept) and token not in server.log


def test_when_it_was_last_used_is_told(server, talk):
    token, _ = make(talk.client)
    server.client(token).fetch(talk.id)
    await_that(lambda: talk.client.get(TOKENS).json["tokens"][0]["used_at"])


def test_a_token_ends_when_it_is_over(start):
    server = start()
    talk = server.conversation()
    token, _ = make(talk.client, days=1)
    assert server.client(token).fetch(talk.id).status == 200
    server.advance(86_401)
    assert server.client(token).fetch(talk.id).status == 401
    assert server.client(token).get(TOKENS).status == 401


@pytest.mark.parametrize("password", ["wrong horse", ""])
def test_whoever_makes_one_shows_the_password(talk, password):
    answer = talk.client.post(TOKENS, {"label": "Export", "password": password})
    assert (answer.status, answer.json["code"]) in ((401, "invalid_credentials"), (400, "invalid_parameter"))


def test_a_program_makes_and_revokes_none(server, talk):
    token, shown = make(talk.client)
    program = server.client(token)
    assert program.post(TOKENS, {"label": "More", "password": PASSWORD}).status == 403
    assert program.post(f"{TOKENS}/{shown['id']}/revoke").status == 403
    # But its own, by signing out.
    assert program.post("/api/auth/logout").status == 200
    assert program.get(TOKENS).status == 401
    assert talk.client.get(TOKENS).json == {"tokens": []}


def test_in_a_cookie_it_is_none_and_it_opens_no_page(server, talk):
    token, _ = make(talk.client)
    assert server.client().get(TOKENS, Cookie=f"session={token}").status == 401
    both = {"Cookie": "session=x", "Authorization": f"Bearer {token}"}
    assert server.client().get("/profile", **both).status == 303
    # Beside the cookie of somebody who is signed in, it is passed over.
    answer = server.client().get(TOKENS, Cookie=f"__Host-session={token}; session={talk.client.token}")
    assert answer.status == 200


def test_revoking_lets_go_at_once_what_is_held_with_it(server, talk):
    (token, shown), other = make(talk.client), make(talk.client)[0]
    program, last = server.client(token), talk.settle()
    with SSE(program, f"/api/chat/stream/{talk.id}") as told:
        told.one("open")
        poll = program.poll(talk.id, lastMessageId=last)
        assert talk.client.post(f"{TOKENS}/{shown['id']}/revoke").status == 200
        assert told.one("end").data == {"reason": "not_authenticated"}
    assert poll.result().status == 401
    assert program.fetch(talk.id).status == 401
    assert server.client(other).fetch(talk.id).status == 200
    assert talk.client.post(f"{TOKENS}/{shown['id']}/revoke").status == 404


def test_another_persons_token_is_nobodys(server, talk):
    _, shown = make(talk.client)
    assert talk.agent.post(f"{TOKENS}/{shown['id']}/revoke").status == 404
    assert len(talk.client.get(TOKENS).json["tokens"]) == 1


def test_a_sign_in_is_no_api_token(server, talk):
    user_id = talk.client.show(talk.id)["client"]["id"]
    own = server.database.read(lambda db: store.tokens.valid_of(db, user_id, store.server.now(db)))
    make(talk.client)
    assert server.database.read(lambda db: store.tokens.valid_of(db, user_id, store.server.now(db))) == own
    sign_in = f"{TOKENS}/{own[0]['id']}/revoke"
    assert talk.client.post(sign_in).status == 404


@pytest.mark.parametrize("is_ticked", [False, True])
def test_another_password_ends_them_only_where_that_is_wanted(server, is_ticked):
    phone, email = sign_up(server)
    page = phone.fill("/profile/tokens", "/profile/tokens", label="Export", password=PASSWORD)
    token = next(text for text in page.read.texts if len(text) == 43)
    program = server.client(token)
    assert program.get(TOKENS).status == 200
    ticked = {"with_tokens": "1"} if is_ticked else {}
    page = phone.fill(
        "/profile", "/profile/password", password=PASSWORD, new_password="another horse", **ticked
    )
    assert "The password is changed" in page.text
    assert program.get(TOKENS).status == (401 if is_ticked else 200)
    assert log_in(server, email, "another horse")[1].status == 303


def test_the_page_makes_and_revokes_one(server, talk):
    visitor = Visitor(server, talk.client)
    page = visitor.fill("/profile/tokens", "/profile/tokens", label="Export", password="wrong horse")
    assert page.status == 401
    page = visitor.fill("/profile/tokens", "/profile/tokens", label=" ", password=PASSWORD)
    assert page.status == 400
    page = visitor.fill("/profile/tokens", "/profile/tokens", label="Export", password=PASSWORD, days="30")
    assert page.status == 201
    shown = talk.client.get(TOKENS).json["tokens"][0]
    assert shown["label"] == "Export"
    page = visitor.fill("/profile/tokens", f"/profile/tokens/{shown['id']}/revoke")
    assert "Revoked." in page.text
    assert talk.client.get(TOKENS).json == {"tokens": []}


def test_an_agent_who_signs_out_takes_no_requests_though_a_program_goes_on(server):
    agent = server.person("agent")
    token, _ = tokens.issue(server.runtime, agent.id, "Statistics", 30)
    agent.post("/api/auth/logout")
    assert server.database.read(lambda db: store.users.by_id(db, agent.id))["is_available"] == 0
    program = server.client(token)
    assert program.post("/api/chat/agents/me", {"available": True}).status == 200


def test_there_are_so_many_at_most(server, client):
    for number in range(tokens.MOST):
        tokens.issue(server.runtime, client.id, f"{number}", 1)
    answer = client.post(TOKENS, {"label": "One more", "password": PASSWORD})
    assert (answer.status, answer.json["code"]) == (409, "too_many")


def test_the_commands_make_list_and_revoke_one(start, run):
    server = start()
    email = server.conversation().emails["agent"]
    made = json.loads(run(server, "tokens", "create", email, "--label", "Bot", "--days", 9, "--json"))
    plain = run(server, "tokens", "create", email, "--label", "Other").strip()
    program = server.client(made["token"])
    assert program.get("/api/chat/sessions").status == 200
    assert server.client(plain).get("/api/chat/sessions").status == 200
    listed = [json.loads(line) for line in run(server, "tokens", "list", email, "--json").splitlines()]
    assert [each["label"] for each in listed] == ["Other", "Bot"]
    assert made["token"] not in json.dumps(listed)
    sign_ins = run(server, "sign-ins", "list", email, "--json").splitlines()
    assert made["id"] not in [json.loads(line)["id"] for line in sign_ins]
    poll = program.await_inbox(program.inbox().json["cursor"])
    server.wait_until_held(1)
    run(server, "tokens", "revoke", email, made["id"])
    assert poll.result().status == 401
    # All of somebody's end with their sign-ins.
    run(server, "sign-ins", "end", email)
    assert server.client(plain).get("/api/chat/sessions").status == 401
    # The old command makes a sign-in, as before.
    token = run(server, "token", email).strip()
    assert server.client(token).get("/api/chat/sessions").status == 200
    assert run(server, "tokens", "list", email) == ""
