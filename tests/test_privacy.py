"""What is not kept: words after their time, and people who are erased. The books stay; nobody is woken."""

import json
import re
import secrets
import subprocess
from time import sleep
from urllib.parse import quote

import pytest

from chat import (
    accounts,
    balances,
    changes,
    earnings,
    edits,
    erasure,
    indexing,
    messages,
    people,
    retention,
    store,
    tokens,
)
from chat.accounts import DAY_MS, User
from chat.database.sqlite.connection import sqlite3 as engine
from chat.demo import pairs
from chat.errors import StillNeeded
from chat.live.hub import HERE
from chat.retention import ROWS, Retention
from tests.pages.visitor import Visitor, email_of
from tests.push_service import SOME_KEYS
from tests.server import PATIENCE_SECONDS, PAUSE_SECONDS, ROOT, Server
from tests.streams import CUT, SSE, WS
from tests.test_cli import refused
from tests.time_travel import pass_time

DAY = DAY_MS / 1000
DELETED = "These words were deleted."
DOCS = (ROOT / "docs" / "privacy.md").read_text()
VERIFIED = "All totals and balances are right."


def documented():
    """(table.column, what becomes of it after the days, what when the person is erased), as the docs say."""
    for columns, later, erased in re.findall(
        r"^\|[^|]+\| ((?:`\w+\.\w+` ?)+)\| ([^|]+) \| ([^|]+) \|$", DOCS, re.M
    ):
        yield from ((name, later, erased) for name in re.findall(r"`([\w.]+)`", columns))


def columns(db):
    """Those that may hold text, of all tables of ours."""
    tables = "SELECT name FROM pragma_table_list WHERE type = 'table' AND name NOT LIKE '%sqlite%'"
    for (table,) in db.conn.execute(tables).fetchall():
        for _, name, kind, *_ in db.conn.execute(f"PRAGMA table_xinfo({table})").fetchall():
            if kind.split()[0] in ("TEXT", "BLOB", "ANY"):
                yield f"{table}.{name}"


def everything(server):
    """What is in each of these columns."""

    def read(db):
        found = {}
        for each in columns(db):
            table, name = each.split(".")
            found[each] = str([tuple(row) for row in db.conn.execute(f"SELECT {name} FROM {table}")])
        return found

    return server.database.read(read)


def places(server, canary):
    return {name for name, text in everything(server).items() if canary in text}


def in_the_file(server, *canaries):
    """Those that are in the bytes of the database or its log; another process reads, for the locks' sake."""
    paths = [path for path in (server.path, server.path.with_name("chat.db-wal")) if path.exists()]
    content = subprocess.run(["cat", *paths], capture_output=True, check=True).stdout
    return [canary for canary in canaries if canary.encode() in content]


def wait_for(server, sql):
    """Until the leading process has done it."""
    deadline = PATIENCE_SECONDS / PAUSE_SECONDS
    while not server.database.read(lambda db: db.conn.execute(sql).fetchone()[0]):
        sleep(PAUSE_SECONDS)
        deadline -= 1
        assert deadline, server.log


def wait_until_out_of_the_file(server, *canaries):
    deadline = PATIENCE_SECONDS / PAUSE_SECONDS
    while left := in_the_file(server, *canaries):
        sleep(PAUSE_SECONDS)
        deadline -= 1
        assert deadline, left


