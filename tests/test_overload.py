"""Too many, too large, a full disk: refused clearly, and over when its cause is."""

import resource
import socket

import pytest

from tests.server import PATIENCE_SECONDS
from tests.streams import SSE, WS
from tests.test_stopping import hold
from tests.threads import start as start_thread

KILOBYTE = 1024


@pytest.mark.parametrize("cap", ["max_waiters", "max_waiters_per_user"])
def test_beyond_the_cap_a_poll_says_that_it_was_not_held(start, worker_class, cap):
    server = start(worker_class=worker_class, **{cap: 1})
    talk = server.conversation()
    last = talk.last_id
    held = talk.client.poll(talk.id, lastMessageId=last)
    server.wait_until_held(1)
    # A plain client asks again at once after any 200; one with a cursor knows better.
    refused = talk.client.fetch(talk.id, lastMessageId=last, longPoll="true")
    assert (refused.status, refused.json["code"]) == (503, "overloaded")
    assert refused.headers["Retry-After"] == "1"
    refused = talk.client.fetch(talk.id, cursor=talk.client.fetch(talk.id).json["cursor"], longPoll="true")
    assert (refused.status, refused.json["messages"]) == (200, [])
    assert (refused.json["longPolling"], refused.headers["Retry-After"]) == (False, "3")
    news = talk.client.fetch(talk.id, lastMessageId=0, longPoll="true")
    assert (news.status, news.json["longPolling"], len(news.texts)) == (200, False, 2)
    talk.agent.send(talk.id, "Ensuite")
    assert held.result().json["longPolling"] is True
    again = talk.client.fetch(talk.id, lastMessageId=talk.last_id, longPoll="true", wait="0.1")
    assert again.json["longPolling"] is True


def test_beyond_the_cap_of_an_address_others_are_held(start, worker_class):
    server = start(worker_class=worker_class, max_waiters_per_address=1)
    talk = server.conversation()
    last = talk.last_id
    one, same, other = "2001:db8:0:7::1", "2001:db8:0:7:ffff::9", "2001:db8:0:8::1"
    path = f"/api/chat/messages/{talk.id}?lastMessageId={last}&longPoll=true"
    held, _ = start_thread(lambda: talk.client.get(path, X_Forwarded_For=one))
    server.wait_until_held(1)
    for refusing in (path, f"/api/chat/stream/{talk.id}"):
        refused = talk.agent.get(refusing, X_Forwarded_For=same)
        assert (refused.status, refused.json["code"]) == (503, "overloaded")
    with WS(talk.agent, f"/api/chat/ws/{talk.id}", X_Forwarded_For=same) as told:
        assert told.code() == (1013, "overloaded")
    # Another address, and this machine, which may be a proxy that does not say who asks.
    for headers in ({"X_Forwarded_For": other}, {}, {}):
        with SSE(talk.agent, f"/api/chat/stream/{talk.id}", **headers) as told:
            assert told.one("open")
    talk.agent.send(talk.id, "Ensuite")
    assert held.result().json["longPolling"] is True
    server.wait_until_held(0)
    with SSE(talk.agent, f"/api/chat/stream/{talk.id}", X_Forwarded_For=same) as told:
        assert told.one("open")


def test_threads_full_of_polls_leave_room_for_sends(start):
    server = start(worker_class="gthread", threads=4)
    talks = [server.conversation() for _ in range(4)]
    polls = [talk.client.poll(talk.id, lastMessageId=talk.last_id) for talk in talks]
    server.wait_until_held(3)
    for talk in talks:
        assert talk.agent.send(talk.id, "Il reste de la place").status == 201
    assert sorted(poll.result().status for poll in polls) == [200] * 3 + [503]


def chunked(size):
    """A message of `size` bytes in chunks."""
    body = b'{"chat_session_id":1,"message":"' + b"x" * size + b'"}'
    pieces = [body[at : at + 1000] for at in range(0, len(body), 1000)]
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


@pytest.mark.parametrize(
    ("framing", "body"),
    [
        ("Transfer-Encoding: chunked", chunked(100 * KILOBYTE)),
        ("Content-Length: 1000000000", b"{"),
        (f"Content-Length: {100 * KILOBYTE}", b"x" * 100 * KILOBYTE),
    ],
)
def test_a_body_that_is_too_large_is_refused_however_it_is_framed(server, client, framing, body):
    with socket.create_connection(server.address, timeout=PATIENCE_SECONDS) as connection:
        connection.sendall(
            f"POST /api/chat/message HTTP/1.1\r\nHost: chat\r\nContent-Type: application/json\r\n"
            f"Authorization: Bearer {client.token}\r\n{framing}\r\n\r\n".encode()
        )
        connection.sendall(body)
        connection.shutdown(socket.SHUT_WR)
        answer = connection.makefile("rb").read()
    assert answer.startswith(b"HTTP/1.1 413")
    assert b"body_too_large" in answer


