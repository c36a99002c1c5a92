"""A wall clock that is set while people talk.

Not by libfaketime: it also moves the end of a sleep until an instant of the monotonic clock, which is how
Python sleeps, also where it is told to leave that clock alone.
"""

from time import monotonic

import pytest

from tests.faults.preload import preload
from tests.faults.traffic import traffic
from tests.server import PASSWORD

BETWEEN = 10
HOUR = 3600
HELD = 3


@pytest.fixture
def set_clock(tmp_path, monkeypatch):
    """Set the wall clock of servers that start from now on so many seconds ahead of the real one."""
    ahead = tmp_path / "ahead"
    ahead.write_bytes(bytes(8))
    preload(monkeypatch, "wall_clock", tmp_path, ahead)

    def set_clock(seconds):
        with open(ahead, "r+b") as file:
            file.write(seconds.to_bytes(8, "little", signed=True))

    return set_clock


class Bill:
    """What is billed, and the server's time, against this process's clock."""

    def __init__(self, talk):
        self._talk = talk
        self._first = self._ask()

    def _ask(self):
        """Two instants with the answer between them."""
        began = monotonic()
        receipt = self._talk.client.get(f"/api/chat/sessions/{self._talk.id}/receipt").json
        billed = sum(each["milliseconds"] for each in receipt["intervals"] if each["is_billed"])
        return began, receipt["server_time"], billed, monotonic()

    def is_right(self):
        """Whether as much was billed as time has passed."""
        (began, first, billed_first, answered), (asks, now, billed, ends) = self._first, self._ask()
        assert billed - billed_first == now - first
        # Both clocks are cut to whole milliseconds.
        assert (asks - answered) * 1000 - 2 <= now - first <= (ends - began) * 1000 + 2
        return True


def verify(server, run):
    assert "are right" in run(server, "verify")


def reload(server, run):
    server.reload()


SHORT = [(HOUR, verify)]
LONG = [(seconds, begin) for seconds in (HOUR, -HOUR) for begin in (reload, verify)]


@pytest.mark.parametrize(
    ("kind", "workers", "rounds", "beginning"),
    [
        ("gevent", 1, 1, SHORT),
        pytest.param("gevent", 2, 10, LONG, marks=pytest.mark.soak),
        pytest.param("gthread", 2, 10, LONG, marks=pytest.mark.soak),
    ],
)
def test_a_wall_clock_that_is_set_changes_nothing(start, run, set_clock, kind, workers, rounds, beginning):
    server = start(worker_class=kind, workers=workers)
    quiet = server.conversation()
    last = quiet.last_id
    polls = [quiet.client.poll(quiet.id, lastMessageId=last) for _ in range(HELD)]
    server.wait_until_held(HELD)
    tokens, short = [quiet.client.token], []
    with traffic(server) as going:
        bill = Bill(going.talk)
        for seconds in (HOUR, -HOUR) * rounds:
            set_clock(seconds)
            going.fault()
            # Who is held looks again, and goes on waiting; who asks now does not wait for ever.
            quiet.agent.post(f"/api/chat/sessions/{quiet.id}/read", {"message_id": last})
            short.append(quiet.agent.poll(quiet.id, lastMessageId=last, wait=1))
            going.go_on(BETWEEN)
            assert bill.is_right()
            assert not any(poll.done() for poll in polls)
            # Whoever signed in at whatever time still is.
            login = {"email": quiet.emails["client"], "password": PASSWORD}
            tokens.append(server.client().post("/api/auth/login", login).json["token"])
            assert {server.client(token).fetch(quiet.id).status for token in tokens} == {200}
        assert [poll.result().texts for poll in short] == [[]] * len(short)
        assert quiet.agent.send(quiet.id, "Quelle heure est-il ?").status == 201
        assert [poll.result().texts for poll in polls] == [["Quelle heure est-il ?"]] * HELD
        assert quiet.client.do("end", quiet.id).status == 200
        # Processes that start meanwhile do not believe it either.
        for seconds, begin in beginning:
            set_clock(seconds)
            going.fault()
            begin(server, run)
            going.go_on(BETWEEN)
            assert bill.is_right()
