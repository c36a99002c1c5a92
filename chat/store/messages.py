"""Messages, as the wire shows them, but for the addresses of files: chat/attachments.py fills them in."""

import json
from typing import Any

from chat.database.connection import Connection
from chat.store.attachments import KIND
from chat.store.rows import Message, SaidRow, SentRow, Side

# An id that no message has.
ABOVE_ALL = 1 << 62
_SELECT = """
    SELECT m.id, m.chat_session_id, m.sender_type, m.sender_id, users.name AS sender_name, m.message,
        datetime(m.created_at / 1000, 'unixepoch') AS created_at,
        m.id <= iif(m.sender_type = 'client', s.agent_read_id, s.client_read_id) AS is_read,
        datetime(m.edited_at / 1000, 'unixepoch') AS edited_at, m.is_deleted,
        m.client_message_id, m.revision,
        iif(a.id IS NULL, NULL, json_object(
            'name', a.name, 'type', a.type, 'bytes', a.bytes, 'width', a.width, 'height', a.height,
            'url', '', 'thumbnail_url', iif(a.thumbnail IS NULL, NULL, '')
        )) AS attachment
    FROM messages m
    JOIN chat_sessions s ON s.id = m.chat_session_id
    JOIN users ON users.id = m.sender_id
    LEFT JOIN attachments a ON a.id = m.id
    WHERE m.chat_session_id = ?
"""


def since(db: Connection, chat_session_id: int, last_id: int, limit: int) -> list[Message]:
    """The oldest `limit` messages with a higher id."""
    return _rows(db, "m.id > ? ORDER BY m.id", chat_session_id, last_id, limit)


def changed(db: Connection, chat_session_id: int, cursor: int, limit: int) -> list[Message]:
    """The first `limit` messages written or changed after `cursor`, in the order of the changes."""
    return _rows(db, "m.revision > ? ORDER BY m.revision", chat_session_id, cursor, limit)


def before(db: Connection, chat_session_id: int, first_id: int, limit: int) -> list[Message]:
    """The newest `limit` messages with a lower id, oldest first."""
    return _rows(db, "m.id < ? ORDER BY m.id DESC", chat_session_id, first_id, limit)[::-1]


def all_of(db: Connection, chat_session_id: int) -> list[Message]:
    """All messages of a session, in order."""
    return since(db, chat_session_id, 0, -1)


def edited(db: Connection, chat_session_id: int, last_id: int, limit: int) -> list[Message]:
    """Of those up to this id the `limit` that were edited or deleted last, the latest first."""
    where = "m.edited_at IS NOT NULL AND m.id <= ? ORDER BY m.revision DESC"
    return _rows(db, where, chat_session_id, last_id, limit)


def first_revision_after(db: Connection, chat_session_id: int, last_id: int) -> int:
    """The lowest revision among the messages with a higher id, of which there is at least one.

    What was never edited has revisions in the order of ids: beyond the first such message they are higher.
    """
    row = db.conn.execute(
        f"""
        SELECT min(revision) FROM messages WHERE chat_session_id = ?1 AND id > ?2 AND id <= coalesce((
            SELECT id FROM messages WHERE chat_session_id = ?1 AND id > ?2 AND edited_at IS NULL
            ORDER BY id LIMIT 1
        ), {ABOVE_ALL:d})
        """,
        (chat_session_id, last_id),
    ).fetchone()
    return int(row[0])


def newest_id(db: Connection, chat_session_id: int, revision: int) -> int:
    """The newest message that there was at this revision, or 0."""
    row = db.conn.execute(
        """
        SELECT id FROM messages WHERE chat_session_id = ? AND +revision <= ? ORDER BY id DESC LIMIT 1
        """,
        (chat_session_id, revision),
    ).fetchone()
    return 0 if row is None else int(row[0])


def sent_at(db: Connection, chat_session_id: int, message_id: int) -> int | None:
    """When a message of this session was sent; None if there is none."""
    row = db.conn.execute(
        "SELECT created_at FROM messages WHERE id = ? AND chat_session_id = ?", (message_id, chat_session_id)
    ).fetchone()
    return None if row is None else int(row[0])