def test_a_chunked_body_of_the_right_size_is_read(talk):
    answer = talk.client.request(
        "POST",
        "/api/chat/message",
        iter([b'{"chat_session_id":%d,' % talk.id, b'"message":"En morceaux"}']),
        Content_Type="application/json",
    )
    assert answer.status == 201
    assert talk.agent.fetch(talk.id).texts[-1] == "En morceaux"


def test_a_full_disk_is_told_and_when_there_is_room_it_goes_on(start, worker_class):
    server = start(worker_class=worker_class)
    talk = server.conversation()
    polls = hold(server, [talk])
    (worker,) = server.workers()
    limits = resource.prlimit(worker, resource.RLIMIT_FSIZE)
    # Every file of the worker may grow to 150 kB: the write-ahead log is soon full.
    resource.prlimit(worker, resource.RLIMIT_FSIZE, (150 * KILOBYTE, limits[1]))
    answers = [talk.client.send(talk.id, str(number % 10) * 3000) for number in range(60)]
    refused = [answer for answer in answers if answer.status != 201]
    assert {(answer.status, answer.json["code"]) for answer in refused} == {(503, "database_unavailable")}
    assert refused[0].headers["Retry-After"] == "3"
    resource.prlimit(worker, resource.RLIMIT_FSIZE, limits)
    assert talk.client.send(talk.id, "De nouveau").status == 201
    stored = [message["id"] for message in talk.agent.fetch(talk.id).json["messages"]]
    acknowledged = [answer.json["messageId"] for answer in answers if answer.status == 201]
    assert stored[2:-1] == acknowledged
    assert {poll.result().status for poll in polls} == {200}


def test_a_database_that_is_away_is_told_and_when_it_is_back_it_goes_on(start, worker_class):
    server = start(worker_class=worker_class)
    talk = server.conversation()
    assert talk.client.get("/readyz").status == 200
    away = server.path.rename(server.path.with_name("away.db"))
    for answer in (talk.client.send(talk.id, "x"), talk.client.fetch(talk.id), talk.client.get("/readyz")):
        assert (answer.status, answer.headers["Retry-After"]) == (503, "3")
    assert talk.client.get("/healthz").status == 200
    away.rename(server.path)
    assert talk.client.send(talk.id, "De retour").status == 201
    assert talk.agent.fetch(talk.id).texts[-1] == "De retour"


def raw(server, *lines, body=b""):
    """What comes back for these lines, to the end of the connection."""
    with socket.create_connection(server.address, timeout=PATIENCE_SECONDS) as connection:
        connection.sendall("\r\n".join([*lines, "Connection: close", "", ""]).encode() + body)
        connection.shutdown(socket.SHUT_WR)
        return connection.makefile("rb").read()


@pytest.mark.parametrize(
    "lines",
    [
        ("GET /healthz HTTP/1.1", "Host: a..b"),
        ("GET /api/chat/agents HTTP/1.1", f"Host: {'x' * 70}.example"),
        (
            "GET /static/css/page.css HTTP/1.1",
            "Host: chat",
            "If-Modified-Since: Mon, 23 Nov 99999999999 15:38:54 GMT",
        ),
    ],
)
def test_a_header_that_cannot_be_meant_is_refused(server, lines):
    assert raw(server, *lines).startswith(b"HTTP/1.1 400")


def test_a_path_in_a_header_is_not_believed(server):
    answer = raw(server, "GET /healthz HTTP/1.1", "Host: chat", "SCRIPT_NAME: /x")
    assert answer.startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize(
    ("framing", "body"),
    [
        ("Transfer-Encoding: chunked", b"zz\r\n{}\r\n0\r\n\r\n"),
        ("Transfer-Encoding: chunked", b"-5\r\n{}\r\n0\r\n\r\n"),
        ("Transfer-Encoding: chunked", b'20\r\n{"email":'),
        ("Content-Length: 1000", b'{"email":"a@b.c","password":"x"}'),
    ],
)
def test_a_body_that_is_broken_off_is_refused(server, framing, body):
    head = ("POST /api/auth/login HTTP/1.1", "Host: chat", "Content-Type: application/json", framing)
    answer = raw(server, *head, body=body)
    assert answer.startswith(b"HTTP/1.1 400")
    assert b"invalid_request" in answer