class House:
    """A client, an agent and an administrator, with a canary wherever one of them can write something."""

    def __init__(self, server):
        self.server, self.canaries, self.mark = server, [], secrets.token_hex(4)
        self.admin = server.person("admin", self.new("root"))
        self.client = server.person("client", self.new("client"))
        self.agent = server.person("agent", self.new("agent"))
        self.emails = {name: email_of(server, getattr(self, name)) for name in ("admin", "client", "agent")}
        self._profile()
        self._conversation()
        self._missed()
        device = {"endpoint": f"https://push.invalid/{self.new('device')}", "keys": SOME_KEYS}
        assert self.client.post("/api/chat/push/subscribe", device).status == 201

    def new(self, where):
        self.canaries.append(f"{self.mark}-{where}-{len(self.canaries)}")
        return self.canaries[-1]

    def of(self, *words):
        """Those that have one of these words in them."""
        return [each for each in self.canaries if any(f"-{word}" in each for word in words)]

    def _profile(self):
        agent, admin = Visitor(self.server, self.agent), Visitor(self.server, self.admin)
        name = self.of("agent")[0]
        headline = self.new("agent-headline")
        assert agent.post("/profile", name=name, language="fr", headline=headline).status == 303
        reply = {"shortcut": self.new("agent-reply")[:30], "message": self.new("agent-reply")}
        assert agent.post("/replies", reply).status == 303
        assert admin.post(f"/admin/people/{self.client.id}/reset").status == 200
        tokens.issue(self.server.runtime, self.client.id, self.new("client-token"), 30)

    def _conversation(self):
        client, agent, admin = self.client, self.agent, self.admin
        self.id = client.ask(agent_id=agent.id, message=self.new("client-request"))["id"]
        agent.do("accept", self.id)
        agent.send(self.id, self.new("agent-message"), client_message_id=self.new("agent-key"))
        client.send(self.id, self.new("client-message"), client_message_id=self.new("client-key"))
        client.send(self.id, self.new("client-long") + "x" * 3900)
        notes = f"/api/chat/clients/{client.id}/notes"
        note = {"text": self.new("about-note"), "chat_session_id": self.id}
        assert agent.post(notes, note, Idempotency_Key=self.new("about-key")).status == 201
        assert admin.post(notes, {"text": self.new("about-note")}).status == 201
        self.server.advance(90)
        client.do("end", self.id)
        client.do("rating", self.id, rating=4, comment=self.new("client-rating"))
        path = f"/api/chat/sessions/{self.id}"
        for who, mark in ((client, "client-report"), (agent, "agent-report")):
            report = who.post(f"{path}/reports", {"reason": "other", "remark": self.new(mark)}).json["report"]
            done = {"note": self.new("office-note")}
            assert admin.post(f"/api/chat/reports/{report['id']}/done", done).status == 200
        for who, mark in ((client, "client-remark"), (agent, "agent-remark")):
            assert who.post(f"{path}/receipt/remarks", {"remark": self.new(mark)}).status == 201
        block = {"client_id": client.id, "reason": self.new("about-block")}
        assert agent.post("/api/chat/blocks", block).status == 200

    def _missed(self):
        """Of another client: what the agent answers is the agent's."""
        other = self.server.person("client")
        missed = other.ask(message="Anybody?")["id"]
        other.do("cancel", missed)
        answer = {"answer": self.new("agent-answer")}
        assert self.agent.post(f"/api/chat/missed/{missed}/answer", answer).status == 201


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with Server(tmp_path_factory.mktemp("privacy"), workers=2, proxies=1) as running:
        yield running


@pytest.fixture
def house(server):
    return House(server)


def pay_out(house, run):
    """What the agent has earned."""
    owed = run(house.server, "statement", house.emails["agent"]).split(",")[-1].strip()
    run(house.server, "pay-out", house.emails["agent"], owed, "--reason", "Bank")


def test_every_column_of_text_is_in_the_docs_and_no_other(runtime):
    named = [name for name, *_ in documented()]
    assert len(named) == len(set(named))
    assert set(named) == set(runtime.database.read(lambda db: list(columns(db))))


