"""What the log says: a line a request, each failure once with its cause, and nobody's words."""

import json
import logging
import re
import socket
import sys
import threading
from datetime import datetime
from urllib.parse import quote

import pytest

from chat import logs
from tests.client import Client
from tests.pages.visitor import PASSWORD, Visitor
from tests.server import Server, mostly
from tests.streams import SSE, WS

TEXT = re.compile(
    r'^(?P<client>\S+) - - \[.+?\] "\S+ .*? HTTP/1.\d" (?P<status>\d+) \d+ ".*?" ".*?" '
    r"worked=(?P<worked>[\d.]+)ms waited=(?P<waited>[\d.]+)ms (?P<id>\S+)$"
)
ERROR = re.compile(r"^\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d [+-]\d{4}\] \[\d+\] \[[A-Z]+\] ")


def records(server):
    """All lines, of a log in JSON."""
    return [json.loads(line) for line in server.log.splitlines()]


def requests(server):
    """Those of requests; what a worker had to write it has written when it has ended."""
    server.stop()
    return [each for each in records(server) if each["logger"] == "gunicorn.access"]


@mostly(("gevent", 2), ("gthread", 1))
def test_each_request_has_a_line_however_it_is_answered(start, worker_class, workers):
    """By Flask, from memory, held, as a stream, over a WebSocket, refused unread, or not at all."""
    server = start(worker_class=worker_class, workers=workers, access_log=1, log_format="json")
    talk = server.conversation()
    last = talk.settle()
    asked = [
        *(
            talk.client.fetch(talk.id, lastMessageId=last, x="again").headers["X-Request-Id"]
            for _ in range(3)
        ),
        talk.client.fetch(talk.id, lastMessageId=last, wait="0.3", x="held").headers["X-Request-Id"],
        talk.client.get("/nowhere").headers["X-Request-Id"],
    ]
    with SSE(talk.client, f"/api/chat/stream/{talk.id}") as stream, WS(talk.agent, "/api/chat/ws") as ws:
        stream.one("open")
        ws.one("open")
        asked.append(stream.headers["X-Request-Id"])
    with socket.create_connection(server.address) as broken:
        broken.sendall(b"GET / HTTP/7\r\n\r\n")
        assert b"X-Request-Id: " in broken.recv(4096)
    leaving = socket.create_connection(server.address)
    leaving.sendall(
        f"GET /api/chat/messages/{talk.id}?lastMessageId={last}&longPoll=true&x=left HTTP/1.1\r\n"
        "Host: chat\r\n"
        f"Authorization: Bearer {talk.client.token}\r\n\r\n".encode()
    )
    server.wait_until_held(1)
    leaving.close()
    server.wait_until_held(0)
    lines = requests(server)
    assert len({line["request_id"] for line in lines}) == len(lines)
    assert set(asked) <= {line["request_id"] for line in lines}
    for line in lines:
        datetime.fromisoformat(line["time"])
        assert line.keys() == {
            *("time", "level", "logger", "pid", "request_id", "client", "method", "path", "query"),
            *("status", "bytes", "worked_ms", "waited_ms", "referer", "user_agent"),
        }
    by_query = {
        name: [line for line in lines if f"x={name}" in line["query"]] for name in ("again", "held", "left")
    }
    assert [line["status"] for line in by_query["again"]] == [200] * 3
    (held,), (left,) = by_query["held"], by_query["left"]
    assert (held["status"], left["status"]) == (200, 499)
    assert held["waited_ms"] >= 270 and left["waited_ms"] > 0
    statuses = {line["path"]: line["status"] for line in lines}
    assert statuses["/api/chat/ws"] == 101
    assert statuses[f"/api/chat/stream/{talk.id}"] == 200
    assert statuses["/nowhere"] == 404
    assert [line["status"] for line in lines if line["method"] == "-"] == [400]


def test_a_line_of_text_has_the_same(start):
    server = start(access_log=1)
    talk = server.conversation()
    talk.client.fetch(talk.id, lastMessageId=talk.settle(), wait="0.3", x="held")
    server.stop()
    found = [TEXT.match(line) for line in server.log.splitlines() if "x=held" in line]
    assert len(found) == 1
    assert (found[0]["client"], found[0]["status"]) == ("127.0.0.1", "200")
    assert float(found[0]["waited"]) >= 270
    others = [line for line in server.log.splitlines() if not TEXT.match(line)]
    assert others and all(ERROR.match(line) for line in others)


def test_a_request_keeps_the_number_that_a_proxy_gave_it(start):
    server = start(access_log=1, log_format="json")
    talk = server.conversation()

    def asked(name):
        return talk.client.get(f"/api/chat/messages/{talk.id}", X_Request_Id=name).headers["X-Request-Id"]

    given = ["7f3a.b-c_d=1", "another"]
    assert [asked(name) for name in given] == given
    for wrong in ("", "a b", "x" * 129, '"', "-", "é"):
        assert re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]+", asked(wrong))
    assert set(given) <= {line["request_id"] for line in requests(server)}


def test_whom_nobody_believes_names_no_request(tmp_path):
    server = Server(tmp_path)
    server.environment["FORWARDED_ALLOW_IPS"] = "192.0.2.1"
    with server:
        answer = server.client().get("/healthz", X_Request_Id="mine")
        assert answer.headers["X-Request-Id"] != "mine"


