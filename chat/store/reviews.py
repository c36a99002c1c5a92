"""What clients said in their ratings, where they want others to read it."""

from chat.database.connection import Connection
from chat.store.rows import ReviewRow

# An agent's that can be read: not when it is erased, or its time is over.
_SAID = "s.rating_comment <> '' AND client.erased_at IS NULL"


def put(db: Connection, chat_session_id: int, agent_id: int, is_public: bool) -> None:
    """What the client wants of it now; what an administrator has hidden stays hidden."""
    db.conn.execute(
        """
        INSERT INTO reviews (chat_session_id, agent_id, is_public) VALUES (?, ?, ?)
        ON CONFLICT (chat_session_id) DO UPDATE SET is_public = excluded.is_public
        """,
        (chat_session_id, agent_id, int(is_public)),
    )


def is_public(db: Connection, chat_session_id: int) -> bool:
    """Whether the client wants it to be read."""
    row = db.conn.execute(
        "SELECT 1 FROM reviews WHERE chat_session_id = ? AND is_public = 1", (chat_session_id,)
    ).fetchone()
    return row is not None


def of_agent(db: Connection, agent_id: int, with_hidden: bool, before_id: int, limit: int) -> list[ReviewRow]:
    """The newest, of sessions with lower ids."""
    return db.conn.execute(
        f"""
        SELECT r.chat_session_id, r.hidden_at, s.client_id, client.name AS client_name, s.rating,
            s.rating_comment, s.ended_at
        FROM reviews r JOIN chat_sessions s ON s.id = r.chat_session_id
            JOIN users client ON client.id = s.client_id
        WHERE r.agent_id = ? AND r.is_public = 1 AND r.chat_session_id < ? AND (? = 1 OR r.hidden_at IS NULL)
            AND {_SAID}
        ORDER BY r.chat_session_id DESC LIMIT {limit:d}
        """,
        (agent_id, before_id, with_hidden),
    ).fetchall()


def hide(db: Connection, chat_session_id: int, now: int | None) -> int | None:
    """Since when nobody reads it (None: they do); the id of its agent, None where there is no such review."""
    row = db.conn.execute(
        "UPDATE reviews SET hidden_at = ? WHERE chat_session_id = ? AND is_public = 1 RETURNING agent_id",
        (now, chat_session_id),
    ).fetchone()
    return None if row is None else int(row[0])
