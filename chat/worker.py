"""gunicorn, made to hold polls: workers hand them over to others when they stop, and notice who left.

The only file that names gevent. gunicorn imports it in its main process, before anything is patched.
"""

import array
import ctypes
import fcntl
import gc
import logging
import os
import re
import select
import selectors
import signal
import socket
import struct
import sys
import termios
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any
from urllib.parse import unquote

import gevent
import gevent.select
import gevent.socket
from gevent.pool import Pool
from gevent.server import StreamServer
from gunicorn import arbiter, glogging
from gunicorn.sock import ssl_context
from gunicorn.workers import base, ggevent, gthread

from chat.database import native  # noqa: F401  (takes the original threads, before gevent replaces them)
from chat.live import watch  # noqa: F401  (the same for the selector)

log = logging.getLogger("gunicorn.error")

# gevent's monkey patching takes poll away; this one looks without waiting, so it cannot block.
_poll = select.poll
GONE = getattr(select, "POLLRDHUP", 0) | select.POLLHUP | select.POLLERR | select.POLLNVAL

SWEEP_SECONDS = 2.0
# Looked at in one go: 0.2 ms, and then the others have their turn.
SWEEP_SLICE = 500
# How long an idle connection of a stopping worker may still bring a request, or what was begun of one.
LINGER_SECONDS = 0.5
# How long a connection that is closed is read on: over input that nobody has read, the system would cut off
# what was sent last.
CLOSING_SECONDS = 2.0
# A reader of a stopping worker that takes nothing for so long is cut.
STALL_SECONDS = 1.0
# A worker looks so often whether it is to stop, and tells the main process that it lives.
TURN_SECONDS = 1.0
# Connections taken in one go.
ACCEPTED = 64
READ_BYTES = 65_536
LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d{1,18})[ \t]*\r\n", re.IGNORECASE)
CODED = re.compile(rb"\r\ntransfer-encoding:", re.IGNORECASE)
# A chunk's length, and what nobody reads.
CHUNK = re.compile(rb"([0-9a-fA-F]+)[ \t]*(;[^\n]*)?")
# The kernel's numbers: the signal that a process gets when its parent dies; where bytes_acked is in tcp_info.
PR_SET_PDEATHSIG = 1
BYTES_ACKED = 120
ALL_TAKEN = -1
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
    alive: bool
    ppid: int
    cfg: Any
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
        stop_with_the_main_process()
        for listener in self.sockets:
            # gunicorn does so for those that it has opened itself; what is accepted inherits it.
            if listener.family in (socket.AF_INET, socket.AF_INET6):
                listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sys.setswitchinterval(SWITCH_SECONDS)
        threading.Thread(target=release_the_gone, args=(self.runtime.hub,), daemon=True).start()
        # What is loaded now stays: the collector need not walk it again for every generation.
        gc.collect()
        gc.freeze()
        gc.set_threshold(50_000, 50, 100)

    def notify(self) -> None:
        """Tell the main process that it lives; without one, stop.

        gunicorn's gevent worker would exit here, and cut whom it holds.
        """
        base.Worker.notify(self)
        self.alive = self.alive and self.ppid == os.getppid()

    def hand_over(self) -> None:
        """Answer every held poll with 200, and close its connection: the next one goes elsewhere.

        Not before the listeners are closed: a poll that is answered sooner comes straight back.
        """
        # A copy, made in one go: the threads of the pool begin and end requests meanwhile.
        for request in self.requests.copy():
            request.force_close()
        self.runtime.stop()

    def cut_the_stalled(self) -> None:
        """Beside what else goes on until the exit."""
        threading.Thread(target=cut_the_stalled, args=(self.requests,), daemon=True).start()


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
        """Serve until told to stop, and then until all is answered; gunicorn's own looks once a second."""
        self.idle: set[_Idle] = set()
        pool = Pool(self.worker_connections)
        tls = {"ssl_context": ssl_context(self.cfg)} if self.cfg.is_ssl else {}
        servers = [StreamServer(sock, partial(self.handle, sock), spawn=pool, **tls) for sock in self.sockets]
        for server in servers:
            if self.cfg.workers > 1:
                server.max_accept = 1  # The others have their turn.
            server.start()
        while self.alive:
            self.notify()
            self.await_signal()
        for server in servers:
            server.close()
        self.hand_over()
        self.cut_the_stalled()
        gevent.spawn_later(LINGER_SECONDS, self.close_idle)
        deadline = time.monotonic() + self.cfg.graceful_timeout
        while not pool.join(TURN_SECONDS):
            self.notify()
            if time.monotonic() > deadline:
                self.log.warning("Worker graceful timeout (pid:%s)", self.pid)
                pool.kill(timeout=TURN_SECONDS)
                break
        self.runtime.database.close()

    def await_signal(self) -> None:
        """Return when one comes, or after a turn."""
        gevent.select.select([self.PIPE[0]], [], [], TURN_SECONDS)
        with suppress(BlockingIOError):
            os.read(self.PIPE[0], READ_BYTES)

    def timeout_ctx(self) -> gevent.Timeout:
        """How long a connection may be idle before its next request."""
        return _Idle(self.cfg.keepalive, self.idle)

    def close_idle(self) -> None:
        """Idle connections would hold the exit until their keep-alive has passed: as if it had."""
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
        # Once a request: a connection whose next one is there already would go on without end.
        gevent.sleep(0)
        self.greenlet = gevent.getcurrent()
        self.all_idle.add(self)
        self.start()
        return self

    def __exit__(self, kind: Any, error: Any, traceback: Any) -> Any:
        self.all_idle.discard(self)
        return super().__exit__(kind, error, traceback)


