"""The site as docs/deploy.md has it: nginx with TLS and the files of deploy/ in front, for real."""

import pytest

from tests.client import Client
from tests.faults.test_processes import BETWEEN
from tests.faults.traffic import traffic
from tests.nginx import NAME, before, needs_nginx
from tests.pages.visitor import invitation, sign_up
from tests.server import Activated, Server
from tests.streams import SSE, WS
from tests.test_cookies import sign_in
from tests.test_diagnosis import states

pytestmark = needs_nginx
HOLD_SECONDS = 1.5


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with Server(tmp_path_factory.mktemp("server"), long_poll_seconds=HOLD_SECONDS) as running:
        yield running


@pytest.fixture(scope="module")
def nginx(server, tmp_path_factory):
    with before(server, tmp_path_factory.mktemp("front") / "nginx") as running:
        yield running


def test_who_comes_without_tls_is_sent_there(nginx):
    answer = Client(nginx.plain).get("/sessions/1?before=3", Host="elsewhere.example")
    assert (answer.status, answer.headers["Location"]) == (301, f"https://{NAME}/sessions/1?before=3")


def test_who_asks_and_how_arrives(server, nginx):
    admin = nginx.client(server.person("admin").token)
    seen = admin.get("/api/chat/diagnose", X_Forwarded_For="203.0.113.7", X_Forwarded_Proto="http").json
    assert (seen["scheme"], seen["host"]) == ("https", "{}:{}".format(*nginx.address))
    # What the client wrote itself stands before it, and counts for nothing.
    assert seen["forwarded_for"] == "203.0.113.7, 127.0.0.1"
    visitor, email = sign_up(nginx)
    assert visitor.open("/agents").headers["Strict-Transport-Security"] == "max-age=31536000"
    assert set(sign_in(nginx, email)[0]) == {"__Host-session", "session"}


def test_a_stream_and_a_socket_pass_as_they_come(server, nginx):
    talk = server.conversation()
    client, agent = (nginx.client(who.token) for who in (talk.client, talk.agent))
    cursor = client.fetch(talk.id).json["cursor"]
    # Neither has ended when the message is there: nothing of it is kept back.
    with (
        SSE(client, f"/api/chat/stream/{talk.id}?cursor={cursor}") as stream,
        WS(agent, f"/api/chat/ws/{talk.id}?cursor={cursor}") as socket,
    ):
        assert socket.ask("send", message="À travers").name == "done"
        assert stream.texts(1) == ["À travers"]


def test_the_check_of_the_line_finds_it_in_order(server, nginx, visit):
    visitor = visit(nginx, server.person("admin"), ignore_https_errors=True, reduced_motion="reduce")
    visitor.open("/admin/diagnosis")
    assert states(visitor) == ["ok"] * 4


def test_no_log_has_a_secret(start, run, tmp_path):
    server = start()
    with before(server, tmp_path / "nginx") as nginx:
        code = run(server, "set-up").strip().rpartition("=")[2]
        paths = [f"/setup?code={code}"]
        assert nginx.client().get(paths[0]).status == 200
        token = invitation(server)
        paths += [f"/links/{token}", f"/%6cinks/{token}?x=1"]
        answers = [nginx.client().get(path, Referer=f"{nginx.url}{path}") for path in paths[1:]]
        assert [answer.status for answer in answers] == [200] * 2
        server.kill()
        server.listener.close()
        # Why nobody answers it says, but not of these.
        statuses = [nginx.client().get(path).status for path in (*paths, "/agents?of=everybody")]
        assert statuses == [502] * (len(paths) + 1)
    assert nginx.log.count("/links/... HTTP/1.1") == 4
    assert nginx.log.count("/setup HTTP/1.1") == 2
    assert "/agents?of=everybody" in nginx.log
    for secret in (code, token, token[1:]):
        assert secret not in nginx.log


@pytest.mark.parametrize(
    ("kind", "rounds"),
    [
        ("gevent", 1),
        pytest.param("gevent", 10, marks=pytest.mark.soak),
        pytest.param("gthread", 10, marks=pytest.mark.soak),
    ],
)
def test_a_reload_of_nginx_and_an_upgrade_behind_it_cost_nobody_a_message(tmp_path, kind, rounds):
    """All that is asked is answered, once, while the one and the other are replaced."""
    folder = tmp_path / "server"
    folder.mkdir()
    with (
        Activated(folder, worker_class=kind, workers=2, long_poll_seconds=25) as server,
        before(server, tmp_path / "nginx") as nginx,
    ):
        with traffic(server, nginx.address) as going:
            for replace in (nginx.reload, server.upgrade) * rounds:
                going.go_on(BETWEEN)
                replace()
                going.fault()
            going.go_on(BETWEEN)
        assert going.unanswered() == []
