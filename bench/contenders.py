"""Who is compared: how each is started, and how one talks to it."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.client import HOST
from bench.engineio import SocketReader
from bench.readers import SIDES, Make, Reader
from bench.server import Program, Server, Session, free_port, fresh_database

Started = tuple[Program, list[Session]]


@dataclass(frozen=True)
class Peer:
    """A module of bench/peers with a WSGI application, on gunicorn's gevent worker; `make` is its reader."""

    module: str
    make: Make = Reader

    @contextmanager
    def serve(self, sessions: int) -> Iterator[Started]:
        """It has one worker and an empty database."""
        port = free_port()
        options = [
            "--config",
            "bench/peers/gunicorn.conf.py",
            "--log-level",
            "error",
            "--bind",
            f"{HOST}:{port}",
        ]
        command = ["gunicorn", *options, f"bench.peers.{self.module}:app"]
        with tempfile.TemporaryDirectory(prefix="bench-") as folder:
            environment = {"BENCH_DATABASE": str(Path(folder) / "peer.db")}
            with Program(command, port, environment) as server:
                yield server, _sessions(sessions)
                # Its held polls would hold the exit.
                server.kill()


class Ours:
    """The server of this repository."""

    make: Make = Reader

    @contextmanager
    def serve(self, sessions: int) -> Iterator[Started]:
        """It has one worker, and a party for each side of each session."""
        with (
            fresh_database(sessions) as (database, made),
            Server(database, "gevent", 2 * sessions) as server,
        ):
            yield server, made


class Lean:
    """The same contract in memory: what the load client can do."""

    make: Make = Reader

    @contextmanager
    def serve(self, sessions: int) -> Iterator[Started]:
        """It stores nothing."""
        port = free_port()
        with Program(["bench.peers.lean", str(port)], port, {}) as server:
            yield server, _sessions(sessions)
            server.kill()


Contender = Ours | Peer | Lean


def _sessions(count: int) -> list[Session]:
    """Peers know no people: the token is the side."""
    return [Session(number, {side: side for side in SIDES}) for number in range(1, count + 1)]


CHATS: dict[str, Contender] = {
    "ours": Ours(),
    "Flask-SocketIO": Peer("flask_socketio", SocketReader),
    "naive": Peer("naive"),
}
# Those that wait for nobody: only plain requests can be asked of them.
VIEWS: dict[str, Contender] = {
    "ours": Ours(),
    "naive": Peer("naive"),
    "bare Flask": Peer("bare_flask"),
    "bare WSGI": Peer("bare_wsgi"),
}
CEILING = "client's ceiling"
