"""All below a path of a host, which `CHAT_PREFIX` names: every address begins with it."""

import ast
import re
from html.parser import HTMLParser
from urllib.parse import urlencode

import pytest

from chat.web.page import START
from tests.client import Client
from tests.push_service import PushService
from tests.server import ROOT
from tests.stripe import Stripe
from tests.test_device import MESSAGE, Worker, arrive, await_state
from tests.test_look import PAGES

PREFIX = "/talk"
ADDRESSES = ("href", "src", "action", "formaction", "data-base")
WEB = ROOT / "chat" / "web"


class Below(Client):
    """Somebody who asks below the prefix."""

    @classmethod
    def like(cls, who):
        return cls(who.address, who.token, who.id)

    def request(self, method, path, body=None, **headers):
        return super().request(method, PREFIX + path, body, **headers)

    def page(self, path):
        return self.get(path, **({"Cookie": f"session={self.token}"} if self.token else {}))

    def form(self, path, **values):
        csrf = re.search(rb'name="csrf" value="([^"]+)"', self.page("/profile").body)
        values |= {"csrf": csrf[1].decode()} if csrf else {}
        headers = {"Cookie": f"session={self.token}"} if self.token else {}
        kind = "application/x-www-form-urlencoded"
        return self.request("POST", path, urlencode(values), Content_Type=kind, **headers)


class Addresses(HTMLParser):
    """Where a page leads to, and what it loads."""

    def __init__(self, html):
        super().__init__()
        self.found = []
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        self.found += [value for name, value in attributes if name in ADDRESSES and value]


@pytest.fixture
def server(start):
    return start(workers=2, transport="auto", prefix=PREFIX)


@pytest.fixture
def talk(server):
    return server.conversation()


def test_every_address_of_every_page_begins_with_the_prefix(server):
    client, other, agent, admin = (
        Below.like(server.person(role)) for role in ("client", "client", "agent", "admin")
    )
    ids = {"client": client.id, "agent": agent.id}
    for name, who in (("ended", client), ("id", client), ("waiting", other)):
        ids[name] = who.ask(agent_id=agent.id, message="Hello")["id"]
        if who is client:
            agent.do("accept", ids[name])
        if name == "ended":
            client.do("end", ids[name])
    people = (Below.like(server.client()), client, agent, admin)
    for who, paths in zip(people, PAGES.values(), strict=True):
        for path in paths:
            answer = who.page(path.format(**ids))
            assert answer.status == (404 if path == "/nowhere" else 200), path
            found = Addresses(answer.body.decode()).found
            assert f"{PREFIX}/" in found
            wrong = [each for each in found if not re.match(rf"{PREFIX}(/|$)|[#?]", each)]
            assert (path, wrong) == (path, [])


def test_what_only_contains_the_prefix_is_not_below_it(server):
    client = server.client()
    assert client.get(f"{PREFIX}/login").status == 200
    for path in (f"/elsewhere{PREFIX}/login", f"{PREFIX}ative/login", f"{PREFIX}login", "/login", "/"):
        assert client.get(path).json["code"] == "not_found", path
    assert client.get(PREFIX).headers["Location"].endswith(f"{PREFIX}/")


def test_every_redirect_leads_below_the_prefix(server, talk):
    client, nobody = Below.like(talk.client), Below.like(server.client())
    here = f"/sessions/{talk.id}"
    asked = f"{here}?before=3"
    assert nobody.get(asked).headers["Location"] == f"{PREFIX}/login?next={PREFIX}{here}?before%3D3"
    known = {"email": talk.emails["client"], "password": "correct horse"}
    for page, wanted in ((PREFIX + asked, PREFIX + asked), ("/elsewhere", f"{PREFIX}/agents")):
        assert nobody.form("/login", **known, next=page).headers["Location"] == wanted
        chosen = nobody.form("/language", language="fr", next=page).headers["Location"]
        assert chosen == (wanted if page == wanted else f"{PREFIX}/")
    assert client.page("/").headers["Location"] == f"{PREFIX}/agents"
    assert client.form(f"{here}/messages", message="Hi").headers["Location"] == f"{PREFIX}{here}#newest"
    assert client.form(f"{here}/pause").headers["Location"] == PREFIX + here
    assert client.form("/logout").headers["Location"] == f"{PREFIX}/login?notice=signed_out"


def test_no_redirect_leads_out_by_dots(server, talk):
    nobody = Below.like(server.client())
    known = {"email": talk.emails["client"], "password": "correct horse"}
    for dots in ("/..", "/../elsewhere", "/%2e%2E/elsewhere", "/a/.%2e/../elsewhere?x=/"):
        assert nobody.form("/login", **known, next=PREFIX + dots).headers["Location"] == f"{PREFIX}/agents"
    inside = f"{PREFIX}/sessions?q=.."
    assert nobody.form("/login", **known, next=inside).headers["Location"] == inside