def test_a_client_is_erased_and_no_word_of_theirs_is_anywhere(house, run):
    server, email, name = house.server, house.emails["client"], house.of("client")[0]
    gone = [*house.of("client", "about", "office", "device"), email]
    assert all(places(server, each) for each in gone)
    assert in_the_file(server, *gone)
    with SSE(house.client, f"/api/chat/stream/{house.id}") as stream:
        held = house.client.await_inbox(house.client.inbox().json["cursor"])
        done = json.loads(run(server, "erase", email, "--yes", "--json"))
        assert (done["id"], done["email"], done["already"]) == (
            house.client.id,
            f"erased-{house.client.id}",
            False,
        )
        assert held.result().status == 401
        assert "message" not in [event.name for event in stream]
    gone.remove(name)
    assert {each: places(server, each) for each in gone if places(server, each)} == {}
    # The receipt was issued to somebody.
    assert places(server, name) == {"books.content"}
    wait_until_out_of_the_file(server, *gone)
    assert VERIFIED in run(server, "verify")
    kept = [*house.of("agent-message", "agent-key", "agent-report", "agent-remark", "agent-reply")]
    assert [each for each in kept if not places(server, each)] == []
    # Whoever they were a moment ago is stored only now.
    server.database.write(lambda db: changes.arrive(db, server.runtime.settings, [house.client.id]))
    row = server.database.read(lambda db: store.users.by_id(db, house.client.id))
    assert (row["password_hash"], row["language"], row["seen_at"]) == ("", None, 0)
    left = {
        **dict.fromkeys(("push_subscriptions", "links", "notices", "recovery_codes"), "user_id"),
        **dict.fromkeys(("blocks", "notes"), "client_id"),
    }

    def count(db):
        return {
            table: db[table].count_where(f"{owner} = ?", [house.client.id]) for table, owner in left.items()
        }

    assert set(server.database.read(count).values()) == {0}


def test_what_others_see_of_an_erased_client(house, run):
    server, name = house.server, house.of("client")[0]
    run(server, "erase", house.emails["client"], "--yes")
    number = f"Erased person {house.client.id}"
    agent, admin = Visitor(server, house.agent), Visitor(server, house.admin)
    told = house.agent.fetch(house.id).json["messages"]
    assert {each["message"] for each in told if each["sender_type"] == "client"} == {""}
    assert {each["client_message_id"] for each in told if each["sender_type"] == "client"} == {None}
    assert {each["sender_name"] for each in told} == {number, house.of("agent")[0]}
    session = f"/sessions/{house.id}"
    for path in (session, f"{session}/transcript.txt", f"{session}/report", f"/clients/{house.client.id}"):
        page = agent.open(path, Accept_Language="en")
        assert page.status == 200
        assert name not in page.body.decode()
    assert "Ces mots ont été effacés." in agent.open(session).text
    text = agent.open(f"{session}/transcript.txt").body.decode()
    assert text.count("Ces mots ont été effacés.") == 3
    receipt = house.agent.get(f"/api/chat/sessions/{house.id}/receipt").json
    assert receipt["client"]["name"] == number
    assert house.admin.get(f"/api/chat/sessions/{house.id}/receipt").json["client"]["name"] == name
    assert DELETED in admin.open(f"/admin/sessions/{house.id}").text
    for canary in house.of("client-message", "client-request", "client"):
        assert "No conversation matches." in admin.open(f"/admin/sessions?q={canary}").text
    assert (
        "No conversation matches." not in admin.open(f"/admin/sessions?q={house.of('agent-message')[0]}").text
    )
    about = {f"clients/{house.client.id}/notes": {"text": "?"}, "blocks": {"client_id": house.client.id}}
    for path, content in about.items():
        refusal = house.agent.post(f"/api/chat/{path}", content)
        assert (refusal.status, refusal.json["code"]) == (409, "person_erased")


def test_an_agent_and_an_administrator_are_erased(house, run):
    server = house.server
    pay_out(house, run)
    other = server.person("admin")
    run(server, "erase", house.emails["agent"], "--yes")
    gone = [*house.of("agent", "about"), house.emails["agent"]]
    gone.remove(house.of("agent")[0])
    # A note by somebody else about the client is not theirs.
    gone = [each for each in gone if each not in house.of("about-note")[1:]]
    assert {each: places(server, each) for each in gone if places(server, each)} == {}
    assert places(server, house.of("agent")[0]) == {"books.content"}
    assert house.client.fetch(house.id).texts[0] == house.of("client-request")[0]
    assert house.agent.id not in [each["id"] for each in house.client.get("/api/chat/agents").json["agents"]]
    office, address = Visitor(server, house.admin), "203.0.113.47"
    office.request("GET", f"/admin/sessions/{house.id}", X_Forwarded_For=address)
    assert places(server, address) == {"audit.address"}
    run(server, "erase", house.emails["admin"], "--yes")
    for canary in (address, house.of("root")[0], house.emails["admin"]):
        assert places(server, canary) == set()
    kinds = [each["kind"] for each in other.get(f"/api/chat/audit?userId={house.admin.id}").json["entries"]]
    assert kinds[0] == "erased"
    assert "transcript_read" in kinds
    assert VERIFIED in run(server, "verify")


