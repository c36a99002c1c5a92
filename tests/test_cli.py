"""The operator's commands."""

import json
import os
import subprocess
import sys
from contextlib import contextmanager
from zipfile import ZipFile

import pytest

from chat import store
from chat.accounts import DAY_MS
from tests.server import COMMAND, PATIENCE_SECONDS, ROOT, Server
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
        (
            ("create-user", "z@e.org", "--name", "Z", "--rate", "1.234", "--password", "tournesol"),
            "2 decimals",
        ),
        (("token", "nobody@example.org"), "nobody has the email"),
        (("send", "9", "x"), "there is no chat session 9"),
        (("tail", "9"), "there is no chat session 9"),
        (("top-up", "z@e.org", "1.00", "--reason", "x", "--key", "é"), "is no key"),
    ],
)
def test_what_cannot_be_done_is_told(idle, words, message):
    done = refused(idle, *words)
    assert done.returncode == 2
    assert message in done.stderr


def refused(server, *words, cwd=ROOT):
    """What a command answers that ends otherwise than well, and without a traceback."""
    done = subprocess.run(
        [*COMMAND, *map(str, words)],
        cwd=cwd,
        env=server.environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
    )
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
    return done


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("--help",), 0),
        (("send", "--help"), 0),
        (("version",), 0),
        (("settings",), 0),
        (("verify",), 3),
        (("users", "list"), 3),
        (("tail", 1), 3),
        (("backup",), 3),
        (("doctor",), 1),
    ],
    ids=lambda words: " ".join(map(str, words)) if isinstance(words, tuple) else "",
)
def test_where_there_is_no_database_none_is_made(tmp_path, idle, words, code):
    idle.environment["CHAT_DATABASE_URL"] = f"sqlite:///{tmp_path}/none/chat.db"
    done = subprocess.run(
        [*COMMAND, *map(str, words)], cwd=ROOT, env=idle.environment, capture_output=True, text=True
    )
    assert done.returncode == code
    assert (f"There is no database at {tmp_path}/none/chat.db" in done.stderr) is (code == 3)
    assert not (tmp_path / "none").exists()


def test_a_database_of_an_older_version_is_left_as_it_is(idle):
    newest = "DELETE FROM _sqlite_migrations WHERE id = (SELECT max(id) FROM _sqlite_migrations)"
    idle.database.write(lambda db: db.conn.execute(newest))
    before = rows(idle, "SELECT count(*) FROM _sqlite_migrations")
    done = refused(idle, "users", "list")
    assert done.returncode == 3
    assert "lacks 1 of this version's migrations" in done.stderr
    assert rows(idle, "SELECT count(*) FROM _sqlite_migrations") == before


@pytest.mark.parametrize("words", [(), ("--once",), ("--json",)])
def test_no_demo_is_made_among_people_of_ones_own(idle, words):
    idle.person("client")
    counted = "SELECT (SELECT count(*) FROM users), (SELECT count(*) FROM chat_sessions)"
    before = rows(idle, counted)
    done = refused(idle, "demo", *words)
    assert done.returncode == 2
    assert "sqlite:///data/demo.db" in done.stderr
    assert rows(idle, counted) == before


@pytest.mark.parametrize("command", [(*COMMAND, "version"), (sys.executable, "-m", "gunicorn")])
@pytest.mark.parametrize(
    ("file", "message"),
    [
        ("CHAT_WORKERS=many", "CHAT_WORKERS is 'many'; it must be a whole number from 1 to 64"),
        ("CHAT_WORKERS", "line 1, must be NAME=value"),
        (None, "cannot be read"),
    ],
)
def test_a_setting_that_cannot_be_read_is_told_in_a_line(tmp_path, idle, command, file, message):
    idle.environment["CHAT_ENV_FILE"] = f"{tmp_path}/env"
    if file:
        (tmp_path / "env").write_text(file)
    done = subprocess.run(
        command, cwd=ROOT, env=idle.environment, capture_output=True, text=True, timeout=PATIENCE_SECONDS
    )
    assert done.returncode in (1, 3)
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_settings_come_from_a_file_too_and_are_read_again_at_a_reload(tmp_path, run):
    file, server = tmp_path / "env", Server(tmp_path)
    file.write_text(
        "# ours\n\nCHAT_TRUSTED_HOSTS='chat.example,127.0.0.1'\nexport CHAT_LANGUAGE=\"fr\"\nOTHER=1\n"
    )
    server.environment |= {"CHAT_ENV_FILE": str(file), "CHAT_WORKERS": "1"}
    told = {each["name"]: each for each in map(json.loads, run(server, "settings", "--json").splitlines())}
    assert told["CHAT_LANGUAGE"] == {"name": "CHAT_LANGUAGE", "value": "fr", "source": str(file)}
    assert told["CHAT_WORKERS"]["source"] == "environment"
    assert told["CHAT_CURRENCY"] == {"name": "CHAT_CURRENCY", "value": "EUR", "source": "default"}
    with server:
        asks = {name: server.client().get("/login", Host=name) for name in ("chat.example", "other.example")}
        assert {name: answer.status for name, answer in asks.items()} == {
            "chat.example": 200,
            "other.example": 400,
        }
        file.write_text("CHAT_TRUSTED_HOSTS=other.example,127.0.0.1\n")
        server.reload()
        assert server.client().get("/login", Host="chat.example").status == 400
        assert server.client().get("/login", Host="other.example").status == 200


