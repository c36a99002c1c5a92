"""Strict reading: every bad input gets a clear 400, and nothing is stored."""

import json

import pytest

from app import create_app
from chat.demo import pairs
from chat.settings import Settings
from chat.store import messages
from tests.server import password_hash
from tests.time_travel import pass_time

TOO_LARGE = 2**63


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    path = tmp_path_factory.mktemp("app") / "chat.db"
    app = create_app(Settings(database_url=f"sqlite:///{path}", token_days=1))
    app.extensions["chat"].prepare()
    yield app
    app.extensions["chat"].close()


@pytest.fixture
def talk(app):
    return pairs.create(app.extensions["chat"], 1, password_hash())[0]


@pytest.fixture
def client(app, talk):
    client = app.test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {talk.tokens['client']}"
    return client


def stored(app, talk):
    """How many messages the conversation has."""
    return len(app.extensions["chat"].database.read(lambda db: messages.since(db, talk.id, 0, 100)))


@pytest.mark.parametrize(
    ("query", "named"),
    [
        (f"{name}={value}", name)
        for name in ("lastMessageId", "cursor", "beforeMessageId", "limit")
        for value in ("-1", "+1", "1.0", "1e3", "0x1", "\uff11", "1_0", " 1", TOO_LARGE, "9" * 40, "a")
    ]
    + [(f"{name}={value}", name) for name in ("cursor", "beforeMessageId", "limit") for value in ("", "null")]
    + [(f"longPoll={value}", "longPoll") for value in ("", "yes", "TRUE", "2", "null")]
    + [(f"wait={value}", "wait") for value in ("", "-1", "nan", "inf", "a")]
    + [("limit=0", "limit"), ("limit=101", "limit"), ("cursor=1&cursor=2", "cursor")],
)
def test_a_parameter_that_cannot_be_read_is_named(client, talk, query, named):
    answer = client.get(f"/api/chat/messages/{talk.id}?{query}")
    assert (answer.status_code, answer.json["code"]) == (400, "invalid_parameter")
    assert answer.content_type == "application/problem+json"
    assert named in answer.json["detail"]


@pytest.mark.parametrize(
    "query",
    [
        "lastMessageId=007",
        "lastMessageId=",
        f"lastMessageId={TOO_LARGE - 1}",
        "limit=1",
        "wait=0",
        "wait=0.01&longPoll=1",
        "longPoll=false&wait=9",
        "_=1700000000",
    ],
)
def test_what_can_be_read_is_taken(client, talk, query):
    assert client.get(f"/api/chat/messages/{talk.id}?{query}").status_code == 200


@pytest.mark.parametrize("path_id", ["a", "-1", "1.0", "%EF%BC%91", "1%20", str(TOO_LARGE), "%00"])
def test_an_id_in_the_path_is_digits(client, path_id):
    for answer in (
        client.get(f"/api/chat/messages/{path_id}"),
        client.post(f"/api/chat/sessions/{path_id}/end"),
    ):
        assert (answer.status_code, answer.json["code"]) == (400, "invalid_parameter")


@pytest.mark.parametrize(
    ("field", "value"),
    [("chat_session_id", value) for value in (True, "1", 1.0, 0, -1, TOO_LARGE, None, [1])]
    + [("message", value) for value in ("", " \n\t ", "x" * 4001, "a\0b", None, 1, ["a"])]
    + [("client_message_id", value) for value in ("", "k" * 65, "clé", "a\nb", 1)],
)
def test_a_field_that_is_not_acceptable_is_named(app, client, talk, field, value):
    body = {"chat_session_id": talk.id, "message": "Bonjour", field: value}
    answer = client.post("/api/chat/message", json=body)
    assert (answer.status_code, answer.json["code"]) == (400, "invalid_parameter")
    assert answer.json["detail"].startswith(field)
    assert stored(app, talk) == 2


