"""Copies of the database: taken while it is in use, checked, and put in its place again."""

import os
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from chat.blobs import sync
from chat.database import migrations
from chat.database.sqlite.connection import Connection, connect, sqlite3
from chat.database.sqlite.serving import FileServing
from chat.errors import DatabaseUnavailable

# Of one database, in the order of their names: chat-20261127-143000.db
STAMP = "[0-9]" * 8 + "-" + "[0-9]" * 6


class BadCopy(RuntimeError):
    """The file is no whole database of ours."""


class InUse(RuntimeError):
    """A server has the database open."""


def take(path: Path, copy: Path, check: Callable[[Connection], object] = lambda db: None) -> None:
    """Write the database at `path`, as it is at one instant, to a new file that only its owner reads.

    Others go on reading and writing. The copy has its name once it is whole, on disk, and `check`ed. Raises
    DatabaseUnavailable, OSError, BadCopy, and what `check` raises.
    """
    partial = copy.with_name(f"{copy.name}.partial")
    _write(path, partial)
    try:
        with _opened(partial) as db:
            check(db)
        partial.rename(copy)
    finally:
        partial.unlink(missing_ok=True)
    sync(copy.parent)


def beside(copy: Path) -> Path:
    """Where the files are that were sent, of a copy of the database or of itself."""
    return copy.with_suffix(".files")


def migrate(db: Connection, path: Path) -> list[str]:
    """Bring the database at `path`, which `db` has open, to the newest schema; the migrations applied now.

    What there was is copied to a file beside it first, named for the first of them. Raises NewerSchema,
    DatabaseUnavailable, OSError and sqlite3.Error: then nothing is changed.
    """
    return migrations.apply(db, lambda first: take(path, path.with_name(f"{path.stem}-before-{first}.db")))


def rotate(folder: Path, stem: str, keep: int) -> list[Path]:
    """Remove all but the newest copies of that stem, and return them."""
    old = sorted(folder.glob(f"{stem}-{STAMP}.db"))[:-keep]
    for copy in old:
        copy.unlink()
    return old


def put_back(copy: Path, path: Path, former: Path) -> None:
    """Put a copy in the place of the database, which is kept as `former` if there is one.

    The files that say what was handed out stay where they are: so the database goes on above it, and clients
    of the lost history are told. Raises InUse, BadCopy, NewerSchema, DatabaseUnavailable and OSError.
    """
    serving = FileServing(path)
    with serving.begin() as is_alone:
        try:
            if not is_alone:
                raise InUse(f"a server has {path} open: stop it first")
            with _opened(copy) as db:
                migrations.check(db)
            fresh = path.with_name(f"{path.name}.restored")
            fresh.unlink(missing_ok=True)
            _write(copy, fresh)
            for suffix in ("", "-wal", "-shm"):
                each = path.with_name(path.name + suffix)
                if each.exists():
                    each.rename(former.with_name(former.name + suffix))
            fresh.rename(path)
            sync(path.parent)
        finally:
            serving.end()


def _write(path: Path, target: Path) -> None:
    target.unlink(missing_ok=True)
    # SQLite would make it readable for all.
    os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    try:
        with closing(connect(path)) as db:
            db.conn.execute("VACUUM INTO ?", (str(target),))
    except sqlite3.Error as error:
        target.unlink()
        raise DatabaseUnavailable(f"{path}: {error}") from error
    except BaseException:
        target.unlink()
        raise
    sync(target)


@contextmanager
def _opened(copy: Path) -> Iterator[Connection]:
    """A copy that is whole."""
    try:
        db = connect(copy)
    except sqlite3.Error as error:
        raise BadCopy(f"{copy}: {error}") from error
    with closing(db):
        try:
            (found,) = db.conn.execute("PRAGMA integrity_check").fetchone()
            tables = db.table_names()
        except sqlite3.Error as error:
            raise BadCopy(f"{copy}: {error}") from error
        if found != "ok" or "chat_sessions" not in tables:
            raise BadCopy(f"{copy}: {found if found != 'ok' else 'it is another database'}")
        yield db
