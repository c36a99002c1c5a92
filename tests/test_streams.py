"""Server-sent events: what is told, in which order, and how it ends."""

import os
import signal
from contextlib import ExitStack

import pytest

from tests.server import PATIENCE_SECONDS, mostly
from tests.streams import SSE, raw
from tests.threads import together

# The most bytes that a message can have: what the system keeps for who reads nothing is soon full.
BIG = "\N{SPEECH BALLOON}" * 3900
MANY = 250


def stream(who, talk, query="", **headers):
    return SSE(who, f"/api/chat/stream/{talk.id}{query}", **headers)


def test_it_opens_with_the_session_and_a_place_to_go_on_from(talk):
    talk.settle()
    with stream(talk.client, talk) as told:
        first = next(told)
        assert (first.name, first.data["session"]["id"]) == ("open", talk.id)
        assert first.cursor == told.last_id is not None
        assert set(first.data) == {"session", "peer", "server_time"}
        assert told.status == 200
        assert told.headers["Content-Type"] == "text/event-stream; charset=utf-8"
        assert (told.headers["Cache-Control"], told.headers["X-Accel-Buffering"]) == ("no-store", "no")
    assert told.retry == 1000


def test_a_message_is_told_and_then_the_session(talk):
    with stream(talk.client, talk) as told:
        told.one("open")
        message_id = talk.agent.send(talk.id, "Bonjour\n\ndata: !").json["messageId"]
        message = told.one("message")
        assert (message.data["id"], message.data["message"]) == (message_id, "Bonjour\n\ndata: !")
        session = told.one("session", lambda data: data["last_message_id"] == message_id)
        assert session.cursor >= message.cursor == message.data["revision"]


def test_typing_is_told_and_moves_nothing(talk):
    with stream(talk.client, talk) as told:
        told.one("open")
        talk.agent.post("/api/chat/typing", {"chat_session_id": talk.id})
        assert told.one("typing", lambda data: data == {"peer": "typing"}).cursor is None


@pytest.mark.parametrize("header", [True, False])
def test_it_goes_on_without_a_gap(talk, header):
    with stream(talk.client, talk) as told:
        told.one("open")
        talk.agent.send(talk.id, "0")
        told.one("message")
        last = told.last_id
    for number in range(1, 150):
        talk.agent.send(talk.id, str(number))
    query, headers = ("", {"Last_Event_ID": str(last)}) if header else (f"?cursor={last}", {})
    with stream(talk.client, talk, query, **headers) as told:
        assert told.texts(149) == [str(number) for number in range(1, 150)]


def test_the_end_is_told_and_who_comes_back_is_told_to_stop(talk):
    with stream(talk.client, talk) as told:
        told.one("open")
        talk.agent.do("end", talk.id)
        assert told.one("end").data == {"reason": "ended"}
        assert list(told) == []
    answer = talk.client.get(f"/api/chat/stream/{talk.id}", Last_Event_ID=str(told.last_id))
    assert (answer.status, answer.body) == (204, b"")


def test_signing_out_ends_it(talk):
    with stream(talk.client, talk) as told:
        told.one("open")
        talk.client.post("/api/auth/logout")
        assert told.one("end").data == {"reason": "not_authenticated"}
        talk.agent.send(talk.id, "Confidentiel")
        assert list(told) == []


def test_junk_is_refused_before_anything_is_told(server, talk):
    def answers(who, query="", **headers):
        answer = who.get(f"/api/chat/stream/{talk.id}{query}", **headers)
        assert answer.headers["Content-Type"] == "application/problem+json"
        return answer.status, answer.json["code"]

    assert answers(server.client()) == (401, "not_authenticated")
    assert answers(server.conversation().client) == (404, "not_found")
    assert answers(talk.client, f"?cursor={10**12}") == (410, "cursor_reset")
    assert answers(talk.client, Last_Event_ID=str(10**12)) == (410, "cursor_reset")
    for junk in ("?cursor=-1", "?cursor=x", "?cursor=1&cursor=2", f"?cursor={2**63}"):
        assert answers(talk.client, junk) == (400, "invalid_parameter")
    assert answers(talk.client, Last_Event_ID="x") == (400, "invalid_parameter")


@pytest.mark.parametrize("path", ["/api/chat/stream/{}", "/api/chat/stream"])
def test_head_tells_how_a_stream_would_begin_and_ends(server, talk, path):
    with raw(talk.client, path.format(talk.id), method="HEAD", Connection="close") as connection:
        answer = connection.makefile("rb").read()
    assert answer.startswith(b"HTTP/1.1 200 OK")
    assert answer.endswith(b"\r\n\r\n")
    assert b"text/event-stream" in answer
    assert server.client().request("HEAD", path.format(talk.id)).status == 401


def test_the_inbox_tells_messages_then_the_card(talk):
    with SSE(talk.client, "/api/chat/stream") as told:
        assert set(told.one("open").data) == {"peers", "server_time"}
        talk.agent.send(talk.id, "Bonjour")
        assert told.one("message").data["message"] == "Bonjour"
        assert told.one("session").data["last_message"]["message"] == "Bonjour"


