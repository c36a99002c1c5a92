"""What others have changed, as the poll loop asks."""

from collections.abc import Callable
from typing import TypeVar

import psycopg

from chat.database.connection import Connection
from chat.database.postgresql.connection import SNAPSHOT, PostgreSQLConnection, connect
from chat.errors import DatabaseUnavailable

T = TypeVar("T")


class ServerWatch:
    """A connection of its own, so that it waits for no reader."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._db: PostgreSQLConnection | None = None

    def version(self) -> object:
        """Another one when anybody has committed a change; raises DatabaseUnavailable."""
        return self._ask(lambda db: db.conn.execute("SELECT head FROM revision").fetchone()[0])

    def read(self, work: Callable[[Connection], T]) -> T:
        """`work` on one snapshot; raises DatabaseUnavailable."""
        return self._ask(lambda db: _snapshot(db, work))

    def close(self) -> None:
        """Close it."""
        db, self._db = self._db, None
        if db is not None:
            db.close()

    def _ask(self, work: Callable[[PostgreSQLConnection], T]) -> T:
        try:
            if self._db is None:
                self._db = connect(self._url)
            return work(self._db)
        except psycopg.Error as error:
            self.close()
            raise DatabaseUnavailable from error


def _snapshot(db: PostgreSQLConnection, work: Callable[[Connection], T]) -> T:
    db.session.execute(SNAPSHOT)
    result = work(db)
    db.session.execute("COMMIT")
    return result
