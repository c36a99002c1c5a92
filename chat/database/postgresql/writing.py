"""The connection that is written with: one writer at a time in the whole house.

Each transaction takes one lock first, and keeps it until all that it did can be seen: what is read in it is
the newest, and numbers that are handed out in it are in the order of the COMMITs.
"""

import psycopg

from chat import clock
from chat.database.postgresql import histories, schema, timekeeping
from chat.database.postgresql.connection import PostgreSQLConnection, connect
from chat.database.postgresql.timekeeping import Timekeeper

# So long it waits for the lock, and so long the server waits for a writer that is gone in the middle.
LOCK_SECONDS = 5
IDLE_SECONDS = 10
SETTINGS = f"""
    SET lock_timeout = '{LOCK_SECONDS}s';
    SET idle_in_transaction_session_timeout = '{IDLE_SECONDS}s';
    SET tcp_keepalives_idle = 5;
    SET tcp_keepalives_interval = 2;
    SET tcp_keepalives_count = 3;
    -- Where the server is set to acknowledge what a power cut takes back.
    SELECT set_config('synchronous_commit', 'on', false)
    WHERE current_setting('synchronous_commit') = 'off'
"""


class ServerWriting:
    """Each connection that it opens finds the newest schema, or makes it."""

    errors: tuple[type[Exception], ...] = (psycopg.Error, OSError)
    refusal: type[Exception] = psycopg.IntegrityError

    def __init__(self, url: str, timekeeper: Timekeeper) -> None:
        self._url = url
        self._timekeeper = timekeeper
        self._db: PostgreSQLConnection | None = None
        self._proven: PostgreSQLConnection | None = None
        # The table that the time is kept in: another one, when a dump was put back under a running server.
        self._kept_in = 0

    def start(self) -> None:
        """In the thread that writes."""

    def begin(self) -> tuple[PostgreSQLConnection, bool]:
        """A connection with the lock, and whether it is another one than before."""
        if self._db is not None:
            try:
                self._lock(self._db)
                return self._db, self._db is not self._proven
            except psycopg.errors.LockNotAvailable:
                raise
            except psycopg.OperationalError:
                # It went away while nobody used it. Where the server has said why, it still seems to be open.
                self._db.close()
        db = self._db = connect(self._url, self._timekeeper)
        db.session.execute(SETTINGS)
        schema.apply(db)
        self._lock(db)
        return db, True

    def commit(self, db: PostgreSQLConnection) -> None:
        """All that was written is durable."""
        db.conn.execute("COMMIT")
        self._proven = db

    def drop(self, error: BaseException) -> None:
        """After a failure: with it goes what was not committed."""
        db, self._db = self._db, None
        if db is not None:
            db.close()

    def is_proven(self) -> bool:
        """Whether there is something to be done before the end: there is not."""
        return False

    def release(self, db: PostgreSQLConnection) -> None:
        """The last write."""

    def close(self) -> None:
        """In the thread that writes."""
        if self._db is not None:
            self._db.close()

    def _lock(self, db: PostgreSQLConnection) -> None:
        asked_at = clock.steady()
        told = db.session.execute(f"BEGIN; SELECT pg_advisory_xact_lock({schema.LOCK:d}); {timekeeping.NOW}")
        while told.nextset():
            pass
        row = told.fetchone() or {}
        self._timekeeper.follow(db, row["wall"], row["correction"], asked_at)
        if row["kept_in"] != self._kept_in or db is not self._proven:
            histories.open(db)
            self._kept_in = row["kept_in"]
