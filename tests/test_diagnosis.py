"""The operator's check of the line: what the server sees, and what a browser finds through a bad proxy."""

import itertools
from contextlib import closing, suppress
from http.client import HTTPConnection
from time import monotonic
from types import SimpleNamespace

import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.proxy import Proxy
from tests.server import PATIENCE_SECONDS, Server
from tests.streams import WS
from tests.threads import together

ADDRESS = "/api/chat/diagnose"
CHECKS = ("hold", "stream", "socket", "address")
# Over the patience of a proxy that kills, and under it where there is none.
HOLD_SECONDS = 1.5
JUNK = (
    "hold=-1",
    "hold=x",
    "hold=nan",
    "hold=inf",
    "hold=1.6",
    "hold=1&hold=1",
    "stream=2",
    "stream=1&hold=1",
)


UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec_WebSocket_Version": "13",
    "Sec_WebSocket_Key": "dGV0ZS1hLXRldGUtY2hhdA==",
}


@pytest.fixture(scope="module", params=["gevent", "gthread"])
def patient(request, tmp_path_factory):
    """Its polls are held for longer than any test takes."""
    with Server(tmp_path_factory.mktemp("patient"), worker_class=request.param) as running:
        yield running


@pytest.fixture(scope="module")
def line(tmp_path_factory):
    """A server for people with browsers, which is up already: a proxy without patience finds it so."""
    with Server(tmp_path_factory.mktemp("line"), long_poll_seconds=HOLD_SECONDS) as running:
        running.client().get("/healthz")
        yield SimpleNamespace(server=running, admin=running.person("admin"))


def test_only_an_administrator_is_told(patient):
    paths = (ADDRESS, f"{ADDRESS}?hold=1", f"{ADDRESS}?stream=1")
    assert [patient.client().get(path).status for path in paths] == [401] * 3
    for role in ("client", "agent"):
        person = patient.person(role)
        answers = [person.get(path) for path in paths]
        assert [(answer.status, answer.json["code"]) for answer in answers] == [(403, "forbidden")] * 3
        assert person.get(f"{ADDRESS}/ws", **UPGRADE).status == 403
    admin = patient.person("admin")
    answer = admin.get(ADDRESS, Cookie=f"session={admin.token}", Sec_Fetch_Site="cross-site")
    assert (answer.status, answer.json["code"]) == (403, "cross_site")
    assert admin.get(f"{ADDRESS}/ws", Origin="https://evil.example", **UPGRADE).status == 403


def test_junk_is_refused(line):
    answers = [line.admin.get(f"{ADDRESS}?{query}") for query in JUNK]
    found = [(answer.status, answer.json["code"]) for answer in answers]
    assert found == [(400, "invalid_parameter")] * len(JUNK)


def test_a_socket_that_is_asked_for_without_an_upgrade_is_refused(line):
    assert line.admin.get(f"{ADDRESS}/ws").status == 400


def test_the_server_tells_what_arrived(line):
    seen = line.admin.get(ADDRESS).json
    host, port = line.server.address
    assert (seen["client_address"], seen["scheme"], seen["host"]) == ("127.0.0.1", "http", f"{host}:{port}")
    assert (seen["is_via_proxy"], seen["is_secure"], seen["forwarded_headers"]) == (False, False, {})
    assert (seen["http_version"], seen["long_poll_seconds"]) == ("HTTP/1.1", HOLD_SECONDS)


