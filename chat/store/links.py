"""Invitations, and links to choose a new password; only the SHA-256 of their token is kept."""

from chat.database.connection import Connection
from chat.store.rows import LinkRow


def insert(
    db: Connection,
    token_hash: bytes,
    role: str | None,
    user_id: int | None,
    created_by: int | None,
    now: int,
    expires_at: int,
    mailed_to: str | None = None,
) -> None:
    """A new link, for somebody new (`role`) or for a user."""
    db.conn.execute(
        """
        INSERT INTO links (token_hash, role, user_id, created_by, created_at, expires_at, mailed_to)
        VALUES (?, ?, ?, ?, ?, ?, ?)
        """,
        (token_hash, role, user_id, created_by, now, expires_at, mailed_to),
    )


def unused(db: Connection, token_hash: bytes, now: int) -> LinkRow | None:
    """The link, with the user's email, if it can still be used."""
    row: LinkRow | None = db.conn.execute(
        """
        SELECT links.*, users.email, users.name FROM links LEFT JOIN users ON users.id = links.user_id
        WHERE token_hash = ? AND used_at IS NULL AND expires_at > ? AND disabled_at IS NULL
        """,
        (token_hash, now),
    ).fetchone()
    return row


def use(db: Connection, link_id: int, now: int) -> None:
    """It cannot be used again."""
    db.conn.execute("UPDATE links SET used_at = ? WHERE id = ?", (now, link_id))


def drop_of_user(db: Connection, user_id: int) -> None:
    """A newer link replaces the older ones."""
    db.conn.execute("DELETE FROM links WHERE user_id = ? AND used_at IS NULL", (user_id,))


def drop_mailed(db: Connection, mailed_to: str, created_by: int | None) -> None:
    """The one that is sent there next replaces those that the same person had sent."""
    db.conn.execute(
        "DELETE FROM links WHERE mailed_to = ? AND created_by IS NOT DISTINCT FROM ? AND used_at IS NULL",
        (mailed_to, created_by),
    )


def drop_old(db: Connection, now: int, limit: int) -> int:
    """Forget some that were used, or are too old: how many they were."""
    return db.conn.execute(
        f"""
        DELETE FROM links WHERE id IN (
            SELECT id FROM links WHERE expires_at <= ? OR used_at IS NOT NULL LIMIT {limit:d}
        )
        """,
        (now,),
    ).rowcount
