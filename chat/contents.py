"""Files that people send where several hosts share a database: their contents are rows, a folder is a copy.

Whoever reads a message can have its file on every host: it is in the database before the message is. What is
removed there goes from each host's folder within SECONDS, by a thread of each process.
"""

import logging
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from time import monotonic
from typing import IO

from chat import store
from chat.blobs import FORGOTTEN_SECONDS, ROWS, Blobs
from chat.database.connection import Connection
from chat.database.database import Database
from chat.database.native import Pool
from chat.errors import Problem

# In a row, and in memory.
PIECE_BYTES = 262_144
# How often a process asks what was removed; and looks at all that its folder has.
SECONDS = 5
SWEEP_SECONDS = 3600
# For so long the database says what was removed; after that a look at all finds it.
REMOVED_MS = 2 * 1000 * SWEEP_SECONDS

log = logging.getLogger(__name__)


class SharedBlobs(Blobs):
    """Blobs whose contents are in the database; what works with it is not for native threads."""

    def __init__(self, folder: Path, database: Database, pool: Pool) -> None:
        super().__init__(folder)
        self._database, self._pool = database, pool
        self._stopped = threading.Event()
        self._removed_id = 0
        self._swept_at: float | None = None

    def share(self, names: Iterable[str]) -> None:
        """Bring them from the folder to the database, piece by piece: others write in between.

        Raises FileNotFoundError, OSError, DatabaseUnavailable and Overloaded.
        """
        for name in names:
            if not self._database.read(partial(self.has, name=name)):
                self._share(name)

    def has(self, db: Connection, name: str) -> bool:
        """Whether every host can have it: within a transaction that nobody else's removal passes."""
        return store.contents.is_whole(db, name)

    def open(self, name: str) -> IO[bytes]:
        """From the folder, where it is brought to if it is not there."""
        with suppress(FileNotFoundError):
            return super().open(name)
        with self.spool() as file:
            number = 0
            while data := self._database.read(partial(store.contents.piece, content=name, number=number)):
                file.write(data)
                number += 1
            file.seek(0)
            found = self._pool.call(lambda: self.keep(file)) if number else ""
        if number and found != name:
            self.path(found).unlink(missing_ok=True)
            log.error("The database has something else under the name %s", name)
            raise FileNotFoundError(name)
        opened = super().open(name)
        # Removed meanwhile, it may have been looked for in the folder before it was there.
        if not self._database.read(lambda db: self.has(db, name)):
            opened.close()
            self.path(name).unlink(missing_ok=True)
            raise FileNotFoundError(name)
        return opened

    def drop(self, db: Connection, names: Sequence[str]) -> None:
        """From the database, and from here; the other hosts follow."""
        super().drop(db, names)
        store.contents.remove(db, names, store.server.now(db))

    def old(self, call: Callable[[Callable[[], list[str]]], list[str]]) -> Iterator[list[str]]:
        """Those in the database that no message has, and were not written just now."""
        now, after = self._database.read(store.server.now), ""
        self._database.write(lambda db: store.contents.forget_removed(db, now - REMOVED_MS))
        until = now - 1000 * FORGOTTEN_SECONDS
        while names := self._database.read_slowly(
            partial(store.contents.unused, until=until, after=after, limit=ROWS)
        ):
            yield names
            after = names[-1]

    def start(self) -> None:
        """Follow what is removed, from now on."""
        threading.Thread(target=self._run, daemon=True).start()

    def stop(self) -> None:
        """Follow it no more."""
        self._stopped.set()

    def follow(self) -> None:
        """Remove from the folder what the database has removed, and once in a while look at all of it."""
        while rows := self._database.read(lambda db: store.contents.removed(db, self._removed_id, ROWS)):
            self._forget([content for _, content in rows])
            self._removed_id = rows[-1][0]
        if self._swept_at is None or monotonic() - self._swept_at >= SWEEP_SECONDS:
            for names in super().old(self._pool.call):
                kept = set(names) - set(self._forget(names))
                # What a host had before the database was this one.
                with suppress(FileNotFoundError):
                    self.share(kept)
            self._swept_at = monotonic()

    def _forget(self, names: Sequence[str]) -> list[str]:
        unused = self._database.read(lambda db: store.attachments.unused(db, names))
        self._pool.call(lambda: super(SharedBlobs, self).drop(None, unused))
        return unused

    def _share(self, name: str) -> None:
        with self.path(name).open("rb") as file:
            size = file.seek(0, 2)
            file.seek(0)
            pieces = -(-size // PIECE_BYTES)
            for number in range(pieces):
                data = self._pool.call(lambda: file.read(PIECE_BYTES))

                def write(db: Connection, number: int = number, data: bytes = data) -> None:
                    store.contents.insert(db, name, number, pieces, data, store.server.now(db))

                self._database.write(write)

    def _run(self) -> None:
        while not self._stopped.is_set():
            try:
                self.follow()
            except (Problem, OSError) as problem:
                log.warning("What was removed goes from the folder of files later: %s", problem)
            except Exception:
                log.exception("Following what was removed failed, and goes on")
            self._stopped.wait(SECONDS)
