"""The index of messages in SQLite.

It is an FTS5 table without a copy of the texts, which it reads from the view `searchable`. Its column `who`
says of whom a message may be found (`c12 a5`).
"""

from collections.abc import Sequence
from typing import Any

from chat.database.connection import Connection
from chat.store.snippets import CLOSE, OPEN, WORDS_SHOWN

ID = "search.rowid"
MATCHES = "search MATCH :asked"
SNIPPET = f"snippet(search, 0, '{OPEN}', '{CLOSE}', '…', {WORDS_SHOWN:d})"


def ready(db: Connection) -> None:
    """Nothing is to be done before."""


def asked(words: Sequence[str], is_open: bool, reader: str) -> str:
    """In FTS5's language; words are quoted, so nothing in them is of it."""
    quoted = [f'"{word}"' for word in words]
    if is_open:
        quoted[-1] += " *"
    return f"message : ({' AND '.join(quoted)})" + (f" AND who : {reader}" if reader else "")


def shown(rows: list[Any], words: Sequence[str], is_open: bool) -> list[Any]:
    """The rows, which have what is shown of each message."""
    return rows


def take(db: Connection, upto: int) -> None:
    """The next messages, up to this one."""
    db.conn.execute(
        """
        INSERT INTO search (rowid, message, who) SELECT id, message, who FROM searchable
        WHERE id > (SELECT searched_message_id FROM server) AND id <= ?
        """,
        (upto,),
    )


def begin_purge(db: Connection, pages: int) -> None:
    """Begin to write the index anew without what is marked as gone, so many pages at a time.

    Where that is interrupted, it is stale still; what is marked meanwhile is for the next time.
    """
    db.conn.execute("UPDATE server SET is_search_stale = 2")
    _merge(db, -pages)


def purge(db: Connection, pages: int) -> bool:
    """Go on with it; whether there was anything left to do (https://sqlite.org/fts5.html#the_merge_command)."""
    before = _changes(db)
    _merge(db, pages)
    return _changes(db) - before >= 2


def end_purge(db: Connection) -> None:
    """Nothing is left that was marked when it began."""
    db.conn.execute("UPDATE server SET is_search_stale = 0 WHERE is_search_stale = 2")


def _merge(db: Connection, pages: int) -> None:
    db.conn.execute("INSERT INTO search (search, rank) VALUES ('merge', ?)", (pages,))


def _changes(db: Connection) -> int:
    return int(db.conn.execute("SELECT total_changes()").fetchone()[0])
