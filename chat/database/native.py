"""Work on real threads, for callers that may be greenlets.

Under gevent every `threading.Thread` is a greenlet, and a call that blocks in C (an fsync, a password hash)
stops the whole process. The originals are taken here at import: chat.worker imports this module before
anything is patched.
"""

import _thread
import contextlib
import logging
import os
import socket
import threading
from _thread import start_new_thread
from collections import deque
from collections.abc import Callable
from typing import Any

from chat.errors import Overloaded

log = logging.getLogger(__name__)


class Call:
    """One piece of work, and what came of it; `error` wins over `result`."""

    __slots__ = ("done", "error", "result", "work")

    def __init__(self, work: Callable[..., Any]) -> None:
        self.work = work
        self.result: Any = None
        self.error: BaseException | None = None
        self.done = threading.Lock()
        self.done.acquire()

    def wait(self) -> Any:
        """Until it is done; returns its result, or raises its error."""
        self.done.acquire()
        if self.error is not None:
            raise self.error
        return self.result


class Pool:
    """`call(work)` runs on one of so many native threads; up to `limit` calls may wait.

    One byte in a pipe stands for each call that waits; os.read and os.write are what gevent leaves
    alone. The way back is a socket, because waiting on one is what it makes cooperative.
    """

    def __init__(self, threads: int, limit: int) -> None:
        self._threads = threads
        self._limit = limit
        self._queue: deque[Call] = deque()
        self._finished: deque[Call] = deque()
        self._starting = threading.Lock()
        self._started = self._closed = False
        # A number for each thread that runs; whoever takes the first one is the last to end.
        self._running = list(range(threads))

    def call(self, work: Callable[[], Any]) -> Any:
        """Run `work` and return its result or raise its error; blocks only the caller.

        Raises Overloaded when `limit` calls wait already, and after the end.
        """
        if not self._started:
            self._start()
        if self._closed or len(self._queue) >= self._limit:
            raise Overloaded
        call = Call(work)
        self._queue.append(call)
        os.write(self._bell, b"\0")
        return call.wait()

    def waiting(self) -> int:
        """How many calls no thread has taken yet."""
        return len(self._queue)

    def close(self) -> None:
        """End the threads when they have nothing to do; who calls later is refused."""
        with self._starting:
            if self._started and not self._closed:
                os.close(self._bell)
            self._closed = True

    def _start(self) -> None:
        with self._starting:
            if self._started:
                return
            self._waiting, self._bell = os.pipe()
            self._results, self._results_bell = socket.socketpair()
            self._results_bell.setblocking(False)
            threading.Thread(target=self._hand_back, daemon=True).start()
            for _ in range(self._threads):
                start_new_thread(self._run, ())
            self._started = True

    def _run(self) -> None:
        while os.read(self._waiting, 1):
            call = self._queue.popleft()
            try:
                call.result = call.work()
            except BaseException as error:
                if not isinstance(error, Exception):
                    log.critical("A native thread failed, and goes on", exc_info=error)
                call.error = error
            self._finished.append(call)
            # Full means unread bytes: the other side takes all that is finished when it looks.
            with contextlib.suppress(BlockingIOError):
                os.write(self._results_bell.fileno(), b"\0")
        if self._running.pop() == 0:
            os.close(self._waiting)
            os.close(self._results_bell.detach())

    def _hand_back(self) -> None:
        while self._results.recv(4096):
            while self._finished:
                # Released twice it would raise, and end this thread: a lost wake-up for everybody after.
                with contextlib.suppress(RuntimeError):
                    self._finished.popleft().done.release()
        self._results.close()


def are_threads_greenlets() -> bool:
    """Whether `threading.Thread` makes no real ones."""
    return _thread.start_new_thread is not start_new_thread
