"""How requests are read: late, too long or unknown is told, and who asks for the health is answered first."""

import json
import os
import select
import signal
import socket
import subprocess
import sys
from contextlib import ExitStack, closing

import pytest

from tests.server import PATIENCE_SECONDS, ROOT, Server

QUEUED = 300
# As many as may drip while a test has patience; fewer than any request that is begun here needs.
LETTERS = 500
POST = b"POST /api/chat/message HTTP/1.1\r\nHost: chat\r\nContent-Type: application/json\r\n"
GET = b"GET /api/chat/agents HTTP/1.1\r\nHost: chat\r\n"


@pytest.fixture(scope="module", params=("gevent", "gthread"))
def server(request, tmp_path_factory):
    with Server(tmp_path_factory.mktemp("reading"), worker_class=request.param) as running:
        yield running


def connect(server):
    return closing(socket.create_connection(server.address, timeout=PATIENCE_SECONDS))


def answer(connection):
    """(status, the problem or None, all of the head) of the only answer, after which it is closed."""
    head, _, body = connection.makefile("rb").read().partition(b"\r\n\r\n")
    assert b"Connection: close" in head
    return int(head.split()[1]), json.loads(body) if body else None, head


@pytest.mark.parametrize(
    "begun",
    [
        b"GET /heal",
        GET,
        POST + b"Content-Length: 1000\r\n\r\n{",
        POST + b"Transfer-Encoding: chunked\r\n\r\nfff\r\n{",
    ],
    ids=["a line", "a head", "a body", "a chunk"],
)
def test_what_drips_is_refused_when_its_time_is_over(start, worker_class, begun):
    server = start(worker_class=worker_class, read_seconds=1)
    with connect(server) as connection:
        connection.sendall(begun)
        # In a head and in a body, one more letter is as good as the one before.
        for _ in range(LETTERS):
            if select.select([connection], [], [], PATIENCE_SECONDS / LETTERS)[0]:
                break
            connection.sendall(b"1")
        status, problem, _ = answer(connection)
    assert (status, problem["code"]) == (408, "request_timeout")


def test_who_asks_nothing_is_closed_without_a_word(start, worker_class):
    server = start(worker_class=worker_class, read_seconds=1)
    with connect(server) as connection:
        assert connection.recv(100) == b""


REFUSED = {
    "a long address": (414, "address_too_long", b"GET /" + b"x" * 5000 + b" HTTP/1.1\r\n\r\n"),
    "a long address that does not end": (414, "address_too_long", b"GET /" + b"x" * 5000),
    "a long field": (431, "headers_too_large", GET + b"X: " + b"x" * 9000 + b"\r\n\r\n"),
    "many fields": (431, "headers_too_large", GET + b"X: y\r\n" * 200 + b"\r\n"),
    "another method": (501, "unknown_method", b"FETCH / HTTP/1.1\r\nHost: chat\r\n\r\n"),
    "another expectation": (417, "expectation_failed", GET + b"Expect: wonders\r\n\r\n"),
    "two hosts": (400, "invalid_request", GET + b"Host: other\r\n\r\n"),
    "no HTTP": (400, "invalid_request", b"\x16\x03\x01\x02\x00\r\n\r\n"),
}


