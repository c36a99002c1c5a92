"""A request that a proxy may read otherwise than we do: refused, closed, and nothing after it is answered."""

import json
import re
import socket
from contextlib import suppress

import pytest

from tests.server import PATIENCE_SECONDS, Server

JSON = b"Content-Type: application/json\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"


@pytest.fixture(scope="module", params=("gevent", "gthread"))
def server(request, tmp_path_factory):
    with Server(tmp_path_factory.mktemp("smuggling"), worker_class=request.param) as running:
        yield running


@pytest.fixture
def talk(server):
    return server.conversation()


def exchange(server, sent):
    """All that comes back until the server closes."""
    with socket.create_connection(server.address, timeout=PATIENCE_SECONDS) as connection:
        connection.sendall(sent)
        told = b""
        # With what it did not read, the system may cut the connection.
        with suppress(ConnectionError):
            while piece := connection.recv(65_536):
                told += piece
        return told


def head(token, framing):
    """A message from its sender, up to its body."""
    return (
        b"POST /api/chat/message HTTP/1.1\r\nHost: chat\r\n"
        + f"Authorization: Bearer {token}\r\n".encode()
        + JSON
        + framing
        + b"\r\n"
    )


def message(talk, text):
    return json.dumps({"chat_session_id": talk.id, "message": text}).encode()


def hidden(talk):
    """What would be smuggled: a whole request of the agent's, whose answer nobody may see."""
    body = message(talk, "smuggled")
    return head(talk.agent.token, b"Content-Length: %d\r\n" % len(body)) + body


def in_chunks(body):
    return b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)


FRAMINGS = {
    "both lengths": b"Content-Length: 4\r\n" + CHUNKED,
    "both lengths, the other way round": CHUNKED + b"Content-Length: 4\r\n",
    "two lengths": b"Content-Length: 0\r\nContent-Length: 4\r\n",
    "the same length twice": b"Content-Length: 0\r\nContent-Length: 0\r\n",
    "lengths in a list": b"Content-Length: 0, 4\r\n",
    "a length with a sign": b"Content-Length: +0\r\n",
    "a negative length": b"Content-Length: -1\r\n",
    "a hexadecimal length": b"Content-Length: 0x0\r\n",
    "a length with an underscore": b"Content-Length: 1_0\r\n",
    "a length in other digits": "Content-Length: ²\r\n".encode("latin-1"),
    "an empty length": b"Content-Length:\r\n",
    "a space before the colon": b"Transfer-Encoding : chunked\r\n",
    "a tab before the colon": b"Transfer-Encoding\t: chunked\r\n",
    "a space before the colon of a length": b"Content-Length : 0\r\n",
    "a space before the name": b" Transfer-Encoding: chunked\r\n",
    "a folded line": b"Transfer-Encoding:\r\n chunked\r\n",
    "a folded length": b"Content-Length:\r\n\t0\r\n",
    "a line feed alone": b"X: y\nTransfer-Encoding: chunked\r\n",
    "a carriage return alone": b"X: y\rTransfer-Encoding: chunked\r\n",
    "a NUL": b"X: y\0\r\nContent-Length: 0\r\n",
    "chunked twice": b"Transfer-Encoding: chunked, chunked\r\n",
    "chunked in two lines": CHUNKED + CHUNKED,
    "chunked, but not last": b"Transfer-Encoding: chunked, identity\r\n",
    "identity": b"Transfer-Encoding: identity\r\nContent-Length: 0\r\n",
    "an unknown coding": b"Transfer-Encoding: xchunked\r\nContent-Length: 0\r\n",
    "a quoted coding": b'Transfer-Encoding: "chunked"\r\n',
    "a vertical tab before the coding": b"Transfer-Encoding: \x0bchunked\r\n",
    "two hosts": b"Host: evil.example\r\nContent-Length: 0\r\n",
    "no colon": b"Content-Length 0\r\n",
}


@pytest.mark.parametrize("framing", FRAMINGS.values(), ids=FRAMINGS)
def test_an_ambiguous_framing_is_refused_and_ends_the_connection(server, talk, framing):
    told = exchange(server, head(talk.client.token, framing) + b"0\r\n\r\n" + hidden(talk))
    refused(talk, told)


VERSION = {
    "chunked in HTTP/1.0": b"POST /api/chat/message HTTP/1.0\r\nHost: chat\r\n" + CHUNKED + b"\r\n",
    "line feeds alone": b"POST /api/chat/message HTTP/1.1\nHost: chat\nContent-Length: 0\n\n",
    "two spaces": b"POST  /api/chat/message HTTP/1.1\r\nHost: chat\r\nContent-Length: 0\r\n\r\n",
    "another version": b"POST /api/chat/message HTTP/2.0\r\nHost: chat\r\nContent-Length: 0\r\n\r\n",
    "a lower-case method": b"post /api/chat/message HTTP/1.1\r\nHost: chat\r\nContent-Length: 0\r\n\r\n",
}


