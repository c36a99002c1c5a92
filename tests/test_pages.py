"""The pages without JavaScript: who may see and do what, attackers' requests, and a whole conversation."""

import itertools
import json
import re
from dataclasses import dataclass, field, fields
from html.parser import HTMLParser
from urllib.parse import quote, urlencode, urlsplit

import pytest

from chat.settings import Settings, variable
from tests.server import Server

NOWHERE = 2**62
PASSWORD = "correct horse"
OWN = {"client", "agent"}
EVERYBODY = {*OWN, "admin"}
# Each page, and the roles that it is for.
PAGES = {
    "/agents": {"client"},
    "/sessions/new": {"client"},
    "/sessions/new?agent_id={agent}": {"client"},
    "/balance": {"client"},
    "/inbox": {"agent"},
    "/replies": {"agent"},
    "/earnings": {"agent"},
    "/earnings?days=7": {"agent"},
    "/sessions": OWN,
    "/sessions/{id}": OWN,
    "/sessions/{id}/receipt": OWN,
    "/sessions/{id}/transcript.txt": EVERYBODY,
    "/sessions/{id}/transcript.json": EVERYBODY,
    "/profile": EVERYBODY,
    "/admin/statistics": {"admin"},
    "/admin/people": {"admin"},
    "/admin/people/{client}": {"admin"},
    "/admin/people/{agent}": {"admin"},
    "/admin/sessions": {"admin"},
    "/admin/sessions/{id}": {"admin"},
    "/admin/settings": {"admin"},
    "/admin/diagnosis": {"admin"},
}
OPEN_PAGES = ("/", "/login", "/signup")
ACTIONS = ("accept", "decline", "cancel", "end", "pause", "resume", "limit", "transfer", "agree", "refuse")
NASTY = {
    "script": "<script>alert(1)</script>",
    "end-of-script": '</script><script src="https://evil.example/"></script>',
    "comment": "<!--<script>",
    "image": "<img src=x onerror=alert(1)>",
    "svg": "<svg/onload=alert(1)>",
    "quotes": "\"' onmouseover='alert(1)' x=\"",
    "attribute": '"><b id=broken>',
    "textarea": "</textarea></title><b id=broken>",
    "link": 'javascript:alert(1) https://x.example/"onclick=alert(1)//',
    "template": "{{7777*7}}${7777*7}{% raw %}",
    "format": "%(name)s %s {0} {name.__class__} %",
    "override": "\u202egro.live\u202c \u2066x",
    "line-separator": "a\u2028b\u2029c",
}


class Reader(HTMLParser):
    """What a browser makes of a page: tags, forms, text, and data for scripts."""

    def __init__(self, html):
        super().__init__(convert_charrefs=True)
        self.tags, self.forms, self.texts, self.blocks = [], [], [], []
        self._form = self._select = self._textarea = None
        self._in_block = False
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attributes):
        values = dict(attributes)
        self.tags.append((tag, values))
        self._in_block = tag == "script"
        if tag == "script":
            self.blocks.append("")
        if tag == "form":
            self._form = {**values, "hidden": "hidden" in values, "fields": {}}
            self.forms.append(self._form)
        if self._form is None:
            return
        if tag == "input" and "name" in values:
            is_choice = values.get("type") in ("radio", "checkbox")
            if not is_choice or "checked" in values:
                self._form["fields"][values["name"]] = values.get("value", "")
            else:
                self._form["fields"].setdefault(values["name"], "")
        elif tag == "button" and "name" in values:
            self._form["fields"].setdefault(values["name"], "")
        elif tag == "select":
            self._select = values["name"]
        elif tag == "option":
            if "selected" in values or self._select not in self._form["fields"]:
                self._form["fields"][self._select] = values["value"]
        elif tag == "textarea":
            self._textarea = values["name"]
            self._form["fields"][self._textarea] = ""

    def handle_endtag(self, tag):
        self._in_block = False
        if tag == "form":
            self._form = None
        elif tag == "textarea":
            self._textarea = None

    def handle_data(self, data):
        if self._in_block:
            self.blocks[-1] += data
            return
        self.texts.append(data)
        if self._form is not None and self._textarea is not None:
            self._form["fields"][self._textarea] += data

    @property
    def text(self):
        return " ".join(" ".join(self.texts).split())


@dataclass
class Page:
    """An answer, read as HTML."""

    status: int
    headers: object
    body: bytes
    path: str
    read: Reader = field(init=False)

    def __post_init__(self):
        is_html = self.headers.get("Content-Type", "").startswith("text/html")
        self.read = Reader(self.body.decode() if is_html else "")

    @property
    def text(self):
        return self.read.text

    @property
    def location(self):
        return self.headers["Location"]

    @property
    def alert(self):
        """What the page says that went wrong."""
        found = re.search(r'role="alert">([^<]*)<', self.body.decode())
        return found and found[1]

    @property
    def posts(self):
        """The forms that change something."""
        return [each for each in self.read.forms if each["method"] == "post" and "action" in each]

    def form(self, action):
        """The fields of a form that somebody can see, as they are filled in."""
        found = [each for each in self.posts if each["action"] == action and not each["hidden"]]
        assert found, f"{self.path} has no form for {action}: {[each['action'] for each in self.posts]}"
        return dict(found[0]["fields"])

    def link(self, pattern):
        """The first link to such an address."""
        return next(
            values["href"]
            for tag, values in self.read.tags
            if tag == "a" and re.fullmatch(pattern, values.get("href", ""))
        )


class Browser:
    """Somebody without JavaScript: cookies, forms, and redirects that are followed."""

    def __init__(self, server, token=None):
        self.client = server.client()
        self.cookies = {"session": token} if token else {}
        self._csrf = {}

    @property
    def token(self):
        return self.cookies.get("session")

    @property
    def csrf(self):
        """Of a page of this sign-in."""
        if self.token not in self._csrf:
            page = self.request("GET", "/profile")
            self._csrf[self.token] = page.form("/logout")["csrf"] if page.status == 200 else ""
        return self._csrf[self.token]

    def request(self, method, path, body=None, **headers):
        """One answer."""
        if self.cookies:
            headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        answer = self.client.request(method, path, body, **headers)
        for line in answer.headers.get_all("Set-Cookie") or ():
            name, _, value = line.partition(";")[0].partition("=")
            self.cookies[name] = value
            if not value or "Max-Age=0" in line:
                del self.cookies[name]
        return Page(answer.status, answer.headers, answer.body, path)

    def open(self, path, **headers):
        """The page, also when it is elsewhere."""
        page = self.request("GET", path, **headers)
        for _ in range(5):
            if page.status != 303:
                return page
            parts = urlsplit(page.location)
            page = self.request("GET", parts.path + (f"?{parts.query}" if parts.query else ""), **headers)
        raise AssertionError(f"{path} leads on and on")

    def post(self, path, content=(), *, headers=None, **values):
        """A form as anything can send it; the right token unless another is given."""
        values = {"csrf": self.csrf, **dict(content), **values}
        return self.request(
            "POST",
            path,
            urlencode(values),
            **{"Content_Type": "application/x-www-form-urlencoded", **(headers or {})},
        )

    def fill(self, page, action, **values):
        """A form of a page, filled in and sent; where it leads."""
        page = self.open(page) if isinstance(page, str) else page
        fields = page.form(action)
        assert set(values) <= set(fields), f"{action} asks for {set(fields)}"
        answer = self.post(action, {"csrf": "", **fields, **values})
        return self.open(answer.location) if answer.status == 303 else answer


def browse(server, who=None):
    """A browser in which this person is signed in."""
    return Browser(server, who and who.token)


_numbers = itertools.count(1)


def new_email():
    return f"visitor{next(_numbers)}@example.net"


def sign_up(server, name="Visitor", email=None):
    """Somebody who has come by themselves: (their browser, their email)."""
    browser, email = browse(server), email or new_email()
    page = browser.fill("/signup", "/signup", name=name, email=email, password=PASSWORD)
    assert (page.status, page.path) == (200, "/agents")
    return browser, email


