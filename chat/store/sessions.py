"""Chat sessions."""

from chat.database import Connection, Row


def insert(db: Connection, client_id: int, agent_id: int | None, status: str, now: int, revision: int) -> int:
    """The new chat session's id."""
    cursor = db.conn.execute(
        """
        INSERT INTO chat_sessions (client_id, agent_id, status, created_at, revision)
        VALUES (?, ?, ?, ?, ?)
        """,
        (client_id, agent_id, status, now, revision),
    )
    return int(cursor.lastrowid or 0)


def of_participant(db: Connection, chat_session_id: int, user_id: int) -> Row | None:
    """The row, with `side` (client or agent), if the user takes part in it."""
    row: Row | None = db.conn.execute(
        """
        SELECT *, CASE client_id WHEN :user_id THEN 'client' ELSE 'agent' END AS side
        FROM chat_sessions WHERE id = :id AND (client_id = :user_id OR agent_id = :user_id)
        """,
        {"id": chat_session_id, "user_id": user_id},
    ).fetchone()
    return row


def by_id(db: Connection, chat_session_id: int) -> Row | None:
    """The row, whoever takes part: for the operator's commands."""
    row: Row | None = db.conn.execute(
        "SELECT * FROM chat_sessions WHERE id = ?", (chat_session_id,)
    ).fetchone()
    return row


def record_message(db: Connection, chat_session_id: int, message_id: int, revision: int) -> bool:
    """Remember the newest message; False when the session has ended."""
    cursor = db.conn.execute(
        """
        UPDATE chat_sessions SET last_message_id = ?, revision = ?
        WHERE id = ? AND status <> 'ended'
        """,
        (message_id, revision, chat_session_id),
    )
    return bool(cursor.rowcount)


def end(db: Connection, chat_session_id: int, reason: str, now: int, revision: int) -> bool:
    """Whether this call ended it."""
    cursor = db.conn.execute(
        """
        UPDATE chat_sessions SET status = 'ended', end_reason = ?, ended_at = ?, revision = ?
        WHERE id = ? AND status <> 'ended'
        """,
        (reason, now, revision, chat_session_id),
    )
    return bool(cursor.rowcount)


def first_active_of_domain(db: Connection, domain: str) -> Row | None:
    """The oldest active session whose people have an email at `domain`, with both emails."""
    row: Row | None = db.conn.execute(
        """
        SELECT s.*, client.email AS client_email, agent.email AS agent_email FROM chat_sessions s
        JOIN users client ON client.id = s.client_id
        JOIN users agent ON agent.id = s.agent_id
        WHERE s.status = 'active' AND client.email LIKE :pattern AND agent.email LIKE :pattern
        ORDER BY s.id LIMIT 1
        """,
        {"pattern": f"%@{domain}"},
    ).fetchone()
    return row
