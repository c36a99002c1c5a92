"""Attempts to sign in that failed lately: a row for each key, until it is forgotten."""

from collections.abc import Mapping

from chat.database.connection import Connection


def full_at(db: Connection, key: bytes, now: int) -> int:
    """When all that the key has used of its minute has come back: `now` if it has."""
    row = db.conn.execute("SELECT full_at FROM attempts WHERE key = ?", (key,)).fetchone()
    return max(now, row[0]) if row else now


def add(db: Connection, key: bytes, cost: int, now: int) -> None:
    """It has used `cost` more (ms)."""
    db.conn.execute(
        """
        INSERT INTO attempts (key, full_at) VALUES (?1, CAST(?3 AS INTEGER) + ?2)
        ON CONFLICT (key) DO UPDATE SET full_at = max(attempts.full_at, ?3) + ?2
        """,
        (key, cost, now),
    )


def give_back(db: Connection, costs: Mapping[bytes, int]) -> None:
    """They have used so much less."""
    db.conn.executemany(
        "UPDATE attempts SET full_at = full_at - ? WHERE key = ?",
        [(cost, key) for key, cost in costs.items()],
    )


def forget(db: Connection, now: int) -> None:
    """Those that are full again say nothing."""
    db.conn.execute("DELETE FROM attempts WHERE full_at <= ?", (now,))