def log_in(server, email, password=PASSWORD, **more):
    """A browser after the sign-in form, and what was answered to it."""
    browser = browse(server)
    return browser, browser.post("/login", email=email, password=password, **more)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with Server(tmp_path_factory.mktemp("pages"), workers=2) as running:
        yield running


@pytest.fixture
def admin(server):
    return browse(server, server.person("admin", "Root"))


@pytest.fixture
def people(server, talk):
    """The browsers of a conversation's two sides, of an administrator, and of nobody."""
    return {
        "client": browse(server, talk.client),
        "agent": browse(server, talk.agent),
        "admin": browse(server, server.person("admin", "Root")),
        None: browse(server),
    }


@pytest.fixture
def ids(talk):
    session = talk.client.show(talk.id)
    return {"id": talk.id, "client": session["client"]["id"], "agent": session["agent"]["id"]}


# Signing up and in.


def test_whoever_signs_up_is_signed_in_as_a_client(server):
    browser, email = sign_up(server, "  Zoé Visitor ")
    assert "Zoé Visitor" in browser.open("/profile").text
    assert email in browser.open("/profile").text
    assert browser.request("GET", "/").location == "/agents"
    assert browser.request("GET", "/login").location == "/agents"


def test_an_email_signs_up_once_and_the_form_keeps_what_was_written(server):
    _, email = sign_up(server)
    page = browse(server).fill("/signup", "/signup", name="Twin", email=email.upper(), password=PASSWORD)
    assert page.status == 409
    assert "belongs to an account already" in page.text
    kept = page.form("/signup")
    assert (kept["name"], kept["email"], kept["password"]) == ("Twin", email.upper(), "")


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": " "},
        {"name": "x" * 101},
        {"name": "a\0b"},
        {"name": "a\nb"},
        {"email": "nobody"},
        {"email": "a b@example.org"},
        {"email": "a\0@example.org"},
        {"password": "short"},
        {"password": "x" * 1001},
    ],
)
def test_a_wrong_value_is_named_beside_its_field(server, wrong):
    person = {"name": "New", "email": new_email(), "password": PASSWORD, **wrong}
    page = browse(server).fill("/signup", "/signup", **person)
    assert page.status == 400
    (name,) = wrong
    marked = [values["name"] for tag, values in page.read.tags if values.get("aria-invalid") == "true"]
    assert marked == [name]


@pytest.mark.parametrize("mode", ["invitation", "closed"])
def test_without_open_sign_up_only_an_invitation_brings_somebody_in(start, mode):
    server = start(sign_up=mode)
    browser = browse(server)
    for path in ("/", "/login", "/signup"):
        assert not [each for each in browser.open(path).posts if each["action"] == "/signup"]
    refused = browser.post("/signup", name="New", email="new@example.net", password=PASSWORD)
    assert (refused.status, browser.token) == (404, None)
    assert log_in(server, "new@example.net")[1].status == 401
    admin = browse(server, server.person("admin"))
    page = admin.post("/admin/invitations", role="agent")
    link = urlsplit(re.search(r"http://\S+/links/[\w-]+", page.text)[0]).path
    page = browser.open(link)
    assert "as an agent" in page.text
    taken = browser.post(link, name="New", email="admin1@example.org", password=PASSWORD)
    assert taken.status == 409
    page = browser.open(browser.post(link, name="New", email="new@example.net", password=PASSWORD).location)
    assert (page.status, page.path) == (200, "/inbox")
    assert browse(server).open(link).status == 404
    again = browse(server).post(link, name="Other", email="other@example.net", password=PASSWORD)
    assert again.status == 404


def test_the_first_visitor_sets_the_server_up_once(start, run):
    server = start(workers=2)
    browser = browse(server)
    page = browser.open("/")
    assert (page.status, page.path) == (200, "/setup")
    server.wait_until(lambda workers: len(workers) == 2)
    codes = set(re.findall(r"/setup\?code=(\w+)", server.log))
    (code,) = codes
    assert code == server.database.read(
        lambda db: db.conn.execute("SELECT setup_code FROM server").fetchone()[0]
    )
    person = {"name": "Root", "email": "root@example.org", "password": PASSWORD}
    for wrong in ("", "0" * 16, code[:-1], f"{code}é"):
        page = browser.post("/setup", **person, code=wrong)
        assert (page.status, browser.token) == (400, None)
        assert page.form("/setup")["email"] == "root@example.org"
    assert browser.open(f"/setup?code={code}").form("/setup")["code"] == code
    page = browser.fill(f"/setup?code={code}", "/setup", **person)
    assert (page.status, page.path) == (200, "/admin/statistics")
    assert "Nothing in this period yet" in page.text
    for path in ("/admin/statistics?days=366", "/admin/sessions", "/admin/people"):
        assert browser.open(path).status == 200
    other = browse(server)
    assert other.open("/setup").status == other.open(f"/setup?code={code}").status == 404
    again = other.post("/setup", name="Other", email="other@example.org", password=PASSWORD, code=code)
    assert (again.status, other.token, again.posts[0]["action"]) == (404, None, "/language")
    assert other.open("/").path == "/"
    before = server.log.count("/setup?code=")
    server.process.send_signal(1)  # SIGHUP: new workers.
    old = server.workers()
    server.wait_until(lambda workers: len(set(workers) - old) == 2)
    assert server.log.count("/setup?code=") == before


def test_signing_in_gives_a_new_token_that_scripts_and_other_sites_do_not_get(server):
    first, email = sign_up(server)
    second, answer = log_in(server, email)
    assert (answer.status, answer.location) == (303, "/agents")
    cookie = answer.headers["Set-Cookie"]
    for attribute in ("HttpOnly", "SameSite=Lax", "Path=/", f"Max-Age={30 * 86_400}"):
        assert attribute in cookie
    assert "Secure" not in cookie
    assert first.token != second.token
    behind_tls = browse(server).post(
        "/login", email=email, password=PASSWORD, headers={"X_Forwarded_Proto": "https"}
    )
    assert "Secure" in behind_tls.headers["Set-Cookie"]
    assert first.open("/profile").path == "/profile"
    old = second.token
    assert second.fill("/profile", "/logout").text.count("You are signed out") == 1
    assert second.token is None
    second.cookies["session"] = old
    assert second.request("GET", "/profile").status == 303
    assert first.request("GET", "/profile").status == 200


@pytest.mark.parametrize(
    ("next_page", "location"),
    [
        ("/profile", "/profile"),
        ("/sessions?before=5", "/sessions?before=5"),
        ("//evil.example/", "/agents"),
        ("///evil.example/", "/agents"),
        ("https://evil.example/", "/agents"),
        ("https:evil.example", "/agents"),
        ("javascript:alert(1)", "/agents"),
        ("/\\evil.example", "/agents"),
        ("\\\\evil.example", "/agents"),
        ("/x\\y", "/agents"),
        ("/\t/evil.example", "/agents"),
        ("/\n/evil.example", "/agents"),
        ("/a\r\nSet-Cookie: session=x", "/agents"),
        (" //evil.example", "/agents"),
        ("/\u202eevil", "/agents"),
        ("evil.example", "/agents"),
    ],
)
def test_after_signing_in_one_goes_on_on_this_site_only(server, next_page, location):
    who = server.person("client")
    email = server.database.read(lambda db: db["users"].get(who.id)["email"])
    page = browse(server).open(f"/login?{urlencode({'next': next_page})}")
    assert page.form("/login")["next"].splitlines() == next_page.splitlines()
    browser, answer = log_in(server, email, next=next_page)
    assert (answer.status, answer.location) == (303, location)
    assert browser.token
    chosen = browse(server).post("/language", language="fr", next=next_page)
    assert chosen.location == (location if location != "/agents" else "/")


