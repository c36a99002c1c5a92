"""A thread for each request."""

import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from gunicorn.workers.gthread import PollableMethodQueue

from chat.worker.base import Worker
from chat.worker.connection import Connection, Request
from chat.worker.reception import EVENTS


class ThreadWorker(Worker):
    """Its loop is the main thread's."""

    def init_process(self) -> None:
        """Make the threads, and the way back from them."""
        self.pool = ThreadPoolExecutor(self.cfg.threads)
        # Whoever asks whether the process is well waits for none of the others.
        self.urgent = ThreadPoolExecutor(1)
        self.done = PollableMethodQueue()
        self.done.init()
        super().init_process()

    def run(self) -> None:
        """As any worker."""
        super().run()
        for pool in (self.pool, self.urgent):
            pool.shutdown(wait=False)
        if self.ppid != os.getppid():
            os._exit(0)  # Nobody is there to kill it, should a thread not end.

    def files(self) -> list[int]:
        """Also of the threads that are done."""
        return [*super().files(), self.done.fileno()]

    def look(self, seconds: float) -> Iterable[tuple[int, int]]:
        """Those who are done go first."""
        ready: list[tuple[int, int]] = self.reception.poller.poll(seconds, EVENTS)
        self.done.run_callbacks(None)
        return ready

    def begin(self, connection: Connection, request: Request) -> None:
        """As soon as one of the threads has time."""
        (self.urgent if request.is_urgent else self.pool).submit(self.serve, connection, request)

    def finished(self, connection: Connection, is_kept: bool) -> None:
        """Told in the main thread."""
        self.done.defer(self.reception.finish, connection, is_kept)

    def handle_quit(self, sig: int, frame: Any) -> None:
        """At once."""
        self.pool.shutdown(wait=False)
        super().handle_quit(sig, frame)
