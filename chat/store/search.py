"""The index of messages by their words, and what is found in it: FTS5's in SQLite, GIN's in PostgreSQL.

New messages come into it some at a time, up to `server.searched_message_id`; triggers keep in step what is in
it already. It says of whom a message may be found (`c12 a5`), so that a common word among a million messages
is looked for among somebody's own.
"""

from collections.abc import Sequence

from chat.database.connection import Connection
from chat.database.postgresql.lexemes import lexemes
from chat.store import fts5, tsvector
from chat.store.rows import FoundRow
from chat.store.snippets import CLOSE, OPEN

__all__ = ["CLOSE", "OPEN"]

INDEXES = {"sqlite": fts5, "postgresql": tsvector}
OWN = {"client": "s.client_id = :user_id", "agent": "s.agent_id = :user_id", "admin": "true"}


def find(
    db: Connection, words: Sequence[str], role: str, user_id: int, before_id: int, limit: int
) -> list[FoundRow]:
    """The newest messages with lower ids that have all these words and that the user may read.

    The last of the words may go on, from its second letter.
    """
    words, index = _once(words), INDEXES[db.engine]
    index.ready(db)
    rows = db.conn.execute(
        f"""
        SELECT m.id AS message_id, m.chat_session_id, m.sender_type, sender.name AS sender_name, m.created_at,
            {index.SNIPPET} AS snippet,
            client.id AS client_id, client.name AS client_name, agent.id AS agent_id, agent.name AS agent_name
        FROM search CROSS JOIN messages m ON m.id = {index.ID}
        CROSS JOIN chat_sessions s ON s.id = m.chat_session_id
        CROSS JOIN users client ON client.id = s.client_id CROSS JOIN users sender ON sender.id = m.sender_id
        LEFT JOIN users agent ON agent.id = s.agent_id
        WHERE {index.MATCHES} AND {index.ID} < :before_id AND {OWN[role]}
        ORDER BY {index.ID} DESC LIMIT {limit:d}
        """,
        {
            "asked": asked(db, words, "" if role == "admin" else f"{role[0]}{user_id}"),
            "before_id": before_id,
            "user_id": user_id,
        },
    ).fetchall()
    shown: list[FoundRow] = index.shown(rows, words, _is_open(words))
    return shown


def asked(db: Connection, words: Sequence[str], reader: str = "") -> str:
    """For `:asked` of `matching`: all these words, and that the reader (`c12`) may read it."""
    return str(INDEXES[db.engine].asked(_once(words), _is_open(words), reader))


def matching(db: Connection, most: int) -> str:
    """A query for the ids of messages that match `:asked`, the newest."""
    index = INDEXES[db.engine]
    index.ready(db)
    return f"SELECT {index.ID} FROM search WHERE {index.MATCHES} ORDER BY {index.ID} DESC LIMIT {most:d}"


def is_behind(db: Connection) -> bool:
    """Whether there are messages that are not in the index."""
    row = db.conn.execute(
        "SELECT (SELECT max(id) FROM messages) > (SELECT searched_message_id FROM server)"
    ).fetchone()
    return bool(row[0])


def advance(db: Connection, limit: int) -> None:
    """Take the next so many messages into the index."""
    (upto,) = db.conn.execute(
        f"""
        SELECT max(id) FROM (
            SELECT id FROM messages WHERE id > (SELECT searched_message_id FROM server) ORDER BY id
            LIMIT {limit:d}
        ) AS next
        """
    ).fetchone()
    if upto is not None:
        INDEXES[db.engine].take(db, upto)
        db.conn.execute("UPDATE server SET searched_message_id = ?", (upto,))


def is_stale(db: Connection) -> bool:
    """Whether words that are gone may still be in the index: marked as gone, but there."""
    row = db.conn.execute("SELECT is_search_stale FROM server").fetchone()
    return bool(row[0])


def begin_purge(db: Connection, pages: int) -> None:
    """Begin to write the index anew without what is marked as gone, so many pages at a time.

    Where that is interrupted, it is stale still; what is marked meanwhile is for the next time.
    """
    INDEXES[db.engine].begin_purge(db, pages)


def purge(db: Connection, pages: int) -> bool:
    """Go on with it; whether there was anything left to do."""
    return bool(INDEXES[db.engine].purge(db, pages))


def end_purge(db: Connection) -> None:
    """Nothing is left that was marked when it began."""
    INDEXES[db.engine].end_purge(db)


def _once(words: Sequence[str]) -> list[str]:
    """Each of them: whoever asks for one a hundred times waits no longer, and nobody for them."""
    found: dict[tuple[str, ...], str] = {}
    for word in reversed(words):
        found.setdefault(tuple(each.word for each in lexemes(word)), word)
    return list(found.values())[::-1]


def _is_open(words: Sequence[str]) -> bool:
    """Whether the last of them may go on."""
    return len(words[-1]) > 1 and words[-1][-2:].isalnum()
