"""A worker that must go goes, whoever holds it: without its main process, beside those who read nothing."""

import os
import select
import signal
import socket
from contextlib import ExitStack, closing, suppress
from pathlib import Path

from chat import accounts, messages
from tests.server import PATIENCE_SECONDS
from tests.streams import HANDSHAKE, SSE, WS, raw
from tests.test_streams import BIG, MANY
from tests.threads import together

STALL_SECONDS = 300
EACH = 100


def has_died(pidfd, seconds):
    return bool(select.select([pidfd], [], [], seconds)[0])


def test_a_worker_without_its_main_process_leaves_and_a_new_server_takes_over(start, worker_class):
    server = start(worker_class=worker_class)
    talk, other = server.conversation(), server.conversation()
    with SSE(talk.client, f"/api/chat/stream/{talk.id}") as stream, ExitStack() as stack:
        ws = stack.enter_context(WS(talk.agent, f"/api/chat/ws/{talk.id}"))
        assert stream.one("open")
        assert ws.one("open")
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


def wait_until_it_answers(server):
    """From when it listens on."""
    while True:
        with suppress(ConnectionError):
            return server.client().get("/healthz")


def test_a_new_server_gets_the_port_of_a_killed_one(start, worker_class):
    """Nobody holds it beside the servers, as it is in production."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        host, port = free.getsockname()
    server = start(worker_class=worker_class, bind=f"{host}:{port}")
    server.address = host, port
    wait_until_it_answers(server)
    talk = server.conversation()
    poll = talk.client.poll(talk.id, lastMessageId=talk.last_id)
    server.wait_until_held(1)
    server.signal(signal.SIGKILL)
    server.process.wait()
    assert poll.result().status == 200
    server.start()
    wait_until_it_answers(server)
    for number in range(20):
        assert talk.client.send(talk.id, f"{number}").status == 201


def queued(connections):
    """How many bytes the server has yet to send on each."""
    # Both ends: another server may have a client on the same port.
    ends = {
        (f"{connection.getpeername()[1]:04X}", f"{connection.getsockname()[1]:04X}")
        for connection in connections
    }
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sorted(
        int(row[4].partition(":")[0], 16)
        for row in rows
        if tuple(end.rpartition(":")[2] for end in row[1:3]) in ends
    )


def wait_until_stalled(server, connections):
    """Their buffers have been full, and the same, for as long as fifty other requests took."""
    seen = [[0]]

    def is_over(told):
        seen.append(queued(connections))
        return len(seen) > 50 and 0 not in seen[-1] and all(each == seen[-1] for each in seen[-50:])

    server.wait_until(is_over)


def test_who_reads_nothing_does_not_hold_the_exit(start, worker_class):
    server = start(worker_class=worker_class, stall_seconds=STALL_SECONDS, heartbeat_seconds=300)
    talk, calm = server.conversation(), server.conversation()
    agent = server.database.read(lambda db: accounts.authenticate(db, accounts.hash_token(talk.agent.token)))
    with together(server) as threads:
        for _ in range(8):
            threads.submit(
                lambda: [messages.send(server.runtime, agent, talk.id, BIG, None) for _ in range(MANY // 8)]
            )
    with ExitStack() as stack:
        headers = HANDSHAKE | {"Connection": "Upgrade"}
        stalled = [
            stack.enter_context(raw(talk.client, f"/api/chat/stream/{talk.id}?cursor=0")),
            stack.enter_context(raw(talk.client, f"/api/chat/ws/{talk.id}?cursor=0", **headers)),
        ]
        well = stack.enter_context(SSE(calm.client, f"/api/chat/stream/{calm.id}"))
        assert well.one("open")
        wait_until_stalled(server, stalled)
        assert server.stop(patience=STALL_SECONDS / 4) == 0
        assert well.one("end").data == {"reason": "restart"}


def begun(server, what):
    """A connection on which a request is begun, and not ended."""
    connection = socket.create_connection(server.address, timeout=PATIENCE_SECONDS)
    connection.sendall(what)
    return closing(connection)


HEAD = b"POST /api/auth/login HTTP/1.1\r\nHost: chat\r\nContent-Type: application/json\r\n"
NEXT = HEAD + b"Content-Length: 2\r\n\r\n{}GET /"


BEGUN = [
    b"",
    HEAD,
    HEAD + b"Content-Length: 100\r\n\r\n{",
    HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\n{",
    NEXT,
]


def test_who_sends_slowly_keeps_nobody_else_waiting(start, worker_class):
    """The others are answered while the slow ones are there."""
    server = start(worker_class=worker_class, threads=4, stall_seconds=STALL_SECONDS, keepalive_seconds=75)
    talk = server.conversation()
    with ExitStack() as stack:
        slow = {what: [stack.enter_context(begun(server, what)) for _ in range(EACH)] for what in BEGUN}
        for number in range(20):
            assert talk.client.send(talk.id, f"{number}").status == 201
        # Neither closed nor answered, but for what was whole.
        waiting = [one for what in BEGUN if what is not NEXT for one in slow[what]]
        assert not select.select(waiting, [], [], 0)[0]


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