@pytest.mark.parametrize(("status", "code", "sent"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_read_is_told_so_and_closed(server, status, code, sent):
    with connect(server) as connection:
        connection.sendall(sent)
        told, problem, head = answer(connection)
    assert (told, problem["code"]) == (status, code)
    assert b"Content-Type: application/problem+json" in head
    assert b"X-Content-Type-Options: nosniff" in head
    assert server.client().get("/healthz").status == 200


def test_a_field_with_an_underscore_is_not_taken_for_the_one_with_a_hyphen(server):
    """A proxy that sets or drops the latter lets the former pass."""
    talk = server.conversation()
    head = f"GET /api/chat/messages/{talk.id} HTTP/1.1\r\nHost: chat\r\nConnection: close\r\n"
    head += f"Authorization: Bearer {talk.client.token}\r\n"
    for field, status in (("Chat-User: 99999999", 409), ("Chat_User: 99999999", 200)):
        with connect(server) as connection:
            connection.sendall(f"{head}{field}\r\n\r\n".encode())
            assert answer(connection)[0] == status


def test_who_expects_to_be_told_to_go_on_is(server):
    talk = server.conversation()
    body = json.dumps({"chat_session_id": talk.id, "message": "Après 100"}).encode()
    head = POST + f"Authorization: Bearer {talk.client.token}\r\n".encode()
    with connect(server) as connection:
        connection.sendall(head + b"Connection: close\r\nExpect: 100-continue\r\n")
        connection.sendall(b"Content-Length: %d\r\n\r\n" % len(body))
        assert connection.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(body)
        assert answer(connection)[0] == 201
    assert talk.agent.fetch(talk.id).texts[-1] == "Après 100"


def test_a_poll_whose_client_has_left_is_let_go(start, worker_class):
    """It would be held for longer than a test has patience."""
    server = start(worker_class=worker_class)
    talk = server.conversation()
    path = f"/api/chat/messages/{talk.id}?lastMessageId={talk.last_id}&longPoll=true"
    asked = f"GET {path} HTTP/1.1\r\nHost: chat\r\nAuthorization: Bearer {talk.client.token}\r\n\r\n"
    with connect(server) as connection:
        connection.sendall(asked.encode())
        server.wait_until_held(1)
    server.wait_until_held(0)


def in_order(stack, connections, begin):
    """The connections as they were answered: the kernel queues them so, however late this process looks."""
    ready = stack.enter_context(select.epoll())
    by_number = {connection.fileno(): connection for connection in connections}
    for number in by_number:
        ready.register(number, select.EPOLLIN | select.EPOLLONESHOT)
    begin()
    order = []
    while len(order) < len(connections):
        found = ready.poll(PATIENCE_SECONDS)
        assert found
        order += [by_number[number] for number, _ in found]
    return order


@pytest.mark.parametrize("what", ["health", "a message"])
def test_who_asks_for_the_health_or_sends_waits_for_no_poll(start, worker_class, what):
    """All have asked before the worker looks; that one last. A message that is refused waits for no disk."""
    server = start(worker_class=worker_class)
    talk = server.conversation()
    assert talk.client.get("/readyz").status == 200
    (worker,) = server.workers()
    asked = f"GET /api/chat/messages/{talk.id} HTTP/1.1\r\nHost: chat\r\nAuthorization: Bearer"
    with ExitStack() as stack:
        os.kill(worker, signal.SIGSTOP)
        others = [stack.enter_context(connect(server)) for _ in range(QUEUED)]
        for other in others:
            other.sendall(f"{asked} {talk.client.token}\r\n\r\n".encode())
        one = stack.enter_context(connect(server))
        if what == "health":
            one.sendall(b"GET /healthz HTTP/1.1\r\nHost: chat\r\n\r\n")
        else:
            body = json.dumps({"chat_session_id": talk.id, "message": ""}).encode()
            head = POST + f"Authorization: Bearer {talk.agent.token}\r\n".encode()
            one.sendall(head + b"Content-Length: %d\r\n\r\n" % len(body) + body)
        order = in_order(stack, [one, *others], lambda: os.kill(worker, signal.SIGCONT))
        assert order.index(one) < QUEUED / 2
        assert one.recv(12) == (b"HTTP/1.1 200" if what == "health" else b"HTTP/1.1 400")
        assert {other.recv(12) for other in others} == {b"HTTP/1.1 200"}


def test_tls_is_a_proxys_to_do(tmp_path):
    command = [sys.executable, "-m", "gunicorn", "--certfile", __file__, "--keyfile", __file__]
    where = {"CHAT_DATABASE_URL": f"sqlite:///{tmp_path}/chat.db", "CHAT_BIND": f"unix:{tmp_path}/socket"}
    ended = subprocess.run(
        command,
        cwd=ROOT,
        env=os.environ | where,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
    )
    assert ended.returncode != 0
    assert "TLS is a proxy's to do" in ended.stderr
