"""PostgreSQL comes and goes, is restored, and its clock is set: what the servers on it do then."""

import subprocess

import pytest

from chat import clock
from chat.database.postgresql import timekeeping
from chat.database.postgresql.connection import connect
from chat.database.postgresql.timekeeping import PATIENCE_MS, SET_MS, Timekeeper
from tests.postgres import programs
from tests.server import Server, await_that
from tests.test_metrics import metrics
from tests.test_restore import LOST, send

HOUR_MS = 3_600_000
LISTENERS = "FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'"


def two(tmp_path, url, **settings):
    """Servers of two hosts on one database, not started yet."""
    hosts = []
    for name in ("here", "there"):
        (tmp_path / name).mkdir()
        hosts.append(Server(tmp_path / name, url, **settings))
    return hosts


def test_a_listener_that_is_lost_is_replaced_and_nobody_misses_anything(tmp_path, postgres):
    """The polls look into the database until they are told again."""
    here, there = two(tmp_path, postgres.new())
    db = connect(here.database_url)
    with here, there:
        talk = here.conversation()
        reader = there.client(talk.client.token)
        for ready in (here, there):
            ready.wait_until(lambda told: told)
        assert await_that(lambda: db.conn.execute(f"SELECT count(*) {LISTENERS}").fetchone()[0] == 2)
        cut = db.conn.execute(f"SELECT pid, pg_terminate_backend(pid) {LISTENERS}").fetchall()
        poll = reader.poll(talk.id, lastMessageId=talk.last_id)
        there.wait_until_held(1)
        assert talk.agent.send(talk.id, "Bonjour").status == 201
        assert poll.result().texts == ["Bonjour"]

        def again():
            new = {row["pid"] for row in db.conn.execute(f"SELECT pid {LISTENERS}").fetchall()}
            return len(new) == 2 and not new & {row["pid"] for row in cut}

        await_that(again)

        def is_told():
            last = talk.settle()
            before = metrics(there)["chat_wakes_total doorbell"]
            poll = reader.poll(talk.id, lastMessageId=last)
            there.wait_until_held(1)
            assert talk.agent.send(talk.id, "Encore").status == 201
            assert poll.result().texts == ["Encore"]
            return metrics(there)["chat_wakes_total doorbell"] > before

        await_that(is_told)
    db.close()


def test_a_server_that_boots_before_its_database_answers_when_that_has_come(tmp_path, cluster):
    host = Server(tmp_path, cluster.new())
    talk = host.conversation()
    cluster.stop()
    with host:
        for answer in (talk.client.fetch(talk.id), talk.client.send(talk.id, "Bonjour")):
            assert answer.status == 503 and int(answer.headers["Retry-After"]) > 0, answer
        cluster.start()
        await_that(lambda: talk.client.send(talk.id, "Bonjour").status == 201)
        assert talk.client.fetch(talk.id).texts[-1] == "Bonjour"
        assert host.process.poll() is None


