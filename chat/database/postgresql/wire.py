"""What the processes of all hosts tell each other: NOTIFY, after COMMIT, and a connection that listens.

A NOTIFY takes a lock of the whole server until its transaction has ended, and this one is asked for no fsync:
losing it loses nothing, for the others look into the database. What comes while one is under way goes
with the next.
"""

import threading
from collections import deque
from collections.abc import Iterator
from logging import getLogger
from time import sleep

import psycopg

from chat.database.postgresql.connection import PostgreSQLConnection, connect
from chat.logs import Trouble

CHANNEL = "tete_a_tete"
TELL = f"SELECT pg_notify('{CHANNEL}', text) FROM unnest(CAST(? AS text[])) AS text"
# So much is told at a time; of what waits beyond this, the others hear when they look.
AT_ONCE = 1000
# How long it waits before it tries a server again that could not be reached.
PAUSE_SECONDS = 0.5

log = getLogger(__name__)


class NotifyWire:
    """One process's part of it: a connection that tells, and one that listens."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._waiting: deque[str] = deque(maxlen=AT_ONCE)
        self._is_waiting = threading.Event()
        self._is_closed = False
        self._starting = threading.Lock()
        self._telling: threading.Thread | None = None
        # The server process behind the connection that tells: what comes from it is our own.
        self._own = 0
        self._ears: PostgreSQLConnection | None = None
        self._is_new = False
        self._trouble = Trouble(
            log, "The other processes are not heard, only looked for: %s", "The others are heard again"
        )

    def send(self, text: str) -> None:
        """Tell the others, at once but on another thread."""
        if self._telling is None:
            self._start()
        self._waiting.append(text)
        self._is_waiting.set()

    def open(self) -> None:
        """Hear the others from now on; where the server cannot be reached yet, when it can be."""
        self._listen()

    def hear(self, seconds: float) -> Iterator[str]:
        """What comes within so long, and all that is there then."""
        if self._ears is None and not self._listen():
            sleep(min(seconds, PAUSE_SECONDS))
            return
        assert self._ears is not None
        try:
            for note in self._ears.session.notifies(timeout=seconds, stop_after=1):
                if note.pid != self._own:
                    yield note.payload
        except psycopg.Error as error:
            self._trouble.tell(error)
            self._deafen()

    def may_have_lost(self, heard: int) -> bool:
        """Whether nobody listened for a while."""
        is_new, self._is_new = self._is_new, False
        return is_new

    def stop(self) -> None:
        """Hear no more; what is sent later still arrives at the others."""

    def close(self) -> None:
        """After `stop`, or without an `open`."""
        self._is_closed = True
        self._is_waiting.set()
        self._deafen()

    def _listen(self) -> bool:
        try:
            self._ears = connect(self._url)
            self._ears.session.execute(f"LISTEN {CHANNEL}")
        except psycopg.Error as error:
            self._trouble.tell(error)
            self._deafen()
            return False
        self._trouble.over()
        self._is_new = True
        return True

    def _deafen(self) -> None:
        ears, self._ears = self._ears, None
        if ears is not None:
            ears.close()

    def _start(self) -> None:
        with self._starting:
            if self._telling is None:
                self._telling = threading.Thread(target=self._tell, daemon=True)
                self._telling.start()

    def _tell(self) -> None:
        mouth: PostgreSQLConnection | None = None
        while not self._is_closed:
            self._is_waiting.wait()
            self._is_waiting.clear()
            texts = [self._waiting.popleft() for _ in range(len(self._waiting))]
            if not texts:
                continue
            try:
                if mouth is None:
                    mouth = connect(self._url)
                    mouth.session.execute("SET synchronous_commit = off")
                    self._own = mouth.session.info.backend_pid
                mouth.conn.execute(TELL, (texts,))
            except Exception as error:
                log.warning("The other processes have to look, they could not be told: %s", error)
                if mouth is not None:
                    mouth.close()
                mouth = None
        if mouth is not None:
            mouth.close()
