"""What people write: nothing unseen passes for a text, and nobody writes as another."""

import itertools
import subprocess
from unicodedata import category, normalize

import pytest
from argon2 import PasswordHasher

from chat import store, texts
from chat.accounts import insert_user
from chat.database.migrations import m004_texts
from chat.errors import InvalidParameter
from tests.pages.visitor import Visitor
from tests.server import COMMAND, PATIENCE_SECONDS, ROOT

UNSEEN = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u180b\u180e\u2000\u200b\u200c\u200d\u200e\u2028\u202e\u2060\u2062\u2065"
    "\u2069\u2800\u3000\u3164\ufe0f\ufeff\uffa0\ufff0\U0001d159\U0001d173\U000e0001\U000e0061\U000e01ef\x1b"
)
# Sequences that joiners and selectors are part of; a sign before numbers; an emoji of after this Unicode.
SEEN = ("👩🏽‍⚕️", "🏴󠁧󠁢󠁳󠁣󠁴󠁿", "क्‍ष", "می‌خواهم", "❤️", "\u0600", "\U0001fae9", "\u0301", "-")
_numbers = itertools.count(1)


@pytest.mark.parametrize("text", [*UNSEEN, UNSEEN], ids=ascii)
def test_what_shows_nothing_is_no_message_and_no_name(text):
    for read in (lambda: texts.checked(text, "message", 4000), lambda: texts.name(text)):
        with pytest.raises(InvalidParameter):
            read()
    assert texts.checked(text, "headline", 200, shortest=0) == ""


@pytest.mark.parametrize("text", SEEN, ids=ascii)
def test_what_shows_something_is_kept_to_the_letter(text):
    assert texts.checked(text, "message", 4000) == text
    assert texts.name(text) == text


def test_a_message_of_nothing_starts_no_clock(site):
    client, agent = site.person("client"), site.person("agent")
    session = client.ask(agent_id=agent.id)
    assert client.post("/api/chat/sessions", {"agent_id": agent.id, "message": "\u3164"}).status == 400
    agent.do("accept", session["id"])
    for text in UNSEEN:
        answer = agent.send(session["id"], text)
        assert (answer.status, answer.json["field"]) == (400, "message")
    assert not agent.show(session["id"])["is_clock_running"]
    assert agent.send(session["id"], "👩🏽‍⚕️").status == 201
    assert agent.show(session["id"])["is_clock_running"]


def sign_up(site, name, email, password="correct horse"):
    """Whoever the form makes of it: (the page, the visitor)."""
    visitor = Visitor(site)
    return visitor.fill("/signup", "/signup", name=name, email=email, password=password), visitor


def fresh():
    """An email of its own."""
    return f"unique{next(_numbers)}"


def test_a_name_is_what_is_seen_of_it(site):
    assert sign_up(site, "\u3164", f"{fresh()}@blank.example")[0].status == 400
    email = f"{fresh()}@name.example"
    assert sign_up(site, "\u202eAna\u200bi\u0308s\u2066 👩🏽‍⚕️ ", email)[0].path == "/agents"
    row = site.database.read(lambda db: store.users.by_email(db, email))
    assert row["name"] == "Ana\u00efs 👩🏽‍⚕️"


@pytest.mark.parametrize(
    "email", ["a@b", "@b.example", "a@.example", "a@b.", "a@b..example", "a b@c.example", "a"]
)
def test_what_no_mail_can_reach_is_no_email(site, email):
    page, _ = sign_up(site, "Zoé", email)
    assert (page.status, page.path) == (400, "/signup")


def test_two_spellings_of_an_email_are_one(site):
    local = fresh()
    email = f"{local}\u00e9@Mail.example"
    assert sign_up(site, "Zoé", email)[0].path == "/agents"
    again, _ = sign_up(site, "Other", normalize("NFD", email))
    assert again.status == 409
    guess = {"email": normalize("NFD", email.upper()), "password": "correct horse"}
    assert site.client().post("/api/auth/login", guess).status == 200
    assert sign_up(site, "Unseen", f"{local}\u3164@mail.example")[0].status == 400


@pytest.mark.parametrize(("chosen", "typed"), [("NFC", "NFD"), ("NFD", "NFC"), ("mixed", "NFC")])
def test_a_password_signs_in_from_any_keyboard(site, chosen, typed):
    email, password = f"{fresh()}{chosen}@mail.example", "mot de passé été"
    spelt = {form: normalize(form, password) for form in ("NFC", "NFD")} | {
        "mixed": "mot de passé e\u0301te\u0301"
    }
    assert sign_up(site, "Zoé", email, spelt[chosen])[0].path == "/agents"
    for form in (typed, chosen):
        guess = {"email": email, "password": spelt[form]}
        assert site.client().post("/api/auth/login", guess).status == 200


