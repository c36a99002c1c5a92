"""Below a path, on a port of IPv6 and on a socket of the file system, behind a real nginx.

A whole conversation by pages with scripts, without them, and by curl; and the lines that commands print.
"""

import json
import socket
import subprocess
from typing import NamedTuple

import pytest

from tests.nginx import Nginx, locations_of_the_docs, needs_nginx
from tests.pages.visitor import Visitor
from tests.server import COMMAND, PASSWORD, PATIENCE_SECONDS, ROOT, Server, await_listener

pytestmark = needs_nginx
PREFIX = "/chat"
HOLD_SECONDS = 25


class Site(NamedTuple):
    """A server, the nginx in front of it, and what the demo printed."""

    server: Server
    nginx: Nginx
    text: str

    @property
    def url(self):
        """Where people find it."""
        return f"{self.nginx.url}{PREFIX}"


def bind(way, server):
    """(what CHAT_BIND says, how an address begins that commands print)."""
    host, port = server.address
    if way == "file":
        return f"unix:{server.folder}/chat.sock", "http://localhost"
    if way == "port":
        return f"{host}:{port}", server.url
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6) as free:
            host = f"[::1]:{free.getsockname()[1]}"
    except OSError:
        pytest.skip("there is no IPv6 on this machine")
    return host, f"http://{host}"


@pytest.fixture(scope="module", params=["port", "IPv6", "file"])
def site(request, tmp_path_factory, run):
    way, folder = request.param, tmp_path_factory.mktemp("site")
    server = Server(folder, prefix=PREFIX, transport="auto", long_poll_seconds=HOLD_SECONDS)
    inherited = server.environment["CHAT_BIND"]
    server.environment["CHAT_BIND"], begins = bind(way, server)
    text = run(server, "demo", "--once")
    assert f"The page  {begins}{PREFIX}/\n" in text
    found = server.environment["CHAT_BIND"]
    if way == "port":
        server.environment["CHAT_BIND"] = inherited
    with server, Nginx(folder / "nginx", found, locations_of_the_docs()) as nginx:
        if way != "port":
            file, port = found.removeprefix("unix:"), found.rpartition(":")[2]
            await_listener(server, file if way == "file" else ("::1", int(port)))
        server.environment["CHAT_BIND"] = found
        yield Site(server, nginx, text)


@pytest.fixture
def talk(site):
    return site.server.conversation()


def login(talk, side):
    """What they sign in with."""
    return {"email": talk.emails[side], "password": PASSWORD}


