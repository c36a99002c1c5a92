"""The billing intervals of chat sessions."""

import json
from collections.abc import Sequence

from chat.database.connection import Connection
from chat.store.rows import IntervalReason, IntervalRow


def switch(
    db: Connection,
    chat_session_id: int,
    at: int,
    reason: IntervalReason | None,
    agent_id: int,
    rate_cents: int,
    message_id: int | None,
    share_percent: int,
) -> None:
    """Close the open interval, and open the next one unless `reason` is None.

    The agent's share stays that of an earlier interval of theirs; else it is their own, or the one given.
    """
    db.conn.execute(
        """
        UPDATE billing_intervals SET ended_at = :at,
            last_message_id = (
                SELECT max(id) FROM messages WHERE chat_session_id = :id AND created_at <= :at
                    AND id >= coalesce(first_message_id, 0)
            )
        WHERE chat_session_id = :id AND ended_at IS NULL
        """,
        {"at": at, "id": chat_session_id},
    )
    if reason is not None:
        db.conn.execute(
            """
            INSERT INTO billing_intervals
                (chat_session_id, agent_id, rate_cents, reason, started_at, first_message_id, share_percent)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, coalesce(
                (
                    SELECT share_percent FROM billing_intervals
                    WHERE chat_session_id = ?1 AND agent_id = ?2 ORDER BY id LIMIT 1
                ),
                (SELECT share_percent FROM users WHERE id = ?2),
                ?7
            ))
            """,
            (chat_session_id, agent_id, rate_cents, reason, at, message_id, share_percent),
        )


def cut(
    db: Connection,
    chat_session_id: int,
    at: int,
    reason: IntervalReason,
    replaced: Sequence[IntervalReason],
) -> None:
    """What is after `at` of intervals with a `replaced` reason gets this one; the open one begins later."""
    values = {"id": chat_session_id, "at": at, "reason": reason, "replaced": json.dumps(replaced)}
    which = "chat_session_id = :id AND reason IN (SELECT value FROM json_each(:replaced))"
    db.conn.execute(
        f"UPDATE billing_intervals SET reason = :reason WHERE {which} AND started_at >= :at "
        "AND coalesce(ended_at, :at + 1) > :at",
        values,
    )
    db.conn.execute(
        f"""
        INSERT INTO billing_intervals
            (chat_session_id, agent_id, rate_cents, share_percent, reason, started_at, ended_at,
                last_message_id)
        SELECT chat_session_id, agent_id, rate_cents, share_percent, :reason, :at, ended_at, last_message_id
        FROM billing_intervals WHERE {which} AND started_at < :at AND ended_at > :at
        """,
        values,
    )
    db.conn.execute(
        f"""
        UPDATE billing_intervals SET ended_at = :at,
            last_message_id = (
                SELECT max(id) FROM messages WHERE chat_session_id = :id AND created_at <= :at
                    AND id >= coalesce(first_message_id, 0)
            )
        WHERE {which} AND started_at < :at AND ended_at > :at
        """,
        values,
    )


def of_session(db: Connection, chat_session_id: int) -> list[IntervalRow]:
    """A session's intervals, in order, with the agents' names."""
    return db.conn.execute(
        """
        SELECT i.*, users.name AS agent_name FROM billing_intervals i JOIN users ON users.id = i.agent_id
        WHERE chat_session_id = ? ORDER BY started_at, ended_at IS NULL, ended_at, i.id
        """,
        (chat_session_id,),
    ).fetchall()
