"""The two languages: catalogues that are complete, pages with nothing of the other language, and formats."""

import json
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from datetime import date
from html.parser import HTMLParser
from io import BytesIO
from urllib.parse import urlencode, urljoin, urlsplit

import pytest
from babel import Locale
from babel.messages.mofile import read_mo, write_mo
from babel.messages.pofile import read_po
from flask_babel import ngettext

from app import create_app
from chat import accounts, hours, store
from chat.settings import Settings
from chat.web import language, words
from tests.server import PATIENCE_SECONDS, ROOT

TRANSLATIONS = ROOT / "translations"
FRENCH = TRANSLATIONS / "fr" / "LC_MESSAGES"
PLACEHOLDER = re.compile(r"%\((\w+)\)([sd])")
TIMED = re.compile(r"%\((time|day|date)\)s$")

# Pages of one kind that differ only by what their query says.
QUERY_VARIANTS = 2
# Said the same in every language.
NAMES = {"Tête-à-tête", "JSON", "CSV", *hours.time_zones()}
UNITS = {"h", "min", "s", "AM", "PM"}
SEPARATOR = re.compile(r" · |: | \N{MULTIPLICATION SIGN} |, |\. ")
EDGES = " .,·:/#★✓"
VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
SILENT = {"bdi", "code", "kbd", "script", "style", "textarea"}
SPOKEN = ("placeholder", "aria-label", "title", "alt", "data-confirm")


def read(name, reader=read_po):
    with open(name, "rb") as file:
        return reader(file)


def texts(catalogue):
    """(context, id) → the translations, without the header."""
    return {
        (each.context, tuple(each.id) if isinstance(each.id, list) else each.id): forms(each.string)
        for each in catalogue
        if each.id
    }


def forms(text):
    """One, or singular and plural."""
    return (text,) if isinstance(text, str) else tuple(text)


def placeholders(text):
    return Counter(PLACEHOLDER.findall(text))


@pytest.fixture(scope="module")
def french():
    """The .po file."""
    return read(FRENCH / "messages.po")


def test_the_catalogue_has_the_texts_of_the_pages(tmp_path, french):
    pybabel = [sys.executable, "-m", "babel.messages.frontend", "-q"]
    output = tmp_path / "messages.pot"
    command = [
        *pybabel,
        "extract",
        "-F",
        "babel.cfg",
        "-k",
        "_setting:3",
        "--omit-header",
        "-o",
        str(output),
        ".",
    ]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=PATIENCE_SECONDS)
    extracted = texts(read(output)).keys()
    assert len(extracted) > 300
    assert extracted == texts(read(TRANSLATIONS / "messages.pot")).keys(), "Run `make translations`."
    assert extracted == texts(french).keys(), "Run `make translations`."


def test_every_text_is_translated(french):
    assert [each.id for each in french if each.id and each.fuzzy] == []
    assert [key for key, strings in texts(french).items() if not all(strings)] == []
    assert french.num_plurals == 2
    assert all(len(strings) == len(forms(key[1])) for key, strings in texts(french).items())


def test_translations_have_the_same_placeholders(french):
    wrong = [
        (text, string)
        for (_, text), strings in texts(french).items()
        for string in strings
        if placeholders(string) not in map(placeholders, forms(text))
    ]
    assert wrong == []


def test_french_is_set_as_it_should_be(french):
    """No-break spaces, and typographic quotes and apostrophes."""
    wrong = re.compile(r"""['"]|[^\xa0][:;!?»](?=\W|$)|«[^\xa0]""")
    strings = [string for strings in texts(french).values() for string in strings]
    assert [string for string in strings if wrong.search(string)] == []


def test_what_is_compiled_is_what_is_translated(french):
    compiled = BytesIO()
    write_mo(compiled, french)
    compiled.seek(0)
    fresh, committed = read_mo(compiled), read(FRENCH / "messages.mo", read_mo)
    assert texts(committed) == texts(fresh), "Run `make translations`."
    assert (committed.num_plurals, committed.plural_expr) == (2, "(n > 1)")
    assert committed.charset == "utf-8"


