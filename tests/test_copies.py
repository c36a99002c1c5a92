"""Backups that are taken while people talk, and put back; and what doctor says of a machine."""

import json
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest

from tests.server import Server
from tests.test_cli import refused
from tests.test_file import leave_to
from tests.threads import together


def keys(path):
    """Of the messages in this file."""
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        return {key for (key,) in db.execute("SELECT client_message_id FROM messages")}


def test_a_backup_under_load_has_all_that_was_acknowledged_before_it(start, run, tmp_path):
    server, done = start(workers=2), threading.Event()
    talks = [server.conversation() for _ in range(4)]
    acknowledged = [[] for _ in talks]

    def write(talk, sent):
        while not done.is_set():
            key = f"{talk.id}-{len(sent)}"
            assert talk.agent.send(talk.id, key, client_message_id=key).status == 201
            sent.append(key)

    with together(server) as threads:
        writing = [threads.submit(write, *pair) for pair in zip(talks, acknowledged, strict=True)]
        for _ in range(3):
            while not all(acknowledged):
                threads.check()
            before = {key for sent in acknowledged for key in sent}
            copy = tmp_path / run(server, "backup", tmp_path / "copies", "--keep", 2).split()[0]
            assert before <= keys(copy)
            assert copy.stat().st_mode & 0o777 == 0o600
        done.set()
        for each in writing:
            each.result()
    left = sorted((tmp_path / "copies").iterdir())
    assert [each.name[:5] for each in left] == ["chat-"] * len(left)
    assert 1 <= len(left) <= 2


def test_a_backup_is_put_back_while_no_server_runs_and_clients_are_told(start, run, tmp_path):
    server = start()
    talk = server.conversation()
    leave_to(server)
    copy = run(server, "backup", tmp_path / "copies").split()[0]
    with closing(sqlite3.connect(copy)) as db:
        (here,) = db.execute("SELECT head FROM revision").fetchone()
    lost = talk.agent.send(talk.id, "Perdu").json["messageId"]
    cursor = talk.client.fetch(talk.id).json["cursor"]
    done = refused(server, "restore", copy)
    assert (done.returncode, "stop it first" in done.stderr) == (2, True)
    assert server.stop() == 0
    kept = run(server, "restore", copy).split()[-1]
    assert {"Perdu"} == texts(kept) - texts(copy)
    server.start()
    assert talk.agent.send(talk.id, "Après").json["messageId"] > lost
    answer = talk.client.fetch(talk.id, cursor=cursor)
    assert (answer.status, answer.json["cursor"]) == (410, here)
    assert talk.client.fetch(talk.id, cursor=here).texts == ["Après"]
    assert "All totals and balances are right." in run(server, "verify")


def texts(path):
    with closing(sqlite3.connect(path)) as db:
        return {text for (text,) in db.execute("SELECT message FROM messages")}


def spoil(how, path):
    if how == "no database":
        path.write_text("Bonjour")
    elif how == "another one":
        path.unlink()
        with closing(sqlite3.connect(path)) as db:
            db.execute("CREATE TABLE other (id)")
    elif how == "cut off":
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    else:
        with closing(sqlite3.connect(path)) as db, db:
            db.execute("INSERT INTO _sqlite_migrations (migration_set, name) VALUES ('chat', 'm999_later')")


@pytest.fixture
def idle(tmp_path):
    """A server's database and settings, without the server."""
    (tmp_path / "data").mkdir(mode=0o700)
    server = Server(tmp_path / "data")
    yield server
    server.close()


@pytest.mark.parametrize("how", ["no database", "another one", "cut off", "newer"])
def test_what_is_no_copy_of_ours_is_not_put_back(idle, run, tmp_path, how):
    talk = idle.conversation()
    copy = tmp_path / "copy.db"
    copy.write_bytes((tmp_path / run(idle, "backup", tmp_path).strip()).read_bytes())
    spoil(how, copy)
    done = refused(idle, "restore", copy)
    assert done.returncode == 3
    assert str(copy) in done.stderr or "m999_later" in done.stderr
    assert (
        idle.database.read(lambda db: db.conn.execute("SELECT id FROM chat_sessions").fetchone())[0]
        == talk.id
    )


