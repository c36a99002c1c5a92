"""The one writer of a process: all queued writes in one transaction, a savepoint each.

Its loop is a thread of the process, so a greenlet where those are: what it does takes microseconds, and a
native thread would have to ask for the interpreter at each statement. What may take long is only COMMIT, with
its fsync, and then that is a native one's.
"""

import contextlib
import logging
import queue
import threading
from collections.abc import Callable
from pathlib import Path
from time import monotonic, monotonic_ns, sleep
from typing import Any

from chat import counts
from chat.database import connection, copies, native
from chat.database.connection import Connection, FileAway, FileConnection, sqlite3
from chat.database.heads import Heads
from chat.database.native import Call
from chat.errors import DatabaseUnavailable, Overloaded, Problem
from chat.logs import Trouble

# Writes in one transaction: enough to share an fsync, few enough that nobody else waits long.
GROUP = 32
# How long it stays away from a lock that another process has, at first and at most.
PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.0005, 0.01

log = logging.getLogger(__name__)


class Writer:
    """`write(work)` runs `work(db)` and returns its result when it is durable.

    Each file that it opens is brought to the newest schema; the first transaction begins with `on_open(db)`.
    """

    def __init__(self, path: Path, limit: int, on_open: Callable[[Connection], None]) -> None:
        """Up to `limit` writes may wait."""
        self._path = path
        self.heads = Heads(path)
        self._file = FileConnection(path)
        self._on_open = on_open
        self._opened: Connection | None = None
        # Of the file that was opened last, and of its log.
        self.inode = self.log_inode = 0
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
        if self._opened:
            with contextlib.suppress(Problem):
                self.write(self.heads.release)
        self._is_closed = True
        if self._queue:
            self._queue.put(None)

    def _start(self) -> "queue.SimpleQueue[Call | None]":
        with self._starting:
            if self._queue is None:
                waiting: queue.SimpleQueue[Call | None] = queue.SimpleQueue()
                self._committing = native.Pool(1, 1) if native.are_threads_greenlets() else None
                threading.Thread(target=self._run, args=(waiting,), daemon=True).start()
                self._queue = waiting
            return self._queue

    def _run(self, waiting: "queue.SimpleQueue[Call | None]") -> None:
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
        self._file.close()
        self.heads.close()
        if self._committing:
            self._committing.close()

    def _commit_group(self, calls: list[Call]) -> None:
        try:
            db = self._file.get()
            if db is not self._opened:
                copies.migrate(db, self._path)
                db.conn.execute("PRAGMA busy_timeout = 0")  # `_begin` waits, and nobody else meanwhile.
            _begin(db)
            if db is not self._opened:
                self.heads.open(db)
                self._on_open(db)
            for call in calls:
                _run_in_savepoint(db, call)
            began = monotonic_ns()
            if self._committing:
                self._committing.call(lambda: self._commit(db))
            else:
                self._commit(db)
            counts.observe("commit_seconds", (monotonic_ns() - began) // counts.NS_PER_US)
            counts.observe("write_group", len(calls))
            if db is not self._opened:
                self._opened, self.inode = db, self._file.inode
                self.log_inode = inode_of(log_of(self._path))
            self.failure = ""
            self._trouble.over()
        except BaseException as error:
            self._fail(calls, error)

    def _fail(self, calls: list[Call], error: BaseException) -> None:
        self.failure = _cause(error)
        if isinstance(error, sqlite3.Error | OSError):
            self._trouble.tell(error)
        else:
            log.error("A transaction failed, %d calls answered 503", len(calls), exc_info=error)
        for call in calls:
            call.error = DatabaseUnavailable()
        if not isinstance(error, FileAway):
            self._file.close()

    def _commit(self, db: Connection) -> None:
        self.heads.reserve(db)
        db.conn.execute("COMMIT")


def _cause(error: BaseException) -> str:
    """For whoever asks from outside: without a path."""
    if isinstance(error, OSError):
        return error.strerror or "the file is away"
    return str(error) or type(error).__name__


def log_of(path: Path) -> Path:
    """The write-ahead log of a database."""
    return path.with_name(f"{path.name}-wal")


def inode_of(path: Path) -> int:
    """Of the file that is there now; 0 without one."""
    try:
        return path.stat().st_ino
    except OSError:
        return 0


def size_of(path: Path) -> int:
    """The same of how large it is."""
    try:
        return path.stat().st_size
    except OSError:
        return 0


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


def _begin(db: Connection) -> None:
    """With the lock, for which it waits as long as SQLite would."""
    deadline, pause = monotonic() + connection.BUSY_SECONDS, PAUSE_SECONDS
    while True:
        try:
            db.conn.execute("BEGIN IMMEDIATE")
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or monotonic() > deadline:
                raise
        sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE_SECONDS)


def _run_in_savepoint(db: Connection, call: Call) -> None:
    """Fails alone for what `work` refuses, and with the whole group for what SQLite cannot do."""
    execute = db.conn.execute
    execute("SAVEPOINT call")
    try:
        call.result = call.work(db)
    except Exception as error:
        if isinstance(error, sqlite3.Error) and not isinstance(error, sqlite3.IntegrityError):
            raise
        call.error = error
        execute("ROLLBACK TO call")
    execute("RELEASE call")