class Page(HTMLParser):
    """What a page says in its own words, and where its links lead.

    What is in another language, and what somebody wrote, is left out.
    """

    def __init__(self, html: str) -> None:
        super().__init__()
        self.html = html
        self.language = ""
        self.says: list[str] = []
        self.links: list[str] = []
        self.scripts: dict[str, str] = {}
        self.fields: dict[str, str] = {}
        # The open elements: their tag, whether what is in them is left out, and the id of a script.
        self._open: list[tuple[str, bool, str]] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        given = {name: value or "" for name, value in attrs}
        if tag == "html":
            self.language = given.pop("lang", "")
        if tag == "a" and "href" in given and not any(each[0] == "template" for each in self._open):
            self.links.append(given["href"])
        if tag == "input":
            self.fields[given.get("name", "")] = given.get("value", "")
        is_silent = bool(
            (self._open and self._open[-1][1])
            or tag in SILENT
            or "lang" in given
            or given.get("dir") == "auto"
            or {"text", "avatar"} & set(given.get("class", "").split())
        )
        # An element may be the place of what somebody writes and yet have a label of ours.
        if "lang" not in given:
            self.says += [given[name] for name in SPOKEN if given.get(name)]
            if tag == "input" and given.get("type") in ("submit", "button", "reset"):
                self.says.append(given.get("value", ""))
        if tag not in VOID:
            self._open.append((tag, is_silent, given.get("id", "") if tag == "script" else ""))

    def handle_endtag(self, tag):
        while self._open and self._open.pop()[0] != tag:
            pass

    def handle_data(self, data):
        _, is_silent, script = self._open[-1] if self._open else ("", False, "")
        text = re.sub(r"[ \t\r\n]+", " ", data).strip(" ")
        if script:
            self.scripts[script] = data
        elif text and not is_silent:
            self.says.append(text)


class Vocabulary:
    """What pages may say in a language, beside what people wrote."""

    def __init__(self, catalogue, code: str, written: set[str]) -> None:
        pairs = [
            (text, string)
            for (_, key), strings in texts(catalogue).items()
            for text, string in zip(forms(key), strings, strict=True)
        ]
        own, other = ({pair[code == which] for pair in pairs} for which in ("fr", "en"))
        self.foreign = other - own
        self.written = written | NAMES
        patterns = (self._pattern(text) for text in own if PLACEHOLDER.search(text))
        # A <time> stands in the text, which a page says in two parts then.
        around = (PLACEHOLDER.split(text) for text in own if TIMED.search(text))
        self.plain = own | {part.strip(EDGES) for parts in around for part in parts[::3]}
        self.patterns = re.compile("|".join(patterns))
        locale = Locale.parse(code)
        calendar = {
            word
            for names in (locale.months, locale.days)
            for width in ("wide", "abbreviated")
            for word in names["format"][width].values()
        }
        self.calendar = {word.strip(".") for word in calendar} | UNITS
        self.plain |= {*locale.languages.values(), *locale.territories.values()}

    def _pattern(self, text: str) -> str:
        literals = PLACEHOLDER.split(text)
        # A value goes on to the end of a sentence at most; 23 nov. 2026 is none.
        kinds = {"s": r"(?:(?!\. \D).)+", "d": r"[\d\s.,]+"}
        return "".join(
            re.escape(part) if place % 3 == 0 else kinds[part] if place % 3 == 2 else ""
            for place, part in enumerate(literals)
        )

    def strange(self, text: str) -> list[str]:
        """What of it is in neither the catalogue, nor a number or a date, nor somebody's own words."""
        text = text.strip(EDGES)
        if self._knows(text):
            return []
        ends = [(found.start(), found.end()) for found in SEPARATOR.finditer(text)]
        for end, start in ends:
            if self._knows(text[:end].strip(EDGES)):
                return self.strange(text[start:])
        if not ends:
            return [text]
        end, start = ends[0]
        return [text[:end], *self.strange(text[start:])]

    def _knows(self, text: str) -> bool:
        # A minute of a balance has its number after it.
        said = [text, f"{text}.", f"{text}:", f"{text}\xa0:", re.sub(r" \d+$", "", text)]
        if any(each in self.plain or each in self.written for each in said):
            return True
        if any(self.patterns.fullmatch(each) for each in said):
            return True
        if set(re.findall(r"[^\W\d_]+", text)) <= self.calendar:
            return True
        # A chart cuts long names.
        return text.endswith("…") and any(each.startswith(text[:-1]) for each in self.written)


