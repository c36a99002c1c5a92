"""A connection to PostgreSQL with the face of SQLite's; only this room imports psycopg.

Values come as SQLite gives them: truth as 0 or 1, whole numbers as int whatever they were summed from, JSON
as the text that was stored.
"""

import os
import select
import socket
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Literal, TypeVar

import psycopg
from psycopg import conninfo, generators, pq
from psycopg.adapt import Buffer, Dumper, Loader
from psycopg.types.numeric import Int8Dumper
from psycopg.types.string import StrDumperUnknown, TextLoader

from chat import clock
from chat.database import native
from chat.database.connection import Clock, Cursor, Values
from chat.database.postgresql.dialect import translate

T = TypeVar("T")

# Where the address does not say otherwise: a server that answers nobody is noticed, and of several the one
# that can be written to is taken.
DEFAULTS = {
    "connect_timeout": "5",
    "tcp_user_timeout": "10000",
    "keepalives_idle": "5",
    "keepalives_interval": "2",
    "keepalives_count": "3",
    "target_session_attrs": "read-write",
    "application_name": "tete-a-tete",
}
# Of all reads: what is read belongs together.
SNAPSHOT = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
# Statements that a connection keeps prepared: more than there are.
PREPARED = 1000
# Names of types in pg_type that are read as text.
TEXTS = ("json", "jsonb", "name")


class Row(tuple[Any, ...]):
    """One row, by position and by name."""

    __slots__ = ()
    _positions: Mapping[str, int]
    _names: tuple[str, ...]

    def __getitem__(self, key: Any) -> Any:
        return tuple.__getitem__(self, self._positions[key] if isinstance(key, str) else key)

    def keys(self) -> list[str]:
        """The names, in order."""
        return list(self._names)


class _Shapes:
    """The rows of each statement, which psycopg would find out again each time."""

    def __init__(self) -> None:
        self._known: dict[str, type[Row]] = {}

    def of(self, sql: str) -> Any:
        """A row factory for this statement."""

        def rows(cursor: "psycopg.Cursor[Any]") -> Callable[[Sequence[Any]], Any]:
            if (found := self._known.get(sql)) is None:
                found = _rows(cursor)
                if cursor.description and len(self._known) < PREPARED:
                    self._known[sql] = found
            return found

        return rows


@lru_cache(PREPARED)
def _shape(names: tuple[str, ...]) -> type[Row]:
    positions = {name: position for position, name in reversed([*enumerate(names)])}
    return type("Row", (Row,), {"__slots__": (), "_positions": positions, "_names": names})


def _rows(cursor: "psycopg.Cursor[Any]") -> type[Row]:
    return _shape(tuple(column.name for column in cursor.description or ()))


class _Truth(Loader):
    def load(self, data: Buffer) -> int:
        return int(bytes(data) == b"t")


class _Number(Loader):
    def load(self, data: Buffer) -> int | float:
        text = bytes(data)
        return float(text) if b"." in text or b"N" in text else int(text)


class _Flag(Dumper):
    oid = psycopg.adapters.types["int8"].oid

    def dump(self, value: bool) -> bytes:
        return b"1" if value else b"0"


class Session(psycopg.Connection[Any]):
    """psycopg's, which keeps no other greenlet waiting."""

    # The same socket, which a greenlet can wait for.
    _heard: socket.socket | None = None

    def wait(self, gen: Any, *how: Any, **named: Any) -> Any:
        if how or named or not native.are_threads_greenlets():
            return super().wait(gen, *how, **named)
        if self._heard is None:
            self._heard = socket.socket(fileno=os.dup(self.fileno()))
        try:
            wanted = next(gen)
            while True:
                # psycopg's numbers: 1 to be read, 2 to be written.
                if wanted == 1:
                    self._heard.recv(1, socket.MSG_PEEK)
                    ready = 1
                else:
                    ready = _ready(self.fileno(), wanted)
                wanted = gen.send(ready)
        except StopIteration as end:
            return end.value
        except OSError as error:
            raise psycopg.OperationalError(str(error)) from error

    def close(self) -> None:
        super().close()
        if self._heard is not None:
            self._heard.close()