def test_an_administrator_erases_on_a_page_that_says_what_will_happen(house):
    server, office = house.server, Visitor(house.server, house.admin)
    person = f"/admin/people/{house.client.id}"
    page = office.open(office.open(person).link(f"{person}/erase"))
    assert "What others wrote to them" in page.text
    refused = office.post(f"{person}/erase")
    assert (refused.status, "cannot be undone" in refused.alert) == (400, True)
    assert house.client.inbox().status == 200
    assert "Erased." in office.fill(page, f"{person}/erase", confirm="1").text
    assert house.client.inbox().status == 401
    wait_for(server, f"SELECT words_gone_at FROM users WHERE id = {house.client.id}")
    gone = [*house.of("client", "about", "office"), house.emails["client"]][1:]
    assert {each: places(server, each) for each in gone if places(server, each)} == {}
    wait_until_out_of_the_file(server, *gone)
    page = office.open(person)
    assert "Erased on" in page.text
    assert [each["action"] for each in page.posts if each["action"].startswith(person)] == []
    assert "Erased on" in office.open(f"{person}/erase").text
    again = office.post(f"{person}/erase", confirm="1")
    assert again.location.endswith("notice=erased_already")
    for action in ("enable", "reset"):
        assert office.post(f"{person}/{action}").status == 409
    own = f"/admin/people/{house.admin.id}/erase"
    assert office.post(own, confirm="1").status == 403


def test_a_second_time_it_says_that_it_is_done(house, run):
    server, email = house.server, house.emails["client"]
    first = run(server, "erase", email, "--yes")
    number = f"erased-{house.client.id}"
    assert number in first
    assert f"{number}: is erased already" in run(server, "erase", number, "--yes")
    assert json.loads(run(server, "erase", number, "--json"))["already"] is True
    done = refused(server, "erase", email, "--yes")
    assert (done.returncode, "erased already, or never was here" in done.stderr) == (2, True)
    listed = [line for line in run(server, "users", "list").splitlines() if number in line]
    assert [line.endswith("erased") for line in listed] == [True]


def test_without_a_yes_nothing_is_erased(house):
    done = refused(house.server, "erase", house.emails["client"])
    assert done.returncode != 0
    assert house.of("client")[0] in done.stderr
    assert house.client.inbox().status == 200


def test_what_has_to_be_seen_to_first_is_told(start, run):
    server = start()
    runtime = server.runtime
    admin, client, agent = (server.person(role) for role in ("admin", "client", "agent"))

    def told(who):
        return " ".join(map(str, erasure.look(runtime, None, who.id).obstacles))

    done = refused(server, "erase", email_of(server, admin), "--yes")
    assert (done.returncode, told(admin) in done.stderr) == (2, True)
    assert "last administrator" in told(admin)
    talk = client.ask(agent_id=agent.id, message="Bonjour")["id"]
    assert told(client) == told(agent) != ""
    assert "1 of their conversations go on" in told(client)
    agent.do("accept", talk)
    agent.send(talk, "Bonjour")
    server.advance(90)
    client.do("end", talk)
    assert told(agent).startswith("5.00 are owed to them")
    report = {"reason": "abuse", "remark": "Loud"}
    number = client.post(f"/api/chat/sessions/{talk}/reports", report).json["report"]["id"]
    balances.change(runtime, None, client.id, "top_up", 750, "Bank")
    for who in (client, agent):
        assert "A report of theirs" in told(who)
    assert "7.50 of their balance are left" in told(client)
    office = Visitor(server, server.person("admin"))
    page = office.open(f"/admin/people/{client.id}/erase")
    assert "This has to be seen to first" in page.text
    assert "€7.50 of their balance" in page.text
    assert office.post(f"/admin/people/{client.id}/erase", confirm="1").status == 409
    balances.change(runtime, None, client.id, "refund", 750, "Bank")
    assert admin.post(f"/api/chat/reports/{number}/done", {"note": ""}).status == 200
    with pytest.raises(StillNeeded):
        erasure.erase(runtime, None, agent.id)
    earnings.pay_out(runtime, None, agent.id, "payout", 500, "Bank")
    for who in (client, agent, admin):
        assert told(who) == ""
        assert erasure.erase(runtime, None, who.id)
    assert VERIFIED in run(server, "verify")


