"""What happened in a period, counted by quarters of an hour: on one of them every zone's day begins."""

import json
from collections.abc import Iterable
from typing import Any

from chat.database.connection import Connection
from chat.store.rows import ShareRow

QUARTER_MS = 900_000

Counts = list[tuple[int, ...]]


def messages(db: Connection, since: int, until: int) -> Counts:
    """How many were sent: (quarter, count).

    No index has their time. They are found through their sessions: in one that had ended before, there is
    none to be found.
    """
    return _counts(
        db,
        f"""
        WITH talks AS (
            SELECT id FROM chat_sessions WHERE status = 'ended' AND ended_at >= :since
            UNION ALL SELECT id FROM chat_sessions WHERE status <> 'ended'
        )
        SELECT created_at / {QUARTER_MS}, count(*)
        FROM talks CROSS JOIN messages ON chat_session_id = talks.id
        WHERE created_at >= :since AND created_at < :until GROUP BY 1 ORDER BY 1
        """,
        since=since,
        until=until,
    )


def ended(db: Connection, since: int, until: int) -> tuple[int, ...]:
    """How many sessions ended, and what those in the database's currency cost together: (count, cents)."""
    (row,) = _counts(
        db,
        """
        SELECT count(*), coalesce(
            sum(total_cents) FILTER (WHERE currency = (SELECT currency FROM server)), 0
        ) FROM chat_sessions
        WHERE status = 'ended' AND ended_at >= :since AND ended_at < :until
        """,
        since=since,
        until=until,
    )
    return row


def earned(
    db: Connection, since: int, until: int, currency: str, agent_id: int | None, client_id: int | None = None
) -> Counts:
    """What agents (or one) earned with sessions that nobody transferred, by when they ended.

    (agent_id, quarter, sessions, minutes, cents, share in cents: rounded half up, once for each session); a
    request that nobody accepted is no session.
    """
    return _counts(
        db,
        f"""
        SELECT agent_id, ended_at / {QUARTER_MS}, count(accepted_at),
            sum((billed_seconds + 59) / 60), sum(total_cents),
            sum((total_cents * coalesce((
                SELECT share_percent FROM billing_intervals WHERE chat_session_id = s.id LIMIT 1
            ), 0) + 50) / 100)
        FROM chat_sessions s
        WHERE status = 'ended' AND segment = 0 AND ended_at >= :since AND ended_at < :until
            AND currency = :currency {_of(client_id)}
            AND agent_id {"IS NOT NULL" if agent_id is None else "= :agent_id"}
        GROUP BY 1, 2 ORDER BY 1, 2
        """,
        since=since,
        until=until,
        currency=currency,
        agent_id=agent_id,
        client_id=client_id,
    )


def credited(
    db: Connection, since: int, until: int, currency: str, agent_id: int | None, client_id: int | None = None
) -> Counts:
    """What was given back of what agents (or one) had earned: (agent_id, quarter, cents, share of them)."""
    return _counts(
        db,
        f"""
        SELECT CAST(part.value ->> 'agent_id' AS INTEGER) AS bearer, issued_at / {QUARTER_MS},
            sum(CAST(part.value ->> 'cents' AS INTEGER)), sum(CAST(part.value ->> 'share' AS INTEGER))
        FROM books, json_each(content, '$.shares') AS part
        WHERE kind = 'credit' AND issued_at >= :since AND issued_at < :until
            AND content ->> 'currency' = :currency {_of(client_id, "chat_session_id")}
            AND CAST(part.value ->> 'agent_id' AS INTEGER)
                {"IS NOT NULL" if agent_id is None else "= :agent_id"}
        GROUP BY 1, 2 ORDER BY 1, 2
        """,
        since=since,
        until=until,
        currency=currency,
        agent_id=agent_id,
        client_id=client_id,
    )


def transferred(
    db: Connection,
    since: int,
    until: int,
    currency: str,
    agent_id: int | None,
    client_id: int | None = None,
) -> list[ShareRow]:
    """The billed intervals, in order, of the transferred sessions that ended (or those that an agent was in).

    A session without any has one of 0 ms, with the agent that it ended with.
    """
    whose = """
        AND (s.agent_id = :agent_id OR EXISTS (
            SELECT 1 FROM billing_intervals WHERE chat_session_id = s.id AND agent_id = :agent_id
        ))
    """
    return _rows(
        db,
        f"""
        SELECT s.id, s.agent_id AS last_agent_id, s.ended_at / {QUARTER_MS} AS quarter, s.free_seconds,
            s.first_increment_seconds, s.next_increment_seconds, s.minimum_cents,
            coalesce(i.agent_id, s.agent_id) AS agent_id, coalesce(i.rate_cents, 0) AS rate_cents,
            coalesce(i.share_percent, 0) AS share_percent,
            coalesce(i.ended_at - i.started_at, 0) AS ms
        FROM chat_sessions s
        LEFT JOIN billing_intervals i ON i.chat_session_id = s.id AND i.reason = 'active'
        WHERE s.status = 'ended' AND s.segment > 0 AND s.ended_at >= :since AND s.ended_at < :until
            AND s.currency = :currency {_of(client_id, "s.id")}
            {"" if agent_id is None else whose}
        ORDER BY s.id, i.id
        """,
        since=since,
        until=until,
        currency=currency,
        agent_id=agent_id,
        client_id=client_id,
    )


def ratings(db: Connection, since: int, until: int) -> Counts:
    """How the sessions that ended were rated: (agent_id, rating, count)."""
    return _counts(
        db,
        """
        SELECT agent_id, rating, count(*) FROM chat_sessions
        WHERE status = 'ended' AND ended_at >= :since AND ended_at < :until AND rating IS NOT NULL
        GROUP BY 1, 2 ORDER BY 1, 2
        """,
        since=since,
        until=until,
    )


def names(db: Connection, user_ids: Iterable[int]) -> dict[int, str]:
    """Their names, by id."""
    rows = _rows(
        db,
        "SELECT id, name FROM users WHERE id IN (SELECT CAST(value AS INTEGER) FROM json_each(:ids))",
        ids=json.dumps([*user_ids]),
    )
    return {row["id"]: row["name"] for row in rows}


def _of(client_id: int | None, id: str = "s.id") -> str:
    """SQL: and of this client's that have ended, if it is to be."""
    own = "SELECT id FROM chat_sessions WHERE client_id = :client_id AND status = 'ended'"
    return "" if client_id is None else f"AND {id} IN ({own})"


def _counts(db: Connection, sql: str, **values: int | str | None) -> Counts:
    return list(map(tuple, db.conn.execute(sql, values).fetchall()))


def _rows(db: Connection, sql: str, **values: int | str | None) -> list[Any]:
    return db.conn.execute(sql, values).fetchall()
