"""No second without a server is billed, however short; and one that others go on without is no outage."""

import fcntl
import os
import signal

import pytest

from chat.database.sqlite.serving import FileServing
from tests.server import mostly

GAP_SECONDS = 8


@pytest.fixture(params=["power cut", "main process killed", "stopped"])
def go_down(request):
    def go_down(server):
        if request.param == "power cut":
            server.kill()
        elif request.param == "stopped":
            server.stop()
        else:
            server.process.kill()
            server.process.wait()
        # Each that serves has a part in the lock.
        with open(server.path.with_name("chat.db-serving")) as file:
            fcntl.flock(file, fcntl.LOCK_EX)

    return go_down


def is_held(lock):
    try:
        with open(lock, "r+") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def running(server):
    """A conversation whose clock runs."""
    server.wait_until(lambda told: told)
    talk = server.conversation()
    talk.agent.send(talk.id, "Bonjour")
    return talk


def intervals(talk):
    found = talk.client.get(f"/api/chat/sessions/{talk.id}/receipt").json["intervals"]
    return [(each["reason"], each["milliseconds"]) for each in found if each["milliseconds"]]


def outages(talk):
    return [milliseconds for reason, milliseconds in intervals(talk) if reason == "outage"]


@mostly("gevent")
def test_a_server_that_is_away_for_a_few_seconds_is_an_outage(start, worker_class, go_down):
    server = start(worker_class=worker_class)
    talk = running(server)
    go_down(server)
    server.advance(GAP_SECONDS, outage=True)
    server.start()
    (milliseconds,) = outages(talk)
    assert milliseconds >= GAP_SECONDS * 1000
    session = talk.client.show(talk.id)
    assert (session["status"], session["is_clock_running"]) == ("active", True)


@mostly("gthread")
def test_the_only_worker_killed_is_an_outage(start, worker_class):
    server = start(worker_class=worker_class)
    talk = running(server)
    (worker,) = before = server.workers()
    os.kill(worker, signal.SIGSTOP)  # So that it does not beat in the time that passes.
    server.advance(GAP_SECONDS, outage=True)
    os.kill(worker, signal.SIGKILL)
    server.wait_until(lambda told: told.keys() - before)
    (milliseconds,) = outages(talk)
    assert milliseconds >= GAP_SECONDS * 1000


@mostly("gevent")
def test_one_of_two_workers_killed_is_none_nor_is_a_reload(start, worker_class):
    server = start(worker_class=worker_class, workers=2)
    talk = running(server)
    server.wait_until(lambda told: len(told) == 2)
    for worker in server.workers():
        before = server.workers()
        os.kill(worker, signal.SIGKILL)
        server.wait_until(lambda told, before=before: told.keys() - before)
        assert outages(talk) == []
    server.reload()
    assert outages(talk) == []


@mostly("gthread")
def test_another_server_on_the_same_database_is_no_outage(start, worker_class):
    one = start(worker_class=worker_class)
    talk = running(one)
    lock = one.path.with_name("chat.db-serving")
    lock.unlink()
    one.wait_until(lambda _: is_held(lock))
    other = start(one.folder, worker_class=worker_class)
    other.wait_until(lambda told: told)
    one.kill()
    other.wait_until(lambda told: told)
    talk.client.address = other.address
    assert [reason for reason, _ in intervals(talk)] == ["active"]


def test_who_could_not_take_the_lock_at_the_start_takes_it_later_and_says_so(tmp_path, caplog):
    path = tmp_path / "mounted" / "chat.db"
    early, late = FileServing(path), FileServing(path)
    with early.begin() as is_alone:
        assert not is_alone
    assert "cannot be told" in caplog.text
    path.parent.mkdir()
    early.keep()
    with late.begin() as is_alone:
        assert not is_alone
    early.end()
    late.end()
    with late.begin() as is_alone:
        assert is_alone
    late.end()
