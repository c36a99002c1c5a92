"""The operator's check of the line: what the server sees, and what a browser finds through a bad proxy."""

import itertools
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from http.client import HTTPConnection
from time import monotonic
from types import SimpleNamespace

import pytest
from axe_playwright_python.sync_playwright import Axe
from simple_websocket import Client as Socket
from simple_websocket import ConnectionError as Refused

from tests.proxy import Proxy
from tests.server import Server

ADDRESS = "/api/chat/diagnose"
CHECKS = ("hold", "stream", "socket", "address")
# Under the patience of a proxy that kills, or over it.
SHORT_SECONDS, LONG_SECONDS = 0.5, 3
JUNK = (
    "hold=-1",
    "hold=x",
    "hold=nan",
    "hold=inf",
    "hold=301",
    "hold=1&hold=1",
    "stream=2",
    "stream=1&hold=1",
)


@pytest.fixture
def patient(start, worker_class):
    """Its polls are held for longer than any test takes."""
    return start(worker_class=worker_class)


def connect(server, who, **headers):
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return Socket.connect(
        f"ws://{server.url.removeprefix('http://')}{ADDRESS}/ws",
        headers={"Authorization": f"Bearer {who.token}", **sent},
    )


def test_only_an_administrator_is_told(patient):
    paths = (ADDRESS, f"{ADDRESS}?hold=1", f"{ADDRESS}?stream=1")
    assert [patient.client().get(path).status for path in paths] == [401] * 3
    for role in ("client", "agent"):
        person = patient.person(role)
        answers = [person.get(path) for path in paths]
        assert [(answer.status, answer.json["code"]) for answer in answers] == [(403, "forbidden")] * 3
        with pytest.raises(Refused) as refused:
            connect(patient, person)
        assert refused.value.status_code == 403
    admin = patient.person("admin")
    answer = admin.get(ADDRESS, Cookie=f"session={admin.token}", Sec_Fetch_Site="cross-site")
    assert (answer.status, answer.json["code"]) == (403, "cross_site")
    with pytest.raises(Refused) as refused:
        connect(patient, admin, Origin="https://evil.example")
    assert refused.value.status_code == 403


@pytest.mark.parametrize("query", JUNK)
def test_junk_is_refused(shared, query):
    answer = shared.admin.get(f"{ADDRESS}?{query}")
    assert (answer.status, answer.json["code"]) == (400, "invalid_parameter")


def test_a_socket_that_is_asked_for_without_an_upgrade_is_refused(shared):
    assert shared.admin.get(f"{ADDRESS}/ws").status == 400


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """A server for the tests that leave it as it is, and its administrator."""
    with Server(tmp_path_factory.mktemp("shared")) as running:
        yield SimpleNamespace(server=running, admin=running.person("admin"))


def test_the_server_tells_what_arrived(shared):
    seen = shared.admin.get(ADDRESS).json
    host, port = shared.server.address
    assert (seen["client_address"], seen["scheme"], seen["host"]) == ("127.0.0.1", "http", f"{host}:{port}")
    assert (seen["is_via_proxy"], seen["is_secure"], seen["forwarded_headers"]) == (False, False, {})
    assert (seen["http_version"], seen["long_poll_seconds"]) == ("HTTP/1.1", 300)


def test_the_server_tells_what_a_proxy_said(shared):
    seen = shared.admin.get(
        ADDRESS, X_Forwarded_For="203.0.113.7, 198.51.100.2", X_Forwarded_Proto="https"
    ).json
    assert (seen["scheme"], seen["is_secure"], seen["is_via_proxy"]) == ("https", True, True)
    assert (seen["forwarded_for"], seen["client_address"]) == ("203.0.113.7, 198.51.100.2", "127.0.0.1")
    assert seen["forwarded_headers"]["X-Forwarded-Proto"] == "https"


