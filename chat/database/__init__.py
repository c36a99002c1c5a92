"""The database of one process: a pool of readers, and one writer with its own thread.

Nothing is held across a wait: a read takes a connection, reads all, and gives it back.
"""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from chat.database import migrations
from chat.database.connection import Connection, FileConnection, Row, connect, sqlite3
from chat.database.writer import Writer
from chat.errors import DatabaseUnavailable

T = TypeVar("T")

__all__ = ["Connection", "Database", "Row"]


class Database:
    """`read(work)` and `write(work)`, where `work` takes a connection.

    Both raise what `work` raises, and DatabaseUnavailable (503) where SQLite cannot do it: disk full,
    file read-only or gone, lock not had in time. `write` raises Overloaded when its queue is full.
    """

    def __init__(self, path: Path, write_queue: int) -> None:
        self.path = path
        self._readers: list[FileConnection] = []
        self._writer = Writer(path, write_queue)

    def migrate(self) -> list[str]:
        """Bring the schema up to date; returns the names of the migrations applied now."""
        db = connect(self.path, create=True)
        try:
            return migrations.apply(db)
        finally:
            db.close()

    def close(self) -> None:
        """Give back what the readers have open."""
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

    def write(self, work: Callable[[Connection], T]) -> T:
        """Run `work` in a transaction on the writer's thread; returns after COMMIT.

        `work` may run a second time, so it does nothing but use the connection.
        """
        result: T = self._writer.write(work)
        return result
