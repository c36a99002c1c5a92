"""A real gunicorn on a port and a database of its own."""

import itertools
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from time import monotonic, sleep
from typing import Any, TypeVar

import pytest
from argon2 import PasswordHasher

from chat import accounts, changes, store
from chat.demo import pairs
from chat.runtime import Runtime
from chat.settings import Settings
from tests.client import Client, Conversation
from tests.time_travel import pass_time

ROOT = Path(__file__).parent.parent
COMMAND = (str(Path(sys.executable).with_name("tete-a-tete")),)
PASSWORD = "correct horse"
PATIENCE_SECONDS = 120
PAUSE_SECONDS = 0.01
CLASSES = ("gevent", "gthread")

T = TypeVar("T")


def mostly(*kinds: Any) -> Any:
    """A test that is run on these kinds of server, as "gevent", or ("gevent", 2) with the number of workers.

    What it shows hardly depends on the kind: the others are soaked.
    """
    is_pair = isinstance(kinds[0], tuple)
    every = tuple(itertools.product(CLASSES, (1, 2))) if is_pair else CLASSES
    return pytest.mark.parametrize(
        ("worker_class", "workers") if is_pair else "worker_class",
        [
            *kinds,
            *(
                pytest.param(*(kind if is_pair else [kind]), marks=pytest.mark.soak)
                for kind in every
                if kind not in kinds
            ),
        ],
    )


@cache
def password_hash() -> str:
    """Everybody's, made once."""
    return PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1).hash(PASSWORD)


def await_that(condition: Callable[[], T]) -> T:
    """Ask until it is so."""
    deadline = monotonic() + PATIENCE_SECONDS
    while not (found := condition()):
        assert monotonic() < deadline
        sleep(PAUSE_SECONDS)
    return found