def newest_at(db: Connection, chat_session_id: int, at: int, known_id: int) -> int:
    """The newest message that there was at this instant, or 0; one that is no newer is known."""
    row = db.conn.execute(
        f"""
        SELECT coalesce(max(id), 0) FROM messages WHERE chat_session_id = ?1 AND id < coalesce((
            SELECT id FROM messages WHERE chat_session_id = ?1 AND id > ?3 AND created_at > ?2
            ORDER BY id LIMIT 1
        ), {ABOVE_ALL:d})
        """,
        (chat_session_id, at, known_id),
    ).fetchone()
    return int(row[0])


def count_since(db: Connection, chat_session_id: int, side: Side, at: int, newest: int) -> int:
    """How many of the newest so many messages are this side's, and later than that."""
    row = db.conn.execute(
        f"""
        SELECT count(*) FROM (
            SELECT sender_type, created_at FROM messages WHERE chat_session_id = ? ORDER BY id DESC
            LIMIT {newest:d}
        ) AS newest WHERE sender_type = ? AND created_at > ?
        """,
        (chat_session_id, side, at),
    ).fetchone()
    return int(row[0])


def by_key(db: Connection, chat_session_id: int, sender_id: int, client_message_id: str) -> SentRow | None:
    """The message that was sent with this idempotency key."""
    row: SentRow | None = db.conn.execute(
        """
        SELECT id, message, edited_at,
            (SELECT digest FROM attachments WHERE id = messages.id) AS digest
        FROM messages
        WHERE chat_session_id = ? AND sender_id = ? AND client_message_id = ?
        """,
        (chat_session_id, sender_id, client_message_id),
    ).fetchone()
    return row


def said(db: Connection, message_id: int) -> SaidRow | None:
    """A message, as it is stored."""
    row: SaidRow | None = db.conn.execute(
        f"SELECT *, {KIND.format('messages.id')} AS attachment FROM messages WHERE id = ?", (message_id,)
    ).fetchone()
    return row


def shown(db: Connection, chat_session_id: int, message_id: int) -> Message:
    """The same of a session, as the wire shows it."""
    return _rows(db, "m.id = ?", chat_session_id, message_id, 1)[0]


def change(db: Connection, message_id: int, message: str, now: int, revision: int) -> None:
    """It says this from now on; nothing is a message that is deleted."""
    db.conn.execute(
        """
        UPDATE messages SET message = ?1, is_deleted = iif(?1 = '', 1, 0), edited_at = ?2, revision = ?3
        WHERE id = ?4
        """,
        (message, now, revision, message_id),
    )


def insert(
    db: Connection,
    chat_session_id: int,
    sender_id: int,
    sender_type: Side,
    message: str,
    client_message_id: str | None,
    now: int,
    revision: int,
) -> int:
    """Store a message; returns its id."""
    cursor = db.conn.execute(
        """
        INSERT INTO messages (chat_session_id, sender_id, sender_type, message, client_message_id,
            created_at, revision) VALUES (?, ?, ?, ?, ?, ?, ?)
        RETURNING id
        """,
        (chat_session_id, sender_id, sender_type, message, client_message_id, now, revision),
    )
    return int(cursor.fetchone()[0])


def _rows(db: Connection, where: str, chat_session_id: int, position: int, limit: int) -> list[Message]:
    # The limit is written out: SQLite compiles a statement with `LIMIT ?` anew at each execution, in case
    # the value changes its plan, and that takes three times as long as running it.
    sql = f"{_SELECT} AND {where} LIMIT {limit:d}"
    # Dicts: they are encoded as JSON.
    rows: list[Any] = [dict(row) for row in db.conn.execute(sql, (chat_session_id, position)).fetchall()]
    for row in rows:
        if attachment := row.pop("attachment"):
            row["attachment"] = json.loads(attachment)
    return rows
