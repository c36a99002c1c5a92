"""The database of one process: a pool of readers, threads for slow reads, and one writer with its own thread.

Nothing is held across a wait: a read takes a connection, reads all, and gives it back.
"""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from chat.database import copies, migrations, native
from chat.database.connection import Connection, FileAway, FileConnection, connect, sqlite3
from chat.database.writer import Writer, inode_of, log_of, size_of
from chat.errors import DatabaseUnavailable
from chat.logs import Trouble

T = TypeVar("T")

# Reports and searches at a time, and waiting: each takes a core for as long as it runs.
SLOW_READS = 2
SLOW_READS_WAITING = 50
# So long the log keeps writers from it at most until its last reader has gone on; else another time.
CHECKPOINT_MS = 50

log = logging.getLogger(__name__)


class Database:
    """`read(work)`, `read_slowly(work)` and `write(work)`, where `work` takes a connection.

    All raise what `work` raises, and DatabaseUnavailable (503) where SQLite cannot do it: disk full,
    file read-only or gone, lock not had in time. The latter two raise Overloaded when too many wait already.
    """

    def __init__(
        self, path: Path, write_queue: int, on_open: Callable[[Connection], None] = lambda db: None
    ) -> None:
        """`on_open` is the first work on each file that is opened: this one may be replaced."""
        self.path = path
        self._readers: list[FileConnection] = []
        self._writer = Writer(path, write_queue, on_open)
        self._slow_readers = native.Pool(SLOW_READS, SLOW_READS_WAITING)
        self._trouble = Trouble(log, "The database cannot be read, who asks is answered 503: %s")

    def migrate(self) -> list[str]:
        """Bring the schema up to date; returns the names of the migrations applied now.

        What there was is copied to a file beside it first, named for the first of them.
        The file is created, readable by its owner only, unless there was one before: then it is away, and
        to answer from an empty one would be to have lost it. Raises NewerSchema, DatabaseUnavailable where
        it may come back, and OSError or sqlite3.Error where it cannot be made.
        """
        heads = self._writer.heads
        try:
            if not heads.was_there():
                self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                heads.file.touch(0o600)
            db = connect(self.path, None if heads.was_there() else heads.file)
            try:
                return copies.migrate(db, self.path)
            finally:
                db.close()
        except (sqlite3.Error, OSError) as error:
            if not (heads.was_there() or self.path.exists()):
                raise
            raise DatabaseUnavailable(f"{self.path}: {error}") from error

    def check(self) -> None:
        """Raises DatabaseUnavailable where there is none to be opened, OlderSchema and NewerSchema."""
        try:
            db = connect(self.path)
            try:
                migrations.require_newest(db)
            finally:
                db.close()
        except sqlite3.Error as error:
            raise DatabaseUnavailable(f"{self.path}: {error}") from error

    def prepare(self) -> None:
        """Open the file for writing, if it is not."""
        self._writer.write(lambda db: None)

    def close(self) -> None:
        """End the threads and close all connections; nobody may read or write any more."""
        self._writer.close()
        self._slow_readers.close()
        while self._readers:
            self._readers.pop().close()

    def read(self, work: Callable[[Connection], T]) -> T:
        """Run `work` on one snapshot: all that it reads belongs together."""
        try:
            reader = self._readers.pop()
        except IndexError:  # Not asked before: another thread may take the last one meanwhile.
            reader = FileConnection(self.path, self._prepare)
        try:
            db = reader.get()
            db.conn.execute("BEGIN")
            try:
                return work(db)
            finally:
                db.conn.execute("COMMIT")
        except FileAway as error:
            self._trouble.tell(error)
            raise DatabaseUnavailable from error
        except sqlite3.Error as error:
            self._trouble.tell(error)
            reader.close()
            raise DatabaseUnavailable from error
        finally:
            self._readers.append(reader)

    def read_slowly(self, work: Callable[[Connection], T]) -> T:
        """`read` for what takes long: on a thread of its own kind, so that nobody else waits for it."""
        result: T = self._slow_readers.call(lambda: self.read(work))
        return result

    def write(self, work: Callable[[Connection], T]) -> T:
        """Run `work` in a transaction on the writer's thread; returns after COMMIT.

        `work` does nothing but use the connection: others wait for it, and what it did is taken back when
        the COMMIT of its group fails.
        """
        result: T = self._writer.write(work)
        return result

    def empty_log(self) -> bool:
        """Bring all of the write-ahead log into the file: what was deleted is in neither then.

        False while somebody reads what was before.
        """
        is_empty: bool = self._slow_readers.call(self._empty_log)
        return is_empty

    def queued_writes(self) -> int:
        """How many writes wait for their turn."""
        return self._writer.queued()

    def failure(self) -> str:
        """Why the last transaction could not be written; empty if it was, or there was none."""
        return self._writer.failure

    def displaced(self) -> str:
        """Which of its files is at its path another one than is open, or none: what is written is lost."""
        opened = {self.path: self._writer.inode, log_of(self.path): self._writer.log_inode}
        return ", ".join(path.name for path, inode in opened.items() if inode != inode_of(path))

    def sizes(self) -> tuple[int, int]:
        """Of the file and its log, in bytes."""
        return size_of(self.path), size_of(log_of(self.path))

    def _empty_log(self) -> bool:
        try:
            db = connect(self.path)
            try:
                db.conn.execute(f"PRAGMA busy_timeout = {CHECKPOINT_MS:d}")
                is_busy, *_ = db.conn.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
                return not is_busy
            finally:
                db.close()
        except sqlite3.Error as error:
            raise DatabaseUnavailable from error

    def _prepare(self, inode: int) -> None:
        """No file is read before the writer has seen to it."""
        if inode != self._writer.inode:
            self.prepare()
