"""Whoever asks without a pause takes turns with everybody else."""

import os
import select
import signal
import socket
from contextlib import ExitStack, closing

import pytest

from tests.server import PATIENCE_SECONDS

EACH = 100


def connect(server):
    return closing(socket.create_connection(server.address, timeout=PATIENCE_SECONDS))


@pytest.mark.parametrize("busy", [1, 50])
def test_one_request_waits_for_a_few_of_each_that_never_pauses(start, worker_class, busy):
    """All have asked before the worker looks; those who never pause for 100 answers each, in turn."""
    server = start(worker_class=worker_class)
    talk = server.conversation()
    assert talk.client.get("/readyz").status == 200
    (worker,) = server.workers()
    asked = (
        f"GET /api/chat/messages/{talk.id} HTTP/1.1\r\nHost: chat\r\n"
        f"Authorization: Bearer {talk.client.token}\r\n\r\n"
    ).encode()
    with ExitStack() as stack:
        os.kill(worker, signal.SIGSTOP)
        loops = [stack.enter_context(connect(server)) for _ in range(busy)]
        for loop in loops:
            loop.sendall(asked * EACH)
        one = stack.enter_context(connect(server))
        one.sendall(asked)
        os.kill(worker, signal.SIGCONT)
        assert one.recv(1000).startswith(b"HTTP/1.1 200")
        answered = sum(map(count, loops))
        assert answered <= busy * EACH / 2


def count(connection):
    """The answers that have come so far."""
    told = b""
    while select.select([connection], [], [], 0)[0] and (piece := connection.recv(65_536)):
        told += piece
    return told.count(b"HTTP/1.1 200")
