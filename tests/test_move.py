"""A database that goes to another engine and back: all of it, once, and who had a cursor goes on with it."""

import fcntl
import itertools
import shutil
from contextlib import closing
from io import BytesIO

import psycopg
import pytest

from chat import store
from chat.blobs import Blobs
from chat.database.opening import open_database
from chat.database.sqlite.connection import sqlite3
from chat.demo import month, pairs
from chat.moving import move
from tests.server import Server, password_hash
from tests.test_cli import refused

# Of the one row, what belongs to a place and not to the house.
OF_A_PLACE = {"boot_id", "clock_offset", "leader", "lease_until", "reserved_upto", "reserved_mark"} | {
    "searched_message_id",
    "is_search_stale",
}


@pytest.fixture
def idle(tmp_path):
    """A server's database with a month of conversations, without the server."""
    (tmp_path / "one").mkdir(mode=0o700)
    server = Server(tmp_path / "one")
    first = pairs.create(server.runtime, 1, password_hash())[0]
    month.furnish(server.runtime, first, password_hash())
    server.database.write(
        lambda db: [
            store.ledger.append(db, user["id"], "top_up", 100 * user["id"], None, "Bank transfer", 1)
            for user in store.users.search(db, "", "client", 1 << 62, 100)
        ]
    )
    yield server
    server.close()


def contents(url):
    """All rows of all tables."""
    database = open_database(url, 1, lambda db: None)
    tables = database.tables()

    def work(db):
        found = {}
        for table, names in tables.columns(db).items():
            kept = [name for name in names if table != "server" or name not in OF_A_PLACE]
            found[table] = sorted(map(tuple, tables.rows(db, table, kept)), key=repr)
        return found

    try:
        return database.read(work)
    finally:
        database.close()


def triggers(path):
    with closing(sqlite3.connect(path)) as db:
        return sorted(db.execute("SELECT type, name, sql FROM sqlite_master").fetchall(), key=repr)


def constraints(url):
    """And which triggers are on."""
    with psycopg.connect(url) as db:
        return [
            sorted(db.execute(query).fetchall())
            for query in (
                "SELECT conrelid::regclass::text, conname::text, pg_get_constraintdef(oid) FROM pg_constraint"
                " WHERE connamespace = 'public'::regnamespace",
                "SELECT tgrelid::regclass::text, tgname::text, tgenabled::text FROM pg_trigger"
                " WHERE NOT tgisinternal",
            )
        ]


def test_all_of_it_goes_there_and_back(idle, run, postgres, tmp_path):
    idle.database.close()
    url, back = postgres.new(), f"sqlite:///{tmp_path}/two/chat.db"
    made = constraints(url)
    told = run(idle, "move", idle.database_url, url)
    assert "All totals and balances are right there." in told
    run(idle, "move", url, back)
    before, between, after = map(contents, (idle.database_url, url, back))
    assert {name: len(rows) for name, rows in between.items()} == {
        name: len(rows) for name, rows in before.items()
    }
    assert before == between == after
    assert len(before["messages"]) > 100 and len(before["ledger"]) > 5
    assert constraints(url) == made
    assert triggers(tmp_path / "two" / "chat.db") == triggers(idle.path)
    for each in (url, back):
        idle.environment["CHAT_DATABASE_URL"] = each
        assert "All totals and balances are right." in run(idle, "verify")


def test_a_client_goes_on_with_what_it_had(start, run, postgres, tmp_path):
    """Over a move to PostgreSQL, and over one back: no reset, no gap, nothing twice."""
    server = start(tmp_path / "one")
    talk = server.conversation()
    newest = [talk.agent.send(talk.id, text).json["messageId"] for text in ("un", "deux")][-1]
    had = talk.client.fetch(talk.id)
    talk.agent.send(talk.id, "trois")
    addresses = [server.database_url, postgres.new(), f"sqlite:///{tmp_path}/back.db"]
    texts = ["trois"]
    for number, (source, target) in enumerate(itertools.pairwise(addresses)):
        assert server.stop() == 0
        run(server, "move", source, target)
        server = start(tmp_path / f"next{number}", database_url=target)
        people = [server.client(each.token) for each in (talk.client, talk.agent)]
        id_ = people[1].send(talk.id, f"move {number}").json["messageId"]
        texts.append(f"move {number}")
        assert id_ > newest
        newest = id_
        for position in ({"cursor": had.json["cursor"]}, {"lastMessageId": had.json["messages"][-1]["id"]}):
            answer = people[0].fetch(talk.id, **position)
            assert (answer.status, answer.texts) == (200, texts)
        found = people[0].get("/api/chat/search?q=trois").json
        assert [each["chat_session_id"] for each in found["found"]] == [talk.id]
        run(server, "verify")