class ThreadWorker(Holding, gthread.ThreadWorker):
    """A thread per request, from when it has arrived whole until it is answered.

    What comes before and after is the main thread's, which waits for all connections at once: whoever sends
    slowly, or does not close, takes no thread. (With TLS in gunicorn itself reading is left to a thread.)
    """

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        # Those that are closed, and read on for a while.
        self.closing: deque[Any] = deque()

    def is_parent_alive(self) -> bool:
        """Whether to go on; `notify` looks for the parent."""
        return self.alive

    def run(self) -> None:
        """Serve until told to stop, and then until all is answered."""
        super().run()
        self.runtime.database.close()
        if self.ppid != os.getppid():
            os._exit(0)  # Nobody is there to kill it, should a thread not end.

    def accept(self, listener: Any) -> None:
        """Take those that wait, and what they have sent."""
        if self.cfg.is_ssl:
            super().accept(listener)
            return
        with suppress(BlockingIOError, ConnectionAbortedError):
            for _ in range(ACCEPTED):
                sock, address = listener.accept()
                self.nr_conns += 1
                conn = gthread.TConn(self.cfg, sock, address, listener.getsockname())
                self.await_request(conn, b"")

    def on_client_socket_readable(self, conn: Any, client: Any) -> None:
        """A connection that was idle brings its next request."""
        if self.cfg.is_ssl:
            super().on_client_socket_readable(conn, client)
            return
        self.poller.unregister(client)
        self.keepalived_conns.remove(conn)
        self.await_request(conn, b"")

    def await_request(self, conn: Any, begun: bytes) -> None:
        """`begun` is what has come of it already."""
        conn.received, conn.chunk_at, conn.is_whole = bytearray(begun), 0, False
        conn.timeout = time.monotonic() + self.runtime.settings.stall_seconds
        if go_on := self.read(conn):
            go_on(conn)
        else:
            self.pending_conns.append(conn)
            self.poller.register(conn.sock, selectors.EVENT_READ, partial(self.read_more, conn))

    def read_more(self, conn: Any, client: Any) -> None:
        """The next piece of a request."""
        if go_on := self.read(conn):
            self.poller.unregister(client)
            self.pending_conns.remove(conn)
            go_on(conn)

    def read(self, conn: Any) -> Callable[[Any], None] | None:
        """What to do with it now; None is to wait for more."""
        try:
            data = conn.sock.recv(READ_BYTES)
        except BlockingIOError:
            data = None
        except OSError:
            data = b""
        conn.received += data or b""
        conn.is_whole, is_refused = has_come(conn, self.runtime.settings.max_body_bytes)
        if conn.is_whole or is_refused or (conn.received and data == b""):
            return self.answer
        return self.drop if data == b"" else None

    def answer(self, conn: Any) -> None:
        """On a thread."""
        conn.init()
        conn.parser.unreader.unread(bytes(conn.received))
        self.enqueue_req(conn)

    def handle_request(self, req: Any, conn: Any) -> Any:
        """On the thread: it reads nothing that is not there, not even to throw it away."""
        if not (self.cfg.is_ssl or conn.is_whole):
            req.force_close()
        return super().handle_request(req, conn)

    def finish_request(self, conn: Any, fs: Any) -> None:
        """After the answer: the next request, or the end."""
        is_kept = not fs.cancelled() and fs.exception() is None and fs.result()
        if not is_kept:
            self.close_slowly(conn)
        elif not self.cfg.is_ssl and (begun := conn.parser.unreader.take_buffered()):
            conn.sock.setblocking(False)
            self.await_request(conn, begun)
        else:
            super().finish_request(conn, fs)

    def close_slowly(self, conn: Any) -> None:
        """gunicorn's own waits here until the client has closed, and serves nobody meanwhile."""
        try:
            conn.sock.shutdown(socket.SHUT_WR)
            conn.sock.setblocking(False)
        except OSError:
            self.drop(conn)
            return
        conn.timeout = time.monotonic() + (CLOSING_SECONDS if self.alive else LINGER_SECONDS)
        self.closing.append(conn)
        self.poller.register(conn.sock, selectors.EVENT_READ, partial(self.read_on, conn))

    def read_on(self, conn: Any, client: Any) -> None:
        """Until the client has closed too."""
        with suppress(BlockingIOError):
            try:
                if client.recv(READ_BYTES):
                    return
            except ConnectionError:
                pass
            self.poller.unregister(client)
            self.closing.remove(conn)
            self.drop(conn)

    def drop(self, conn: Any) -> None:
        """Close it."""
        self.nr_conns -= 1
        conn.close()

    def murder_pending(self) -> None:
        """Close those whose time is over."""
        super().murder_pending()
        while self.closing and self.closing[0].timeout <= time.monotonic():
            conn = self.closing.popleft()
            self.poller.unregister(conn.sock)
            self.drop(conn)

    def _cap_keepalive(self, deadline: float) -> None:
        """gunicorn calls it once, when it has stopped accepting; it closes the sockets at the end."""
        for listener in self.sockets:
            self.accept(listener)
            listener.close()
        now = time.monotonic()
        super()._cap_keepalive(now + LINGER_SECONDS)
        for conn in self.pending_conns:
            conn.timeout = min(conn.timeout, now + CLOSING_SECONDS)
        self.hand_over()
        self.cut_the_stalled()

    def wait_for_and_dispatch_events(self, timeout: float) -> None:
        """When it stops, not longer than what it waits for has."""
        is_short = not self.alive and (self.closing or self.pending_conns)
        super().wait_for_and_dispatch_events(min(timeout, LINGER_SECONDS) if is_short else timeout)


