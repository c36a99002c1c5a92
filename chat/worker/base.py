"""What both workers do: serve until they are told to stop, and then until all is answered."""

import ctypes
import gc
import itertools
import os
import secrets
import select
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterable
from datetime import timedelta
from functools import partial
from http import HTTPStatus
from typing import Any

from gunicorn.workers import base

from chat import counts
from chat.logs import for_request, public
from chat.worker.answer import Answer, base_environ, environ, is_below
from chat.worker.arbiter import Arbiter
from chat.worker.connection import READ_BYTES, Connection, Request
from chat.worker.memory import Memory
from chat.worker.reception import TURN_SECONDS, Reception
from chat.worker.stalled import cut_the_stalled
from chat.worker.uploads import Uploads

# The default of 5 ms lets the writer's thread wait that long for a busy interpreter at each statement.
SWITCH_SECONDS = 0.0005
# The kernel's number: the signal that a process gets when its parent dies.
PR_SET_PDEATHSIG = 1


class Worker(base.Worker):
    """A process that serves. How it waits, and on what a request is answered, is its subclasses'."""

    arbiter = Arbiter
    alive: bool
    sockets: list[Any]

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.made_at = self.tmp.last_update()
        self.told_at = 0.0
        self.memory = Memory()
        # This is the main process, and it forks after this.
        self.part = counts.take()
        # What its requests are called begins so, and goes on with a number.
        self.name, self.numbers = secrets.token_hex(4), itertools.count(1)

    def serves(self) -> bool:
        """Whether it has begun to accept; asked in the main process."""
        return bool(self.tmp.last_update() != self.made_at)

    def reaped(self) -> None:
        """It has died; told in the main process."""
        counts.give_back(self.part)

    def look(self, seconds: float) -> Iterable[tuple[int, int]]:
        """(file, events) of what can be read, as soon as there is any; at the latest after `seconds`."""
        raise NotImplementedError

    def begin(self, connection: Connection, request: Request) -> None:
        """Have it `serve`d."""
        raise NotImplementedError

    def finished(self, connection: Connection, is_kept: bool) -> None:
        """Tell the reception that it is answered."""
        raise NotImplementedError

    def files(self) -> list[int]:
        """What wakes the loop beside connections: a signal writes into a pipe."""
        return [self.PIPE[0]]

    def load_wsgi(self) -> None:
        """Load the application and start what runs beside its requests."""
        counts.use(self.part)
        super().load_wsgi()
        self.runtime = self.wsgi.extensions["chat"]
        self.runtime.start()
        stop_with_the_main_process()
        for listener in self.sockets:
            listener.setblocking(False)
            # gunicorn does so for those that it has opened itself; what is accepted inherits it.
            if listener.family in (socket.AF_INET, socket.AF_INET6):
                listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.environ = base_environ(self.cfg, self.sockets[0].getsockname(), self.runtime.settings.prefix)
        sys.setswitchinterval(SWITCH_SECONDS)
        # What is loaded now stays: the collector need not walk it again for every generation.
        gc.collect()
        gc.freeze()
        gc.set_threshold(50_000, 50, 100)

    def run(self) -> None:
        """Serve until told to stop, and then until all is answered."""
        settings, folder = self.runtime.settings, self.runtime.blobs.incoming
        uploads = Uploads(settings, folder, self.user_of)
        self.reception = Reception(self.cfg, self.sockets, settings, uploads, self.begin)
        for file in self.files():
            self.reception.poller.register(file, select.POLLIN)
        while self.alive:
            self.turn()
        self.reception.stop()
        handed_over = threading.Event()
        threading.Thread(target=self.empty, args=(handed_over,), daemon=True).start()
        deadline = time.monotonic() + self.cfg.graceful_timeout
        while not self.reception.is_empty and time.monotonic() < deadline:
            self.turn()
        if not self.reception.is_empty:
            self.log.warning("Worker graceful timeout (pid:%s)", self.pid)
        handed_over.wait()
        self.runtime.database.close()

    def turn(self) -> None:
        """Once round: tell the main process, look, read, begin."""
        now = time.monotonic()
        if now - self.told_at >= TURN_SECONDS:
            self.told_at = now
            self.notify()
        ready = self.look(self.reception.patience(now))
        if self.PIPE[0] in dict(ready):
            os.read(self.PIPE[0], READ_BYTES)
        try:
            self.reception.turn(ready)
        except Exception:
            # Without this loop nobody would be served any more.
            self.log.exception("A turn of the reading loop failed, and goes on")

    def notify(self) -> None:
        """Tell the main process that it lives; without one, stop."""
        super().notify()
        self.alive = self.alive and self.ppid == os.getppid()

    def empty(self, handed_over: threading.Event) -> None:
        """Hand over, and then cut whoever takes nothing."""
        self.hand_over()
        handed_over.set()
        cut_the_stalled(self.reception.busy)

    def hand_over(self) -> None:
        """Answer every held poll with 200, and close its connection: the next one goes elsewhere.

        Not before the listeners are closed: a poll that is answered sooner comes straight back.
        """
        for connection in self.reception.busy():
            if request := connection.request:
                request.force_close()
        self.runtime.stop()

    @for_request
    def serve(self, connection: Connection, request: Request) -> None:
        """Answer it, and say whether another one may follow."""
        is_kept, request.id = False, request.id or f"{self.name}-{next(self.numbers):x}"
        try:
            self.answer(connection, request)
            is_kept = not request.must_close
        except OSError as error:
            self.log.debug("Closing connection: %s", error)
        except Exception:
            self.log.exception("A request failed: %s %s", request.method, public(request.uri))
        request.body.close()
        self.finished(connection, is_kept)

    def user_of(self, connection: Connection, request: Request) -> int | None:
        """Who sends this request, as its head says; None where nobody is signed in."""
        user_id: int | None = self.wsgi.extensions["user"](environ(self.environ, connection, request))
        return user_id

    def answer(self, connection: Connection, request: Request) -> None:
        """Have the application answer it, or say what is wrong with it; OSError when nobody listens."""
        begun_at = time.monotonic()
        counts.add("requests")
        self.nr += 1
        if self.nr >= self.max_requests and self.alive:
            self.log.info("Autorestarting worker after current request.")
            self.alive = False
        if not self.alive:
            request.force_close()
        if not request.status and not is_below(request.path, self.environ["SCRIPT_NAME"]):
            request.status = HTTPStatus.NOT_FOUND
        response = Answer(request, connection.sock, self.cfg)
        if request.status:
            asked = environ(self.environ, connection, request)
            pieces = self.wsgi.extensions["refusal"](request.status)(asked, response.start_response)
        else:
            pieces = self.apply(connection, request, response.start_response)
        if not self.cfg.accesslog:
            request.headers = []  # Thousands wait: they keep nothing that has been read.
        try:
            for piece in pieces:
                response.write(piece)
            response.close()
        finally:
            if response.status is not None:  # Or else its client had left before there was one.
                request.must_close = response.should_close()
            if hasattr(pieces, "close"):
                pieces.close()
            if self.cfg.accesslog:
                asked = environ(self.environ, connection, request)
                asked["REMOTE_ADDR"] = self.wsgi.extensions["client"](asked)
                self.log.access(response, request, asked, timedelta(seconds=time.monotonic() - begun_at))

    def apply(self, connection: Connection, request: Request, start_response: Any) -> Iterable[bytes]:
        """The application's answer, or that to the same as before."""
        head = request.head()
        pieces = None
        if request.is_whole:
            pieces = self.memory.answer(head, connection, request, start_response)
        if pieces is None:
            asked = environ(self.environ, connection, request)
            asked["chat.remember"] = partial(self.memory.remember, head)
            pieces = self.wsgi(asked, start_response)
        return pieces


def stop_with_the_main_process() -> None:
    """An orphan would keep the port; where the system cannot tell, `notify` looks."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