def test_files_that_were_sent_come_along(idle, run, postgres, tmp_path):
    """Into the database where hosts share one, and out of it again."""
    name = Blobs(tmp_path / "one/chat.files").keep(BytesIO(b"un fichier"))
    idle.database.write(
        lambda db: db.conn.execute(
            """
            INSERT INTO attachments (id, user_id, name, type, bytes, content, digest)
            SELECT id, sender_id, 'a.txt', 'text/plain', 10, ?, 'x' FROM messages ORDER BY id LIMIT 1
            """,
            (name,),
        )
    )
    url = postgres.new()
    for source, target in (
        (idle.database_url, url),
        (url, f"sqlite:///{tmp_path}/two.db"),
    ):
        former = idle.environment["CHAT_ATTACHMENTS_FOLDER"]
        idle.environment["CHAT_ATTACHMENTS_FOLDER"] = ""
        told = run(idle, "move", source, target)
        assert "Files that were sent: 1 are in" in told
        idle.environment["CHAT_ATTACHMENTS_FOLDER"] = former
    assert Blobs(tmp_path / "two.files").path(name).read_bytes() == b"un fichier"


@pytest.mark.parametrize(
    ("source", "target", "code", "text"),
    [
        ("{here}", "{here}", 2, "has people of its own"),
        ("sqlite:///{folder}/none.db", "sqlite:///{folder}/two.db", 2, "no database at"),
        ("{here}", "postgresql://chat@/x?host={folder}", 3, "No such file"),
        ("{here}", "mysql://x", 2, "an address is like"),
        ("sqlite:///{folder}/older.db", "sqlite:///{folder}/two.db", 3, "migrations"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_is_made(idle, tmp_path, source, target, code, text):
    with closing(sqlite3.connect(idle.path)) as db, closing(sqlite3.connect(tmp_path / "older.db")) as older:
        db.backup(older)
        older.execute("DELETE FROM _sqlite_migrations WHERE name = 'm031_widgets'")
        older.commit()
    before = contents(idle.database_url)
    words = [each.format(here=idle.database_url, folder=tmp_path) for each in (source, target)]
    done = refused(idle, "move", *words)
    assert (done.returncode, text in done.stderr) == (code, True), done.stderr
    assert not (tmp_path / "two.db").exists()
    assert contents(idle.database_url) == before


@pytest.mark.parametrize("which", ["source", "target"])
def test_nothing_is_moved_beside_a_server(start, tmp_path, which):
    server, other = start(), f"sqlite:///{tmp_path}/other.db"
    server.client().get("/healthz")
    words = (server.database_url, other) if which == "source" else (other, server.database_url)
    if which == "target":
        shutil.copy(_copy(server, tmp_path), tmp_path / "other.db")
    done = refused(server, "move", *words)
    assert (done.returncode, "stop it first" in done.stderr) == (2, True), done.stderr


def _copy(server, folder):
    with closing(sqlite3.connect(server.path)) as db, closing(sqlite3.connect(folder / "copy.db")) as copy:
        db.backup(copy)
    return folder / "copy.db"


def test_what_is_interrupted_leaves_nothing_and_is_tried_again(idle, postgres):
    """Whoever looks meanwhile sees none of it, and nobody can begin to serve it."""

    class Interrupted(BaseException):
        pass

    def tell(what, done, of):
        if what == "messages":
            locked = (idle.folder / "chat.db-serving").open("r+")
            with closing(locked), pytest.raises(BlockingIOError):
                fcntl.flock(locked, fcntl.LOCK_SH | fcntl.LOCK_NB)
            raise Interrupted

    idle.database.close()
    for url in (postgres.new(), f"sqlite:///{idle.folder}/two.db"):
        here, there = (open_database(each, 1, lambda db: None) for each in (idle.database_url, url))
        with pytest.raises(Interrupted):
            move(here, there, tell)
        assert contents(url)["users"] == contents(url)["books"] == []
        assert move(here, there).wrong == []
        here.close()
        there.close()
        assert contents(url) == contents(idle.database_url)
