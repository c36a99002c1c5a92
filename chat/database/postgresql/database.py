"""The database on a server: as many connections as read at a time, beside the writer's."""

import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

import psycopg

from chat.database.connection import Connection
from chat.database.database import SLOW_READS, SLOW_READS_WAITING, Database
from chat.database.postgresql import schema
from chat.database.postgresql.connection import (
    PostgreSQLConnection,
    connect,
    shown,
    without_password,
)
from chat.database.postgresql.serving import ServerServing
from chat.database.postgresql.tables import ServerTables
from chat.database.postgresql.timekeeping import Timekeeper
from chat.database.postgresql.watch import ServerWatch
from chat.database.postgresql.wire import NotifyWire
from chat.database.postgresql.writing import ServerWriting
from chat.errors import DatabaseUnavailable, Overloaded

T = TypeVar("T")

# Connections of a process that read; docs/scaling.md counts with them. So long a read waits for one.
READERS = 10
READER_SECONDS = 5
# All of a process: those, and to write, to listen, to tell, to look, and that it serves.
CONNECTIONS = READERS + 5


class PostgreSQLDatabase(Database):
    """A database on a server, which is as far away as its address says."""

    errors = (psycopg.Error, OSError)

    def __init__(
        self, url: str, write_queue: int, on_open: Callable[[Connection], None] = lambda db: None
    ) -> None:
        """`on_open` is the first work on each connection that is written with."""
        self.url = url
        self._idle: list[PostgreSQLConnection] = []
        self._free = threading.BoundedSemaphore(READERS)
        self._slow = threading.BoundedSemaphore(SLOW_READS)
        self._waiting = 0
        self._timekeeper = Timekeeper()
        super().__init__(ServerWriting(url, self._timekeeper), write_queue, on_open)

    def name(self) -> str:
        """The address, without a password."""
        return shown(self.url)

    def address(self) -> str:
        """As pg_dump takes it, without a password."""
        return without_password(self.url)

    def is_there(self) -> bool:
        """Whether it was made; raises DatabaseUnavailable."""
        return self._once(schema.is_there)

    def migrate(self) -> list[str]:
        """Bring the schema up to date; returns the names of the migrations applied now.

        A server that cannot be reached now is one that may come back. Raises NewerSchema, and
        DatabaseUnavailable.
        """
        return self._once(schema.apply)

    def check(self) -> None:
        """Raises DatabaseUnavailable where there is none to be opened, OlderSchema and NewerSchema."""
        self._once(schema.require_newest)

    def close(self) -> None:
        """End the threads and close all connections; nobody may read or write any more."""
        super().close()
        while self._idle:
            self._idle.pop().close()

    def read(self, work: Callable[[Connection], T]) -> T:
        """Run `work` on one snapshot: all that it reads belongs together."""
        if not self._free.acquire(timeout=READER_SECONDS):
            raise DatabaseUnavailable
        try:
            db = self._begin()
            try:
                result = work(db)
                db.begin_next()
            except Exception:
                with suppress(psycopg.Error):
                    db.session.execute("ROLLBACK")
                raise
            except BaseException:
                db.close()
                raise
            finally:
                if db.is_open():
                    self._idle.append(db)
            return result
        except psycopg.Error as error:
            self._trouble.tell(error)
            raise DatabaseUnavailable from error
        finally:
            self._free.release()

    def wire(self) -> NotifyWire:
        """NOTIFY, and a connection that listens."""
        return NotifyWire(self.url)

    def watch(self) -> ServerWatch:
        """A connection of its own."""
        return ServerWatch(self.url)

    def serving(self) -> ServerServing:
        """A lock that a connection holds."""
        return ServerServing(self.url)

    def tables(self) -> ServerTables:
        """Those of the schema that is looked into first."""
        return ServerTables()

    def leads(self, does: bool) -> None:
        """Who leads says by how much the server's clock was set."""
        self._timekeeper.leads = does

    def read_slowly(self, work: Callable[[Connection], T]) -> T:
        """The server takes as long as it takes, and no greenlet waits for another's answer."""
        if self._waiting >= SLOW_READS_WAITING:
            raise Overloaded
        self._waiting += 1
        try:
            with self._slow:
                return self.read(work)
        finally:
            self._waiting -= 1

    def empty_log(self) -> bool:
        """Nothing is to be done: its log is the server's."""
        return True

    def displaced(self) -> str:
        """None: it has no files of ours."""
        return ""

    def sizes(self) -> dict[str, int]:
        """In bytes; empty where it cannot be read."""
        with suppress(DatabaseUnavailable):
            return {"database": self.read(_size)}
        return {}

    def free_bytes(self) -> int | None:
        """The server does not tell."""
        return None

    def _once(self, work: Callable[[PostgreSQLConnection], T]) -> T:
        """On a connection of its own, whatever is there."""
        try:
            db = connect(self.url, self._timekeeper)
            try:
                return work(db)
            finally:
                db.close()
        except psycopg.Error as error:
            raise DatabaseUnavailable(f"{self.name()}: {error}") from error

    def _begin(self) -> PostgreSQLConnection:
        """With a snapshot; connections that went away while nobody used them are passed over."""
        while self._idle:
            db = self._idle.pop()
            try:
                db.begin()
                return db
            except psycopg.OperationalError:
                db.close()
        db = connect(self.url, self._timekeeper)
        self._timekeeper.begin(db)
        db.session.execute("SET idle_in_transaction_session_timeout = 0")
        db.begin()
        return db


def _size(db: Connection) -> int:
    return int(db.conn.execute("SELECT pg_database_size(current_database())").fetchone()[0])
