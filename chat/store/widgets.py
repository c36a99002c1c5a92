"""Widgets of websites, and the guests who come by them: clients without an account of their own."""

from chat.database.connection import Connection
from chat.store import columns
from chat.store.rows import WidgetRow

# What is kept about people without a conversation; a guest of whom there is any of it stays.
_REMAINS = (
    *(
        ("chat_sessions", "client_id"),
        ("ledger", "user_id"),
        ("payments", "user_id"),
        ("blocks", "client_id"),
    ),
    *(("notes", "client_id"), ("audit", "user_id")),
)
# What goes with them.
_THEIRS = ("auth_tokens", "links", "push_subscriptions", "notices", "mailed")


def listed(db: Connection) -> list[WidgetRow]:
    """All, the newest first; those that are revoked, too."""
    return db.conn.execute("SELECT * FROM widgets ORDER BY revoked_at IS NOT NULL, id DESC").fetchall()


def by_id(db: Connection, widget_id: int) -> WidgetRow | None:
    """One."""
    row: WidgetRow | None = db.conn.execute("SELECT * FROM widgets WHERE id = ?", (widget_id,)).fetchone()
    return row


def by_key(db: Connection, key: str) -> WidgetRow | None:
    """The one with this key, if it is not revoked."""
    row: WidgetRow | None = db.conn.execute(
        "SELECT * FROM widgets WHERE key = ? AND revoked_at IS NULL", (key,)
    ).fetchone()
    return row


def insert(db: Connection, key: str, label: str, origins: str, now: int) -> int:
    """The id of a new one."""
    cursor = db.conn.execute(
        "INSERT INTO widgets (key, label, origins, created_at) VALUES (?, ?, ?, ?) RETURNING id",
        (key, label, origins, now),
    )
    return int(cursor.fetchone()[0])


def update(db: Connection, widget_id: int, **changed: object) -> None:
    """Change columns of its row."""
    columns.update(db, "widgets", widget_id, changed)


def end_sign_ins(db: Connection, widget_id: int, now: int, revision: int) -> list[bytes]:
    """Revoke all of its guests: the hashes of their tokens."""
    rows = db.conn.execute(
        """
        UPDATE auth_tokens SET revoked_at = ?, revision = ?
        WHERE revoked_at IS NULL AND user_id IN (SELECT id FROM users WHERE widget_id = ?)
        RETURNING token_hash
        """,
        (now, revision, widget_id),
    ).fetchall()
    return [row[0] for row in rows]


def drop_idle(db: Connection, before: int, limit: int) -> int:
    """Forget some guests who asked nobody anything, and were not there since then: how many they were."""
    remains = " ".join(
        f"AND id NOT IN (SELECT {who} FROM {table} WHERE {who} = users.id)" for table, who in _REMAINS
    )
    rows = db.conn.execute(
        f"""
        SELECT id FROM users
        WHERE widget_id IS NOT NULL AND created_at < :before AND seen_at < :before {remains}
        LIMIT {limit:d}
        """,
        {"before": before},
    ).fetchall()
    ids = [(row[0],) for row in rows]
    for table in _THEIRS:
        db.conn.executemany(f"DELETE FROM {table} WHERE user_id = ?", ids)
    db.conn.executemany("DELETE FROM users WHERE id = ?", ids)
    return len(ids)
