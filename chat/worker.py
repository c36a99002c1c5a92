"""gunicorn, made to hold polls: workers hand them over to others when they stop, and notice who left.

The only file that names gevent. gunicorn imports it in its main process, before anything is patched.
"""

import gc
import logging
import re
import select
import signal
import sys
import threading
import time
from typing import Any
from urllib.parse import unquote

import gevent
import gevent.socket
from gunicorn import arbiter, glogging
from gunicorn.workers import ggevent, gthread

from chat.database import native  # noqa: F401  (takes the original threads, before gevent replaces them)
from chat.live import watch  # noqa: F401  (the same for the selector)

log = logging.getLogger("gunicorn.error")

# gevent's monkey patching takes poll away; this one looks without waiting, so it cannot block.
_poll = select.poll
GONE = getattr(select, "POLLRDHUP", 0) | select.POLLHUP | select.POLLERR | select.POLLNVAL

SWEEP_SECONDS = 2.0
# Looked at in one go: 0.2 ms, and then the others have their turn.
SWEEP_SLICE = 500
# How long an idle connection of a stopping worker may still bring a request.
LINGER_SECONDS = 0.5
# The default of 5 ms lets the writer's thread wait that long for a busy interpreter at each statement.
SWITCH_SECONDS = 0.0005
# How often the main process looks whether new workers serve.
LOOK_SECONDS = 0.05
# What follows is as good as a password: in paths, queries, and the Referer of what comes next.
SECRET = re.compile(r"(?<=/links/)[^/?#&\s]+|(?<=\bcode=)[^&#\s]+")
STOPS = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT)


class Logger(glogging.Logger):
    """gunicorn's, whose access log tells no secret, and has one line for a request."""

    def atoms(self, *args: Any) -> dict[str, Any]:
        """What a line may consist of; operators choose with gunicorn's `access_log_format`."""
        atoms: dict[str, Any] = super().atoms(*args)
        return {name: _public(value) if isinstance(value, str) else value for name, value in atoms.items()}


def _public(text: str) -> str:
    """Without tokens of links and the set-up code, however they are written, and without line breaks."""
    plain = unquote(text)
    found = SECRET.sub("...", plain)
    shown = text if found == plain else found
    return shown if shown.isprintable() else ascii(shown)[1:-1]


class Arbiter(arbiter.Arbiter):
    """gunicorn's main process, which lets no worker go before all serve that are to stay.

    gunicorn's own tells them at once: then nobody answers until a new one has booted, and signals that come
    faster than that keep the server from ever answering.
    """

    is_stopping = False

    def signal(self, sig: int, frame: Any) -> None:
        """The handler of all signals: who wants to stop waits for no reload."""
        self.is_stopping = self.is_stopping or sig in STOPS
        super().signal(sig, frame)

    def wait_for_signals(self, timeout: float = 1.0) -> list[int]:
        """The SIGHUPs that came during a reload are one."""
        signals: list[int] = super().wait_for_signals(timeout)
        extra = max(0, signals.count(signal.SIGHUP) - 1)
        for _ in range(extra):
            signals.remove(signal.SIGHUP)
        return signals

    def handle_hup(self) -> None:
        """Reload."""
        if not self.is_stopping:
            super().handle_hup()

    def manage_workers(self) -> None:
        """Start those that are missing; when all serve, tell the oldest to leave that are too many."""
        if len(self.WORKERS) > self.num_workers:
            self.wait_until_all_serve()
        super().manage_workers()

    def wait_until_all_serve(self) -> None:
        """Or until one has had the time after which it counts as dead."""
        deadline = time.monotonic() + self.timeout
        while not all(worker.serves() for worker in self.WORKERS.values()):
            if self.is_stopping or time.monotonic() > deadline:
                return
            time.sleep(LOOK_SECONDS)
            self.reap_workers()