class Server:
    """Start it with `with`; settings are given as `CHAT_` variables without the prefix, in lower case."""

    command = (sys.executable, "-m", "gunicorn")
    cwd = ROOT

    def __init__(self, folder: Path, database_url: str = "", **settings: object) -> None:
        """Without an address, its database is the file at `path`."""
        self.folder = folder
        self.path = folder / "chat.db"
        self.database_url = database_url or f"sqlite:///{self.path}"
        # The port is held from here on, so no other test can take it and no request is refused while
        # gunicorn boots: it waits in the queue.
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self.address = self.listener.getsockname()
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("CHAT_")},
            "CHAT_ENV_FILE": "",
            # When gunicorn cuts what has not ended: so late that a test sees it.
            "GUNICORN_CMD_ARGS": f"--graceful-timeout {2 * PATIENCE_SECONDS}",
            "CHAT_DATABASE_URL": self.database_url,
            "CHAT_ATTACHMENTS_FOLDER": str(folder / "chat.files"),
            "CHAT_BIND": f"fd://{self.listener.fileno()}",
            # Longer than any client waits: a wake-up that is lost is seen.
            "CHAT_LONG_POLL_SECONDS": "300",
            **{f"CHAT_{name.upper()}": str(value) for name, value in settings.items()},
        }
        self._numbers = itertools.count(1)
        currency = str(settings.get("currency", "EUR"))
        self.runtime = Runtime(Settings(database_url=self.database_url, currency=currency))
        self.runtime.prepare()
        self.database = self.runtime.database

    def __enter__(self) -> "Server":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.abort()
        self.process.wait()
        self.close()

    def abort(self) -> None:
        """At once and for good, from any thread: who waits for an answer waits no longer."""
        self._kill_all()
        self.listener.close()

    def close(self) -> None:
        """What the test itself holds of it."""
        self.listener.close()
        self.runtime.close()

    def start(self) -> None:
        """Boot it."""
        with open(self.folder / "server.log", "ab") as log:
            self.process = subprocess.Popen(
                self.command,
                cwd=self.cwd,
                env=self.environment,
                pass_fds=[self.listener.fileno()],
                stdout=log,
                stderr=log,
                # A group of its own: its workers can be killed when the main process is dead.
                start_new_session=True,
            )

    @property
    def url(self) -> str:
        """Where it is."""
        host, port = self.address
        return f"http://{host}:{port}"

    @property
    def log(self) -> str:
        """What it has said."""
        return (self.folder / "server.log").read_text()

    def stop(self, patience: float = PATIENCE_SECONDS) -> int:
        """SIGTERM, and the exit code."""
        self.process.terminate()
        return self.process.wait(patience)

    def signal(self, number: signal.Signals) -> None:
        """To gunicorn's main process."""
        self.process.send_signal(number)

    def reload(self) -> None:
        """SIGHUP; returns when new workers serve and the old ones have left."""
        old = self.workers()
        self.signal(signal.SIGHUP)
        self.wait_until(lambda told: told.keys() - old and not self.workers() & old)

    def workers(self) -> set[int]:
        """The process ids of the workers that run."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return {int(pid) for pid in children.read_text().split()}

    def kill(self) -> None:
        """All processes at once, as a power cut would."""
        self._kill_all()
        self.process.wait()

    def upgrade(self) -> None:
        """As `systemctl restart` does it: the next one starts when the last one has left."""
        assert self.stop() == 0
        self.start()

    def _kill_all(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)

    def client(self, token: str | None = None) -> Client:
        """Somebody who may be signed in."""
        return Client(self.address, token)

    def person(self, role: str, name: str = "Somebody", rate_cents: int = 250) -> Client:
        """A new user, signed in; an agent is there, and takes requests."""
        email = f"{role}{next(self._numbers)}@example.org"
        user_id = self.database.write(
            lambda db: accounts.insert_user(db, role, name, email, password_hash(), rate_cents)
        )
        if role == "agent":
            self.database.write(lambda db: store.users.set_available(db, user_id, True))
            # As one who signs in: whoever only waits to be asked makes no request of their own in a test.
            self.database.write(lambda db: changes.arrive(db, self.runtime.settings, [user_id]))
        return Client(self.address, accounts.issue_token(self.runtime, user_id), user_id)

    def advance(self, seconds: float, **how: Any) -> None:
        """Let the server's time pass."""
        pass_time(self.database, seconds, **how)

    def conversation(self) -> Conversation:
        """A new active session with its two people."""
        made = pairs.create(self.runtime, 1, password_hash())[0]
        people = {side: self.client(token) for side, token in made.tokens.items()}
        return Conversation(made.id, people["client"], people["agent"], made.emails)

    def wait_until(self, condition) -> None:
        """Ask the server until `condition(health)` holds for what /healthz has told of each worker."""
        workers: dict[int, dict] = {}
        deadline = monotonic() + PATIENCE_SECONDS
        while not condition(workers):
            assert monotonic() < deadline, f"{workers}\n{self.log}"
            health = self.client().get("/healthz").json
            workers[health["worker"]] = health
            # Without a rest the worker that is awake takes all requests, and the other is never heard.
            sleep(PAUSE_SECONDS)

    def wait_until_held(self, count: int) -> None:
        """Until the workers, each of which has been asked, together hold so many polls."""
        workers = int(self.environment.get("CHAT_WORKERS", 1))
        self.wait_until(
            lambda told: len(told) >= workers and sum(each["held_polls"] for each in told.values()) == count
        )


def await_listener(server: Server, address: Any) -> None:
    """Until it can be connected to, where its port is not held by the test."""
    by_host = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    while True:
        with socket.socket(socket.AF_UNIX if isinstance(address, str) else by_host) as connection:
            if connection.connect_ex(address) == 0:
                return
        assert server.process.poll() is None, server.log
        sleep(PAUSE_SECONDS)


class Activated(Server):
    """As systemd starts it, which keeps the socket: the next one finds in its queue who came meanwhile."""

    def __init__(self, folder: Path, **settings: object) -> None:
        super().__init__(folder, **settings)
        inherit = f"exec 3<&{self.listener.fileno()}; LISTEN_FDS=1 LISTEN_PID=$$ exec"
        self.command = ("bash", "-c", f"{inherit} {COMMAND[0]} serve")
        self.environment["CHAT_BIND"] = "127.0.0.1:1"
