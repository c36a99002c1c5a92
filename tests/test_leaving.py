"""A worker that must go goes, whoever holds it: without its main process, beside those who read nothing."""

import os
import select
import signal
import socket
import subprocess
from contextlib import ExitStack, closing, suppress

import pytest

from tests.server import PATIENCE_SECONDS
from tests.streams import HANDSHAKE, SSE, WS, raw

BIG = "x" * 3900
STALL_SECONDS = 300
SLOW = 200


def has_died(pidfd, seconds):
    return bool(select.select([pidfd], [], [], seconds)[0])


def test_a_worker_without_its_main_process_leaves_and_a_new_server_takes_over(start, worker_class):
    server = start(worker_class=worker_class)
    talk, other = server.conversation(), server.conversation()
    with SSE(talk.client, f"/api/chat/stream/{talk.id}") as stream, ExitStack() as stack:
        ws = stack.enter_context(WS(talk.agent, f"/api/chat/ws/{talk.id}"))
        assert stream.one("open") and ws.one("open")
        polls = [who.poll(other.id, lastMessageId=other.last_id) for who in (other.client, other.agent)]
        server.wait_until_held(4)
        (pid,) = server.workers()
        pidfd = os.pidfd_open(pid)
        stack.callback(os.close, pidfd)
        server.signal(signal.SIGKILL)
        server.process.wait()
        assert has_died(pidfd, PATIENCE_SECONDS)
        server.start()
        # Whom the orphan held it has answered, and told to come back.
        assert [poll.result().status for poll in polls] == [200, 200]
        assert stream.one("end").data == {"reason": "restart"}
        assert ws.code() == (1012, "restart")
    for number in range(20):
        assert talk.client.send(talk.id, f"{number}").status == 201
    assert talk.agent.fetch(talk.id).texts[-20:] == [f"{number}" for number in range(20)]


def test_a_new_server_gets_the_port_of_a_killed_one(start, worker_class):
    """Nobody holds it beside the servers, as it is in production."""
    server = start(worker_class=worker_class)
    server.stop()
    server.listener.close()
    server.environment["CHAT_BIND"] = "{}:{}".format(*server.address)
    server.start()
    talk = None
    while talk is None:
        with suppress(ConnectionError):
            server.client().get("/healthz")
            talk = server.conversation()
    poll = talk.client.poll(talk.id, lastMessageId=talk.last_id)
    server.wait_until_held(1)
    server.signal(signal.SIGKILL)
    server.process.wait()
    server.start()
    assert poll.result().status == 200
    while True:
        with suppress(ConnectionError):
            server.client().get("/healthz")
            break
    for number in range(20):
        assert talk.client.send(talk.id, f"{number}").status == 201


def fill(connection):
    """Until this one, who reads nothing, has been sent so much that no more fits between."""
    address = connection.getsockname()[1]
    filled = -1
    while True:
        rows = subprocess.run(
            ["ss", "-Htn", "sport", "=", f":{connection.getpeername()[1]}", "dport", "=", f":{address}"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout.split()
        if (now := int(rows[2])) == filled > 0:
            return
        filled = now
        yield


def test_who_reads_nothing_does_not_hold_the_exit(start, worker_class):
    server = start(worker_class=worker_class, stall_seconds=STALL_SECONDS, heartbeat_seconds=300)
    talk, calm = server.conversation(), server.conversation()
    cursor = talk.client.fetch(talk.id).json["cursor"]
    with ExitStack() as stack:
        path, headers = f"{talk.id}?cursor={cursor}", HANDSHAKE | {"Connection": "Upgrade"}
        stalled = [
            stack.enter_context(raw(talk.client, f"/api/chat/stream/{path}")),
            stack.enter_context(raw(talk.client, f"/api/chat/ws/{path}", **headers)),
        ]
        well = stack.enter_context(SSE(calm.client, f"/api/chat/stream/{calm.id}"))
        assert well.one("open")
        server.wait_until_held(3)
        for _ in range(1_500):
            assert talk.agent.send(talk.id, BIG).status == 201
        # Each stands in the middle of a message.
        server.wait_until_held(3)
        assert server.stop(patience=STALL_SECONDS / 4) == 0
        assert well.one("end").data == {"reason": "restart"}
        assert len(stalled) == 2


def begun(server, what):
    """A connection on which a request is begun, and not ended."""
    connection = socket.create_connection(server.address, timeout=PATIENCE_SECONDS)
    connection.sendall(what)
    return closing(connection)


HEAD = b"POST /api/auth/login HTTP/1.1\r\nHost: chat\r\nContent-Type: application/json\r\n"


@pytest.mark.parametrize(
    "what",
    [
        b"",
        HEAD,
        HEAD + b"Content-Length: 100\r\n\r\n{",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\n{",
        HEAD + b"Content-Length: 2\r\n\r\n{}GET /",
    ],
    ids=["nothing", "head", "body", "chunks", "next"],
)
def test_who_sends_slowly_keeps_nobody_else_waiting(start, worker_class, what):
    """The others are answered while the slow ones are there, and each slow one when it has sent all."""
    server = start(worker_class=worker_class, threads=4, stall_seconds=STALL_SECONDS, logins_per_minute=0)
    talk = server.conversation()
    with ExitStack() as stack:
        slow = [stack.enter_context(begun(server, what)).thing for _ in range(0)]
        slow = [stack.enter_context(begun(server, what)) for _ in range(SLOW)]
        for number in range(20):
            assert talk.client.send(talk.id, f"{number}").status == 201
        if what and worker_class == "gthread":
            assert not select.select([], [], slow[:1], 0)[2]


def test_who_does_not_close_keeps_nobody_else_waiting(start, worker_class):
    """gunicorn's gthread worker waits 2 s for each, in the thread that accepts."""
    server = start(worker_class=worker_class, threads=4)
    talk = server.conversation()
    with ExitStack() as stack:
        for _ in range(100):
            one = stack.enter_context(
                begun(server, b"GET /healthz HTTP/1.1\r\nHost: chat\r\nConnection: close\r\n\r\n")
            )
            assert one.recv(100).startswith(b"HTTP/1.1 200")
        for number in range(20):
            assert talk.client.send(talk.id, f"{number}").status == 201