def _ready(file: int, wanted: int) -> int:
    poll = select.poll()
    poll.register(file, (wanted & 1 and select.POLLIN) | (wanted & 2 and select.POLLOUT))
    found = sum(event for _, event in poll.poll())
    return (1 if found & ~select.POLLOUT else 0) | (2 if found & select.POLLOUT else 0)


class Statements:
    """Runs them as the store writes them."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._shapes = _Shapes()

    def execute(self, sql: str, values: Values = (), /) -> Cursor:
        """Raises psycopg.Error."""
        statement, names = translate(sql)
        cursor = self._session.cursor(row_factory=self._shapes.of(sql))
        return cursor.execute(statement, _in_order(values, names) or None)

    def executemany(self, sql: str, values: Iterable[Values], /) -> Cursor:
        """The same once for each."""
        statement, names = translate(sql)
        cursor = self._session.cursor()
        if rows := [_in_order(each, names) for each in values]:
            cursor.executemany(statement, rows)
        return cursor


def _in_order(values: Values, names: tuple[str, ...] | None) -> list[Any]:
    return [values[name] for name in names] if names is not None else list(values)  # type: ignore[call-overload]


class PostgreSQLConnection:
    """In autocommit, unless somebody has begun a transaction."""

    engine: Literal["postgresql"] = "postgresql"

    def __init__(self, session: Session, clock: Clock) -> None:
        self.session = session
        self.clock = clock
        self.conn = Statements(session)
        self._is_beginning = False

    def begin_next(self) -> None:
        """End what was read, and begin the next snapshot; nobody waits for the answer.

        It is taken with the first statement: until then the server keeps nothing for it.
        """
        self.session.pgconn.send_query(b"COMMIT; " + SNAPSHOT.encode())
        self.session.wait(generators.send(self.session.pgconn))
        self._is_beginning = True

    def begin(self) -> None:
        """A snapshot for what is read now; raises psycopg.OperationalError where the connection was lost."""
        if not self._is_beginning:
            self.session.execute(SNAPSHOT)
            return
        self._is_beginning = False
        for result in self.session.wait(generators.fetch_many(self.session.pgconn)):
            if result.status == pq.ExecStatus.FATAL_ERROR:
                raise psycopg.OperationalError(result.get_error_message())
        # These may have come before the server went away: what is there beyond them is its farewell.
        poll = select.poll()
        poll.register(self.session.fileno(), select.POLLIN)
        if poll.poll(0):
            raise psycopg.OperationalError("the connection was ended")

    def is_open(self) -> bool:
        """As far as is known: a server that went away is noticed when it is asked."""
        return not self.session.closed

    def close(self) -> None:
        """With whatever transaction it is in."""
        self.session.close()


def connect(url: str, clock: Clock = clock) -> PostgreSQLConnection:
    """Raises psycopg.Error."""
    given = conninfo.conninfo_to_dict(url)
    whole = conninfo.make_conninfo(url, **{name: DEFAULTS[name] for name in DEFAULTS if name not in given})
    session = Session.connect(whole, autocommit=True, row_factory=_rows, cursor_factory=psycopg.RawCursor)
    session.prepared_max = PREPARED
    session.adapters.register_dumper(int, Int8Dumper)
    session.adapters.register_dumper(bool, _Flag)
    session.adapters.register_dumper(str, StrDumperUnknown)
    session.adapters.register_loader("bool", _Truth)
    session.adapters.register_loader("numeric", _Number)
    for name in TEXTS:
        session.adapters.register_loader(name, TextLoader)
    return PostgreSQLConnection(session, clock)


def without_password(url: str) -> str:
    """The address as psql and pg_dump take it."""
    parts = conninfo.conninfo_to_dict(url)
    return conninfo.make_conninfo("", **{name: parts[name] for name in parts if name != "password"})


def shown(url: str) -> str:
    """The address without a password."""
    parts = conninfo.conninfo_to_dict(url)
    where = parts.get("host") or parts.get("hostaddr") or "localhost"
    return f"postgresql://{where}/{parts.get('dbname') or parts.get('user') or ''}"
