"""All connections of a worker, from when they are accepted until they are closed.

One loop reads them; a request is answered elsewhere (on a greenlet or a thread), once it is there as a whole.
So whoever sends slowly takes neither. Requests are begun in the order in which they came, some of each kind
in turn: a message does not wait for thousands of polls that come back, and who asks whether the process is
well waits for nobody.
"""

import logging
import select
import time
from collections import deque
from collections.abc import Callable, Iterable
from socket import SHUT_WR
from typing import Any

from chat.worker.connection import Connection, Request
from chat.worker.uploads import Uploads

# Taken here, before gevent takes it away; where there is none (no Linux), poll does.
_epoll = getattr(select, "epoll", None)
# Of one look.
EVENTS = 256
# Connections taken in one go, and requests begun: then those that go on have their turn.
ACCEPTED = 64
BEGUN = 8
# Polls whose clients have left are let go a few at a time: each answers to nobody, and takes as long.
LET_GO = 16
# How long an idle connection of a stopping worker may still bring a request, or what was begun of one.
LINGER_SECONDS = 0.5
# How long a connection that is closed is read on: over input that nobody has read, the system would cut off
# what was sent last.
CLOSING_SECONDS = 2.0
# A turn comes so often at least.
TURN_SECONDS = 1.0
# Out of open files, it is tried again after so long.
FULL_SECONDS = 1.0

log = logging.getLogger("gunicorn.error")


