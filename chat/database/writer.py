"""The one writer of a process: all queued writes in one transaction, a savepoint each.

Its loop is a thread of the process, so a greenlet where those are: what it does takes microseconds, and a
native thread would have to ask for the interpreter at each statement.
"""

import contextlib
import logging
import queue
import threading
from collections.abc import Callable
from time import monotonic_ns
from typing import Any, Protocol

from chat import counts
from chat.database.connection import Connection
from chat.database.native import Call
from chat.errors import DatabaseUnavailable, Overloaded, Problem
from chat.logs import Trouble

# Writes in one transaction: enough to share an fsync, few enough that nobody else waits long.
GROUP = 32

log = logging.getLogger(__name__)


class Writing(Protocol):
    """The connection that is written with, as an engine has it."""

    @property
    def errors(self) -> tuple[type[Exception], ...]:
        """What it raises when it cannot."""

    @property
    def refusal(self) -> type[Exception]:
        """Those of them that spoil no other write: of one row, by a constraint."""

    def start(self) -> None:
        """Before all others, in the thread that writes; as all of them."""

    def begin(self) -> tuple[Any, bool]:
        """A connection with the lock of all writers, and whether it is another one than before."""

    def commit(self, db: Any) -> None:
        """All that was written is durable."""

    def drop(self, error: BaseException) -> None:
        """After a failure: with it goes what was not committed."""

    def is_proven(self) -> bool:
        """Whether anything was written."""

    def release(self, db: Any) -> None:
        """The last write."""

    def close(self) -> None:
        """After all others."""


class Writer:
    """`write(work)` runs `work(db)` and returns its result when it is durable."""

    def __init__(self, writing: Writing, limit: int, on_open: Callable[[Connection], None]) -> None:
        """Up to `limit` writes may wait; each connection's first transaction begins with `on_open(db)`."""
        self._writing = writing
        self._on_open = on_open
        # Why the last transaction could not be written; empty if it was.
        self.failure = ""
        self._trouble = Trouble(
            log, "Nothing can be written, who wants to is answered 503: %s", "Writes go on"
        )
        self._limit = limit
        self._starting = threading.Lock()
        # Made when it is started: in a worker that is after gevent has made it one for greenlets.
        self._queue: queue.SimpleQueue[Call | None] | None = None
        self._is_closed = False

    def write(self, work: Callable[[Connection], Any]) -> Any:
        """Raises what `work` raises, DatabaseUnavailable, or Overloaded when the queue is full."""
        waiting = self._queue or self._start()
        if self._is_closed or waiting.qsize() >= self._limit:
            raise Overloaded
        call = Call(work)
        counts.add("writes_waiting")
        waiting.put(call)
        return call.wait()

    def queued(self) -> int:
        """How many writes wait for their turn."""
        return self._queue.qsize() if self._queue else 0

    def close(self) -> None:
        """End its thread, which closes its connection."""
        if self._writing.is_proven():
            with contextlib.suppress(Problem):
                self.write(self._writing.release)
        self._is_closed = True
        if self._queue:
            self._queue.put(None)

    def _start(self) -> "queue.SimpleQueue[Call | None]":
        with self._starting:
            if self._queue is None:
                waiting: queue.SimpleQueue[Call | None] = queue.SimpleQueue()
                threading.Thread(target=self._run, args=(waiting,), daemon=True).start()
                self._queue = waiting
            return self._queue

    def _run(self, waiting: "queue.SimpleQueue[Call | None]") -> None:
        self._writing.start()
        while calls := _group(waiting):
            try:
                self._commit_group(calls)
            except BaseException as error:
                # Without this thread every later write would wait for ever.
                log.critical("The writer failed, and goes on", exc_info=error)
                for call in calls:
                    call.error = call.error or error
            counts.add("writes_waiting", number=-len(calls))
            for call in calls:
                call.done.release()
        self._writing.close()

    def _commit_group(self, calls: list[Call]) -> None:
        try:
            db, is_new = self._writing.begin()
            if is_new:
                self._on_open(db)
            if len(calls) == 1 and not is_new:
                if not self._run_alone(db, calls[0]):
                    return
            else:
                for call in calls:
                    self._run_in_savepoint(db, call)
            began = monotonic_ns()
            self._writing.commit(db)
            counts.observe("commit_seconds", (monotonic_ns() - began) // counts.NS_PER_US)
            counts.observe("write_group", len(calls))
            self.failure = ""
            self._trouble.over()
        except BaseException as error:
            self._fail(calls, error)

    def _fail(self, calls: list[Call], error: BaseException) -> None:
        self.failure = _cause(error)
        if isinstance(error, self._writing.errors):
            self._trouble.tell(error)
        else:
            log.error("A transaction failed, %d calls answered 503", len(calls), exc_info=error)
        for call in calls:
            call.error = DatabaseUnavailable()
        self._writing.drop(error)

    def _run_alone(self, db: Connection, call: Call) -> bool:
        """Whether there is something to be committed: what is refused is taken back."""
        try:
            call.result = call.work(db)
            return True
        except Exception as error:
            self._refuse(call, error)
            db.conn.execute("ROLLBACK")
            return False

    def _run_in_savepoint(self, db: Connection, call: Call) -> None:
        """Fails alone for what `work` refuses, and with the whole group for what the engine cannot do."""
        execute = db.conn.execute
        execute("SAVEPOINT call")
        try:
            call.result = call.work(db)
        except Exception as error:
            self._refuse(call, error)
            execute("ROLLBACK TO call")
        execute("RELEASE call")

    def _refuse(self, call: Call, error: Exception) -> None:
        """Raises what the engine cannot do."""
        if isinstance(error, self._writing.errors) and not isinstance(error, self._writing.refusal):
            raise error
        call.error = error


def _cause(error: BaseException) -> str:
    """For whoever asks from outside: without a path."""
    if isinstance(error, OSError):
        return error.strerror or "the file is away"
    return str(error) or type(error).__name__


def _group(waiting: "queue.SimpleQueue[Call | None]") -> list[Call]:
    """Those that wait, as soon as there are any; none at the end."""
    calls: list[Call] = []
    call = waiting.get()
    with contextlib.suppress(queue.Empty):
        while call is not None:
            calls.append(call)
            if len(calls) == GROUP:
                break
            call = waiting.get_nowait()
        else:
            if calls:
                waiting.put(None)  # It ends the next time.
    return calls
