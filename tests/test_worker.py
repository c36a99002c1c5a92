"""What no request shows of a worker: what other threads do meanwhile, and who has already gone."""

import os

import pytest

from chat.live.hub import Caller, Hub
from chat.runtime import Runtime
from chat.settings import Settings
from chat.worker import Holding, release_gone, release_the_gone
from tests.threads import Stopped


class Request:
    """A request of gunicorn's; while it is told to close its connection, another begins."""

    def __init__(self, under_way):
        self.under_way, self.must_close = under_way, False

    def force_close(self):
        self.must_close = True
        self.under_way.add(Request(self.under_way))


def test_the_hand_over_tells_every_request_while_others_begin(tmp_path):
    worker = object.__new__(Holding)
    worker.runtime = Runtime(Settings(database_url=f"sqlite:///{tmp_path}/chat.db"))
    worker.requests = set()
    first = [Request(worker.requests) for _ in range(20)]
    worker.requests.update(first)
    worker.hand_over()
    assert all(request.must_close for request in first)
    with worker.runtime.hub.subscribe(1, ["a"]) as waiter:
        assert waiter.released
    worker.runtime.close()


@pytest.fixture
def hub():
    return Hub(max_waiters=10, max_waiters_per_user=10, max_waiters_per_network=10)


def test_one_whose_socket_was_closed_before_it_waits_spares_the_others(hub):
    """Its file descriptor is -1, which poll does not take."""
    stays, gone = os.pipe()
    open_end, other_end = os.pipe()
    os.close(stays)  # Nobody reads there any more.
    with (
        hub.subscribe(1, ["a"], Caller(-1)) as closed,
        hub.subscribe(1, ["a"], Caller(gone)) as left,
        hub.subscribe(1, ["a"], Caller(other_end)) as held,
    ):
        release_gone([closed, left, held])
        assert (closed.released, left.released, held.released) == (True, True, False)
    for end in (gone, open_end, other_end):
        os.close(end)


def test_the_search_for_them_survives_an_error_and_tells_it(monkeypatch, caplog):
    class Troubled(Hub):
        looks = iter((OSError("for once"), None, Stopped()))

        def waiters(self):
            if error := next(self.looks):
                raise error
            return super().waiters()

    monkeypatch.setattr("chat.worker.SWEEP_SECONDS", 0)
    hub = Troubled(max_waiters=1, max_waiters_per_user=1, max_waiters_per_network=1)
    with hub.subscribe(1, ["a"], Caller(-1)) as waiter, pytest.raises(Stopped):
        release_the_gone(hub)
    assert waiter.released
    assert "OSError: for once" in caplog.text
