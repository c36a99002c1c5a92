"""Whatever comes over the line is answered soon, with a 4xx, under /api/ of one shape; by both workers."""

import json
import re

import pytest

from tests.server import Server
from tests.test_smuggling import CHUNKED, CHUNKS, exchange
from tests.threads import together

FORM = b"Content-Type: application/x-www-form-urlencoded\r\n"
MULTIPART = b"Content-Type: multipart/form-data; boundary=x\r\n"
LAST = b"Host: chat\r\nConnection: close\r\n\r\n"
HUGE = {
    "a size beyond the limit": b"fffffff",
    "a size of 64 bits": b"f" * 16,
    "a size beyond 64 bits": b"1" + b"0" * 16,
    "a size of many digits": b"f" * 5000,
    "zeros before the size": b"0" * 5000 + b"2",
}


@pytest.fixture(scope="module", params=("gevent", "gthread"))
def server(request, tmp_path_factory):
    with Server(tmp_path_factory.mktemp("protocol"), worker_class=request.param, read_seconds=1) as running:
        yield running
        assert "Traceback" not in running.log


def answered(told):
    """(status, head, body) of the only answer."""
    assert len(re.findall(rb"HTTP/1\.[01] \d{3} ", told)) == 1, told[:300]
    head, _, body = told.partition(b"\r\n\r\n")
    return int(head.split(b" ", 2)[1]), head.lower(), body


def refused_as_problem(told, is_head=False):
    status, head, body = answered(told)
    assert 400 <= status < 500 or status == 501, told[:300]
    assert b"content-type: application/problem+json" in head, told[:300]
    if not is_head:
        assert json.loads(body)["status"] == status
    return status


@pytest.mark.parametrize("kind", [FORM, MULTIPART], ids=["form", "multipart"])
@pytest.mark.parametrize("path", ["/login", "/signup", "/language"])
def test_a_form_whose_chunks_are_broken_is_refused(server, path, kind):
    for name, body in CHUNKS.items():
        begun = f"POST {path} HTTP/1.1\r\nHost: chat\r\n".encode() + kind + CHUNKED + b"\r\n"
        status, *_ = answered(exchange(server, begun + body))
        assert 400 <= status < 500, name


@pytest.mark.parametrize("path", ["/login", "/api/chat/message", "/api/nowhere"])
def test_a_huge_chunk_is_refused_and_keeps_nobody_waiting(server, path):
    """As soon as nothing comes of it any more: `CHAT_READ_SECONDS`."""
    kind = b"Content-Type: application/json\r\n" if path.startswith("/api/") else FORM
    begun = f"POST {path} HTTP/1.1\r\nHost: chat\r\n".encode() + kind + CHUNKED + b"\r\n"
    with together(server) as threads:
        told = threads.map(lambda size: exchange(server, begun + size + b"\r\n{}"), HUGE.values())
    for each in told:
        status, _, body = answered(each)
        assert 400 <= status < 500
        assert not path.startswith("/api/") or json.loads(body)["status"] == status


HEADS = {
    "an unknown method": b"BREW /api/chat/agents HTTP/1.1\r\nHost: chat\r\n\r\n",
    "a method of our own": b"PROPFIND /api/chat/agents HTTP/1.1\r\n" + LAST,
    "a method that no route has": b"DELETE /api/chat/agents HTTP/1.1\r\n" + LAST,
    "TRACE": b"TRACE /api/chat/agents HTTP/1.1\r\nHost: chat\r\nConnection: close\r\n\r\n",
    "CONNECT": b"CONNECT /api/chat/agents HTTP/1.1\r\nHost: chat\r\nConnection: close\r\n\r\n",
    "PRI": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "a method in small letters": b"get /api/chat/agents HTTP/1.1\r\nHost: chat\r\n\r\n",
    "a method with a NUL": b"G\0T /api/chat/agents HTTP/1.1\r\nHost: chat\r\n\r\n",
    "no version": b"GET /api/chat/agents\r\nHost: chat\r\n\r\n",
    "another protocol": b"GET /api/chat/agents FTP/1.1\r\nHost: chat\r\n\r\n",
    "another version": b"GET /api/chat/agents HTTP/9.9\r\nHost: chat\r\n\r\n",
    "no host": b"GET /api/chat/agents HTTP/1.1\r\nConnection: close\r\n\r\n",
    "a host that is none": b"GET /api/chat/agents HTTP/1.1\r\nHost: a b\r\nConnection: close\r\n\r\n",
    "an address that is none": b"GET api/chat/agents HTTP/1.1\r\nHost: chat\r\n\r\n",
    "no header": b"GET /api/chat/agents HTTP/1.1\r\nHost: chat\r\nnone\r\n\r\n",
    "a header without a name": b"GET /api/chat/agents HTTP/1.1\r\nHost: chat\r\n: x\r\n\r\n",
    "too many headers": b"GET /api/chat/agents HTTP/1.1\r\nHost: chat\r\n" + b"X: y\r\n" * 500 + b"\r\n",
    "a header that is too long": b"GET /api/chat/agents HTTP/1.1\r\nHost: chat\r\nX: "
    + b"y" * 70_000
    + b"\r\n\r\n",
    "an address that is too long": b"GET /api/chat/" + b"x" * 70_000 + b" HTTP/1.1\r\nHost: chat\r\n\r\n",
    "an expectation": b"POST /api/chat/message HTTP/1.1\r\nExpect: tea\r\nContent-Length: 0\r\n" + LAST,
    "a head that never ends": b"GET /api/chat/agents HTTP/1.1\r\nHost: chat\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 40 + b"\r\n\r\n",
}


@pytest.mark.parametrize("sent", HEADS.values(), ids=HEADS)
def test_what_is_no_request_under_the_api_is_answered_as_a_problem(server, sent):
    refused_as_problem(exchange(server, sent))


@pytest.mark.parametrize("path", ["/api/chat/stream", "/api/chat/stream/{id}", "/api/chat/ws/{id}"])
def test_HEAD_of_a_stream_ends(server, path):
    talk = server.conversation()
    sent = f"HEAD {path.format(id=talk.id)} HTTP/1.1\r\nAuthorization: Bearer {talk.client.token}\r\n"
    status, _, body = answered(exchange(server, sent.encode() + LAST))
    assert (status < 500, body) == (True, b"")


def test_HEAD_of_what_is_refused_is_a_head(server):
    told = exchange(server, b"HEAD /api/chat/stream HTTP/1.1\r\nHost: chat\r\nConnection: close\r\n\r\n")
    assert refused_as_problem(told, is_head=True) == 401
    assert told.endswith(b"\r\n\r\n")