def test_the_server_tells_what_a_proxy_said(line):
    seen = line.admin.get(
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
    assert 0.7 <= answer.json["held_seconds"] <= monotonic() - began


def test_a_held_one_is_let_go_when_the_server_stops(start, worker_class):
    patient = start(worker_class=worker_class)
    admin = patient.person("admin")
    with together(patient) as threads:
        held = threads.submit(admin.get, f"{ADDRESS}?hold=300")
        patient.wait_until_held(1)
        assert patient.person("client").get("/api/chat/sessions").status == 200
        assert patient.stop() == 0
        answer = held.result()
    assert (answer.status, answer.headers["Connection"]) == (200, "close")
    assert answer.json["held_seconds"] < 300


def test_beyond_the_caps_it_is_refused(start):
    admin = start(max_waiters=0).person("admin")
    for query in ("hold=1", "stream=1"):
        answer = admin.get(f"{ADDRESS}?{query}")
        assert (answer.status, answer.json["code"]) == (503, "overloaded")


def test_a_stream_comes_one_by_one(patient):
    admin = patient.person("admin")
    with closing(HTTPConnection(*patient.address, timeout=PATIENCE_SECONDS)) as connection:
        connection.request("GET", f"{ADDRESS}?stream=1", headers={"Authorization": f"Bearer {admin.token}"})
        response = connection.getresponse()
        assert response.headers["Content-Type"].startswith("text/event-stream")
        assert response.headers["X-Accel-Buffering"] == "no"
        arrivals = [monotonic() for line in response if line.startswith(b"data:")]
    assert len(arrivals) == 5
    gaps = [later - earlier for earlier, later in itertools.pairwise(arrivals)]
    assert all(gap > 0.25 for gap in gaps), gaps


def test_a_frame_comes_back_and_the_socket_closes(patient):
    admin = patient.person("admin")
    with WS(admin, f"{ADDRESS}/ws") as told:
        told.tell("still there?")
        assert told.text() == "still there?"
        assert told.code()[0] == 1000
    # The worker is as it was.
    assert patient.client().get("/healthz").json["held_polls"] == 0
    assert "Traceback" not in patient.log


def test_the_page_works_without_javascript(line):
    answer = line.admin.get("/admin/diagnosis", Cookie=f"session={line.admin.token}", Via="1.1 <proxy>")
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


def test_a_line_without_a_proxy_is_in_order(line, visit):
    visitor = visit(line.server, line.admin, reduced_motion="reduce")
    visitor.open("/admin/settings")
    visitor.page.click("text=Check the line")
    assert states(visitor) == ["ok"] * 4
    assert visitor.page.locator("[data-summary]").text_content() == "The line is in order."
    assert visitor.page.locator("[data-advice]:visible").count() == 0
    assert_accessible(visitor)


def test_a_proxy_that_kills_long_requests_is_found(line, visit):
    with Proxy(line.server.address) as proxy:
        proxy.mode = "kill"
        visitor = visit(proxy, line.admin, reduced_motion="reduce")
        visitor.open("/admin/diagnosis")
        assert states(visitor) == ["wrong", "ok", "ok", "ok"]
        held = visitor.page.locator('[data-check="hold"]')
        assert "less patience" in held.locator("[data-result]").text_content()
        held.locator("summary", has_text="nginx").click()
        held.locator("pre", has_text="proxy_read_timeout 60s;").wait_for()
        assert_accessible(visitor)
        visitor.close()


def test_a_proxy_that_keeps_answers_is_found(line, visit):
    with Proxy(line.server.address) as proxy:
        visitor = visit(proxy, line.admin)
        visitor.open("/admin/diagnosis")
        proxy.mode = "keep"
        visitor.page.click("[data-start]")
        visitor.page.locator('[data-check="hold"] >> text=arrived after').wait_for()
        visitor.close()


def test_a_check_can_be_cancelled(line, visit):
    visitor = visit(line.server, line.admin)
    visitor.open("/admin/diagnosis")
    visitor.page.click("[data-start]")
    visitor.page.locator("progress").wait_for()
    visitor.page.click("[data-cancel]")
    visitor.page.locator('[data-check="hold"] >> text=Cancelled.').wait_for()
    assert visitor.page.locator("[data-start]").is_enabled()
    assert visitor.page.locator("[data-summary]").is_hidden()


def test_a_server_that_is_full_says_nothing_about_the_line(start, visit):
    running = start(max_waiters=0, long_poll_seconds=1)
    visitor = visit(running, running.person("admin"))
    visitor.open("/admin/diagnosis")
    visitor.page.click("[data-start]")
    visitor.page.locator('[data-check="address"][data-state="ok"]').wait_for()
    visitor.page.locator("[data-start]:enabled").wait_for()
    assert "(overloaded)" in visitor.page.locator('[data-check="hold"] [data-result]').text_content()
    assert visitor.page.locator("[data-summary]").is_hidden()
    assert visitor.page.locator("[data-advice]:visible").count() == 0


class Rewriting(Proxy):
    """It changes the head of each request, or collects the answers."""

    def __init__(self, address, change, *, is_collecting=False):
        super().__init__(address)
        self.change, self.is_collecting = change, is_collecting

    def carry(self, client, server):
        """One request a connection."""
        head = b""
        while b"\r\n\r\n" not in head:
            if not (data := client.recv(65_536)):
                return
            head += data
        server.sendall(self.change(head.replace(b"Connection: keep-alive", b"Connection: close")))
        self.start(self.pass_on, client, server)
        kept = b""
        while data := server.recv(65_536):
            if self.is_collecting:
                kept += data
            else:
                client.sendall(data)
        client.sendall(kept)

    def pass_on(self, client, server):
        with suppress(OSError):
            while data := client.recv(65_536):
                server.sendall(data)


def add(header):
    return lambda head: head.replace(b"\r\n\r\n", b"\r\n%s\r\n\r\n" % header)


@pytest.mark.parametrize(
    ("change", "is_collecting", "says"),
    [
        (
            lambda head: add(b"Via: 1.1 box")(
                head.replace(b"Upgrade: websocket\r\n", b"").replace(b"n: Upgrade", b"n: close")
            ),
            True,
            {"stream": "collects them first", "socket": "was refused", "address": "proxy's address"},
        ),
        (add(b"X-Forwarded-Proto: https"), False, {"address": "it sees https"}),
        (lambda head: head.replace(b"Host: ", b"Host: x."), False, {"address": "was told x.127"}),
    ],
    ids=["much", "scheme", "host"],
)
def test_what_is_wrong_is_found(line, visit, change, is_collecting, says):
    with Rewriting(line.server.address, change, is_collecting=is_collecting) as proxy:
        visitor = visit(proxy, line.admin)
        visitor.open("/admin/diagnosis")
        found = dict(zip(CHECKS, states(visitor), strict=True))
        for name, text in says.items():
            assert found[name] == "wrong"
            assert text in visitor.page.locator(f'[data-check="{name}"] [data-result]').text_content()
        visitor.close()


def assert_accessible(visitor):
    for look in ("light", "dark"):
        visitor.page.emulate_media(color_scheme=look)
        found = Axe().run(visitor.page)
        bad = [each for each in found.response["violations"] if each["impact"] in ("serious", "critical")]
        assert [(look, each["id"], each["nodes"][0]["html"]) for each in bad] == []