def test_behind_a_proxy_a_line_has_the_address_of_who_asks(start):
    server = start(access_log=1, log_format="json", proxies=1)
    for number, told in enumerate(("198.51.100.1, 203.0.113.7", "2001:db8::1", "x - forged")):
        server.client().get(f"/healthz?{number}", X_Forwarded_For=told)
    clients = {line["query"]: line["client"] for line in requests(server)}
    assert clients["0"] == "203.0.113.7"
    assert clients["1"] == "2001:db8::1"
    assert clients["2"] == "x_-_forged"


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_no_line_has_anybodys_words_or_keys(start, log_format):
    server = start(access_log=1, log_format=log_format, log_level="debug")
    talk, admin = server.conversation(), Visitor(server, server.person("admin"))
    words, key, search = "sesamum-verbum", "clavis-mea-occulta", "quaesitum aliquid"
    assert talk.client.send(talk.id, words, client_message_id=key).status == 201
    assert talk.client.send(talk.id, words * 1000).status == 400
    with WS(talk.client, f"/api/chat/ws/{talk.id}") as ws:
        ws.one("open")
        assert ws.ask("send", message=words).name == "done"
        assert ws.ask("send", message="").name == "problem"
        ws.tell(f'{{"do": "send", "message": "{words}"')
        assert ws.answer().name == "problem"
    login = {"email": talk.emails["client"], "password": "wrong-horse"}
    assert server.client().post("/api/auth/login", login).status == 401
    assert server.client().post("/api/auth/login", {**login, "password": PASSWORD}).status == 200
    token = "a-token-of-nobody"
    server.client(token).fetch(talk.id)
    server.client().get("/", Authorization=f"Basic {token}")
    server.client().get("/", Authorization="Basic YS10b2tlbi1vZi1ub2JvZHk6eA==")
    server.client().get("/", Cookie=f"session={token}")
    assert admin.open(f"/admin/sessions?q={quote(search)}&status=").status == 200
    admin.open(f"/admin/sessions?status=&q={search.replace(' ', '+')}")
    admin.request("GET", "/login", Referer=f"{server.url}/admin/sessions?q={quote(search)}")
    server.stop()
    log = server.log
    for secret in (
        *(words, key, token, "wrong-horse", PASSWORD, talk.client.token, talk.agent.token, admin.token),
        *search.split(),
    ):
        assert secret not in log
    assert "q=..." in log
    if log_format == "json":
        assert all(isinstance(each, dict) for each in records(server))


@pytest.mark.parametrize("formatter", [logs.Text(), logs.Json()])
def test_no_line_can_be_forged(formatter):
    """Neither by what is said nor by the words of an error."""
    try:
        raise ValueError("x\n[2026-11-27 00:00:00 +0000] [1] [ERROR] forged\u2028\x1b[31m")
    except ValueError:
        info = sys.exc_info()
    record = logging.LogRecord("chat", logging.ERROR, __file__, 1, "a\nforged %s", ("c\r\nforged",), info)
    first, *others = formatter.format(record).split("\n")
    assert all(line.startswith("    ") for line in others)
    assert all(line.isprintable() for line in (first, *others))


def failures(server):
    """What the log calls an error or worse, without what is gunicorn's own end."""
    return [line for line in server.log.splitlines() if re.search(r"\[(ERROR|CRITICAL)\]", line)]


@mostly("gevent")
def test_a_database_that_is_away_is_told_once_and_without_a_traceback(start, worker_class):
    server = start(worker_class=worker_class)
    talk = server.conversation()
    talk.settle()
    away = server.path.rename(server.path.with_name("away.db"))
    for _ in range(5):
        assert talk.client.fetch(talk.id).status == talk.client.send(talk.id, "x").status == 503
    threading.Event().wait(3 * server.runtime.settings.check_interval_seconds)
    away.rename(server.path)
    assert talk.client.send(talk.id, "x").status == 201
    told = failures(server)
    assert 2 <= len(told) <= 3 and all("No such file or directory" in line for line in told)
    assert "Traceback" not in server.log


@mostly("gevent")
def test_a_reader_that_stalls_is_told_in_a_line(start, worker_class):
    server = start(worker_class=worker_class, stall_seconds=1, heartbeat_seconds=300)
    talk = server.conversation()
    with socket.socket() as reader:
        reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        reader.connect(server.address)
        reader.sendall(
            f"GET /api/chat/stream/{talk.id} HTTP/1.1\r\nHost: chat\r\n"
            f"Authorization: Bearer {talk.client.token}\r\n\r\n".encode()
        )
        server.wait_until_held(1)
        while "took nothing" not in server.log:
            assert talk.agent.send(talk.id, "x" * 4000).status == 201
    server.wait_until_held(0)
    assert "Traceback" not in server.log
    assert server.log.count("took nothing") == 1


WRONG = {
    "corrupt": "file is not a database",
    "unreadable": "",
    "currency": "CHAT_CURRENCY",
    "folder": "",
}


@pytest.mark.parametrize("wrong", WRONG)
def test_what_keeps_it_from_starting_is_told_in_a_line(tmp_path, wrong):
    server = Server(tmp_path)
    server.close()
    for path in tmp_path.glob("chat.db?*"):
        path.unlink() if path.is_file() else None
    if wrong == "corrupt":
        server.path.write_bytes(b"no database at all" * 1000)
    elif wrong == "unreadable":
        server.path.chmod(0)
    elif wrong == "currency":
        server.environment["CHAT_CURRENCY"] = "XXX"
    else:
        server.environment["CHAT_DATABASE_URL"] = "sqlite:////proc/none/chat.db"
    server.listener = socket.create_server(("127.0.0.1", 0))
    server.environment["CHAT_BIND"] = f"fd://{server.listener.fileno()}"
    server.address = server.listener.getsockname()
    server.start()
    try:
        if wrong in ("corrupt",):
            assert Client(server.address).get("/readyz").status == 503
        elif wrong != "unreadable":
            assert server.process.wait(30) == 3
        else:
            Client(server.address).get("/readyz")
    finally:
        server.abort()
        server.process.wait()
    assert "Traceback" not in server.log
    assert WRONG[wrong] in server.log
