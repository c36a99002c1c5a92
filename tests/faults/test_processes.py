"""Processes that are killed, frozen and reloaded while people talk."""

import os
import random
import signal
import threading

import pytest

from tests.conftest import COMBINATIONS
from tests.faults.traffic import traffic

BETWEEN = 10
SOAK = [pytest.param(*pair, 20, marks=pytest.mark.soak) for pair in COMBINATIONS]


def some_worker(server, dice):
    """One that runs, or none while the next one boots."""
    return dice.choice(sorted(server.workers()) or [None])


@pytest.mark.parametrize(("kind", "workers", "rounds"), [("gevent", 2, 2), ("gthread", 1, 2), *SOAK])
def test_kills_of_workers_and_of_the_main_process(start, kind, workers, rounds):
    server, dice = start(worker_class=kind, workers=workers), random.Random(rounds)
    with traffic(server) as going:
        for number in range(rounds):
            going.go_on(BETWEEN)
            if number % 2:
                server.process.kill()
                server.process.wait()
                server.start()
            elif worker := some_worker(server, dice):
                os.kill(worker, signal.SIGKILL)
            going.fault()
        going.go_on(BETWEEN)


@pytest.mark.parametrize(
    ("kind", "workers", "seconds"),
    [
        ("gevent", 2, 0.5),
        *(pytest.param(*pair, 10, marks=pytest.mark.soak) for pair in COMBINATIONS),
    ],
)
def test_a_worker_and_the_main_process_that_freeze(start, kind, workers, seconds):
    server = start(worker_class=kind, workers=workers)
    with traffic(server) as going:
        going.go_on(BETWEEN)
        for pid in (min(server.workers()), server.process.pid):
            os.kill(pid, signal.SIGSTOP)
            threading.Event().wait(seconds)
            os.kill(pid, signal.SIGCONT)
            going.fault()
            going.go_on(BETWEEN)


@pytest.mark.parametrize(
    ("kind", "workers", "signals", "pause_seconds"),
    [
        ("gevent", 1, 5, 0.1),
        *(
            pytest.param(*pair, 40, pause, marks=pytest.mark.soak)
            for pair in COMBINATIONS
            for pause in (0.1, 1)
        ),
    ],
)
def test_a_storm_of_reloads(start, kind, workers, signals, pause_seconds):
    server = start(worker_class=kind, workers=workers)
    with traffic(server) as going:
        going.go_on(BETWEEN)
        for _ in range(signals):
            server.signal(signal.SIGHUP)
            going.fault()
            threading.Event().wait(pause_seconds)
        going.go_on(BETWEEN)
