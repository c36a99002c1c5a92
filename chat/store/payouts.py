"""What agents were paid: rows that are only added, and are in the books."""

from chat.database.connection import Connection
from chat.store import books
from chat.store.rows import PayoutRow


def insert(
    db: Connection,
    agent_id: int,
    kind: str,
    amount_cents: int,
    actor_id: int | None,
    reason: str,
    key: str | None,
    now: int,
) -> PayoutRow:
    """The new row; what was taken back is below zero."""
    row: PayoutRow = db.conn.execute(
        """
        INSERT INTO payouts (agent_id, kind, amount_cents, currency, actor_id, reason, key, created_at)
        VALUES (?, ?, ?, (SELECT currency FROM server), ?, ?, ?, ?) RETURNING *
        """,
        (agent_id, kind, amount_cents, actor_id, reason, key, now),
    ).fetchone()
    books.seal(db, "payout", row["id"])
    return row


def by_key(db: Connection, actor_id: int | None, key: str) -> PayoutRow | None:
    """What this actor (None: the console) did with the key."""
    row: PayoutRow | None = db.conn.execute(
        "SELECT * FROM payouts WHERE coalesce(actor_id, 0) = coalesce(?, 0) AND key = ?", (actor_id, key)
    ).fetchone()
    return row


def of_agent(db: Connection, agent_id: int) -> list[PayoutRow]:
    """All of an agent's, in order."""
    return db.conn.execute("SELECT * FROM payouts WHERE agent_id = ? ORDER BY id", (agent_id,)).fetchall()


def currencies(db: Connection) -> list[str]:
    """The database's, and those that it had before."""
    return [
        row[0]
        for row in db.conn.execute(
            """
            SELECT currency FROM server UNION ALL SELECT DISTINCT currency FROM chat_sessions
            WHERE currency <> (SELECT currency FROM server)
            """
        )
    ]
