"""Reload, stop and crash: nobody who waits or sends is left without an answer."""

import itertools
import os
import signal
import socket
import threading
from contextlib import closing
from http.client import HTTPConnection, HTTPException

import pytest

from tests.server import Activated, mostly
from tests.threads import together

HELD = 50
SENDERS = 4


def hold(server, talks):
    """A poll by each side of each conversation; returns them when the server holds all."""
    polls = [
        who.poll(talk.id, lastMessageId=talk.last_id) for talk in talks for who in (talk.client, talk.agent)
    ]
    server.wait_until_held(len(polls))
    return polls


@mostly(("gevent", 2), ("gthread", 1))
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
    keepalive = 75
    server = start(worker_class=worker_class, keepalive_seconds=keepalive)
    with closing(HTTPConnection(*server.address)) as connection:
        connection.request("GET", "/healthz")
        assert connection.getresponse().read()
        assert server.stop(patience=keepalive - 5) == 0


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

    with together(server) as threads:
        polling = threads.submit(poll_until_refused)
        server.wait_until_held(1)
        server.listener.close()
        server.stop()
        polling.result()
    assert [answer.status for answer in answers] == [200]


@pytest.mark.parametrize(
    ("worker_class", "cause"),
    [
        ("gevent", "ttou"),
        ("gthread", "max_requests"),
        pytest.param("gevent", "max_requests", marks=pytest.mark.soak),
        pytest.param("gthread", "ttou", marks=pytest.mark.soak),
    ],
)
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


@pytest.mark.parametrize(
    ("kind", "messages"),
    [
        ("gevent", 1_000),
        ("gthread", 500),
        pytest.param("gevent", 10_000, marks=pytest.mark.soak),
        pytest.param("gthread", 2_500, marks=pytest.mark.soak),
    ],
)
def test_a_plain_client_misses_nothing_while_the_server_reloads(start, kind, messages):
    """It loops on lastMessageId; two workers, one reload after the other, no failed request."""
    server = start(worker_class=kind, workers=2)
    with together(server) as threads:
        traffic = Traffic(server, threads, messages)
        while not traffic.is_over():
            server.reload()
    traffic.check()


@pytest.mark.parametrize("kind", ["gevent", pytest.param("gthread", marks=pytest.mark.soak)])
def test_an_upgrade_through_an_inherited_socket_costs_no_request(tmp_path, kind):
    with Activated(tmp_path, worker_class=kind, workers=2) as server, together(server) as threads:
        traffic = Traffic(server, threads, 400)
        for goal in (50, 150, 250):
            while len(traffic.sent) < goal:
                threads.check()
                threading.Event().wait(0.01)
            server.upgrade()
        traffic.wait()
        traffic.check()


@pytest.mark.soak
@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("pause_seconds", [0.1, 0.3])
def test_signals_that_come_faster_than_a_worker_boots_cost_no_request(
    start, worker_class, workers, pause_seconds
):
    server, done = start(worker_class=worker_class, workers=workers), threading.Event()

    def signal_on():
        while not done.wait(pause_seconds):
            server.signal(signal.SIGHUP)

    with together(server) as threads:
        traffic = Traffic(server, threads, 4_000)
        threads.submit(signal_on)
        try:
            traffic.wait()
        finally:
            done.set()
    traffic.check()


class Traffic:
    """Senders, and a client who loops on lastMessageId; each request on a connection of its own."""

    def __init__(self, server, threads, messages):
        self.talk, self.each = server.conversation(), messages // SENDERS
        self.sent, self.received, self.last = [], [], self.talk.last_id
        self.running = [threads.submit(self.receive)]
        self.running += [threads.submit(self.send, sender) for sender in range(SENDERS)]

    def send(self, sender):
        for number in range(self.each):
            answer = self.talk.agent.send(self.talk.id, f"{sender} {number}")
            assert answer.status == 201, answer
            self.sent.append(answer.json["messageId"])

    def receive(self):
        while len(self.received) < self.each * SENDERS:
            answer = self.talk.client.fetch(self.talk.id, lastMessageId=self.last, longPoll="true")
            assert answer.status == 200, answer
            self.received += answer.json["messages"]
            self.last = self.received[-1]["id"] if self.received else self.last

    def is_over(self):
        return all(each.done() for each in self.running)

    def wait(self):
        for each in self.running:
            each.result()

    def check(self):
        """Nothing was lost, repeated or reordered."""
        assert [message["id"] for message in self.received] == sorted(self.sent)
        for sender in range(SENDERS):
            theirs = [m["message"] for m in self.received if m["message"].startswith(f"{sender} ")]
            assert theirs == [f"{sender} {number}" for number in range(self.each)]


def signal_until_they_boot(server):
    """SIGHUP; returns the new workers, which do not serve yet."""
    server.wait_until(lambda told: told and told.keys() == server.workers())
    old, new = server.workers(), set()
    server.signal(signal.SIGHUP)
    while len(new) < len(old):
        new = server.workers() - old
    return new


@mostly(("gthread", 2))
def test_no_worker_leaves_before_the_new_ones_serve(start, worker_class, workers):
    server = start(worker_class=worker_class, workers=workers)
    talk = server.conversation()
    new = signal_until_they_boot(server)
    for pid in new:
        os.kill(pid, signal.SIGSTOP)
    old = server.workers() - new
    for number in range(500):
        assert talk.agent.send(talk.id, f"{number}").status == 201
    for _ in range(5):
        server.signal(signal.SIGHUP)
    for pid in new:
        os.kill(pid, signal.SIGCONT)
    server.wait_until(lambda told: told.keys() >= server.workers() and not server.workers() & (old | new))
    # All that came meanwhile was one reload.
    assert server.log.count("Hang up") == 2


@mostly("gevent")
def test_a_stop_waits_for_no_reload(start, worker_class):
    server = start(worker_class=worker_class, workers=2)
    signal_until_they_boot(server)
    server.signal(signal.SIGHUP)
    assert server.stop() == 0
    assert server.log.count("Hang up") == 1


@mostly("gthread")
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

    with together(server) as threads:
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