def test_a_wrong_password_and_an_unknown_email_are_one_answer(server):
    _, email = sign_up(server)
    wrong, unknown = (
        log_in(server, *pair)[1] for pair in ((email, "wrong horse"), ("nobody@example.org", PASSWORD))
    )
    assert wrong.status == unknown.status == 401
    assert wrong.alert == unknown.alert == "The email or the password is wrong."
    assert wrong.body.replace(email.encode(), b"") == unknown.body.replace(b"nobody@example.org", b"")
    assert "Set-Cookie" not in wrong.headers
    blank = log_in(server, "", "")[1]
    assert (blank.status, blank.alert) == (401, wrong.alert)


def test_passwords_are_not_tried_for_long(server):
    _, email = sign_up(server)
    # Ten for each of two workers; whichever they come to, one is over its limit by the 21st.
    answers = [log_in(server, email, "wrong horse")[1] for _ in range(21)]
    last = next(answer for answer in answers if answer.status != 401)
    assert (last.status, last.alert) == (429, "Too many attempts; wait a minute.")
    assert last.headers["Retry-After"]
    assert last.form("/login")["email"] == email


def test_whoever_is_not_signed_in_is_sent_to_sign_in_and_then_back(server):
    _, email = sign_up(server)
    browser = browse(server)
    page = browser.open("/sessions?before=7")
    assert (page.path, page.form("/login")["next"]) == (
        "/login?next=/sessions?before%3D7",
        "/sessions?before=7",
    )
    assert browser.fill(page, "/login", email=email, password=PASSWORD).path == "/sessions?before=7"


def test_a_language_is_chosen_before_signing_in(server):
    browser = browse(server)
    page = browser.fill("/login", "/language", language="fr")
    assert page.path == "/login"
    assert ("html", {"lang": "fr"}) in page.read.tags
    assert browser.cookies["language"] == "fr"
    assert ("html", {"lang": "en"}) in browse(server).open("/login", Accept_Language="en").read.tags
    for wrong in ("de", "", "<b>", "fr\n"):
        refused = browser.post("/language", language=wrong)
        assert (refused.status, "Set-Cookie" in refused.headers) == (400, False)
    browser.cookies["language"] = "../../etc"
    assert browser.open("/login").status == 200


def test_a_profile_says_the_language(server):
    browser, _ = sign_up(server)
    page = browser.fill("/profile", "/profile", language="fr", name="Zoë")
    assert ("html", {"lang": "fr"}) in page.read.tags
    assert page.form("/profile")["name"] == "Zoë"


def test_another_password_ends_the_other_sign_ins(server):
    browser, email = sign_up(server)
    other, _ = log_in(server, email)
    for old, new, status in (("wrong horse", "another horse", 401), (PASSWORD, "short", 400)):
        page = browser.fill("/profile", "/profile/password", password=old, new_password=new)
        assert page.status == status
        assert other.request("GET", "/profile").status == 200
    page = browser.fill("/profile", "/profile/password", password=PASSWORD, new_password="another horse")
    assert "The password is changed" in page.text
    assert other.request("GET", "/profile").status == 303
    assert log_in(server, email)[1].status == 401
    assert log_in(server, email, "another horse")[1].status == 303


# Links, and people who may no longer come.


def link_in(page):
    """The path of the link that an administrator is to hand on."""
    assert page.status in (200, 201)
    return urlsplit(re.search(r"http://\S+/links/[\w-]+", page.text)[0]).path


def test_a_reset_link_works_once_and_ends_the_sign_ins_of_its_user_only(server, admin):
    browser, email = sign_up(server)
    bystander, _ = sign_up(server)
    found = admin.open(f"/admin/people?{urlencode({'q': email})}").link(r"/admin/people/\d+")
    older = link_in(admin.fill(found, f"{found}/reset"))
    link = link_in(admin.fill(found, f"{found}/reset"))
    assert browse(server).open(older).status == 404
    stranger = browse(server)
    page = stranger.open(link)
    assert email in page.text
    assert stranger.post(link, password="short").status == 400
    assert browser.request("GET", "/profile").status == 200
    answer = stranger.post(link, password="another horse")
    assert (answer.status, answer.location) == (303, "/agents")
    assert browser.request("GET", "/profile").status == 303
    assert bystander.request("GET", "/profile").status == admin.request("GET", "/profile").status == 200
    assert browse(server).open(link).status == 404
    assert browse(server).post(link, password="a third horse").status == 404
    assert log_in(server, email)[1].status == 401
    assert log_in(server, email, "another horse")[1].status == 303


def test_links_expire_after_a_week(start):
    server = start()
    admin = browse(server, server.person("admin"))
    who = server.person("client")
    page = f"/admin/people/{who.id}"
    links = [
        link_in(admin.post("/admin/invitations", role="client")),
        link_in(admin.fill(page, f"{page}/reset")),
    ]
    server.advance(7 * 86_400 - 60)
    assert [browse(server).open(link).status for link in links] == [200, 200]
    server.advance(120)
    assert [browse(server).open(link).status for link in links] == [404, 404]
    late = browse(server).post(links[0], name="Late", email="late@example.net", password=PASSWORD)
    assert late.status == 404
    assert log_in(server, "late@example.net")[1].status == 401


def test_whoever_is_disabled_is_out_at_once_and_as_if_unknown(server, admin):
    browser, email = sign_up(server)
    page = admin.open(f"/admin/people?{urlencode({'q': email})}").link(r"/admin/people/\d+")
    link = link_in(admin.fill(page, f"{page}/reset"))
    held = server.client(browser.token).await_inbox(server.client(browser.token).inbox().json["cursor"])
    shown = admin.fill(page, f"{page}/disable")
    assert "Disabled" in shown.text
    assert held.result().status == 401
    assert browser.request("GET", "/profile").status == 303
    assert server.client(browser.token).inbox().status == 401
    refused, unknown = log_in(server, email)[1], log_in(server, new_email())[1]
    assert (refused.status, refused.alert) == (unknown.status, unknown.alert)
    assert browse(server).open(link).status == 404
    assert browse(server).post(link, password="another horse").status == 404
    while_out = link_in(admin.fill(page, f"{page}/reset"))
    assert browse(server).open(while_out).status == 404
    admin.fill(page, f"{page}/enable")
    assert browser.request("GET", "/profile").status == 303
    assert log_in(server, email)[1].status == 303


def test_a_disabled_agent_is_not_listed_and_not_asked(server, admin, client, agent):
    asking = browse(server, client)
    after = f"/agents?after={agent.id - 1}"
    assert "Dr Anaïs Laurent" in asking.open(after).text
    admin.post(f"/admin/people/{agent.id}/disable")
    assert "Dr Anaïs Laurent" not in asking.open(after).text
    assert asking.open(f"/sessions/new?agent_id={agent.id}").status == 404
    assert asking.post("/sessions", agent_id=agent.id).status == 404


def test_an_administrator_cannot_lock_themselves_out(server):
    who = server.person("admin")
    admin = browse(server, who)
    page = admin.open(f"/admin/people/{who.id}")
    assert f"/admin/people/{who.id}/disable" not in [each["action"] for each in page.posts]
    assert admin.post(f"/admin/people/{who.id}/disable").status == 403
    assert admin.open("/admin/people").status == 200


# Who may see what.


@pytest.mark.parametrize("path", PAGES)
def test_each_page_is_for_its_roles(people, ids, path):
    here = path.format(**ids)
    for role, browser in people.items():
        page = browser.request("GET", here)
        if role is None:
            assert (page.status, page.location) == (303, f"/login?next={quote(here, safe='/?')}")
        else:
            assert page.status == (200 if role in PAGES[path] else 403), role


def test_the_start_is_where_each_role_begins(people):
    starts = {role: browser.open("/").path for role, browser in people.items()}
    assert starts == {"client": "/agents", "agent": "/inbox", "admin": "/admin/statistics", None: "/"}


