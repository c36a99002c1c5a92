"""What is said about receipts; only ever added to."""

from chat.database.connection import Connection
from chat.store.rows import RemarkRow

# SQL: whether it is a client's, and nobody has answered it, nor given a credit for it.
UNANSWERED = """
    (SELECT role FROM users WHERE users.id = remarks.user_id) = 'client'
        AND remarks.id = (SELECT max(id) FROM remarks r WHERE r.chat_session_id = remarks.chat_session_id)
        AND NOT EXISTS (
            SELECT 1 FROM books WHERE books.chat_session_id = remarks.chat_session_id
                AND kind = 'credit' AND issued_at >= remarks.created_at
        )
"""


def insert(db: Connection, chat_session_id: int, user_id: int, remark: str, now: int) -> int:
    """The new one's id."""
    cursor = db.conn.execute(
        "INSERT INTO remarks (chat_session_id, user_id, remark, created_at) VALUES (?, ?, ?, ?) RETURNING id",
        (chat_session_id, user_id, remark, now),
    )
    return int(cursor.fetchone()[0])


def of_session(db: Connection, chat_session_id: int) -> list[RemarkRow]:
    """In order, with who said it."""
    return db.conn.execute(
        """
        SELECT remarks.*, name, role FROM remarks JOIN users ON users.id = user_id
        WHERE chat_session_id = ? ORDER BY remarks.id
        """,
        (chat_session_id,),
    ).fetchall()


def unanswered(db: Connection, limit: int) -> list[RemarkRow]:
    """Clients' remarks that nobody has answered, nor given a credit for; oldest first."""
    return db.conn.execute(
        f"""
        SELECT remarks.*, name, role FROM remarks JOIN users ON users.id = user_id
        WHERE {UNANSWERED} AND remark <> '' ORDER BY remarks.id LIMIT ?
        """,
        (limit,),
    ).fetchall()