def test_a_backup_that_fails_leaves_nothing_and_removes_nothing(idle, run, tmp_path):
    idle.conversation()
    folder = tmp_path / "copies"
    run(idle, "backup", folder)
    before = sorted(folder.iterdir())
    idle.path.write_bytes(b"SQLite format 3" + bytes(5000))
    assert refused(idle, "backup", folder, "--keep", 1).returncode == 3
    assert sorted(folder.iterdir()) == before


def test_a_backup_whose_books_are_wrong_removes_nothing_and_says_so(idle, run, tmp_path):
    idle.conversation()
    folder = tmp_path / "copies"
    older = folder / "chat-20200101-000000.db"
    Path(run(idle, "backup", folder).strip()).rename(older)
    before = set(folder.iterdir())
    spoilt = "UPDATE users SET balance_cents = 500 WHERE id = (SELECT min(id) FROM users)"
    idle.database.write(lambda db: db.conn.execute(spoilt))
    done = refused(idle, "backup", folder, "--keep", 1)
    assert done.returncode == 1
    assert "its books are wrong" in done.stderr
    (new,) = set(folder.iterdir()) - before
    assert before < set(folder.iterdir())
    assert done.stdout.strip() == str(new)
    assert keys(new) == keys(older)
    idle.database.write(lambda db: db.conn.execute("UPDATE users SET balance_cents = 0"))
    assert len(run(idle, "backup", folder, "--keep", 1).splitlines()) > 1
    assert len(list(folder.iterdir())) == 1


def break_modes(server):
    server.path.chmod(0o644)
    server.folder.chmod(0o755)


def break_schema(server):
    spoil("newer", server.path)


def break_contents(server):
    server.close()
    for suffix in ("-wal", "-shm"):
        server.path.with_name(f"chat.db{suffix}").unlink(missing_ok=True)
    server.path.write_bytes(b"SQLite format 3\0" + bytes(5000))


WRONG = {
    "a name": (lambda server: server.environment.update(CHAT_WORKRS="2"), "settings", "docs/settings.md"),
    "too few files": (
        lambda server: server.environment.update(CHAT_MAX_WAITERS="999999"),
        "open files",
        "LimitNOFILE=1002099",
    ),
    "no database": (
        lambda server: server.environment.update(CHAT_DATABASE_URL="sqlite:////nowhere/chat.db"),
        "database",
        "migrate",
    ),
    "a newer schema": (break_schema, "schema", "m999_later"),
    "open to all": (break_modes, "modes", "chmod 700"),
    "not a database": (break_contents, "database", "tete-a-tete restore"),
    "another currency": (
        lambda server: server.environment.update(CHAT_CURRENCY="USD"),
        "currency",
        "CHAT_CURRENCY=EUR",
    ),
}


def test_doctor_finds_nothing_wrong_with_a_good_set_up(idle, run):
    idle.person("admin")
    found = list(map(json.loads, run(idle, "doctor", "--json").splitlines()))
    assert {each["state"] for each in found} <= {"ok", "warning"}  # what the machine has is the machine's
    assert {"schema", "contents", "modes", "open files", "clock"} <= {each["name"] for each in found}
    assert "administrator" in run(idle, "doctor")


@pytest.mark.parametrize("fault", WRONG)
def test_doctor_names_what_is_wrong_and_what_to_do(idle, fault):
    spoil_it, name, advice = WRONG[fault]
    spoil_it(idle)
    done = refused(idle, "doctor", "--json")
    assert done.returncode == 1
    (found,) = (each for each in map(json.loads, done.stdout.splitlines()) if each["state"] == "wrong")
    assert found["name"] == name
    assert advice in found["advice"]


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({"CHAT_BIND": "0.0.0.0:3000"}, "address"),
        ({"CHAT_WORKER_CLASS": "gthread"}, "waiters"),
        ({}, "administrator"),
    ],
    ids=["open to others", "few threads", "nobody"],
)
def test_doctor_warns_of_what_may_be_meant(idle, run, settings, name):
    idle.environment |= settings
    found = map(json.loads, run(idle, "doctor", "--json").splitlines())
    assert name in {each["name"] for each in found if each["state"] == "warning" and each["advice"]}