def has_come(conn: Any, max_body_bytes: int) -> tuple[bool, bool]:
    """Whether a request is there as a whole, and whether it will be refused whatever comes.

    gunicorn parses it: this only tells when that waits for nobody.
    """
    received = conn.received
    end = received.find(b"\r\n\r\n")
    if end < 0:
        return False, len(received) > READ_BYTES
    head, size = received[: end + 2], len(received) - end - 4
    if length := LENGTH.search(head):
        return size >= int(length[1]), int(length[1]) > max_body_bytes
    if CODED.search(head):
        conn.chunk_at = conn.chunk_at or end + 4
        is_whole, is_broken = have_come(conn)
        return is_whole, is_broken or size > max_body_bytes
    return True, False


def have_come(conn: Any) -> tuple[bool, bool]:
    """Whether all chunks are there, and whether what is there is none. What was looked at is not again."""
    received = conn.received
    while (end := received.find(b"\r\n", conn.chunk_at, conn.chunk_at + READ_BYTES)) >= 0:
        size = CHUNK.fullmatch(received, conn.chunk_at, end)
        if size is None:
            return False, True
        if not int(size[1], 16):
            return received.find(b"\r\n\r\n", end) >= 0, False
        after = end + 2 + int(size[1], 16)
        if len(received) < after + 2:
            return False, False
        if received[after : after + 2] != b"\r\n":
            return False, True
        conn.chunk_at = after + 2
    return False, len(received) - conn.chunk_at > READ_BYTES


def stop_with_the_main_process() -> None:
    """An orphan would keep the port; where the system cannot tell, `notify` looks."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def cut_the_stalled(requests: set[Any]) -> None:
    """For ever: cut the readers that take nothing, and read no more from those who still send.

    They would hold the exit: a stream goes on where it was, and what was not answered was not done.
    """
    before: dict[Any, int] | None = None
    while True:
        now = {}
        for request in requests.copy():
            with suppress(OSError):
                sock = request.unreader.sock
                now[request] = taken(sock)
                if before is not None:
                    is_stalled = now[request] == before.get(request, ALL_TAKEN) != ALL_TAKEN
                    sock.shutdown(socket.SHUT_RDWR if is_stalled else socket.SHUT_RD)
        before = now
        time.sleep(STALL_SECONDS)


def taken(sock: Any) -> int:
    """How much a reader has taken, in bytes, from where the system likes; or ALL_TAKEN."""
    left = array.array("i", [0])
    fcntl.ioctl(sock.fileno(), termios.TIOCOUTQ, left)
    if not left[0]:
        return ALL_TAKEN
    if sock.family == socket.AF_UNIX or sys.platform != "linux":
        return 2**31 - left[0]
    info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, BYTES_ACKED + 8)
    return int(struct.unpack_from("=Q", info, BYTES_ACKED)[0])


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
