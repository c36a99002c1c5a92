"""People."""

from typing import Any

from chat.database import Connection, Row


def insert(db: Connection, role: str, name: str, email: str, password_hash: str, now: int) -> int:
    """The new user's id; 0 when the email is taken."""
    row = db.conn.execute(
        """
        INSERT INTO users (role, name, email, password_hash, created_at) VALUES (?, ?, ?, ?, ?)
        ON CONFLICT (email) DO NOTHING RETURNING id
        """,
        (role, name, email, password_hash, now),
    ).fetchone()
    return row[0] if row else 0


def by_email(db: Connection, email: str) -> Row | None:
    """Their row."""
    row: Row | None = db.conn.execute("SELECT * FROM users WHERE email = ?", (email,)).fetchone()
    return row


def set_password_hash(db: Connection, user_id: int, password_hash: str) -> None:
    """Replace it."""
    db.table("users").update(user_id, {"password_hash": password_hash})


def count(db: Connection) -> int:
    """How many there are."""
    total: Any = db.table("users").count
    return int(total)