class Site:
    """A server whose database has something on every page, and people who look at all of them."""

    def __init__(self, server, run, code: str) -> None:
        self.server, self.code = server, code
        self.pages: dict[str, Page] = {}
        self.look("nobody", "/setup")
        run(server, "demo")
        self.tokens = server.database.write(self._prepare)

    def _prepare(self, db) -> dict[str, str]:
        """Pages are in the language of the browser; some people are in states that the demo lacks.

        Returns tokens, by who somebody is.
        """
        now, people, add = store.server.now(db), {}, store.users.insert
        for email in ("client1@demo.example", "agent1@demo.example", "admin@demo.example"):
            person = store.users.by_email(db, email)
            store.users.update(db, person["id"], language=None)
            people[email.partition("@")[0]] = person["id"]
        for role in ("client", "agent"):
            email = f"{role}@example.org"
            people[f"new-{role}"] = add(db, role, "Robin Vale", email, accounts.NO_PASSWORD, 0, now)
        gone = add(db, "client", "Ellis Grey", "gone@example.org", accounts.NO_PASSWORD, 0, now)
        store.users.update(db, gone, disabled_at=now)
        return {who: accounts.insert_token(db, user_id, 1) for who, user_id in people.items()}

    def request(self, who: str, method: str, path: str, body=None, **headers):
        if who != "nobody":
            headers["Cookie"] = f"session={self.tokens[who]}"
        return self.server.client().request(method, path, body, Accept_Language=self.code, **headers)

    def look(self, who: str, path: str, status: int = 200, posted: dict | None = None) -> Page:
        """The page, which is remembered."""
        if posted is None:
            answer = self.request(who, "GET", path)
        else:
            form = {"Content_Type": "application/x-www-form-urlencoded"}
            answer = self.request(who, "POST", path, urlencode(posted), **form)
        assert answer.status == status, (who, path, answer.status)
        page = self.pages[f"{who} {path}"] = Page(answer.body.decode())
        return page

    def crawl(self, who: str, *paths: str) -> None:
        """Every page that these lead to, and where they begin."""
        start = self.request(who, "GET", "/").headers["Location"] or "/"
        waiting, seen, kinds = [start, *paths], {"/", start, *paths}, Counter()
        while waiting:
            path = waiting.pop()
            for link in self.look(who, path).links:
                target = urlsplit(urljoin(urljoin(self.server.url, path), link))
                found = f"{target.path}?{target.query}" if target.query else target.path
                is_ours = f"{target.scheme}://{target.netloc}" == self.server.url
                is_file = any(part in found for part in ("/api/", "/transcript.", "/file.", "/data.", ".csv"))
                if not is_ours or found in seen or is_file:
                    continue
                seen.add(found)
                kind = re.sub(r"\d+", "0", found.partition("=")[0])
                kinds[kind] += 1
                if not target.query or kinds[kind] <= QUERY_VARIANTS:
                    waiting.append(found)

    def written(self) -> set[str]:
        """What people chose, and the values of settings."""

        def fetch(db):
            names = db.conn.execute("SELECT name, email, language FROM users").fetchall()
            return names, db.conn.execute("SELECT shortcut FROM replies").fetchall()

        people, shortcuts = self.server.database.read(fetch)
        values = {str(field.default) for field in fields(Settings)} | set(self.server.environment.values())
        values |= {*hours.time_zones(), *hours.parts("FR").values()}
        return {value for row in (*people, *shortcuts) for value in dict(row).values()} | values


def leaves(content) -> Iterator[str]:
    if isinstance(content, dict):
        for each in content.values():
            yield from leaves(each)
    else:
        yield content


@pytest.mark.parametrize("code", ["fr", "en"])
def test_pages_are_in_one_language(start, run, french, code):
    site = Site(start(prepaid=1, free_seconds=60, sessions_per_agent=3), run, code)
    notices = [f"/login?notice={name}" for name in words.NOTICES]
    site.crawl("nobody", *notices)
    for who in site.tokens:
        site.crawl(who)
        site.look(who, "/not-there", 404)
        site.look(who, "/profile")
    csrf = {"csrf": site.pages["admin /profile"].fields["csrf"]}
    site.look("admin", "/admin/people", 400, csrf)
    for role in ("client", "agent"):
        invitation = site.look("admin", "/admin/invitations", 201, {**csrf, "role": role})
        site.look("nobody", re.search(r"/links/[\w-]+", invitation.html)[0])
    for path in ("/admin/people?q=nobody-has-this", "/admin/sessions?q=nobody-said-this"):
        site.look("admin", path)
    session = site.server.client(site.tokens["new-client"]).ask()
    site.look("new-client", f"/sessions/{session['id']}")

    assert len(site.pages) > 200
    vocabulary = Vocabulary(french, code, site.written())
    wrong = Counter()
    for name, page in site.pages.items():
        assert page.language == code, name
        said = [*page.says, *leaves(json.loads(page.scripts.get("live", "{}")).get("words", {}))]
        for text in said:
            if text in vocabulary.foreign:
                wrong[text, "is not of this language", name.split("/")[0]] += 1
            for part in vocabulary.strange(text):
                wrong[part, "is in no catalogue", re.sub(r"\d+", "0", name)] += 1
    assert sorted(wrong) == []


