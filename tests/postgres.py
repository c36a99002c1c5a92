"""A PostgreSQL of the tests: Debian's package, a folder and a socket of its own, and every COMMIT on disk."""

import ctypes
import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep

import psycopg

from chat.database.postgresql import schema
from chat.database.postgresql.connection import connect

MISSING = "These tests start a PostgreSQL of their own, and there is none: apt-get install postgresql"
# Whom it runs as when the tests are root's: it refuses to be.
USER = "postgres"
START_SECONDS = 60
PR_SET_PDEATHSIG = 1
TEMPLATE = "with_schema"


class Postgres:
    """A cluster that runs until `stop`, or until this process ends, however it does."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._programs = programs()
        self._who = {"user": USER, "group": USER} if os.geteuid() == 0 else {}
        self._numbers = itertools.count(1)
        self._environment = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"}
        if self._who:
            found = pwd.getpwnam(USER)
            os.chown(folder, found.pw_uid, found.pw_gid)
        self._run("initdb", "-D", f"{folder}/data", "-U", "chat", "-A", "trust", "-E", "UTF8", "--no-sync")
        self.start()
        self._execute(f"CREATE DATABASE {TEMPLATE} TEMPLATE template0")
        db = connect(self.url(TEMPLATE))
        schema.apply(db)
        db.close()

    def start(self, *options: str) -> None:
        """Returns when it answers."""
        settings = ("listen_addresses=", f"unix_socket_directories={self.folder}", "max_connections=500")
        with open(self.folder / "log", "ab") as log:
            self.process = subprocess.Popen(
                [
                    self._programs / "postgres",
                    *("-D", str(self.folder / "data")),
                    *(word for each in (*settings, "fsync=on", *options) for word in ("-c", each)),
                ],
                cwd=self.folder,
                env=self._environment,
                stdout=log,
                stderr=log,
                preexec_fn=_end_with_parent,
                **self._who,  # type: ignore[call-overload]
            )
        deadline = monotonic() + START_SECONDS
        while True:
            try:
                psycopg.connect(self.url("postgres")).close()
                return
            except psycopg.OperationalError:
                assert self.process.poll() is None and monotonic() < deadline, self.log
                sleep(0.02)

    def stop(self, number: signal.Signals = signal.SIGINT) -> None:
        """SIGINT is its fast shutdown, SIGQUIT the immediate one, as a crash."""
        self.process.send_signal(number)
        self.process.wait(START_SECONDS)

    def new(self) -> str:
        """The address of a database that nobody else has, with the schema."""
        return self._new(TEMPLATE)

    def empty(self) -> str:
        """The address of one with nothing in it."""
        return self._new("template0")

    def url(self, name: str) -> str:
        """The address of a database of this name."""
        return f"postgresql://chat@/{name}?host={self.folder}"

    @property
    def log(self) -> str:
        """What it has said."""
        return (self.folder / "log").read_text()

    def _new(self, template: str) -> str:
        name = f"chat{next(self._numbers)}"
        self._execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        return self.url(name)

    def _execute(self, statement: str) -> None:
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(statement)  # type: ignore[call-overload]

    def _run(self, program: str, *words: str) -> None:
        done = subprocess.run(
            [self._programs / program, *words],
            cwd=self.folder,
            env=self._environment,
            capture_output=True,
            text=True,
            **self._who,  # type: ignore[call-overload]
        )
        assert done.returncode == 0, done.stderr


def programs() -> Path:
    """Where the newest one's are."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: int(path.parts[-3]))
    on_path = shutil.which("postgres")
    assert found or on_path, MISSING
    return found[-1].parent if found else Path(str(on_path)).parent


@contextmanager
def running() -> Iterator[Postgres]:
    """One, and nothing of it is left."""
    folder = Path(tempfile.mkdtemp(prefix="chat-postgresql-"))
    try:
        postgres = Postgres(folder)
        try:
            yield postgres
        finally:
            postgres.stop(signal.SIGQUIT)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _end_with_parent() -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGQUIT)
