"""The index of messages by their words, and what is found in it.

It is an FTS5 table without a copy of the texts, which it reads from the view `searchable`. New messages come
into it some at a time, up to `server.searched_message_id`; triggers keep in step what is in it already. Its
column `who` says of whom a message may be found (`c12 a5`), so that a common word among a million messages is
looked for among somebody's own.
"""

from collections.abc import Sequence

from chat.database.connection import Connection
from chat.store.rows import FoundRow

# Around what matches; no character of any text.
OPEN, CLOSE = "\ufdd0", "\ufdd1"
WORDS_SHOWN = 24
OWN = {"client": "s.client_id = :user_id", "agent": "s.agent_id = :user_id", "admin": "true"}


def find(
    db: Connection, words: Sequence[str], role: str, user_id: int, before_id: int, limit: int
) -> list[FoundRow]:
    """The newest messages with lower ids that have all these words and that the user may read.

    The last of the words may go on, from its second letter.
    """
    return db.conn.execute(
        f"""
        SELECT m.id AS message_id, m.chat_session_id, m.sender_type, sender.name AS sender_name, m.created_at,
            snippet(search, 0, '{OPEN}', '{CLOSE}', '…', {WORDS_SHOWN:d}) AS snippet,
            client.id AS client_id, client.name AS client_name, agent.id AS agent_id, agent.name AS agent_name
        FROM search CROSS JOIN messages m ON m.id = search.rowid
        CROSS JOIN chat_sessions s ON s.id = m.chat_session_id
        CROSS JOIN users client ON client.id = s.client_id CROSS JOIN users sender ON sender.id = m.sender_id
        LEFT JOIN users agent ON agent.id = s.agent_id
        WHERE search MATCH :asked AND search.rowid < :before_id AND {OWN[role]}
        ORDER BY search.rowid DESC LIMIT {limit:d}
        """,
        {"asked": asked(words, role, user_id), "before_id": before_id, "user_id": user_id},
    ).fetchall()


def asked(words: Sequence[str], role: str, user_id: int) -> str:
    """In FTS5's language; words are quoted, so nothing in them is of it."""
    quoted = [f'"{word}"' for word in words]
    if len(words[-1]) > 1 and words[-1][-2:].isalnum():
        quoted[-1] += " *"
    own = "" if role == "admin" else f" AND who : {role[0]}{user_id}"
    return f"message : ({' AND '.join(quoted)}){own}"


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
        db.conn.execute(
            """
            INSERT INTO search (rowid, message, who) SELECT id, message, who FROM searchable
            WHERE id > (SELECT searched_message_id FROM server) AND id <= ?
            """,
            (upto,),
        )
        db.conn.execute("UPDATE server SET searched_message_id = ?", (upto,))


def is_stale(db: Connection) -> bool:
    """Whether words that are gone may still be in the index: marked as gone, but there."""
    row = db.conn.execute("SELECT is_search_stale FROM server").fetchone()
    return bool(row[0])


def begin_purge(db: Connection, pages: int) -> None:
    """Begin to write the index anew without what is marked as gone, so many pages at a time.

    Where that is interrupted, it is stale still; what is marked meanwhile is for the next time.
    """
    db.conn.execute("UPDATE server SET is_search_stale = 2")
    _merge(db, -pages)


def purge(db: Connection, pages: int) -> bool:
    """Go on with it; whether there was anything left to do (https://sqlite.org/fts5.html#the_merge_command)."""
    before = db.conn.total_changes
    _merge(db, pages)
    return db.conn.total_changes - before >= 2


def end_purge(db: Connection) -> None:
    """Nothing is left that was marked when it began."""
    db.conn.execute("UPDATE server SET is_search_stale = 0 WHERE is_search_stale = 2")


def _merge(db: Connection, pages: int) -> None:
    db.conn.execute("INSERT INTO search (search, rank) VALUES ('merge', ?)", (pages,))