@pytest.mark.parametrize("role", ["client", "agent", "admin"])
def test_somebody_elses_conversation_is_as_one_that_is_not_there(server, talk, role):
    before = talk.client.show(talk.id)
    outsider = browse(server, server.person(role))
    places = ["", "/receipt", *([] if role == "admin" else ["/transcript.txt", "/transcript.json"])]
    for place in places:
        foreign, unknown = (outsider.request("GET", f"/sessions/{id}{place}") for id in (talk.id, NOWHERE))
        assert foreign.status == (403 if role == "admin" else 404)
        assert re.sub(rb'"csrf" value="[^"]*"', b"", foreign.body) == re.sub(
            rb'"csrf" value="[^"]*"', b"", unknown.body
        )
    values = {"message": "Coucou", "rating": "5", "spending_limit": "1", "agent_id": "1"}
    for place in ("messages", "rating", *ACTIONS):
        foreign, unknown = (outsider.post(f"/sessions/{id}/{place}", values) for id in (talk.id, NOWHERE))
        assert (foreign.status, unknown.status) == ((403, 403) if role == "admin" else (404, 404)), place
        assert foreign.alert == unknown.alert
    after = talk.client.show(talk.id)
    for what in ("status", "spending_limit", "rating", "agent", "transfer"):
        assert before[what] == after[what]
    assert "Coucou" not in talk.client.fetch(talk.id).texts


def test_only_its_agent_deletes_a_reply(server, agent):
    own, other = browse(server, agent), browse(server, server.person("agent"))
    own.fill("/replies", "/replies", shortcut="hello", message="Bonjour !")
    action = next(each["action"] for each in own.open("/replies").posts if "delete" in each["action"])
    assert other.post(action).status == other.post(f"/replies/{NOWHERE}/delete").status == 404
    assert "Bonjour !" in own.open("/replies").text
    assert "Deleted." in own.fill("/replies", action).text
    assert "Bonjour !" not in own.open("/replies").text


# What other sites' pages try.

FORMS = {
    "client": ["/profile", "/profile/password", "/sessions", "/sessions/{id}/messages", "/sessions/{id}/end"],
    "agent": [
        "/availability",
        "/replies",
        "/replies/1/delete",
        "/sessions/{id}/messages",
        "/sessions/{id}/pause",
    ],
    "admin": [
        "/admin/people",
        "/admin/invitations",
        "/admin/people/{client}",
        "/admin/people/{client}/disable",
        "/admin/people/{client}/reset",
        "/admin/people/{client}/balance",
    ],
}
FILLED = {
    "name": "Mallory",
    "email": "mallory@evil.example",
    "password": PASSWORD,
    "new_password": "mallory's horse",
    "message": "from elsewhere",
    "shortcut": "evil",
    "available": "0",
    "role": "client",
    "kind": "top_up",
    "amount": "100",
    "reason": "evil",
    "rate": "99",
}
TABLES = ("users", "chat_sessions", "messages", "replies", "links", "ledger", "auth_tokens")
ELSEWHERE = [
    {"Sec_Fetch_Site": "cross-site"},
    {"Sec_Fetch_Site": "same-site"},
    {"Sec_Fetch_Site": "cross-site", "Origin": "{url}"},
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Origin": ""},
    {"Origin": "{url}.evil.example"},
]


def all_of(server):
    """What the database holds, but for who was seen when."""

    def read(db):
        found = {}
        for table in TABLES:
            rows = db.conn.execute(f"SELECT * FROM {table}").fetchall()
            found[table] = [{key: row[key] for key in row.keys() if "seen" not in key} for row in rows]  # noqa: SIM118
        for session in found["chat_sessions"]:
            for key in ("revision", "owner_revision", "client_delivered_id", "agent_delivered_id"):
                session.pop(key, None)
        return found

    return server.database.read(read)


@pytest.mark.parametrize("role", FORMS)
def test_a_form_without_this_sign_ins_token_changes_nothing(start, role):
    server = start()
    talk = server.conversation()
    who = {"client": talk.client, "agent": talk.agent, "admin": server.person("admin")}[role]
    browser = browse(server, who)
    others = browse(server, server.person(role)).csrf
    ids = {"id": talk.id, "client": talk.client.show(talk.id)["client"]["id"]}
    csrf, before = browser.csrf, all_of(server)
    for path in [*FORMS[role], "/logout", "/language"]:
        for wrong in ("", others, csrf[:-1], f"{csrf}0", csrf.partition(".")[0], f".{csrf}", "é", "."):
            page = browser.post(path.format(**ids), {**FILLED, "csrf": wrong})
            assert page.status == 403, path
            assert page.alert == "This form is from an earlier sign-in; send it again."
        for headers in ELSEWHERE:
            sent = {name: value.format(url=server.url) for name, value in headers.items()}
            page = browser.post(path.format(**ids), FILLED, headers=sent)
            assert page.status == 403, (path, headers)
            assert "another site" in page.alert
    assert all_of(server) == before
    assert browser.request("GET", "/profile").status == 200


@pytest.mark.parametrize("headers", [{}, {"Sec_Fetch_Site": "same-origin"}, {"Origin": "{url}"}])
def test_a_form_of_ours_is_taken(server, talk, headers):
    sent = {name: value.format(url=server.url) for name, value in headers.items()}
    answer = browse(server, talk.client).post(f"/sessions/{talk.id}/messages", message="Coucou", headers=sent)
    assert answer.status == 303
    assert "problem" not in answer.location
    assert talk.agent.fetch(talk.id).texts[-1] == "Coucou"


def test_the_json_api_takes_the_cookie_from_our_pages_only(server, talk):
    cookie = f"session={talk.client.token}"
    content = {"chat_session_id": talk.id, "message": "Coucou"}
    for headers in ELSEWHERE:
        sent = {name: value.format(url=server.url) for name, value in headers.items()}
        for path, body in [
            ("/api/chat/message", content),
            (f"/api/chat/sessions/{talk.id}/end", None),
            ("/api/auth/logout", None),
        ]:
            refused = server.client().post(path, body, Cookie=cookie, **sent)
            assert (refused.status, refused.json["code"]) == (403, "cross_site")
            assert refused.headers["Content-Type"] == "application/problem+json"
        # A token in a header is no browser's doing, and reading is harmless: the answer cannot be read.
        assert talk.client.post("/api/chat/message", content, **sent).status == 201
        assert server.client().get("/api/chat/sessions", Cookie=cookie, **sent).status == 200
    for sent in ({}, {"Sec_Fetch_Site": "same-origin"}, {"Sec_Fetch_Site": "none"}, {"Origin": server.url}):
        assert server.client().post("/api/chat/message", content, Cookie=cookie, **sent).status == 201
    assert talk.client.show(talk.id)["status"] == "active"


def test_nobody_is_signed_in_from_elsewhere(server):
    _, email = sign_up(server)
    for headers in ELSEWHERE:
        sent = {name: value.format(url=server.url) for name, value in headers.items()}
        browser = browse(server)
        for path in ("/login", "/signup", "/language", "/setup"):
            page = browser.post(path, name="X", email=email, password=PASSWORD, language="fr", headers=sent)
            assert (page.status, browser.cookies) == (403, {}), path


# What every answer carries.


def assert_safe(page):
    """Nothing in it runs but our own files, and no style is written into it."""
    for tag, values in page.read.tags:
        assert "style" not in values, tag
        assert not [name for name in values if name.startswith("on")], tag
        assert tag not in ("style", "base", "iframe", "object", "embed", "img"), tag
        if tag == "script":
            assert values.get("type") == "application/json" or re.match(
                "/static/[0-9a-f]{16}/js/", values["src"]
            )
        for name in ("href", "src", "action", "formaction"):
            is_linked = tag == "a" and "noopener" in values.get("rel", "")
            wanted = r"https?://" if is_linked and name == "href" else r"/(?!/)|#|\?|$"
            assert re.match(wanted, values.get(name) or ""), values
    for block in page.read.blocks:
        assert not block or json.loads(block)


