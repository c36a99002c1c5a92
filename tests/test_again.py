"""A request whose head came before is answered as if it had not, and as the world is now."""

import itertools
import json

import pytest

from tests.server import Server

_numbers = itertools.count()
# What differs between two answers to the same.
OF_THE_MOMENT = {"Date", "Content-Length", "X-Request-Id"}


@pytest.fixture(scope="module", params=("gevent", "gthread"))
def server(request, tmp_path_factory):
    with Server(tmp_path_factory.mktemp("again"), worker_class=request.param) as running:
        yield running


@pytest.fixture
def talk(server):
    return server.conversation()


def new_head():
    return {"X_Number": str(next(_numbers))}


def told(answer):
    """What it says that does not depend on when."""
    headers = {name: value for name, value in answer.headers.items() if name not in OF_THE_MOMENT}
    content = answer.json if answer.body else {}
    for name in ("server_time", "cursor", "messageId"):
        content.pop(name, None)
    return answer.status, headers, content


QUERIES = {
    "one message": "lastMessageId=0&limit=1",
    "none": "lastMessageId=99999999",
    "held": "lastMessageId=0&longPoll=true",
    "held for nothing": "lastMessageId=99999999&wait=0",
    "history": "beforeMessageId=99999999&limit=1&longPoll=true",
    "no number": "lastMessageId=a",
    "given twice": "cursor=1&cursor=2",
    "a cursor of another history": "cursor=99999999",
    "another reader than is signed in": "chat_user=99999999",
    "letters": "lastMessageId=%C3%A9",
}


@pytest.mark.parametrize("query", QUERIES.values(), ids=QUERIES)
def test_a_query_is_read_as_the_first_time(talk, query):
    path, same = f"/api/chat/messages/{talk.id}", new_head()
    assert talk.client.get(path, **same).status == 200
    again = talk.client.get(f"{path}?{query}", **same)
    assert told(again) == told(talk.client.get(f"{path}?{query}", **new_head()))


BODIES = {
    "a message": {"message": "Encore"},
    "nothing to see": {"message": " "},
    "too long": {"message": "x" * 4001},
    "no text": {},
    "a session that is not theirs": {"message": "x", "chat_session_id": 99999999},
    "no JSON": b"{",
    "too large": b"{" + b" " * 70_000 + b"}",
    "a key that is none": {"message": "x", "client_message_id": ""},
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_a_body_is_read_as_the_first_time(talk, body):
    def send(content, head):
        if isinstance(content, dict):
            content = json.dumps({"chat_session_id": talk.id, **content}).encode()
        head = {"Content_Type": "application/json", **head}
        return talk.client.request("POST", "/api/chat/message", content, **head)

    same = new_head()
    assert send({"message": "D'abord"}, same).status == 201
    assert told(send(body, same)) == told(send(body, new_head()))


def test_a_key_in_the_head_stays_the_messages_key(talk):
    key = {"Idempotency_Key": "once"}
    first, again = (
        talk.client.post("/api/chat/message", {"chat_session_id": talk.id, "message": "Une fois"}, **key)
        for _ in range(2)
    )
    assert (first.status, again.status, again.json["duplicate"]) == (201, 200, True)
    other = talk.client.post("/api/chat/message", {"chat_session_id": talk.id, "message": "Autre"}, **key)
    assert (other.status, other.json["code"]) == (409, "idempotency_mismatch")
    assert talk.agent.fetch(talk.id).texts.count("Une fois") == 1


def test_who_has_signed_out_is_not_known_again(server):
    talk = server.conversation()
    for ask in (lambda: talk.client.fetch(talk.id), lambda: talk.client.send(talk.id, "Encore là")):
        assert [ask().status // 100, ask().status // 100] == [2, 2]
    assert talk.client.post("/api/auth/logout").status == 200
    for answer in (
        talk.client.fetch(talk.id),
        talk.client.fetch(talk.id, lastMessageId=0, longPoll="true"),
        talk.client.fetch(talk.id, lastMessageId=99999999, longPoll="true"),
        talk.client.send(talk.id, "Plus là"),
    ):
        assert (answer.status, answer.json["code"]) == (401, "not_authenticated")
    assert "Plus là" not in talk.agent.fetch(talk.id).texts


def test_who_asks_is_never_taken_for_another(talk):
    """Same path and connection, another token, cookie, or page."""
    assert talk.client.fetch(talk.id).status == 200
    for who in (talk.agent, talk.client):
        assert who.send(talk.id, "Qui suis-je ?").status == 201
        message = talk.client.fetch(talk.id).json["messages"][-1]
        assert message["sender_type"] == ("agent" if who is talk.agent else "client")
    page = {"Chat_User": str(talk.client.show(talk.id)["client"]["id"])}
    assert talk.client.get(f"/api/chat/messages/{talk.id}", **page).status == 200
    other = talk.agent.get(f"/api/chat/messages/{talk.id}", **page)
    assert (other.status, other.json["code"]) == (409, "other_user")
    cookie = {"Cookie": f"session={talk.client.token}"}
    assert talk.client.get(f"/api/chat/messages/{talk.id}", **cookie).status == 200
    for site, status in (("same-origin", 201), ("cross-site", 403), ("same-origin", 201)):
        answer = talk.client.post(
            "/api/chat/message",
            {"chat_session_id": talk.id, "message": "Par la page"},
            Sec_Fetch_Site=site,
            **cookie,
        )
        assert answer.status == status


def test_its_session_may_have_ended(talk):
    assert [talk.client.send(talk.id, "a").status for _ in range(2)] == [201, 201]
    assert talk.agent.do("end", talk.id).status == 200
    answer = talk.client.send(talk.id, "Trop tard")
    assert (answer.status, answer.json["code"]) == (409, "session_ended")
    assert talk.client.fetch(talk.id).json["session"]["status"] == "ended"