def test_the_inbox_tells_of_too_many_messages_without_them(talk):
    cursor = talk.client.fetch(talk.id).json["cursor"]
    for number in range(21):
        talk.agent.send(talk.id, str(number))
    with SSE(talk.client, f"/api/chat/stream?cursor={cursor}") as told:
        events = told.until("session")
    assert [event.name for event in events] == ["open", "session"]
    assert events[-1].data["messages"] is None


def test_the_inbox_tells_what_is_removed(server, client, agent):
    other = server.person("agent")
    with SSE(other, "/api/chat/stream") as told:
        told.one("open")
        session = client.ask()
        told.one("session", lambda data: data["id"] == session["id"])
        agent.do("accept", session["id"])
        assert told.one("removed").data == {"sessions": [session["id"]]}


def test_what_is_removed_is_told_before_what_came_later(server, client, agent):
    """Who is cut between the two goes on from a card, which must not have passed over it."""
    gone = client.ask(agent_id=agent.id)
    agent.do("accept", gone["id"])
    cursor = agent.inbox().json["cursor"]
    agent.do("transfer", gone["id"], agent_id=server.person("agent", rate_cents=0).id)
    later = server.person("client").ask(agent_id=agent.id)
    with SSE(agent, f"/api/chat/stream?cursor={cursor}") as told:
        before = [next(told)]
        while before[-1].name != "session":
            before.append(next(told))
    assert before[-1].data["id"] == later["id"]
    removed = next(event for event in before if event.name == "removed")
    assert (removed.data, removed.cursor) == ({"sessions": [gone["id"]]}, None)


def test_heartbeats_come_while_there_is_nothing_to_tell(start, worker_class):
    server = start(worker_class=worker_class, heartbeat_seconds=0.2)
    talk = server.conversation()
    talk.settle()
    with stream(talk.client, talk) as told:
        told.one("open")
        talk.agent.fetch(talk.id)
        while told.heartbeats < 2:
            told.beat()
            told.heartbeats += 1


@pytest.mark.parametrize(
    ("worker_class", "number"),
    [
        ("gevent", signal.SIGHUP),
        ("gthread", signal.SIGTERM),
        pytest.param("gevent", signal.SIGTERM, marks=pytest.mark.soak),
        pytest.param("gthread", signal.SIGHUP, marks=pytest.mark.soak),
    ],
)
def test_a_server_that_stops_says_so(start, worker_class, number):
    server = start(worker_class=worker_class, workers=2)
    talk = server.conversation()
    with stream(talk.client, talk) as told:
        told.one("open")
        server.signal(number)
        assert told.one("end").data == {"reason": "restart"}
        if number == signal.SIGTERM:
            assert server.process.wait(PATIENCE_SECONDS) == 0


@mostly("gthread")
def test_it_goes_on_after_the_worker_was_killed(start, worker_class):
    server = start(worker_class=worker_class)
    talk = server.conversation()
    with stream(talk.client, talk) as told:
        told.one("open")
        talk.agent.send(talk.id, "avant")
        told.one("message")
        for pid in server.workers():
            os.kill(pid, signal.SIGKILL)
        list(told)
    talk.agent.send(talk.id, "après")
    with stream(talk.client, talk, Last_Event_ID=str(told.last_id)) as again:
        assert again.texts(1) == ["après"]


@mostly("gevent")
def test_a_poll_and_a_stream_share_the_cap(start, worker_class):
    server = start(worker_class=worker_class, max_waiters=1)
    talk = server.conversation()
    poll = talk.client.poll(talk.id, lastMessageId=talk.last_id)
    server.wait_until_held(1)
    refused = talk.agent.get(f"/api/chat/stream/{talk.id}")
    assert (refused.status, refused.json["code"]) == (503, "overloaded")
    assert refused.headers["Retry-After"]
    talk.agent.send(talk.id, "Ensuite")
    assert poll.result().status == 200
    server.wait_until_held(0)
    with stream(talk.client, talk) as told:
        told.one("open")
        assert talk.agent.fetch(talk.id, lastMessageId=talk.last_id, wait=1).status == 503


def test_who_leaves_is_let_go(start, worker_class):
    server = start(worker_class=worker_class)
    talk = server.conversation()
    with stream(talk.client, talk) as told:
        told.one("open")
        server.wait_until_held(1)
    server.wait_until_held(0)


def test_who_reads_nothing_is_dropped_and_others_go_on(start, worker_class):
    server = start(worker_class=worker_class, stall_seconds=1)
    talk = server.conversation()
    cursor = talk.client.fetch(talk.id).json["cursor"]
    with ExitStack() as stack:
        slow = stack.enter_context(raw(talk.client, f"/api/chat/stream/{talk.id}?cursor={cursor}"))
        told = stack.enter_context(stream(talk.agent, talk))
        told.one("open")
        server.wait_until_held(2)
        with together(server) as threads:
            texts = threads.submit(told.texts, MANY)
            for number in range(MANY):
                assert talk.agent.send(talk.id, f"{number} {BIG}").status == 201
        assert [text.split()[0] for text in texts.result()] == [str(number) for number in range(MANY)]
        server.wait_until_held(1)
        assert slow.fileno() > 0