@pytest.mark.parametrize("begun", VERSION.values(), ids=VERSION)
def test_a_head_that_others_read_otherwise_is_refused(server, talk, begun):
    refused(talk, exchange(server, begun + b"0\r\n\r\n" + hidden(talk)))


CHUNKS = {
    "no size": b"\r\n{}\r\n0\r\n\r\n",
    "no hexadecimal size": b"zz\r\n{}\r\n0\r\n\r\n",
    "a negative size": b"-2\r\n{}\r\n0\r\n\r\n",
    "a size with a sign": b"+2\r\n{}\r\n0\r\n\r\n",
    "a size with 0x": b"0x2\r\n{}\r\n0\r\n\r\n",
    "a size with an underscore": b"0_2\r\n{}\r\n0\r\n\r\n",
    "a size with a space before it": b" 2\r\n{}\r\n0\r\n\r\n",
    "a size that is too small": b"1\r\n{}\r\n0\r\n\r\n",
    "a size that is too large": b"3\r\n{}\r\n0\r\n\r\n",
    "a line feed after the size": b"2\n{}\r\n0\r\n\r\n",
    "a line feed after the chunk": b"2\r\n{}\n0\r\n\r\n",
    "a line feed in an extension": b"2;a\nb\r\n{}\r\n0\r\n\r\n",
    "a length in the trailer": b"2\r\n{}\r\n0\r\nContent-Length: 0\r\n\r\n",
    "a trailer that is none": b"2\r\n{}\r\n0\r\nno colon\r\n\r\n",
}


@pytest.mark.parametrize("body", CHUNKS.values(), ids=CHUNKS)
def test_broken_chunks_are_refused_and_end_the_connection(server, talk, body):
    refused(talk, exchange(server, head(talk.client.token, CHUNKED) + body + hidden(talk)))


def refused(talk, told):
    """One answer, a 4xx, or 501 for an unknown coding, which is the last; what came after it is nobody's."""
    assert told.startswith((b"HTTP/1.1 4", b"HTTP/1.0 4", b"HTTP/1.1 501")), told[:300]
    assert len(re.findall(rb"HTTP/1\.[01] \d{3} ", told)) == 1
    assert b"smuggled" not in told
    assert "smuggled" not in talk.client.fetch(talk.id).texts


def test_a_chunk_may_have_an_extension_that_says_nothing(server, talk):
    body = message(talk, "In a chunk")
    sent = b"%x;name=value\r\n%b\r\n0\r\n\r\n" % (len(body), body)
    told = exchange(server, head(talk.client.token, CHUNKED + b"Connection: close\r\n") + sent)
    assert told.startswith(b"HTTP/1.1 201")
    assert talk.agent.fetch(talk.id).texts[-1] == "In a chunk"


def test_a_body_that_looks_like_a_request_is_a_body(server, talk):
    """Also where the first request is refused before anybody has read it."""
    for path in ("/api/chat/message", "/api/chat/nowhere", "/login"):
        for framing, body in (
            (b"Content-Length: %d\r\n" % len(hidden(talk)), hidden(talk)),
            (CHUNKED, in_chunks(hidden(talk))),
        ):
            begun = head(talk.client.token, framing).replace(b"/api/chat/message", path.encode(), 1)
            end = b"GET /healthz HTTP/1.1\r\nHost: chat\r\nConnection: close\r\n\r\n"
            told = exchange(server, begun + body + end)
            assert told.startswith(b"HTTP/1.1 4"), (path, told[:200])
            assert told.count(b"HTTP/1.1 2") <= 1
            assert "smuggled" not in talk.client.fetch(talk.id).texts


def test_two_whole_requests_on_one_connection_are_each_answered_as_their_senders(server, talk):
    sent = b""
    for who, text, more in ((talk.client, "one", b""), (talk.agent, "two", b"Connection: close\r\n")):
        body = message(talk, text)
        sent += head(who.token, b"Content-Length: %d\r\n" % len(body) + more) + body
    assert exchange(server, sent).count(b"HTTP/1.1 201") == 2
    messages = talk.client.fetch(talk.id).json["messages"][-2:]
    assert [(each["sender_type"], each["message"]) for each in messages] == [
        ("client", "one"),
        ("agent", "two"),
    ]


def test_a_chunked_request_is_answered_whatever_follows_it(server, talk):
    """A trailer, or the next request."""
    sent = b""
    for text, trailer, more in (("one", b"X: y\r\n", b""), ("two", b"X: y\r\n", b"Connection: close\r\n")):
        body = message(talk, text)
        sent += head(talk.client.token, CHUNKED + more)
        sent += b"%x\r\n%b\r\n0\r\n%b\r\n" % (len(body), body, trailer)
    assert exchange(server, sent).count(b"HTTP/1.1 201") == 2
    assert talk.agent.fetch(talk.id).texts[-2:] == ["one", "two"]
