"""Heads as large as are taken, and larger ones: refused with a reason, and nobody else notices."""

import socket
from contextlib import ExitStack

import pytest

from tests.server import PATIENCE_SECONDS
from tests.test_smuggling import exchange, hidden, refused
from tests.threads import together

# In a line without its end, fields, and in a field with its end.
LINE_BYTES, FIELDS, FIELD_BYTES = 4094, 100, 8190
# With fewer threads each of these would take one.
THREADS, EACH = 8, 20


def head(line: int = 40, fields: int = 2, field: int = 40) -> bytes:
    """A request with so many bytes in its line, so many header fields, and so many bytes in the last."""
    start, end = b"GET /healthz?", b" HTTP/1.1"
    lines = [start + b"x" * (line - len(start + end)) + end, b"Host: chat", b"Connection: close"]
    lines += [b"X-%d: x" % number for number in range(fields - 2)]
    lines[-1] = lines[-1].ljust(field - 2, b"x") if field > FIELD_BYTES - 10 else lines[-1]
    return b"\r\n".join([*lines, b"", b""])


@pytest.fixture
def server(start, worker_class):
    return start(worker_class=worker_class, threads=THREADS)


LARGEST = (head(line=LINE_BYTES), head(fields=FIELDS), head(fields=3, field=FIELD_BYTES))
TOO_LARGE = {
    head(line=LINE_BYTES + 1): 414,
    head(line=200_000): 414,
    head(fields=FIELDS + 1): 431,
    head(fields=20_000): 431,
    head(fields=3, field=FIELD_BYTES + 1): 431,
    head(fields=3, field=200_000): 431,
}


def test_a_head_that_is_too_large_is_refused_and_others_notice_nothing(server):
    talk = server.conversation()
    poll = talk.agent.poll(talk.id, lastMessageId=talk.last_id)
    server.wait_until_held(1)
    for sent in LARGEST:
        assert exchange(server, sent).startswith(b"HTTP/1.1 200")
    with together(server) as threads:
        wrong = [(sent + hidden(talk), status) for sent, status in TOO_LARGE.items()] * EACH
        for told, (_, status) in zip(
            threads.map(lambda each: exchange(server, each[0]), wrong), wrong, strict=True
        ):
            refused(talk, told)
            assert told.startswith(b"HTTP/1.1 %d " % status)
    assert talk.client.send(talk.id, "Toujours là").status == 201
    assert poll.result().texts == ["Toujours là"]
    assert "Traceback" not in server.log


def test_large_heads_without_an_end_keep_nobody_waiting(server):
    """Each of them is as large as it may be."""
    talk = server.conversation()
    begun = head(fields=3, field=FIELD_BYTES)[:-2] + (b"X-More: %b\r\n" % (b"x" * 8000)) * 7
    with ExitStack() as stack:
        for _ in range(2 * THREADS):
            slow = stack.enter_context(socket.create_connection(server.address, timeout=PATIENCE_SECONDS))
            slow.sendall(begun)
        assert talk.client.send(talk.id, "Quand même").status == 201
        assert talk.agent.fetch(talk.id).texts[-1] == "Quand même"


def test_a_field_that_does_not_end_is_refused(server):
    told = exchange(server, b"GET /healthz HTTP/1.1\r\nX: " + b"x" * 100_000)
    assert told.startswith(b"HTTP/1.1 431 ")
