"""A test's threads end together, and with the right error."""

import os
import select
import signal
import threading

import pytest

from tests.server import PATIENCE_SECONDS
from tests.threads import together


def hold(server):
    """A poll of somebody whom nobody writes to."""
    talk = server.conversation()
    return talk.client.fetch(talk.id, lastMessageId=talk.last_id, longPoll="true")


def fail():
    raise AssertionError("this is the cause")


def test_all_have_ended_after_the_block():
    with together() as threads:
        assert threads.map(abs, [-1, 2]) == [1, 2]
        ended = threads.submit(threading.Event().wait, 0.01)
    assert ended.done()


def test_a_thread_that_fails_ends_the_others_and_its_error_is_raised(start):
    server = start()
    with pytest.raises(AssertionError, match="this is the cause"), together(server) as threads:
        held = threads.submit(hold, server)
        server.wait_until_held(1)
        threads.submit(fail)
    assert isinstance(held.exception(), OSError)
    assert server.process.wait() < 0


def test_it_ends_what_the_block_itself_waits_for(start):
    server = start()
    with pytest.raises(AssertionError, match="this is the cause"), together(server) as threads:
        threads.submit(lambda: (server.wait_until_held(1), fail()))
        hold(server)


def test_a_block_that_fails_ends_its_threads(start):
    server = start()

    def try_on():
        while True:
            threads.check()

    with pytest.raises(AssertionError, match="this is the cause"), together(server) as threads:
        ended = [threads.submit(hold, server), threads.submit(try_on)]
        server.wait_until_held(1)
        fail()
    assert all(each.done() for each in ended)


def test_no_worker_outlives_its_server(start):
    server = start(workers=2)
    server.wait_until(lambda told: len(told) == 2)
    ends = []
    for pid in server.workers():
        os.kill(pid, signal.SIGSTOP)  # It cannot notice by itself.
        ends.append(os.pidfd_open(pid))
    server.process.kill()
    server.process.wait()
    server.abort()
    for end in ends:
        assert select.select([end], [], [], PATIENCE_SECONDS)[0]
        os.close(end)