@pytest.mark.parametrize("stored", ["NFC", "NFD"])
def test_a_password_from_before_signs_in_still(site, stored):
    """Hashed as it was typed."""
    email, password = f"{fresh()}{stored}@old.example".lower(), "mot de passé été"
    old = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1).hash(normalize(stored, password))
    site.database.write(lambda db: insert_user(db, "client", "Zoé", email, old))
    for typed in ("NFC", "NFD"):
        guess = {"email": email, "password": normalize(typed, password)}
        assert site.client().post("/api/auth/login", guess).status == 200
    assert site.client().post("/api/auth/login", {"email": email, "password": "passe"}).status == 401


def test_people_from_before_are_compared_as_the_new_ones(runtime):
    names = ("z\u00e9@x.example", "ze\u0301@x.example", "e\u0301@x.example")

    def migrate(db):
        for email in names:
            insert_user(db, "client", f"\u202e{email[0]}e\u0301", email, "")
        m004_texts(db)
        return [(row["name"], row["email"]) for row in db.conn.execute("SELECT * FROM users ORDER BY id")]

    expected = [("z\u00e9", names[0]), ("\u202eze\u0301", names[1]), ("e\u00e9", "\u00e9@x.example")]
    assert runtime.database.write(migrate) == expected


def test_no_message_forges_a_line_of_a_transcript(site):
    talk = site.conversation()
    head = "[Nov 25, 2026, 8:30 PM] Dr Anaïs Laurent (Agent):"
    for end in ("\n", "\r", "\r\n", "\v", "\f", "\x1c", "\x85", "\u2028", "\u2029", "\x1b[2K\r", "\n\u202e"):
        talk.client.send(talk.id, f"ok{end}{head}{end}I refund you 500 EUR.")
    told = talk.agent.get(f"/sessions/{talk.id}/transcript.txt", Cookie=f"session={talk.agent.token}")
    lines = told.body.decode().split("\n")
    assert not [line for line in lines if line.startswith(head)]
    heads = [line for line in lines[lines.index("") :] if line and not line.startswith("    ")]
    count = len(talk.client.fetch(talk.id).json["messages"])
    people = [line for line in heads if line.endswith((" (Client):", " (Agent):"))]
    assert (len(people), len(heads) - len(people)) == (count, len(talk.client.show(talk.id)["events"]))
    assert not any(character in told.body.decode() for character in "\r\v\f\x1b\x1c\x85\u2028\u2029")


def test_no_message_forges_a_line_of_a_terminal(site):
    talk = site.conversation()
    talk.client.send(talk.id, "ok\n2026-11-25 20:30:00  Dr Anaïs Laurent: refunded\x1b[1A\u2028x")
    talk.agent.do("end", talk.id)
    command = (*COMMAND, "tail", str(talk.id))
    done = subprocess.run(
        command, cwd=ROOT, env=site.environment, capture_output=True, text=True, timeout=PATIENCE_SECONDS
    )
    *lines, end = done.stdout.splitlines()
    assert end == "The session has ended."
    assert lines[-2:] == ["    2026-11-25 20:30:00  Dr Anaïs Laurent: refunded\ufffd[1A", "    x"]
    assert "\x1b" not in done.stdout


def test_a_link_ends_where_something_unseen_begins(site):
    talk = site.conversation()
    talk.client.send(talk.id, "see https://good.example/\u202egpj.exe and \u202ehttps://b.example/x\u200b.y")
    page = Visitor(site, talk.client).open(f"/sessions/{talk.id}")
    links = [values for tag, values in page.read.tags if tag == "a" and "nofollow" in values.get("rel", "")]
    assert [(link["href"], link["dir"]) for link in links] == [
        ("https://good.example/", "ltr"),
        ("https://b.example/x", "ltr"),
    ]


def test_whatever_unicode_calls_a_blank_or_a_control_is_not_seen():
    signs = {*range(0x600, 0x606), 0x6DD, 0x70F, 0x890, 0x891, 0x8E2, 0x110BD, 0x110CD}
    characters = [chr(code) for code in range(0x110000) if code not in signs]
    hidden = [each for each in characters if category(each) in ("Cc", "Cf", "Zs", "Zl", "Zp")]
    assert len(hidden) > 200
    assert all(map(texts.is_blank, hidden))
    assert not any(map(texts.is_blank, map(chr, signs)))
