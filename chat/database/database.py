"""The database of one process: a pool of readers, threads for slow reads, and one writer with its own thread.

Nothing is held across a wait: a read takes a connection, reads all, and gives it back.
"""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from chat.database import migrations, native
from chat.database.connection import Connection, FileConnection, connect, sqlite3
from chat.database.writer import Writer
from chat.errors import DatabaseUnavailable

T = TypeVar("T")

# Reports and searches at a time, and waiting: each takes a core for as long as it runs.
SLOW_READS = 2
SLOW_READS_WAITING = 50


class Database:
    """`read(work)`, `read_slowly(work)` and `write(work)`, where `work` takes a connection.

    All raise what `work` raises, and DatabaseUnavailable (503) where SQLite cannot do it: disk full,
    file read-only or gone, lock not had in time. The latter two raise Overloaded when too many wait already.
    """

    def __init__(self, path: Path, write_queue: int) -> None:
        self.path = path
        self._readers: list[FileConnection] = []
        self._writer = Writer(path, write_queue)
        self._slow_readers = native.pool(SLOW_READS, SLOW_READS_WAITING)

    def migrate(self) -> list[str]:
        """Bring the schema up to date; returns the names of the migrations applied now."""
        db = connect(self.path, create=True)
        try:
            return migrations.apply(db)
        finally:
            db.close()

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
            reader = FileConnection(self.path)
        try:
            db = reader.get()
            db.conn.execute("BEGIN")
            try:
                return work(db)
            finally:
                db.conn.execute("COMMIT")
        except (sqlite3.Error, OSError) as error:
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

    def queued_writes(self) -> int:
        """How many writes wait for their turn."""
        return self._writer.queued()
