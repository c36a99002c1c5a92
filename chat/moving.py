"""A whole database, carried into an empty one of either engine, while no server serves either.

All of it is seen there at once, or nothing. Ids and revisions go on: who had a cursor goes on with it.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Any, NamedTuple

from chat import money, store, verify
from chat.blobs import Blobs
from chat.database.connection import Connection
from chat.database.database import Database
from chat.database.sqlite.copies import InUse

# Rows between two signs of life; messages that come into the index of words with one statement.
STEP = 10_000
INDEXED = 5000


class NotMoved(RuntimeError):
    """Not from there, or not to there."""


class Moved(NamedTuple):
    """Rows of each table, and what the books and bills have there that they should not."""

    rows: dict[str, int]
    wrong: list[str]


Tell = Callable[[str, int, int], None]


def move(source: Database, target: Database, tell: Tell = lambda what, done, of: None) -> Moved:
    """All of `source` into `target`, which is made where there is none; `tell(what, done, of)` goes with it.

    Where anything fails the target is empty. Raises NotMoved, InUse, OlderSchema, NewerSchema and
    DatabaseUnavailable.
    """
    if not source.is_there():
        raise NotMoved(f"there is no database at {source.name()}")
    source.check()
    with _nobody_serves(source):
        if target.is_there():
            target.check()
            if not target.read(_is_empty):
                raise NotMoved(f"{target.name()} has people of its own: give a new one")
        target.migrate()
        with _nobody_serves(target):
            rows = source.write_alone(
                lambda here: target.write_alone(lambda there: _carry(source, here, target, there, tell))
            )
            money.use(target.read(store.server.currency))
            return Moved(rows, target.read(lambda db: list(verify.differences(db))))


def carry_contents(names: Iterable[str], source: Blobs, target: Blobs) -> tuple[int, int]:
    """The files that were sent, too: how many there are now, and how many nobody has any more.

    Raises OSError, and DatabaseUnavailable.
    """
    carried = missing = 0
    for name in names:
        try:
            with source.open(name) as content:
                target.keep(content)
        except FileNotFoundError:
            missing += 1
        else:
            target.share([name])
            carried += 1
    return carried, missing


@contextmanager
def _nobody_serves(database: Database) -> Iterator[None]:
    """And none begins meanwhile."""
    serving = database.serving()
    with serving.begin() as is_alone:
        try:
            if not is_alone:
                raise InUse(f"a server has {database.name()} open: stop it first")
            yield
        finally:
            serving.end()


def _is_empty(db: Connection) -> bool:
    query = "SELECT EXISTS (SELECT 1 FROM users) OR EXISTS (SELECT 1 FROM widgets)"
    return not db.conn.execute(query).fetchone()[0]


def _carry(
    source: Database, here: Connection, target: Database, there: Connection, tell: Tell
) -> dict[str, int]:
    """Both have the lock of all writers."""
    out, into = source.tables(), target.tables()
    columns = out.columns(here)
    if into.columns(there) != columns:
        raise NotMoved(f"{target.name()} has other tables or columns than {source.name()}")
    if not _is_empty(there):
        raise NotMoved(f"{target.name()} has people of its own: give a new one")
    place = store.server.place(there)
    into.begin(there)
    rows = {}
    for table, names in columns.items():
        (count,) = here.conn.execute(f"SELECT count(*) FROM {table}").fetchone()
        with closing(out.rows(here, table, names)) as found:
            into.fill(there, table, names, _told(found, table, count, tell))
        (rows[table],) = there.conn.execute(f"SELECT count(*) FROM {table}").fetchone()
        assert rows[table] == count, f"{table} has {count} rows here, and {rows[table]} there"
    store.server.settle(there, place)
    tell("what belongs together", 0, 0)
    into.end(there, out.handed_out(here))
    done = 0
    while store.search.is_behind(there):
        tell("words", done, rows["messages"])
        store.search.advance(there, INDEXED)
        done += INDEXED
    return rows


def _told(rows: Iterator[Sequence[Any]], table: str, count: int, tell: Tell) -> Iterator[Sequence[Any]]:
    for number, row in enumerate(rows):
        if number % STEP == 0:
            tell(table, number, count)
        yield row
