"""Reload, stop and crash: nobody who waits or sends is left without an answer."""

import itertools
import os
import signal
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from http.client import HTTPConnection, HTTPException

import pytest

HELD = 50
MESSAGES = 10_000
SENDERS = 4
# When gunicorn itself cuts what does not end (graceful_timeout).
CUT_SECONDS = 20


def hold(server, talks):
    """A poll by each side of each conversation; returns them when the server holds all."""
    polls = [
        who.poll(talk.id, lastMessageId=talk.last_id) for talk in talks for who in (talk.client, talk.agent)
    ]
    server.wait_until_held(len(polls))
    return polls


@pytest.mark.parametrize("workers", [1, 2])
def test_sigterm_answers_every_held_poll(start, worker_class, workers):
    server = start(worker_class=worker_class, workers=workers, threads=80)
    polls = hold(server, [server.conversation() for _ in range(HELD // 2)])
    code = server.stop()
    answers = [poll.result() for poll in polls]
    assert [answer.status for answer in answers] == [200] * HELD
    assert {answer.headers["Connection"] for answer in answers} == {"close"}
    assert all(answer.json["messages"] == [] for answer in answers)
    assert code == 0


def test_an_idle_connection_does_not_hold_the_exit(start, worker_class):
    server = start(worker_class=worker_class, keepalive_seconds=75)
    with closing(HTTPConnection(*server.address)) as connection:
        connection.request("GET", "/healthz")
        assert connection.getresponse().read()
        assert server.stop(patience=CUT_SECONDS / 2) == 0


def test_who_is_let_go_by_a_stopping_worker_does_not_get_in_again(start, worker_class):
    """It would be let go again at once, hundreds of times."""
    server = start(worker_class=worker_class)
    talk = server.conversation()
    last, answers = talk.last_id, []

    def poll_until_refused():
        while True:
            try:
                answers.append(talk.client.fetch(talk.id, lastMessageId=last, longPoll="true"))
            except OSError:
                return

    with ThreadPoolExecutor() as threads:
        polling = threads.submit(poll_until_refused)
        server.wait_until_held(1)
        server.listener.close()
        server.stop()
        polling.result()
    assert [answer.status for answer in answers] == [200]


@pytest.mark.parametrize("cause", ["ttou", "max_requests"])
def test_a_worker_that_leaves_hands_its_polls_over(start, worker_class, cause):
    limit = {"max_requests": 60} if cause == "max_requests" else {}
    server = start(worker_class=worker_class, workers=2, **limit)
    talk = server.conversation()
    polls = hold(server, [talk])
    before = server.workers()
    if cause == "ttou":
        server.signal(signal.SIGTTOU)
    server.wait_until(lambda workers: before - server.workers())
    talk.agent.send(talk.id, "La suite")
    assert {poll.result().status for poll in polls} == {200}
    assert talk.client.fetch(talk.id).texts[-1] == "La suite"


@pytest.mark.parametrize(("kind", "messages"), [("gevent", MESSAGES), ("gthread", MESSAGES // 4)])
def test_a_plain_client_misses_nothing_while_the_server_reloads(start, kind, messages):
    """It loops on lastMessageId; two workers, SIGHUP every two seconds, no failed request."""
    server = start(worker_class=kind, workers=2)
    talk = server.conversation()
    sent, received, done = [], [], threading.Event()
    first = talk.last_id

    def reload():
        while not done.wait(2):
            server.signal(signal.SIGHUP)

    def send(sender):
        for number in range(messages // SENDERS):
            answer = talk.agent.send(talk.id, f"{sender} {number}")
            assert answer.status == 201, answer
            sent.append(answer.json["messageId"])

    def receive():
        last = first
        while len(received) < messages:
            answer = talk.client.fetch(talk.id, lastMessageId=last, longPoll="true")
            assert answer.status == 200, answer
            received.extend(answer.json["messages"])
            last = received[-1]["id"] if received else last

    with ThreadPoolExecutor(SENDERS + 2) as threads:
        reloading, receiving = threads.submit(reload), threads.submit(receive)
        sending = list(threads.map(send, range(SENDERS)))
        receiving.result()
        done.set()
        reloading.result()
    assert len(sending) == SENDERS
    assert [message["id"] for message in received] == sorted(sent)
    for sender in range(SENDERS):
        theirs = [m["message"] for m in received if m["message"].startswith(f"{sender} ")]
        assert theirs == [f"{sender} {number}" for number in range(messages // SENDERS)]


def test_what_was_acknowledged_survives_a_kill(start, worker_class):
    server = start(worker_class=worker_class)
    talk = server.conversation()
    acknowledged, killed = [], threading.Event()

    def send_until_killed(sender):
        for number in itertools.count():
            try:
                answer = talk.client.send(talk.id, f"{sender} {number}")
            except (OSError, HTTPException):
                return
            acknowledged.append(answer.json["messageId"])
            if killed.is_set():
                return

    with ThreadPoolExecutor(8) as threads:
        sending = [threads.submit(send_until_killed, sender) for sender in range(8)]
        server.wait_until(lambda workers: len(acknowledged) > 200)
        server.kill()
        killed.set()
        server.start()
        for sender in sending:
            sender.result()
    stored, last = set(), 0
    while page := talk.agent.fetch(talk.id, lastMessageId=last).json["messages"]:
        stored |= {message["id"] for message in page}
        last = page[-1]["id"]
    assert stored >= set(acknowledged)


def test_a_client_that_leaves_frees_its_waiter(start, worker_class):
    server = start(worker_class=worker_class)
    talk = server.conversation()
    gone = socket.create_connection(server.address)
    gone.sendall(
        f"GET /api/chat/messages/{talk.id}?lastMessageId={talk.last_id}&longPoll=true HTTP/1.1\r\n"
        f"Host: chat\r\nAuthorization: Bearer {talk.client.token}\r\n\r\n".encode()
    )
    stays = talk.agent.poll(talk.id, lastMessageId=talk.last_id)
    server.wait_until_held(2)
    gone.close()
    server.wait_until_held(1)
    talk.client.send(talk.id, "Coupure, pardon")
    assert stays.result().texts == ["Coupure, pardon"]


def test_a_worker_that_is_killed_is_replaced(start):
    server = start(workers=2)
    talk = server.conversation()
    server.wait_until(lambda workers: len(workers) == 2)
    first = server.workers()
    for pid in first:
        os.kill(pid, signal.SIGKILL)
    assert talk.client.send(talk.id, "Toujours debout").status == 201
    assert not server.workers() & first
