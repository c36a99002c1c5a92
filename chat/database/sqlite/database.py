"""The database as a file: a pool of readers beside the writer."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from chat.database import migrations, native
from chat.database.connection import Connection
from chat.database.database import SLOW_READS, SLOW_READS_WAITING, Database
from chat.database.sqlite import copies
from chat.database.sqlite.connection import FileAway, FileConnection, connect, sqlite3
from chat.database.sqlite.serving import FileServing
from chat.database.sqlite.tables import FileTables
from chat.database.sqlite.watch import FileWatch
from chat.database.sqlite.wire import DatagramWire
from chat.database.sqlite.writing import FileWriting, inode_of, log_of, size_of
from chat.errors import DatabaseUnavailable

T = TypeVar("T")

# So long the log keeps writers from it at most until its last reader has gone on; else another time.
CHECKPOINT_MS = 50


class SQLiteDatabase(Database):
    """A file, its log, and what stands beside them."""

    errors = (sqlite3.Error, OSError)

    def __init__(
        self, path: Path, write_queue: int, on_open: Callable[[Connection], None] = lambda db: None
    ) -> None:
        """`on_open` is the first work on each file that is opened: this one may be replaced."""
        self.path = path
        self._readers: list[FileConnection] = []
        self._writing = FileWriting(path)
        self._slow_readers = native.Pool(SLOW_READS, SLOW_READS_WAITING)
        super().__init__(self._writing, write_queue, on_open)

    def name(self) -> str:
        """The path."""
        return str(self.path)

    def address(self) -> str:
        """The path of the file."""
        return str(self.path)

    def is_there(self) -> bool:
        """Whether the file is."""
        return self.path.exists()

    def migrate(self) -> list[str]:
        """Bring the schema up to date; returns the names of the migrations applied now.

        What there was is copied to a file beside it first, named for the first of them.
        The file is created, readable by its owner only, unless there was one before: then it is away, and
        to answer from an empty one would be to have lost it. Raises NewerSchema, DatabaseUnavailable where
        it may come back, and OSError or sqlite3.Error where it cannot be made.
        """
        heads = self._writing.heads
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

    def close(self) -> None:
        """End the threads and close all connections; nobody may read or write any more."""
        super().close()
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
        """On a thread of its own kind."""
        result: T = self._slow_readers.call(lambda: self.read(work))
        return result

    def empty_log(self) -> bool:
        """Bring all of the write-ahead log into the file: what was deleted is in neither then.

        False while somebody reads what was before.
        """
        is_empty: bool = self._slow_readers.call(self._empty_log)
        return is_empty

    def displaced(self) -> str:
        """Which of its files is at its path another one than is open, or none: what is written is lost."""
        opened = {self.path: self._writing.inode, log_of(self.path): self._writing.log_inode}
        return ", ".join(path.name for path, inode in opened.items() if inode != inode_of(path))

    def sizes(self) -> dict[str, int]:
        """Of the file and its log, in bytes."""
        return {"database": size_of(self.path), "log": size_of(log_of(self.path))}

    def free_bytes(self) -> int | None:
        """On the disk of the file; raises OSError."""
        return shutil.disk_usage(self.path.parent).free

    def wire(self) -> DatagramWire:
        """Sockets in a folder beside the file."""
        return DatagramWire(self.path)

    def watch(self) -> FileWatch:
        """A connection of its own."""
        return FileWatch(self.path)

    def serving(self) -> FileServing:
        """A lock on a small file beside it."""
        return FileServing(self.path)

    def tables(self) -> FileTables:
        """Those of the file."""
        return FileTables()

    def leads(self, does: bool) -> None:
        """It is all the same here."""

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
        if inode != self._writing.inode:
            self.prepare()
