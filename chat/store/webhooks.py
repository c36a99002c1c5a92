"""Webhooks: where events are sent, and how that goes."""

from collections.abc import Mapping

from chat.database.connection import Connection
from chat.store import columns, revision
from chat.store.rows import WebhookRow

_SELECT = """
    SELECT w.*, (SELECT count(*) FROM deliveries WHERE webhook_id = w.id AND done_at IS NULL) AS waiting
    FROM webhooks w
"""
_DUE = """
    off_at IS NULL AND due_at <= :now AND claimed_until <= :now
    AND EXISTS (SELECT 1 FROM deliveries WHERE webhook_id = webhooks.id AND done_at IS NULL)
"""


def listed(db: Connection) -> list[WebhookRow]:
    """All, in the order in which they were added."""
    return db.conn.execute(f"{_SELECT} ORDER BY id").fetchall()


def by_id(db: Connection, webhook_id: int) -> WebhookRow | None:
    """One."""
    row: WebhookRow | None = db.conn.execute(f"{_SELECT} WHERE id = ?", (webhook_id,)).fetchone()
    return row


def on(db: Connection, webhook_id: int) -> WebhookRow | None:
    """The same, if it is on; how much waits is not counted, for this is asked for each delivery."""
    row: WebhookRow | None = db.conn.execute(
        "SELECT *, 0 AS waiting FROM webhooks WHERE id = ? AND off_at IS NULL", (webhook_id,)
    ).fetchone()
    return row


def insert(
    db: Connection, label: str, url: str, events: str, has_words: bool, secret: bytes, now: int
) -> int:
    """The id of a new one, which is told what happens from now on."""
    since = _begin(db)
    cursor = db.conn.execute(
        """
        INSERT INTO webhooks (label, url, events, has_words, secret, created_at, since_revision)
        VALUES (?, ?, ?, ?, ?, ?, ?)
        RETURNING id
        """,
        (label, url, events, has_words, secret, now, since),
    )
    return int(cursor.fetchone()[0])


def update(db: Connection, webhook_id: int, changed: Mapping[str, object]) -> None:
    """Store what is another."""
    columns.update(db, "webhooks", webhook_id, changed)


def turn_on(db: Connection, webhook_id: int) -> None:
    """It is told what happens from now on, and what waits, at once."""
    since = _begin(db)
    db.conn.execute(
        """
        UPDATE webhooks SET off_at = NULL, failing_since = NULL, problem = '', status = NULL, due_at = 0,
            since_revision = ?
        WHERE id = ?
        """,
        (since, webhook_id),
    )


def delete(db: Connection, webhook_id: int) -> None:
    """With all its deliveries."""
    db.conn.execute("DELETE FROM webhooks WHERE id = ?", (webhook_id,))


def are_due(db: Connection, now: int) -> bool:
    """Whether any has something to be sent now."""
    row = db.conn.execute(f"SELECT EXISTS (SELECT 1 FROM webhooks WHERE {_DUE})", {"now": now}).fetchone()
    return bool(row[0])


def claim(db: Connection, now: int, until: int) -> list[int]:
    """The ids of those, for one process, until then or until it says more."""
    rows = db.conn.execute(
        f"UPDATE webhooks SET claimed_until = :until WHERE {_DUE} RETURNING id", {"now": now, "until": until}
    ).fetchall()
    return [row[0] for row in rows]


def _begin(db: Connection) -> int:
    """The revision after which all is told; of what was written while none was on, nothing is."""
    db.conn.execute(
        """
        UPDATE server SET hooked_message_id = (SELECT coalesce(max(id), 0) FROM messages)
        WHERE NOT EXISTS (SELECT 1 FROM webhooks WHERE off_at IS NULL)
        """
    )
    # An entry of the books has no revision of its own, but that of the last change.
    return revision.advance(db) - 1
