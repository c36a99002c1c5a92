"""The watch over WebSockets: each is told once, and none is forgotten for another's error."""

import socket
import threading

import pytest

from chat.live.watch import Watch

PATIENCE_SECONDS = 20


@pytest.fixture
def pair():
    """Both ends of a connection."""
    near, far = socket.socketpair()
    with near, far:
        yield near, far


def test_who_is_watched_is_told_once_however_much_comes(pair):
    near, far = pair
    watch, told = Watch(), threading.Semaphore(0)
    watch.add(near.fileno(), told.release)
    watch.add(near.fileno(), told.release)
    far.send(b"a")
    assert told.acquire(timeout=PATIENCE_SECONDS)
    far.send(b"b")
    assert watch.remove(near.fileno()) is None
    watch.add(near.fileno(), told.release)
    assert told.acquire(timeout=PATIENCE_SECONDS)
    assert not told.acquire(blocking=False)


def test_who_is_no_longer_watched_is_not_told(pair):
    near, far = pair
    watch, first, second = Watch(), threading.Event(), threading.Event()
    watch.add(near.fileno(), first.set)
    assert watch.remove(near.fileno()) == first.set
    watch.add(far.fileno(), second.set)
    far.send(b"to near")
    near.send(b"to far")
    assert second.wait(PATIENCE_SECONDS)
    assert not first.is_set()


def test_an_error_in_telling_one_keeps_the_others_told(pair, caplog):
    near, far = pair
    watch, failed, told = Watch(), threading.Event(), threading.Event()

    def fail():
        failed.set()
        raise RuntimeError("nobody there")

    watch.add(near.fileno(), fail)
    far.send(b"to near")
    assert failed.wait(PATIENCE_SECONDS)
    watch.add(far.fileno(), told.set)
    near.send(b"to far")
    assert told.wait(PATIENCE_SECONDS)
    assert "nobody there" in caplog.text
