"""The operator's commands."""

import json
import os
import subprocess
from contextlib import contextmanager

import pytest

from chat import store
from chat.accounts import DAY_MS
from tests.server import FLASK, PATIENCE_SECONDS, ROOT, Server
from tests.time_travel import pass_time


@pytest.fixture
def idle(tmp_path):
    """A server's database and settings, without the server."""
    server = Server(tmp_path)
    yield server
    server.close()


@contextmanager
def killed(process):
    """Whoever fails does not wait for its end."""
    try:
        yield
    except BaseException:
        process.kill()
        raise


def rows(server, sql):
    return server.database.read(lambda db: db.conn.execute(sql).fetchall())


def value(server, sql):
    return rows(server, sql)[0][0]


def test_demo_makes_sessions_and_prints_tokens_as_json(start, run):
    server = start()
    made = json.loads(run(server, "demo", "--sessions", 3, "--json"))["sessions"]
    assert len({session["id"] for session in made}) == 3
    for session in made:
        for side in ("client", "agent"):
            answer = server.client(session["tokens"][side]).fetch(session["id"])
            assert answer.json["session"]["status"] == "active"


def test_as_json_it_makes_nothing_but_the_sessions(idle, run):
    run(idle, "demo", "--sessions", 3, "--json")
    counts = {table: value(idle, f"SELECT count(*) FROM {table}") for table in ("users", "chat_sessions")}
    assert counts == {"users": 6, "chat_sessions": 3}


@pytest.mark.parametrize(
    "settings",
    [{}, {"prepaid": 1}, {"free_seconds": 90, "billing_starts": "accept"}],
    ids=["as it is", "prepaid", "free seconds"],
)
def test_a_month_of_the_demo_is_billed_rightly(tmp_path, run, settings):
    server = Server(tmp_path, **settings)
    server.close()
    run(server, "demo", "--once")
    assert "All totals and balances are right." in run(server, "verify")
    ended = "SELECT count(*) FROM chat_sessions WHERE status = 'ended'"
    assert 80 <= value(server, ended) <= 100
    assert value(server, f"{ended} AND total_cents > 0") > 60
    assert value(server, f"{ended} AND (client_read_id < last_message_id OR due_at > 0)") == 0
    assert value(server, f"{ended} AND end_reason = 'expired' AND total_cents = 0") > 0
    reasons = {row[0] for row in rows(server, "SELECT DISTINCT reason FROM billing_intervals")}
    assert {"active", "paused_by_client", "transfer"} <= reasons


def test_nothing_of_the_demo_is_in_the_future_or_too_long_ago(idle, run):
    run(idle, "demo")
    now = idle.database.read(store.server.now)
    oldest = value(idle, "SELECT min(created_at) FROM chat_sessions")
    newest = value(idle, "SELECT max(ended_at) FROM chat_sessions")
    assert now - 30 * DAY_MS <= oldest < newest <= now
    assert value(idle, "SELECT max(created_at) FROM messages") <= now
    before = "SELECT min(m.created_at - before.created_at) FROM messages m JOIN messages before"
    assert value(idle, f"{before} ON m.chat_session_id = before.chat_session_id AND before.id < m.id") >= 0


def test_the_inbox_of_the_demo_is_alive(start, run):
    server = start()
    text = run(server, "demo")
    agent = server.client(text.split("Bearer ")[1].split('"')[0])
    sessions = agent.get("/api/chat/sessions").json["sessions"]
    assert sorted(session["status"] for session in sessions) == ["active"] * 3 + ["waiting"] * 2
    assert all(session["last_message"] for session in sessions)


def test_the_demo_prints_lines_that_work(start, run):
    server = start()
    text = run(server, "demo", "--once").replace(f"http://{server.environment['CHAT_BIND']}", server.url)
    send = text[text.index("curl", text.index("Send")) :]
    done = subprocess.run(["bash", "-c", send], capture_output=True, text=True, timeout=PATIENCE_SECONDS)
    assert json.loads(done.stdout)["success"] is True
    receive = text[text.index("curl") : text.index("Send")]
    done = subprocess.run(["bash", "-c", receive], capture_output=True, text=True, timeout=PATIENCE_SECONDS)
    assert [message["message"] for message in json.loads(done.stdout)["messages"]] == ["Bonjour !"]


def test_the_demo_is_made_once_and_its_logins_renewed(start, run):
    server = start()
    texts = [run(server, "demo", "--once") for _ in range(2)]
    assert [text.split(",")[0] for text in texts] == ["Chat session 1"] * 2
    password = texts[1].split("password ")[1].split()[0]
    assert texts[1].count("@demo.example") == 3
    for name in ("client1", "agent1", "admin", "zoe.nguyen"):
        login = {"email": f"{name}@demo.example", "password": password}
        assert server.client().post("/api/auth/login", login).status == 200


