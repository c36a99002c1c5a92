"""The one writer of a process: all queued writes in one transaction, a savepoint each.

Its thread is a native one, so that neither an fsync nor another process's lock stops the greenlets.
"""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

from chat.database.connection import Connection, FileConnection, sqlite3
from chat.database.native import Call, NativeThreads
from chat.errors import DatabaseUnavailable

# Writes in one transaction: enough to share an fsync, few enough that the first does not wait long.
GROUP = 256

log = logging.getLogger(__name__)


class Writer:
    """`write(work)` runs `work(db)` and returns its result when it is durable."""

    def __init__(self, path: Path, queue: int) -> None:
        self._file = FileConnection(path)
        self._threads = NativeThreads(self._commit_group, batch=GROUP, limit=queue, on_end=self._file.close)

    def write(self, work: Callable[[Connection], Any]) -> Any:
        """Raises what `work` raises, DatabaseUnavailable, or Overloaded when the queue is full."""
        return self._threads.call(work)

    def queued(self) -> int:
        """How many writes wait for their turn."""
        return self._threads.waiting()

    def close(self) -> None:
        """End its thread, which closes its connection."""
        self._threads.close()

    def _commit_group(self, calls: list[Call]) -> None:
        try:
            db = self._file.get()
            db.conn.execute("BEGIN IMMEDIATE")
            for call in calls:
                self._run_in_savepoint(db, call)
            db.conn.execute("COMMIT")
        except BaseException as error:
            is_expected = isinstance(error, sqlite3.Error | OSError)
            log.error("Write failed, %d calls answered 503: %s", len(calls), error, exc_info=not is_expected)
            for call in calls:
                call.error = DatabaseUnavailable()
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