class Reception:
    """`begin(connection, request)` is called for each request, and shall lead to `finish`.

    All methods but `busy` are for one thread.
    """

    def __init__(
        self,
        cfg: Any,
        listeners: Iterable[Any],
        settings: Any,
        uploads: Uploads,
        begin: Callable[[Connection, Request], None],
    ) -> None:
        self._cfg, self._settings, self._uploads, self._begin = cfg, settings, uploads, begin
        self._listeners = {listener.fileno(): listener for listener in listeners}
        # With several workers the others have their turn.
        self._accepted = ACCEPTED if cfg.workers == 1 else 1
        self.poller: Any = _epoll() if _epoll else _Poll()
        self._connections: dict[int, Connection] = {}
        # Until when (of time.monotonic) each may be so; the first to be over is the first.
        self._idle: dict[Connection, float] = {}
        self._reading: dict[Connection, float] = {}
        self._uploading: dict[Connection, float] = {}
        self._closing: dict[Connection, float] = {}
        # Whose request is whole: who asks for the health, who wants something done, who only reads.
        self._urgent: deque[Connection] = deque()
        self._doing: deque[Connection] = deque()
        self._reads: deque[Connection] = deque()
        self._gone: deque[Connection] = deque()
        self._is_accepting = self._is_stopping = False
        self._full_until = 0.0
        self._accept_while_there_is_room()

    def patience(self, now: float) -> float:
        """For how many seconds, at most, the next turn has nothing to do unless something comes in."""
        if self._urgent or self._doing or self._reads or self._gone:
            return 0
        waiting = (self._idle, self._reading, self._uploading, self._closing)
        firsts = [next(iter(each.values())) for each in waiting if each]
        return max(0, min([now + TURN_SECONDS, *firsts]) - now)

    @property
    def is_empty(self) -> bool:
        """Whether all connections are closed."""
        return not self._connections

    def busy(self) -> list[Connection]:
        """Those whose request is being answered."""
        return [each for each in self._connections.copy().values() if each.request is not None]

    def turn(self, ready: Iterable[tuple[int, int]]) -> None:
        """Read what is `ready`, close what has had its time, and begin some of what waits."""
        for fd, _ in ready:
            if connection := self._connections.get(fd):
                self._read(connection)
            elif listener := self._listeners.get(fd):
                self._accept(listener, self._accepted)
        self._expire(time.monotonic())
        for queue in (self._urgent, self._doing, self._reads):
            for _ in range(min(BEGUN, len(queue))):
                self._begin_next(queue.popleft())
        for _ in range(min(LET_GO, len(self._gone))):
            self._gone.popleft().tell_closed()
        self._accept_while_there_is_room()

    def finish(self, connection: Connection, is_kept: bool) -> None:
        """Its request is answered."""
        connection.request = None
        if not is_kept:
            self._close(connection)
        elif connection.requests:
            self._queue(connection)
        elif connection.is_closed:
            self._drop(connection)
        else:
            connection.is_busy = False
            self._watch(connection)
            self._await(connection)

    def stop(self) -> None:
        """Accept what waits already, and nothing more; nobody is waited for long."""
        for fd, listener in self._listeners.items():
            self._accept(listener, self._cfg.backlog)
            if self._is_accepting:
                self.poller.unregister(fd)
            listener.close()
        self._listeners, self._is_stopping = {}, True
        now = time.monotonic()
        for waiting, seconds in (
            (self._idle, LINGER_SECONDS),
            (self._reading, CLOSING_SECONDS),
            (self._uploading, CLOSING_SECONDS),
        ):
            for connection in waiting:
                waiting[connection] = min(waiting[connection], now + seconds)

    def _accept_while_there_is_room(self) -> None:
        is_room = len(self._connections) < self._cfg.worker_connections
        is_room = is_room and self._full_until < time.monotonic()
        if is_room != self._is_accepting:
            self._is_accepting = is_room
            for fd in self._listeners:
                if is_room:
                    self.poller.register(fd, select.POLLIN)
                else:
                    self.poller.unregister(fd)

    def _accept(self, listener: Any, most: int) -> None:
        try:
            for _ in range(most):
                self._welcome(*listener.accept())
        except (BlockingIOError, ConnectionAbortedError):
            pass
        except OSError as error:
            log.warning("No connection can be accepted, again in %g s: %s", FULL_SECONDS, error)
            self._full_until = time.monotonic() + FULL_SECONDS

    def _welcome(self, sock: Any, address: Any) -> None:
        # To send: nobody waits for ever for who takes nothing. What comes in is waited for here.
        sock.settimeout(self._settings.stall_seconds)
        connection = Connection(self._cfg, sock, address, self._settings.max_body_bytes, self._uploads)
        self._connections[connection.fd] = connection
        self._reading[connection] = time.monotonic() + self._settings.read_seconds
        self._watch(connection)
        self._read(connection)

    def _read(self, connection: Connection) -> None:
        connection.read()
        if connection in self._closing:
            if connection.is_closed:
                self._drop(connection)
        elif connection.is_busy:
            if connection.is_closed:
                self._gone.append(connection)
            if connection.is_closed or connection.requests or connection.is_deaf:
                self._unwatch(connection)
        elif connection.requests:
            self._queue(connection)
        elif connection.is_closed and connection.has_begun:
            connection.fail(400)
            self._queue(connection)
        elif connection.is_closed:
            self._drop(connection)
        elif connection.has_begun and connection not in self._waiting(connection)[0]:
            self._await(connection)

    def _await(self, connection: Connection) -> None:
        """The next request, or the rest of it."""
        self._forget(connection)
        waiting, seconds = self._waiting(connection)
        waiting[connection] = time.monotonic() + (LINGER_SECONDS if self._is_stopping else seconds)

    def _waiting(self, connection: Connection) -> tuple[dict[Connection, float], float]:
        """Among which it is, and for how many seconds."""
        if connection.is_uploading:
            return self._uploading, self._settings.upload_seconds
        if connection.has_begun:
            return self._reading, self._settings.read_seconds
        return self._idle, self._cfg.keepalive

    def _queue(self, connection: Connection) -> None:
        self._forget(connection)
        connection.is_busy = True
        if connection.is_deaf:
            self._unwatch(connection)
        request = connection.requests[0]
        is_read = request.method in ("GET", "HEAD")
        queue = self._urgent if request.is_urgent else self._reads if is_read else self._doing
        queue.append(connection)

    def _begin_next(self, connection: Connection) -> None:
        connection.request = connection.requests.pop(0)
        self._begin(connection, connection.request)

    def _expire(self, now: float) -> None:
        for waiting in (self._reading, self._uploading):
            while connection := _first_over(waiting, now):
                if connection.has_begun:
                    connection.fail(408)
                    self._queue(connection)
                else:
                    self._drop(connection)
        for waiting in (self._idle, self._closing):
            while connection := _first_over(waiting, now):
                self._drop(connection)

    def _close(self, connection: Connection) -> None:
        """Let the client hear all of it before."""
        connection.is_busy, connection.is_deaf = False, True
        try:
            connection.sock.shutdown(SHUT_WR)
        except OSError:
            self._drop(connection)
            return
        if connection.is_closed:
            self._drop(connection)
        else:
            seconds = LINGER_SECONDS if self._is_stopping else CLOSING_SECONDS
            self._closing[connection] = time.monotonic() + seconds
            self._watch(connection)

    def _drop(self, connection: Connection) -> None:
        self._forget(connection)
        self._closing.pop(connection, None)
        self._unwatch(connection)
        del self._connections[connection.fd]
        connection.close()

    def _forget(self, connection: Connection) -> None:
        """Nothing more is waited for from it."""
        for waiting in (self._idle, self._reading, self._uploading):
            waiting.pop(connection, None)

    def _watch(self, connection: Connection) -> None:
        if not connection.is_watched:
            self.poller.register(connection.fd, select.POLLIN)
            connection.is_watched = True

    def _unwatch(self, connection: Connection) -> None:
        if connection.is_watched:
            self.poller.unregister(connection.fd)
            connection.is_watched = False


class _Poll:
    """`select.poll` in the shape of epoll."""

    def __init__(self) -> None:
        poll = select.poll()
        self.register, self.unregister, self._look = poll.register, poll.unregister, poll.poll

    def poll(self, timeout: float, maxevents: int) -> list[tuple[int, int]]:
        """(file, events) of those that are ready within `timeout` seconds."""
        return self._look(timeout * 1000)


def _first_over(waiting: dict[Connection, float], now: float) -> Connection | None:
    """The first whose time is over."""
    for connection, until in waiting.items():
        return connection if until <= now else None
    return None
