"""What no request shows of a worker: what other threads do meanwhile, and who has already gone."""

from chat.live.hub import Caller, Hub
from chat.runtime import Runtime
from chat.settings import Settings
from chat.worker.base import Worker


class Connection:
    """One whose request is being answered; while it is told to close, another request begins."""

    def __init__(self, busy):
        self.busy, self.request, self.must_close = busy, self, False

    def force_close(self):
        self.must_close = True
        self.busy.append(Connection(self.busy))


class Reception:
    """Who is being answered, as they are when it is asked."""

    def __init__(self, count):
        self.now = []
        self.now += [Connection(self.now) for _ in range(count)]

    def busy(self):
        return list(self.now)


def test_the_hand_over_tells_every_request_while_others_begin(tmp_path):
    worker = object.__new__(Worker)
    worker.runtime = Runtime(Settings(database_url=f"sqlite:///{tmp_path}/chat.db"))
    worker.reception = Reception(20)
    first = worker.reception.busy()
    worker.hand_over()
    assert all(connection.must_close for connection in first)
    with worker.runtime.hub.subscribe(1, ["a"]) as waiter:
        assert waiter.released
    worker.runtime.close()


class Line:
    """A connection that tells when it is closed; or is so already."""

    def __init__(self, is_closed=False):
        self.is_closed, self.tell = is_closed, None

    def note_waited(self, seconds):
        pass

    def on_closed(self, tell):
        self.tell = tell
        if tell and self.is_closed:
            tell()


def test_a_waiter_whose_client_leaves_is_let_go_and_the_others_stay():
    hub = Hub(max_waiters=10, max_waiters_per_user=10, max_waiters_per_network=10)
    closed, leaving, staying = Line(is_closed=True), Line(), Line()
    with (
        hub.subscribe(1, ["a"], Caller(closed)) as first,
        hub.subscribe(1, ["a"], Caller(leaving)) as second,
        hub.subscribe(1, ["a"], Caller(staying)) as third,
    ):
        leaving.tell()
        assert [each.is_gone for each in (first, second, third)] == [True, True, False]
        assert [each.released for each in (first, second, third)] == [True, True, False]
    assert [each.tell for each in (closed, leaving, staying)] == [None] * 3