def assert_headers(page, is_personal=True):
    policy = dict(part.split(" ", 1) for part in page.headers["Content-Security-Policy"].split("; "))
    assert policy["frame-ancestors"] == policy["default-src"] == policy["base-uri"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == "'self'"
    assert "unsafe" not in page.headers["Content-Security-Policy"]
    assert page.headers["X-Content-Type-Options"] == "nosniff"
    assert page.headers["Referrer-Policy"] == "same-origin"
    if is_personal:
        assert page.headers["Cache-Control"] == "no-store"
        assert "Cookie" in page.headers["Vary"]


def test_every_page_is_safe_and_nobodys_to_keep(people, ids):
    for path, roles in PAGES.items():
        for role in roles:
            page = people[role].request("GET", path.format(**ids))
            assert_headers(page)
            assert_safe(page)
    for path in (*OPEN_PAGES, "/nowhere", "/sessions/x"):
        for browser in people.values():
            page = browser.request("GET", path)
            assert page.status < 500
            if page.status != 303:
                assert_headers(page)
                assert_safe(page)
            else:
                assert page.headers["Cache-Control"] == "no-store"


def test_every_file_is_safe(server):
    page = browse(server).open("/login")
    files = {
        values.get("src") or values.get("href") for tag, values in page.read.tags if tag in ("script", "link")
    }
    for path in sorted(files):
        answer = browse(server).open(path)
        assert answer.status == 200
        assert_headers(answer, is_personal=False)
    for path in (
        "/static/../app.py",
        "/static/%2e%2e/app.py",
        "/static//etc/passwd",
        "/static/",
        "/static/x.js",
    ):
        assert browse(server).request("GET", path).status in (308, 404), path


# A whole conversation.


def test_a_conversation_by_forms_alone(server, client, agent):
    asking, answering = browse(server, client), browse(server, agent)
    cards = asking.open(f"/agents?after={agent.id - 1}")
    page = asking.open(cards.link(rf"/sessions/new\?agent_id={agent.id}"))
    page = asking.fill(page, "/sessions", message="Une question", spending_limit="12,50")
    here = page.path
    assert re.fullmatch(r"/sessions/\d+", here)
    assert "Une question" in page.text

    page = answering.open("/inbox")
    assert "Une question" in page.text
    page = answering.fill(page, f"{here}/accept")
    assert page.path == here
    page = answering.fill(page, f"{here}/messages", message="Bonjour\r\nje vous écoute")
    assert "je vous écoute" in page.text

    page = asking.open(here)
    sent = page.form(f"{here}/messages")
    for _ in range(2):
        answer = asking.post(f"{here}/messages", {**sent, "message": "Merci !"})
        assert (answer.status, answer.location) == (303, f"{here}#newest")
    assert client.fetch(here.rpartition("/")[2]).texts[-1:] == ["Merci !"]
    assert client.fetch(here.rpartition("/")[2]).texts.count("Merci !") == 1

    page = asking.fill(here, f"{here}/pause")
    assert "Paused by the client" in page.text
    page = asking.fill(page, f"{here}/resume")
    page = asking.fill(page, f"{here}/limit", spending_limit="30.00")
    assert "€30.00" in page.text
    page = asking.fill(page, f"{here}/limit", spending_limit="")
    assert client.show(here.rpartition("/")[2])["spending_limit"] is None
    page = asking.fill(page, f"{here}/end")
    assert "Ended by the client" in page.text
    page = asking.fill(page, f"{here}/rating", rating="4", comment="Très clair")
    assert "Thank you for your rating." in page.text
    assert (page.form(f"{here}/rating")["rating"], page.form(f"{here}/rating")["comment"]) == (
        "4",
        "Très clair",
    )

    for browser in (asking, answering):
        assert "Total" in browser.open(browser.open(here).link(rf"{here}/receipt")).text
        text = browser.request("GET", f"{here}/transcript.txt")
        assert text.headers["Content-Disposition"].startswith("attachment; ")
        assert text.headers["Content-Type"] == "text/plain; charset=utf-8"
        for words in ("Camille Moreau / Dr Anaïs Laurent", "je vous écoute", "Merci !"):
            assert words in text.body.decode()
        found = json.loads(browser.request("GET", f"{here}/transcript.json").body)
        assert len(found["messages"]) == 3
        assert here in browser.open("/sessions").link(rf"{here}")
    assert answering.open(f"{here}/transcript.pdf").status == 404
    assert "Très clair" in answering.open(here).text


def test_a_conversation_is_handed_over_by_forms(server, talk):
    dearer = server.person("agent", "Me Girard", rate_cents=900)
    asking, answering = browse(server, talk.client), browse(server, talk.agent)
    here = f"/sessions/{talk.id}"
    page = answering.fill(here, f"{here}/transfer", agent_id=str(dearer.id))
    assert "The client is asked" in page.text
    page = asking.fill(here, f"{here}/refuse")
    answering.fill(here, f"{here}/transfer", agent_id=str(dearer.id))
    page = asking.fill(here, f"{here}/agree")
    assert "Me Girard" in page.text
    assert answering.open(here).status == 404
    assert browse(server, dearer).open(here).status == 200


def test_requests_are_declined_and_taken_back_by_forms(server, client, agent):
    asking, answering = browse(server, client), browse(server, agent)
    here = asking.fill(f"/sessions/new?agent_id={agent.id}", "/sessions", message="Bonjour").path
    assert answering.fill(here, f"{here}/decline").path == "/inbox"
    assert "Declined" in asking.open(here).text
    here = asking.fill("/sessions/new", "/sessions", message="À qui est libre").path
    page = answering.open(here)
    assert "À qui est libre" in page.text
    assert "Taken back" in asking.fill(here, f"{here}/cancel").text
    assert answering.post(f"{here}/accept").status in (404, 409)


@pytest.mark.parametrize("available", ["0", "1"])
def test_an_agent_says_whether_they_take_requests(server, agent, available):
    browser = browse(server, agent)
    agent.post("/api/chat/agents/me", {"available": available == "0"})
    page = browser.open("/inbox")
    wanted = next(
        values["value"]
        for tag, values in page.read.tags
        if tag == "button" and values.get("name") == "available"
    )
    assert wanted == available
    page = browser.fill(page, "/availability", available=available)
    assert ("Takes no requests" in page.text) == (available == "0")


def test_a_message_that_is_refused_is_not_lost(server, talk):
    browser, here = browse(server, talk.client), f"/sessions/{talk.id}"
    long = "mot " * 1001
    page = browser.fill(here, f"{here}/messages", message=long)
    assert page.status == 400
    assert page.alert == "A message has 1 to 4000 characters."
    kept = page.form(f"{here}/messages")
    assert kept["message"] == long
    page = browser.fill(page, f"{here}/messages", message=long[:3999])
    assert page.status == 200
    assert talk.agent.fetch(talk.id).texts[-1] == long[:3999]


def test_a_message_of_an_earlier_sign_in_is_not_lost(server, talk):
    browser, here = browse(server, talk.client), f"/sessions/{talk.id}"
    page = browser.post(f"{here}/messages", message="Écrit avant", csrf="old")
    assert page.status == 403
    assert page.form(f"{here}/messages")["message"] == "Écrit avant"
    assert "Écrit avant" in browser.fill(page, f"{here}/messages").text
    assert talk.agent.fetch(talk.id).texts[-1] == "Écrit avant"


def test_a_message_after_the_sign_in_has_ended_can_still_be_copied(server, talk):
    browser, here = browse(server, talk.client), f"/sessions/{talk.id}"
    page = browser.open(here)
    talk.client.post("/api/auth/logout")
    page = browser.fill(page, f"{here}/messages", message="Écrit pendant ce temps")
    assert (page.status, page.alert) == (401, "Sign in first.")
    assert "Écrit pendant ce temps" in page.text
    assert browser.post(f"{here}/pause").location == "/login"
    elsewhere = browser.post(
        f"{here}/messages", message="Acheter !", headers={"Sec_Fetch_Site": "cross-site"}
    )
    assert "Acheter" not in elsewhere.text


def test_a_line_break_counts_once_as_in_the_browser(server, talk):
    browser, here = browse(server, talk.client), f"/sessions/{talk.id}"
    page = browser.fill(here, f"{here}/messages", message="a\r\n" * 1999 + "bc")
    assert page.status == 200
    assert talk.agent.fetch(talk.id).texts[-1] == "a\n" * 1999 + "bc"


def test_a_message_that_comes_too_late_can_still_be_copied(server, talk):
    browser, here = browse(server, talk.client), f"/sessions/{talk.id}"
    page = browser.open(here)
    talk.agent.do("end", talk.id)
    page = browser.fill(page, f"{here}/messages", message="Encore une chose")
    assert (page.status, page.alert) == (409, "The conversation has ended.")
    assert "Encore une chose" in page.text
    assert page.form(f"{here}/rating")


def test_another_message_with_a_used_key_is_not_lost(server, talk):
    browser, here = browse(server, talk.client), f"/sessions/{talk.id}"
    page = browser.open(here)
    browser.fill(page, f"{here}/messages", message="Une")
    page = browser.fill(page, f"{here}/messages", message="Deux")
    assert page.status == 409
    page = browser.fill(page, f"{here}/messages")
    assert page.status == 200
    assert talk.agent.fetch(talk.id).texts[-2:] == ["Une", "Deux"]


@pytest.mark.parametrize(
    ("action", "values", "kept"),
    [
        ("messages", {"message": " "}, None),
        ("messages", {"message": "a\0b"}, None),
        ("messages", {"message": "x", "key": "é"}, "message"),
        ("messages", {"message": "x", "key": "k" * 65}, "message"),
        ("limit", {"spending_limit": "-1"}, "spending_limit"),
        ("limit", {"spending_limit": "douze"}, "spending_limit"),
        ("limit", {"spending_limit": "1e999999"}, "spending_limit"),
        ("limit", {"spending_limit": "NaN"}, "spending_limit"),
        ("limit", {"spending_limit": "sNaN"}, "spending_limit"),
        ("limit", {"spending_limit": "Infinity"}, "spending_limit"),
        ("limit", {"spending_limit": "0.001"}, "spending_limit"),
        ("limit", {"spending_limit": "1000000.01"}, "spending_limit"),
        ("limit", {"spending_limit": "9" * 5000}, "spending_limit"),
        ("rating", {"rating": "6"}, None),
        ("rating", {}, None),
        ("transfer", {}, None),
        ("accept", {}, None),
    ],
)
def test_what_cannot_be_done_leads_back_with_a_reason(server, talk, action, values, kept):
    browser, here = browse(server, talk.client), f"/sessions/{talk.id}"
    page = browser.post(f"{here}/{action}", values)
    assert 400 <= page.status < 500
    assert page.alert
    assert "Bonjour" in page.text
    if kept:
        assert page.form(f"{here}/{action}")[kept] == values[kept]
    assert talk.client.show(talk.id)["status"] == "active"


def test_a_long_comment_is_not_lost(server, talk):
    browser, here = browse(server, talk.client), f"/sessions/{talk.id}"
    talk.client.do("end", talk.id)
    page = browser.fill(here, f"{here}/rating", rating="2", comment="x" * 1001)
    assert page.status == 400
    assert page.form(f"{here}/rating")["comment"] == "x" * 1001
    assert page.form(f"{here}/rating")["rating"] == "2"


def test_a_request_that_is_refused_keeps_its_text(server, client, agent):
    browser = browse(server, client)
    for wrong in ({"message": "x" * 4001}, {"message": "Bonjour", "spending_limit": "beaucoup"}):
        page = browser.fill(f"/sessions/new?agent_id={agent.id}", "/sessions", **wrong)
        assert page.status == 400
        assert page.alert
        assert page.form("/sessions")["message"] == wrong["message"]
        assert page.form("/sessions")["agent_id"] == str(agent.id)
    agent.post("/api/chat/agents/me", {"available": False})
    page = browser.fill(page, "/sessions", message="Bonjour", spending_limit="")
    assert (page.status, page.alert) == (409, "This agent takes no requests at the moment.")
    assert page.form("/sessions")["message"] == "Bonjour"


def test_a_reply_that_is_refused_keeps_its_text(server, agent):
    browser = browse(server, agent)
    for wrong in (
        {"shortcut": "two words", "message": "Bonjour"},
        {"shortcut": "long", "message": "x" * 4001},
    ):
        page = browser.fill("/replies", "/replies", **wrong)
        assert page.status == 400
        assert page.alert
        assert {**page.form("/replies"), "csrf": ""} == {**wrong, "csrf": ""}


def test_older_messages_are_a_link_away(server, talk):
    for number in range(60):
        talk.agent.send(talk.id, f"message {number}")
    browser, here = browse(server, talk.client), f"/sessions/{talk.id}"
    for page in (browser.open(here), browser.post(f"{here}/messages", message="")):
        assert "message 59" in page.text
        assert "message 0 " not in page.text
        link = page.link(r".*\?before=\d+")
        older = browser.open(f"{here}{link}" if link.startswith("?") and page.path == here else link)
        assert "message 0 " in older.text
        assert "message 59" not in older.text


# What people write is text.


@pytest.mark.parametrize("nasty", NASTY.values(), ids=NASTY)
def test_whatever_is_written_is_shown_as_it_is(server, nasty):
    name = nasty.replace("\u2028", "").replace("\u2029", "")
    asking, email = sign_up(server, name, f"{next(_numbers)}<b>'\"{{{{7777*7}}}}@example.net")
    who = server.person("agent", name)
    answering, admin = browse(server, who), browse(server, server.person("admin", name))
    pages = [answering.fill("/profile", "/profile", headline=nasty, rate="1")]
    pages += [answering.fill("/replies", "/replies", shortcut=nasty, message=nasty)]
    pages += [answering.fill("/replies", "/replies", shortcut="ok", message=nasty)]
    page = asking.fill(f"/sessions/new?agent_id={who.id}", "/sessions", message=nasty)
    here, id = page.path, page.path.rpartition("/")[2]
    pages += [page, answering.open("/inbox"), answering.fill(here, f"{here}/accept")]
    pages += [browser.fill(here, f"{here}/messages", message=f"{nasty} 2") for browser in (asking, answering)]
    pages += [asking.post(f"{here}/messages", message=f"{nasty} 3", csrf=nasty)]
    pages += [asking.post(f"{here}/limit", spending_limit=nasty)]
    pages += [asking.fill(here, f"{here}/end")]
    pages += [asking.fill(here, f"{here}/rating", rating="5", comment=nasty)]
    found = f"/admin/people?{urlencode({'q': email})}"
    person = admin.open(found).link(r"/admin/people/\d+")
    pages += [admin.fill(person, f"{person}/balance", amount="5", reason=nasty, kind="top_up")]
    pages += [admin.fill(person, f"{person}/balance", amount=nasty, reason=nasty, kind="top_up")]
    page = admin.fill(person, f"{person}/reset")
    pages += [page, browse(server).open(link_in(page))]
    query = urlencode(
        {"q": nasty, "next": nasty, "code": nasty, "notice": nasty, "problem": nasty, "field": nasty}
    )
    pages += [admin.open(f"{path}?{query}") for path in ("/admin/people", "/admin/sessions")]
    pages += [browse(server).open(f"{path}?{query}") for path in ("/login", "/signup", "/", "/setup", "/x")]
    pages += [browse(server).post("/login", email=nasty, password=nasty, next=nasty)]
    pages += [browse(server).post("/signup", email=nasty, name=nasty, password="x")]
    pages += [asking.open(path) for path in (here, "/sessions", "/balance", "/profile", f"{here}/receipt")]
    pages += [asking.open(f"/agents?after={who.id - 1}")]
    pages += [answering.open(path) for path in (here, "/sessions", "/inbox", "/replies", "/earnings")]
    pages += [
        admin.open(path)
        for path in (person, f"/admin/sessions/{id}", "/admin/statistics", f"/admin/people/{who.id}")
    ]
    for page in pages:
        assert page.status < 500, page.path
        assert page.headers["Content-Type"] == "text/html; charset=utf-8"
        assert_safe(page)
        assert not [values for _, values in page.read.tags if values.get("id") == "broken"], page.path
        assert "54439" not in page.body.decode(), page.path
    shown = " ".join(nasty.split())
    for page in (asking.open(here), answering.open(here), admin.open(f"/admin/sessions/{id}")):
        assert page.text.count(shown) >= 3
    assert shown in asking.open("/balance").text
    assert (
        json.loads(asking.request("GET", f"{here}/transcript.json").body)["messages"][0]["message"] == nasty
    )
    live = json.loads(asking.open(here).read.blocks[-1])
    assert live["user"]["role"] == "client"


def test_a_control_character_is_no_part_of_a_name(server, admin, agent):
    for wrong in ("a\0b", "a\x1bb", "a\nb", "\x7f"):
        page = admin.post("/admin/people", role="client", name=wrong, email=new_email())
        assert page.status == 400
        assert browse(server, agent).post("/profile", name=wrong).status == 400


# Junk.

JUNK_IDS = (
    "0",
    "-1",
    "99999999999999999999",
    "abc",
    "1.5",
    "%00",
    "%F0%9F%8D%B0",
    "²",
    "1%2F2",
    "+1",
    "0x1",
    " 1",
)


@pytest.mark.parametrize("junk", JUNK_IDS)
def test_an_id_that_is_none_is_a_page_with_a_4xx(people, junk):
    junk = quote(junk, safe="%")
    for role, path in [
        ("client", "/sessions/{}"),
        ("agent", "/sessions/{}"),
        ("client", "/sessions/{}/receipt"),
        ("client", "/sessions/{}/transcript.txt"),
        ("client", "/sessions/new?agent_id={}"),
        ("admin", "/admin/people/{}"),
        ("admin", "/admin/sessions/{}"),
        (None, "/links/{}"),
        (None, "/{}"),
    ]:
        page = people[role].open(path.format(junk))
        if (path, junk) != ("/sessions/new?agent_id={}", "0"):
            assert page.status in (400, 404, 405), path
        assert page.headers["Content-Type"].startswith("text/html")
    for role, path in [
        ("client", "/sessions/{}/messages"),
        ("client", "/sessions/{}/end"),
        ("agent", "/sessions/{}/accept"),
        ("agent", "/replies/{}/delete"),
        ("admin", "/admin/people/{}"),
        ("admin", "/admin/people/{}/disable"),
        ("admin", "/admin/people/{}/reset"),
        ("admin", "/admin/people/{}/balance"),
    ]:
        page = people[role].post(path.format(junk), {**FILLED, "email": new_email()})
        assert page.status in (400, 404, 405), path
        assert page.headers["Content-Type"].startswith("text/html")


@pytest.mark.parametrize(
    ("role", "path"),
    [
        *[("client", f"/sessions/{{id}}?before={junk}") for junk in ("x", "-1", "", "9" * 30, "1&before=2")],
        *[("client", f"/sessions?before={junk}") for junk in ("x", "-1", "", "1&before=2")],
        *[("client", f"/balance?before={junk}") for junk in ("x", "-1")],
        *[("client", f"/agents?after={junk}") for junk in ("x", "-1")],
        *[("agent", f"/earnings?days={junk}") for junk in ("0", "367", "x", "-7", "7&days=8")],
        *[("agent", f"/sessions/{{id}}?before={junk}") for junk in ("x", "-1")],
        *[("admin", f"/admin/statistics?days={junk}") for junk in ("0", "367", "x", "1e3")],
        *[
            ("admin", f"/admin/people?{junk}")
            for junk in ("role=root", "before=x", f"q={'x' * 201}", "q=a&q=b")
        ],
        *[("admin", f"/admin/sessions?{junk}") for junk in ("status=lost", "before=x", f"q={'x' * 201}")],
    ],
)
def test_a_query_that_cannot_be_meant_is_a_page_with_400(people, ids, role, path):
    page = people[role].open(path.format(**ids))
    assert page.status == 400
    assert page.alert


@pytest.mark.parametrize(
    "query", ["notice=<script>", "notice=saved&notice=x", "problem=x", "field=<b>", "%FF=%FF"]
)
def test_a_query_that_nobody_knows_is_left_alone(people, query):
    for browser in people.values():
        page = browser.open(f"/login?{query}")
        assert page.status == 200
        assert_safe(page)


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "POST"])
def test_another_method_is_405(people, method):
    for path in ("/agents", "/admin/settings", "/earnings"):
        page = people["client"].request(method, path, "")
        assert (page.status, page.headers["Content-Type"]) == (405, "text/html; charset=utf-8")
        assert "GET" in page.headers["Allow"]


