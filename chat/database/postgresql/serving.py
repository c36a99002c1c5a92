"""Whether any process serves this database: each that does holds a lock while its connection lives."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from chat.database.postgresql.connection import PostgreSQLConnection, connect

# Of the processes that serve a database; any number that nobody else takes.
LOCK = 0x7E7F

log = logging.getLogger(__name__)


class ServerServing:
    """This process's part of it."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._db: PostgreSQLConnection | None = None

    @contextmanager
    def begin(self) -> Iterator[bool]:
        """From now on this process serves; whether none did. Others that begin wait for the end of the block.

        Where the server cannot be reached nobody can tell, and it says no.
        """
        is_alone = False
        try:
            self._db = connect(self._url)
            is_alone = bool(self._call("pg_try_advisory_lock"))
        except psycopg.Error as error:
            log.warning("Whether another process serves cannot be told, nor a short outage: %s", error)
        try:
            yield is_alone
        finally:
            try:
                self._call("pg_advisory_lock_shared")
                if is_alone:
                    self._call("pg_advisory_unlock")
            except psycopg.Error:
                self.end()

    def keep(self) -> None:
        """Hold it again where it could not be had at the start, or the connection was lost."""
        try:
            if self._db is None:
                self._db = connect(self._url)
                self._call("pg_try_advisory_lock_shared")
            self._db.session.execute("SELECT 1")
        except psycopg.Error:
            self.end()

    def end(self) -> None:
        """It serves no more."""
        db, self._db = self._db, None
        if db is not None:
            db.close()

    def _call(self, function: str) -> object:
        if self._db is None:
            return None
        return self._db.conn.execute(f"SELECT {function}({LOCK:d})").fetchone()[0]