def test_connections_that_died_while_nobody_used_them_are_passed_over(tmp_path, postgres):
    host = Server(tmp_path, postgres.new(), check_interval_seconds=5)
    db = connect(host.database_url)
    with host:
        talk = host.conversation()
        talk.agent.send(talk.id, "Bonjour")
        for poll in [talk.client.poll(talk.id) for _ in range(20)]:
            assert poll.result().status == 200
        db.conn.execute(
            "SELECT pg_terminate_backend(pid, 9000) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        reads = [talk.client.poll(talk.id) for _ in range(20)]
        assert talk.agent.send(talk.id, "Encore").status == 201
        assert {read.result().status for read in reads} == {200}
    db.close()


@pytest.fixture
def boot(monkeypatch):
    """Milliseconds of this boot, as the test sets them."""
    now = [1_000_000]
    monkeypatch.setattr(clock, "steady", lambda: now[0])
    return now


def correction(db):
    return db.conn.execute(timekeeping.NOW).fetchone()["correction"]


def test_a_clock_that_is_set_is_corrected_once_by_who_leads(postgres, boot):
    db, keeper = connect(postgres.new()), Timekeeper()
    keeper.follow(db, 5_000_000, 0, boot[0] - 40)
    assert keeper.steady() == 5_000_000  # At the answer the database's was up to 40 ms later, never earlier.
    keeper.follow(db, 5_000_000 + SET_MS, 0, boot[0])
    assert keeper.steady() == 5_000_000 + SET_MS and correction(db) == 0
    keeper.leads = True
    boot[0] += 100
    keeper.follow(db, 5_000_100 + SET_MS + HOUR_MS, 0, boot[0])
    assert keeper.steady() == 5_000_100 + SET_MS
    assert correction(db) == -HOUR_MS
    for wall in (5_000_100 + SET_MS + HOUR_MS, 5_000_090 + SET_MS + HOUR_MS):
        keeper.follow(db, wall, correction(db), boot[0])
    assert correction(db) == -HOUR_MS
    # Never back, though the last answer was 10 ms earlier.
    assert keeper.steady() == 5_000_100 + SET_MS
    db.close()


@pytest.mark.parametrize("jump", [HOUR_MS, -HOUR_MS])
def test_who_does_not_lead_waits_for_the_correction_or_adopts_the_time(postgres, boot, jump):
    db, keeper = connect(postgres.new()), Timekeeper()
    wall = 500 * HOUR_MS
    keeper.follow(db, wall, 0, boot[0])
    keeper.follow(db, wall + jump, 0, boot[0])
    assert keeper.steady() == wall
    keeper.follow(db, wall + jump, -jump, boot[0])
    assert keeper.steady() == wall and keeper.wall() == wall + jump
    # Nobody says by how much: after a while it was this host's own clock that stood still.
    keeper.follow(db, wall + jump, 0, boot[0])
    boot[0] += PATIENCE_MS
    keeper.follow(db, wall + jump + PATIENCE_MS, 0, boot[0])
    assert keeper.steady() == wall + PATIENCE_MS
    boot[0] += 1
    keeper.follow(db, wall + jump + PATIENCE_MS + 1, 0, boot[0])
    assert keeper.wall() == wall + jump + PATIENCE_MS + 1
    # And still it never goes back.
    assert keeper.steady() == max(wall + PATIENCE_MS, wall + jump + PATIENCE_MS + 1)
    assert correction(db) == 0
    db.close()


@pytest.mark.parametrize("how", ["stopped", "running"])
def test_nobody_misses_a_message_after_a_restore(tmp_path, postgres, how):
    """A dump put back in the place of what it was taken from."""
    here, there = two(tmp_path, postgres.new())
    with here, there:
        talk = here.conversation()
        agent = there.client(talk.agent.token)
        talk.settle()
        kept = talk.client.fetch(talk.id).json["cursor"]
        program = str(programs() / "pg_dump")
        dump = subprocess.run([program, here.database_url], capture_output=True, check=True).stdout
        _, lost_ids = send(talk, "Perdu", LOST)
        talk.settle()
        cursor = talk.client.fetch(talk.id).json["cursor"]
        if how == "stopped":
            assert (here.stop(), there.stop()) == (0, 0)
        psql = [str(programs() / "psql"), "-q", "-v", "ON_ERROR_STOP=1", "-1", here.database_url]
        sql = b"DROP SCHEMA public CASCADE; CREATE SCHEMA public;" + dump.replace(
            b"CREATE SCHEMA public;", b""
        )
        # Under a running server it may meet a read, and one of the two is refused, whole.
        await_that(lambda: subprocess.run(psql, input=sql, stderr=subprocess.DEVNULL).returncode == 0)
        if how == "stopped":
            here.start()
            there.start()
        await_that(lambda: {each.client().get("/readyz").status for each in (here, there)} == {200})
        texts, ids = send(talk, "Après", 2 * LOST)
        assert min(ids) > max(lost_ids)
        ids.append(agent.send(talk.id, "De là").json["messageId"])
        assert sorted(set(ids)) == ids
        for reader in (talk.client, there.client(talk.client.token)):
            assert reader.fetch(talk.id, lastMessageId=max(lost_ids)).texts == [*texts, "De là"]
            answer = reader.fetch(talk.id, cursor=cursor)
            assert (answer.status, answer.json["code"]) == (410, "cursor_reset")
            assert answer.json["cursor"] >= kept
            assert reader.fetch(talk.id, cursor=answer.json["cursor"]).texts == [*texts, "De là"]