@pytest.mark.parametrize("role", ["client", "agent", "admin", None])
def test_a_form_that_is_none_is_a_page_with_a_4xx(people, ids, role):
    browser = people[role]
    paths = ["/login", "/signup", "/language", "/setup", "/links/x", *FORMS.get(role, [])]
    if role:
        csrf, csrf_query = browser.csrf, f"csrf={browser.csrf}"
    else:
        csrf, csrf_query = "", ""
    form, multipart = "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"
    part = f'--x\r\nContent-Disposition: form-data; name="csrf"\r\n\r\n{csrf}\r\n'
    bodies = [
        ("", form),
        (csrf_query, form),
        (f"{csrf_query}&{'a=' + 'x' * 70_000}", form),
        (f"{csrf_query}&" + "&".join(f"f{number}=" for number in range(5000)), form),
        (f"{csrf_query}&name=%FF&role=%FF&kind=%FF&email=%FF&rate=%FF&available=%FF", form),
        (f"{csrf_query}&role=root&role=client&kind=x&available=2&language=xx", form),
        (json.dumps({"csrf": csrf, **FILLED}), "application/json"),
        (csrf_query, "text/plain"),
        (csrf_query, ""),
        (part, multipart),
        (f"{part}--x--", multipart),
        (f"{part}{part * 1200}--x--", multipart),
        (
            f'{part}--x\r\nContent-Disposition: form-data; name="name"; filename="a"\r\n\r\nx\r\n--x--',
            multipart,
        ),
        (part, "multipart/form-data"),
    ]
    for path in paths:
        if path.endswith(("/end", "/pause", "/disable", "/reset")):
            continue  # They need no field.
        for body, kind in bodies:
            page = browser.request("POST", path.format(**ids), body, Content_Type=kind)
            # A request without anything is one to any agent.
            least = 200 if path == "/sessions" else 400
            assert least <= page.status < 500, (path, kind, body[:200])
            assert page.headers["Content-Type"] == "text/html; charset=utf-8"


