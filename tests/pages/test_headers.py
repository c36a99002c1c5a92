"""What every answer carries."""

import socket

import pytest

from tests.pages.house import PAGES, assert_headers, assert_safe
from tests.pages.visitor import Visitor
from tests.server import PATIENCE_SECONDS

OPEN_PAGES = ("/", "/login", "/signup")


def test_every_page_is_safe_and_nobodys_to_keep(people, ids):
    for path, roles in PAGES.items():
        for role in roles:
            page = people[role].request("GET", path.format(**ids))
            if any(part in path for part in ("/transcript.", "/file.", "/data.", ".csv")):
                inert(page.headers)
                continue
            assert_headers(page)
            assert_safe(page)
    for path in (*OPEN_PAGES, "/nowhere", "/sessions/x"):
        for visitor in people.values():
            page = visitor.request("GET", path)
            assert page.status < 500
            if page.status != 303:
                assert_headers(page)
                assert_safe(page)
            else:
                assert page.headers["Cache-Control"] == "no-store"


def test_every_file_is_safe(server):
    page = Visitor(server).open("/login")
    files = {
        values.get("src") or values.get("href") for tag, values in page.read.tags if tag in ("script", "link")
    }
    for path in sorted(files):
        answer = Visitor(server).open(path)
        assert answer.status == 200
        inert(answer.headers)
    for path in (
        "/static/../app.py",
        "/static/%2e%2e/app.py",
        "/static//etc/passwd",
        "/static/",
        "/static/x.js",
    ):
        assert Visitor(server).request("GET", path).status in (308, 404), path


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/nowhere"),
        ("DELETE", "/login"),
        ("OPTIONS", "/login"),
        ("HEAD", "/login"),
        ("GET", "//login"),
        ("GET", "/static/x.js"),
        ("GET", "/sessions"),
        ("POST", "/logout"),
        ("POST", "/sessions/1/messages"),
        ("GET", "/healthz"),
        ("GET", "/metrics"),
        ("GET", "/api/nowhere"),
        ("DELETE", "/api/auth/login"),
        ("OPTIONS", "/api/chat/message"),
        ("GET", "/api/chat/messages/x"),
        ("GET", "/api/chat/messages/1"),
        ("GET", "/api/chat/stream/1"),
        ("GET", "/api/chat/ws/1"),
        ("POST", "/api/chat/message"),
        ("GET", "/api/chat/agents"),
    ],
)
def test_every_answer_is_safe_whatever_it_is(site, method, path):
    """To nobody, and to somebody who has nothing there."""
    for who in (site.client(), site.person("client")):
        inert(who.request(method, path).headers)


def inert(headers):
    """Nothing to run, to frame, or to be taken for something else."""
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert {"default-src 'none'", "frame-ancestors 'none'"} <= set(
        headers["Content-Security-Policy"].split("; ")
    )
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert len(headers.get_all("X-Content-Type-Options")) == 1


def test_what_is_held_and_what_streams_is_safe(site):
    talk = site.conversation()
    for path in (
        f"/api/chat/messages/{talk.id}",
        "/api/chat/sessions",
        f"/sessions/{talk.id}/transcript.txt",
    ):
        inert(talk.client.get(path, Cookie=f"session={talk.client.token}").headers)
    inert(talk.client.request("HEAD", f"/api/chat/stream/{talk.id}").headers)
    poll = talk.client.poll(talk.id, lastMessageId=talk.last_id)
    talk.agent.send(talk.id, "x")
    inert(poll.result().headers)


@pytest.mark.parametrize("host", ["a..b", "x" * 70 + ".example", "ex ample", "a/b"])
def test_an_answer_to_a_host_that_cannot_be_one_is_safe(site, host):
    with socket.create_connection(site.address, timeout=PATIENCE_SECONDS) as connection:
        connection.sendall(f"GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        answer = connection.makefile("rb").read().decode()
    assert answer.startswith("HTTP/1.1 400")
    assert "X-Content-Type-Options: nosniff" in answer
