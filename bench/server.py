"""The server under test: a real gunicorn on its own core and port, with a fresh SQLite file."""

import json
import os
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from time import perf_counter
from typing import Self

from bench.client import HOST
from chat.database.sqlite.connection import sqlite3

# The server has one core for itself, the load client another.
SERVER_CORE, CLIENT_CORE = min(os.sched_getaffinity(0)), max(os.sched_getaffinity(0))
BOTH_CORES = (SERVER_CORE, CLIENT_CORE)
ROOT = Path(__file__).parent.parent
START_SECONDS = 30
STOP_SECONDS = 60
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
# The settings' upper limit; three quarters of the threads may hold polls.
MOST_THREADS = 1000

# Without one, each server would tell how to set it up.
ADMINISTRATOR = """
    INSERT INTO users (role, name, email, password_hash, created_at)
    VALUES ('admin', 'Admin', 'admin@bench.example', '', 0)
"""


@dataclass(frozen=True)
class Session:
    """A chat session with two parties: `tokens` has one for the client and one for the agent."""

    id: int
    tokens: dict[str, str]


def raise_file_limit() -> None:
    """Each held poll is an open file, here and in the server."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


@contextmanager
def fresh_database(sessions: int) -> Iterator[tuple[Path, list[Session]]]:
    """A database in a temporary folder, with that many active sessions."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        path = Path(folder) / "chat.db"
        made = demo_sessions(f"sqlite:///{path}", sessions)
        with closing(sqlite3.connect(path)) as db, db:
            db.execute(ADMINISTRATOR)
        yield path, made


def demo_sessions(url: str, sessions: int) -> list[Session]:
    """So many active ones, in the database at this address."""
    command = [sys.executable, "-m", "flask", "--app", "app", "chat", "demo"]
    made = subprocess.run(
        [*command, "--sessions", str(sessions), "--json"],
        cwd=ROOT,
        env=os.environ | {"CHAT_DATABASE_URL": url},
        stdout=subprocess.PIPE,
        check=True,
    )
    return [Session(**one) for one in json.loads(made.stdout)["sessions"]]


class Program:
    """A server as a context manager, `python -m MODULE…`; its children answer, or itself without any."""

    def __init__(
        self,
        module: list[str],
        port: int,
        environment: Mapping[str, str],
        cores: Iterable[int] = (SERVER_CORE,),
    ) -> None:
        self.port = port
        self._command = [sys.executable, "-m", *module]
        self._inherited: tuple[int, ...] = ()
        self._cores = cores
        self._environment = os.environ | environment

    def __enter__(self) -> Self:
        # Its own session: a Ctrl-C is for the bench, which then stops it in order.
        self._main = subprocess.Popen(
            self._command,
            cwd=ROOT,
            env=self._environment,
            pass_fds=self._inherited,
            start_new_session=True,
            preexec_fn=lambda: os.sched_setaffinity(0, self._cores),
        )
        try:
            self._wait_until_ready()
        except BaseException:
            self.stop()
            raise
        main = self._main.pid
        children = Path(f"/proc/{main}/task/{main}/children").read_text().split()
        self._workers = [Path("/proc", pid) for pid in children or [str(main)]]
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()

    def stop(self) -> float:
        """SIGTERM, and the seconds until it has exited."""
        started = perf_counter()
        if self._main.poll() is None:
            self._main.send_signal(signal.SIGTERM)
        try:
            self._main.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
        return perf_counter() - started

    def kill(self) -> None:
        """SIGKILL, to the workers too."""
        os.killpg(self._main.pid, signal.SIGKILL)
        self._main.wait()

    def reload(self) -> None:
        """SIGHUP."""
        self._main.send_signal(signal.SIGHUP)

    def memory_kb(self) -> int:
        """The workers' memory: their own pages, and their share of the shared ones."""
        return sum(map(_memory_kb, self._workers))

    def cpu_seconds(self) -> float:
        """What the workers have used so far, all their threads."""
        return sum(map(_cpu_seconds, self._workers))

    def _wait_until_ready(self) -> None:
        deadline = perf_counter() + START_SECONDS
        while perf_counter() < deadline and self._main.poll() is None:
            if self._is_ready():
                return
            time.sleep(0.05)
        raise RuntimeError(f"{self._command} is not ready (exit code {self._main.poll()})")

    def _is_ready(self) -> bool:
        with closing(HTTPConnection(HOST, self.port, timeout=5)) as connection:
            try:
                connection.request("GET", "/readyz")
                return connection.getresponse().status < 500
            except (OSError, HTTPException):
                return False


class Server(Program):
    """One gunicorn, with one worker unless `settings` say more; `polls` is how many it has to hold.

    `database` is a file, or the address of a database.
    """

    def __init__(
        self,
        database: Path | str,
        worker_class: str,
        polls: int,
        settings: Mapping[str, str] = {},
        cores: Iterable[int] = (SERVER_CORE,),
    ) -> None:
        if worker_class == "gthread" and polls > MOST_THREADS * 3 // 4:
            raise SystemExit(f"A gthread worker holds {MOST_THREADS * 3 // 4} polls at most.")
        port = free_port()
        environment = {
            "CHAT_DATABASE_URL": database if isinstance(database, str) else f"sqlite:///{database}",
            "CHAT_BIND": f"{HOST}:{port}",
            "CHAT_WORKERS": "1",
            "CHAT_WORKER_CLASS": worker_class,
            "CHAT_THREADS": str(min(MOST_THREADS, 64 + polls * 4 // 3)),
            "CHAT_MAX_WAITERS": str(polls + 1000),
            "CHAT_MAX_WAITERS_PER_USER": "100",
            "CHAT_SENDS_PER_MINUTE": "0",
            **settings,
        }
        super().__init__(["gunicorn", "--log-level", "error"], port, environment, cores)


class Inheriting(Server):
    """Whoever starts it keeps its socket, as systemd does: what comes while none runs waits there."""

    def __init__(self, database: Path, worker_class: str, polls: int) -> None:
        super().__init__(database, worker_class, polls)
        self._listener = socket.create_server((HOST, self.port), backlog=polls + 1000)
        self._inherited = (self._listener.fileno(),)
        inherit = f'exec 3<&{self._listener.fileno()}; LISTEN_FDS=1 LISTEN_PID=$$ exec "$@"'
        self._command = ["bash", "-c", inherit, "bash", *self._command]

    def reload(self) -> None:
        """Stop it, and start the next one."""
        self.stop()
        self.__enter__()

    def __exit__(self, *error: object) -> None:
        super().__exit__(*error)
        self._listener.close()


def _memory_kb(process: Path) -> int:
    for line in (process / "smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1])
    raise RuntimeError("no Pss in smaps_rollup")


def _cpu_seconds(process: Path) -> float:
    # The second field, the name in parentheses, may hold spaces.
    after_name = (process / "stat").read_text().rpartition(")")[2].split()
    user, system = after_name[11:13]
    return (int(user) + int(system)) / TICKS_PER_SECOND


def free_port() -> int:
    """Of this machine."""
    with socket.create_server((HOST, 0)) as free:
        port: int = free.getsockname()[1]
        return port