def test_a_form_that_is_too_large_is_told_so(people, ids):
    for role, browser in people.items():
        page = browser.post("/profile" if role else "/login", name="x" * 70_000)
        assert (page.status, page.alert) == (413, "That is too long.")


@pytest.mark.parametrize(
    "path", ["/sessions/{id}/explode", "/sessions/{id}/__class__", "/admin/people/{client}/delete"]
)
def test_an_unknown_action_is_404(people, ids, path):
    browser = people["admin" if path.startswith("/admin") else "client"]
    assert browser.post(path.format(**ids)).status == 404
    assert browser.open(path.format(**ids)).status in (404, 405)


@pytest.mark.parametrize("cookie", ["\xff\xfe", "", "x" * 3000, '"quoted\\', "a=b; session=c", "é"])
def test_a_cookie_that_is_none_is_nobody(server, cookie):
    answer = server.client().get("/login", Cookie=f"session={cookie}; language={cookie}")
    assert answer.status == 200
    assert server.client().get("/profile", Cookie=f"session={cookie}").status == 303


# What an administrator does.


def test_an_administrator_adds_people_of_each_role(server, admin):
    for role, start in (("client", "/agents"), ("agent", "/inbox"), ("admin", "/admin/statistics")):
        email = new_email()
        page = admin.fill(
            "/admin/people", "/admin/people", role=role, name="Née Ici", email=email, rate="3,20"
        )
        assert page.status == 201
        assert log_in(server, email, "")[1].status == 401
        link, browser = link_in(page), browse(server)
        assert "Née Ici" in browser.open(link).text
        assert (
            browser.post(link, password=PASSWORD, name="Other", email="other@example.org").location == start
        )
        assert log_in(server, email)[1].location == start
    again = admin.fill("/admin/people", "/admin/people", role="agent", name="Twin", email=email)
    assert again.status == 409
    assert "belongs to an account already" in again.text
    assert again.form("/admin/people")["email"] == email


