"""The peers' messages in SQLite, as durable as the server's: each INSERT is a commit, with its fsync."""

import os
from typing import Any

from chat.database.sqlite.connection import sqlite3

# One connection: it is a greenlet's until its statement is done.
db = sqlite3.connect(os.environ["BENCH_DATABASE"], isolation_level=None, check_same_thread=False)
db.row_factory = sqlite3.Row
db.executescript("""
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
    CREATE TABLE IF NOT EXISTS messages (
        id INTEGER PRIMARY KEY,
        chat_session_id INTEGER NOT NULL,
        sender_type TEXT NOT NULL,
        message TEXT NOT NULL,
        created_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP
    );
    CREATE INDEX IF NOT EXISTS messages_of_session ON messages (chat_session_id, id);
""")


def insert(chat_session_id: int, sender_type: str, message: str) -> int:
    """Its id, when it is on the disk."""
    row = db.execute(
        "INSERT INTO messages (chat_session_id, sender_type, message) VALUES (?, ?, ?) RETURNING id",
        (chat_session_id, sender_type, message),
    )
    message_id: int = row.fetchone()[0]
    return message_id


def since(chat_session_id: int, last_id: int) -> list[dict[str, Any]]:
    """The messages of a session after that one."""
    rows = db.execute(
        "SELECT * FROM messages WHERE chat_session_id = ? AND id > ? ORDER BY id LIMIT 100",
        (chat_session_id, last_id),
    )
    return [dict(row) for row in rows.fetchall()]
