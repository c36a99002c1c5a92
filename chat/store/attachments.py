"""Files that were sent with messages: what is known of each, and which contents nobody has any more."""

import json
from collections.abc import Iterable, Mapping, Sequence

from chat.database.connection import Connection
from chat.store.rows import AttachmentRow

# Of the message with the id that stands in the braces: its kind, or NULL.
KIND = "(SELECT iif(thumbnail IS NULL, 'file', 'picture') FROM attachments WHERE id = {})"


def insert(db: Connection, message_id: int, user_id: int, digest: str, facts: Mapping[str, object]) -> None:
    """The one of a message that is stored now; the facts are the other columns of AttachmentRow."""
    db.conn.execute(
        """
        INSERT INTO attachments
            (id, user_id, digest, name, type, bytes, width, height, content, thumbnail)
        VALUES (:id, :user_id, :digest, :name, :type, :bytes, :width, :height, :content, :thumbnail)
        """,
        {**facts, "id": message_id, "user_id": user_id, "digest": digest},
    )


def of_message(db: Connection, chat_session_id: int, message_id: int) -> AttachmentRow | None:
    """That of a message of this session."""
    row: AttachmentRow | None = db.conn.execute(
        """
        SELECT attachments.* FROM attachments JOIN messages USING (id)
        WHERE attachments.id = ? AND chat_session_id = ?
        """,
        (message_id, chat_session_id),
    ).fetchone()
    return row


def bytes_of_user(db: Connection, user_id: int) -> int:
    """What all that they sent takes."""
    row = db.conn.execute(
        "SELECT coalesce(sum(bytes), 0) FROM attachments WHERE user_id = ?", (user_id,)
    ).fetchone()
    return int(row[0])


def unused(db: Connection, contents: Iterable[str]) -> list[str]:
    """Those of these contents that no message has."""
    rows = db.conn.execute(
        """
        SELECT value FROM json_each(?) WHERE NOT EXISTS (SELECT 1 FROM attachments WHERE content = value)
            AND NOT EXISTS (SELECT 1 FROM attachments WHERE thumbnail = value)
        """,
        (json.dumps(list(contents)),),
    ).fetchall()
    return [row[0] for row in rows]


def dropped(db: Connection, limit: int) -> list[str]:
    """Some contents that a message had which has none any more."""
    rows = db.conn.execute(f"SELECT content FROM dropped_contents LIMIT {limit:d}").fetchall()
    return [row[0] for row in rows]


def forget(db: Connection, contents: Sequence[str]) -> None:
    """They are seen to."""
    db.conn.execute(
        "DELETE FROM dropped_contents WHERE content IN (SELECT value FROM json_each(?))",
        (json.dumps(contents),),
    )


def contents(db: Connection) -> list[str]:
    """The contents of all files and thumbnails, by name."""
    rows = db.conn.execute(
        "SELECT content FROM attachments UNION SELECT thumbnail FROM attachments WHERE thumbnail IS NOT NULL"
    ).fetchall()
    return [row[0] for row in rows]
