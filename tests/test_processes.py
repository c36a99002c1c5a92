"""Delivery between processes: the doorbell, the poll loop behind it, and programs beside the server."""

import os
import signal
import socket

import pytest

from tests.server import mostly
from tests.test_stopping import hold

# The longest that can be set, and what is awaited before: only the doorbell can have told it.
NEVER = 60
RING_SECONDS = 45


def pair(start, **settings):
    """Two servers on one database, so that every delivery crosses a process."""
    near = start(**settings)
    return near, start(folder=near.folder, **settings)


def deliver_across(near, far):
    """What somebody who waits at `far` gets of what is sent at `near`."""
    talk = near.conversation()
    there = far.client(talk.client.token)
    poll = there.poll(talk.id, lastMessageId=talk.settle())
    far.wait_until_held(1)
    talk.agent.send(talk.id, "De loin")
    return poll.result(RING_SECONDS)


@mostly("gevent")
def test_the_doorbell_wakes_the_other_process(start, worker_class):
    near, far = pair(start, worker_class=worker_class, check_interval_seconds=NEVER)
    assert deliver_across(near, far).texts == ["De loin"]


def test_the_doorbell_reaches_below_a_path_that_is_too_long_for_a_socket(start, tmp_path):
    near = start(folder=tmp_path / ("x" * 120), check_interval_seconds=NEVER)
    far = start(folder=near.folder, check_interval_seconds=NEVER)
    assert deliver_across(near, far).texts == ["De loin"]


@mostly("gthread")
def test_the_poll_loop_finds_what_no_doorbell_told(start, worker_class):
    near, far = pair(start, worker_class=worker_class, doorbell=0)
    assert deliver_across(near, far).texts == ["De loin"]


def test_a_burst_that_overflows_the_doorbell_loses_nothing(start):
    near, far = pair(start, check_interval_seconds=NEVER)
    talks = [near.conversation() for _ in range(40)]
    polls = [far.client(talk.client.token).poll(talk.id, lastMessageId=talk.last_id) for talk in talks]
    far.wait_until_held(len(talks))
    # It hears nothing meanwhile, and its queue has room for a few only.
    (deaf,) = far.workers()
    os.kill(deaf, signal.SIGSTOP)
    sends = [talk.agent.send(talk.id, "Tous ensemble") for talk in talks]
    os.kill(deaf, signal.SIGCONT)
    assert {send.status for send in sends} == {201}
    assert {tuple(poll.result(RING_SECONDS).texts) for poll in polls} == {("Tous ensemble",)}


def test_a_datagram_that_nobody_understands_is_logged_and_the_next_one_heard(start):
    near, far = pair(start, check_interval_seconds=NEVER)
    far.wait_until(lambda workers: workers)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as stranger:
        for doorbell in far.path.with_name("chat.db-doorbell").iterdir():
            for datagram in (b"junk", b"news x", b"\xff", b"typing 1 2 3"):
                stranger.sendto(datagram, str(doorbell))
    assert deliver_across(near, far).texts == ["De loin"]
    assert "The doorbell failed, and goes on" in far.log


@pytest.mark.parametrize(
    ("doorbell", "what"),
    [
        (0, "logout"),
        (1, "end"),
        pytest.param(0, "end", marks=pytest.mark.soak),
        pytest.param(1, "logout", marks=pytest.mark.soak),
    ],
)
def test_a_sign_out_and_an_end_cross_processes_too(start, doorbell, what):
    near, far = pair(start, doorbell=doorbell)
    talk = near.conversation()
    poll = far.client(talk.client.token).poll(talk.id, lastMessageId=talk.settle())
    far.wait_until_held(1)
    if what == "logout":
        talk.client.post("/api/auth/logout")
        assert poll.result().status == 401
    else:
        talk.client.post(f"/api/chat/sessions/{talk.id}/end")
        assert poll.result().json["session"]["end_reason"] == "ended_by_client"


@pytest.mark.parametrize(
    ("worker_class", "doorbell"),
    [
        ("gevent", 1),
        ("gthread", 0),
        pytest.param("gevent", 0, marks=pytest.mark.soak),
        pytest.param("gthread", 1, marks=pytest.mark.soak),
    ],
)
def test_a_message_of_another_program_arrives(start, run, worker_class, doorbell):
    server = start(worker_class=worker_class, workers=2, doorbell=doorbell)
    talk = server.conversation()
    polls = hold(server, [talk])
    run(server, "send", talk.id, "De la console", "--as", "agent")
    assert [poll.result().texts for poll in polls] == [["De la console"]] * 2


def test_sockets_of_killed_processes_are_cleared_away(start):
    server = start()
    talk = server.conversation()
    server.wait_until(lambda workers: workers)
    server.kill()
    folder = server.path.with_name("chat.db-doorbell")
    left = set(folder.iterdir())
    assert len(left) == 1
    server.start()
    assert talk.client.send(talk.id, "Me revoilà").status == 201
    assert not left & set(folder.iterdir())


def test_revisions_that_go_back_let_everyone_start_again(start):
    server = start(doorbell=0)
    talk = server.conversation()
    cursor = talk.client.fetch(talk.id).json["cursor"]
    polls = [talk.client.poll(talk.id, cursor=cursor), talk.agent.poll(talk.id, lastMessageId=9)]
    server.wait_until_held(2)
    server.database.write(lambda db: db.conn.execute("UPDATE revision SET head = 1"))
    answers = [poll.result() for poll in polls]
    assert [answer.status for answer in answers] == [410, 200]
