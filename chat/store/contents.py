"""Contents of files as rows, where several hosts share a database: PostgreSQL only, see chat/contents.py."""

import json
from collections.abc import Iterable

from chat.database.connection import Connection


def is_whole(db: Connection, content: str) -> bool:
    """Whether all of its pieces are there."""
    row = db.conn.execute(
        "SELECT 1 FROM contents WHERE content = ? HAVING count(*) = max(pieces)", (content,)
    ).fetchone()
    return row is not None


def insert(db: Connection, content: str, piece: int, pieces: int, data: bytes, now: int) -> None:
    """One of so many pieces, counted from 0, unless it is there."""
    db.conn.execute(
        """
        INSERT INTO contents (content, piece, pieces, data, kept_at) VALUES (?, ?, ?, ?, ?)
        ON CONFLICT DO NOTHING
        """,
        (content, piece, pieces, data, now),
    )


def piece(db: Connection, content: str, number: int) -> bytes | None:
    """One of its pieces, counted from 0; None after the last."""
    row: dict[str, bytes] | None = db.conn.execute(
        "SELECT data FROM contents WHERE content = ? AND piece = ?", (content, number)
    ).fetchone()
    return row["data"] if row else None


def unused(db: Connection, until: int, after: str, limit: int) -> list[str]:
    """Some of those that no message has and nobody has written to since `until`, by name, after this one."""
    rows = db.conn.execute(
        """
        SELECT content FROM contents
        WHERE content > ? AND NOT EXISTS (SELECT 1 FROM attachments WHERE content = contents.content)
            AND NOT EXISTS (SELECT 1 FROM attachments WHERE thumbnail = contents.content)
        GROUP BY content HAVING max(kept_at) < ? ORDER BY content LIMIT ?
        """,
        (after, until, limit),
    ).fetchall()
    return [row["content"] for row in rows]


def remove(db: Connection, contents: Iterable[str], now: int) -> None:
    """All of these, and note it for whoever has a copy."""
    names = json.dumps(list(contents))
    db.conn.execute("DELETE FROM contents WHERE content IN (SELECT value FROM json_each(?))", (names,))
    db.conn.execute(
        "INSERT INTO removed_contents (content, removed_at) SELECT value, ? FROM json_each(?)", (now, names)
    )


def removed(db: Connection, after_id: int, limit: int) -> list[tuple[int, str]]:
    """What was removed after this one, in order: (id, content)."""
    rows = db.conn.execute(
        "SELECT id, content FROM removed_contents WHERE id > ? ORDER BY id LIMIT ?", (after_id, limit)
    ).fetchall()
    return [(row["id"], row["content"]) for row in rows]


def forget_removed(db: Connection, until: int) -> None:
    """What was removed before then: nobody follows it so late."""
    db.conn.execute("DELETE FROM removed_contents WHERE removed_at < ?", (until,))