def test_a_proxy_that_is_not_on_the_list_is_not_believed(start, monkeypatch):
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "192.0.2.1")
    seen = start().person("admin").get(ADDRESS, X_Forwarded_Proto="https").json
    assert (seen["scheme"], seen["forwarded_proto"]) == ("http", "https")


def test_a_request_is_held_for_as_long_as_it_asks(patient):
    admin, began = patient.person("admin"), monotonic()
    answer = admin.get(f"{ADDRESS}?hold=0.7")
    assert answer.status == 200
    assert 0.7 <= answer.json["held_seconds"] <= monotonic() - began < 5


def test_a_held_one_is_let_go_when_the_server_stops(patient):
    admin = patient.person("admin")
    with ThreadPoolExecutor() as threads:
        held = threads.submit(admin.get, f"{ADDRESS}?hold=300")
        patient.wait_until_held(1)
        assert patient.person("client").get("/api/chat/sessions").status == 200
        assert patient.stop() == 0
        answer = held.result()
    assert (answer.status, answer.headers["Connection"]) == (200, "close")
    assert answer.json["held_seconds"] < 60


def test_beyond_the_caps_it_is_refused(start):
    admin = start(max_waiters=0).person("admin")
    for query in ("hold=1", "stream=1"):
        answer = admin.get(f"{ADDRESS}?{query}")
        assert (answer.status, answer.json["code"]) == (503, "overloaded")


def test_a_stream_comes_one_by_one(patient):
    admin = patient.person("admin")
    with closing(HTTPConnection(*patient.address, timeout=30)) as connection:
        connection.request("GET", f"{ADDRESS}?stream=1", headers={"Authorization": f"Bearer {admin.token}"})
        response = connection.getresponse()
        assert response.headers["Content-Type"].startswith("text/event-stream")
        assert response.headers["X-Accel-Buffering"] == "no"
        arrivals = [monotonic() for line in response if line.startswith(b"data:")]
    assert len(arrivals) == 5
    gaps = [later - earlier for earlier, later in itertools.pairwise(arrivals)]
    assert all(gap > 0.25 for gap in gaps), gaps


def test_a_frame_comes_back_and_the_socket_closes(patient):
    ws = connect(patient, patient.person("admin"))
    ws.send("still there?")
    assert ws.receive(timeout=10) == "still there?"
    ws.thread.join(10)
    assert not ws.connected
    # The worker is as it was.
    assert patient.client().get("/healthz").json["held_polls"] == 0
    assert "Traceback" not in patient.log


def test_the_page_works_without_javascript(shared):
    answer = shared.admin.get("/admin/diagnosis", Cookie=f"session={shared.admin.token}", Via="1.1 <proxy>")
    text = answer.body.decode()
    assert answer.status == 200
    for wanted in ("proxy_read_timeout", "flush_interval", "ProxyPreserveHost", "curl -N", "127.0.0.1"):
        assert wanted in text
    assert "Via: 1.1 &lt;proxy&gt;" in text


def states(visitor):
    """What the page says of each check, once all have ended."""
    visitor.page.click("[data-start]")
    visitor.page.locator("[data-summary]").wait_for()
    return [visitor.page.get_attribute(f'[data-check="{name}"]', "data-state") for name in CHECKS]


@pytest.mark.parametrize("look", ["light", "dark"])
def test_a_line_without_a_proxy_is_in_order(start, visit, look):
    running = start(long_poll_seconds=SHORT_SECONDS)
    visitor = visit(running, running.person("admin"), color_scheme=look)
    visitor.open("/admin/settings")
    visitor.page.click("text=Check the line")
    assert states(visitor) == ["ok"] * 4
    assert visitor.page.locator("[data-summary]").text_content() == "The line is in order."
    assert visitor.page.locator("[data-advice]:visible").count() == 0
    assert_accessible(visitor)