@pytest.mark.parametrize("field", ["chat_session_id", "message"])
def test_a_missing_field_is_named(client, talk, field):
    body = {"chat_session_id": talk.id, "message": "Bonjour"}
    del body[field]
    answer = client.post("/api/chat/message", json=body)
    assert answer.json["detail"] == f"{field}: field required."


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"1", b'"x"', b"null", b"\xff", b'{"message":"\\ud800"}'])
def test_a_body_that_is_no_json_object_is_refused(client, body):
    answer = client.post("/api/chat/message", data=body, content_type="application/json")
    assert (answer.status_code, answer.json["code"]) == (400, "invalid_request")


@pytest.mark.parametrize("content_type", [None, "text/plain", "application/x-www-form-urlencoded"])
def test_another_content_type_is_refused(client, talk, content_type):
    body = json.dumps({"chat_session_id": talk.id, "message": "Bonjour"})
    answer = client.post("/api/chat/message", data=body, content_type=content_type)
    assert (answer.status_code, answer.json["code"]) == (415, "unsupported_media_type")


def test_a_charset_does_no_harm(client, talk):
    body = json.dumps({"chat_session_id": talk.id, "message": "Bonjour"})
    answer = client.post("/api/chat/message", data=body, content_type="application/json; charset=utf-8")
    assert answer.status_code == 201


@pytest.mark.parametrize("key", ["", "k" * 65, "clé"])
def test_a_key_in_the_header_is_read_as_strictly(client, talk, key):
    answer = client.post(
        "/api/chat/message",
        json={"chat_session_id": talk.id, "message": "Bonjour"},
        headers={"Idempotency-Key": key},
    )
    assert (answer.status_code, answer.json["code"]) == (400, "invalid_parameter")


def test_two_different_keys_are_refused(client, talk):
    answer = client.post(
        "/api/chat/message",
        json={"chat_session_id": talk.id, "message": "Bonjour", "client_message_id": "a"},
        headers={"Idempotency-Key": "b"},
    )
    assert (answer.status_code, answer.json["code"]) == (400, "invalid_parameter")


@pytest.mark.parametrize("header", ["Basic YTpi", "Bearer", "Bearer ", "Bearer a b", "x"])
def test_an_authorization_that_is_none_is_refused(app, talk, header):
    answer = app.test_client().get(f"/api/chat/messages/{talk.id}", headers={"Authorization": header})
    assert (answer.status_code, answer.json["code"]) == (401, "not_authenticated")


def test_an_expired_token_is_refused(app, talk, client):
    pass_time(app.extensions["chat"].database, 86_390)
    assert client.get(f"/api/chat/messages/{talk.id}").status_code == 200
    pass_time(app.extensions["chat"].database, 20)
    assert client.get(f"/api/chat/messages/{talk.id}").status_code == 401


@pytest.mark.parametrize("path", ["/nowhere", "/api/nowhere", "/api/chat/messages/"])
def test_an_unknown_address_is_told_in_the_right_form(client, path):
    answer = client.get(path)
    assert answer.status_code == 404
    assert answer.mimetype == ("application/problem+json" if "/api/" in path else "text/html")


def test_a_wrong_method_is_told_the_right_one(client):
    answer = client.get("/api/chat/message")
    assert (answer.status_code, answer.json["code"]) == (405, "method_not_allowed")
    assert "POST" in answer.headers["Allow"]


def test_an_unexpected_error_tells_nothing_of_itself(app, client, talk, monkeypatch):
    def fail(_):
        raise RuntimeError("secret")

    monkeypatch.setattr(app.extensions["chat"].database, "read", fail)
    answer = client.get(f"/api/chat/messages/{talk.id}")
    assert (answer.status_code, answer.json["code"]) == (500, "internal_error")
    assert b"secret" not in answer.data


def test_liveness_and_readiness(client):
    assert client.get("/healthz").json["held_polls"] == 0
    assert client.get("/readyz").json["status"] == "ok"