def test_what_a_program_is_told_begins_with_the_prefix(server, talk):
    client = Below.like(talk.client)
    client.do("end", talk.id)
    receipt = client.send(talk.id, "Encore").json["receipt"]
    assert talk.client.get(receipt).json["is_final"]
    assert client.do("pause", talk.id).json["receipt"] == receipt
    assert client.get("/api/openapi.json").json["servers"] == [{"url": PREFIX}]
    manifest = client.get("/manifest.webmanifest").json
    assert manifest["scope"] == manifest["start_url"] == manifest["id"] == f"{PREFIX}/"
    assert all(talk.client.get(icon["src"]).status == 200 for icon in manifest["icons"])
    # A proxy that takes the prefix away is told so.
    assert f"below {PREFIX}/" in talk.client.get("/api/chat/sessions").json["detail"]
    health = client.get("/healthz")
    assert (health.status, health.json["status"]) == (200, "ok")


def test_a_payment_leads_back_below_the_prefix(start):
    with Stripe() as stripe:
        server = start(prefix=PREFIX, **stripe.settings)
        made = Below.like(server.person("client")).pay("/api/chat/payments", {"amount": 20})
        assert made.status == 201
        (asked,) = (content for path, _, content in stripe.asked if path == "/v1/checkout/sessions")
        for name in ("success_url", "cancel_url"):
            assert asked[name].startswith(f"{server.url}{PREFIX}/balance/top-ups/")


def test_what_else_is_on_the_host_keeps_its_own(server, talk, visit):
    """Its storage, which a sign-out leaves alone, and its windows, which a notification does not take."""
    client = visit(server, talk.client)
    client.open(f"{PREFIX}/sessions/{talk.id}")
    client.await_connection("websocket")
    client.page.evaluate("() => localStorage.setItem('theirs', '1')")
    client.page.fill("#message", "half")
    names = client.page.evaluate("() => Object.keys(localStorage).sort()")
    assert [name for name in names if not name.startswith(f"{PREFIX}:")] == ["theirs"] and len(names) > 1
    client.page.reload()
    assert client.page.input_value("#message") == "half"
    client.follow("text=Sign out")
    assert client.page.evaluate("() => Object.keys(localStorage)") == ["theirs"]


def test_a_notification_leads_below_the_prefix_and_into_no_other_window_of_the_host(start, visit):
    with PushService() as service:
        server = start(prefix=PREFIX, push_anywhere=1)
        talk = server.conversation()
        visitor = arrive(server, visit, talk.client, service.device(), f"{PREFIX}/profile")
        visitor.page.locator("[data-device-switch]").check()
        await_state(visitor, "on")
        worker = Worker(visitor)
        visitor.tab().goto("/inbox")
        (shown,) = worker.deliver({**MESSAGE, "path": f"sessions/{talk.id}"})
        assert shown["icon"].startswith(f"{server.url}{PREFIX}/static/")
        assert worker.click() == [["open", f"{server.url}{PREFIX}/sessions/{talk.id}"]]


def test_a_link_for_somebody_begins_with_the_prefix(server):
    admin = Below.like(server.person("admin"))
    answer = admin.form("/admin/invitations", role="agent")
    (link,) = re.findall(r"<code data-copied>([^<]+)", answer.body.decode())
    assert link.startswith(f"{server.url}{PREFIX}/links/")


def test_scripts_speak_to_the_server_below_the_prefix(server, talk, visit):
    client, agent = visit(server, talk.client), visit(server, talk.agent)
    client.open(f"{PREFIX}/sessions/{talk.id}")
    agent.open(f"{PREFIX}/inbox")
    for visitor in (client, agent):
        visitor.await_connection("websocket")
    client.send("below a path")
    agent.page.locator("[data-card]", has_text="below a path").get_by_role("link").click()
    agent.see("below a path")
    # Before its scripts run, Enter begins a line.
    agent.await_connection("websocket")
    agent.send("and back")
    client.see("and back")
    Below.like(server.person("client")).ask(message="a new card")
    agent.page.locator("[data-card]", has_text="a new card").get_by_text("Accept").click()
    agent.page.locator(".talk").get_by_text("a new card").wait_for()
    for visitor in (client, agent):
        assert not [url for url in visitor.requests if not url.startswith(f"{server.url}{PREFIX}/")]


@pytest.mark.parametrize(
    "path",
    [*ROOT.glob("templates/**/*.html"), *ROOT.glob("static/js/**/*.js")],
    ids=lambda path: path.name,
)
def test_no_template_and_no_script_has_an_address_of_its_own(path):
    assert re.findall(r"""=\s*"/[^"]*"|["'`]/\w[^"'`]*["'`]""", path.read_text()) == []


@pytest.mark.parametrize(
    "path", [*WEB.glob("pages/*.py"), WEB / "page.py", WEB / "problems.py"], ids=lambda path: path.name
)
def test_no_page_leads_to_an_address_of_its_own(path):
    calls = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
    leading = [call for call in calls if getattr(call.func, "id", "") in ("see", "see_path", "redirect")]
    texts = [node.value for call in leading for node in ast.walk(call) if isinstance(node, ast.Constant)]
    assert not [text for text in [*texts, *START.values()] if str(text).startswith(("/", "http"))]