@pytest.mark.parametrize(
    "wrong",
    [{"name": ""}, {"email": "x"}, {"role": "root"}, {"rate": "-1"}, {"rate": "1e999999"}, {"rate": "x"}],
)
def test_somebody_who_cannot_be_added_is_told_why(server, admin, wrong):
    page = admin.post("/admin/people", {"role": "agent", "name": "New", "email": new_email(), **wrong})
    assert page.status == 400
    assert page.alert


def test_people_are_found_filtered_and_paged(server, admin):
    mark = f"Page{next(_numbers)}x"
    people = [
        server.person("agent" if number % 5 == 0 else "client", f"{mark} {number}") for number in range(65)
    ]
    seen, path = [], f"/admin/people?q={mark.lower()}"
    for _ in range(2):
        page = admin.open(path)
        rows = [values["href"] for tag, values in page.read.tags if tag == "a"]
        seen += [int(href.rpartition("/")[2]) for href in rows if re.fullmatch(r"/admin/people/\d+", href)]
        more = [href for href in rows if "before=" in href]
        path = f"/admin/people{more[0]}" if more else None
        if path is None:
            break
    assert (seen, path) == ([who.id for who in reversed(people)], None)
    page = admin.open(f"/admin/people?q={mark}&role=agent")
    assert page.body.decode().count(f"<bdi>{mark} ") == 13
    assert "Nobody matches." in admin.open(f"/admin/people?q={mark}%25&role=admin").text


def test_an_administrator_changes_an_agent(server, admin, agent):
    page = f"/admin/people/{agent.id}"
    shown = admin.fill(page, page, name="Dr Laurent", headline="Droit du travail", rate="4,05")
    assert "Saved." in shown.text
    card = browse(server, server.person("client")).open(f"/agents?after={agent.id - 1}").text
    assert "Dr Laurent" in card
    assert "Droit du travail" in card
    assert "€4.05" in card
    for wrong in ({"rate": "1000000.01"}, {"rate": "four"}, {"name": "x" * 101}, {"headline": "x" * 201}):
        refused = admin.fill(page, page, **wrong)
        assert refused.status == 400
        assert refused.form(page) == {
            **admin.open(page).form(page),
            **wrong,
            "csrf": refused.form(page)["csrf"],
        }
    assert admin.open(page).form(page)["rate"] == "4.05"
    assert admin.post(f"/admin/people/{NOWHERE}", name="X").status == 404


def test_balances_are_topped_up_and_paid_back(server, admin, client):
    page = f"/admin/people/{client.id}"

    def change(kind, amount, reason="Virement"):
        return admin.post(f"{page}/balance", kind=kind, amount=amount, reason=reason)

    assert change("top_up", "20,50").status == 303
    assert change("refund", "0.5").status == 303
    assert "€20.00" in admin.open(page).text
    balance = browse(server, client).open("/balance").text
    assert "€20.00" in balance
    assert "Virement" in balance
    for kind, amount, reason, status in [
        ("refund", "20.01", "Trop", 409),
        ("top_up", "0", "Rien", 400),
        ("top_up", "-5", "Moins", 400),
        ("top_up", "1.005", "Trois", 400),
        ("top_up", "1e999999", "Beaucoup", 400),
        ("top_up", "1000001", "Beaucoup", 400),
        ("top_up", "", "Vide", 400),
        ("top_up", "5", "", 400),
        ("top_up", "5", "x" * 501, 400),
        ("gift", "5", "Cadeau", 400),
    ]:
        refused = change(kind, amount, reason)
        assert refused.status == status, (kind, amount, reason)
        assert refused.alert
        assert (refused.form(f"{page}/balance")["amount"], refused.form(f"{page}/balance")["reason"]) == (
            amount,
            reason,
        )
    assert "€20.00" in admin.open(page).text
    agent = server.person("agent")
    assert (
        admin.post(f"/admin/people/{agent.id}/balance", kind="top_up", amount="5", reason="x").status == 400
    )


def test_conversations_are_found_by_who_what_and_how(server, admin, client, agent):
    word = f"zebre{next(_numbers)}x{client.id}"
    asked = client.ask(agent_id=agent.id, message=f"Un {word} rayé")["id"]
    email = server.database.read(lambda db: db["users"].get(client.id)["email"])

    def found(**query):
        page = admin.open(f"/admin/sessions?{urlencode(query)}")
        assert page.status == 200
        return {int(each) for each in re.findall(r'href="/admin/sessions/(\d+)"', page.body.decode())}

    assert found(q=word.upper()) == found(q=word, status="waiting") == found(q=f"  {word} ") == {asked}
    assert found(q=word, status="ended") == found(q=f"{word}%") == set()
    assert asked in found(q=email)
    assert asked in found(q="camille")
    assert asked in found(q="dr anaïs laurent")
    client.do("cancel", asked)
    assert found(q=word, status="ended") == {asked}
    page = admin.open(f"/admin/sessions/{asked}")
    assert word in page.text
    assert word in admin.request("GET", f"/sessions/{asked}/transcript.txt").body.decode()


def test_the_settings_in_force_are_shown_and_no_secret(server, admin):
    text = admin.open("/admin/settings").text
    for setting in fields(Settings):
        assert variable(setting.name) in text
    assert str(server.path) in text
    code, hashes = server.database.read(
        lambda db: (
            db.conn.execute("SELECT setup_code FROM server").fetchone()[0],
            [row[0] for row in db.conn.execute("SELECT password_hash FROM users")],
        )
    )
    assert code not in text
    for page in ("/admin/settings", "/admin/people", f"/admin/people/{len(hashes)}"):
        body = admin.open(page).body.decode()
        assert "argon2" not in body
        assert admin.token not in body


def test_a_page_without_a_database_is_503_and_loses_nothing(start):
    server = start(workers=2)
    talk = server.conversation()
    browser, here = browse(server, talk.client), f"/sessions/{talk.id}"
    page = browser.open(here)
    server.wait_until(lambda workers: len(workers) == 2)
    away = server.path.rename(server.path.with_name("away.db"))
    for path in (here, "/agents", "/profile", "/", "/admin/people", "/links/x", "/setup"):
        broken = browser.open(path)
        assert (broken.status, broken.headers["Content-Type"]) == (503, "text/html; charset=utf-8"), path
        assert broken.alert == "The database cannot be used right now; nothing was changed."
        assert broken.headers["Retry-After"]
        assert_headers(broken)
    refused = browser.post(
        f"{here}/messages", {**page.form(f"{here}/messages"), "message": "Pendant la panne"}
    )
    assert refused.status == 503
    assert "Pendant la panne" in refused.text
    assert browse(server).open("/login").status == 200
    assert browse(server).post("/login", email="a@example.org", password=PASSWORD).status == 503
    away.rename(server.path)
    assert browser.fill(here, f"{here}/messages", message="Après").status == 200
    assert "Traceback" not in server.log.replace("Write failed", "")
