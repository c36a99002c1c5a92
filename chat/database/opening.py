"""Which engine an address is of."""

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

from chat.database.connection import Connection
from chat.database.database import Database
from chat.database.sqlite.connection import SCHEME, path_of
from chat.database.sqlite.database import SQLiteDatabase

MISSING = (
    "CHAT_DATABASE_URL is of PostgreSQL, and psycopg is not installed: "
    "pip install --require-hashes -r requirements-postgresql.txt"
)


class EngineMissing(RuntimeError):
    """What speaks to the engine is not installed."""


def is_file(url: str) -> bool:
    """Whether the database is a file of this machine."""
    return url.startswith(SCHEME)


def open_database(url: str, write_queue: int, on_open: Callable[[Connection], None]) -> Database:
    """The database at this address; nothing is opened yet. Raises EngineMissing."""
    if is_file(url):
        return SQLiteDatabase(path_of(url), write_queue, on_open)
    if find_spec("psycopg") is None:
        raise EngineMissing(MISSING)
    # Not before gevent has patched what it waits with, and not without need.
    from chat.database.postgresql.database import PostgreSQLDatabase

    return PostgreSQLDatabase(url, write_queue, on_open)


def files_of(url: str) -> Path:
    """Where the files are that people send, unless a setting says otherwise."""
    return path_of(url).with_suffix(".files") if is_file(url) else Path("data/chat.files").absolute()
