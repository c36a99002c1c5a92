"""How far ids of messages and revisions were handed out, kept in a small file beside the database too.

A restored backup has forgotten the newest of both. Handed out a second time they would hide messages from
whoever had them the first time; so they go on above all that may have been handed out, and the database
notes which revisions are of the history that was lost.
"""

import fcntl
import os
import secrets
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from chat.database import histories
from chat.database.sqlite.connection import Connection

# So many at a time, for one fsync; after a crash the rest of a block is passed over.
BLOCK = 1000


class Reserved(NamedTuple):
    """No id and no revision above `upto` was handed out, in the file with this inode.

    The database has the same `mark`, new each time, unless it is another state than the last one.
    """

    upto: int
    inode: int
    mark: str


class Heads:
    """The file beside the database at `path`; all but `was_there` within a write transaction."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.file = path.with_name(f"{path.name}-heads")
        self._lock: int | None = None

    def was_there(self) -> bool:
        """Whether there has been a database; it may be away."""
        return self._read() is not None

    def open(self, db: Connection) -> None:
        """Before the first write on a file that was just opened: lift the heads if it was restored."""
        found, top, is_first = self._read(), _top(db), self._is_first()
        upto, mark = db.conn.execute("SELECT reserved_upto, reserved_mark FROM server").fetchone()
        is_same = found == (upto, os.stat(self._path).st_ino, mark)
        # Nobody else has it open: it was not closed, or is a copy from before that.
        is_exact = not is_first or top == upto
        if is_same and is_exact:
            return
        lift_to = found.upto if found and found.upto >= top else top + histories.milliseconds_away(db)
        if lift_to > top:
            _lift(db, lift_to)
        self._reserve(db, _top(db))

    def reserve(self, db: Connection) -> None:
        """Before COMMIT: a new block, if this transaction goes beyond the last one."""
        top = _top(db)
        (upto,) = db.conn.execute("SELECT reserved_upto FROM server").fetchone()
        if top > upto:
            self._reserve(db, top + BLOCK)

    def release(self, db: Connection) -> None:
        """At the end: give the rest of the block back."""
        self._reserve(db, _top(db))

    def close(self) -> None:
        """This process has it open no more."""
        lock, self._lock = self._lock, None
        if lock is not None:
            os.close(lock)

    def _reserve(self, db: Connection, upto: int) -> None:
        """The file first: a mark that the database lacks is one too many, and lifts the heads for nothing."""
        mark = secrets.token_hex(8)
        inode = os.stat(self._path).st_ino
        file = os.open(self.file, os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            # In place, and of one length: within one sector it is the old one or the new one.
            os.write(file, b"%020d %020d %s\n" % (upto, inode, mark.encode()))
            os.fsync(file)
        finally:
            os.close(file)
        db.conn.execute("UPDATE server SET reserved_upto = ?, reserved_mark = ?", (upto, mark))

    def _read(self) -> Reserved | None:
        with suppress(FileNotFoundError, ValueError):
            upto, inode, mark = self.file.read_text().split()
            return Reserved(int(upto), int(inode), mark)
        return None

    def _is_first(self) -> bool:
        """Whether no process had it open; from now on this one has."""
        if self._lock is not None:
            return False
        self._lock = os.open(self.file, os.O_RDONLY | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            is_first = False
        else:
            is_first = True
        fcntl.flock(self._lock, fcntl.LOCK_SH)
        return is_first


def _top(db: Connection) -> int:
    """The highest of both that was handed out."""
    row = db.conn.execute(
        """
        SELECT max(head, coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'messages'), 0))
        FROM revision
        """
    ).fetchone()
    return int(row[0])


def _lift(db: Connection, upto: int) -> None:
    """Go on above `upto`."""
    db.conn.execute("DELETE FROM sqlite_sequence WHERE name = 'messages'")
    db.conn.execute("INSERT INTO sqlite_sequence (name, seq) VALUES ('messages', ?)", (upto,))
    histories.lift(db, upto)
