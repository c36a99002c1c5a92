"""Opening the SQLite file; the only place that imports sqlite3."""

import contextlib
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from urllib.parse import quote

import sqlite_utils

from chat import clock, texts
from chat.database.connection import Clock

if TYPE_CHECKING:
    import sqlite3
else:  # pysqlite3 where it is installed, or else the standard library's.
    from sqlite_utils.utils import sqlite3

__all__ = [
    "Connection",
    "FileAway",
    "FileConnection",
    "check",
    "check_search",
    "check_version",
    "connect",
    "path_of",
    "sqlite3",
]

SCHEME = "sqlite:///"
# How long a write waits for another process's write before it fails with 503.
BUSY_SECONDS = 5.0

log = logging.getLogger(__name__)


class Connection(sqlite_utils.Database):
    """A connection to the file."""

    engine: Literal["sqlite"] = "sqlite"
    clock: Clock = clock


class UnsafeSQLite(RuntimeError):
    """The SQLite library can corrupt a database that two processes write, or lacks what is needed."""


def path_of(url: str) -> Path:
    """`sqlite:///data/chat.db` → the absolute path."""
    return Path(url.removeprefix(SCHEME)).absolute()


def check(workers: int) -> None:
    """That data can be trusted to this SQLite; what is to be known of it goes to the log.

    Raises UnsafeSQLite.
    """
    if warning := check_version(sqlite3.sqlite_version_info, workers):
        log.warning(warning)
    check_search()


def check_version(version: tuple[int, ...], workers: int) -> str:
    """A warning, or "" on a library without the WAL-reset race (https://sqlite.org/wal.html#walresetbug).

    Raises UnsafeSQLite where several workers would write with an older one.
    """
    if version >= (3, 51, 3) or (3, 50, 7) <= version < (3, 51) or (3, 44, 6) <= version < (3, 45):
        return ""
    found = ".".join(map(str, version))
    problem = (
        f"SQLite {found} can corrupt a database written by several processes at once. "
        "Install pysqlite3 0.6 or newer (pip install pysqlite3), or a Python with SQLite 3.51.3 or newer"
    )
    if workers > 1:
        raise UnsafeSQLite(f"{problem}; or set CHAT_WORKERS=1.")
    return f"{problem}. With one worker, and no command-line writes beside it, it may run."


def check_search() -> None:
    """Raises UnsafeSQLite where the library was built without FTS5, with which messages are searched."""
    with contextlib.closing(sqlite3.connect(":memory:")) as conn:
        modules = {name for (name,) in conn.execute("PRAGMA module_list")}
    if "fts5" not in modules:
        raise UnsafeSQLite(
            f"SQLite {sqlite3.sqlite_version} was built without FTS5, with which messages are searched. "
            "Install pysqlite3 0.6 or newer (pip install pysqlite3), or a Python whose SQLite has it."
        )


def connect(path: Path, mode_of: Path | None = None) -> Connection:
    """A connection in autocommit, durable and enforcing foreign keys.

    Raises sqlite3.Error when the file is not there, unless it may be created, with the `mode_of` another one;
    and when it may not be written: once SQLite has opened it to be read, the process could never write again,
    for its connections share the index of the log.
    Only SQLite opens and closes the file: closing any descriptor of it drops all locks of the process, and
    the next program that reads it removes the write-ahead log (https://sqlite.org/howtocorrupt.html, 2.2).
    """
    if path.exists() and not os.access(path, os.W_OK):
        raise sqlite3.OperationalError("the file may only be read")
    how = f"mode=rwc&modeof={quote(str(mode_of))}" if mode_of else "mode=rw"
    conn = sqlite3.connect(
        f"{path.as_uri()}?{how}",
        uri=True,
        timeout=BUSY_SECONDS,
        isolation_level=None,
        check_same_thread=False,
    )
    conn.row_factory = sqlite3.Row
    conn.create_function("folded", 1, texts.folded, deterministic=True)
    # FULL: with NORMAL a power cut takes back sends that were acknowledged.
    conn.execute("PRAGMA synchronous = FULL")
    conn.execute("PRAGMA foreign_keys = ON")
    # What is deleted is overwritten in the file: decision 52 has what that costs.
    conn.execute("PRAGMA secure_delete = ON")
    return Connection(conn, strict=True, recursive_triggers=False, execute_plugins=False)


class FileAway(OSError):
    """There is no file at this path now."""


class FileConnection:
    """A connection that is opened when it is needed, and afresh when the file was replaced.

    Without the second, a process would go on acknowledging writes to a file that was deleted. While the file
    is away it stays open, so that no other one gets its inode.
    """

    def __init__(self, path: Path, prepare: Callable[[int], object] = lambda inode: None) -> None:
        """`prepare(inode)` comes before it is opened."""
        self._path = path
        self._prepare = prepare
        self._db: Connection | None = None
        self.inode = 0

    def get(self) -> Connection:
        """Raises FileAway, and sqlite3.Error."""
        try:
            inode = os.stat(self._path).st_ino
        except OSError as error:
            raise FileAway(error) from error
        if self._db is None or inode != self.inode:
            self._prepare(inode)
            self.close()
            self._db, self.inode = connect(self._path), inode
        return self._db

    def close(self) -> None:
        """Drop it, with whatever transaction it is in."""
        db, self._db = self._db, None
        if db is not None:
            with contextlib.suppress(sqlite3.Error):
                db.close()
