"""What webhooks are sent: queued once, in order, and kept for a while."""

from chat.database.connection import Connection
from chat.store.rows import DeliveryRow

# A session is created before its first message, resumed before the message that did it, and has ended before
# its receipt: they may be of one revision.
_NEWS = f"""
    SELECT type, subject_id, at, data, revision, id AS place FROM happenings WHERE revision <= :bound
        AND type NOT LIKE 'receipt.%'
    UNION ALL
    SELECT 'message.created', id, created_at, '{{}}', revision, {1 << 61:d} FROM messages
    WHERE id > (SELECT hooked_message_id FROM server) AND id <= :upto
    UNION ALL
    SELECT type, subject_id, at, data, revision, {1 << 62:d} + id FROM happenings WHERE revision <= :bound
        AND type LIKE 'receipt.%'
"""


def are_news(db: Connection) -> bool:
    """Whether anything happened that a webhook may want, and that is not queued."""
    row = db.conn.execute(
        """
        SELECT EXISTS (SELECT 1 FROM webhooks WHERE off_at IS NULL) AND (
            EXISTS (SELECT 1 FROM happenings)
            OR (SELECT max(id) FROM messages) > (SELECT hooked_message_id FROM server)
        )
        """
    ).fetchone()
    return bool(row[0])


def queue(db: Connection, most: int, until_at: int) -> None:
    """For each webhook that is on what it wants of what is new, in the order of revisions: with so many
    messages at most."""
    last = db.conn.execute(
        f"""
        SELECT id, revision FROM messages WHERE id > (SELECT hooked_message_id FROM server)
        ORDER BY id LIMIT 1 OFFSET {most - 1:d}
        """
    ).fetchone()
    upto, bound = (
        last
        or db.conn.execute(
            "SELECT (SELECT coalesce(max(id), 0) FROM messages), head FROM revision"
        ).fetchone()
    )
    db.conn.execute(
        f"""
        INSERT INTO deliveries (webhook_id, key, type, subject_id, at, data, until_at)
        SELECT w.id, 'msg_' || lower(hex(randomblob(16))), n.type, subject_id, at, data, :until_at
        FROM ({_NEWS}) n JOIN webhooks w ON w.off_at IS NULL AND n.revision > w.since_revision
            AND instr(' ' || w.events || ' ', ' ' || n.type || ' ') > 0
        ORDER BY n.revision, n.place, w.id
        """,
        {"upto": upto, "bound": bound, "until_at": until_at},
    )
    db.conn.execute("DELETE FROM happenings WHERE revision <= ?", (bound,))
    db.conn.execute("UPDATE server SET hooked_message_id = ?", (upto,))


def put(db: Connection, webhook_id: int, kind: str, now: int, until_at: int) -> None:
    """Something for one webhook, about nothing that happened."""
    db.conn.execute(
        """
        INSERT INTO deliveries (webhook_id, key, type, subject_id, at, data, until_at)
        VALUES (?, 'msg_' || lower(hex(randomblob(16))), ?, 0, ?, '{}', ?)
        """,
        (webhook_id, kind, now, until_at),
    )


def first(db: Connection, webhook_id: int) -> DeliveryRow | None:
    """What is to be sent next."""
    row: DeliveryRow | None = db.conn.execute(
        "SELECT * FROM deliveries WHERE webhook_id = ? AND done_at IS NULL ORDER BY id LIMIT 1", (webhook_id,)
    ).fetchone()
    return row


def note(db: Connection, delivery_id: int, now: int, status: int | None, problem: str, is_done: bool) -> None:
    """How an attempt went, of what has not arrived otherwise."""
    db.conn.execute(
        """
        UPDATE deliveries SET attempts = attempts + 1, tried_at = ?2, status = ?3, problem = ?4,
            done_at = iif(?5 = 1, ?2, NULL)
        WHERE id = ?1 AND done_at IS NULL
        """,
        (delivery_id, now, status, problem, is_done),
    )


def give_up(db: Connection, webhook_id: int, now: int) -> None:
    """What has waited for too long."""
    db.conn.execute(
        """
        UPDATE deliveries SET done_at = ?2, problem = iif(problem = '', 'too_old', problem)
        WHERE webhook_id = ?1 AND done_at IS NULL AND until_at < ?2
        """,
        (webhook_id, now),
    )


def repeat(db: Connection, webhook_id: int, delivery_id: int, until_at: int) -> bool:
    """Whether there is such a one: it is to be sent, again if it was."""
    cursor = db.conn.execute(
        """
        UPDATE deliveries SET done_at = NULL, attempts = 0, problem = '', status = NULL, until_at = ?
        WHERE id = ? AND webhook_id = ?
        """,
        (until_at, delivery_id, webhook_id),
    )
    return bool(cursor.rowcount)


def listed(db: Connection, webhook_id: int, before_id: int, limit: int) -> list[DeliveryRow]:
    """The newest with lower ids."""
    return db.conn.execute(
        f"""
        SELECT * FROM deliveries WHERE webhook_id = ? AND id < ? ORDER BY id DESC LIMIT {limit:d}
        """,
        (webhook_id, before_id),
    ).fetchall()


def old(db: Connection, done_at: int, limit: int) -> list[int]:
    """The ids of some that were done by then."""
    rows = db.conn.execute(
        f"SELECT id FROM deliveries WHERE done_at <= ? ORDER BY done_at, id LIMIT {limit:d}", (done_at,)
    ).fetchall()
    return [row[0] for row in rows]


def delete(db: Connection, delivery_ids: list[int]) -> None:
    """For good."""
    db.conn.executemany("DELETE FROM deliveries WHERE id = ?", [(each,) for each in delivery_ids])
