"""What agents and administrators keep about clients."""

from chat.database.connection import Connection
from chat.store import columns
from chat.store.rows import NoteRow

_SELECT = """
    SELECT notes.*, author.name AS author_name, author.role AS author_role, heir.name AS for_name
    FROM notes JOIN users author ON author.id = author_id LEFT JOIN users heir ON heir.id = for_id
"""
# For the agent whom session `s` was handed over to, until they have written in it.
HANDOVER = """
    SELECT substr(n.text, 1, 200) FROM notes n
    WHERE n.chat_session_id = s.id AND n.for_id = :user_id AND NOT EXISTS (
        SELECT 1 FROM messages m
        WHERE m.chat_session_id = s.id AND m.sender_id = :user_id AND m.created_at >= n.created_at
    )
    ORDER BY n.id DESC LIMIT 1
"""


def insert(
    db: Connection,
    client_id: int,
    author_id: int,
    text: str,
    now: int,
    chat_session_id: int | None = None,
    for_id: int | None = None,
    key: str | None = None,
) -> int:
    """The new one's id; of what was kept before with the author's `key` there is `by_key`."""
    cursor = db.conn.execute(
        """
        INSERT INTO notes (client_id, author_id, chat_session_id, for_id, text, key, created_at)
        VALUES (?, ?, ?, ?, ?, ?, ?)
        RETURNING id
        """,
        (client_id, author_id, chat_session_id, for_id, text, key, now),
    )
    return int(cursor.fetchone()[0])


def by_id(db: Connection, note_id: int) -> NoteRow | None:
    """The note."""
    return _one(db, "notes.id = ?", note_id)


def by_key(db: Connection, author_id: int, key: str) -> NoteRow | None:
    """What the author kept with this key."""
    return _one(db, "author_id = ? AND key = ?", author_id, key)


def of_handover(db: Connection, chat_session_id: int, agent_id: int) -> NoteRow | None:
    """The newest with which the session was handed over to this agent."""
    return _one(db, "chat_session_id = ? AND for_id = ? ORDER BY notes.id DESC", chat_session_id, agent_id)


def of_client(db: Connection, client_id: int, before_id: int, limit: int) -> list[NoteRow]:
    """The newest about the client with lower ids."""
    return db.conn.execute(
        f"{_SELECT} WHERE client_id = ? AND notes.id < ? ORDER BY notes.id DESC LIMIT {limit:d}",
        (client_id, before_id),
    ).fetchall()


def of_person(db: Connection, user_id: int, is_whole: bool, before_id: int, limit: int) -> list[NoteRow]:
    """What somebody wrote, and if it `is_whole` what is kept about them; newest first."""
    return db.conn.execute(
        f"""
        {_SELECT} WHERE notes.id < ?3 AND (author_id = ?1 OR (?2 = 1 AND client_id = ?1))
        ORDER BY notes.id DESC LIMIT {limit:d}
        """,
        (user_id, is_whole, before_id),
    ).fetchall()


def change(db: Connection, note_id: int, text: str, now: int) -> None:
    """It says this from now on."""
    columns.update(db, "notes", note_id, {"text": text, "edited_at": now})


def delete(db: Connection, note_id: int) -> None:
    """It is gone."""
    db.conn.execute("DELETE FROM notes WHERE id = ?", (note_id,))


def _one(db: Connection, where: str, *values: object) -> NoteRow | None:
    row: NoteRow | None = db.conn.execute(f"{_SELECT} WHERE {where} LIMIT 1", values).fetchone()
    return row