def test_an_erasing_that_was_interrupted_is_gone_on_with(runtime):
    user_id = accounts.create_user(runtime, "client", "Camille", "camille@example.org", "correct horse")
    assert erasure.erase(runtime, None, user_id)
    assert not erasure.erase(runtime, None, user_id)
    assert runtime.database.read(store.users.being_erased) == [user_id]
    Retention(runtime)._work()
    assert runtime.database.read(store.users.being_erased) == []


def test_what_is_deleted_is_out_of_the_index_too(runtime):
    """Of a conversation's words, and of a person's; terms are kept folded, and as what differs."""
    talk = pairs.create(runtime, 1, "")[0]
    row = runtime.database.read(lambda db: store.sessions.by_id(db, talk.id))
    client, agent = (
        User(row[f"{who}_id"], who, "", accounts.hash_token(talk.tokens[who])) for who in ("client", "agent")
    )
    sent = [
        messages.send(runtime, who, talk.id, text, None, is_there=False)[0]
        for number in range(40)
        for who, text in (
            (client, f"Zqkanarie{number}gelb"),
            (agent, f"un mot de plus {number} xqbleu{number}"),
        )
    ]
    indexing.catch_up(runtime)
    assert runtime.database.empty_log()
    assert in_the_file(runtime.database, "qkanarie", "qbleu") == ["qkanarie", "qbleu"]
    edits.delete(runtime, agent, talk.id, sent[-1])
    Retention(runtime)._work()
    assert runtime.database.empty_log()
    assert in_the_file(runtime.database, "qbleu39", "qbleu") == ["qbleu"]
    # One that is interrupted is begun again.
    erasure.finish(runtime, client.id, lambda: runtime.database.read(store.search.is_stale))
    assert runtime.database.read(store.search.is_stale)
    erasure.finish(runtime, client.id)
    assert not runtime.database.read(store.search.is_stale)
    assert runtime.database.empty_log()
    assert in_the_file(runtime.database, "kanarie", "gelb", "qbleu") == ["qbleu"]