@pytest.mark.parametrize("look", ["light", "dark"])
def test_a_proxy_that_kills_long_requests_is_found(start, visit, look):
    running = start(long_poll_seconds=LONG_SECONDS)
    with Proxy(running.address) as proxy:
        proxy.mode = "kill"
        visitor = visit(through(proxy), running.person("admin"), color_scheme=look)
        visitor.open("/admin/diagnosis")
        assert states(visitor) == ["wrong", "ok", "ok", "ok"]
        held = visitor.page.locator('[data-check="hold"]')
        assert "less patience" in held.locator("[data-result]").text_content()
        held.locator("summary", has_text="nginx").click()
        held.locator("pre", has_text="proxy_read_timeout 60s;").wait_for()
        assert_accessible(visitor)
        visitor.close()


def test_a_proxy_that_keeps_answers_is_found(start, visit):
    running = start(long_poll_seconds=1.2)
    with Proxy(running.address) as proxy:
        proxy.mode = "keep"
        visitor = visit(through(proxy), running.person("admin"))
        visitor.open("/admin/diagnosis")
        assert states(visitor)[0] == "wrong"
        visitor.page.locator('[data-check="hold"] >> text=arrived after').wait_for()
        visitor.close()


def test_a_check_can_be_cancelled(shared, visit):
    visitor = visit(shared.server, shared.admin)
    visitor.open("/admin/diagnosis")
    visitor.page.click("[data-start]")
    visitor.page.locator("progress").wait_for()
    visitor.page.click("[data-cancel]")
    visitor.page.locator('[data-check="hold"] >> text=Cancelled.').wait_for()
    assert visitor.page.locator("[data-start]").is_enabled()
    assert visitor.page.locator("[data-summary]").is_hidden()


class Rewriting:
    """A proxy that changes the head of each request, or collects the answers."""

    def __init__(self, address, change, *, is_collecting=False):
        self.address, self.change, self.is_collecting = address, change, is_collecting
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"

    def __enter__(self):
        threading.Thread(target=self.accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.carry, args=(client,), daemon=True).start()

    def carry(self, client):
        """One request a connection."""
        with client, socket.create_connection(self.address) as server:
            head = b""
            while b"\r\n\r\n" not in head:
                if not (data := client.recv(65_536)):
                    return
                head += data
            server.sendall(self.change(head.replace(b"Connection: keep-alive", b"Connection: close")))
            kept = b""
            while data := server.recv(65_536):
                if self.is_collecting:
                    kept += data
                else:
                    client.sendall(data)
            client.sendall(kept)


@pytest.mark.parametrize(
    ("name", "change", "is_collecting", "says"),
    [
        ("stream", lambda head: head, True, "collects them first"),
        ("socket", lambda head: head.replace(b"Upgrade: websocket\r\n", b""), False, "was refused"),
        (
            "address",
            lambda head: head.replace(b"\r\n\r\n", b"\r\nX-Forwarded-Proto: https\r\n\r\n"),
            False,
            "it sees https",
        ),
        (
            "address",
            lambda head: head.replace(b"\r\n\r\n", b"\r\nVia: 1.1 box\r\n\r\n"),
            False,
            "proxy's address",
        ),
        ("address", lambda head: head.replace(b"Host: ", b"Host: x."), False, "was told x."),
    ],
    ids=["buffer", "upgrade", "scheme", "address", "host"],
)
def test_what_is_wrong_is_found(start, visit, name, change, is_collecting, says):
    running = start(long_poll_seconds=0.1)
    with Rewriting(running.address, change, is_collecting=is_collecting) as proxy:
        visitor = visit(through(proxy), running.person("admin"))
        visitor.open("/admin/diagnosis")
        found = dict(zip(CHECKS, states(visitor), strict=True))
        assert found[name] == "wrong"
        assert says in visitor.page.locator(f'[data-check="{name}"] [data-result]').text_content()
        visitor.close()


def through(proxy):
    """In the place of a server."""
    return SimpleNamespace(url=proxy.url)


def assert_accessible(visitor):
    found = Axe().run(visitor.page)
    bad = [each for each in found.response["violations"] if each["impact"] in ("serious", "critical")]
    assert [(each["id"], each["nodes"][0]["html"]) for each in bad] == []
