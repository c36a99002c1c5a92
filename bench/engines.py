"""The same server on a file and on PostgreSQL, in turn: what one machine more would cost."""

from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager

from bench import measures
from bench.meter import Figures, side_by_side
from bench.server import Server, Session, demo_sessions, fresh_database
from bench.workers import cross_between
from tests.postgres import running

# Of `cross`, which has a process more.
CROSS_POLLS = 200
ENGINES = ("sqlite", "postgresql")


@contextmanager
def database_of(engine: str, sessions: int) -> Iterator[tuple[str, list[Session]]]:
    """The address of a new database with that many active sessions."""
    if engine == "sqlite":
        with fresh_database(sessions) as (path, made):
            yield f"sqlite:///{path}", made
    else:
        with running() as postgres:
            url = postgres.new()
            yield url, demo_sessions(url, sessions)


def engines(options: Namespace) -> Figures:
    """`hold`, `cross` and `burst` on a file, and on a PostgreSQL of this machine, in turn."""
    found = {engine: _measure(options, engine) for engine in ENGINES}
    figures = side_by_side(found)
    ratios = {
        f"{name}: postgresql/sqlite": figures[f"{name}: postgresql"] / figures[f"{name}: sqlite"]
        for name in ("delivery p50 ms", "full: sends/s", "cross: delivery p50 ms: another")
    }
    return figures | ratios


def _measure(options: Namespace, engine: str) -> Figures:
    found: Figures = {}
    with (
        database_of(engine, options.polls // 2) as (database, sessions),
        Server(database, options.worker_class, options.polls) as server,
    ):
        found |= measures.run(measures.hold(options, server, sessions), options.idle + options.seconds)
    with database_of(engine, CROSS_POLLS // 2) as (database, sessions):
        crossed = Namespace(**{**vars(options), "polls": CROSS_POLLS, "doorbell": "1"})
        found |= {
            f"cross: {name}": value for name, value in cross_between(crossed, database, sessions).items()
        }
    with (
        database_of(engine, options.sessions) as (database, sessions),
        Server(database, options.worker_class, 2 * options.sessions) as server,
    ):
        full = measures.run(measures.burst(options, server, sessions), options.seconds)
        found |= {f"full: {name}": value for name, value in full.items()}
    return found
