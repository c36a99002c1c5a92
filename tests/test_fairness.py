"""Whoever asks without a pause takes turns with everybody else."""

import os
import signal
import socket
from contextlib import ExitStack, closing

import pytest

from tests.server import PATIENCE_SECONDS, await_that

EACH = 100


def connect(server):
    return closing(socket.create_connection(server.address, timeout=PATIENCE_SECONDS))


@pytest.mark.parametrize("busy", [1, 50])
def test_one_request_waits_for_a_few_of_each_that_never_pauses(start, worker_class, busy):
    """All have asked before the worker looks; those who never pause for 100 answers each, in turn.

    In which order they were answered, the server's log tells: this process may have slept meanwhile.
    """
    server = start(worker_class=worker_class, access_log=1, log_format="json")
    talk = server.conversation()
    assert talk.client.get("/readyz").status == 200
    (worker,) = server.workers()
    with ExitStack() as stack:
        os.kill(worker, signal.SIGSTOP)
        loops = [stack.enter_context(connect(server)) for _ in range(busy)]
        for loop in loops:
            loop.sendall(request(talk, "busy") * EACH)
        one = stack.enter_context(connect(server))
        one.sendall(request(talk, "one"))
        os.kill(worker, signal.SIGCONT)
        assert one.recv(1000).startswith(b"HTTP/1.1 200")
        lines = await_that(lambda: lines_until(server, "x=one"))
    assert sum("x=busy" in line for line in lines) <= busy * EACH / 2


def request(talk, mark):
    return (
        f"GET /api/chat/messages/{talk.id}?x={mark} HTTP/1.1\r\nHost: chat\r\n"
        f"Authorization: Bearer {talk.client.token}\r\n\r\n"
    ).encode()


def lines_until(server, mark):
    """Those of the log before the one that has the mark, and it; none until it is there."""
    before, found, _ = server.log.partition(mark)
    return found and [*before.splitlines(), found]
