"""Answers that are lost, a bad line, and more people than there is room for."""

import ctypes
import os
import shutil
import socket
import subprocess
import threading
from collections import Counter

import pytest

from tests.client import cut
from tests.faults import tally
from tests.faults.traffic import traffic
from tests.proxy import Proxy
from tests.server import PATIENCE_SECONDS

BETWEEN = 10
CLONE_NEWNET = 0x40000000
SLOW = 200


@pytest.mark.parametrize("faults", [5, pytest.param(200, marks=pytest.mark.soak)])
def test_answers_that_are_lost_after_the_commit(start, worker_class, faults):
    server = start(worker_class=worker_class)
    with Proxy(server.address) as proxy:
        proxy.mode = "lose"
        with traffic(server, proxy.address) as going:
            while proxy.lost < faults:
                going.go_on(BETWEEN)
            going.history.faults += proxy.lost


@pytest.fixture
def bad_line():
    """A loopback of this test's own, with 20 ms of delay each way and 2 % lost."""
    own = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    libc = ctypes.CDLL(None, use_errno=True)
    try:
        if libc.unshare(CLONE_NEWNET):
            pytest.skip(f"no network of its own: {os.strerror(ctypes.get_errno())}")
        try:
            subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
            words = ["tc", "qdisc", "add", "dev", "lo", "root", "netem", "delay", "20ms", "5ms", "loss", "2%"]
            made = subprocess.run(words, capture_output=True, text=True)
            if made.returncode:
                pytest.skip(f"no netem in this kernel: {made.stderr.strip()}")
            yield
        finally:
            libc.setns(own, CLONE_NEWNET)
    finally:
        os.close(own)


@pytest.mark.soak
@pytest.mark.skipif(not (shutil.which("tc") and shutil.which("ip")), reason="iproute2 is not installed")
def test_a_line_that_delays_and_loses(bad_line, start, worker_class):
    server = start(worker_class=worker_class)
    with traffic(server) as going:
        going.fault()
        going.go_on(20 * BETWEEN)


@pytest.mark.parametrize("rounds", [1, pytest.param(10, marks=pytest.mark.soak)])
def test_five_times_the_cap_and_all_come_back(start, worker_class, rounds):
    cap = 10
    server = start(worker_class=worker_class, max_waiters=cap)
    talk = server.conversation()
    last = talk.last_id
    for _ in range(rounds):
        polls = [talk.client.poll(talk.id, lastMessageId=last) for _ in range(5 * cap)]
        done = [threading.Event() for _ in polls]
        for poll, event in zip(polls, done, strict=True):
            poll.add_done_callback(lambda _, event=event: event.set())
        server.wait_until_held(cap)
        # Who was not held is answered; who was is cut, and all come back at once.
        while sum(event.is_set() for event in done) < 4 * cap:
            assert talk.client.get("/healthz").status == 200
        statuses = Counter(poll.result().status for poll in polls if poll.done())
        assert statuses.keys() <= {200, 429, 503}
        cut()
        tally.counted["faults"] += 1
    server.wait_until_held(0)
    assert talk.agent.send(talk.id, "Tout va bien").status == 201


@pytest.mark.soak
@pytest.mark.parametrize("asked", ["headers", "bodies"])
def test_slow_requests_keep_nobody_from_being_answered(start, worker_class, asked):
    server = start(worker_class=worker_class)
    talk = server.conversation()
    head = "POST /api/chat/message HTTP/1.1\r\nHost: chat\r\n"
    if asked == "bodies":
        head += (
            f"Authorization: Bearer {talk.client.token}\r\nContent-Type: application/json\r\n"
            'Content-Length: 1000\r\n\r\n{"chat_session_id":'
        )
    slow = [socket.create_connection(server.address, timeout=PATIENCE_SECONDS) for _ in range(SLOW)]
    try:
        for connection in slow:
            connection.sendall(head.encode())
            tally.counted["faults"] += 1
        for number in range(20):
            poll = talk.agent.poll(talk.id, lastMessageId=talk.last_id)
            assert talk.client.send(talk.id, f"Quand même {number}").status == 201
            assert poll.result().status == 200
    finally:
        for connection in slow:
            connection.close()
