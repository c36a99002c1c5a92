"""Other programs that open the database file beside the server, and a file that is away or too new."""

import hashlib
import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from time import sleep

import pytest

from chat.database.sqlite.connection import connect
from tests.server import COMMAND, PATIENCE_SECONDS, ROOT, Server
from tests.threads import together

ROUNDS = 4
# For an instant whoever closes the file keeps others from opening it.
SQLITE3 = ("sqlite3", "-cmd", ".timeout 5000")
# Python's own library is another one than the server's, and older.
PYTHON = """
import sqlite3, sys
from contextlib import closing
path, backup = sys.argv[1:]
for number in range(10):
    with closing(sqlite3.connect(path)) as db:
        db.execute("SELECT count(*) FROM messages").fetchone()
    with closing(sqlite3.connect(path)) as db:
        db.execute("VACUUM INTO ?", (f"{backup}{number}",))
    with closing(sqlite3.connect(path)) as db, closing(sqlite3.connect(f"{backup}{number}-copy")) as copy:
        db.backup(copy)
"""
MESSAGES = """
import json, sqlite3, sys
print(json.dumps(sqlite3.connect(sys.argv[1]).execute("SELECT id, message FROM messages").fetchall()))
"""


def program(*words):
    done = subprocess.run(
        [*map(str, words)], capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def who_locks(path):
    """The processes that hold a lock on it."""
    inode = path.stat().st_ino
    lines = [line.split() for line in Path("/proc/locks").read_text().splitlines()]
    return {int(line[4]) for line in lines if line[1] == "POSIX" and line[5].endswith(f":{inode}")}


def deleted_files(pid):
    """What it has open that is gone, of a database."""
    links = [os.readlink(each) for each in Path(f"/proc/{pid}/fd").iterdir() if each.is_symlink()]
    return [link for link in links if "chat.db" in link and link.endswith("(deleted)")]


def leave_to(server):
    """The test itself has the file open no more: its locks would protect the server."""
    server.runtime.close()
    server.wait_until(lambda told: os.getpid() not in who_locks(server.path))


def use_it(path, backup):
    """What others do with a database."""
    for number in range(ROUNDS):
        program(*SQLITE3, path, "SELECT count(*) FROM messages")
        program(*SQLITE3, path, f"VACUUM INTO '{backup}-system{number}'")
        program(*SQLITE3, path, f".backup {backup}-copy{number}")
    program(sys.executable, "-c", PYTHON, path, f"{backup}-python")


def use_it_under_load(server, talk, folder):
    """What was acknowledged meanwhile, as (id, text)."""
    acknowledged, done = [], []

    def send(who):
        number = 0
        while not done:
            threads.check()
            text = f"{who.token[:5]} {number}"
            answer = who.send(talk.id, text)
            assert answer.status == 201
            acknowledged.append((answer.json["messageId"], text))
            number += 1

    folder.mkdir()
    with together(server) as threads:
        threads.submit(send, talk.client)
        threads.submit(send, talk.agent)
        users = [threads.submit(use_it, server.path, folder / f"backup{number}") for number in range(2)]
        for user in users:
            user.result()
        done.append(True)
    for pid in server.workers():
        assert deleted_files(pid) == []
    assert server.workers() <= who_locks(server.path)
    for _ in range(3):
        answer = talk.client.send(talk.id, "Et après ?")
        acknowledged.append((answer.json["messageId"], "Et après ?"))
    return acknowledged


@pytest.mark.parametrize(
    ("worker_class", "workers"),
    [
        ("gevent", 1),
        ("gthread", 2),
        pytest.param("gevent", 2, marks=pytest.mark.soak),
        pytest.param("gthread", 1, marks=pytest.mark.soak),
    ],
)
def test_what_was_acknowledged_is_there_whoever_else_opens_the_file(start, tmp_path, worker_class, workers):
    server = start(worker_class=worker_class, workers=workers)
    talk = server.conversation()
    leave_to(server)
    server.wait_until(lambda told: len(told) == workers and server.workers() <= who_locks(server.path))
    acknowledged = use_it_under_load(server, talk, tmp_path / "stopped")
    assert server.stop() == 0
    assert not set(acknowledged) - stored(server.path)
    server.start()
    server.wait_until(lambda told: len(server.workers() & told.keys()) == workers)
    acknowledged += use_it_under_load(server, talk, tmp_path / "killed")
    server.kill()
    assert not set(acknowledged) - stored(server.path)


def stored(path):
    """All messages, as (id, text)."""
    return {tuple(row) for row in json.loads(program(sys.executable, "-c", MESSAGES, path))}


def command(server, *words):
    return subprocess.run(
        [*COMMAND, *words],
        cwd=ROOT,
        env=server.environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )


def test_a_database_of_a_newer_version_is_left_alone(tmp_path):
    server = Server(tmp_path)
    server.database.write(
        lambda db: db.conn.execute("INSERT INTO _sqlite_migrations VALUES (99, 'chat', 'm099_tomorrow', '')")
    )
    server.close()
    newer = tmp_path / "newer.db"
    db = connect(server.path)
    db.conn.execute("VACUUM INTO ?", (str(newer),))
    db.close()
    newer.rename(server.path)
    for suffix in ("-wal", "-shm", "-heads"):
        server.path.with_name(f"chat.db{suffix}").unlink(missing_ok=True)
    digest = hashlib.sha256(server.path.read_bytes()).digest()
    for words in (("migrate",), ("verify",)):
        done = command(server, *words)
        assert done.returncode == 3
        assert "is at schema m099_tomorrow; this version of Tête-à-tête knows it up to m0" in done.stderr
    server.listener = socket.create_server(("127.0.0.1", 0))
    server.environment["CHAT_BIND"] = f"fd://{server.listener.fileno()}"
    server.start()
    assert server.process.wait(PATIENCE_SECONDS) == 3
    assert "is at schema m099_tomorrow" in server.log
    server.listener.close()
    assert hashlib.sha256(server.path.read_bytes()).digest() == digest


def test_a_database_that_is_away_is_waited_for(start):
    """Whether it goes while the server runs, or was gone when it started: no empty one takes its place."""
    server = start()
    talk = server.conversation()
    leave_to(server)
    assert talk.client.send(talk.id, "Avant").status == 201
    away = server.path.with_name("away")
    for is_stopped in (False, True):
        if is_stopped:
            assert server.stop() == 0
        server.path.rename(away)
        if is_stopped:
            server.start()
        for answer in (talk.client.fetch(talk.id), talk.client.send(talk.id, "Perdu"), talk.client.get("/")):
            assert answer.status == 503
        done = command(server, "demo")
        assert (done.returncode, "Traceback" in done.stderr, server.path.exists()) == (3, False, False)
        away.rename(server.path)
        while talk.client.get("/readyz").status == 503:
            sleep(0.05)
        assert talk.client.send(talk.id, f"De retour {is_stopped}").status == 201
    assert talk.client.fetch(talk.id).texts[-3:] == ["Avant", "De retour False", "De retour True"]


def test_ids_go_on_without_a_gap_after_a_stop(start, run):
    server = start(workers=2)
    talk = server.conversation()
    leave_to(server)
    first = talk.client.send(talk.id, "Un").json["messageId"]
    assert server.stop() == 0
    assert run(server, "send", talk.id, "Deux").strip() == str(first + 1)
    server.start()
    assert talk.client.send(talk.id, "Trois").json["messageId"] == first + 2
