"""The one writer of a process: all queued writes in one transaction, a savepoint each.

Its thread is a native one, so that neither an fsync nor another process's lock stops the greenlets.
"""

import contextlib
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

from chat.database import migrations
from chat.database.connection import Connection, FileAway, FileConnection, sqlite3
from chat.database.heads import Heads
from chat.database.native import Call, NativeThreads
from chat.errors import DatabaseUnavailable, Problem

# Writes in one transaction: enough to share an fsync, few enough that the first does not wait long.
GROUP = 256

log = logging.getLogger(__name__)


class Writer:
    """`write(work)` runs `work(db)` and returns its result when it is durable.

    Each file that it opens is brought to the newest schema; the first transaction begins with `on_open(db)`.
    """

    def __init__(self, path: Path, queue: int, on_open: Callable[[Connection], None]) -> None:
        self.heads = Heads(path)
        self._file = FileConnection(path)
        self._on_open = on_open
        self._opened: Connection | None = None
        # Of the file that was opened last.
        self.inode = 0
        self._threads = NativeThreads(self._commit_group, batch=GROUP, limit=queue, on_end=self._end)

    def write(self, work: Callable[[Connection], Any]) -> Any:
        """Raises what `work` raises, DatabaseUnavailable, or Overloaded when the queue is full."""
        return self._threads.call(work)

    def queued(self) -> int:
        """How many writes wait for their turn."""
        return self._threads.waiting()

    def close(self) -> None:
        """End its thread, which closes its connection."""
        if self._opened:
            with contextlib.suppress(Problem):
                self.write(self.heads.release)
        self._threads.close()

    def _end(self) -> None:
        self._file.close()
        self.heads.close()

    def _commit_group(self, calls: list[Call]) -> None:
        try:
            db = self._file.get()
            if db is not self._opened:
                migrations.apply(db)
            db.conn.execute("BEGIN IMMEDIATE")
            if db is not self._opened:
                self.heads.open(db)
                self._on_open(db)
            for call in calls:
                self._run_in_savepoint(db, call)
            self.heads.reserve(db)
            db.conn.execute("COMMIT")
            self._opened, self.inode = db, self._file.inode
        except BaseException as error:
            is_expected = isinstance(error, sqlite3.Error | OSError)
            log.error("Write failed, %d calls answered 503: %s", len(calls), error, exc_info=not is_expected)
            for call in calls:
                call.error = DatabaseUnavailable()
            if not isinstance(error, FileAway):
                self._file.close()

    def _run_in_savepoint(self, db: Connection, call: Call) -> None:
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
