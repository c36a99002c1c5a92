"""What docs/scaling.md says: two hosts behind its proxies, a dump put back, what doctor looks at."""

import json
import os
import re
import shlex
import shutil
import socket
import subprocess

import pytest

from tests.nginx import MAIN, Nginx, needs_nginx, replaced, write_certificate
from tests.postgres import programs, running
from tests.server import COMMAND, PATIENCE_SECONDS, ROOT, Server, await_that

PAGE = (ROOT / "docs" / "scaling.md").read_text()
HAPROXY = shutil.which("haproxy", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
ONE, TWO = "10.0.0.11:3000", "10.0.0.12:3000"


def in_page(kind):
    """The one file of that kind."""
    (found,) = re.findall(rf"^```{kind}\n(.*?)^```", PAGE, re.M | re.S)
    return found


class Front(Nginx):
    """nginx as the page has it, before two servers."""

    def __init__(self, folder, *servers):
        self._servers = ["{}:{}".format(*server.address) for server in servers]
        super().__init__(folder, "127.0.0.1:1")
        (self.folder / "nginx.conf").write_text(
            MAIN.format(folder=folder, user="user root;" if os.geteuid() == 0 else "").replace(
                f"include {folder}/conf.d/*.conf;", ""
            )
        )

    def _site(self, plain, tls):
        write_certificate(self.folder)
        return replaced(
            in_page("nginx"),
            {
                ONE: self._servers[0],
                TWO: self._servers[1],
                "listen 80;": f"listen 127.0.0.1:{plain};",
                "listen 443 ssl http2;": f"listen 127.0.0.1:{tls} ssl http2;",
                "/etc/letsencrypt/live/chat.example.org/fullchain.pem": f"{self.folder}/fullchain.pem",
                "/etc/letsencrypt/live/chat.example.org/privkey.pem": f"{self.folder}/privkey.pem",
                "/var/log/nginx/": f"{self.folder}/",
            },
        )


def held(one, two, poll):
    """A poll at each, as whoever has the fewest has the next."""
    polls = [poll()]
    await_that(lambda: waiting(one) + waiting(two) == 1)
    polls.append(poll())
    await_that(lambda: (waiting(one), waiting(two)) == (1, 1))
    return polls


def waiting(server):
    """How many polls it holds."""
    return server.client().get("/healthz").json["held_polls"]


def is_refused(address):
    """Whether nobody listens there any more."""
    with socket.socket() as asking:
        return asking.connect_ex(address) != 0


@needs_nginx
def test_two_hosts_behind_nginx_are_one_and_one_is_killed(tmp_path, postgres):
    url = postgres.new()
    for name in ("one", "two", "nginx"):
        (tmp_path / name).mkdir()
    with (
        Server(tmp_path / "one", url, long_poll_seconds=60) as one,
        Server(tmp_path / "two", url, long_poll_seconds=60) as two,
        Front(tmp_path / "nginx", one, two) as nginx,
    ):
        talk = one.conversation()
        client, agent = nginx.client(talk.client.token), nginx.client(talk.agent.token)
        last = talk.settle()
        for number in range(4):
            polls = held(one, two, lambda last=last: client.poll(talk.id, lastMessageId=last))
            last = agent.send(talk.id, f"{number}").json["messageId"]
            assert [poll.result().texts for poll in polls] == [[f"{number}"]] * 2
        polls = held(one, two, lambda: client.poll(talk.id, lastMessageId=last))
        two.listener.close()
        two.kill()
        await_that(lambda: is_refused(two.address))  # what is accepted until then is answered by nobody
        sent = [agent.send(talk.id, f"after {n}", client_message_id=f"{n}").status for n in range(4)]
        assert sent == [201] * 4
        # Who was held at the other was asked for again by nginx: a GET changes nothing.
        assert all(poll.result().texts[0] == "after 0" for poll in polls)


@pytest.mark.skipif(HAPROXY is None, reason="needs HAProxy")
def test_haproxy_takes_the_file_of_the_page(tmp_path):
    write_certificate(tmp_path)
    both = (tmp_path / "fullchain.pem").read_bytes() + (tmp_path / "privkey.pem").read_bytes()
    (tmp_path / "both.pem").write_bytes(both)
    text = in_page("haproxy").replace("/etc/haproxy/chat.example.org.pem", f"{tmp_path}/both.pem")
    (tmp_path / "haproxy.cfg").write_text(text)
    done = subprocess.run(
        [HAPROXY, "-c", "-f", tmp_path / "haproxy.cfg"], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0 and "WARNING" not in done.stderr, done.stderr


@pytest.fixture(scope="module")
def own_postgres():
    """One that is stopped, and started with other settings."""
    with running() as cluster:
        yield cluster


def command(server, *words):
    return subprocess.run(
        [*COMMAND, *words],
        cwd=ROOT,
        env=server.environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
    )


def examined(server):
    """Findings of doctor by their names, and how it ended."""
    done = command(server, "doctor", "--json")
    found = map(json.loads, done.stdout.splitlines())
    return {each["name"]: each for each in found}, done.returncode


def test_backup_names_the_dump_that_can_be_put_back(tmp_path, postgres):
    url = postgres.new()
    with Server(tmp_path, url) as server:
        talk = server.conversation()
        talk.agent.send(talk.id, "Kept")
        secret = server.environment | {"CHAT_DATABASE_URL": url.replace("chat@", "chat:secret@")}
        server.environment = secret
        done = command(server, "backup")
        assert done.returncode == 2 and "secret" not in done.stderr
        (program, *words) = shlex.split(done.stderr.splitlines()[-1])
        assert program == "pg_dump"
        subprocess.run([programs() / program, *words], cwd=tmp_path, check=True, timeout=PATIENCE_SECONDS)
        (dump,) = tmp_path.glob("*.dump")
        other = postgres.empty()
        refused = command(server, "restore", str(dump))
        assert refused.returncode == 2 and "pg_restore --exit-on-error" in refused.stderr
        subprocess.run(
            [programs() / "pg_restore", "--exit-on-error", "--no-owner", f"--dbname={other}", dump],
            check=True,
            timeout=PATIENCE_SECONDS,
        )
        (tmp_path / "restored").mkdir()
        restored = Server(tmp_path / "restored", other)
        assert command(restored, "verify").returncode == 0
        with restored:
            assert restored.client(talk.client.token).fetch(talk.id).texts[-1] == "Kept"


def test_doctor_finds_a_good_server_good_and_says_what_is_wrong(tmp_path, own_postgres):
    server = Server(tmp_path, own_postgres.new())
    found, _ = examined(server)
    assert {"postgresql", "encoding", "durability", "commit", "connections", "notify", "schema"} <= set(found)
    wrong = {name for name, each in found.items() if each["state"] != "ok"}
    assert wrong <= {"administrator", "open files", "settings"}
    assert found["administrator"]["state"] == "warning"

    server.close()
    own_postgres.stop()
    found, code = examined(server)
    assert (code, found["database"]["state"]) == (1, "wrong") and "pg_hba" in found["database"]["advice"]

    own_postgres.start("fsync=off", "max_connections=20")
    found, code = examined(server)
    assert (code, found["durability"]["state"]) == (1, "wrong")
    assert "fsync = on" in found["durability"]["advice"]
    assert found["connections"]["state"] == "warning"

    server.environment["CHAT_DATABASE_URL"] = own_postgres.empty()
    found, code = examined(server)
    assert (code, found["schema"]["state"]) == (1, "wrong") and "migrate" in found["schema"]["advice"]


def test_what_is_read_slowly_is_read_beside_what_is_read_quickly(tmp_path, postgres):
    """Connections go back and forth between greenlets and real threads."""
    with Server(tmp_path, postgres.new(), worker_class="gevent") as server:
        admin = server.person("admin")
        for _ in range(3):
            assert admin.get("/api/chat/search?q=hello").status == 200
            assert admin.get("/api/chat/statistics").status == 200
