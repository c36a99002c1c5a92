"""Whether this machine and these settings carry the server, and what to do where they do not."""

import os
import resource
import shutil
import stat
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal, NamedTuple

from chat import clock, settings, store
from chat.database.connection import Connection
from chat.database.migrations import NewerSchema, OlderSchema
from chat.database.sqlite.connection import UnsafeSQLite, check_search, check_version, sqlite3
from chat.database.sqlite.database import SQLiteDatabase
from chat.errors import DatabaseUnavailable
from chat.providers import smtp
from chat.runtime import Runtime
from chat.settings import Settings

State = Literal["ok", "warning", "wrong"]
# Of sockets that are no held poll: those that send, read or idle, and the server's own.
OTHER_FILES = 2100
GIBIBYTE = 2**30
# A clock that is further from this machine's was set, or the machine slept.
CLOCK_MS = 5_000
# No shared memory between machines, and so no write-ahead log: https://sqlite.org/wal.html
REMOTE = ("nfs", "nfs4", "cifs", "smb3", "9p", "ceph", "glusterfs", "fuse.sshfs", "fuse.glusterfs")
LOCAL_HOSTS = ("127.0.0.1", "localhost", "[::1]")

# What to do where the mail server is not reached, or not used.
MAIL = {
    "connect": "Are host and port in CHAT_SMTP_URL right, and may this machine go there? With port 465 it "
    "begins with smtps://; many hosts let nothing out on port 25.",
    "tls": "A password is sent with TLS only. If the certificate is of another name, take that name in "
    "CHAT_SMTP_URL; a server on this machine without TLS is smtp://localhost:25?tls=none.",
    "login": "Is the name or the password another, or a part of it not written as in URLs (@ is %40)? Many "
    "providers want a password made for this alone.",
    "send": "Look into the log of the mail server.",
}


class Finding(NamedTuple):
    """What was looked at, how it is, and what to do about it."""

    name: str
    state: State
    text: str
    advice: str = ""


def examine(runtime: Runtime, environment: Mapping[str, str]) -> Iterator[Finding]:
    """One finding a thing; nothing is changed."""
    found = runtime.settings
    yield _python()
    yield _sqlite(found)
    yield _names(environment)
    yield _files(found)
    yield _threads(found)
    yield _address(found)
    yield _mail(found)
    yield _attachments(runtime)
    yield from _database(runtime)


def _python() -> Finding:
    return Finding("python", "ok", ".".join(map(str, sys.version_info[:3])))


def _sqlite(found: Settings) -> Finding:
    try:
        warning = check_version(sqlite3.sqlite_version_info, found.workers)
        check_search()
    except UnsafeSQLite as error:
        return Finding("sqlite", "wrong", sqlite3.sqlite_version, str(error))
    return Finding("sqlite", "warning" if warning else "ok", sqlite3.sqlite_version, warning)


def _names(environment: Mapping[str, str]) -> Finding:
    if unknown := settings.unknown(environment):
        return Finding("settings", "wrong", f"no setting: {', '.join(unknown)}", "See docs/settings.md.")
    return Finding("settings", "ok", environment.get(settings.ENV_FILE, "from the environment"))


def _files(found: Settings) -> Finding:
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    wanted = found.max_waiters + OTHER_FILES
    text = f"{'any number' if hard == resource.RLIM_INFINITY else hard} may be open, {wanted} are wanted"
    if resource.RLIM_INFINITY != hard < wanted:
        advice = (
            f"Raise it (systemd: LimitNOFILE={wanted}), or set CHAT_MAX_WAITERS={max(0, hard - OTHER_FILES)}."
        )
        return Finding("open files", "wrong", text, advice)
    return Finding("open files", "ok", text)