class Holding:
    """What both workers do beside gunicorn's own."""

    arbiter = Arbiter
    sockets: list[Any]

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.made_at = self.tmp.last_update()  # type: ignore[attr-defined]

    def serves(self) -> bool:
        """Whether it has begun to accept; asked in the main process."""
        return bool(self.tmp.last_update() != self.made_at)  # type: ignore[attr-defined]

    def load_wsgi(self) -> None:
        """Load the application and start what runs beside its requests."""
        super().load_wsgi()  # type: ignore[misc]
        self.runtime = self.wsgi.extensions["chat"]  # type: ignore[attr-defined]
        self.runtime.start()
        self.requests: set[Any] = set()
        self.handed_over = False
        sys.setswitchinterval(SWITCH_SECONDS)
        threading.Thread(target=release_the_gone, args=(self.runtime.hub,), daemon=True).start()
        # What is loaded now stays: the collector need not walk it again for every generation.
        gc.collect()
        gc.freeze()
        gc.set_threshold(50_000, 50, 100)

    def notify(self) -> None:
        """gunicorn calls this every second, while it stops too."""
        super().notify()  # type: ignore[misc]
        # Not before the listeners are closed: a poll that is answered sooner comes straight back.
        if not self.alive and not self.handed_over and self.is_deaf():  # type: ignore[attr-defined]
            self.handed_over = True
            self.hand_over()

    def is_deaf(self) -> bool:
        """Whether no new connection can come."""
        raise NotImplementedError

    def hand_over(self) -> None:
        """Answer every held poll with 200, and close its connection: the next one goes elsewhere."""
        # A copy, made in one go: the threads of the pool begin and end requests meanwhile.
        for request in self.requests.copy():
            request.force_close()
        self.runtime.stop()


class GeventWorker(Holding, ggevent.GeventWorker):
    """A greenlet per connection.

    No method that a request runs in is overridden: with two more frames on its stack a held poll would
    take one more page of memory, a fifth of what it costs.
    """

    def patch(self) -> None:
        """Patch, and make the listening sockets gevent's."""
        super().patch()
        self.sockets = [_Listener(sock.family, sock.type, fileno=sock.detach()) for sock in self.sockets]

    def run(self) -> None:
        """Serve until told to stop."""
        self.idle: set[_Idle] = set()
        super().run()

    def timeout_ctx(self) -> gevent.Timeout:
        """How long a connection may be idle before its next request."""
        return _Idle(self.cfg.keepalive, self.idle)

    def is_deaf(self) -> bool:
        """gevent goes on accepting for up to a second after `alive` is false."""
        return all(sock.fileno() < 0 for sock in self.sockets)

    def hand_over(self) -> None:
        """Idle connections would hold the exit until their keep-alive has passed."""
        super().hand_over()
        gevent.spawn_later(LINGER_SECONDS, self.close_idle)

    def close_idle(self) -> None:
        """As if their time were over."""
        for idle in self.idle:
            idle.greenlet.kill(idle, block=False)


class _Listener(gevent.socket.socket):
    """Remembers its name: a greenlet that starts after it was closed still asks for it."""

    name: Any = None

    def getsockname(self) -> Any:
        self.name = self.name or super().getsockname()
        return self.name


class _Idle(gevent.Timeout):
    """The time that a connection waits for its next request."""

    def __init__(self, seconds: float, all_idle: "set[_Idle]") -> None:
        super().__init__(seconds, False)
        self.all_idle = all_idle

    def __enter__(self) -> "_Idle":
        self.greenlet = gevent.getcurrent()
        self.all_idle.add(self)
        self.start()
        return self

    def __exit__(self, kind: Any, error: Any, traceback: Any) -> Any:
        self.all_idle.discard(self)
        return super().__exit__(kind, error, traceback)


class ThreadWorker(Holding, gthread.ThreadWorker):
    """A thread per request."""

    def is_deaf(self) -> bool:
        """Whether it has left its accept loop."""
        return not self._accepting


def release_the_gone(hub: Any) -> None:
    """For ever: find the held polls whose client has closed its connection, and let them go."""
    while True:
        time.sleep(SWEEP_SECONDS)
        try:
            waiters = [waiter for waiter in hub.waiters() if waiter.connection is not None]
            for start in range(0, len(waiters), SWEEP_SLICE):
                release_gone(waiters[start : start + SWEEP_SLICE])
                time.sleep(0)
        except Exception:
            log.exception("Looking for clients that left failed, and goes on")


def release_gone(waiters: list[Any]) -> None:
    """Once, those among these."""
    poll, by_connection = _poll(), {}
    for waiter in waiters:
        if waiter.connection < 0:  # It was closed before it could be waited for.
            waiter.release()
        else:
            by_connection[waiter.connection] = waiter
            poll.register(waiter.connection, GONE)
    for connection, _ in poll.poll(0):
        by_connection[connection].release()
