"""What others have changed, as the poll loop asks."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from chat.database.connection import Connection
from chat.database.sqlite.connection import FileAway, FileConnection, sqlite3
from chat.errors import DatabaseUnavailable

T = TypeVar("T")


class FileWatch:
    """A connection of its own: PRAGMA data_version tells of commits by all other ones."""

    def __init__(self, path: Path) -> None:
        self._file = FileConnection(path)

    def version(self) -> object:
        """Another one when others have committed something; raises DatabaseUnavailable."""
        return self._ask(lambda db: (db, db.conn.execute("PRAGMA data_version").fetchone()[0]))

    def read(self, work: Callable[[Connection], T]) -> T:
        """`work` on one snapshot; raises DatabaseUnavailable."""
        return self._ask(lambda db: _snapshot(db, work))

    def close(self) -> None:
        """Close it."""
        self._file.close()

    def _ask(self, work: Callable[[Connection], T]) -> T:
        try:
            return work(self._file.get())
        except FileAway as error:
            raise DatabaseUnavailable from error
        except sqlite3.Error as error:
            self._file.close()
            raise DatabaseUnavailable from error


def _snapshot(db: Connection, work: Callable[[Connection], T]) -> T:
    db.conn.execute("BEGIN")
    try:
        return work(db)
    finally:
        db.conn.execute("COMMIT")