@contextmanager
def app_in(folder, **settings):
    app = create_app(Settings(database_url=f"sqlite:///{folder / 'chat.db'}", **settings))
    app.extensions["chat"].prepare()
    try:
        yield app
    finally:
        app.extensions["chat"].close()


FORMATS = {
    "en": {
        "money": ["€12.50", "€1,234,567.89", "-€2.50", "€0.00"],
        "day": "Monday, November 23",
        "date": "Nov 23, 2026",
        "short_day": "Nov 3",
        "clock": "9:15\u202fAM",
        "moment": "Nov 23, 2026, 9:15\u202fAM",
        "minutes": ["0 minutes", "1 minute", "2 minutes"],
        "days": ["0 days", "1 day", "2 days"],
    },
    "fr": {
        "money": ["12,50\xa0€", "1\u202f234\u202f567,89\xa0€", "-2,50\xa0€", "0,00\xa0€"],
        "day": "lundi 23 novembre",
        "date": "23 nov. 2026",
        "short_day": "3 nov.",
        "clock": "09:15",
        "moment": "23 nov. 2026, 09:15",
        "minutes": ["0 minute", "1 minute", "2 minutes"],
        "days": ["0 jour", "1 jour", "2 jours"],
    },
}


@pytest.mark.parametrize("code", FORMATS)
def test_formats_are_those_of_the_language(tmp_path, code):
    at = "2026-11-23 09:15:02"
    with app_in(tmp_path) as app, app.test_request_context("/", headers={"Accept-Language": code}):
        assert FORMATS[code] == {
            "money": [language.money(cents, "EUR") for cents in (1250, 123_456_789, -250, 0)],
            "day": language.day(at),
            "date": language.full_date(at),
            "short_day": language.short_day(date(2026, 11, 3)),
            "clock": language.clock(at),
            "moment": language.moment(at),
            "minutes": [ngettext("%(num)d minute", "%(num)d minutes", count) for count in (0, 1, 2)],
            "days": [ngettext("%(num)d day", "%(num)d days", count) for count in (0, 1, 2)],
        }


def test_times_are_those_of_the_zone(tmp_path):
    with app_in(tmp_path, time_zone="Europe/Paris", language="fr") as app, app.test_request_context("/"):
        assert language.moment("2026-11-23 23:30:00") == "24 nov. 2026, 00:30"
        assert language.day(1_795_476_600_000) == "mardi 24 novembre"


@pytest.mark.parametrize(
    ("profile", "cookie", "browser", "setting", "taken"),
    [
        ("fr", "en", "en", "en", "fr"),
        ("en", "fr", "fr", "fr", "en"),
        (None, "fr", "en", "en", "fr"),
        (None, "en", "fr", "fr", "en"),
        (None, "de", "fr", "en", "fr"),
        (None, None, "fr", "en", "fr"),
        (None, None, "en", "fr", "en"),
        (None, None, "de, fr-CA;q=0.8", "en", "fr"),
        (None, None, "de", "fr", "fr"),
        (None, None, None, "fr", "fr"),
        (None, None, None, "en", "en"),
    ],
)
def test_the_language_is_by_profile_then_cookie_then_browser_then_setting(
    tmp_path, profile, cookie, browser, setting, taken
):
    with app_in(tmp_path, language=setting) as app:
        runtime, email = app.extensions["chat"], "camille@example.org"
        runtime.prepare()
        user_id = accounts.create_user(runtime, "client", "Camille", email, "correct horse")
        runtime.database.write(lambda db: store.users.update(db, user_id, language=profile))
        token = accounts.issue_token(runtime, user_id)
        cookies = {"session": token, **({"language": cookie} if cookie else {})}
        headers = {"Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items())}
        if browser:
            headers["Accept-Language"] = browser
        html = app.test_client(use_cookies=False).get("/profile", headers=headers).text
        assert Page(html).language == taken
