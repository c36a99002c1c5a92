"""The connection that is written with: the file's lock, and what comes before the first write and COMMIT."""

from pathlib import Path
from time import monotonic, sleep

from chat.database import native
from chat.database.sqlite import connection, copies
from chat.database.sqlite.connection import Connection, FileAway, FileConnection, sqlite3
from chat.database.sqlite.heads import Heads

# How long it stays away from a lock that another process has, at first and at most.
PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.0005, 0.01


class FileWriting:
    """Each file that it opens is brought to the newest schema."""

    errors: tuple[type[Exception], ...] = (sqlite3.Error, OSError)
    refusal: type[Exception] = sqlite3.IntegrityError

    def __init__(self, path: Path) -> None:
        self._path = path
        self.heads = Heads(path)
        self._file = FileConnection(path)
        # The one with which something was written last.
        self._proven: Connection | None = None
        # Of the file that was opened last, and of its log.
        self.inode = self.log_inode = 0
        self._committing: native.Pool | None = None

    def start(self) -> None:
        """In the thread that writes."""
        # COMMIT, with its fsync, keeps no greenlet waiting.
        self._committing = native.Pool(1, 1) if native.are_threads_greenlets() else None

    def begin(self) -> tuple[Connection, bool]:
        """A connection with the lock, and whether it is another one than before."""
        db = self._file.get()
        is_new = db is not self._proven
        if is_new:
            copies.migrate(db, self._path)
            db.conn.execute("PRAGMA busy_timeout = 0")  # `_begin` waits, and nobody else meanwhile.
        _begin(db)
        if is_new:
            self.heads.open(db)
        return db, is_new

    def commit(self, db: Connection) -> None:
        """All that was written is durable."""
        if self._committing:
            self._committing.call(lambda: self._commit(db))
        else:
            self._commit(db)
        if db is not self._proven:
            self._proven, self.inode = db, self._file.inode
            self.log_inode = inode_of(log_of(self._path))

    def drop(self, error: BaseException) -> None:
        """After a failure: with it goes what was not committed."""
        if not isinstance(error, FileAway):
            self._file.close()

    def release(self, db: Connection) -> None:
        """The last write."""
        self.heads.release(db)

    def is_proven(self) -> bool:
        """Whether anything was written."""
        return self._proven is not None

    def close(self) -> None:
        """In the thread that writes."""
        self._file.close()
        self.heads.close()
        if self._committing:
            self._committing.close()

    def _commit(self, db: Connection) -> None:
        self.heads.reserve(db)
        db.conn.execute("COMMIT")


def log_of(path: Path) -> Path:
    """The write-ahead log of a database."""
    return path.with_name(f"{path.name}-wal")


def inode_of(path: Path) -> int:
    """Of the file that is there now; 0 without one."""
    try:
        return path.stat().st_ino
    except OSError:
        return 0


def size_of(path: Path) -> int:
    """The same of how large it is."""
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _begin(db: Connection) -> None:
    """With the lock, for which it waits as long as SQLite would."""
    deadline, pause = monotonic() + connection.BUSY_SECONDS, PAUSE_SECONDS
    while True:
        try:
            db.conn.execute("BEGIN IMMEDIATE")
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or monotonic() > deadline:
                raise
        sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