def test_words_are_gone_after_their_days_and_nobody_is_woken(start, run):
    server = start(workers=2, keep_messages_days=7, proxies=1)
    house = House(server)
    # A conversation that is reported keeps its words until somebody has seen to it.
    reported = house.server.person("client")
    other = reported.ask(agent_id=house.agent.id, message=house.new("waiting"))["id"]
    reported.do("cancel", other)
    report = {"reason": "abuse", "remark": house.new("waiting-report")}
    number = reported.post(f"/api/chat/sessions/{other}/reports", report).json["report"]["id"]
    server.advance(6 * DAY)
    talk = server.conversation()
    talk.agent.send(talk.id, "It goes on")
    fresh = house.agent.post(f"/api/chat/clients/{house.client.id}/notes", {"text": house.new("fresh")})
    assert fresh.status == 201
    gone = house.of("client-request", "client-message", "client-key", "client-long", "client-rating")
    gone += house.of("client-report", "agent-message", "agent-key", "agent-report", "agent-remark")
    gone += house.of("client-remark", "about-note", "about-key", "office-note", "agent-answer")
    cursor = house.client.inbox().json["cursor"]
    position, revision = house.client.fetch(house.id).json, house.client.show(house.id)["revision"]
    held = house.client.await_inbox(cursor)
    read = house.client.poll(house.id, lastMessageId=position["session"]["last_message_id"])
    server.wait_until_held(2)
    server.advance(2 * DAY)
    wait_for(server, f"SELECT words_gone_at FROM chat_sessions WHERE id = {house.id}")
    wait_for(server, "SELECT count(*) = 0 FROM reports WHERE done_at IS NOT NULL AND remark <> ''")
    wait_for(server, "SELECT count(*) = 0 FROM remarks WHERE remark <> ''")
    wait_for(server, "SELECT count(*) = 1 FROM notes")
    assert {each: places(server, each) for each in gone if places(server, each)} == {}
    wait_until_out_of_the_file(server, *gone)
    assert [held.done(), read.done()] == [False, False]
    answer = house.client.fetch(house.id, cursor=0).json
    assert {each["message"] for each in answer["messages"]} == {""}
    assert house.client.show(house.id)["revision"] == revision
    assert [each["message"] for each in talk.client.fetch(talk.id).json["messages"]][-1] == "It goes on"
    stays = house.of("waiting", "waiting-report", "fresh", "about-block", "agent-reply", "agent-headline")
    assert [each for each in stays if not places(server, each)] == []
    assert house.admin.post(f"/api/chat/reports/{number}/done", {"note": ""}).status == 200
    server.advance(61)
    wait_for(server, f"SELECT words_gone_at FROM chat_sessions WHERE id = {other}")
    assert places(server, house.of("waiting")[0]) == set()
    assert VERIFIED in run(server, "verify")


def test_readers_are_told_that_the_words_are_gone(start):
    server = start(keep_messages_days=1)
    talk = server.conversation()
    talk.client.send(talk.id, "kanarie")
    talk.client.do("end", talk.id)
    server.advance(2 * DAY)
    wait_for(server, f"SELECT words_gone_at FROM chat_sessions WHERE id = {talk.id}")
    client, admin = Visitor(server, talk.client), Visitor(server, server.person("admin"))
    assert (
        talk.client.get("/api/chat/sessions?status=ended").json["sessions"][0]["last_message"]["message"]
        == ""
    )
    for who, path in (
        (client, f"/sessions/{talk.id}"),
        (client, "/sessions"),
        (client, f"/sessions/{talk.id}/transcript.txt"),
        (admin, f"/admin/sessions/{talk.id}"),
    ):
        body = who.open(path, Accept_Language="en").body.decode()
        assert DELETED in body
        assert "kanarie" not in body
    assert "No conversation matches." in admin.open("/admin/sessions?q=kanarie").text
    assert "Words are deleted 1 day after" in client.open("/profile", Accept_Language="en").text


def test_a_browser_shows_where_words_were_and_offers_no_copy_of_them(server, visit):
    talk = server.conversation()
    for number in range(70):
        talk.client.send(talk.id, f"line {number}")
    talk.client.do("end", talk.id)
    client_id = talk.client.show(talk.id)["client"]["id"]
    assert erasure.erase(server.runtime, None, client_id)
    wait_for(server, f"SELECT words_gone_at FROM users WHERE id = {client_id}")
    agent = visit(server, talk.agent)
    agent.open(f"/sessions/{talk.id}")
    agent.await_connection("live")
    agent.page.wait_for_function(
        """() => {
            document.querySelector("[data-log]").scrollTop = 0;
            return !document.querySelector(".earlier:not(.is-over)");
        }"""
    )
    own, texts = [each for each in talk.agent.fetch(talk.id).texts if each], agent.texts()
    assert [each for each in texts if each != DELETED] == own
    assert len(texts) >= 70 + len(own)
    assert agent.page.locator("[data-copy]:visible").count() <= len(own)