def test_people_are_seen_to(start, run):
    server = start()
    talk = server.conversation()
    agent, client = talk.emails["agent"], talk.emails["client"]
    listed = list(map(json.loads, run(server, "users", "list", "--role", "agent", "--json").splitlines()))
    assert [(each["email"], each["rate_per_minute"], each["state"]) for each in listed] == [
        (agent, "2.50", "enabled")
    ]
    assert f"{agent}: 3.00 a minute" in run(server, "users", "set-rate", agent, "3.00")
    assert f"{agent}: 60 %" in run(server, "users", "set-share", agent, 60)
    assert len(run(server, "sign-ins", "list", client).splitlines()) == 1
    poll = talk.client.poll(talk.id, cursor=talk.client.fetch(talk.id).json["cursor"])
    server.wait_until_held(1)
    assert run(server, "sign-ins", "end", client) == f"{client}: 1 ended\n"
    assert not poll.result().json.get("messages")
    assert talk.client.fetch(talk.id).status == 401
    assert run(server, "sign-ins", "list", client) == ""
    run(server, "users", "disable", agent)
    assert talk.agent.fetch(talk.id).status == 401
    assert run(server, "users", "list", "--role", "agent").rstrip().endswith("disabled")
    run(server, "users", "enable", agent)
    link = run(server, "users", "link", agent).strip()
    assert server.client().get(link[link.index("/links/") :]).status == 200
    found = json.loads(run(server, "sessions", "--of", "moreau", "--json"))
    assert (found["id"], found["client"], found["agent"]) == (talk.id, "Camille Moreau", "Dr Anaïs Laurent")


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


def test_tail_prints_what_comes_until_the_end_as_if_nobody_looked(start):
    server = start()
    talk = server.conversation()
    standing = (
        "SELECT client_read_id, client_delivered_id, (SELECT max(seen_at) FROM users) FROM chat_sessions"
    )
    before = rows(server, standing)
    tail = subprocess.Popen(
        [*COMMAND, "tail", str(talk.id)],
        cwd=ROOT,
        env=server.environment | {"PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        text=True,
    )
    with tail, killed(tail):
        opening = [tail.stdout.readline() for _ in range(2)]
        assert [tuple(row) for row in rows(server, standing)] == [tuple(row) for row in before]
        talk.agent.send(talk.id, "Vous me lisez ?")
        line = tail.stdout.readline()
        talk.client.post(f"/api/chat/sessions/{talk.id}/end")
        assert tail.stdout.read() == "The session has ended.\n"
    assert "Dr Anaïs Laurent: Bonjour" in opening[1]
    assert line.endswith("  Dr Anaïs Laurent: Vous me lisez ?\n")
    assert value(server, "SELECT count(*) FROM auth_tokens") == 2
    assert tail.returncode == 0


def test_who_is_written_for_is_not_there_for_it(idle, run):
    talk = idle.conversation()
    pass_time(idle.database, 120, away=(1, 2))
    seen = value(idle, "SELECT max(seen_at) FROM users")
    run(idle, "send", talk.id, "Bonjour", "--as", "agent")
    assert value(idle, "SELECT max(seen_at) FROM users") == seen


def test_on_a_socket_of_the_file_system_the_lines_work_too(tmp_path, run):
    server = Server(tmp_path)
    server.environment["CHAT_BIND"] = f"unix:{tmp_path}/chat.sock"
    with server:
        while not (tmp_path / "chat.sock").exists():
            assert server.process.poll() is None, server.log
        text = run(server, "demo", "--once")
        lines = text[text.index("curl", text.index("Send")) :]
        done = subprocess.run(["bash", "-c", lines], capture_output=True, text=True, timeout=PATIENCE_SECONDS)
        assert json.loads(done.stdout)["success"] is True


def test_the_commands_make_a_file_that_only_its_owner_reads(tmp_path, run):
    server = Server(tmp_path)
    server.close()
    server.environment["CHAT_DATABASE_URL"] = f"sqlite:///{tmp_path}/new/chat.db"
    run(server, "migrate")
    assert oct(os.stat(tmp_path / "new").st_mode)[-3:] == "700"


def test_a_package_made_of_a_checkout_serves_from_wherever_it_is_started(tmp_path):
    build = ("-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", tmp_path, ROOT)
    subprocess.run([sys.executable, *build], check=True, timeout=PATIENCE_SECONDS, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    with ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    server = Server(tmp_path)
    server.command = (sys.executable, "-c", "from tete_a_tete import main; main()", "serve")
    server.environment["PYTHONPATH"] = str(tmp_path / "site")
    server.cwd = tmp_path
    with server:
        page = server.client().get("/login").body.decode()
        script = page.split('type="module" src="')[1].split('"')[0]
        assert "Tête-à-tête" in page
        assert server.client().get(script).status == 200
