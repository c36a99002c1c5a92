"""What is to be sent to others than the people who look: once, and again until it has arrived."""

from chat.database.connection import Connection
from chat.store.rows import OutboxRow


def put(db: Connection, kind: str, target: str, topic: str, payload: str, due_at: int, until_at: int) -> None:
    """To be sent from `due_at` until `until_at`. What waits there for the same topic, it replaces."""
    db.conn.execute(
        """
        INSERT INTO outbox (kind, target, topic, payload, due_at, until_at) VALUES (?, ?, ?, ?, ?, ?)
        ON CONFLICT (kind, target, topic) DO UPDATE SET payload = excluded.payload,
            until_at = excluded.until_at
        """,
        (kind, target, topic, payload, due_at, until_at),
    )


def take_back(db: Connection, kind: str, target: str, topic: str) -> bool:
    """Whether it was there, and had not been tried."""
    cursor = db.conn.execute(
        "DELETE FROM outbox WHERE kind = ? AND target = ? AND topic = ? AND attempts = 0",
        (kind, target, topic),
    )
    return bool(cursor.rowcount)


def is_due(db: Connection, kind: str, now: int) -> bool:
    """Whether anything of the kind is."""
    query = "SELECT 1 FROM outbox WHERE due_at <= ? AND kind = ? LIMIT 1"
    return db.conn.execute(query, (now, kind)).fetchone() is not None


def waiting(db: Connection) -> dict[str, int]:
    """How many of each kind there are, due or not."""
    return dict(db.conn.execute("SELECT kind, count(*) FROM outbox GROUP BY kind").fetchall())


def claim(db: Connection, kind: str, now: int, until: int, limit: int) -> list[OutboxRow]:
    """What is due longest, for one process: it comes again at `until` if nothing is heard of it."""
    return db.conn.execute(
        """
        UPDATE outbox SET attempts = attempts + 1, due_at = ?2
        WHERE id IN (SELECT id FROM outbox WHERE due_at <= ?1 AND kind = ?4 ORDER BY due_at LIMIT ?3)
        RETURNING id, kind, target, payload, until_at, attempts
        """,
        (now, until, limit, kind),
    ).fetchall()


def finish(db: Connection, row: OutboxRow, now: int) -> None:
    """It has gone, or nobody wants it; what has taken its place meanwhile is due."""
    db.conn.execute("DELETE FROM outbox WHERE id = ? AND payload = ?", (row["id"], row["payload"]))
    db.conn.execute("UPDATE outbox SET attempts = 0, due_at = ? WHERE id = ?", (now, row["id"]))


def postpone(db: Connection, outbox_id: int, due_at: int) -> None:
    """It is tried again then."""
    db.conn.execute("UPDATE outbox SET due_at = ? WHERE id = ?", (due_at, outbox_id))


def drop_old(db: Connection, until: int, limit: int) -> int:
    """Forget some that were good until then, and which nobody carries: how many they were."""
    return db.conn.execute(
        f"DELETE FROM outbox WHERE id IN (SELECT id FROM outbox WHERE until_at <= ? LIMIT {limit:d})",
        (until,),
    ).rowcount
