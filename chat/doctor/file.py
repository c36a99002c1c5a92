"""The database as a file of this machine."""

import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

from chat.database.connection import Connection
from chat.database.sqlite.connection import UnsafeSQLite, check_search, check_version, sqlite3
from chat.doctor.finding import Finding
from chat.settings import Settings

GIBIBYTE = 2**30
# No shared memory between machines, and so no write-ahead log: https://sqlite.org/wal.html
REMOTE = ("nfs", "nfs4", "cifs", "smb3", "9p", "ceph", "glusterfs", "fuse.sshfs", "fuse.glusterfs")


def sqlite(found: Settings) -> Finding:
    try:
        warning = check_version(sqlite3.sqlite_version_info, found.workers)
        check_search()
    except UnsafeSQLite as error:
        return Finding("sqlite", "wrong", sqlite3.sqlite_version, str(error))
    return Finding("sqlite", "warning" if warning else "ok", sqlite3.sqlite_version, warning)


def around(path: Path) -> Iterator[Finding]:
    """Of a file that is there: who may read it, and where it is."""
    yield _modes(path)
    yield _disk(path)
    yield _space(path)


def contents(db: Connection) -> Iterator[Finding]:
    """Whether what is in it is whole."""
    (mode,) = db.conn.execute("PRAGMA journal_mode").fetchone()
    if mode != "wal":
        yield Finding("journal", "wrong", mode, "Start the server once: it sets it back to WAL.")
    (damage,) = db.conn.execute("PRAGMA quick_check").fetchone()
    if damage != "ok":
        yield Finding("contents", "wrong", damage, "Restore a backup: `tete-a-tete restore`.")
    else:
        yield Finding("contents", "ok", "whole; `verify` computes the bills again")


def cause(path: Path) -> str:
    if not os.access(path, os.R_OK | os.W_OK):
        return f"Run this as the user of the service, or give it the file: chown -R USER {path.parent}"
    return (
        "Restore a backup: `tete-a-tete restore`. Keep this file, and what is beside it, until you know why."
    )


def _modes(path: Path) -> Finding:
    open_to_all = [
        each
        for each in (path.parent, path)
        if stat.S_IMODE(each.stat().st_mode) & (stat.S_IROTH | stat.S_IWOTH)
    ]
    if path in open_to_all and path.parent in open_to_all:
        return Finding("modes", "wrong", f"{path} can be read by everybody here", f"chmod 700 {path.parent}")
    return Finding("modes", "ok", "the database is its owner's")


def _disk(path: Path) -> Finding:
    mounts = (
        [line.split()[1:3] for line in Path("/proc/mounts").read_text().splitlines()] if _has_proc() else []
    )
    here = [(len(where), kind) for where, kind in mounts if path.resolve().is_relative_to(where)]
    kind = max(here)[1] if here else "unknown"
    if kind in REMOTE:
        advice = "Move it to a disk of this machine: SQLite's log needs memory that all processes share."
        return Finding("disk", "wrong", f"{path} is on {kind}", advice)
    return Finding("disk", "ok", kind)


def _has_proc() -> bool:
    return Path("/proc/mounts").exists()


def _space(path: Path) -> Finding:
    free, size = shutil.disk_usage(path.parent).free, path.stat().st_size
    text = f"{free / GIBIBYTE:.1f} GiB are free, the database has {size / GIBIBYTE:.1f}"
    if free < max(GIBIBYTE, size):
        return Finding("space", "warning", text, "A backup beside it would not fit: make room, or move it.")
    return Finding("space", "ok", text)
