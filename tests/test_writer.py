"""The writer: grouped, bounded, and honest about what is not stored."""

import os
import stat
import threading

import pytest

from chat.database.sqlite.connection import UnsafeSQLite, check_version, connect, path_of
from chat.database.sqlite.database import SQLiteDatabase
from chat.errors import DatabaseUnavailable, NotFound, Overloaded
from chat.store import revision
from tests.threads import together

PATIENCE_SECONDS = 20


@pytest.fixture
def database(tmp_path):
    database = SQLiteDatabase(tmp_path / "chat.db", write_queue=3)
    assert database.migrate()[0] == "m001_conversations"
    return database


def block(database):
    """Another program that writes, until it commits."""
    other = connect(database.path)
    other.conn.execute("BEGIN IMMEDIATE")
    return other


def write_together(database, *works):
    """What came of each, in one group: they queue while the writer is busy with another write."""
    busy, queued = threading.Event(), threading.Event()

    def keep_the_writer(db):
        busy.set()
        assert queued.wait(PATIENCE_SECONDS)

    def outcome(work):
        try:
            return database.write(work)
        except NotFound as error:
            return error

    with together() as threads:
        threads.submit(database.write, keep_the_writer)
        assert busy.wait(PATIENCE_SECONDS)
        writes = []
        for work in works:
            writes.append(threads.submit(outcome, work))
            while database.queued_writes() < len(writes):
                assert not queued.wait(0.001)
        queued.set()
        return [write.result(PATIENCE_SECONDS) for write in writes]


def test_writes_that_wait_are_one_transaction(database):
    """Seen from another connection, all of them come at once."""
    other, seen = connect(database.path), []

    def write(db):
        seen.append(revision.head(other))
        return revision.advance(db)

    assert write_together(database, write, write, write) == [1, 2, 3]
    assert seen == [0, 0, 0]


def test_one_that_fails_spoils_no_other_of_its_group(database):
    other, seen = connect(database.path), []

    def write(db):
        seen.append(revision.head(other))
        return revision.advance(db)

    def refuse(db):
        write(db)
        raise NotFound

    first, refused, last = write_together(database, write, refuse, write)
    assert (first, type(refused), last) == (1, NotFound, 2)
    assert seen == [0, 0, 0]
    assert database.read(revision.head) == 2


@pytest.mark.parametrize("error", [RuntimeError, MemoryError, SystemExit])
def test_no_error_stops_the_writer(database, error):
    """An error of the writer itself, not of one write: whoever waits is answered, and it goes on."""

    def fail(db):
        db.conn.execute("SAVEPOINT mine")
        db.conn.execute("RELEASE call")
        raise error

    with pytest.raises((DatabaseUnavailable, error)):
        database.write(fail)
    assert database.write(revision.advance) == 1


def test_a_full_queue_refuses_and_keeps_what_it_took(database):
    other = block(database)
    outcomes = []

    def write():
        try:
            outcomes.append(database.write(revision.advance))
        except Overloaded:
            outcomes.append(None)

    with together() as threads:
        for _ in range(30):
            threads.submit(write)
        while None not in outcomes:
            threads.check()
        other.conn.execute("COMMIT")
    done = [outcome for outcome in outcomes if outcome is not None]
    assert sorted(done) == list(range(1, len(done) + 1))
    assert database.read(revision.head) == len(done)


def test_a_commit_that_fails_reaches_every_caller_and_the_writer_goes_on(database):
    def break_commit(db):
        db.conn.execute("PRAGMA defer_foreign_keys = ON")
        db.conn.execute("INSERT INTO auth_tokens VALUES (1, 99, zeroblob(32), 0, 0, NULL, 0)")

    with pytest.raises(DatabaseUnavailable):
        database.write(break_commit)
    assert database.write(revision.advance) == 1


def test_a_lock_that_is_not_had_in_time_is_told(database, monkeypatch):
    monkeypatch.setattr("chat.database.sqlite.connection.BUSY_SECONDS", 0.05)
    other = block(database)
    with pytest.raises(DatabaseUnavailable):
        database.write(revision.advance)
    other.conn.execute("COMMIT")
    assert database.write(revision.advance) == 1


def test_a_file_that_goes_missing_is_no_place_to_write(database):
    assert database.write(revision.advance) == 1
    hidden = database.path.rename(database.path.with_suffix(".away"))
    for use in (database.write, database.read):
        with pytest.raises(DatabaseUnavailable):
            use(revision.head)
    hidden.rename(database.path)
    assert database.write(revision.advance) == 2
    assert database.read(revision.head) == 2


def test_a_read_is_one_snapshot(database):
    def read_twice(db):
        before = revision.head(db)
        assert database.write(revision.advance) == before + 1
        return before, revision.head(db)

    assert database.read(read_twice) == (0, 0)


def test_a_read_that_is_refused_leaves_no_transaction_behind(database):
    def refuse(db):
        revision.head(db)
        raise NotFound

    with pytest.raises(NotFound):
        database.read(refuse)
    database.write(revision.advance)
    assert database.read(revision.head) == 1


def test_processes_that_boot_together_migrate_once(tmp_path):
    databases = [SQLiteDatabase(tmp_path / "new.db", 1) for _ in range(8)]
    with together() as threads:
        applied = threads.map(SQLiteDatabase.migrate, databases)
    assert sorted(map(bool, applied)) == [False] * 7 + [True]


def test_only_the_owner_may_read_the_file(database):
    for path in database.path.parent.glob("chat.db*"):
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o600


def test_writes_are_durable_and_references_hold(database):
    db = connect(database.path)
    pragmas = {
        name: db.conn.execute(f"PRAGMA {name}").fetchone()[0]
        for name in ("journal_mode", "synchronous", "foreign_keys")
    }
    assert pragmas == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}


@pytest.mark.parametrize("version", [(3, 51, 3), (3, 53, 4), (3, 50, 7), (3, 44, 6), (4, 0, 0)])
def test_a_sound_sqlite_is_taken_as_it_is(version):
    assert check_version(version, workers=4) == ""


@pytest.mark.parametrize("version", [(3, 40, 1), (3, 44, 5), (3, 45, 0), (3, 50, 6), (3, 51, 2)])
def test_an_unsafe_sqlite_is_refused_with_what_to_do(version):
    with pytest.raises(UnsafeSQLite, match="pysqlite3"):
        check_version(version, workers=2)
    assert "pysqlite3" in check_version(version, workers=1)


def test_a_url_names_a_relative_or_an_absolute_path(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert path_of("sqlite:///data/chat.db") == tmp_path / "data" / "chat.db"
    assert str(path_of("sqlite:////srv/chat.db")) == "/srv/chat.db"


def test_a_file_that_was_replaced_is_the_one_to_write(database, tmp_path):
    database.write(revision.advance)
    assert database.read(revision.head) == 1
    backup = tmp_path / "backup.db"
    connect(database.path).conn.execute("VACUUM INTO ?", (str(backup),))
    for name in ("chat.db", "chat.db-wal", "chat.db-shm"):
        (tmp_path / name).unlink(missing_ok=True)
    backup.rename(database.path)
    lifted = database.write(revision.advance)
    assert lifted > 2
    assert connect(database.path).conn.execute("SELECT head FROM revision").fetchone()[0] == lifted
