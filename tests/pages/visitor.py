"""People without JavaScript."""

import itertools
import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urlencode, urlsplit

from chat import store
from tests.server import PASSWORD

numbers = itertools.count(1)


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


class Visitor:
    """Somebody without JavaScript: cookies, forms, and redirects that are followed.

    `person` is who is signed in at the start, as they speak to the API.
    """

    def __init__(self, server, person=None):
        self.person = person
        self.cookies = {"session": person.token} if person else {}
        self._connection = server.client()
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
        answer = self._connection.request(method, path, body, **headers)
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


def new_email():
    """Nobody's yet."""
    return f"visitor{next(numbers)}@example.net"


def sign_up(server, name="Visitor", email=None):
    """Somebody who has come by themselves: (the visitor, their email)."""
    visitor, email = Visitor(server), email or new_email()
    page = visitor.fill("/signup", "/signup", name=name, email=email, password=PASSWORD)
    assert (page.status, page.path) == (200, "/agents")
    return visitor, email


def log_in(server, email, password=PASSWORD, **more):
    """A visitor after the sign-in form, and what was answered to it."""
    visitor = Visitor(server)
    return visitor, visitor.post("/login", email=email, password=password, **more)


def link_in(page):
    """The path of the link that an administrator is to hand on."""
    assert page.status in (200, 201)
    return urlsplit(re.search(r"http://\S+/links/[\w-]+", page.text)[0]).path


def invitation(server):
    """The secret of a link to sign up by."""
    admin = Visitor(server, server.person("admin"))
    return link_in(admin.post("/admin/invitations", role="client")).rpartition("/")[2]


def page_of(admin, email):
    """The path of the page on which an administrator finds somebody."""
    return admin.open(f"/admin/people?{urlencode({'q': email})}").link(r"/admin/people/\d+")


def email_of(server, person):
    """What somebody signs in with."""
    return server.database.read(lambda db: store.users.by_id(db, person.id)["email"])