def _threads(found: Settings) -> Finding:
    if found.worker_class == "gevent":
        return Finding("waiters", "ok", f"{found.max_waiters} a process, without a thread each")
    held = min(found.max_waiters, found.threads * 3 // 4)
    text = f"{held} a process, in {found.threads} threads"
    if held < 100:
        advice = "That is as many pages as can be open: take CHAT_WORKER_CLASS=gevent, or more CHAT_THREADS."
        return Finding("waiters", "warning", text, advice)
    return Finding("waiters", "ok", text)


def _address(found: Settings) -> Finding:
    host = found.bind.rpartition(":")[0]
    if host in LOCAL_HOSTS or found.bind.startswith(("unix:", "fd:")):
        below = found.prefix and f", below {found.prefix}"
        return Finding("address", "ok", f"{found.bind}{below}, for {found.proxies} proxies in front")
    advice = (
        "Listen on 127.0.0.1 behind a proxy that does TLS (docs/deploy.md): now passwords are read on "
        "the way, and with CHAT_PROXIES above 0 anybody says whose address is theirs."
    )
    return Finding("address", "warning", f"{found.bind} is open to other machines", advice)


def _mail(found: Settings) -> Finding:
    """Goes there, and says who we are; sends nothing."""
    if not found.has_mail:
        return Finding("mail", "ok", "none: pages tell people whom to ask")
    try:
        return Finding("mail", "ok", smtp.check(found))
    except smtp.Away as error:
        return Finding("mail", "wrong", str(error), MAIL[error.stage])


def _attachments(runtime: Runtime) -> Finding:
    """Files that people send: where they are, or would be."""
    folder = runtime.blobs.folder
    if not runtime.settings.attachment_bytes:
        return Finding("attachments", "ok", "none are taken")
    nearest = next(each for each in (folder, *folder.absolute().parents) if each.exists())
    if not os.access(nearest, os.W_OK | os.X_OK):
        advice = f"Run this as the user of the service, or give it the folder: chown -R USER {nearest}"
        return Finding("attachments", "wrong", f"{folder} cannot be written", advice)
    if folder.exists() and stat.S_IMODE(folder.stat().st_mode) & (stat.S_IRWXG | stat.S_IRWXO):
        return Finding("attachments", "warning", f"{folder} is open to others here", f"chmod 700 {folder}")
    return Finding("attachments", "ok", str(folder))


def _database(runtime: Runtime) -> Iterator[Finding]:
    if not isinstance(runtime.database, SQLiteDatabase):
        return
    path = runtime.database.path
    if not path.exists():
        advice = "`tete-a-tete migrate` makes it, as the server does; or CHAT_DATABASE_URL is another."
        yield Finding("database", "wrong", f"there is none at {path}", advice)
        return
    yield _modes(path)
    yield _disk(path)
    yield _space(path)
    try:
        runtime.database.check()
    except (NewerSchema, OlderSchema) as error:
        yield Finding("schema", "wrong", "of another version", str(error))
        return
    except DatabaseUnavailable as problem:
        yield Finding("database", "wrong", str(problem.detail), _cause(path))
        return
    yield Finding("schema", "ok", "this version's")
    yield from runtime.database.read(lambda db: list(_contents(db, runtime.settings)))


def _cause(path: Path) -> str:
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


def _contents(db: Connection, found: Settings) -> Iterator[Finding]:
    (mode,) = db.conn.execute("PRAGMA journal_mode").fetchone()
    if mode != "wal":
        yield Finding("journal", "wrong", mode, "Start the server once: it sets it back to WAL.")
    (damage,) = db.conn.execute("PRAGMA quick_check").fetchone()
    if damage != "ok":
        yield Finding("contents", "wrong", damage, "Restore a backup: `tete-a-tete restore`.")
        return
    yield Finding("contents", "ok", "whole; `verify` computes the bills again")
    if (currency := store.server.currency(db)) != found.currency:
        advice = f"Set CHAT_CURRENCY={currency}, or see `tete-a-tete currency`."
        yield Finding("currency", "wrong", f"{found.currency}, and the database's is {currency}", advice)
    if (away := abs(store.server.now(db) - clock.wall())) > CLOCK_MS:
        advice = (
            "Bills are right all the same; have the clock set (systemd-timesyncd), and restart at leisure."
        )
        yield Finding("clock", "warning", f"{away / 1000:.0f} s from the server's", advice)
    else:
        yield Finding("clock", "ok", "the server's")
    if store.server.setup_code(db):
        yield Finding("administrator", "warning", "none yet", "`tete-a-tete set-up` tells how to become it.")
    else:
        yield Finding("administrator", "ok", "there is one")