def curl(*words):
    done = subprocess.run(
        ["curl", "--silent", "--show-error", *words], capture_output=True, text=True, timeout=PATIENCE_SECONDS
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def sign_in(visitor, talk, side):
    """By the page, from the home page on; returns the address that it leads to."""
    visitor.open(f"{PREFIX}/")
    visitor.follow("main >> role=link[name='Sign in']")
    for name, value in login(talk, side).items():
        visitor.page.fill(f"[name={name}]", value)
    visitor.follow("main >> role=button[name='Sign in']")
    return visitor.page.url


def test_a_conversation_in_browsers(site, talk, visit):
    client, agent = visit(site.nginx), visit(site.nginx)
    assert sign_in(client, talk, "client") == f"{site.url}/agents"
    assert sign_in(agent, talk, "agent") == f"{site.url}/inbox"
    client.follow("nav >> text=Conversations")
    client.follow(f'main a[href="{PREFIX}/sessions/{talk.id}"]')
    for visitor in (client, agent):
        visitor.await_connection("websocket")
    client.send("Il y a quelqu'un ?")
    agent.page.click(f'[data-card="{talk.id}"] > a')
    agent.see("Il y a quelqu'un ?")
    agent.send("Oui, bonjour")
    client.see("Oui, bonjour")
    said = client.texts()
    for visitor in (client, agent):
        visitor.page.reload()
        visitor.await_connection("websocket")
        assert visitor.texts()[-2:] == said[-2:] == ["Il y a quelqu'un ?", "Oui, bonjour"]
    client.page.click("text=End the conversation")
    client.page.click("#confirm >> role=button[name='End the conversation']")
    client.follow(f'.talk a[href="{PREFIX}/sessions/{talk.id}/receipt"]')
    assert client.page.url == f"{site.url}/sessions/{talk.id}/receipt"
    assert client.page.locator("main").text_content()
    client.follow("text=Sign out")
    assert client.page.url.startswith(f"{site.url}/login")
    for visitor in (client, agent):
        assert [url for url in visitor.requests if not url.startswith((f"{site.url}/", "data:"))] == []


def test_a_conversation_without_scripts(site, talk):
    people = {}
    for side, start in (("client", "/agents"), ("agent", "/inbox")):
        people[side] = Visitor(site.nginx)
        page = people[side].fill(f"{PREFIX}/login", f"{PREFIX}/login", **login(talk, side))
        assert (page.status, page.path) == (200, PREFIX + start)
    here = f"{PREFIX}/sessions/{talk.id}"
    for side, text in (("client", "Sans script"), ("agent", "Comme avant")):
        page = people[side].fill(here, f"{here}/messages", message=text)
        assert (page.status, page.path.partition("#")[0]) == (200, here)
    for visitor in people.values():
        text = visitor.open(here).text
        assert text.rindex("Sans script") < text.rindex("Comme avant")
        assert visitor.open(visitor.open(here).link(f"{here}/receipt")).status == 200
        page = visitor.fill(here, f"{PREFIX}/logout")
        assert page.path.startswith(f"{PREFIX}/login") and not visitor.token


def test_a_conversation_by_curl(site, talk):
    def api(path, who=None, content=None):
        signed = ["-H", f"Authorization: Bearer {who}"] if who else []
        sent = ["-H", "Content-Type: application/json", "-d", json.dumps(content)] if content else []
        return json.loads(curl(f"{site.url}/api/{path}", *signed, *sent))

    client, agent = (api("auth/login", None, login(talk, side))["token"] for side in ("client", "agent"))
    head = api(f"chat/messages/{talk.id}", client)["cursor"]
    made = api("chat/message", agent, {"chat_session_id": talk.id, "message": "Par curl"})
    held = api(f"chat/messages/{talk.id}?longPoll=true&cursor={head}", client)
    assert [each["id"] for each in held["messages"]] == [made["messageId"]]


def test_the_lines_of_the_demo_work(site):
    send = site.text[site.text.index("curl", site.text.index("Send")) :]
    receive = site.text[site.text.index("curl") : site.text.index("Send")]
    for lines in (send, receive):
        done = subprocess.run(["bash", "-c", lines], capture_output=True, text=True, timeout=PATIENCE_SECONDS)
        answer = json.loads(done.stdout)
        assert answer.get("success") or answer["messages"], done.stdout + done.stderr


def test_commands_work_beside_it(site, talk, run):
    begins = site.text.split("The page  ")[1].splitlines()[0]
    link = run(site.server, "users", "link", talk.emails["client"]).strip()
    assert link.startswith(f"{begins}links/")
    assert (
        curl("-o", "/dev/null", "-w", "%{http_code}", f"{site.url}/links/{link.rpartition('/')[2]}") == "200"
    )
    found = subprocess.run(
        [*COMMAND, "doctor", "--json"], cwd=ROOT, env=site.server.environment, capture_output=True, text=True
    )
    (address,) = (each for each in map(json.loads, found.stdout.splitlines()) if each["name"] == "address")
    assert address["state"] == "ok"
    assert address["text"].startswith(f"{site.server.environment['CHAT_BIND']}, below {PREFIX}, ")
    tail = subprocess.Popen(
        [*COMMAND, "tail", str(talk.id)],
        cwd=ROOT,
        env=site.server.environment | {"PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        text=True,
    )
    with tail:
        try:
            assert tail.stdout.readline().count(": ") == 1
        finally:
            tail.kill()


def test_nothing_else_of_the_host_is_answered_by_it(site):
    missing = json.loads(curl(f"{site.url}/api/nothing"))
    assert missing["code"] == "not_found"
    # That nginx redirects, and knows nothing else.
    assert curl("-o", "/dev/null", "-w", "%{redirect_url}", f"{site.nginx.url}{PREFIX}") == f"{site.url}/"
    assert curl("-o", "/dev/null", "-w", "%{http_code}", f"{site.nginx.url}/login") == "404"
