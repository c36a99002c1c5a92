"""Native threads: each call is answered, whatever happens to the others and to the thread."""

import os
import threading

import pytest

from chat.database import native
from chat.errors import Overloaded
from tests.threads import together

PATIENCE_SECONDS = 20


def test_a_pool_gives_results_and_errors_back():
    pool = native.Pool(2, 10)
    assert pool.call(lambda: 7) == 7
    with pytest.raises(KeyError):
        pool.call(lambda: {}["nothing"])


def test_a_pool_runs_as_many_at_a_time_as_it_has_threads():
    pool, both = native.Pool(2, 10), threading.Barrier(2)
    with together() as threads:
        calls = [threads.submit(pool.call, lambda: both.wait(PATIENCE_SECONDS)) for _ in range(2)]
        assert sorted(call.result(PATIENCE_SECONDS) for call in calls) == [0, 1]


def test_more_than_may_wait_are_refused():
    pool, started, let_go = native.Pool(1, 1), threading.Event(), threading.Event()

    def keep_the_thread():
        started.set()
        assert let_go.wait(PATIENCE_SECONDS)

    with together() as threads:
        running = threads.submit(pool.call, keep_the_thread)
        assert started.wait(PATIENCE_SECONDS)
        waiting = threads.submit(pool.call, lambda: "in time")
        while not pool.waiting():
            assert not let_go.wait(0.001)
        with pytest.raises(Overloaded):
            pool.call(lambda: "one too many")
        let_go.set()
        running.result(PATIENCE_SECONDS)
        assert waiting.result(PATIENCE_SECONDS) == "in time"


def test_a_thread_that_is_told_to_end_answers_and_goes_on(caplog):
    pool = native.Pool(1, 10)

    def end():
        raise SystemExit("of the thread itself")

    def be_answered():
        with pytest.raises(SystemExit):
            pool.call(end)

    with together() as callers:
        callers.submit(be_answered).result(PATIENCE_SECONDS)
    assert pool.call(lambda: "on it goes") == "on it goes"
    assert "of the thread itself" in caplog.text


def test_what_is_closed_leaves_no_file_open():
    def files():
        return len(os.listdir("/proc/self/fd"))

    before = files()
    pools = [native.Pool(2, 10) for _ in range(5)]
    assert [pool.call(lambda: 7) for pool in pools] == [7] * 5
    assert files() > before
    for pool in pools:
        pool.close()
    closed = threading.Event()
    for _ in range(PATIENCE_SECONDS * 100):
        if files() <= before or closed.wait(0.01):
            break
    assert files() <= before