def test_few_rows_are_taken_in_one_transaction(runtime):
    client, agent = (
        accounts.create_user(runtime, role, "Somebody", f"{role}@example.org", "correct horse")
        for role in ("client", "agent")
    )

    def fill(db):
        for number in range(1, 31):
            db.conn.execute(
                """
                INSERT INTO chat_sessions (id, client_id, agent_id, status, end_reason, created_at, ended_at,
                    revision, total_cents, currency) VALUES (?, ?, ?, 'ended', 'expired', 1, 2, ?, 0, 'EUR')
                """,
                (number, client, agent, number),
            )
            for each in range(900 if number == 1 else 3):
                store.messages.insert(db, number, client, "client", "Bonjour", None, 1, 1000 * number + each)

    runtime.database.write(fill)
    left = "SELECT count(*) FROM messages WHERE message <> ''"
    rests = []
    while runtime.database.write(lambda db: retention._empty_sessions(db, 3, 4)):
        rests.append(runtime.database.read(lambda db: db.conn.execute(left).fetchone()[0]))
    taken = [one - other for one, other in zip([987, *rests], rests, strict=False)]
    assert (max(taken), rests[-1], len(rests)) == (ROWS, 0, 6)
    assert runtime.database.read(lambda db: db["chat_sessions"].count_where("words_gone_at = 4")) == 30


def test_what_signs_nobody_in_any_more_is_forgotten(runtime):
    user_id = accounts.create_user(runtime, "agent", "Anaïs", "anais@example.org", "correct horse")
    actor = User(user_id, "admin", "", b"")
    for _ in range(2):
        people.invite(runtime, actor, "client")
    used = people.invite(runtime, actor, "client")
    people.follow_link(runtime, used, "Zoé", "zoe@example.org", "correct horse", HERE)

    def fill(db):
        now = store.server.now(db)
        store.second_steps.begin(db, b"1" * 32, user_id, None, now, now + 600_000)
        store.attempts.add(db, b"2" * 32, 60_000, now)
        store.outbox.put(db, "mail", "nobody", "x", "{}", now + 10**9, now + 60_000)

    runtime.database.write(fill)
    kept = Retention(runtime)

    def counts():
        kept._work()
        tables = ("links", "second_steps", "attempts", "outbox")
        return runtime.database.read(lambda db: [db[each].count for each in tables])

    assert counts() == [2, 1, 1, 1]
    pass_time(runtime.database, 601)
    assert counts() == [2, 0, 0, 1]
    pass_time(runtime.database, 3_600)
    assert counts() == [2, 0, 0, 0]
    pass_time(runtime.database, 7 * DAY)
    assert counts() == [0, 0, 0, 0]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE remarks SET remark = 'Other'",
        "UPDATE remarks SET remark = '', user_id = user_id + 1",
        "DELETE FROM remarks",
        "UPDATE audit SET address = '203.0.113.9'",
        "UPDATE audit SET address = '', kind = 'invited'",
    ],
)
def test_both_logs_give_up_words_and_nothing_else(house, statement):
    with pytest.raises(engine.IntegrityError, match="append-only"):
        house.server.database.write(lambda db: db.conn.execute(statement))


def test_searches_at_the_console_are_noted_without_their_words(house, run):
    canary = house.of("client-message")[0]
    assert run(house.server, "sessions", "--of", canary)
    assert places(house.server, canary) == {"messages.message"}
    assert run(house.server, "audit", "--kind", "searched").strip().endswith("searched")


def test_a_name_in_an_address_finds_nobody_who_is_erased(house, run):
    run(house.server, "erase", house.emails["client"], "--yes")
    office = Visitor(house.server, house.admin)
    for text in (house.of("client")[0], house.emails["client"]):
        assert "Nobody matches." in office.open(f"/admin/people?q={quote(text)}").text
    login = {"email": f"erased-{house.client.id}", "password": "correct horse"}
    assert house.server.client().post("/api/auth/login", login).status == 401
    with pytest.raises(CUT):
        WS(house.client, f"/api/chat/ws/{house.id}")