def test_the_demo_is_furnished_once(idle, run):
    count = "SELECT (SELECT count(*) FROM users) || ' ' || (SELECT count(*) FROM chat_sessions)"
    run(idle, "demo", "--once")
    made = value(idle, count)
    run(idle, "demo", "--once")
    assert value(idle, count) == made


def test_the_demo_goes_on_the_next_day(idle, run):
    """What was abandoned for a day has ended; then there is another, of the same people.

    While there was no server nobody could come back: that abandons nothing.
    """
    passing = ((0, True, True), (23, True, True), (25, True, True), (25, False, False))
    for hours, is_outage, is_first in passing:
        pass_time(idle.database, hours * 3600, away=(1, 2), outage=is_outage)
        text = run(idle, "demo", "--once")
        number = int(text.split(",")[0].removeprefix("Chat session "))
        assert (number == 1) is is_first
        session = idle.database.read(lambda db, number=number: store.sessions.by_id(db, number))
        assert (session["status"], session["client_id"], session["agent_id"]) == ("active", 1, 2)
    assert "All totals and balances are right." in run(idle, "verify")


def test_a_created_user_can_sign_in(start, run):
    server = start()
    run(
        server,
        "create-user",
        "Zoe@Example.org",
        "--name",
        "Zoé",
        "--role",
        "agent",
        "--password",
        "tournesol",
    )
    login = {"email": "zoe@example.org", "password": "tournesol"}
    answer = server.client().post("/api/auth/login", login)
    assert answer.json["user"]["name"] == "Zoé"
    token = run(server, "token", "zoe@example.org").strip()
    assert server.client(token).post("/api/auth/logout").status == 200


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("create-user", "zoe", "--name", "Zoé", "--password", "tournesol"), "name@example.org"),
        (("create-user", "z@e.org", "--name", " ", "--password", "tournesol"), "1 to 100 characters"),
        (("create-user", "z@e.org", "--name", "Zoé", "--password", "court"), "8 to 1000"),
        (("token", "nobody@example.org"), "nobody has the email"),
        (("send", "9", "x"), "chat session 9 has no client"),
        (("tail", "9"), "chat session 9 has no client"),
    ],
)
def test_what_cannot_be_done_is_told(idle, words, message):
    done = subprocess.run(
        [*FLASK, *words],
        cwd=ROOT,
        env=idle.environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
    )
    assert done.returncode == 1
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_a_message_that_is_not_acceptable_is_told(idle, run):
    talk = idle.conversation()
    with pytest.raises(AssertionError, match="1 to 4000 characters, some to be seen; it has 0"):
        run(idle, "send", talk.id, " ")


def test_what_the_audit_log_does_not_take_is_not_done(idle, run):
    talk = idle.conversation()
    run(idle, "demo", "--once", "--json")
    full = "CREATE TRIGGER full BEFORE INSERT ON audit BEGIN SELECT raise(ABORT, 'full'); END"
    idle.database.write(lambda db: db.conn.execute(full))
    counted = (
        "SELECT (SELECT count(*) FROM messages), (SELECT count(*) FROM users), count(*) FROM auth_tokens"
    )
    before = rows(idle, counted)
    for words in (("send", talk.id, "Bonjour"), ("demo", "--json"), ("demo", "--once", "--json")):
        with pytest.raises(AssertionError, match="full"):
            run(idle, *words)
    assert rows(idle, counted) == before


def test_migrate_makes_the_database(idle, run):
    assert str(idle.path) in run(idle, "migrate")


def test_tail_prints_what_comes_until_the_end(start):
    server = start()
    talk = server.conversation()
    tail = subprocess.Popen(
        [*FLASK, "tail", str(talk.id), "--as", "agent", "--url", server.url],
        cwd=ROOT,
        env=server.environment | {"PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        text=True,
    )
    with tail, killed(tail):
        opening = [tail.stdout.readline() for _ in range(2)]
        talk.client.send(talk.id, "Vous me lisez ?")
        line = tail.stdout.readline()
        talk.client.post(f"/api/chat/sessions/{talk.id}/end")
        assert tail.stdout.read() == "The session has ended.\n"
    assert "Dr Anaïs Laurent: Bonjour" in opening[1]
    assert line.endswith("  Camille Moreau: Vous me lisez ?\n")
    # The sign-ins of the two people are valid; the one that it made is not any more.
    assert value(server, "SELECT count(*) FROM auth_tokens WHERE revoked_at IS NULL") == 2
    assert value(server, "SELECT count(*) FROM auth_tokens") == 3
    assert tail.returncode == 0


def test_the_commands_make_a_file_that_only_its_owner_reads(tmp_path, run):
    server = Server(tmp_path)
    server.close()
    server.environment["CHAT_DATABASE_URL"] = f"sqlite:///{tmp_path}/new/chat.db"
    run(server, "migrate")
    assert oct(os.stat(tmp_path / "new").st_mode)[-3:] == "700"
