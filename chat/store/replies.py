"""Canned replies: what an agent writes often."""

from chat.database.connection import Connection
from chat.store.rows import ReplyRow


def of_agent(db: Connection, agent_id: int) -> list[ReplyRow]:
    """An agent's replies, by shortcut."""
    return db.conn.execute(
        "SELECT id, shortcut, message FROM replies WHERE agent_id = ? ORDER BY shortcut", (agent_id,)
    ).fetchall()


def save(db: Connection, agent_id: int, shortcut: str, message: str) -> None:
    """A new reply, or another text for the same shortcut."""
    db.conn.execute(
        """
        INSERT INTO replies (agent_id, shortcut, message) VALUES (?, ?, ?)
        ON CONFLICT (agent_id, shortcut) DO UPDATE SET message = excluded.message
        """,
        (agent_id, shortcut, message),
    )


def delete(db: Connection, agent_id: int, reply_id: int) -> bool:
    """Delete a reply; whether it was the agent's."""
    cursor = db.conn.execute("DELETE FROM replies WHERE id = ? AND agent_id = ?", (reply_id, agent_id))
    return bool(cursor.rowcount)
